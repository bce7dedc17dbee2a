//! The sandbox: the platform's REST API inside this binary, as faithful as public evidence allows.
//!
//! Nobody on this project can reach the live platform, so this is where plans are tried, tests run and newcomers learn.
//! It reads the same facts as the client and shares no code with it: two readings of one contract, so that a mistake
//! in one of them shows.
//!
//! ```text
//!   door ──► http ──► clerk ──► world ──► routes ──► crud · auth · bin · realms · grants · logs · telematics
//!   (sockets, (async) (thread)    │           │      (one request at a time, pure)
//!    TLS)               │         │           ├─ catalog, rows, fields   what collections there are: one table
//!                       ▼         ▼           ├─ admission, acl, quota   who may call, what it may do, how much
//!                     store     journal       │  and metering            and how often
//!                  (snapshot     faults       ├─ rules, access, links    what may be written, and what hangs on it
//!                   and log)     control      ├─ select, selector        what is read, and how it is found
//!                                page         └─ assumptions             what had to be guessed: one table
//! ```
//!
//! * [`World`](world::World) is a state machine: request, time and randomness in, response and changes out. It knows no
//!   socket, clock, thread or file.
//! * [`State`](state::State) changes only through [`Change`](state::Change), which is also what the log and the snapshot
//!   hold: running, replaying and loading are the same function.
//! * Collections are rows of [`catalog`]; a new one needs a row and no new code path.
//!
//! Invariant: no request, however hostile, makes the core panic or answer with a status of 500 or above, unless a fault
//! asks for it.
//! Invariant: keys, codes and passwords are the world's data and leave it only through the answers that the platform
//! itself gives, the outbox and `GET /_sandbox/state`; never through `Debug`, logs, errors or the journal.
//! Invariant: an answered write is in the log before its answer is sent.

mod access;
mod accounts;
mod acl;
mod admission;
mod answer;
mod assumptions;
mod auth;
mod bin;
mod books;
mod call;
mod catalog;
mod clerk;
mod codes;
mod computed;
mod control;
mod cors;
mod crud;
mod door;
mod effects;
mod emails;
mod events;
mod expression;
mod faults;
mod fields;
mod forms;
mod grants;
mod http;
mod item;
mod journal;
mod lifetimes;
mod links;
mod logs;
mod metering;
mod overview;
mod page;
mod pattern;
mod quota;
mod realm_routes;
mod realms;
mod registration;
mod request;
mod routes;
mod rows;
mod rules;
mod secret;
mod seed;
mod select;
mod selector;
mod sessions;
mod state;
mod store;
mod sweep;
mod telematics;
mod telematics_fields;
#[cfg(test)]
mod tests;
mod tls;
mod tokens;
mod view;
mod world;

use std::{
    fmt, io,
    net::{Ipv4Addr, SocketAddr},
    path::PathBuf,
    sync::mpsc,
    thread,
    time::Duration,
};

use secrecy::SecretString;
use tokio::{
    net::TcpListener,
    sync::{oneshot, watch},
    task::JoinHandle,
};

pub use assumptions::{ASSUMPTIONS, AssumeError, Assumption, Assumptions, describe_assumptions};
pub use effects::{FaultEffect, RetryAfter};
pub use faults::{FaultRule, Faults, FaultsError};
pub use store::StoreError;
pub use tls::TlsError;

/// How a sandbox is to be started.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where to listen; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Names under which it is reached, beside addresses and `localhost`; with a certificate those in it as well.
    pub names: Vec<String>,
    /// The folder that keeps the world over restarts; `None` forgets it.
    pub state: Option<PathBuf>,
    /// The folder that gets a `ca.pem`: serve HTTPS with a self-made certificate that this file vouches for.
    pub tls: Option<PathBuf>,
    /// How long each request waits before it is handled.
    pub latency: Duration,
    /// Calls that each account has per minute before it is answered 429; `None` for no bound.
    pub calls_per_minute: Option<u32>,
    /// What to assume where the platform's behaviour is not known.
    pub assumptions: Assumptions,
    /// What is to go wrong from the start.
    pub faults: Faults,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            listen: (Ipv4Addr::LOCALHOST, 0).into(),
            names: Vec::new(),
            state: None,
            tls: None,
            latency: Duration::ZERO,
            calls_per_minute: None,
            assumptions: Assumptions::default(),
            faults: Faults::default(),
        }
    }
}

/// Why a sandbox did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The address cannot be listened on.
    #[error("cannot listen on {address}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// Why not.
        source: io::Error,
    },
    /// The state folder cannot be used.
    #[error("cannot use the state of the sandbox")]
    State(#[from] StoreError),
    /// There is no certificate to serve.
    #[error("cannot serve HTTPS")]
    Tls(#[from] TlsError),
    /// The system gives no thread.
    #[error("cannot start the thread of the sandbox")]
    Thread(#[source] io::Error),
}

/// Why a running sandbox ended by itself, or did not end well.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The state folder could not be written any more; nothing that was answered is lost.
    #[error("the sandbox could not write its state")]
    State(#[from] StoreError),
    /// A defect of the sandbox.
    #[error("the sandbox crashed; this is a defect, please report it")]
    Crashed,
}

/// A running sandbox. Dropping it ends it in the background; [`Sandbox::stop`] ends it and waits.
#[must_use = "a sandbox that is dropped ends"]
pub struct Sandbox {
    url: String,
    token: SecretString,
    stop: watch::Sender<bool>,
    server: JoinHandle<()>,
    ended: Option<oneshot::Receiver<Result<(), StoreError>>>,
}

impl fmt::Debug for Sandbox {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Sandbox").field("url", &self.url).finish_non_exhaustive()
    }
}

impl Sandbox {
    /// Opens the world, or makes a fresh one, and starts to listen.
    ///
    /// # Errors
    /// The address is taken, the state folder cannot be used (or another process uses it), or there is no thread left.
    pub async fn start(options: Options) -> Result<Self, StartError> {
        let Options {
            listen,
            mut names,
            state,
            tls,
            latency,
            calls_per_minute,
            assumptions,
            faults,
        } = options;
        if tls.is_some() {
            names.extend(tls::NAMES.map(str::to_owned));
        }
        let unusable = |source| StartError::Listen { address: listen, source };
        let listener = TcpListener::bind(listen).await.map_err(unusable)?;
        let year = jiff::Timestamp::now().to_zoned(jiff::tz::TimeZone::UTC).year();
        let tls = tls.map(|folder| tls::acceptor(&folder, year.into())).transpose()?;
        let scheme = if tls.is_some() { "https" } else { "http" };
        let url = format!("{scheme}://{}", listener.local_addr().map_err(unusable)?);
        let (clerk, inbox) = mpsc::channel();
        let (ready, opened) = oneshot::channel();
        let (ending, ended) = oneshot::channel();
        let (stop, stopped) = watch::channel(false);
        let world_url = url.clone();
        let body = move || match open(state, assumptions, faults, calls_per_minute, world_url) {
            Err(error) => drop(ready.send(Err(error))),
            Ok((world, store)) => {
                let token =
                    world.books.state.item(catalog::Kind::Tokens, world.books.state.root_token);
                let key =
                    token.and_then(|token| token.fields.text("key")).unwrap_or_default().to_owned();
                let _ = ready.send(Ok(SecretString::from(key)));
                let _ = ending.send(clerk::work(world, store, &inbox));
            }
        };
        thread::Builder::new()
            .name("sandbox".to_owned())
            .spawn(body)
            .map_err(StartError::Thread)?;
        let crashed = || StartError::Thread(io::Error::other("it ended before it was ready"));
        let token = opened.await.map_err(|_| crashed())??;
        let (door, orders) = tokio::sync::mpsc::unbounded_channel();
        let shell = http::Shell { clerk, latency, names: names.into(), door };
        let door = door::Door { listener, tls, orders };
        let server = tokio::spawn(door::serve(door, shell, stopped));
        Ok(Self { url, token, stop, server, ended: Some(ended) })
    }

    /// Where it listens, `http://127.0.0.1:PORT` or, with a certificate, `https://127.0.0.1:PORT`, without a slash at
    /// the end.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The master token of the root account: 64 letters and digits, made with the world and kept with it.
    pub fn token(&self) -> &SecretString {
        &self.token
    }

    /// Waits for as long as the sandbox works, and tells why it does not any more. Waiting can be given up and taken
    /// up again.
    pub async fn failed(&mut self) -> RunError {
        let Some(ended) = &mut self.ended else { return std::future::pending().await };
        let end = ended.await;
        self.ended = None;
        match end {
            Ok(Err(error)) => error.into(),
            Ok(Ok(())) | Err(_) => RunError::Crashed,
        }
    }

    /// Takes no new connection, finishes the requests in flight, writes the state down, and returns.
    ///
    /// # Errors
    /// The state could not be written at the end. What was answered is in the log all the same.
    pub async fn stop(mut self) -> Result<(), RunError> {
        self.stop.send_replace(true);
        let _ = (&mut self.server).await;
        match self.ended.take() {
            None => Ok(()),
            Some(ended) => ended.await.map_err(|_| RunError::Crashed)?.map_err(RunError::from),
        }
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        self.stop.send_replace(true);
    }
}

/// Makes the world that the clerk will own. Blocking; runs on the clerk's own thread.
fn open(
    folder: Option<PathBuf>,
    assumptions: Assumptions,
    faults: Faults,
    calls_per_minute: Option<u32>,
    url: String,
) -> Result<(world::World, Option<store::Store>), StartError> {
    let fresh = |assumptions: &Assumptions| {
        seed::state(assumptions, clerk::now() / 1000, &mut rand::random::<u64>)
    };
    let (state, store, journal) = match folder {
        None => (fresh(&assumptions), None, journal::Journal::default()),
        Some(folder) => {
            let (mut store, found) = store::Store::open(&folder)?;
            let state = found.state.unwrap_or_else(|| fresh(&assumptions));
            // Folds the log of the last run in, and makes a fresh world last from its first moment.
            store.snapshot(&state)?;
            (state, Some(store), journal::Journal::resume(found.journal, found.last_seq))
        }
    };
    let mut world = world::World::new(state, assumptions, store.is_some());
    world.faults = faults::FaultPlan::new(faults);
    world.journal = journal;
    world.meter.calls_per_minute = calls_per_minute;
    world.url = url;
    Ok((world, store))
}
