//! The face: arguments in, words and an exit code out. One command, one file.
//!
//! Results go to the standard output, everything else to the standard error, so that a pipe gets
//! only what was asked for.

mod apply;
mod completions;
mod exit;
mod explain;
mod export;
mod gate;
mod history;
mod lock;
mod log_lines;
mod output;
mod outside;
mod plan;
mod recorder;
mod rotate;
mod sandbox;
mod schema;
mod session;
mod settings;
mod status;
mod stop;
mod validate;
mod watch;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};

pub use exit::Exit;
use output::Output;
use settings::Common;

const AFTER_HELP: &str = "\
Exit codes:
   0  done, or nothing to do
   1  failed, nothing more specific
   2  plan --detailed-exitcode: there are changes
   3  the manifests are invalid
   4  the platform could not be read well enough to tell
   5  refused: a guard, a protection, no consent, or --expiring-within
   6  applied in part; the report says what
   7  another run holds the lock
  64  wrong usage

Examples:
  flespi-gitops apply examples/fleet --platform sandbox --yes
  FLESPI_TOKEN_FILE=~/.flespi-token flespi-gitops plan accounts/
  flespi-gitops validate --format json accounts/";

/// Declarative accounts, limits and tokens for the flespi telematics platform.
///
/// Manifests in folders say which limits, subaccounts and tokens shall be there; this program
/// makes the platform so. Without an account, `--platform sandbox` does it all on an embedded
/// copy of the platform's API.
#[derive(Debug, Parser)]
#[command(version, about, after_help = AFTER_HELP, propagate_version = true)]
pub struct Cli {
    #[command(flatten)]
    common: Common,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Validate(validate::Args),
    Plan(plan::Args),
    Apply(apply::Args),
    Watch(watch::Args),
    Export(export::Args),
    Explain(explain::Args),
    Status(status::Args),
    Rotate(rotate::Args),
    Schema(schema::Args),
    History(history::Args),
    Lock(lock::Args),
    Sandbox(sandbox::Args),
    Completions(completions::Args),
}

/// Runs the program with the arguments and the environment of this process.
pub fn main() -> ExitCode {
    run(std::env::args_os()).into()
}

fn run(arguments: impl IntoIterator<Item = OsString>) -> Exit {
    let cli = match Cli::try_parse_from(arguments) {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version are results; what else stops the parser is wrong usage.
            let is_wrong = error.use_stderr();
            let _ = error.print();
            return if is_wrong { Exit::Usage } else { Exit::Done };
        }
    };
    let output = Output::new(&cli.common);
    output.start_logging(&cli.common, matches!(cli.command, Command::Watch(_)));
    // Only fails when a provider is there already, which then serves as well.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            output.error(&format!("no threads to work with: {error}"));
            return Exit::Failed;
        }
    };
    let exit = runtime.block_on(dispatch(cli, &output));
    // Reading an endless standard input must not keep the process alive.
    runtime.shutdown_background();
    exit
}

async fn dispatch(cli: Cli, output: &Output) -> Exit {
    let Cli { common, command } = cli;
    let is_of_findings = matches!(common.format, settings::Format::Short | settings::Format::Sarif);
    if is_of_findings && !matches!(command, Command::Validate(_)) {
        output.error("the formats `short` and `sarif` are those of `validate`");
        return Exit::Usage;
    }
    match command {
        Command::Validate(args) => validate::run(&args, &common, output),
        Command::Plan(args) => plan::run(&args, &common, output).await,
        Command::Apply(args) => apply::run(&args, &common, output).await,
        Command::Watch(args) => watch::run(&args, &common, output).await,
        Command::Export(args) => export::run(&args, &common, output).await,
        Command::Explain(args) => explain::run(&args, &common, output).await,
        Command::Status(args) => status::run(&args, &common, output).await,
        Command::Rotate(args) => rotate::run(&args, &common, output).await,
        Command::Schema(args) => schema::run(&args, output),
        Command::History(args) => history::run(&args, &common, output),
        Command::Lock(args) => lock::run(&args, &common, output).await,
        Command::Sandbox(args) => sandbox::run(&args, output).await,
        Command::Completions(args) => completions::run(&args, Cli::command(), output),
    }
}
