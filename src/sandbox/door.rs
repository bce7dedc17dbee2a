//! The door: accepts connections, with or without TLS, closes for a while when a fault asks for it, and lets those
//! inside finish when the sandbox stops.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use hyper::{server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore, mpsc, watch},
    task::JoinSet,
    time::{sleep, timeout},
};
use tokio_rustls::TlsAcceptor;

use super::http::{self, Closing, Shell};

/// A connection without a request is closed after this time. Longer than clients keep idle
/// connections (90 s is usual), so that none finds its connection closed just as it writes.
const IDLE: Duration = Duration::from_secs(120);

/// A client gets this long to agree on a cipher.
const HANDSHAKE: Duration = Duration::from_secs(10);

/// Connections at a time; more wait in the listener's own queue.
const CONNECTION_LIMIT: usize = 4096;

/// What is in flight gets this long to finish when the sandbox stops.
const DRAIN: Duration = Duration::from_secs(5);

/// How long to wait before trying again what the system refuses: a connection or the port.
const PAUSE: Duration = Duration::from_millis(50);

/// What the door is made of.
pub(super) struct Door {
    pub(super) listener: TcpListener,
    pub(super) tls: Option<TlsAcceptor>,
    pub(super) orders: mpsc::UnboundedReceiver<Closing>,
}

/// Serves until told to stop, then lets the connections in flight finish.
pub(super) async fn serve(door: Door, shell: Shell, mut stop: watch::Receiver<bool>) {
    let Door { mut listener, tls, mut orders } = door;
    let room = Arc::new(Semaphore::new(CONNECTION_LIMIT));
    let mut connections = JoinSet::new();
    // Whoever came in since the door opened leaves when it closes.
    let (mut leave, mut leaving) = watch::channel(false);
    loop {
        let Ok(place) = Arc::clone(&room).acquire_owned().await else { break };
        let closing = tokio::select! {
            accepted = listener.accept() => {
                while connections.try_join_next().is_some() {}
                match accepted {
                    Ok((stream, peer)) => {
                        let guest = Guest { stream, peer, tls: tls.clone(), place };
                        connections.spawn(receive(guest, shell.clone(), leaving.clone()));
                    }
                    Err(error) => {
                        // Out of file descriptors, most likely: let connections end before trying again.
                        tracing::warn!(%error, "cannot accept a connection");
                        sleep(PAUSE).await;
                    }
                }
                continue;
            }
            Some(closing) = orders.recv() => closing,
            () = told_to(&mut stop) => break,
        };
        let Ok(address) = listener.local_addr() else { break };
        drop(listener);
        leave.send_replace(true);
        let _ = closing.closed.send(());
        tokio::select! {
            () = sleep(closing.time) => {}
            () = told_to(&mut stop) => break,
        }
        listener = tokio::select! {
            listener = reopened(address) => listener,
            () = told_to(&mut stop) => break,
        };
        (leave, leaving) = watch::channel(false);
    }
    leave.send_replace(true);
    drop(shell);
    orders.close();
    let drained = timeout(DRAIN, async { while connections.join_next().await.is_some() {} });
    if drained.await.is_err() {
        tracing::debug!("connections were still open after {DRAIN:?} and are closed now");
    }
}

/// Listens where it listened before, as soon as the system lets it.
async fn reopened(address: SocketAddr) -> TcpListener {
    loop {
        match TcpListener::bind(address).await {
            Ok(listener) => return listener,
            Err(error) => {
                tracing::warn!(%error, %address, "cannot listen again yet");
                sleep(PAUSE).await;
            }
        }
    }
}

/// Somebody at the door, and the place that is kept for them.
struct Guest {
    stream: TcpStream,
    peer: SocketAddr,
    tls: Option<TlsAcceptor>,
    place: OwnedSemaphorePermit,
}

async fn receive(guest: Guest, shell: Shell, leaving: watch::Receiver<bool>) {
    let Guest { stream, peer, tls, place } = guest;
    // An answer is one small write; waiting for more to send with it only costs time.
    let _ = stream.set_nodelay(true);
    match tls {
        None => connection(stream, peer, shell, leaving).await,
        Some(tls) => match timeout(HANDSHAKE, tls.accept(stream)).await {
            Ok(Ok(stream)) => connection(stream, peer, shell, leaving).await,
            Ok(Err(error)) => tracing::debug!(%error, "a TLS handshake failed"),
            Err(_) => tracing::debug!("a TLS handshake took too long"),
        },
    }
    drop(place);
}

async fn connection<S>(
    stream: S,
    peer: SocketAddr,
    shell: Shell,
    mut leaving: watch::Receiver<bool>,
) where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let service = service_fn(move |request| http::answer(request, peer, shell.clone()));
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(IDLE)
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
