#!/usr/bin/env bash
# Third-party clients of MQTT, unmodified, on the sandbox's broker: mosquitto_sub and paho, MQTT 3.1.1 and 5, plain and TLS.
#
#   tests/conformance/mqtt.sh [PROGRAM]     PROGRAM: a built flespi-gitops; left out, it is built
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
source "$here/../with-sandbox.sh"
cd "$here"

command -v mosquitto_sub >/dev/null || { apt-get update -qq && apt-get install -y -qq mosquitto-clients; }
python3 -m venv "$temp/python"
"$temp/python/bin/pip" install --quiet --disable-pip-version-check --requirement requirements-mqtt.txt

# One call of the platform.
call() {
    curl --silent --show-error --fail --cacert "$temp/tls/ca.pem" -H "Authorization: FlespiToken $token" \
        -X "$1" "$address$2" ${3:+--data "$3"}
}

# What mosquitto_sub hears of a limit that is created, changed and deleted.
listen() {
    local version=$1
    shift
    mosquitto_sub -V "$version" -h localhost -p "$port" -u "FlespiToken $token" "$@" -q 1 -W 20 -C 3 -F '%t' \
        -t 'flespi/log/platform/limits/+/created,updated,deleted' >"$temp/heard" &
    local client=$!
    # It says nothing when it is subscribed, so it is there when it hears the first of limits that come and go.
    until [[ -s $temp/heard ]]; do
        kill -0 "$client"
        call POST /platform/limits '[{"name":"early"}]' >/dev/null
        sleep 0.2
    done
    call PUT /platform/limits/name=early '{"name":"late"}' >/dev/null
    call DELETE /platform/limits/name=late >/dev/null
    wait "$client"
    cut -d/ -f1-4 "$temp/heard" | sort -u
    rm "$temp/heard"
}

for transport in plain tls; do
    options=(--mqtt-listen 127.0.0.1:0)
    tls=()
    if [[ $transport == tls ]]; then
        tls=(--cafile "$temp/tls/ca.pem")
        options+=(--tls "$temp/tls")
    else
        mkdir -p "$temp/tls" && touch "$temp/tls/ca.pem"
    fi
    rm -f "$temp/ready"
    start_sandbox "${options[@]}"
    port=$(python3 -c 'import json, sys; print(json.load(sys.stdin)["mqtt"].rsplit(":", 1)[1])' <"$temp/ready")
    for version in 311 5; do
        heard=$(listen "$version" "${tls[@]}")
        [[ $heard == flespi/log/platform/limits ]] || { echo "mosquitto_sub $version $transport heard: $heard"; exit 1; }
        echo "  ok    mosquitto_sub, MQTT $version, $transport"
    done
    status=0
    mosquitto_sub -V 5 -h localhost -p "$port" -u wrong "${tls[@]}" -W 5 -t x 2>/dev/null || status=$?
    [[ $status == 134 ]] || { echo "mosquitto_sub with a wrong token ended with $status"; exit 1; }
    echo "  ok    mosquitto_sub, a wrong token, $transport"
    SANDBOX="$address" SANDBOX_TOKEN="$token" MQTT_PORT="$port" MQTT_CA=$([[ $transport == tls ]] && echo "$temp/tls/ca.pem" || true) \
        "$temp/python/bin/python" walk_mqtt.py || { cat "$temp/log"; exit 1; }
    kill "$sandbox" && wait "$sandbox" 2>/dev/null || true
    sandbox=
done
