//! Runs what the scheduler says may begin: bounded concurrency, grouped calls, graceful stop.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use serde_json::{Map, Value};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

use super::bundle::{Bundle, Bundler};
use super::courier::Courier;
use super::doubles::{self, MadeHere, TakenBack};
use super::event::Event;
use super::job::{Done, Failure, Ids, Job, Results, Work};
use super::ledger::{Learnt, Ledger, Made};
use super::payload::Parcel;
use super::report::{Report, StepOutcome};
use super::scheduler::Scheduler;
use super::{create, credentials, link, restore, rotate, set, tokens};
use crate::api::Writer;
use crate::handles;
use crate::plan::{CreateEffect, Delivery, Effect, Pending, Plan, Step};
use crate::resource::kinds::Collection;
use crate::resource::{Address, Kind, Signer};
use crate::secret::Spool;

/// Jobs under way at once; each may make a few calls in a row. How many calls are, the governor of all calls says.
const JOBS_AT_ONCE: usize = 64;

/// What a failed step means for those that do not need it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OnError {
    /// They go on.
    #[default]
    Finish,
    /// Nothing new begins.
    Stop,
}

/// A plan and what is needed to carry it out.
pub struct Apply<'a> {
    /// The plan.
    pub plan: &'a Plan,
    /// Writes to the platform.
    pub writer: &'a Writer,
    /// Signs marks.
    pub signer: &'a Signer,
    /// Keeps keys that could not be delivered.
    pub spool: &'a Spool,
    /// Id of the root account.
    pub own_account: i64,
    /// What a failure means for the rest.
    pub on_error: OnError,
    /// Becomes true when nothing new may start.
    pub stop: watch::Receiver<bool>,
    /// Hears of every step.
    pub events: mpsc::UnboundedSender<Event>,
}

/// Carries out a plan and gives the ledger of what became of each step.
pub async fn apply(apply: Apply<'_>) -> Report {
    let began = Instant::now();
    let plan = apply.plan;
    let Apply { writer, spool, signer, .. } = &apply;
    let courier = Courier::new((*writer).clone(), (*spool).clone(), (*signer).clone(), plan).await;
    let mut run = Run {
        scheduler: Scheduler::new(plan),
        ledger: Ledger::new(plan),
        learnt: Learnt::default(),
        pending: plan.pending.clone(),
        pages: Vec::new(),
        queue: BTreeMap::new(),
        enqueued: 0,
        busy: BTreeSet::new(),
        has_failed: false,
        apply,
    };
    let jobs_at_once = handles::at_once(1, JOBS_AT_ONCE);
    let mut running: JoinSet<(Vec<usize>, Results)> = JoinSet::new();
    let mut started: BTreeMap<_, Started> = BTreeMap::new();
    loop {
        let is_stopped =
            *run.apply.stop.borrow() || (run.has_failed && run.apply.on_error == OnError::Stop);
        if !is_stopped {
            run.enqueue_ready();
            while running.len() < jobs_at_once {
                let Some(job) = run.next_job() else {
                    break;
                };
                let begun = Started { steps: job.steps.clone(), objects: job.objects.clone() };
                let (courier, own) = (courier.clone(), run.apply.own_account);
                let task = running.spawn(async move { work(&courier, own, job).await });
                started.insert(task.id(), begun);
            }
        }
        let Some(joined) = running.join_next_with_id().await else {
            break;
        };
        let id = joined.as_ref().map_or_else(|error| error.id(), |(id, _)| *id);
        let Started { steps, objects } = started.remove(&id).unwrap_or_default();
        run.busy.retain(|object| !objects.contains(object));
        match joined {
            Ok((_, (steps, results))) => {
                for (at, result) in steps.into_iter().zip(results) {
                    run.settle(at, result);
                }
            }
            // A job that panicked is a job whose steps failed; the rest of the run goes on.
            Err(_) => {
                for at in steps {
                    run.settle(at, Err(Failure::new("panicked; please report this bug")));
                }
            }
        }
    }
    let (taken_back, mut notes) = run.take_back().await;
    notes.append(&mut run.pages);
    Report {
        digest: plan.digest.clone(),
        refused: Vec::new(),
        taken_back,
        notes,
        steps: run.ledger.entries,
        blocked: plan.blocked.clone(),
        pending: run.pending,
        unknown: plan.unknown.clone(),
        least_writes: plan.least_writes(),
        calls: run.apply.writer.reader().stats().snapshot(),
        duration: began.elapsed(),
        compared: 0,
    }
}

/// What a running job is about.
#[derive(Default)]
struct Started {
    steps: Vec<usize>,
    objects: Vec<(Kind, i64)>,
}

struct Run<'a> {
    apply: Apply<'a>,
    scheduler: Scheduler,
    ledger: Ledger,
    learnt: Learnt,
    pending: Vec<Pending>,
    /// Where people log in to what was created, in words.
    pages: Vec<String>,
    /// What can begin: first what most steps wait for, and of equals what came first.
    queue: BTreeMap<(Reverse<usize>, usize), Bundle<'a>>,
    /// How many bundles came so far.
    enqueued: usize,
    /// Objects that a running job writes to.
    busy: BTreeSet<(Kind, i64)>,
    has_failed: bool,
}

impl<'a> Run<'a> {
    fn tell(&self, event: Event) {
        // Nobody listening is no reason to stop.
        let _ = self.apply.events.send(event);
    }

    /// Turns everything that may begin into jobs.
    fn enqueue_ready(&mut self) {
        loop {
            let ready = self.scheduler.take_ready();
            if ready.is_empty() {
                return;
            }
            // What is verified without a call is settled at once, which may make more ready.
            let (verified, rest): (Vec<usize>, Vec<usize>) =
                ready.into_iter().partition(|at| self.is_verified(*at));
            for at in &verified {
                self.tell(Event::Started(self.step(*at).id.clone()));
                let id = self.learnt.id(&self.step(*at).address);
                let done = Done {
                    id,
                    refs: Ids::new(),
                    metadata: None,
                    page: None,
                    pending: None,
                    attempts: 1,
                };
                self.settle(*at, Ok(done));
            }
            let bundler = self.bundler();
            let (bundles, stuck) = bundler.bundle(&rest);
            for bundle in bundles {
                let awaited_by: usize =
                    bundle.steps.iter().map(|at| self.scheduler.awaited_by(*at)).sum();
                self.enqueued += 1;
                self.queue.insert((Reverse(awaited_by), self.enqueued), bundle);
            }
            for (at, reason) in stuck {
                self.settle(at, Err(Failure::new(reason)));
            }
        }
    }

    fn step(&self, at: usize) -> &'a Step {
        &self.apply.plan.steps[at]
    }

    /// Whether the platform already said that a new object refers to what it should.
    fn is_verified(&self, at: usize) -> bool {
        let step = self.step(at);
        let Effect::Verify(refs) = &step.effect else {
            return false;
        };
        let made = self.learnt.made(&step.address);
        let wanted = self.learnt.resolve(refs);
        made.zip(wanted.ok()).is_some_and(|(made, wanted)| {
            wanted.iter().all(|(field, id)| made.refs.get(field) == Some(id))
        })
    }

    fn bundler(&self) -> Bundler<'a, '_> {
        Bundler { plan: self.apply.plan, learnt: &self.learnt, signer: self.apply.signer }
    }

    /// The next job whose objects nobody writes to at the moment: two writes at a time to one object would lose one of
    /// them.
    fn next_job(&mut self) -> Option<Job> {
        let is_free =
            |bundle: &Bundle<'_>| bundle.objects.iter().all(|object| !self.busy.contains(object));
        let (first, _) = self.queue.iter().find(|(_, bundle)| is_free(bundle))?;
        let first = *first;
        let bundle = self.queue.remove(&first)?;
        let job = self.bundler().job(bundle);
        self.busy.extend(job.objects.iter().copied());
        for at in &job.steps {
            self.tell(Event::Started(self.step(*at).id.clone()));
        }
        Some(job)
    }

    /// Looks again for what this run made, in case somebody else made it at the same time.
    async fn take_back(&self) -> (Vec<TakenBack>, Vec<String>) {
        let made: Vec<MadeHere> = self.learnt.all_made().collect();
        if made.is_empty() {
            return (Vec::new(), Vec::new());
        }
        let Apply { writer, signer, plan, .. } = &self.apply;
        match doubles::take_back(writer, signer, &plan.stack, &made).await {
            Ok(taken_back) => (taken_back, Vec::new()),
            Err(error) => {
                let note = format!(
                    "cannot check whether another run created the same object at the same time: {error}"
                );
                tracing::warn!("{note}");
                (Vec::new(), vec![note])
            }
        }
    }

    fn settle(&mut self, at: usize, result: Result<Done, Failure>) {
        let step = self.step(at);
        match result {
            Ok(done) => {
                let Done { id, refs, metadata, page, pending, attempts } = done;
                if let (Effect::Create(_), Some(page)) = (&step.effect, page) {
                    self.pages.push(format!("{}: people log in at {page}", step.address));
                }
                self.learn(step, id, refs, metadata);
                let reason =
                    pending.map(|reason| Pending { address: step.address.clone(), reason });
                self.pending.extend(reason);
                self.enter(at, StepOutcome::Applied, attempts, None, id);
                self.scheduler.applied(at);
            }
            Err(Failure { what, attempts, id }) => {
                self.has_failed = true;
                if let (Some(id), Effect::Create(effect)) = (id, &step.effect) {
                    let owner = self.owner_of(step, effect);
                    let collection = self.collection_of(effect);
                    self.learnt.note_half_made(collection, id, owner);
                }
                self.enter(at, StepOutcome::Failed, attempts, Some(what), id);
                for (blocked, because_of) in self.scheduler.failed(at) {
                    let what = format!("blocked because {} was not applied", because_of.address());
                    self.enter(blocked, StepOutcome::Blocked, 0, Some(what), None);
                }
            }
        }
    }

    /// The collection in which a creation made its object.
    fn collection_of(&self, effect: &CreateEffect) -> Collection {
        let inside = effect.inside.as_ref();
        let inside = inside.and_then(|holder| holder.id.or_else(|| self.learnt.id(&holder.to)));
        Collection::new(effect.kind, inside)
    }

    /// The account in which a creation made its object.
    fn owner_of(&self, step: &Step, effect: &CreateEffect) -> Option<i64> {
        effect.owner.or_else(|| self.learnt.id(&Address::of_account(&step.address.account)?))
    }

    fn learn(
        &mut self,
        step: &Step,
        id: Option<i64>,
        refs: Ids,
        metadata: Option<Map<String, Value>>,
    ) {
        let Some(id) = id else { return };
        match (&step.effect, metadata) {
            (Effect::Create(effect), metadata) => {
                let written = effect.body.get("metadata").and_then(Value::as_object).cloned();
                let metadata = metadata.or(written).unwrap_or_default();
                let owner = self.owner_of(step, effect);
                let inside = self.collection_of(effect).inside;
                let made = Made { id, refs, owner, inside };
                self.learnt.note_made(step.address.clone(), made, metadata);
            }
            (Effect::Restore { .. }, metadata) => {
                let made = Made { id, refs, owner: None, inside: None };
                self.learnt.note_made(step.address.clone(), made, metadata.unwrap_or_default());
            }
            (_, Some(metadata)) => self.learnt.note_metadata(step.address.kind, id, metadata),
            (_, None) => {}
        }
    }

    fn enter(
        &mut self,
        at: usize,
        outcome: StepOutcome,
        attempts: u32,
        error: Option<String>,
        id: Option<i64>,
    ) {
        self.tell(Event::Settled { id: self.step(at).id.clone(), outcome, error: error.clone() });
        if let Some(entry) = self.ledger.entries.get_mut(at) {
            entry.outcome = outcome;
            entry.attempts = attempts;
            entry.error = error;
            entry.id_on_platform = id;
        }
    }
}

async fn work(courier: &Courier, own_account: i64, job: Job) -> (Vec<usize>, Results) {
    let writer = &courier.writer;
    let Job { steps, objects: _, work } = job;
    let results = match &work {
        Work::Create { collection, owner, items } => {
            create::create(courier, *collection, own_account, *owner, items).await
        }
        Work::Restore { kind, owner, buried } => {
            restore::restore(courier, *kind, own_account, *owner, buried).await
        }
        Work::CreateTokens { owner, tokens } => {
            tokens::create(courier, own_account, *owner, tokens).await
        }
        Work::HandOver { parcel, sinks } => {
            vec![rotate::hand_over(courier, parcel.clone(), sinks).await]
        }
        Work::Retire { token, signer } => vec![rotate::retire(writer, token, signer).await],
        Work::Update { collection, ids, edit } => match courier.enclosed(edit).await {
            Ok(item) => set::set(writer, *collection, ids, &item).await,
            Err(failure) => ids.iter().map(|_| Err(failure.clone())).collect(),
        },
        Work::Deliver { parcel, body, delivery } => {
            vec![set_and_deliver(courier, parcel.clone(), body, delivery).await]
        }
        Work::Forget { collection, ids, metadata } => {
            set::forget(writer, *collection, ids, metadata).await
        }
        Work::Credentials(job) => vec![credentials::set(writer, job).await],
        Work::Link(job) => vec![link::set(writer, job).await],
        Work::Delete { collection, ids } => set::delete(writer, *collection, ids).await,
    };
    (steps, results)
}

/// Sets fields of a token, if there are any, and delivers its key to where it is missing.
async fn set_and_deliver(
    courier: &Courier,
    mut parcel: Parcel,
    body: &Map<String, Value>,
    delivery: &Delivery,
) -> Result<Done, Failure> {
    let id = parcel.id;
    if !body.is_empty() {
        let item = set::set_one(&courier.writer, Kind::KEY, id, body).await?;
        if let Some(metadata) = item.get("metadata").and_then(Value::as_object) {
            parcel.metadata.clone_from(metadata);
        }
    }
    let metadata = courier.bring(parcel, None, delivery).await?;
    Ok(Done { metadata: Some(metadata), ..Done::with_id(id) })
}
