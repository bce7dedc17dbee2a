//! Realms with their users, and grants, of the accounts of an estate.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

/// A realm.
#[derive(Debug, Clone, Default)]
pub(super) struct Portal {
    pub(super) name: String,
    /// How many hours a log-in lasts.
    pub(super) hours: u32,
    /// The account below in which its users live; none: the account of the realm.
    pub(super) home: Option<u32>,
    pub(super) users: Vec<User>,
}

/// A user of a realm.
#[derive(Debug, Clone, Default)]
pub(super) struct User {
    pub(super) name: String,
    /// Which password, if it has any.
    pub(super) secret: Option<u32>,
}

/// A grant.
#[derive(Debug, Clone, Default)]
pub(super) struct Share {
    pub(super) name: String,
    pub(super) may_edit: bool,
    /// The accounts that it is given to, by what they are whatever they are called.
    pub(super) to: BTreeSet<u32>,
}

/// An object of the account at `path`.
fn document(kind: &str, path: &str, mut metadata: Value, spec: &Value) -> Value {
    if !path.is_empty() {
        metadata["account"] = json!(path);
    }
    json!({"apiVersion": "flespi-gitops/v1", "kind": kind, "metadata": metadata, "spec": spec})
}

impl Portal {
    /// The manifests of the realm and its users in the account at `path`; `at` knows where accounts are.
    pub(super) fn manifests(&self, path: &str, at: &BTreeMap<u32, String>) -> Vec<Value> {
        let Self { name, hours, home, users } = self;
        let below = home.and_then(|id| at.get(&id));
        let below = below.and_then(|home| match path {
            "" => Some(home.as_str()),
            path => home.strip_prefix(path)?.strip_prefix('/'),
        });
        let mut spec = json!({"token_params": {"access": "standard", "ttl": format!("{hours}h")}});
        spec["home"] = below.map_or(json!("account"), |home| json!({"subaccount": home}));
        let mut all = vec![document("Realm", path, json!({"name": name}), &spec)];
        all.extend(users.iter().map(|user| {
            let mut spec = json!({"metadata": {"tag": "1"}});
            if let Some(version) = user.secret {
                spec["password"] = json!({"file": format!("../passwords/{version}")});
            }
            document("RealmUser", path, json!({"name": user.name, "realm": name}), &spec)
        }));
        all
    }
}

impl Share {
    /// The manifest of the grant in the account at `path`; `at` knows where accounts are.
    pub(super) fn manifest(&self, path: &str, at: &BTreeMap<u32, String>) -> Value {
        let Self { name, may_edit, to } = self;
        let to: Vec<&String> = to.iter().filter_map(|id| at.get(id)).collect();
        let access = if *may_edit { json!(["edit"]) } else { json!([]) };
        let spec = json!({"items": [{"type": "gw/devices"}], "access": access, "to": to});
        document("Grant", path, json!({"name": name}), &spec)
    }
}
