//! Manifests: loading ends, makes no more values and findings than the size of the input allows, and renders.

use std::path::Path;

use flespi_gitops::diagnostic::render;
use flespi_gitops::manifest::{Options, load_bytes};
use flespi_gitops::reading::yaml;
use flespi_gitops::source::{Limits, SourceMap, Spanned, Value};

use super::{Target, text};

pub const TARGET: Target = Target {
    name: "manifests",
    about: "files of manifests",
    corpus,
    mutate: |corpus, dice| text::mutated(corpus, &WORDS, dice),
    feed: || Box::new(|input, everything| Ok(feed(input, everything)?.findings == 0)),
    short: 400,
    repeat: Some(|input, times| [input, b"\n---\n"].concat().repeat(times)),
};

/// Every YAML file of the cases and the examples.
pub fn corpus() -> Vec<Vec<u8>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folders = ["tests/it/cases/validate", "examples"];
    let files = folders.into_iter().flat_map(|folder| {
        walkdir::WalkDir::new(root.join(folder))
            .sort_by_file_name()
            .into_iter()
            .filter_map(Result::ok)
    });
    let files = files.filter(|file| file.path().extension().is_some_and(|e| e == "yaml"));
    files.filter_map(|file| std::fs::read(file.path()).ok()).collect()
}

/// Pieces of text that mean something to a reader of YAML or of manifests.
const WORDS: [&[u8]; 44] = [
    b"&a ",
    b"*a",
    b"*a,",
    b"<<: ",
    b"${name}",
    b"${",
    b"$${",
    b"\"",
    b"'",
    b"{",
    b"}",
    b"[",
    b"]",
    b"- ",
    b": ",
    b"|\n",
    b">-\n",
    b"\t",
    b"\0",
    b"\xef\xbb\xbf",
    b"\xff",
    b"---\n",
    b"...\n",
    b"!!int ",
    b"!x ",
    b"? ",
    b"# ",
    b"\r\n",
    b"\n",
    b"\n  ",
    b"\n    ",
    b"0o17",
    b"017",
    b"99999999999999999999",
    b".inf",
    b"~",
    b"kind: Template\n",
    b"for_each:\n",
    b"parameters:\n",
    b"preset: trackit\n",
    b"password: ",
    b"account: a/b\n",
    b"\xe2\x80\xa8",
    b"%YAML 1.1\n",
];

/// What an input cost, in things made and not in seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cost {
    /// Values that were read, those that aliases repeat included.
    pub values: usize,
    /// Findings that were made.
    pub findings: usize,
}

/// More findings than this are only counted.
const MOST_FINDINGS: usize = 10_001;

/// Findings that one value can cause: a field that is unknown and one that is missing, a trap, a reference.
const FINDINGS_OF_A_VALUE: usize = 4;

/// Loads an input in every way there is. A panic is the caller's to notice.
pub fn feed(input: &[u8], everything: bool) -> Result<Cost, String> {
    let options = Options { now: 1_767_225_600, expanded: everything, ..Options::default() };
    let load = load_bytes([("fuzz.yaml".to_owned(), input.to_vec())], &options);
    let findings = load.diagnostics.len();
    let short = render::short(&load.sources, load.diagnostics.as_slice());
    if short.lines().count() != findings {
        return Err("a finding is not one line".to_owned());
    }
    for finding in &load.diagnostics {
        let Some(edit) = &finding.suggestion else { continue };
        let text = load.sources.text(edit.span.source);
        if text.get(edit.span.start as usize..edit.span.end as usize).is_none() {
            return Err(format!("an edit does not stand on characters: {edit:?}"));
        }
    }
    if everything {
        let _ = render::human(&load.sources, load.diagnostics.as_slice(), render::Color::On);
        let _ = render::json(&load.sources, load.diagnostics.as_slice());
        let _ = render::sarif(&load.sources, load.diagnostics.as_slice());
    }
    let values = match std::str::from_utf8(input) {
        Ok(text) => values(text),
        Err(_) => 0,
    };
    let limits = Limits::DEFAULT;
    // Each value takes at least one byte or one place between two bytes; only aliases repeat, within their budget.
    if values > 2 * input.len() + limits.alias_nodes + 2 {
        return Err(format!("{values} values from {} bytes", input.len()));
    }
    if findings > MOST_FINDINGS.min(FINDINGS_OF_A_VALUE * (values + input.len()) + 10) {
        return Err(format!("{findings} findings about {values} values"));
    }
    Ok(Cost { values, findings })
}

fn values(text: &str) -> usize {
    let mut sources = SourceMap::new();
    let source = sources.add("fuzz.yaml", text);
    let (documents, _) = yaml::load(source, text, &Limits::DEFAULT);
    documents.iter().map(count).sum()
}

/// The depth of a document is bounded.
fn count(value: &Spanned) -> usize {
    match &value.value {
        Value::Scalar(_) => 1,
        Value::Sequence(items) => 1 + items.iter().map(count).sum::<usize>(),
        Value::Mapping(entries) => {
            1 + entries.iter().map(|entry| 1 + count(&entry.value)).sum::<usize>()
        }
    }
}
