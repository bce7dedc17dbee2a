//! Random estates under random edits and trouble come to rest (R28): after an apply that went well the next plan is
//! empty, and a world in which runs were killed is the one in which none was.
//!
//! `RANDOM_WORLDS=2000 cargo test --release random_worlds -- --nocapture` tries as many seeds.

#![allow(clippy::print_stdout, reason = "the seeds and figures of a long run are what it is for")]

mod estate;
mod land;

use std::sync::atomic::{AtomicU64, Ordering};

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde_json::json;

use estate::Estate;
use land::{Land, Trouble, write};

/// Seeds that every run of the tests tries.
const FEW: u64 = 40;

/// Seeds at a time: most of the time they wait for retries.
const AT_A_TIME: u64 = 6;

/// Edits of one estate.
const EDITS: usize = 4;

/// One seed: the same edits in a world with trouble and in one without.
async fn try_seed(seed: u64) {
    let mut estate = Estate::new(seed);
    let mut luck = StdRng::seed_from_u64(seed ^ 0x5eed);
    let (rough, calm) = (Land::new().await, Land::new().await);
    for edit in 0..=EDITS {
        if edit > 0 {
            estate.edit();
        }
        let manifests = estate.root.manifests();
        for land in [&rough, &calm] {
            write(land.folder.path(), "m/all.yaml", &format!("{manifests}\n"));
        }
        if luck.random_range(0..100) < 30 {
            let days = [1, 3, 9, 31][luck.random_range(0..4)];
            // No sum of these is near a day on which something is due.
            let advance = json!({"advance": days * 86_400 + 3_600});
            for land in [&rough, &calm] {
                land.call("POST", "/_sandbox/clock", Some(&advance)).await;
            }
        }
        for _ in 0..luck.random_range(0..=3) {
            let trouble = match luck.random_range(0..5) {
                0 => Trouble::Lost(luck.random_range(4..20)),
                1 => Trouble::Failing(luck.random_range(4..20)),
                _ => Trouble::Killed(luck.random_range(1..20)),
            };
            rough.pass(trouble).await;
        }
        for land in [&rough, &calm] {
            land.come_to_rest(seed).await;
        }
        let (with, without) = (rough.shape().await, calm.shape().await);
        let only_rough: Vec<_> = with.difference(&without).collect();
        let only_calm: Vec<_> = without.difference(&with).collect();
        assert!(
            only_rough.is_empty() && only_calm.is_empty(),
            "seed {seed}, edit {edit}: with trouble {only_rough:#?}, without {only_calm:#?}"
        );
    }
}

#[test]
fn random_estates_come_to_rest_whatever_comes_between() {
    let seeds: u64 =
        std::env::var("RANDOM_WORLDS").ok().and_then(|text| text.parse().ok()).unwrap_or(FEW);
    let first: u64 =
        std::env::var("RANDOM_WORLDS_FROM").ok().and_then(|text| text.parse().ok()).unwrap_or(0);
    let _ = rustls::crypto::ring::default_provider().install_default();
    let next = AtomicU64::new(first);
    let failed = AtomicU64::new(0);
    std::thread::scope(|scope| {
        for _ in 0..AT_A_TIME {
            scope.spawn(|| {
                let runtime =
                    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
                loop {
                    let seed = next.fetch_add(1, Ordering::SeqCst);
                    if seed >= first + seeds {
                        return;
                    }
                    let trying = std::panic::AssertUnwindSafe(|| runtime.block_on(try_seed(seed)));
                    if std::panic::catch_unwind(trying).is_err() {
                        println!("seed {seed} failed");
                        failed.fetch_add(1, Ordering::SeqCst);
                    }
                }
            });
        }
    });
    let failed = failed.into_inner();
    println!("{seeds} worlds of {} states each, twice: {failed} failed", EDITS + 1);
    assert_eq!(failed, 0);
}
