//! Narrowing: what of a plan is about some objects, with all that they need.

use std::collections::{BTreeMap, BTreeSet};

use super::digest;
use super::id::StepId;
use super::step::Step;
use super::value::Plan;
use crate::resource::{Address, AddressPattern, Desired};

/// The plan of what `patterns` mean, with the steps that theirs need; a subaccount includes everything in it. What was
/// left out is counted in a note.
pub fn narrow(mut plan: Plan, patterns: &[AddressPattern], desired: &Desired) -> Plan {
    if patterns.is_empty() {
        return plan;
    }
    let is_wanted = |address: &Address| patterns.iter().any(|pattern| pattern.matches(address));
    let steps = &plan.steps;
    let by_id: BTreeMap<&StepId, &Step> = steps.iter().map(|step| (&step.id, step)).collect();
    let mut open: Vec<&StepId> =
        steps.iter().filter(|step| is_wanted(&step.address)).map(|step| &step.id).collect();
    let mut kept: BTreeSet<StepId> = BTreeSet::new();
    while let Some(id) = open.pop() {
        if kept.insert(id.clone()) {
            open.extend(by_id.get(id).into_iter().flat_map(|step| &step.needs));
        }
    }
    let before = plan.steps.len();
    plan.steps.retain(|step| kept.contains(&step.id));
    let left_out = before - plan.steps.len();
    let needed: BTreeSet<Address> = plan.steps.iter().map(|step| step.address.clone()).collect();
    let is_shown = |address: &Address| is_wanted(address) || needed.contains(address);
    plan.blocked.retain(|blocked| is_shown(&blocked.address));
    plan.pending.retain(|pending| is_shown(&pending.address));
    plan.prunable.retain(|prunable| is_shown(&prunable.address));
    plan.drifted.retain(|drifted| is_shown(&drifted.address));
    plan.tokens.retain(|token| token.address.as_ref().is_some_and(is_shown));
    let declared = desired.objects.keys().filter(|address| is_wanted(address));
    let blocked: BTreeSet<&Address> = plan.blocked.iter().map(|it| &it.address).collect();
    plan.unchanged = declared.filter(|it| !needed.contains(*it) && !blocked.contains(it)).count();
    if left_out > 0 {
        let noun = if left_out == 1 { "step" } else { "steps" };
        plan.notes.push(format!("{left_out} {noun} of other objects left out (--only)"));
    }
    plan.digest = digest::of_plan(&plan.stack, &plan.steps, &plan.refusals);
    plan
}

/// The patterns that mean nothing that is declared or planned.
pub fn meaningless<'a>(
    patterns: &'a [AddressPattern],
    plan: &Plan,
    desired: &Desired,
) -> Vec<&'a AddressPattern> {
    let planned = plan.steps.iter().map(|step| &step.address);
    let other = plan.prunable.iter().map(|prunable| &prunable.address);
    let all: Vec<&Address> = desired.objects.keys().chain(planned).chain(other).collect();
    patterns.iter().filter(|pattern| !all.iter().any(|it| pattern.matches(it))).collect()
}
