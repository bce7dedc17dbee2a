//! The HTTP shell: sockets on one side, the clerk's queue on the other, and nothing decided in between.
//!
//! It speaks HTTP/1 through hyper without a framework, because faults need the connection itself: cut it before an
//! answer, in the middle of a body, or send a body drop by drop.

use std::{
    collections::VecDeque,
    io,
    net::SocketAddr,
    pin::Pin,
    sync::{Arc, mpsc::Sender},
    task::{Context, Poll},
    time::Duration,
};

use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::{
    HeaderMap,
    body::{Body, Bytes, Frame, Incoming},
    header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderName, HeaderValue},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpListener,
    sync::{Semaphore, oneshot, watch},
    task::JoinSet,
    time::{Sleep, sleep, timeout},
};

use super::{
    answer::{Delivery, Refusal, Response},
    clerk::Errand,
    request::Request,
};

/// The largest body of a platform call, in bytes.
const BODY_LIMIT: usize = 32 * 1024 * 1024;

/// The largest body of `PUT /_sandbox/state`: a world of a hundred thousand accounts, twice over.
const STATE_LIMIT: usize = 512 * 1024 * 1024;

/// A client gets this long to send its body.
const PATIENCE: Duration = Duration::from_secs(30);

/// A connection without a request is closed after this time. Longer than clients keep idle
/// connections (90 s is usual), so that none finds its connection closed just as it writes.
const IDLE: Duration = Duration::from_secs(120);

/// Connections at a time; more wait in the listener's own queue.
const CONNECTION_LIMIT: usize = 4096;

/// What is in flight gets this long to finish when the sandbox stops.
const DRAIN: Duration = Duration::from_secs(5);

/// The size of the drops of a slow body, in bytes.
const DROP: usize = 64;

/// Lets the bytes before a cut reach the wire.
const FLUSH: Duration = Duration::from_millis(20);

/// What every connection needs.
#[derive(Clone)]
pub(super) struct Shell {
    pub(super) clerk: Sender<Errand>,
    pub(super) latency: Duration,
}

/// Accepts connections until told to stop, then lets those in flight finish.
pub(super) async fn serve(listener: TcpListener, shell: Shell, mut stop: watch::Receiver<bool>) {
    let room = Arc::new(Semaphore::new(CONNECTION_LIMIT));
    let mut connections = JoinSet::new();
    loop {
        let Ok(place) = Arc::clone(&room).acquire_owned().await else { break };
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = told_to(&mut stop) => break,
        };
        while connections.try_join_next().is_some() {}
        match accepted {
            Ok((stream, peer)) => {
                // An answer is one small write; waiting for more to send with it only costs time.
                let _ = stream.set_nodelay(true);
                let connection = connection(stream, peer, shell.clone(), stop.clone());
                connections.spawn(async move {
                    connection.await;
                    drop(place);
                });
            }
            Err(error) => {
                // Out of file descriptors, most likely: let connections end before trying again.
                tracing::warn!(%error, "cannot accept a connection");
                sleep(Duration::from_millis(50)).await;
            }
        }
    }
    drop(shell);
    let drained = timeout(DRAIN, async { while connections.join_next().await.is_some() {} });
    if drained.await.is_err() {
        tracing::debug!("connections were still open after {DRAIN:?} and are closed now");
    }
}

async fn connection<S>(stream: S, peer: SocketAddr, shell: Shell, mut stop: watch::Receiver<bool>)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let service = service_fn(move |request| answer(request, peer, shell.clone()));
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(IDLE)
        .serve_connection(TokioIo::new(stream), service);
    tokio::pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = told_to(&mut stop) => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::trace!(%error, "a connection ended early");
    }
}

/// Waits for the word to stop; whoever could give it being gone is as good.
async fn told_to(stop: &mut watch::Receiver<bool>) {
    let _ = stop.wait_for(|stop| *stop).await;
}

/// Any error ends the connection without an answer, which is what a cut is.
async fn answer(
    request: hyper::Request<Incoming>,
    peer: SocketAddr,
    shell: Shell,
) -> io::Result<hyper::Response<Drops>> {
    sleep(shell.latency).await;
    let (parts, body) = request.into_parts();
    let target = parts.uri.path_and_query().map_or("/", |target| target.as_str()).to_owned();
    let limit = if target.starts_with("/_sandbox/state") { STATE_LIMIT } else { BODY_LIMIT };
    // An announced body is refused before it is waited for.
    if body.size_hint().lower() > limit as u64 {
        return deliver(Refusal::too_large(limit).into()).await;
    }
    let body = match timeout(PATIENCE, Limited::new(body, limit).collect()).await {
        Ok(Ok(body)) => body.to_bytes().to_vec(),
        Ok(Err(error)) if error.is::<LengthLimitError>() => {
            return deliver(Refusal::too_large(limit).into()).await;
        }
        Ok(Err(_)) => return Err(io::ErrorKind::UnexpectedEof.into()),
        Err(_) => return deliver(Refusal::too_slow().into()).await,
    };
    let (reply, response) = oneshot::channel();
    let request = Request {
        method: parts.method.as_str().to_owned(),
        target,
        headers: headers(&parts.headers),
        body,
        peer: peer.ip(),
    };
    let cut = |_| io::Error::from(io::ErrorKind::ConnectionAborted);
    shell
        .clerk
        .send(Errand { request, reply })
        .map_err(|_| io::Error::from(io::ErrorKind::ConnectionAborted))?;
    deliver(response.await.map_err(cut)?).await
}

fn headers(headers: &HeaderMap) -> Vec<(String, String)> {
    let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    headers.iter().map(|(name, value)| (name.as_str().to_owned(), text(value))).collect()
}

async fn deliver(response: Response) -> io::Result<hyper::Response<Drops>> {
    let Response {
        status,
        headers,
        content_type,
        body,
        delivery: Delivery { delay, cut, keep, pace },
    } = response;
    sleep(delay).await;
    if cut {
        return Err(io::ErrorKind::ConnectionAborted.into());
    }
    let length = body.len();
    let mut response = hyper::Response::new(Drops::new(body, keep, pace));
    *response.status_mut() =
        hyper::StatusCode::from_u16(status).unwrap_or(hyper::StatusCode::INTERNAL_SERVER_ERROR);
    let fields = response.headers_mut();
    fields.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    fields.insert(CONTENT_LENGTH, HeaderValue::from(length));
    for (name, value) in headers {
        if let Ok(value) = HeaderValue::from_str(&value) {
            fields.insert(HeaderName::from_static(name), value);
        }
    }
    Ok(response)
}

/// A body that can be slow, and can end too early.
struct Drops {
    drops: VecDeque<Bytes>,
    pace: Option<Duration>,
    is_cut: bool,
    pause: Option<Pin<Box<Sleep>>>,
}

impl Drops {
    fn new(body: Vec<u8>, keep: Option<usize>, pace: Option<Duration>) -> Self {
        let mut body = Bytes::from(body);
        let is_cut = keep.is_some_and(|keep| keep < body.len());
        body.truncate(keep.unwrap_or(usize::MAX));
        let mut drops = VecDeque::new();
        while pace.is_some() && body.len() > DROP {
            drops.push_back(body.split_to(DROP));
        }
        if !body.is_empty() {
            drops.push_back(body);
        }
        Self { drops, pace, is_cut, pause: None }
    }
}

impl Body for Drops {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        if let Some(pause) = &mut self.pause {
            std::task::ready!(pause.as_mut().poll(context));
            self.pause = None;
            if self.drops.is_empty() {
                return Poll::Ready(Some(Err(io::ErrorKind::ConnectionAborted.into())));
            }
        }
        match self.drops.pop_front() {
            Some(next) => {
                if let (Some(pace), false) = (self.pace, self.drops.is_empty()) {
                    self.pause = Some(Box::pin(sleep(pace)));
                }
                Poll::Ready(Some(Ok(Frame::data(next))))
            }
            None if self.is_cut => {
                self.pause = Some(Box::pin(sleep(FLUSH)));
                self.poll_frame(context)
            }
            None => Poll::Ready(None),
        }
    }
}
