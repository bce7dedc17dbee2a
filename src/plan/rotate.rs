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

use serde_json::Value;

use super::declared::Context;
use super::diff;
use super::generations::{generation, number};
use super::step::{
    Action, Blocked, Cause, Change, CreateEffect, Draft, Effect, HandOver, References, Retirement,
    StepId,
};
use super::vanished;
use crate::observe::{KeyState, Object};
use crate::resource::canonical;
use crate::resource::{
    Applied, At, DEFAULT_OVERLAP, Declared, Generation, Issued, KeyNote, Kind, Mark, Order, Phase,
    Retire, Right, Span,
};

/// Whoever asks again so soon, in seconds, after what was asked for was done, asks for that: a run
/// that was cut off in its last moment looks like one that never began.
const JUST_NOW: i64 = 300;

/// Adds the steps that bring the generations of a token forward. `older` are those before `current`,
/// oldest first.
pub(super) fn steps(context: &Context<'_>, current: &Object, older: &[&Object], draft: &mut Draft) {
    if !context.declared.address.kind.is_key() {
        return;
    }
    let rotation = Turn { context, current, older, stack: &context.desired.stack };
    rotation.take(draft);
}

/// Issues the next generation of a token whose key is lost because `why`. Whoever has the key keeps it for the overlap.
pub(super) fn instead_of_overwritten(
    context: &Context<'_>,
    current: &Object,
    older: &[&Object],
    why: String,
    draft: &mut Draft,
) {
    let overlap = context.declared.rotation.map_or(DEFAULT_OVERLAP, |rotation| rotation.overlap);
    let turn = Turn { context, current, older, stack: &context.desired.stack };
    turn.issue(Issued::Undelivered, overlap, why, draft);
}

/// When the successor of a token is due by its manifest.
pub(super) fn due_at(declared: &Declared, token: &Object) -> Option<i64> {
    let every = declared.rotation?.every?;
    let created = token.fields.get("created").and_then(Value::as_i64).filter(|at| *at > 0)?;
    Some(created.saturating_add(every))
}

/// Whether the key of a later generation has still to be brought to its sinks.
pub(super) fn is_undelivered(declared: &Declared, token: &Object, stack: &str) -> bool {
    let generation = generation(token, stack);
    !declared.deliver.is_empty() && generation.is_some_and(|it| it.delivered.is_none())
}

/// When a token is to be deleted, and in whose favour: the first that makes it go of those that came `later` and are
/// delivered. None as long as there is none.
pub(super) fn retires_at<'a>(
    declared: &Declared,
    token: &Object,
    later: impl IntoIterator<Item = &'a Object>,
    stack: &str,
    now: i64,
) -> Option<(i64, &'a Object)> {
    let delivered = later.into_iter().filter(|it| !is_undelivered(declared, it, stack));
    let ends = delivered.filter_map(|successor| {
        Some((retires_in_favour_of(declared, token, successor, stack, now)?, successor))
    });
    ends.min_by_key(|(at, _)| *at)
}

/// When a token is to be deleted whose successor is delivered: in the past if that was before `now`.
fn retires_in_favour_of(
    declared: &Declared,
    token: &Object,
    successor: &Object,
    stack: &str,
    now: i64,
) -> Option<i64> {
    let generation = generation(successor, stack)?;
    let delivered = generation.delivered.unwrap_or_else(|| time(successor, "created"));
    let overlap = generation.overlap;
    let used = time(token, "accessed");
    let retire = declared.rotation.map_or(Retire::Overlap, |rotation| rotation.retire);
    if overlap == 0 {
        return Some(delivered);
    }
    match retire {
        Retire::Overlap => {
            let half = delivered.saturating_add(overlap / 2);
            let is_proven = used <= delivered && time(successor, "accessed") > delivered;
            let is_early = is_proven && now >= half;
            Some(if is_early { half } else { delivered.saturating_add(overlap) })
        }
        Retire::Unused => Some(used.max(delivered).saturating_add(overlap)),
    }
}

fn time(token: &Object, field: &str) -> i64 {
    token.fields.get(field).and_then(Value::as_i64).unwrap_or(0)
}

/// One look at the generations of a token.
struct Turn<'a> {
    context: &'a Context<'a>,
    current: &'a Object,
    older: &'a [&'a Object],
    stack: &'a str,
}

impl Turn<'_> {
    fn take(&self, draft: &mut Draft) {
        let order = self.context.desired.order(&self.context.declared.address);
        let generation = generation(self.current, self.stack);
        let is_open = is_undelivered(self.context.declared, self.current, self.stack);
        let is_done = |order: Order| !is_open && self.older.is_empty() && self.is_answered(order);
        if order.is_some_and(is_done) {
            draft.notes.push(format!(
                "{}: its key was replaced less than {} ago, which is taken for what is asked for",
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
                let why = "its key is said to be in wrong hands".to_owned();
                return self.replace_all(Issued::Compromised, why, draft);
            }
        }
        match generation {
            Some(generation) if is_open => self.hand_over(generation, order, draft),
            Some(_) if !self.older.is_empty() => self.retire_older(order, draft),
            _ => self.issue_if_due(order, draft),
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
    fn hand_over(&self, generation: Generation, order: Option<Order>, draft: &mut Draft) {
        let declared = self.context.declared;
        let Some(state) = self.context.answers.keys.get(&self.current.id) else {
            draft.questions.keys.insert(self.current.id, declared.deliver.clone());
            return;
        };
        if *state == KeyState::Lost {
            let why = format!(
                "the key of generation {} was never delivered, and neither the platform nor a sink \
                 has it",
                generation.number
            );
            if let Some(issued) = self.issue(Issued::Undelivered, generation.overlap, why, draft) {
                let why = "its key is nowhere, and another generation takes its place".to_owned();
                self.retire(self.current, why, None, vec![issued.clone()], draft);
                match generation.overlap {
                    0 => self.retire_all(self.older, "it was to end at once", &[issued], draft),
                    _ => drop(self.retire_due(false, draft)),
                }
            }
            return;
        }
        let effect = Effect::HandOver(Box::new(HandOver {
            id: self.current.id,
            owner: self.current.owner,
            metadata: self.current.metadata.clone(),
            deliver: declared.deliver.clone(),
        }));
        let mut step = self.context.step(Phase::Token, Action::Update, effect);
        step.id = self.id(generation.number, "deliver");
        let sinks: Vec<String> = declared.deliver.iter().map(ToString::to_string).collect();
        step.changes = vec![Change {
            field: "deliver".to_owned(),
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
        // Two writes of one mark at a time would lose one of them.
        let own = StepId::of(Phase::Token, &declared.address);
        step.needs.extend(draft.steps.iter().any(|step| step.id == own).then_some(own));
        let delivery = step.id.clone();
        draft.steps.push(step);
        if generation.overlap == 0 || order.is_some_and(|order| order.at_once) {
            let why = "its successor is delivered with this plan, and there is to be no overlap";
            self.retire_all(self.older, why, &[delivery], draft);
        } else {
            self.retire_due(false, draft);
        }
    }

    /// The newest is delivered, and those before it are still there.
    fn retire_older(&self, order: Option<Order>, draft: &mut Draft) {
        let context = self.context;
        let now = context.actual.time.now;
        let waits = self.retire_due(order.is_some_and(|order| order.at_once), draft);
        if waits && order.is_some() {
            let address = &context.declared.address;
            let text =
                "is being rotated already, and nothing more is issued; --now ends the overlap";
            draft.notes.push(format!("{address}: {text}"));
        }
        let is_late = due_at(context.declared, self.current).is_some_and(|at| at <= now);
        if waits && is_late {
            let number = number(self.current, self.stack);
            draft.notes.push(format!(
                "{}: generation {} is due and waits, since generation {} is still there",
                context.declared.address,
                number + 1,
                number.saturating_sub(1)
            ));
        }
        // After a long time without a run both steps are overdue.
        if !waits && order.is_none() {
            self.issue_if_due(None, draft);
        }
    }

    /// Ends every older generation whose time has come, or `at_once`; whether one is still to stay.
    fn retire_due(&self, at_once: bool, draft: &mut Draft) -> bool {
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
                context.block(
                    draft,
                    format!(
                        "generation {number} is to be deleted by the time that it is, and {doubt}"
                    ),
                );
                waits = true;
            } else if at_once || is_due {
                let why = match (at_once, end) {
                    (false, Some((at, successor))) => self.why_it_ends(old, successor, at),
                    _ => "a person ends the overlap now".to_owned(),
                };
                let successor = end.map_or(self.current, |(_, successor)| successor);
                self.retire(old, why, self.use_since(old, successor), Vec::new(), draft);
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
    fn issue_if_due(&self, order: Option<Order>, draft: &mut Draft) {
        let context = self.context;
        let declared = context.declared;
        let rotation = declared.rotation;
        if let Some(order) = order {
            let why = "a person asks for it".to_owned();
            if order.at_once {
                return self.replace_all(Issued::Person, why, draft);
            }
            let overlap = rotation.map_or(order.overlap, |rotation| rotation.overlap);
            self.issue(Issued::Person, overlap, why, draft);
            return;
        }
        let Some(rotation) = rotation else { return };
        let Some(every) = rotation.every else { return };
        let Some(due) = due_at(declared, self.current) else { return };
        if due > context.actual.time.now {
            return;
        }
        if let Some(doubt) = &context.actual.time.doubt {
            return context
                .block(draft, format!("its rotation is due by the time that it is, and {doubt}"));
        }
        let why = format!(
            "the key is replaced every {}, and generation {} is from {}",
            Span(every),
            number(self.current, self.stack),
            At(time(self.current, "created"))
        );
        self.issue(Issued::Schedule, rotation.overlap, why, draft);
    }

    /// Issues the next generation, and ends all before it as soon as that is delivered.
    fn replace_all(&self, issued: Issued, why: String, draft: &mut Draft) {
        let Some(step) = self.issue(issued, 0, why.clone(), draft) else { return };
        let needs = [step];
        self.retire_all(self.older, &why, &needs, draft);
        let danger = "its key ends without any overlap".to_owned();
        self.retire(self.current, why, Some(danger), needs.to_vec(), draft);
    }

    /// Adds the creation of the next generation, unless something is in the way; gives its step.
    fn issue(
        &self,
        issued: Issued,
        overlap: i64,
        why: String,
        draft: &mut Draft,
    ) -> Option<StepId> {
        let context = self.context;
        let declared = context.declared;
        if let Some(reason) = vanished::outlived(context) {
            context.block(draft, reason);
            return None;
        }
        let obstacle = if declared.deliver.is_empty() {
            Some("it has no `deliver`, so nobody would get its next key")
        } else if declared.bound_id.is_some() && declared.rotation.is_none() {
            Some(
                "it is bound by `metadata.id`, which its successor would not have; write \
                 `rotation: {overlap: 24h}`, so that the mark is followed",
            )
        } else if !declared.lifecycle.allows(Right::Create) {
            Some("it is to be rotated, and `manage` does not allow to create its successor")
        } else if !declared.lifecycle.allows(Right::Delete) {
            Some("it is to be rotated, and `manage` does not allow to delete the old key")
        } else {
            None
        };
        if let Some(obstacle) = obstacle {
            context.block(draft, obstacle.to_owned());
            return None;
        }
        let before = number(self.current, self.stack);
        let generation = Generation { number: before + 1, issued, overlap, delivered: None };
        let mut effect = creation(context, Some(self.current.owner), Some(generation));
        if let Effect::Create(create) = &mut effect {
            // The successor is bound as its predecessor was, also by what no manifest can say.
            for (field, value) in &mut create.body {
                let found = self.current.fields.get(field).unwrap_or(&Value::Null);
                *value = canonical::merged(Kind::KEY, field, value, found);
            }
        }
        let mut step = context.step(Phase::Token, Action::Create, effect);
        step.id = self.id(generation.number, "");
        step.changes = context.all_fields();
        step.changes.push(change_of_generation(Some(before), generation.number));
        step.reason = format!("{why} ({})", declared.whence());
        step.relies_on = diff::found_fields(self.current);
        if self.current.id == context.actual.identity.token {
            let sinks: Vec<String> = declared.deliver.iter().map(ToString::to_string).collect();
            draft.notes.push(format!(
                "{}: token {} signs this very run; its next key goes to {}, and the old one ends with \
                 a run that uses the next",
                declared.address,
                self.current.id,
                sinks.join(", ")
            ));
        }
        let id = step.id.clone();
        draft.steps.push(step);
        Some(id)
    }

    fn retire_all(&self, tokens: &[&Object], why: &str, needs: &[StepId], draft: &mut Draft) {
        for old in tokens {
            self.retire(old, why.to_owned(), None, needs.to_vec(), draft);
        }
    }

    fn retire(
        &self,
        old: &Object,
        why: String,
        danger: Option<String>,
        needs: Vec<StepId>,
        draft: &mut Draft,
    ) {
        let context = self.context;
        let number = number(old, self.stack);
        if old.id == context.actual.identity.token {
            draft.blocked.push(Blocked {
                address: context.declared.address.clone(),
                reason: format!(
                    "generation {number} (token {}) signs this very run and is not deleted by it; run \
                     again with the key of its successor",
                    old.id
                ),
                source: Some(context.declared.origin.to_string()),
            });
            return;
        }
        let effect = Effect::Retire(Box::new(Retirement {
            id: old.id,
            owner: old.owner,
            stack: self.stack.to_owned(),
            address: context.declared.address.clone(),
            metadata: old.metadata.clone(),
            generation: number,
            danger,
        }));
        let mut step = context.step(Phase::Token, Action::Delete, effect);
        step.id = self.id(number, "retire");
        step.reason = format!("generation {number} ends: {why}");
        step.relies_on = diff::found_fields(old);
        step.needs = needs;
        draft.steps.push(step);
    }

    fn id(&self, number: u32, what: &str) -> StepId {
        of_generation(&self.context.declared.address, number, what)
    }
}

/// Names a step about one generation of a token.
pub(super) fn of_generation(address: &crate::resource::Address, number: u32, what: &str) -> StepId {
    let colon = if what.is_empty() { "" } else { ":" };
    let StepId(first) = StepId::of(address.kind.phase(), address);
    StepId(format!("{first}:generation-{number}{colon}{what}"))
}

/// That a token is of another generation than the one before.
pub(super) fn change_of_generation(before: Option<u32>, after: u32) -> Change {
    Change {
        field: "generation".to_owned(),
        before: before.map_or(Value::Null, Value::from),
        after: Value::from(after),
        cause: Cause::New,
    }
}

/// The creation of a declared object that is, or becomes, the given generation.
pub(super) fn creation(
    context: &Context<'_>,
    owner: Option<i64>,
    generation: Option<Generation>,
) -> Effect {
    let declared = context.declared;
    let mut metadata = declared.metadata.clone();
    let mut mark = Mark::new(&context.desired.stack, declared.address.clone());
    mark.protect = declared.lifecycle.keeps_forever();
    mark.moved_from.clone_from(&declared.moved_from);
    let applied = diff::applied_fields(declared);
    mark.applied = Applied::of(applied.iter().map(|(name, value)| (name.as_str(), value)));
    mark.generation = generation;
    mark.key = (!declared.deliver.is_empty()).then_some(KeyNote::Pending);
    mark.write(&mut metadata);

    let mut body: serde_json::Map<String, Value> = declared.fields.clone().into_iter().collect();
    body.insert("metadata".to_owned(), Value::Object(metadata));
    Effect::Create(Box::new(CreateEffect {
        kind: declared.address.kind,
        owner,
        body,
        refs: References::new(),
        deliver: declared.deliver.clone(),
        instead_of: None,
        follows_lapsed: false,
    }))
}
