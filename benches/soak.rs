//! A soak of the daemon: a change of the manifests every second, somebody who meddles, and faults, for as long as is wanted.
//! At the end the platform has to equal the manifests, and the process has to hold no more than after its first minute.
//!
//! ```text
//! cargo bench --bench soak                      # half a minute, as a check that it works
//! SOAK_MINUTES=30 cargo bench --bench soak      # the real thing
//! SOAK_IDLE=10000 cargo bench --bench soak      # what so many manifests cost while nothing happens
//! ```
//!
//! `SOAK_PROGRAM` names another build of the program than the one beside it. A plain program: it measures another process, the daemon, from outside.

#![allow(clippy::print_stdout, reason = "a program that people run")]
#![allow(missing_docs, unreachable_pub, reason = "a program of its own")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use flespi_gitops::sandbox::{Options, Sandbox};
use flespi_gitops::secret::ExposeSecret;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde_json::{Value, json};

const LIMITS: usize = 40;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<f64>().ok());
    if let Some(manifests) = number("SOAK_IDLE") {
        return runtime.block_on(idle(manifests as usize));
    }
    let minutes = number("SOAK_MINUTES").unwrap_or(0.5);
    runtime.block_on(soak(Duration::from_secs_f64(minutes * 60.0)))
}

/// The daemon and its platform.
struct World {
    sandbox: Sandbox,
    folder: tempfile::TempDir,
    http: reqwest::Client,
    daemon: Child,
}

impl World {
    async fn start(
        arguments: &[&str],
        fill: impl FnOnce(&Path) -> std::io::Result<()>,
    ) -> Result<Self, Box<dyn std::error::Error>> {
        let sandbox = Sandbox::start(Options::default()).await?;
        let folder = tempfile::tempdir()?;
        fill(&folder.path().join("manifests"))?;
        let mut command = program(&sandbox, folder.path());
        let log = fs::File::create(folder.path().join("log"))?;
        command.args(["watch", "manifests", "-q"]).args(arguments);
        let daemon = command.stdout(Stdio::null()).stderr(log).spawn()?;
        Ok(Self { sandbox, folder, http: reqwest::Client::new(), daemon })
    }

    async fn call(&self, method: &str, path: &str, body: Option<Value>) -> Option<Value> {
        let url = format!("{}{path}", self.sandbox.url());
        let token = self.sandbox.token().expose_secret();
        let request = self.http.request(method.parse().ok()?, url);
        let request = request.header("authorization", format!("FlespiToken {token}"));
        let request = request.body(body.map(|body| body.to_string()).unwrap_or_default());
        let text = request.send().await.ok()?.text().await.ok()?;
        serde_json::from_str(&text).ok()
    }

    fn held(&self) -> Held {
        let process = PathBuf::from(format!("/proc/{}", self.daemon.id()));
        let status = fs::read_to_string(process.join("status")).unwrap_or_default();
        let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap_or_default();
        let kilobytes = line.split_whitespace().nth(1).and_then(|n| n.parse().ok());
        let count = |folder: &str| fs::read_dir(process.join(folder)).map_or(0, Iterator::count);
        let infos = fs::read_dir(process.join("fdinfo")).into_iter().flatten();
        let texts = infos.filter_map(|info| fs::read_to_string(info.ok()?.path()).ok());
        let watches =
            texts.map(|text| text.lines().filter(|line| line.starts_with("inotify wd:")).count());
        Held {
            kilobytes: kilobytes.unwrap_or(0),
            threads: count("task"),
            files: count("fd"),
            watches: watches.sum(),
        }
    }

    /// Processor time that the daemon used so far.
    fn busy(&self) -> Duration {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.daemon.id()));
        let stat = stat.unwrap_or_default();
        // The name in parentheses may hold anything; fields are counted behind it.
        let fields: Vec<&str> =
            stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
        let ticks = |at: usize| fields.get(at).and_then(|n| n.parse::<u64>().ok()).unwrap_or(0);
        // A hundred ticks a second on every Linux that runs programs of today.
        Duration::from_millis((ticks(11) + ticks(12)) * 10)
    }

    fn signal(&self, signal: &str) {
        let _ = Command::new("kill").args([signal, &self.daemon.id().to_string()]).status();
    }
}

impl Drop for World {
    fn drop(&mut self) {
        let _ = self.daemon.kill();
        let _ = self.daemon.wait();
    }
}

fn program(sandbox: &Sandbox, folder: &Path) -> Command {
    let built = || env!("CARGO_BIN_EXE_flespi-gitops").into();
    let mut command = Command::new(std::env::var_os("SOAK_PROGRAM").unwrap_or_else(built));
    command
        .current_dir(folder)
        .env_clear()
        .env("HOME", folder)
        .env("FLESPI_PLATFORM", sandbox.url())
        .env("FLESPI_TOKEN", sandbox.token().expose_secret());
    command
}

#[derive(Debug, Clone, Copy)]
struct Held {
    kilobytes: u64,
    threads: usize,
    files: usize,
    watches: usize,
}

impl std::fmt::Display for Held {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { kilobytes, threads, files, watches } = self;
        write!(formatter, "{kilobytes} kB, {threads} threads, {files} files, {watches} watches")
    }
}

fn limit(name: &str, devices: u32) -> String {
    format!(
        "apiVersion: flespi-gitops/v1\nkind: Limit\nmetadata: {{name: {name}}}\nspec: {{devices_count: {devices}, channels_count: 3}}\n"
    )
}

async fn soak(length: Duration) -> Result<(), Box<dyn std::error::Error>> {
    let fill = |root: &Path| {
        fs::create_dir_all(root.join("deep"))?;
        for number in 0..LIMITS {
            let name = format!("l{number}");
            fs::write(root.join(format!("{name}.yaml")), limit(&name, 1))?;
        }
        Ok(())
    };
    let arguments = ["--prune", "--interval", "10s", "--contest-window", "10s"];
    let mut world = World::start(&arguments, fill).await?;
    let root = world.folder.path().join("manifests");
    let mut chance = StdRng::seed_from_u64(1);
    let began = Instant::now();
    let mut first = None;
    let mut second = 0;
    while began.elapsed() < length {
        second += 1;
        change(&root, &mut chance, second)?;
        if second % 5 == 0 {
            meddle(&world, &mut chance).await;
        }
        if second % 20 == 1 {
            let faults = if second % 40 == 1 { faults(second) } else { json!({"rules": []}) };
            world.call("PUT", "/_sandbox/faults", Some(faults)).await;
        }
        if second % 60 == 0 {
            // The sandbox's own memory is not what is measured, and it is not to grow for ever.
            world.call("DELETE", "/_sandbox/journal", None).await;
            println!(
                "{:>5} s {:?} busy {:?}",
                began.elapsed().as_secs(),
                world.held(),
                world.busy()
            );
            first.get_or_insert_with(|| world.held());
        }
        if let Some(status) = world.daemon.try_wait()? {
            return Err(format!("the daemon ended: {status}").into());
        }
        let next = Duration::from_secs(second);
        tokio::time::sleep(next.saturating_sub(began.elapsed())).await;
    }
    world.call("PUT", "/_sandbox/faults", Some(json!({"rules": []}))).await;
    let _ = fs::remove_file(root.join("invalid.yaml"));
    let ended = Instant::now();
    loop {
        world.signal("-HUP");
        tokio::time::sleep(Duration::from_secs(3)).await;
        let mut plan = program(&world.sandbox, world.folder.path());
        let plan = plan.args(["plan", "manifests", "--prune", "--format", "json"]).output()?;
        let plan: Value = serde_json::from_slice(&plan.stdout)?;
        if plan["steps"] == json!([]) && plan["unknown"] == json!([]) {
            break;
        }
        if ended.elapsed() > Duration::from_secs(300) {
            return Err(format!("the platform does not equal the manifests: {plan}").into());
        }
    }
    let settled = ended.elapsed();
    println!("equal to the manifests {settled:?} after the last change");
    if let Some(first) = first {
        println!("after the first minute: {first}");
    }
    println!("at the end:             {}", world.held());
    world.signal("-TERM");
    println!("ended: {}", world.daemon.wait()?);
    Ok(())
}

/// One of the ways in which a folder changes.
fn change(root: &Path, chance: &mut StdRng, second: u64) -> std::io::Result<()> {
    let name = format!("l{}", chance.random_range(0..LIMITS));
    let text = limit(&name, chance.random_range(1..1000));
    let file = root.join(format!("{name}.yaml"));
    let deep = root.join("deep").join(format!("{name}.yaml"));
    // Whatever happens, a limit is declared once.
    let place = if deep.exists() { deep.clone() } else { file.clone() };
    match second % 8 {
        0 => fs::write(root.join("invalid.yaml"), "kind: Limit\n  - broken"),
        1 => {
            let _ = fs::remove_file(root.join("invalid.yaml"));
            fs::write(place, text)
        }
        2 => {
            let _ = fs::remove_file(&deep);
            fs::remove_file(&file).or(Ok(()))
        }
        3 => {
            let hidden = root.join(".new");
            fs::write(&hidden, text)?;
            fs::rename(hidden, place)
        }
        4 if file.exists() => fs::rename(file, deep),
        _ => fs::write(place, text),
    }
}

/// Somebody sets a limit by hand.
async fn meddle(world: &World, chance: &mut StdRng) {
    let Some(limits) = world.call("GET", "/platform/limits/all?fields=id", None).await else {
        return;
    };
    let ids: Vec<i64> = limits["result"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|limit| limit["id"].as_i64())
        .collect();
    if !ids.is_empty() {
        let id = ids[chance.random_range(0..ids.len())];
        let path = format!("/platform/limits/{id}");
        world.call("PUT", &path, Some(json!({"channels_count": 9}))).await;
    }
}

fn faults(seed: u64) -> Value {
    json!({"seed": seed, "rules": [
        {"path": "/platform/*", "probability": 0.1, "effect": {"answer": {"status": 503}}},
        {"path": "/platform/*", "probability": 0.05, "effect": "cut_after"},
        {"path": "/platform/*", "probability": 0.05, "effect": "cut_before"},
        {"path": "/platform/*", "probability": 0.05, "effect": {"truncate": {"keep": 20}}},
        {"path": "/platform/*", "probability": 0.05, "effect": {"answer": {"status": 429, "retry_after": 1}}},
        {"path": "/platform/*", "probability": 0.2, "effect": {"delay": {"milliseconds": 200}}},
    ]})
}

/// What a daemon costs that has many manifests and nothing to do.
async fn idle(manifests: usize) -> Result<(), Box<dyn std::error::Error>> {
    let fill = |root: &Path| {
        for number in 0..manifests {
            let folder = root.join(format!("d{}", number % 100));
            fs::create_dir_all(&folder)?;
            let name = format!("l{number}");
            fs::write(folder.join(format!("{name}.yaml")), limit(&name, 1))?;
        }
        Ok(())
    };
    let world = World::start(&["--interval", "1h"], fill).await?;
    let began = Instant::now();
    loop {
        tokio::time::sleep(Duration::from_secs(1)).await;
        let limits = world.call("GET", "/platform/limits/all?fields=id&limit=1", None).await;
        let count = limits.and_then(|limits| limits["pagination"]["count"].as_u64());
        if count >= Some(manifests as u64) {
            break;
        }
        if began.elapsed() > Duration::from_secs(900) {
            return Err(format!("only {count:?} of {manifests} were made").into());
        }
    }
    println!("{manifests} manifests applied after {:?}: {}", began.elapsed(), world.held());
    tokio::time::sleep(Duration::from_secs(20)).await;
    let length = Duration::from_secs(120);
    let before = world.busy();
    tokio::time::sleep(length).await;
    let busy = world.busy() - before;
    println!(
        "idle: {busy:?} of processor time in {length:?}, {:.2} % of a core; {}",
        100.0 * busy.as_secs_f64() / length.as_secs_f64(),
        world.held()
    );
    Ok(())
}
