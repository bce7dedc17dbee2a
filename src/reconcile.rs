//! One pass, readable on one screen: observe, plan, and, once somebody said yes, apply.
//!
//! Every command that touches the platform goes through here; there is no second path.

use std::collections::BTreeMap;

use tokio::sync::{mpsc, watch};

use crate::api::{Client, Reader, Writer};
use crate::apply::{Apply, Event, OnError, Report, apply};
use crate::observe::{self, Actual, Details, KeyState, ObserveError, Programs, Secrets, SinkState};
use crate::plan::{Plan, Policy, absences, accounts_at_risk, plan, questions};
use crate::resource::{Address, Desired, KeyNote, Kind, Signer};
use crate::secret::Spool;

/// A plan and what it was made of.
#[derive(Debug)]
pub struct Prepared {
    /// The plan.
    pub plan: Plan,
    /// Id of our own account.
    pub own_account: i64,
    /// What carries the mark of the stack.
    pub found: BTreeMap<Address, Found>,
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
}

/// Reads the platform and plans. Changes nothing.
///
/// # Errors
/// [`ObserveError`] when not even our own identity is known. What else cannot be read is part of
/// the plan.
pub async fn prepare(
    desired: &Desired,
    client: &Client,
    signer: &Signer,
    policy: Policy,
    programs: Programs,
    spool: &Spool,
) -> Result<Prepared, ObserveError> {
    let reader = Reader::new(client.clone());
    let before = calls(&reader);
    let mut actual = observe::platform(&reader, signer).await?;
    let mut secrets = observe::secrets(desired, &actual, programs, &reader, spool).await;
    if programs == Programs::Run {
        sweep(&actual, &secrets, spool).await;
    }
    let mut details = Details::default();
    let absences = absences(desired, &actual);
    if !absences.is_empty() {
        let own_account = actual.identity.account;
        details.bins = observe::bins(&reader, absences, own_account, signer).await;
    }
    let mut made = plan(desired, &actual, &secrets, &details, policy);
    let open = questions(&made, desired);
    if !open.is_empty() {
        let stack = &desired.stack;
        observe::answer(&reader, signer, stack, &open, &mut actual, &mut secrets).await;
        for (id, state) in secrets.keys.iter_mut().filter(|(_, state)| **state == KeyState::Lost) {
            if matches!(spool.get(*id).await, Ok(Some(_))) {
                *state = KeyState::There;
            }
        }
        made = plan(desired, &actual, &secrets, &details, policy);
    }
    let at_risk = accounts_at_risk(&made, &actual);
    if !at_risk.is_empty() {
        details.contents = observe::contents(&reader, &at_risk).await;
        made = plan(desired, &actual, &secrets, &details, policy);
    }
    let calls = calls(&reader) - before;
    let marked = actual.objects.values().filter_map(|object| {
        let found = Found { id: object.id, ends_at: object.ends_at() };
        Some((object.mark_of(&desired.stack)?.address.clone(), found))
    });
    let found = marked.collect();
    Ok(Prepared { plan: made, own_account: actual.identity.account, found, calls })
}

/// Takes keys out of the spool that a run has delivered which ended before it could do so itself.
async fn sweep(actual: &Actual, secrets: &Secrets, spool: &Spool) {
    let delivered = |id: &i64| {
        let token = actual.get(Kind::Token, *id);
        let mark = token.and_then(|token| token.mark.as_ref().ok()?.as_ref());
        mark.is_some_and(|mark| {
            matches!(mark.key, Some(KeyNote::Delivered { .. }))
                && !matches!(secrets.sinks.get(&mark.address), Some(SinkState::Lacking { .. }))
        })
    };
    for id in spool.ids().await.unwrap_or_default().into_iter().filter(delivered) {
        if let Err(error) = spool.remove(id).await {
            tracing::warn!(token = id, "{error}");
        }
    }
}

/// Reads the platform and nothing else; with the number of API calls that it took.
///
/// # Errors
/// [`ObserveError`] when not even our own identity is known.
pub async fn observe(client: &Client, signer: &Signer) -> Result<(Actual, u64), ObserveError> {
    let reader = Reader::new(client.clone());
    let before = calls(&reader);
    let mut actual = observe::platform(&reader, signer).await?;
    // Whoever only looks signs nothing.
    actual.objects.values_mut().for_each(|object| object.wants_signature = false);
    Ok((actual, calls(&reader) - before))
}

/// Carries out a plan.
pub async fn carry_out(
    prepared: &Prepared,
    client: &Client,
    signer: &Signer,
    spool: &Spool,
    on_error: OnError,
    stop: watch::Receiver<bool>,
    events: mpsc::UnboundedSender<Event>,
) -> Report {
    let writer = Writer::new(client.clone());
    let Prepared { plan, own_account, found: _, calls: _ } = prepared;
    apply(Apply {
        plan,
        writer: &writer,
        signer,
        spool,
        own_account: *own_account,
        on_error,
        stop,
        events,
    })
    .await
}

fn calls(reader: &Reader) -> u64 {
    reader.stats().snapshot().iter().map(|count| count.calls).sum()
}
