//! Why an object that is there is written, in words.

use super::bind::How;
use super::context::Context;
use super::delivery::DELIVER;
use super::diff;
use super::step::Change;
use crate::observe::{Claimed, Object};
use crate::resource::Claim;

/// Why fields or the mark of an object are set that was recognised in the way `how`. The generations before the newest of a
/// token keep the protection that they have.
pub(super) fn of_update(
    context: &Context<'_>,
    object: &Object,
    how: How,
    is_newest: bool,
    changes: &[Change],
) -> String {
    let declared = context.declared;
    let mut reasons = Vec::new();
    match how {
        How::Id => {
            reasons.push(format!("`metadata.id` at {} takes it over", declared.declared_at()))
        }
        How::Adopted => {
            let word = match &declared.from_stack {
                Some(stack) if !declared.lifecycle.adopt => format!("from_stack: {stack}"),
                _ => "adopt: true".to_owned(),
            };
            reasons.push(format!(
                "{} {} has no mark, and `{word}` at {} takes it over",
                object.kind, object.id, declared.origin
            ));
        }
        How::OldMark => reasons.push(format!(
            "it was {} before and is renamed in place",
            object
                .mark_of(&context.desired.stack)
                .map(|m| m.address.to_string())
                .unwrap_or_default()
        )),
        How::Mark | How::Observed => {}
    }
    reasons.extend(object.claimed.as_deref().map(|claimed| why_claimed(context, claimed)));
    if object.wants_signature {
        reasons.push("its mark is not signed yet".to_owned());
    }
    if context.is_email_unnoted(object) {
        reasons.push("its mark does not say yet that its e-mail is as declared".to_owned());
    }
    if context.unnoted_key(object).is_some() {
        reasons.push("its mark does not say yet where its key is".to_owned());
    }
    if context.forgets_rename(object) && how == How::Mark {
        reasons.push(
            "its mark still says that it was renamed, but its manifest no longer does".to_owned(),
        );
    }
    if is_newest && context.is_protection_changed(object) {
        reasons.push("its protection in the manifest differs from its mark".to_owned());
    }
    // Where a key is missing, and which secret is another one, have words of their own.
    let has_own_words =
        |change: &&Change| change.field == DELIVER || declared.secrets.contains_key(&change.field);
    let changes: Vec<Change> =
        changes.iter().filter(|change| !has_own_words(change)).cloned().collect();
    if !changes.is_empty() {
        reasons.push(diff::reason(declared, &changes));
    }
    reasons.join("; ")
}

/// Why an object counts as one of this stack although its mark does not say so.
fn why_claimed(context: &Context<'_>, claimed: &Claimed) -> String {
    let Claimed { because, stack } = claimed;
    match because {
        Claim::Renamed => format!("its mark has the former name `{stack}` of this stack"),
        Claim::TakenOver => format!(
            "`from_stack: {stack}` at {} takes it over from that stack",
            context.declared.declared_at()
        ),
        Claim::Reclaimed => "this stack had released it, and declares it again".to_owned(),
    }
}
