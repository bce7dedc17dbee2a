//! The place of this daemon among the replicas of its stack, and which part of the work is its own.

use std::collections::BTreeSet;

use tokio::sync::{oneshot, watch};
use tokio::task::JoinHandle;

use super::status::ReplicaStatus;
use crate::lock::{Holder, LeaseKey, Leases, LockError, Membership, Share};
use crate::resource::Address;
use crate::shutdown;

/// The place of this daemon; none before it was taken, and where leases are good for one machine.
#[derive(Debug, Default)]
pub(super) struct Replicas {
    place: Option<Place>,
}

/// A place that is kept by a task of its own, also while a pass is under way.
#[derive(Debug)]
struct Place {
    id: String,
    members: watch::Receiver<BTreeSet<String>>,
    /// Becomes true when somebody came or went.
    moved: watch::Sender<bool>,
    leave: oneshot::Sender<()>,
    keeper: JoinHandle<()>,
}

/// The shares of this daemon, as long as nobody comes or goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Mine {
    id: String,
    members: BTreeSet<String>,
}

impl Mine {
    /// Whether this daemon does the work on an object.
    pub(super) fn has(&self, address: &Address) -> bool {
        let members = self.members.iter().map(String::as_str);
        Share::of(address).belongs_to(members) == Some(self.id.as_str())
    }

    /// The same for people.
    pub(super) fn status(&self) -> ReplicaStatus {
        let all = Share::all();
        let is_ours = |share: &&Share| {
            let members = self.members.iter().map(String::as_str);
            share.belongs_to(members) == Some(self.id.as_str())
        };
        ReplicaStatus {
            id: self.id.clone(),
            members: self.members.len(),
            shares: all.iter().filter(is_ours).count(),
            shares_in_all: all.len(),
        }
    }
}

impl Replicas {
    /// Takes a place, if that is still to be done, and says what is ours; none where all is.
    ///
    /// # Errors
    /// [`LockError`]: nobody knows who else is there, so nothing is ours.
    pub(super) async fn mine(
        &mut self,
        leases: &dyn Leases,
        key: &LeaseKey,
        holder: &Holder,
    ) -> Result<Option<Mine>, LockError> {
        if self.place.as_ref().is_some_and(|place| !place.is_ours()) {
            self.leave().await;
        }
        if self.place.is_none() {
            let Some(member) = leases.join(key, holder).await? else { return Ok(None) };
            self.place = Some(Place::keep(member).await);
        }
        Ok(self.place.as_ref().map(|place| {
            place.moved.send_replace(false);
            Mine { id: place.id.clone(), members: place.members.borrow().clone() }
        }))
    }

    /// Becomes true when somebody came or went since it was last said what is ours.
    pub(super) fn moved(&self) -> Option<watch::Receiver<bool>> {
        self.place.as_ref().map(|place| place.moved.subscribe())
    }

    /// Returns when somebody came or went.
    pub(super) async fn wait(&self) {
        match self.moved() {
            Some(moved) => shutdown::raised(moved).await,
            None => std::future::pending().await,
        }
    }

    /// Leaves the others the work.
    pub(super) async fn leave(&mut self) {
        if let Some(Place { leave, keeper, .. }) = self.place.take() {
            drop(leave);
            let _ = keeper.await;
        }
    }
}

impl Place {
    async fn keep(member: Box<dyn Membership>) -> Self {
        let id = member.id().to_owned();
        let first = member.changed(&BTreeSet::new()).await;
        let (sender, members) = watch::channel(first);
        let (moved, _) = watch::channel(false);
        let (leave, mut left) = oneshot::channel();
        let sign = moved.clone();
        let keeper = tokio::spawn(async move {
            loop {
                let known = sender.borrow().clone();
                tokio::select! {
                    _ = &mut left => break,
                    next = member.changed(&known) => {
                        sender.send_replace(next);
                        sign.send_replace(true);
                    }
                }
                if member.is_lost() {
                    break;
                }
            }
            member.leave().await;
        });
        Self { id, members, moved, leave, keeper }
    }

    /// Whether others still see us.
    fn is_ours(&self) -> bool {
        !self.keeper.is_finished() && self.members.borrow().contains(&self.id)
    }
}
