//! `flespi-gitops health`.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use reqwest::{Method, Url};

use super::duration::positive;
use super::exit::Exit;
use super::output::Output;
use crate::diagnostic::render::printable;
use crate::transport::Transport;

/// So much of what the daemon says is shown, in bytes.
const MOST_SHOWN: usize = 500;

/// Ask a daemon on this machine whether it is well: exit 0 if it is, 1 if not.
///
/// For images that hold no other program: `watch --listen` answers, and this asks.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  flespi-gitops health
  flespi-gitops health --listen 0.0.0.0:9464 --ready
  HEALTHCHECK CMD [\"/usr/local/bin/flespi-gitops\", \"health\"]    # in a Dockerfile")]
pub(super) struct Args {
    /// The address that `watch` was given; one that means every interface is asked on loopback.
    #[arg(
        long,
        value_name = "ADDR",
        env = "FLESPI_GITOPS_LISTEN",
        default_value = "127.0.0.1:9464"
    )]
    listen: SocketAddr,

    /// Ask whether it is ready instead: its first pass has ended, and the platform answers.
    #[arg(long)]
    ready: bool,

    /// How long the answer may take.
    #[arg(long, value_name = "DURATION", default_value = "3s", value_parser = positive)]
    patience: Duration,
}

pub(super) async fn run(args: &Args, output: &Output) -> Exit {
    let address = reached(args.listen);
    let path = if args.ready { "readyz" } else { "healthz" };
    match ask(address, path, args.patience).await {
        Ok((200, says)) => {
            output.result(&(says + "\n"));
            Exit::Done
        }
        Ok((status, says)) => {
            output.error(&format!("the daemon at {address} answers {status}: {says}"));
            Exit::Failed
        }
        Err(why) => {
            output.error(&format!("the daemon at {address} does not answer: {why}"));
            Exit::Failed
        }
    }
}

/// Where a server is reached that listens there.
fn reached(listen: SocketAddr) -> SocketAddr {
    let ip = match listen.ip() {
        IpAddr::V4(Ipv4Addr::UNSPECIFIED) => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(Ipv6Addr::UNSPECIFIED) => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, listen.port())
}

/// The status and the first line of the answer.
async fn ask(address: SocketAddr, path: &str, patience: Duration) -> Result<(u16, String), String> {
    let url: Url = format!("http://{address}/{path}").parse().map_err(|_| "no such address")?;
    let way = Transport::to(&url, patience, None).map_err(|error| error.to_string())?;
    let mut answer = way.send(way.request(Method::GET, url)).await.map_err(|it| it.words())?;
    let status = answer.status().as_u16();
    let mut bytes = Vec::new();
    while let Ok(Some(chunk)) = answer.chunk().await {
        bytes.extend_from_slice(&chunk);
        if bytes.len() >= MOST_SHOWN {
            bytes.truncate(MOST_SHOWN);
            break;
        }
    }
    let text = String::from_utf8_lossy(&bytes);
    Ok((status, printable(text.lines().next().unwrap_or_default()).into_owned()))
}
