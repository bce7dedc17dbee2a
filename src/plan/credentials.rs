//! Whether e-mail and password of a subaccount have to be set.

use serde_json::Value;

use super::calls;
use super::context::Context;
use super::decision::Verdict;
use super::diff;
use super::draft::Draft;
use super::effect::{CredentialsEffect, Effect};
use super::email::{self, EMAIL_FIELD, canonical_email, is_same};
use super::entry::Pending;
use super::id::StepId;
use super::secrets;
use super::step::{Action, Cause, Change};
use crate::assumptions::{EMAIL_LINK_SECONDS, PASSWORD_FORM};
use crate::observe::Object;
use crate::resource::{At, EmailRequest, Kind, Phase, Right};
use crate::secret::Source;

/// The field that the password of a subaccount is shown as.
const PASSWORD_FIELD: &str = "credentials.password";

/// A change of credentials, and why it is made.
struct Wanted<T> {
    value: T,
    change: Change,
    reason: String,
}

/// Decides about the credentials of a declared subaccount. `object` is the subaccount as it is, or
/// `None` if this plan makes it.
pub(super) fn decide(
    context: &Context<'_>,
    object: Option<&Object>,
    needs: Vec<StepId>,
    draft: &mut Draft,
) -> Verdict {
    let declared = context.declared;
    let Some(wanted) = &declared.credentials else {
        return Ok(None);
    };
    if object.is_some() && !declared.lifecycle.allows(Right::Update) {
        return Ok(None);
    }
    // An account without a password that can be set gets no mail either.
    let mark = object.and_then(|object| object.mark_of(&context.desired.stack));
    let password = wanted.password.as_ref().map(|source| secrets::Wanted {
        field: PASSWORD_FIELD,
        what: "password",
        source,
        form: wanted.form.unwrap_or(PASSWORD_FORM),
        least: wanted.least,
        known: mark.and_then(|mark| mark.password.clone()),
        is_new: object.is_none(),
    });
    if let Some(reason) = password.as_ref().and_then(|it| it.obstacle(context)) {
        return Err(format!("cannot set its password: {reason}"));
    }
    let email = wanted.email.as_deref();
    let email = email.and_then(|wanted| wanted_email(context, object, wanted, draft));
    let password = password.and_then(|password| wanted_password(context, &password, draft));
    if email.is_none() && password.is_none() {
        return Ok(None);
    }
    if let Some(reason) = calls::forbidden(context) {
        return Err(format!("cannot set its credentials: {reason}"));
    }
    if let Some(reason) = context.actual.unknown.get(&Kind::KEY) {
        return Err(format!(
            "credentials are set with a token, but tokens could not be read: {reason}"
        ));
    }
    let reasons = email.iter().map(|it| &*it.reason).chain(password.iter().map(|it| &*it.reason));
    let reason = reasons.collect::<Vec<_>>().join("; ");
    let (email, email_change) = email.map(|it| (it.value, it.change)).unzip();
    let (password, password_change) = password.map(|it| (it.value, it.change)).unzip();
    let effect = CredentialsEffect {
        stack: context.desired.stack.clone(),
        owner: context.owner_id(),
        id: object.map(|object| object.id),
        metadata: object.map(Object::metadata).unwrap_or_default(),
        email_before: object.and_then(email::current).unwrap_or_default(),
        email,
        password,
        form: wanted.form,
        least: wanted.least,
    };
    let effect = Effect::Credentials(Box::new(effect));
    let mut step = context.step(Phase::Credentials, Action::Update, effect);
    step.needs = needs;
    step.changes = email_change.into_iter().chain(password_change).collect();
    step.reason = reason;
    step.relies_on = object.map(diff::found_fields).unwrap_or_default();
    Ok(Some(step))
}

/// The e-mail address to ask for, if it is not there and not already on its way.
fn wanted_email(
    context: &Context<'_>,
    object: Option<&Object>,
    wanted: &str,
    draft: &mut Draft,
) -> Option<Wanted<String>> {
    let declared = context.declared;
    let current = object.and_then(email::current);
    let current = current.as_deref();
    if current.is_some_and(|current| is_same(current, wanted)) {
        return None;
    }
    let mark = object.and_then(|object| object.mark_of(&context.desired.stack));
    let request = mark.and_then(|mark| mark.email_requested.as_deref());
    let request = request.filter(|request| is_same(&request.address, wanted));
    let was_applied = mark.is_some_and(|mark| {
        mark.applied.matches(EMAIL_FIELD, &canonical_email(wanted)) == Some(true)
    });
    let there = current.unwrap_or("not set");
    let is_untouched = |it: &&EmailRequest| is_same(&it.before, current.unwrap_or_default());
    let (cause, reason) = match request {
        Some(request) if is_untouched(&request) => {
            let age = context.actual.time.now.saturating_sub(request.at);
            if age < EMAIL_LINK_SECONDS || context.actual.time.doubt.is_some() {
                draft.pending.push(Pending {
                    address: declared.address.clone(),
                    reason: format!(
                        "e-mail {wanted} was requested {} and takes effect when the link in the \
                         platform's mail is opened",
                        At(request.at)
                    ),
                });
                return None;
            }
            let since = At(request.at);
            (
                Cause::Edited,
                format!("the link in the mail of {since} was not opened; requested again"),
            )
        }
        Some(_) => (Cause::Drift, format!("the e-mail is {there}: it was changed elsewhere")),
        None if was_applied => {
            (Cause::Drift, format!("the e-mail is {there}: it was changed elsewhere"))
        }
        None if object.is_none() => (Cause::New, format!("the e-mail is {there}")),
        None => (Cause::Edited, format!("the e-mail is {there}")),
    };
    let change = Change {
        field: EMAIL_FIELD.to_owned(),
        before: current.map_or(Value::Null, Value::from),
        after: Value::from(wanted),
        cause,
    };
    if let Some(object) = object
        && let Some(drifted) = diff::left(declared, object, &change)
    {
        draft.leave(drifted);
        return None;
    }
    let place = declared.field_origins.get(EMAIL_FIELD).unwrap_or(&declared.origin);
    let reason = format!("{reason}, and {wanted} at {place}");
    Some(Wanted { value: wanted.to_owned(), change, reason })
}

/// The password to set, if it is another one than was set last.
fn wanted_password(
    context: &Context<'_>,
    password: &secrets::Wanted<'_>,
    draft: &mut Draft,
) -> Option<Wanted<Source>> {
    let (change, reason) = password.change(context, draft)?;
    Some(Wanted { value: password.source.clone(), change, reason })
}
