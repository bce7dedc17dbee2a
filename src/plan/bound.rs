//! The least number of writes that a plan takes, whatever the order and however calls are bundled.
//!
//! ```text
//!   Σ kind, account   ⌈creations / items of a POST⌉     a call creates in one account
//! + Σ kind, account   ⌈returns / ids of a call⌉         so does one that restores
//! + Σ kind, body      ⌈updates / ids of a call⌉         a call sets the same on all of its objects
//! + Σ kind, referents ⌈assignments / ids of a call⌉     so does one that has them refer to others
//! + Σ kind, metadata  ⌈marks removed / ids of a call⌉   so does one that takes the marks away
//! + marks that name another stack                       each is one of its own
//! + Σ kind, level     ⌈deletions / ids of a call⌉       what lies deeper goes first
//! + tokens whose key is brought to sinks                each mark says so with a print of its own
//! + tokens that are retired, twice                      the mark says so before the token goes
//! + links: what is added, what is taken away, and the mark where it says so
//! + credentials: a token of the account made and deleted, each of password and e-mail set, the mark written
//! ```
//!
//! A write whose mark is its own, since it notes what was applied or a secret, has a body of its own. The bound holds for
//! a platform that answers every call; what a run adds to it are repetitions, and repairs of what others did meanwhile.

use std::collections::BTreeMap;

use serde_json::Value;
use smol_str::SmolStr;

use super::effect::{CreateEffect, CredentialsEffect, Effect, LinkEffect, UpdateEffect};
use super::step::Step;
use super::value::Plan;
use crate::assumptions::IDS_PER_CALL;
use crate::resource::{AccountPath, Address, Kind};

/// What calls can have in common.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Group {
    Creations(Kind, AccountPath, Option<SmolStr>),
    Returns(Kind, i64),
    Updates(Kind, String),
    Assignments(Kind, Vec<String>),
    Forgotten(Kind, String),
    Deletions(Kind, usize, Option<Address>),
}

impl Group {
    /// How many objects one call of the group is about at most.
    fn per_call(&self) -> usize {
        match self {
            Self::Creations(kind, ..) => kind.row().per_post,
            _ => IDS_PER_CALL,
        }
    }
}

impl Plan {
    /// The fewest writes that carry it out.
    pub fn least_writes(&self) -> u64 {
        let mut groups: BTreeMap<Group, usize> = BTreeMap::new();
        let mut alone = 0;
        for step in &self.steps {
            let (group, more) = writes(step);
            alone += more;
            group.into_iter().for_each(|group| *groups.entry(group).or_default() += 1);
        }
        let together = groups.iter().map(|(group, count)| count.div_ceil(group.per_call()));
        (together.sum::<usize>() + alone) as u64
    }
}

/// The group whose calls a step can share, and the calls that it needs for itself.
fn writes(step: &Step) -> (Option<Group>, usize) {
    match &step.effect {
        Effect::Create(effect) => {
            let CreateEffect { kind, deliver, instead_of, .. } = &**effect;
            let Address { account, container, .. } = &step.address;
            let group = Group::Creations(*kind, account.clone(), container.clone());
            (Some(group), usize::from(!deliver.is_empty()) + usize::from(instead_of.is_some()))
        }
        Effect::Restore { kind, owner, .. } => (Some(Group::Returns(*kind, *owner)), 0),
        Effect::Update(effect) => update(effect),
        // What a new object refers to goes into the call that creates it.
        Effect::Verify(_) => (None, 0),
        Effect::Assign { kind, refs, .. } => {
            let to = refs.iter().map(|(field, to)| format!("{field} {}", to.to));
            (Some(Group::Assignments(*kind, to.collect())), 0)
        }
        Effect::Credentials(effect) => {
            let CredentialsEffect { email, password, .. } = &**effect;
            (None, 3 + usize::from(email.is_some()) + usize::from(password.is_some()))
        }
        Effect::Delete { kind, .. } => {
            let Address { account, .. } = &step.address;
            let group = Group::Deletions(*kind, account.depth(), step.address.of_container());
            (Some(group), 0)
        }
        Effect::Link(effect) => {
            let LinkEffect { add, remove, note, .. } = &**effect;
            let calls = [add.is_empty(), remove.is_empty(), note.is_none()];
            (None, calls.into_iter().filter(|is_nothing| !is_nothing).count())
        }
        // A mark that stays is one of its own.
        Effect::Forget(effect) if effect.to.is_some() => (None, 1),
        Effect::Forget(effect) => {
            let metadata = Value::Object(effect.written(effect.metadata.clone()));
            (Some(Group::Forgotten(effect.kind, metadata.to_string())), 0)
        }
        Effect::HandOver(_) => (None, 1),
        Effect::Retire(_) => (None, 2),
    }
}

fn update(effect: &UpdateEffect) -> (Option<Group>, usize) {
    let UpdateEffect { kind, fields, mark, deliver, .. } = effect;
    let is_set = !fields.is_empty() || mark.is_some();
    match (mark.is_some() || deliver.is_some(), is_set) {
        (true, is_set) => (None, usize::from(is_set) + usize::from(deliver.is_some())),
        (false, true) => {
            let body = Value::Object(fields.clone()).to_string();
            (Some(Group::Updates(*kind, body)), 0)
        }
        (false, false) => (None, 0),
    }
}
