//! The face: arguments in, words and an exit code out. One command, one file.
//!
//! Results go to the standard output, everything else to the standard error, so that a pipe gets
//! only what was asked for.

mod advice;
mod apply;
mod assume;
mod broker;
mod by_hand;
mod candidates;
mod completions;
mod consent;
mod duration;
mod environment;
mod exit;
mod explain;
mod export;
mod folders;
mod gate;
mod guide;
mod health;
mod hearing;
mod history;
mod import;
mod init;
mod loading;
mod lock;
mod log_lines;
mod man;
mod manifests;
mod narrowed;
mod output;
mod outside;
mod pace;
mod page;
mod pause;
mod plan;
mod platform;
mod probe;
mod pulled;
mod record;
mod recorder;
mod rotate;
mod sandbox;
mod schema;
mod secrets;
mod session;
mod settings;
mod status;
mod stop;
mod undo;
mod validate;
mod watch;
mod writer;

use std::ffi::OsString;
use std::process::ExitCode;

use advice::with_advice;
use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};
use tokio::sync::oneshot;

pub use exit::Exit;
use output::Output;
use settings::{Common, LogFormat};
use stop::{Ending, Signals};
use writer::Writer;

use crate::handles;
use crate::shutdown;

const AFTER_HELP: &str = "\
Exit codes:
   0  done, or nothing to do
   1  failed, or the result could not be written
   2  plan --detailed-exitcode: there are changes
   3  the manifests are invalid
   4  the platform could not be read well enough to tell
   5  refused: a guard, a protection, a policy, a plan that no longer fits, or no consent; status and
      plan --detailed-exitcode: an object is blocked or disputed; --expiring-within: a token expires;
      probe: the platform does not do what is assumed of it
   6  applied in part; the report says what
   7  another run holds the lock
  64  wrong usage

Examples:
  flespi-gitops apply examples/fleet --platform sandbox --yes
  FLESPI_TOKEN_FILE=~/.flespi-token flespi-gitops plan accounts/
  flespi-gitops validate --format json accounts/";

/// Declarative accounts, limits and tokens for the flespi telematics platform.
///
/// Manifests in folders declare limits, subaccounts, tokens and webhooks; this program makes the
/// platform match them. Without an account, try it with `--platform sandbox`, an embedded copy of
/// the platform's API.
#[derive(Debug, Parser)]
#[command(version, about, after_help = AFTER_HELP, propagate_version = true)]
pub struct Cli {
    #[command(flatten)]
    common: Common,
    #[command(subcommand)]
    command: Command,
    /// What a person would type to have done once what `watch` does.
    #[arg(skip)]
    by_hand: String,
}

impl Cli {
    /// Reads the arguments of this process.
    fn read(arguments: &[OsString]) -> Result<Self, clap::Error> {
        let mut matches = Self::command().try_get_matches_from(arguments)?;
        // First: reading takes away what it reads.
        let watch = matches.subcommand_matches("watch");
        let by_hand = watch.map(|watch| by_hand::command(Self::command(), watch));
        let cli = Self::from_arg_matches_mut(&mut matches)
            .map_err(|error| error.format(&mut Self::command()))?;
        Ok(Self { by_hand: by_hand.unwrap_or_default(), ..cli })
    }
}

#[derive(Debug, Subcommand)]
enum Command {
    Init(init::Args),
    Validate(validate::Args),
    Plan(plan::Args),
    Apply(apply::Args),
    Watch(watch::Args),
    Export(export::Args),
    Import(import::Args),
    Explain(explain::Args),
    Status(status::Args),
    Rotate(rotate::Args),
    Schema(schema::Args),
    History(history::Args),
    Health(health::Args),
    Lock(lock::Args),
    Pause(pause::Args),
    Resume(pause::ResumeArgs),
    Undo(undo::Args),
    Probe(probe::Args),
    Sandbox(sandbox::Args),
    Guide(guide::Args),
    Completions(completions::Args),
    Man(man::Args),
}

/// The work has the stack of a main thread.
const STACK_BYTES: usize = 8 * 1024 * 1024;

/// Runs the program with the arguments and the environment of this process.
pub fn main() -> ExitCode {
    environment::tidy();
    completions::answer(Cli::command);
    run(std::env::args_os().collect()).into()
}

/// Says why nothing was begun, and sees that it is heard: a runtime that waits for the streams alone opens nothing.
fn not_begun(message: &str, output: &Output) -> Exit {
    output.error(message);
    match tokio::runtime::Builder::new_current_thread().enable_time().build() {
        Ok(runtime) => runtime.block_on(output.finish(Exit::Failed)),
        Err(_) => Exit::Failed,
    }
}

fn run(arguments: Vec<OsString>) -> Exit {
    // Without threads for them there is no way to say so.
    let Ok(writer) = Writer::start() else { return Exit::Failed };
    let output = Output::new(writer, log_format(&arguments));
    let most = handles::claim();
    if most < handles::LEAST {
        let message = format!(
            "only {most} files can be open at once; at least {} are needed\n  help: raise the limit with `ulimit -n`",
            handles::LEAST
        );
        return not_begun(&message, &output);
    }
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return not_begun(&format!("cannot start threads: {error}"), &output),
    };
    let exit = match Cli::read(&arguments) {
        Ok(cli) => runtime.block_on(work(cli, output.clone())),
        Err(error) => {
            let exit = parser_said(&with_advice(error, &arguments), &output);
            runtime.block_on(output.finish(exit))
        }
    };
    crate::children::kill_all();
    // Reading an endless standard input must not keep the process alive.
    runtime.shutdown_background();
    exit
}

/// The form of the log, also of options that are wrong otherwise.
fn log_format(arguments: &[OsString]) -> LogFormat {
    let texts: Vec<&str> = arguments.iter().filter_map(|argument| argument.to_str()).collect();
    let is_json = texts.windows(2).any(|pair| pair == ["--log-format", "json"])
        || texts.contains(&"--log-format=json");
    if is_json { LogFormat::Json } else { LogFormat::Text }
}

/// Help and version are results; what else stops the parser is wrong usage.
fn parser_said(error: &clap::Error, output: &Output) -> Exit {
    let text = error.render().ansi().to_string();
    if !error.use_stderr() {
        output.result(&text);
        return Exit::Done;
    }
    output.start_logging(0, false);
    match output.is_log() {
        true => {
            let text = anstream::adapter::strip_str(text.trim_end()).to_string();
            output.error(text.strip_prefix("error: ").unwrap_or(&text));
        }
        false => output.say(text.trim_end()),
    }
    Exit::Usage
}

/// Does the work on a thread of its own, so that signals are heard whatever it waits for.
async fn work(cli: Cli, output: Output) -> Exit {
    let output = output.with(&cli.common);
    output.start_logging(cli.common.verbose, matches!(cli.command, Command::Watch(_)));
    output.hear_panics();
    // Only fails when a provider is there already, which then serves as well.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let (wakes, ending) = (cli.command.wakes_on_hangup(), cli.command.ending());
    let mut signals = match Signals::listen(!wakes) {
        Ok(signals) => signals,
        Err(error) => {
            output.error(&format!("cannot listen for signals: {error}"));
            return output.finish(Exit::Failed).await;
        }
    };
    let (sender, done) = oneshot::channel();
    let (runtime, said) = (tokio::runtime::Handle::current(), output.clone());
    let thread = std::thread::Builder::new().name("work".to_owned()).stack_size(STACK_BYTES);
    let thread = thread.spawn(move || {
        // Nobody waits for it any more if a second signal came.
        let _ = sender.send(runtime.block_on(dispatch(cli, &said)));
    });
    if let Err(error) = thread {
        output.error(&format!("cannot start threads: {error}"));
        return output.finish(Exit::Failed).await;
    }
    let exit = stop::supervise(done, &mut signals, ending, &output).await;
    // A reader that does not read is waited for until the first signal.
    let finish = output.finish(exit);
    tokio::pin!(finish);
    tokio::select! {
        exit = &mut finish => return exit,
        _ = signals.next() => shutdown::begin(),
    }
    finish.await
}

impl Command {
    /// What it has to do when it is asked to end.
    fn ending(&self) -> Ending {
        match self {
            Self::Apply(_) | Self::Probe(_) | Self::Rotate(_) | Self::Undo(_) | Self::Watch(_) => {
                Ending::Writes
            }
            Self::Sandbox(_) => Ending::Serves,
            _ => Ending::Reads,
        }
    }

    /// Whether a hangup asks for something else than the end.
    fn wakes_on_hangup(&self) -> bool {
        matches!(self, Self::Watch(_))
    }
}

/// Runs a command. What only reads is broken off when the process is asked to end.
async fn dispatch(cli: Cli, output: &Output) -> Exit {
    let is_broken_off = cli.command.ending() == Ending::Reads;
    tokio::select! {
        // First, since what is broken off is no error of its own.
        biased;
        () = shutdown::begun(), if is_broken_off => Exit::Failed,
        exit = command(cli, output) => exit,
    }
}

async fn command(cli: Cli, output: &Output) -> Exit {
    let Cli { common, command, by_hand } = cli;
    let is_of_findings = matches!(common.format, settings::Format::Short | settings::Format::Sarif);
    if is_of_findings && !matches!(command, Command::Validate(_)) {
        output.error("only `validate` has the formats `short` and `sarif`");
        return Exit::Usage;
    }
    match command {
        Command::Init(args) => init::run(&args, &common, output).await,
        Command::Validate(args) => validate::run(&args, &common, output).await,
        Command::Plan(args) => plan::run(&args, &common, output).await,
        Command::Apply(args) => apply::run(&args, &common, output).await,
        Command::Watch(args) => watch::run(&args, &by_hand, &common, output).await,
        Command::Export(args) => export::run(&args, &common, output).await,
        Command::Import(args) => import::run(&args, &common, output).await,
        Command::Explain(args) => explain::run(&args, &common, output).await,
        Command::Status(args) => status::run(&args, &common, output).await,
        Command::Rotate(args) => rotate::run(&args, &common, output).await,
        Command::Schema(args) => schema::run(&args, output),
        Command::History(args) => history::run(&args, &common, output),
        Command::Health(args) => health::run(&args, output).await,
        Command::Lock(args) => lock::run(&args, &common, output).await,
        Command::Pause(args) => pause::run(&args, &common, output).await,
        Command::Resume(args) => pause::resume(&args, &common, output).await,
        Command::Undo(args) => undo::run(&args, &common, output).await,
        Command::Probe(args) => probe::run(&args, &common, output).await,
        Command::Sandbox(args) => sandbox::run(&args, &common, output).await,
        Command::Guide(args) => guide::run(&args, output),
        Command::Completions(args) => completions::run(&args, output),
        Command::Man(args) => man::run(&args, Cli::command(), output),
    }
}
