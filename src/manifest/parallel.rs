//! Work on the many parts of a load, on every processor.
//!
//! Parts are cut from one end to the other and come back in their order, so nothing that is said tells how many processors
//! there were.

use std::num::NonZero;
use std::panic::resume_unwind;
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
    thread::scope(|scope| {
        let begun: Vec<_> = (0..parts)
            .map(|_| {
                let part: Vec<T> = items.by_ref().take(size).collect();
                scope.spawn(|| work(part))
            })
            .collect();
        begun.into_iter().map(|part| part.join().unwrap_or_else(|why| resume_unwind(why))).collect()
    })
}

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
