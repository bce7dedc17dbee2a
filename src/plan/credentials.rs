//! Whether e-mail and password of a subaccount have to be set.

use serde_json::Value;

use super::declared::Context;
use super::diff;
use super::step::{Action, Cause, Change, CredentialsEffect, Draft, Effect, Pending, StepId};
use crate::observe::{Object, Password};
use crate::resource::{Kind, Phase, Right};

/// Adds the credentials step of a declared subaccount, if one is needed. `object` is the
/// subaccount as it is, or `None` if this plan makes it.
pub(super) fn steps(
    context: &Context<'_>,
    object: Option<&Object>,
    needs: Vec<StepId>,
    draft: &mut Draft,
) {
    let declared = context.declared;
    let Some(wanted) = &declared.credentials else {
        return;
    };
    if object.is_some() && !declared.lifecycle.allows(Right::Update) {
        return;
    }
    let mut changes = Vec::new();
    let mut reasons = Vec::new();
    let cause = if object.is_some() { Cause::Edited } else { Cause::New };

    let current = object.and_then(|object| object.fields.get("email")).and_then(Value::as_str);
    let current = current.filter(|email| !email.is_empty());
    let requested = object
        .and_then(|object| object.mark_of(&context.desired.stack))
        .and_then(|mark| mark.email_requested.as_deref());
    let mut email = None;
    if let Some(wanted) = &wanted.email {
        // The part before the @ may be case-sensitive by the letter of the mail standard and is not
        // by any provider's practice; a platform that stores lower case must not look like drift.
        let is_current = current.is_some_and(|current| current.eq_ignore_ascii_case(wanted));
        if is_current {
        } else if requested == Some(wanted) {
            draft.pending.push(Pending {
                address: declared.address.clone(),
                reason: format!(
                    "e-mail {wanted} was asked for and waits until the link in the platform's \
                     mail is followed"
                ),
            });
        } else {
            email = Some(wanted.clone());
            reasons.push(match current {
                Some(current) => format!("the e-mail is {current} and shall be {wanted}"),
                None => format!("there is no e-mail yet and shall be {wanted}"),
            });
            changes.push(Change {
                field: "credentials.email".to_owned(),
                before: current.map_or(Value::Null, Value::from),
                after: Value::from(wanted.as_str()),
                cause,
            });
        }
    }

    let mut password = None;
    if let Some(source) = &wanted.password {
        let state = match (object, context.secrets.passwords.get(&declared.address)) {
            (_, Some(Password::Unfit(reason))) => return context.block(draft, reason.clone()),
            (Some(_), Some(state)) => state,
            (None, _) | (_, None) => &Password::NeverSet,
        };
        let before = match state {
            Password::Unchanged => None,
            Password::Unknown(reason) | Password::Unfit(reason) => {
                draft.notes.push(format!("{}: password not compared: {reason}", declared.address));
                None
            }
            Password::NeverSet => {
                reasons.push("no password was set by this stack yet".to_owned());
                Some(Value::Null)
            }
            Password::Changed => {
                reasons.push(format!("{source} gives another password than was last set"));
                Some(Value::from("(another password)"))
            }
        };
        if let Some(before) = before {
            password = Some(source.clone());
            changes.push(Change {
                field: "credentials.password".to_owned(),
                before,
                after: Value::from(format!("(from {source})")),
                cause,
            });
        }
    }

    if changes.is_empty() {
        return;
    }
    if let Some(reason) = context.actual.unknown.get(&Kind::Token) {
        let reason =
            format!("credentials are set with a token, and tokens could not be read: {reason}");
        return context.block(draft, reason);
    }
    let effect = CredentialsEffect {
        stack: context.desired.stack.clone(),
        owner: context.owner_id(),
        id: object.map(|object| object.id),
        metadata: object.map(|object| object.metadata.clone()).unwrap_or_default(),
        email,
        password,
        form: wanted.form,
        least: wanted.least,
    };
    let effect = Effect::Credentials(Box::new(effect));
    let mut step = context.step(Phase::Credentials, Action::Update, effect);
    step.needs = needs;
    step.changes = changes;
    step.reason = reasons.join("; ");
    step.relies_on = object.map(diff::found_fields).unwrap_or_default();
    draft.steps.push(step);
}
