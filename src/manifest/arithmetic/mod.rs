//! Limits are arithmetic over the tree of accounts, and can be added up before any call.
//!
//! ```text
//! root account      spec.plan of the Stack: what the platform's plan has
//!   emea            limit/region:  devices_count 5000 ◄── at least what acme and globex may use together
//!     acme          limit/tenant:  devices_count 2000 ◄── no more than emea has; its own objects have to fit too
//!     globex        limit/tenant
//! ```
//!
//! Usage of all children adds up to the parent, and when it passes the parent's own limit, the platform blocks the parent
//! and everything below it (fact sheet, 3.3). `-1`, and a quota that is left out, bound nothing here: the account may use
//! all that the accounts above it have.

mod commitment;
mod counts;
mod lockout;
mod tree;

use self::tree::Tree;
use super::view::View;
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::resource::Address;

/// Checks every limit against the accounts that use it.
pub(super) fn check(view: &View<'_>, diagnostics: &mut Diagnostics) {
    let tree = Tree::new(view);
    if !view.has_policy_on_overcommitment() {
        diagnostics.extend(commitment::overcommitted(view, &tree).into_iter().map(|(_, it)| it));
    }
    commitment::above_parent(view, &tree, diagnostics);
    commitment::left_open(view, &tree, diagnostics);
    counts::check(view, &tree, diagnostics);
    lockout::check(view, &tree, diagnostics);
}

/// The accounts whose children may use more together than they have.
pub(super) fn overcommitted(view: &View<'_>) -> Vec<(Address, Diagnostic)> {
    commitment::overcommitted(view, &Tree::new(view))
}

impl View<'_> {
    /// Whether a rule of the Stack speaks of over-commitment, which then has a code of its own.
    fn has_policy_on_overcommitment(&self) -> bool {
        self.stack.is_some_and(|(_, stack)| stack.spec.policies.no_overcommitment.is_some())
    }
}
