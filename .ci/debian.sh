#!/usr/bin/env bash
# Makes a Debian package of an unpacked archive:
#
#   .ci/debian.sh UNPACKED OUT     OUT/flespi-gitops_VERSION_ARCHITECTURE.deb
#
# The program is static and needs no package. Tools that make packages from Cargo.toml would build it once more.
set -euo pipefail
unpacked=$(realpath "$1") out=$(realpath "$2")
version=$("$unpacked/flespi-gitops" --version | cut -d' ' -f2)
architecture=$(dpkg --print-architecture)
temp=$(mktemp -d)
trap 'rm -rf "$temp"' EXIT
root="$temp/root"

put() { install -D -m "$1" "$2" "$root/$3"; }
put 755 "$unpacked/flespi-gitops" usr/bin/flespi-gitops
put 644 "$unpacked/completions/flespi-gitops.bash" usr/share/bash-completion/completions/flespi-gitops
put 644 "$unpacked/completions/flespi-gitops.zsh" usr/share/zsh/vendor-completions/_flespi-gitops
put 644 "$unpacked/completions/flespi-gitops.fish" usr/share/fish/vendor_completions.d/flespi-gitops.fish
for page in "$unpacked"/man/*.1; do
    put 644 "$page" "usr/share/man/man1/$(basename "$page")"
done
gzip -n9 "$root"/usr/share/man/man1/*.1
for schema in "$unpacked"/schemas/*.json; do
    put 644 "$schema" "usr/share/flespi-gitops/schemas/$(basename "$schema")"
done
documents="usr/share/doc/flespi-gitops"
put 644 "$unpacked/README.md" "$documents/README.md"
put 644 "$unpacked/CHANGELOG.md" "$documents/CHANGELOG.md"
{
    printf 'flespi-gitops (%s) unstable; urgency=medium\n\n  * CHANGELOG.md beside this file says what changed.\n\n' "$version"
    printf ' -- The flespi-gitops authors <flespi-gitops@example.org>  %s\n' "$(date -R -u -d "@${SOURCE_DATE_EPOCH:-0}")"
} >"$temp/changelog"
put 644 "$temp/changelog" "$documents/changelog"
gzip -n9 "$root/$documents/changelog"
{
    printf 'Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/\n\n'
    printf 'Files: *\nCopyright: 2026 The flespi-gitops authors\nLicense: Expat or Apache-2.0\n\nLicense: Expat\n'
    sed -n '/^Permission/,$p' "$unpacked/LICENSE-MIT" | sed 's/^$/./; s/^/ /'
    printf '\nLicense: Apache-2.0\n On Debian systems, the whole text is in /usr/share/common-licenses/Apache-2.0.\n'
} >"$temp/copyright"
put 644 "$temp/copyright" "$documents/copyright"

mkdir "$root/DEBIAN"
cat >"$root/DEBIAN/control" <<CONTROL
Package: flespi-gitops
Version: $version
Architecture: $architecture
Section: admin
Priority: optional
Installed-Size: $(du -sk "$root" | cut -f1)
Maintainer: The flespi-gitops authors <flespi-gitops@example.org>
Description: GitOps for accounts, limits and tokens of flespi
 Declares the subaccounts, limits, tokens and log-ins of an account on the
 flespi telematics platform in YAML, shows what would change, and applies it:
 once, in a pipeline, or as a daemon that heals drift. A sandbox of the
 platform is built in, so it can be tried without an account.
CONTROL
(cd "$root" && find usr -type f -exec md5sum {} + >DEBIAN/md5sums)
find "$root" -type d -exec chmod 755 {} +
dpkg-deb --root-owner-group -Zxz --build "$root" "$out/flespi-gitops_${version}_$architecture.deb"
