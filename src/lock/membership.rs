//! What a member of a stack's replicas can do, as others know it.

use std::collections::BTreeSet;

use super::soon::Soon;

/// The place of a daemon among the replicas of a stack, kept until it leaves or is dropped.
pub trait Membership: Send + Sync {
    /// What others call it.
    fn id(&self) -> &str;

    /// Who takes part at the moment, as far as that is known; looked at until it is not `known`.
    fn changed<'a>(&'a self, known: &'a BTreeSet<String>) -> Soon<'a, BTreeSet<String>>;

    /// Whether others do not see it any more.
    fn is_lost(&self) -> bool;

    /// Leaves the others the work at once.
    fn leave(self: Box<Self>) -> Soon<'static, ()>;
}
