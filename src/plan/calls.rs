//! Whether an account may make the calls that it has to make itself.
//!
//! Most calls are those of the root account's token. E-mail and password are set with a token of the account itself, so
//! these calls count for it and for every account above it: where one of them is allowed none, the platform refuses them
//! for ever, and a run that waited for it would wait in vain.

use super::bind::Binding;
use super::context::Context;
use crate::observe::Object;
use crate::resource::kinds::LIMIT_FIELD;
use crate::resource::{AccountPath, Address};

/// The quota of calls, per minute.
const QUOTA: &str = "api_calls";

/// Why the declared account cannot make a call of its own once its limits are assigned; none if it can.
pub(super) fn forbidden(context: &Context<'_>) -> Option<String> {
    let own = context.declared.address.as_account()?;
    own.self_and_ancestors().filter(|path| !path.is_root()).find_map(|path| {
        let (limit, calls) = quota(context, &path)?;
        (calls == 0).then(|| {
            format!(
                "{limit} allows account {path} no API calls, and setting them takes calls of the account itself"
            )
        })
    })
}

/// The limit that fences the account at `path`, and how many calls it allows; none where nothing says so.
fn quota(context: &Context<'_>, path: &AccountPath) -> Option<(String, i64)> {
    let address = Address::of_account(path)?;
    let Some(limit) = context.desired.get(&address).and_then(|it| it.limit()) else {
        let account = found(context, &address)?;
        let (_, (kind, id)) = account.refs().find(|(field, _)| *field == LIMIT_FIELD)?;
        let limit = context.actual.get(kind, id)?;
        return Some((format!("{kind} {id}"), limit.number(QUOTA)?));
    };
    let declared = context.desired.get(limit).and_then(|it| it.fields.number(QUOTA));
    let there = || found(context, limit).and_then(|limit| limit.number(QUOTA));
    Some((limit.to_string(), declared.or_else(there)?))
}

fn found<'a>(context: &Context<'a>, address: &Address) -> Option<&'a Object> {
    match context.bindings.get(address) {
        Some(Binding::Found(object, _)) => Some(object),
        _ => None,
    }
}
