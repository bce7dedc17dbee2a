//! A fingerprint of a plan, so that what was reviewed is what runs.

use data_encoding::HEXLOWER;
use serde::Serialize;
use serde_json::json;
use sha2::{Digest, Sha256};

use super::entry::Refusal;
use super::step::Step;

/// SHA-256, as hexadecimal digits, over what the steps do and on which news; not over reasons and
/// places, which may change without any change of meaning. What a guard refuses is part of it: who
/// approves fifty deletions does not approve fifty-one.
pub(super) fn of_plan(stack: &str, steps: &[Step], refusals: &[Refusal]) -> String {
    let steps = steps.iter().map(|step| {
        let Step { id, phase, action, address, changes, needs, holds, relies_on, .. } = step;
        json!([id, phase, action, address, changes, needs, holds, relies_on])
    });
    of(stack, steps.chain(refusals.iter().map(|refusal| json!(refusal))))
}

/// The same over lines of which each stands for a step.
pub(super) fn of(stack: &str, lines: impl Iterator<Item = serde_json::Value>) -> String {
    let mut hasher = Sha256::new();
    hasher.update(stack.as_bytes());
    for line in lines {
        hasher.update(b"\n");
        hasher.update(line.to_string().as_bytes());
    }
    HEXLOWER.encode(&hasher.finalize())
}

/// SHA-256 of the JSON form of anything.
pub(super) fn of_json(value: &impl Serialize) -> Option<String> {
    let mut hasher = Sha256::new();
    hasher.update(serde_json::to_string(value).ok()?.as_bytes());
    Some(HEXLOWER.encode(&hasher.finalize()))
}
