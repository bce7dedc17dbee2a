#!/usr/bin/env bash
# Puts a program that is built into an archive as it is published:
#
#   .ci/package.sh PROGRAM TARGET OUT     OUT/flespi-gitops-VERSION-TARGET.tar.gz (.zip for Windows), and its .sha256
#
# It is run here to write the completions and the manual pages; where it cannot run, RUNNER names a program that can.
set -euo pipefail
program=$(realpath "$1") target=$2 out=$(realpath -m "$3")
runner=${RUNNER:-$program}
cd "$(dirname "$0")/.."

version=$("$runner" --version | cut -d' ' -f2)
name="flespi-gitops-$version-$target"
temp=$(mktemp -d)
trap 'rm -rf "$temp"' EXIT
root="$temp/$name"
mkdir -p "$root/completions" "$out"
install -m 755 "$program" "$root/"
cp README.md CHANGELOG.md LICENSE-APACHE LICENSE-MIT "$root/"
for shell in bash zsh fish powershell elvish; do
    "$runner" completions "$shell" >"$root/completions/flespi-gitops.$shell"
done
"$runner" man --out "$root/man" 2>/dev/null
"$runner" schema --out "$root/schemas"

cd "$temp"
case "$target" in
*windows*)
    archive="$name.zip"
    python3 -m zipfile -c "$out/$archive" "$name"
    ;;
*)
    archive="$name.tar.gz"
    # The same content is the same archive, whoever makes it and when.
    tar --sort=name --owner=0 --group=0 --numeric-owner --mtime="@${SOURCE_DATE_EPOCH:-0}" -cf - "$name" | gzip -n9 >"$out/$archive"
    ;;
esac
cd "$out"
sha256sum "$archive" >"$archive.sha256"
cat "$archive.sha256"
