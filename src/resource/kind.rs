//! The closed set of kinds, and one table of what each is on the platform.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// What an object is.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    schemars::JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// A set of quotas that a parent assigns to its subaccounts.
    Limit,
    /// An account below another one.
    Subaccount,
    /// An access key.
    Token,
}

impl Kind {
    /// Every kind, in the order in which objects are created.
    pub const ALL: [Self; 3] = [Self::Limit, Self::Subaccount, Self::Token];

    /// The word in addresses, plans and reports.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Limit => "limit",
            Self::Subaccount => "subaccount",
            Self::Token => "token",
        }
    }

    /// The platform's collection.
    pub fn collection(self) -> &'static str {
        match self {
            Self::Limit => "limits",
            Self::Subaccount => "subaccounts",
            Self::Token => "tokens",
        }
    }

    /// The field that holds the display name: tokens call it `info`.
    pub fn label_field(self) -> &'static str {
        match self {
            Self::Limit | Self::Subaccount => "name",
            Self::Token => "info",
        }
    }

    /// The phase in which an object of this kind is created or updated.
    pub fn phase(self) -> Phase {
        match self {
            Self::Limit => Phase::Limit,
            Self::Subaccount => Phase::Subaccount,
            Self::Token => Phase::Token,
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

impl FromStr for Kind {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text).ok_or(())
    }
}

/// The five phases of an apply, in order; deletions walk them backwards.
///
/// ```text
/// limit ─► subaccount ─► assign ─► token ─► credentials
/// ```
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    schemars::JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Phase {
    /// Limits of an account.
    Limit,
    /// Subaccounts of an account.
    Subaccount,
    /// Which limit a subaccount has.
    Assign,
    /// Tokens in an account.
    Token,
    /// E-mail and password of a subaccount.
    Credentials,
}

impl Phase {
    /// The word in plans and reports.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Limit => "limit",
            Self::Subaccount => "subaccount",
            Self::Assign => "assign",
            Self::Token => "token",
            Self::Credentials => "credentials",
        }
    }
}

impl fmt::Display for Phase {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}
