//! One object as a manifest: what can be set and differs from what the platform takes by itself.

use serde_json::{Map, Value, json};

use super::choose::Treatment;
use super::kinds;
use super::kinds::written::{Nameable, Written};
use super::options::Options;
use super::sinks;
use super::spec::Spec;
use super::terms::Unsayable;
use crate::manifest::schema::API_VERSION;
use crate::observe::Object;
use crate::reading::yaml::write::Block;
use crate::resource::{Address, MARK_PREFIX};

/// Keys of `metadata` under which the platform's panel keeps its own things (fact sheet, 4.1).
const PANEL_PREFIX: &str = "sys_";

/// How long a key stays valid after another was issued in its place, where nobody said so.
const OVERLAP: &str = "24h";

/// The deepest value that is written; readers of YAML have a bound of their own.
const DEEPEST: usize = 100;

/// All that is needed to write manifests.
pub(super) struct Scribe<'a> {
    pub(super) options: &'a Options,
    pub(super) nameable: Nameable<'a>,
}

impl Scribe<'_> {
    /// The manifest of `object`.
    pub(super) fn document(
        &self,
        object: &Object,
        address: &Address,
        treatment: &Treatment,
        unsayable: Option<&Unsayable>,
    ) -> Block {
        let mut block = Block::default();
        if let Treatment::Observed(reason) | Treatment::Commented(reason) = treatment {
            block.comment(&match treatment {
                Treatment::Observed(_) => format!("Only referred to: {reason}."),
                _ => format!("Not managed: {reason}."),
            });
        }
        block.field("apiVersion", API_VERSION);
        block.field("kind", object.kind.row().title);
        let mut metadata = Block::default();
        metadata.field("name", address.name.as_str());
        if !address.account.is_root() {
            metadata.field("account", address.account.to_string());
        }
        if let Some(holder) = address.of_container() {
            metadata.field(holder.kind.as_str(), holder.name.as_str());
        }
        metadata.field("id", object.id);
        block.block("metadata", metadata);

        let mut spec = Spec::new(unsayable);
        if let Treatment::Observed(_) = treatment {
            // A token is never referred to: nothing needs one.
            spec.block.field("lifecycle", json!({"manage": ["observe"]}));
        } else {
            self.spec(object, address, &mut spec);
        }
        if !spec.block.is_empty() {
            block.block("spec", spec.block);
        }
        block
    }

    fn spec(&self, object: &Object, address: &Address, spec: &mut Spec<'_>) {
        if object.label() != address.name {
            spec.field(object.kind.label_field(), object.label());
        }
        kinds::write(&Written { object, address, nameable: &self.nameable }, spec);
        self.metadata(object, spec);
        let mark = object.mark_of(&self.options.stack);
        let meant = self.options.meant(&(object.kind, object.id));
        if let Some(meant) = meant.filter(|meant| !meant.deliver.is_empty()) {
            let sinks = meant.deliver.iter().map(|sink| sinks::named(sink, address));
            spec.field("deliver", sinks.collect::<Vec<_>>());
            // Bound by its id alone, nothing would follow its successor.
            spec.field("rotation", json!({"overlap": OVERLAP}));
        }
        if mark.is_some_and(|mark| mark.protect) {
            spec.field("lifecycle", json!({"protect": true}));
        } else if meant.is_some() && mark.is_none() {
            // Whoever had it before lets go of it, so the mark is not left for a later change.
            spec.field("lifecycle", json!({"adopt": true}));
        }
    }

    fn metadata(&self, object: &Object, spec: &mut Spec<'_>) {
        let mark = object.mark_of(&self.options.stack);
        let meant = self.options.meant(&(object.kind, object.id));
        let is_declared = |key: &str| {
            if meant.is_some_and(|meant| meant.metadata.contains(key)) {
                return true;
            }
            let field = format!("metadata.{key}");
            mark.is_some_and(|mark| mark.applied.matches(&field, &Value::Null).is_some())
        };
        let mut keys = Map::new();
        let mut others = 0_usize;
        for (key, value) in object.metadata() {
            if key.starts_with(MARK_PREFIX) || key.starts_with(PANEL_PREFIX) {
                continue;
            }
            let is_wanted = self.options.metadata || is_declared(&key);
            match is_wanted && is_sayable(&value, DEEPEST) {
                true => drop(keys.insert(key, value)),
                false => others += 1,
            }
        }
        if !keys.is_empty() {
            spec.field("metadata", Value::Object(keys));
        }
        if others > 0 {
            // Values of others may be anything, secrets included, and even their number says enough.
            spec.block.comment(match self.options.metadata {
                true => {
                    "metadata: has values nested deeper than any manifest; they stay as they are"
                }
                false => {
                    "metadata: has keys of others; they stay as they are (--metadata writes them)"
                }
            });
        }
    }
}

/// Whether a value is nested no deeper than YAML as we read it.
fn is_sayable(value: &Value, depth: usize) -> bool {
    match value {
        Value::Array(items) => depth > 0 && items.iter().all(|item| is_sayable(item, depth - 1)),
        Value::Object(fields) => {
            depth > 0 && fields.values().all(|value| is_sayable(value, depth - 1))
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => true,
    }
}
