//! Whether a secret has to be set: a password, or what has a stand-in inside of a field.

use serde_json::Value;

use super::context::Context;
use super::diff::{self, Difference};
use super::draft::Draft;
use super::step::{Cause, Change};
use crate::observe::{Object, SecretQuestion, SecretState};
use crate::resource::{Declared, stand_in};
use crate::secret::{PasswordForm, Source};

/// A declared secret.
pub(super) struct Wanted<'a> {
    /// The field that it is shown as.
    pub(super) field: &'a str,
    /// What it is called in sentences.
    pub(super) what: &'a str,
    /// Where it comes from.
    pub(super) source: &'a Source,
    /// In what form it is sent.
    pub(super) form: PasswordForm,
    /// The fewest characters that it may have.
    pub(super) least: Option<u16>,
    /// What the mark remembers of the one that was last set.
    pub(super) known: Option<String>,
    /// Whether the object is made by this plan.
    pub(super) is_new: bool,
}

impl Wanted<'_> {
    /// Why no run could set it; none if one could, or if nobody looked yet.
    pub(super) fn obstacle(&self, context: &Context<'_>) -> Option<String> {
        match self.state(context)? {
            SecretState::Unavailable(reason) => Some(reason.clone()),
            _ => None,
        }
    }

    fn state<'c>(&self, context: &Context<'c>) -> Option<&'c SecretState> {
        context.answers.secrets.get(&(context.declared.address.clone(), self.field.to_owned()))
    }

    /// How it changes, and why; none if it is the one that was last set, or if that is not known.
    pub(super) fn change(
        &self,
        context: &Context<'_>,
        draft: &mut Draft,
    ) -> Option<(Change, String)> {
        let Self { field, what, source, form, least, known, is_new } = self;
        let address = &context.declared.address;
        let Some(state) = self.state(context) else {
            let (source, known) = ((*source).clone(), known.clone());
            let question = SecretQuestion { source, form: *form, least: *least, known };
            draft.questions.secrets.insert((address.clone(), (*field).to_owned()), question);
            return None;
        };
        let (before, reason) = match state {
            SecretState::Unchanged | SecretState::Unavailable(_) => return None,
            SecretState::Unknown(reason) | SecretState::Hidden(reason) => {
                draft.notes.push(format!("{address}: {field} not compared: {reason}"));
                return None;
            }
            SecretState::NeverSet { trouble } => {
                // What is generated goes to sinks, which say for themselves what is wrong with them.
                let places = context.answers.places.get(address);
                let is_said = places.is_some_and(|refusing| !refusing.is_empty());
                if let Some(trouble) = trouble.as_ref().filter(|_| !is_said) {
                    draft.foretell(address, source.to_string(), trouble.clone());
                }
                (Value::Null, format!("this stack has not set a {what} yet"))
            }
            SecretState::Changed => (
                Value::from(format!("(another {what})")),
                format!("{source} holds another {what} than the one that was last set"),
            ),
        };
        let change = Change {
            field: (*field).to_owned(),
            before,
            after: Value::from(format!("(from {source})")),
            cause: if *is_new { Cause::New } else { Cause::Edited },
        };
        Some((change, reason))
    }
}

/// The declared secrets inside of fields; `object` is the object as it is, or none if this plan makes it.
fn inside<'c, 'o>(
    context: &Context<'c>,
    object: Option<&'o Object>,
) -> impl Iterator<Item = Wanted<'c>> + use<'c, 'o> {
    let mark = object.and_then(|object| object.mark_of(&context.desired.stack));
    let known = mark.map(|mark| mark.secrets.clone()).unwrap_or_default();
    let is_new = object.is_none();
    let declared = context.declared;
    let row = declared.address.kind.row();
    declared.secrets.iter().map(move |(field, source)| {
        let unread = row.unread(stand_in::field_of(field));
        // What the platform no longer has has to be set again, whatever the mark remembers.
        let is_gone = unread.zip(object).is_some_and(|(unread, object)| {
            object.field(unread.shown_by) == Some(Value::Bool(false))
        });
        Wanted {
            field,
            what: row.secret.and_then(|what| what.strip_prefix("the ")).unwrap_or("secret"),
            source,
            form: PasswordForm::Clear,
            least: unread.map(|unread| unread.least),
            known: known.get(field).filter(|_| !is_gone).cloned(),
            is_new,
        }
    })
}

/// Adds the secrets inside of fields that have to be set, with the fields that they are part of.
///
/// # Errors
/// Why one of them cannot be set by any run.
pub(super) fn compare(
    context: &Context<'_>,
    object: &Object,
    difference: &mut Difference,
    draft: &mut Draft,
) -> Result<(), String> {
    for wanted in inside(context, Some(object)) {
        refuse(&wanted, context)?;
        if let Some((change, reason)) = wanted.change(context, draft) {
            let field = stand_in::field_of(wanted.field);
            if let Some(whole) = diff::whole(context.declared, object, field, context.bindings) {
                difference.fields.entry(field.to_owned()).or_insert(whole);
            }
            difference.changes.push(change);
            difference.reasons.push(format!("{}: {reason}", wanted.field));
        }
    }
    Ok(())
}

/// How the secrets inside of fields of a new object are shown.
///
/// # Errors
/// Why one of them cannot be set by any run.
pub(super) fn of_new(context: &Context<'_>, draft: &mut Draft) -> Result<Vec<Change>, String> {
    let mut changes = Vec::new();
    for wanted in inside(context, None) {
        refuse(&wanted, context)?;
        changes.extend(wanted.change(context, draft).map(|(change, _)| change));
    }
    Ok(changes)
}

fn refuse(wanted: &Wanted<'_>, context: &Context<'_>) -> Result<(), String> {
    match wanted.obstacle(context) {
        Some(reason) => Err(format!("cannot set its {}: {reason}", wanted.field)),
        None => Ok(()),
    }
}

/// Whether what is set holds a secret, or held one when it was set last: the mark has to say so in the same call.
pub(super) fn are_touched(declared: &Declared, object: &Object, difference: &Difference) -> bool {
    let mark = object.any_mark();
    let remembered = mark.into_iter().flat_map(|mark| mark.secrets.keys());
    let mut places = declared.secrets.keys().chain(remembered);
    places.any(|place| difference.fields.contains_key(stand_in::field_of(place)))
}
