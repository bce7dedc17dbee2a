//! The gate that every command passes before it writes: one writer per stack, account and platform.

use std::path::Path;
use std::time::Duration;

use super::duration::duration;
use super::exit::Exit;
use super::output::Output;
use crate::diagnostic::render::printable;
use crate::lock::{FileLeases, LockError, LockInfo};
use crate::reconcile;

/// Options of every command that writes.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct GateArgs {
    /// How long to wait for another run that holds the lock of this stack; then exit 7.
    #[arg(long, value_name = "DURATION", default_value = "10s", value_parser = duration)]
    pub(super) lock_timeout: Duration,
}

/// Where leases are, and whose platform they are about.
#[derive(Debug)]
pub(super) struct Gate {
    leases: FileLeases,
    platform: String,
}

impl Gate {
    pub(super) fn new(state: &Path, platform: &str) -> Self {
        Self { leases: FileLeases::new(state), platform: platform.to_owned() }
    }

    /// The gate as passes know it.
    pub(super) fn open(&self) -> reconcile::Gate<'_> {
        reconcile::Gate { leases: &self.leases, platform: self.platform.clone() }
    }
}

/// Who is waited for.
pub(super) fn waiting(held: &LockInfo) -> String {
    let who = held.holder.as_ref().map_or_else(
        || "another run".to_owned(),
        |holder| format!("`{}`, run {}", printable(&holder.command), holder.run),
    );
    format!("waiting for {who}, which holds the lock of this stack")
}

/// Says why the lock was not to be had, and what to do.
pub(super) fn explain(error: LockError, output: &Output) -> Exit {
    match error {
        LockError::Held(held) => {
            let advice = held.advice();
            output.failure(&LockError::Held(held), Some(&advice));
            Exit::Locked
        }
        unusable => {
            output.failure(&unusable, None);
            Exit::Failed
        }
    }
}
