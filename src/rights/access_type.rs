//! What sort of key a token is.

use serde_json::{Map, Value};

/// The type of an access (fact sheet, 5.4): everything but accounts, everything, or a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum AccessType {
    /// Everything in the account but other accounts and keys: `standard`.
    Standard,
    /// Everything: `master`.
    Master,
    /// What its list names.
    Acl,
}

impl AccessType {
    /// Every type.
    pub const ALL: [Self; 3] = [Self::Standard, Self::Master, Self::Acl];

    /// The number that the platform has for it.
    pub fn number(self) -> i64 {
        match self {
            Self::Standard => 0,
            Self::Master => 1,
            Self::Acl => 2,
        }
    }

    /// The type with this number.
    pub fn of_number(number: i64) -> Option<Self> {
        Self::ALL.into_iter().find(|known| known.number() == number)
    }

    /// The type of an `access`; none if it has none that is known.
    pub fn of(access: &Value) -> Option<Self> {
        Self::of_number(access.get("type")?.as_i64()?)
    }

    /// The type that is said among the fields of a token; none if they do not say it.
    pub fn of_fields(fields: &Map<String, Value>) -> Option<Self> {
        Self::of(fields.get("access")?)
    }

    /// The word in manifests.
    pub fn word(self) -> &'static str {
        match self {
            Self::Standard => "standard",
            Self::Master => "master",
            Self::Acl => "acl",
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_type_is_known_by_its_number_and_nothing_else_is_one() {
        for known in AccessType::ALL {
            assert_eq!(AccessType::of(&json!({"type": known.number()})), Some(known));
        }
        for other in [json!({"type": 3}), json!({"type": "1"}), json!({}), json!(null)] {
            assert_eq!(AccessType::of(&other), None, "{other}");
        }
    }
}
