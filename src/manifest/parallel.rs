//! Work on the many parts of a load, on every processor.
//!
//! Parts are cut from one end to the other and come back in their order, so nothing that is said tells how many processors
//! there were.

use std::num::NonZero;
use std::panic::resume_unwind;
use std::sync::{Mutex, PoisonError};
use std::thread;

/// Fewer things than that are done before another thread has begun.
const WORTH_A_THREAD: usize = 64;

/// Beyond that, memory and not processors is what there is too little of.
const MOST_THREADS: usize = 8;

/// Cuts `items` into as many parts as are worth it, and works on all of them at once.
pub(super) fn in_parts<T: Send, R: Send>(
    items: Vec<T>,
    work: impl Fn(Vec<T>) -> R + Sync,
) -> Vec<R> {
    let processors = thread::available_parallelism().map_or(1, NonZero::get);
    let parts = (items.len() / WORTH_A_THREAD).clamp(1, processors.min(MOST_THREADS));
    if parts == 1 {
        return vec![work(items)];
    }
    let size = items.len().div_ceil(parts);
    let mut items = items.into_iter();
    let slots: Vec<Slot<T>> =
        (0..parts).map(|_| Mutex::new(Some(items.by_ref().take(size).collect()))).collect();
    // Each part is taken once, by whoever works on it.
    let take = |slot: &Slot<T>| {
        let part = slot.lock().unwrap_or_else(PoisonError::into_inner).take();
        part.map(&work)
    };
    thread::scope(|scope| {
        let take = &take;
        let (own, others) = slots.split_at(1);
        let begin = |slot| thread::Builder::new().spawn_scoped(scope, move || take(slot));
        let begun: Vec<_> = others.iter().map(begin).collect();
        let own = own.iter().map(take).collect::<Vec<_>>();
        let others = begun.into_iter().zip(others).map(|(begun, slot)| match begun {
            Ok(part) => part.join().unwrap_or_else(|why| resume_unwind(why)),
            // Where there are no more threads to be had, there is this one.
            Err(_) => take(slot),
        });
        own.into_iter().chain(others).flatten().collect()
    })
}

/// A part that somebody is to work on.
type Slot<T> = Mutex<Option<Vec<T>>>;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_come_back_in_their_order_and_nothing_is_lost() {
        for count in [0, 1, WORTH_A_THREAD, 2 * WORTH_A_THREAD + 1, 10_007] {
            let items: Vec<usize> = (0..count).collect();
            let done: Vec<usize> = in_parts(items.clone(), |part| part).concat();
            assert_eq!(done, items);
        }
    }

    #[test]
    fn a_panic_is_that_of_the_part_that_had_it() {
        let items: Vec<usize> = (0..1_000).collect();
        let work = |part: Vec<usize>| assert!(!part.contains(&999), "the last one");
        let why = std::panic::catch_unwind(|| in_parts(items, work)).unwrap_err();
        assert_eq!(why.downcast_ref::<&str>(), Some(&"the last one"));
    }
}
