//! `flespi-gitops sandbox`.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::json;

use super::assume;
use super::duration::duration;
use super::exit::Exit;
use super::output::Output;
use super::record;
use super::settings::Common;
use super::stop::unless_stopped;
use crate::causes::error_chain;
use crate::diagnostic::render::printable;
use crate::files;
use crate::sandbox::{Faults, Options, Sandbox, describe_assumptions};
use crate::secret::ExposeSecret;
use crate::shutdown;

/// Serve the embedded platform over HTTP until stopped.
///
/// Prints one line when it is ready: {"listening":"http://127.0.0.1:PORT","token":"..."}. At / it
/// serves a page for people. Under /_sandbox/ it serves, without a token, the journal of requests,
/// its state, its clock, its outbox and its faults.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = "\
Examples:
  flespi-gitops sandbox --state .flespi-gitops/sandbox
  flespi-gitops sandbox --listen 127.0.0.1:8080 --latency 200ms --calls-per-minute 60
  flespi-gitops sandbox --listen 127.0.0.1:8080 --mqtt-listen 127.0.0.1:1883
  flespi-gitops sandbox --replay run.cassette
  flespi-gitops sandbox --tls . & curl --cacert ca.pem https://localhost:PORT/auth/regions")]
pub(super) struct Args {
    /// Address to listen on; port 0 takes a free one.
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:0")]
    listen: SocketAddr,

    /// Serve MQTT on this address as well, such as 127.0.0.1:1883; port 0 takes a free one. With
    /// --tls it is MQTT over TLS, with the same certificate.
    #[arg(long, value_name = "ADDR")]
    mqtt_listen: Option<SocketAddr>,

    /// Host name to accept for --listen, beside addresses and localhost; all others are refused, so
    /// that no web page can bind its name to this machine and use the sandbox. Repeatable.
    #[arg(long, value_name = "NAME")]
    listen_name: Vec<String>,

    /// Folder that keeps the state over restarts; by default, the state is lost.
    #[arg(long, value_name = "DIR")]
    state: Option<PathBuf>,

    /// Serve HTTPS with a self-made certificate for localhost, 127.0.0.1, flespi.io and
    /// mqtt.flespi.io; what clients have to trust is written to DIR/ca.pem at every start.
    #[arg(long, value_name = "DIR")]
    tls: Option<PathBuf>,

    /// How long each request waits before it is handled, such as 200ms.
    #[arg(long, value_name = "DURATION", default_value = "0", value_parser = duration)]
    latency: Duration,

    /// Calls that each account has per minute before it is answered 429.
    #[arg(long, value_name = "N")]
    calls_per_minute: Option<u32>,

    /// JSON file that lists the faults to inject.
    #[arg(long, value_name = "FILE")]
    faults: Option<PathBuf>,

    /// Answer from a recording of `--record` instead: the same calls get the same answers in the same
    /// order, whatever their token, and nothing is kept. GET /_sandbox/replay tells what is left.
    #[arg(
        long,
        value_name = "FILE",
        conflicts_with_all = ["state", "calls_per_minute", "faults", "assume", "mqtt_listen"]
    )]
    replay: Option<PathBuf>,

    /// Decide one of the platform's unknowns another way; may be given several times.
    #[arg(long, value_name = "NAME=VALUE", long_help = assume_help())]
    assume: Vec<String>,
}

/// No file of faults is larger, in bytes.
const MOST_FAULT_BYTES: u64 = 32 * 1024 * 1024;

fn assume_help() -> String {
    format!(
        "Change one of the assumptions about the platform; can be repeated:\n\n{}",
        describe_assumptions()
    )
}

pub(super) async fn run(args: &Args, common: &Common, output: &Output) -> Exit {
    let (given, profile) = (args.clone(), common.profile.clone());
    let options = match unless_stopped(move || options(&given, profile.as_deref())).await {
        None => return Exit::Done,
        Some(Ok((options, unknown))) => {
            assume::told(&unknown).iter().for_each(|words| output.say(words));
            options
        }
        Some(Err(message)) => {
            output.error(&printable(&message));
            return Exit::Usage;
        }
    };
    let mut sandbox = match Sandbox::start(options).await {
        Ok(sandbox) => sandbox,
        Err(error) => {
            output.failure(&error, None);
            return Exit::Failed;
        }
    };
    // The token opens nothing but this sandbox, and who starts one needs it.
    let mut ready = json!({
        "listening": sandbox.url(),
        "token": sandbox.token().expose_secret(),
    });
    if let Some(mqtt) = sandbox.mqtt_url() {
        ready["mqtt"] = mqtt.into();
    }
    output.result(&format!("{ready}\n"));
    // Whoever cannot read where it listens has no use for it.
    if !output.shown().await {
        return Exit::Failed;
    }
    tokio::select! {
        error = sandbox.failed() => {
            output.failure(&error, None);
            return Exit::Failed;
        }
        () = shutdown::begun() => {}
    }
    match sandbox.stop().await {
        Ok(()) => Exit::Done,
        Err(error) => {
            output.failure(&error, None);
            Exit::Failed
        }
    }
}

fn options(args: &Args, profile: Option<&Path>) -> Result<(Options, Vec<String>), String> {
    let (assumptions, unknown) = assume::assumptions(profile, &args.assume)?;
    let faults = match &args.faults {
        None => Faults::default(),
        Some(file) => {
            let text = files::read_at_most(file, MOST_FAULT_BYTES)
                .map_err(|error| format!("--faults {}: {error}", file.display()))?;
            Faults::from_json(&text)
                .map_err(|error| format!("--faults {}: {error}", file.display()))?
        }
    };
    let replay = args.replay.as_deref().map(record::recorded).transpose();
    let replay = replay.map_err(|error| format!("--replay: {}", error_chain(&error)))?;
    let options = Options {
        listen: args.listen,
        mqtt: args.mqtt_listen,
        names: args.listen_name.clone(),
        state: args.state.clone(),
        tls: args.tls.clone(),
        latency: args.latency,
        calls_per_minute: args.calls_per_minute,
        assumptions,
        faults,
        replay,
    };
    Ok((options, unknown))
}
