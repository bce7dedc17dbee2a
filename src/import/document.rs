//! What became of a state: a document without any secret.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;

use super::choose::Choice;
use super::foreign::Left;
use crate::export::Export;
use crate::observe::Actual;
use crate::resource::canonical::without_secrets;
use crate::resource::{Address, Kind};

/// What became of a state of Terraform. Holds no secret.
#[derive(Debug, Serialize, JsonSchema)]
pub struct ImportDocument {
    /// `flespi-gitops/import/v1`.
    pub format: ImportFormat,
    /// The stack that the manifests are for.
    pub stack: String,
    /// The release of Terraform that wrote the state, if it says so.
    pub terraform_version: Option<String>,
    /// How much became what.
    pub summary: ImportSummary,
    /// Every object that a manifest manages now, by address.
    pub objects: Vec<ImportedObject>,
    /// Every key in the state, by address.
    pub keys: Vec<ImportedKey>,
    /// What could not be carried over, by its address in Terraform.
    pub left: Vec<Left>,
    /// The API calls that this took.
    pub calls: u64,
}

/// The format of this document.
#[derive(Debug, Clone, Copy, Serialize, JsonSchema)]
pub enum ImportFormat {
    /// Version 1.
    #[serde(rename = "flespi-gitops/import/v1")]
    V1,
}

/// How much became what.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ImportSummary {
    /// Objects that a manifest manages.
    pub objects: usize,
    /// Objects that are only referred to, since others need them.
    pub referred: usize,
    /// Keys that are in every sink.
    pub keys_delivered: usize,
    /// Keys that the state alone holds.
    pub keys_left: usize,
    /// Whatever could not be carried over.
    pub left: usize,
}

/// An object that a manifest manages now.
#[derive(Debug, Serialize, JsonSchema)]
pub struct ImportedObject {
    /// Its address.
    pub address: Address,
    /// Its id on the platform.
    pub id: i64,
    /// Its address in Terraform.
    pub from: String,
    /// The file with its manifest, below the folder of the import.
    pub file: Option<String>,
    /// Fields that the state has another value for; the manifest says what the platform has.
    pub differs: Vec<String>,
    /// What stays on the platform as it is and is not in the manifest, and why.
    pub unmanaged: Vec<String>,
}

/// A key that the state holds.
#[derive(Debug, Serialize, JsonSchema)]
pub struct ImportedKey {
    /// The token.
    pub address: Address,
    /// Its address in Terraform.
    pub from: String,
    /// What became of the key.
    pub outcome: KeyOutcome,
    /// Its sinks.
    pub sinks: Vec<String>,
    /// What to do about it, since whoever has read the state has the key.
    pub advice: String,
}

/// What became of a key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum KeyOutcome {
    /// It is in every sink.
    Delivered,
    /// No sink was named for it.
    NoSink,
    /// The platform does not know it as the key of this token: it was replaced, the token is disabled, or the state was
    /// edited.
    Unproven,
}

/// Puts together what became of a state. `outcomes` are those of the tokens whose keys the state holds, by id, each with the
/// sinks.
pub fn document(
    stack: &str,
    terraform_version: Option<String>,
    choice: Choice,
    export: &Export,
    actual: &Actual,
    outcomes: &BTreeMap<i64, (KeyOutcome, Vec<String>)>,
    calls: u64,
) -> ImportDocument {
    let Choice { origins, mut left, .. } = choice;
    let (mut objects, mut keys) = (Vec::new(), Vec::new());
    for (key, origin) in origins {
        let (kind, id) = key;
        let from = origin.from;
        let Some(fate) = export.fates.get(&key) else {
            let reason = format!("{kind} {id} hangs in no account of this token");
            left.push(Left { from, reason });
            continue;
        };
        if let Some(reason) = &fate.unmanaged {
            left.push(Left { from, reason: format!("{}: {reason}", fate.address) });
            continue;
        }
        if let Some((outcome, sinks)) = outcomes.get(&id).filter(|_| kind.is_key()) {
            let advice = advice(&fate.address, outcome);
            keys.push(ImportedKey {
                address: fate.address.clone(),
                from: from.clone(),
                outcome: outcome.clone(),
                sinks: sinks.clone(),
                advice,
            });
        }
        let unsaid = fate.unsaid.iter().map(|(field, reason)| format!("{field}: {reason}"));
        let hidden = hidden(actual, kind, id);
        let hidden = hidden.into_iter().map(|place| format!("{place}: it may hold secrets"));
        objects.push(ImportedObject {
            address: fate.address.clone(),
            id,
            from,
            file: fate.file.clone(),
            differs: origin.differs,
            unmanaged: unsaid.chain(hidden).collect(),
        });
    }
    objects.sort_by(|a, b| a.address.cmp(&b.address));
    keys.sort_by(|a, b| a.address.cmp(&b.address));
    left.sort();
    let delivered = keys.iter().filter(|key| key.outcome == KeyOutcome::Delivered).count();
    ImportDocument {
        format: ImportFormat::V1,
        stack: stack.to_owned(),
        terraform_version,
        summary: ImportSummary {
            objects: objects.len(),
            referred: export.counts.values().map(|count| count.observed).sum(),
            keys_delivered: delivered,
            keys_left: keys.len() - delivered,
            left: left.len(),
        },
        objects,
        keys,
        left,
        calls,
    }
}

/// The places of an object that no manifest is given, since they may hold secrets.
fn hidden(actual: &Actual, kind: Kind, id: i64) -> Vec<String> {
    let Some(object) = actual.get(kind, id) else { return Vec::new() };
    let fields =
        kind.row().fields().filter_map(|field| Some((field.name, object.field(field.name)?)));
    fields.flat_map(|(name, value)| without_secrets(kind, name, &value).1).collect()
}

fn advice(address: &Address, outcome: &KeyOutcome) -> String {
    // Without quotes: it is pasted.
    let rotate = format!("flespi-gitops rotate {address}");
    let declare = "add deliver and rotation to the manifest, apply, then run";
    match outcome {
        KeyOutcome::Delivered => {
            format!("the state still holds this key: after the first apply, run {rotate}")
        }
        KeyOutcome::NoSink => format!("only the state holds this key: {declare} {rotate}"),
        KeyOutcome::Unproven => format!(
            "the key in the state may be a former one, or the token is disabled: {declare} {rotate}"
        ),
    }
}
