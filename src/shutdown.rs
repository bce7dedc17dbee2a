//! Whether this process has been asked to end: one fact for all, since signals go to the process as a whole.
//!
//! Whoever waits for something that may take long (a back-off, a program, a server, a lock) waits for this as well. What is
//! in flight on the platform is finished, within [`GRACE`]; everything else ends at once.
//!
//! Invariant: it only ever becomes true, and only the command line sets it.

use std::sync::{LazyLock, OnceLock};
use std::task::Poll;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

/// How long calls that are in flight on the platform, and those that have to follow them, may still take in all.
pub const GRACE: Duration = Duration::from_secs(20);

/// How long each program, and each call of a store of secrets, may still take: what it does not take is delivered by the
/// next run.
pub const SHORT_GRACE: Duration = Duration::from_secs(1);

static BEGUN: LazyLock<watch::Sender<bool>> = LazyLock::new(|| watch::channel(false).0);
static BEGUN_AT: OnceLock<Instant> = OnceLock::new();

/// Asks everybody to end.
pub fn begin() {
    BEGUN_AT.get_or_init(Instant::now);
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
    raised(flag()).await;
}

/// Waits until `flag` becomes true; for ever if whoever could raise it is gone, which is not the same as `true`.
pub async fn raised(mut flag: watch::Receiver<bool>) {
    let latest = flag.clone();
    let mut told = std::pin::pin!(async {
        if flag.wait_for(|is_raised| *is_raised).await.is_err() {
            std::future::pending::<()>().await;
        }
    });
    // Those who wait are told one after the other; whoever is polled in between sees it all the same.
    std::future::poll_fn(|context| {
        let is_raised = *latest.borrow();
        if is_raised { Poll::Ready(()) } else { told.as_mut().poll(context) }
    })
    .await;
}

/// Waits until the process was asked to end and [`GRACE`] has passed since.
pub async fn grace_is_over() {
    begun().await;
    let since = BEGUN_AT.get().copied().unwrap_or_else(Instant::now);
    tokio::time::sleep_until(since + GRACE).await;
}

/// Waits until the process was asked to end, and then for `time`.
pub async fn begun_and(time: Duration) {
    begun().await;
    tokio::time::sleep(time).await;
}
