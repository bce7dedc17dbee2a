//! The manifests as they come out of templates, overlays, defaults and presets: `validate --show-expanded`.
//!
//! What is printed is a set of manifests like any other, so it can be read, compared and validated again. Comments lead
//! home: one over each manifest, and one behind each value that was written somewhere else than the rest of it.

use std::collections::HashMap;

use super::document::{AnyManifest, Document};
use crate::reading::yaml::core_schema;
use crate::reading::yaml::write::{Block, Node};
use crate::source::value::{Entry, Key, Scalar};
use crate::source::{Meaning, SourceMap, Span, Spanned, Value};

/// All objects, and the settings of the Stack that are left when defaults and overlays have done their work.
pub(super) fn expanded(documents: &[Document], sources: &SourceMap) -> String {
    let mut out = String::new();
    for document in documents {
        let value = match &document.manifest {
            None | Some(AnyManifest::Template(_)) => continue,
            Some(AnyManifest::Stack(_)) => without(&document.value, &["defaults", "overlays"]),
            Some(AnyManifest::Object(object)) => with(&document.value, &object.expanded()),
        };
        let whole = document.value.span;
        let instance = document.instance.as_deref();
        let filled = instance.map(|instance| instance.filled.as_slice()).unwrap_or_default();
        let filled = filled.iter().map(|filled| (filled.place, filled.cell)).collect();
        let writer = Writer { sources, whole, filled };
        let row = instance.map(|instance| writer.origin(instance.row.head()));
        let row = row.map(|row| format!(", with the row at {row}")).unwrap_or_default();
        let mut head = Block::default();
        head.comment(&format!("from {}{row}", writer.origin(whole.head())));
        out.push_str("---\n");
        out.push_str(&head.text());
        out.push_str(&writer.mapping(value.as_mapping()).text());
    }
    out
}

/// The document without some fields of its `spec`.
fn without(document: &Spanned, names: &[&str]) -> Spanned {
    change_spec(document, |fields| {
        fields.retain(|field| !names.contains(&field.key.text.as_str()));
    })
}

/// The document with some fields of its `spec` as they come out.
fn with(document: &Spanned, expanded: &[(&str, serde_json::Value)]) -> Spanned {
    change_spec(document, |fields| {
        for field in fields.iter_mut() {
            if let Some((_, json)) = expanded.iter().find(|(name, _)| field.key.text == *name) {
                field.value = of_json(json, field.value.span);
            }
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
        Value::Scalar(Scalar { text: text.into(), plain: meaning != Meaning::Text, meaning })
    };
    let value = match json {
        serde_json::Value::Array(items) => {
            Value::Sequence(items.iter().map(|item| of_json(item, span)).collect())
        }
        serde_json::Value::Object(fields) => {
            let mut fields: Vec<_> = fields.iter().collect();
            fields.sort_by_key(|(name, _)| (ORDER.iter().position(|known| known == name), *name));
            let entry = |(name, value): (&String, _)| Entry {
                key: Key { span, text: name.into() },
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
    sources: &'a SourceMap,
    /// Where the manifest stands; what lies in it needs no comment.
    whole: Span,
    /// Which values were filled in, and from where.
    filled: HashMap<Span, Span>,
}

impl Writer<'_> {
    fn origin(&self, span: Span) -> String {
        self.sources.origin(span).to_string()
    }

    fn mapping(&self, entries: &[Entry]) -> Block {
        let mut block = Block::default();
        for entry in entries {
            block.node(&entry.key.text, self.node(&entry.value, self.is_foreign(entry.key.span)));
        }
        block
    }

    /// What stands in something foreign is foreign too, and told once. The depth of documents is bounded.
    fn node(&self, value: &Spanned, is_foreign: bool) -> Node {
        let node = match &value.value {
            Value::Mapping(entries) => Node::block(self.mapping(entries)),
            Value::Sequence(items) => {
                Node::list(items.iter().map(|item| self.node(item, false)).collect())
            }
            Value::Scalar(_) => Node::of(&value.to_json()),
        };
        node.with_comment(self.comment(value, is_foreign))
    }

    fn is_foreign(&self, span: Span) -> bool {
        span.source != self.whole.source
            || span.start < self.whole.start
            || span.end > self.whole.end
    }

    fn comment(&self, value: &Spanned, is_foreign: bool) -> Option<String> {
        let place = match self.filled.get(&value.span) {
            Some(cell) => *cell,
            None if is_foreign => value.span.head(),
            None => return None,
        };
        Some(format!("from {}", self.origin(place)))
    }
}
