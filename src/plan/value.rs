//! The plan as a value: what would be done, in which order, and why.

use schemars::JsonSchema;
use serde::Serialize;

use super::entry::{Blocked, Disputed, Drifted, Pending, Prunable, Refusal, Unknown};
use super::pages::LoginPage;
use super::step::{Action, Step};
use super::token_time::TokenTime;
use crate::git::Commit;

/// Everything that would be done, and everything that would not and why.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The stack that the plan is for.
    pub stack: String,
    /// The steps in the order of application.
    pub steps: Vec<Step>,
    /// What is declared, but will not be done.
    pub blocked: Vec<Blocked>,
    /// What was asked for before and waits for somebody else.
    pub pending: Vec<Pending>,
    /// Objects with this stack's mark that are no longer declared, while `--prune` is not given.
    pub prunable: Vec<Prunable>,
    /// Where marks contradict each other; nothing is done because of such a mark.
    pub disputed: Vec<Disputed>,
    /// What could not be read; nothing is planned there.
    pub unknown: Vec<Unknown>,
    /// Why an apply does nothing until this plan is approved.
    pub refusals: Vec<Refusal>,
    /// What a person should know, without any action.
    pub notes: Vec<String>,
    /// What was changed on the platform and is left as it is, because of `drift` in the manifests.
    pub drifted: Vec<Drifted>,
    /// What is known of the time of every declared token; what comes first, first.
    pub tokens: Vec<TokenTime>,
    /// Where people log in.
    pub pages: Vec<LoginPage>,
    /// How many declared objects need nothing.
    pub unchanged: usize,
    /// SHA-256 over the steps, as hexadecimal digits.
    pub digest: String,
    /// The commit that the manifests are from, if they are from a repository.
    pub commit: Option<Commit>,
}

/// How many of what.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Summary {
    /// Objects to create.
    pub create: usize,
    /// Objects to update, credentials included.
    pub update: usize,
    /// Limits to assign.
    pub assign: usize,
    /// Objects to link to others.
    pub link: usize,
    /// Objects to delete and create again.
    pub replace: usize,
    /// Objects to restore from the recycle bin.
    pub restore: usize,
    /// Objects to manage no longer, without deleting them.
    pub forget: usize,
    /// Objects to delete.
    pub delete: usize,
    /// Declared objects without changes.
    pub unchanged: usize,
}

impl Plan {
    /// How many of what.
    pub fn summary(&self) -> Summary {
        let count = |action| self.steps.iter().filter(|step| step.action == action).count();
        Summary {
            create: count(Action::Create),
            update: count(Action::Update),
            assign: count(Action::Assign),
            link: count(Action::Link),
            replace: 0,
            restore: count(Action::Restore),
            forget: count(Action::Forget),
            delete: count(Action::Delete),
            unchanged: self.unchanged,
        }
    }

    /// Whether something is blocked or disputed, so that a person has to act before all is as declared.
    pub fn is_in_the_way(&self) -> bool {
        !self.blocked.is_empty() || !self.disputed.is_empty()
    }

    /// Whether there is nothing to do and nothing in the way.
    pub fn is_converged(&self) -> bool {
        self.steps.is_empty() && self.blocked.is_empty() && self.unknown.is_empty()
    }
}
