//! `/_sandbox/`: the hand of a test or a person on the world, in the platform's envelope and without a token.
//!
//! Whoever reaches this port holds the whole world anyway, keys included. Web pages are the exception, so a request that
//! a browser sends for a foreign page is refused.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{
    answer::{Answer, Refusal, Response},
    books::Books,
    catalog::Kind,
    faults::{FaultPlan, Faults},
    journal::Journal,
    metering::Meter,
    overview,
    request::{Request, Target},
    state::{Change, State},
};

/// The furthest that one request moves the clock, in seconds: ten years.
const LONGEST_LEAP: u64 = 3650 * 24 * 3600;

/// What the hand reaches: all of a world but where it is served.
pub(super) struct Controls<'a> {
    pub(super) books: &'a mut Books,
    pub(super) meter: &'a mut Meter,
    pub(super) journal: &'a mut Journal,
    pub(super) faults: &'a mut FaultPlan,
    pub(super) broker_is_open: &'a mut bool,
}

/// Answers everything below `/_sandbox`.
pub(super) fn serve(
    controls: Controls<'_>,
    request: &Request,
    target: &Target,
    now: u64,
) -> Response {
    answer(controls, request, target, now).unwrap_or_else(Answer::from).into()
}

fn answer(
    controls: Controls<'_>,
    request: &Request,
    target: &Target,
    now: u64,
) -> Result<Answer, Refusal> {
    let Controls { books, meter, journal, faults, broker_is_open } = controls;
    if let Some(origin) = request.header("origin")
        && origin.split_once("://").map(|(_, host)| host) != request.header("host")
    {
        return Err(Refusal::forbidden("pages of other origins have no business here"));
    }
    match (request.method.as_str(), target.path().get(1..).unwrap_or_default()) {
        ("GET", ["journal"]) => {
            let mut answer = Answer::default();
            let last = target.number("last")?.unwrap_or(u64::MAX);
            let since = target.number("since")?.unwrap_or(0);
            let since = since.max(journal.last_seq().saturating_sub(last));
            journal.since(since).for_each(|entry| answer.push(entry));
            Ok(answer)
        }
        ("DELETE", ["journal"]) => {
            journal.clear();
            Ok(Answer::default())
        }
        ("GET", ["state"]) => Ok(Answer::row(&Dump { changes: books.state.changes().collect() })),
        ("PUT", ["state"]) => replace(books, meter, request),
        ("POST", ["clock"]) => advance(books, request, now),
        ("GET", ["clock"]) => Ok(Answer::row(&json!({"ahead": books.state.clock, "now": now}))),
        ("GET", ["overview"]) => {
            let most = target.number("limit")?.unwrap_or(overview::MOST);
            Ok(Answer::row(&overview::of(&books.state, &books.assumptions, now, most)))
        }
        ("GET", ["outbox"]) => {
            let mut answer = Answer::default();
            books.state.outbox.iter().for_each(|mail| answer.push(mail));
            Ok(answer)
        }
        ("GET", ["assumptions"]) => {
            let mut answer = Answer::default();
            books.assumptions.listed().iter().for_each(|entry| answer.push(entry));
            Ok(answer)
        }
        ("GET", ["faults"]) => Ok(Answer::row(&faults.listed())),
        ("PUT", ["faults"]) => {
            let plan = Faults::from_json(&request.body)
                .map_err(|error| Refusal::bad(error.to_string()))?;
            *faults = FaultPlan::new(plan);
            Ok(Answer::row(&faults.listed()))
        }
        ("GET", ["broker"]) => Ok(Answer::row(&json!({"open": broker_is_open}))),
        ("PUT", ["broker"]) => {
            let body = request.json()?;
            let open = body.get("open").and_then(Value::as_bool).ok_or_else(|| {
                Refusal::bad("the body must be {\"open\": true} or {\"open\": false}")
                    .with_field("open")
            })?;
            *broker_is_open = open;
            Ok(Answer::row(&json!({"open": open})))
        }
        (_, ["journal"]) => Err(Refusal::method("GET DELETE")),
        (_, ["state" | "faults" | "broker"]) => Err(Refusal::method("GET PUT")),
        (_, ["clock"]) => Err(Refusal::method("GET POST")),
        (_, ["outbox" | "assumptions" | "overview"]) => Err(Refusal::method("GET")),
        (_, other) => Err(Refusal::missing_path(&format!("_sandbox/{}", other.join("/")))),
    }
}

/// The furthest that the clock can be ahead in all, in seconds.
const FURTHEST: u64 = 100 * LONGEST_LEAP;

/// Ids stay exact in JSON numbers of any reader, and leave room for as many more.
const LARGEST_ID: u64 = 1 << 52;

/// The whole world as JSON: the changes that lead to it from nothing. What `GET state` gives, `PUT state` takes.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Dump {
    changes: Vec<Change>,
}

/// `PUT state` takes the row of `GET state`, bare or in its envelope.
fn replace(books: &mut Books, meter: &mut Meter, request: &Request) -> Result<Answer, Refusal> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Body {
        Bare(Dump),
        Envelope { result: [Dump; 1] },
    }
    let dump = match serde_json::from_slice(&request.body) {
        Ok(Body::Bare(dump) | Body::Envelope { result: [dump] }) => dump,
        // The parser may quote the body, which holds keys.
        Err(_) => return Err(Refusal::bad("the body is not a state as GET gives it")),
    };
    let mut state = State::default();
    dump.changes.into_iter().for_each(|change| state.apply(change));
    check(&state, LARGEST_ID).map_err(Refusal::bad)?;
    state.recount();
    books.replace(state);
    meter.forget();
    Ok(Answer::default())
}

/// A world that could not have come about, with ids up to `largest_id`, is refused as a whole.
pub(super) fn check(state: &State, largest_id: u64) -> Result<(), String> {
    if state.account(state.root).is_none_or(|root| root.cid != 0) {
        return Err("the state names no root account".to_owned());
    }
    if state.next_id > largest_id || state.clock > FURTHEST {
        return Err("next_id or clock is out of range".to_owned());
    }
    if let Some(record) = state.bin.keys().find(|id| **id > state.next_id) {
        return Err(format!("record {record} of the bin is beyond next_id"));
    }
    for kind in Kind::ALL {
        for item in state.table(kind).iter() {
            let is_root = kind == Kind::Accounts && item.cid == 0;
            if !is_root && state.account(item.cid).is_none() {
                return Err(format!(
                    "item {} belongs to account {}, which is not there",
                    item.id, item.cid
                ));
            }
            if item.id > state.next_id {
                return Err(format!("item {} is beyond next_id", item.id));
            }
        }
    }
    let in_cycle = state.table(Kind::Accounts).iter().find(|account| state.depth(account.id) >= 64);
    in_cycle.map_or(Ok(()), |account| Err(format!("account {} is below itself", account.id)))
}

fn advance(books: &mut Books, request: &Request, now: u64) -> Result<Answer, Refusal> {
    let body = request.json()?;
    let seconds =
        body.get("advance").and_then(Value::as_u64).filter(|seconds| *seconds <= LONGEST_LEAP);
    let seconds = seconds.ok_or_else(|| {
        Refusal::bad(format!("the body must be {{\"advance\": seconds}}, from 0 to {LONGEST_LEAP}"))
            .with_field("advance")
    })?;
    let ahead = books.state.clock.saturating_add(seconds).min(FURTHEST);
    let now = now + (ahead - books.state.clock);
    books.commit(Change::Clock(ahead));
    Ok(Answer::row(&json!({"ahead": ahead, "now": now})))
}
