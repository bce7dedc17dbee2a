#!/usr/bin/env bash
# What the YAML language server makes of manifests with the published schema: hovers, completions and findings at marked
# places. The server comes from the registry of npm, and is installed beside the build and nowhere else.
set -euo pipefail
cd "$(dirname "$0")/.."

command -v npm >/dev/null || { apt-get update -qq && apt-get install -y -qq npm >/dev/null; }
tools="${CARGO_TARGET_DIR:-target}/editor"
mkdir -p "$tools"
[ -d "$tools/node_modules/yaml-language-server" ] ||
    npm install --silent --no-save --prefix "$tools" yaml-language-server@2.0.0
node tests/editor/ask.cjs "$(realpath "$tools")" tests/editor/*.yaml tests/editor/typing/*.yaml
