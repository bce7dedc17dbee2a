//! The desk: looks at every status, and has told what is news.

use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::book::{Book, Kept};
use super::form::Notice;
use super::incident::incidents;
use super::post::Receiver;
use crate::files::{self, Access};
use crate::private;
use crate::watch;

/// While something stays away, it is looked so often whether it is over.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// So many notices wait for a receiver that does not answer; further ones are dropped.
const MOST_WAITING: usize = 64;

/// What was told has at most so many bytes; beyond that it is told again after a restart.
const LARGEST: u64 = 4 * 1024 * 1024;

/// The folder of what was told, in that of the state, and its file.
const FOLDER: &str = "notices";

/// Who is told, and where it is remembered what was.
#[derive(Debug)]
pub struct Desk {
    receivers: Vec<Receiver>,
    state: PathBuf,
}

impl Desk {
    /// Tells `receivers`; remembers in the folder `state`.
    pub fn new(receivers: Vec<Receiver>, state: &Path) -> Self {
        Self { receivers, state: state.to_owned() }
    }

    /// One file for each stack on each platform.
    fn file(&self, status: &watch::Status) -> PathBuf {
        let name: String = format!("{}@{}", status.stack, status.platform)
            .chars()
            .map(
                |char| {
                    if char.is_ascii_alphanumeric() || ".-_@".contains(char) { char } else { '_' }
                },
            )
            .take(200)
            .collect();
        self.state.join(FOLDER).join(format!("{name}.json"))
    }

    /// What an earlier process told. If that cannot be read, it is told again.
    fn remembered(&self, status: &watch::Status) -> Vec<Kept> {
        let bytes = private::check_state_folder(&self.state, FOLDER)
            .and_then(|()| files::read_at_most(&self.file(status), LARGEST));
        bytes.ok().and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default()
    }

    fn remember(&self, kept: &[Kept], status: &watch::Status) {
        let written = private::state_folder(&self.state, FOLDER).and_then(|_| {
            let bytes = serde_json::to_vec(kept)?;
            files::write(&self.file(status), &bytes, Access::Private)
        });
        if let Err(error) = written {
            tracing::warn!(%error, "cannot remember which incidents were told");
        }
    }
}

/// Tells the receivers of `desk` what becomes of the daemon, until nothing is published any more.
pub async fn watch_over(desk: Desk, mut status: watch::Receiver) {
    let mut workers = JoinSet::new();
    let mut queues = Vec::new();
    for receiver in desk.receivers.clone() {
        let (queue, notices) = mpsc::channel(MOST_WAITING);
        queues.push(queue);
        workers.spawn(tell(receiver, notices));
    }
    let mut book: Option<Book> = None;
    loop {
        let present = status.borrow_and_update().clone();
        let now = Timestamp::now();
        if let Some(wrong) = incidents(&present, now) {
            let book = book.get_or_insert_with(|| Book::of(desk.remembered(&present)));
            let news = book.look(&wrong, now, Instant::now());
            if !news.is_empty() {
                let whose = (&*present.stack, &*present.platform, &*present.run);
                let notice = Notice::of(news, whose, now);
                for queue in &queues {
                    if queue.try_send(notice.clone()).is_err() {
                        tracing::warn!("a notice is dropped, since a receiver does not answer");
                    }
                }
                desk.remember(&book.kept(), &present);
            }
        }
        let is_waiting = book.as_ref().is_some_and(Book::is_waiting);
        tokio::select! {
            changed = status.changed() => if changed.is_err() { break },
            () = tokio::time::sleep(LOOK_EVERY), if is_waiting => {}
        }
    }
    drop(queues);
    while workers.join_next().await.is_some() {}
}

/// Sends one notice after the other to one receiver.
async fn tell(receiver: Receiver, mut notices: mpsc::Receiver<Notice>) {
    while let Some(notice) = notices.recv().await {
        if let Err(why) = receiver.send(&notice.body(receiver.form())).await {
            tracing::warn!(host = receiver.host(), "a notice did not arrive: {why}");
        }
    }
}
