// Asks the YAML language server, as it comes from the registry of npm, about a file with marks, and tells where its answer is
// another one.
//
// A mark is a comment below the line that it is about, whose `^` stands below the place:
//
//     #  ^hover TEXT        what is shown there has TEXT
//     #  ^offer WORD...     each WORD is offered there, and none that follows a `!`
//     #  ^wrong TEXT        a finding begins on that line and has TEXT
//
// A line without a mark `wrong` has no finding, except in what somebody is still typing (the folder `typing`).
// The server reads the file without its marks, so an unfinished line is what it
// is for whoever is typing.
const { spawn } = require("child_process");
const { readFileSync } = require("fs");
const { join, resolve } = require("path");
const { pathToFileURL } = require("url");

const [server, ...files] = process.argv.slice(2);
const child = spawn(process.execPath, [join(server, "node_modules/yaml-language-server/bin/yaml-language-server"), "--stdio"]);
const waiting = new Map();
const findings = new Map();
let last = 0;
let buffer = Buffer.alloc(0);

function say(message) {
  const text = Buffer.from(JSON.stringify({ jsonrpc: "2.0", ...message }));
  child.stdin.write(`Content-Length: ${text.length}\r\n\r\n`);
  child.stdin.write(text);
}

function ask(method, params) {
  last += 1;
  say({ id: last, method, params });
  return new Promise((answer) => waiting.set(last, answer));
}

child.stdout.on("data", (data) => {
  buffer = Buffer.concat([buffer, data]);
  for (;;) {
    const head = buffer.indexOf("\r\n\r\n");
    if (head < 0) return;
    const length = Number(/Content-Length: (\d+)/.exec(buffer.subarray(0, head))[1]);
    if (buffer.length < head + 4 + length) return;
    hear(JSON.parse(buffer.subarray(head + 4, head + 4 + length)));
    buffer = buffer.subarray(head + 4 + length);
  }
});

function hear({ id, method, params, result }) {
  if (method === "textDocument/publishDiagnostics") {
    findings.set(params.uri, params.diagnostics);
  } else if (method === "workspace/configuration") {
    const settings = { yaml: { hover: true, completion: true, validate: true, schemaStore: { enable: false } } };
    say({ id, result: params.items.map(({ section }) => settings[section] ?? {}) });
  } else if (method !== undefined && id !== undefined) {
    say({ id, result: null });
  } else if (waiting.has(id)) {
    waiting.get(id)(result);
    waiting.delete(id);
  }
}

// The text without marks, and the marks with the lines that they are about.
function read(text) {
  const lines = [];
  const marks = [];
  for (const line of text.split("\n")) {
    const mark = /^#\s*\^(hover|offer|wrong) (.*)$/.exec(line);
    if (mark) {
      marks.push({ line: lines.length - 1, character: line.indexOf("^"), kind: mark[1], words: mark[2] });
    } else {
      lines.push(line);
    }
  }
  return { text: lines.join("\n"), marks };
}

const pause = (milliseconds) => new Promise((done) => setTimeout(done, milliseconds));

async function check(file) {
  const uri = pathToFileURL(resolve(file)).href;
  const { text, marks } = read(readFileSync(file, "utf8"));
  const at = ({ line, character }) => ({ textDocument: { uri }, position: { line, character } });
  say({ method: "textDocument/didOpen", params: { textDocument: { uri, languageId: "yaml", version: 1, text } } });
  for (let tries = 0; !findings.has(uri) && tries < 300; tries += 1) await pause(100);
  await pause(1000);
  const wrong = [];
  for (const mark of marks) {
    const place = `${file}: line ${mark.line + 1} of the file without marks`;
    if (mark.kind === "hover") {
      const hover = await ask("textDocument/hover", at(mark));
      const shown = hover?.contents?.value ?? "nothing";
      if (!shown.includes(mark.words)) wrong.push(`${place}: hover shows ${JSON.stringify(shown)}, not ${mark.words}`);
    } else if (mark.kind === "offer") {
      const offered = await ask("textDocument/completion", at(mark));
      const labels = (offered?.items ?? offered ?? []).map(({ label }) => label);
      for (const word of mark.words.split(" ")) {
        const isUnwanted = word.startsWith("!");
        if (labels.includes(word.replace(/^!/, "")) === isUnwanted) {
          wrong.push(`${place}: ${word} against what is offered: ${labels.slice(0, 40).join(" ")}`);
        }
      }
    } else {
      const here = (findings.get(uri) ?? []).filter(({ range }) => range.start.line === mark.line);
      if (!here.some(({ message }) => message.includes(mark.words))) {
        wrong.push(`${place}: found ${JSON.stringify(here.map(({ message }) => message))}, not ${mark.words}`);
      }
    }
  }
  if (file.includes("/typing/")) return { marks: marks.length, wrong };
  const expected = new Set(marks.filter(({ kind }) => kind === "wrong").map(({ line }) => line));
  for (const { range, message } of findings.get(uri) ?? []) {
    if (!expected.has(range.start.line)) wrong.push(`${file}: line ${range.start.line + 1}: a finding that no mark expects: ${message}`);
  }
  return { marks: marks.length, wrong };
}

(async () => {
  await ask("initialize", {
    processId: process.pid,
    rootUri: null,
    capabilities: { textDocument: { hover: { contentFormat: ["plaintext"] } }, workspace: { configuration: true } },
  });
  say({ method: "initialized", params: {} });
  let marks = 0;
  const wrong = [];
  for (const file of files) {
    const checked = await check(file);
    marks += checked.marks;
    wrong.push(...checked.wrong);
  }
  for (const line of wrong) console.error(line);
  console.log(`${marks} marked places, ${wrong.length} otherwise than marked`);
  process.exit(wrong.length === 0 ? 0 : 1);
})();
