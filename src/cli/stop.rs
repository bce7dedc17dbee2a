//! Stopping: the first signal lets a run finish what is in flight, the second ends it at once.
//!
//! Signals are heard by the main thread, which does nothing else; the work is on a thread of its own.

use std::time::Duration;

use tokio::sync::oneshot;

use super::exit::Exit;
use super::output::Output;
use crate::shutdown;

/// What finishes calls to the platform ends by itself within [`shutdown::GRACE`], and then has its report to write.
const LONGEST: Duration = Duration::from_secs(10).saturating_add(shutdown::GRACE);

/// What only reads has nothing to finish but a file that it writes.
const LONGEST_READING: Duration = Duration::from_millis(500);

/// What a command has to do when it is asked to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ending {
    /// It only reads, and is broken off.
    Reads,
    /// It changes the platform, and finishes what is in flight.
    Writes,
    /// It serves until then, so this is its normal end.
    Serves,
}

/// The signals that ask a program to end.
pub(super) struct Signals {
    #[cfg(unix)]
    interrupt: tokio::signal::unix::Signal,
    #[cfg(unix)]
    terminate: tokio::signal::unix::Signal,
    #[cfg(unix)]
    hangup: Option<tokio::signal::unix::Signal>,
}

impl Signals {
    /// Listens from now on. A hangup is one of them if `hangup_ends`, unless it is ignored, as below `nohup`.
    #[cfg(unix)]
    pub(super) fn listen(hangup_ends: bool) -> std::io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        let hears_hangup = hangup_ends && !is_hangup_ignored();
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hangup: hears_hangup.then(|| signal(SignalKind::hangup())).transpose()?,
        })
    }

    #[cfg(not(unix))]
    pub(super) fn listen(_: bool) -> std::io::Result<Self> {
        Ok(Self {})
    }

    /// Waits for the next one, and gives its name.
    #[cfg(unix)]
    pub(super) async fn next(&mut self) -> &'static str {
        let hangup = async {
            match &mut self.hangup {
                Some(hangup) => hangup.recv().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            _ = self.interrupt.recv() => "SIGINT",
            _ = self.terminate.recv() => "SIGTERM",
            _ = hangup => "SIGHUP",
        }
    }

    #[cfg(not(unix))]
    pub(super) async fn next(&mut self) -> &'static str {
        let _ = tokio::signal::ctrl_c().await;
        "Ctrl-C"
    }
}

/// Whether whoever started this process had it ignore hangups. Only Linux tells.
#[cfg(unix)]
fn is_hangup_ignored() -> bool {
    let Ok(status) = std::fs::read_to_string("/proc/self/status") else { return false };
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    // The first bit is signal 1.
    mask.is_some_and(|mask| mask & 1 != 0)
}

/// Waits for the work, and hears signals meanwhile.
pub(super) async fn supervise(
    mut work: oneshot::Receiver<Exit>,
    signals: &mut Signals,
    ending: Ending,
    output: &Output,
) -> Exit {
    // A sender that is gone without a word belongs to work that panicked, which was told.
    let exit_of = |exit: Result<Exit, _>| exit.unwrap_or(Exit::Failed);
    let name = tokio::select! {
        exit = &mut work => return exit_of(exit),
        name = signals.next() => name,
    };
    let longest = match ending {
        Ending::Reads => {
            output.error(&format!("stopped by {name}; nothing was changed on the platform"));
            LONGEST_READING
        }
        Ending::Writes => {
            output.say(&format!(
                "{name}: finishing the calls in flight, then stopping; repeat it to stop at once"
            ));
            LONGEST
        }
        Ending::Serves => LONGEST,
    };
    shutdown::begin();
    tokio::select! {
        exit = &mut work => return exit_of(exit),
        _ = signals.next() => {}
        () = tokio::time::sleep(longest) => {}
    }
    if ending == Ending::Writes {
        output.error("stopped at once; the next run finds by its marks what was done");
    }
    Exit::Failed
}

/// Does `work` that may wait for a file, a pipe or the standard input; `None` if the process is asked to end meanwhile.
pub(super) async fn unless_stopped<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Option<T> {
    let work = tokio::task::spawn_blocking(work);
    tokio::select! {
        // It cannot be cancelled, and the runtime lives on; so it is gone only if it panicked, which was told.
        done = work => done.ok(),
        () = shutdown::begun() => None,
    }
}
