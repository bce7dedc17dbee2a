//! The gate that every command passes before it writes: one writer per stack, account and platform.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use super::duration::duration;
use super::exit::Exit;
use super::output::Output;
use crate::diagnostic::render::printable;
use crate::lock::{FileLeases, LockError, LockInfo};
use crate::pause::Pauses;
use crate::reconcile::{self, Prepared, Waits, Windows};
use crate::resource::Desired;

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
    pauses: Pauses,
    platform: String,
}

impl Gate {
    pub(super) fn new(state: &Path, platform: &str) -> Self {
        let (leases, pauses) = (FileLeases::new(state), Pauses::new(state));
        Self { leases, pauses, platform: platform.to_owned() }
    }

    /// Says in `prepared` what would wait now.
    ///
    /// # Errors
    /// It is unknown what is paused.
    pub(super) fn announce(
        &self,
        desired: &Desired,
        prepared: &mut Prepared,
        output: &Output,
    ) -> Result<(), Exit> {
        let now = Timestamp::now();
        let pauses = (&self.pauses, &*self.platform);
        match Waits::of(desired, pauses, Windows::Respected, now) {
            Ok(waits) => {
                waits.announce(&mut prepared.plan);
                Ok(())
            }
            Err(error) => {
                output.failure(&error, None);
                Err(Exit::Failed)
            }
        }
    }

    /// The gate as passes know it.
    pub(super) fn open(&self) -> reconcile::Gate<'_> {
        let Self { leases, pauses, platform } = self;
        let clock = Arc::new(Timestamp::now);
        reconcile::Gate { leases, pauses, platform: platform.clone(), clock }
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
