//! What plan, apply and watch have in common: a platform to talk to, and the words for when it is not to be had.

use std::io::IsTerminal;
use std::net::Ipv4Addr;
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::time::Duration;

use reqwest::Url;
use tokio::sync::watch;
use tokio::time::Instant;

use super::assume;
use super::exit::Exit;
use super::folders::default_state_folder;
use super::gate::{Gate, Store};
use super::output::Output;
use super::pace::Pace;
use super::platform::Platform;
use super::record;
use super::recorder::Recorder;
use super::secrets::{signer, spool, token};
use super::settings::Common;
use crate::api::{ApiError, Class, Client, ClientError, Line, Settings, Waiting};
use crate::git::Commit;
use crate::observe::{ObserveError, Seen};
use crate::reconcile::Context;
use crate::resource::Signer;
use crate::run::RunId;
use crate::sandbox::{self, Sandbox};
use crate::secret::{SecretString, Spool, Trust};

/// How long one try of a call may take.
const CALL_TIMEOUT: Duration = Duration::from_secs(30);

/// A platform to talk to.
pub(super) struct Session {
    pub(super) client: Client,
    pub(super) signer: Signer,
    /// Keeps keys that could not be delivered.
    pub(super) spool: Spool,
    pub(super) run: RunId,
    /// Keeps others from writing at the same time.
    pub(super) gate: Gate,
    /// Remembers runs that did something.
    pub(super) recorder: Recorder,
    /// The commit that the manifests are from, if they are from a repository.
    pub(super) commit: Option<Commit>,
    sandbox: Option<Sandbox>,
}

impl Session {
    /// Finds the platform and the token. Nothing is sent yet.
    pub(super) async fn open(pace: Pace, common: &Common, output: &Output) -> Result<Self, Exit> {
        Self::open_until(None, pace, common, output).await
    }

    /// The same; the embedded platform has its broker as well.
    pub(super) async fn open_to_listen(
        pace: Pace,
        common: &Common,
        output: &Output,
    ) -> Result<Self, Exit> {
        let mqtt = Some((Ipv4Addr::LOCALHOST, 0).into());
        let embedded = sandbox::Options { mqtt, ..sandbox::Options::default() };
        Self::open_with(embedded, None, pace, common, output).await
    }

    /// The same; what would have to wait for longer than `deadline` from now on fails at once.
    pub(super) async fn open_until(
        deadline: Option<Duration>,
        pace: Pace,
        common: &Common,
        output: &Output,
    ) -> Result<Self, Exit> {
        Self::open_with(sandbox::Options::default(), deadline, pace, common, output).await
    }

    async fn open_with(
        embedded: sandbox::Options,
        deadline: Option<Duration>,
        pace: Pace,
        common: &Common,
        output: &Output,
    ) -> Result<Self, Exit> {
        let platform = platform(common, output)?;
        let (state, name) = (state_folder(common, output)?, platform.name());
        let signer = signer(common, output)?;
        let store = Store::open(&state, common, output)?;
        let gate = Gate::new(store, &state, &name);
        let recorder = Recorder::new(&state, &name);
        let spool = spool(common, &state, name.clone(), output)?;
        let Place { sandbox, address: platform, token } =
            Place::find(platform, embedded, common, output).await?;
        let run = RunId::new();
        let trace = Some(run.as_str().to_owned());
        let settings = Settings {
            platform,
            timeout: CALL_TIMEOUT,
            trace,
            calls_per_minute: pace.calls_per_minute.map(NonZeroU32::get),
            deadline: deadline.map(|deadline| Instant::now() + deadline),
        };
        match Client::new(&settings, &token) {
            Ok(client) => {
                let client = match &common.record {
                    None => client,
                    Some(path) => {
                        client.behind(record::on(path, &name), &settings).map_err(|error| {
                            output.failure(&error, Some(record::UNWRITTEN_HELP));
                            Exit::Usage
                        })?
                    }
                };
                tokio::spawn(say_waits(client.waiting(), output.clone()));
                tokio::spawn(say_progress(client.clone(), output.clone()));
                Ok(Self { client, signer, spool, run, gate, recorder, commit: None, sandbox })
            }
            Err(error) => {
                let help = match &error {
                    ClientError::BadToken => "a token is 64 letters and digits",
                    ClientError::Transport(error) => error.help(),
                };
                output.failure(&error, Some(help));
                Err(Exit::Unknown)
            }
        }
    }

    /// A client with the token as it is where it came from by now; none for the embedded platform, whose token stays.
    pub(super) fn client_again(&self, common: &Common, output: &Output) -> Option<Client> {
        if self.sandbox.is_some() {
            return None;
        }
        self.client.renewed(&token(common, output).ok()?).ok()
    }

    /// Where the broker of the embedded platform is, and its token; none for other platforms.
    pub(super) fn embedded_broker(&self) -> Option<(&str, SecretString)> {
        let sandbox = self.sandbox.as_ref()?;
        Some((sandbox.mqtt_url()?, sandbox.token().clone()))
    }

    /// The same for manifests from a commit, which goes out with every call.
    #[must_use]
    pub(super) fn reading(self, commit: Option<Commit>) -> Self {
        let client = self.client.traced(&self.run.trace(commit.as_ref().map(Commit::short)));
        Self { client, commit, ..self }
    }

    /// What a pass works with. `seen` is what was there before.
    pub(super) fn context<'a>(&'a self, trust: &'a Trust, seen: Option<&'a Seen>) -> Context<'a> {
        let Self { client, signer, spool, .. } = self;
        Context { client, signer, spool, trust, seen, overwritten: None }
    }

    /// Lets go of the platform; the embedded one writes its state down.
    pub(super) async fn close(self, output: &Output) {
        close(self.sandbox, output).await;
    }
}

/// Where calls go, and what signs them.
pub(super) struct Place {
    /// The embedded platform, if it is that.
    pub(super) sandbox: Option<Sandbox>,
    pub(super) address: Url,
    pub(super) token: SecretString,
}

impl Place {
    /// Finds a platform and the token for it, and starts the embedded one.
    pub(super) async fn find(
        platform: Platform,
        embedded: sandbox::Options,
        common: &Common,
        output: &Output,
    ) -> Result<Self, Exit> {
        match platform {
            Platform::Embedded(folder) => {
                let (assumptions, unknown) = assume::assumptions(common.profile.as_deref(), &[])
                    .map_err(|error| {
                        output.error(&error);
                        Exit::Usage
                    })?;
                assume::told(&unknown).iter().for_each(|words| output.say(words));
                let embedded = sandbox::Options { assumptions, ..embedded };
                let sandbox = start_sandbox(embedded, folder, output).await?;
                let token = sandbox.token().clone();
                let Ok(address) = sandbox.url().parse() else { return Err(Exit::Failed) };
                Ok(Self { sandbox: Some(sandbox), address, token })
            }
            Platform::At(address) => {
                Ok(Self { sandbox: None, address, token: token(common, output)? })
            }
        }
    }

    /// Lets go of the platform; the embedded one writes its state down.
    pub(super) async fn close(self, output: &Output) {
        close(self.sandbox, output).await;
    }
}

async fn close(sandbox: Option<Sandbox>, output: &Output) {
    if let Some(sandbox) = sandbox
        && let Err(error) = sandbox.stop().await
    {
        output.failure(&error, None);
    }
}

/// Says at once when calls have to wait, why and for how long; until nobody makes calls any more.
async fn say_waits(mut waits: watch::Receiver<Option<Waiting>>, output: Output) {
    while waits.changed().await.is_ok() {
        let waiting = waits.borrow_and_update().clone();
        if let Some(Waiting { why, wait, .. }) = waiting {
            output.say(&format!("waiting {} s: {why}", wait.as_secs_f64().ceil()));
        }
    }
}

/// Says from time to time how far what takes long has come; more often to somebody who looks on.
async fn say_progress(client: Client, output: Output) {
    let is_watched = std::io::stderr().is_terminal();
    let (first, then) = if is_watched { (1, 5) } else { (10, 30) };
    let mut due = Duration::from_secs(first);
    let mut stage_since = None;
    loop {
        tokio::time::sleep(Duration::from_millis(500)).await;
        let Some(stage) = client.progress().stage() else { continue };
        if stage_since != Some(stage.since) {
            (stage_since, due) = (Some(stage.since), Duration::from_secs(first));
        }
        let now = Instant::now();
        if now.duration_since(stage.since) >= due {
            due = now.duration_since(stage.since) + Duration::from_secs(then);
            let line = Line { stage: &stage, calls: client.sent(), now };
            output.say(&line.to_string());
        }
    }
}

/// The platform that is to be worked on.
pub(super) fn platform(common: &Common, output: &Output) -> Result<Platform, Exit> {
    Platform::parse(&common.platform).map_err(|error| {
        output.error(&error);
        Exit::Usage
    })
}

/// Where locks and history are: next to each other, and the same for every run that may meet. The
/// embedded platform takes them along in its own folder.
pub(super) fn state_folder(common: &Common, output: &Output) -> Result<PathBuf, Exit> {
    if let Some(folder) = &common.state_dir {
        return Ok(folder.clone());
    }
    if let Platform::Embedded(folder) = platform(common, output)? {
        return Ok(folder);
    }
    let xdg = std::env::var_os("XDG_STATE_HOME").map(PathBuf::from);
    // Without HOME the system knows where the user is at home.
    default_state_folder(xdg, std::env::home_dir()).ok_or_else(|| {
        output.error(
            "no home folder for locks and history, which all runs share\n  help: choose a folder with \
             --state-dir",
        );
        Exit::Usage
    })
}

async fn start_sandbox(
    options: sandbox::Options,
    folder: PathBuf,
    output: &Output,
) -> Result<Sandbox, Exit> {
    output.say(&format!("platform: the embedded sandbox, state in {}", folder.display()));
    let options = sandbox::Options { state: Some(folder), ..options };
    Sandbox::start(options).await.map_err(|error| {
        output.failure(&error, None);
        Exit::Unknown
    })
}

/// Says why the platform could not be observed, and what to do.
pub(super) fn explain(error: &ObserveError, common: &Common, output: &Output) {
    let hint = match error {
        ObserveError::Identity(error) => advice(error),
        ObserveError::Unidentified => "check that --platform is the address of the platform's API",
        ObserveError::NotMaster(_) => "create a token of type Master and use that one",
        ObserveError::Unsettled(_) => "nothing was changed",
    };
    output.failure(error, Some(&format!("{hint} (platform: {})", common.platform)));
}

/// What to do about a platform that does not say who we are.
fn advice(error: &ApiError) -> &'static str {
    match (error.class, error.status) {
        (Class::Unauthorized, _) => {
            "check that the token belongs to the region of this host and has not expired"
        }
        (Class::Unreachable | Class::Lost, _) => {
            "check --platform and the network; nothing was changed"
        }
        (_, 300..400) => {
            "set --platform to the address of the API itself; redirects are never followed, because they could \
             leak the token"
        }
        (_, 404) => "check --platform: the server there does not answer like the platform's API",
        (_, 407) => {
            "add user name and password to the proxy's address in HTTPS_PROXY, or list the host in NO_PROXY"
        }
        _ => "nothing was changed; try again later",
    }
}

/// The present in unix seconds.
pub(super) fn unix_now() -> i64 {
    jiff::Timestamp::now().as_second()
}
