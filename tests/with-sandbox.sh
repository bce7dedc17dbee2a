# What scripts have in common that try the program with other people's: they source this with the program as its argument (left
# out, it is built), and are left with `program`, a folder `temp` that goes at their end, and `start_sandbox`.
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
program=${1:+$(realpath "$1")}

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

# Starts a sandbox with these options, waits until it is ready, and sets `address` and `token`.
start_sandbox() {
    "$program" sandbox "$@" >"$temp/ready" 2>"$temp/log" &
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
}
