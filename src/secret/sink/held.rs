//! What a sink holds.

use crate::secret::{ExposeSecret, SecretString, print};

/// What a sink holds, as far as it is known.
#[derive(Debug, Clone)]
pub enum Held {
    /// Nothing, or something else than a secret of this program.
    Nothing,
    /// This secret.
    Secret(SecretString),
    /// A secret that we cannot open; this is its [keyed print](crate::secret::print).
    Print(String),
    /// The sink takes secrets and gives none back.
    Untold,
}

impl From<Option<SecretString>> for Held {
    fn from(secret: Option<SecretString>) -> Self {
        secret.map_or(Self::Nothing, Self::Secret)
    }
}

impl Held {
    /// Whether it is the secret of this [keyed print](crate::secret::print); `None` if that is
    /// unknown.
    pub fn is(&self, wanted: &str) -> Option<bool> {
        match self {
            Self::Nothing => Some(false),
            Self::Secret(secret) => Some(print::of(secret) == wanted),
            Self::Print(print) => Some(print == wanted),
            Self::Untold => None,
        }
    }

    /// Whether it certainly holds nothing.
    pub fn is_nothing(&self) -> bool {
        matches!(self, Self::Nothing)
    }

    /// The secret itself, if it can be had.
    pub fn secret(self) -> Option<SecretString> {
        match self {
            Self::Secret(secret) => Some(secret),
            Self::Nothing | Self::Print(_) | Self::Untold => None,
        }
    }

    /// Whether it is exactly `secret`, or must be taken for it since nobody can tell.
    pub(super) fn may_be(&self, secret: &SecretString) -> bool {
        match self {
            Self::Nothing => false,
            Self::Secret(held) => held.expose_secret() == secret.expose_secret(),
            Self::Print(held) => *held == print::of(secret),
            Self::Untold => true,
        }
    }
}
