//! Programs that this process runs: each is killed together with what it started, also when this process ends.

use std::collections::BTreeSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::process::{Child, Command};

/// The programs that run at the moment, by their process groups: a task that is dropped when the process ends kills
/// nobody any more.
static RUNNING: Mutex<BTreeSet<u32>> = Mutex::new(BTreeSet::new());

fn running() -> MutexGuard<'static, BTreeSet<u32>> {
    RUNNING.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Kills every program that still runs, together with what it started. To be called when the process ends.
pub(crate) fn kill_all() {
    running().iter().for_each(|group| kill(*group));
}

/// Kills a program or what it left running.
fn kill(group: u32) {
    #[cfg(unix)]
    if let Some(pid) = i32::try_from(group).ok().and_then(rustix::process::Pid::from_raw) {
        let _ = rustix::process::kill_process_group(pid, rustix::process::Signal::KILL);
    }
    #[cfg(not(unix))]
    let _ = group;
}

/// A running program with everything that it started; killed when dropped.
#[derive(Debug)]
pub(crate) struct Group {
    pub(crate) child: Child,
    id: Option<u32>,
}

impl Group {
    /// Starts a program in a group of its own.
    ///
    /// # Errors
    /// It cannot be run.
    pub(crate) fn start(command: &mut Command) -> std::io::Result<Self> {
        command.kill_on_drop(true);
        #[cfg(unix)]
        command.process_group(0);
        let child = command.spawn()?;
        let id = child.id();
        running().extend(id);
        Ok(Self { child, id })
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        // Whoever is still there, the program or something that it left running, goes with it.
        if let Some(id) = self.child.id() {
            kill(id);
        }
        if let Some(id) = self.id {
            running().remove(&id);
        }
    }
}
