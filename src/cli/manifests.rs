//! Which manifests a command reads: the same options everywhere.

use std::path::PathBuf;

use super::pulled::GitArgs;
use crate::resource::{Address, AddressPattern, Desired};

/// For commands whose arguments are something else than paths.
#[derive(Debug, Clone, Default, clap::Args)]
pub(super) struct ByOption {
    /// Files and folders of manifests, by default `.`; `-` is stdin. Repeatable.
    #[arg(long, value_name = "PATH")]
    manifests: Vec<PathBuf>,

    /// Addresses to leave alone, such as `subaccount/legacy-*`; a subaccount includes everything in
    /// it. Repeatable; to make it permanent, write `spec.exclude` in the Stack.
    #[arg(long, value_name = "PATTERN")]
    pub(super) exclude: Vec<AddressPattern>,
}

/// For commands whose arguments are paths.
#[derive(Debug, Clone, Default, clap::Args)]
pub(super) struct Manifests {
    /// Files and folders of manifests, by default `.`; `-` is stdin.
    #[arg(value_name = "PATH")]
    paths: Vec<PathBuf>,

    #[command(flatten)]
    more: ByOption,

    #[command(flatten)]
    pub(super) git: GitArgs,
}

impl ByOption {
    /// The paths to read.
    pub(super) fn paths(&self) -> Vec<PathBuf> {
        or_here(self.manifests.clone())
    }
}

impl Manifests {
    /// The paths to read.
    pub(super) fn paths(&self) -> Vec<PathBuf> {
        or_here(self.paths.iter().chain(&self.more.manifests).cloned().collect())
    }

    /// What is not looked at.
    pub(super) fn exclude(&self) -> &[AddressPattern] {
        &self.more.exclude
    }
}

fn or_here(paths: Vec<PathBuf>) -> Vec<PathBuf> {
    if paths.is_empty() { vec![PathBuf::from(".")] } else { paths }
}

/// Why `address`, which was asked for, is not among the declared objects.
pub(super) fn absence(desired: &Desired, address: &Address) -> String {
    match desired.is_excluded(address) {
        true => format!("{address} is excluded"),
        false => format!("{address} is not declared"),
    }
}

#[cfg(test)]
mod tests {
    use clap::{Arg, Command, CommandFactory};

    use crate::cli::Cli;

    /// Commands that read manifests and take their paths as arguments.
    const BY_PATH: [&str; 5] = ["apply", "plan", "status", "validate", "watch"];

    /// Commands that read manifests and take something else as arguments.
    const BY_OPTION: [&str; 2] = ["explain", "rotate"];

    /// Commands that read no manifest.
    const NEITHER: [&str; 15] = [
        "completions",
        "export",
        "guide",
        "health",
        "history",
        "import",
        "init",
        "lock",
        "man",
        "pause",
        "probe",
        "resume",
        "sandbox",
        "schema",
        "undo",
    ];

    fn option<'a>(command: &'a Command, long: &str) -> Option<&'a Arg> {
        command.get_arguments().find(|arg| arg.get_long() == Some(long))
    }

    /// What a person sees of an argument.
    fn seen(arg: &Arg) -> String {
        let names = arg.get_value_names().unwrap_or_default();
        format!("{names:?} {:?} {:?}", arg.get_help().map(ToString::to_string), arg.get_action())
    }

    #[test]
    fn every_command_that_reads_manifests_takes_them_and_what_to_leave_out_alike() {
        let cli = Cli::command();
        let mut known: Vec<&str> = [&BY_PATH[..], &BY_OPTION, &NEITHER].concat();
        known.sort_unstable();
        let mut all: Vec<&str> = cli.get_subcommands().map(Command::get_name).collect();
        all.sort_unstable();
        assert_eq!(all, known, "say of a new command whether it reads manifests");

        let plan = cli.find_subcommand("plan").unwrap();
        let paths = plan.get_positionals().next().unwrap();
        for name in BY_PATH.iter().chain(&BY_OPTION) {
            let command = cli.find_subcommand(name).unwrap();
            for long in ["manifests", "exclude"] {
                let ours = option(command, long).unwrap_or_else(|| panic!("{name} --{long}"));
                assert_eq!(seen(ours), seen(option(plan, long).unwrap()), "{name} --{long}");
            }
        }
        for name in BY_PATH {
            let ours: Vec<&Arg> = cli.find_subcommand(name).unwrap().get_positionals().collect();
            assert!(ours.len() == 1 && seen(ours[0]) == seen(paths), "{name}: {ours:?}");
        }
        for name in NEITHER {
            assert!(option(cli.find_subcommand(name).unwrap(), "manifests").is_none(), "{name}");
        }
        // An export reads none and leaves the same things out.
        let of_export = option(cli.find_subcommand("export").unwrap(), "exclude").unwrap();
        assert_eq!(of_export.get_value_names(), option(plan, "exclude").unwrap().get_value_names());
        assert_eq!(format!("{:?}", of_export.get_action()), "Append");
    }
}
