//! One writer: a run that changes an account for a stack holds its lease.
//!
//! Plans take none: they only read. A writer notes the [`Fences`] before it reads the platform, plans, and takes the
//! lease when there is something to write. If somebody else held the lease in between
//! ([`Lease::follows`]), the plan is old news and is made again, now under the lease.
//!
//! A lease frees itself when its holder ends, however it ends. What else is stored with it (holder,
//! run, heartbeat) is for people; nothing is decided by it.
//!
//! [`Leases`] is the seam: here they are locks of files ([`FileLeases`]), good for one machine;
//! leases of a database or a cluster fit the same four questions.

mod file;
mod info;

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

use crate::shutdown;

pub use file::FileLeases;
pub use info::{Fences, Holder, LeaseKey, LockInfo, LockState, Locks, LocksFormat};

/// How often somebody who waits asks again. Freeing is not announced by every kind of lease.
const ASK_EVERY: Duration = Duration::from_millis(100);

/// Somebody who does not want to wait still asks that often: whoever looks at a lock from outside
/// holds it for an instant.
const LEAST_TRIES: u32 = 3;

/// Why a lease is not to be had.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Another run holds it.
    #[error("{}", info::refusal(.0, jiff::Timestamp::now().as_second()))]
    Held(Box<LockInfo>),
    /// It is unknown whether anybody holds it.
    #[error("cannot use the lock {path}: {reason}")]
    Unusable {
        /// Where the lock is.
        path: String,
        /// Why.
        reason: String,
    },
}

/// A future that can be sent to another thread, so that [`Leases`] can be an object.
pub type Soon<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Where leases are kept.
pub trait Leases: Send + Sync {
    /// What is known of every lease at this moment. Never waits for a holder.
    fn fences(&self) -> Soon<'_, Fences>;

    /// Takes the lease if nobody has it, and keeps it alive until it is dropped.
    ///
    /// # Errors
    /// [`LockError`].
    fn try_acquire<'a>(
        &'a self,
        key: &'a LeaseKey,
        holder: &'a Holder,
    ) -> Soon<'a, Result<Lease, LockError>>;

    /// Every lease that there is or was, for people.
    ///
    /// # Errors
    /// [`LockError::Unusable`].
    fn list(&self) -> Soon<'_, Result<Vec<LockInfo>, LockError>>;
}

/// Takes the lease, and waits for it for at most `patience`. `waiting` is told once of whom it is
/// that we wait for.
///
/// # Errors
/// [`LockError`] of the last try.
pub async fn acquire(
    leases: &dyn Leases,
    key: &LeaseKey,
    holder: &Holder,
    patience: Duration,
    mut waiting: impl FnMut(&LockInfo),
) -> Result<Lease, LockError> {
    let end = Instant::now() + patience;
    let mut tries = 0;
    loop {
        tries += 1;
        let held = match leases.try_acquire(key, holder).await {
            Err(LockError::Held(info)) => info,
            other => return other,
        };
        if tries >= LEAST_TRIES && Instant::now() >= end {
            return Err(LockError::Held(held));
        }
        if tries == LEAST_TRIES {
            waiting(&held);
        }
        tokio::time::sleep(ASK_EVERY).await;
    }
}

/// Becomes true as soon as one of the two does.
pub fn either(stop: watch::Receiver<bool>, lost: watch::Receiver<bool>) -> watch::Receiver<bool> {
    let (sender, both) = watch::channel(*stop.borrow() || *lost.borrow());
    tokio::spawn(async move {
        tokio::select! {
            () = shutdown::raised(stop) => {}
            () = shutdown::raised(lost) => {}
            () = sender.closed() => return,
        }
        sender.send_replace(true);
    });
    both
}

/// The right to write. Dropping it gives it back.
pub struct Lease {
    fence: u64,
    previous: Option<u64>,
    key: LeaseKey,
    lost: watch::Receiver<bool>,
    _held: Box<dyn Send>,
}

impl std::fmt::Debug for Lease {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "Lease({}, fence {})", self.key, self.fence)
    }
}

impl Lease {
    /// The number of this lease: larger than that of every lease of the same key before it.
    pub fn fence(&self) -> u64 {
        self.fence
    }

    /// Whether nobody else held the lease when `fences` were noted, or since.
    pub fn follows(&self, fences: &Fences) -> bool {
        fences.precede(&self.key, self.previous)
    }

    /// Becomes true if the lease is taken from us; whoever holds it then begins nothing new.
    pub fn lost(&self) -> watch::Receiver<bool> {
        self.lost.clone()
    }
}
