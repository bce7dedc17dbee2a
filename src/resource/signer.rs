//! Signed marks: with a key that only the operator has, a mark is a proof and no claim.
//!
//! The signature binds stack, address, role, generation and release to the *account that holds the object*. A mark that
//! a tenant copies into another account, or makes up, does not verify; one that it copies within
//! its own account makes a second object with the same mark, which is disputed.

use std::fmt;

use data_encoding::{HEXLOWER, HEXLOWER_PERMISSIVE};
use hmac::{Hmac, KeyInit, Mac};
use secrecy::ExposeSecret;
use serde_json::{Map, Value};
use sha2::Sha256;

use super::mark::{ADDRESS, GENERATION, MarkProblem, RELEASED_TO, ROLE, SIGNATURE, STACK};
use crate::secret::SecretString;

/// The shortest key, in bytes: as many as the hash has.
pub const MIN_KEY_BYTES: usize = 32;

/// Signs and verifies marks; without a key it leaves marks unsigned and takes every mark for ours.
#[derive(Clone, Default)]
pub struct Signer {
    key: Option<SecretString>,
    trusts_unsigned: bool,
}

impl fmt::Debug for Signer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Signer({})", if self.key.is_some() { "with a key" } else { "no key" })
    }
}

/// A key that is too short to be one.
#[derive(Debug, thiserror::Error)]
#[error("a key for marks needs at least {MIN_KEY_BYTES} characters, and this one has {0}")]
pub struct ShortKey(usize);

impl Signer {
    /// Signs with `key`. With `trusts_unsigned`, marks without any signature count as ours until
    /// they are written the next time: the way from unsigned to signed marks.
    ///
    /// # Errors
    /// [`ShortKey`].
    pub fn new(key: SecretString, trusts_unsigned: bool) -> Result<Self, ShortKey> {
        match key.expose_secret().len() {
            length if length < MIN_KEY_BYTES => Err(ShortKey(length)),
            _ => Ok(Self { key: Some(key), trusts_unsigned }),
        }
    }

    /// Signs the mark in `metadata` of an object that the account `owner` holds, if there is a
    /// mark and a key.
    pub fn sign(&self, owner: i64, metadata: &mut Map<String, Value>) {
        if !metadata.contains_key(STACK) {
            return;
        }
        if let Some(mac) = self.mac(owner, metadata) {
            let signature = HEXLOWER.encode(&mac.finalize().into_bytes());
            metadata.insert(SIGNATURE.to_owned(), Value::String(signature));
        }
    }

    /// Whether the mark in `metadata` is as good as this signer wants it.
    ///
    /// # Errors
    /// [`MarkProblem::Unsigned`] or [`MarkProblem::BadSignature`].
    pub fn verify(&self, owner: i64, metadata: &Map<String, Value>) -> Result<(), MarkProblem> {
        let Some(mac) = self.mac(owner, metadata) else { return Ok(()) };
        let Some(signature) = metadata.get(SIGNATURE) else {
            return if self.trusts_unsigned { Ok(()) } else { Err(MarkProblem::Unsigned) };
        };
        let digits = signature.as_str().unwrap_or_default().as_bytes();
        let signature = HEXLOWER_PERMISSIVE.decode(digits).unwrap_or_default();
        // Compared in constant time.
        mac.verify_slice(&signature).map_err(|_| MarkProblem::BadSignature)
    }

    /// Whether the mark should be written again, only to be signed.
    pub fn wants_signature(&self, metadata: &Map<String, Value>) -> bool {
        self.key.is_some() && !metadata.contains_key(SIGNATURE)
    }

    fn mac(&self, owner: i64, metadata: &Map<String, Value>) -> Option<Hmac<Sha256>> {
        let key = self.key.as_ref()?;
        let mut mac = Hmac::<Sha256>::new_from_slice(key.expose_secret().as_bytes()).ok()?;
        mac.update(b"flespi-gitops mark v1");
        mac.update(&owner.to_be_bytes());
        for name in [STACK, ADDRESS, ROLE] {
            let text = metadata.get(name).and_then(Value::as_str).unwrap_or_default();
            // Lengths keep the end of one text from passing for the beginning of the next.
            mac.update(&(text.len() as u64).to_be_bytes());
            mac.update(text.as_bytes());
        }
        // The first generation has none, and its signature is that of marks before there were any.
        if let Some(generation) = metadata.get(GENERATION).and_then(Value::as_str) {
            mac.update(b"generation");
            mac.update(generation.as_bytes());
        }
        // Nobody but its stack gives an object away.
        if let Some(to) = metadata.get(RELEASED_TO).and_then(Value::as_str) {
            mac.update(b"released-to");
            mac.update(to.as_bytes());
        }
        Some(mac)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resource::Mark;

    fn signer(key: char, trusts_unsigned: bool) -> Signer {
        let key = SecretString::from(String::from(key).repeat(MIN_KEY_BYTES));
        Signer::new(key, trusts_unsigned).unwrap()
    }

    fn marked() -> Map<String, Value> {
        let mut metadata = Map::new();
        Mark::new("default", "token/acme/app".parse().unwrap()).write(&mut metadata);
        metadata
    }

    #[test]
    fn a_signed_mark_verifies_only_where_and_as_it_was_written() {
        let mut metadata = marked();
        signer('a', false).sign(7, &mut metadata);
        assert_eq!(signer('a', false).verify(7, &metadata), Ok(()));
        let bad = Err(MarkProblem::BadSignature);
        assert_eq!(signer('a', false).verify(8, &metadata), bad, "another account");
        assert_eq!(signer('b', false).verify(7, &metadata), bad, "another key");
        metadata.insert(ADDRESS.to_owned(), Value::from("token/acme/other"));
        assert_eq!(signer('a', false).verify(7, &metadata), bad, "another address");
    }

    #[test]
    fn whatever_a_mark_says_of_who_and_what_is_signed() {
        for role in [None, Some("bootstrap"), Some("retired")] {
            let mut signed = marked();
            signed.extend(role.map(|role| (ROLE.to_owned(), Value::from(role))));
            signer('a', false).sign(7, &mut signed);
            for (name, value) in [
                (STACK, Some("other")),
                (STACK, None),
                (ADDRESS, Some("token/acme/other")),
                (ADDRESS, None),
                (ROLE, Some("another")),
                (ROLE, Some("retired").filter(|it| role != Some(*it))),
                (ROLE, Some("bootstrap").filter(|it| role != Some(*it))),
                (GENERATION, Some("7")),
                (RELEASED_TO, Some("other")),
            ] {
                let mut forged = signed.clone();
                forged.remove(name);
                forged.extend(value.map(|value| (name.to_owned(), Value::from(value))));
                let verdict = signer('a', false).verify(7, &forged);
                let is_same = forged == signed;
                assert_eq!(verdict.is_ok(), is_same, "{role:?}, {name}: {value:?}");
            }
        }
    }

    #[test]
    fn a_copy_of_a_signed_mark_cannot_pass_for_its_successor() {
        let mut metadata = marked();
        signer('a', false).sign(7, &mut metadata);
        metadata.insert(GENERATION.to_owned(), Value::from("2"));
        let bad = Err(MarkProblem::BadSignature);
        assert_eq!(signer('a', false).verify(7, &metadata), bad, "of the first");
        signer('a', false).sign(7, &mut metadata);
        assert_eq!(signer('a', false).verify(7, &metadata), Ok(()));
        metadata.insert(GENERATION.to_owned(), Value::from("3"));
        assert_eq!(signer('a', false).verify(7, &metadata), bad, "of a later one");
    }

    #[test]
    fn a_release_to_one_stack_cannot_pass_for_one_to_another_or_for_none() {
        let mut metadata = marked();
        metadata.insert(RELEASED_TO.to_owned(), Value::from("depot"));
        signer('a', false).sign(7, &mut metadata);
        assert_eq!(signer('a', false).verify(7, &metadata), Ok(()));
        let bad = Err(MarkProblem::BadSignature);
        metadata.insert(RELEASED_TO.to_owned(), Value::from("yard"));
        assert_eq!(signer('a', false).verify(7, &metadata), bad, "to another");
        metadata.remove(RELEASED_TO);
        assert_eq!(signer('a', false).verify(7, &metadata), bad, "to none");
    }

    #[test]
    fn an_unsigned_mark_is_ours_only_by_choice() {
        assert_eq!(signer('a', false).verify(7, &marked()), Err(MarkProblem::Unsigned));
        assert_eq!(signer('a', true).verify(7, &marked()), Ok(()));
        assert_eq!(Signer::default().verify(7, &marked()), Ok(()));
    }

    #[test]
    fn a_short_key_is_none_and_no_key_is_shown() {
        assert!(Signer::new(SecretString::from("short"), false).is_err());
        assert_eq!(format!("{:?}", signer('a', false)), "Signer(with a key)");
    }

    #[test]
    fn rubbish_for_a_signature_is_refused() {
        for rubbish in ["", "0", "zz", "é", "00"] {
            let mut metadata = marked();
            metadata.insert(SIGNATURE.to_owned(), Value::from(rubbish));
            let verdict = signer('a', true).verify(7, &metadata);
            assert_eq!(verdict, Err(MarkProblem::BadSignature), "{rubbish}");
        }
    }
}
