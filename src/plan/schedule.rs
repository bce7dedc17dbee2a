//! When a token gets its successor, and when it goes.

use super::generations::generation;
use crate::observe::Object;
use crate::resource::{Declared, Retire};

/// When the successor of a token is due by its manifest.
pub(super) fn due_at(declared: &Declared, token: &Object) -> Option<i64> {
    let every = declared.rotation?.every?;
    let created = token.number("created").filter(|at| *at > 0)?;
    Some(created.saturating_add(every))
}

/// Whether the key of a later generation has still to be brought to its sinks.
pub(super) fn is_undelivered(declared: &Declared, token: &Object, stack: &str) -> bool {
    let generation = generation(token, stack);
    !declared.deliver.is_empty() && generation.is_some_and(|it| it.delivered.is_none())
}

/// When a token is to be deleted, and in whose favour: the first that makes it go of those that came `later` and are
/// delivered. None as long as there is none.
pub(super) fn retires_at<'a>(
    declared: &Declared,
    token: &Object,
    later: impl IntoIterator<Item = &'a Object>,
    stack: &str,
    now: i64,
) -> Option<(i64, &'a Object)> {
    let delivered = later.into_iter().filter(|it| !is_undelivered(declared, it, stack));
    let ends = delivered.filter_map(|successor| {
        Some((retires_in_favour_of(declared, token, successor, stack, now)?, successor))
    });
    ends.min_by_key(|(at, _)| *at)
}

/// When a token is to be deleted whose successor is delivered: in the past if that was before `now`.
fn retires_in_favour_of(
    declared: &Declared,
    token: &Object,
    successor: &Object,
    stack: &str,
    now: i64,
) -> Option<i64> {
    let generation = generation(successor, stack)?;
    let delivered = generation.delivered.unwrap_or_else(|| time(successor, "created"));
    let overlap = generation.overlap;
    let used = time(token, "accessed");
    let retire = declared.rotation.map_or(Retire::Overlap, |rotation| rotation.retire);
    if overlap == 0 {
        return Some(delivered);
    }
    match retire {
        Retire::Overlap => {
            let half = delivered.saturating_add(overlap / 2);
            let is_proven = used <= delivered && time(successor, "accessed") > delivered;
            let is_early = is_proven && now >= half;
            Some(if is_early { half } else { delivered.saturating_add(overlap) })
        }
        Retire::Unused => Some(used.max(delivered).saturating_add(overlap)),
    }
}

/// A time in a field of a token; 0 if it is not known.
pub(super) fn time(token: &Object, field: &str) -> i64 {
    token.number(field).unwrap_or(0)
}
