//! How a step changes what a token can do.

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use super::step::{Action, Change, Step};
use crate::rights::{Comparison, Relation, Rights, compare};

/// The fields that rights are made of.
const FIELDS: [&str; 6] = ["access", "ips", "origins", "ttl", "expire", "enabled"];

/// How the rights of a token change. For a token that is made, against having none.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct RightsChange {
    /// How the rights afterwards stand to those before.
    pub verdict: Relation,
    /// What becomes possible, in words.
    pub gained: Vec<String>,
    /// What becomes impossible, in words.
    pub lost: Vec<String>,
}

/// How `step` changes the rights of a token; none if it changes none.
///
/// The changes of the step are enough to tell: in a field that it leaves alone both sides are equal, whatever it holds.
pub fn rights_change(step: &Step) -> Option<RightsChange> {
    let changes = || step.changes.iter().filter(|change| FIELDS.contains(&change.field.as_str()));
    if !step.address.kind.is_key() || changes().next().is_none() {
        return None;
    }
    let (before, after) = match step.action {
        Action::Create => (Rights::of(|_| None), side(step, &Value::Null, |change| &change.after)),
        Action::Update => {
            // Some access that can be used, so that bounds count.
            let unchanged = serde_json::json!({"type": 0});
            let before = side(step, &unchanged, |change| &change.before);
            (before, side(step, &unchanged, |change| &change.after))
        }
        Action::Restore | Action::Assign | Action::Forget | Action::Delete => return None,
    };
    let Comparison { relation, gained, lost } = compare(&after, &before);
    (relation != Relation::Equal).then_some(RightsChange { verdict: relation, gained, lost })
}

/// The rights on one side of the changes.
fn side<'a>(step: &'a Step, access: &'a Value, of: impl Fn(&'a Change) -> &'a Value) -> Rights {
    Rights::of(|field| {
        match step.changes.iter().find(|change| change.field == field) {
            Some(change) => Some(of(change)),
            None => (field == "access").then_some(access),
        }
        // A field that the platform does not have is at its default.
        .filter(|value| !value.is_null())
    })
}
