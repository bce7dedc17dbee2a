//! Realms: where users live and how they log in, by the names of what is declared.

use serde_json::{Value, json};

use super::token;
use super::written::Written;
use crate::export::spec::Spec;
use crate::observe::Object;
use crate::resource::canonical::canonical;
use crate::resource::{Address, Kind};

/// What is said of a home that no manifest can name.
const STAYS: &str = "which these manifests cannot name; it stays as it is";

pub(super) fn write(written: &Written<'_>, spec: &mut Spec<'_>) {
    let object = written.object;
    match home(written) {
        Ok(Some(home)) => spec.field("home", home),
        Ok(None) => {}
        Err(id) => spec.block.comment(&format!("home: uses {id}, {STAYS}")),
    }
    token_params(object, spec);
    let providers = written.linked();
    let account = &written.address.account;
    let names: Option<Vec<&str>> =
        providers.iter().map(|id| written.nearest(Kind::IdentityProvider, *id, account)).collect();
    match names {
        _ if providers.is_empty() => {}
        Some(names) => spec.field("identity_providers", names),
        None => spec.block.comment(&format!("identity_providers: has some {STAYS}")),
    }
}

/// Bounds of the tokens of log-ins, if there are any.
pub(super) fn token_params(object: &Object, spec: &mut Spec<'_>) {
    let found = object.field("token_params").unwrap_or_default();
    let params = token::params(&canonical(object.kind, "token_params", &found), spec);
    if !params.is_empty() {
        spec.field("token_params", Value::Object(params));
    }
}

/// The home in the words of manifests; none where the realm is at home in its own account. The error is the object that has
/// no name.
fn home(written: &Written<'_>) -> Result<Option<Value>, String> {
    let Written { object, address, nameable } = written;
    let found = canonical(object.kind, "home", &object.field("home").unwrap_or_default());
    let id = |member: &str| found.get(member).and_then(Value::as_i64);
    let account = |id: i64| {
        let known = nameable.addresses.get(&(Kind::ACCOUNT, id));
        let known = known.filter(|it| nameable.declared.contains(it)).and_then(Address::as_account);
        let path = known.as_ref().and_then(|path| {
            let path = path.to_string();
            match address.account.is_root() {
                true => Some(path),
                false => Some(path.strip_prefix(&format!("{}/", address.account))?.to_owned()),
            }
        });
        known.zip(path).ok_or_else(|| format!("subaccount {id}"))
    };
    match (found.get("type").and_then(Value::as_i64), id("subaccount_id")) {
        (Some(0), _) => Ok(None),
        (Some(1), Some(id)) => Ok(Some(json!({"subaccount": account(id)?.1}))),
        (Some(2), under) => {
            let mut per_user = serde_json::Map::new();
            let mut holder = address.account.clone();
            if let Some(id) = under {
                let (path, name) = account(id)?;
                holder = path;
                per_user.insert("under".to_owned(), name.into());
            }
            if let Some(id) = id("limit_id") {
                let limit = written.nearest(Kind::Limit, id, &holder);
                per_user
                    .insert("limit".to_owned(), limit.ok_or_else(|| format!("limit {id}"))?.into());
            }
            Ok(Some(json!({"per_user": per_user})))
        }
        _ => Err("something".to_owned()),
    }
}
