//! How each object stands after a pass.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use litemap::LiteMap;
use tokio::time::Instant;

use crate::apply::{Report, StepOutcome};
use crate::plan::{Effect, Plan, Step};
use crate::reconcile::Found;
use crate::resource::{Address, Desired, Drift};
use crate::watch::backoff::Backoff;
use crate::watch::contest::{Contests, THE_OBJECT};
use crate::watch::culprit::Culprits;
use crate::watch::status::{FieldStatus, ObjectState, ObjectStatus};

/// Everything that decides the state of objects.
pub(super) struct Standing<'a> {
    pub(super) desired: &'a Desired,
    /// The plan before anything was held back.
    pub(super) whole: &'a Plan,
    /// What was left of it, and what waits besides; none if nothing was planned.
    pub(super) left: Option<&'a Plan>,
    pub(super) report: Option<&'a Report>,
    pub(super) found: &'a LiteMap<Address, Found>,
    pub(super) backoff: &'a Backoff,
    pub(super) contests: &'a Contests,
    pub(super) culprits: &'a Culprits,
    /// How things stood after the pass before.
    pub(super) before: &'a BTreeMap<Address, ObjectStatus>,
    pub(super) wall: Timestamp,
    pub(super) now: Instant,
}

impl Standing<'_> {
    pub(super) fn objects(&self) -> BTreeMap<Address, ObjectStatus> {
        let mut objects = BTreeMap::new();
        for (address, declared) in &self.desired.objects {
            let found = self.found.get(address);
            let ends_at = found.and_then(|found| found.ends_at);
            let object = ObjectStatus {
                source: Some(declared.origin.to_string()),
                id_on_platform: declared.bound_id.or_else(|| found.map(|found| found.id)),
                ends_at: ends_at.and_then(|at| Timestamp::from_second(at).ok()),
                ttl_seconds: found.and_then(|found| found.ttl),
                drift: declared.lifecycle.drift,
                ..self.blank(address)
            };
            objects.insert(address.clone(), object);
        }
        for prunable in &self.whole.prunable {
            let object = ObjectStatus {
                state: ObjectState::Prunable,
                id_on_platform: Some(prunable.id_on_platform),
                reason: Some("no longer declared; only --prune deletes it".to_owned()),
                ..self.blank(&prunable.address)
            };
            objects.insert(prunable.address.clone(), object);
        }
        self.drift(&mut objects);
        self.steps(&mut objects);
        self.troubles(&mut objects);
        for (address, object) in &mut objects {
            if let Some(before) = self.before.get(address)
                && before.state == object.state
            {
                object.since = before.since;
            }
        }
        objects
    }

    fn blank(&self, address: &Address) -> ObjectStatus {
        ObjectStatus {
            kind: address.kind,
            account: address.account.to_string(),
            name: address.name.to_string(),
            source: None,
            id_on_platform: None,
            state: ObjectState::InSync,
            since: self.wall,
            reason: None,
            drift: Drift::Heal,
            fields: Vec::new(),
            failures: 0,
            retry_at: None,
            ends_at: None,
            ttl_seconds: None,
        }
    }

    fn drift(&self, objects: &mut BTreeMap<Address, ObjectStatus>) {
        for drifted in &self.whole.drifted {
            let Some(object) = objects.get_mut(&drifted.address) else { continue };
            object.state = ObjectState::Drifted;
            object.reason = Some("it was changed on the platform and is left as it is".to_owned());
            object.fields.push(FieldStatus {
                field: drifted.field.clone(),
                found: drifted.found.clone(),
                wanted: drifted.wanted.clone(),
                returns: 0,
                contested: false,
                by: self.culprits.of(&drifted.address, &drifted.field).cloned(),
            });
        }
    }

    /// What the plan wanted and what became of it.
    fn steps(&self, objects: &mut BTreeMap<Address, ObjectStatus>) {
        let outcomes: BTreeMap<_, _> = self
            .report
            .map(|report| report.steps.iter().map(|step| (&step.id, step)).collect())
            .unwrap_or_default();
        for step in &self.whole.steps {
            let report = outcomes.get(&step.id);
            let object =
                objects.entry(step.address.clone()).or_insert_with(|| self.blank(&step.address));
            if let Some(id) = report.and_then(|report| report.id_on_platform) {
                object.id_on_platform = Some(id);
            }
            let outcome = report.map(|report| report.outcome);
            if outcome == Some(StepOutcome::Applied) {
                continue;
            }
            object.fields.extend(self.fields(step));
            let is_refused = outcome.is_none() && !self.whole.refusals.is_empty();
            object.state = match is_refused {
                true => ObjectState::Waiting,
                false => ObjectState::Pending,
            };
            object.reason = Some(step.reason.clone());
        }
        // What was deleted stands nowhere any more.
        let is_gone = |step: &Step| {
            let outcome = outcomes.get(&step.id).map(|report| report.outcome);
            matches!(step.effect, Effect::Delete { .. } | Effect::Forget(_))
                && outcome == Some(StepOutcome::Applied)
        };
        for step in self.whole.steps.iter().filter(|step| is_gone(step)) {
            if !self.desired.objects.contains_key(&step.address) {
                objects.remove(&step.address);
            }
        }
    }

    fn fields(&self, step: &Step) -> Vec<FieldStatus> {
        let fields = step.changes.iter().map(|change| {
            let (returns, contested) = self.contests.of(&step.address, &change.field);
            FieldStatus {
                field: change.field.clone(),
                found: change.before.clone(),
                wanted: change.after.clone(),
                returns,
                contested,
                by: self.culprits.of(&step.address, &change.field).cloned(),
            }
        });
        fields.collect()
    }

    /// What is in the way, the gravest last.
    fn troubles(&self, objects: &mut BTreeMap<Address, ObjectStatus>) {
        let blocked = self.whole.blocked.iter();
        let blocked = blocked.map(|b| (&b.address, ObjectState::Blocked, b.reason.clone()));
        let waiting = self.left.map(|plan| plan.pending.as_slice()).unwrap_or_default();
        let pending = self.whole.pending.iter().chain(waiting);
        let pending = pending.map(|p| (&p.address, ObjectState::Waiting, p.reason.clone()));
        let disputed = self.whole.disputed.iter();
        let disputed = disputed.map(|d| (&d.address, ObjectState::Blocked, d.reason.clone()));
        for (address, state, reason) in pending.chain(blocked).chain(disputed) {
            let object = objects.entry(address.clone()).or_insert_with(|| self.blank(address));
            object.state = state;
            object.reason = Some(reason);
        }
        for (address, object) in objects.iter_mut() {
            if self.contests.of(address, THE_OBJECT).1 {
                object.state = ObjectState::Contested;
                object.reason = Some("somebody else keeps deleting it".to_owned());
            }
            let contested: Vec<&str> = object
                .fields
                .iter()
                .filter(|field| field.contested)
                .map(|field| field.field.as_str())
                .collect();
            if !contested.is_empty() {
                object.state = ObjectState::Contested;
                object.reason =
                    Some(format!("somebody else keeps setting {}", contested.join(", ")));
            }
        }
        for (address, object) in objects.iter_mut() {
            let Some(failure) = self.backoff.of(address) else { continue };
            object.state = ObjectState::Failing;
            object.reason = Some(failure.error.clone());
            object.failures = failure.count;
            let wait = failure.until.saturating_duration_since(self.now);
            object.retry_at = after(self.wall, wait);
        }
        // Objects whose selections could not be resolved are blocked, and told so.
        for unknown in self.whole.unknown.iter().filter(|unknown| unknown.items.is_none()) {
            for object in objects.values_mut().filter(|object| object.kind == unknown.kind) {
                object.state = ObjectState::Unknown;
                object.reason = Some(unknown.reason.clone());
            }
        }
    }
}

/// The moment that is so long after another one.
pub(super) fn after(moment: Timestamp, wait: Duration) -> Option<Timestamp> {
    let wait = jiff::SignedDuration::try_from(wait).ok()?;
    moment.checked_add(wait).ok()
}
