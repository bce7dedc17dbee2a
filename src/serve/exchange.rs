//! A request and its reply, as far as anybody here looks at them.

use std::net::IpAddr;

/// What is asked.
#[derive(Debug, Clone)]
pub(super) struct Ask {
    pub(super) method: String,
    pub(super) path: String,
    pub(super) host: Option<String>,
    pub(super) origin: Option<String>,
    /// `sec-fetch-site`, which browsers send.
    pub(super) fetch_site: Option<String>,
    pub(super) has_wake_header: bool,
    /// `if-none-match`.
    pub(super) known: Option<String>,
    pub(super) peer: IpAddr,
}

/// What is answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Reply {
    pub(super) status: u16,
    pub(super) content_type: &'static str,
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) body: Vec<u8>,
    /// A pass is to begin.
    pub(super) wakes: bool,
}

const TEXT: &str = "text/plain; charset=utf-8";

impl Reply {
    /// A reply with nothing in its head but the kind of its content.
    pub(super) fn new(status: u16, content_type: &'static str, body: impl Into<Vec<u8>>) -> Self {
        Self { status, content_type, headers: Vec::new(), body: body.into(), wakes: false }
    }

    /// A line for people.
    pub(super) fn text(status: u16, text: impl Into<String>) -> Self {
        Self::new(status, TEXT, text.into())
    }

    /// The reply with one line more in its head.
    pub(super) fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// A page that may load nothing, and run nothing but what `policy` names.
    pub(super) fn page(body: String, policy: String) -> Self {
        Self::new(200, "text/html; charset=utf-8", body).with("content-security-policy", policy)
    }
}
