//! What is wrong, by the status of the daemon.

use std::collections::BTreeMap;
use std::fmt;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::plan::HORIZON;
use crate::watch::{ObjectState, State, Status};

/// What an incident is about.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Topic {
    /// The platform cannot be read.
    Unreachable,
    /// The manifests are invalid, or cannot be read.
    Invalid,
    /// A guard refuses an edit, and a person must decide.
    Refused,
    /// Something fails or cannot be done.
    Failing,
    /// Somebody else keeps changing something.
    Contested,
    /// A token ends soon, whoever uses it.
    Expiring,
}

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct Incident {
    /// What it is about.
    pub topic: Topic,
    /// The object, or the digest of the refused plan; empty: the whole stack.
    pub subject: String,
}

impl fmt::Display for Topic {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Unreachable => "unreachable",
            Self::Invalid => "invalid",
            Self::Refused => "refused",
            Self::Failing => "failing",
            Self::Contested => "contested",
            Self::Expiring => "expiring",
        })
    }
}

/// Everything that is wrong at `now`, in words; none if that is not known, since no pass has ended yet.
pub(super) fn incidents(status: &Status, now: Timestamp) -> Option<BTreeMap<Incident, String>> {
    let mut all = BTreeMap::new();
    let mut add = |topic, subject: String, says: String| {
        all.insert(Incident { topic, subject }, says);
    };
    for condition in &status.conditions {
        let topic = match condition.state {
            State::PlatformAway => Topic::Unreachable,
            State::SetInvalid | State::RootUnknown => Topic::Invalid,
            _ => continue,
        };
        add(topic, String::new(), condition.says.clone());
    }
    if let Some(approval) = &status.approval {
        let reasons: Vec<&str> = approval.refusals.iter().map(|it| it.reason.as_str()).collect();
        let says = format!("{}; approve with: {}", reasons.join("; "), approval.command);
        add(Topic::Refused, approval.digest.chars().take(12).collect(), says);
    }
    for (address, object) in status.objects.iter() {
        let topic = match object.state {
            ObjectState::Failing | ObjectState::Blocked => Some(Topic::Failing),
            ObjectState::Contested => Some(Topic::Contested),
            _ => None,
        };
        if let Some(topic) = topic {
            add(topic, address.to_string(), object.reason.clone().unwrap_or_default());
        }
        // A token that lives on by being used ends when nobody needs it.
        let ends = object.ends_at.filter(|_| object.ttl_seconds.is_none());
        if let Some(end) = ends
            && end.as_second().saturating_sub(now.as_second()) < HORIZON
        {
            let says = format!("it ends at {}", end.strftime("%Y-%m-%d %H:%M UTC"));
            add(Topic::Expiring, address.to_string(), says);
        }
    }
    (!status.passes.is_empty()).then_some(all)
}
