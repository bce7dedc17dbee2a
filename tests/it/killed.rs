//! A sandbox that is killed in the middle of its work loses nothing that it has answered.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

use serde_json::{Value, json};

use crate::support::served::Served;

/// Clients that write at the same time.
const WRITERS: usize = 8;

/// Answered writes before the kill, in all.
const WRITES: usize = 600;

/// How often the same folder is killed and opened again.
const ROUNDS: usize = 3;

/// Writes until there is no answer any more, and notes what was answered.
async fn write(writer: usize, url: String, token: String, noted: Arc<Noted>) {
    let http = reqwest::Client::new();
    for number in 0.. {
        let name = format!("w{writer}-{number}-{}", noted.round);
        let sent = http
            .post(format!("{url}/platform/limits"))
            .header("authorization", format!("FlespiToken {token}"))
            .body(json!([{"name": name}]).to_string())
            .send()
            .await;
        let Ok(answer) = sent else { return };
        let is_success = answer.status() == 200;
        // The answer has to be whole: a head without its body tells nothing.
        if answer.bytes().await.is_err() {
            return;
        }
        assert!(is_success, "{name} was refused");
        noted.names.lock().unwrap().insert(name);
        noted.count.fetch_add(1, Ordering::SeqCst);
    }
}

struct Noted {
    round: usize,
    names: Mutex<BTreeSet<String>>,
    count: AtomicUsize,
}

#[test]
fn a_killed_sandbox_has_every_write_that_it_answered() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let folder = tempfile::tempdir().unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let mut answered = BTreeSet::new();
    for round in 0..ROUNDS {
        let mut process = Served::start([OsStr::new("--state"), folder.path().as_os_str()]);
        let names = Mutex::new(std::mem::take(&mut answered));
        let noted = Arc::new(Noted { round, names, count: AtomicUsize::new(0) });
        let writers: Vec<_> = (0..WRITERS)
            .map(|writer| {
                let (url, token) = (process.url.clone(), process.token.clone());
                runtime.spawn(write(writer, url, token, Arc::clone(&noted)))
            })
            .collect();
        while noted.count.load(Ordering::SeqCst) < WRITES {
            assert!(!writers.iter().all(tokio::task::JoinHandle::is_finished), "nobody writes");
            thread::yield_now();
        }
        process.kill();
        for writer in writers {
            runtime.block_on(writer).unwrap();
        }
        answered = Arc::into_inner(noted).unwrap().names.into_inner().unwrap();
        let there =
            names_in(&Served::start([OsStr::new("--state"), folder.path().as_os_str()]), &runtime);
        let lost: Vec<_> = answered.difference(&there).collect();
        assert!(lost.is_empty(), "of {} answered writes these are lost: {lost:?}", answered.len());
    }
}

fn names_in(process: &Served, runtime: &tokio::runtime::Runtime) -> BTreeSet<String> {
    let answer: Value = runtime.block_on(async {
        let sent = reqwest::Client::new()
            .get(format!("{}/platform/limits/all?fields=name", process.url))
            .header("authorization", format!("FlespiToken {}", process.token))
            .send()
            .await
            .unwrap();
        serde_json::from_slice(&sent.bytes().await.unwrap()).unwrap()
    });
    let rows = answer["result"].as_array().unwrap();
    rows.iter().map(|row| row["name"].as_str().unwrap().to_owned()).collect()
}
