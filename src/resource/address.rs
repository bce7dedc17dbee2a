//! Addresses: how people, plans and marks call an object.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use smol_str::SmolStr;

use super::account::{AccountPath, is_valid_name};
use super::kinds::Kind;

/// `kind/<path>/<name>`, where `<path>` is the account that holds the object.
///
/// Ordered by kind, then account, then name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Address {
    /// What the object is.
    pub kind: Kind,
    /// The account that holds it.
    pub account: AccountPath,
    /// Its name there.
    pub name: SmolStr,
}

/// A text that is not an address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not an address: write {forms}", forms = forms())]
pub struct InvalidAddress(pub String);

/// What addresses of each kind look like, in words.
fn forms() -> String {
    let forms = Kind::words().map(|kind| format!("{kind}/<path>/<name>"));
    match forms.split_last() {
        Some((last, rest)) => format!("{} or {last}", rest.join(", ")),
        None => String::new(),
    }
}

impl Address {
    /// The form of addresses, as a regular expression.
    pub fn form() -> String {
        format!("^({})(/[a-z0-9]([a-z0-9._-]*[a-z0-9])?)+$", Kind::words().join("|"))
    }

    /// The address of `kind` called `name` in `account`.
    pub fn new(kind: Kind, account: AccountPath, name: impl Into<SmolStr>) -> Self {
        Self { kind, account, name: name.into() }
    }

    /// The address of the subaccount that `path` leads to; `None` for the root, which no manifest
    /// declares.
    pub fn of_account(path: &AccountPath) -> Option<Self> {
        let (owner, name) = path.split_last()?;
        Some(Self::new(Kind::ACCOUNT, owner, name))
    }

    /// The path that a subaccount's address gives to what lies inside it.
    pub fn as_account(&self) -> Option<AccountPath> {
        (self.kind.is_account()).then(|| self.account.child(&self.name))
    }
}

impl fmt::Display for Address {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.account.is_root() {
            write!(formatter, "{}/{}", self.kind, self.name)
        } else {
            write!(formatter, "{}/{}/{}", self.kind, self.account, self.name)
        }
    }
}

impl FromStr for Address {
    type Err = InvalidAddress;

    fn from_str(text: &str) -> Result<Self, InvalidAddress> {
        let invalid = || InvalidAddress(text.to_owned());
        let (kind, rest) = text.split_once('/').ok_or_else(invalid)?;
        let kind: Kind = kind.parse().map_err(|()| invalid())?;
        let (account, name) = match rest.rsplit_once('/') {
            Some(("", _)) => return Err(invalid()),
            Some((account, name)) => (AccountPath::parse(account).map_err(|_| invalid())?, name),
            None => (AccountPath::root(), rest),
        };
        if !is_valid_name(name) {
            return Err(invalid());
        }
        Ok(Self::new(kind, account, name))
    }
}

impl Serialize for Address {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Address {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(de::Error::custom)
    }
}

impl schemars::JsonSchema for Address {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Address".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": "string",
            "description": "kind/<path>/<name>, where <path> is the account that holds the object.",
            "pattern": Self::form(),
            "examples": ["limit/starter", "subaccount/emea/acme", "token/emea/acme/trackit"]
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_reads_back_as_it_was_written() {
        for text in ["limit/starter", "subaccount/emea/acme", "token/emea/acme/trackit"] {
            assert_eq!(text.parse::<Address>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn what_is_not_an_address_is_refused() {
        for text in ["", "limit", "limit/", "realm/x", "limit/A", "limit//x", "token/a/"] {
            assert!(text.parse::<Address>().is_err(), "{text}");
        }
    }
}
