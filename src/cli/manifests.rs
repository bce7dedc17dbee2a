//! Which manifests a command reads: the same options everywhere.

use std::path::PathBuf;

use crate::resource::{Address, AddressPattern, Desired};

/// For commands whose arguments are something else than paths.
#[derive(Debug, Clone, Default, clap::Args)]
pub(super) struct ByOption {
    /// Files and folders of manifests, `.` unless told otherwise; `-` is the standard input. Repeatable.
    #[arg(long, value_name = "PATH")]
    manifests: Vec<PathBuf>,

    /// Addresses that are never looked at, such as `subaccount/legacy-*`; a subaccount takes
    /// everything in it along. Repeatable; `spec.exclude` of the Stack says it for good.
    #[arg(long, value_name = "PATTERN")]
    pub(super) exclude: Vec<AddressPattern>,
}

/// For commands whose arguments are paths.
#[derive(Debug, Clone, Default, clap::Args)]
pub(super) struct Manifests {
    /// Files and folders of manifests, `.` unless told otherwise; `-` is the standard input.
    #[arg(value_name = "PATH")]
    paths: Vec<PathBuf>,

    #[command(flatten)]
    more: ByOption,
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
        false => format!("no manifest declares {address}"),
    }
}
