//! One call at a time, whatever it is answered with.
//!
//! Answers are not judged here: what the client takes for an error may be just what was asked for. Reads are repeated
//! where no answer comes; writes only where they were refused for the rate, so that nothing is made twice.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use reqwest::Url;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, ORIGIN, RETRY_AFTER};
use serde_json::Value;
use tokio::time::sleep;

use super::evidence;
use crate::profile::Evidence;
use crate::secret::{ExposeSecret, SecretString};
use crate::transport::{Transport, TransportError, Wire};

/// How long one try of a call may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// How often a read is tried.
const TRIES: u32 = 4;

/// The first wait before another try; it doubles.
const BACKOFF: Duration = Duration::from_secs(1);

/// The longest wait that the platform may ask for before another try.
const LONGEST_WAIT: Duration = Duration::from_secs(90);

/// The largest answer that is read, in bytes.
const LARGEST: usize = 16 * 1024 * 1024;

/// How calls name themselves in the platform's log.
const APP: &str = concat!("flespi-gitops/", env!("CARGO_PKG_VERSION"), " probe");

/// Why the platform could not be asked.
#[derive(Debug, thiserror::Error)]
pub enum ProbeError {
    /// No answer came, or none that says anything.
    #[error("{call}: {why}")]
    Unanswered {
        /// The call, without anything secret.
        call: String,
        /// What happened.
        why: String,
    },
    /// The token is not one that can ask.
    #[error("the token {0}")]
    Token(&'static str),
    /// The account for trials could not be made.
    #[error("cannot make the account for trials: {0}")]
    Unmade(String),
    /// The process was asked to end.
    #[error("stopped before everything was asked; the account for trials is removed")]
    Stopped,
    /// The account for trials is still there.
    #[error("cannot remove {0}, which was made for trials: {1}")]
    Left(i64, String),
}

/// Sends calls to one platform.
#[derive(Debug)]
pub struct Caller {
    http: Transport,
    platform: Url,
    token: SecretString,
    trace: String,
    /// The least time from one call to the next.
    pace: Duration,
    made: AtomicU64,
}

/// Who signs a call.
#[derive(Clone, Copy, Default)]
pub(super) enum Signer<'a> {
    /// The token that was given to us.
    #[default]
    Own,
    /// A token that we made.
    Key(&'a str),
    /// The token that was given to us, without the word in front of it.
    Bare,
    /// Nobody.
    None,
}

/// A call in the making.
pub(super) struct Call<'a> {
    method: &'static str,
    path: String,
    account: Option<i64>,
    signer: Signer<'a>,
    origin: Option<&'static str>,
    body: Option<Value>,
    is_ours: bool,
}

/// An answer, and what may be shown of it.
pub(super) struct Heard {
    pub(super) status: u16,
    /// Whether it says when to come again.
    pub(super) has_retry_after: bool,
    pub(super) answer: Value,
    pub(super) evidence: Evidence,
}

impl<'a> Call<'a> {
    pub(super) fn new(method: &'static str, path: impl Into<String>) -> Self {
        Self {
            method,
            path: path.into(),
            account: None,
            signer: Signer::Own,
            origin: None,
            body: None,
            is_ours: false,
        }
    }

    pub(super) fn get(path: impl Into<String>) -> Self {
        Self::new("GET", path)
    }

    /// As account `id`, with what is below it.
    #[must_use]
    pub(super) fn within(self, id: i64) -> Self {
        Self { account: Some(id), ..self }
    }

    #[must_use]
    pub(super) fn signed(self, signer: Signer<'a>) -> Self {
        Self { signer, ..self }
    }

    #[must_use]
    pub(super) fn on_page(self, origin: &'static str) -> Self {
        Self { origin: Some(origin), ..self }
    }

    #[must_use]
    pub(super) fn with(self, body: Value) -> Self {
        Self { body: Some(body), ..self }
    }

    /// What it is about was made by the probe, so that the answer may be shown whole.
    #[must_use]
    pub(super) fn about_ours(self) -> Self {
        Self { is_ours: true, ..self }
    }
}

impl Heard {
    /// The items of the answer.
    pub(super) fn items(&self) -> &[Value] {
        self.answer.get("result").and_then(Value::as_array).map_or(&[], Vec::as_slice)
    }

    /// The first item of the answer.
    pub(super) fn item(&self) -> Option<&Value> {
        self.items().first()
    }

    /// A member of the first item.
    pub(super) fn member(&self, name: &str) -> Option<&Value> {
        self.item()?.get(name)
    }

    /// The id of the first item.
    pub(super) fn id(&self) -> Option<i64> {
        self.member("id")?.as_i64()
    }

    /// Whether something is complained about.
    pub(super) fn has_errors(&self) -> bool {
        let errors = self.answer.get("errors").and_then(Value::as_array);
        errors.is_some_and(|errors| !errors.is_empty())
    }

    /// Whether the call was carried out, as far as the answer says.
    pub(super) fn is_done(&self) -> bool {
        (200..300).contains(&self.status) && !self.has_errors()
    }

    /// Whether it was refused for what it asks, rather than for the moment or the token.
    pub(super) fn is_refused(&self) -> bool {
        let is_bad = matches!(self.status, 400 | 404 | 405 | 409 | 415 | 422);
        is_bad || (200..300).contains(&self.status) && self.has_errors()
    }

    /// Whether it was refused for who asks.
    pub(super) fn is_forbidden(&self) -> bool {
        matches!(self.status, 401 | 403)
    }

    /// Words for an answer that says nothing about the question.
    pub(super) fn unexpected(&self) -> String {
        let what = if self.has_errors() { " with errors" } else { "" };
        format!("{} was answered {}{what}", self.evidence.request, self.status)
    }
}

impl Caller {
    /// Calls to `platform`, signed with `token`, that carry `trace` (at most 31 characters); at most `calls_per_minute`.
    ///
    /// # Errors
    /// [`TransportError`] if there is no way to the platform.
    pub fn new(
        platform: Url,
        token: SecretString,
        trace: String,
        calls_per_minute: u32,
    ) -> Result<Self, TransportError> {
        let http = Transport::to(&platform, PATIENCE, None)?;
        let pace = Duration::from_secs(60) / calls_per_minute.max(1);
        Ok(Self { http, platform, token, trace, pace, made: AtomicU64::new(0) })
    }

    /// The same, whose calls `wire` carries in place of the network.
    #[must_use]
    pub fn over(self, wire: Arc<dyn Wire>) -> Self {
        Self { http: self.http.over(wire, PATIENCE), ..self }
    }

    /// The same, whose calls the wire carries that is made of their way to the platform.
    ///
    /// # Errors
    /// That of `wire`.
    pub fn behind<E>(
        self,
        wire: impl FnOnce(Transport) -> Result<Arc<dyn Wire>, E>,
    ) -> Result<Self, E> {
        let wire = wire(self.http.clone())?;
        Ok(self.over(wire))
    }

    /// How many calls were made.
    pub fn made(&self) -> u64 {
        self.made.load(Ordering::Relaxed)
    }

    /// Sends a call; its answer, whatever it is.
    ///
    /// # Errors
    /// [`ProbeError::Unanswered`]: no answer came, or for a read none but that the platform is busy.
    pub(super) async fn send(&self, call: Call<'_>) -> Result<Heard, ProbeError> {
        let is_read = call.method == "GET";
        let mut tries = 1;
        loop {
            let tried = self.once(&call).await;
            // What is refused for the rate was not carried out.
            let is_refused = matches!(&tried, Ok((heard, _)) if heard.status == 429);
            let (wait, why) = match tried {
                Ok((heard, _)) if heard.status < 500 && heard.status != 429 => return Ok(heard),
                // Who signs with a token of a trial wants to hear this.
                Ok((heard, _)) if !matches!(call.signer, Signer::Own) => return Ok(heard),
                Ok((heard, wait)) => (wait, format!("answered {}", heard.status)),
                Err(why) => (None, why),
            };
            if !(is_read || is_refused) || tries == TRIES {
                let evidence =
                    evidence::of(call.method, &call.path, None, None, &Value::Null, false);
                return Err(ProbeError::Unanswered { call: evidence.request, why });
            }
            sleep(wait.unwrap_or(BACKOFF * 2_u32.pow(tries - 1)).min(LONGEST_WAIT)).await;
            tries += 1;
        }
    }

    /// One try: the answer, and how long it asks to wait.
    async fn once(&self, call: &Call<'_>) -> Result<(Heard, Option<Duration>), String> {
        sleep(self.pace).await;
        let url = self.platform.join(&call.path).map_err(|error| error.to_string())?;
        let method = call.method.parse().map_err(|_| "no such method".to_owned())?;
        let mut request = self.http.request(method, url);
        request = request.header("x-flespi-app", APP).header("x-flespi-trace", &self.trace);
        let key = match call.signer {
            Signer::Own => Some(format!("FlespiToken {}", self.token.expose_secret())),
            Signer::Key(key) => Some(format!("FlespiToken {key}")),
            Signer::Bare => Some(self.token.expose_secret().to_owned()),
            Signer::None => None,
        };
        if let Some(key) = key {
            request = request.header(AUTHORIZATION, key);
        }
        if let Some(account) = call.account {
            request = request.header("x-flespi-cid", account);
        }
        if let Some(origin) = call.origin {
            request = request.header(ORIGIN, origin);
        }
        if let Some(body) = &call.body {
            request = request.header(CONTENT_TYPE, "application/json").body(body.to_string());
        }
        self.made.fetch_add(1, Ordering::Relaxed);
        let mut response = self.http.send(request).await.map_err(|trouble| trouble.words())?;
        let status = response.status().as_u16();
        let retry_after = response.headers().get(RETRY_AFTER);
        let wait = retry_after.and_then(|value| value.to_str().ok()?.trim().parse().ok());
        let has_retry_after = retry_after.is_some();
        let mut bytes = Vec::new();
        while let Some(chunk) =
            response.chunk().await.map_err(|_| "the answer broke off".to_owned())?
        {
            if bytes.len() + chunk.len() > LARGEST {
                return Err("the answer is too large".to_owned());
            }
            bytes.extend_from_slice(&chunk);
        }
        let answer = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
        let body = call.body.as_ref();
        let evidence =
            evidence::of(call.method, &call.path, body, Some(status), &answer, call.is_ours);
        let heard = Heard { status, has_retry_after, answer, evidence };
        Ok((heard, wait.map(Duration::from_secs)))
    }
}
