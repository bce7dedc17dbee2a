//! The order of an apply.

use std::fmt;

use serde::{Deserialize, Serialize};

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
    /// Every phase, in order.
    pub const ALL: [Self; 5] =
        [Self::Limit, Self::Subaccount, Self::Assign, Self::Token, Self::Credentials];

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
