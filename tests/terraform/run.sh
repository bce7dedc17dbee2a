#!/usr/bin/env bash
# A state that Terraform's own engine made is imported. Its provider is a stand-in (provider.py) for the public one, which
# cannot be built without the Go module proxy.
#
#   tests/terraform/run.sh [PROGRAM]     PROGRAM: a built flespi-gitops; left out, it is built
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
source "$here/../with-sandbox.sh"
cd "$here"

python3 -m venv "$temp/python"
"$temp/python/bin/pip" install --quiet --disable-pip-version-check --requirement requirements.txt

start_sandbox

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
