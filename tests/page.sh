#!/usr/bin/env bash
# Opens the daemon's page in headless Chromium, on a desk and on a phone, while a pass runs and after somebody changed
# something by hand whose name tries to be markup. Nothing may be said on the console, and text has to stay text.
set -euo pipefail
cd "$(dirname "$0")/.."

if ! command -v chromium >/dev/null; then
  apt-get update -qq && apt-get install -y -qq --no-install-recommends chromium >/dev/null
fi
program="$(realpath "${1:-${CARGO_TARGET_DIR:-target}/debug/flespi-gitops}")"
pictures="${2:-}"
work="$(mktemp -d)"
trap 'kill $(jobs -p) 2>/dev/null || true; rm -rf "$work"' EXIT

mkdir "$work/manifests"
: >"$work/log"
cat >"$work/manifests/all.yaml" <<'YAML'
apiVersion: flespi-gitops/v1
kind: Limit
metadata: {name: starter}
spec: {description: As declared, devices_count: 10, lifecycle: {drift: report}}
---
apiVersion: flespi-gitops/v1
kind: Subaccount
metadata: {name: acme}
spec: {limit: starter}
---
apiVersion: flespi-gitops/v1
kind: Token
metadata: {name: reports, account: acme}
spec: {ttl: 30d, access: standard}
YAML
"$program" sandbox --listen 127.0.0.1:0 --latency 800ms >"$work/sandbox" 2>/dev/null &
sandbox=$!
until grep -q listening "$work/sandbox" 2>/dev/null; do sleep 0.1; done
url="$(sed 's/.*"listening":"\([^"]*\)".*/\1/' "$work/sandbox")"
FLESPI_TOKEN="$(sed 's/.*"token":"\([^"]*\)".*/\1/' "$work/sandbox")"
export FLESPI_TOKEN
"$program" watch "$work/manifests" --platform "$url" --state-dir "$work/state" --interval 1h \
  --listen 127.0.0.1:0 >/dev/null 2>"$work/log" &
until grep -q '^the page is at' "$work/log"; do sleep 0.1; done
page="$(sed -n 's|^the page is at \(http://.*\)/$|\1|p' "$work/log")"

# look NAME WIDTH,HEIGHT: what is on the page after a few seconds.
look() {
  local picture=()
  if [ -n "$pictures" ]; then picture=(--screenshot="$(realpath "$pictures")/$1.png"); fi
  timeout 120 chromium --headless --no-sandbox --disable-gpu --hide-scrollbars --enable-logging=stderr \
    --user-data-dir="$work/profile" --virtual-time-budget=3000 --window-size="$2" --dump-dom "${picture[@]}" \
    "$page/" >"$work/$1.html" 2>"$work/$1.log"
  if grep CONSOLE "$work/$1.log"; then echo "the console of $1 is not empty"; exit 1; fi
  grep -q 'class="live on"' "$work/$1.html"
}

look passing-desk 1300,900
grep -q 'Starting\|under way' "$work/passing-desk.html"
look passing-phone 390,844
until curl -sf -o /dev/null "$page/readyz"; do sleep 0.2; done

as_root=(-s -H "authorization: FlespiToken $FLESPI_TOKEN")
id="$(curl "${as_root[@]}" "$url/platform/limits/all?fields=id" | sed 's/.*"id":\([0-9]*\).*/\1/')"
curl "${as_root[@]}" -X PUT -o /dev/null "$url/platform/limits/$id" \
  -d '{"description": "</script><img src=x onerror=alert(1)>\"&amp;"}'
curl -s -o /dev/null -X POST -H 'x-flespi-gitops: wake' "$page/wake"
until curl -s "$page/status" | grep -q '"state":"drifted"'; do sleep 0.2; done
for size in desk:1300,900 phone:390,844; do
  look "drift-${size%%:*}" "${size#*:}"
  dom="$work/drift-${size%%:*}.html"
  # As text, and neither as an image nor read once more.
  grep -qF '&lt;/script&gt;&lt;img src=x onerror=alert(1)&gt;"&amp;amp;' "$dom"
  if grep -q '<img' "$dom"; then echo "a name became markup"; exit 1; fi
  grep -q 'acme' "$dom"
done

# What is paused is told, and what is old is not shown as if it were of now.
"$program" pause --scope subaccount/acme --for 2h --reason '<b>ACME</b> moves' --platform "$url" \
  --state-dir "$work/state" >/dev/null
kill "$sandbox"
curl -s -o /dev/null -X POST -H 'x-flespi-gitops: wake' "$page/wake"
until curl -s "$page/status" | grep -q '"state":"platform_away"'; do sleep 0.2; done
for size in desk:1300,900 phone:390,844; do
  look "away-${size%%:*}" "${size#*:}"
  dom="$work/away-${size%%:*}.html"
  grep -q 'What is shown is as it was' "$dom"
  grep -qE 'id="tree-list" class="[^"]*stale' "$dom"
  grep -qF '&lt;b&gt;ACME&lt;/b&gt; moves' "$dom"
done
echo "the page is quiet and shows names as text, on a desk and on a phone"
