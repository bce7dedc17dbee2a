//! The laws that hold in every world, whatever happens in it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use flespi_gitops::apply::{Event, Report, StepOutcome};
use flespi_gitops::plan::{Plan, StepId, document};
use flespi_gitops::reconcile::Prepared;
use flespi_gitops::report::{plan_html, plan_markdown, plan_text, run_markdown, run_text};
use serde_json::Value;

use super::land::shown;

/// More than any of these plans has.
const LIMIT: usize = 60_000;

/// Law 3, by the requests and writes before and after a plan was made.
pub(super) fn a_plan_writes_nothing(before: (u64, u64), after: (u64, u64)) {
    assert_eq!(before.1, after.1, "a plan wrote");
}

/// Law 8: planned steps are entries of the ledger.
pub(super) fn the_ledger_is_the_plan(plan: &Plan, report: &Report) {
    let planned: Vec<&StepId> = plan.steps.iter().map(|step| &step.id).collect();
    let told: Vec<&StepId> = report.steps.iter().map(|step| &step.id).collect();
    assert_eq!(planned, told, "the ledger is another plan's");
    for step in &report.steps {
        let is_explained = step.error.is_some() == (step.outcome != StepOutcome::Applied);
        assert!(is_explained || step.outcome == StepOutcome::NotStarted, "{step:?}");
    }
}

/// Law 7 and more: on every edge, what is needed comes first, in creations as in deletions.
pub(super) fn no_step_begins_before_what_it_needs(plan: &Plan, events: &[Event]) {
    let mut done = BTreeSet::new();
    for event in events {
        match event {
            Event::Started(id) => {
                let step = plan.steps.iter().find(|step| step.id == *id).unwrap();
                let early = step.needs.iter().find(|need| !done.contains(*need));
                assert!(early.is_none(), "{id:?} began before {early:?}");
            }
            Event::Settled { id, outcome: StepOutcome::Applied, .. } => {
                done.insert(id);
            }
            Event::Settled { .. } => {}
        }
    }
}

/// Law 9.
pub(super) fn no_secret_is_told(prepared: &Prepared, report: &Report, secrets: &BTreeSet<String>) {
    let plan = &prepared.plan;
    let told = [
        plan_text(plan, Some(100)),
        plan_markdown(plan, LIMIT),
        plan_html(plan, 0),
        serde_json::to_string(&document(plan, 0)).unwrap(),
        run_text(report, Some(100)),
        run_markdown(report, &plan.stack, LIMIT),
        serde_json::to_string(&report.document()).unwrap(),
    ];
    for told in told {
        let secret = secrets.iter().find(|secret| told.contains(secret.as_str()));
        assert_eq!(secret, None, "a secret is told:\n{told}");
    }
}

/// Law 13: without trouble, what is planned can be done.
pub(super) fn no_step_is_planned_that_cannot_be_carried_out(plan: &Plan, report: &Report) {
    let failed: Vec<_> =
        report.steps.iter().filter(|step| step.outcome != StepOutcome::Applied).collect();
    assert!(failed.is_empty(), "of\n{}\nthere failed {failed:#?}", shown(plan));
}

/// Laws 1 and 11: after an apply that went well nothing is left to do, or it is said what waits for whom.
pub(super) fn it_is_at_rest(before: &Plan, next: &Plan) {
    let is_empty = next.steps.is_empty()
        && next.blocked.is_empty()
        && next.disputed.is_empty()
        && next.unknown.is_empty();
    assert!(is_empty, "after\n{}\nthere is\n{}", shown(before), shown(next));
}

/// No key is lost (R11): every declared sink holds the key of a token that is there and of no other.
pub(super) fn every_key_is_in_its_place(
    folder: &Path,
    manifests: &[Value],
    keys: &BTreeMap<String, String>,
) {
    for manifest in manifests {
        let Value::Object(metadata) = &manifest["metadata"] else { continue };
        let account = metadata.get("account").and_then(Value::as_str);
        let name = metadata["name"].as_str().unwrap();
        let address = match account {
            Some(account) => format!("token/{account}/{name}"),
            None => format!("token/{name}"),
        };
        for sink in manifest["spec"]["deliver"].as_array().into_iter().flatten() {
            let file = folder.join(sink["file"].as_str().unwrap());
            let held = std::fs::read_to_string(&file).unwrap_or_default();
            let whose = keys.get(held.trim());
            assert_eq!(whose, Some(&address), "{} has the key of another", file.display());
        }
    }
}

/// R7 for stacks: what is renamed, or goes to another stack, is neither made nor deleted.
pub(super) fn a_move_makes_and_deletes_nothing(plan: &Plan) {
    let words = plan.steps.iter().map(|step| step.action.as_str());
    let other = words.filter(|word| !["update", "assign"].contains(word)).count();
    assert_eq!(other, 0, "a move does more:\n{}", shown(plan));
    assert!(plan.prunable.is_empty() && plan.blocked.is_empty(), "{}", shown(plan));
}

/// Law 6: whatever a platform answers, no more is deleted than without that answer.
pub(super) fn no_answer_deletes_more(plain: &Plan, troubled: &Plan) {
    let deletions = |plan: &Plan| -> BTreeSet<String> {
        let steps = plan.steps.iter().filter(|step| step.action.as_str() == "delete");
        steps.map(|step| step.address.to_string()).collect()
    };
    let more: Vec<String> = deletions(troubled).difference(&deletions(plain)).cloned().collect();
    assert!(more.is_empty(), "because of a fault these are deleted: {more:?}");
}
