#!/usr/bin/env bash
# A state that Terraform's own engine made is imported. Its provider is a stand-in (provider.py) for the public one, which
# cannot be built without the Go module proxy.
#
#   tests/terraform/run.sh [PROGRAM]     PROGRAM: a built flespi-gitops; left out, it is built
set -euo pipefail
program=${1:+$(realpath "$1")}
cd "$(dirname "$0")"
here=$PWD
root=$(cd ../.. && pwd)

if [[ -z $program ]]; then
    (cd "$root" && cargo build --quiet --bin flespi-gitops)
    program=${CARGO_TARGET_DIR:-$root/target}/debug/flespi-gitops
fi

temp=$(mktemp -d)
sandbox=
finish() {
    if [[ -n $sandbox ]]; then
        kill "$sandbox" 2>/dev/null || true
        wait "$sandbox" 2>/dev/null || true
    fi
    rm -rf "$temp"
}
trap finish EXIT

python3 -m venv "$temp/python"
"$temp/python/bin/pip" install --quiet --disable-pip-version-check --requirement requirements.txt

"$program" sandbox >"$temp/ready" 2>"$temp/log" &
sandbox=$!
for _ in $(seq 300); do
    [[ -s $temp/ready ]] && break
    kill -0 "$sandbox" || { cat "$temp/log"; exit 1; }
    sleep 0.1
done

read -r address token < <(python3 -c '
import json, sys
ready = json.loads(sys.stdin.readline())
print(ready["listening"], ready["token"])' <"$temp/ready")

mkdir "$temp/bin" "$temp/work"
printf '#!/bin/sh\nexec "%s" "%s" "$@"\n' "$temp/python/bin/python" "$here/provider.py" >"$temp/bin/terraform-provider-flespi"
chmod +x "$temp/bin/terraform-provider-flespi"
printf 'provider_installation {\n  dev_overrides { "mixser/flespi" = "%s" }\n  direct {}\n}\n' "$temp/bin" >"$temp/terraformrc"
cp -r main.tf account "$temp/work"
cd "$temp/work"

env -i PATH="$PATH" HOME="$temp" PYTHONDONTWRITEBYTECODE=1 CHECKPOINT_DISABLE=1 \
    TF_CLI_CONFIG_FILE="$temp/terraformrc" TF_VAR_token="$token" \
    SANDBOX_ADDRESS="$address" PROGRAM="$program" \
    FLESPI_PLATFORM="$address" FLESPI_TOKEN="$token" FLESPI_GITOPS_STATE_DIR="$temp/state" \
    "$temp/python/bin/python" "$here/walk.py"
