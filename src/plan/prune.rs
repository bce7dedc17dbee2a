//! What carries this stack's mark and no manifest names.
//!
//! Deleting is the one thing that cannot be taken back with a manifest, so every doubt is a reason
//! not to: a mark in another place than its address says, anything unread, anything foreign inside
//! a subaccount, a limit that somebody still uses.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::Policy;
use super::bind::Bindings;
use super::diff::{LIMIT_FIELD, found_fields};
use super::rotate;
use super::step::{
    Action, Blocked, Disputed, Draft, Effect, Holding, Prunable, Refusal, Step, StepId,
};
use crate::observe::{Actual, Object};
use crate::resource::{AccountPath, Address, Desired, Kind, Mark, Phase};

/// Adds deletions, or what a run with `--prune` would delete, to `draft`.
pub(super) fn steps(
    desired: &Desired,
    actual: &Actual,
    bindings: &Bindings<'_>,
    policy: Policy,
    draft: &mut Draft,
) {
    // With anything unread, what a subaccount holds or who uses a limit cannot be told.
    if !actual.unknown.is_empty() {
        return;
    }
    let pruner = Pruner { desired, actual, bindings };
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
    pruner.spare_what_is_not_empty(&mut doomed, draft);
    pruner.spare_used_limits(&mut doomed, draft);
    pruner.delete(&doomed, draft);
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
            "not everything was read, so what would be deleted may still be declared: {first}{more}"
        ),
    });
}

type Doomed<'a> = BTreeMap<(Kind, i64), Condemned<'a>>;

/// An object that no manifest names.
struct Condemned<'a> {
    object: &'a Object,
    mark: &'a Mark,
    /// What it is called where it is now; its mark may be of a time when an account above it had another name.
    address: Address,
}

/// Where an account of this stack is.
struct Place {
    /// Its path by the manifests.
    now: AccountPath,
    /// Every path that marks inside it may use.
    paths: BTreeSet<AccountPath>,
}

struct Pruner<'a> {
    desired: &'a Desired,
    actual: &'a Actual,
    bindings: &'a Bindings<'a>,
}

impl<'a> Pruner<'a> {
    /// A run that was killed may have left the token with which it set credentials.
    fn bootstrap_tokens(&self, draft: &mut Draft) {
        for object in self.actual.tokens() {
            let Some(mark) = object.mark_of(&self.desired.stack) else {
                continue;
            };
            if mark.bootstrap
                && object.id != self.actual.identity.token
                && !self.is_excluded(object, mark)
            {
                let mut step = deletion(Phase::Credentials, object, mark.address.clone());
                step.id = StepId(format!("{}:{}:{}", Phase::Credentials, mark.address, object.id));
                step.reason =
                    "an interrupted run left this token, which only serves to set credentials"
                        .to_owned();
                draft.steps.push(step);
            }
        }
    }

    fn candidates(&self, draft: &mut Draft) -> Doomed<'a> {
        let mut doomed = Doomed::new();
        for object in self.actual.objects.values() {
            let Some(mark) = object.mark_of(&self.desired.stack) else {
                continue;
            };
            let is_bound = self.bindings.address_of(object.kind, object.id).is_some();
            let is_ours = object.id == self.actual.identity.token && object.kind.is_key();
            if is_ours && !is_bound {
                draft.notes.push(format!(
                    "{}: token {} signs this very run and is not deleted",
                    mark.address, object.id
                ));
            }
            if mark.bootstrap || is_bound || is_ours || self.is_excluded(object, mark) {
                continue;
            }
            let place = self.place(object.owner).filter(|place| {
                mark.address.kind == object.kind && place.paths.contains(&mark.address.account)
            });
            let address = place
                .map(|place| Address::new(object.kind, place.now, &mark.address.name))
                .filter(|address| !self.desired.objects.contains_key(address));
            let Some(address) = address else {
                draft.disputed.push(Disputed {
                    address: mark.address.clone(),
                    ids_on_platform: vec![object.id],
                    reason: format!(
                        "{} {} in account {} carries the mark of {}, which it is not; it is left \
                         alone",
                        object.kind, object.id, object.owner, mark.address
                    ),
                });
                continue;
            };
            doomed.insert((object.kind, object.id), Condemned { object, mark, address });
        }
        self.spare_doubles(&mut doomed, draft);
        doomed
    }

    /// Whether the object is never looked at, by what its mark says or by where it is.
    fn is_excluded(&self, object: &Object, mark: &Mark) -> bool {
        if self.desired.exclude.is_empty() {
            return false;
        }
        self.desired.is_excluded(&mark.address)
            || self.place(object.owner).is_some_and(|place| {
                let place = Address::new(object.kind, place.now, &mark.address.name);
                self.desired.is_excluded(&place)
            })
    }

    /// Of two objects with one mark nobody knows which one was meant.
    fn spare_doubles(&self, doomed: &mut Doomed<'a>, draft: &mut Draft) {
        let mut claims: BTreeMap<(&Address, u32), Vec<(Kind, i64)>> = BTreeMap::new();
        for (key, condemned) in &*doomed {
            let claim = (&condemned.address, condemned.mark.number());
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

    /// Where an account is that this stack knows: bound to a manifest, or marked all the way up.
    fn place(&self, account: i64) -> Option<Place> {
        if account == self.actual.identity.account {
            let now = AccountPath::root();
            return Some(Place { paths: BTreeSet::from([now.clone()]), now });
        }
        if let Some(address) = self.bindings.address_of(Kind::ACCOUNT, account) {
            let now = address.as_account()?;
            let paths = self.bindings.paths_of(account).cloned();
            return Some(Place { paths: paths.unwrap_or_else(|| [now.clone()].into()), now });
        }
        let object = self.actual.account(account)?;
        let Address { account, name, .. } = &object.mark_of(&self.desired.stack)?.address;
        let Place { now, paths } = self.place(object.owner)?;
        let inside = |path: &AccountPath| path.child(name);
        paths
            .contains(account)
            .then(|| Place { now: inside(&now), paths: paths.iter().map(inside).collect() })
    }

    fn spare_protected(&self, doomed: &mut Doomed<'a>, draft: &mut Draft) {
        doomed.retain(|_, condemned| {
            if condemned.mark.protect {
                block(
                    draft,
                    condemned,
                    "it is protected: first give its manifest back \
                     without `protect` and apply, then take the manifest away",
                );
            }
            !condemned.mark.protect
        });
    }

    /// A subaccount goes only if everything in it goes, tokens of others excepted: they are keys
    /// to the account and end with it.
    fn spare_what_is_not_empty(&self, doomed: &mut Doomed<'a>, draft: &mut Draft) {
        loop {
            let stays: Vec<(i64, String)> = doomed
                .values()
                .map(|condemned| condemned.object)
                .filter(|object| object.kind.is_account())
                .filter_map(|object| {
                    let inside = self.actual.objects.values().find(|inner| {
                        let foreign_token =
                            inner.kind.is_key() && inner.mark_of(&self.desired.stack).is_none();
                        inner.owner == object.id
                            && !foreign_token
                            && !doomed.contains_key(&(inner.kind, inner.id))
                            && !inner.mark_of(&self.desired.stack).is_some_and(|m| m.bootstrap)
                    })?;
                    Some((object.id, format!("{} {} `{}`", inside.kind, inside.id, inside.label())))
                })
                .collect();
            if stays.is_empty() {
                return;
            }
            for (id, inside) in stays {
                if let Some(condemned) = doomed.remove(&(Kind::ACCOUNT, id)) {
                    let reason = format!("it holds {inside}, which stays");
                    block(draft, &condemned, &reason);
                }
            }
        }
    }

    fn spare_used_limits(&self, doomed: &mut Doomed<'a>, draft: &mut Draft) {
        let reassigned: BTreeSet<&Address> = draft
            .steps
            .iter()
            .filter(|step| step.phase == Phase::Assign)
            .map(|step| &step.address)
            .collect();
        let users: Vec<(i64, &Object)> = self
            .actual
            .accounts()
            .filter(|user| !doomed.contains_key(&(Kind::ACCOUNT, user.id)))
            .filter(|user| {
                let address = self.bindings.address_of(Kind::ACCOUNT, user.id);
                !address.is_some_and(|address| reassigned.contains(address))
            })
            .filter_map(|user| Some((user.fields.get(LIMIT_FIELD)?.as_i64()?, user)))
            .collect();
        for (limit, user) in users {
            if let Some(condemned) = doomed.remove(&(Kind::Limit, limit)) {
                let reason = format!(
                    "subaccount {} `{}` uses it; give that another limit first",
                    user.id,
                    user.label()
                );
                block(draft, &condemned, &reason);
            }
        }
    }

    fn delete(&self, doomed: &Doomed<'a>, draft: &mut Draft) {
        let assigns: Vec<(StepId, Address)> = draft
            .steps
            .iter()
            .filter(|step| step.phase == Phase::Assign)
            .map(|step| (step.id.clone(), step.address.clone()))
            .collect();
        for Condemned { object, mark, address } in doomed.values() {
            let mut step = deletion(object.kind.phase(), object, address.clone());
            step.id = id_of(object.kind.phase(), mark, address);
            step.reason =
                format!("it carries the mark of stack `{}`, and no manifest names it", mark.stack);
            match object.kind {
                // What is inside goes first.
                Kind::ACCOUNT => {
                    let inside = doomed.values().filter(|inner| inner.object.owner == object.id);
                    let id = |inner: &Condemned<'_>| {
                        id_of(inner.object.kind.phase(), inner.mark, &inner.address)
                    };
                    step.needs = inside.map(id).collect();
                }
                // Its users go first, or get another limit.
                Kind::Limit => {
                    for user in self.actual.accounts() {
                        if user.fields.get(LIMIT_FIELD).and_then(Value::as_i64) != Some(object.id) {
                            continue;
                        }
                        if let Some(doomed) = doomed.get(&(Kind::ACCOUNT, user.id)) {
                            step.needs.push(StepId::of(Phase::Subaccount, &doomed.address));
                        } else if let Some(address) =
                            self.bindings.address_of(Kind::ACCOUNT, user.id)
                        {
                            let assign = assigns.iter().find(|(_, of)| of == address);
                            step.needs.extend(assign.map(|(id, _)| id.clone()));
                        }
                    }
                }
                Kind::KEY => {}
            }
            draft.steps.push(step);
        }
    }
}

/// Several generations of a token may go at once.
fn id_of(phase: Phase, mark: &Mark, address: &Address) -> StepId {
    match mark.generation {
        Some(generation) => rotate::of_generation(address, generation.number, "delete"),
        None => StepId::of(phase, address),
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
        effect: Effect::Delete { kind: object.kind, id: object.id },
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
