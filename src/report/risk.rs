//! Which steps a person should look at twice, and why: what is destroyed, disabled, gains rights or
//! loses them.
//!
//! Where rights cannot be compared for certain, they are told as gained: a reviewer who looks once
//! too often loses less than one who does not look.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::plan::{Action, Change, Step};
use crate::resource::{Kind, quota};

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

/// The risk of `step`, if it has one.
pub(super) fn of(step: &Step) -> Option<Risk> {
    let mut found: Vec<(Concern, String)> = match step.action {
        Action::Delete => vec![(Concern::Destroys, destroyed(step.address.kind).to_owned())],
        Action::Create => step.changes.iter().filter_map(granted).collect(),
        Action::Update | Action::Assign => step.changes.iter().flat_map(changed).collect(),
    };
    // Stable, so that what is equally bad stays in the order of the fields.
    found.sort_by_key(|(concern, _)| *concern);
    let (concern, _) = *found.first()?;
    let words: Vec<String> = found.into_iter().map(|(_, words)| words).collect();
    Some(Risk { concern, words: words.join("; ") })
}

fn destroyed(kind: Kind) -> &'static str {
    match kind {
        Kind::Limit => "is deleted",
        Kind::Subaccount => "is deleted, with everything in it",
        Kind::Token => "is deleted; whoever uses its key is locked out",
    }
}

/// Only a new token that can do everything is remarkable.
fn granted(change: &Change) -> Option<(Concern, String)> {
    let is_master = change.field == "access" && access_type(&change.after) == Some(MASTER);
    is_master.then(|| (Concern::GainsRights, "a new key that may do everything".to_owned()))
}

fn changed(change: &Change) -> Vec<(Concern, String)> {
    let Change { field, before, after, cause: _ } = change;
    match field.as_str() {
        "enabled" if *after == Value::Bool(false) => {
            vec![(Concern::Disables, "is disabled".to_owned())]
        }
        "enabled" if *before == Value::Bool(false) => {
            vec![(Concern::GainsRights, "is enabled again".to_owned())]
        }
        "access" => access(before, after),
        "ips" => bounds("IP", &masks(before), &masks(after)),
        "origins" => bounds("origin", &origins(before), &origins(after)),
        "credentials.email" if !before.is_null() => {
            vec![(Concern::GainsRights, "another e-mail logs in".to_owned())]
        }
        "credentials.password" if !before.is_null() => {
            vec![(Concern::LosesRights, "the old password stops working".to_owned())]
        }
        _ if quota::NAMES.contains(&field.as_str()) => lowered(field, before, after),
        _ => Vec::new(),
    }
}

/// A quota below use blocks what is in use.
fn lowered(field: &str, before: &Value, after: &Value) -> Vec<(Concern, String)> {
    let (Some(old), Some(new)) = (before.as_i64(), after.as_i64()) else { return Vec::new() };
    let size = |value| if value == quota::UNLIMITED { i64::MAX } else { value };
    if field == "blocking_duration" || size(new) >= size(old) {
        return Vec::new();
    }
    let name = |value: i64| match value {
        quota::UNLIMITED => "unlimited".to_owned(),
        value => value.to_string(),
    };
    vec![(Concern::LosesRights, format!("{field} is lowered from {} to {}", name(old), name(new)))]
}

const MASTER: i64 = 1;
const ACL: i64 = 2;

fn access_type(access: &Value) -> Option<i64> {
    access.get("type").and_then(Value::as_i64)
}

fn access(before: &Value, after: &Value) -> Vec<(Concern, String)> {
    match (access_type(before), access_type(after)) {
        (_, Some(MASTER)) => vec![(Concern::GainsRights, "may do everything".to_owned())],
        (Some(MASTER), _) => {
            vec![(Concern::LosesRights, "may not do everything any more".to_owned())]
        }
        (Some(ACL), Some(ACL)) => {
            let told = gained_and_lost(&rights(before), &rights(after), "gains", "loses");
            match told.is_empty() {
                true => vec![(Concern::GainsRights, "its access list changes".to_owned())],
                false => told,
            }
        }
        _ => vec![(Concern::GainsRights, "has another type of access".to_owned())],
    }
}

/// Every single thing that something allows, and what to call it.
type Rights = BTreeMap<String, String>;

/// Every single thing that the entries of an access list allow.
fn rights(access: &Value) -> Rights {
    let entries = access.get("acl").and_then(Value::as_array).into_iter().flatten();
    entries.flat_map(entry_rights).collect()
}

/// More items than this are counted.
const LISTED: usize = 4;

fn entry_rights(entry: &Value) -> Vec<(String, String)> {
    let text = |key: &str| entry.get(key).and_then(Value::as_str);
    let words = |key: &str| entry.get(key).and_then(Value::as_array);
    let mut place = text("uri").unwrap_or("anything").to_owned();
    if let Some(topic) = text("topic") {
        place.push_str(&format!(" {topic}"));
    }
    let mut bounds = String::new();
    for key in ["ids", "submodules"] {
        match entry.get(key) {
            None => {}
            Some(Value::String(all)) if all == "all" => {}
            Some(bound) => {
                bounds.push_str(&format!(" {key} {bound}"));
                place.push_str(&match bound.as_array() {
                    Some(items) if items.len() > LISTED => format!(" with {} {key}", items.len()),
                    _ => format!(" with {key} {bound}"),
                });
            }
        }
    }
    let one = |verb: &str| (format!("{verb} {place}{bounds}"), format!("{verb} on {place}"));
    match words("methods").or_else(|| words("actions")) {
        None => vec![one("anything")],
        Some(verbs) => verbs.iter().map(|verb| one(verb.as_str().unwrap_or("anything"))).collect(),
    }
}

/// The bounds of a token; `None` when there are none.
type Bounds = Option<BTreeSet<String>>;

fn masks(ips: &Value) -> Bounds {
    let masks = ips.as_str().unwrap_or_default().split(',').filter(|mask| !mask.is_empty());
    let masks: BTreeSet<String> = masks.map(str::to_owned).collect();
    (!masks.is_empty()).then_some(masks)
}

fn origins(origins: &Value) -> Bounds {
    let text = |origin: &Value| origin.as_str().map_or_else(|| origin.to_string(), str::to_owned);
    origins.as_array().map(|origins| origins.iter().map(text).collect())
}

fn bounds(what: &str, before: &Bounds, after: &Bounds) -> Vec<(Concern, String)> {
    match (before, after) {
        (None, None) => Vec::new(),
        (Some(_), None) => vec![(Concern::GainsRights, format!("loses its {what} bound"))],
        (None, Some(_)) => vec![(Concern::LosesRights, format!("is bound by {what}"))],
        (Some(before), Some(after)) => {
            let named =
                |set: &BTreeSet<String>| set.iter().map(|m| (m.clone(), m.clone())).collect();
            let (gains, loses) = (format!("gains {what}"), format!("loses {what}"));
            gained_and_lost(&named(before), &named(after), &gains, &loses)
        }
    }
}

fn gained_and_lost(
    before: &Rights,
    after: &Rights,
    gains: &str,
    loses: &str,
) -> Vec<(Concern, String)> {
    let list = |verb: &str, items: Vec<String>| match items.is_empty() {
        true => None,
        false => Some(format!("{verb} {}", some_of(&items))),
    };
    let only_in = |one: &Rights, other: &Rights| -> Vec<String> {
        let only = one.iter().filter(|(right, _)| !other.contains_key(*right));
        only.map(|(_, words)| words.clone()).collect()
    };
    let gained = list(gains, only_in(after, before));
    let lost = list(loses, only_in(before, after));
    let gained = gained.map(|words| (Concern::GainsRights, words));
    gained.into_iter().chain(lost.map(|words| (Concern::LosesRights, words))).collect()
}

/// The first few; all of them stand among the changes.
fn some_of(items: &[String]) -> String {
    const SHOWN: usize = 6;
    let mut shown: Vec<String> = items.iter().take(SHOWN).cloned().collect();
    if items.len() > SHOWN {
        shown.push(format!("{} more", items.len() - SHOWN));
    }
    shown.join(", ")
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
            ("subaccount/acme", "is deleted, with everything in it"),
            ("token/app", "is deleted; whoever uses its key is locked out"),
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
    fn access_is_told_by_what_it_adds_and_takes() {
        let master = || json!({"type": 1});
        risk("access", json!({"type": 0}), master(), "gains rights: may do everything");
        risk(
            "access",
            master(),
            json!({"type": 0}),
            "loses rights: may not do everything any more",
        );
        risk(
            "access",
            json!({"type": 0}),
            acl("gw/devices", &["GET"]),
            "gains rights: has another type of access",
        );
        risk(
            "access",
            acl("gw/devices", &["GET", "POST"]),
            acl("gw/devices", &["DELETE", "GET"]),
            "gains rights: gains DELETE on gw/devices; loses POST on gw/devices",
        );
        risk(
            "access",
            acl("gw/devices", &["GET", "POST"]),
            acl("gw/devices", &["GET"]),
            "loses rights: loses POST on gw/devices",
        );
        risk(
            "access",
            json!({"type": 2, "acl": [], "templating": true}),
            json!({"type": 2, "acl": []}),
            "gains rights: its access list changes",
        );
    }

    #[test]
    fn a_narrower_set_of_ids_is_told_on_both_sides_rather_than_guessed() {
        let ids = |ids: Value| json!({"type": 2, "acl": [{"uri": "gw/devices", "methods": ["GET"], "ids": ids}]});
        risk(
            "access",
            ids(json!([1, 2])),
            ids(json!([1])),
            "gains rights: gains GET on gw/devices with ids [1]; \
             loses GET on gw/devices with ids [1,2]",
        );
    }

    #[test]
    fn bounds_are_rights_too() {
        risk("ips", json!("10.0.0.*"), json!(""), "gains rights: loses its IP bound");
        risk("ips", json!(""), json!("10.0.0.*"), "loses rights: is bound by IP");
        risk("ips", json!("a"), json!("a,b"), "gains rights: gains IP b");
        risk("origins", json!(["x"]), json!("*"), "gains rights: loses its origin bound");
        risk("origins", json!(["x"]), json!([]), "loses rights: loses origin x");
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
        let uris = ["a", "b", "c", "d", "e", "f", "g", "h"];
        let entries: Vec<Value> =
            uris.iter().map(|uri| json!({"uri": uri, "methods": ["GET"]})).collect();
        let after = json!({"type": 2, "acl": entries});
        let step = step(
            Action::Update,
            "token/app",
            vec![change("access", json!({"type": 2, "acl": []}), after)],
        );
        let words = of(&step).unwrap().words;
        assert!(words.ends_with("GET on f, 2 more"), "{words}");
    }
}
