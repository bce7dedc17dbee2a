//! The findings as SARIF 2.1.0 (OASIS), for code hosts, which show them at the lines of a pull request.
//!
//! Columns count characters (`unicodeCodePoints`), as everywhere else. Of each code that occurs there is a rule with its
//! page; results name it by index. A suggested edit is a fix. Paths that are relative stay so, below `%SRCROOT%`.

use std::collections::BTreeSet;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Map, Value, json};

use super::json_text;
use crate::diagnostic::{Code, Diagnostic, Edit, Severity};
use crate::source::{SourceMap, Span};

/// The findings as a SARIF log, ending in a line break.
#[must_use]
pub fn sarif(sources: &SourceMap, diagnostics: &[Diagnostic]) -> String {
    let codes: Vec<Code> =
        diagnostics.iter().map(|item| item.code).collect::<BTreeSet<_>>().into_iter().collect();
    let rules: Vec<Value> = codes.iter().map(|code| rule(*code)).collect();
    let results: Vec<Value> =
        diagnostics.iter().map(|item| result(sources, item, &codes)).collect();
    let log = json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": {"driver": {
                "name": env!("CARGO_PKG_NAME"),
                "semanticVersion": env!("CARGO_PKG_VERSION"),
                "rules": rules,
            }},
            "columnKind": "unicodeCodePoints",
            "originalUriBaseIds": {"SRCROOT": {"description": {"text": "The folder in which validate ran."}}},
            "results": results,
        }],
    });
    json_text(&log)
}

fn rule(code: Code) -> Value {
    json!({
        "id": code.as_str(),
        "shortDescription": {"text": code.sentence()},
        "help": {"text": code.page(), "markdown": code.page()},
    })
}

fn result(sources: &SourceMap, item: &Diagnostic, codes: &[Code]) -> Value {
    let text = match item.help.is_empty() {
        true => item.message.clone(),
        false => format!("{}\n{}", item.message, item.help.join("\n")),
    };
    let mut result = Map::new();
    result.insert("ruleId".to_owned(), json!(item.code.as_str()));
    let index = codes.iter().position(|code| *code == item.code);
    result.insert("ruleIndex".to_owned(), json!(index));
    let level = match item.severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Note => "note",
    };
    result.insert("level".to_owned(), json!(level));
    result.insert("message".to_owned(), json!({ "text": text }));
    let place = match (&item.primary, &item.file) {
        (Some(label), _) => Some(location(sources, label.span)),
        (None, Some(file)) => Some(json!({"artifactLocation": artifact(file)})),
        (None, None) => None,
    };
    let locations: Vec<Value> =
        place.into_iter().map(|place| json!({ "physicalLocation": place })).collect();
    result.insert("locations".to_owned(), Value::Array(locations));
    let related: Vec<Value> = item
        .secondary
        .iter()
        .enumerate()
        .map(|(id, label)| {
            json!({
                "id": id,
                "physicalLocation": location(sources, label.span),
                "message": {"text": label.text},
            })
        })
        .collect();
    if !related.is_empty() {
        result.insert("relatedLocations".to_owned(), Value::Array(related));
    }
    if let Some(edit) = &item.suggestion {
        result.insert("fixes".to_owned(), json!([fix(sources, edit)]));
    }
    Value::Object(result)
}

fn fix(sources: &SourceMap, edit: &Edit) -> Value {
    json!({
        "artifactChanges": [{
            "artifactLocation": artifact(sources.name(edit.span.source)),
            "replacements": [{
                "deletedRegion": region(sources, edit.span),
                "insertedContent": {"text": edit.replacement},
            }],
        }],
    })
}

fn location(sources: &SourceMap, span: Span) -> Value {
    json!({
        "artifactLocation": artifact(sources.name(span.source)),
        "region": region(sources, span),
    })
}

fn region(sources: &SourceMap, span: Span) -> Value {
    let (start, end) = sources.position(span);
    json!({
        "startLine": start.line,
        "startColumn": start.column,
        "endLine": end.line,
        "endColumn": end.column,
    })
}

/// What is spelt in percent in a path: all but what RFC 3986 calls unreserved, and the slashes.
const NOT_PLAIN: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b'/');

/// A path as a URI.
fn artifact(path: &str) -> Value {
    let uri = utf8_percent_encode(path, NOT_PLAIN).to_string();
    if path.starts_with('/') {
        return json!({"uri": format!("file://{uri}")});
    }
    json!({"uri": uri, "uriBaseId": "SRCROOT"})
}
