//! The core: one world, one request at a time, no socket, clock or randomness of its own.
//!
//! [`World::handle`] takes a request, the real time and a source of randomness, and gives a response; everything that
//! the request changed waits in [`World::take_changes`] for the one who keeps the log. The same request against the same
//! world with the same time and randomness always has the same answer.

use std::collections::BTreeMap;

use super::{
    admission::{self, Caller},
    answer::{Answer, Response},
    assumptions::{Assumptions, LAPSED_TOKEN},
    catalog::{Collection, Kind},
    control, cors,
    faults::{FaultPlan, Moment},
    item::Item,
    journal::{Entry, Journal},
    logs,
    metering::{self, Meter},
    page,
    request::{Request, Target},
    routes, rows,
    select::View,
    state::{Buried, Change, LogRecord, State},
};

/// How long the recycle bin keeps a record, in seconds.
pub(super) const BIN_RETENTION: u64 = 30 * 24 * 3600;

/// The longest `x-flespi-app` that a log keeps, in characters.
const APP_LENGTH: usize = 63;

/// The longest `x-flespi-trace` that the journal keeps, in characters.
const TRACE_LENGTH: usize = 31;

/// A live world.
pub(super) struct World {
    pub(super) state: State,
    pub(super) assumptions: Assumptions,
    pub(super) faults: FaultPlan,
    pub(super) journal: Journal,
    pub(super) calls_per_minute: Option<u32>,
    pub(super) meter: Meter,
    /// Where this world is served, for answers that name their own host.
    pub(super) url: String,
    /// Nothing lapses before this second; 0 when that is not known.
    next_lapse: u64,
    /// Whether changes are kept for a log at all.
    is_recording: bool,
    /// The changes of the request at hand, as the elements of a JSON array.
    changes: Vec<u8>,
    /// Uses of tokens that no log knows of yet.
    touched: BTreeMap<u64, u64>,
    /// The whole state was replaced: changes alone do not lead to it.
    pub(super) is_replaced: bool,
}

/// One request on its way through the core.
pub(super) struct Call<'a> {
    pub(super) request: &'a Request,
    pub(super) target: Target,
    /// Virtual unix time.
    pub(super) now: u64,
    pub(super) entropy: &'a mut dyn FnMut() -> u64,
    pub(super) caller: Option<Caller>,
}

impl Call<'_> {
    /// The account that the call acts as; 0, which owns nothing, for calls without a token.
    pub(super) fn top(&self) -> u64 {
        self.caller.map_or(0, |caller| caller.top)
    }
}

impl World {
    /// A world that holds `state`. With `is_recording`, changes wait to be taken.
    pub(super) fn new(state: State, assumptions: Assumptions, is_recording: bool) -> Self {
        Self {
            state,
            assumptions,
            faults: FaultPlan::default(),
            journal: Journal::default(),
            calls_per_minute: None,
            meter: Meter::default(),
            url: String::new(),
            next_lapse: 0,
            is_recording,
            changes: Vec::new(),
            touched: BTreeMap::new(),
            is_replaced: false,
        }
    }

    pub(super) fn view(&self) -> View<'_> {
        View { state: &self.state, assumptions: &self.assumptions }
    }

    /// Makes a change part of the world, and of the log.
    pub(super) fn commit(&mut self, change: Change) {
        self.next_lapse = self.next_lapse.min(due(&change));
        self.note(&change);
        self.state.apply(change);
    }

    fn note(&mut self, change: &Change) {
        if self.is_recording {
            self.changes.push(if self.changes.is_empty() { b'[' } else { b',' });
            // Writing our own records into memory cannot fail.
            let _ = serde_json::to_writer(&mut self.changes, change);
        }
    }

    /// Marks a token as used. Reads touch too, so this stays out of the log until something else is written or
    /// somebody asks with [`Self::take_touches`].
    pub(super) fn touch(&mut self, token: u64, now: u64) {
        self.state.touch(token, now);
        if self.is_recording {
            self.touched.insert(token, now);
        }
    }

    /// The changes since the last call as one line for the log, `None` when there are none. Uses of tokens ride along.
    pub(super) fn take_changes(&mut self) -> Option<Vec<u8>> {
        if self.changes.is_empty() {
            return None;
        }
        self.note_touches();
        self.changes.extend_from_slice(b"]\n");
        Some(std::mem::take(&mut self.changes))
    }

    /// The uses of tokens since the last call as a line for the log.
    pub(super) fn take_touches(&mut self) -> Option<Vec<u8>> {
        self.note_touches();
        self.take_changes()
    }

    fn note_touches(&mut self) {
        if !self.touched.is_empty() {
            let touched = std::mem::take(&mut self.touched).into_iter().collect();
            self.note(&Change::Touch(touched));
        }
    }

    /// Takes another world's state in place of this one's.
    pub(super) fn replace(&mut self, state: State) {
        self.state = state;
        self.meter = Meter::default();
        self.next_lapse = 0;
        self.changes.clear();
        self.touched.clear();
        self.is_replaced = true;
    }

    /// Writes into the platform's log what a call did to an item: made, changed or deleted it.
    pub(super) fn record(
        &mut self,
        call: &Call<'_>,
        row: &Collection,
        old: Option<&Item>,
        new: Option<&Item>,
    ) {
        let event = match (old, new) {
            (None, _) => logs::CREATED,
            (Some(_), Some(_)) => logs::UPDATED,
            (Some(_), None) => logs::DELETED,
        };
        self.record_event(call, event, row, old, new);
    }

    /// The same for any event.
    pub(super) fn record_event(
        &mut self,
        call: &Call<'_>,
        event: &str,
        row: &Collection,
        old: Option<&Item>,
        new: Option<&Item>,
    ) {
        let Some(item) = new.or(old) else { return };
        // What an account does to its own record it reads in its own log; all else is in the log of the owner.
        let is_own = row.type_number == rows::CUSTOMER.type_number;
        self.commit(Change::Log(LogRecord {
            timestamp: call.now,
            event: event.to_owned(),
            origin_type: row.type_number,
            origin_id: item.id,
            cid: if is_own { item.id } else { item.cid },
            token_id: call.caller.map(|caller| caller.token),
            app: call
                .request
                .header("x-flespi-app")
                .map(|app| app.chars().take(APP_LENGTH).collect()),
            note: None,
            host: Some(call.request.peer),
            method: Some(call.request.method.clone()),
            uri: Some(Entry::for_target(&call.request.target, Some(&call.target)).path),
            old: old.and_then(|old| logs::snapshot(row, old)),
            new: new.and_then(|new| logs::snapshot(row, new)),
        }));
    }

    /// Answers one request. `real_now` is the real time in milliseconds since 1970.
    pub(super) fn handle(
        &mut self,
        request: &Request,
        real_now: u64,
        entropy: &mut dyn FnMut() -> u64,
    ) -> Response {
        let now = (real_now / 1000).saturating_add(self.state.clock);
        let target = Target::parse(&request.target);
        if let Ok(target) = &target
            && target.segments.first().is_some_and(|first| first == "_sandbox")
        {
            return control::serve(self, request, target, now);
        }
        if let Ok(target) = &target
            && target.segments.is_empty()
            && request.method == "GET"
        {
            return page::response();
        }
        self.sweep(now);
        let signer = admission::signer(self, request).map(|token| (token.id, token.cid));
        let cid = match (&target, admission::named_account(request)) {
            (Ok(target), Ok(Some(named)))
                if target.segments.first().is_none_or(|first| first != "auth") =>
            {
                Some(named)
            }
            _ => signer.map(|(_, account)| account),
        };
        let mut entry = Entry {
            time: now,
            method: request.method.clone(),
            cid,
            token_id: signer.map(|(token, _)| token),
            app: request.header("x-flespi-app").map(|app| app.chars().take(APP_LENGTH).collect()),
            trace: request
                .header("x-flespi-trace")
                .map(|trace| trace.chars().take(TRACE_LENGTH).collect()),
            host: Some(request.peer),
            ..Entry::for_target(&request.target, target.as_ref().ok())
        };
        let response = match target {
            Err(refusal) => refusal.into(),
            Ok(target) => {
                let faults = self.faults.strike(&request.method, &target, cid);
                entry.fault = faults.names();
                match faults.apply_before() {
                    Moment::Answered(response) => response,
                    Moment::Passed => {
                        let mut call = Call { request, target, now, entropy, caller: None };
                        let mut answer =
                            routes::dispatch(self, &mut call).unwrap_or_else(Answer::from);
                        faults.distort(&mut answer);
                        let mut response = Response::from(answer);
                        cors::permit(self, request, &mut response);
                        response.headers.extend(date(now));
                        response.headers.extend(moved(self.state.clock));
                        faults.apply_after(&mut response);
                        response
                    }
                }
            }
        };
        entry.status = (!response.delivery.cut).then_some(response.status);
        self.journal.push(entry);
        response
    }

    /// Removes what time has taken: lapsed tokens, old records of the bin, old codes. Costs nothing while nothing is due.
    fn sweep(&mut self, now: u64) {
        if now < self.next_lapse {
            return;
        }
        let tokens = self.state.table(Kind::Tokens).iter();
        let lapsed: Vec<Item> =
            tokens.filter(|token| admission::lapses_at(token) <= now).cloned().collect();
        for token in lapsed {
            self.lapse(token, now);
        }
        let end = |record: &Buried| record.deleted.saturating_add(BIN_RETENTION);
        let old: Vec<u64> = self
            .state
            .bin
            .values()
            .filter(|record| end(record) <= now)
            .map(|record| record.id)
            .collect();
        old.into_iter().for_each(|id| self.commit(Change::Exhume(id)));
        let unblock = metering::lift_blocks(self, now);
        let void = self.state.codes.values().filter(|code| code.until <= now);
        let void: Vec<String> = void.map(|code| code.code.clone()).collect();
        void.into_iter().for_each(|code| self.commit(Change::Spend(code)));
        let dues = self.state.table(Kind::Tokens).iter().map(admission::lapses_at);
        let dues = dues.chain(self.state.bin.values().map(end));
        let dues = dues.chain(self.state.codes.values().map(|code| code.until));
        self.next_lapse = dues.chain([unblock]).min().unwrap_or(u64::MAX);
    }

    fn lapse(&mut self, token: Item, now: u64) {
        self.commit(Change::Remove { kind: Kind::Tokens, id: token.id });
        self.commit(Change::Log(LogRecord {
            timestamp: now,
            event: logs::DELETED.to_owned(),
            origin_type: rows::TOKENS.type_number,
            origin_id: token.id,
            cid: token.cid,
            token_id: None,
            app: None,
            note: Some("token has been expired and deleted".to_owned()),
            host: None,
            method: None,
            uri: None,
            old: logs::snapshot(&rows::TOKENS, &token),
            new: None,
        }));
        if self.assumptions.is(&LAPSED_TOKEN, "bin") {
            let id = self.state.next_id + 1;
            self.commit(Change::NextId(id));
            self.commit(Change::Bury(Buried {
                id,
                kind: Kind::Tokens,
                deleted: now,
                cause: None,
                item: token,
            }));
        }
    }
}

/// The `Date` header of an answer: the sandbox's own clock, as every server sends it.
fn date(now: u64) -> Option<(&'static str, String)> {
    let now = jiff::Timestamp::from_second(i64::try_from(now).ok()?).ok()?;
    let text = jiff::fmt::rfc2822::DateTimePrinter::new().timestamp_to_rfc9110_string(&now).ok()?;
    Some(("date", text))
}

/// By how many seconds somebody moved the clock, so that a client can tell that from a clock that is wrong. The platform
/// has no such header, and a sandbox whose clock nobody moved has none either.
fn moved(ahead: u64) -> Option<(&'static str, String)> {
    (ahead > 0).then(|| ("x-sandbox-clock", ahead.to_string()))
}

/// The second at which time will take away what a change brings; the end of time when it never does.
fn due(change: &Change) -> u64 {
    match change {
        Change::Put { kind, item } => {
            let lapse = match kind {
                Kind::Tokens => admission::lapses_at(item),
                _ => u64::MAX,
            };
            match item.fields.number("blocked_until") {
                0 => lapse,
                until => lapse.min(until),
            }
        }
        Change::Bury(record) => record.deleted.saturating_add(BIN_RETENTION),
        Change::Issue(code) => code.until,
        _ => u64::MAX,
    }
}
