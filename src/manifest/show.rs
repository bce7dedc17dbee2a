//! The manifests as they come out of templates, overlays, defaults and presets: `validate --show-expanded`.
//!
//! What is printed is a set of manifests like any other, so it can be read, compared and validated again. Comments lead
//! home: one over each manifest, and one behind each value that was written somewhere else than the rest of it.

use std::collections::HashMap;

use super::model::Access;
use super::parse::{AnyManifest, Document};
use super::preset;
use crate::diagnostic::render::printable;
use crate::reading::yaml::core_schema;
use crate::source::value::{Entry, Key, Scalar};
use crate::source::{Meaning, SourceMap, Span, Spanned, Value};

/// All objects, and the settings of the Stack that are left when defaults and overlays have done their work.
pub(super) fn expanded(documents: &[Document], sources: &SourceMap) -> String {
    let mut out = String::new();
    for document in documents {
        let value = match &document.manifest {
            None | Some(AnyManifest::Template(_)) => continue,
            Some(AnyManifest::Stack(_)) => without(&document.value, &["defaults", "overlays"]),
            Some(AnyManifest::Token(manifest)) => match &manifest.spec.access {
                Access::Preset(recipe) => with_access(&document.value, &preset::expand(recipe)),
                _ => document.value.clone(),
            },
            Some(_) => document.value.clone(),
        };
        let whole = document.value.span;
        let instance = document.instance.as_deref();
        let filled = instance.map(|instance| instance.filled.as_slice()).unwrap_or_default();
        let filled = filled.iter().map(|filled| (filled.place, filled.cell)).collect();
        let mut writer = Writer { out: &mut out, sources, whole, filled };
        writer.out.push_str("---\n# from ");
        writer.origin(whole.head());
        if let Some(instance) = instance {
            writer.out.push_str(", with the row at ");
            writer.origin(instance.row.head());
        }
        writer.out.push('\n');
        writer.mapping(value.as_mapping(), 0);
    }
    out
}

/// The document without some fields of its `spec`.
fn without(document: &Spanned, names: &[&str]) -> Spanned {
    change_spec(document, |fields| {
        fields.retain(|field| !names.contains(&field.key.text.as_str()));
    })
}

/// The document with what its preset comes out as in the place of the preset.
fn with_access(document: &Spanned, access: &Access) -> Spanned {
    let json = match access {
        Access::Acl(list) => serde_json::json!({ "acl": list.acl }),
        Access::Named(named) => serde_json::to_value(named).unwrap_or_default(),
        Access::Preset(_) => return document.clone(),
    };
    change_spec(document, |fields| {
        for field in fields.iter_mut().filter(|field| field.key.text == "access") {
            field.value = of_json(&json, field.value.span);
        }
    })
}

fn change_spec(document: &Spanned, change: impl FnOnce(&mut Vec<Entry>)) -> Spanned {
    let mut document = document.clone();
    if let Value::Mapping(entries) = &mut document.value
        && let Some(spec) = entries.iter_mut().find(|entry| entry.key.text == "spec")
        && let Value::Mapping(fields) = &mut spec.value.value
    {
        change(fields);
    }
    document
}

/// The order in which people write the fields of an access list.
const ORDER: [&str; 5] = ["uri", "name", "ids", "methods", "submodules"];

fn of_json(json: &serde_json::Value, span: Span) -> Spanned {
    let scalar = |text: String, meaning: Meaning| {
        Value::Scalar(Scalar { text, plain: meaning != Meaning::Text, meaning })
    };
    let value = match json {
        serde_json::Value::Array(items) => {
            Value::Sequence(items.iter().map(|item| of_json(item, span)).collect())
        }
        serde_json::Value::Object(fields) => {
            let mut fields: Vec<_> = fields.iter().collect();
            fields.sort_by_key(|(name, _)| (ORDER.iter().position(|known| known == name), *name));
            let entry = |(name, value): (&String, _)| Entry {
                key: Key { span, text: name.clone() },
                value: of_json(value, span),
            };
            Value::Mapping(fields.into_iter().map(entry).collect())
        }
        serde_json::Value::String(text) => scalar(text.clone(), Meaning::Text),
        other => scalar(other.to_string(), core_schema(&other.to_string())),
    };
    Spanned { span, value }
}

struct Writer<'a> {
    out: &'a mut String,
    sources: &'a SourceMap,
    /// Where the manifest stands; what lies in it needs no comment.
    whole: Span,
    /// Which values were filled in, and from where.
    filled: HashMap<Span, Span>,
}

impl Writer<'_> {
    fn origin(&mut self, span: Span) {
        self.out.push_str(&printable(&self.sources.origin(span).to_string()));
    }

    fn indent(&mut self, depth: usize) {
        self.out.extend(std::iter::repeat_n("  ", depth));
    }

    /// Writes the pairs; the first one stands where the line has come to. The depth of documents is bounded.
    fn mapping(&mut self, entries: &[Entry], depth: usize) {
        for (index, entry) in entries.iter().enumerate() {
            if index > 0 {
                self.indent(depth);
            }
            self.out.push_str(&text(&entry.key.text));
            self.out.push(':');
            self.value(&entry.value, depth, self.is_foreign(entry.key.span));
        }
    }

    /// Writes a value behind its colon, and the line break behind it. What stands in something foreign is foreign too,
    /// and told once.
    fn value(&mut self, value: &Spanned, depth: usize, is_foreign: bool) {
        match &value.value {
            Value::Mapping(entries) if !entries.is_empty() => {
                self.comment(value, is_foreign);
                self.out.push('\n');
                self.indent(depth + 1);
                self.mapping(entries, depth + 1);
            }
            Value::Sequence(items) if !items.is_empty() => {
                self.comment(value, is_foreign);
                self.out.push('\n');
                for item in items {
                    self.indent(depth + 1);
                    self.item(item, depth + 1);
                }
            }
            _ => {
                self.out.push(' ');
                self.out.push_str(&flat(value));
                self.comment(value, is_foreign);
                self.out.push('\n');
            }
        }
    }

    fn item(&mut self, item: &Spanned, depth: usize) {
        self.out.push('-');
        match &item.value {
            Value::Mapping(entries) if !entries.is_empty() => {
                self.out.push(' ');
                self.mapping(entries, depth + 1);
            }
            Value::Sequence(items) if !items.is_empty() => {
                self.out.push('\n');
                for item in items {
                    self.indent(depth + 1);
                    self.item(item, depth + 1);
                }
            }
            _ => {
                self.out.push(' ');
                self.out.push_str(&flat(item));
                self.comment(item, false);
                self.out.push('\n');
            }
        }
    }

    fn is_foreign(&self, span: Span) -> bool {
        span.source != self.whole.source
            || span.start < self.whole.start
            || span.end > self.whole.end
    }

    fn comment(&mut self, value: &Spanned, is_foreign: bool) {
        let place = match self.filled.get(&value.span) {
            Some(cell) => *cell,
            None if is_foreign => value.span.head(),
            None => return,
        };
        self.out.push_str("  # from ");
        self.origin(place);
    }
}

/// A value that stands on one line.
fn flat(value: &Spanned) -> String {
    match &value.value {
        Value::Mapping(_) => "{}".to_owned(),
        Value::Sequence(_) => "[]".to_owned(),
        Value::Scalar(scalar) => match scalar.meaning {
            Meaning::Null | Meaning::Unreadable => "null".to_owned(),
            Meaning::Bool(truth) => truth.to_string(),
            Meaning::Int(number) => number.to_string(),
            Meaning::Natural(number) => number.to_string(),
            Meaning::Float(number) => format!("{number:?}"),
            Meaning::Text => text(&scalar.text),
        },
    }
}

/// Words that some version of YAML takes for something else than text.
const WORDS: [&str; 11] =
    ["y", "n", "yes", "no", "on", "off", "true", "false", "null", "nan", "inf"];

/// A text that every reader of YAML, old or new, takes for the same text.
fn text(text: &str) -> String {
    let is_plain = text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || "_-./@ ".contains(c))
        && !text.ends_with(' ')
        && !WORDS.contains(&text.to_ascii_lowercase().as_str());
    if is_plain {
        return text.to_owned();
    }
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for c in text.chars() {
        match c {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\n' => quoted.push_str("\\n"),
            '\t' => quoted.push_str("\\t"),
            // Whatever a reader would not see, or an editor might change, is spelt out.
            c if printable(c.encode_utf8(&mut [0; 4])) != c.to_string() || c == '\u{85}' => {
                quoted.push_str(&format!("\\U{:08x}", u32::from(c)));
            }
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_text_reads_back_as_itself_in_yaml_1_1_and_1_2() {
        let texts = [
            "plain words",
            "",
            " ",
            "yes",
            "No",
            "on",
            "~",
            "null",
            "12",
            "1_000",
            "0o14",
            "014",
            "12:30:45",
            "2026-01-01",
            "1e3",
            ".5",
            ".inf",
            "<<",
            "=",
            "- a",
            "a: b",
            "a #b",
            "é",
            "\u{feff}",
            "\u{2028}",
            "\u{85}",
            "a\nb\t\"c\"\\",
            "\u{1b}[31m",
            "${x}",
            "30d",
            "*a",
            "&a",
            "!t",
            "@x",
            "`x`",
            "%",
            "{",
            "[",
            "'",
            "\u{1f600}",
            "x ",
            "true",
            "0x1F",
        ];
        for original in texts {
            let written = text(original);
            let read: String = serde_yaml::from_str(&written).unwrap();
            assert_eq!(read, original, "{written}");
            let bare = !written.starts_with('"');
            assert!(!bare || core_schema(&written) == Meaning::Text, "{written}");
        }
    }
}
