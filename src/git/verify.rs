//! Signatures: whose commits count.
//!
//! A file of keys is either a list of allowed signers, as `ssh-keygen` reads it (that program is needed then), or public
//! keys of OpenPGP (`gpg` is needed then). Only the one kind counts: the program of the other one is not there for `git`.
//! If the reference is a tag, its signature vouches for the commit as well, provided that the tag calls itself so.
//!
//! What a signature does not show is that a commit is the newest: a server can offer an older one that was signed, too.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256};

use super::call::{Call, Way};
use super::error::GitError;
use super::remote::Fetched;

/// A file of keys has no more bytes than this.
const MOST_KEY_BYTES: u64 = 1024 * 1024;

/// A program that is nowhere.
const NOWHERE: &str = "/dev/null/not-a-program";

/// What the file of keys holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    AllowedSigners,
    OpenPgp,
}

/// The keys whose signatures count.
#[derive(Debug)]
pub(super) struct Keys {
    file: PathBuf,
    form: Form,
    digest: String,
}

impl Keys {
    pub(super) fn read(file: &Path) -> Result<Self, GitError> {
        let bytes = crate::files::read_at_most(file, MOST_KEY_BYTES).map_err(|error| {
            let message = format!("cannot read the keys in `{}`: {error}", file.display());
            std::io::Error::new(error.kind(), message)
        })?;
        let is_text = !bytes.contains(&0) && std::str::from_utf8(&bytes).is_ok();
        let is_armoured = bytes.windows(11).any(|window| window == b"-----BEGIN ");
        let form = if is_text && !is_armoured { Form::AllowedSigners } else { Form::OpenPgp };
        let digest = HEXLOWER.encode(&Sha256::digest(&bytes));
        Ok(Self { file: std::path::absolute(file)?, form, digest })
    }

    pub(super) fn fingerprint(&self) -> String {
        self.digest.clone()
    }

    /// Whether the commit, or the tag that led to it, is signed with one of the keys.
    pub(super) async fn verify(
        &self,
        way: &Way,
        fetched: &Fetched,
        tag: Option<&str>,
        kept: &Path,
    ) -> Result<(), GitError> {
        let home = tempfile::tempdir()?;
        if self.form == Form::OpenPgp {
            self.import(home.path()).await?;
        }
        let is_tag = fetched.object != fetched.commit.id;
        if let (true, Some(tag)) = (is_tag, tag)
            && self.is_called(way, &fetched.object, tag, kept).await?
            && self.check(way, ("verify-tag", &fetched.object), kept, home.path()).await?.is_ok()
        {
            return Ok(());
        }
        let commit = ("verify-commit", fetched.commit.id.as_str());
        match self.check(way, commit, kept, home.path()).await? {
            Ok(()) => Ok(()),
            Err(why) => Err(GitError::Unsigned { commit: fetched.commit.short().to_owned(), why }),
        }
    }

    async fn check(
        &self,
        way: &Way,
        (verb, object): (&str, &str),
        kept: &Path,
        home: &Path,
    ) -> Result<Result<(), String>, GitError> {
        let mut call = Call::new(way, &[verb, "--raw", "--end-of-options", object]);
        call.repository = Some(kept);
        let setting = |name: &str, value: &Path| {
            let mut setting = OsString::from(name);
            setting.push("=");
            setting.push(value);
            setting
        };
        let nowhere = Path::new(NOWHERE);
        call.settings.push(setting("gpg.x509.program", nowhere));
        match self.form {
            Form::AllowedSigners => {
                call.settings.push(setting("gpg.program", nowhere));
                call.settings.push(setting("gpg.openpgp.program", nowhere));
                call.settings.push(setting("gpg.ssh.program", Path::new("ssh-keygen")));
                call.settings.push(setting("gpg.ssh.allowedSignersFile", &self.file));
                call.settings.push("gpg.ssh.revocationFile=".into());
                // A signature of nobody in the list is good, too; only that of somebody in it is trusted.
                call.settings.push("gpg.minTrustLevel=fully".into());
            }
            Form::OpenPgp => {
                call.settings.push(setting("gpg.ssh.program", nowhere));
                call.settings.push(setting("gpg.program", Path::new("gpg")));
                call.settings.push(setting("gpg.openpgp.program", Path::new("gpg")));
                call.variables.push(("GNUPGHOME", home.into()));
            }
        }
        let said = call.run().await?;
        Ok(match said.status.success() {
            true => Ok(()),
            false if said.complaint.is_empty() => Err("it is not signed".to_owned()),
            false => Err(format!("its signature does not count: {}", said.complaint)),
        })
    }

    /// Whether a tag calls itself by the name that it is found under: somebody may offer another one that was signed.
    async fn is_called(
        &self,
        way: &Way,
        object: &str,
        tag: &str,
        kept: &Path,
    ) -> Result<bool, GitError> {
        let mut call = Call::new(way, &["cat-file", "tag", object]);
        call.repository = Some(kept);
        let said = call.run().await?;
        let text = String::from_utf8_lossy(&said.output);
        let head = text.split("\n\n").next().unwrap_or_default();
        let name = head.lines().find_map(|line| line.strip_prefix("tag "));
        Ok(name == tag.strip_prefix("refs/tags/"))
    }

    /// Takes the keys into a keyring of ours, where all of them are trusted and no others are.
    async fn import(&self, home: &Path) -> Result<(), GitError> {
        use std::process::Stdio;
        std::fs::write(home.join("gpg.conf"), "trust-model always\nno-auto-key-retrieve\n")?;
        let mut command = tokio::process::Command::new("gpg");
        command
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("GNUPGHOME", home)
            .args(["--batch", "--no-tty", "--quiet", "--no-autostart", "--import", "--"])
            .arg(&self.file)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let mut group = crate::children::Group::start(&mut command)?;
        let status = tokio::time::timeout(IMPORT_PATIENCE, group.child.wait()).await;
        match status {
            Ok(Ok(status)) if status.success() => Ok(()),
            _ => {
                let message = format!("`gpg` cannot read the keys in `{}`", self.file.display());
                Err(std::io::Error::other(message).into())
            }
        }
    }
}

/// Keys are read within this time.
const IMPORT_PATIENCE: Duration = Duration::from_secs(30);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kind_of_keys_is_known_by_what_is_in_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("keys");
        for (content, form) in [
            (b"ann@example.com ssh-ed25519 AAAA\n".as_slice(), Form::AllowedSigners),
            (b"", Form::AllowedSigners),
            (b"-----BEGIN PGP PUBLIC KEY BLOCK-----\n", Form::OpenPgp),
            (b"\x99\x01\x00\x00", Form::OpenPgp),
        ] {
            std::fs::write(&file, content).unwrap();
            assert_eq!(Keys::read(&file).unwrap().form, form);
        }
        assert!(Keys::read(&folder.path().join("none")).is_err());
    }
}
