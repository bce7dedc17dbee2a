//! How many files and connections this process has open at once, which the system bounds.
//!
//! Where the bound is low, less is done at once: a run then takes longer, and does not fail half-way.

use std::sync::{Condvar, LazyLock, Mutex, PoisonError};

/// Fewer do not even carry the runtime, which takes about half of them.
pub(crate) const LEAST: usize = 24;

/// What the runtime, the streams, the lock and the token take.
const RESERVED: usize = 20;

/// A lower bound of the system is raised to this one, as far as it lets us; more are never needed.
const ENOUGH: u64 = 1024;

/// Among so many uses the rest is shared: calls, files, and programs.
const USES: usize = 3;

/// Files that are worked on at once: as many as there are jobs of an apply.
const MOST_FILES: usize = 64;

/// What work on one file has open: the folder twice, and the file.
const OF_A_FILE: usize = 3;

/// What a program has open here: both ends of its three streams while it starts, and what tells of its end.
pub(crate) const OF_A_PROGRAM: usize = 8;

/// Raises the bound to [`ENOUGH`] where the system lets us, and gives it: how many may be open at once.
pub(crate) fn claim() -> usize {
    #[cfg(unix)]
    {
        use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
        let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
        let wanted = maximum.map_or(ENOUGH, |maximum| maximum.min(ENOUGH));
        if current.is_some_and(|current| current < wanted) {
            let _ = setrlimit(Resource::Nofile, Rlimit { current: Some(wanted), maximum });
        }
    }
    bound()
}

/// How many may be open at once.
fn bound() -> usize {
    #[cfg(unix)]
    {
        let bound = rustix::process::getrlimit(rustix::process::Resource::Nofile).current;
        bound.map_or(usize::MAX, |bound| usize::try_from(bound).unwrap_or(usize::MAX))
    }
    #[cfg(not(unix))]
    usize::MAX
}

/// How many things that have `each` files or connections open may be done at once: at least one, and `most` where the
/// system lets us.
pub(crate) fn at_once(each: usize, most: usize) -> usize {
    share(bound(), each, most)
}

fn share(bound: usize, each: usize, most: usize) -> usize {
    (bound.saturating_sub(RESERVED) / USES / each).clamp(1, most)
}

/// Waits until there is leave to work on one more file; it is given back when it is dropped. Whoever has it asks for no
/// second one.
pub(crate) fn leave_for_a_file() -> Leave {
    static LEFT: LazyLock<Left> = LazyLock::new(|| Left {
        count: Mutex::new(at_once(OF_A_FILE, MOST_FILES)),
        bell: Condvar::new(),
    });
    let left: &'static Left = &LEFT;
    let count = left.count.lock().unwrap_or_else(PoisonError::into_inner);
    let mut count =
        left.bell.wait_while(count, |count| *count == 0).unwrap_or_else(PoisonError::into_inner);
    *count -= 1;
    Leave(left)
}

struct Left {
    count: Mutex<usize>,
    bell: Condvar,
}

/// See [`leave_for_a_file`].
#[must_use = "dropping it gives it back"]
pub(crate) struct Leave(&'static Left);

impl Drop for Leave {
    fn drop(&mut self) {
        *self.0.count.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        self.0.bell.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_is_done_at_once_where_the_bound_is_usual_and_one_by_one_where_it_is_low() {
        for (bound, calls, files, programs) in [
            (usize::MAX, 64, 64, 8),
            (1024, 64, 64, 8),
            (256, 64, 26, 8),
            (32, 4, 1, 1),
            (0, 1, 1, 1),
        ] {
            let shares = (
                share(bound, 1, 64),
                share(bound, OF_A_FILE, MOST_FILES),
                share(bound, OF_A_PROGRAM, 8),
            );
            assert_eq!(shares, (calls, files, programs), "{bound}");
        }
    }

    #[test]
    fn what_is_given_back_is_given_to_the_next() {
        let many: Vec<Leave> =
            (0..at_once(OF_A_FILE, MOST_FILES)).map(|_| leave_for_a_file()).collect();
        let waiting = std::thread::spawn(|| drop(leave_for_a_file()));
        std::thread::sleep(std::time::Duration::from_millis(50));
        assert!(!waiting.is_finished());
        drop(many);
        waiting.join().unwrap();
    }
}
