//! Subaccounts: the limit by its name, and the log-in without its password.

use serde_json::{Value, json};

use super::written::Written;
use crate::export::spec::Spec;
use crate::resource::kinds::LIMIT_FIELD;
use crate::resource::{Address, Kind};

pub(super) fn write(written: &Written<'_>, spec: &mut Spec<'_>) {
    let object = written.object;
    if let Some((_, (kind, id))) = object.refs().find(|(field, _)| *field == LIMIT_FIELD) {
        limit(written, kind, id, spec);
    }
    if object.field("enabled") == Some(Value::Bool(false)) {
        spec.field("enabled", false);
    }
    let mark = object.mark_of(written.nameable.stack);
    let email = object.field("email").unwrap_or_default();
    let text = email.as_str().filter(|email| !email.is_empty());
    let request = mark.and_then(|mark| mark.email_requested.as_ref());
    let request = request.filter(|it| it.before.eq_ignore_ascii_case(text.unwrap_or_default()));
    let wanted = request.map(|request| request.address.as_str());
    let has_password = mark.is_some_and(|mark| mark.password.is_some());
    // What was requested is wanted as long as nobody changed the address otherwise.
    let Some(email) = wanted.or(text) else { return };
    spec.field("credentials", json!({"email": email}));
    spec.block.comment(match has_password {
        true => "credentials.password: was set by this stack; add its source to keep managing it",
        false => "credentials.password: is not readable; add a source to set one",
    });
}

/// Which limit it is: by its name where that is enough, and else with its account.
fn limit(written: &Written<'_>, kind: Kind, id: i64, spec: &mut Spec<'_>) {
    let Written { address, nameable, .. } = written;
    match nameable.addresses.get(&(kind, id)) {
        Some(limit)
            if nameable.declared.contains(limit) && limit.account.contains(&address.account) =>
        {
            let nearest = address
                .account
                .self_and_ancestors()
                .map(|account| Address::new(kind, account, limit.name.clone()))
                .find(|candidate| nameable.declared.contains(candidate));
            match nearest.as_ref() == Some(limit) {
                true => spec.field("limit", limit.name.as_str()),
                false => spec.field(
                    "limit",
                    json!({"account": limit.account.to_string(), "name": limit.name}),
                ),
            }
        }
        Some(limit) => spec.block.comment(&format!(
            "limit: it has limit {limit}, which these manifests cannot name; it keeps it"
        )),
        // The account of our token may itself be a subaccount, and its parent's limits are out of sight.
        None => spec.block.comment(&format!(
            "limit: it has limit {id} of an account above this one, which manifests cannot name; it keeps it"
        )),
    }
}
