//! Account paths: the chain of subaccount names below the root account, that of the token.

use std::cmp::Ordering;
use std::fmt;

use smol_str::{SmolStr, format_smolstr};

/// How many levels of accounts the platform has; the root account counts as the first.
///
/// The four are documented (platform article on subaccounts); that the root counts among them is
/// assumption 26.
pub const MAX_ACCOUNT_LEVELS: usize = 4;

/// The chain of subaccount names below the root account; empty for the root account itself. Copying one takes no memory.
///
/// Ordered name by name, so that whatever is in an account stands right behind it.
#[derive(Clone, PartialEq, Eq, Hash, Default)]
pub struct AccountPath(SmolStr);

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
        match text.split('/').find(|segment| !is_valid_name(segment)) {
            Some(segment) => Err(InvalidName(segment.to_owned())),
            None => Ok(Self(text.into())),
        }
    }

    /// The account called `name` below this one.
    #[must_use]
    pub fn child(&self, name: &str) -> Self {
        if self.is_root() { Self(name.into()) } else { Self(format_smolstr!("{self}/{name}")) }
    }

    /// The account that this one belongs to, and its own name there; `None` for the root.
    pub fn split_last(&self) -> Option<(Self, &str)> {
        match self.0.rsplit_once('/') {
            Some((parents, name)) => Some((Self(parents.into()), name)),
            None if self.is_root() => None,
            None => Some((Self::root(), &self.0)),
        }
    }

    /// This account and every account above it, nearest first, the root last.
    pub fn self_and_ancestors(&self) -> impl Iterator<Item = Self> + use<> {
        let above = |path: &Self| path.split_last().map(|(parents, _)| parents);
        std::iter::successors(Some(self.clone()), above)
    }

    /// How many accounts lie between this one and the root; 0 for the root.
    pub fn depth(&self) -> usize {
        self.segments().count()
    }

    /// Whether this is the root account.
    pub fn is_root(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether `other` is this account or lies below it.
    pub fn contains(&self, other: &Self) -> bool {
        let rest = other.0.strip_prefix(self.0.as_str());
        self.is_root() || rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }

    /// The names from the top down.
    pub fn segments(&self) -> impl DoubleEndedIterator<Item = &str> {
        self.0.split('/').filter(|segment| !segment.is_empty())
    }
}

impl Ord for AccountPath {
    fn cmp(&self, other: &Self) -> Ordering {
        let (a, b) = (self.0.as_bytes(), other.0.as_bytes());
        let common = a.iter().zip(b).take_while(|(a, b)| a == b).count();
        // The slash comes before everything that a name may hold, and the end before the slash.
        let rank =
            |bytes: &[u8]| bytes.get(common).map(|byte| if *byte == b'/' { 0 } else { *byte });
        rank(a).cmp(&rank(b))
    }
}

impl PartialOrd for AccountPath {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Display for AccountPath {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
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

    #[test]
    fn whatever_is_in_an_account_stands_right_behind_it() {
        let sorted = ["", "a", "a/b", "a/b/c", "a/b-c", "a/bc", "a-b", "a-b/c", "a.b", "ab", "b"];
        let paths: Vec<AccountPath> = sorted.map(|it| AccountPath::parse(it).unwrap()).into();
        for (at, path) in paths.iter().enumerate() {
            let names = |path: &AccountPath| path.segments().map(str::to_owned).collect::<Vec<_>>();
            for (other_at, other) in paths.iter().enumerate() {
                assert_eq!(path.cmp(other), names(path).cmp(&names(other)), "{path} {other}");
                assert_eq!(path.cmp(other), at.cmp(&other_at), "{path} {other}");
            }
        }
    }
}
