#!/usr/bin/env bash
# Third-party clients, unmodified, against the sandbox: they are told https://flespi.io is here, and whom to trust.
#
#   tests/conformance/run.sh [PROGRAM]     PROGRAM: a built flespi-gitops; left out, it is built
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
source "$here/../with-sandbox.sh"
cd "$here"

python3 -m venv "$temp/python"
"$temp/python/bin/pip" install --quiet --disable-pip-version-check --requirement requirements.txt

start_sandbox --tls "$temp/tls"
address=${address#https://}

# The environment is all that is arranged: nothing of the clients is touched, and the walk itself names no address.
status=0
env -i PATH="$PATH" HOME="$temp" PYTHONDONTWRITEBYTECODE=1 \
    PYTHONPATH="$here/names" SANDBOX_ADDRESS="$address" SANDBOX_TOKEN="$token" \
    SSL_CERT_FILE="$temp/tls/ca.pem" REQUESTS_CA_BUNDLE="$temp/tls/ca.pem" \
    "$temp/python/bin/python" "$here/walk.py" || status=$?
if ((status != 0)); then
    cat "$temp/log"
fi
exit "$status"
