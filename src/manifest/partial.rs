//! The sound part of a manifest that has mistakes, so that a second mistake does not wait for the first to be mended.
//!
//! What is broken is replaced by something that every check is content with, and the checks of the single manifest look at
//! the rest. Whatever needs to see all of it (arithmetic, policies, expectations, plans) still waits.

use std::collections::BTreeSet;

use serde_yaml::{Mapping, Value};

use super::kinds::{AnyObject, OBJECTS, ObjectKind};
use super::schema::API_VERSION;
use super::typed::{MOST_UNREAD, unread};
use super::wording::is_time;
use crate::diagnostic::{Code, Diagnostic};
use crate::source::pointer::tokens;
use crate::source::{self, Spanned};

/// A manifest with its mistakes replaced.
#[derive(Debug)]
pub(super) struct Partial {
    pub(super) manifest: Box<dyn AnyObject>,
    /// The fields of its `spec` that were left out or replaced as a whole.
    replaced: BTreeSet<String>,
    /// Whether a field is unknown: it may have been meant to be any other.
    has_unknown: bool,
}

impl Partial {
    /// Whether nothing is known of a field.
    pub(super) fn lacks(&self, field: &str) -> bool {
        self.has_unknown || self.replaced.contains(field)
    }

    /// Whether a finding about this manifest stands, whatever the replaced fields were meant to say.
    pub(super) fn stands(&self, finding: &Diagnostic) -> bool {
        match finding.code {
            Code::TokenWithoutEnd | Code::TokenExpired | Code::ExpirePassed => {
                !self.lacks("ttl") && !self.lacks("expire")
            }
            Code::RotationWithoutSink => !self.lacks("deliver"),
            Code::PresetParameter => !self.lacks("expire"),
            _ => true,
        }
    }
}

/// The sound part of a manifest of `kind`, in which `broken` is wrong; nothing if that is not enough to be one. What is found
/// to be wrong with the rest is added to `broken`.
pub(super) fn of(kind: &str, value: &Spanned, broken: &mut Vec<Diagnostic>) -> Option<Partial> {
    // Of what is not there nothing is to be checked.
    value.get("spec").filter(|spec| matches!(spec.value, source::Value::Mapping(_)))?;
    let mut draft = Draft { yaml: value.to_yaml(), replaced: BTreeSet::new(), has_unknown: false };
    for finding in broken.iter() {
        draft.mend(finding);
    }
    let kind = OBJECTS.iter().find(|object| object.title == kind)?;
    let manifest = draft.decode(kind, value, broken)?;
    let Draft { yaml: _, replaced, has_unknown } = draft;
    Some(Partial { manifest, replaced, has_unknown })
}

/// A manifest that is being mended.
struct Draft {
    yaml: Value,
    replaced: BTreeSet<String>,
    has_unknown: bool,
}

impl Draft {
    fn mend(&mut self, finding: &Diagnostic) {
        let pointer = finding.pointer.as_deref().unwrap_or_default();
        let steps: Vec<String> = tokens(pointer).map(|step| step.into_owned()).collect();
        let steps: Vec<&str> = steps.iter().map(String::as_str).collect();
        self.has_unknown |= finding.code == Code::UnknownField && steps.len() == 2;
        self.replaced.extend(mend(&mut self.yaml, &steps));
    }

    /// Decodes the manifest, and adds to `broken` every value that only decoding finds fault with.
    fn decode(
        &mut self,
        kind: &ObjectKind,
        value: &Spanned,
        broken: &mut Vec<Diagnostic>,
    ) -> Option<Box<dyn AnyObject>> {
        settle(&mut self.yaml, kind);
        for _ in 0..MOST_UNREAD {
            let pointer = match (kind.read_mended)(&self.yaml) {
                Ok(manifest) => return Some(manifest),
                Err(pointer) => pointer,
            };
            // Anything else was told by the schema, or follows from what was.
            if !is_time(&pointer) {
                return None;
            }
            let finding = unread(value, &pointer);
            self.mend(&finding);
            broken.push(finding);
        }
        None
    }
}

/// Replaces what is wrong at some place; the field of `spec` that is no longer what was written.
fn mend(yaml: &mut Value, steps: &[&str]) -> Option<String> {
    let (section, rest) = steps.split_first()?;
    if *section != "spec" {
        yaml.as_mapping_mut()?.remove(*section);
        return None;
    }
    let spec = yaml.get_mut("spec")?.as_mapping_mut()?;
    let mut put = |list: &[&str], index: &str, item: Value| -> Option<()> {
        let mut found = spec.get_mut(*list.first()?)?;
        for step in list.iter().skip(1) {
            found = found.get_mut(*step)?;
        }
        *found.get_mut(index.parse::<usize>().ok()?)? = item;
        Some(())
    };
    let mended = match rest {
        ["ips", index] => put(&["ips"], index, text("*")),
        ["origins", index] => put(&["origins"], index, text("https://*")),
        ["access", "acl", index, ..] => put(&["access", "acl"], index, entry()),
        ["deliver", index, ..] => put(&["deliver"], index, sink(index)),
        _ => None,
    };
    if mended.is_some() {
        return None;
    }
    let field = *rest.first()?;
    spec.remove(field);
    Some(field.to_owned())
}

/// Gives the manifest what it cannot be without.
fn settle(yaml: &mut Value, kind: &ObjectKind) {
    let Some(fields) = yaml.as_mapping_mut() else { return };
    fields.insert(text("apiVersion"), text(API_VERSION));
    fields.insert(text("kind"), text(kind.title));
    fields.insert(text("metadata"), mapping([("name", text("x"))]));
    let spec = fields.entry(text("spec")).or_insert(Value::Mapping(Mapping::new()));
    if let Some(spec) = spec.as_mapping_mut() {
        (kind.complete)(spec);
    }
}

fn entry() -> Value {
    mapping([("uri", text("gw")), ("methods", Value::Sequence(vec![text("GET")]))])
}

fn sink(index: &str) -> Value {
    mapping([("file", Value::String(format!("sink-{index}")))])
}

fn mapping<const N: usize>(fields: [(&str, Value); N]) -> Value {
    Value::Mapping(fields.into_iter().map(|(name, value)| (text(name), value)).collect())
}

fn text(text: &str) -> Value {
    Value::String(text.to_owned())
}
