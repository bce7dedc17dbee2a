//! What can go wrong with a call, and what may be done about it.

use std::time::Duration;

use super::request::{Method, Request};

/// What kind of trouble it is: the one thing that decisions look at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// The token is not accepted (401).
    Unauthorized,
    /// The token's rights do not reach so far, or the account is blocked (403).
    Forbidden,
    /// No such item (404).
    NotFound,
    /// The platform refused what was asked (other 4xx).
    Rejected,
    /// Too many calls (429); the call was not carried out.
    RateLimited,
    /// The call was not sent: it would have had to wait for too long, or the run ends.
    Unsent,
    /// The platform is in trouble (5xx); whether the call was carried out is unknown.
    Server,
    /// No connection came about; the call was not carried out.
    Unreachable,
    /// The call went out and no whole answer came back: it may have been carried out.
    Lost,
    /// The answer is larger than any that is read; the call was carried out.
    TooLarge,
}

/// A call that failed.
#[derive(Debug, thiserror::Error)]
#[error("{method} {path}: {what}", method = method.as_str())]
pub struct ApiError {
    /// What kind of trouble it is.
    pub class: Class,
    /// The method of the call.
    pub method: Method,
    /// Its path, without the query.
    pub path: String,
    /// What happened, in words; never a secret.
    pub what: String,
    /// How long the platform asked to wait.
    pub retry_after: Option<Duration>,
    /// The status of the answer; 0 if there was none.
    pub status: u16,
    /// How often the call was sent.
    pub attempts: u32,
}

impl ApiError {
    /// A failure of `request`.
    pub fn new(request: &Request, class: Class, what: impl Into<String>) -> Self {
        Self {
            class,
            method: request.method,
            path: request.path.split('?').next().unwrap_or_default().to_owned(),
            what: what.into(),
            retry_after: None,
            status: 0,
            attempts: 1,
        }
    }

    /// Whether the call may have been carried out although it failed.
    pub fn may_have_committed(&self) -> bool {
        matches!(self.class, Class::Server | Class::Lost | Class::TooLarge)
    }
}
