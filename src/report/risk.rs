//! Which steps a person should review first, and why: what is destroyed, disabled, gains rights or
//! loses them.

use serde_json::Value;

use crate::plan::{Action, Change, Effect, Step, rights_change};
use crate::resource::{Kind, quota};
use crate::rights::AccessType;

/// What a step does that cannot be taken lightly, worst first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Concern {
    /// Something is gone afterwards.
    Destroys,
    /// Something stops working.
    Disables,
    /// Somebody can do more than before.
    GainsRights,
    /// Somebody can do less than before.
    LosesRights,
}

impl Concern {
    /// Every concern, worst first.
    pub(super) const ALL: [Self; 4] =
        [Self::Destroys, Self::Disables, Self::GainsRights, Self::LosesRights];

    /// What the step does, as a verb.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Destroys => "destroys",
            Self::Disables => "disables",
            Self::GainsRights => "gains rights",
            Self::LosesRights => "loses rights",
        }
    }

    /// The same of `count` steps.
    pub(super) fn counted(self, count: usize) -> String {
        let verb = match (self, count) {
            (_, 1) => self.as_str(),
            (Self::Destroys, _) => "destroy",
            (Self::Disables, _) => "disable",
            (Self::GainsRights, _) => "gain rights",
            (Self::LosesRights, _) => "lose rights",
        };
        format!("{count} {verb}")
    }
}

/// Why a step deserves a second look.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Risk {
    /// The worst of it.
    pub(super) concern: Concern,
    /// All of it, in words.
    pub(super) words: String,
}

/// Whether `step` deserves a second look: plans list it first, and it waits for the windows of the Stack.
pub(crate) fn is_risky(step: &Step) -> bool {
    of(step).is_some()
}

/// The risk of `step`, if it has one.
pub(super) fn of(step: &Step) -> Option<Risk> {
    let mut found: Vec<(Concern, String)> = match step.action {
        Action::Delete if matches!(step.effect, Effect::Retire(_)) => retired(step),
        Action::Delete => vec![(Concern::Destroys, destroyed(step))],
        Action::Restore => vec![(Concern::GainsRights, returned(step.address.kind).to_owned())],
        Action::Create => step.changes.iter().filter_map(granted).collect(),
        Action::Link => step.changes.iter().flat_map(linked).collect(),
        // The object stays as it is.
        Action::Forget => Vec::new(),
        Action::Update | Action::Assign => {
            step.changes.iter().filter_map(changed).chain(rights(step)).collect()
        }
    };
    // Stable, so that what is equally bad stays in the order of the fields.
    found.sort_by_key(|(concern, _)| *concern);
    let (concern, _) = *found.first()?;
    let words: Vec<String> = found.into_iter().map(|(_, words)| words).collect();
    Some(Risk { concern, words: words.join("; ") })
}

/// Of a key whose successor is in place, only a use that may be missed is remarkable.
fn retired(step: &Step) -> Vec<(Concern, String)> {
    let Effect::Retire(retirement) = &step.effect else { return Vec::new() };
    let danger = retirement.danger.iter();
    let words = danger.map(|it| format!("generation {} is deleted; {it}", retirement.generation));
    words.map(|words| (Concern::Destroys, words)).collect()
}

fn destroyed(step: &Step) -> String {
    let loss = step.address.kind.row().loss;
    match loss.full {
        Some(words) if !step.holds.is_empty() => words.replace("{}", &step.holds.to_string()),
        _ => loss.empty.to_owned(),
    }
}

fn returned(kind: Kind) -> &'static str {
    kind.row().recovery.means
}

/// Only a new token that can do everything is remarkable, or log-ins that get such tokens.
fn granted(change: &Change) -> Option<(Concern, String)> {
    let is_master = |access: Option<&Value>| {
        access.is_some_and(|access| AccessType::of(access) == Some(AccessType::Master))
    };
    let words = match change.field.as_str() {
        "access" if is_master(Some(&change.after)) => "a new master token",
        "token_params" if is_master(change.after.get("access")) => "log-ins get master tokens",
        _ => return None,
    };
    Some((Concern::GainsRights, words.to_owned()))
}

/// Whoever is linked to something can do more than before, and less when the link is gone.
fn linked(change: &Change) -> Vec<(Concern, String)> {
    let all = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let (before, after) = (all(&change.before), all(&change.after));
    let only = |these: &[Value], others: &[Value]| {
        let these = these.iter().filter(|it| !others.contains(it));
        let words = these.map(|it| it.as_str().map_or_else(|| it.to_string(), str::to_owned));
        words.collect::<Vec<String>>()
    };
    let told = |concern, verb: &str, words: Vec<String>| {
        (!words.is_empty()).then(|| (concern, format!("{verb} {}", some_of(words))))
    };
    let gained = told(Concern::GainsRights, "links to", only(&after, &before));
    let lost = told(Concern::LosesRights, "no longer links to", only(&before, &after));
    gained.into_iter().chain(lost).collect()
}

fn changed(change: &Change) -> Option<(Concern, String)> {
    let Change { field, before, after, cause: _ } = change;
    match field.as_str() {
        "enabled" if *after == Value::Bool(false) => {
            Some((Concern::Disables, "is disabled".to_owned()))
        }
        "enabled" if *before == Value::Bool(false) => {
            Some((Concern::GainsRights, "is enabled again".to_owned()))
        }
        "credentials.email" if !before.is_null() => {
            Some((Concern::GainsRights, "another e-mail logs in".to_owned()))
        }
        "credentials.password" if !before.is_null() => {
            Some((Concern::LosesRights, "the old password stops working".to_owned()))
        }
        field if quota::NAMES.contains(&field) => lowered(field, before, after),
        _ => None,
    }
}

/// A quota below use blocks what is in use.
fn lowered(field: &str, before: &Value, after: &Value) -> Option<(Concern, String)> {
    let (old, new) = (before.as_i64()?, after.as_i64()?);
    let size = |value| if value == quota::UNLIMITED { i64::MAX } else { value };
    if field == "blocking_duration" || size(new) >= size(old) {
        return None;
    }
    let name = |value: i64| match value {
        quota::UNLIMITED => "unlimited".to_owned(),
        value => value.to_string(),
    };
    let words = format!("{field} is lowered from {} to {}", name(old), name(new));
    Some((Concern::LosesRights, words))
}

/// What a token can do afterwards that it could not before, and the other way round.
fn rights(step: &Step) -> impl Iterator<Item = (Concern, String)> {
    // Whether it can be used at all is told in words of its own.
    let is_switched = step.changes.iter().any(|change| change.field == "enabled");
    let change = if is_switched { None } else { rights_change(step) };
    let (gained, lost) = change.map(|change| (change.gained, change.lost)).unwrap_or_default();
    let told = |concern, words: Vec<String>| (!words.is_empty()).then(|| (concern, some_of(words)));
    let gained = told(Concern::GainsRights, gained);
    gained.into_iter().chain(told(Concern::LosesRights, lost))
}

/// The first few; all of them stand with the step.
fn some_of(mut words: Vec<String>) -> String {
    const SHOWN: usize = 4;
    if words.len() > SHOWN {
        let more = words.len() - SHOWN;
        words.truncate(SHOWN);
        words.push(format!("and {more} more"));
    }
    words.join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::tests::{change, step};
    use serde_json::json;

    #[track_caller]
    fn risk(field: &str, before: Value, after: Value, expected: &str) {
        let step = step(Action::Update, "token/acme/app", vec![change(field, before, after)]);
        let words = of(&step)
            .map(|risk| format!("{}: {}", risk.concern.as_str(), risk.words))
            .unwrap_or_default();
        assert_eq!(words, expected);
    }

    fn acl(uri: &str, methods: &[&str]) -> Value {
        json!({"type": 2, "acl": [{"uri": uri, "methods": methods, "ids": "all"}]})
    }

    #[test]
    fn a_deletion_is_the_worst_there_is() {
        for (address, words) in [
            ("limit/starter", "is deleted"),
            ("subaccount/acme", "is deleted; it is empty"),
            ("token/app", "is deleted, which locks out everyone who uses its key"),
        ] {
            let risk = of(&step(Action::Delete, address, Vec::new())).unwrap();
            assert_eq!((risk.concern, risk.words.as_str()), (Concern::Destroys, words));
        }
        assert!(Concern::ALL.is_sorted());
    }

    #[test]
    fn only_a_new_master_token_is_remarkable_among_the_new() {
        let access = |access| vec![change("access", Value::Null, access)];
        let new = |access_of| of(&step(Action::Create, "token/app", access(access_of)));
        assert_eq!(new(json!({"type": 1})).unwrap().concern, Concern::GainsRights);
        assert_eq!(new(json!({"type": 0})), None);
        assert_eq!(new(acl("gw/devices", &["GET"])), None);
    }

    #[test]
    fn rights_are_told_by_what_is_gained_and_lost() {
        let step = |before, after| {
            step(Action::Update, "token/acme/app", vec![change("access", before, after)])
        };
        let wider = step(acl("gw/devices", &["GET"]), acl("gw/devices", &["DELETE", "GET"]));
        let risk = of(&wider).unwrap();
        assert_eq!(risk.concern, Concern::GainsRights);
        assert!(risk.words.contains("DELETE"), "{}", risk.words);
        let narrower = step(acl("gw/devices", &["DELETE", "GET"]), acl("gw/devices", &["GET"]));
        assert_eq!(of(&narrower).unwrap().concern, Concern::LosesRights);
        let same = step(acl("gw/devices", &["GET"]), acl("gw/devices", &["GET"]));
        assert_eq!(of(&same), None);
    }

    #[test]
    fn what_stops_working_is_told() {
        risk("enabled", json!(true), json!(false), "disables: is disabled");
        risk("enabled", json!(false), json!(true), "gains rights: is enabled again");
        let words = "loses rights: devices_count is lowered from unlimited to 5";
        risk("devices_count", json!(-1), json!(5), words);
        risk("devices_count", json!(5), json!(-1), "");
        risk("blocking_duration", json!(60), json!(5), "");
        risk("info", json!("a"), json!("b"), "");
    }

    #[test]
    fn many_rights_are_told_by_the_first_few() {
        let words = some_of(["a", "b", "c", "d", "e", "f"].map(str::to_owned).to_vec());
        assert_eq!(words, "a; b; c; d; and 2 more");
    }
}
