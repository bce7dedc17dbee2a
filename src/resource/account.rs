//! Account paths: the chain of subaccount names below the root account, that of the token.

use std::fmt;

/// How many levels of accounts the platform has; the root account counts as the first.
///
/// The four are documented (platform article on subaccounts); that the root counts among them is
/// assumption 26.
pub const MAX_ACCOUNT_LEVELS: usize = 4;

/// The chain of subaccount names below the root account; empty for the root account itself.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct AccountPath(Vec<String>);

/// A name that is not of the form `[a-z0-9]([a-z0-9._-]*[a-z0-9])?`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a name: use a-z, 0-9 and, inside, `.`, `_` or `-`")]
pub struct InvalidName(pub String);

/// Whether `name` can name an object: `[a-z0-9]([a-z0-9._-]*[a-z0-9])?`.
pub fn is_valid_name(name: &str) -> bool {
    let edge = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let inner = |byte: u8| edge(byte) || matches!(byte, b'.' | b'_' | b'-');
    match name.as_bytes() {
        [] => false,
        [only] => edge(*only),
        [first, middle @ .., last] => {
            edge(*first) && edge(*last) && middle.iter().all(|byte| inner(*byte))
        }
    }
}

impl AccountPath {
    /// The root account, that of the token.
    pub fn root() -> Self {
        Self::default()
    }

    /// Reads `emea/acme`; the empty text is the root.
    ///
    /// # Errors
    /// [`InvalidName`] with the first segment that is not a name.
    pub fn parse(text: &str) -> Result<Self, InvalidName> {
        if text.is_empty() {
            return Ok(Self::root());
        }
        let segments: Vec<String> = text.split('/').map(str::to_owned).collect();
        match segments.iter().find(|segment| !is_valid_name(segment)) {
            Some(segment) => Err(InvalidName(segment.clone())),
            None => Ok(Self(segments)),
        }
    }

    /// The account called `name` below this one.
    #[must_use]
    pub fn child(&self, name: &str) -> Self {
        let mut segments = self.0.clone();
        segments.push(name.to_owned());
        Self(segments)
    }

    /// The account that this one belongs to, and its own name there; `None` for the root.
    pub fn split_last(&self) -> Option<(Self, &str)> {
        let (name, parents) = self.0.split_last()?;
        Some((Self(parents.to_vec()), name))
    }

    /// This account and every account above it, nearest first, the root last.
    pub fn self_and_ancestors(&self) -> impl Iterator<Item = Self> + '_ {
        (0..=self.0.len()).rev().map(|length| Self(self.0[..length].to_vec()))
    }

    /// How many accounts lie between this one and the root; 0 for the root.
    pub fn depth(&self) -> usize {
        self.0.len()
    }

    /// Whether this is the root account.
    pub fn is_root(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether `other` is this account or lies below it.
    pub fn contains(&self, other: &Self) -> bool {
        other.0.starts_with(&self.0)
    }

    /// The names from the top down.
    pub fn segments(&self) -> &[String] {
        &self.0
    }
}

impl fmt::Display for AccountPath {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0.join("/"))
    }
}

impl fmt::Debug for AccountPath {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "AccountPath({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_have_lower_case_letters_and_digits_at_both_ends() {
        for name in ["a", "7", "a-b", "a.b_c-d", "0x"] {
            assert!(is_valid_name(name), "{name}");
        }
        for name in ["", "-a", "a-", "A", "a b", "a/b", ".", "ä"] {
            assert!(!is_valid_name(name), "{name}");
        }
    }

    #[test]
    fn a_path_reads_back_as_it_was_written() {
        for text in ["", "emea", "emea/acme/depot"] {
            assert_eq!(AccountPath::parse(text).unwrap().to_string(), text);
        }
        assert_eq!(AccountPath::parse("emea//x"), Err(InvalidName(String::new())));
    }

    #[test]
    fn ancestors_come_nearest_first_and_end_at_the_root() {
        let path = AccountPath::parse("a/b").unwrap();
        let chain: Vec<String> = path.self_and_ancestors().map(|p| p.to_string()).collect();
        assert_eq!(chain, ["a/b", "a", ""]);
    }
}
