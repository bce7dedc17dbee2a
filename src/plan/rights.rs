//! How a step changes what a token can do, or the tokens of all log-ins to a realm.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use super::step::{Action, Change, Step};
use crate::resource::kinds::TOKEN_PARAMS;
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
    let sides = match step.address.kind.is_key() {
        true => of_fields(&step.changes),
        false => of_params(&step.changes),
    };
    if sides.is_empty() {
        return None;
    }
    let (before, after) = match step.action {
        Action::Create => (Rights::of(|_| None), side(&sides, &Value::Null, |(_, after)| after)),
        Action::Update => {
            // Some access that can be used, so that bounds count.
            let unchanged = serde_json::json!({"type": 0});
            let before = side(&sides, &unchanged, |(before, _)| before);
            (before, side(&sides, &unchanged, |(_, after)| after))
        }
        Action::Restore | Action::Assign | Action::Link | Action::Forget | Action::Delete => {
            return None;
        }
    };
    let Comparison { relation, gained, lost } = compare(&after, &before);
    (relation != Relation::Equal).then_some(RightsChange { verdict: relation, gained, lost })
}

/// What rights are made of, before and after a change, by field.
type Sides<'a> = BTreeMap<&'a str, (Value, Value)>;

/// The changed fields of a token.
fn of_fields(changes: &[Change]) -> Sides<'_> {
    let changes = changes.iter().filter(|change| FIELDS.contains(&change.field.as_str()));
    let sides = |change: &Change| (change.before.clone(), change.after.clone());
    changes.map(|change| (change.field.as_str(), sides(change))).collect()
}

/// The bounds of the tokens of log-ins, as far as they change.
fn of_params(changes: &[Change]) -> Sides<'_> {
    let Some(change) = changes.iter().find(|change| change.field == TOKEN_PARAMS) else {
        return Sides::new();
    };
    let member = |value: &Value, name: &str| value.get(name).cloned().unwrap_or_default();
    let sides =
        FIELDS.map(|name| (name, (member(&change.before, name), member(&change.after, name))));
    sides.into_iter().filter(|(_, (before, after))| before != after).collect()
}

/// The rights on one side of the changes.
fn side(sides: &Sides<'_>, access: &Value, of: impl Fn(&(Value, Value)) -> &Value) -> Rights {
    Rights::of(|field| {
        match sides.get(field) {
            Some(both) => Some(of(both)),
            None => (field == "access").then_some(access),
        }
        // A field that the platform does not have is at its default.
        .filter(|value| !value.is_null())
    })
}
