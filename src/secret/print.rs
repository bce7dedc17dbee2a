//! Recognising a secret that a generator made, at no cost.
//!
//! A print is what marks and encrypted files hold of a key, to tell later whether a sink holds that very key. It is a
//! plain hash, which is as good as a keyed one here: what it is made of comes from a cryptographic generator and has at
//! least 95 bits (a key of the platform has 381), which nobody tries out. What people choose gets the slow, salted hash of
//! [`super::fingerprint`] instead.

use data_encoding::HEXLOWER;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use super::{ExposeSecret, SecretString};

/// How many bytes of the hash are kept: 128 bits, so that no two keys ever share a print.
const BYTES: usize = 16;

/// The print of `secret`: 32 hexadecimal digits.
pub fn of(secret: &SecretString) -> String {
    // A key of any length will do, so this does not fail.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret.expose_secret().as_bytes()) else {
        return String::new();
    };
    mac.update(b"flespi-gitops print v1");
    HEXLOWER.encode(&mac.finalize().into_bytes()[..BYTES])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_print_tells_one_key_from_another_and_does_not_hold_it() {
        let (a, b) = (SecretString::from("correct horse"), SecretString::from("correct hors"));
        assert_eq!(of(&a), of(&a.clone()));
        assert_ne!(of(&a), of(&b));
        assert_eq!(of(&a).len(), 2 * BYTES);
        assert!(!of(&a).contains("horse"));
    }
}
