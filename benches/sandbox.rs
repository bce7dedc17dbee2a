//! What a large world costs: 100,000 subaccounts with a token each, in one sandbox process, over real HTTP.
//!
//! ```text
//! cargo bench --bench sandbox [-- ACCOUNTS]
//! ```
//!
//! A plain program that prints a table: each figure is one long measurement of another process (memory, throughput, a
//! start), which a statistics harness has nothing to add to. It ends with 1 when a figure is out of its bound.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a benchmark tells what it found, and fails loudly"
)]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, ExitCode};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

#[path = "support/serving.rs"]
mod serving;

use serde_json::{Value, json};

/// Subaccounts unless told otherwise.
const ACCOUNTS: usize = 100_000;

/// Objects in a page and in a creating request: the most that the platform gives.
const PAGE: usize = 1000;

/// Connections that create tokens at the same time.
const CONNECTIONS: usize = 8;

/// How often the whole list is read.
const READS: usize = 3;

struct Process {
    child: Child,
    address: String,
    token: String,
    started_in: Duration,
}

impl Process {
    fn start(folder: &Path) -> Self {
        let start = Instant::now();
        let (child, ready) = serving::start(folder, &[]);
        let text = |name: &str| ready[name].as_str().unwrap().to_owned();
        let address = text("listening").replace("http://", "");
        Self { child, address, token: text("token"), started_in: start.elapsed() }
    }

    /// Bytes of memory that are in use now, and that were at most.
    fn memory(&self) -> (u64, u64) {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()))
            .unwrap_or_default();
        let kilobytes = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name));
            line.and_then(|rest| rest.split_whitespace().next()?.parse::<u64>().ok()).unwrap_or(0)
        };
        (kilobytes("VmRSS:") * 1024, kilobytes("VmHWM:") * 1024)
    }

    /// SIGTERM, as a person's Ctrl-C: the state is written down.
    fn stop(mut self) -> Duration {
        let start = Instant::now();
        let kill = Command::new("kill").arg(self.child.id().to_string()).status().unwrap();
        assert!(kill.success());
        self.child.wait().unwrap();
        start.elapsed()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A connection that is kept, without the cost of a general client.
struct Connection {
    stream: BufReader<TcpStream>,
    token: String,
}

impl Connection {
    fn to(process: &Process) -> Self {
        let stream = TcpStream::connect(&process.address).unwrap();
        stream.set_nodelay(true).unwrap();
        Self { stream: BufReader::with_capacity(1 << 16, stream), token: process.token.clone() }
    }

    fn send(&mut self, method: &str, path: &str, cid: Option<u64>, body: &str) -> Vec<u8> {
        let cid = cid.map(|cid| format!("x-flespi-cid: {cid}\r\n")).unwrap_or_default();
        let request = format!(
            "{method} {path} HTTP/1.1\r\nhost: localhost\r\nauthorization: FlespiToken {}\r\n{cid}\
             content-length: {}\r\n\r\n{body}",
            self.token,
            body.len()
        );
        self.stream.get_mut().write_all(request.as_bytes()).unwrap();
        let mut line = String::new();
        self.stream.read_line(&mut line).unwrap();
        assert!(line.starts_with("HTTP/1.1 200"), "{method} {path}: {line}");
        let mut length = 0;
        loop {
            line.clear();
            self.stream.read_line(&mut line).unwrap();
            match line.trim_end().split_once(':') {
                None => break,
                Some((name, value)) if name.eq_ignore_ascii_case("content-length") => {
                    length = value.trim().parse().unwrap();
                }
                Some(_) => {}
            }
        }
        let mut answer = vec![0; length];
        self.stream.read_exact(&mut answer).unwrap();
        answer
    }

    fn rows(&mut self, method: &str, path: &str, body: &str) -> Vec<Value> {
        let answer: Value = serde_json::from_slice(&self.send(method, path, None, body)).unwrap();
        answer["result"].as_array().unwrap().clone()
    }
}

fn fill(process: &Process, accounts: usize) {
    let mut connection = Connection::to(process);
    let mut ids = Vec::with_capacity(accounts);
    while ids.len() < accounts {
        let count = PAGE.min(accounts - ids.len());
        let batch: Vec<Value> = (0..count)
            .map(|index| json!({"name": format!("Tenant {}", ids.len() + index), "metadata": {"plan": "small"}}))
            .collect();
        let made =
            connection.rows("POST", "/platform/subaccounts?fields=id", &json!(batch).to_string());
        ids.extend(made.iter().map(|row| row["id"].as_u64().unwrap()));
    }
    let next = AtomicUsize::new(0);
    let body = json!([{"info": "access", "ttl": 31_536_000, "access": {"type": 1}}]).to_string();
    std::thread::scope(|scope| {
        for _ in 0..CONNECTIONS {
            scope.spawn(|| {
                let mut connection = Connection::to(process);
                while let Some(id) = ids.get(next.fetch_add(1, Ordering::Relaxed)) {
                    connection.send("POST", "/platform/tokens?fields=id", Some(*id), &body);
                }
            });
        }
    });
}

/// Reads a whole collection page by page: objects and the time that they took.
fn list(connection: &mut Connection, collection: &str) -> (usize, Duration) {
    let start = Instant::now();
    let mut objects = 0;
    loop {
        let path = format!("/platform/{collection}/all?limit={PAGE}&offset={objects}");
        let page = connection.send("GET", &path, None, "");
        // Every object of these pages has its id first.
        let count = page.windows(6).filter(|window| window == b"{\"id\":").count();
        objects += count;
        if count < PAGE {
            return (objects, start.elapsed());
        }
    }
}

struct Table {
    is_good: bool,
}

impl Table {
    fn row(&mut self, what: &str, figure: &str, bound: &str, is_within: bool) {
        self.is_good &= is_within;
        println!(
            "| {what:<44} | {figure:>16} | {bound:>12} | {} |",
            if is_within { "ok  " } else { "OVER" }
        );
    }
}

fn main() -> ExitCode {
    let argument = std::env::args().skip(1).find_map(|argument| argument.parse().ok());
    let accounts: usize = argument.unwrap_or(ACCOUNTS);
    let folder = tempfile::tempdir().unwrap();
    let mut table = Table { is_good: true };
    println!("{accounts} subaccounts with a token each");
    let process = Process::start(folder.path());
    let start = Instant::now();
    fill(&process, accounts);
    let rate = 2.0 * accounts as f64 / start.elapsed().as_secs_f64();
    table.row("creation, a request per token", &format!("{rate:.0} objects/s"), "", true);
    let mut connection = Connection::to(&process);
    for collection in ["subaccounts", "tokens"] {
        let mut best = 0.0_f64;
        for _ in 0..READS {
            let (objects, time) = list(&mut connection, collection);
            assert!(objects >= accounts, "{objects} {collection}");
            best = best.max(objects as f64 / time.as_secs_f64());
        }
        let what = format!("listing {collection}, pages of {PAGE}");
        table.row(&what, &format!("{best:.0} objects/s"), "> 50000", best > 50_000.0);
    }
    let (now, most) = process.memory();
    let megabytes = |bytes: u64| format!("{} MiB", bytes >> 20);
    table.row("memory after all of that", &megabytes(now), "< 1024 MiB", now < 1 << 30);
    table.row("memory at its peak", &megabytes(most), "< 1024 MiB", most < 1 << 30);
    drop(connection);
    let stopped_in = process.stop();
    table.row("stop, with the state written down", &format!("{stopped_in:.2?}"), "", true);
    let again = Process::start(folder.path());
    let time = again.started_in;
    table.row("restart with that state", &format!("{time:.2?}"), "< 5 s", time.as_secs() < 5);
    let (objects, _) = list(&mut Connection::to(&again), "tokens");
    assert!(objects >= accounts, "{objects} tokens are left");
    let (_, most) = again.memory();
    table.row(
        "memory after the restart, at its peak",
        &megabytes(most),
        "< 1024 MiB",
        most < 1 << 30,
    );
    drop(again);
    if table.is_good { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
