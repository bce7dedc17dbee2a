//! How an object comes about that is not there.

use super::bind::Binding;
use super::context::Context;
use super::creation::{all_fields, change_of_generation, creation};
use super::credentials;
use super::decision::Decision;
use super::draft::Draft;
use super::effect::{Effect, Reference};
use super::entry::Refusal;
use super::id::StepId;
use super::links;
use super::refs;
use super::secrets;
use super::step::Action;
use super::vanished::{self, Reissue};
use crate::resource::{AccountPath, Address, Applied, Declared, Phase};

/// Makes the object; in the place of a token whose key nobody ever got, if there is one.
pub(super) fn decide(context: &Context<'_>, lost: Option<i64>, draft: &mut Draft) -> Decision {
    let declared = context.declared;
    let (refs, made_by) = match refs::references(context) {
        Ok(known) => known,
        Err(reason) => return Decision::blocked(reason),
    };
    if let Some(reason) = vanished::outlived(context) {
        return Decision::blocked(reason);
    }
    // One whose key nobody ever got was not taken away from anybody.
    let judged = match lost {
        Some(_) => Ok(Some(Reissue::default())),
        None => vanished::judge(context, draft),
    };
    let reissue = match judged {
        Ok(Some(reissue)) => reissue,
        // What became of the one before has to be found out first.
        Ok(None) => return Decision::default(),
        Err(reason) => return Decision::blocked(reason),
    };
    let secrets = match secrets::of_new(context, draft) {
        Ok(changes) => changes,
        Err(reason) => return Decision::blocked(reason),
    };
    refuse_move(context, draft);
    let mut effect = creation(context, context.owner_id(), reissue.generation);
    effect.refs.clone_from(&refs);
    let (pointers, pointed_at) = match refs::pointers(context, &effect.body) {
        Ok(known) => known,
        Err(reason) => return Decision::blocked(reason),
    };
    effect.pointers = pointers;
    let (inside, holder) = match inside(context) {
        Ok(known) => known,
        Err(reason) => return Decision::blocked(reason),
    };
    effect.inside = inside;
    effect.instead_of = lost;
    effect.follows_lapsed = reissue.has_lapsed;
    let phase = Phase::Of(declared.address.kind);
    let mut step = context.step(phase, Action::Create, Effect::Create(Box::new(effect)));
    step.needs = account_needs(context, &declared.address.account);
    step.needs.extend(made_by.into_iter().chain(pointed_at).chain(holder));
    step.changes = all_fields(declared);
    step.changes.extend(secrets);
    let number = reissue.generation.map(|generation| generation.number);
    step.changes.extend(number.map(|number| change_of_generation(None, number)));
    step.reason = reason(declared, lost, &reissue);
    let verification = refs::verification(context, refs, step.id.clone());
    let mut decision = Decision::from(Ok(Some(step)));
    decision.steps.extend(verification);
    decision.add(links::decide(context, None, &Applied::default(), draft));
    let needs = declared.address.as_account().map(|path| account_needs(context, &path));
    decision.add(credentials::decide(context, None, needs.unwrap_or_default(), draft));
    decision
}

/// The object in which it is made, if that is no account, and the step that makes that one.
///
/// # Errors
/// Why it can be neither found nor made.
fn inside(context: &Context<'_>) -> Result<(Option<Reference>, Option<StepId>), String> {
    match context.declared.address.of_container() {
        None => Ok((None, None)),
        Some(holder) => {
            let (reference, made_by) = refs::reference(context, &holder)?;
            Ok((Some(reference), made_by))
        }
    }
}

/// Why a new object is made.
fn reason(declared: &Declared, lost: Option<i64>, reissue: &Reissue) -> String {
    let account = match declared.address.account.is_root() {
        true => "the root account".to_owned(),
        false => format!("account {}", declared.address.account),
    };
    let reason = match lost {
        None => {
            let nor = declared.from_stack.as_ref();
            let nor =
                nor.map_or(String::new(), |stack| format!(", and none of the stack `{stack}`"));
            format!(
                "declared at {}; {account} has no object with this mark or name{nor}",
                declared.declared_at()
            )
        }
        Some(id) => format!(
            "the run that created token {id} ended before it delivered the key, and the platform does not \
             return it again; nobody has the key, so a new token replaces it"
        ),
    };
    match &reissue.words {
        Some(words) => format!("{reason}; {words}"),
        None => reason,
    }
}

/// The platform moves no limit, subaccount or token to another owner: what is declared to have
/// come from elsewhere would be another object, with another id and another key.
fn refuse_move(context: &Context<'_>, draft: &mut Draft) {
    let Some(old) = &context.declared.moved_from else { return };
    let there = context.actual.of_kind(old.kind).find(|object| {
        object.mark_of(&context.desired.stack).is_some_and(|mark| mark.address == **old)
    });
    if let Some(object) = there {
        draft.refusals.push(Refusal {
            guard: "move".to_owned(),
            count: 1,
            allowed: 0,
            reason: format!(
                "{old} ({} {}) cannot be moved to another owner; {} would be a new object, and only --prune \
                 would delete the old one",
                object.kind, object.id, context.declared.address
            ),
        });
    }
}

/// The steps that make the account in which the object lives usable, if they are in this plan:
/// its creation and the verification of what it refers to.
fn account_needs(context: &Context<'_>, account: &AccountPath) -> Vec<StepId> {
    let Some(address) = Address::of_account(account) else {
        return Vec::new();
    };
    if !matches!(context.bindings.get(&address), Some(Binding::Absent)) {
        return Vec::new();
    }
    let refers = context.desired.get(&address).is_some_and(|a| !a.refs.is_empty());
    let mut needs = vec![StepId::of(Phase::Of(address.kind), &address)];
    needs.extend(refers.then(|| StepId::of(Phase::Assign, &address)));
    needs
}
