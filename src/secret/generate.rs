//! Generated secrets.

use rand::RngExt;

use super::SecretString;

/// The shortest generated secret: 16 characters of 62 are 95 bits.
pub const MIN_LENGTH: u16 = 16;

/// How strong a generated secret of `length` characters is, in whole bits: each adds the logarithm of 62 to the base 2.
#[must_use]
pub fn strength(length: u16) -> u32 {
    // 5.954 bits; in whole numbers, so that every machine says the same.
    u32::from(length) * 5_954 / 1_000
}

const ALPHABET: &[u8; 62] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

/// `length` characters of `[A-Za-z0-9]` from a cryptographic generator that the operating
/// system seeds: 5.95 bits each.
pub fn generate(length: u16) -> SecretString {
    let mut random = rand::rng();
    let text: String =
        (0..length).map(|_| char::from(ALPHABET[random.random_range(0..ALPHABET.len())])).collect();
    SecretString::from(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::ExposeSecret;

    #[test]
    fn the_strength_is_told_in_whole_bits() {
        assert_eq!([strength(16), strength(32), strength(256)], [95, 190, 1524]);
    }

    #[test]
    fn a_generated_secret_has_its_length_and_is_not_made_twice() {
        let (a, b) = (generate(32), generate(32));
        assert_eq!(a.expose_secret().len(), 32);
        assert!(a.expose_secret().chars().all(|c| c.is_ascii_alphanumeric()));
        assert_ne!(a.expose_secret(), b.expose_secret());
    }
}
