//! Keys, codes and password hashes.

use argon2::{
    Algorithm, Argon2, Params, Version,
    password_hash::{PasswordHasher, PasswordVerifier, phc::PasswordHash},
};

const ALPHABET: &[u8; 62] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

/// The length of a token key, as the platform has it.
pub(super) const KEY_LENGTH: usize = 64;

/// Memory for one hash, in KiB. The world stands still while a password is hashed, so this buys less than a server for
/// real accounts should: about a millisecond.
const HASH_MEMORY: u32 = 1024;

/// A fresh token key.
pub(super) fn key(entropy: &mut dyn FnMut() -> u64) -> String {
    text(entropy, KEY_LENGTH)
}

/// A fresh one-time code, as a mail would hold it.
pub(super) fn code(entropy: &mut dyn FnMut() -> u64) -> String {
    text(entropy, 24)
}

fn text(entropy: &mut dyn FnMut() -> u64, length: usize) -> String {
    (0..length)
        .map(|_| char::from(ALPHABET[(entropy() % ALPHABET.len() as u64) as usize]))
        .collect()
}

/// The PHC string of a password; `None` when it is longer than the algorithm takes (4 GiB).
pub(super) fn hash(password: &str, entropy: &mut dyn FnMut() -> u64) -> Option<String> {
    let salt = [entropy().to_le_bytes(), entropy().to_le_bytes()].concat();
    let params = Params::new(HASH_MEMORY, 1, 1, None).ok()?;
    let hasher = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    let hashed: PasswordHash = hasher.hash_password_with_salt(password.as_bytes(), &salt).ok()?;
    Some(hashed.to_string())
}

/// Whether this is the password that was hashed.
pub(super) fn verify(password: &str, hash: &str) -> bool {
    PasswordHash::new(hash)
        .is_ok_and(|hash| Argon2::default().verify_password(password.as_bytes(), &hash).is_ok())
}

#[cfg(test)]
mod tests {
    use super::{hash, key, verify};

    #[test]
    fn a_password_verifies_against_its_own_hash_only() {
        let mut seed = 0;
        let mut entropy = || {
            seed += 1;
            seed
        };
        let hashed = hash("correct horse", &mut entropy).unwrap();
        assert!(hashed.starts_with("$argon2id$"));
        assert!(verify("correct horse", &hashed));
        assert!(!verify("battery staple", &hashed));
        assert_eq!(key(&mut entropy).len(), 64);
    }
}
