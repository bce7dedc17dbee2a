//! Panics on other threads, which reach nobody: a runtime makes errors of them.

use std::panic::{set_hook, take_hook};
use std::sync::Once;
use std::sync::atomic::{AtomicUsize, Ordering};

/// The threads of our runtimes, on which nothing may panic.
pub const THREADS: &str = "fed";

static HEARD: AtomicUsize = AtomicUsize::new(0);

/// How many panics there were on threads of ours so far.
pub fn heard() -> usize {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let before = take_hook();
        set_hook(Box::new(move |panic| {
            if std::thread::current().name() == Some(THREADS) {
                HEARD.fetch_add(1, Ordering::SeqCst);
            }
            before(panic);
        }));
    });
    HEARD.load(Ordering::SeqCst)
}

/// A runtime whose other threads are ours. With its clock standing still, waits cost nothing.
pub fn runtime(is_paused: bool) -> tokio::runtime::Runtime {
    heard();
    let mut builder = tokio::runtime::Builder::new_current_thread();
    builder.enable_all().thread_name(THREADS).start_paused(is_paused);
    builder.build().unwrap()
}
