//! One writer: a run that changes an account for a stack holds its lease.
//!
//! Plans take none: they only read. A writer notes the [`Fences`] before it reads the platform, plans, and takes the
//! lease when there is something to write. If somebody else held the lease in between
//! ([`Lease::follows`]), the plan is old news and is made again, now under the lease.
//!
//! A lease frees itself when its holder ends, however it ends. What else is stored with it (holder,
//! run, heartbeat) is for people; nothing is decided by it.
//!
//! [`Leases`] is the seam. Locks of files ([`FileLeases`]) are good for one machine; [`TermLeases`] hold across machines,
//! over any store that keeps small values ([`Keep`]): they end by themselves, and a run divides a stack with others in
//! [shares](Share). What exactly they promise stands in `lock/term.rs`.

mod address;
mod credentials;
mod etcd;
mod file;
mod heart;
mod held;
mod info;
mod keep;
mod kubernetes;
mod membership;
#[cfg(feature = "postgres")]
mod postgres;
mod record;
mod right;
mod share;
mod soon;
mod term;
mod ticks;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

use crate::shutdown;

pub use address::LeaseAddress;
pub use credentials::Credentials;
pub use etcd::EtcdKeep;
pub use file::FileLeases;
pub use heart::LASTS;
pub use info::{Fences, Holder, LeaseKey, LockInfo, LockState, Locks, LocksFormat};
pub use keep::{Away, Keep, Kept, Version, Written};
pub use kubernetes::{KubernetesKeep, KubernetesPlace};
pub use membership::Membership;
#[cfg(feature = "postgres")]
pub use postgres::PostgresKeep;
pub use right::{Over, Right};
pub use share::Share;
pub use soon::Soon;
pub use term::TermLeases;

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
    /// The store of leases did not answer, so it is unknown whether anybody holds it.
    #[error("the store of leases {place} is not to be had: {reason}")]
    Away {
        /// Where leases are kept, without credentials.
        place: String,
        /// Why.
        reason: String,
    },
    /// Leases of this kind cannot do that.
    #[error("{0}")]
    Unsupported(&'static str),
}

/// Where leases are kept.
pub trait Leases: Send + Sync {
    /// What is known of every lease at this moment. Never waits for a holder.
    fn fences(&self) -> Soon<'_, Fences>;

    /// Takes the lease on these shares of a stack if nobody has any of them, and keeps it alive until it is released or
    /// dropped. Where leases are not [shared](Self::is_shared) it is on all of the stack.
    ///
    /// # Errors
    /// [`LockError`].
    fn try_acquire<'a>(
        &'a self,
        key: &'a LeaseKey,
        shares: &'a BTreeSet<Share>,
        holder: &'a Holder,
    ) -> Soon<'a, Result<Lease, LockError>>;

    /// Every lease that there is or was, for people.
    ///
    /// # Errors
    /// [`LockError::Unusable`].
    fn list(&self) -> Soon<'_, Result<Vec<LockInfo>, LockError>>;

    /// Takes what `id` holds away from it, with who did it and why on record; what it was, none if it is not there.
    ///
    /// # Errors
    /// [`LockError`].
    fn break_lease<'a>(
        &'a self,
        id: &'a str,
        by: &'a str,
        reason: &'a str,
    ) -> Soon<'a, Result<Option<LockInfo>, LockError>>;

    /// How often somebody who waits asks again.
    fn ask_every(&self) -> Duration {
        ASK_EVERY
    }

    /// Takes a place among the replicas of a stack, which divide its shares; none where leases are good for one machine.
    ///
    /// # Errors
    /// [`LockError`].
    fn join<'a>(
        &'a self,
        _: &'a LeaseKey,
        _: &'a Holder,
    ) -> Soon<'a, Result<Option<Box<dyn Membership>>, LockError>> {
        Box::pin(async { Ok(None) })
    }

    /// Whether several may hold different shares of one stack.
    fn is_shared(&self) -> bool {
        false
    }
}

/// Takes the lease on `shares`, and waits for it for at most `patience`. `waiting` is told once of whom it is that we wait
/// for. A store that does not answer is asked again for as long.
///
/// # Errors
/// [`LockError`] of the last try.
pub async fn acquire(
    leases: &dyn Leases,
    key: &LeaseKey,
    shares: &BTreeSet<Share>,
    holder: &Holder,
    patience: Duration,
    mut waiting: impl FnMut(&LockInfo),
) -> Result<Lease, LockError> {
    let end = Instant::now() + patience;
    let mut tries = 0;
    loop {
        tries += 1;
        let error = match leases.try_acquire(key, shares, holder).await {
            Err(error @ (LockError::Held(_) | LockError::Away { .. })) => error,
            other => return other,
        };
        if tries >= LEAST_TRIES && Instant::now() >= end {
            return Err(error);
        }
        if let (LEAST_TRIES, LockError::Held(held)) = (tries, &error) {
            waiting(held);
        }
        tokio::time::sleep(leases.ask_every()).await;
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

/// What a lease gives back when it is released.
trait Release: Send {
    /// Gives it back; returns when that is done, or when it cannot be.
    fn release(self: Box<Self>) -> Soon<'static, ()>;
}

/// The right to write. Dropping it gives it back; where that takes a call, [`Lease::release`] waits for it.
pub struct Lease {
    fence: u64,
    /// The last number of each share before this one.
    previous: BTreeMap<Share, Option<u64>>,
    key: LeaseKey,
    lost: watch::Receiver<bool>,
    right: Option<Right>,
    held: Box<dyn Release>,
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
        let mut previous = self.previous.iter();
        previous.all(|(share, previous)| fences.precede(&self.key, *share, *previous))
    }

    /// Becomes true if the lease is taken from us; whoever holds it then begins nothing new.
    pub fn lost(&self) -> watch::Receiver<bool> {
        self.lost.clone()
    }

    /// What has to be asked before each write; none for a lease that ends with its process.
    pub fn right(&self) -> Option<&Right> {
        self.right.as_ref()
    }

    /// Gives it back, and waits until that is done.
    pub async fn release(self) {
        self.held.release().await;
    }
}

#[cfg(test)]
mod memory;
#[cfg(test)]
mod tests;
