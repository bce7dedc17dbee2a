//! How soon the daemon sees a change by hand, and how soon it is healed: with the broker, and without.
//!
//! ```text
//! cargo bench --bench events                    # fifty changes
//! EVENTS_CHANGES=10 cargo bench --bench events  # fewer
//! ```
//!
//! Seen is when the daemon's first call after the change is in the journal of the sandbox, healed is when the platform has the
//! declared value again; both as somebody sees it who looks every few milliseconds. At the end the calls of a pass for an
//! event are compared with those of one at the interval. `EVENTS_PROGRAM` names another build of the program than the one
//! beside it.

#![allow(clippy::print_stdout, reason = "a program that people run")]
#![allow(missing_docs, unreachable_pub, reason = "a program of its own")]

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use flespi_gitops::sandbox::{Options, Sandbox};
use flespi_gitops::secret::ExposeSecret;
use serde_json::{Value, json};
use tokio::time::sleep;

const DECLARED: i64 = 10;

fn main() -> Result<(), Box<dyn Error>> {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let changes = std::env::var("EVENTS_CHANGES").ok().and_then(|text| text.parse().ok());
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(measure(changes.unwrap_or(50)))
}

struct World {
    sandbox: Sandbox,
    _folder: tempfile::TempDir,
    http: reqwest::Client,
    daemon: Child,
}

impl Drop for World {
    fn drop(&mut self) {
        let _ = self.daemon.kill();
        let _ = self.daemon.wait();
    }
}

impl World {
    async fn start() -> Result<Self, Box<dyn Error>> {
        let mqtt = Some(([127, 0, 0, 1], 0).into());
        let sandbox = Sandbox::start(Options { mqtt, ..Options::default() }).await?;
        let folder = tempfile::tempdir()?;
        let manifests = folder.path().join("manifests");
        fs::create_dir(&manifests)?;
        fs::write(
            manifests.join("limit.yaml"),
            format!(
                "apiVersion: flespi-gitops/v1\nkind: Limit\nmetadata: {{name: starter}}\nspec: \
                 {{devices_count: {DECLARED}}}\n"
            ),
        )?;
        let broker = sandbox.mqtt_url().ok_or("no broker")?.to_owned();
        let daemon = Command::new(program())
            .args(["watch", "manifests", "-q", "--interval", "1h", "--broker", &broker])
            // The field is changed again and again, which is not to be contested.
            .args(["--contest-window", "1s"])
            .current_dir(folder.path())
            .env("FLESPI_PLATFORM", sandbox.url())
            .env("FLESPI_TOKEN", sandbox.token().expose_secret())
            .env("FLESPI_GITOPS_STATE_DIR", folder.path().join("state"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        Ok(Self { sandbox, _folder: folder, http: reqwest::Client::new(), daemon })
    }

    async fn call(
        &self,
        method: &str,
        path: &str,
        body: Option<Value>,
    ) -> Result<Value, Box<dyn Error>> {
        let url = format!("{}{path}", self.sandbox.url());
        let key = self.sandbox.token().expose_secret();
        let mut request = self.http.request(method.parse()?, url);
        request = request.header("authorization", format!("FlespiToken {key}"));
        if let Some(body) = body {
            request = request.body(body.to_string());
        }
        Ok(serde_json::from_str(&request.send().await?.text().await?)?)
    }

    async fn devices(&self) -> Result<Option<i64>, Box<dyn Error>> {
        let answer = self.call("GET", "/platform/limits/all?fields=devices_count", None).await?;
        Ok(answer["result"][0]["devices_count"].as_i64())
    }

    /// The calls of the daemon in the journal.
    async fn calls(&self) -> Result<Vec<Value>, Box<dyn Error>> {
        let answer = self.call("GET", "/_sandbox/journal", None).await?;
        let all = answer["result"].as_array().cloned().unwrap_or_default();
        Ok(all.into_iter().filter(|entry| entry["app"].is_string()).collect())
    }
}

async fn measure(changes: usize) -> Result<(), Box<dyn Error>> {
    let world = World::start().await?;
    while world.devices().await? != Some(DECLARED) {
        sleep(Duration::from_millis(50)).await;
    }
    // The pass that follows the connection to the broker.
    sleep(Duration::from_secs(3)).await;
    let limits = world.call("GET", "/platform/limits/all?fields=id", None).await?;
    let path = format!("/platform/limits/{}", limits["result"][0]["id"]);
    let first_pass = world.calls().await?.len();
    let (mut seen, mut healed, mut calls) = (Vec::new(), Vec::new(), Vec::new());
    for number in 0..changes {
        world.call("DELETE", "/_sandbox/journal", None).await?;
        let began = Instant::now();
        let devices = 100 + i64::try_from(number)?;
        world.call("PUT", &path, Some(json!({"devices_count": devices}))).await?;
        while world.calls().await?.is_empty() {
            sleep(Duration::from_millis(2)).await;
        }
        seen.push(began.elapsed());
        while world.devices().await? != Some(DECLARED) {
            sleep(Duration::from_millis(2)).await;
        }
        healed.push(began.elapsed());
        // Longer than hints are apart, so that every change is one that comes out of the blue.
        sleep(Duration::from_millis(1200)).await;
        calls.push(world.calls().await?.len());
    }
    calls.sort_unstable();
    println!("changes by hand                        {changes}");
    show("seen", &mut seen);
    show("healed", &mut healed);
    println!("calls, both passes after the start     {first_pass}");
    println!("calls for one change, median           {}", calls[calls.len() / 2]);
    Ok(())
}

fn show(what: &str, times: &mut [Duration]) {
    times.sort_unstable();
    let at = |share: usize| times[(times.len() - 1) * share / 100].as_millis();
    println!("{what:7} median {:5} ms, p95 {:5} ms, worst {:5} ms", at(50), at(95), at(100));
}

fn program() -> PathBuf {
    match std::env::var_os("EVENTS_PROGRAM") {
        Some(program) => program.into(),
        None => Path::new(env!("CARGO_BIN_EXE_flespi-gitops")).to_owned(),
    }
}
