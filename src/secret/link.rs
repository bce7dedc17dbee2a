//! Share links: a key in the address of a page that opens with it.
//!
//! A link holds the key, so it is as secret as the key, and it goes the same ways. It is nothing but a spelling of the
//! key: what is written around it is known, so the key can be read back out of it.

use super::{ExposeSecret, SecretString};

/// The text around a key that makes a link of it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
pub struct Link {
    before: String,
    after: String,
}

impl Link {
    /// A link with the key between `before` and `after`.
    pub fn new(before: impl Into<String>, after: impl Into<String>) -> Self {
        Self { before: before.into(), after: after.into() }
    }

    /// The link around `key`.
    pub fn with(&self, key: &SecretString) -> SecretString {
        SecretString::from(format!("{}{}{}", self.before, key.expose_secret(), self.after))
    }

    /// The key that `text` is this link around, if it is.
    pub fn key_of(&self, text: &SecretString) -> Option<SecretString> {
        let key = text.expose_secret().strip_prefix(&self.before)?.strip_suffix(&self.after)?;
        let is_key = !key.is_empty() && key.bytes().all(|byte| byte.is_ascii_alphanumeric());
        is_key.then(|| SecretString::from(key))
    }
}

impl std::fmt::Display for Link {
    /// The form of the link, without any key.
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{}<KEY>{}", self.before, self.after)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_read_out_of_its_own_link_and_of_no_other() {
        let link = Link::new("https://flespi.io/trackit/#/login/", "/devices/1");
        let other = Link::new("https://flespi.io/trackit/#/login/", "/devices/2");
        let text = link.with(&SecretString::from("abc"));
        assert_eq!(text.expose_secret(), "https://flespi.io/trackit/#/login/abc/devices/1");
        assert_eq!(link.key_of(&text).unwrap().expose_secret(), "abc");
        assert!(other.key_of(&text).is_none());
        assert!(link.key_of(&SecretString::from("abc")).is_none());
        assert!(!format!("{link} {link:?}").contains("abc"));
    }
}
