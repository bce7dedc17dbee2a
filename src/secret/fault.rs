//! Dying on purpose at the n-th file operation, in builds with debug assertions only.
//!
//! Tests prove with it that no key is lost wherever a run ends; a release build has nothing of it.

/// The variable that says at which file operation the process is killed, counted from 1.
#[cfg(debug_assertions)]
const DIE_AT: &str = "FLESPI_GITOPS_TEST_DIE_AT_FILE_OPERATION";

/// Stands before every file operation that has to do with secrets.
#[cfg(debug_assertions)]
pub(super) fn point() {
    use std::sync::LazyLock;
    use std::sync::atomic::{AtomicU64, Ordering};
    static LIMIT: LazyLock<Option<u64>> =
        LazyLock::new(|| std::env::var(DIE_AT).ok()?.parse().ok());
    static SEEN: AtomicU64 = AtomicU64::new(0);
    if let Some(limit) = *LIMIT
        && SEEN.fetch_add(1, Ordering::SeqCst) + 1 == limit
    {
        #[cfg(unix)]
        let _ =
            rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL);
        // Whatever was not killed by now ends here, without unwinding.
        std::process::abort();
    }
}

/// Stands before every file operation that has to do with secrets.
#[cfg(not(debug_assertions))]
pub(super) fn point() {}
