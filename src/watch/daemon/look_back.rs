//! After a pass: what is remembered of it, what drifted, and how every object stands.

use std::collections::BTreeSet;
use std::sync::Arc;

use tokio::sync::watch;
use tokio::time::Instant;

use super::objects::Standing;
use super::pass_result::PassResult;
use super::{Daemon, Narrator};
use crate::api::{Client, Reader};
use crate::apply::{Report, StepOutcome};
use crate::plan::{self, Cause, Effect, Plan};
use crate::reconcile::Prepared;
use crate::resource::Drift;
use crate::shutdown;
use crate::watch::culprit::Changed;

impl<N: Narrator> Daemon<'_, N> {
    /// Records a pass, and works out the state of every object.
    pub(super) async fn look_back(
        &mut self,
        client: &Client,
        result: &PassResult,
        stop: &watch::Receiver<bool>,
    ) {
        let (Some(whole), Some(prepared)) = (&result.whole, &result.prepared) else { return };
        let now = Instant::now();
        if whole.unknown.is_empty() {
            self.platform.seen = Some(prepared.seen(result.report.as_ref(), &result.run));
        }
        if let Some(report) = &result.report {
            self.overwritten = report.overwritten();
            self.learn(&prepared.plan, report, now);
        }
        if whole.unknown.is_empty() {
            let planned: BTreeSet<_> = whole.steps.iter().map(|step| &step.address).collect();
            self.backoff.settle(|address| planned.contains(address));
        }
        self.backoff.postpone(now);
        let drifting = drifting(whole, prepared);
        let totals = &mut self.board.status.totals;
        totals.drift_found += whole.drifted.len() as u64;
        totals.drift_found += drifts(whole.steps.iter().flat_map(|step| &step.changes));
        let reader = Reader::new(client.clone());
        let told = tokio::select! {
            told = self.culprits.look(&reader, &drifting) => told,
            () = shutdown::raised(stop.clone()) => Vec::new(),
        };
        for changed in told {
            let Changed { address, field, found, .. } = &changed;
            let by = self.culprits.of(address, field);
            let by = by.map_or_else(|| "who changed it is unknown".to_owned(), ToString::to_string);
            self.narrator.say(&format!("drift: {address}: {field} was changed to {found} ({by})"));
        }
        let standing = Standing {
            desired: &self.in_force.desired,
            whole,
            left: result.prepared.as_ref().map(|prepared| &prepared.plan),
            report: result.report.as_ref(),
            found: &prepared.found,
            backoff: &self.backoff,
            contests: &self.contests,
            culprits: &self.culprits,
            before: &self.board.status.objects,
            wall: self.board.now(),
            now,
        };
        self.board.status.objects = Arc::new(standing.objects());
    }

    fn learn(&mut self, plan: &Plan, report: &Report, now: Instant) {
        let outcome = |outcome| report.steps.iter().filter(move |step| step.outcome == outcome);
        for step in outcome(StepOutcome::Applied) {
            self.backoff.succeeded(&step.address);
        }
        for step in outcome(StepOutcome::Failed) {
            let error = step.error.clone().unwrap_or_default();
            self.backoff.failed(&step.address, error, &self.in_force.desired, now);
        }
        for (step, told) in plan.steps.iter().zip(&report.steps) {
            if told.outcome == StepOutcome::Applied {
                self.contests.wrote(step);
                self.board.status.totals.drift_healed += drifts(step.changes.iter());
            }
        }
    }
}

fn drifts<'a>(changes: impl Iterator<Item = &'a plan::Change>) -> u64 {
    changes.filter(|change| change.cause == Cause::Drift).count() as u64
}

/// What somebody changed, as far as it is reported.
fn drifting(whole: &Plan, prepared: &Prepared) -> Vec<Changed> {
    let left = whole.drifted.iter().filter(|drifted| drifted.policy == Drift::Report);
    let left = left.map(|drifted| Changed {
        address: drifted.address.clone(),
        id: drifted.id_on_platform,
        field: drifted.field.clone(),
        found: drifted.found.clone(),
    });
    let healed = whole.steps.iter().flat_map(|step| {
        let id = match &step.effect {
            Effect::Update(effect) => Some(effect.id),
            Effect::Assign { id, .. } => Some(*id),
            _ => prepared.found.get(&step.address).map(|found| found.id),
        };
        let drifted = step.changes.iter().filter(|change| change.cause == Cause::Drift);
        drifted.filter_map(move |change| {
            Some(Changed {
                address: step.address.clone(),
                id: id?,
                field: change.field.clone(),
                found: change.before.clone(),
            })
        })
    });
    left.chain(healed).collect()
}
