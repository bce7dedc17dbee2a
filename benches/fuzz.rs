//! A fuzzer of the loader: `cargo bench --bench fuzz -- --seed 1 --count 10000000 --seconds 1800`.
//!
//! Whatever comes in, loading ends without a panic, makes no more values and findings than the size of the input allows,
//! and renders. The slowest inputs are then laid end to end, to see whether their cost grows faster than their size.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program that people run")]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "what is not there ends the run")]
#![allow(missing_docs, unreachable_pub, reason = "a program of its own")]

#[path = "support/feed.rs"]
mod feed;
#[path = "support/mod.rs"]
mod support;

use std::panic::catch_unwind;
use std::time::{Duration, Instant};

use support::{Dice, corpus, mutated};

/// How many of the slowest inputs are looked at.
const SLOWEST: usize = 20;

fn option(name: &str, default: u64) -> u64 {
    let mut arguments = std::env::args().skip_while(|argument| argument != name);
    arguments.nth(1).and_then(|value| value.parse().ok()).unwrap_or(default)
}

fn main() {
    let seed = option("--seed", 1);
    let count = option("--count", 20_000);
    let seconds = option("--seconds", 1800);
    let corpus = corpus();
    let begin = Instant::now();
    let mut slowest: Vec<(f64, Duration, Vec<u8>)> = Vec::new();
    let (mut done, mut bytes, mut findings, mut values) = (0_u64, 0_usize, 0_usize, 0_usize);
    let mut dice = Dice::new(seed);
    while done < count && begin.elapsed() < Duration::from_secs(seconds) {
        let input = mutated(&corpus, &mut dice);
        let everything = done.is_multiple_of(16);
        let started = Spent::now();
        match catch_unwind(|| feed::feed(&input, everything)) {
            Ok(Ok(cost)) => {
                findings += cost.findings;
                values += cost.values;
            }
            Ok(Err(said)) => fail(seed, done, &input, &said),
            Err(_) => fail(seed, done, &input, "a panic"),
        }
        let took = started.elapsed();
        // Short ones cost what starting costs.
        let per_byte = took.as_secs_f64() / input.len().max(2000) as f64;
        if !everything
            && (slowest.len() < SLOWEST || slowest.last().is_some_and(|last| last.0 < per_byte))
        {
            slowest.push((per_byte, took, input.clone()));
            slowest.sort_by(|a, b| b.0.total_cmp(&a.0));
            slowest.truncate(SLOWEST);
        }
        bytes += input.len();
        done += 1;
    }
    println!(
        "{done} inputs, {bytes} bytes, {values} values, {findings} findings, seed {seed}, {:.0} s: no panic",
        begin.elapsed().as_secs_f64()
    );
    growth(&slowest);
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

fn fail(seed: u64, number: u64, input: &[u8], said: &str) -> ! {
    let path = std::env::temp_dir().join(format!("fuzz-{seed}-{number}.yaml"));
    let _ = std::fs::write(&path, input);
    eprintln!("seed {seed}, input {number}: {said}; kept in {}", path.display());
    panic!("{said}");
}

/// Lays each input end to end, as documents of one file, and fits the exponent of its time.
fn growth(slowest: &[(f64, Duration, Vec<u8>)]) {
    println!("| size | once | 4 times | 16 times | exponent |");
    println!("| ---: | ---: | ---: | ---: | ---: |");
    for (_, _, input) in slowest {
        let time = |times: usize| {
            let mut all = Vec::new();
            for _ in 0..times {
                all.extend_from_slice(input);
                all.extend_from_slice(b"\n---\n");
            }
            let best = (0..3).map(|_| {
                let started = Spent::now();
                let _ = feed::feed(&all, false);
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
