//! Which requests a token may make, wherever they come from.

use serde_json::Value;

use super::access_type::AccessType;
use super::grant::{Grant, TopicGrant};

/// Which requests a token may make.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reach {
    /// All that the API has.
    Master,
    /// All but what belongs to the platform API.
    Standard,
    /// What the entries of an access list grant together.
    Listed {
        /// Over REST.
        grants: Vec<Grant>,
        /// Over MQTT.
        topics: Vec<TopicGrant>,
    },
    /// None: a type that is not for API requests, or an empty list.
    Nothing,
}

impl Reach {
    /// Reads the platform's `access`.
    #[must_use]
    pub fn of(access: &Value) -> Self {
        match AccessType::of(access) {
            Some(AccessType::Standard) => Self::Standard,
            Some(AccessType::Master) => Self::Master,
            Some(AccessType::Acl) => {
                let entries = access.get("acl").and_then(Value::as_array);
                let entries = || entries.into_iter().flatten().enumerate();
                let grants = entries().filter_map(|(index, entry)| Grant::of(index, entry));
                let topics = entries().filter_map(|(index, entry)| TopicGrant::of(index, entry));
                Self::Listed { grants: grants.collect(), topics: topics.collect() }
            }
            // NOAPI tokens are for internal purposes and cannot be used for requests (token article).
            None => Self::Nothing,
        }
    }

    /// How people call it.
    pub(super) fn words(&self) -> &'static str {
        match self {
            Self::Master => "a master token",
            Self::Standard => "a standard token",
            Self::Listed { .. } => "a token with an access list",
            Self::Nothing => "a token without access to the API",
        }
    }

    pub(super) fn grants(&self) -> &[Grant] {
        match self {
            Self::Listed { grants, .. } => grants,
            Self::Master | Self::Standard | Self::Nothing => &[],
        }
    }

    pub(super) fn topics(&self) -> &[TopicGrant] {
        match self {
            Self::Listed { topics, .. } => topics,
            Self::Master | Self::Standard | Self::Nothing => &[],
        }
    }
}
