//! Holding back: parts of a plan that a later pass may do, and the rest now.
//!
//! What is held back stays in the plan as *blocked*, with its reason; so does what needs it.

use std::collections::BTreeMap;

use super::digest;
use super::effect::Effect;
use super::entry::{Blocked, Pending};
use super::order::block_the_stranded;
use super::step::{Action, Cause, Step};
use super::value::Plan;
use crate::resource::Address;

/// What is held back, and why.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Holds {
    /// Objects that are not touched.
    pub objects: BTreeMap<Address, String>,
    /// Single fields that are not set, by object and name.
    pub fields: BTreeMap<(Address, String), String>,
}

/// The plan without what `holds` names.
pub fn hold(mut plan: Plan, holds: &Holds) -> Plan {
    if holds.objects.is_empty() && holds.fields.is_empty() {
        return plan;
    }
    let mut blocked = std::mem::take(&mut plan.blocked);
    plan.steps.retain_mut(|step| {
        let mut block = |reason: &str| {
            blocked.push(Blocked {
                address: step.address.clone(),
                reason: reason.to_owned(),
                source: step.source.as_ref().map(ToString::to_string),
            });
        };
        if let Some(reason) = holds.objects.get(&step.address) {
            block(reason);
            return false;
        }
        let address = &step.address;
        let reason_of = |field: &str| holds.fields.get(&(address.clone(), field.to_owned()));
        let held: Vec<String> = step
            .changes
            .iter()
            .filter_map(|change| {
                block(reason_of(&change.field)?);
                Some(change.field.clone())
            })
            .collect();
        held.is_empty() || strip(step, &held)
    });
    block_the_stranded(&mut plan.steps, &mut blocked);
    blocked.sort_by(|a, b| (&a.address, &a.reason).cmp(&(&b.address, &b.reason)));
    blocked.dedup();
    plan.blocked = blocked;
    plan.digest = digest::of_plan(&plan.stack, &plan.steps, &plan.refusals);
    plan
}

/// The plan without the steps for which `why` has a reason to wait. They, and what needs them, are *pending*: nothing is
/// wrong with them, and a later pass does them.
pub fn wait(mut plan: Plan, why: impl Fn(&Step) -> Option<String>) -> Plan {
    let mut waiting = Vec::new();
    let before = plan.steps.len();
    plan.steps.retain(|step| match why(step) {
        None => true,
        Some(reason) => {
            waiting.push(Pending { address: step.address.clone(), reason });
            false
        }
    });
    if plan.steps.len() == before {
        return plan;
    }
    let mut stranded = Vec::new();
    block_the_stranded(&mut plan.steps, &mut stranded);
    let stranded =
        stranded.into_iter().map(|Blocked { address, reason, .. }| Pending { address, reason });
    plan.pending.extend(waiting.into_iter().chain(stranded));
    plan.pending.sort_by(|a, b| (&a.address, &a.reason).cmp(&(&b.address, &b.reason)));
    plan.pending.dedup();
    plan.digest = digest::of_plan(&plan.stack, &plan.steps, &plan.refusals);
    plan
}

/// What of a plan is about the objects that `is_ours` says. What needs a step of somebody else is pending, for `why`: a
/// later pass does it. Of all other steps nothing is left, since somebody else plans them as well.
pub fn only(mut plan: Plan, is_ours: impl Fn(&Address) -> bool, why: &str) -> Plan {
    plan.steps.retain(|step| is_ours(&step.address));
    let mut stranded = Vec::new();
    block_the_stranded(&mut plan.steps, &mut stranded);
    plan.pending.extend(stranded.into_iter().map(|Blocked { address, reason, .. }| {
        let reason = format!("{reason}: {why}");
        Pending { address, reason }
    }));
    plan.digest = digest::of_plan(&plan.stack, &plan.steps, &plan.refusals);
    plan
}

/// Takes `fields` out of a step; whether anything is left to do.
fn strip(step: &mut Step, fields: &[String]) -> bool {
    step.changes.retain(|change| !fields.contains(&change.field));
    let Effect::Update(effect) = &mut step.effect else {
        // An assignment is about one field, and a creation has none that could be held.
        return false;
    };
    effect.fields.retain(|field, _| !fields.contains(field));
    effect.metadata_set.retain(|key, _| !fields.contains(&super::diff::metadata_field(key)));
    !step.changes.is_empty() || effect.mark.is_some()
}

/// Of a plan that a guard refuses, what was never in question: fields that somebody changed on the platform are set again,
/// except those that decide who can do what. Everything that was edited waits as a whole, since it is approved as a whole;
/// what is left is refused by nobody.
pub fn heals_only(mut plan: Plan) -> Plan {
    const DECIDE_WHO: [&str; 6] = ["enabled", "access", "ttl", "expire", "token_params", "items"];
    plan.steps.retain(|step| {
        matches!(step.action, Action::Update | Action::Assign)
            && !step.changes.is_empty()
            && step.changes.iter().all(|change| {
                change.cause == Cause::Drift && !DECIDE_WHO.contains(&change.field.as_str())
            })
    });
    // The needs of what is left were not in question either, or it waits with them.
    let mut stranded = Vec::new();
    block_the_stranded(&mut plan.steps, &mut stranded);
    plan.blocked.append(&mut stranded);
    plan.refusals.clear();
    plan.digest = digest::of_plan(&plan.stack, &plan.steps, &plan.refusals);
    plan
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::{Map, Value, json};

    use super::*;
    use crate::plan::{Change, Holding, StepId, Summary, UpdateEffect};
    use crate::resource::{Kind, Phase};

    fn update(address: &str, fields: &[(&str, Cause)]) -> Step {
        let address: Address = address.parse().unwrap();
        let changes = fields.iter().map(|(field, cause)| Change {
            field: (*field).to_owned(),
            before: Value::Null,
            after: json!(1),
            cause: *cause,
        });
        let set: Map<String, Value> =
            fields.iter().map(|(field, _)| ((*field).to_owned(), json!(1))).collect();
        Step {
            id: StepId::of(Phase::Of(Kind::Limit), &address),
            phase: Phase::Of(Kind::Limit),
            action: Action::Update,
            address,
            reason: String::new(),
            source: None,
            changes: changes.collect(),
            needs: Vec::new(),
            holds: Holding::default(),
            relies_on: BTreeMap::new(),
            effect: Effect::Update(Box::new(UpdateEffect {
                secrets: std::collections::BTreeMap::new(),
                owner: 1,
                inside: None,
                pointers: crate::plan::References::new(),
                kind: Kind::Limit,
                id: 1,
                fields: set,
                metadata: Map::new(),
                metadata_set: Map::new(),
                mark: None,
                refresh: None,
                deliver: None,
            })),
        }
    }

    fn plan(steps: Vec<Step>) -> Plan {
        let digest = digest::of_plan("s", &steps, &[]);
        Plan {
            stack: "s".to_owned(),
            steps,
            blocked: Vec::new(),
            pending: Vec::new(),
            prunable: Vec::new(),
            disputed: Vec::new(),
            unknown: Vec::new(),
            refusals: Vec::new(),
            notes: Vec::new(),
            tokens: Vec::new(),
            pages: Vec::new(),
            drifted: Vec::new(),
            unchanged: 0,
            digest,
            commit: None,
        }
    }

    #[test]
    fn a_held_object_and_what_needs_it_are_blocked_and_the_rest_goes_on() {
        let mut second = update("limit/b", &[("x", Cause::Edited)]);
        second.needs = vec![StepId::of(Phase::Of(Kind::Limit), &"limit/a".parse().unwrap())];
        let steps = vec![
            update("limit/a", &[("x", Cause::Edited)]),
            second,
            update("limit/c", &[("x", Cause::Edited)]),
        ];
        let whole = plan(steps);
        let digest = whole.digest.clone();
        let mut holds = Holds::default();
        holds.objects.insert("limit/a".parse().unwrap(), "it failed".to_owned());
        let held = hold(whole, &holds);
        assert_eq!(held.steps.len(), 1);
        assert_eq!(held.blocked.len(), 2);
        assert_eq!(held.blocked[0].reason, "it failed");
        assert_ne!(held.digest, digest);
        assert_eq!(held.summary(), Summary { update: 1, ..Summary::default() });
    }

    #[test]
    fn of_a_plan_that_is_shared_out_what_needs_somebody_elses_step_is_pending() {
        let (first, mut second) = (
            update("limit/a", &[("x", Cause::Edited)]),
            update("limit/b", &[("x", Cause::Edited)]),
        );
        let third = update("limit/c", &[("x", Cause::Edited)]);
        second.needs = vec![first.id.clone()];
        let whole = plan(vec![first, second, third]);
        let ours = only(whole.clone(), |address| address.name != "a", "another does that");
        let steps: Vec<String> = ours.steps.iter().map(|step| step.address.to_string()).collect();
        assert_eq!(steps, ["limit/c"]);
        assert_eq!(ours.pending.len(), 1);
        assert_eq!(ours.pending[0].address.to_string(), "limit/b");
        assert!(ours.pending[0].reason.ends_with("another does that"), "{:?}", ours.pending);
        assert!(ours.blocked.is_empty() && ours.digest != whole.digest);
        let all = only(whole.clone(), |_| true, "nobody");
        assert_eq!((all.steps.len(), all.pending.len(), all.digest), (3, 0, whole.digest));
    }

    #[test]
    fn a_held_field_is_not_sent_while_its_neighbours_are() {
        let whole = plan(vec![update("limit/a", &[("x", Cause::Drift), ("y", Cause::Drift)])]);
        let mut holds = Holds::default();
        holds.fields.insert(("limit/a".parse().unwrap(), "x".to_owned()), "contested".to_owned());
        let held = hold(whole, &holds);
        let Effect::Update(effect) = &held.steps[0].effect else { panic!() };
        assert_eq!(effect.fields.keys().collect::<Vec<_>>(), ["y"]);
        holds.fields.insert(("limit/a".parse().unwrap(), "y".to_owned()), "contested".to_owned());
        assert!(hold(held, &holds).steps.is_empty());
    }

    #[test]
    fn what_waits_and_what_needs_it_is_pending_and_nothing_is_blocked() {
        let mut second = update("limit/b", &[("x", Cause::Edited)]);
        second.needs = vec![StepId::of(Phase::Of(Kind::Limit), &"limit/a".parse().unwrap())];
        let steps = vec![
            update("limit/a", &[("x", Cause::Edited)]),
            second,
            update("limit/c", &[("x", Cause::Edited)]),
        ];
        let whole = plan(steps);
        let is_first = |step: &Step| step.address.name == "a";
        let left = wait(whole.clone(), |step| is_first(step).then(|| "it is paused".to_owned()));
        assert_eq!(left.steps.len(), 1);
        assert!(left.blocked.is_empty() && left.digest != whole.digest);
        let reasons: Vec<&str> = left.pending.iter().map(|it| it.reason.as_str()).collect();
        assert_eq!(reasons, ["it is paused", "it needs limit:limit/a, which is not done"]);
        assert_eq!(wait(whole.clone(), |_| None).digest, whole.digest);
    }

    #[test]
    fn of_a_refused_plan_only_healing_goes_on() {
        let steps = vec![
            update("limit/a", &[("x", Cause::Drift)]),
            update("limit/b", &[("x", Cause::Drift), ("y", Cause::Edited)]),
            update("limit/c", &[("enabled", Cause::Drift)]),
        ];
        let kept = heals_only(plan(steps));
        let kept: Vec<String> = kept.steps.iter().map(|step| step.address.to_string()).collect();
        assert_eq!(kept, ["limit/a"]);
    }
}
