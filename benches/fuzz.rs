//! Fuzzes every side on which something comes in: `cargo bench --bench fuzz -- --target answers --seed 1 --count 10000000
//! --seconds 1200`; without `--target` all in turn. `--list` tells the targets, `--input FILE` feeds an input that was kept, and
//! `--trace FILE` keeps each before it is fed, for those that end the process.
//!
//! Whatever comes in, it ends without a panic, in bounded time, and what its target says holds. Where inputs can be laid end
//! to end, the slowest are, to see whether their cost grows faster than their size.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program that people run")]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "what is not there ends the run")]
#![allow(clippy::exit, reason = "an input that hangs holds up the thread that could return")]
#![allow(missing_docs, unreachable_pub, reason = "a program of its own")]

#[path = "support/mod.rs"]
mod support;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use support::{Dice, Feed, Repeat, TARGETS, Target};

/// How many of the slowest inputs are looked at.
const SLOWEST: usize = 20;

/// Of so many inputs, one has everything done with it.
const EVERYTHING: u64 = 16;

/// An input that takes longer hangs.
const PATIENCE: Duration = Duration::from_secs(60);

fn option(name: &str) -> Option<String> {
    std::env::args().skip_while(|argument| argument != name).nth(1)
}

fn number(name: &str, default: u64) -> u64 {
    option(name).map_or(default, |value| value.parse().expect("a number"))
}

fn main() {
    if std::env::args().any(|argument| argument == "--list") {
        TARGETS.iter().for_each(|target| {
            println!("{:<10} {} (a short run has {})", target.name, target.about, target.short)
        });
        return;
    }
    let wanted = option("--target");
    let is_wanted = |target: &&Target| wanted.as_ref().is_none_or(|name| target.name == *name);
    let targets: Vec<&Target> = TARGETS.iter().filter(is_wanted).collect();
    assert!(!targets.is_empty(), "there is no such target: see --list");
    for target in targets {
        match option("--input") {
            Some(file) => {
                let input = std::fs::read(file).expect("the input");
                println!("{:?}", (target.feed)()(&input, true));
            }
            None => run(target),
        }
    }
}

fn run(target: &Target) {
    let seed = number("--seed", 1);
    let (count, seconds) = (number("--count", 20_000), number("--seconds", 1800));
    let trace = option("--trace");
    let corpus = (target.corpus)();
    let mut feed = (target.feed)();
    let watched = watch(target, seed);
    let begin = Instant::now();
    let mut slowest: Vec<(f64, Vec<u8>)> = Vec::new();
    let (mut done, mut bytes, mut accepted) = (0_u64, 0_usize, 0_u64);
    let mut dice = Dice::new(seed);
    while done < count && begin.elapsed() < Duration::from_secs(seconds) {
        let input = (target.mutate)(&corpus, &mut dice);
        let everything = done.is_multiple_of(EVERYTHING);
        *watched.lock().unwrap() = Some((Instant::now(), done, input.clone()));
        if let Some(file) = &trace {
            std::fs::write(file, &input).expect("a place for the input");
        }
        let started = Spent::now();
        match catch_unwind(AssertUnwindSafe(|| feed(&input, everything))) {
            Ok(Ok(is_accepted)) => accepted += u64::from(is_accepted),
            Ok(Err(said)) => fail(target, seed, done, &input, &said),
            Err(_) => fail(target, seed, done, &input, "a panic"),
        }
        // Short ones cost what starting costs.
        let per_byte = started.elapsed().as_secs_f64() / input.len().max(2000) as f64;
        let is_slow = slowest.len() < SLOWEST || slowest.last().is_some_and(|it| it.0 < per_byte);
        bytes += input.len();
        done += 1;
        if !everything && is_slow && target.repeat.is_some() {
            slowest.push((per_byte, input));
            slowest.sort_by(|a, b| b.0.total_cmp(&a.0));
            slowest.truncate(SLOWEST);
        }
    }
    *watched.lock().unwrap() = None;
    println!(
        "{}: {done} inputs, {bytes} bytes, {accepted} accepted, seed {seed}, {:.0} s: all holds",
        target.name,
        begin.elapsed().as_secs_f64()
    );
    if let Some(repeat) = target.repeat {
        growth(&slowest, repeat, &mut feed);
    }
}

/// What is being fed: since when, its number, and the input.
type Watched = Arc<Mutex<Option<(Instant, u64, Vec<u8>)>>>;

/// Ends the program when an input does not come to an end.
fn watch(target: &Target, seed: u64) -> Watched {
    let watched = Watched::default();
    let (name, seen) = (target.name, Arc::clone(&watched));
    std::thread::spawn(move || {
        loop {
            std::thread::sleep(Duration::from_secs(1));
            if let Some((since, number, input)) = &*seen.lock().unwrap()
                && since.elapsed() > PATIENCE
            {
                let path = keep(name, seed, *number, input);
                eprintln!("{name}, seed {seed}, input {number} hangs; kept in {}", path.display());
                std::process::exit(1);
            }
        }
    });
    watched
}

/// A point in the processor's time of this thread, which other programs of the machine do not lengthen; the clock on
/// the wall where the system does not tell.
#[derive(Clone, Copy)]
enum Spent {
    Processor(Duration),
    Wall(Instant),
}

impl Spent {
    fn now() -> Self {
        let told = std::fs::read_to_string("/proc/thread-self/schedstat").ok();
        let nanoseconds = told.and_then(|told| told.split(' ').next()?.parse().ok());
        match nanoseconds {
            Some(nanoseconds) => Self::Processor(Duration::from_nanos(nanoseconds)),
            None => Self::Wall(Instant::now()),
        }
    }

    fn elapsed(self) -> Duration {
        match (self, Self::now()) {
            (Self::Processor(before), Self::Processor(now)) => now.saturating_sub(before),
            (Self::Wall(before), _) => before.elapsed(),
            (Self::Processor(_), Self::Wall(_)) => Duration::ZERO,
        }
    }
}

fn keep(name: &str, seed: u64, number: u64, input: &[u8]) -> PathBuf {
    let path = std::env::temp_dir().join(format!("fuzz-{name}-{seed}-{number}.input"));
    let _ = std::fs::write(&path, input);
    path
}

fn fail(target: &Target, seed: u64, number: u64, input: &[u8], said: &str) -> ! {
    let path = keep(target.name, seed, number, input);
    let name = target.name;
    eprintln!("{name}, seed {seed}, input {number}: {said}; kept in {}", path.display());
    panic!("{said}");
}

/// Lays each input end to end, as documents of one file, and fits the exponent of its time.
fn growth(slowest: &[(f64, Vec<u8>)], repeat: Repeat, feed: &mut Feed) {
    println!("| size | once | 4 times | 16 times | exponent |");
    println!("| ---: | ---: | ---: | ---: | ---: |");
    for (_, input) in slowest {
        let mut time = |times: usize| {
            let all = repeat(input, times);
            let best = (0..3).map(|_| {
                let started = Spent::now();
                let _ = feed(&all, false);
                started.elapsed().as_secs_f64()
            });
            best.fold(f64::INFINITY, f64::min)
        };
        let (once, four, sixteen) = (time(1), time(4), time(16));
        println!(
            "| {} | {:.2} ms | {:.2} ms | {:.2} ms | {:.2} |",
            input.len(),
            once * 1e3,
            four * 1e3,
            sixteen * 1e3,
            (sixteen / four).ln() / 4_f64.ln()
        );
    }
}
