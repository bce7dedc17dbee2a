//! Writes, and makes no decision.

use tokio::sync::{mpsc, watch};

use super::context::Context;
use super::look::Prepared;
use crate::api::Writer;
use crate::apply::{Apply, Event, OnError, Report, apply};

/// Carries out a plan.
pub async fn carry_out(
    prepared: &Prepared,
    context: Context<'_>,
    on_error: OnError,
    stop: watch::Receiver<bool>,
    events: mpsc::UnboundedSender<Event>,
) -> Report {
    let writer = Writer::new(context.client.clone());
    let Prepared { plan, own_account, found: _, calls: _ } = prepared;
    apply(Apply {
        plan,
        writer: &writer,
        signer: context.signer,
        spool: context.spool,
        own_account: *own_account,
        on_error,
        stop,
        events,
    })
    .await
}
