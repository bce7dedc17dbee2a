//! Notes beside locks: they decide nothing, numbers of leases rise whatever they say, and they are shown as words.

use std::time::Duration;

use flespi_gitops::diagnostic::render::{json_text, without_commands};
use flespi_gitops::lock::{FileLeases, Holder, Lease, LeaseKey, Leases, LockError, Share};
use flespi_gitops::report::locks_text;
use flespi_gitops::run::RunId;
use tokio::runtime::Runtime;

use super::estate::estate;
use super::{Target, folders, hold, inert, json, panics};

pub const TARGET: Target = Target {
    name: "locks",
    about: "notes beside locks",
    corpus: || vec![estate().note.clone()],
    mutate: json::mutated,
    feed: || {
        let mut place = Place::new();
        Box::new(move |input, _| place.feed(input))
    },
    short: 300,
    repeat: None,
};

struct Place {
    runtime: Runtime,
    folder: tempfile::TempDir,
    leases: FileLeases,
    holder: Holder,
}

fn key(stack: &str) -> LeaseKey {
    LeaseKey { platform: "sandbox".to_owned(), account: 7, stack: stack.to_owned() }
}

impl Place {
    /// A folder in which one lease is at rest, and another one is held for as long as the place is there.
    fn new() -> Self {
        let folder = folders::quick();
        let leases = FileLeases::new(folder.path());
        let holder = Holder::this_process("apply", &RunId::new());
        let place = Self { runtime: panics::runtime(false), folder, leases, holder };
        drop(place.take("fleet").unwrap());
        // Never given back: the system lets go of it with the process.
        std::mem::forget(place.take("held").unwrap());
        place
    }

    fn take(&self, stack: &str) -> Result<Lease, LockError> {
        self.runtime.block_on(self.leases.try_acquire(&key(stack), &Share::all(), &self.holder))
    }

    /// Takes the lease that is at rest. Another thread may start a program, which holds a copy of its lock for a moment.
    fn take_free(&self) -> Result<Lease, LockError> {
        for _ in 0..500 {
            match self.take("fleet") {
                Err(LockError::Held(_)) => std::thread::sleep(Duration::from_millis(10)),
                outcome => return outcome,
            }
        }
        self.take("fleet")
    }

    fn feed(&mut self, input: &[u8]) -> Result<bool, String> {
        let before = panics::heard();
        for stack in ["fleet", "held"] {
            let note = self.folder.path().join(format!("locks/{stack}@7@sandbox.json"));
            std::fs::write(note, input).map_err(|error| error.to_string())?;
        }
        let locks = self.runtime.block_on(self.leases.list()).map_err(|error| error.to_string())?;
        hold(locks.len() == 2, || format!("{} of two locks", locks.len()))?;
        for width in [None, Some(60)] {
            let now = jiff::Timestamp::now().as_second();
            inert::styled("locks", &locks_text(&locks, now, width))?;
        }
        inert::json("locks as JSON", &json_text(&locks))?;
        let told = locks.iter().find_map(|lock| lock.fence);
        let _ = self.runtime.block_on(self.leases.fences());
        match self.take("held") {
            Err(LockError::Held(info)) => {
                inert::text("advice", &without_commands(info.advice()))?;
                let said = LockError::Held(info).to_string();
                inert::said("a lock that is held", &said)?;
            }
            other => return Err(format!("a lock that is held: {other:?}")),
        }
        let first = self.take_free().map_err(|error| format!("a free lock: {error}"))?.fence();
        let second = self.take_free().map_err(|error| format!("a free lock: {error}"))?.fence();
        hold(second > first || first == u64::MAX, || format!("{second} follows {first}"))?;
        // A number that none follows was written by nobody of us.
        let is_larger = told.is_none_or(|told| first > told || told >= u64::MAX - 1);
        hold(is_larger, || format!("{first} follows {told:?}"))?;
        hold(panics::heard() == before, || "a panic on another thread".to_owned())?;
        Ok(told.is_some())
    }
}
