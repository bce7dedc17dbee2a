//! Stopping: the first signal lets a run finish what is in flight, the second ends it at once.

use tokio::sync::watch;

use super::output::Output;

/// Waits for the signals that ask a program to end.
pub(super) async fn signal() {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        if let Ok(mut terminate) = signal(SignalKind::terminate()) {
            tokio::select! {
                _ = tokio::signal::ctrl_c() => {}
                _ = terminate.recv() => {}
            }
            return;
        }
    }
    let _ = tokio::signal::ctrl_c().await;
}

/// Runs `work`, which is handed a flag that becomes true at the first signal. A second signal
/// drops it: `None`.
pub(super) async fn stoppable<T>(
    output: &Output,
    work: impl AsyncFnOnce(watch::Receiver<bool>) -> T,
) -> Option<T> {
    let (sender, stop) = watch::channel(false);
    let signals = async {
        signal().await;
        output.say("stopping: what is in flight is finished; once more ends at once");
        sender.send_replace(true);
        signal().await;
    };
    tokio::select! {
        done = work(stop) => Some(done),
        () = signals => None,
    }
}
