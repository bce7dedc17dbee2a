//! Pauses: stretches of time in which some objects are left alone, because a person said so.
//!
//! Every pause has an end, and ends by itself. They are kept where the leases are: in files of one machine, or in
//! the store that several machines share. Every run looks there before it writes.
//!
//! Invariant: pauses that cannot be read are not taken for none; nothing is written then.

mod store;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::history::Actor;
use crate::resource::{Address, AddressPattern};
use crate::run::RunId;

pub use store::{Pauses, Unreadable};

/// The longest pause, in seconds: 30 days. Who wants more manages the objects no longer.
pub const LONGEST_SECONDS: u64 = 30 * 24 * 60 * 60;

/// The longest reason, in characters.
pub const LONGEST_REASON: usize = 500;

/// A stretch of time in which some objects are left alone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Pause {
    /// Its name.
    pub id: RunId,
    /// The platform, as locks call it.
    pub platform: String,
    /// The stack that it is about; null: every stack.
    pub stack: Option<String>,
    /// The objects that it is about; an account takes along what is in it.
    #[schemars(with = "String")]
    pub scope: AddressPattern,
    /// Why.
    pub reason: String,
    /// Who asked for it.
    pub by: Actor,
    /// When it began.
    pub since: Timestamp,
    /// When it ends.
    pub until: Timestamp,
}

impl Pause {
    /// Whether it holds at `now` for `stack` on `platform`.
    pub fn is_in_force(&self, platform: &str, stack: &str, now: Timestamp) -> bool {
        self.platform == platform
            && self.stack.as_deref().is_none_or(|its| its == stack)
            && now < self.until
    }

    /// Whether `address` is left alone, or holds something that may be.
    ///
    /// A pattern with a wildcard may mean anything inside of an account, so an account is not deleted while there is one.
    pub fn spares(&self, address: &Address) -> bool {
        let Some(account) = Address::as_account(address) else { return false };
        match self.scope.to_string().parse::<Address>() {
            Ok(inside) => inside.account.self_and_ancestors().any(|holder| holder == account),
            Err(_) => true,
        }
    }

    /// Who asked for it, in a word or two.
    pub fn asked_by(&self) -> String {
        match &self.by.user {
            Some(user) => format!("{user} on {}", self.by.host),
            None => self.by.host.clone(),
        }
    }
}

/// All pauses that are in force.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct PauseList {
    /// `flespi-gitops/pauses/v1`.
    pub format: PauseListFormat,
    /// The pauses, the first to end first.
    pub pauses: Vec<Pause>,
}

/// The format of this document.
#[derive(Debug, Clone, Copy, Serialize, JsonSchema)]
pub enum PauseListFormat {
    /// Version 1.
    #[serde(rename = "flespi-gitops/pauses/v1")]
    V1,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pause(scope: &str) -> Pause {
        Pause {
            id: RunId::new(),
            platform: "flespi.io".to_owned(),
            stack: None,
            scope: scope.parse().unwrap(),
            reason: "moving house".to_owned(),
            by: Actor::default(),
            since: Timestamp::UNIX_EPOCH,
            until: "2026-12-01T00:00:00Z".parse().unwrap(),
        }
    }

    #[test]
    fn a_pause_ends_by_itself_and_is_about_one_platform() {
        let now: Timestamp = "2026-11-30T23:59:59Z".parse().unwrap();
        let any = pause("token/app");
        assert!(any.is_in_force("flespi.io", "a", now));
        assert!(!any.is_in_force("flespi.io", "a", any.until));
        assert!(!any.is_in_force("sandbox", "a", now));
        let one = Pause { stack: Some("b".to_owned()), ..any };
        assert!(!one.is_in_force("flespi.io", "a", now) && one.is_in_force("flespi.io", "b", now));
    }

    #[test]
    fn an_account_is_not_deleted_above_what_is_paused() {
        let spares = |scope: &str, address: &str| pause(scope).spares(&address.parse().unwrap());
        assert!(spares("token/acme/depot/app", "subaccount/acme"));
        assert!(spares("token/acme/depot/app", "subaccount/acme/depot"));
        assert!(!spares("token/acme/depot/app", "subaccount/other"));
        assert!(!spares("token/app", "subaccount/acme"));
        assert!(spares("token/**", "subaccount/acme"), "it may be anywhere");
        assert!(!spares("token/**", "limit/starter"));
    }
}
