//! In what form the platform takes a password.

use data_encoding::HEXLOWER;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha512};

use super::{ExposeSecret, SecretString};

/// In what form a password is sent. A log-in sends it in the same form.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum PasswordForm {
    /// As it is.
    #[default]
    Clear,
    /// Its SHA-512, in 128 hexadecimal digits of lower case, as log-in pages that hash in the browser send it.
    Sha512,
}

impl PasswordForm {
    /// `password` in this form.
    pub fn of(self, password: &SecretString) -> SecretString {
        match self {
            Self::Clear => password.clone(),
            Self::Sha512 => {
                let hash = Sha512::digest(password.expose_secret().as_bytes());
                SecretString::from(HEXLOWER.encode(&hash))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_sent_as_it_is_or_as_the_digits_of_its_hash() {
        let password = SecretString::from("abc");
        assert_eq!(PasswordForm::Clear.of(&password).expose_secret(), "abc");
        let digits = PasswordForm::Sha512.of(&password);
        assert_eq!(digits.expose_secret().len(), 128);
        // The example of FIPS 180-2.
        assert!(digits.expose_secret().starts_with("ddaf35a193617abacc417349ae204131"));
    }
}
