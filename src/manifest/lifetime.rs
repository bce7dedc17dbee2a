//! Checks of the time of a token: bounds that mean nothing, and rotations that cannot work.

use super::model::{LAST_SECOND, TokenSpec};
use super::place::Place;
use crate::diagnostic::{Code, Diagnostic, Diagnostics};
use crate::resource::Right;
use crate::rights::duration_words;
use crate::source::Target;

/// The longest `ttl` that is known to be accepted (fact sheet 5.3, assumption 15), in seconds.
const LONGEST_TTL: i64 = 365 * 86_400;

/// Checks everything about the time of one token that needs no other manifest. `now` is in unix
/// seconds.
pub(super) fn check(place: &Place<'_>, spec: &TokenSpec, now: i64, diagnostics: &mut Diagnostics) {
    end(place, spec, now, diagnostics);
    let ttl = spec.ttl.map_or(0, |ttl| ttl.0);
    let expire = spec.expire.map_or(0, |expire| expire.0);
    if expire != 0 && expire <= now && ttl != 0 {
        diagnostics.push(
            Diagnostic::warning(
                Code::ExpirePassed,
                "`expire` has passed; only its `ttl` keeps the token valid",
            )
            .at(place.span("/spec/expire", Target::Value), "")
            .help("a token is valid while either holds; remove `expire`, or choose a later time")
            .pointer("/spec/expire"),
        );
    }
    if ttl > LONGEST_TTL {
        diagnostics.push(
            Diagnostic::warning(
                Code::TtlTooLong,
                format!(
                    "`ttl` is {}; more than a year without use is as good as no expiry",
                    duration_words(ttl)
                ),
            )
            .at(place.span("/spec/ttl", Target::Value), "")
            .help("the platform is known to accept up to `365d`; for a fixed expiry, use `expire`")
            .pointer("/spec/ttl"),
        );
    }
    rotation(place, spec, ttl, diagnostics);
}

/// A token has an end, one that the calendar has, and in the future.
fn end(place: &Place<'_>, spec: &TokenSpec, now: i64, diagnostics: &mut Diagnostics) {
    let ttl = spec.ttl.map_or(0, |ttl| ttl.0);
    let expire = spec.expire.map_or(0, |expire| expire.0);
    if ttl == 0 && expire == 0 {
        let zero = match (spec.ttl, spec.expire) {
            (Some(_), _) => Some("/spec/ttl"),
            (None, Some(_)) => Some("/spec/expire"),
            (None, None) => None,
        };
        let (message, span, at) = match zero {
            Some(at) => {
                ("a token needs an expiry; 0 means none", place.span(at, Target::Value), at)
            }
            None => (
                "a token needs `ttl` or `expire`, and this one has neither",
                place.span("/spec", Target::Key),
                "/spec",
            ),
        };
        diagnostics.push(
            Diagnostic::error(Code::TokenWithoutEnd, message)
                .at(span, "")
                .help(
                    "write `ttl: 30d` (after the last use), `expire: 2035-01-31T00:00:00Z` (fixed) or both",
                )
                .pointer(at),
        );
    }
    if expire > LAST_SECOND {
        diagnostics.push(beyond_the_calendar(place, expire, now));
    }
    if expire != 0 && expire <= now && ttl == 0 {
        diagnostics.push(
            Diagnostic::error(Code::TokenExpired, "`expire` has passed, and there is no `ttl`")
                .at(place.span("/spec/expire", Target::Value), "")
                .help("the platform would delete the token at once; choose a later time")
                .pointer("/spec/expire"),
        );
    }
}

/// The finding about an end after the last second of the calendar: a number that counts parts of seconds, mostly.
fn beyond_the_calendar(place: &Place<'_>, expire: i64, now: i64) -> Diagnostic {
    let span = place.span("/spec/expire", Target::Value);
    let units = ["milliseconds", "microseconds", "nanoseconds"];
    let meant =
        [1_000, 1_000_000, 1_000_000_000].into_iter().zip(units).find_map(|(parts, unit)| {
            let seconds = expire / parts;
            (now..=LAST_SECOND).contains(&seconds).then_some((seconds, unit))
        });
    let message = "`expire` lies after 9999-12-31T23:59:59Z, the last second that can be written";
    let finding =
        Diagnostic::error(Code::InvalidValue, message).at(span, "").pointer("/spec/expire");
    let help = "write unix seconds, or a date such as `2035-01-31T00:00:00Z`";
    match meant {
        Some((seconds, unit)) => finding
            .help(format!("these look like {unit}; in seconds they are `{seconds}`"))
            .suggest(span, seconds.to_string()),
        None => finding.help(help),
    }
}

fn rotation(place: &Place<'_>, spec: &TokenSpec, ttl: i64, diagnostics: &mut Diagnostics) {
    let Some(rotation) = &spec.rotation else { return };
    let (every, overlap) = (rotation.every.map(|every| every.0), rotation.overlap.0);
    let mut push = |finding: Diagnostic, at: &str, target: Target, help: &str| {
        diagnostics.push(finding.at(place.span(at, target), "").help(help).pointer(at));
    };
    if spec.deliver.is_empty() {
        push(
            Diagnostic::error(
                Code::RotationWithoutSink,
                "the key is rotated, but no sink receives the new one",
            ),
            "/spec/rotation",
            Target::Key,
            "add a sink, such as `deliver: [{file: out/key}]`",
        );
    }
    let missing = [(Right::Create, "create"), (Right::Delete, "delete")]
        .into_iter()
        .find(|it| spec.lifecycle.manage.as_ref().is_some_and(|rights| !rights.contains(&it.0)));
    if let Some((_, right)) = missing {
        push(
            Diagnostic::error(
                Code::RotationWithoutRight,
                format!("the key is rotated, but `manage` does not list `{right}`"),
            ),
            "/spec/lifecycle/manage",
            Target::Value,
            "rotation creates a new token and deletes the old one; `protect: true` does not prevent that",
        );
    }
    match every {
        Some(0) => push(
            Diagnostic::error(Code::InvalidValue, "`every: 0` would rotate the key in every run"),
            "/spec/rotation/every",
            Target::Value,
            "leave out `every` to rotate the key only with `flespi-gitops rotate`",
        ),
        Some(every) if overlap >= every => push(
            Diagnostic::error(
                Code::RotationOverlap,
                format!(
                    "the overlap of {} is not shorter than the {} between two rotations",
                    duration_words(overlap),
                    duration_words(every)
                ),
            ),
            "/spec/rotation/overlap",
            Target::Value,
            "the old key must be deleted before the next rotation begins",
        ),
        _ => {}
    }
    if ttl != 0 && ttl < overlap {
        push(
            Diagnostic::warning(
                Code::RotationTtl,
                format!(
                    "an unused key expires after {}, before the overlap of {} is over",
                    duration_words(ttl),
                    duration_words(overlap)
                ),
            ),
            "/spec/ttl",
            Target::Value,
            "a client that fetches the key less often may find neither one valid; choose a `ttl` longer than \
             the overlap",
        );
    }
}
