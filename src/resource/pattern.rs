//! Patterns over addresses: what must never be looked at.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::address::Address;
use crate::glob::Glob;

/// The longest pattern, in bytes: longer than any address needs, and short enough to match ten
/// thousand addresses against many of them in no time.
const LONGEST: usize = 500;

/// A [`Glob`] over addresses.
///
/// A subaccount that matches takes everything in it along, and so does a realm: `subaccount/emea` also means
/// `token/emea/acme/app`, and `realm/portal` also `realm-user/portal/ann`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct AddressPattern(Glob);

/// A text that is not a pattern.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is not a pattern: write an address such as subaccount/emea/acme, with `*` and `?` for \
     characters of one name and `**` between slashes for any names"
)]
pub struct InvalidPattern(pub String);

impl AddressPattern {
    /// The form of patterns that begin with a kind, as a regular expression.
    pub fn form() -> String {
        let kinds = super::kinds::Kind::words().join("|");
        format!(r"^({kinds})(/(\*\*?|\*?([a-z0-9._?-]\*?)+))+$")
    }

    /// Whether `address` itself is meant, and not only an account on the way to it.
    pub fn names(&self, address: &Address) -> bool {
        self.0.matches(&address.to_string())
    }

    /// Whether `address`, or an account on the way to it, is meant.
    pub fn matches(&self, address: &Address) -> bool {
        let fits = |address: &Address| self.names(address);
        fits(address)
            || address.of_container().is_some_and(|holder| fits(&holder))
            || address
                .account
                .self_and_ancestors()
                .filter_map(|account| Address::of_account(&account))
                .any(|account| fits(&account))
    }
}

impl FromStr for AddressPattern {
    type Err = InvalidPattern;

    fn from_str(text: &str) -> Result<Self, InvalidPattern> {
        let is_known = |byte: u8| {
            byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"._-/*?".contains(&byte)
        };
        let fits = !text.is_empty() && text.len() <= LONGEST && text.bytes().all(is_known);
        let glob = fits.then(|| Glob::new(text).ok()).flatten();
        glob.map(Self).ok_or_else(|| InvalidPattern(text.to_owned()))
    }
}

impl fmt::Display for AddressPattern {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.0.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(pattern: &str, address: &str, expect: bool) {
        let parsed: AddressPattern = pattern.parse().unwrap();
        assert_eq!(parsed.matches(&address.parse().unwrap()), expect, "{pattern} on {address}");
    }

    #[test]
    fn a_star_stays_in_its_segment_and_two_do_not() {
        check("token/*", "token/app", true);
        check("token/*", "token/emea/app", false);
        check("token/**", "token/emea/acme/app", true);
        check("*/emea/a*", "limit/emea/acme", true);
        check("limit/a?me", "limit/acme", true);
        check("limit/a?me", "limit/ame", false);
        check("**", "subaccount/emea", true);
        check("token/**/app", "token/emea/acme/app", true);
        check("token/app*", "token/app", true);
    }

    #[test]
    fn an_account_takes_along_what_is_in_it() {
        check("subaccount/emea", "token/emea/acme/app", true);
        check("subaccount/emea", "subaccount/emea", true);
        check("subaccount/emea", "token/emea2/app", false);
        check("subaccount/*/acme", "limit/emea/acme/depot", true);
        check("limit/emea", "token/emea/app", false);
    }

    #[test]
    fn what_is_in_an_account_is_meant_and_not_named() {
        let pattern: AddressPattern = "subaccount/emea".parse().unwrap();
        for (address, is_named) in [("subaccount/emea", true), ("token/emea/app", false)] {
            let address = address.parse().unwrap();
            assert!(pattern.matches(&address), "{address}");
            assert_eq!(pattern.names(&address), is_named, "{address}");
        }
    }

    #[test]
    fn what_no_address_can_hold_is_no_pattern() {
        for text in ["", "token/Ä", "a b", "token/[a]", "token/a**"] {
            assert!(text.parse::<AddressPattern>().is_err(), "{text}");
        }
    }
}
