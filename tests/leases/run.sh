#!/usr/bin/env bash
# Leases across machines on real stores: etcd and PostgreSQL from the packages of Debian are what the ignored tests ask, and
# two of three replicas are told another time of the day by faketime.
#
#   tests/leases/run.sh [FILTER]...
#   LEASES_ROUNDS=100 tests/leases/run.sh     # rounds of trouble with each store; 8 by default, one takes 14 s
set -euo pipefail
cd "$(dirname "$0")/../.."

install() { apt-get update -qq && apt-get install -y -qq "$@" >/dev/null; }
command -v etcd >/dev/null || install etcd-server
command -v faketime >/dev/null || install faketime
command -v runuser >/dev/null || install util-linux
ls /usr/lib/postgresql/*/bin/postgres >/dev/null 2>&1 || install postgresql
postgres=$(dirname "$(ls /usr/lib/postgresql/*/bin/postgres | tail -n 1)")

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

# PostgreSQL does not run as root.
as_user() { if [[ $(id -u) == 0 ]]; then runuser -u postgres -- "$@"; else "$@"; fi; }
chmod 755 "$temp"
mkdir "$temp/postgres"
if [[ $(id -u) == 0 ]]; then chown postgres "$temp/postgres"; fi
server=$(port)
as_user "$postgres/initdb" --pgdata "$temp/postgres/data" --auth trust --username postgres >/dev/null
as_user "$postgres/pg_ctl" --pgdata "$temp/postgres/data" --log "$temp/postgres/log" --wait \
    --options "-p $server -c listen_addresses=127.0.0.1 -c unix_socket_directories=$temp/postgres" start >/dev/null
stop_postgres() { as_user "$postgres/pg_ctl" --pgdata "$temp/postgres/data" --mode fast stop >/dev/null || true; }
trap 'stop_postgres; finish' EXIT
export LEASES_POSTGRES="postgres://127.0.0.1:$server/postgres?user=postgres"
LEASES_FAKETIME=$(ls /usr/lib/*/faketime/libfaketime.so.1)
export LEASES_FAKETIME

cargo test --locked --features postgres --lib -- --ignored --nocapture lock:: "$@"
cargo test --locked --features postgres --test it -- --ignored --nocapture --test-threads 1 leases:: "$@"
