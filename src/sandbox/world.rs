//! The core: one world, one request at a time, no socket, clock or randomness of its own.
//!
//! [`World::handle`] takes a request, the real time and a source of randomness, and gives a response; everything that
//! the request changed waits in [`Books::take_changes`] for the one who keeps the log. The same request against the same
//! world with the same time and randomness always has the same answer.

use super::{
    admission,
    answer::{Answer, Response},
    assumptions::Assumptions,
    books::Books,
    call::Call,
    control::{self, Controls},
    cors,
    faults::{FaultPlan, Moment},
    journal::{Entry, Journal},
    metering::Meter,
    page,
    request::{Request, Target},
    routes,
    state::State,
    sweep,
};

/// The longest `x-flespi-trace` that the journal keeps, in characters.
const TRACE_LENGTH: usize = 31;

/// A live world.
pub(super) struct World {
    pub(super) books: Books,
    pub(super) meter: Meter,
    pub(super) journal: Journal,
    pub(super) faults: FaultPlan,
    /// Where this world is served, for answers that name their own host.
    pub(super) url: String,
    /// Whether the MQTT broker is to be there, if there is one.
    pub(super) broker_is_open: bool,
}

impl World {
    /// A world that holds `state`. With `is_recording`, changes wait to be taken from its books.
    pub(super) fn new(state: State, assumptions: Assumptions, is_recording: bool) -> Self {
        Self {
            books: Books::new(state, assumptions, is_recording),
            meter: Meter::default(),
            journal: Journal::default(),
            faults: FaultPlan::default(),
            url: String::new(),
            broker_is_open: true,
        }
    }

    /// Answers one request. `real_now` is the real time in milliseconds since 1970.
    pub(super) fn handle(
        &mut self,
        request: &Request,
        real_now: u64,
        entropy: &mut dyn FnMut() -> u64,
    ) -> Response {
        let now = (real_now / 1000).saturating_add(self.books.state.clock);
        let target = Target::parse(&request.target);
        if let Ok(target) = &target
            && target.segments.first().is_some_and(|first| first == "_sandbox")
        {
            let Self { books, meter, journal, faults, broker_is_open, url: _ } = self;
            let controls = Controls { books, meter, journal, faults, broker_is_open };
            return control::serve(controls, request, target, now);
        }
        if let Ok(target) = &target
            && target.segments.is_empty()
            && request.method == "GET"
        {
            return page::response();
        }
        sweep::sweep(&mut self.books, now);
        let signer = admission::signer(&self.books.state, &self.books.assumptions, request)
            .map(|token| (token.id, token.cid));
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
            app: request.app(),
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
                        let mut call = Call {
                            request,
                            target,
                            now,
                            entropy,
                            caller: None,
                            journal: &self.journal,
                            url: &self.url,
                        };
                        let mut answer =
                            routes::dispatch(&mut self.books, &mut self.meter, &mut call)
                                .unwrap_or_else(Answer::from);
                        faults.distort(&mut answer);
                        let mut response = Response::from(answer);
                        cors::permit(self.books.view(), request, &mut response);
                        response.headers.extend(date(now));
                        response.headers.extend(moved(self.books.state.clock));
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
