//! The pass: the order in which all that write look, ask, lock and write.

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::Timestamp;
use tokio::sync::{mpsc, watch};

use super::wait::{Waits, Windows};
use super::{Caller, Consent, Context, PassEvent, Prepared, carry_out, prepare};
use crate::apply::{Event, OnError, Report};
use crate::lock::{self, Holder, Lease, LeaseKey, Leases, LockError, Share};
use crate::observe::ObserveError;
use crate::pause::{Pauses, Unreadable};
use crate::plan::{Plan, Policy, only};
use crate::report::Progress;
use crate::resource::Desired;
use crate::run::RunId;
use crate::shutdown;

/// Tells the time that people see.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// Who else may write.
#[derive(Clone)]
pub struct Gate<'a> {
    /// Where leases are kept.
    pub leases: &'a dyn Leases,
    /// What locks call the platform.
    pub platform: String,
    /// What is left alone because somebody said so.
    pub pauses: &'a Pauses,
    /// Tells the time by which pauses end and windows open.
    pub clock: Clock,
}

/// What a pass is about.
pub(crate) struct Work<'a> {
    /// The desired state.
    pub(crate) desired: &'a Desired,
    /// What may be planned.
    pub(crate) policy: Policy,
    /// What a failed step means for those that do not need it.
    pub(crate) on_error: OnError,
    /// What it works with; the caller is asked for what was seen last.
    pub(crate) context: Context<'a>,
    /// Who else may write.
    pub(crate) gate: &'a Gate<'a>,
    /// Whether risky steps wait for the windows of the Stack.
    pub(crate) windows: Windows,
    /// How long another run that holds the lock is waited for.
    pub(crate) patience: std::time::Duration,
    /// What the lock calls the command.
    pub(crate) command: &'static str,
    /// The name of this pass.
    pub(crate) run: &'a RunId,
}

/// A pass that came to its end.
pub(crate) struct Passed {
    /// The plan that was made last.
    pub(crate) prepared: Prepared,
    /// What became of it; none if there was nothing to write from the beginning.
    pub(crate) report: Option<Report>,
}

/// Why a pass wrote nothing.
pub(crate) enum Hindrance<Unfit> {
    /// The platform could not be read.
    Away(ObserveError),
    /// The plan is none for this caller.
    Unfit(Unfit),
    /// Nobody let the plan begin, for these reasons.
    Declined(Box<Prepared>, Vec<String>),
    /// It is unknown what is paused.
    Pauses(Unreadable),
    /// The lock was not to be had.
    Locked(LockError),
    /// The process was asked to end while the platform was read.
    StoppedLooking,
    /// The process was asked to end while another run held the lock.
    StoppedWaiting(Box<Prepared>),
}

/// Makes one pass.
///
/// What was written so far is noted before the platform is read, so that it is known under the lock whether the plan is
/// still news. A plan without steps, or whose steps all wait, needs nobody's
/// consent and no lock.
pub(crate) async fn pass<C: Caller>(
    work: &Work<'_>,
    caller: &mut C,
    stop: &watch::Receiver<bool>,
) -> Result<Passed, Hindrance<C::Unfit>> {
    let fences = work.gate.leases.fences().await;
    let prepared = look(work, caller, stop).await?;
    caller.on_event(PassEvent::Planned(&prepared));
    let mut prepared = approved(prepared, caller)?;
    let waits = work.waits().await.map_err(|error| work.unpaused(error))?;
    if prepared.plan.steps.iter().all(|step| waits.holds(step)) {
        return Ok(Passed { prepared: hold(prepared, &waits), report: None });
    }
    let consent = match caller.consent(&prepared.plan).await {
        Ok(consent) => consent,
        Err(why) => return Err(Hindrance::Declined(Box::new(prepared), why)),
    };
    let (key, holder) = (work.lease_key(&prepared), Holder::this_process(work.command, work.run));
    let shares = shares(&prepared.plan);
    let waiting = |held: &lock::LockInfo| caller.on_event(PassEvent::Waiting(held));
    let lease = tokio::select! {
        biased;
        () = shutdown::raised(stop.clone()) => {
            return Err(Hindrance::StoppedWaiting(Box::new(prepared)));
        }
        lease = lock::acquire(work.gate.leases, &key, &shares, &holder, work.patience, waiting) => {
            lease.map_err(Hindrance::Locked)?
        }
    };
    // Another run wrote since we looked, or somebody thought for long.
    if !lease.follows(&fences) || consent.is_stale() {
        prepared = match look_again(&prepared, consent, work, caller, stop).await {
            Ok(again) => within(again, &shares, work),
            Err(hindrance) => {
                lease.release().await;
                return Err(hindrance);
            }
        };
    }
    // Asked again, since a consent or the lock may have taken long.
    let prepared = match work.waits().await {
        Ok(waits) => hold(prepared, &waits),
        Err(error) => {
            lease.release().await;
            return Err(work.unpaused(error));
        }
    };
    let stop = lock::either(stop.clone(), lease.lost());
    let report = write(&prepared, work, caller, &lease, stop).await;
    caller.on_event(PassEvent::CarriedOut(&prepared, &report));
    lease.release().await;
    Ok(Passed { prepared, report: Some(report) })
}

/// The shares of the stack that a plan writes to.
fn shares(plan: &Plan) -> BTreeSet<Share> {
    plan.steps.iter().map(|step| Share::of(&step.address)).collect()
}

/// What of a plan that was made under the lock lies in the shares that are held. The rest is for the next pass.
fn within(prepared: Prepared, held: &BTreeSet<Share>, work: &Work<'_>) -> Prepared {
    if !work.gate.leases.is_shared() {
        return prepared;
    }
    let plan = only(prepared.plan, |address| held.contains(&Share::of(address)), "not locked yet");
    Prepared { plan, ..prepared }
}

impl Work<'_> {
    /// What keeps steps waiting at this moment.
    async fn waits(&self) -> Result<Waits, Unreadable> {
        let Gate { pauses, platform, clock, .. } = self.gate;
        Waits::of(self.desired, (pauses, platform), self.windows, clock()).await
    }

    /// Why nothing is written while it is unknown what is paused: a store that keeps leases as well is away for both.
    fn unpaused<U>(&self, error: Unreadable) -> Hindrance<U> {
        match self.gate.leases.is_shared() {
            true => {
                let Unreadable { place, source } = error;
                Hindrance::Locked(LockError::Away { place, reason: source.to_string() })
            }
            false => Hindrance::Pauses(error),
        }
    }

    fn lease_key(&self, prepared: &Prepared) -> LeaseKey {
        LeaseKey {
            platform: self.gate.platform.clone(),
            account: prepared.own_account,
            stack: self.desired.stack.clone(),
        }
    }
}

/// Plans what the caller may carry out. Reading may be broken off at any moment.
async fn look<C: Caller>(
    work: &Work<'_>,
    caller: &mut C,
    stop: &watch::Receiver<bool>,
) -> Result<Prepared, Hindrance<C::Unfit>> {
    let seen = caller.seen();
    let context = Context { seen: seen.as_ref(), ..work.context };
    let prepared = tokio::select! {
        biased;
        () = shutdown::raised(stop.clone()) => return Err(Hindrance::StoppedLooking),
        prepared = prepare(work.desired, context, work.policy) => prepared,
    };
    // Calls that are broken off are no error of their own.
    if *stop.borrow() {
        return Err(Hindrance::StoppedLooking);
    }
    let mut prepared =
        caller.narrow(prepared.map_err(Hindrance::Away)?).map_err(Hindrance::Unfit)?;
    work.waits().await.map_err(|error| work.unpaused(error))?.announce(&mut prepared.plan);
    Ok(prepared)
}

/// Takes out what waits at this moment.
fn hold(prepared: Prepared, waits: &Waits) -> Prepared {
    Prepared { plan: waits.hold(prepared.plan), ..prepared }
}

/// Plans once more, under the lock. Who was asked agreed to what was shown, and not to what has become of it.
async fn look_again<C: Caller>(
    before: &Prepared,
    consent: Consent,
    work: &Work<'_>,
    caller: &mut C,
    stop: &watch::Receiver<bool>,
) -> Result<Prepared, Hindrance<C::Unfit>> {
    caller.on_event(PassEvent::Outdated);
    let again = look(work, caller, stop).await?;
    if again.plan.digest != before.plan.digest {
        if let Consent::ToWhatWasShown(_) = consent {
            let why = "the platform changed in the meantime; review the new plan".to_owned();
            return Err(Hindrance::Declined(Box::new(again), vec![why]));
        }
        caller.on_event(PassEvent::PlannedAgain(&again));
    }
    approved(again, caller)
}

fn approved<C: Caller>(
    prepared: Prepared,
    caller: &mut C,
) -> Result<Prepared, Hindrance<C::Unfit>> {
    match caller.approve(&prepared.plan) {
        Ok(()) => Ok(prepared),
        Err(why) => Err(Hindrance::Declined(Box::new(prepared), why)),
    }
}

/// Carries out the plan, and tells what happens while it happens.
async fn write<C: Caller>(
    prepared: &Prepared,
    work: &Work<'_>,
    caller: &mut C,
    lease: &Lease,
    stop: watch::Receiver<bool>,
) -> Report {
    caller.on_event(PassEvent::Begins(&prepared.plan));
    let (sender, mut events) = mpsc::unbounded_channel();
    let mut progress = Progress::new(&prepared.plan);
    let client = &match lease.right() {
        Some(right) => work.context.client.under(right, work.run.as_str()),
        None => work.context.client.clone(),
    };
    let steps = prepared.plan.steps.len() as u64;
    client.progress().expect("applying", "steps", steps, client.sent());
    let telling = async {
        while let Some(event) = events.recv().await {
            if let Event::Settled { .. } = event {
                client.progress().did_one();
            }
            let line = progress.line(&event);
            caller.on_event(PassEvent::Step(&event, line));
        }
    };
    let doing =
        carry_out(prepared, Context { client, ..work.context }, work.on_error, stop, sender);
    let (report, ()) = tokio::join!(doing, telling);
    client.progress().end();
    report
}
