#!/usr/bin/env bash
# Leases across machines on real stores: etcd from the packages of the system is what the ignored tests ask.
#
#   tests/leases/run.sh [FILTER]...
set -euo pipefail
cd "$(dirname "$0")/../.."

install() { apt-get update -qq && apt-get install -y -qq "$@" >/dev/null; }
command -v etcd >/dev/null || install etcd-server

temp=$(mktemp -d)
pids=()
finish() {
    for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null || true; done
    wait
    rm -rf "$temp"
}
trap finish EXIT

port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }

client=$(port)
etcd --data-dir "$temp/etcd" --log-level error \
    --listen-client-urls "http://127.0.0.1:$client" --advertise-client-urls "http://127.0.0.1:$client" \
    --listen-peer-urls "http://127.0.0.1:$(port)" >"$temp/etcd.log" 2>&1 &
pids+=($!)
for _ in $(seq 100); do
    curl --silent --fail "http://127.0.0.1:$client/health" >/dev/null && break
    sleep 0.1
done
export LEASES_ETCD="etcd://127.0.0.1:$client"

cargo test --locked --lib -- --ignored lock:: "$@"
cargo test --locked --test it -- --ignored leases:: "$@"
