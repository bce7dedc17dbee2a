//! One pass, readable on one screen: observe, plan, and, once somebody said yes, apply.
//!
//! Every command that touches the platform goes through here; there is no second path.
//!
//! * [`prepare`] reads the platform and plans, [`observe`] only reads, and [`carry_out`] writes.
//! * `pass` is all of it in its order, with the lock around what is written. Whoever makes passes is its `Caller`: it says
//!   what of a plan may be done, consents to it, and hears what happens.
//! * `Compared` says whether one pass leaves something for a further one.

mod caller;
mod compared;
mod look;
mod pass;

use std::collections::BTreeSet;

use tokio::sync::{mpsc, watch};

pub(crate) use self::caller::{Caller, Consent, News};
pub(crate) use self::compared::{Compared, Further};
pub use self::look::{Found, Prepared, observe, prepare};
pub use self::pass::Gate;
pub(crate) use self::pass::{Hindrance, Passed, Work, pass};
use crate::api::{Client, Writer};
use crate::apply::{Apply, Event, OnError, Report, apply};
use crate::observe::Seen;
use crate::resource::{Address, Signer};
use crate::secret::{Spool, Trust};

/// What a pass works with.
#[derive(Debug, Clone, Copy)]
pub struct Context<'a> {
    /// Talks to the platform.
    pub client: &'a Client,
    /// Signs and verifies marks.
    pub signer: &'a Signer,
    /// Keeps keys that could not be delivered.
    pub spool: &'a Spool,
    /// Whether the manifests were reviewed.
    pub trust: &'a Trust,
    /// What was there when somebody looked last.
    pub seen: Option<&'a Seen>,
    /// Tokens whose keys an earlier pass of this run may have overwritten in their sinks.
    pub overwritten: Option<&'a BTreeSet<Address>>,
}

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
