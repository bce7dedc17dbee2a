//! Looks and plans, and changes nothing.

use std::collections::BTreeMap;

use litemap::LiteMap;

use super::context::Context;
use crate::api::{Client, Reader};
use crate::apply::{Report, StepOutcome};
use crate::observe::{self, Actual, Answers, ObserveError, Scope, Seen, Sources};
use crate::plan::{Action, Plan, Policy, plan};
use crate::resource::{Address, Bound, Claims, Desired, KeyNote, Kind, Signer};
use crate::secret::{Spool, Trust};

/// How often planning may end with questions. Each kind of question is asked once, and they build on each other no deeper
/// than recycle bin, log, sinks, key, contents.
const MOST_ROUNDS: usize = 12;

/// A plan and what it was made of.
#[derive(Debug)]
pub struct Prepared {
    /// The plan.
    pub plan: Plan,
    /// Id of the root account.
    pub own_account: i64,
    /// What carries the mark of the stack.
    pub found: LiteMap<Address, Found>,
    /// API calls that it took to make the plan.
    pub calls: u64,
}

/// An object of the stack that was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Found {
    /// Its id.
    pub id: i64,
    /// When a token ends if nobody uses it, in unix seconds.
    pub ends_at: Option<i64>,
    /// How many seconds a token lives after its last use, if that decides when it ends.
    pub ttl: Option<i64>,
}

impl Prepared {
    /// How many objects of the stack there are now, after what `report` says was done.
    pub fn seen(&self, report: Option<&Report>, run: &str) -> Seen {
        let mut objects: BTreeMap<Kind, usize> = BTreeMap::new();
        for address in self.found.keys() {
            *objects.entry(address.kind).or_default() += 1;
        }
        let steps = report.map(|report| report.steps.as_slice()).unwrap_or_default();
        for step in steps.iter().filter(|step| step.outcome == StepOutcome::Applied) {
            let count = objects.entry(step.address.kind).or_default();
            match step.action {
                Action::Create | Action::Restore => *count += 1,
                Action::Delete | Action::Forget => *count = count.saturating_sub(1),
                Action::Update | Action::Assign | Action::Link => {}
            }
        }
        Seen { account: self.own_account, objects, run: run.to_owned() }
    }
}

/// Reads the platform and plans. Changes nothing.
///
/// # Errors
/// [`ObserveError`] when not even our own identity is known. What else cannot be read is part of
/// the plan.
pub async fn prepare(
    desired: &Desired,
    context: Context<'_>,
    policy: Policy,
) -> Result<Prepared, ObserveError> {
    let Context { client, signer, spool, trust, seen, overwritten } = context;
    let reader = Reader::new(client.clone());
    let before = calls(&reader);
    let kinds = Kind::read_for(|kind| is_about(kind, desired, seen, policy));
    let claims = &Claims::of(desired);
    let scope = Scope { signer, claims, seen, kinds };
    let actual = observe::platform(&reader, scope).await?;
    let own_account = actual.identity.account;
    let sources = Sources { reader: &reader, signer, claims, own_account, spool, trust };
    let known =
        Answers { overwritten: overwritten.cloned().unwrap_or_default(), ..Answers::default() };
    let (plan, answers) = settle(desired, &actual, known, policy, sources).await?;
    if matches!(trust, Trust::Reviewed) {
        sweep(&actual, &answers, spool).await;
    }
    let calls = calls(&reader) - before;
    let marked = actual.all().filter_map(|object| {
        let mark = object.mark_of(&desired.stack)?;
        let lifetime = object.lifetime();
        let by_use = lifetime.filter(|lifetime| lifetime.bound == Bound::Ttl);
        let ends_at = lifetime.map(|lifetime| lifetime.ends);
        let found = Found { id: object.id, ends_at, ttl: by_use.map(|lifetime| lifetime.ttl) };
        Some((mark.address.clone(), found))
    });
    let found = marked.collect();
    Ok(Prepared { plan, own_account, found, calls })
}

/// Whether a pass has to do with objects of `kind`: they are declared, were there when somebody looked last, or go when
/// they are not declared. What a former name or a list of what is let go means may be of any kind.
fn is_about(kind: Kind, desired: &Desired, seen: Option<&Seen>, policy: Policy) -> bool {
    let is_declared = desired.objects.keys().any(|address| address.kind == kind);
    let was_there = seen.and_then(|seen| seen.objects.get(&kind)).is_some_and(|count| *count > 0);
    let is_any = !desired.formerly.is_empty() || !desired.let_go.is_empty();
    is_declared || was_there || policy.prune || is_any
}

/// Plans, finds out what the plan has to know, and plans again, until there is no question left.
async fn settle(
    desired: &Desired,
    actual: &Actual,
    mut answers: Answers,
    policy: Policy,
    sources: Sources<'_>,
) -> Result<(Plan, Answers), ObserveError> {
    for _ in 0..MOST_ROUNDS {
        match plan(desired, actual, &answers, policy) {
            Ok(plan) => return Ok((plan, answers)),
            Err(questions) => answers.extend(observe::answer(*questions, sources).await),
        }
    }
    Err(ObserveError::Unsettled(MOST_ROUNDS))
}

/// Takes keys out of the spool that a run has delivered which ended before it could do so itself.
async fn sweep(actual: &Actual, answers: &Answers, spool: &Spool) {
    let delivered = |id: &i64| {
        let token = actual.token(*id);
        let mark = token.and_then(|token| token.mark.as_ref().ok()?.as_ref());
        mark.is_some_and(|mark| {
            let state = answers.sinks.get(&mark.address);
            matches!(mark.key, Some(KeyNote::Delivered { .. }))
                && state.is_none_or(|state| state.lacking.is_empty())
        })
    };
    for id in spool.ids().await.unwrap_or_default().into_iter().filter(delivered) {
        if let Err(error) = spool.remove(id).await {
            tracing::warn!(token = id, "{error}");
        }
    }
}

/// Reads all of the platform that can be written as manifests, and nothing else; with the number of API calls that it took.
///
/// # Errors
/// [`ObserveError`] when not even our own identity is known.
pub async fn observe(client: &Client, signer: &Signer) -> Result<(Actual, u64), ObserveError> {
    let reader = Reader::new(client.clone());
    let before = calls(&reader);
    let kinds = Kind::read_for(|_| true);
    let mut actual =
        observe::platform(&reader, Scope { signer, claims: &Claims::default(), seen: None, kinds })
            .await?;
    observe::read_links(&reader, &mut actual).await;
    // Whoever only looks signs nothing.
    actual.objects.values_mut().for_each(|object| object.wants_signature = false);
    Ok((actual, calls(&reader) - before))
}

fn calls(reader: &Reader) -> u64 {
    reader.stats().snapshot().iter().map(|count| count.calls).sum()
}
