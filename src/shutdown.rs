//! Whether this process has been asked to end: one fact for all, since signals go to the process as a whole.
//!
//! Whoever waits for something that may take long (a back-off, a program, a server, a lock) waits for this as well. What is
//! in flight on the platform is finished, within [`GRACE`]; everything else ends at once.
//!
//! Invariant: it only ever becomes true, and only the command line sets it.

use std::sync::LazyLock;
use std::time::Duration;

use tokio::sync::watch;

/// How long calls that are in flight on the platform, and what has to follow them, may still take.
pub const GRACE: Duration = Duration::from_secs(20);

/// How long a program or a store of secrets may still take: what it does not take is delivered by the next run.
pub const SHORT_GRACE: Duration = Duration::from_secs(1);

static BEGUN: LazyLock<watch::Sender<bool>> = LazyLock::new(|| watch::channel(false).0);

/// Asks everybody to end.
pub fn begin() {
    BEGUN.send_replace(true);
}

/// Whether the process has been asked to end.
pub fn has_begun() -> bool {
    *BEGUN.borrow()
}

/// Becomes true when the process is asked to end.
pub fn flag() -> watch::Receiver<bool> {
    BEGUN.subscribe()
}

/// Waits until the process is asked to end.
pub async fn begun() {
    // The sender lives as long as the process.
    let _ = flag().wait_for(|begun| *begun).await;
}

/// Waits until the process was asked to end and `grace` has passed since.
pub async fn over(grace: Duration) {
    begun().await;
    tokio::time::sleep(grace).await;
}
