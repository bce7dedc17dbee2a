//! When to look again: files that may have changed, and an interval.
//!
//! Events of the file system are hints and carry no data: folders are watched, never files, since
//! editors and mounted volumes replace files under one's feet; after a hint there is a quiet
//! period, and then whoever waits reads everything anew and compares the content.

pub mod files;
pub mod status;
pub mod trigger;

pub use status::{ObjectState, ObjectStatus, PassOutcome, Receiver, State, Status};
pub use trigger::{Trigger, Wake, Woken, wake};

use std::path::{Path, PathBuf};
use std::time::Duration;

use notify::{RecursiveMode, Watcher as _};
use tokio::sync::mpsc;
use tokio::time::Instant;

/// Without a further hint for so long, a change counts as complete. Editors and checkouts write
/// their files within a few milliseconds of each other.
const QUIET: Duration = Duration::from_millis(300);

/// A folder that never comes to rest is looked at all the same after so long.
const LONGEST_UNREST: Duration = Duration::from_secs(5);

/// Waits for the next reason to look again.
#[derive(Debug)]
pub struct Watcher {
    hints: mpsc::UnboundedReceiver<()>,
    due: Instant,
    interval: Duration,
    // Watching ends when this is dropped.
    _watcher: notify::RecommendedWatcher,
}

impl Watcher {
    /// Watches `paths`, files by way of their folders.
    ///
    /// # Errors
    /// When the system gives no watch.
    pub fn new(paths: &[PathBuf], interval: Duration) -> Result<Self, notify::Error> {
        let (sender, hints) = mpsc::unbounded_channel();
        let mut watcher =
            notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
                // An error of the watch is as good a reason to look as a change. Reading is no change.
                if event.map_or(true, |event| !event.kind.is_access()) {
                    let _ = sender.send(());
                }
            })?;
        for path in paths {
            if path.is_dir() {
                watcher.watch(path, RecursiveMode::Recursive)?;
            } else {
                let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
                watcher.watch(folder.unwrap_or(Path::new(".")), RecursiveMode::NonRecursive)?;
            }
        }
        Ok(Self { hints, due: Instant::now() + interval, interval, _watcher: watcher })
    }

    /// The next reason to look again, after the quiet period that follows a hint.
    pub async fn next(&mut self) -> Trigger {
        tokio::select! {
            hint = self.hints.recv() => {
                if hint.is_none() {
                    // The watch is gone for good; the interval still works.
                    tokio::time::sleep_until(self.due).await;
                    self.due = Instant::now() + self.interval;
                    return Trigger::Interval;
                }
                let ceiling = Instant::now() + LONGEST_UNREST;
                loop {
                    let quiet = (Instant::now() + QUIET).min(ceiling);
                    match tokio::time::timeout_at(quiet, self.hints.recv()).await {
                        Ok(Some(())) if Instant::now() < ceiling => {}
                        _ => return Trigger::Files,
                    }
                }
            }
            () = tokio::time::sleep_until(self.due) => {
                self.due = Instant::now() + self.interval;
                Trigger::Interval
            }
        }
    }
}
