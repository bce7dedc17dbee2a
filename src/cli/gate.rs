//! The gate that every command passes before it writes: one writer per stack, account and platform.

use std::path::Path;
use std::time::Duration;

use super::duration::duration;
use super::exit::Exit;
use super::output::Output;
use crate::lock::{self, Fences, FileLeases, Holder, Lease, LeaseKey, Leases, LockError};
use crate::run::RunId;

/// Options of every command that writes.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct GateArgs {
    /// How long to wait for another run that holds the lock of this stack; then exit 7.
    #[arg(long, value_name = "DURATION", default_value = "10s", value_parser = duration)]
    pub(super) lock_timeout: Duration,
}

/// Where leases are, and whose platform they are about.
pub(super) struct Gate {
    leases: Box<dyn Leases>,
    platform: String,
}

impl std::fmt::Debug for Gate {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "Gate({})", self.platform)
    }
}

impl Gate {
    pub(super) fn new(state: &Path, platform: &str) -> Self {
        Self { leases: Box::new(FileLeases::new(state)), platform: platform.to_owned() }
    }

    /// Where leases are, for whoever takes them again and again.
    pub(super) fn leases(&self) -> &dyn Leases {
        &*self.leases
    }

    /// What locks call the platform.
    pub(super) fn platform(&self) -> &str {
        &self.platform
    }

    /// What was written so far, to be noted before the platform is read.
    pub(super) async fn fences(&self) -> Fences {
        self.leases.fences().await
    }

    /// Waits for the right to write. If the lease does not follow what was noted before, the plan
    /// has to be made again.
    pub(super) async fn pass(
        &self,
        (stack, account): (&str, i64),
        (command, run): (&str, &RunId),
        args: &GateArgs,
        output: &Output,
    ) -> Result<Lease, Exit> {
        let platform = self.platform.clone();
        let key = LeaseKey { platform, account, stack: stack.to_owned() };
        let holder = Holder::this_process(command, run);
        let waiting = |held: &lock::LockInfo| {
            let who = held.holder.as_ref().map_or_else(
                || "another run".to_owned(),
                |holder| format!("`{}`, run {}", holder.command, holder.run),
            );
            output.say(&format!("waiting for {who}, which holds the lock of this stack"));
        };
        let patience = args.lock_timeout;
        let lease = lock::acquire(&*self.leases, &key, &holder, patience, waiting).await;
        lease.map_err(|error| match error {
            LockError::Held(held) => {
                let advice = held.advice();
                output.failure(&LockError::Held(held), Some(&advice));
                Exit::Locked
            }
            unusable => {
                output.failure(&unusable, None);
                Exit::Failed
            }
        })
    }
}
