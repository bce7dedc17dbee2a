//! The broker's door: accepts connections, with or without TLS, and closes when it is told to.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::{
    net::{TcpListener, TcpStream},
    sync::{Semaphore, watch},
    task::JoinSet,
    time::{sleep, timeout},
};
use tokio_rustls::TlsAcceptor;

use super::{line::Line, session};

/// Connections at a time; more wait in the listener's own queue.
const CONNECTION_LIMIT: usize = 1024;

/// A client gets this long to agree on a cipher.
const HANDSHAKE: Duration = Duration::from_secs(10);

/// What is in flight gets this long to finish when the sandbox stops.
const DRAIN: Duration = Duration::from_secs(5);

/// How long to wait before trying again what the system refuses: a connection or the port.
const PAUSE: Duration = Duration::from_millis(50);

/// What the broker is made of.
pub(in crate::sandbox) struct Broker {
    pub(in crate::sandbox) listener: TcpListener,
    pub(in crate::sandbox) tls: Option<TlsAcceptor>,
    pub(in crate::sandbox) line: Line,
    /// Whether it is to be there at the moment.
    pub(in crate::sandbox) is_open: watch::Receiver<bool>,
}

/// Serves until told to stop, then says good-bye to all clients.
pub(in crate::sandbox) async fn serve(broker: Broker, mut stop: watch::Receiver<bool>) {
    let Broker { listener, tls, line, mut is_open } = broker;
    let Ok(address) = listener.local_addr() else { return };
    let mut listener = Some(listener);
    let mut stop_while_closed = stop.clone();
    let room = Arc::new(Semaphore::new(CONNECTION_LIMIT));
    let numbers = AtomicU64::new(1);
    let mut sessions = JoinSet::new();
    let (mut leave, mut leaving) = watch::channel(false);
    loop {
        let Ok(place) = Arc::clone(&room).acquire_owned().await else { break };
        tokio::select! {
            accepted = accept(listener.as_ref()) => {
                while sessions.try_join_next().is_some() {}
                let Some((stream, peer)) = accepted else { continue };
                let number = numbers.fetch_add(1, Ordering::Relaxed);
                let (tls, line, leaving) = (tls.clone(), line.clone(), leaving.clone());
                sessions.spawn(async move {
                    receive(stream, peer, tls, line, leaving, number).await;
                    drop(place);
                });
            }
            changed = is_open.changed() => {
                if changed.is_err() {
                    break;
                }
                let open = *is_open.borrow_and_update();
                if !open {
                    listener = None;
                    leave.send_replace(true);
                    (leave, leaving) = watch::channel(false);
                } else if listener.is_none() {
                    listener = tokio::select! {
                        listener = reopened(address) => Some(listener),
                        () = told_to(&mut stop_while_closed) => break,
                    };
                }
            }
            () = told_to(&mut stop) => break,
        }
    }
    leave.send_replace(true);
    drop((line, listener));
    let drained = timeout(DRAIN, async { while sessions.join_next().await.is_some() {} });
    if drained.await.is_err() {
        tracing::debug!("MQTT clients were still there after {DRAIN:?} and are cut off now");
    }
}

/// Waits for the word; whoever could give it being gone is as good.
async fn told_to(word: &mut watch::Receiver<bool>) {
    let _ = word.wait_for(|said| *said).await;
}

/// The next connection; none while the door is closed.
async fn accept(listener: Option<&TcpListener>) -> Option<(TcpStream, SocketAddr)> {
    let Some(listener) = listener else { return std::future::pending().await };
    match listener.accept().await {
        Ok(accepted) => Some(accepted),
        Err(error) => {
            tracing::warn!(%error, "cannot accept an MQTT connection");
            sleep(PAUSE).await;
            None
        }
    }
}

/// Listens where it listened before, as soon as the system lets it.
async fn reopened(address: SocketAddr) -> TcpListener {
    loop {
        match TcpListener::bind(address).await {
            Ok(listener) => return listener,
            Err(error) => {
                tracing::warn!(%error, %address, "cannot listen for MQTT again yet");
                sleep(PAUSE).await;
            }
        }
    }
}

async fn receive(
    stream: TcpStream,
    peer: SocketAddr,
    tls: Option<TlsAcceptor>,
    line: Line,
    leaving: watch::Receiver<bool>,
    number: u64,
) {
    let _ = stream.set_nodelay(true);
    let ended = match tls {
        None => session::serve(stream, peer.ip(), line, leaving, number).await,
        Some(tls) => match timeout(HANDSHAKE, tls.accept(stream)).await {
            Ok(Ok(stream)) => session::serve(stream, peer.ip(), line, leaving, number).await,
            Ok(Err(error)) => Err(error),
            Err(_) => Ok(()),
        },
    };
    if let Err(error) = ended {
        tracing::trace!(%error, "an MQTT connection ended early");
    }
}
