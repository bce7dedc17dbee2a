//! The order of an apply.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::kinds::Kind;

/// The phases of an apply, in order; deletions walk them backwards.
///
/// ```text
/// limit ─► subaccount ─► assign ─► token ─► credentials ─► further kinds ─► link
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Phase {
    /// Objects of one kind are created and updated.
    Of(Kind),
    /// Objects come to refer to others, such as a subaccount to its limit.
    Assign,
    /// E-mail and password of a subaccount are set, with a token of its own.
    Credentials,
    /// Objects are linked to others, such as a grant to the accounts that it is given to.
    Link,
}

impl Phase {
    /// The one that comes before all others.
    pub const FIRST: Self = Self::Of(Kind::ALL[0]);

    /// Every phase, in order.
    pub fn all() -> Vec<Self> {
        let kinds = Kind::ALL.into_iter().map(Self::Of);
        let mut phases: Vec<Self> =
            kinds.chain([Self::Assign, Self::Credentials, Self::Link]).collect();
        phases.sort_unstable();
        phases
    }

    /// The word in plans and reports.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Of(kind) => kind.as_str(),
            Self::Assign => "assign",
            Self::Credentials => "credentials",
            Self::Link => "link",
        }
    }

    /// The phase of this word.
    pub fn of_word(word: &str) -> Option<Self> {
        Self::all().into_iter().find(|phase| phase.as_str() == word)
    }

    /// Where it stands: what refers to others comes behind the accounts, and what a token does behind the tokens.
    fn place(self) -> (Kind, bool) {
        match self {
            Self::Of(kind) => (kind, false),
            Self::Assign => (Kind::ACCOUNT, true),
            Self::Credentials => (Kind::KEY, true),
            Self::Link => (Kind::LAST, true),
        }
    }

    /// Whether it comes after all accounts, however deep, since its steps can be about any of them.
    pub fn reaches_down(self) -> bool {
        match self {
            Self::Of(kind) => kind.row().reaches_down,
            Self::Link => true,
            Self::Assign | Self::Credentials => false,
        }
    }

    /// How many phases come before it.
    pub fn position(self) -> isize {
        let (kind, is_behind) = self.place();
        2 * kind as isize + isize::from(is_behind)
    }
}

impl Ord for Phase {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.place().cmp(&other.place())
    }
}

impl PartialOrd for Phase {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Display for Phase {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

impl Serialize for Phase {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for Phase {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let word = Cow::<'de, str>::deserialize(deserializer)?;
        Self::of_word(&word).ok_or_else(|| de::Error::custom(format!("`{word}` is not a phase")))
    }
}

impl JsonSchema for Phase {
    fn schema_name() -> Cow<'static, str> {
        "Phase".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let words: Vec<&str> = Self::all().into_iter().map(Self::as_str).collect();
        json_schema!({
            "description": "The phases of an apply, in order; deletions walk them backwards.",
            "type": "string",
            "enum": words,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_phases_of_the_contract_come_first_and_in_its_order() {
        let words: Vec<&str> = Phase::all().into_iter().map(Phase::as_str).collect();
        let contract = ["limit", "subaccount", "assign", "token", "credentials"];
        assert_eq!(words.get(..contract.len()), Some(contract.as_slice()));
        assert!(Phase::all().is_sorted_by_key(|phase| phase.position()));
    }

    #[test]
    fn a_phase_is_read_as_it_is_written() {
        for phase in Phase::all() {
            let text = serde_json::to_string(&phase).unwrap();
            assert_eq!(serde_json::from_str::<Phase>(&text).unwrap(), phase);
        }
        assert!(serde_json::from_str::<Phase>("\"x\"").is_err());
    }
}
