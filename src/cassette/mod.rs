//! Calls of one run and their answers, kept in a file that holds no secret (`schemas/cassette.schema.json`).
//!
//! `--record` writes one; `sandbox --replay` answers from it, so that what a platform did to somebody can be looked at
//! where that platform is not at hand. A cassette is text, one JSON value a line: a [`Header`], then an [`Exchange`] for
//! each call in the order in which answers came. A line is written at once, so that a run which is killed leaves all that
//! it was told.
//!
//! Invariant: no key, password or other secret of a call or of an answer is in a cassette. What a plan shows to people
//! (names, addresses, metadata) is. Hashes of passwords are not, so a plan over a recording sets passwords anew.

mod file;
mod recorder;
mod veil;

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

pub use file::{CassetteError, LARGEST};
pub use recorder::Recorder;

/// The format of a cassette.
pub const CASSETTE_FORMAT: &str = "flespi-gitops/cassette/v1";

/// What was recorded.
#[derive(Debug, Clone, PartialEq)]
pub struct Cassette {
    /// Where it is from.
    pub header: Header,
    /// The calls, in the order in which their answers came.
    pub exchanges: Vec<Exchange>,
}

/// A line of a cassette.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum CassetteLine {
    /// The first one.
    Header(Header),
    /// Any other.
    Exchange(Exchange),
}

/// Where a cassette is from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Header {
    /// `flespi-gitops/cassette/v1`.
    pub format: String,
    /// Version of the program that recorded it.
    pub version: String,
    /// The platform, as locks and history call it: its host, or `sandbox`.
    pub platform: String,
    /// When it was begun, in RFC 3339.
    pub recorded: String,
}

/// A call, and what became of it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Exchange {
    /// Method of HTTP.
    pub method: String,
    /// Path and query, as they were sent.
    pub path: String,
    /// Id of the account in whose name it was made (`x-flespi-cid`); absent for the account of the token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<i64>,
    /// What stands for the key of the token that signed it; absent if none did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signer: Option<String>,
    /// The body that was sent, with stand-ins for what is secret; absent without one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<Value>,
    /// Status of the answer; absent if none came.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// Headers of the answer that mean something: when it was given, and when to come again.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, String>,
    /// The answer, with stand-ins for what is secret; a text if it was no JSON, and absent if it was empty.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer: Option<Value>,
    /// Why no answer came, or none that could be kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lost: Option<String>,
}
