//! HTTP: one function sends every request, repeats what may be repeated, and makes a value of what
//! comes back.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use rand::RngExt;
use reqwest::StatusCode;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, DATE, HeaderValue, LOCATION, RETRY_AFTER};
use tokio::sync::watch;
use tokio::time::Instant;

use super::answer::{self, Answer};
use super::clock::{Clock, PlatformTime};
use super::error::{ApiError, Class};
use super::governor::{Caller, Gate, Governor, Heard, Purpose, Refused, Waiting};
use super::progress::Progress;
use super::request::{self, Method, Request};
use super::retry::{self, Next};
use super::share::Quota;
use super::stats::Stats;
use crate::assumptions::SANDBOX_CLOCK;
use crate::lock::Right;
use crate::secret::{ExposeSecret, SecretString};
use crate::shutdown;
use crate::transport::{Transport, TransportError, Trouble, Wire};

/// The largest answer that is read, in bytes. A full page of limits with all quotas is about 2 MB; decoded, an answer
/// takes up to ten times its size, and as many may be under way as the governor allows, which are fewer the longer answers
/// take. Pages that are larger for their `metadata` are asked for again in smaller pieces.
const MAX_ANSWER_BYTES: usize = 16 * 1024 * 1024;

/// The longest trace that the platform keeps, in characters.
const LONGEST_TRACE: usize = 31;

/// No more is reserved for an answer before it comes, whatever its length is said to be.
const MOST_RESERVED_BYTES: usize = 1024 * 1024;

/// How calls name themselves in the platform's log.
pub const APP: &str = concat!("flespi-gitops/", env!("CARGO_PKG_VERSION"));

/// How a client behaves.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Address of the platform, such as `https://flespi.io`.
    pub platform: reqwest::Url,
    /// How long one try of a call may take.
    pub timeout: Duration,
    /// Id of the run, sent as `x-flespi-trace` (at most 31 characters).
    pub trace: Option<String>,
    /// How many calls may be made in any 60 seconds; none: as many as the platform takes.
    pub calls_per_minute: Option<u32>,
    /// When all has to be done; what would have to wait for longer fails at once.
    pub deadline: Option<Instant>,
}

/// Talks to the platform with one token.
#[derive(Clone)]
pub struct Client {
    http: Transport,
    platform: reqwest::Url,
    authorization: HeaderValue,
    app: HeaderValue,
    trace: Option<HeaderValue>,
    governor: Arc<Governor>,
    /// Pauses of the token.
    gate: Arc<Gate>,
    /// Whether the token is that of the account whose calls are shared.
    is_own: bool,
    stats: Arc<Stats>,
    progress: Arc<Progress>,
    clock: Arc<Clock>,
    /// What is asked before each write.
    right: Option<Right>,
}

impl fmt::Debug for Client {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Client({})", self.platform)
    }
}

/// Why a client could not be made.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// A token is 64 characters of `[A-Za-z0-9]`; this one cannot even be sent.
    #[error("the token has characters that are not valid in a token")]
    BadToken,
    /// There is no way to the platform.
    #[error(transparent)]
    Transport(#[from] TransportError),
}

impl Settings {
    /// Calls to `platform`, one try of which takes no longer than `timeout`, with no other bounds.
    pub fn new(platform: reqwest::Url, timeout: Duration) -> Self {
        Self { platform, timeout, trace: None, calls_per_minute: None, deadline: None }
    }
}

impl Client {
    /// A client that signs its calls with `token`.
    ///
    /// # Errors
    /// [`ClientError`] if the token cannot be a token or HTTP cannot start.
    pub fn new(settings: &Settings, token: &SecretString) -> Result<Self, ClientError> {
        let http = Transport::to(&settings.platform, settings.timeout, None)?;
        Ok(Self {
            http,
            platform: settings.platform.clone(),
            authorization: authorization(token)?,
            app: HeaderValue::from_static(APP),
            trace: settings.trace.as_deref().and_then(|trace| HeaderValue::from_str(trace).ok()),
            governor: Arc::new(Governor::new(settings.calls_per_minute, settings.deadline)),
            gate: Arc::default(),
            is_own: true,
            stats: Arc::default(),
            progress: Arc::default(),
            clock: Arc::default(),
            right: None,
        })
    }

    /// The same client, whose calls `wire` carries in place of the network.
    #[must_use]
    pub fn over(&self, wire: Arc<dyn Wire>, settings: &Settings) -> Self {
        Self { http: self.http.clone().over(wire, settings.timeout), ..self.clone() }
    }

    /// The same client, whose calls the wire carries that is made of their way to the platform.
    ///
    /// # Errors
    /// That of `wire`.
    pub fn behind<E>(
        &self,
        wire: impl FnOnce(Transport) -> Result<Arc<dyn Wire>, E>,
        settings: &Settings,
    ) -> Result<Self, E> {
        Ok(self.over(wire(self.http.clone())?, settings))
    }

    /// The same client, signing with another token.
    ///
    /// # Errors
    /// [`ClientError::BadToken`].
    pub fn signed_with(&self, token: &SecretString) -> Result<Self, ClientError> {
        let (authorization, gate) = (authorization(token)?, Arc::default());
        Ok(Self { authorization, gate, is_own: false, ..self.clone() })
    }

    /// The same client, signing with what its own token has become by now.
    ///
    /// # Errors
    /// [`ClientError::BadToken`].
    pub fn renewed(&self, token: &SecretString) -> Result<Self, ClientError> {
        Ok(Self { is_own: self.is_own, ..self.signed_with(token)? })
    }

    /// The same client, whose calls name themselves `app` (at most 63 characters) in the platform's log.
    #[must_use]
    pub fn called(&self, app: &str) -> Self {
        let app = HeaderValue::from_str(app).unwrap_or(HeaderValue::from_static(APP));
        Self { app, ..self.clone() }
    }

    /// The same client, whose calls carry the id of another run.
    #[must_use]
    pub fn traced(&self, trace: &str) -> Self {
        Self { trace: HeaderValue::from_str(trace).ok(), ..self.clone() }
    }

    /// The same client, calling in the name of another run (at most 31 characters), with counts of its own.
    #[must_use]
    pub fn for_run(&self, trace: &str) -> Self {
        let trace = HeaderValue::from_str(trace).ok();
        Self { trace, stats: Arc::default(), ..self.clone() }
    }

    /// The same client, which writes for as long as `right` lets it; its calls carry the generation behind the id of the run.
    #[must_use]
    pub fn under(&self, right: &Right, run: &str) -> Self {
        let generation = right.generation();
        let whole = self.trace.as_ref().and_then(|trace| trace.to_str().ok()).unwrap_or(run);
        // What is longer than the platform keeps would be cut in the middle of the number; the commit is worth less.
        let traces = [format!("{whole}.{generation}"), format!("{run}.{generation}")];
        let fits = traces.into_iter().find(|trace| trace.len() <= LONGEST_TRACE);
        let trace = fits.unwrap_or_else(|| run.to_owned());
        Self { right: Some(right.clone()), ..self.traced(&trace) }
    }

    /// How much longer than there is time so many more calls take, at the rate that they are bounded to: what they take at
    /// least and what is left; none if they may well be done in time.
    pub fn overrun(&self, calls: u64) -> Option<(Duration, Duration)> {
        let left = self.governor.deadline()?.saturating_duration_since(Instant::now());
        let least = self.governor.estimate(calls);
        (least > left).then_some((least, left))
    }

    /// Why calls wait at the moment, if they do.
    pub fn waiting(&self) -> watch::Receiver<Option<Waiting>> {
        self.governor.waiting()
    }

    /// How many calls the process has made.
    pub fn sent(&self) -> u64 {
        self.governor.sent()
    }

    /// How far what is under way has come.
    pub fn progress(&self) -> &Progress {
        &self.progress
    }

    /// The counts of all calls made by this client and those that were made from it.
    pub fn stats(&self) -> &Stats {
        &self.stats
    }

    /// What time it is on the platform, as far as its answers agree.
    pub fn time(&self) -> PlatformTime {
        self.clock.time()
    }

    /// Forgets what earlier answers said of the time.
    pub fn forget_time(&self) {
        self.clock.forget();
    }

    /// Sends `request`, again where that is safe, and waits for the answer.
    ///
    /// # Errors
    /// [`ApiError`] of the last try.
    pub async fn send(&self, request: &Request) -> Result<Answer, ApiError> {
        let mut attempt = 1;
        loop {
            let outcome = loop {
                let caller = Caller { cleans_up: request.cleans_up, may_ask: self.is_own };
                let permit = self.governor.permit(&self.gate, caller).await;
                let permit = permit.map_err(|refused| held_back(request, refused, attempt))?;
                match permit.purpose {
                    Purpose::Call => break self.try_once(request, attempt > 1).await,
                    Purpose::Question => {
                        self.governor.learn(self.own_quota().await);
                    }
                }
            };
            let mut error = match outcome {
                Ok(answer) => return Ok(answer),
                Err(error) => error,
            };
            error.attempts = attempt;
            let jitter = rand::rng().random::<f64>();
            let idempotent = request.method.is_idempotent();
            match retry::next(attempt, error.class, idempotent, error.retry_after, jitter) {
                Next::GiveUp => return Err(error),
                Next::Wait(wait) => {
                    tracing::info!(attempt, wait_ms = wait.as_millis() as u64, "{error}; retrying");
                    attempt += 1;
                    if error.class == Class::RateLimited {
                        // What the platform says of this call holds for all that the token signs; the governor waits.
                        self.gate.close(wait, &error.what);
                        continue;
                    }
                    tokio::select! {
                        () = tokio::time::sleep(wait) => {}
                        () = shutdown::begun(), if !request.cleans_up => return Err(error),
                    }
                }
            }
        }
    }

    /// What bounds the calls of our account; an error if the platform does not say whether anything does.
    async fn own_quota(&self) -> Result<Option<Quota>, ()> {
        match self.try_once(&request::own_calls(), false).await {
            Ok(answer) => {
                let record = answer.into_items().next();
                Ok(record.and_then(|record| Quota::of(&record)))
            }
            // Whoever may not know it has to live with refusals.
            Err(error)
                if matches!(error.class, Class::Forbidden | Class::NotFound | Class::Rejected) =>
            {
                Ok(None)
            }
            Err(_) => Err(()),
        }
    }

    /// Sends `request` once, and takes note of how that went.
    async fn try_once(&self, request: &Request, is_retry: bool) -> Result<Answer, ApiError> {
        self.stats.count(request, is_retry);
        let began = Instant::now();
        let outcome = tokio::select! {
            outcome = self.send_rightly(request) => outcome,
            () = shutdown::grace_is_over() => {
                Err(ApiError::new(request, Class::Lost, "no answer before the end of the run"))
            }
        };
        self.stats.answered(request, outcome.as_ref().map_or_else(|e| e.status, |_| 200));
        self.governor.heard(match outcome.as_ref().map_err(|error| error.class) {
            Err(Class::RateLimited | Class::Server | Class::Unreachable | Class::Lost) => {
                Heard::Trouble
            }
            Ok(_) | Err(_) => Heard::Answer(began.elapsed()),
        });
        outcome
    }

    /// Sends what changes something only while we have the right to write, and waits for its answer no longer than that.
    async fn send_rightly(&self, request: &Request) -> Result<Answer, ApiError> {
        let Some(right) = self.right.as_ref().filter(|_| request.method != Method::Get) else {
            return self.send_once(request).await;
        };
        if let Err(over) = right.begin().await {
            return Err(ApiError::new(request, Class::Unsent, format!("not sent, because {over}")));
        }
        tokio::select! {
            biased;
            () = right.over() => {
                Err(ApiError::new(request, Class::Lost, "no answer before the end of the lease"))
            }
            outcome = self.send_once(request) => outcome,
        }
    }

    async fn send_once(&self, request: &Request) -> Result<Answer, ApiError> {
        let response = self.dispatch(request).await?;
        let status = response.status();
        let retry_after = response.headers().get(RETRY_AFTER).and_then(seconds);
        let header = |name| Some(response.headers().get(name)?.to_str().ok()?.to_owned());
        let date = header(DATE.as_str());
        let moved = header(SANDBOX_CLOCK).and_then(|seconds| seconds.parse().ok());
        let elsewhere = status.is_redirection().then(|| elsewhere(&response));
        let body = self.read_body(request, response).await;
        tracing::debug!(status = status.as_u16(), cid = request.cid, "{request:?}");
        if !status.is_success() {
            let error = answer::refusal(request, status, body.as_deref().unwrap_or_default());
            let what = elsewhere.unwrap_or(error.what);
            return Err(ApiError { retry_after, what, ..error });
        }
        let answer = answer::decode(request, status, &body?)?;
        // Only an answer that is one tells the time: gateways have clocks of their own.
        if let Some(date) = date {
            self.clock.heard(&date, moved.unwrap_or(0));
        }
        Ok(answer)
    }

    async fn dispatch(&self, request: &Request) -> Result<reqwest::Response, ApiError> {
        let url = self.platform.join(&request.path).map_err(|error| {
            ApiError::new(request, Class::Rejected, format!("not a valid address: {error}"))
        })?;
        let method = match request.method {
            Method::Get => reqwest::Method::GET,
            Method::Post => reqwest::Method::POST,
            Method::Put => reqwest::Method::PUT,
            Method::Delete => reqwest::Method::DELETE,
        };
        let mut builder = self
            .http
            .request(method, url)
            .header(AUTHORIZATION, self.authorization.clone())
            .header("x-flespi-app", self.app.clone());
        if let Some(trace) = &self.trace {
            builder = builder.header("x-flespi-trace", trace.clone());
        }
        if let Some(cid) = request.cid {
            builder = builder.header("x-flespi-cid", cid);
        }
        if let Some(body) = request.body_text() {
            builder = builder
                .header(CONTENT_TYPE, "application/json")
                .body(body.expose_secret().to_owned());
        }
        self.http.send(builder).await.map_err(|trouble| match trouble {
            Trouble::Unreachable(words) => ApiError::new(request, Class::Unreachable, words),
            Trouble::Lost(words) => ApiError::new(request, Class::Lost, words),
            Trouble::ProxyLogin(words) => {
                let status = StatusCode::PROXY_AUTHENTICATION_REQUIRED.as_u16();
                ApiError { status, ..ApiError::new(request, Class::Rejected, words) }
            }
        })
    }

    async fn read_body(
        &self,
        request: &Request,
        mut response: reqwest::Response,
    ) -> Result<Vec<u8>, ApiError> {
        let lost = |error: reqwest::Error| {
            ApiError::new(request, Class::Lost, self.http.trouble(&error).words())
        };
        let too_large = || {
            let what = format!("the answer has more than {MAX_ANSWER_BYTES} bytes");
            ApiError::new(request, Class::TooLarge, what)
        };
        if response.content_length().is_some_and(|length| length > MAX_ANSWER_BYTES as u64) {
            return Err(too_large());
        }
        // Pages come by the dozen, and each that grows leaves pieces behind.
        let announced = response.content_length().and_then(|length| usize::try_from(length).ok());
        let mut body = Vec::with_capacity(announced.unwrap_or(0).min(MOST_RESERVED_BYTES));
        while let Some(chunk) = response.chunk().await.map_err(lost)? {
            if body.len() + chunk.len() > MAX_ANSWER_BYTES {
                return Err(too_large());
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body)
    }
}

/// The failure of a call that was not sent.
fn held_back(request: &Request, refused: Refused, attempt: u32) -> ApiError {
    let what = match refused {
        Refused::TooLate(Waiting { why, wait, .. }) => {
            format!("it would have to wait {} s, past the deadline: {why}", wait.as_secs())
        }
        Refused::Ending => "not sent, because the run is ending".to_owned(),
    };
    ApiError { attempts: attempt, ..ApiError::new(request, Class::Unsent, what) }
}

fn authorization(token: &SecretString) -> Result<HeaderValue, ClientError> {
    let text = format!("FlespiToken {}", token.expose_secret());
    let mut value = HeaderValue::from_str(&text).map_err(|_| ClientError::BadToken)?;
    value.set_sensitive(true);
    Ok(value)
}

/// Where a redirect points, which is not followed; of its address only what cannot hold anything of ours.
fn elsewhere(response: &reqwest::Response) -> String {
    let status = response.status().as_u16();
    let location = response.headers().get(LOCATION).and_then(|location| location.to_str().ok());
    let location = location.and_then(|location| response.url().join(location).ok());
    let origin = location.map(|location| location.origin().ascii_serialization());
    let origin = origin.filter(|origin| origin != "null").unwrap_or_else(|| "elsewhere".to_owned());
    format!("{status}: redirect to {origin}, not followed")
}

fn seconds(value: &HeaderValue) -> Option<Duration> {
    value.to_str().ok()?.trim().parse().ok().map(Duration::from_secs)
}
