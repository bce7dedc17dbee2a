//! One entry of an access list, in one form.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::method::Method;
use super::topic::{self, Filter};

/// Modules that no access list can grant, and words that people write for them (token article).
pub const NEVER_GRANTED: [&str; 10] = [
    "platform",
    "auth",
    "tokens",
    "limits",
    "subaccounts",
    "realms",
    "grants",
    "webhooks",
    "customer",
    "billing",
];

/// Modules whose requests are about items with ids and submodules; the others are granted as a whole.
pub(super) fn has_items(module: &str) -> bool {
    matches!(module, "gw" | "storage")
}

/// What one entry grants over REST.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    /// The place of the entry in the list, from zero.
    pub entry: usize,
    /// `gw`, `storage`, `mqtt`, `ai`.
    pub module: String,
    /// `devices`; none for the whole module.
    pub item_type: Option<String>,
    /// What may be done with the items themselves.
    pub methods: BTreeSet<Method>,
    /// Which items.
    pub ids: Ids,
    /// What may be done inside them.
    pub submodules: Submodules,
}

/// Which items an entry is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ids {
    /// Every item.
    All,
    /// Those that were put into groups.
    InGroups,
    /// These.
    These(BTreeSet<i64>),
    /// Those that a manifest selects by what they are called, of which it is not known here which they are.
    Selected,
}

/// What may be done inside the items of an entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Submodules {
    /// The entry's own methods, in every submodule.
    Every,
    /// These methods in these submodules.
    Named(BTreeMap<String, BTreeSet<Method>>),
}

/// What one entry grants over MQTT.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopicGrant {
    /// The place of the entry in the list, from zero.
    pub entry: usize,
    /// The filter as it stands in the list.
    pub text: String,
    /// The filter.
    pub(super) filter: Filter,
    /// Whether messages may be sent.
    pub publish: bool,
    /// Whether messages may be received.
    pub subscribe: bool,
}

impl Grant {
    /// What `entry`, at `index` of its list, grants over REST. What the platform would not understand grants nothing.
    pub(super) fn of(index: usize, entry: &Value) -> Option<Self> {
        let uri = entry.get("uri")?.as_str()?.trim_matches('/');
        let (module, item_type) = match uri.split_once('/') {
            Some((module, item_type)) => (module, Some(item_type.to_owned())),
            None => (uri, None),
        };
        if NEVER_GRANTED.contains(&module) {
            return None;
        }
        let (ids, submodules) = match has_items(module) {
            true => (Ids::of(entry.get("ids")), Submodules::of(entry.get("submodules"))),
            false => (Ids::All, Submodules::Every),
        };
        let methods = methods(entry.get("methods"));
        Some(Self { entry: index, module: module.to_owned(), item_type, methods, ids, submodules })
    }

    /// Whether the entry is about items of this type.
    pub(super) fn is_about(&self, module: &str, item_type: Option<&str>) -> bool {
        self.module == module
            && (self.item_type.is_none() || self.item_type.as_deref() == item_type)
    }

    /// What may be done with the items themselves, or inside them.
    pub(super) fn methods_in(&self, submodule: Option<&str>) -> Option<&BTreeSet<Method>> {
        match (submodule, &self.submodules) {
            (None, _) | (Some(_), Submodules::Every) => Some(&self.methods),
            (Some(name), Submodules::Named(named)) => named.get(name),
        }
    }

    /// How people call what the entry is about.
    pub(super) fn uri(&self) -> String {
        match &self.item_type {
            Some(item_type) => format!("{}/{item_type}", self.module),
            None => self.module.clone(),
        }
    }
}

impl Ids {
    fn of(value: Option<&Value>) -> Self {
        match value {
            Some(Value::String(word)) if word == "in-groups" => Self::InGroups,
            Some(Value::Array(ids)) => Self::These(ids.iter().filter_map(Value::as_i64).collect()),
            Some(Value::Object(_)) => Self::Selected,
            // Left out means all (assumption 19).
            _ => Self::All,
        }
    }
}

impl Submodules {
    fn of(value: Option<&Value>) -> Self {
        let Some(Value::Array(items)) = value else {
            return Self::Every;
        };
        let mut named: BTreeMap<String, BTreeSet<Method>> = BTreeMap::new();
        for item in items {
            if let Some(name) = item.get("name").and_then(Value::as_str) {
                named.entry(name.to_owned()).or_default().extend(methods(item.get("methods")));
            }
        }
        Self::Named(named)
    }
}

impl TopicGrant {
    /// What `entry`, at `index` of its list, grants over MQTT.
    pub(super) fn of(index: usize, entry: &Value) -> Option<Self> {
        if entry.get("uri")?.as_str()?.trim_matches('/') != "mqtt" {
            return None;
        }
        let text = entry.get("topic")?.as_str()?;
        let filter = topic::filter(text).ok().filter(|filter| !topic::is_platform(filter))?;
        let actions = entry.get("actions").and_then(Value::as_array);
        let may = |action: &str| {
            actions.is_some_and(|actions| actions.iter().any(|it| it.as_str() == Some(action)))
        };
        let (publish, subscribe) = (may("publish"), may("subscribe"));
        Some(Self { entry: index, text: text.to_owned(), filter, publish, subscribe })
    }
}

fn methods(value: Option<&Value>) -> BTreeSet<Method> {
    let items = value.and_then(Value::as_array).into_iter().flatten();
    items.filter_map(|item| item.as_str()?.parse().ok()).collect()
}
