//! `flespi-gitops completions`.
//!
//! The script that a shell reads holds no commands: it asks this program, which knows the manifests of the working directory
//! as well. So it is never older than the program.

use clap_complete::env::Shells;
use clap_complete::{CompleteEnv, Shell};

use super::exit::Exit;
use super::output::Output;

/// What is completed.
const NAME: &str = "flespi-gitops";

/// The variable by which a shell asks.
const VARIABLE: &str = "FLESPI_GITOPS_COMPLETE";

/// Print a script that completes commands, options and addresses in a shell.
///
/// Addresses come from the manifests below the working directory, runs from the history of this machine.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  flespi-gitops completions bash > ~/.local/share/bash-completion/completions/flespi-gitops
  flespi-gitops completions zsh > \"${fpath[1]}/_flespi-gitops\"
  flespi-gitops completions fish > ~/.config/fish/completions/flespi-gitops.fish")]
pub(super) struct Args {
    /// The shell.
    #[arg(value_enum)]
    shell: Shell,
}

/// Answers a shell, if it is a shell that asks; the process ends then.
pub(super) fn answer(command: impl Fn() -> clap::Command) {
    CompleteEnv::with_factory(command).var(VARIABLE).bin(NAME).completer(NAME).complete();
}

pub(super) fn run(args: &Args, output: &Output) -> Exit {
    let shells = Shells::builtins();
    let name = args.shell.to_string();
    let mut script = Vec::new();
    let written = shells
        .completer(&name)
        .map(|shell| shell.write_registration(VARIABLE, NAME, NAME, NAME, &mut script));
    match written {
        Some(Ok(())) => {
            let script = String::from_utf8_lossy(&script);
            output.result(&match args.shell {
                Shell::Zsh => loaded_on_demand(&script),
                _ => script.into_owned(),
            });
            Exit::Done
        }
        _ => {
            output.error(&format!("there is no script for {name}"));
            Exit::Failed
        }
    }
}

/// A file of zsh's `fpath` is run at the first completion: then it has to complete, and not only to say who will.
fn loaded_on_demand(script: &str) -> String {
    let Some((definitions, registration)) = script.trim_end().rsplit_once('\n') else {
        return script.to_owned();
    };
    let function = registration.split_whitespace().nth(1).unwrap_or_default();
    format!(
        "{definitions}\nif [[ $funcstack[1] == _{NAME} ]]; then\n    {function} \"$@\"\nelse\n    \
         {registration}\nfi\n"
    )
}
