//! Which objects of the platform a state means, and what it says of them that does not hold there.

use std::collections::BTreeMap;

use super::foreign::Left;
use super::state::{Attributes, Instance, Plain, State};
use crate::export::Meant;
use crate::observe::{Actual, Object};
use crate::resource::Kind;
use crate::secret::SecretString;

/// What a state means on this platform.
#[derive(Debug, Default)]
pub struct Choice {
    /// What is wanted of each object that is there.
    pub only: BTreeMap<(Kind, i64), Meant>,
    /// The keys of those among them that are tokens.
    pub keys: Vec<KeyInState>,
    /// What is said of each of them.
    pub(super) origins: BTreeMap<(Kind, i64), Origin>,
    /// What cannot be carried over.
    pub left: Vec<Left>,
}

/// A key that a state holds.
#[derive(Debug)]
pub struct KeyInState {
    /// The token that it is said to be of.
    pub id: i64,
    /// The key.
    pub key: SecretString,
}

/// Where an object stands in the state.
#[derive(Debug, Default)]
pub(super) struct Origin {
    /// Its address in Terraform.
    pub(super) from: String,
    /// The fields that are something else on the platform.
    pub(super) differs: Vec<String>,
}

/// What `state` means of what is there.
pub fn choose(state: State, actual: &Actual) -> Choice {
    let mut choice = Choice { left: state.left, ..Choice::default() };
    let mut namesakes: BTreeMap<(Kind, i64, String), usize> = BTreeMap::new();
    for Instance { kind, id, name, .. } in &state.instances {
        if let Some(object) = actual.get(*kind, *id) {
            *namesakes.entry((*kind, object.owner, name.clone())).or_default() += 1;
        }
    }
    for Instance { kind, id, from, name, long_name, attributes } in state.instances {
        let Some(object) = actual.get(kind, id) else {
            let reason =
                format!("{kind} {id} is not on the platform, or not in this account and below");
            choice.left.push(Left { from, reason });
            continue;
        };
        if let Some(other) = choice.origins.get(&(kind, id)) {
            let reason = format!("{kind} {id} is {} already", other.from);
            choice.left.push(Left { from, reason });
            continue;
        }
        let unknown = attributes.given.iter().filter(|name| !is_known(kind, name));
        let unknown: Vec<&str> = unknown.map(String::as_str).collect();
        if !unknown.is_empty() {
            let reason =
                format!("not known of a {kind}, and not carried over: {}", unknown.join(", "));
            choice.left.push(Left { from: from.clone(), reason });
        }
        let differs = differs(object, &attributes);
        let Attributes { key, metadata, .. } = attributes;
        if kind.is_key()
            && let Some(key) = key
        {
            choice.keys.push(KeyInState { id, key });
        }
        let is_alone = namesakes.get(&(kind, object.owner, name.clone())) == Some(&1);
        let name = if is_alone { name } else { long_name };
        let meant = Meant { name: Some(name), metadata, deliver: Vec::new() };
        choice.only.insert((kind, id), meant);
        choice.origins.insert((kind, id), Origin { from, differs });
    }
    choice.left.sort();
    choice
}

/// Attributes that the provider has beside the fields of the platform, by kind; of all others it is the account alone.
const OF_THE_PROVIDER: [(&str, &[&str]); 2] =
    [("token", &["account_id", "key"]), ("webhook", &["type", "configurations"])];

/// Whether an attribute has a place: in a manifest, in the report, or with the platform.
fn is_known(kind: Kind, name: &str) -> bool {
    let own = OF_THE_PROVIDER.iter().find(|(of, _)| *of == kind.as_str());
    let own = own.map_or(&["account_id"][..], |(_, names)| names);
    own.contains(&name) || kind.row().fields().any(|field| field.name == name)
}

/// The plain fields that are something else on the platform than in the state.
fn differs(object: &Object, attributes: &Attributes) -> Vec<String> {
    let differs = |(name, said): &(&String, &Plain)| {
        if *name == "account_id" {
            return matches!(said, Plain::Number(id) if *id > 0 && *id != object.owner);
        }
        let found = object.field(name).unwrap_or_default();
        match said {
            // What the platform leaves out is nothing.
            Plain::Number(number) => found.as_i64().unwrap_or_default() != *number,
            Plain::Bool(value) => found.as_bool().unwrap_or_default() != *value,
            Plain::Text(text) => found.as_str().unwrap_or_default() != text,
            Plain::Nothing | Plain::Other => false,
        }
    };
    let known = attributes.plain.iter().filter(|(name, _)| is_known(object.kind, name));
    known.filter(differs).map(|(name, _)| name.clone()).collect()
}
