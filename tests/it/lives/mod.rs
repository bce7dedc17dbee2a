//! Whole lives of random estates, in process and under paused time: commits, renames, other people, faults, kills, two
//! runs at once, clocks that go on, on platforms that answer every open question in every way. Whatever happens, the laws
//! hold ([`laws`]), and a world in which there was trouble ends as the one in which there was none.
//!
//! ```text
//! cargo test --release --test it lives -- --nocapture        # a few seeds, as every run of the tests has them
//!     LIVES=1000000        so many seeds            LIVES_FROM=7   the first of them; `fresh` draws it by lot
//!     LIFE=4711            that one alone, without the parts that LIFE_WITHOUT=commit2,deed0.1 names
//! ```
//!
//! A seed that breaks a law is shrunk: what it does not need to break it is left out, and what is left is told as the
//! command that lives it again.

#![allow(clippy::print_stdout, reason = "the seeds and figures of a long run are what it is for")]

mod boundaries;
mod deed;
mod estate;
mod land;
mod laws;
mod life;
mod portal;
mod shape;
mod wire;

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, Once};
use std::time::Instant;

use land::Tally;
use life::Life;

/// Seeds that every run of the tests tries.
const FEW: u64 = 24;

/// How often a life is lived again to find what it does not need.
const SHRINKING: u32 = 150;

/// Lives the life of a seed; why it broke a law, if it did.
fn live(seed: u64, without: &BTreeSet<String>) -> Result<Tally, String> {
    let life = Life::of(seed, without);
    let lived = catch_unwind(AssertUnwindSafe(|| within(life.live())));
    lived.map_err(|_| SAID.take())
}

/// Waits for something that no real time is spent on.
fn within<T>(life: impl Future<Output = T>) -> T {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    builder.enable_all().start_paused(true).build().unwrap().block_on(life)
}

thread_local! {
    /// What the last panic of this thread said, and where.
    static SAID: RefCell<String> = const { RefCell::new(String::new()) };
}

/// The threads in which lives are lived.
const LIVING: &str = "life";

/// Keeps what is said in threads of lives from being shown: a life that is shrunk breaks its law a hundred times.
fn hush() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| match std::thread::current().name() {
            Some(LIVING) => SAID.set(panic.to_string()),
            _ => before(panic),
        }));
    });
}

/// Where a law was broken: in another place it would be another finding.
fn kind(said: &str) -> &str {
    said.lines().next().unwrap_or_default()
}

/// Leaves out of a life what it does not need to break the same law.
fn shrunk(seed: u64, said: &str) -> (BTreeSet<String>, String) {
    let (mut without, mut last, mut left) = (BTreeSet::new(), said.to_owned(), SHRINKING);
    loop {
        let before = without.len();
        for part in Life::parts(seed) {
            if left == 0 || without.contains(&part) {
                continue;
            }
            left -= 1;
            let mut fewer = without.clone();
            fewer.insert(part);
            if let Err(again) = live(seed, &fewer)
                && kind(&again) == kind(said)
            {
                (without, last) = (fewer, again);
            }
        }
        if without.len() == before || left == 0 {
            return (without, last);
        }
    }
}

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok()?.parse().ok()
}

/// The first seed: the one that is asked for, one by lot, or 0.
fn first() -> u64 {
    match std::env::var("LIVES_FROM").as_deref() {
        Ok("fresh") => rand::random::<u32>().into(),
        _ => number("LIVES_FROM").unwrap_or(0),
    }
}

#[test]
fn whole_lives_break_no_law() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    if let Some(seed) = number("LIFE") {
        let without = std::env::var("LIFE_WITHOUT").unwrap_or_default();
        let without = without.split(',').map(str::to_owned).collect();
        println!("{:#?}", Life::of(seed, &without));
        let tally = live(seed, &without).unwrap_or_else(|said| panic!("{said}"));
        println!("{tally:?}");
        return;
    }
    let (first, seeds) = (first(), number("LIVES").unwrap_or(FEW));
    let next = AtomicU64::new(first);
    let whole = Mutex::new((Tally::default(), Vec::new()));
    let began = Instant::now();
    hush();
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            let thread = std::thread::Builder::new().name(LIVING.to_owned());
            let living = thread.spawn_scoped(scope, || {
                loop {
                    let seed = next.fetch_add(1, Ordering::SeqCst);
                    if seed >= first + seeds {
                        return;
                    }
                    match live(seed, &BTreeSet::new()) {
                        Ok(tally) => whole.lock().unwrap().0.add(tally),
                        Err(said) => {
                            let (without, said) = shrunk(seed, &said);
                            let without: Vec<String> = without.into_iter().collect();
                            println!("LIFE={seed} LIFE_WITHOUT={}: {said}\n", without.join(","));
                            whole.lock().unwrap().1.push(seed);
                        }
                    }
                }
            });
            living.unwrap();
        }
    });
    let (tally, failed) = whole.into_inner().unwrap();
    println!("{seeds} lives from {first} on, {:.0} s: {tally:?}", began.elapsed().as_secs_f64());
    assert!(failed.is_empty(), "these lives broke a law: {failed:?}");
}
