//! All that is needed to decide about one declared object, and what follows from it for every decision.

use std::collections::BTreeMap;

use super::bind::Bindings;
use super::diff;
use super::draft::{Draft, Place};
use super::effect::{Effect, MarkEdit};
use super::email::{self, EMAIL_FIELD, canonical_email};
use super::entry::Blocked;
use super::id::StepId;
use super::step::{Action, Holding, Step};
use crate::observe::{Actual, Answers, Object, SinkQuestion, SinkState};
use crate::resource::{Applied, Declared, Desired, KeyNote, Phase};

/// A declared object, and everything that is known.
pub(super) struct Context<'a> {
    pub(super) declared: &'a Declared,
    pub(super) desired: &'a Desired,
    pub(super) actual: &'a Actual,
    pub(super) answers: &'a Answers,
    pub(super) bindings: &'a Bindings<'a>,
}

impl<'a> Context<'a> {
    /// The entry of a plan that something about the object is not done because of `reason`.
    pub(super) fn blocked(&self, reason: String) -> Blocked {
        Blocked {
            address: self.declared.address.clone(),
            reason,
            source: Some(self.declared.origin.to_string()),
        }
    }

    /// A step about the object, whose reason and changes are still to be said.
    pub(super) fn step(&self, phase: Phase, action: Action, effect: Effect) -> Step {
        let address = self.declared.address.clone();
        Step {
            id: StepId::of(phase, &address),
            phase,
            action,
            address,
            reason: String::new(),
            source: Some(self.declared.origin.clone()),
            changes: Vec::new(),
            needs: Vec::new(),
            holds: Holding::default(),
            relies_on: BTreeMap::new(),
            effect,
        }
    }

    /// The account that holds the object, if it is there.
    pub(super) fn owner_id(&self) -> Option<i64> {
        self.bindings.account(self.actual, &self.declared.address.account)
    }

    /// The tokens before the one that the object is, oldest first.
    pub(super) fn older(&self) -> &'a [&'a Object] {
        self.bindings.predecessors(&self.declared.address)
    }

    /// What the object's mark says was applied last.
    pub(super) fn applied(&self, object: &Object) -> Applied {
        let mark = object.mark_of(&self.desired.stack);
        mark.map(|mark| mark.applied.clone()).unwrap_or_default()
    }

    /// How the object's mark is written.
    pub(super) fn mark_edit(&self, object: &Object) -> MarkEdit {
        MarkEdit {
            email: email::as_declared(self.declared, object).map(canonical_email),
            owner: object.owner,
            stack: self.desired.stack.clone(),
            address: self.declared.address.clone(),
            moved_from: self.declared.moved_from.clone(),
            protect: self.declared.lifecycle.keeps_forever(),
            applied: diff::applied_fields(self.declared),
            key: self.unnoted_key(object),
            secrets: self.declared.secrets.keys().cloned().collect(),
            base: object.metadata(),
        }
    }

    /// What the mark of a token should say of its key and does not.
    pub(super) fn unnoted_key(&self, object: &Object) -> Option<KeyNote> {
        let is_newest = object.kind.is_key() && !self.older().iter().any(|it| it.id == object.id);
        let state = self.answers.sinks.get(&self.declared.address).filter(|_| is_newest)?;
        state.unnoted.clone()
    }

    /// Whether the account has the declared e-mail, and its mark does not say that this is our doing: as after a run that
    /// was killed between the two writes.
    pub(super) fn is_email_unnoted(&self, object: &Object) -> bool {
        let current = canonical_email(&email::current(object).unwrap_or_default());
        object.mark_of(&self.desired.stack).is_some()
            && email::as_declared(self.declared, object).is_some()
            && self.applied(object).matches(EMAIL_FIELD, &current) != Some(true)
    }

    /// Whether the mark says of the object's protection what the manifest does not.
    pub(super) fn is_protection_changed(&self, object: &Object) -> bool {
        let mark = object.mark_of(&self.desired.stack);
        mark.is_some_and(|mark| mark.protect != self.declared.lifecycle.keeps_forever())
    }

    /// Whether the mark notes a rename that the manifest does not ask for any more, from an address that is another
    /// object's by now. If the two exchange their names once more, that note would say that they had done so already.
    pub(super) fn forgets_rename(&self, object: &Object) -> bool {
        let mark = object.mark_of(&self.desired.stack);
        let noted = mark.and_then(|mark| mark.moved_from.as_deref());
        noted.is_some_and(|noted| {
            self.declared.moved_from.as_deref() != Some(noted)
                && self.desired.objects.contains_key(noted)
        })
    }

    /// How the sinks of the token are filled; none if it has none, or if that has to be found out first. What was not
    /// looked at is noted.
    pub(super) fn sinks(&self, token: Option<&Object>, draft: &mut Draft) -> Option<&'a SinkState> {
        let Declared { address, deliver, .. } = self.declared;
        if deliver.is_empty() {
            return None;
        }
        let state = self.answers.sinks.get(address);
        if state.is_none() {
            let note = token.and_then(|token| token.mark_of(&self.desired.stack)?.key.clone());
            let question = SinkQuestion { id: token.map(|it| it.id), note, sinks: deliver.clone() };
            draft.questions.sinks.insert(address.clone(), question);
        }
        if let Some(state) = state {
            draft.hidden.extend(state.hidden.iter().map(|(sink, reason)| Place {
                address: address.clone(),
                what: sink.to_string(),
                reason: reason.clone(),
            }));
        }
        state
    }
}
