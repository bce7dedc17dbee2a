//! Who may do what in telematics: the decision about one call, from nothing but the token's access and the call.
//!
//! What is not allowed is forbidden. Rules only ever grant, so the answer is the union of what each entry of the list
//! gives. The methods of an entry are for the items themselves and are not inherited: a submodule that is listed has its
//! own. An entry that lists no submodules at all opens every one of them within its own scope (section 5.4 of the fact
//! sheet).

use std::collections::BTreeSet;

use serde_json::Value;

use super::access;

/// What a call is about to do.
#[derive(Clone, Copy, Debug)]
pub(super) struct Action<'a> {
    pub(super) method: &'a str,
    /// `gw/devices`, `storage/cdns`, `mqtt`, `ai`.
    pub(super) uri: &'a str,
    /// `messages`, `settings`; `None` for the items themselves.
    pub(super) submodule: Option<&'a str>,
    /// What an entry opens in the submodules that it does not list.
    pub(super) open_submodules: OpenSubmodules,
}

/// The reading of an entry without `submodules`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum OpenSubmodules {
    /// Every submodule, with the methods of the entry.
    EntryMethods,
    /// Every submodule, with every method.
    AllMethods,
}

/// The answer: which items the call may touch.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Decision {
    everything: bool,
    in_groups: bool,
    ids: BTreeSet<u64>,
}

impl Decision {
    /// No restriction at all.
    pub(super) fn everything() -> Self {
        Self { everything: true, ..Self::default() }
    }

    /// Whether nothing may be touched.
    pub(super) fn is_nothing(&self) -> bool {
        !self.everything && !self.in_groups && self.ids.is_empty()
    }

    /// Whether all items may be touched, those that are yet to be created included.
    pub(super) fn is_everything(&self) -> bool {
        self.everything
    }

    /// Whether one item may be touched; `is_grouped` tells whether it is in a group.
    pub(super) fn covers(&self, id: u64, is_grouped: bool) -> bool {
        self.everything || self.in_groups && is_grouped || self.ids.contains(&id)
    }
}

/// Decides about one call of a token with this `access`.
pub(super) fn may(access: &Value, action: &Action<'_>) -> Decision {
    match access.get("type").and_then(Value::as_u64).unwrap_or(access::STANDARD) {
        access::STANDARD | access::MASTER => Decision::everything(),
        access::ACL => {
            let entries = access.get("acl").and_then(Value::as_array);
            let mut decision = Decision::default();
            for entry in entries.into_iter().flatten().filter(|entry| opens(entry, action)) {
                add_scope(&mut decision, entry.get("ids"));
            }
            decision
        }
        _ => Decision::default(),
    }
}

/// Whether an entry opens the call for at least some items.
fn opens(entry: &Value, action: &Action<'_>) -> bool {
    let Some(uri) = entry.get("uri").and_then(Value::as_str) else { return false };
    // `gw` and `storage` by themselves stand for all their collections.
    let module = action.uri.split('/').next();
    if uri != action.uri && Some(uri) != module {
        return false;
    }
    let lists = |holder: &Value| {
        let methods = holder.get("methods").and_then(Value::as_array);
        methods.is_some_and(|methods| methods.iter().any(|method| method == action.method))
    };
    let Some(submodule) = action.submodule else { return lists(entry) };
    match entry.get("submodules").and_then(Value::as_array) {
        None => action.open_submodules == OpenSubmodules::AllMethods || lists(entry),
        Some(listed) => listed
            .iter()
            .any(|one| one.get("name").and_then(Value::as_str) == Some(submodule) && lists(one)),
    }
}

fn add_scope(decision: &mut Decision, ids: Option<&Value>) {
    match ids {
        Some(Value::Array(ids)) => decision.ids.extend(ids.iter().filter_map(Value::as_u64)),
        Some(Value::String(word)) if word == "in-groups" => decision.in_groups = true,
        None => decision.everything = true,
        Some(Value::String(word)) if word == "all" => decision.everything = true,
        Some(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{Action, Decision, OpenSubmodules, may};

    fn decide(entries: Value, method: &str, path: &str) -> Decision {
        let (uri, submodule) = match path.split(' ').collect::<Vec<_>>()[..] {
            [uri, submodule] => (uri, Some(submodule)),
            _ => (path, None),
        };
        let open_submodules = OpenSubmodules::EntryMethods;
        let action = Action { method, uri, submodule, open_submodules };
        may(&json!({"type": 2, "acl": entries}), &action)
    }

    fn is_open(entry: Value, method: &str, path: &str) -> bool {
        !decide(json!([entry]), method, path).is_nothing()
    }

    #[test]
    fn what_is_not_allowed_is_forbidden() {
        assert!(decide(json!([]), "GET", "gw/devices").is_nothing());
        let creator = json!({"uri": "gw/devices", "methods": ["POST"]});
        assert!(is_open(creator.clone(), "POST", "gw/devices"));
        assert!(!is_open(creator.clone(), "GET", "gw/devices"), "not even what it created");
        assert!(!is_open(creator, "POST", "gw/channels"));
        assert!(!is_open(json!({"uri": "gw/devices"}), "GET", "gw/devices"), "no methods listed");
    }

    #[test]
    fn patch_is_a_method_of_its_own() {
        let entry = json!({"uri": "gw/devices", "methods": ["GET", "PUT"]});
        assert!(!is_open(entry, "PATCH", "gw/devices"));
    }

    #[test]
    fn ids_are_all_when_absent_and_otherwise_those_listed() {
        let decision = |ids: Value| {
            decide(
                json!([{"uri": "gw/devices", "methods": ["GET"], "ids": ids}]),
                "GET",
                "gw/devices",
            )
        };
        assert!(decision(json!("all")).is_everything());
        assert!(decision(json!([7])).covers(7, false));
        assert!(!decision(json!([7])).covers(8, true));
        assert!(decision(json!([])).is_nothing());
        assert!(decision(json!("in-groups")).covers(8, true));
        assert!(!decision(json!("in-groups")).covers(8, false));
        let absent = json!([{"uri": "gw/devices", "methods": ["GET"]}]);
        assert!(decide(absent, "GET", "gw/devices").is_everything());
    }

    #[test]
    fn entries_add_up() {
        let entries = json!([
            {"uri": "gw/devices", "methods": ["GET"], "ids": [1]},
            {"uri": "gw/devices", "methods": ["GET"], "ids": [2]},
            {"uri": "gw/devices", "methods": ["DELETE"], "ids": [3]},
        ]);
        let decision = decide(entries, "GET", "gw/devices");
        assert_eq!([1, 2, 3].map(|id| decision.covers(id, false)), [true, true, false]);
    }

    #[test]
    fn submodules_are_all_open_when_absent_and_none_when_empty() {
        let free = json!({"uri": "gw/devices", "methods": ["GET"]});
        assert!(is_open(free.clone(), "GET", "gw/devices messages"));
        assert!(!is_open(free, "DELETE", "gw/devices messages"), "within the scope of the entry");
        let none = json!({"uri": "gw/devices", "methods": ["GET"], "submodules": []});
        assert!(is_open(none.clone(), "GET", "gw/devices"));
        assert!(!is_open(none, "GET", "gw/devices messages"));
    }

    #[test]
    fn methods_are_not_inherited_by_a_listed_submodule() {
        let entry = json!({"uri": "gw/devices", "methods": ["GET", "DELETE"],
            "submodules": [{"name": "messages"}, {"name": "settings", "methods": ["PUT"]}]});
        assert!(!is_open(entry.clone(), "GET", "gw/devices messages"));
        assert!(!is_open(entry.clone(), "GET", "gw/devices settings"));
        assert!(is_open(entry.clone(), "PUT", "gw/devices settings"));
        assert!(!is_open(entry, "PUT", "gw/devices"), "nor the other way round");
    }

    #[test]
    fn a_whole_module_can_be_opened() {
        let entry = json!({"uri": "gw", "methods": ["GET"]});
        assert!(is_open(entry.clone(), "GET", "gw/streams"));
        assert!(is_open(entry.clone(), "GET", "gw/calcs intervals"));
        assert!(!is_open(entry, "GET", "storage/cdns"));
    }

    #[test]
    fn standard_and_master_tokens_may_do_everything_and_internal_ones_nothing() {
        let open_submodules = OpenSubmodules::EntryMethods;
        let action =
            Action { method: "DELETE", uri: "gw/devices", submodule: None, open_submodules };
        assert!(may(&json!({"type": 0}), &action).is_everything());
        assert!(may(&json!({"type": 1}), &action).is_everything());
        assert!(may(&json!({"type": 3}), &action).is_nothing());
        assert!(may(&Value::Null, &action).is_everything(), "a stored token without access");
    }
}
