//! How fast a command may call the platform: the same option for all that call it again and again.

use std::num::NonZeroU32;

/// How many calls a command makes.
#[derive(Debug, Clone, Copy, Default, clap::Args)]
pub(super) struct Pace {
    /// Make at most N API calls in any 60 seconds. Default: where the account's limit bounds its calls, half of what others
    /// leave of them.
    #[arg(long, value_name = "N", env = "FLESPI_GITOPS_CALLS_PER_MINUTE")]
    pub(super) calls_per_minute: Option<NonZeroU32>,
}
