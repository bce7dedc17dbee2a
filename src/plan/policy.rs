//! What a person allowed for a pass.

/// How far ahead a plan looks by default: two weeks, in seconds.
pub const HORIZON: i64 = 14 * 86_400;

/// What a person allowed for this pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Policy {
    /// Delete objects with this stack's mark that are no longer declared.
    pub prune: bool,
    /// How many seconds ahead the plan looks for tokens that end.
    #[serde(default = "horizon")]
    pub horizon: i64,
}

impl Default for Policy {
    fn default() -> Self {
        Self { prune: false, horizon: HORIZON }
    }
}

fn horizon() -> i64 {
    HORIZON
}
