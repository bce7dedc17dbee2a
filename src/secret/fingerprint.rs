//! Recognising a secret without keeping it.
//!
//! The mark of a subaccount holds a salted Argon2id hash (PHC text) of the password that was last
//! set. Whoever can read the account's `metadata` can only guess, at the price that Argon2id puts
//! on every guess.

use argon2::Argon2;
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};

use super::{ExposeSecret, SecretString};

/// A new salted hash of `secret`, or `None` if the operating system gives no randomness.
pub fn of(secret: &SecretString) -> Option<String> {
    let hash = Argon2::default().hash_password(secret.expose_secret().as_bytes()).ok()?;
    Some(hash.to_string())
}

/// Whether `fingerprint` was made of `secret`; a text that is no hash matches nothing.
pub fn matches(fingerprint: &str, secret: &SecretString) -> bool {
    PasswordHash::new(fingerprint).is_ok_and(|hash| {
        Argon2::default().verify_password(secret.expose_secret().as_bytes(), &hash).is_ok()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_recognised_by_a_text_that_does_not_hold_it() {
        let secret = SecretString::from("correct horse");
        let fingerprint = of(&secret).unwrap();
        assert!(matches(&fingerprint, &secret));
        assert!(!matches(&fingerprint, &SecretString::from("correct hors")));
        assert!(!fingerprint.contains("horse"));
        assert_ne!(of(&secret).unwrap(), fingerprint, "every hash has a salt of its own");
    }

    #[test]
    fn a_text_that_is_no_hash_matches_nothing() {
        for text in ["", "x", "$argon2id$v=19$m=99999999999,t=2,p=1$c2FsdA$aGFzaA"] {
            assert!(!matches(text, &SecretString::from("x")), "{text}");
        }
    }
}
