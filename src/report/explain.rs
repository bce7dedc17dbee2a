//! Why a token may do something, or may not.

use std::fmt::Write as _;

use schemars::JsonSchema;
use serde::Serialize;

use super::style::{BAD, BOLD, CAUTION, DIM, GOOD, paint};
use crate::diagnostic::render::{printable, without_commands};
use crate::resource::Address;
use crate::rights::Verdict;

/// What `explain` answers.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Explanation {
    /// `flespi-gitops/explain/v1`.
    pub format: ExplainFormat,
    /// The token.
    pub address: Address,
    /// The request, `GET gw/devices/123` or `subscribe site/#`.
    pub request: String,
    /// The source of the answer.
    pub from: Basis,
    /// Whether the whole request is allowed for sure.
    pub allowed: bool,
    /// The answer.
    pub verdict: Verdict,
    /// Why.
    pub reason: String,
    /// The entry of the access list that decides, counted from 1; null if no entry decides it.
    pub entry: Option<usize>,
    /// Where the deciding entry is, `file:line:col`; null for what is read from the platform.
    pub source: Option<String>,
    /// The id on the platform; null for manifests.
    pub id_on_platform: Option<i64>,
    /// Further conditions of an allowed request.
    pub conditions: Vec<String>,
}

/// The format of this document.
#[derive(Debug, Clone, Copy, Serialize, JsonSchema)]
pub enum ExplainFormat {
    /// Version 1.
    #[serde(rename = "flespi-gitops/explain/v1")]
    V1,
}

/// The source of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Basis {
    /// What manifests declare.
    Manifests,
    /// What the platform has.
    Live,
}

/// The answer for people.
pub fn explain_text(explanation: &Explanation) -> String {
    let Explanation {
        format: _,
        address,
        request,
        from: _,
        allowed: _,
        verdict,
        reason,
        entry: _,
        source,
        id_on_platform,
        conditions,
    } = explanation;
    let (word, style) = match verdict {
        Verdict::Allowed => ("allow", GOOD),
        Verdict::InPart => ("allow in part", CAUTION),
        Verdict::Depends => ("depends", CAUTION),
        Verdict::Denied => ("deny", BAD),
    };
    let request = printable(request);
    let mut text = format!("{}  {request}  {}\n", paint(style, word), paint(BOLD, address));
    let _ = writeln!(text, "  {}", printable(reason));
    for condition in conditions {
        let _ = writeln!(text, "  {}", printable(condition));
    }
    let place = match (source, id_on_platform) {
        (Some(source), _) => Some(source.clone()),
        (None, Some(id)) => Some(format!("token {id} on the platform")),
        (None, None) => None,
    };
    if let Some(place) = place {
        let _ = writeln!(text, "  {}", paint(DIM, printable(&place)));
    }
    without_commands(text)
}
