//! Objects with this stack's mark that are no longer declared.
//!
//! Deleting is the one thing that cannot be taken back with a manifest, so every doubt is a reason
//! not to: a mark in another place than its address says, anything unread, anything foreign inside
//! a subaccount, a limit that somebody still uses.

use std::collections::BTreeMap;

use super::bind::Bindings;
use super::diff::found_fields;
use super::draft::Draft;
use super::effect::{Effect, UpdateEffect};
use super::entry::{Blocked, Disputed, Prunable, Refusal};
use super::estate::Estate;
use super::id::{Deed, StepId};
use super::policy::Policy;
use super::step::{Action, Holding, Step};
use crate::observe::{Actual, Answers, Object};
use crate::resource::{Address, Claim, Desired, Kind, Mark, Phase, stand_in};

/// Adds deletions, or what a run with `--prune` would delete, to `draft`.
pub(super) fn steps(
    desired: &Desired,
    actual: &Actual,
    answers: &Answers,
    bindings: &Bindings<'_>,
    policy: Policy,
    draft: &mut Draft,
) {
    // With anything unread, what a subaccount holds or who uses a limit cannot be told.
    if !actual.unknown.is_empty() {
        return;
    }
    let pruner = Pruner { desired, actual, answers, bindings };
    pruner.bootstrap_tokens(draft);
    let mut doomed = pruner.candidates(draft);
    if !policy.prune {
        draft.prunable.extend(doomed.into_values().map(|condemned| Prunable {
            address: condemned.address,
            id_on_platform: condemned.object.id,
        }));
        return;
    }
    pruner.spare_protected(&mut doomed, draft);
    pruner.condemn_own_accounts(&mut doomed, draft);
    let repointings = repointings(draft);
    pruner.spare_what_is_in_use(&mut doomed, &repointings, draft);
    pruner.delete(&doomed, &repointings, draft);
    refuse_unread(desired, doomed.len(), draft);
}

/// What was not read may declare what would be deleted.
fn refuse_unread(desired: &Desired, deletes: usize, draft: &mut Draft) {
    let Some(first) = desired.left_out.first().filter(|_| deletes > 0) else { return };
    let more = match desired.left_out.len() - 1 {
        0 => String::new(),
        more => format!(" (and {more} more)"),
    };
    draft.refusals.push(Refusal {
        guard: "left_out".to_owned(),
        count: deletes as u64,
        allowed: 0,
        reason: format!(
            "not everything could be read, so what would be deleted may still be declared: {first}{more}"
        ),
    });
}

type Doomed<'a> = BTreeMap<(Kind, i64), Condemned<'a>>;

/// The steps by which fields of objects come to refer to something else.
type Repointings = BTreeMap<((Kind, i64), &'static str), StepId>;

fn repointings(draft: &Draft) -> Repointings {
    let mut repointings = Repointings::new();
    for step in &draft.steps {
        match &step.effect {
            Effect::Assign { kind, id, refs, .. } => {
                for (field, _) in kind.refs().filter(|(field, _)| refs.contains_key(*field)) {
                    repointings.insert(((*kind, *id), field), step.id.clone());
                }
            }
            Effect::Update(effect) => {
                let UpdateEffect { kind, id, fields, .. } = &**effect;
                for (place, _) in kind.pointers() {
                    if fields.contains_key(stand_in::field_of(place)) {
                        repointings.insert(((*kind, *id), place), step.id.clone());
                    }
                }
            }
            _ => {}
        }
    }
    repointings
}

/// An object that is no longer declared, or was made by the platform for one.
struct Condemned<'a> {
    object: &'a Object,
    /// Its mark; none if the platform made it.
    mark: Option<&'a Mark>,
    /// What it is called where it is now; its mark may be of a time when an account above it had another name.
    address: Address,
}

struct Pruner<'a> {
    desired: &'a Desired,
    actual: &'a Actual,
    answers: &'a Answers,
    bindings: &'a Bindings<'a>,
}

impl<'a> Pruner<'a> {
    fn estate(&self) -> Estate<'a> {
        let Self { desired, actual, bindings, .. } = *self;
        Estate { desired, actual, bindings }
    }

    /// A run that was killed may have left the token with which it set credentials.
    fn bootstrap_tokens(&self, draft: &mut Draft) {
        for object in self.actual.tokens() {
            let Some(mark) = object.mark_of(&self.desired.stack) else {
                continue;
            };
            if mark.bootstrap
                && object.id != self.actual.identity.token
                && !self.estate().is_excluded(object, mark)
            {
                let mut step = deletion(Phase::Credentials, object, mark.address.clone());
                step.id = StepId::of_leftover(&mark.address, object.id);
                step.reason =
                    "an interrupted run left this token, which only serves to set credentials"
                        .to_owned();
                draft.steps.push(step);
            }
        }
    }

    fn candidates(&self, draft: &mut Draft) -> Doomed<'a> {
        let mut doomed = Doomed::new();
        let rivals = self.rivals();
        let estate = self.estate();
        for object in self.actual.all() {
            let Some(mark) = object.mark_of(&self.desired.stack) else {
                continue;
            };
            let is_bound = self.bindings.address_of(object.kind, object.id).is_some();
            let is_ours = object.id == self.actual.identity.token && object.kind.is_key();
            if is_ours && !is_bound {
                draft.notes.push(format!(
                    "{}: token {} is the token of this run and is not deleted",
                    mark.address, object.id
                ));
            }
            if mark.bootstrap || is_bound || is_ours || estate.is_excluded(object, mark) {
                continue;
            }
            // What a manifest takes over and was not bound to it is the other stack's still, and what is let go has steps
            // of its own.
            if object.claim() == Some(Claim::TakenOver)
                || draft.let_go.contains(&(object.kind, object.id))
            {
                continue;
            }
            let former = object.claimed.as_deref().map(|claimed| &*claimed.stack);
            if let Some((former, rival)) = former.and_then(|name| Some((name, rivals.get(name)?))) {
                draft.disputed.push(Disputed {
                    address: mark.address.clone(),
                    ids_on_platform: vec![object.id],
                    reason: format!(
                        "its mark has the name `{former}`, which the stack `{rival}` claims as a former name, too; \
                         it is left alone until one of the two declares it"
                    ),
                });
                continue;
            }
            let place = estate.place(object.owner).filter(|place| {
                mark.address.kind == object.kind && place.paths.contains(&mark.address.account)
            });
            let address = place
                .zip(estate.container(object, mark))
                .map(|(place, container)| mark.address.below(place.now).inside(container))
                .filter(|address| !self.desired.objects.contains_key(address));
            let Some(address) = address else {
                draft.disputed.push(Disputed {
                    address: mark.address.clone(),
                    ids_on_platform: vec![object.id],
                    reason: format!(
                        "{} {} in account {} carries the mark of {}, but is another object; it is left alone",
                        object.kind, object.id, object.owner, mark.address
                    ),
                });
                continue;
            };
            if self.desired.prune_only.as_ref().is_some_and(|only| !only.contains(&address)) {
                continue;
            }
            let mark = Some(mark);
            doomed.insert((object.kind, object.id), Condemned { object, mark, address });
        }
        self.spare_doubles(&mut doomed, draft);
        doomed
    }

    /// Stacks that have taken over objects under a former name of this one, by that name. What else carries it may be
    /// theirs: whoever declares it gets it, and nobody deletes it.
    fn rivals(&self) -> BTreeMap<&'a str, &'a str> {
        let Desired { stack, formerly, .. } = self.desired;
        let marks = self.actual.all().filter_map(Object::any_mark);
        let rivals = marks.filter_map(|mark| {
            let former = mark.formerly.as_deref().filter(|name| formerly.contains(*name))?;
            let is_ours = mark.stack == *stack || formerly.contains(&mark.stack);
            (!is_ours).then_some((former, &*mark.stack))
        });
        if formerly.is_empty() { BTreeMap::new() } else { rivals.collect() }
    }

    /// Of two objects with one mark nobody knows which one was meant.
    fn spare_doubles(&self, doomed: &mut Doomed<'a>, draft: &mut Draft) {
        let mut claims: BTreeMap<(&Address, u32), Vec<(Kind, i64)>> = BTreeMap::new();
        for (key, condemned) in &*doomed {
            let claim = (&condemned.address, condemned.mark.map_or(1, Mark::number));
            claims.entry(claim).or_default().push(*key);
        }
        let several = claims.into_iter().filter(|(_, keys)| keys.len() > 1);
        let several: Vec<_> = several.map(|((address, _), keys)| (address.clone(), keys)).collect();
        for (address, keys) in several {
            let ids: Vec<i64> = keys.iter().map(|(_, id)| *id).collect();
            draft.disputed.push(Disputed {
                address,
                reason: format!(
                    "{} objects carry this mark, and none of them is deleted",
                    ids.len()
                ),
                ids_on_platform: ids,
            });
            doomed.retain(|key, _| !keys.contains(key));
        }
    }

    /// An account that the platform made for somebody who goes, goes too, if nothing is in it but keys to it.
    fn condemn_own_accounts(&self, doomed: &mut Doomed<'a>, draft: &mut Draft) {
        let own: Vec<(&'a Object, Address)> = doomed
            .values()
            .filter_map(|it| Some((self.actual.account_of(it.object)?, it.address.clone())))
            .collect();
        for (account, user) in own {
            let key = (account.kind, account.id);
            let is_bound = self.bindings.address_of(account.kind, account.id).is_some();
            let mut held = self.actual.owned_by(account.id);
            if is_bound || held.any(|object| !object.kind.is_key()) {
                continue;
            }
            match self.answers.contents.get(&account.id) {
                None => drop(draft.questions.contents.insert(account.id)),
                Some(Some(counters)) if counters.values().all(|count| *count == 0) => {
                    let Some(place) = self.estate().place(account.owner) else { continue };
                    let name = format!("{}.{}", user.name, account.id);
                    let address = Address::new(account.kind, place.now, name);
                    doomed.insert(key, Condemned { object: account, mark: None, address });
                }
                Some(_) => draft.notes.push(format!(
                    "{user}: subaccount {}, which the platform created for it, is not deleted because it may not be empty",
                    account.id
                )),
            }
        }
    }

    fn spare_protected(&self, doomed: &mut Doomed<'a>, draft: &mut Draft) {
        doomed.retain(|_, condemned| {
            let is_protected = condemned.mark.is_some_and(|mark| mark.protect);
            if is_protected {
                block(
                    draft,
                    condemned,
                    "it is protected: to delete it, first apply its manifest without `protect`, then remove \
                     the manifest",
                );
            }
            !is_protected
        });
    }

    /// What holds something that stays, or is referred to by something that stays, stays as well.
    fn spare_what_is_in_use(
        &self,
        doomed: &mut Doomed<'a>,
        repointings: &Repointings,
        draft: &mut Draft,
    ) {
        loop {
            let mut stays = self.not_empty(doomed);
            stays.extend(self.referred_to(doomed, repointings));
            if stays.is_empty() {
                return;
            }
            for (key, reason) in stays {
                if let Some(condemned) = doomed.remove(&key) {
                    block(draft, &condemned, &reason);
                }
            }
        }
    }

    /// What holds others goes only if everything in it goes, tokens of others in an account excepted: they are keys to it
    /// and end with it.
    fn not_empty(&self, doomed: &Doomed<'a>) -> Vec<((Kind, i64), String)> {
        let stack = &self.desired.stack;
        let stays = |inner: &&Object| {
            let mark = inner.mark_of(stack);
            let ends_with_it = inner.kind.is_key() && mark.is_none();
            !ends_with_it
                && !doomed.contains_key(&(inner.kind, inner.id))
                && !mark.is_some_and(|mark| mark.bootstrap)
        };
        let held = doomed.iter().filter_map(|(key, condemned)| {
            let inside = self.inside(condemned.object).into_iter().find(stays)?;
            let Object { kind, id, .. } = inside;
            Some((*key, format!("it holds {kind} {id} `{}`, which stays", inside.label())))
        });
        held.collect()
    }

    /// What is in an object: in an account, or in whatever else holds others.
    fn inside(&self, object: &Object) -> Vec<&'a Object> {
        match object.kind {
            kind if kind.is_account() => self.actual.owned_by(object.id).collect(),
            kind if kind.is_container() => self.actual.inside(kind, object.id).collect(),
            _ => Vec::new(),
        }
    }

    /// Nothing goes that something else refers to, unless that goes too or is made to refer to another one.
    fn referred_to(
        &self,
        doomed: &Doomed<'a>,
        repointings: &Repointings,
    ) -> Vec<((Kind, i64), String)> {
        let users = self.actual.objects.iter().filter(|(key, _)| !doomed.contains_key(*key));
        let mut stays = Vec::new();
        for (key, user) in users {
            for (field, to) in user.refs().filter(|(_, to)| doomed.contains_key(to)) {
                if repointings.contains_key(&(*key, field)) {
                    continue;
                }
                let (kind, id, what) = (user.kind, user.id, to.0);
                let label = user.label();
                let reason =
                    format!("{kind} {id} `{label}` uses it; give that another {what} first");
                stays.push((to, reason));
            }
        }
        stays
    }

    fn delete(&self, doomed: &Doomed<'a>, repointings: &Repointings, draft: &mut Draft) {
        let mut before: BTreeMap<(Kind, i64), Vec<StepId>> = BTreeMap::new();
        for (key, user) in &self.actual.objects {
            for (field, to) in user.refs().filter(|(_, to)| doomed.contains_key(to)) {
                let first = match doomed.get(key) {
                    Some(doomed) => Some(doomed.step_id()),
                    None => repointings.get(&(*key, field)).cloned(),
                };
                before.entry(to).or_default().extend(first);
            }
        }
        for condemned in doomed.values() {
            let Condemned { object, mark, address } = condemned;
            let mut step = deletion(Phase::Of(object.kind), object, address.clone());
            step.id = condemned.step_id();
            step.reason = match mark {
                Some(mark) => format!(
                    "it carries the mark of stack `{}` and is no longer declared",
                    mark.stack
                ),
                None => {
                    "the platform created it for a user that is deleted, and it is empty".to_owned()
                }
            };
            // What is inside goes first, and so does what refers to it or gets another one.
            let inside = self.inside(object).into_iter();
            let inside = inside.filter_map(|inner| doomed.get(&(inner.kind, inner.id)));
            step.needs.extend(inside.map(Condemned::step_id));
            step.needs.extend(before.remove(&(object.kind, object.id)).unwrap_or_default());
            draft.steps.push(step);
        }
    }
}

impl Condemned<'_> {
    /// What its deletion is called. Several generations of a token may go at once.
    fn step_id(&self) -> StepId {
        let Self { mark, address, .. } = self;
        match mark.and_then(|mark| mark.generation) {
            Some(generation) => StepId::of_generation(address, generation.number, Deed::Delete),
            None => StepId::of(Phase::Of(address.kind), address),
        }
    }
}

fn deletion(phase: Phase, object: &Object, address: Address) -> Step {
    Step {
        id: StepId::of(phase, &address),
        phase,
        action: Action::Delete,
        address,
        reason: String::new(),
        source: None,
        changes: Vec::new(),
        needs: Vec::new(),
        holds: Holding::default(),
        relies_on: found_fields(object),
        effect: Effect::Delete {
            kind: object.kind,
            id: object.id,
            inside: object.container().map(|(_, id)| id),
        },
    }
}

fn block(draft: &mut Draft, condemned: &Condemned<'_>, reason: &str) {
    let Condemned { object, address, .. } = condemned;
    draft.blocked.push(Blocked {
        address: address.clone(),
        reason: format!("{} {} is not deleted: {reason}", object.kind, object.id),
        source: None,
    });
}
