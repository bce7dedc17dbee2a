#!/usr/bin/env bash
# Compiles every schema of schemas/ with ajv in its strict mode, as an editor or a pipeline may: an unknown keyword, an
# unknown format or a keyword that does not fit its type is an error there. Tools are installed beside the build.
set -euo pipefail
cd "$(dirname "$0")/.."

tools="${CARGO_TARGET_DIR:-target}/schemas-strict"
mkdir -p "$tools"
if [ ! -d "$tools/node_modules/ajv-formats" ]; then
  npm install --prefix "$tools" --no-save --no-audit --no-fund --loglevel=error ajv@8.20.0 ajv-formats@3.0.1 >/dev/null
fi
NODE_PATH="$(realpath "$tools")/node_modules" node - schemas/*.schema.json <<'JS'
const { readFileSync } = require("node:fs");
const Ajv = require("ajv/dist/2020");
const addFormats = require("ajv-formats");
let failed = false;
for (const file of process.argv.slice(2)) {
  const strict = { strict: true, strictTypes: true, strictRequired: true, strictTuples: true };
  const ajv = addFormats(new Ajv(strict));
  try {
    ajv.compile(JSON.parse(readFileSync(file)));
  } catch (error) {
    console.error(`${file}: ${error.message}`);
    failed = true;
  }
}
if (failed) process.exit(1);
console.log(`${process.argv.length - 2} schemas compile in ajv's strict mode`);
JS
