//! The board: keeps the status and publishes it.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;

use crate::reconcile::Clock;
use crate::watch::status::{
    CallsByStatus, Condition, CurrentPass, PASSES_KEPT, PassRecord, Sender, State, Status,
    StepCount,
};

/// The status in the making.
pub(super) struct Board {
    pub(super) status: Status,
    conditions: BTreeMap<State, Condition>,
    sender: Sender,
    clock: Clock,
}

impl Board {
    pub(super) fn new(status: Status, sender: Sender, clock: Clock) -> Self {
        Self { status, conditions: BTreeMap::new(), sender, clock }
    }

    pub(super) fn now(&self) -> Timestamp {
        (self.clock)()
    }

    /// Something is not as it should be; how long it has been so is kept.
    pub(super) fn raise(&mut self, state: State, says: String) {
        let since = self.conditions.get(&state).map_or_else(|| self.now(), |known| known.since);
        self.conditions.insert(state, Condition { state, since, says });
    }

    /// It is as it should be again. Whether it was not.
    pub(super) fn clear(&mut self, state: State) -> bool {
        self.conditions.remove(&state).is_some()
    }

    pub(super) fn begin(&mut self, pass: CurrentPass) {
        self.status.pass = Some(pass);
        self.status.next_pass = None;
        self.publish();
    }

    pub(super) fn end(&mut self, record: PassRecord) {
        let status = &mut self.status;
        status.pass = None;
        let totals = &mut status.totals;
        *totals.passes.entry(record.outcome).or_default() += 1;
        totals.pass_ms += record.duration_ms;
        for step in &record.steps {
            count_step(&mut totals.steps, *step);
        }
        for calls in &record.calls {
            count_calls(&mut totals.calls, calls);
        }
        status.passes.push_front(Arc::new(record));
        status.passes.truncate(PASSES_KEPT);
    }

    pub(super) fn publish(&mut self) {
        let status = &mut self.status;
        status.conditions = self.conditions.values().cloned().collect();
        let gravest = match self.conditions.get_key_value(&State::Stopping) {
            Some(stopping) => Some(stopping),
            None => self.conditions.first_key_value(),
        };
        (status.state, status.says) = match (&status.pass, gravest) {
            (_, Some((State::Stopping, condition))) => (State::Stopping, condition.says.clone()),
            (Some(pass), _) if status.passes.is_empty() => (
                State::Starting,
                format!("first pass since {}", pass.began.strftime("%H:%M:%S UTC")),
            ),
            (Some(pass), _) => (
                State::Passing,
                format!("pass ({}) since {}", pass.trigger, pass.began.strftime("%H:%M:%S UTC")),
            ),
            (None, _) if status.passes.is_empty() => (State::Starting, "not begun yet".to_owned()),
            (None, Some((state, condition))) => (*state, condition.says.clone()),
            (None, None) => (State::Idle, "the platform is as the manifests say".to_owned()),
        };
        self.sender.send_modify(|known| {
            // Whoever knows of waiting calls and of events says so directly, in the middle of a pass.
            let (calls_wait, events) = (known.calls_wait.clone(), known.events.clone());
            *known = Arc::new(Status { calls_wait, events, ..status.clone() });
        });
    }
}

pub(super) fn count_step(counts: &mut Vec<StepCount>, more: StepCount) {
    let same = |known: &&mut StepCount| known.phase == more.phase && known.outcome == more.outcome;
    match counts.iter_mut().find(same) {
        Some(known) => known.count += more.count,
        None => counts.push(more),
    }
}

fn count_calls(counts: &mut Vec<CallsByStatus>, more: &CallsByStatus) {
    let name =
        |calls: &CallsByStatus| (calls.method.clone(), calls.collection.clone(), calls.status);
    match counts.iter_mut().find(|known| name(known) == name(more)) {
        Some(known) => known.calls += more.calls,
        None => counts.push(more.clone()),
    }
}
