//! Patterns over addresses: what must never be looked at.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::address::Address;

/// The longest pattern, in bytes: longer than any address needs, and short enough to match ten
/// thousand addresses against many of them in no time.
const LONGEST: usize = 500;

/// A glob over addresses: `*` and `?` stand for characters of one segment, `**` for anything.
///
/// A subaccount that matches takes everything in it along: `subaccount/emea` also means
/// `token/emea/acme/app`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct AddressPattern(String);

/// A text that is not a pattern.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is not a pattern: write an address such as subaccount/emea/acme, with `*` and `?` for \
     characters of one name and `**` for anything"
)]
pub struct InvalidPattern(pub String);

impl AddressPattern {
    /// The pattern that means `address` and nothing else but what lies in it.
    pub fn of(address: &Address) -> Self {
        Self(address.to_string())
    }

    /// Whether `address`, or an account on the way to it, is meant.
    pub fn matches(&self, address: &Address) -> bool {
        let fits = |address: &Address| fits(self.0.as_bytes(), address.to_string().as_bytes());
        fits(address)
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
        fits.then(|| Self(text.to_owned())).ok_or_else(|| InvalidPattern(text.to_owned()))
    }
}

impl fmt::Display for AddressPattern {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// Whether the whole of `text` fits `pattern`; every state of the match is walked at once, so no
/// pattern is slow.
fn fits(pattern: &[u8], text: &[u8]) -> bool {
    let mut at = vec![false; pattern.len() + 1];
    at[0] = true;
    skip_stars(pattern, &mut at);
    for byte in text {
        let mut next = vec![false; pattern.len() + 1];
        for (index, &known) in pattern.iter().enumerate().filter(|(index, _)| at[*index]) {
            match known {
                b'*' if *byte != b'/' || is_double(pattern, index) => next[index] = true,
                b'?' if *byte != b'/' => next[index + 1] = true,
                known if known == *byte && !b"*?".contains(&known) => next[index + 1] = true,
                _ => {}
            }
        }
        skip_stars(pattern, &mut next);
        at = next;
    }
    at[pattern.len()]
}

/// A star also stands for nothing.
fn skip_stars(pattern: &[u8], at: &mut [bool]) {
    for (index, byte) in pattern.iter().enumerate() {
        if *byte == b'*' && at[index] {
            at[index + 1] = true;
        }
    }
}

/// Whether the star at `index` is one of two in a row.
fn is_double(pattern: &[u8], index: usize) -> bool {
    pattern.get(index + 1) == Some(&b'*') || (index > 0 && pattern[index - 1] == b'*')
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
    fn what_no_address_can_hold_is_no_pattern() {
        for text in ["", "token/Ä", "a b", "token/[a]"] {
            assert!(text.parse::<AddressPattern>().is_err(), "{text}");
        }
    }
}
