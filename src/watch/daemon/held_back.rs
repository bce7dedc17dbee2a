//! What a pass leaves alone for now: what failed and waits, what is contested, and what a guard refuses.

use tokio::time::Instant;

use super::Narrator;
use super::board::Board;
use crate::plan::{self, Holds, Plan};
use crate::watch::backoff::Backoff;
use crate::watch::contest::{Contests, THE_OBJECT};

/// Tells what becomes contested by this plan.
pub(super) fn contest(
    whole: &Plan,
    contests: &mut Contests,
    board: &mut Board,
    narrator: &mut impl Narrator,
    now: Instant,
) {
    // Of what could not be read it is not known whether it returned.
    if !whole.unknown.is_empty() {
        return;
    }
    for (address, field) in contests.look(whole, now) {
        board.status.totals.contested += 1;
        let what = match field.as_str() {
            THE_OBJECT => format!("{address} is contested: somebody else deleted it"),
            field => format!("{address}: {field} is contested: somebody else set it"),
        };
        let help = "look for another program that manages it, or remove it from its manifest";
        let line = format!("{what} again and again, so it is left alone");
        narrator.complain(&line, Some(help));
    }
}

/// What is left of a plan when everything that has to wait is held back.
pub(super) fn hold_back(plan: Plan, backoff: &Backoff, contests: &Contests, now: Instant) -> Plan {
    let plan = plan::hold(plan, &holds(backoff, contests, now));
    match plan.refusals.is_empty() {
        true => plan,
        false => plan::heals_only(plan),
    }
}

fn holds(backoff: &Backoff, contests: &Contests, now: Instant) -> Holds {
    let mut holds = Holds::default();
    for (address, failure) in backoff.waiting(now) {
        let seconds = failure.until.saturating_duration_since(now).as_secs() + 1;
        let (count, error) = (failure.count, &failure.error);
        let reason =
            format!("it failed {count} times in a row and is retried in {seconds} s: {error}");
        holds.objects.insert(address.clone(), reason);
    }
    for (address, field) in contests.contested() {
        if field == THE_OBJECT {
            let reason = "it is contested: somebody else keeps deleting it".to_owned();
            holds.objects.insert(address.clone(), reason);
            continue;
        }
        let reason = format!("{field} is contested: somebody else keeps setting it");
        holds.fields.insert((address.clone(), field.clone()), reason);
    }
    holds
}
