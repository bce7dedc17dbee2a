//! Back-off: what fails is retried with growing delays, each object for itself, so that one bad
//! object holds up nothing else and does not cost a call a second.
//!
//! Invariant: no clock and no chance in here but what is handed in; the same seed and the same moments give the same waits.

use std::collections::BTreeMap;
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use sha2::{Digest, Sha256};
use tokio::time::Instant;

use crate::resource::{Address, Declared, Desired};

/// The wait after the first failure.
const FIRST: Duration = Duration::from_secs(5);

/// No wait is longer: whatever was wrong is over at some time, and nobody should have to think of it.
const LONGEST: Duration = Duration::from_secs(15 * 60);

/// Failures in a row.
#[derive(Debug, Clone)]
pub(super) struct Failure {
    /// How many.
    pub(super) count: u32,
    /// What the last one was.
    pub(super) error: String,
    /// Not before this.
    pub(super) until: Instant,
    /// What was declared when it failed; none for what is not declared.
    content: Option<[u8; 32]>,
}

/// Who has failed, and until when it is left alone.
#[derive(Debug)]
pub(super) struct Backoff {
    failing: BTreeMap<Address, Failure>,
    chance: StdRng,
}

impl Backoff {
    pub(super) fn new(seed: u64) -> Self {
        Self { failing: BTreeMap::new(), chance: StdRng::seed_from_u64(seed) }
    }

    /// A wait after so many failures in a row, from half of it to all of it.
    pub(super) fn wait(&mut self, count: u32, longest: Duration) -> Duration {
        let doubled = FIRST.saturating_mul(2u32.saturating_pow(count.saturating_sub(1)));
        doubled.min(longest).mul_f64(0.5 + self.chance.random::<f64>() / 2.0)
    }

    /// `interval`, a tenth longer or shorter, so that many daemons do not call at the same moment.
    pub(super) fn jittered(&mut self, interval: Duration) -> Duration {
        interval.mul_f64(0.9 + self.chance.random::<f64>() / 5.0)
    }

    pub(super) fn failed(
        &mut self,
        address: &Address,
        error: String,
        desired: &Desired,
        now: Instant,
    ) {
        let count = self.failing.get(address).map_or(0, |failure| failure.count) + 1;
        let until = now + self.wait(count, LONGEST);
        let content = desired.get(address).map(content);
        self.failing.insert(address.clone(), Failure { count, error, until, content });
    }

    pub(super) fn succeeded(&mut self, address: &Address) {
        self.failing.remove(address);
    }

    /// Forgets failures of what is declared otherwise by now, or no longer.
    pub(super) fn edited(&mut self, desired: &Desired) {
        self.failing
            .retain(|address, failure| desired.get(address).map(content) == failure.content);
    }

    /// Forgets every wait; somebody who asks for a pass wants it now.
    pub(super) fn forgive(&mut self, now: Instant) {
        for failure in self.failing.values_mut() {
            failure.until = failure.until.min(now);
        }
    }

    /// Keeps only those of whom there is still something to do.
    pub(super) fn settle(&mut self, is_planned: impl Fn(&Address) -> bool) {
        self.failing.retain(|address, _| is_planned(address));
    }

    /// Whoever was due and could not be tried waits again, or there would be no end of passes.
    pub(super) fn postpone(&mut self, now: Instant) {
        let due: Vec<(Address, u32)> = self
            .failing
            .iter()
            .filter(|(_, failure)| failure.until <= now)
            .map(|(address, failure)| (address.clone(), failure.count))
            .collect();
        for (address, count) in due {
            let until = now + self.wait(count, LONGEST);
            if let Some(failure) = self.failing.get_mut(&address) {
                failure.until = until;
            }
        }
    }

    pub(super) fn of(&self, address: &Address) -> Option<&Failure> {
        self.failing.get(address)
    }

    /// Who is to be left alone at `now`.
    pub(super) fn waiting(&self, now: Instant) -> impl Iterator<Item = (&Address, &Failure)> {
        self.failing.iter().filter(move |(_, failure)| failure.until > now)
    }

    /// When the next one is due.
    pub(super) fn due(&self) -> Option<Instant> {
        self.failing.values().map(|failure| failure.until).min()
    }
}

/// What is declared, wherever it stands: moving a manifest to another line is no edit of it.
fn content(declared: &Declared) -> [u8; 32] {
    let mut value = serde_json::to_value(declared).unwrap_or_default();
    if let Some(members) = value.as_object_mut() {
        for place in ["origin", "row", "field_origins"] {
            members.remove(place);
        }
    }
    Sha256::digest(value.to_string()).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn desired(devices: i64, line: usize) -> Desired {
        let text = format!(
            "{}apiVersion: flespi-gitops/v1\nkind: Limit\nmetadata: {{name: a}}\nspec: {{devices_count: {devices}}}\n",
            "\n".repeat(line)
        );
        crate::manifest::load_texts([("a.yaml".to_owned(), text)], 0).desired
    }

    #[test]
    fn waits_double_up_to_a_bound_and_are_never_less_than_half() {
        let mut backoff = Backoff::new(7);
        for (count, seconds) in [(1, 5), (2, 10), (3, 20), (9, 900), (60, 900)] {
            let wait = backoff.wait(count, LONGEST).as_secs_f64();
            assert!(
                (f64::from(seconds) / 2.0..=f64::from(seconds)).contains(&wait),
                "{count}: {wait}"
            );
        }
    }

    #[test]
    fn the_same_seed_gives_the_same_waits() {
        let waits = |seed| {
            let mut backoff = Backoff::new(seed);
            (1..9).map(|count| backoff.wait(count, LONGEST)).collect::<Vec<_>>()
        };
        assert_eq!(waits(1), waits(1));
        assert_ne!(waits(1), waits(2));
    }

    #[test]
    fn a_failure_is_forgotten_on_success_and_on_an_edit_but_not_when_a_manifest_moves() {
        let now = Instant::now();
        let address: Address = "limit/a".parse().unwrap();
        let mut backoff = Backoff::new(1);
        backoff.failed(&address, "no".to_owned(), &desired(1, 0), now);
        backoff.edited(&desired(1, 5));
        assert_eq!(backoff.waiting(now).count(), 1);
        backoff.edited(&desired(2, 0));
        assert_eq!(backoff.waiting(now).count(), 0);
        backoff.failed(&address, "no".to_owned(), &desired(2, 0), now);
        backoff.succeeded(&address);
        assert_eq!(backoff.due(), None);
    }
}
