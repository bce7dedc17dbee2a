//! A running sandbox: how it is started, where it listens, and how it ends.

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
    sync::{broadcast, oneshot, watch},
    task::JoinHandle,
};

use super::{
    assumptions::Assumptions,
    catalog::Kind,
    clerk::{self, Wire},
    door::{self, Door},
    faults::{FaultPlan, Faults},
    http::Shell,
    journal::Journal,
    mqtt::{self, Broker, Line},
    replay::{self, Recorded},
    seed,
    store::{Store, StoreError},
    tls::{self, Acceptors, TlsError},
    world::World,
};

/// What the token of a recording begins with: any other is as good.
const REPLAY_TOKEN: &str = "replay";

/// How a sandbox is to be started.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where to listen; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Where to listen for MQTT; port 0 takes a free one, `None` serves none.
    pub mqtt: Option<SocketAddr>,
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
    /// Calls to answer from, in place of a world; state, faults, assumptions and the bound of calls are without effect then.
    pub replay: Option<Vec<Recorded>>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            listen: (Ipv4Addr::LOCALHOST, 0).into(),
            mqtt: None,
            names: Vec::new(),
            state: None,
            tls: None,
            latency: Duration::ZERO,
            calls_per_minute: None,
            assumptions: Assumptions::default(),
            faults: Faults::default(),
            replay: None,
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
    mqtt_url: Option<String>,
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
            mqtt,
            mut names,
            state,
            tls,
            latency,
            calls_per_minute,
            assumptions,
            faults,
            replay,
        } = options;
        if tls.is_some() {
            names.extend(tls::NAMES.map(str::to_owned));
        }
        let unusable = |source| StartError::Listen { address: listen, source };
        let listener = TcpListener::bind(listen).await.map_err(unusable)?;
        let year = jiff::Timestamp::now().to_zoned(jiff::tz::TimeZone::UTC).year();
        let tls = tls.map(|folder| tls::acceptors(&folder, year.into())).transpose()?;
        let (tls, mqtt_tls) = tls.map(|Acceptors { http, mqtt }| (http, mqtt)).unzip();
        let mqtt_listener = match mqtt {
            None => None,
            Some(address) => Some(
                TcpListener::bind(address)
                    .await
                    .map_err(|source| StartError::Listen { address, source })?,
            ),
        };
        let mqtt_scheme = if tls.is_some() { "mqtts" } else { "mqtt" };
        let mqtt_address = mqtt_listener.as_ref().map(TcpListener::local_addr).transpose();
        let mqtt_url =
            mqtt_address.map_err(unusable)?.map(|address| format!("{mqtt_scheme}://{address}"));
        let scheme = if tls.is_some() { "https" } else { "http" };
        let url = format!("{scheme}://{}", listener.local_addr().map_err(unusable)?);
        let (clerk, inbox) = mpsc::channel();
        let (ready, opened) = oneshot::channel();
        let (ending, ended) = oneshot::channel();
        let (stop, stopped) = watch::channel(false);
        let world_url = url.clone();
        let (notices, _) = broadcast::channel(mqtt::BACKLOG);
        let (opening, is_open) = watch::channel(true);
        let wire = Wire { notices: notices.clone(), is_open: opening };
        let body = move || {
            if let Some(recorded) = replay {
                let _ = ready.send(Ok(SecretString::from(format!("{REPLAY_TOKEN:0<64}"))));
                replay::play(recorded, &inbox);
                let _ = ending.send(Ok(()));
                return;
            }
            match open(state, assumptions, faults, calls_per_minute, world_url) {
                Err(error) => drop(ready.send(Err(error))),
                Ok((world, store)) => {
                    let token = world.books.state.item(Kind::Tokens, world.books.state.root_token);
                    let key = token.and_then(|token| token.fields.text("key"));
                    let _ = ready.send(Ok(SecretString::from(key.unwrap_or_default())));
                    let _ = ending.send(clerk::work(world, store, &inbox, &wire));
                }
            }
        };
        thread::Builder::new()
            .name("sandbox".to_owned())
            .spawn(body)
            .map_err(StartError::Thread)?;
        let crashed = || StartError::Thread(io::Error::other("it ended before it was ready"));
        let token = opened.await.map_err(|_| crashed())??;
        let (door, orders) = tokio::sync::mpsc::unbounded_channel();
        let line = Line { clerk: clerk.clone(), notices };
        let broker = mqtt_listener
            .map(|listener| Broker { listener, tls: mqtt_tls, line, is_open })
            .map(|broker| tokio::spawn(mqtt::serve(broker, stopped.clone())));
        let shell = Shell { clerk, latency, names: names.into(), door };
        let door = Door { listener, tls, orders };
        let server = tokio::spawn(async move {
            door::serve(door, shell, stopped).await;
            if let Some(broker) = broker {
                let _ = broker.await;
            }
        });
        Ok(Self { url, mqtt_url, token, stop, server, ended: Some(ended) })
    }

    /// Where it listens, `http://127.0.0.1:PORT` or, with a certificate, `https://127.0.0.1:PORT`, without a slash at
    /// the end.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Where it listens for MQTT, `mqtt://127.0.0.1:PORT` or, with a certificate, `mqtts://127.0.0.1:PORT`; `None` if it
    /// does not.
    pub fn mqtt_url(&self) -> Option<&str> {
        self.mqtt_url.as_deref()
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
pub(super) fn open(
    folder: Option<PathBuf>,
    assumptions: Assumptions,
    faults: Faults,
    calls_per_minute: Option<u32>,
    url: String,
) -> Result<(World, Option<Store>), StartError> {
    let fresh = |assumptions: &Assumptions| {
        seed::state(assumptions, clerk::now() / 1000, &mut rand::random::<u64>)
    };
    let (state, store, journal) = match folder {
        None => (fresh(&assumptions), None, Journal::default()),
        Some(folder) => {
            let (mut store, found) = Store::open(&folder)?;
            let state = found.state.unwrap_or_else(|| fresh(&assumptions));
            // Folds the log of the last run in, and makes a fresh world last from its first moment.
            store.snapshot(&state)?;
            (state, Some(store), Journal::resume(found.journal, found.last_seq))
        }
    };
    let mut world = World::new(state, assumptions, store.is_some());
    world.faults = FaultPlan::new(faults);
    world.journal = journal;
    world.meter.calls_per_minute = calls_per_minute;
    world.url = url;
    Ok((world, store))
}
