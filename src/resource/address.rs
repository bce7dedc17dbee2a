//! Addresses: how people, plans and marks call an object.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use smol_str::SmolStr;

use super::account::{AccountPath, is_valid_name};
use super::kinds::Kind;

/// `kind/<path>/<name>`, where `<path>` is the account that holds the object; of what is inside of another object than an
/// account, such as the users of a realm, `kind/<path>/<container>/<name>`.
///
/// Ordered by kind, then account, container and name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Address {
    /// What the object is.
    pub kind: Kind,
    /// The account that holds it.
    pub account: AccountPath,
    /// The name of the object of that account in which it is, for the kinds that are inside of others.
    pub container: Option<SmolStr>,
    /// Its name there.
    pub name: SmolStr,
}

/// A text that is not an address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not an address: write {forms}", forms = forms())]
pub struct InvalidAddress(pub String);

/// What addresses of each kind look like, in words.
fn forms() -> String {
    let forms = Kind::ALL.map(|kind| match kind.container() {
        Some((container, _)) => format!("{kind}/<path>/<{container}>/<name>"),
        None => format!("{kind}/<path>/<name>"),
    });
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
        Self { kind, account, container: None, name: name.into() }
    }

    /// The same object inside of the one of its account that is called `container`.
    #[must_use]
    pub fn inside(self, container: Option<SmolStr>) -> Self {
        Self { container, ..self }
    }

    /// The address that the object would have if its account had another path.
    #[must_use]
    pub fn below(&self, account: AccountPath) -> Self {
        Self { account, ..self.clone() }
    }

    /// The address of the object in which it is, if it is in another one than an account.
    pub fn of_container(&self) -> Option<Self> {
        let (kind, _) = self.kind.container()?;
        Some(Self::new(kind, self.account.clone(), self.container.clone()?))
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
        write!(formatter, "{}/", self.kind)?;
        if !self.account.is_root() {
            write!(formatter, "{}/", self.account)?;
        }
        if let Some(container) = &self.container {
            write!(formatter, "{container}/")?;
        }
        formatter.write_str(&self.name)
    }
}

impl FromStr for Address {
    type Err = InvalidAddress;

    fn from_str(text: &str) -> Result<Self, InvalidAddress> {
        let invalid = || InvalidAddress(text.to_owned());
        let (kind, rest) = text.split_once('/').ok_or_else(invalid)?;
        let kind: Kind = kind.parse().map_err(|()| invalid())?;
        let (above, name) = match rest.rsplit_once('/') {
            Some((above, name)) => (Some(above), name),
            None => (None, rest),
        };
        let (account, container) = match (kind.container(), above) {
            (None, above) => (above, None),
            (Some(_), None) => return Err(invalid()),
            (Some(_), Some(above)) => match above.rsplit_once('/') {
                Some((account, container)) => (Some(account), Some(container)),
                None => (None, Some(above)),
            },
        };
        let account = match account {
            Some("") => return Err(invalid()),
            Some(account) => AccountPath::parse(account).map_err(|_| invalid())?,
            None => AccountPath::root(),
        };
        if !container.into_iter().chain([name]).all(is_valid_name) {
            return Err(invalid());
        }
        Ok(Self::new(kind, account, name).inside(container.map(SmolStr::from)))
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
            "description": "kind/<path>/<name>, where <path> is the account that holds the object; of users of a realm, \
                            kind/<path>/<realm>/<name>.",
            "pattern": Self::form(),
            "examples": [
                "limit/starter",
                "subaccount/emea/acme",
                "token/emea/acme/trackit",
                "realm-user/emea/portal/ann",
            ]
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_reads_back_as_it_was_written() {
        for text in [
            "limit/starter",
            "subaccount/emea/acme",
            "token/emea/acme/trackit",
            "realm-user/portal/ann",
            "realm-user/emea/acme/portal/ann",
        ] {
            assert_eq!(text.parse::<Address>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn a_user_is_inside_of_a_realm_and_the_realm_in_an_account() {
        let user: Address = "realm-user/emea/portal/ann".parse().unwrap();
        assert_eq!(user.account.to_string(), "emea");
        assert_eq!(user.of_container().unwrap().to_string(), "realm/emea/portal");
        assert_eq!("token/emea/app".parse::<Address>().unwrap().of_container(), None);
    }

    #[test]
    fn what_is_not_an_address_is_refused() {
        for text in [
            "",
            "limit",
            "limit/",
            "device/x",
            "limit/A",
            "limit//x",
            "token/a/",
            "realm-user/ann",
            "realm-user//ann",
        ] {
            assert!(text.parse::<Address>().is_err(), "{text}");
        }
    }
}
