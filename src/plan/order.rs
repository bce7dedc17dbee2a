//! The order of application.
//!
//! ```text
//! account        limit ─► subaccount ─► assign ─► token ─► credentials ─► further kinds
//!                                         │
//! account below                           └► limit ─► subaccount ─► ...
//!
//! then, whatever can refer to accounts of any depth:  realm ─► realm-user ─► grant ─► link
//!
//! deletions      the same drawing, walked backwards, after everything else
//! ```
//!
//! Accounts come before what is below them, and within an account the phases follow each
//! other; equal ranks are ordered by address, so that equal input gives equal plans.

use std::collections::{BTreeMap, BTreeSet};

use super::digest;
use super::draft::{Draft, Place};
use super::entry::{Blocked, Pending};
use super::id::StepId;
use super::step::{Action, Step};
use super::value::Plan;
use crate::resource::{Desired, Phase};

/// Where a step stands: lower ranks come first.
pub(crate) fn rank(step: &Step) -> Rank {
    let phase = step.phase.position();
    let depth = isize::try_from(step.scope().depth()).unwrap_or(isize::MAX);
    let reaches_down = step.phase.reaches_down();
    match step.action {
        // Left-over bootstrap tokens are in nobody's way and no deeper than anything.
        Action::Delete if step.phase == Phase::Credentials => (true, false, isize::MIN, 0),
        Action::Delete => (true, !reaches_down, -depth, -phase),
        Action::Create
        | Action::Restore
        | Action::Update
        | Action::Assign
        | Action::Link
        | Action::Forget => (false, reaches_down, depth, phase),
    }
}

/// Whether it deletes; whether it comes after everything in all accounts, or before that if it deletes; depth; phase.
pub(crate) type Rank = (bool, bool, isize, isize);

/// Sorts the draft, takes out what needs something that is not there, and seals it.
pub(super) fn finish(desired: &Desired, draft: Draft) -> Plan {
    let Draft {
        questions: _,
        hidden,
        foretold,
        mut steps,
        mut blocked,
        mut pending,
        waiting,
        mut prunable,
        let_go: _,
        mut disputed,
        unknown,
        refusals,
        mut notes,
        mut drifted,
        tokens,
        pages,
        unchanged,
        joined: _,
    } = draft;
    block_the_stranded(&mut steps, &mut blocked);
    notes.extend(of_places(&hidden, "checked only by apply"));
    notes.extend(of_places(&foretold, "apply cannot use it here"));
    pending.extend(waiting.into_iter().map(|(address, count)| Pending {
        reason: match count {
            1 => "one declared object inside is compared once it is back".to_owned(),
            _ => format!("{count} declared objects inside are compared once it is back"),
        },
        address,
    }));
    steps.sort_by(|a, b| (rank(a), &a.address, &a.id).cmp(&(rank(b), &b.address, &b.id)));
    blocked.sort_by(|a, b| (&a.address, &a.reason).cmp(&(&b.address, &b.reason)));
    blocked.dedup();
    prunable.sort_by(|a, b| a.address.cmp(&b.address));
    disputed
        .sort_by(|a, b| (&a.address, &a.ids_on_platform).cmp(&(&b.address, &b.ids_on_platform)));
    notes.sort();
    drifted.sort_by(|a, b| (&a.address, &a.field).cmp(&(&b.address, &b.field)));
    let digest = digest::of_plan(&desired.stack, &steps, &refusals);
    Plan {
        stack: desired.stack.clone(),
        steps,
        blocked,
        pending,
        prunable,
        disputed,
        unknown,
        refusals,
        notes,
        drifted,
        tokens,
        unchanged,
        digest,
        pages,
        commit: desired.commit.clone(),
    }
}

/// What is said of places, one note for each reason.
fn of_places(places: &BTreeSet<Place>, says: &str) -> Vec<String> {
    /// More places than anybody reads.
    const MOST_PLACES: usize = 5;
    let mut by_reason: BTreeMap<&str, Vec<&Place>> = BTreeMap::new();
    for place in places {
        by_reason.entry(&place.reason).or_default().push(place);
    }
    let notes = by_reason.into_iter().map(|(reason, places)| {
        let more = places.len().saturating_sub(MOST_PLACES);
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        let named = places.iter().take(MOST_PLACES);
        let named = named.map(|Place { address, what, .. }| format!("{what} ({address})"));
        let named = named.collect::<Vec<_>>().join(", ");
        format!("{named}{more}: {says}: {reason}")
    });
    notes.collect()
}

/// A step whose need is not in the plan could never begin; it is told as blocked now rather than
/// at the end of an apply.
pub(super) fn block_the_stranded(steps: &mut Vec<Step>, blocked: &mut Vec<Blocked>) {
    loop {
        let known: BTreeSet<StepId> = steps.iter().map(|step| step.id.clone()).collect();
        let missing: BTreeMap<StepId, StepId> = steps
            .iter()
            .filter_map(|step| {
                let need = step.needs.iter().find(|need| !known.contains(need))?;
                Some((step.id.clone(), need.clone()))
            })
            .collect();
        if missing.is_empty() {
            return;
        }
        steps.retain(|step| {
            let Some(need) = missing.get(&step.id) else {
                return true;
            };
            blocked.push(Blocked {
                address: step.address.clone(),
                reason: format!("it needs {need}, which is not done"),
                source: step.source.as_ref().map(ToString::to_string),
            });
            false
        });
    }
}
