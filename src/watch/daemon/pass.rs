//! One pass: look, plan, hold back what has to wait, write the rest, and tell.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use data_encoding::HEXLOWER;
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;
use tracing::Instrument;

use super::board::count_step;
use super::narrator::{Ended, Narrator};
use super::objects::Standing;
use super::{Daemon, FirstPass, LONGEST_ABSENCE, Platform, Retries};
use crate::api::{ApiError, Class, Client, Reader};
use crate::apply::{Event, OnError, Outcome, Report, StepOutcome};
use crate::causes::error_chain;
use crate::lock::{self, Holder, Lease, LeaseKey, LockError};
use crate::observe::ObserveError;
use crate::plan::{self, Cause, Effect, Holds, Plan, Policy};
use crate::reconcile::{self, Context, Prepared};
use crate::report::Progress;
use crate::resource::Drift;
use crate::run::RunId;
use crate::secret::Trust;
use crate::watch::contest::THE_OBJECT;
use crate::watch::culprit::Changed;
use crate::watch::status::{
    Approval, CallsByStatus, CurrentPass, PassOutcome, PassRecord, State, StepCount,
};
use crate::watch::trigger::Trigger;

/// The status is published at most so often while steps are carried out.
const PUBLISH_EVERY: Duration = Duration::from_millis(100);

/// A plan that is longer is cut in the record of its pass, or thirty of them would not fit into memory.
const STEPS_KEPT: usize = 500;

/// What a pass came to.
struct Came {
    run: String,
    outcome: PassOutcome,
    error: Option<String>,
    /// The plan before anything was held back.
    whole: Option<Plan>,
    prepared: Option<Prepared>,
    report: Option<Report>,
}

impl Came {
    fn to_nothing(outcome: PassOutcome, error: String) -> Self {
        Self {
            run: String::new(),
            outcome,
            error: Some(error),
            whole: None,
            prepared: None,
            report: None,
        }
    }
}

/// Why nothing was written.
enum Hindrance {
    Away(ObserveError),
    Standby(LockError),
    Stopped,
}

impl<N: Narrator> Daemon<'_, N> {
    /// Makes one pass.
    pub(super) async fn pass(&mut self, trigger: Trigger, stop: &watch::Receiver<bool>) {
        let run = RunId::new();
        let span = tracing::info_span!("pass", %run, trigger = trigger.as_str());
        self.pass_as(run, trigger, stop).instrument(span).await;
    }

    async fn pass_as(&mut self, run: RunId, trigger: Trigger, stop: &watch::Receiver<bool>) {
        let began = Instant::now();
        let client = self.platform.client.for_run(run.as_str());
        let current = CurrentPass {
            run: run.to_string(),
            trigger,
            began: self.board.now(),
            planned: None,
            settled: 0,
        };
        let started = current.began;
        self.board.begin(current);
        self.narrator.say(&format!("pass ({trigger})"));
        let reports_only =
            trigger == Trigger::Start && self.options.first_pass == FirstPass::Report;
        let came = match self.work(&client, &run, reports_only, stop).await {
            Ok(came) => came,
            Err(Hindrance::Stopped) => {
                Came::to_nothing(PassOutcome::Failed, "stopped while reading".to_owned())
            }
            Err(Hindrance::Away(error)) => {
                self.narrator.away(&error);
                self.renew(&error);
                Came::to_nothing(PassOutcome::Unreadable, error_chain(&error))
            }
            Err(Hindrance::Standby(error)) => {
                self.narrator.complain(&error.to_string(), None);
                Came::to_nothing(PassOutcome::Standby, error.to_string())
            }
        };
        self.look_back(&client, &came, stop).await;
        self.raise_conditions(&came);
        let record = PassRecord {
            run: run.to_string(),
            trigger,
            began: started,
            duration_ms: u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX),
            outcome: came.outcome,
            error: came.error.clone(),
            fingerprint: HEXLOWER.encode(&self.in_force.fingerprint),
            digest: came.prepared.as_ref().map(|prepared| prepared.plan.digest.clone()),
            summary: came.prepared.as_ref().map(|p| p.plan.summary()).unwrap_or_default(),
            plan: came.prepared.as_ref().and_then(|prepared| {
                // What is refused is shown in full, also when healing went on beside it.
                let whole = came.whole.as_ref().filter(|whole| !whole.refusals.is_empty());
                kept(whole.unwrap_or(&prepared.plan), prepared.calls)
            }),
            steps: came.report.as_ref().map(step_counts).unwrap_or_default(),
            calls: calls(&client),
            retries: retries(&client).values().sum(),
        };
        for (collection, count) in retries(&client) {
            *self.board.status.totals.retries.entry(collection).or_default() += count;
        }
        tracing::info!(
            outcome = record.outcome.as_str(),
            duration_ms = record.duration_ms,
            calls = record.calls.iter().map(|calls| calls.calls).sum::<u64>(),
            "pass ended"
        );
        self.narrator.ended(&Ended {
            record: &record,
            prepared: came.prepared.as_ref(),
            report: came.report.as_ref(),
        });
        self.schedule(&came);
        self.board.end(record);
        self.board.publish();
    }

    /// A token that is refused may have been replaced where it came from.
    fn renew(&mut self, error: &ObserveError) {
        let is_refused =
            matches!(error, ObserveError::Identity(ApiError { class: Class::Unauthorized, .. }));
        if is_refused && let Some(client) = (self.platform.renew)() {
            self.platform.client = client;
        }
    }

    async fn work(
        &mut self,
        client: &Client,
        run: &RunId,
        reports_only: bool,
        stop: &watch::Receiver<bool>,
    ) -> Result<Came, Hindrance> {
        let fences = self.platform.gate.leases.fences().await;
        let prepared = self.prepare(client, stop).await?;
        let (mut whole, mut prepared) = self.shape(prepared);
        let outcome_without_writes = |whole: &Plan, prepared: &Prepared| {
            let Plan { unknown, blocked, .. } = &prepared.plan;
            match () {
                () if reports_only && !whole.steps.is_empty() => PassOutcome::Reported,
                () if !whole.refusals.is_empty() => PassOutcome::Refused,
                () if !unknown.is_empty() => PassOutcome::Unreadable,
                () if !blocked.is_empty() => PassOutcome::Partial,
                () => PassOutcome::Unchanged,
            }
        };
        self.show(&whole, &prepared.plan, reports_only);
        if reports_only || prepared.plan.steps.is_empty() {
            let outcome = outcome_without_writes(&whole, &prepared);
            let (whole, prepared) = (Some(whole), Some(prepared));
            let run = run.to_string();
            return Ok(Came { run, outcome, error: None, whole, prepared, report: None });
        }
        let lease = self.lease(prepared.own_account, run, stop).await?;
        if !lease.follows(&fences) {
            self.narrator.say("another run wrote meanwhile, so this is planned anew");
            (whole, prepared) = {
                let again = self.prepare(client, stop).await?;
                self.shape(again)
            };
        }
        let report =
            self.carry_out(&prepared, client, lock::either(stop.clone(), lease.lost())).await;
        drop(lease);
        self.narrator.report(&report);
        let outcome = match report.outcome() {
            _ if !whole.refusals.is_empty() => PassOutcome::Refused,
            Outcome::Unchanged => outcome_without_writes(&whole, &prepared),
            Outcome::Applied if !whole.unknown.is_empty() => PassOutcome::Partial,
            Outcome::Applied => PassOutcome::Applied,
            Outcome::Partial | Outcome::Refused => PassOutcome::Partial,
            Outcome::Failed => PassOutcome::Failed,
        };
        let (whole, prepared) = (Some(whole), Some(prepared));
        let run = run.to_string();
        Ok(Came { run, outcome, error: None, whole, prepared, report: Some(report) })
    }

    /// Shows what is about to be done, and in full what a guard refuses, once.
    fn show(&mut self, whole: &Plan, plan: &Plan, reports_only: bool) {
        let approval = self.board.status.approval.as_ref();
        let is_refused = !whole.refusals.is_empty();
        let is_shown = approval.is_some_and(|approval| approval.digest == whole.digest);
        if reports_only || (is_refused && !is_shown) {
            self.narrator.plan(whole);
        }
        if !reports_only && !plan.is_converged() {
            self.narrator.plan(plan);
        }
        if whole.is_converged() {
            self.narrator.say("nothing to do");
        }
    }

    /// Reading may be broken off at any moment.
    async fn prepare(
        &self,
        client: &Client,
        stop: &watch::Receiver<bool>,
    ) -> Result<Prepared, Hindrance> {
        let mut stop = stop.clone();
        let policy = Policy { prune: self.options.prune, ..Policy::default() };
        let desired = &self.in_force.desired;
        let context = self.context(client);
        let prepared = tokio::select! {
            () = stopped(&mut stop) => Err(Hindrance::Stopped),
            prepared = reconcile::prepare(desired, context, policy) => {
                prepared.map_err(Hindrance::Away)
            }
        };
        // Calls that are broken off are no error of their own.
        if *stop.borrow() { Err(Hindrance::Stopped) } else { prepared }
    }

    fn context<'c>(&'c self, client: &'c Client) -> Context<'c> {
        let Platform { signer, spool, seen, .. } = &self.platform;
        Context {
            client,
            signer,
            spool,
            trust: &Trust::Reviewed,
            seen: seen.as_ref(),
            overwritten: Some(&self.overwritten),
        }
    }

    /// Holds back what has to wait; the whole plan is given beside what is left.
    fn shape(&mut self, prepared: Prepared) -> (Plan, Prepared) {
        let now = Instant::now();
        let whole = prepared.plan.clone();
        // Of what could not be read it is not known whether it returned.
        if whole.unknown.is_empty() {
            for (address, field) in self.contests.look(&whole, now) {
                self.board.status.totals.contested += 1;
                let what = match field.as_str() {
                    THE_OBJECT => format!("{address} is contested: somebody else deleted it"),
                    field => format!("{address}: {field} is contested: somebody else set it"),
                };
                let help =
                    "look for another program that manages it, or take it out of its manifest";
                let line = format!("{what} again and again, so it is left alone");
                self.narrator.complain(&line, Some(help));
            }
        }
        let mut holds = Holds::default();
        for (address, failure) in self.backoff.waiting(now) {
            let seconds = failure.until.saturating_duration_since(now).as_secs() + 1;
            let (count, error) = (failure.count, &failure.error);
            let reason = format!(
                "it failed {count} times in a row and is tried again in {seconds} s: {error}"
            );
            holds.objects.insert(address.clone(), reason);
        }
        for (address, field) in self.contests.contested() {
            if field == THE_OBJECT {
                let reason = "it is contested: somebody else keeps deleting it".to_owned();
                holds.objects.insert(address.clone(), reason);
                continue;
            }
            let reason = format!("{field} is contested: somebody else keeps setting it");
            holds.fields.insert((address.clone(), field.clone()), reason);
        }
        let mut plan = plan::hold(prepared.plan, &holds);
        if !plan.refusals.is_empty() {
            plan = plan::heals_only(plan);
        }
        (whole, Prepared { plan, ..prepared })
    }

    async fn lease(
        &mut self,
        account: i64,
        run: &RunId,
        stop: &watch::Receiver<bool>,
    ) -> Result<Lease, Hindrance> {
        let stack = self.in_force.desired.stack.clone();
        let key = LeaseKey { platform: self.platform.gate.platform.clone(), account, stack };
        let holder = Holder::this_process("watch", run);
        let mut stop = stop.clone();
        let waiting = |_: &lock::LockInfo| tracing::info!("waiting for another run");
        let patience = self.options.lock_timeout;
        tokio::select! {
            lease = lock::acquire(self.platform.gate.leases, &key, &holder, patience, waiting) => {
                lease.map_err(Hindrance::Standby)
            }
            () = stopped(&mut stop) => Err(Hindrance::Stopped),
        }
    }

    async fn carry_out(
        &mut self,
        prepared: &Prepared,
        client: &Client,
        stop: watch::Receiver<bool>,
    ) -> Report {
        if let Some(pass) = &mut self.board.status.pass {
            pass.planned = Some(prepared.plan.steps.len());
        }
        self.board.publish();
        let (sender, mut events) = mpsc::unbounded_channel();
        let mut progress = Progress::new(&prepared.plan);
        let (board, narrator) = (&mut self.board, &mut self.narrator);
        let telling = async {
            let mut published = Instant::now();
            while let Some(event) = events.recv().await {
                if let Some(line) = progress.line(&event) {
                    narrator.say(&line);
                }
                if let (Event::Settled { .. }, Some(pass)) = (&event, &mut board.status.pass) {
                    pass.settled += 1;
                }
                if published.elapsed() >= PUBLISH_EVERY {
                    published = Instant::now();
                    board.publish();
                }
            }
        };
        let Platform { signer, spool, .. } = &self.platform;
        let (trust, seen, overwritten) = (&Trust::Reviewed, None, None);
        let context = Context { client, signer, spool, trust, seen, overwritten };
        let doing = reconcile::carry_out(prepared, context, OnError::Finish, stop, sender);
        tokio::join!(doing, telling).0
    }

    /// Remembers what has to be remembered of a pass, and works out how every object stands.
    async fn look_back(&mut self, client: &Client, came: &Came, stop: &watch::Receiver<bool>) {
        let (Some(whole), Some(prepared)) = (&came.whole, &came.prepared) else { return };
        let now = Instant::now();
        if whole.unknown.is_empty() {
            self.platform.seen = Some(prepared.seen(came.report.as_ref(), &came.run));
        }
        if let Some(report) = &came.report {
            self.overwritten = report.overwritten();
            self.learn(&prepared.plan, report, now);
        }
        if whole.unknown.is_empty() {
            let planned: std::collections::BTreeSet<_> =
                whole.steps.iter().map(|step| &step.address).collect();
            self.backoff.settle(|address| planned.contains(address));
        }
        self.backoff.postpone(now);
        let drifting = drifting(whole, prepared);
        let totals = &mut self.board.status.totals;
        totals.drift_found += whole.drifted.len() as u64;
        totals.drift_found += drifts(whole.steps.iter().flat_map(|step| &step.changes));
        let (reader, mut stop) = (Reader::new(client.clone()), stop.clone());
        let told = tokio::select! {
            told = self.culprits.look(&reader, &drifting) => told,
            () = stopped(&mut stop) => Vec::new(),
        };
        for changed in told {
            let Changed { address, field, found, .. } = &changed;
            let by = self.culprits.of(address, field);
            let by = by.map_or_else(|| "who did it is not known".to_owned(), ToString::to_string);
            self.narrator.say(&format!("drift: {address}: {field} was changed to {found} ({by})"));
        }
        let standing = Standing {
            desired: &self.in_force.desired,
            whole,
            report: came.report.as_ref(),
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

    fn raise_conditions(&mut self, came: &Came) {
        let is_unread = came.outcome == PassOutcome::Unreadable;
        match (&came.error, &came.whole) {
            (Some(error), _) if is_unread => {
                self.board.raise(State::PlatformAway, format!("nothing can be planned: {error}"));
            }
            (_, Some(whole)) if !whole.unknown.is_empty() => {
                let kinds = whole
                    .unknown
                    .iter()
                    .map(|unknown| format!("{} ({})", unknown.kind.collection(), unknown.reason));
                let says = format!("could not be read: {}", kinds.collect::<Vec<_>>().join(", "));
                self.board.raise(State::PlatformAway, says);
            }
            (_, Some(_)) => {
                self.board.clear(State::PlatformAway);
            }
            _ => {}
        }
        match came.outcome {
            PassOutcome::Standby => {
                let says = came.error.clone().unwrap_or_default();
                self.board.raise(State::Standby, says);
            }
            PassOutcome::Unreadable => {}
            _ => {
                self.board.clear(State::Standby);
            }
        }
        if let Some(whole) = &came.whole {
            self.await_approval(whole);
            let troubled = self.board.status.objects.values().filter(|object| {
                use crate::watch::status::ObjectState::{Blocked, Contested, Failing};
                matches!(object.state, Blocked | Contested | Failing)
            });
            match troubled.count() {
                0 => {
                    self.board.clear(State::Degraded);
                }
                count => {
                    let says = format!("{count} objects are failing, blocked or contested");
                    self.board.raise(State::Degraded, says);
                }
            }
        }
        let is_good = matches!(came.outcome, PassOutcome::Unchanged | PassOutcome::Applied);
        if is_good {
            self.board.status.last_success = Some(self.board.now());
        }
    }

    /// What a guard refuses is shown until somebody decides.
    fn await_approval(&mut self, whole: &Plan) {
        if whole.refusals.is_empty() {
            self.board.clear(State::WaitingForApproval);
            self.board.status.approval = None;
            return;
        }
        let known = self.board.status.approval.take();
        let known = known.filter(|approval| approval.digest == whole.digest);
        let command = format!("{} --approve {}", self.options.by_hand, whole.digest);
        if known.is_none() {
            let reasons = whole.refusals.iter().map(|refusal| refusal.reason.as_str());
            let reasons = reasons.collect::<Vec<_>>().join("; ");
            let line = format!("refused without approval, and what was edited waits: {reasons}");
            let help = format!("look at the plan, then undo the edit or run: {command}");
            self.narrator.complain(&line, Some(&help));
        }
        let since = known.map_or_else(|| self.board.now(), |approval| approval.since);
        self.board.raise(
            State::WaitingForApproval,
            format!("a guard refused what was edited; approve it with: {command}"),
        );
        self.board.status.approval = Some(Approval {
            digest: whole.digest.clone(),
            since,
            refusals: whole.refusals.clone(),
            summary: whole.summary(),
            command,
            blocked: whole.blocked.clone(),
            pending: whole.pending.clone(),
        });
    }

    /// When the next pass begins unless something happens before.
    fn schedule(&mut self, came: &Came) {
        let now = Instant::now();
        self.interval_due = now + self.backoff.jittered(self.options.interval);
        // What came back from the recycle bin, or was made twice, is compared at once.
        // What comes up again after that would do so for ever, and waits.
        let left = came.report.as_ref().map(Report::to_be_compared).unwrap_or_default();
        if left.is_empty() {
            self.compared.clear();
        } else if !left.is_subset(&self.compared) {
            self.interval_due = now;
            self.compared.extend(left);
        }
        let is_absent = matches!(came.outcome, PassOutcome::Unreadable | PassOutcome::Standby);
        if is_absent {
            self.absences += 1;
            let wait = self.backoff.wait(self.absences, LONGEST_ABSENCE);
            self.absent_until = Some(now + wait);
        } else {
            self.absences = 0;
            self.absent_until = None;
        }
    }
}

async fn stopped(stop: &mut watch::Receiver<bool>) {
    if stop.wait_for(|stop| *stop).await.is_err() {
        std::future::pending::<()>().await;
    }
}

fn drifts<'a>(changes: impl Iterator<Item = &'a plan::Change>) -> u64 {
    changes.filter(|change| change.cause == Cause::Drift).count() as u64
}

/// What somebody changed, as far as it is to be told.
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

/// The plan as it is remembered; none if it says nothing.
fn kept(plan: &Plan, calls: u64) -> Option<serde_json::Value> {
    if plan.is_converged() && plan.refusals.is_empty() && plan.drifted.is_empty() {
        return None;
    }
    let mut document = serde_json::to_value(plan::document(plan, calls)).ok()?;
    if let Some(steps) = document.get_mut("steps").and_then(serde_json::Value::as_array_mut)
        && steps.len() > STEPS_KEPT
    {
        let left_out = steps.len() - STEPS_KEPT;
        steps.truncate(STEPS_KEPT);
        document["steps_left_out"] = left_out.into();
    }
    Some(document)
}

fn step_counts(report: &Report) -> Vec<StepCount> {
    let mut counts = Vec::new();
    for step in &report.steps {
        count_step(&mut counts, StepCount { phase: step.phase, outcome: step.outcome, count: 1 });
    }
    counts
}

fn calls(client: &Client) -> Vec<CallsByStatus> {
    let rows = client.stats().by_status().into_iter();
    rows.map(|(method, collection, status, calls)| CallsByStatus {
        method: method.to_owned(),
        collection,
        status,
        calls,
    })
    .collect()
}

fn retries(client: &Client) -> Retries {
    let mut retries = BTreeMap::new();
    for count in client.stats().snapshot().into_iter().filter(|count| count.retries > 0) {
        *retries.entry(count.collection).or_default() += count.retries;
    }
    retries
}
