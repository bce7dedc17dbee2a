//! Plans: what the root account and everything below it may hold, and how often each account may call.

use super::assumptions::{Assumptions, CALL_RATE, PLAN};

/// What each plan holds, in the order of the names: subaccounts, limits, tokens, realms, webhooks, groups, devices
/// (section 9.1 of the fact sheet).
const PLANS: [(&str, [u64; 7]); 5] = [
    ("free", [3, 1, 100, 2, 2, 1, 10]),
    ("start", [1_000, 100, 10_000, 10, 20, 100, 5_000]),
    ("pro", [10_000, 1_000, 30_000, 30, 100, 1_000, 50_000]),
    ("enterprise", [100_000, 10_000, 100_000, 100, 1_000, 10_000, 200_000]),
    ("ultimate", [1_000_000, 100_000, 1_000_000, 10_000, 10_000, 100_000, 2_000_000]),
];

/// The counters of [`PLANS`].
const PLANNED: [&str; 7] = [
    "subaccounts_count",
    "limits_count",
    "tokens_count",
    "realms_count",
    "webhooks_count",
    "groups_count",
    "devices_count",
];

/// How much of a counter the plan has; `None` when it bounds nothing there.
pub(super) fn most(assumptions: &Assumptions, counter: &str) -> Option<u64> {
    bounds(assumptions).find(|(name, _)| *name == counter).map(|(_, most)| most)
}

/// All that the plan bounds.
pub(super) fn bounds(assumptions: &Assumptions) -> impl Iterator<Item = (&'static str, u64)> {
    let plan = assumptions.value(&PLAN);
    let sizes = PLANS.iter().find(|(name, _)| *name == plan).map(|(_, sizes)| sizes);
    sizes.into_iter().flat_map(|sizes| PLANNED.into_iter().zip(sizes.iter().copied()))
}

/// How many calls a minute each account has by its plan; `None` for as many as it makes.
pub(super) fn calls_per_minute(assumptions: &Assumptions) -> Option<u64> {
    assumptions.number(&CALL_RATE)
}
