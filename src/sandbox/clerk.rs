//! The clerk: the one thread that owns the world and its folder.
//!
//! Requests queue up and are taken one by one, so the world needs no lock and the log has one order. All requests that
//! wait are handled as one batch: their lines go into the log with one write, and only then are their answers sent.

use std::{
    sync::mpsc::{Receiver, RecvTimeoutError},
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use tokio::sync::{broadcast, oneshot, watch};

use super::{
    answer::Response,
    mqtt::{self, Inquiry, Notice},
    request::Request,
    store::{Store, StoreError},
    sweep,
    world::World,
};

/// How long the use of a token may go unwritten. A killed process forgets at most this much of `accessed`.
const TOUCH_DELAY: Duration = Duration::from_secs(1);

/// How many requests share one write at most.
const BATCH_LIMIT: usize = 256;

/// What the clerk is asked to do.
pub(super) enum Errand {
    /// A request, and where its response goes.
    Call { request: Request, reply: oneshot::Sender<Response> },
    /// A question of the broker.
    Mqtt(Inquiry),
}

/// How the clerk reaches the broker.
pub(super) struct Wire {
    /// All that happens, for whoever listens.
    pub(super) notices: broadcast::Sender<Notice>,
    /// Whether the broker is to be there.
    pub(super) is_open: watch::Sender<bool>,
}

/// Serves until all senders are gone, then writes a snapshot.
pub(super) fn work(
    mut world: World,
    mut store: Option<Store>,
    inbox: &Receiver<Errand>,
    wire: &Wire,
) -> Result<(), StoreError> {
    let mut last_touch = Instant::now();
    let mut replies = Vec::new();
    let mut lines = Vec::new();
    loop {
        match inbox.recv_timeout(TOUCH_DELAY) {
            Ok(errand) => handle(&mut world, errand, &mut replies, &mut lines),
            // Whoever listens hears also of what time takes, and not only when somebody calls.
            Err(RecvTimeoutError::Timeout) if wire.notices.receiver_count() > 0 => {
                let seconds = (now() / 1000).saturating_add(world.books.state.clock);
                sweep::sweep(&mut world.books, seconds);
                lines.extend(world.books.take_changes().unwrap_or_default());
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => break,
        }
        while replies.len() < BATCH_LIMIT
            && let Ok(errand) = inbox.try_recv()
        {
            handle(&mut world, errand, &mut replies, &mut lines);
        }
        if let Some(store) = &mut store {
            if last_touch.elapsed() >= TOUCH_DELAY {
                last_touch = Instant::now();
                lines.extend(world.books.take_touches().unwrap_or_default());
            }
            write(&mut world, store, &mut lines)?;
        }
        mqtt::tell(&mut world, &wire.notices, now());
        wire.is_open.send_if_modified(|open| {
            std::mem::replace(open, world.broker_is_open) != world.broker_is_open
        });
        for (reply, response) in replies.drain(..) {
            // The client has gone away meanwhile: nobody to tell.
            let _ = reply.send(response);
        }
    }
    match &mut store {
        Some(store) => store.snapshot(&world.books.state),
        None => Ok(()),
    }
}

fn handle(
    world: &mut World,
    errand: Errand,
    replies: &mut Vec<(oneshot::Sender<Response>, Response)>,
    lines: &mut Vec<u8>,
) {
    match errand {
        Errand::Call { request, reply } => {
            let response = world.handle(&request, now(), &mut rand::random::<u64>);
            replies.push((reply, response));
        }
        Errand::Mqtt(inquiry) => mqtt::answer(world, inquiry, now()),
    }
    lines.extend(world.books.take_changes().unwrap_or_default());
}

fn write(world: &mut World, store: &mut Store, lines: &mut Vec<u8>) -> Result<(), StoreError> {
    if world.books.is_replaced {
        // Lines of the same batch are part of the state already, on whichever side of the replacement they fell.
        world.books.is_replaced = false;
        store.snapshot(&world.books.state)?;
    } else if !lines.is_empty() {
        store.append(lines)?;
    }
    lines.clear();
    let is_emptied = std::mem::take(&mut world.journal.is_emptied);
    let journal = world.journal.take_lines();
    if is_emptied || !journal.is_empty() {
        let last_seq = world.journal.last_seq();
        store.append_journal(&journal, is_emptied, || world.journal.all_lines(), last_seq)?;
    }
    match store.is_due() {
        true => store.snapshot(&world.books.state),
        false => Ok(()),
    }
}

/// The real time in milliseconds since 1970; a clock set before that counts as 1970.
pub(super) fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
