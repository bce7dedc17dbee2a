//! API calls per minute: who used how many, and what becomes of those who used too many.
//!
//! Each call counts for the account of its token and for every account above it. An account that passes the `api_calls`
//! of its limit by itself has its busiest tokens blocked until the rest fits; when it is the sum with its children that
//! passes, the account and its whole branch are blocked. Both last for the limit's `blocking_duration`.
//!
//! Minutes are kept in memory only: a restart forgives at most one of them. Blocks are part of the state.

use std::collections::{BTreeMap, HashMap};

use super::{
    answer::Refusal,
    assumptions::{Assumptions, COUNTED_CALLS, OVERUSE, RETRY_AFTER},
    books::Books,
    catalog::Kind,
    events,
    item::Item,
    plans, quota,
    state::{Change, LogRecord},
    view::View,
};

/// The length of a minute, in seconds.
const WINDOW: u64 = 60;

/// `blocking_duration` where a limit does not name one, in seconds.
const BLOCKING_DURATION: u64 = 60;

/// Why an account or a token is blocked, as the platform numbers it: for calls and messages of a minute.
const OVER_CALLS: u64 = 2;

/// Minutes of this many accounts are kept before those that are over are thrown away.
const CROWD: usize = 65_536;

/// The minutes of all accounts that something bounds.
#[derive(Debug, Default)]
pub(super) struct Meter {
    /// Calls that each account has per minute; `None` for what is assumed of the platform.
    pub(super) calls_per_minute: Option<u32>,
    /// Calls against the rate that every account has by itself.
    rates: HashMap<u64, Minute>,
    /// Calls against the limits of accounts.
    limits: HashMap<u64, Minute>,
}

impl Meter {
    /// Begins all minutes anew.
    pub(super) fn forget(&mut self) {
        self.rates.clear();
        self.limits.clear();
    }
}

/// One account's minute. It starts with the first call.
#[derive(Debug, Default)]
struct Minute {
    start: u64,
    /// Calls of the account and everything below it.
    total: u64,
    /// Calls of the account's own tokens.
    tokens: BTreeMap<u64, u64>,
}

impl Minute {
    fn of(minutes: &mut HashMap<u64, Self>, account: u64, now: u64) -> &mut Self {
        if minutes.len() > CROWD {
            minutes.retain(|_, minute| now < minute.end());
        }
        let minute = minutes.entry(account).or_default();
        if now >= minute.end() || now < minute.start {
            *minute = Self { start: now, ..Self::default() };
        }
        minute
    }

    fn end(&self) -> u64 {
        self.start.saturating_add(WINDOW)
    }
}

/// Counts a call of `token` against every bound of `account` and of its ancestors.
pub(super) fn count(
    books: &mut Books,
    meter: &mut Meter,
    token: u64,
    account: u64,
    now: u64,
) -> Result<(), Refusal> {
    count_rate(&books.assumptions, meter, account, now)?;
    let lineage: Vec<u64> = books.state.lineage(account).collect();
    for bounded in lineage {
        let Some(most) = quota::bound(books.view(), bounded, "api_calls") else { continue };
        let minute = Minute::of(&mut meter.limits, bounded, now);
        minute.total += 1;
        if bounded == account {
            *minute.tokens.entry(token).or_default() += 1;
        }
        if books.assumptions.is(&COUNTED_CALLS, "minute") {
            books.state.calls.insert(bounded, minute.total);
        }
        if minute.total > most {
            overused(books, meter, bounded, token, most, now)?;
        }
    }
    Ok(())
}

/// The rate that each account has whatever its limit says.
fn count_rate(
    assumptions: &Assumptions,
    meter: &mut Meter,
    account: u64,
    now: u64,
) -> Result<(), Refusal> {
    let assumed = || plans::calls_per_minute(assumptions);
    let Some(most) = meter.calls_per_minute.map(u64::from).or_else(assumed) else {
        return Ok(());
    };
    let minute = Minute::of(&mut meter.rates, account, now);
    if minute.total >= most {
        let wait = minute.end() - now;
        return Err(too_many(assumptions, wait));
    }
    minute.total += 1;
    Ok(())
}

/// Decides about an account whose minute holds more calls than `most`, the call at hand included.
fn overused(
    books: &mut Books,
    meter: &mut Meter,
    account: u64,
    caller: u64,
    most: u64,
    now: u64,
) -> Result<(), Refusal> {
    let duration = duration(books.view(), account);
    let minute = Minute::of(&mut meter.limits, account, now);
    if duration == 0 || books.assumptions.is(&OVERUSE, "refuse") {
        // A refused call is not one that was used.
        minute.total -= 1;
        if let Some(calls) = minute.tokens.get_mut(&caller) {
            *calls = calls.saturating_sub(1);
        }
        let wait = minute.end() - now;
        return Err(too_many(&books.assumptions, wait));
    }
    let own: u64 = minute.tokens.values().sum();
    let mut blocked = Vec::new();
    if own > most || own == minute.total {
        // The busiest first; of equals the youngest, so that the order is always the same.
        let mut tokens: Vec<(u64, u64)> =
            minute.tokens.iter().map(|(token, calls)| (*calls, *token)).collect();
        tokens.sort_unstable();
        while minute.total > most
            && let Some((calls, token)) = tokens.pop()
        {
            minute.tokens.remove(&token);
            minute.total = minute.total.saturating_sub(calls);
            blocked.push(token);
        }
    }
    let is_branch_blocked = minute.total > most;
    if is_branch_blocked {
        meter.limits.remove(&account);
        block(books, Kind::Accounts, account, now, now.saturating_add(duration));
    }
    for token in &blocked {
        block(books, Kind::Tokens, *token, now, now.saturating_add(duration));
    }
    // Others go on as normal: that is what blocking only the busiest is for.
    match is_branch_blocked || blocked.contains(&caller) {
        true => Err(too_many(&books.assumptions, duration)),
        false => Ok(()),
    }
}

/// How long overuse of an account blocks, in seconds; 0 for not at all.
fn duration(view: View<'_>, account: u64) -> u64 {
    let stored =
        quota::limit_of(view, account).and_then(|limit| limit.fields.get("blocking_duration"));
    match stored {
        None => BLOCKING_DURATION,
        Some(value) => value.as_u64().unwrap_or(BLOCKING_DURATION),
    }
}

fn block(books: &mut Books, kind: Kind, id: u64, now: u64, until: u64) {
    let Some(mut item) = books.state.item(kind, id).cloned() else { return };
    item.fields.set("blocked", OVER_CALLS);
    item.fields.set("blocked_until", until);
    tell(books, events::BLOCKED, kind, &item, now);
    books.commit(Change::Put { kind, item });
}

/// Notes that an item was blocked, or is free again.
fn tell(books: &mut Books, event: &str, kind: Kind, item: &Item, now: u64) {
    let row = kind.row();
    let record = LogRecord {
        timestamp: now,
        event: event.to_owned(),
        origin_type: row.type_number,
        origin_id: item.id,
        cid: item.cid,
        token_id: None,
        app: None,
        note: None,
        host: None,
        method: None,
        uri: None,
        old: None,
        new: None,
    };
    books.tell(row, item, record);
}

/// Lifts the blocks that are over, and tells when the next one will be.
pub(super) fn lift_blocks(books: &mut Books, now: u64) -> u64 {
    let mut next = u64::MAX;
    for kind in [Kind::Accounts, Kind::Tokens] {
        let mut over = Vec::new();
        for item in books.state.table(kind).iter() {
            match item.fields.number("blocked_until") {
                0 => {}
                until if until <= now => over.push(item.clone()),
                until => next = next.min(until),
            }
        }
        for mut item in over {
            item.fields.remove("blocked");
            item.fields.remove("blocked_until");
            tell(books, events::UNBLOCKED, kind, &item, now);
            books.commit(Change::Put { kind, item });
        }
    }
    next
}

fn too_many(assumptions: &Assumptions, wait: u64) -> Refusal {
    let refusal = Refusal::too_many("api calls per minute limit is reached");
    match assumptions.is(&RETRY_AFTER, "present") {
        true => refusal.with_header("retry-after", wait.to_string()),
        false => refusal,
    }
}
