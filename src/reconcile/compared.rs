//! What a pass leaves to be compared by a further one.

use std::collections::BTreeSet;

use crate::apply::Report;
use crate::resource::Address;

/// What passes in a row left to be compared: what came back from the recycle bin, or was made by another run at the same
/// time. Only when it is there can be told what it is.
#[derive(Debug, Default)]
pub(crate) struct Compared(BTreeSet<Address>);

/// Whether a further pass is to follow at once.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Further {
    /// Nothing is left.
    Needless,
    /// Something is left for the first time.
    Needed,
    /// This was left before and would be so for ever: the platform does not list it.
    Vain(Address),
}

impl Compared {
    /// Takes in what the latest pass did; none if it wrote nothing.
    pub(crate) fn after(&mut self, report: Option<&Report>) -> Further {
        let left = report.map(Report::to_be_compared).unwrap_or_default();
        let Some(first) = left.first() else {
            self.0.clear();
            return Further::Needless;
        };
        if left.is_subset(&self.0) {
            return Further::Vain(first.clone());
        }
        self.0.extend(left);
        Further::Needed
    }
}
