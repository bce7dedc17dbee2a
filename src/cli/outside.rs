//! How `watch` is seen from outside: over HTTP, if asked to, and by the service manager.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::task::JoinHandle;

use super::exit::Exit;
use super::output::Output;
use super::secrets::{MOST_SECRET_BYTES, NotifyArg, receivers};
use super::settings::{NOTIFY_VARIABLE, WATCHDOG_PID_VARIABLE, WATCHDOG_VARIABLE};
use crate::files;
use crate::notice::{Desk, watch_over};
use crate::secret::SecretString;
use crate::serve::notify::{Manager, tell};
use crate::serve::{Options, PullDoor, Server};
use crate::watch::pull::Ask;
use crate::watch::{Receiver, Wake};

/// Anybody who reaches the port may guess, so there is enough to guess, in bytes.
const SHORTEST_SECRET: usize = 16;

/// Options of how the daemon is seen.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct OutsideArgs {
    /// Serve a page, /status, /metrics, /healthz and /readyz here, such as 127.0.0.1:9464. Anyone
    /// who can reach it can read names, addresses and fields of all accounts, so keep it on
    /// loopback, or behind a proxy that authenticates.
    #[arg(long, value_name = "ADDR", env = "FLESPI_GITOPS_LISTEN")]
    listen: Option<SocketAddr>,

    /// Host name to accept for --listen, beside addresses and localhost; all others are refused, so
    /// that no web page can bind its name to this machine. Repeatable.
    #[arg(long, value_name = "NAME", requires = "listen")]
    listen_name: Vec<String>,

    /// Tell somebody of what fails, is refused, contested or invalid, of tokens that end within 14
    /// days, and of a platform that is away: once when it begins and once when it is over. FILE holds
    /// the address of the receiver, which is a secret. Repeatable.
    #[arg(long, value_name = "slack|teams|json=FILE")]
    notify: Vec<NotifyArg>,
    /// File with a secret shared with the git server, 16 characters or more: `POST /pull` on --listen then asks for a look
    /// at the repository. The server shows the secret by signing the body (GitHub, Gitea, Forgejo), as `X-Gitlab-Token`,
    /// or as `Authorization: Bearer`.
    #[arg(long, value_name = "FILE", requires_all = ["listen", "git"])]
    pull_secret_file: Option<PathBuf>,
}

/// What shows the daemon while it runs.
#[derive(Debug)]
pub(super) struct Outside {
    server: Option<Server>,
    notices: Option<JoinHandle<()>>,
    telling: Option<JoinHandle<()>>,
}

impl Outside {
    /// Opens the door, and greets the service manager.
    pub(super) async fn open(
        args: &OutsideArgs,
        state: &Path,
        status: Receiver,
        (wake, ask): (Wake, Option<Ask>),
        output: &Output,
    ) -> Result<Self, Exit> {
        let receivers = receivers(&args.notify, output)?;
        let notices = (!receivers.is_empty())
            .then(|| tokio::spawn(watch_over(Desk::new(receivers, state), status.clone())));
        let pull = match (&args.pull_secret_file, ask) {
            (Some(file), Some(ask)) => Some(PullDoor { secret: pull_secret(file, output)?, ask }),
            _ => None,
        };
        let telling = manager().map(|manager| tokio::spawn(tell(manager, status.clone())));
        let Some(listen) = args.listen else { return Ok(Self { server: None, notices, telling }) };
        let options = Options { listen, names: args.listen_name.clone(), pull };
        match Server::start(options, status, wake).await {
            Ok(server) => {
                output.say(&format!("the page is at http://{}/", server.address()));
                if !listen.ip().is_loopback() {
                    output.say(
                        "warning: anyone who can reach this address can read the names and fields of all \
                         accounts; there is no login",
                    );
                }
                Ok(Self { server: Some(server), notices, telling })
            }
            Err(error) => {
                output.error(&format!("--listen {listen}: {error}"));
                Err(Exit::Failed)
            }
        }
    }

    /// Takes no more requests. To be called after the daemon, whose last word is worth a request.
    pub(super) async fn close(self) {
        if let Some(server) = self.server {
            server.stop().await;
        }
        for telling in self.telling.into_iter().chain(self.notices) {
            // It ends by itself when nothing is published any more.
            let _ = tokio::time::timeout(Duration::from_secs(1), telling).await;
        }
    }
}

/// The secret that a git server shows.
fn pull_secret(file: &Path, output: &Output) -> Result<SecretString, Exit> {
    let refuse = |why: &str| {
        output.error(&format!("--pull-secret-file {}: {why}", file.display()));
        Exit::Usage
    };
    let bytes =
        files::read_at_most(file, MOST_SECRET_BYTES).map_err(|it| refuse(&it.to_string()))?;
    let text = String::from_utf8(bytes).map_err(|_| refuse("not UTF-8 text"))?;
    let secret = text.trim();
    match secret.len() >= SHORTEST_SECRET {
        true => Ok(secret.to_owned().into()),
        false => Err(refuse(&format!("the secret has fewer than {SHORTEST_SECRET} characters"))),
    }
}

/// The service manager, if this process is one of its services.
fn manager() -> Option<Manager> {
    let socket = std::env::var_os(NOTIFY_VARIABLE).filter(|socket| !socket.is_empty())?;
    let number = |name: &str| std::env::var(name).ok()?.parse::<u64>().ok();
    // The signs of life may be wanted of another process, whose environment we inherited.
    let is_wanted =
        number(WATCHDOG_PID_VARIABLE).is_none_or(|pid| pid == u64::from(std::process::id()));
    let watchdog = number(WATCHDOG_VARIABLE).filter(|micros| is_wanted && *micros > 0);
    Some(Manager { socket, watchdog: watchdog.map(Duration::from_micros) })
}
