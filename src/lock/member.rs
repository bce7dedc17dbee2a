//! Members: daemons that are there to take their part of the work.

use std::collections::BTreeSet;
use std::time::Duration;

use tokio::sync::watch;

use super::LockError;
use super::heart::Term;
use super::info::{Holder, LeaseKey};
use super::record::Role;
use super::term::TermLeases;

/// How often somebody looks who else is there.
const LOOK: Duration = Duration::from_secs(1);

/// Somebody who takes part in the work.
pub struct Member {
    id: String,
    term: Term,
    leases: TermLeases,
    key: LeaseKey,
}

impl Member {
    /// Takes part in the work on a stack: until the member is dropped or [leaves](Self::leave), others see it.
    ///
    /// # Errors
    /// [`LockError::Away`].
    pub async fn join(
        leases: &TermLeases,
        key: &LeaseKey,
        holder: &Holder,
    ) -> Result<Self, LockError> {
        let grant = leases.grant(key, holder, Role::Member, (0, 0));
        let id = grant.id.clone();
        let term = leases.begin(grant).await?;
        Ok(Self { id, term, leases: leases.clone(), key: key.clone() })
    }

    /// What others call it.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Becomes true when others do not see it any more.
    pub fn lost(&self) -> watch::Receiver<bool> {
        self.term.lost()
    }

    /// Who takes part at the moment, itself included, looking as long as it takes until somebody came or went that is not
    /// in `known`; none while the store does not answer.
    pub async fn changed(&self, known: Option<&BTreeSet<String>>) -> Option<BTreeSet<String>> {
        loop {
            let members = self.members().await.ok();
            if members.as_ref() != known {
                return members;
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Who takes part at the moment.
    ///
    /// # Errors
    /// [`LockError::Away`].
    pub async fn members(&self) -> Result<BTreeSet<String>, LockError> {
        let living = self.leases.living().await.map_err(|away| self.leases.away(away))?;
        let members = living.into_values().flatten().filter(|grant| {
            grant.role == Role::Member && grant.key == self.key && grant.broken.is_none()
        });
        Ok(members.map(|grant| grant.id).collect())
    }

    /// Leaves the others the work at once.
    pub async fn leave(mut self) {
        self.term.end().await;
    }
}
