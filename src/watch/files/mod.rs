//! The files: a thread that says when there is another settled set of manifests, and what is in it.
//!
//! ```text
//! hints ──┐                ┌─ equal? ─┐          ┌─ still equal? ─► settled
//! timer ──┼─► quiet ─► hash ─► wait ─► hash ─► load ─► hash
//! a look ─┘      ▲           └──────────┴── no: again ──┘
//! ```
//!
//! Events are hints and carry no data; the truth is a hash over everything that a load reads ([`tree`]). A set counts
//! only if it was the same twice, some time apart, and still is after it was loaded: what is half written is never
//! loaded, and what was loaded is what was there. A root that is not there is *unknown*, which is a reading of its own and
//! never an empty set.
//!
//! Invariant: between two looks there is nothing to clean up. The watches are those of the last walk, and the one thread
//! ends with the value that it works for.

mod hints;
mod tree;

use std::path::PathBuf;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use tokio::sync::{oneshot, watch};

use self::hints::{Hints, Listener};
use self::tree::{Depth, Tree, TreeReader};
use super::status::FilesStatus;
use crate::git::Commit;
use crate::manifest::{Load, checkout, walk};

/// How often the tree is read while the system does not report all changes.
const FALLBACK: Duration = Duration::from_secs(5);

/// How patient the thread is.
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    /// Without a further hint for so long, a change counts as complete. Editors and checkouts write their files within a
    /// few milliseconds of each other.
    pub quiet: Duration,
    /// How far apart the two equal hashes are at least.
    pub gap: Duration,
    /// A tree that never comes to rest is looked at all the same after so long.
    pub ceiling: Duration,
    /// A manifest that is open for writing, or a checkout under way, is waited for so long.
    pub writers: Duration,
    /// How often the tree is looked at without any hint.
    pub rescan: Duration,
    /// There are no hints to wait for, as on network file systems: the tree is read whole on every look.
    pub polling: bool,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            quiet: Duration::from_millis(300),
            gap: Duration::from_millis(200),
            ceiling: Duration::from_secs(5),
            writers: Duration::from_secs(30),
            rescan: Duration::from_secs(30),
            polling: false,
        }
    }
}

impl Patience {
    /// For file systems that report no changes: reads the tree every `interval`.
    pub fn polling(interval: Duration) -> Self {
        let gap = (interval / 2).min(Duration::from_millis(500));
        Self { polling: true, rescan: interval, gap, quiet: Duration::ZERO, ..Self::default() }
    }
}

/// What was found.
#[derive(Debug, Clone)]
pub enum Reading {
    /// Nothing has been read yet.
    Nothing,
    /// A set without errors.
    Good(Arc<Load>),
    /// A set with errors.
    Invalid(Arc<Load>),
    /// At least one root is not there or does not answer; see [`FilesStatus::roots`].
    Unknown,
}

/// The last settled set.
#[derive(Debug, Clone)]
pub struct Settled {
    /// What was found.
    pub reading: Reading,
    /// About it; [`FilesStatus::generation`] grows with each settled set.
    pub status: FilesStatus,
    /// The commit that it is from, if it is from a repository.
    pub commit: Option<Arc<Commit>>,
}

/// How a set is loaded.
pub type Loader = Box<dyn FnMut() -> Load + Send>;

/// The watched files.
#[derive(Debug)]
pub struct Files {
    listener: Arc<Listener>,
    settled: watch::Receiver<Settled>,
    thread: Option<JoinHandle<()>>,
}

impl Files {
    /// Watches `roots`, and what links lead to outside of them only if `allow_outside`, as the load itself does. The first
    /// settled set follows soon.
    ///
    /// # Errors
    /// When there is no thread to be had.
    pub fn watch(
        roots: Vec<PathBuf>,
        allow_outside: bool,
        patience: Patience,
        load: Loader,
    ) -> Result<Self, std::io::Error> {
        let listener = Arc::new(Listener::default());
        let status =
            FilesStatus { rescan_seconds: patience.rescan.as_secs(), ..FilesStatus::default() };
        let (sender, settled) =
            watch::channel(Settled { reading: Reading::Nothing, status, commit: None });
        let observer = Observer {
            hints: Hints::new(Arc::clone(&listener), patience.polling),
            listener: Arc::clone(&listener),
            roots,
            patience,
            load,
            reader: TreeReader::new(allow_outside),
            more: Vec::new(),
            known: None,
            sender,
        };
        let thread = std::thread::Builder::new().name("files".to_owned());
        let thread = thread.spawn(move || observer.run())?;
        Ok(Self { listener, settled, thread: Some(thread) })
    }

    /// The last settled set, for waiting on the next.
    pub fn settled(&self) -> watch::Receiver<Settled> {
        self.settled.clone()
    }

    /// Asks for a look at every file now, and waits until it is done and, if there is another set, that is settled. False
    /// if that takes longer than `longest`, as when a file system does not answer.
    pub async fn look(&self, longest: Duration) -> bool {
        let (done, is_done) = oneshot::channel();
        self.listener.note(|heard| {
            // Those who were waited for too long wait no more.
            heard.looks.retain(|look| !look.is_closed());
            heard.looks.push(done);
        });
        matches!(tokio::time::timeout(longest, is_done).await, Ok(Ok(())))
    }
}

impl Drop for Files {
    fn drop(&mut self) {
        self.listener.note(|heard| heard.is_over = true);
        let Some(thread) = self.thread.take() else { return };
        // A thread that hangs in a file system that does not answer must not hang the process.
        let deadline = Instant::now() + Duration::from_secs(2);
        while !thread.is_finished() && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(5));
        }
        if thread.is_finished() {
            let _ = thread.join();
        }
    }
}

/// The thread's own.
struct Observer {
    listener: Arc<Listener>,
    hints: Hints,
    roots: Vec<PathBuf>,
    patience: Patience,
    load: Loader,
    reader: TreeReader,
    /// Files that manifests name and that are no manifests themselves.
    more: Vec<PathBuf>,
    /// Digest of the last settled set.
    known: Option<[u8; 32]>,
    sender: watch::Sender<Settled>,
}

/// The process ends.
struct Over;

impl Observer {
    fn run(mut self) {
        // The error is that it is over, which is no error here.
        let Err(Over) = self.look_for_ever();
    }

    fn look_for_ever(&mut self) -> Result<std::convert::Infallible, Over> {
        let mut depth = Depth::Contents;
        let mut looks = Vec::new();
        loop {
            self.settle(depth)?;
            for look in std::mem::take(&mut looks) {
                let look: oneshot::Sender<()> = look;
                let _ = look.send(());
            }
            let due = Instant::now() + self.rescan();
            loop {
                let mut heard = self.listener.lock();
                if !heard.is_over && heard.hint.is_none() && heard.looks.is_empty() {
                    drop(heard);
                    heard = self.listener.wait(due);
                }
                if heard.is_over {
                    return Err(Over);
                }
                looks = std::mem::take(&mut heard.looks);
                if !looks.is_empty() || heard.hint.is_some() || Instant::now() >= due {
                    break;
                }
            }
            depth = match looks.is_empty() && !self.patience.polling {
                true => Depth::Stamps,
                false => Depth::Contents,
            };
        }
    }

    /// Waits until the tree is at rest and, if it is another one than before, loads and publishes it.
    fn settle(&mut self, depth: Depth) -> Result<(), Over> {
        let began = Instant::now();
        loop {
            self.rest(began)?;
            let first = self.read(depth);
            if Some(first.digest) == self.known && !self.has_recovered() {
                self.looked(&first);
                return Ok(());
            }
            self.pause(self.patience.gap)?;
            if began.elapsed() >= 2 * self.patience.ceiling.max(self.patience.writers) {
                self.report_unrest();
            }
            let is_restless = began.elapsed() >= self.patience.ceiling;
            if self.listener.lock().hint.is_some() && !is_restless {
                continue;
            }
            if self.read(Depth::Stamps).digest != first.digest {
                continue;
            }
            if self.take(&first) {
                return Ok(());
            }
        }
    }

    /// Waits for the quiet period, for writers and for checkouts, each up to its bound.
    fn rest(&mut self, began: Instant) -> Result<(), Over> {
        loop {
            let now = Instant::now();
            let mut heard = self.listener.lock();
            if heard.is_over {
                return Err(Over);
            }
            let quiet = heard.hint.map(|hint| hint + self.patience.quiet);
            let is_quiet =
                quiet.is_none_or(|quiet| now >= quiet) || now >= began + self.patience.ceiling;
            let is_finished = now >= began + self.patience.writers
                || heard.writing.is_empty() && !checkout::is_under_way(&self.roots);
            if is_quiet && is_finished {
                heard.hint = None;
                if now >= began + self.patience.writers {
                    heard.writing.clear();
                }
                return Ok(());
            }
            drop(heard);
            let until = match is_quiet {
                true => now + Duration::from_millis(50),
                false => quiet.unwrap_or(now),
            };
            drop(self.listener.wait(until));
        }
    }

    /// Waits, whatever is heard.
    fn pause(&self, length: Duration) -> Result<(), Over> {
        let until = Instant::now() + length;
        while Instant::now() < until {
            if self.listener.wait(until).is_over {
                return Err(Over);
            }
        }
        Ok(())
    }

    /// Reads the tree until there is a watch on every folder that was read.
    fn read(&mut self, depth: Depth) -> Tree {
        // Each round adds watches for what appeared since the last; a tree that grows faster than it is read is restless
        // anyway.
        const ROUNDS: usize = 5;
        let mut tree = self.reader.read(&self.roots, &self.more, depth);
        for _ in 0..ROUNDS {
            if !self.hints.follow(&tree.folders) {
                break;
            }
            tree = self.reader.read(&self.roots, &self.more, Depth::Stamps);
        }
        tree
    }

    /// What makes a set invalid may lie outside of it, such as a table that was not there.
    fn has_recovered(&mut self) -> bool {
        let was_invalid = matches!(self.sender.borrow().reading, Reading::Invalid(_));
        was_invalid && !(self.load)().diagnostics.has_errors()
    }

    /// Loads and publishes the set, if it still is what it was when that is done.
    fn take(&mut self, tree: &Tree) -> bool {
        if tree.roots.iter().any(|root| root.unknown.is_some()) {
            self.publish(tree, Reading::Unknown);
            return true;
        }
        let load = (self.load)();
        let names = load.sources.iter().map(|(_, source)| PathBuf::from(source.name()));
        let more: Vec<PathBuf> = names.filter(|name| !walk::is_manifest(name)).collect();
        if more != self.more {
            // The next round has the tables in its hash.
            self.more = more;
            self.known = None;
            return false;
        }
        if self.read(Depth::Stamps).digest != tree.digest {
            return false;
        }
        let reading = match load.diagnostics.has_errors() {
            true => Reading::Invalid(Arc::new(load)),
            false => Reading::Good(Arc::new(load)),
        };
        self.publish(tree, reading);
        true
    }

    fn publish(&mut self, tree: &Tree, reading: Reading) {
        self.known = Some(tree.digest);
        let status = self.status(tree);
        self.sender.send_modify(|settled| {
            let generation = settled.status.generation + 1;
            *settled =
                Settled { reading, status: FilesStatus { generation, ..status }, commit: None };
        });
    }

    /// A look without a change is noted.
    fn looked(&self, tree: &Tree) {
        let status = self.status(tree);
        self.sender.send_modify(|settled| {
            let generation = settled.status.generation;
            settled.status = FilesStatus { generation, ..status };
        });
    }

    /// How often the tree is looked at without any hint.
    fn rescan(&self) -> Duration {
        match self.hints.trouble {
            Some(_) => self.patience.rescan.min(FALLBACK),
            None => self.patience.rescan,
        }
    }

    /// Says that the tree never is the same twice.
    fn report_unrest(&self) {
        self.sender.send_if_modified(|settled| {
            let says = "the manifests keep changing, so they are not read".to_owned();
            let is_new = settled.status.trouble.as_ref() != Some(&says);
            settled.status.trouble = Some(says);
            is_new
        });
    }

    fn status(&self, tree: &Tree) -> FilesStatus {
        FilesStatus {
            roots: tree.roots.clone(),
            files: tree.files,
            folders_watched: self.hints.len(),
            rescan_seconds: self.rescan().as_secs(),
            looked: Some(Timestamp::now()),
            generation: 0,
            trouble: self.hints.trouble.clone(),
        }
    }
}
