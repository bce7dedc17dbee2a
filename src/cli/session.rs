//! What plan, apply and watch have in common: manifests, a platform to talk to, and the words for
//! when either is not to be had.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::environment;
use super::exit::Exit;
use super::gate::Gate;
use super::output::Output;
use super::platform::Platform;
use super::recorder::Recorder;
use super::settings::{Common, Format, TOKEN_FILE_VARIABLE, TOKEN_VARIABLE};
use super::stop::unless_stopped;
use crate::api::{ApiError, Class, Client, ClientError, Settings};
use crate::diagnostic::Code;
use crate::diagnostic::render::{self, Color};
use crate::manifest::{self, Load};
use crate::observe::{ObserveError, Seen};
use crate::reconcile::Context;
use crate::report::findings_markdown;
use crate::resource::{AddressPattern, Signer, is_valid_name};
use crate::run::RunId;
use crate::sandbox::{self, Sandbox};
use crate::secret::reading::{self, Unfit};
use crate::secret::{ExposeSecret, SecretString, Spool, Stores, Trust};

/// The shortest key of a spool: letters and digits of this length are 190 bits.
const SPOOL_KEY_LENGTH: usize = 32;

/// How long one try of a call may take.
const CALL_TIMEOUT: Duration = Duration::from_secs(30);

/// Reads the manifests; wrong ones are shown and end the run.
pub(super) async fn load(
    paths: &[PathBuf],
    exclude: &[AddressPattern],
    common: &Common,
    output: &Output,
) -> Result<Load, Exit> {
    let stores = stores(common, output)?;
    let (paths, wishes) = (paths.to_owned(), common.clone());
    let reading = move || {
        let options = manifest::Options { stores: stores.as_ref(), ..options(&wishes) };
        manifest::load_with(&paths, &options)
    };
    let Some(mut load) = unless_stopped(reading).await else {
        output.error("stopped while reading the manifests; nothing was done");
        return Err(Exit::Failed);
    };
    leave_time_to_the_platform(&mut load);
    if !load.diagnostics.is_empty() {
        show_diagnostics(&load, common, output);
    }
    if load.diagnostics.has_errors() {
        return Err(Exit::Invalid);
    }
    choose_stack(&mut load, common, output)?;
    load.desired.exclude(exclude.iter().cloned());
    Ok(load)
}

/// What has expired is decided by the platform's clock: one token whose `expire` has passed is no reason to do nothing
/// about all the rest.
pub(super) fn leave_time_to_the_platform(load: &mut Load) {
    load.diagnostics.soften(Code::TokenExpired);
}

/// How manifests are loaded for a run.
pub(super) fn options(common: &Common) -> manifest::Options<'_> {
    manifest::Options {
        now: unix_now(),
        overlay: common.overlay.as_deref(),
        expanded: false,
        stores: None,
        allow_outside: common.allow_outside,
        deny: &common.deny,
    }
}

/// The stores that the operator describes.
pub(super) fn stores(common: &Common, output: &Output) -> Result<Option<Stores>, Exit> {
    let Some(file) = &common.stores else { return Ok(None) };
    Stores::read(file).map(Some).map_err(|error| {
        output.failure(&error, None);
        Exit::Usage
    })
}

/// What is wrong goes to the standard error, since the result of the command is something else.
pub(super) fn show_diagnostics(load: &Load, common: &Common, output: &Output) {
    let diagnostics = load.diagnostics.as_slice();
    match common.format {
        Format::Text | Format::Short | Format::Sarif => {
            output.findings(load, output.diagnostics_color());
        }
        // Whoever asked for a comment needs one that says why there is no plan; warnings leave the
        // comment to the plan.
        Format::Markdown if load.diagnostics.has_errors() => {
            output.result(&findings_markdown_of(load, common));
        }
        Format::Markdown => output.findings(load, Color::Off),
        // With errors they are the result; with warnings alone that is still to come, and two
        // documents are none that a machine reads.
        Format::Json if load.diagnostics.has_errors() => {
            output.result(&(render::json(&load.sources, diagnostics) + "\n"));
        }
        Format::Json if output.is_log() => output.findings(load, Color::Off),
        Format::Json => output.say(&render::json(&load.sources, diagnostics)),
    }
}

/// All findings as a comment.
pub(super) fn findings_markdown_of(load: &Load, common: &Common) -> String {
    let text = render::human(&load.sources, load.diagnostics.as_slice(), Color::Off);
    let stack = common.stack.as_ref().unwrap_or(&load.desired.stack);
    findings_markdown(&text, stack, common.markdown_limit)
}

/// The stack named on the command line, which must not contradict a Stack manifest: objects marked
/// with another name would be out of reach from one run to the next.
fn choose_stack(load: &mut Load, common: &Common, output: &Output) -> Result<(), Exit> {
    load.desired.stack = stack_of(load, common, output)?;
    Ok(())
}

/// The stack that a load is for.
pub(super) fn stack_of(load: &Load, common: &Common, output: &Output) -> Result<String, Exit> {
    let Some(name) = &common.stack else { return Ok(load.desired.stack.clone()) };
    if !is_valid_name(name) {
        output.error(&format!("`{name}` is no name for a stack: use a-z, 0-9, `.`, `_` and `-`"));
        return Err(Exit::Usage);
    }
    if let Some(origin) = &load.stack_origin
        && load.desired.stack != *name
    {
        output.error(&format!(
            "--stack says `{name}`, and the Stack manifest at {origin} says `{}`",
            load.desired.stack
        ));
        return Err(Exit::Usage);
    }
    Ok(name.clone())
}

/// A platform to talk to.
#[derive(Debug)]
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
    sandbox: Option<Sandbox>,
}

impl Session {
    /// Finds the platform and the token. Nothing is sent yet.
    pub(super) async fn open(common: &Common, output: &Output) -> Result<Self, Exit> {
        let platform = platform(common, output)?;
        let (state, name) = (state_folder(common, output)?, platform.name());
        let signer = signer(common, output)?;
        let (gate, recorder) = (Gate::new(&state, &name), Recorder::new(&state, &name));
        let spool = spool(common, &state, name, output)?;
        let (sandbox, platform, token) = match platform {
            Platform::Embedded(folder) => {
                let sandbox = start_sandbox(folder, output).await?;
                let token = sandbox.token().clone();
                let Ok(url) = sandbox.url().parse() else { return Err(Exit::Failed) };
                (Some(sandbox), url, token)
            }
            Platform::At(url) => (None, url, token(common, output)?),
        };
        let run = RunId::new();
        let trace = Some(run.as_str().to_owned());
        let settings = Settings { platform, timeout: CALL_TIMEOUT, trace };
        match Client::new(&settings, &token) {
            Ok(client) => Ok(Self { client, signer, spool, run, gate, recorder, sandbox }),
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
        self.client.signed_with(&token(common, output).ok()?).ok()
    }

    /// What a pass works with. `seen` is what was there before.
    pub(super) fn context<'a>(&'a self, trust: &'a Trust, seen: Option<&'a Seen>) -> Context<'a> {
        let Self { client, signer, spool, .. } = self;
        Context { client, signer, spool, trust, seen, overwritten: None }
    }

    /// Lets go of the platform; the embedded one writes its state down.
    pub(super) async fn close(self, output: &Output) {
        if let Some(sandbox) = self.sandbox
            && let Err(error) = sandbox.stop().await
        {
            output.failure(&error, None);
        }
    }
}

fn signer(common: &Common, output: &Output) -> Result<Signer, Exit> {
    let Some(file) = &common.mark_key_file else { return Ok(Signer::default()) };
    let key = read_secret("key file", file, reading::key, output).map_err(|()| Exit::Usage)?;
    Signer::new(key, common.trust_unsigned_marks).map_err(|error| {
        output.error(&format!("{}: {error}", file.display()));
        Exit::Usage
    })
}

fn spool(common: &Common, state: &Path, platform: String, output: &Output) -> Result<Spool, Exit> {
    if common.no_spool {
        return Ok(Spool::none());
    }
    let key = match &common.spool_key_file {
        Some(file) => {
            let key = read_secret("spool key file", file, reading::key, output);
            let key = key.map_err(|()| Exit::Usage)?;
            if key.expose_secret().len() < SPOOL_KEY_LENGTH {
                output.error(&format!(
                    "{}: a key has at least {SPOOL_KEY_LENGTH} characters",
                    file.display()
                ));
                return Err(Exit::Usage);
            }
            Some(key)
        }
        None => None,
    };
    Ok(Spool::new(state.join("spool"), platform, key))
}

/// The platform that is to be worked on.
fn platform(common: &Common, output: &Output) -> Result<Platform, Exit> {
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
            "there is no home folder for locks and history, which all runs have to share\n  help: \
             name a folder with --state-dir",
        );
        Exit::Usage
    })
}

/// A relative path would be another folder for every working directory, so that runs do not meet.
fn default_state_folder(xdg: Option<PathBuf>, home: Option<PathBuf>) -> Option<PathBuf> {
    let xdg = xdg.filter(|folder| folder.is_absolute());
    let home = home.filter(|home| home.is_absolute()).map(|home| home.join(".local/state"));
    Some(xdg.or(home)?.join("flespi-gitops"))
}

async fn start_sandbox(folder: PathBuf, output: &Output) -> Result<Sandbox, Exit> {
    output.say(&format!("platform: the embedded sandbox, state in {}", folder.display()));
    let options = sandbox::Options { state: Some(folder), ..sandbox::Options::default() };
    Sandbox::start(options).await.map_err(|error| {
        output.failure(&error, None);
        Exit::Unknown
    })
}

fn token(common: &Common, output: &Output) -> Result<SecretString, Exit> {
    let variable = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
    let file = match (&common.token_file, environment::token()) {
        (Some(file), _) => file.clone(),
        (None, Some(token)) => {
            return reading::token(token.into_encoded_bytes()).map_err(|why| {
                unfit(TOKEN_VARIABLE, &why, output);
                Exit::Unknown
            });
        }
        (None, None) => match variable(TOKEN_FILE_VARIABLE) {
            Some(file) => PathBuf::from(file),
            None => {
                output.error(&format!(
                    "no token\n  help: put a master token into {TOKEN_VARIABLE}, or its file's \
                     name into {TOKEN_FILE_VARIABLE} or --token-file; or use --platform sandbox"
                ));
                return Err(Exit::Unknown);
            }
        },
    };
    read_secret("token file", &file, reading::token, output).map_err(|()| Exit::Unknown)
}

fn read_secret(
    what: &str,
    file: &Path,
    read: fn(Vec<u8>) -> Result<SecretString, Unfit>,
    output: &Output,
) -> Result<SecretString, ()> {
    let name = format!("the {what} {}", file.display());
    let bytes = std::fs::read(file)
        .map_err(|error| output.error(&format!("{name} could not be read: {error}")))?;
    read(bytes).map_err(|why| unfit(&name, &why, output))
}

/// Says why what was read is no secret; of it nothing but that.
fn unfit(name: &str, why: &Unfit, output: &Output) {
    output.error(&format!("{name} {why}"));
}

/// Says why the platform could not be observed, and what to do.
pub(super) fn explain(error: &ObserveError, common: &Common, output: &Output) {
    let hint = match error {
        ObserveError::Identity(error) => advice(error),
        ObserveError::Unidentified => "is --platform really the platform's API?",
        ObserveError::NotMaster(_) => "create a token of the type Master and use that",
        ObserveError::Unsettled(_) => "nothing was changed",
    };
    output.failure(error, Some(&format!("{hint} (platform: {})", common.platform)));
}

/// What to do about a platform that does not say who we are.
fn advice(error: &ApiError) -> &'static str {
    match (error.class, error.status) {
        (Class::Unauthorized, _) => {
            "check the token: does it belong to this region's host, and has it not expired?"
        }
        (Class::Unreachable | Class::Lost, _) => {
            "check --platform and the network; nothing was changed"
        }
        (_, 300..400) => {
            "name the address of the API itself in --platform; a redirect is never followed, since \
             it could carry the token elsewhere"
        }
        (_, 404) => "check --platform: something answers there that is not the platform's API",
        (_, 407) => {
            "put user name and password into the proxy's address in HTTPS_PROXY, or name the host \
             in NO_PROXY"
        }
        _ => "nothing was changed; try again later",
    }
}

/// The present in unix seconds.
pub(super) fn unix_now() -> i64 {
    jiff::Timestamp::now().as_second()
}
