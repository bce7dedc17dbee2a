//! A file encrypted to recipients, in the format of age (age-encryption.org/v1), which may live in git.
//!
//! The crate `age` encrypts, where the program was built with the feature of that name. We have no identity, and need
//! none: what the file holds is told by its own header. Beside the stanzas of the recipients stands one of ours, which
//! every reader of the format skips, with the [print](mod@print) of the secret and a digest of the recipients that it was
//! encrypted to. It is covered by the header's MAC like the others.

use std::path::PathBuf;

use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256};

use super::file::{self, Allowance};
use super::{Held, Trouble};
use crate::secret::{ExposeSecret, SecretString, disk, print};

#[cfg(not(feature = "age"))]
#[path = "age/absent.rs"]
mod format;
#[cfg(feature = "age")]
#[path = "age/format.rs"]
mod format;

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
    /// Why this program has no such sink, and what to do about it; nothing if it has.
    pub fn missing() -> Option<[&'static str; 2]> {
        format::MISSING
    }

    /// Whether the text is the public key of a recipient.
    pub fn is_public_key(text: &str) -> bool {
        format::is_public_key(text)
    }

    pub(super) fn read(&self) -> Result<Held, Trouble> {
        available()?;
        let Some(text) = disk::read(&self.age)? else { return Ok(Held::Nothing) };
        Ok(match format::note(text.expose_secret()).as_deref() {
            Some([print, recipients]) if *recipients == self.digest() => Held::Print(print.clone()),
            _ => Held::Nothing,
        })
    }

    pub(super) fn foresee(&self) -> Result<(), Trouble> {
        file::foresee(&self.age, &ALLOWED)
    }

    pub(super) fn probe(&self) -> Result<(), Trouble> {
        available()?;
        file::probe(&self.age, &ALLOWED)?;
        match self.recipients.iter().find(|recipient| !format::is_public_key(recipient)) {
            Some(other) => Err(Trouble::Refused(format!("`{other}` is not a public key of age"))),
            None => Ok(()),
        }
    }

    /// Encrypts `text`; what is told of it is the print of `secret`, which `text` may be a link around.
    pub(super) fn write(&self, text: &SecretString, secret: &SecretString) -> Result<(), Trouble> {
        file::refuse(&self.age, &ALLOWED)?;
        let note = vec![print::of(secret), self.digest()];
        let armoured = format::seal(&self.recipients, note, text)?;
        disk::replace(&self.age, |_| Ok(SecretString::from(armoured)))
    }

    /// Tells one set of recipients from another; they are no secret.
    fn digest(&self) -> String {
        let mut recipients = self.recipients.clone();
        recipients.sort();
        let digest = Sha256::digest(recipients.join(" ").as_bytes());
        HEXLOWER.encode(&digest[..8])
    }
}

/// Without the format nothing is known of a file either: it is not taken for an empty one.
fn available() -> Result<(), Trouble> {
    AgeSink::missing().map_or(Ok(()), |words| Err(Trouble::Refused(words.join("; "))))
}

#[cfg(all(test, feature = "age"))]
mod tests {
    use super::*;

    /// A key pair that nobody uses; the public half is all that is needed.
    const RECIPIENT: &str = "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p";

    #[test]
    fn only_public_keys_of_age_are_recipients() {
        assert!(AgeSink::is_public_key(RECIPIENT));
        for text in
            ["", "age1", &RECIPIENT[..61], "ssh-ed25519 AAAA", &RECIPIENT.replace("ql3z", "ql3y")]
        {
            assert!(!AgeSink::is_public_key(text), "{text}");
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
        assert!(text.lines().all(|line| line.len() <= 64), "{text}");
        let inner: String = text.lines().filter(|line| !line.starts_with('-')).collect();
        let bytes = data_encoding::BASE64.decode(inner.as_bytes()).unwrap();
        assert!(!bytes.windows(5).any(|window| window == b"horse"));
        let another =
            AgeSink { recipients: vec![RECIPIENT.to_owned(), RECIPIENT.to_owned()], ..sink };
        assert!(another.read().unwrap().is_nothing(), "it is not encrypted to these recipients");
    }

    /// Written by the version of this program that had code of its own for the format.
    const OLDER: &str = "\
        -----BEGIN AGE ENCRYPTED FILE-----\n\
        YWdlLWVuY3J5cHRpb24ub3JnL3YxCi0+IFgyNTUxOSBlUUlGbHE0TEpMN2w5Y3Jo\n\
        UzVBRjgwMVltUTVKMWdGZElyZktWSkVsMGpnCk9xS1FqSEFPNEF0b0lGMGpLMUo2\n\
        R20zNjBaa2FGcWVnZ3ZQMTdnWVU0VmcKLT4gZmxlc3BpLWdpdG9wcyAxOTcxNjI0\n\
        ZmZmN2RjZjYyM2E2N2UzNjcxOWUxYTA3NyBjZjdlNTY4MjMxMzE1MDY4CgotLS0g\n\
        MWIydXpEdVNtaU0xVElUbkkrMG94OE9nVll2MnhsTDFwc0JEdFRabk9QVQqL9nbr\n\
        WyotQh0EwnlvZ1w+s56OF3IGB7erOIEmfz/ZpoVASrUmj4TfPUIeiMoq0XSsXTAR\n\
        UOVX4dHnEBdkA9Qeftu/I5lgcZlHCZra2938aPXdeGg+WxC5E69No/J4ffom\n\
        -----END AGE ENCRYPTED FILE-----\n";

    #[test]
    fn older_files_are_read_and_what_is_no_age_file_holds_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let age = folder.path().join("key.age");
        let sink = AgeSink { age: age.clone(), recipients: vec![RECIPIENT.to_owned()] };
        std::fs::write(&age, OLDER).unwrap();
        let print = "1971624fff7dcf623a67e36719e1a077";
        assert_eq!(sink.read().unwrap().is(print), Some(true));
        for text in ["", "x", &OLDER[..100], &OLDER.replace("YWdl", "YWd*")] {
            std::fs::write(&age, text).unwrap();
            assert!(sink.read().unwrap().is_nothing(), "{text}");
        }
    }
}
