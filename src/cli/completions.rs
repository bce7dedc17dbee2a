//! `flespi-gitops completions`.

use clap_complete::Shell;

use super::exit::Exit;
use super::output::Output;

/// Print a script that teaches a shell to complete commands and options.
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
    clap_complete::generate(args.shell, &mut command, "flespi-gitops", &mut script);
    output.result(&String::from_utf8_lossy(&script));
    Exit::Done
}
