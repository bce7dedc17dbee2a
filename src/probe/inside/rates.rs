//! Rates: what happens to those who call more often, or make more, than their limit lets them.
//!
//! An account of its own is for this, with a limit of a few calls a minute; calls that are signed with its token are not
//! calls of ours.

use serde_json::json;

use crate::probe::caller::{Heard, ProbeError};
use crate::probe::lab::{Lab, Made, master};

/// Calls of a minute that the account has.
const CALLS: u64 = 4;

/// How long overuse blocks, in seconds: until everything that asks about it is done.
const BLOCKED: u64 = 120;

/// Calls after which the account is not bounded at all.
const MOST: u64 = CALLS + 4;

/// Asks about rates; the token that is blocked afterwards, if one is.
pub(super) async fn ask(lab: &mut Lab<'_>) -> Result<Option<Made>, ProbeError> {
    let limit =
        json!({"name": "few", "api_calls": CALLS, "blocking_duration": BLOCKED, "tokens_count": 1});
    let limit = lab.post(lab.account, "platform/limits", limit).await?;
    let busy = match limit.id() {
        Some(limit) => {
            let busy = json!({"name": "busy", "limit_id": limit});
            lab.post(lab.account, "platform/subaccounts", busy).await?.id()
        }
        None => None,
    };
    let token = match busy {
        Some(busy) => lab.master(busy).await?,
        None => None,
    };
    let (Some(busy), Some(token)) = (busy, token) else {
        for name in ["count-status", "counted-calls", "retry-after", "overuse", "blocked-status"] {
            lab.book.cannot_tell(name, "no account can be made with a limit of few calls");
        }
        return Ok(None);
    };
    counts(lab, busy).await?;
    calls(lab, busy, token).await
}

async fn counts(lab: &mut Lab<'_>, busy: i64) -> Result<(), ProbeError> {
    let beyond = lab.post(busy, "platform/tokens", master()).await?;
    match beyond.status {
        400..500 if beyond.status != 404 => {
            lab.book.found("count-status", beyond.status.to_string(), [&beyond]);
        }
        _ => lab.book.cannot_tell("count-status", beyond.unexpected()),
    }
    Ok(())
}

async fn calls(lab: &mut Lab<'_>, busy: i64, token: Made) -> Result<Option<Made>, ProbeError> {
    let read = lab.get_as(&token.key, "platform/customer?fields=id,counters,limits").await?;
    let counted = read.member("counters").and_then(|counters| counters.get("api_calls"));
    match (read.is_done(), counted) {
        (true, Some(_)) => lab.book.found("counted-calls", "minute", [&read]),
        (true, None) => lab.book.found("counted-calls", "absent", [&read]),
        (false, _) => lab.book.cannot_tell("counted-calls", read.unexpected()),
    }
    let mut refused = None;
    for _ in 0..MOST {
        let heard = lab.get_as(&token.key, "auth/info").await?;
        if !heard.is_done() {
            refused = Some(heard);
            break;
        }
    }
    let Some(refused) = refused else {
        for name in ["retry-after", "overuse", "blocked-status"] {
            lab.book.cannot_tell(name, "more calls than the limit has are answered");
        }
        return Ok(None);
    };
    match (refused.status, refused.has_retry_after) {
        (429, true) => lab.book.found("retry-after", "present", [&refused]),
        (429, false) => lab.book.found("retry-after", "absent", [&refused]),
        _ => lab.book.cannot_tell("retry-after", refused.unexpected()),
    }
    let path = format!("platform/tokens/{}?fields=id,blocked", token.id);
    let state = lab.get(busy, &path).await?;
    let again = lab.get_as(&token.key, "auth/info").await?;
    if !blocks(lab, &state, &refused, &again) {
        return Ok(None);
    }
    match again.status {
        403 | 429 | 401 => lab.book.found("blocked-status", again.status.to_string(), [&again]),
        _ => lab.book.cannot_tell("blocked-status", again.unexpected()),
    }
    Ok(Some(token))
}

/// Whether the token was blocked, as its record tells it.
fn blocks(lab: &mut Lab<'_>, state: &Heard, refused: &Heard, again: &Heard) -> bool {
    let blocked = state.member("blocked").map(|blocked| blocked.as_i64().unwrap_or(0) != 0);
    match blocked {
        Some(true) => lab.book.found("overuse", "block", [state, refused]),
        Some(false) => {
            lab.book.found("overuse", "refuse", [state, refused, again]);
            lab.book.cannot_tell("blocked-status", "nothing is blocked by overuse");
        }
        None => {
            for name in ["overuse", "blocked-status"] {
                lab.book.cannot_tell(name, "a token does not tell whether it is blocked");
            }
        }
    }
    blocked.is_some_and(|is_blocked| is_blocked)
}
