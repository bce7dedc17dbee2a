//! Grants: the accounts that they are given to by their paths.

use serde_json::{Value, json};

use super::written::Written;
use crate::assumptions::GRANT_WORDS_FIELD;
use crate::export::spec::Spec;
use crate::resource::canonical::canonical;
use crate::resource::{Address, Kind};

pub(super) fn write(written: &Written<'_>, spec: &mut Spec<'_>) {
    let Written { object, nameable, .. } = written;
    let found =
        |field: &str| canonical(object.kind, field, &object.field(field).unwrap_or_default());
    let mut items = found("items");
    if let Some(members) = items.as_object_mut()
        && members.get("ids") == Some(&json!("all"))
    {
        members.remove("ids");
    }
    spec.field("items", json!([items]));
    let access = found(GRANT_WORDS_FIELD);
    if access.as_array().is_some_and(|words| !words.is_empty()) {
        spec.field("access", access);
    }
    let to = written.linked().into_iter().map(|id| {
        let known = nameable.addresses.get(&(Kind::ACCOUNT, id));
        let known = known.filter(|address| nameable.declared.contains(address));
        match known.and_then(Address::as_account) {
            Some(path) => Value::from(path.to_string()),
            None => json!({"id": id}),
        }
    });
    let to: Vec<Value> = to.collect();
    if !to.is_empty() {
        spec.field("to", to);
    }
}
