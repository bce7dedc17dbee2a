//! One pass: read, plan, hold back what must wait, write the rest, and report.

use std::convert::Infallible;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;
use tracing::Instrument;

use super::board::Board;
use super::held_back::{contest, hold_back};
use super::narrator::{Ended, Narrator};
use super::pass_result::PassResult;
use super::record::Begun;
use super::{Daemon, FirstPass, LONGEST_ABSENCE, Platform};
use crate::api::{ApiError, Class, Client, Reader};
use crate::apply::{Event, OnError, Outcome, Report};
use crate::causes::error_chain;
use crate::lock::{self, Holder, LeaseKey};
use crate::observe::{ObserveError, Seen};
use crate::plan::{Plan, Policy, only};
use crate::reconcile::{
    self, Caller, Consent, Context, Further, Hindrance, PassEvent, Passed, Prepared, Windows, Work,
};
use crate::run::RunId;
use crate::secret::Trust;
use crate::watch::backoff::Backoff;
use crate::watch::contest::Contests;
use crate::watch::replicas::Mine;
use crate::watch::status::{CurrentPass, PassOutcome, ReplicaStatus};
use crate::watch::trigger::Trigger;

/// The first wait for what another replica does first; the next ones are longer, up to half a minute.
const FIRST_WAIT: Duration = Duration::from_secs(1);

/// The status is published at most so often while steps are carried out.
const PUBLISH_EVERY: Duration = Duration::from_millis(100);

impl<N: Narrator> Daemon<'_, N> {
    /// Makes one pass.
    pub(super) async fn pass(&mut self, trigger: Trigger, stop: &watch::Receiver<bool>) {
        let run = RunId::new();
        let span = tracing::info_span!("pass", %run, trigger = trigger.as_str());
        self.pass_as(run, trigger, stop).instrument(span).await;
    }

    async fn pass_as(&mut self, run: RunId, trigger: Trigger, stop: &watch::Receiver<bool>) {
        let commit = self.in_force.commit.clone();
        let trace = run.trace(commit.as_ref().map(|commit| commit.short()));
        let client = self.platform.client.for_run(&trace);
        let begun = Begun {
            run: &run,
            trigger,
            moment: Instant::now(),
            began: self.board.now(),
            client: &client,
            fingerprint: self.in_force.fingerprint,
            commit,
        };
        self.board.begin(CurrentPass {
            run: run.to_string(),
            trigger,
            began: begun.began,
            planned: None,
            settled: 0,
        });
        self.narrator.say(&format!("pass ({trigger})"));
        let reports_only =
            trigger == Trigger::Start && self.options.first_pass == FirstPass::Report;
        let result = self.work(&client, &run, reports_only, stop).await;
        self.look_back(&client, &result, stop).await;
        self.raise_conditions(&result);
        let record = begun.record(&result);
        for (collection, count) in begun.retries() {
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
            prepared: result.prepared.as_ref(),
            report: result.report.as_ref(),
        });
        self.note_waits().await;
        self.schedule(&result);
        self.board.end(record);
        self.board.publish();
    }

    async fn work(
        &mut self,
        client: &Client,
        run: &RunId,
        reports_only: bool,
        stop: &watch::Receiver<bool>,
    ) -> PassResult {
        let mine = match self.mine(client, run).await {
            Ok(mine) => mine,
            Err(hindrance) => return self.hindered(hindrance),
        };
        // What is ours is another part as soon as somebody comes or goes.
        let stop = &match self.replicas.moved() {
            Some(moved) => lock::either(stop.clone(), moved),
            None => stop.clone(),
        };
        let Platform { signer, spool, gate, seen, .. } = &self.platform;
        let work = Work {
            desired: &self.in_force.desired,
            policy: Policy { prune: self.options.prune, ..Policy::default() },
            on_error: OnError::Finish,
            context: Context {
                client,
                signer,
                spool,
                trust: &Trust::Reviewed,
                seen: None,
                overwritten: Some(&self.overwritten),
            },
            gate,
            windows: Windows::Respected,
            patience: self.options.lock_timeout,
            command: "watch",
            run,
        };
        let mut caller = DaemonCaller {
            seen: seen.as_ref(),
            board: &mut self.board,
            narrator: &mut self.narrator,
            contests: &mut self.contests,
            backoff: &self.backoff,
            reports_only,
            whole: None,
            published: Instant::now(),
            mine,
            waits: false,
        };
        let passed = reconcile::pass(&work, &mut caller, stop).await;
        let whole = caller.whole;
        self.waits = if caller.waits { self.waits + 1 } else { 0 };
        let (prepared, report) = match passed {
            Ok(Passed { prepared, report }) => (prepared, report),
            Err(Hindrance::Declined(prepared, _)) => (*prepared, None),
            Err(hindrance) => return self.hindered(hindrance),
        };
        if let Some(report) = &report {
            self.narrator.report(report);
        }
        let whole = whole.unwrap_or_else(|| prepared.plan.clone());
        let outcome = outcome(&whole, &prepared.plan, report.as_ref(), reports_only);
        let (whole, prepared) = (Some(whole), Some(prepared));
        PassResult { run: run.to_string(), outcome, error: None, whole, prepared, report }
    }

    /// What of the work is ours; none where all of it is.
    async fn mine(
        &mut self,
        client: &Client,
        run: &RunId,
    ) -> Result<Option<Mine>, Hindrance<Infallible>> {
        let gate = &self.platform.gate;
        if !gate.leases.is_shared() {
            return Ok(None);
        }
        let identity = Reader::new(client.clone()).identity().await;
        let identity = identity.map_err(|error| Hindrance::Away(ObserveError::Identity(error)))?;
        let identity = identity.ok_or(Hindrance::Away(ObserveError::Unidentified))?;
        let key = LeaseKey {
            platform: gate.platform.clone(),
            account: identity.account,
            stack: self.in_force.desired.stack.clone(),
        };
        let holder = Holder::this_process("watch", run);
        let mine = self.replicas.mine(gate.leases, &key, &holder).await;
        let mine = mine.map_err(Hindrance::Locked)?;
        let replica = mine.as_ref().map(Mine::status);
        if let Some(ReplicaStatus { members, shares, .. }) = &replica {
            tracing::info!(members, shares, "the work is shared");
        }
        self.board.status.replica = replica;
        Ok(mine)
    }

    /// Nothing was planned, or it could not be written.
    fn hindered(&mut self, hindrance: Hindrance<Infallible>) -> PassResult {
        match hindrance {
            Hindrance::Away(error) => {
                self.narrator.away(&error);
                self.renew(&error);
                PassResult::to_nothing(PassOutcome::Unreadable, error_chain(&error))
            }
            Hindrance::Pauses(error) => {
                self.narrator.complain(&error_chain(&error), None);
                PassResult::to_nothing(PassOutcome::Standby, error_chain(&error))
            }
            Hindrance::Locked(error) => {
                self.narrator.complain(&error.to_string(), None);
                PassResult::to_nothing(PassOutcome::Standby, error.to_string())
            }
            Hindrance::StoppedLooking | Hindrance::StoppedWaiting(_) | Hindrance::Declined(..) => {
                PassResult::to_nothing(PassOutcome::Failed, "stopped while reading".to_owned())
            }
            Hindrance::Unfit(never) => match never {},
        }
    }

    /// A token that is refused may have been replaced where it came from.
    fn renew(&mut self, error: &ObserveError) {
        let is_refused =
            matches!(error, ObserveError::Identity(ApiError { class: Class::Unauthorized, .. }));
        if is_refused && let Some(client) = (self.platform.renew)() {
            self.platform.client = client;
        }
    }

    /// When the next pass begins unless something happens before.
    fn schedule(&mut self, result: &PassResult) {
        let now = Instant::now();
        self.interval_due = now + self.backoff.jittered(self.options.interval);
        // What another replica does first is there soon, unless it fails there.
        if self.waits > 0 {
            let wait = FIRST_WAIT * 2_u32.pow(self.waits.min(6) - 1);
            self.interval_due = self.interval_due.min(now + wait);
        }
        // What comes up again in vain waits like everything else.
        if self.compared.after(result.report.as_ref()) == Further::Needed {
            self.interval_due = now;
        }
        let is_absent = matches!(result.outcome, PassOutcome::Unreadable | PassOutcome::Standby);
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

/// How a pass ended. `plan` is what was left of the `whole`, and `report` none if nothing was to be written.
fn outcome(whole: &Plan, plan: &Plan, report: Option<&Report>, reports_only: bool) -> PassOutcome {
    let without_writes = || match () {
        () if reports_only && !whole.steps.is_empty() => PassOutcome::Reported,
        () if !whole.refusals.is_empty() => PassOutcome::Refused,
        () if !plan.unknown.is_empty() => PassOutcome::Unreadable,
        () if !plan.blocked.is_empty() => PassOutcome::Partial,
        () => PassOutcome::Unchanged,
    };
    let Some(report) = report else { return without_writes() };
    match report.outcome() {
        _ if !whole.refusals.is_empty() => PassOutcome::Refused,
        Outcome::Unchanged => without_writes(),
        Outcome::Applied if !whole.unknown.is_empty() => PassOutcome::Partial,
        Outcome::Applied => PassOutcome::Applied,
        Outcome::Partial | Outcome::Refused => PassOutcome::Partial,
        Outcome::Failed => PassOutcome::Failed,
    }
}

/// The daemon as the one who makes a pass: it consents to everything but what has to wait.
struct DaemonCaller<'d, N> {
    seen: Option<&'d Seen>,
    board: &'d mut Board,
    narrator: &'d mut N,
    contests: &'d mut Contests,
    backoff: &'d Backoff,
    reports_only: bool,
    /// The plan before anything was held back, once there is one.
    whole: Option<Plan>,
    /// When the status was published last.
    published: Instant,
    /// What of the work is ours; none where all of it is.
    mine: Option<Mine>,
    /// Whether something of ours needs another replica's work.
    waits: bool,
}

impl<N: Narrator> Caller for DaemonCaller<'_, N> {
    type Unfit = Infallible;

    fn seen(&self) -> Option<Seen> {
        self.seen.cloned()
    }

    fn narrow(&mut self, prepared: Prepared) -> Result<Prepared, Infallible> {
        let now = Instant::now();
        let whole = self.whole.insert(prepared.plan.clone());
        contest(whole, self.contests, self.board, self.narrator, now);
        let mut plan = hold_back(prepared.plan, self.backoff, self.contests, now);
        if let Some(mine) = &self.mine {
            let before = plan.pending.len();
            plan = only(plan, |address| mine.has(address), "another replica does that first");
            self.waits = plan.pending.len() > before;
        }
        Ok(Prepared { plan, ..prepared })
    }

    /// What a guard refuses was held back before.
    fn approve(&mut self, _: &Plan) -> Result<(), Vec<String>> {
        Ok(())
    }

    async fn consent(&mut self, _: &Plan) -> Result<Consent, Vec<String>> {
        match self.reports_only {
            true => Err(vec!["the first pass only reports".to_owned()]),
            false => Ok(Consent::InAdvance),
        }
    }

    fn on_event(&mut self, event: PassEvent<'_>) {
        match event {
            PassEvent::Planned(prepared) => self.show(&prepared.plan),
            PassEvent::Waiting(_) => tracing::info!("waiting for another run"),
            PassEvent::Outdated => {
                self.narrator.say("another run wrote in the meantime; planning again");
            }
            PassEvent::Begins(plan) => {
                if let Some(pass) = &mut self.board.status.pass {
                    pass.planned = Some(plan.steps.len());
                }
                self.board.publish();
                self.published = Instant::now();
            }
            PassEvent::Step(event, line) => self.step(event, line),
            // History is written when it is known how everything stands.
            PassEvent::PlannedAgain(_) | PassEvent::CarriedOut(..) => {}
        }
    }
}

impl<N: Narrator> DaemonCaller<'_, N> {
    /// Shows what is about to be done, and in full what a guard refuses, once.
    fn show(&mut self, plan: &Plan) {
        let whole = self.whole.as_ref().unwrap_or(plan);
        let approval = self.board.status.approval.as_ref();
        let is_refused = !whole.refusals.is_empty();
        let is_shown = approval.is_some_and(|approval| approval.digest == whole.digest);
        if self.reports_only || (is_refused && !is_shown) {
            self.narrator.plan(whole);
        }
        if !self.reports_only && !plan.is_converged() {
            self.narrator.plan(plan);
        }
        if whole.is_converged() {
            self.narrator.say("nothing to do");
        }
    }

    fn step(&mut self, event: &Event, line: Option<String>) {
        if let Some(line) = line {
            self.narrator.say(&line);
        }
        if let (Event::Settled { .. }, Some(pass)) = (event, &mut self.board.status.pass) {
            pass.settled += 1;
        }
        if self.published.elapsed() >= PUBLISH_EVERY {
            self.published = Instant::now();
            self.board.publish();
        }
    }
}
