//! `--only`: what of a plan is meant.

use super::exit::Exit;
use super::output::Output;
use crate::plan::{self, Plan};
use crate::resource::{AddressPattern, Desired};

/// Which objects a command is about.
#[derive(Debug, Clone, Default, clap::Args)]
pub(super) struct Only {
    /// Addresses to limit the command to, with what they depend on, such as `subaccount/acme` or `token/**`; a
    /// subaccount includes everything in it. Repeatable.
    #[arg(long = "only", value_name = "PATTERN")]
    patterns: Vec<AddressPattern>,
}

impl Only {
    /// The plan as far as it is meant; a pattern that means nothing is a slip of the pen, which is told.
    pub(super) fn of(&self, plan: Plan, desired: &Desired, output: &Output) -> Result<Plan, Exit> {
        let meaningless = plan::meaningless(&self.patterns, &plan, desired);
        if meaningless.is_empty() {
            return Ok(plan::narrow(plan, &self.patterns, desired));
        }
        for pattern in meaningless {
            output.error(&format!("no object matches `{pattern}` (--only)"));
        }
        Err(Exit::Usage)
    }
}
