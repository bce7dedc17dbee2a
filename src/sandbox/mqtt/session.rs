//! One client of the broker, from its first packet to the end of its connection.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    io,
    net::IpAddr,
    sync::Arc,
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    sync::{broadcast, watch},
    time::{Instant, sleep, sleep_until, timeout},
};

use super::{
    desk::{Admission, Admitted, Claim, Handling, Inquiry, Notice, Wanted},
    line::Line,
    packet::{self, Connect, Delivery, Packet, Publish, Reason, Version, Wish},
    post::Message,
    topic::{Filter, Unfit},
    wire::{self, Frame},
};
use crate::sandbox::catalog::Kind;

/// A client gets this long for its first packet.
const FIRST_PACKET: Duration = Duration::from_secs(10);

/// A client gets this long to take a packet.
const PATIENCE: Duration = Duration::from_secs(10);

/// Messages with quality 1 that are on their way at a time.
const WINDOW: usize = 64;

/// Subscriptions of one client.
const SUBSCRIPTION_LIMIT: usize = 256;

/// How often an open session counts as use of its token.
const TOUCH: Duration = Duration::from_secs(30);

/// The most that is read at a time, in bytes.
const CHUNK: usize = 8 * 1024;

/// A filter in force.
struct Subscription {
    filter: Arc<Filter>,
    /// The account that it is narrowed to.
    cid: Option<u64>,
    wish: Wish,
    number: Option<usize>,
}

/// A message that waits for its turn.
struct Waiting {
    message: Arc<Message>,
    quality: u8,
    is_retained: bool,
    subscriptions: Vec<usize>,
}

/// A connected client.
struct Session<S> {
    stream: S,
    buffer: Vec<u8>,
    version: Version,
    peer: IpAddr,
    client: Arc<str>,
    number: u64,
    admitted: Admitted,
    line: Line,
    subscriptions: BTreeMap<String, Subscription>,
    queue: VecDeque<Waiting>,
    /// Numbers of messages that are not acknowledged yet.
    in_flight: BTreeSet<u16>,
    window: usize,
    last_id: u16,
    /// The longest packet that the client takes.
    longest: usize,
}

/// Serves one client. It ends as the client likes, or for a reason that the client is told.
pub(super) async fn serve<S>(
    mut stream: S,
    peer: IpAddr,
    line: Line,
    leaving: watch::Receiver<bool>,
    number: u64,
) -> io::Result<()>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut buffer = Vec::new();
    let Ok(first) = timeout(FIRST_PACKET, first(&mut stream, &mut buffer)).await else {
        return Ok(());
    };
    let connect = match first? {
        Ok(frame) => Connect::read(&frame),
        Err(reason) => Err(reason),
    };
    let connect = match connect {
        Ok(connect) => connect,
        // Who speaks another language would not understand a word.
        Err(Reason::BadVersion | Reason::BadClientId) => {
            let refusal = packet::refusal(Version::Three, Reason::BadVersion);
            return end(&mut stream, &refusal).await;
        }
        Err(_) => return Ok(()),
    };
    let version = connect.version;
    // Nothing that happens after the answer may be missed.
    let notices = line.notices.subscribe();
    let claim = Claim {
        user_name: connect.user_name.clone().unwrap_or_default(),
        password: connect.password.clone().unwrap_or_default(),
        peer,
    };
    let admission = line.ask(|reply| Inquiry::Admit { claim, reply }).await;
    let Some(Admission { admitted, handling }) = admission else { return Ok(()) };
    sleep(handling.delay).await;
    let admitted = match admitted {
        _ if handling.cut_before => return Ok(()),
        Err(reason) => return end(&mut stream, &packet::refusal(version, reason)).await,
        Ok(admitted) => admitted,
    };
    let assigned = connect.client_id.is_empty().then(|| format!("flespi-sandbox-{number}"));
    let welcome = packet::welcome(&connect, assigned.as_deref(), &admitted.info);
    write(&mut stream, &welcome).await?;
    if handling.cut_after {
        return stream.shutdown().await;
    }
    let client: Arc<str> = assigned.unwrap_or(connect.client_id).into();
    let account = admitted.account;
    let _ = line.notices.send(Notice::Connected {
        account,
        client: Arc::clone(&client),
        session: number,
    });
    let window = connect.properties.receive_maximum.map_or(WINDOW, usize::from).clamp(1, WINDOW);
    let longest = connect.properties.maximum_packet.map_or(usize::MAX, |bytes| bytes as usize);
    let session = Session {
        stream,
        buffer,
        version,
        peer,
        client,
        number,
        admitted,
        line,
        subscriptions: BTreeMap::new(),
        queue: VecDeque::new(),
        in_flight: BTreeSet::new(),
        window,
        last_id: 0,
        longest,
    };
    let grace = match connect.keep_alive {
        0 => None,
        seconds => Some(Duration::from_secs(u64::from(seconds)) * 3 / 2),
    };
    session.run(notices, leaving, grace).await
}

/// The first packet, or why there is none.
async fn first<S: AsyncRead + Unpin>(
    stream: &mut S,
    buffer: &mut Vec<u8>,
) -> io::Result<Result<Frame, Reason>> {
    loop {
        // What does not begin like a client of MQTT is not listened to any further.
        if buffer.first().is_some_and(|head| *head != 0x10) {
            return Ok(Err(Reason::Protocol));
        }
        match wire::take_frame(buffer) {
            Ok(Some(frame)) => return Ok(Ok(frame)),
            Ok(None) => {}
            Err(fault) => return Ok(Err(fault.into())),
        }
        buffer.reserve(CHUNK);
        if stream.read_buf(buffer).await? == 0 {
            return Ok(Err(Reason::Protocol));
        }
    }
}

async fn write<S: AsyncWrite + Unpin>(stream: &mut S, packet: &[u8]) -> io::Result<()> {
    let written = timeout(PATIENCE, async {
        stream.write_all(packet).await?;
        stream.flush().await
    });
    written.await.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
}

async fn end<S: AsyncWrite + Unpin>(stream: &mut S, packet: &[u8]) -> io::Result<()> {
    write(stream, packet).await?;
    stream.shutdown().await
}

/// How a session goes on.
enum Next {
    On,
    /// The client is gone.
    Gone,
    /// The client has to go.
    Ended(Reason),
}

impl<S: AsyncRead + AsyncWrite + Unpin> Session<S> {
    async fn run(
        mut self,
        mut notices: broadcast::Receiver<Notice>,
        mut leaving: watch::Receiver<bool>,
        grace: Option<Duration>,
    ) -> io::Result<()> {
        let mut heard = Instant::now();
        let mut touched = Instant::now();
        loop {
            let next = match self.take_packets(&mut heard).await? {
                Next::On => {
                    self.send_waiting().await?;
                    let until = grace.map(|grace| heard + grace);
                    self.buffer.reserve(CHUNK);
                    tokio::select! {
                        read = self.stream.read_buf(&mut self.buffer) => match read? {
                            0 => Next::Gone,
                            _ => Next::On,
                        },
                        notice = notices.recv(), if self.queue.is_empty() => match notice {
                            Ok(notice) => self.hear(notice).await,
                            Err(broadcast::error::RecvError::Lagged(_)) => Next::Ended(Reason::Quota),
                            Err(broadcast::error::RecvError::Closed) => {
                                Next::Ended(Reason::ShuttingDown)
                            }
                        },
                        () = overdue(until) => Next::Ended(Reason::KeepAlive),
                        () = sleep_until(touched + TOUCH) => {
                            touched = Instant::now();
                            self.line.say(Inquiry::Touch { token: self.admitted.token });
                            Next::On
                        }
                        () = told_to(&mut leaving) => Next::Ended(Reason::ShuttingDown),
                    }
                }
                other => other,
            };
            match next {
                Next::On => {}
                Next::Gone => return Ok(()),
                Next::Ended(reason) => {
                    return end(&mut self.stream, &packet::farewell(self.version, reason)).await;
                }
            }
        }
    }

    /// Does what the packets ask for that are here.
    async fn take_packets(&mut self, heard: &mut Instant) -> io::Result<Next> {
        loop {
            let frame = match wire::take_frame(&mut self.buffer) {
                Ok(Some(frame)) => frame,
                Ok(None) => return Ok(Next::On),
                Err(fault) => return Ok(Next::Ended(fault.into())),
            };
            *heard = Instant::now();
            match Packet::read(&frame, self.version) {
                Err(fault) => return Ok(Next::Ended(fault.into())),
                Ok(packet) => match self.take(packet).await? {
                    Next::On => {}
                    other => return Ok(other),
                },
            }
        }
    }

    async fn take(&mut self, packet: Packet) -> io::Result<Next> {
        match packet {
            Packet::Ping => write(&mut self.stream, &packet::pong()).await?,
            Packet::Disconnect => return Ok(Next::Gone),
            Packet::Acknowledged(id) => {
                self.in_flight.remove(&id);
            }
            Packet::Publish(publish) => self.take_message(publish).await?,
            Packet::Unsubscribe { id, filters } => {
                let codes: Vec<u8> = filters
                    .iter()
                    .map(
                        |filter| if self.subscriptions.remove(filter).is_some() { 0 } else { 0x11 },
                    )
                    .collect();
                let answer = packet::unsubscribed(self.version, id, &codes);
                write(&mut self.stream, &answer).await?;
            }
            Packet::Subscribe { id, properties, filters } => {
                let cid = match properties.user("cid").map(str::parse) {
                    None => None,
                    Some(Ok(cid)) => Some(cid),
                    Some(Err(_)) => return Ok(Next::Ended(Reason::Protocol)),
                };
                return self.subscribe(id, cid, properties.subscription, filters).await;
            }
        }
        Ok(Next::On)
    }

    /// A message of the client: to sessions of its account, unless it is below `flespi/`.
    async fn take_message(&mut self, publish: Publish) -> io::Result<()> {
        let Publish { topic, id, payload } = publish;
        let is_allowed = self.admitted.may_publish(&topic);
        if is_allowed && !topic.starts_with("flespi/") {
            let message = Message {
                topic,
                payload,
                cid: self.admitted.account,
                lineage: self.admitted.lineage.clone().into(),
                timestamp: 0,
                is_retained: false,
                sender: Some(self.number),
            };
            let _ = self.line.notices.send(Notice::Message(Arc::new(message)));
        }
        match id {
            None => Ok(()),
            Some(id) => {
                let code = if is_allowed { 0 } else { Reason::NotAuthorized.code() };
                let answer = packet::acknowledgement(self.version, id, code);
                write(&mut self.stream, &answer).await
            }
        }
    }

    async fn subscribe(
        &mut self,
        id: u16,
        cid: Option<u64>,
        number: Option<usize>,
        filters: Vec<(String, Wish)>,
    ) -> io::Result<Next> {
        let parsed = filters.iter().map(|(text, wish)| {
            Filter::parse(text).map(|filter| {
                let filter = Arc::new(filter);
                let cid = filter.cid.or(cid);
                let is_known = self.subscriptions.contains_key(text);
                let with_retained = match wish.retain_handling {
                    0 => true,
                    1 => !is_known,
                    _ => false,
                };
                (text, wish, Wanted { filter, cid, with_retained })
            })
        });
        let parsed: Vec<Result<_, Unfit>> = parsed.collect();
        let wanted: Vec<Wanted> = parsed
            .iter()
            .flatten()
            .map(|(_, _, wanted)| Wanted { filter: Arc::clone(&wanted.filter), ..*wanted })
            .collect();
        let token = self.admitted.token;
        let line = self.line.clone();
        let answer = line.ask(|reply| Inquiry::Subscribe { token, wanted, reply }).await;
        let Some(answer) = answer else { return Ok(Next::Ended(Reason::ShuttingDown)) };
        let Handling { delay, cut_before, cut_after } = answer.handling;
        sleep(delay).await;
        if cut_before {
            return Ok(Next::Gone);
        }
        let mut denied = answer.denied.into_iter();
        let mut qualities = Vec::new();
        let mut codes = Vec::new();
        for parsed in parsed {
            codes.push(match (parsed, answer.refused) {
                (Err(Unfit::Invalid), _) => 0x8F,
                (Err(Unfit::Shared), _) => 0x9E,
                (Ok(_), Some(reason)) => reason.code(),
                (Ok((text, wish, Wanted { filter, cid, .. })), None) => {
                    qualities.push(*wish);
                    if denied.next().unwrap_or(true) {
                        Reason::NotAuthorized.code()
                    } else if self.subscriptions.len() >= SUBSCRIPTION_LIMIT {
                        Reason::Quota.code()
                    } else {
                        let subscription = Subscription { filter, cid, wish: *wish, number };
                        self.subscriptions.insert(text.clone(), subscription);
                        wish.quality
                    }
                }
            });
        }
        write(&mut self.stream, &packet::subscribed(self.version, id, &codes)).await?;
        let Some(retained) = answer.retained else { return Ok(Next::Ended(Reason::Quota)) };
        for (index, message) in retained {
            let quality = qualities.get(index).map_or(0, |wish: &Wish| wish.quality);
            let subscriptions = number.into_iter().collect();
            self.queue.push_back(Waiting { message, quality, is_retained: true, subscriptions });
        }
        Ok(if cut_after { Next::Gone } else { Next::On })
    }

    /// Takes a notice: a message that fits, or something that may end the session.
    async fn hear(&mut self, notice: Notice) -> Next {
        match notice {
            Notice::Message(message) => self.queue.extend(self.fitting(message)),
            Notice::Changed(kind, id) => {
                let is_ours = match kind {
                    Kind::Tokens => id == self.admitted.token,
                    _ => self.admitted.lineage.contains(&id),
                };
                if is_ours {
                    let (token, peer) = (self.admitted.token, self.peer);
                    let line = self.line.clone();
                    let is_fit = line.ask(|reply| Inquiry::Again { token, peer, reply }).await;
                    if is_fit != Some(true) {
                        return Next::Ended(Reason::NotAuthorized);
                    }
                }
            }
            Notice::Connected { account, client, session } => {
                let is_same = account == self.admitted.account && client == self.client;
                if is_same && session > self.number {
                    return Next::Ended(Reason::TakenOver);
                }
            }
        }
        Next::On
    }

    /// The message for this client, if any of its filters wants it.
    fn fitting(&self, message: Arc<Message>) -> Option<Waiting> {
        if !self.admitted.may_hear(&message) {
            return None;
        }
        let is_own = message.sender == Some(self.number);
        let is_here = |cid: u64| match self.admitted.cid_is_alone {
            true => message.cid == cid,
            false => message.lineage.contains(&cid),
        };
        let mut found: Option<Waiting> = None;
        for subscription in self.subscriptions.values() {
            let Subscription { filter, cid, wish, number } = subscription;
            let fits = cid.is_none_or(is_here)
                && filter.fits(&message.topic)
                && filter.accepts(&message.payload)
                && !(is_own && wish.without_own);
            if fits {
                let waiting = found.get_or_insert_with(|| Waiting {
                    message: Arc::clone(&message),
                    quality: 0,
                    is_retained: false,
                    subscriptions: Vec::new(),
                });
                waiting.quality = waiting.quality.max(wish.quality);
                waiting.is_retained |= message.is_retained && wish.keeps_retained;
                waiting.subscriptions.extend(number);
            }
        }
        found
    }

    /// Sends what waits, as far as the window is open.
    async fn send_waiting(&mut self) -> io::Result<()> {
        while let Some(waiting) = self.queue.front() {
            if waiting.quality > 0 && self.in_flight.len() >= self.window {
                return Ok(());
            }
            let Some(waiting) = self.queue.pop_front() else { return Ok(()) };
            let id = (waiting.quality > 0).then(|| self.free_id());
            let Message { topic, payload, cid, timestamp, sender, .. } = &*waiting.message;
            let user = match sender {
                None => vec![("cid", cid.to_string()), ("timestamp", timestamp.to_string())],
                Some(_) => vec![("cid", cid.to_string())],
            };
            let delivery = Delivery {
                topic,
                payload,
                is_retained: waiting.is_retained,
                id,
                user: &user,
                subscriptions: &waiting.subscriptions,
            };
            let packet = delivery.packet(self.version);
            // What is too long for the client is as if it had been sent.
            if packet.len() <= self.longest {
                self.in_flight.extend(id);
                write(&mut self.stream, &packet).await?;
            }
        }
        Ok(())
    }

    fn free_id(&mut self) -> u16 {
        loop {
            self.last_id = self.last_id.wrapping_add(1).max(1);
            if !self.in_flight.contains(&self.last_id) {
                return self.last_id;
            }
        }
    }
}

/// Waits for the word; whoever could give it being gone is as good.
async fn told_to(word: &mut watch::Receiver<bool>) {
    let _ = word.wait_for(|said| *said).await;
}

/// Waits until then; for ever if there is no such time.
async fn overdue(until: Option<Instant>) {
    match until {
        Some(until) => sleep_until(until).await,
        None => std::future::pending().await,
    }
}
