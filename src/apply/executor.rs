//! Runs what the scheduler says may begin: bounded concurrency, grouped calls, graceful stop.

use std::collections::{BTreeMap, VecDeque};
use std::time::Instant;

use serde_json::{Map, Value};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

use super::courier::{Courier, Parcel};
use super::create::NewItem;
use super::credentials::{self, CredentialsJob};
use super::event::Event;
use super::job::{Done, Failure, Job, Results, Work};
use super::ledger::{Learnt, Ledger, Made, marked};
use super::report::{Report, StepOutcome};
use super::restore::{self, Record};
use super::scheduler::Scheduler;
use super::{batch, create, rotate};
use crate::api::Writer;
use crate::api::assumptions::{IDS_PER_CALL, ITEMS_PER_POST, PASSWORD_FORM, TOKENS_PER_POST};
use crate::plan::{CreateEffect, Effect, Pending, Plan, Retirement, Step, UpdateEffect};
use crate::resource::{Address, Kind, Signer};
use crate::secret::Spool;

/// Jobs under way at once; each may make a few calls in a row.
const JOBS_AT_ONCE: usize = 8;

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
    /// Id of our own account.
    pub own_account: i64,
    /// What a failure means for the rest.
    pub on_error: OnError,
    /// Becomes true when nothing new shall begin.
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
        queue: VecDeque::new(),
        has_failed: false,
        apply,
    };
    let mut running: JoinSet<(Vec<usize>, Results)> = JoinSet::new();
    let mut started = BTreeMap::new();
    loop {
        let is_stopped =
            *run.apply.stop.borrow() || (run.has_failed && run.apply.on_error == OnError::Stop);
        if !is_stopped {
            run.enqueue_ready();
            while running.len() < JOBS_AT_ONCE {
                let Some(job) = run.queue.pop_front() else {
                    break;
                };
                for at in &job.steps {
                    run.tell(Event::Started(plan.steps[*at].id.clone()));
                }
                let steps = job.steps.clone();
                let (courier, own) = (courier.clone(), run.apply.own_account);
                let task = running.spawn(async move { work(&courier, own, job).await });
                started.insert(task.id(), steps);
            }
        }
        let Some(joined) = running.join_next_with_id().await else {
            break;
        };
        match joined {
            Ok((task, (steps, results))) => {
                started.remove(&task);
                for (at, result) in steps.into_iter().zip(results) {
                    run.settle(at, result);
                }
            }
            // A job that panicked is a job whose steps failed; the rest of the run goes on.
            Err(error) => {
                for at in started.remove(&error.id()).unwrap_or_default() {
                    run.settle(at, Err(Failure::new("it stopped by an internal error")));
                }
            }
        }
    }
    Report {
        digest: plan.digest.clone(),
        refused: Vec::new(),
        steps: run.ledger.entries,
        blocked: plan.blocked.clone(),
        pending: run.pending,
        unknown: plan.unknown.clone(),
        calls: run.apply.writer.reader().stats().snapshot(),
        duration: began.elapsed(),
        compared: 0,
    }
}

struct Run<'a> {
    apply: Apply<'a>,
    scheduler: Scheduler,
    ledger: Ledger,
    learnt: Learnt,
    pending: Vec<Pending>,
    queue: VecDeque<Job>,
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
                let done = Done { id, limit_id: None, metadata: None, pending: None, attempts: 1 };
                self.settle(*at, Ok(done));
            }
            self.group(rest);
        }
    }

    fn step(&self, at: usize) -> &'a Step {
        &self.apply.plan.steps[at]
    }

    /// Whether the platform already said that a new subaccount has its limit.
    fn is_verified(&self, at: usize) -> bool {
        let step = self.step(at);
        let Effect::VerifyLimit { limit, limit_id } = &step.effect else {
            return false;
        };
        let wanted = limit_id.or_else(|| self.learnt.id(limit));
        let has = self.learnt.made(&step.address).and_then(|made| made.limit_id);
        wanted.is_some() && wanted == has
    }

    /// Groups steps that can travel together into jobs, in the plan's order.
    fn group(&mut self, ready: Vec<usize>) {
        let mut creations: BTreeMap<(Kind, i64), Vec<usize>> = BTreeMap::new();
        let mut returns: BTreeMap<(Kind, i64), Vec<(usize, Record)>> = BTreeMap::new();
        let mut updates: BTreeMap<(Kind, String), Vec<usize>> = BTreeMap::new();
        let mut assigns: BTreeMap<i64, Vec<usize>> = BTreeMap::new();
        let mut deletions: BTreeMap<Kind, Vec<usize>> = BTreeMap::new();
        for at in ready {
            match &self.step(at).effect {
                Effect::Create(effect) => match self.owner(at, effect) {
                    Some(owner) => creations.entry((effect.kind, owner)).or_default().push(at),
                    None => self.fail_now(at, "the account that it belongs to is not there"),
                },
                Effect::Restore { kind, record, id, owner } => {
                    let record = Record { record: *record, id: *id };
                    returns.entry((*kind, *owner)).or_default().push((at, record));
                }
                Effect::Update(effect) if travels_with_others(effect) => {
                    let body = Value::Object(effect.fields.clone()).to_string();
                    updates.entry((effect.kind, body)).or_default().push(at);
                }
                Effect::Update(effect) => {
                    let job = self.update_alone(at, effect);
                    self.queue.push_back(job);
                }
                Effect::VerifyLimit { limit, limit_id }
                | Effect::AssignLimit { limit, limit_id, .. } => {
                    match limit_id.or_else(|| self.learnt.id(limit)) {
                        Some(limit_id) => assigns.entry(limit_id).or_default().push(at),
                        None => self.fail_now(at, "the limit is not there"),
                    }
                }
                Effect::Credentials(effect) => {
                    let address = self.step(at).address.clone();
                    let Some(id) = effect.id.or_else(|| self.learnt.id(&address)) else {
                        self.fail_now(at, "the subaccount is not there");
                        continue;
                    };
                    let metadata = self.learnt.metadata(Kind::Subaccount, id, &effect.metadata);
                    let above = Address::of_account(&address.account);
                    let made = above.and_then(|account| self.learnt.id(&account));
                    let Some(owner) = effect.owner.or(made) else {
                        self.fail_now(at, "the account that it belongs to is not there");
                        continue;
                    };
                    let job = CredentialsJob {
                        owner,
                        signer: self.apply.signer.clone(),
                        stack: effect.stack.clone(),
                        address,
                        id,
                        metadata,
                        email: effect.email.clone(),
                        password: effect.password.clone(),
                        form: effect.form.unwrap_or(PASSWORD_FORM),
                        least: effect.least,
                    };
                    let work = Work::Credentials(Box::new(job));
                    self.queue.push_back(Job { steps: vec![at], work });
                }
                Effect::HandOver(effect) => {
                    let metadata = self.learnt.metadata(Kind::Token, effect.id, &effect.metadata);
                    let parcel = Parcel { id: effect.id, owner: effect.owner, metadata };
                    let work = Work::HandOver { parcel, sinks: effect.deliver.clone() };
                    self.queue.push_back(Job { steps: vec![at], work });
                }
                Effect::Delete { kind, .. } => deletions.entry(*kind).or_default().push(at),
                Effect::Retire(effect) => {
                    let signer = self.apply.signer.clone();
                    let metadata = self.learnt.metadata(Kind::Token, effect.id, &effect.metadata);
                    let token = Retirement { metadata, ..(**effect).clone() };
                    let work = Work::Retire { token: Box::new(token), signer };
                    self.queue.push_back(Job { steps: vec![at], work });
                }
            }
        }
        for ((kind, owner), steps) in creations {
            self.create_jobs(kind, owner, &steps);
        }
        for ((kind, owner), records) in returns {
            for chunk in records.chunks(IDS_PER_CALL) {
                let (steps, buried) = chunk.iter().copied().unzip();
                self.queue.push_back(Job { steps, work: Work::Restore { kind, owner, buried } });
            }
        }
        for ((kind, _), steps) in updates {
            self.update_jobs(kind, &steps);
        }
        for (limit_id, steps) in assigns {
            self.assign_jobs(limit_id, &steps);
        }
        for (kind, steps) in deletions {
            for chunk in steps.chunks(IDS_PER_CALL) {
                let ids = chunk.iter().filter_map(|at| self.object_id(*at)).collect();
                let work = Work::Delete { kind, ids };
                self.queue.push_back(Job { steps: chunk.to_vec(), work });
            }
        }
    }

    fn owner(&self, at: usize, effect: &CreateEffect) -> Option<i64> {
        effect.owner.or_else(|| {
            let account = Address::of_account(&self.step(at).address.account)?;
            self.learnt.id(&account)
        })
    }

    /// The id of the object that a step is about.
    fn object_id(&self, at: usize) -> Option<i64> {
        match &self.step(at).effect {
            Effect::Update(effect) => Some(effect.id),
            Effect::Restore { id, .. }
            | Effect::AssignLimit { id, .. }
            | Effect::Delete { id, .. } => Some(*id),
            Effect::HandOver(effect) => Some(effect.id),
            Effect::Retire(effect) => Some(effect.id),
            Effect::VerifyLimit { .. } | Effect::Create(_) => {
                self.learnt.id(&self.step(at).address)
            }
            Effect::Credentials(effect) => {
                effect.id.or_else(|| self.learnt.id(&self.step(at).address))
            }
        }
    }

    fn new_item(&self, at: usize, effect: &CreateEffect, owner: i64) -> NewItem {
        let mut body = effect.body.clone();
        let limit_id = effect
            .limit_id
            .or_else(|| effect.limit.as_ref().and_then(|limit| self.learnt.id(limit)));
        if let Some(limit_id) = limit_id {
            body.insert("limit_id".to_owned(), Value::from(limit_id));
        }
        if let Some(Value::Object(metadata)) = body.get_mut("metadata") {
            self.apply.signer.sign(owner, metadata);
        }
        NewItem {
            address: self.step(at).address.clone(),
            stack: self.apply.plan.stack.clone(),
            body: Value::Object(body),
        }
    }

    fn create_jobs(&mut self, kind: Kind, owner: i64, steps: &[usize]) {
        let size = if kind == Kind::Token { TOKENS_PER_POST } else { ITEMS_PER_POST };
        for chunk in steps.chunks(size) {
            let mut items: Vec<NewItem> = Vec::with_capacity(chunk.len());
            let mut sinks = Vec::new();
            let mut instead_of = None;
            for at in chunk {
                if let Effect::Create(effect) = &self.step(*at).effect {
                    items.push(self.new_item(*at, effect, owner));
                    sinks.extend(effect.deliver.iter().cloned());
                    instead_of = effect.instead_of;
                }
            }
            let work = match (kind, items.len()) {
                (Kind::Token, 1) => {
                    Work::CreateToken { owner, item: items.remove(0), sinks, instead_of }
                }
                _ => Work::Create { kind, owner, items },
            };
            self.queue.push_back(Job { steps: chunk.to_vec(), work });
        }
    }

    fn update_alone(&self, at: usize, effect: &UpdateEffect) -> Job {
        let UpdateEffect {
            kind, id, fields, metadata, metadata_set, mark, refresh, deliver, ..
        } = effect;
        let mut body: Map<String, Value> = fields.clone();
        if let Some(edit) = mark.as_ref().or(refresh.as_ref().filter(|_| !fields.is_empty())) {
            let mut metadata = self.learnt.metadata(*kind, *id, metadata);
            metadata.extend(metadata_set.clone());
            body.insert(
                "metadata".to_owned(),
                Value::Object(marked(metadata, edit, self.apply.signer)),
            );
        }
        let body = (!body.is_empty()).then_some(Value::Object(body));
        let work = match (deliver, body) {
            (None, body) => Work::Update {
                kind: *kind,
                ids: vec![*id],
                body: body.unwrap_or_else(|| Value::Object(Map::new())),
            },
            (Some(delivery), body) => {
                let metadata = self.learnt.metadata(*kind, *id, metadata);
                let parcel = Parcel { id: *id, owner: effect.owner, metadata };
                Work::Deliver { parcel, body, delivery: delivery.clone() }
            }
        };
        Job { steps: vec![at], work }
    }

    fn update_jobs(&mut self, kind: Kind, steps: &[usize]) {
        if let [at] = steps {
            if let Effect::Update(effect) = &self.step(*at).effect {
                let job = self.update_alone(*at, effect);
                self.queue.push_back(job);
            }
            return;
        }
        for chunk in steps.chunks(IDS_PER_CALL) {
            let ids = chunk.iter().filter_map(|at| self.object_id(*at)).collect();
            let body = chunk.first().and_then(|at| match &self.step(*at).effect {
                Effect::Update(effect) => Some(Value::Object(effect.fields.clone())),
                _ => None,
            });
            let Some(body) = body else { continue };
            let work = Work::Update { kind, ids, body };
            self.queue.push_back(Job { steps: chunk.to_vec(), work });
        }
    }

    fn assign_jobs(&mut self, limit_id: i64, steps: &[usize]) {
        for chunk in steps.chunks(IDS_PER_CALL) {
            let ids: Vec<i64> = chunk.iter().filter_map(|at| self.object_id(*at)).collect();
            let metadata = match (chunk, ids.as_slice()) {
                ([at], [id]) => match &self.step(*at).effect {
                    Effect::AssignLimit { refresh, .. } => {
                        let known = self.learnt.metadata(Kind::Subaccount, *id, &refresh.base);
                        Some(marked(known, refresh, self.apply.signer))
                    }
                    _ => None,
                },
                _ => None,
            };
            let work = Work::Assign { ids, limit_id, metadata };
            self.queue.push_back(Job { steps: chunk.to_vec(), work });
        }
    }

    fn fail_now(&mut self, at: usize, what: &str) {
        self.settle(at, Err(Failure::new(what)));
    }

    fn settle(&mut self, at: usize, result: Result<Done, Failure>) {
        let step = self.step(at);
        match result {
            Ok(done) => {
                let Done { id, limit_id, metadata, pending, attempts } = done;
                self.learn(step, id, limit_id, metadata);
                let reason =
                    pending.map(|reason| Pending { address: step.address.clone(), reason });
                self.pending.extend(reason);
                self.enter(at, StepOutcome::Applied, attempts, None, id);
                self.scheduler.applied(at);
            }
            Err(Failure { what, attempts, id }) => {
                self.has_failed = true;
                self.enter(at, StepOutcome::Failed, attempts, Some(what), id);
                for (blocked, because_of) in self.scheduler.failed(at) {
                    let what = format!("blocked because of {because_of}");
                    self.enter(blocked, StepOutcome::Blocked, 0, Some(what), None);
                }
            }
        }
    }

    fn learn(
        &mut self,
        step: &Step,
        id: Option<i64>,
        limit_id: Option<i64>,
        metadata: Option<Map<String, Value>>,
    ) {
        let Some(id) = id else { return };
        match (&step.effect, metadata) {
            (Effect::Create(effect), metadata) => {
                let written = effect.body.get("metadata").and_then(Value::as_object).cloned();
                let metadata = metadata.or(written).unwrap_or_default();
                self.learnt.note_made(step.address.clone(), Made { id, limit_id }, metadata);
            }
            (Effect::Restore { .. }, metadata) => {
                let made = Made { id, limit_id };
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

/// Whether an update may share its call: its body is the same for all.
fn travels_with_others(effect: &UpdateEffect) -> bool {
    effect.mark.is_none() && effect.metadata_set.is_empty() && effect.deliver.is_none()
}

async fn work(courier: &Courier, own_account: i64, job: Job) -> (Vec<usize>, Results) {
    let writer = &courier.writer;
    let Job { steps, work } = job;
    let results = match &work {
        Work::Create { kind, owner, items } => {
            create::create(writer, *kind, own_account, *owner, items).await
        }
        Work::Restore { kind, owner, buried } => {
            restore::restore(writer, *kind, own_account, *owner, buried).await
        }
        Work::CreateToken { owner, item, sinks, instead_of } => {
            vec![create::create_token(courier, own_account, *owner, item, sinks, *instead_of).await]
        }
        Work::HandOver { parcel, sinks } => {
            vec![rotate::hand_over(courier, parcel.clone(), sinks).await]
        }
        Work::Retire { token, signer } => vec![rotate::retire(writer, token, signer).await],
        Work::Update { kind, ids, body } => batch::update(writer, *kind, ids, body).await,
        Work::Deliver { parcel, body, delivery } => {
            let body = body.as_ref();
            vec![batch::update_and_deliver(courier, parcel.clone(), body, delivery).await]
        }
        Work::Assign { ids, limit_id, metadata } => {
            batch::assign(writer, ids, *limit_id, metadata.as_ref()).await
        }
        Work::Credentials(job) => vec![credentials::set(writer, job).await],
        Work::Delete { kind, ids } => batch::delete(writer, *kind, ids).await,
    };
    (steps, results)
}
