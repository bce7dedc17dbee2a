#!/usr/bin/env bash
# Third-party clients, unmodified, against the sandbox: they are told https://flespi.io is here, and whom to trust.
#
#   tests/conformance/run.sh [PROGRAM]     PROGRAM: a built flespi-gitops; left out, it is built
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

"$program" sandbox --tls "$temp/tls" >"$temp/ready" 2>"$temp/log" &
sandbox=$!
for _ in $(seq 300); do
    [[ -s $temp/ready ]] && break
    kill -0 "$sandbox" || { cat "$temp/log"; exit 1; }
    sleep 0.1
done

read -r address token < <(python3 -c '
import json, sys
ready = json.loads(sys.stdin.readline())
print(ready["listening"].removeprefix("https://"), ready["token"])' <"$temp/ready")

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
