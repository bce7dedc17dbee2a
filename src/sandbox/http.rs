//! The HTTP shell: connections on one side, the clerk's queue on the other, and nothing decided in between.
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
    header::{CONTENT_LENGTH, CONTENT_TYPE, HOST, HeaderName, HeaderValue},
};
use tokio::{
    sync::{mpsc::UnboundedSender, oneshot},
    time::{Sleep, sleep, timeout},
};

use super::{
    answer::{Delivery, Refusal, Response},
    clerk::Errand,
    request::Request,
};
use crate::host::is_ours;

/// The largest body of a platform call, in bytes.
const BODY_LIMIT: usize = 32 * 1024 * 1024;

/// The largest body of `PUT /_sandbox/state`: a world of a hundred thousand accounts, twice over.
const STATE_LIMIT: usize = 512 * 1024 * 1024;

/// A client gets this long to send its body.
const PATIENCE: Duration = Duration::from_secs(30);

/// The size of the drops of a slow body, in bytes.
const DROP: usize = 64;

/// Lets the bytes before a cut reach the wire.
const FLUSH: Duration = Duration::from_millis(20);

/// What every connection needs.
#[derive(Clone)]
pub(super) struct Shell {
    pub(super) clerk: Sender<Errand>,
    pub(super) latency: Duration,
    /// Names under which we are reached, beside addresses and `localhost`.
    pub(super) names: Arc<[String]>,
    /// Closes the door, for faults that refuse connections.
    pub(super) door: UnboundedSender<Closing>,
}

/// For so long at most is read what was refused before it came.
const DRAIN: Duration = Duration::from_secs(2);

/// An order to refuse connections for some time. `closed` is answered as soon as they are.
pub(super) struct Closing {
    pub(super) time: Duration,
    pub(super) closed: oneshot::Sender<()>,
}

/// Any error ends the connection without an answer, which is what a cut is.
pub(super) async fn answer(
    request: hyper::Request<Incoming>,
    peer: SocketAddr,
    shell: Shell,
) -> io::Result<hyper::Response<Drops>> {
    let host = request.headers().get(HOST).and_then(|host| host.to_str().ok());
    if !is_ours(host, &shell.names) {
        return deliver(Refusal::misdirected().into(), &shell.door).await;
    }
    sleep(shell.latency).await;
    let (parts, body) = request.into_parts();
    let target = parts.uri.path_and_query().map_or("/", |target| target.as_str()).to_owned();
    let limit = if target.starts_with("/_sandbox/state") { STATE_LIMIT } else { BODY_LIMIT };
    // An announced body is refused before it is waited for.
    if body.size_hint().lower() > limit as u64 {
        tokio::spawn(drain(body));
        return deliver(Refusal::too_large(limit).into(), &shell.door).await;
    }
    let body = match timeout(PATIENCE, Limited::new(body, limit).collect()).await {
        Ok(Ok(body)) => body.to_bytes().to_vec(),
        Ok(Err(error)) if error.is::<LengthLimitError>() => {
            return deliver(Refusal::too_large(limit).into(), &shell.door).await;
        }
        Ok(Err(_)) => return Err(io::ErrorKind::UnexpectedEof.into()),
        Err(_) => return deliver(Refusal::too_slow().into(), &shell.door).await,
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
        .send(Errand::Call { request, reply })
        .map_err(|_| io::Error::from(io::ErrorKind::ConnectionAborted))?;
    deliver(response.await.map_err(cut)?, &shell.door).await
}

/// Reads on for a while what nobody wants: whoever is cut off in the middle of writing may never read the answer.
async fn drain(mut body: Incoming) {
    let end = async { while let Some(Ok(_)) = body.frame().await {} };
    let _ = timeout(DRAIN, end).await;
}

pub(super) fn headers(headers: &HeaderMap) -> Vec<(String, String)> {
    let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    headers.iter().map(|(name, value)| (name.as_str().to_owned(), text(value))).collect()
}

async fn deliver(
    response: Response,
    door: &UnboundedSender<Closing>,
) -> io::Result<hyper::Response<Drops>> {
    let Delivery { delay, cut, refuse, .. } = response.delivery;
    sleep(delay).await;
    if let Some(time) = refuse {
        let (closed, done) = oneshot::channel();
        let _ = door.send(Closing { time, closed });
        // The client must not find the door open after it was cut off.
        let _ = done.await;
    }
    if cut {
        return Err(io::ErrorKind::ConnectionAborted.into());
    }
    Ok(on_the_wire(response))
}

/// A response whose body comes as its delivery says.
pub(super) fn on_the_wire(response: Response) -> hyper::Response<Drops> {
    let Response { status, headers, content_type, body, delivery } = response;
    let Delivery { keep, pace, delay: _, cut: _, refuse: _ } = delivery;
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
    response
}

/// A body that can be slow, and can end too early.
pub struct Drops {
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
