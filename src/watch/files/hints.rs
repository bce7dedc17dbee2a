//! Hints: the system says that something may have changed in a folder.
//!
//! Only folders are watched, each for itself, and exactly those that the last walk came through: whatever is swapped,
//! linked or made anew, the next walk says what to watch. Events carry nothing but the time at which they came and, to
//! know that somebody is not done yet, the manifests that are being written.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use notify::event::{AccessKind, AccessMode, Event, EventKind, ModifyKind, RenameMode};
use notify::{RecursiveMode, Watcher as _};
use tokio::sync::oneshot;

use super::tree::Folder;
use crate::manifest::walk;

/// More files than this are not remembered as being written; the quiet period still holds for them.
const MOST_WRITERS: usize = 10_000;

/// What was heard and not worked off yet.
#[derive(Debug, Default)]
pub(super) struct Heard {
    /// When the last hint came, until it is taken.
    pub(super) hint: Option<Instant>,
    /// Manifests that were written to and not closed since.
    pub(super) writing: BTreeSet<PathBuf>,
    /// Folders whose watch may be gone.
    lost: BTreeSet<PathBuf>,
    /// What matters where.
    folders: BTreeMap<PathBuf, Folder>,
    /// Who asked for a look and waits for it.
    pub(super) looks: Vec<oneshot::Sender<()>>,
    /// Nobody needs the files any more.
    pub(super) is_over: bool,
}

/// Where the system, those who ask and the one who looks meet.
#[derive(Debug, Default)]
pub(super) struct Listener {
    heard: Mutex<Heard>,
    bell: Condvar,
}

impl Listener {
    pub(super) fn lock(&self) -> MutexGuard<'_, Heard> {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes what was heard, and wakes whoever waits.
    pub(super) fn note(&self, change: impl FnOnce(&mut Heard)) {
        change(&mut self.lock());
        self.bell.notify_all();
    }

    /// Waits for a hint or until `until`, and returns the hints so far.
    pub(super) fn wait(&self, until: Instant) -> MutexGuard<'_, Heard> {
        let heard = self.lock();
        let left = until.saturating_duration_since(Instant::now());
        match self.bell.wait_timeout(heard, left) {
            Ok((heard, _)) => heard,
            Err(poisoned) => poisoned.into_inner().0,
        }
    }

    fn event(&self, event: notify::Result<Event>) {
        let now = Instant::now();
        let Ok(event) = event else {
            // An error of the watch is as good a reason to look as a change.
            return self.note(|heard| heard.hint = Some(now));
        };
        let mut heard = self.lock();
        let is_hint = event.need_rescan() || heard.take(&event);
        if is_hint {
            heard.hint = Some(now);
            drop(heard);
            self.bell.notify_all();
        }
    }
}

impl Heard {
    /// Takes in an event; whether it is a reason to look.
    fn take(&mut self, event: &Event) -> bool {
        let paths: Vec<&PathBuf> = event.paths.iter().filter(|path| self.matters(path)).collect();
        let paths: Vec<PathBuf> = paths.into_iter().cloned().collect();
        for path in &paths {
            match event.kind {
                EventKind::Access(AccessKind::Close(AccessMode::Write)) => {
                    self.writing.remove(path);
                }
                EventKind::Access(_) => return false,
                EventKind::Modify(ModifyKind::Data(_))
                    if walk::is_manifest(path) && self.writing.len() < MOST_WRITERS =>
                {
                    self.writing.insert(path.clone());
                }
                EventKind::Remove(_) | EventKind::Modify(ModifyKind::Name(RenameMode::From)) => {
                    self.writing.remove(path);
                    if self.folders.contains_key(path) {
                        self.lost.insert(path.clone());
                    }
                }
                _ => {}
            }
        }
        !paths.is_empty()
    }

    fn matters(&self, path: &Path) -> bool {
        let in_folder = path.parent().and_then(|parent| self.folders.get(parent));
        let is_known = in_folder.zip(path.file_name()).is_some_and(|(f, name)| f.cares_about(name));
        is_known || self.folders.contains_key(path)
    }
}

/// Why there are fewer watches than folders, and what to do about it.
fn trouble(error: &notify::Error) -> String {
    let limit = match &error.kind {
        notify::ErrorKind::MaxFilesWatch => Some("max_user_watches=524288"),
        // EMFILE: no further queue of events.
        notify::ErrorKind::Io(error) if error.raw_os_error() == Some(24) => {
            Some("max_user_instances=512")
        }
        _ => None,
    };
    let (what, help) = match limit {
        Some(limit) => (
            "no inotify watch is left".to_owned(),
            format!("raise the limit with `sysctl fs.inotify.{limit}`, or"),
        ),
        None => (error.to_string(), "if the file system reports no changes,".to_owned()),
    };
    format!(
        "{what}, so files are read every few seconds instead\n  help: {help} choose how often they \
         are read with --poll DURATION"
    )
}

/// The watches.
#[derive(Debug)]
pub(super) struct Hints {
    listener: Arc<Listener>,
    watcher: Option<notify::RecommendedWatcher>,
    watched: BTreeMap<PathBuf, Folder>,
    /// Why there are fewer watches than folders.
    pub(super) trouble: Option<String>,
}

impl Hints {
    /// Without any watch; with `is_polling` there will be none.
    pub(super) fn new(listener: Arc<Listener>, is_polling: bool) -> Self {
        let mut hints = Self { listener, watcher: None, watched: BTreeMap::new(), trouble: None };
        if !is_polling {
            let listener = Arc::clone(&hints.listener);
            match notify::recommended_watcher(move |event| listener.event(event)) {
                Ok(watcher) => hints.watcher = Some(watcher),
                Err(error) => hints.trouble = Some(trouble(&error)),
            }
        }
        hints
    }

    /// How many folders are watched.
    pub(super) fn len(&self) -> usize {
        self.watched.len()
    }

    /// Watches exactly `folders`. Whether a watch is new, so that something may have happened before it began.
    pub(super) fn follow(&mut self, folders: &BTreeMap<PathBuf, Folder>) -> bool {
        let Some(watcher) = &mut self.watcher else { return false };
        let lost = {
            let mut heard = self.listener.lock();
            heard.folders.clone_from(folders);
            std::mem::take(&mut heard.lost)
        };
        let is_lost = |path: &Path| path.ancestors().any(|above| lost.contains(above));
        self.watched.retain(|path, folder| {
            let now = folders.get(path).map(|folder| &folder.identity);
            let stays = now == Some(&folder.identity) && (lost.is_empty() || !is_lost(path));
            if !stays {
                // It may be gone already, which is as good.
                let _ = watcher.unwatch(path);
            }
            stays
        });
        self.trouble = None;
        let mut is_new = false;
        for (path, folder) in folders {
            if self.watched.contains_key(path) {
                continue;
            }
            match watcher.watch(path, RecursiveMode::NonRecursive) {
                Ok(()) => {
                    self.watched.insert(path.clone(), folder.clone());
                    is_new = true;
                }
                // What went away since the walk was told by the folder above.
                Err(notify::Error { kind: notify::ErrorKind::PathNotFound, .. }) => {}
                Err(error) => self.trouble = Some(trouble(&error)),
            }
        }
        is_new
    }
}
