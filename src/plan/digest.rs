//! A fingerprint of a plan, so that what was reviewed is what runs.

use serde_json::json;
use sha2::{Digest, Sha256};

use super::step::Step;

/// SHA-256, as hexadecimal digits, over what the steps do and to what; not over reasons and
/// places, which may change without any change of meaning.
pub(super) fn of(stack: &str, steps: &[Step]) -> String {
    let mut hasher = Sha256::new();
    hasher.update(stack.as_bytes());
    for step in steps {
        let Step { id, phase, action, address, changes, needs, .. } = step;
        let line = json!([id, phase, action, address, changes, needs]);
        hasher.update(b"\n");
        hasher.update(line.to_string().as_bytes());
    }
    hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}
