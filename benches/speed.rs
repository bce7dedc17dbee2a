//! What applying costs against the least that it can cost, and against a client that makes one call for each object.
//!
//! ```text
//! cargo bench --bench speed                  the table
//! cargo bench --bench speed -- --large       with 110,000 objects and a run at 600 calls a minute; some minutes
//! cargo test --bench speed -- --short        counts, growth and memory alone, with the debug program; what CI runs
//! ```
//!
//! A plain program that prints tables. Every row is a process of the real program against a sandbox of its own, which
//! takes 20 ms for each answer unless told. The other client keeps ten calls under way, as the existing tools do. Counts,
//! exponents and memory are bounds, and the program ends with 1 when one is passed; times are only ratios of one run.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a benchmark tells what it found, and fails loudly"
)]

use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;
use std::process::{Child, Command, ExitCode, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

#[path = "support/serving.rs"]
mod serving;

use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

/// How long an answer takes.
const LATENCY: &str = "20ms";

/// Calls that the other client has under way.
const IN_FLIGHT: usize = 10;

/// Objects in a page.
const PAGE: u64 = 1_000;

/// The commands whose growth is measured, and what one more object may take of memory in each, in kilobytes: a plan with a
/// step for each object, as of a first apply, takes the most.
const GROWING: [(&str, f64); 3] = [("validate", 6.0), ("plan", 6.0), ("apply", 12.0)];

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

    /// Runs the program: what it says as JSON, and what that cost.
    fn run(&self, arguments: &[&str], folder: &Path) -> (Value, Cost) {
        let mut command = program(arguments, folder);
        command.env("FLESPI_PLATFORM", &self.url).env("FLESPI_TOKEN", &self.token);
        let (text, cost) = Cost::of(command);
        (serde_json::from_str(&text).unwrap_or_else(|_| panic!("{text}")), cost)
    }
}

/// The program, with its state in `folder`.
fn program(arguments: &[&str], folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_flespi-gitops"));
    command
        .args(arguments)
        .args(["--format", "json", "--quiet"])
        .current_dir(folder)
        .env("FLESPI_GITOPS_STATE_DIR", folder.join("state"));
    command
}

/// What a process took.
#[derive(Debug, Clone, Copy, Default)]
struct Cost {
    /// From its beginning to its end.
    seconds: f64,
    /// Seconds of processors.
    cpu: f64,
    /// Megabytes at most.
    memory: f64,
}

impl Cost {
    /// Runs a process: what it wrote, and what it took.
    fn of(mut command: Command) -> (String, Self) {
        let started = Instant::now();
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::inherit()).spawn().unwrap();
        let folder = format!("/proc/{}", child.id());
        let mut stdout = child.stdout.take().unwrap();
        let reader = std::thread::spawn(move || {
            let mut text = String::new();
            stdout.read_to_string(&mut text).unwrap();
            text
        });
        let mut cost = Self::default();
        let status = loop {
            if let Some(status) = child.try_wait().unwrap() {
                break status;
            }
            let status = std::fs::read_to_string(format!("{folder}/status")).unwrap_or_default();
            let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
            let kilobytes = line.and_then(|it| it.split_whitespace().next()?.parse::<f64>().ok());
            cost.memory = cost.memory.max(kilobytes.unwrap_or(0.0) / 1_024.0);
            let stat = std::fs::read_to_string(format!("{folder}/stat")).unwrap_or_default();
            // Behind the name, which may hold anything: state, eleven numbers, and hundredths of seconds of both modes.
            let numbers = stat.rsplit(')').next().unwrap_or_default().split_whitespace().skip(11);
            let hundredths: f64 = numbers.take(2).filter_map(|it| it.parse::<f64>().ok()).sum();
            cost.cpu = cost.cpu.max(hundredths / 100.0);
            std::thread::sleep(Duration::from_millis(2));
        };
        assert!(status.success(), "{status}");
        cost.seconds = started.elapsed().as_secs_f64();
        (reader.join().unwrap(), cost)
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
    cost: Cost,
}

impl Measured {
    fn apply(platform: &Platform, folder: &Path) -> Self {
        Self::apply_with(platform, folder, &[])
    }

    fn apply_with(platform: &Platform, folder: &Path, more: &[&str]) -> Self {
        let arguments = [&["apply", "manifests", "--yes"], more].concat();
        let (report, cost) = platform.run(&arguments, folder);
        let number = |name: &str| report["api"][name].as_u64().unwrap();
        let (calls, writes, least) = (number("calls"), number("writes"), number("least_writes"));
        Self { calls, writes, least, cost }
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
            format!("{:.2} s", self.cost.seconds),
            theirs
                .map_or_else(String::new, |theirs| format!("{:.1} x", theirs / self.cost.seconds)),
            format!("{:.0} MB", self.cost.memory),
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

/// Nothing to do: the row, and what decoding the answers alone takes.
fn nothing_to_do(work: &'static str, accounts: usize, most_megabytes: f64) -> (Row, Row) {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), 1, accounts, 10, |_| 0);
    let platform = Platform::start(&folder.path().join("ours"), "0ms");
    Measured::apply(&platform, folder.path());
    let again = Measured::apply(&platform, folder.path());
    let bound = least_reads(1, accounts, 10);
    let is_good =
        again.writes == 0 && again.calls <= bound + 2 && again.cost.memory <= most_megabytes;
    let row = again.row(work, (again.calls, bound), None, is_good);
    let (_, load) = Cost::of(program(&["validate", "manifests"], folder.path()));
    let decoding = decoding(&platform, accounts * 10);
    let cells = [
        format!("decoding the answers {decoding:.2} s"),
        format!("{:.1} x that", again.cost.cpu / decoding),
        format!("{:.2} s of CPU", again.cost.cpu),
        format!("{:.1} x without the manifests", (again.cost.cpu - load.cpu) / decoding),
        String::new(),
    ];
    (row, Row { work: "the same in CPU", cells, is_good: true })
}

/// A token as a client with types of its own has it.
#[derive(serde::Deserialize)]
#[expect(dead_code, reason = "what is decoded need not be read")]
struct Record {
    id: i64,
    cid: i64,
    info: String,
    enabled: bool,
    ttl: i64,
    expire: i64,
    created: i64,
    accessed: i64,
    blocked: i64,
    ips: Option<String>,
    access: Access,
    metadata: BTreeMap<String, String>,
}

#[derive(serde::Deserialize)]
struct Access {
    #[serde(rename = "type")]
    _type: i64,
}

#[derive(serde::Deserialize)]
struct Page {
    result: Vec<Record>,
}

/// Seconds that it takes to decode every page of tokens into typed records, the best of three.
fn decoding(platform: &Platform, tokens: usize) -> f64 {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let http = reqwest::Client::new();
    let fields =
        "id,cid,info,enabled,ttl,expire,access,ips,origins,created,accessed,blocked,metadata";
    let pages: Vec<_> = (0..tokens as u64 / PAGE + 1)
        .map(|page| {
            let url = format!(
                "{}/platform/tokens/all?fields={fields}&limit={PAGE}&offset={}",
                platform.url,
                page * PAGE
            );
            let request =
                http.get(url).header("authorization", format!("FlespiToken {}", platform.token));
            runtime.block_on(async { request.send().await.unwrap().bytes().await.unwrap() })
        })
        .collect();
    let once = || {
        let started = Instant::now();
        let decode = |page: &[u8]| serde_json::from_slice::<Page>(page).unwrap().result.len();
        let count: usize = pages.iter().map(|page| decode(page)).sum();
        assert!(count > tokens, "the root account has some as well");
        started.elapsed().as_secs_f64()
    };
    (0..3).map(|_| once()).fold(f64::INFINITY, f64::min)
}

/// Ten thousand manifests in a thousand files, against plain reading of the same YAML.
fn validate_many_files() -> Row {
    let folder = tempfile::tempdir().unwrap();
    let manifests = folder.path().join("manifests");
    std::fs::create_dir_all(&manifests).unwrap();
    for file in 0..1_000 {
        let head = "apiVersion: flespi-gitops/v1\nkind:";
        let mut text = format!("{head} Subaccount\nmetadata: {{name: a{file}}}\n");
        for token in 0..9 {
            text += &format!(
                "---\n{head} Token\nmetadata: {{name: t{token}, account: a{file}}}\nspec:\n  ttl: 90d\n  access:\n    \
                 acl:\n      - {{uri: gw/devices, methods: [GET], ids: [{}, {token}], submodules: [{{name: messages, \
                 methods: [GET]}}]}}\n",
                file + 100
            );
        }
        std::fs::write(manifests.join(format!("{file:04}.yaml")), text).unwrap();
    }
    let plain = || {
        let started = Instant::now();
        for file in std::fs::read_dir(&manifests).unwrap() {
            let text = std::fs::read_to_string(file.unwrap().path()).unwrap();
            for document in serde_yaml::Deserializer::from_str(&text) {
                serde_yaml::Value::deserialize(document).unwrap();
            }
        }
        started.elapsed().as_secs_f64()
    };
    let ours = || Cost::of(program(&["validate", "manifests"], folder.path())).1;
    let (mut parse, mut best) = (f64::INFINITY, Cost { seconds: f64::INFINITY, ..Cost::default() });
    // In turn, so that a busy machine is as busy for the one as for the other.
    for _ in 0..3 {
        parse = parse.min(plain());
        let cost = ours();
        best = Cost {
            seconds: best.seconds.min(cost.seconds),
            memory: best.memory.max(cost.memory),
            ..cost
        };
    }
    let cells = [
        format!("plain reading {parse:.2} s"),
        format!("{:.2} x that", best.seconds / parse),
        format!("{:.2} s", best.seconds),
        String::new(),
        format!("{:.0} MB", best.memory),
    ];
    Row { work: "validate 10,000 manifests in 1,000 files", cells, is_good: best.memory <= 80.0 }
}

/// What it takes to begin: one manifest, against a process that does nothing.
fn cold_start() -> Row {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), 1, 0, 0, |_| 0);
    let median = |command: &dyn Fn() -> Command| {
        let mut took: Vec<f64> = (0..41)
            .map(|_| {
                let started = Instant::now();
                let status =
                    command().stdout(Stdio::null()).stderr(Stdio::null()).status().unwrap();
                assert!(status.success());
                started.elapsed().as_secs_f64() * 1e3
            })
            .collect();
        took.sort_by(f64::total_cmp);
        took[took.len() / 2]
    };
    let empty = median(&|| Command::new("true"));
    let ours = median(&|| program(&["validate", "manifests"], folder.path()));
    let cells = [
        format!("an empty process {empty:.1} ms"),
        format!("{:.1} ms more", ours - empty),
        format!("{ours:.1} ms"),
        String::new(),
        String::new(),
    ];
    Row { work: "cold start: validate of one file", cells, is_good: true }
}

/// The first apply where 600 calls a minute are allowed: the platform refuses none, and it takes no longer than it must.
fn at_a_rate() -> Row {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), 100, 1_000, 1, |account| account % 100);
    let ours = folder.path().join("ours");
    let (child, ready) =
        serving::start(&ours, &["--latency", LATENCY, "--assume", "call-rate=1000"]);
    let text = |name: &str| ready[name].as_str().unwrap().to_owned();
    let platform = Platform { child, url: text("listening"), token: text("token") };
    let measured = Measured::apply_with(&platform, folder.path(), &["--calls-per-minute", "600"]);
    let bound = measured.least + least_reads(0, 0, 0);
    // The first 600 go at once, and so on each minute.
    let least = 60.0 * ((bound - 1) / 600) as f64;
    let cells = [
        format!("{} ({} writes)", measured.calls, measured.writes),
        format!("{:.3}", measured.calls as f64 / bound as f64),
        format!("{:.1} s of {least:.0} s", measured.cost.seconds),
        String::new(),
        format!("{:.0} MB", measured.cost.memory),
    ];
    let is_good = measured.calls as f64 <= 1.02 * bound as f64;
    Row { work: "the first row at 600 calls a minute", cells, is_good }
}

/// What one more object costs in `sizes` of accounts with ten tokens each, for every command of [`GROWING`]: exponents
/// of CPU, and kilobytes of memory.
fn growth(sizes: &[usize]) -> Vec<(f64, f64)> {
    let mut points: [Vec<(f64, Cost)>; 3] = Default::default();
    for accounts in sizes {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), 1, *accounts, 10, |_| 0);
        let platform = Platform::start(&folder.path().join("ours"), "0ms");
        let objects = (accounts * 11 + 1) as f64;
        let (_, validate) = Cost::of(program(&["validate", "manifests"], folder.path()));
        let apply = Measured::apply(&platform, folder.path()).cost;
        let (_, plan) = platform.run(&["plan", "manifests"], folder.path());
        for (points, cost) in points.iter_mut().zip([validate, plan, apply]) {
            points.push((objects, cost));
        }
    }
    let grown = |points: &[(f64, Cost)]| {
        let logs: Vec<(f64, f64)> =
            points.iter().map(|(n, cost)| (n.ln(), cost.cpu.max(0.01).ln())).collect();
        let (first, last) = (points[0], points[points.len() - 1]);
        let kilobytes = (last.1.memory - first.1.memory) * 1_024.0 / (last.0 - first.0);
        (slope(&logs), kilobytes)
    };
    points.iter().map(|points| grown(points)).collect()
}

/// The slope of the line with the least squares.
fn slope(points: &[(f64, f64)]) -> f64 {
    let count = points.len() as f64;
    let (x, y) = points.iter().fold((0.0, 0.0), |(x, y), point| (x + point.0, y + point.1));
    let (x, y) = (x / count, y / count);
    let products: f64 = points.iter().map(|point| (point.0 - x) * (point.1 - y)).sum();
    let squares: f64 = points.iter().map(|point| (point.0 - x).powi(2)).sum();
    products / squares
}

fn main() -> ExitCode {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let is_asked = |option: &str| std::env::args().any(|argument| argument == option);
    let (is_short, is_large) = (is_asked("--short"), is_asked("--large"));
    if !is_short && !is_asked("--bench") {
        // All targets are built and begun by whoever tests; nobody asked for figures.
        return ExitCode::SUCCESS;
    }
    let mut rows = Vec::new();
    if !is_short {
        rows.extend(first_apply_and_nothing_to_do());
        rows.push(many_tokens_in_each());
        rows.extend(<[Row; 2]>::from(nothing_to_do(
            "nothing to do, 1,000 accounts with 10 tokens each, no latency",
            1_000,
            60.0,
        )));
        rows.push(validate_many_files());
        rows.push(cold_start());
    }
    if is_large {
        rows.extend(<[Row; 2]>::from(nothing_to_do(
            "nothing to do, 10,000 accounts with 10 tokens each, no latency",
            10_000,
            300.0,
        )));
        rows.push(at_a_rate());
    }
    if !rows.is_empty() {
        println!("| work | calls | of the least | time | faster than one by one | memory | |");
        println!("| --- | ---: | ---: | ---: | ---: | ---: | --- |");
    }
    for Row { work, cells, is_good } in &rows {
        let verdict = if *is_good { "" } else { "beyond its bound" };
        println!("| {work} | {} | {verdict} |", cells.join(" | "));
    }
    let sizes: &[usize] = if is_large { &[100, 1_000, 10_000] } else { &[50, 500] };
    let grown = growth(sizes);
    // A tenth of a second in all is not measured well enough for more.
    let most = if is_large { 1.05 } else { 1.1 };
    println!(
        "\n| growth from {} to {} objects | exponent of CPU | memory of one more | |",
        sizes[0] * 11 + 1,
        sizes[sizes.len() - 1] * 11 + 1
    );
    println!("| --- | ---: | ---: | --- |");
    let mut is_good = rows.iter().all(|row| row.is_good);
    for ((command, most_kilobytes), (exponent, kilobytes)) in GROWING.into_iter().zip(grown) {
        let is_within = exponent <= most && kilobytes <= most_kilobytes;
        let verdict = if is_within { "" } else { "beyond its bound" };
        println!("| {command} | {exponent:.2} | {kilobytes:.1} kB | {verdict} |");
        is_good &= is_within;
    }
    if is_good { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
