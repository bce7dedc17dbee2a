//! What a token must be able to do and what not, as its manifest says: a test that stands beside what it tests.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::resource;

/// Requests that the token must be able to make, and requests that it must not. `validate` checks them.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Expect {
    /// Requests that must be allowed, with everything that they name.
    pub allow: Vec<Expectation>,
    /// Requests that must be denied, for everything that they name.
    pub deny: Vec<Expectation>,
}

/// A request.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Expectation {
    /// Method and path, or `publish` or `subscribe` and a topic.
    Request(#[schemars(example = "GET gw/devices/123/messages", length(min = 1))] String),
    /// A request, with how it is made.
    With(ExpectedRequest),
}

/// A request and how it is made.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ExpectedRequest {
    /// Method and path, or `publish` or `subscribe` and a topic.
    #[schemars(example = "subscribe site/#", length(min = 1))]
    pub request: String,
    /// The address that it comes from; left out: one that may use the token.
    #[serde(default)]
    #[schemars(example = "203.0.113.7")]
    pub ip: Option<String>,
    /// The web origin of the page that makes it; left out: no page, or one that may use the token.
    #[serde(default)]
    #[schemars(example = "https://app.example.com")]
    pub origin: Option<String>,
    /// Whether the items that it names are in groups; needed where the access says `in-groups`.
    #[serde(default)]
    pub in_groups: Option<bool>,
}

impl Expect {
    /// The expectations in the form that is planned with.
    pub fn declared(&self) -> Vec<resource::Expectation> {
        let of = |list: &[Expectation], must_be_allowed| -> Vec<resource::Expectation> {
            list.iter().map(|expectation| expectation.declared(must_be_allowed)).collect()
        };
        let mut all = of(&self.allow, true);
        all.extend(of(&self.deny, false));
        all
    }
}

impl Expectation {
    fn declared(&self, must_be_allowed: bool) -> resource::Expectation {
        let request = self.request().0.to_owned();
        let (ip, origin, in_groups) = match self {
            Self::Request(_) => (None, None, None),
            Self::With(with) => (with.ip.clone(), with.origin.clone(), with.in_groups),
        };
        resource::Expectation { request, must_be_allowed, ip, origin, in_groups }
    }

    /// The request as it was written, and where that stands below the expectation itself.
    pub fn request(&self) -> (&str, &'static str) {
        match self {
            Self::Request(request) => (request, ""),
            Self::With(with) => (&with.request, "/request"),
        }
    }
}
