//! What applying costs against the least that it can cost, and against a client that makes one call for each object.
//!
//! ```text
//! cargo bench --bench speed
//! ```
//!
//! A plain program that prints one table. Every row is a process of the real program against a sandbox of its own that
//! takes 20 ms for each answer. The other client keeps ten calls under way, as the existing tools do. Figures that are
//! counts are bounds, and the program ends with 1 when one is passed; times are only ratios of one run.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a benchmark tells what it found, and fails loudly"
)]

use std::io::Read;
use std::path::Path;
use std::process::{Child, Command, ExitCode, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

#[path = "support/serving.rs"]
mod serving;

use serde_json::{Value, json};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

/// How long an answer takes.
const LATENCY: &str = "20ms";

/// Calls that the other client has under way.
const IN_FLIGHT: usize = 10;

/// Objects in a page.
const PAGE: u64 = 1_000;

struct Platform {
    child: Child,
    url: String,
    token: String,
}

impl Platform {
    fn start(folder: &Path, latency: &str) -> Self {
        let (child, ready) = serving::start(folder, &["--latency", latency]);
        let text = |name: &str| ready[name].as_str().unwrap().to_owned();
        Self { child, url: text("listening"), token: text("token") }
    }

    /// Runs the program: what it says as JSON, seconds, and megabytes of memory at most.
    fn run(&self, arguments: &[&str], folder: &Path) -> (Value, f64, f64) {
        let started = Instant::now();
        let mut child = Command::new(env!("CARGO_BIN_EXE_flespi-gitops"))
            .args(arguments)
            .args(["--format", "json", "--quiet"])
            .current_dir(folder)
            .env("FLESPI_PLATFORM", &self.url)
            .env("FLESPI_TOKEN", &self.token)
            .env("FLESPI_GITOPS_STATE_DIR", folder.join("state"))
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()
            .unwrap();
        let status = format!("/proc/{}/status", child.id());
        let mut stdout = child.stdout.take().unwrap();
        let reader = std::thread::spawn(move || {
            let mut text = String::new();
            stdout.read_to_string(&mut text).unwrap();
            text
        });
        let mut peak = 0.0_f64;
        while child.try_wait().unwrap().is_none() {
            let text = std::fs::read_to_string(&status).unwrap_or_default();
            let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
            let kilobytes = line.and_then(|it| it.split_whitespace().next()?.parse::<f64>().ok());
            peak = peak.max(kilobytes.unwrap_or(0.0) / 1_024.0);
            std::thread::sleep(Duration::from_millis(2));
        }
        let seconds = started.elapsed().as_secs_f64();
        let text = reader.join().unwrap();
        (serde_json::from_str(&text).unwrap_or_else(|_| panic!("{text}")), seconds, peak)
    }
}

impl Drop for Platform {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Manifests of `limits` limits and `accounts` accounts with `tokens` tokens each; which limit an account has, `limit_of`
/// says of its number.
fn write(
    folder: &Path,
    limits: usize,
    accounts: usize,
    tokens: usize,
    limit_of: fn(usize) -> usize,
) {
    let manifest = |kind: &str, name: &str, more: &str| {
        format!("---\napiVersion: flespi-gitops/v1\nkind: {kind}\nmetadata: {{name: {name}{more}\n")
    };
    let mut text = String::new();
    for number in 0..limits {
        let spec = format!("}}\nspec: {{devices_count: {number}}}");
        text += &manifest("Limit", &format!("l{number}"), &spec);
    }
    for number in 0..accounts {
        let limit = limit_of(number);
        text += &manifest(
            "Subaccount",
            &format!("a{number}"),
            &format!("}}\nspec: {{limit: l{limit}}}"),
        );
        for token in 0..tokens {
            let spec = format!(", account: a{number}}}\nspec: {{ttl: 90d, access: standard}}");
            text += &manifest("Token", &format!("t{token}"), &spec);
        }
    }
    std::fs::create_dir_all(folder.join("manifests")).unwrap();
    std::fs::write(folder.join("manifests/all.yaml"), text).unwrap();
}

/// One call for each object, ten under way: the seconds that it takes to make the same estate.
fn one_by_one(platform: &Platform, limits: usize, accounts: usize, tokens: usize) -> f64 {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let http = reqwest::Client::new();
        let permits = Arc::new(Semaphore::new(IN_FLIGHT));
        let post = |collection: &str, cid: Option<i64>, body: Value| {
            let url = format!("{}/platform/{collection}", platform.url);
            let request = http.post(url).body(json!([body]).to_string());
            let request =
                request.header("authorization", format!("FlespiToken {}", platform.token));
            let request = match cid {
                Some(cid) => request.header("x-flespi-cid", cid),
                None => request,
            };
            let permits = Arc::clone(&permits);
            async move {
                let _permit = permits.acquire().await.unwrap();
                let answer = request.send().await.unwrap().bytes().await.unwrap();
                let answer: Value = serde_json::from_slice(&answer).unwrap();
                answer["result"][0]["id"].as_i64().unwrap()
            }
        };
        let started = Instant::now();
        let mut calls = JoinSet::new();
        for number in 0..limits {
            let body = json!({"name": format!("l{number}"), "devices_count": number});
            calls.spawn(post("limits", None, body));
        }
        let limits = calls.join_all().await;
        let mut calls = JoinSet::new();
        for number in 0..accounts {
            let body =
                json!({"name": format!("a{number}"), "limit_id": limits[number % limits.len()]});
            calls.spawn(post("subaccounts", None, body));
        }
        let accounts = calls.join_all().await;
        let mut calls = JoinSet::new();
        for account in accounts {
            for token in 0..tokens {
                let body =
                    json!({"info": format!("t{token}"), "ttl": 86_400, "access": {"type": 0}});
                calls.spawn(post("tokens", Some(account), body));
            }
        }
        calls.join_all().await;
        started.elapsed().as_secs_f64()
    })
}

/// One row of the table, and whether it is within its bounds.
struct Row {
    work: &'static str,
    cells: [String; 5],
    is_good: bool,
}

/// The reads of a pass: who we are, and every page of the lists.
fn least_reads(limits: usize, accounts: usize, tokens: usize) -> u64 {
    let pages = |count: usize| (count as u64).div_ceil(PAGE).max(1);
    1 + pages(limits) + pages(accounts) + pages(accounts * tokens)
}

/// A run of the program, as a row of the table.
struct Measured {
    calls: u64,
    writes: u64,
    /// The fewest writes, as the report says.
    least: u64,
    seconds: f64,
    memory: f64,
}

impl Measured {
    fn apply(platform: &Platform, folder: &Path) -> Self {
        let (report, seconds, memory) = platform.run(&["apply", "manifests", "--yes"], folder);
        let number = |name: &str| report["api"][name].as_u64().unwrap();
        let (calls, writes, least) = (number("calls"), number("writes"), number("least_writes"));
        Self { calls, writes, least, seconds, memory }
    }

    /// `of_least` is what was counted and its bound, `theirs` the seconds of the other client.
    fn row(
        &self,
        work: &'static str,
        of_least: (u64, u64),
        theirs: Option<f64>,
        is_good: bool,
    ) -> Row {
        let (counted, least) = of_least;
        let cells = [
            format!("{} ({} writes)", self.calls, self.writes),
            format!("{:.3}", counted as f64 / least as f64),
            format!("{:.2} s", self.seconds),
            theirs.map_or_else(String::new, |theirs| format!("{:.1} x", theirs / self.seconds)),
            format!("{:.0} MB", self.memory),
        ];
        Row { work, cells, is_good }
    }
}

fn first_apply_and_nothing_to_do() -> Vec<Row> {
    let (limits, accounts, tokens) = (100, 1_000, 1);
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), limits, accounts, tokens, |account| account % 100);
    let platform = Platform::start(&folder.path().join("ours"), LATENCY);
    let first = Measured::apply(&platform, folder.path());
    let other = Platform::start(&folder.path().join("theirs"), LATENCY);
    let theirs = one_by_one(&other, limits, accounts, tokens);
    let bound = first.least + least_reads(0, 0, 0);
    let is_good = first.writes == first.least && first.calls as f64 <= 1.02 * bound as f64;
    let work = "first apply of 100 limits, 1,000 accounts, 1,000 tokens";
    let first = first.row(work, (first.calls, bound), Some(theirs), is_good);

    let again = Measured::apply(&platform, folder.path());
    let bound = least_reads(limits, accounts, tokens);
    let is_good = again.writes == 0 && again.calls <= bound + 1;
    let again = again.row("nothing to do there", (again.calls, bound), None, is_good);

    write(folder.path(), limits, accounts, tokens, |_| 0);
    let moved = Measured::apply(&platform, folder.path());
    let of_least = (moved.writes, moved.least);
    let moved = moved.row("another limit for 990 of them", of_least, None, moved.writes <= 3);
    vec![first, again, moved]
}

fn many_tokens_in_each() -> Row {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), 1, 100, 50, |_| 0);
    let platform = Platform::start(&folder.path().join("ours"), LATENCY);
    let ours = Measured::apply(&platform, folder.path());
    let other = Platform::start(&folder.path().join("theirs"), LATENCY);
    let theirs = one_by_one(&other, 1, 100, 50);
    let work = "first apply of 100 accounts with 50 tokens each";
    ours.row(work, (ours.writes, ours.least), Some(theirs), ours.writes <= 112)
}

fn large(work: &'static str, accounts: usize) -> Row {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), 1, accounts, 10, |_| 0);
    let platform = Platform::start(&folder.path().join("ours"), "0ms");
    Measured::apply(&platform, folder.path());
    let again = Measured::apply(&platform, folder.path());
    let bound = least_reads(1, accounts, 10);
    let is_good = again.writes == 0 && again.calls <= bound + 1;
    again.row(work, (again.calls, bound), None, is_good)
}

fn main() -> ExitCode {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let mut rows = first_apply_and_nothing_to_do();
    rows.push(many_tokens_in_each());
    rows.push(large("nothing to do, 1,000 accounts with 10 tokens each, no latency", 1_000));
    if std::env::args().any(|argument| argument == "--large") {
        rows.push(large("nothing to do, 10,000 accounts with 10 tokens each, no latency", 10_000));
    }
    println!("| work | calls | of the least | time | faster than one by one | memory | |");
    println!("| --- | ---: | ---: | ---: | ---: | ---: | --- |");
    for Row { work, cells, is_good } in &rows {
        let verdict = if *is_good { "" } else { "beyond its bound" };
        println!("| {work} | {} | {verdict} |", cells.join(" | "));
    }
    if rows.iter().all(|row| row.is_good) { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
