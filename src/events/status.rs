//! What an outsider sees of listening.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;

/// Whether changes are heard.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LinkState {
    /// A connection is being made.
    Connecting,
    /// Changes are heard.
    Connected,
    /// Connected, and the broker refuses some of the topics.
    Deaf,
    /// There is no connection; the next try is due soon.
    Away,
}

impl LinkState {
    /// The word in JSON, logs and metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Connecting => "connecting",
            Self::Connected => "connected",
            Self::Deaf => "deaf",
            Self::Away => "away",
        }
    }
}

/// How events of the platform are heard, and how many were.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Listening {
    /// The broker's address.
    pub broker: String,
    /// Whether changes are heard at the moment.
    pub state: LinkState,
    /// Since when.
    pub since: Timestamp,
    /// Why not all changes are heard, if so; passes on the interval find the rest.
    pub trouble: Option<String>,
    /// Messages since the process began.
    pub heard: u64,
    /// Those of them that told of our own writes.
    pub echoes: u64,
    /// Those of them that were about nothing that a pass looks at.
    pub ignored: u64,
    /// Passes that were asked for.
    pub wakes: u64,
    /// Connections since the process began.
    pub connections: u64,
}

impl Listening {
    pub(super) fn to(broker: String) -> Self {
        Self {
            broker,
            state: LinkState::Connecting,
            since: Timestamp::now(),
            trouble: None,
            heard: 0,
            echoes: 0,
            ignored: 0,
            wakes: 0,
            connections: 0,
        }
    }

    pub(super) fn turn(&mut self, state: LinkState, trouble: Option<String>) {
        if self.state != state {
            self.since = Timestamp::now();
        }
        (self.state, self.trouble) = (state, trouble);
    }
}
