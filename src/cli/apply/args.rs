//! The options of `flespi-gitops apply`.

use std::path::PathBuf;
use std::time::Duration;

use clap::ValueEnum;

use crate::apply::OnError;
use crate::cli::duration::positive;
use crate::cli::gate::GateArgs;
use crate::cli::manifests::Manifests;
use crate::cli::narrowed::Only;
use crate::cli::pace::Pace;

/// Make the platform match the manifests.
///
/// Shows the plan, asks, and applies it: limits, subaccounts, their assignment, tokens, credentials, then
/// further kinds; deletions in reverse.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  flespi-gitops apply examples/fleet --platform sandbox --yes
  flespi-gitops apply accounts/ --prune
  flespi-gitops apply --git https://git.example.com/fleet.git --ref main --path accounts
  flespi-gitops apply --plan reviewed.plan --yes
  flespi-gitops apply accounts/ --yes --events /dev/stderr
  flespi-gitops apply accounts/ --yes --format json > report.json")]
pub(in crate::cli) struct Args {
    #[command(flatten)]
    pub(super) manifests: Manifests,

    #[command(flatten)]
    pub(super) only: Only,

    /// Apply a plan that `plan --out FILE` saved: exactly what was reviewed, or nothing.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["paths", "manifests", "git", "prune", "exclude", "patterns"])]
    pub(super) plan: Option<PathBuf>,

    /// Delete objects with this stack's mark that are no longer declared.
    #[arg(long)]
    pub(super) prune: bool,

    /// Apply without asking.
    #[arg(short, long)]
    pub(super) yes: bool,

    /// What to do with independent steps after a step fails.
    #[arg(long, value_enum, default_value = "finish", value_name = "WHAT")]
    pub(super) on_error: OnErrorArg,

    /// Approve what a guard refuses, for the plan of this digest and no other.
    #[arg(long, value_name = "DIGEST")]
    pub(super) approve: Option<String>,

    #[command(flatten)]
    pub(super) pace: Pace,

    /// Fail at once when a call would have to wait past this time, counted from the start.
    #[arg(long, value_name = "DURATION", value_parser = positive)]
    pub(super) deadline: Option<Duration>,

    /// Do risky steps now, also outside of the windows of the Stack.
    #[arg(long)]
    pub(super) ignore_windows: bool,

    /// Write progress to FILE as lines of JSON; FILE can be /dev/stderr.
    #[arg(long, value_name = "FILE")]
    pub(super) events: Option<PathBuf>,

    #[command(flatten)]
    pub(super) gate: GateArgs,
}

/// What a failed step means for the rest.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(super) enum OnErrorArg {
    /// Independent branches go on.
    Finish,
    /// Nothing new begins.
    Stop,
}

impl From<OnErrorArg> for OnError {
    fn from(argument: OnErrorArg) -> Self {
        match argument {
            OnErrorArg::Finish => Self::Finish,
            OnErrorArg::Stop => Self::Stop,
        }
    }
}

impl Args {
    /// The options of a run that takes what it does from somewhere else.
    pub(in crate::cli) fn consent(
        yes: bool,
        approve: Option<String>,
        gate: GateArgs,
        pace: Pace,
    ) -> Self {
        Self {
            manifests: Manifests::default(),
            only: Only::default(),
            plan: None,
            prune: false,
            yes,
            on_error: OnErrorArg::Finish,
            approve,
            pace,
            deadline: None,
            ignore_windows: false,
            events: None,
            gate,
        }
    }
}
