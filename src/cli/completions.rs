//! `flespi-gitops completions`.

use clap_complete::Shell;

use super::exit::Exit;
use super::output::Output;

/// What is completed.
const NAME: &str = "flespi-gitops";

/// Print a completion script for a shell.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  flespi-gitops completions bash > ~/.local/share/bash-completion/completions/flespi-gitops
  flespi-gitops completions zsh > \"${fpath[1]}/_flespi-gitops\"")]
pub(super) struct Args {
    /// The shell.
    #[arg(value_enum)]
    shell: Shell,
}

pub(super) fn run(args: &Args, mut command: clap::Command, output: &Output) -> Exit {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut command, NAME, &mut script);
    let script = String::from_utf8_lossy(&script);
    output.result(&match args.shell {
        Shell::Bash => with_one_spelling(&script),
        _ => script.into_owned(),
    });
    Exit::Done
}

/// The generator calls a program with a dash in its name in two ways, once as if what follows the dash were a command, so
/// that nothing after a command would be completed.
fn with_one_spelling(script: &str) -> String {
    script.replace(&NAME.replace('-', "__subcmd__"), &NAME.replace('-', "__"))
}
