//! How `watch` listens for changes on the platform.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::sleep;

use super::broker::Broker;
use super::exit::Exit;
use super::output::Output;
use super::platform::Platform;
use super::secrets::token;
use super::session::Session;
use super::settings::Common;
use crate::api::APP;
use crate::diagnostic::render::printable_line;
use crate::events::{self, Address, LinkState, Listening};
use crate::resource::{Desired, Kind};
use crate::run::RunId;
use crate::transport;
use crate::watch::status::{Receiver, Sender};
use crate::watch::{Trigger, Wake};

/// The status is brought up to date at most so often for events alone.
const PUBLISH_EVERY: Duration = Duration::from_millis(100);

/// The longest name that the platform's log keeps of a caller, in characters.
const LONGEST_APP: usize = 63;

/// Options of listening.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct HearingArgs {
    /// Broker that tells of changes on the platform, mqtts://HOST or mqtts://HOST:PORT, or `off`. By
    /// default that of the platform at flespi.io or ru.flespi.io, or of the embedded sandbox; other
    /// platforms are not listened to.
    #[arg(long, value_name = "URL|off", env = "FLESPI_BROKER", value_parser = Broker::parse)]
    broker: Option<Broker>,
}

impl HearingArgs {
    /// Whether nothing is to be heard.
    pub(super) fn is_off(&self) -> bool {
        matches!(self.broker, Some(Broker::Off))
    }

    /// Where to listen, if anywhere.
    fn address(&self, session: &Session, common: &Common) -> Option<Address> {
        let platform = Platform::parse(&common.platform).ok()?;
        let embedded = session.embedded_broker().map(|(url, _)| url);
        Broker::address(self.broker.as_ref(), embedded, &platform)
    }
}

/// Listening, until it is dropped.
#[derive(Debug)]
pub(super) struct Hearing {
    tasks: Vec<JoinHandle<()>>,
    /// How calls have to name themselves to be told from those of others; none if nobody listens.
    pub(super) app: Option<String>,
}

/// What changes while the daemon runs.
pub(super) struct Surroundings {
    /// What the daemon shows.
    pub(super) shown: Receiver,
    /// Where its status is kept.
    pub(super) status: Sender,
    /// What wakes it.
    pub(super) wake: Wake,
}

impl Hearing {
    /// Begins to listen. `desired` is the set to begin with, and `prunes` is whether objects of all kinds matter.
    pub(super) fn begin(
        args: &HearingArgs,
        session: &Session,
        (desired, prunes): (&Desired, bool),
        around: Surroundings,
        common: &Common,
        output: &Output,
    ) -> Result<Self, Exit> {
        let Some(address) = args.address(session, common) else {
            return Ok(Self { tasks: Vec::new(), app: None });
        };
        let tls = match address.is_encrypted() {
            false => None,
            true => Some(transport::tls().map_err(|error| {
                output.failure(&error, Some(error.help()));
                Exit::Failed
            })?),
        };
        let Surroundings { shown, status, wake } = around;
        let app = app(&session.run);
        let first = Kind::read_for(|kind| {
            prunes || desired.objects.keys().any(|address| address.kind == kind)
        });
        let (kinds_sender, kinds) = watch::channel(first);
        let (listening, listened) = watch::channel(None);
        let embedded = session.embedded_broker().map(|(_, token)| token);
        let (common, quiet) = (common.clone(), output.clone());
        let options = events::Options {
            address,
            token: Box::new(move || match &embedded {
                Some(token) => Some(token.clone()),
                None => token(&common, &quiet).ok(),
            }),
            app: app.clone(),
            client_id: format!("flespi-gitops-{}", session.run),
            tls,
            seed: rand::random(),
        };
        let hint = move || wake.now(Trigger::Event);
        let tasks = vec![
            tokio::spawn(events::listen(options, kinds, listening, hint)),
            tokio::spawn(note_kinds(shown, kinds_sender, prunes)),
            tokio::spawn(show(listened, status, output.clone())),
        ];
        Ok(Self { tasks, app: Some(app) })
    }
}

impl Drop for Hearing {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}

/// How calls of this process name themselves, and those of no other.
fn app(run: &RunId) -> String {
    format!("{APP} {run}").chars().take(LONGEST_APP).collect()
}

/// Keeps it up to date which kinds matter: other manifests have others.
async fn note_kinds(mut shown: Receiver, kinds: watch::Sender<BTreeSet<Kind>>, prunes: bool) {
    let mut known = None;
    while shown.changed().await.is_ok() {
        let status = Arc::clone(&shown.borrow_and_update());
        // Most changes of the status are others.
        let is_same = known.as_ref().is_some_and(|known| Arc::ptr_eq(known, &status.objects));
        if status.passes.is_empty() || is_same {
            continue;
        }
        let there: BTreeSet<Kind> = status.objects.values().map(|object| object.kind).collect();
        known = Some(Arc::clone(&status.objects));
        let wanted = Kind::read_for(|kind| prunes || there.contains(&kind));
        kinds.send_if_modified(|kinds| {
            let is_other = *kinds != wanted;
            *kinds = wanted;
            is_other
        });
    }
}

/// Shows how listening goes: in the status and, once until all is well again, in words.
async fn show(mut listened: watch::Receiver<Option<Listening>>, status: Sender, output: Output) {
    let mut is_told = false;
    while listened.changed().await.is_ok() {
        let Some(listening) = listened.borrow_and_update().clone() else { continue };
        match (&listening.trouble, listening.state) {
            (None, LinkState::Connected) if is_told => {
                output.say("changes on the platform are heard again");
                is_told = false;
            }
            // What follows while nothing is heard is in the status.
            (Some(why), _) if !is_told => {
                let broker = &listening.broker;
                output.say(&printable_line(&format!(
                    "warning: changes on the platform are not heard ({broker}: {why}); passes go on at the interval"
                )));
                is_told = true;
            }
            _ => {}
        }
        status.send_modify(|known| Arc::make_mut(known).events = Some(listening));
        sleep(PUBLISH_EVERY).await;
    }
}
