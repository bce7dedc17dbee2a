//! How one generation of a token follows the other.
//!
//! ```text
//!            due, or a person asks          its key is in every sink         the overlap is over
//! current ─────────────────────► issued ───────────────────────► delivered ───────────────────► alone
//!                                  │ its key is nowhere and the
//!                                  └ platform does not give it ──► issued again, and it goes
//! ```
//!
//! At most one step forward in a plan, except where the old key must end at once: then its deletion
//! stands in the same plan and needs the delivery. What was issued and not delivered is found by its
//! mark, so an interrupted run issues nothing twice.

use std::collections::BTreeSet;

use serde_json::Value;

use super::context::Context;
use super::creation::{all_fields, change_of_generation, creation};
use super::decision::Decision;
use super::delivery::DELIVER;
use super::diff;
use super::draft::Draft;
use super::effect::{Effect, HandOver, Retirement};
use super::generations::{generation, number};
use super::id::{Deed, StepId};
use super::schedule::{due_at, is_undelivered, retires_at, time};
use super::step::{Action, Cause, Change};
use super::vanished;
use crate::observe::{KeyState, Object};
use crate::resource::canonical;
use crate::resource::{At, DEFAULT_OVERLAP, Generation, Issued, Kind, Order, Phase, Right, Span};
use crate::secret::Sink;

/// Whoever asks again so soon, in seconds, after what was asked for was done, asks for that: a run
/// that was cut off in its last moment looks like one that never began.
const JUST_NOW: i64 = 300;

/// What brings the generations of a token forward.
#[derive(Debug, Default)]
pub(super) struct Rotation {
    decision: Decision,
    /// Whether the next generation is issued.
    pub(super) is_issued: bool,
    /// The tokens that go.
    pub(super) retired: BTreeSet<i64>,
    /// What a person should know.
    notes: Vec<String>,
    /// The token of which has to be found out whether its key can still be had, with its sinks.
    asks: Option<(i64, Vec<Sink>)>,
}

impl Rotation {
    /// Keeps the delivery of a key from being noted in the mark while `update` writes that mark too.
    pub(super) fn wait_for(&mut self, update: &StepId) {
        let steps = self.decision.steps.iter_mut();
        let hand_overs = steps.filter(|step| matches!(step.effect, Effect::HandOver(_)));
        hand_overs.for_each(|step| step.needs.push(update.clone()));
    }

    /// What was decided; whatever else there is to say is said in `draft`.
    pub(super) fn into_decision(self, draft: &mut Draft) -> Decision {
        draft.notes.extend(self.notes);
        draft.questions.keys.extend(self.asks);
        self.decision
    }
}

/// Decides how the generations of a token go on, of which `current` is the newest.
pub(super) fn decide(context: &Context<'_>, current: &Object) -> Rotation {
    let mut rotation = Rotation::default();
    if context.declared.address.kind.is_key() {
        RotationState::new(context, current).take(&mut rotation);
    }
    rotation
}

/// Issues the next generation of a token whose key is lost because `why`. Whoever has the key keeps it for the overlap.
pub(super) fn instead_of_overwritten(
    context: &Context<'_>,
    current: &Object,
    why: String,
) -> Rotation {
    let overlap = context.declared.rotation.map_or(DEFAULT_OVERLAP, |rotation| rotation.overlap);
    let mut rotation = Rotation::default();
    RotationState::new(context, current).issue(Issued::Undelivered, overlap, why, &mut rotation);
    rotation
}

/// One look at the generations of a token.
struct RotationState<'a> {
    context: &'a Context<'a>,
    current: &'a Object,
    /// Those before it, oldest first.
    older: &'a [&'a Object],
    stack: &'a str,
}

impl<'a> RotationState<'a> {
    fn new(context: &'a Context<'a>, current: &'a Object) -> Self {
        Self { context, current, older: context.older(), stack: &context.desired.stack }
    }

    fn take(&self, rotation: &mut Rotation) {
        let order = self.context.desired.order(&self.context.declared.address);
        let generation = generation(self.current, self.stack);
        let is_open = is_undelivered(self.context.declared, self.current, self.stack);
        let is_done = |order: Order| !is_open && self.older.is_empty() && self.is_answered(order);
        if order.is_some_and(is_done) {
            rotation.notes.push(format!(
                "{}: its key was rotated less than {} ago, which counts as done",
                self.context.declared.address,
                Span(JUST_NOW)
            ));
            return;
        }
        if order.is_some_and(|order| order.compromised) {
            // The same command after an interrupted run finishes what that began.
            let is_begun = generation.is_some_and(|it| it.issued == Issued::Compromised)
                && (is_open || !self.older.is_empty());
            if !is_begun {
                let why = "its key has leaked".to_owned();
                return self.replace_all(Issued::Compromised, why, rotation);
            }
        }
        match generation {
            Some(generation) if is_open => self.hand_over(generation, order, rotation),
            Some(_) if !self.older.is_empty() => self.retire_older(order, rotation),
            _ => self.issue_if_due(order, rotation),
        }
    }

    /// Whether the newest generation was issued just now for what `order` asks for.
    fn is_answered(&self, order: Order) -> bool {
        let age = self.context.actual.time.now.saturating_sub(time(self.current, "created"));
        let issued = generation(self.current, self.stack).map(|generation| generation.issued);
        age < JUST_NOW
            && match order.compromised {
                true => issued == Some(Issued::Compromised),
                false => matches!(issued, Some(Issued::Compromised | Issued::Person)),
            }
    }

    /// The newest is issued, and its key is not everywhere yet.
    fn hand_over(&self, generation: Generation, order: Option<Order>, rotation: &mut Rotation) {
        let declared = self.context.declared;
        let Some(state) = self.context.answers.keys.get(&self.current.id) else {
            rotation.asks = Some((self.current.id, declared.deliver.clone()));
            return;
        };
        if *state == KeyState::Lost {
            let why = format!(
                "the key of generation {} was never delivered, and neither the platform nor a sink \
                 has it",
                generation.number
            );
            if let Some(issued) = self.issue(Issued::Undelivered, generation.overlap, why, rotation)
            {
                let why = "its key is in no sink, and another generation replaces it".to_owned();
                self.retire(self.current, why, None, vec![issued.clone()], rotation);
                match generation.overlap {
                    0 => self.retire_all(self.older, "it had no overlap", &[issued], rotation),
                    _ => drop(self.retire_due(false, rotation)),
                }
            }
            return;
        }
        let effect = Effect::HandOver(Box::new(HandOver {
            id: self.current.id,
            owner: self.current.owner,
            metadata: self.current.metadata(),
            deliver: declared.deliver.clone(),
        }));
        let mut step = self.context.step(Phase::Of(Kind::KEY), Action::Update, effect);
        step.id = self.id(generation.number, Deed::Deliver);
        let sinks: Vec<String> = declared.deliver.iter().map(ToString::to_string).collect();
        step.changes = vec![Change {
            field: DELIVER.to_owned(),
            before: Value::Null,
            after: Value::String(sinks.join(", ")),
            cause: Cause::New,
        }];
        step.reason = format!(
            "generation {} was issued {}, and an interrupted run has not delivered its key \
             everywhere",
            generation.number,
            At(time(self.current, "created"))
        );
        step.relies_on = diff::found_fields(self.current);
        let delivery = step.id.clone();
        rotation.decision.steps.push(step);
        if generation.overlap == 0 || order.is_some_and(|order| order.at_once) {
            let why = "its successor is delivered with this plan, without an overlap";
            self.retire_all(self.older, why, &[delivery], rotation);
        } else {
            self.retire_due(false, rotation);
        }
    }

    /// The newest is delivered, and those before it are still there.
    fn retire_older(&self, order: Option<Order>, rotation: &mut Rotation) {
        let context = self.context;
        let now = context.actual.time.now;
        let waits = self.retire_due(order.is_some_and(|order| order.at_once), rotation);
        if waits && order.is_some() {
            let address = &context.declared.address;
            let text =
                "is being rotated already, and nothing more is issued; --now ends the overlap";
            rotation.notes.push(format!("{address}: {text}"));
        }
        let is_late = due_at(context.declared, self.current).is_some_and(|at| at <= now);
        if waits && is_late {
            let number = number(self.current, self.stack);
            rotation.notes.push(format!(
                "{}: generation {} is due and waits, since generation {} is still there",
                context.declared.address,
                number + 1,
                number.saturating_sub(1)
            ));
        }
        // After a long time without a run both steps are overdue.
        if !waits && order.is_none() {
            self.issue_if_due(None, rotation);
        }
    }

    /// Ends every older generation whose time has come, or `at_once`; whether one is still to stay.
    fn retire_due(&self, at_once: bool, rotation: &mut Rotation) -> bool {
        let context = self.context;
        let now = context.actual.time.now;
        let mut waits = false;
        for (index, old) in self.older.iter().enumerate() {
            let later = self.older.iter().skip(index + 1).copied().chain([self.current]);
            let end = retires_at(context.declared, old, later, self.stack, now);
            let is_due = end.is_some_and(|(at, _)| at <= now);
            if is_due
                && !at_once
                && let Some(doubt) = &context.actual.time.doubt
            {
                let number = number(old, self.stack);
                rotation
                    .decision
                    .obstacles
                    .push(format!("generation {number} is due for deletion, but {doubt}"));
                waits = true;
            } else if at_once || is_due {
                let why = match (at_once, end) {
                    (false, Some((at, successor))) => self.why_it_ends(old, successor, at),
                    _ => "--now ends the overlap".to_owned(),
                };
                let successor = end.map_or(self.current, |(_, successor)| successor);
                self.retire(old, why, self.use_since(old, successor), Vec::new(), rotation);
                // It is only said then why it stays.
                waits |= old.id == context.actual.identity.token;
            } else {
                waits = true;
            }
        }
        waits
    }

    fn why_it_ends(&self, old: &Object, successor: &Object, at: i64) -> String {
        let Some(generation) = generation(successor, self.stack) else { return String::new() };
        let delivered = generation.delivered.unwrap_or(at);
        let successor = generation.number;
        let since = format!("generation {successor} was delivered {}", At(delivered));
        match time(old, "accessed") > delivered {
            _ if at < delivered.saturating_add(generation.overlap) => format!(
                "{since} and is in use, and this one was not used since for half of the overlap"
            ),
            true => format!("{since}, and the overlap of {} is over", Span(generation.overlap)),
            false => format!(
                "{since}, the overlap of {} is over, and this one was not used since",
                Span(generation.overlap)
            ),
        }
    }

    /// What a person should know before a key goes that was used after its successor was there.
    fn use_since(&self, old: &Object, successor: &Object) -> Option<String> {
        let used = time(old, "accessed");
        let delivered = generation(successor, self.stack)?.delivered?;
        let ago = self.context.actual.time.now.saturating_sub(used);
        (used > delivered).then(|| format!("it was still used {} ago", Span(ago)))
    }

    /// Nothing is under way.
    fn issue_if_due(&self, order: Option<Order>, rotation: &mut Rotation) {
        let context = self.context;
        let declared = context.declared;
        let schedule = declared.rotation;
        if let Some(order) = order {
            let why = "requested by `flespi-gitops rotate`".to_owned();
            if order.at_once {
                return self.replace_all(Issued::Person, why, rotation);
            }
            let overlap = schedule.map_or(order.overlap, |schedule| schedule.overlap);
            self.issue(Issued::Person, overlap, why, rotation);
            return;
        }
        let Some(schedule) = schedule else { return };
        let Some(every) = schedule.every else { return };
        let Some(due) = due_at(declared, self.current) else { return };
        if due > context.actual.time.now {
            return;
        }
        if let Some(doubt) = &context.actual.time.doubt {
            let obstacle = format!("its rotation is due, but {doubt}");
            return rotation.decision.obstacles.push(obstacle);
        }
        let why = format!(
            "the key is rotated every {}, and generation {} is from {}",
            Span(every),
            number(self.current, self.stack),
            At(time(self.current, "created"))
        );
        self.issue(Issued::Schedule, schedule.overlap, why, rotation);
    }

    /// Issues the next generation, and ends all before it as soon as that is delivered.
    fn replace_all(&self, issued: Issued, why: String, rotation: &mut Rotation) {
        let Some(step) = self.issue(issued, 0, why.clone(), rotation) else { return };
        let needs = [step];
        self.retire_all(self.older, &why, &needs, rotation);
        let danger = "its key expires without any overlap".to_owned();
        self.retire(self.current, why, Some(danger), needs.to_vec(), rotation);
    }

    /// Adds the creation of the next generation, unless something is in the way; gives its step.
    fn issue(
        &self,
        issued: Issued,
        overlap: i64,
        why: String,
        rotation: &mut Rotation,
    ) -> Option<StepId> {
        let context = self.context;
        let declared = context.declared;
        if let Some(reason) = vanished::outlived(context) {
            rotation.decision.obstacles.push(reason);
            return None;
        }
        let obstacle = if declared.deliver.is_empty() {
            Some("it has no `deliver`, so its next key would reach nobody")
        } else if declared.bound_id.is_some() && declared.rotation.is_none() {
            Some(
                "it is bound by `metadata.id`, which its successor would not have; write \
                 `rotation: {overlap: 24h}`, so that the mark is followed",
            )
        } else if !declared.lifecycle.allows(Right::Create) {
            Some(
                "its rotation is due, and `manage` does not list `create`, which its successor needs",
            )
        } else if !declared.lifecycle.allows(Right::Delete) {
            Some(
                "its rotation is due, and `manage` does not list `delete`, which the old key needs",
            )
        } else {
            None
        };
        if let Some(obstacle) = obstacle {
            rotation.decision.obstacles.push(obstacle.to_owned());
            return None;
        }
        let before = number(self.current, self.stack);
        let generation = Generation { number: before + 1, issued, overlap, delivered: None };
        let mut effect = creation(context, Some(self.current.owner), Some(generation));
        // The successor is bound as its predecessor was, also by what no manifest can say.
        for (field, value) in &mut effect.body {
            let found = self.current.field(field).unwrap_or_default();
            *value = canonical::merged(Kind::KEY, field, value, &found);
        }
        let effect = Effect::Create(Box::new(effect));
        let mut step = context.step(Phase::Of(Kind::KEY), Action::Create, effect);
        step.id = self.id(generation.number, Deed::Issue);
        step.changes = all_fields(declared);
        step.changes.push(change_of_generation(Some(before), generation.number));
        step.reason = format!("{why} ({})", declared.declared_at());
        step.relies_on = diff::found_fields(self.current);
        if self.current.id == context.actual.identity.token {
            let sinks: Vec<String> = declared.deliver.iter().map(ToString::to_string).collect();
            rotation.notes.push(format!(
                "{}: token {} is the token of this run; its next key goes to {}, and a run that uses the next \
                 key deletes the old one",
                declared.address,
                self.current.id,
                sinks.join(", ")
            ));
        }
        let id = step.id.clone();
        rotation.is_issued = true;
        rotation.decision.steps.push(step);
        Some(id)
    }

    fn retire_all(&self, tokens: &[&Object], why: &str, needs: &[StepId], rotation: &mut Rotation) {
        for old in tokens {
            self.retire(old, why.to_owned(), None, needs.to_vec(), rotation);
        }
    }

    fn retire(
        &self,
        old: &Object,
        why: String,
        danger: Option<String>,
        needs: Vec<StepId>,
        rotation: &mut Rotation,
    ) {
        let context = self.context;
        let number = number(old, self.stack);
        if old.id == context.actual.identity.token {
            rotation.decision.obstacles.push(format!(
                "generation {number} (token {}) is the token of this run and is not deleted by it; re-run with \
                 the key of its successor",
                old.id
            ));
            return;
        }
        let effect = Effect::Retire(Box::new(Retirement {
            id: old.id,
            owner: old.owner,
            stack: self.stack.to_owned(),
            address: context.declared.address.clone(),
            metadata: old.metadata(),
            generation: number,
            danger,
        }));
        let mut step = context.step(Phase::Of(Kind::KEY), Action::Delete, effect);
        step.id = self.id(number, Deed::Retire);
        step.reason = format!("generation {number} ends: {why}");
        step.relies_on = diff::found_fields(old);
        step.needs = needs;
        rotation.retired.insert(old.id);
        rotation.decision.steps.push(step);
    }

    fn id(&self, number: u32, deed: Deed) -> StepId {
        StepId::of_generation(&self.context.declared.address, number, deed)
    }
}
