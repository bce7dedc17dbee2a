//! A file encrypted to recipients, in the format of age (age-encryption.org/v1), which may live in git.
//!
//! Only the writing half is here, made of the primitives of `ring`: we have no identity, and need none. What the file
//! holds is told by its own header: beside the stanzas of the recipients stands one of ours, which every reader of the
//! format skips, with the [print](mod@print) of the secret and the recipients that it was encrypted to. It is
//! covered by the header's MAC like the others.

use std::path::PathBuf;

use data_encoding::{BASE64, BASE64_NOPAD, HEXLOWER};
use hmac::{Hmac, KeyInit, Mac};
use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, Nonce, UnboundKey};
use ring::agreement::{EphemeralPrivateKey, UnparsedPublicKey, X25519, agree_ephemeral};
use ring::hkdf::{HKDF_SHA256, Salt};
use ring::rand::{SecureRandom, SystemRandom};
use sha2::{Digest, Sha256};

use super::file::{self, Allowance};
use super::{Held, Trouble};
use crate::secret::{ExposeSecret, SecretString, disk, print};

const BEGIN: &str = "-----BEGIN AGE ENCRYPTED FILE-----";
const END: &str = "-----END AGE ENCRYPTED FILE-----";
const VERSION: &str = "age-encryption.org/v1";

/// The type of our own stanza.
const STANZA: &str = "flespi-gitops";

/// Columns of armour and of the bodies of stanzas.
const COLUMNS: usize = 64;

/// A file encrypted to recipients.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
pub struct AgeSink {
    /// The file.
    pub age: PathBuf,
    /// Who can open it: public keys that begin with `age1`.
    pub recipients: Vec<String>,
}

/// It is encrypted, so everybody may read it, and git may track it.
const ALLOWED: [Allowance; 2] = [Allowance::WorldReadable, Allowance::Tracked];

impl AgeSink {
    pub(super) fn read(&self) -> Result<Held, Trouble> {
        let Some(text) = disk::read(&self.age)? else { return Ok(Held::Nothing) };
        let told = header(text.expose_secret()).and_then(|header| {
            let line =
                header.lines().find_map(|line| line.strip_prefix("-> ")?.strip_prefix(STANZA))?;
            let (print, recipients) = line.trim().split_once(' ')?;
            (recipients == self.digest()).then(|| Held::Print(print.to_owned()))
        });
        Ok(told.unwrap_or(Held::Nothing))
    }

    pub(super) fn foresee(&self) -> Result<(), Trouble> {
        file::foresee(&self.age, &ALLOWED)
    }

    pub(super) fn probe(&self) -> Result<(), Trouble> {
        file::probe(&self.age, &ALLOWED)?;
        self.keys().map(drop)
    }

    /// Encrypts `text`; what is told of it is the print of `secret`, which `text` may be a link around.
    pub(super) fn write(&self, text: &SecretString, secret: &SecretString) -> Result<(), Trouble> {
        file::refuse(&self.age, &ALLOWED)?;
        let armoured = self.encrypt(text, &print::of(secret))?;
        disk::replace(&self.age, |_| Ok(SecretString::from(armoured)))
    }

    fn keys(&self) -> Result<Vec<[u8; 32]>, Trouble> {
        let parse = |text: &String| {
            public_key(text)
                .ok_or_else(|| Trouble::Refused(format!("`{text}` is no public key of age")))
        };
        self.recipients.iter().map(parse).collect()
    }

    /// Tells one set of recipients from another; they are no secret.
    fn digest(&self) -> String {
        let mut recipients = self.recipients.clone();
        recipients.sort();
        let digest = Sha256::digest(recipients.join(" ").as_bytes());
        HEXLOWER.encode(&digest[..8])
    }

    fn encrypt(&self, text: &SecretString, print: &str) -> Result<String, Trouble> {
        let broken = |_| Trouble::Refused("the cryptographic library gave up".to_owned());
        let random = SystemRandom::new();
        let mut file_key = [0; 16];
        random.fill(&mut file_key).map_err(broken)?;
        let mut header = format!("{VERSION}\n");
        for recipient in self.keys()? {
            let stanza = stanza(&random, &recipient, &file_key).map_err(broken)?;
            header.push_str(&stanza);
        }
        // A body of no bytes is one empty line.
        header.push_str(&format!("-> {STANZA} {print} {}\n\n---", self.digest()));
        let mac_key = derive(&[], &file_key, b"header").map_err(broken)?;
        let mut mac = Hmac::<Sha256>::new_from_slice(&mac_key)
            .map_err(|_| Trouble::Refused("the cryptographic library gave up".to_owned()))?;
        mac.update(header.as_bytes());
        let mac = BASE64_NOPAD.encode(&mac.finalize().into_bytes());

        let mut nonce = [0; 16];
        random.fill(&mut nonce).map_err(broken)?;
        let key = derive(&nonce, &file_key, b"payload").map_err(broken)?;
        // One chunk, the last one: a secret is shorter than the 64 KiB that a chunk has.
        let mut last = [0; 12];
        last[11] = 1;
        let sealed =
            seal(&key, last, format!("{}\n", text.expose_secret()).as_bytes()).map_err(broken)?;

        let mut bytes = format!("{header} {mac}\n").into_bytes();
        bytes.extend_from_slice(&nonce);
        bytes.extend_from_slice(&sealed);
        Ok(format!("{BEGIN}\n{}{END}\n", wrapped(&BASE64.encode(&bytes))))
    }
}

/// The key in a recipient's text, if it is one.
pub fn public_key(text: &str) -> Option<[u8; 32]> {
    use bech32::primitives::decode::CheckedHrpstring;
    let checked = CheckedHrpstring::new::<bech32::Bech32>(text).ok()?;
    if checked.hrp().as_str() != "age" {
        return None;
    }
    checked.byte_iter().collect::<Vec<u8>>().try_into().ok()
}

/// The header of an armoured file, as far as its lines are text.
fn header(text: &str) -> Option<String> {
    let inner = text.trim().strip_prefix(BEGIN)?.strip_suffix(END)?;
    let inner: String = inner.split_whitespace().collect();
    let bytes = BASE64.decode(inner.as_bytes()).ok()?;
    let end = bytes.windows(5).position(|window| window == b"\n--- ")?;
    let header = String::from_utf8(bytes.get(..end)?.to_vec()).ok()?;
    header.starts_with(VERSION).then_some(header)
}

type Crypto<T> = Result<T, ring::error::Unspecified>;

/// The file's key, wrapped for one recipient with a key that is used once.
fn stanza(random: &SystemRandom, recipient: &[u8; 32], file_key: &[u8]) -> Crypto<String> {
    let ephemeral = EphemeralPrivateKey::generate(&X25519, random)?;
    let share = ephemeral.compute_public_key()?;
    let salt = [share.as_ref(), recipient].concat();
    let theirs = UnparsedPublicKey::new(&X25519, recipient);
    let key = agree_ephemeral(ephemeral, &theirs, |shared| {
        derive(&salt, shared, b"age-encryption.org/v1/X25519")
    })??;
    let body = seal(&key, [0; 12], file_key)?;
    let (share, body) = (BASE64_NOPAD.encode(share.as_ref()), BASE64_NOPAD.encode(&body));
    Ok(format!("-> X25519 {share}\n{}", wrapped(&body)))
}

fn derive(salt: &[u8], secret: &[u8], info: &[u8]) -> Crypto<[u8; 32]> {
    let mut key = [0; 32];
    Salt::new(HKDF_SHA256, salt).extract(secret).expand(&[info], HKDF_SHA256)?.fill(&mut key)?;
    Ok(key)
}

/// Every key here seals one thing, so a nonce that is always the same does no harm.
fn seal(key: &[u8; 32], nonce: [u8; 12], plain: &[u8]) -> Crypto<Vec<u8>> {
    let key = LessSafeKey::new(UnboundKey::new(&CHACHA20_POLY1305, key)?);
    let mut sealed = plain.to_vec();
    key.seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::empty(), &mut sealed)?;
    Ok(sealed)
}

fn wrapped(text: &str) -> String {
    let mut lines = String::with_capacity(text.len() + text.len() / COLUMNS + 1);
    for (at, c) in text.chars().enumerate() {
        if at > 0 && at % COLUMNS == 0 {
            lines.push('\n');
        }
        lines.push(c);
    }
    lines + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A key pair that nobody uses; the public half is all that is needed.
    const RECIPIENT: &str = "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p";

    #[test]
    fn only_public_keys_of_age_are_recipients() {
        assert!(public_key(RECIPIENT).is_some());
        for text in
            ["", "age1", &RECIPIENT[..61], "ssh-ed25519 AAAA", &RECIPIENT.replace("ql3z", "ql3y")]
        {
            assert!(public_key(text).is_none(), "{text}");
        }
    }

    #[test]
    fn a_file_tells_what_it_holds_and_for_whom_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let age = folder.path().join("key.age");
        let sink = AgeSink { age: age.clone(), recipients: vec![RECIPIENT.to_owned()] };
        let secret = SecretString::from("correct horse");
        assert!(sink.read().unwrap().is_nothing());
        sink.write(&secret, &secret).unwrap();
        assert_eq!(sink.read().unwrap().is(&print::of(&secret)), Some(true));
        assert_eq!(sink.read().unwrap().is("another"), Some(false));
        let text = std::fs::read_to_string(&age).unwrap();
        assert!(text.lines().all(|line| line.len() <= COLUMNS), "{text}");
        let inner: String = text.lines().filter(|line| !line.starts_with('-')).collect();
        let bytes = BASE64.decode(inner.as_bytes()).unwrap();
        assert!(!bytes.windows(5).any(|window| window == b"horse"));
        let another =
            AgeSink { recipients: vec![RECIPIENT.to_owned(), RECIPIENT.to_owned()], ..sink };
        assert!(another.read().unwrap().is_nothing(), "it is not encrypted to these recipients");
    }
}
