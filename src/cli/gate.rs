//! The gate that every command passes before it writes: one writer per stack, account and platform.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use super::duration::duration;
use super::exit::Exit;
use super::output::Output;
use super::secrets;
use super::settings::Common;
use crate::causes::error_chain;
use crate::diagnostic::render::printable;
#[cfg(feature = "postgres")]
use crate::lock::PostgresKeep;
use crate::lock::{
    EtcdKeep, FileLeases, Keep, KubernetesKeep, LeaseAddress, Leases, LockError, LockInfo,
    TermLeases,
};
use crate::pause::Pauses;
use crate::reconcile::{self, Prepared, Waits, Windows};
use crate::resource::Desired;
use crate::transport::TransportError;

/// Options of every command that writes.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct GateArgs {
    /// How long to wait for another run that holds the lock of this stack; then exit 7.
    #[arg(long, value_name = "DURATION", default_value = "10s", value_parser = duration)]
    pub(super) lock_timeout: Duration,
}

/// Leases where the options say that they are.
pub(super) enum Store {
    /// Locks of files, of the runs of one machine.
    File(FileLeases),
    /// A store that several machines share.
    Shared(TermLeases, Arc<dyn Keep>),
}

impl Store {
    /// The store of the options. Nothing is sent yet.
    pub(super) fn open(state: &Path, common: &Common, output: &Output) -> Result<Self, Exit> {
        let usage = |error: String| {
            output.error(&format!("--lease: {error}"));
            Exit::Usage
        };
        let address = LeaseAddress::parse(&common.lease).map_err(usage)?;
        let credentials = secrets::lease_credentials(common, output)?;
        if credentials.is_some() && address.is_open() {
            return Err(usage("a password would leave this machine without TLS".to_owned()));
        }
        let no_way = |error: TransportError| {
            output.failure(&error, Some(error.help()));
            Exit::Failed
        };
        let keep: Arc<dyn Keep> = match address {
            LeaseAddress::File => return Ok(Self::File(FileLeases::new(state))),
            LeaseAddress::Etcd { servers, prefix } => {
                Arc::new(EtcdKeep::new(&servers, &prefix, credentials).map_err(no_way)?)
            }
            #[cfg(feature = "postgres")]
            LeaseAddress::Postgres(address) => {
                Arc::new(PostgresKeep::new(&address, credentials.as_ref()).map_err(usage)?)
            }
            #[cfg(not(feature = "postgres"))]
            LeaseAddress::Postgres(_) => {
                let why = "this build has no PostgreSQL; build it with `--features postgres`";
                return Err(usage(why.to_owned()));
            }
            LeaseAddress::Kubernetes(place) => {
                let server = place.server.clone().or_else(KubernetesKeep::own_server);
                let server = server.ok_or_else(|| {
                    usage("not running in a cluster, and `?server=` is not set".to_owned())
                })?;
                Arc::new(KubernetesKeep::new(place, server).map_err(no_way)?)
            }
        };
        Ok(Self::Shared(TermLeases::new(Arc::clone(&keep)), keep))
    }

    /// The pauses, which are where the leases are.
    pub(super) fn pauses(&self, state: &Path) -> Pauses {
        match self {
            Self::File(_) => Pauses::new(state),
            Self::Shared(_, keep) => Pauses::Shared(Arc::clone(keep)),
        }
    }

    /// The store as whoever writes knows it.
    pub(super) fn leases(&self) -> &dyn Leases {
        match self {
            Self::File(leases) => leases,
            Self::Shared(leases, _) => leases,
        }
    }
}

/// Where leases are, and whose platform they are about.
pub(super) struct Gate {
    pub(super) store: Store,
    pauses: Pauses,
    platform: String,
}

impl Gate {
    pub(super) fn new(store: Store, state: &Path, platform: &str) -> Self {
        let pauses = store.pauses(state);
        Self { store, pauses, platform: platform.to_owned() }
    }

    /// Says in `prepared` what would wait now, or that this is unknown: whoever only looks needs no store.
    pub(super) async fn announce(&self, desired: &Desired, prepared: &mut Prepared) {
        let pauses = (&self.pauses, &*self.platform);
        match Waits::of(desired, pauses, Windows::Respected, Timestamp::now()).await {
            Ok(waits) => waits.announce(&mut prepared.plan),
            Err(error) => {
                let why = error_chain(&error);
                prepared.plan.notes.push(format!("{why}; nothing is written until that is known"));
            }
        }
    }

    /// The gate as passes know it.
    pub(super) fn open(&self) -> reconcile::Gate<'_> {
        let Self { store, pauses, platform } = self;
        let clock = Arc::new(Timestamp::now);
        reconcile::Gate { leases: store.leases(), pauses, platform: platform.clone(), clock }
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
        LockError::Away { .. } => {
            let help = "nothing was written; check --lease, and that its store runs";
            output.failure(&error, Some(help));
            Exit::Locked
        }
        LockError::Unusable { .. } | LockError::Unsupported(_) => {
            output.failure(&error, None);
            Exit::Failed
        }
    }
}
