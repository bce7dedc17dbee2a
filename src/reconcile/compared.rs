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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::apply::{StepOutcome, StepReport};
    use crate::plan::{Action, StepId};
    use crate::resource::Phase;

    /// The report of a pass that brought these back from the recycle bin.
    fn report(addresses: &[&str]) -> Report {
        let steps = addresses.iter().map(|address| {
            let address: Address = address.parse().unwrap();
            StepReport {
                id: StepId::of(Phase::Of(address.kind), &address),
                phase: Phase::Of(address.kind),
                action: Action::Restore,
                address,
                outcome: StepOutcome::Applied,
                attempts: 1,
                error: None,
                id_on_platform: Some(1),
            }
        });
        Report {
            digest: String::new(),
            refused: Vec::new(),
            taken_back: Vec::new(),
            notes: Vec::new(),
            steps: steps.collect(),
            blocked: Vec::new(),
            pending: Vec::new(),
            unknown: Vec::new(),
            least_writes: 0,
            calls: Vec::new(),
            duration: std::time::Duration::ZERO,
            compared: 0,
        }
    }

    #[test]
    fn what_comes_back_twice_in_a_row_calls_for_no_third_pass() {
        let (a, b) = ("subaccount/a", "subaccount/b");
        let mut compared = Compared::default();
        assert_eq!(compared.after(Some(&report(&[a]))), Further::Needed);
        assert_eq!(compared.after(Some(&report(&[a, b]))), Further::Needed);
        assert_eq!(compared.after(Some(&report(&[b]))), Further::Vain(b.parse().unwrap()));
        assert_eq!(compared.after(Some(&report(&[]))), Further::Needless);
        assert_eq!(compared.after(Some(&report(&[b]))), Further::Needed);
        assert_eq!(compared.after(None), Further::Needless);
        assert_eq!(compared.after(Some(&report(&[b]))), Further::Needed);
    }
}
