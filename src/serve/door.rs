//! Connections: few at a time, none for long, and no decision.

use std::convert::Infallible;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{AbortHandle, JoinHandle, JoinSet};
use tokio::time::{Instant, sleep, timeout};

use super::exchange::{Ask, Reply};
use super::guard::WAKE_HEADER;
use super::pull::{self, PullDoor};
use super::routes::{Known, answer, guarded};
use crate::watch::{Receiver, Trigger, Wake};

/// Connections at a time; a page keeps one, a collector of metrics another. For a further one the one that was silent for
/// the longest time has to leave, so that whoever looks after the daemon always gets in.
const MOST_CONNECTIONS: usize = 64;

/// A request's head has to be there within this time, and a connection without one is closed.
const PATIENCE: Duration = Duration::from_secs(5);

/// Connections get so long to end when the daemon does.
const DRAIN: Duration = Duration::from_secs(1);

/// Before accepting is tried again after it failed.
const PAUSE: Duration = Duration::from_millis(200);

/// Where to listen, and under which names.
#[derive(Debug, Clone)]
pub struct Options {
    /// The address; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Names under which we are reached, beside addresses and `localhost`.
    pub names: Vec<String>,
    /// Who may ask for a look at the repository; none: nobody.
    pub pull: Option<PullDoor>,
}

/// A server that shows the daemon.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

/// What every connection needs.
struct House {
    status: Receiver,
    wake: Wake,
    names: Vec<String>,
    pull: Option<PullDoor>,
    pulse: watch::Receiver<Pulse>,
}

/// When the loop last published something, and how often it did.
#[derive(Debug, Clone, Copy)]
struct Pulse {
    edition: u64,
    at: Instant,
}

impl Server {
    /// Listens, and answers until it is stopped.
    ///
    /// # Errors
    /// When the address is not to be had.
    pub async fn start(options: Options, status: Receiver, wake: Wake) -> io::Result<Self> {
        let listener = TcpListener::bind(options.listen).await?;
        let address = listener.local_addr()?;
        let (stop, stopped) = watch::channel(false);
        let (beat, pulse) = watch::channel(Pulse { edition: 0, at: Instant::now() });
        let Options { names, pull, .. } = options;
        let house = House { status: status.clone(), wake, names, pull, pulse };
        let task = tokio::spawn(async move {
            tokio::select! {
                () = accept(listener, Arc::new(house), stopped) => {}
                () = feel(status, beat) => {}
            }
        });
        Ok(Self { address, stop, task })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Takes no new request, and waits for those under way.
    pub async fn stop(self) {
        self.stop.send_replace(true);
        let _ = self.task.await;
    }
}

/// Counts what is published. The last status is shown on when nothing comes any more.
async fn feel(mut status: Receiver, beat: watch::Sender<Pulse>) {
    while status.changed().await.is_ok() {
        beat.send_modify(|pulse| {
            *pulse = Pulse { edition: pulse.edition + 1, at: Instant::now() };
        });
    }
    std::future::pending::<()>().await;
}

async fn accept(listener: TcpListener, house: Arc<House>, mut stop: watch::Receiver<bool>) {
    let mut connections = JoinSet::new();
    let mut guests: Vec<Guest> = Vec::new();
    let leaving = stop.clone();
    loop {
        tokio::select! {
            () = told_to(&mut stop) => break,
            accepted = listener.accept() => match accepted {
                Ok((stream, peer)) => {
                    make_room(&mut guests);
                    let last = Arc::new(Mutex::new(Instant::now()));
                    let (house, leaving) = (Arc::clone(&house), leaving.clone());
                    let guest = Arc::clone(&last);
                    let task = connections.spawn(connection(stream, peer.ip(), guest, house, leaving));
                    guests.push(Guest { last, task });
                }
                Err(error) => {
                    tracing::warn!(%error, "cannot accept a connection");
                    sleep(PAUSE).await;
                }
            },
        }
        while connections.try_join_next().is_some() {}
    }
    drop(listener);
    let _ = timeout(DRAIN, async { while connections.join_next().await.is_some() {} }).await;
}

/// A connection, and when it last asked something.
struct Guest {
    last: Arc<Mutex<Instant>>,
    task: AbortHandle,
}

/// Lets those go that are gone, and if all places are taken the one that asked nothing for the longest time.
fn make_room(guests: &mut Vec<Guest>) {
    guests.retain(|guest| !guest.task.is_finished());
    if guests.len() < MOST_CONNECTIONS {
        return;
    }
    let last = |guest: &Guest| *guest.last.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some((at, _)) = guests.iter().enumerate().min_by_key(|(_, guest)| last(guest)) {
        guests.swap_remove(at).task.abort();
    }
}

async fn connection(
    stream: TcpStream,
    peer: IpAddr,
    last: Arc<Mutex<Instant>>,
    house: Arc<House>,
    mut leaving: watch::Receiver<bool>,
) {
    let _ = stream.set_nodelay(true);
    let service = service_fn(move |request| {
        *last.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
        let house = Arc::clone(&house);
        async move {
            Ok::<_, Infallible>(match &house.pull {
                Some(door) if request.uri().path() == pull::PATH => {
                    response(guarded(pull::answer(request, door).await))
                }
                _ => reply(&request, peer, &house),
            })
        }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(PATIENCE)
        .serve_connection(TokioIo::new(stream), service);
    tokio::pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = told_to(&mut leaving) => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::trace!(%error, "a connection ended early");
    }
}

/// Waits for the word; whoever could give it being gone is as good.
async fn told_to(word: &mut watch::Receiver<bool>) {
    let _ = word.wait_for(|said| *said).await;
}

fn reply(
    request: &hyper::Request<Incoming>,
    peer: IpAddr,
    house: &House,
) -> hyper::Response<Full<Bytes>> {
    let header = |name: &str| {
        let value = request.headers().get(name)?;
        Some(String::from_utf8_lossy(value.as_bytes()).into_owned())
    };
    let ask = Ask {
        method: request.method().as_str().to_owned(),
        path: request.uri().path().to_owned(),
        host: header("host"),
        origin: header("origin"),
        fetch_site: header("sec-fetch-site"),
        has_wake_header: header(WAKE_HEADER).is_some_and(|value| value == "wake"),
        known: header("if-none-match"),
        peer,
    };
    let status = Arc::clone(&house.status.borrow());
    let Pulse { edition, at } = *house.pulse.borrow();
    let known = Known {
        status: &status,
        edition,
        silent: at.elapsed(),
        now: jiff::Timestamp::now(),
        names: &house.names,
    };
    let reply = answer(&ask, &known);
    if reply.wakes {
        house.wake.now(Trigger::Request);
    }
    response(reply)
}

fn response(reply: Reply) -> hyper::Response<Full<Bytes>> {
    let Reply { status, content_type, headers, body, .. } = reply;
    let mut response = hyper::Response::new(Full::new(Bytes::from(body)));
    *response.status_mut() =
        hyper::StatusCode::from_u16(status).unwrap_or(hyper::StatusCode::INTERNAL_SERVER_ERROR);
    let fields = response.headers_mut();
    fields.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    for (name, value) in headers {
        if let Ok(value) = HeaderValue::from_str(&value) {
            fields.insert(HeaderName::from_static(name), value);
        }
    }
    response
}
