//! The format itself, by the crate `age`.

use std::cell::RefCell;
use std::collections::HashSet;
use std::fmt::Display;
use std::io::Write;

use age::armor::{ArmoredReader, ArmoredWriter, Format};
use age::{DecryptError, Decryptor, EncryptError, Encryptor, Identity, Recipient};
use age_core::format::{FileKey, Stanza};

use super::Trouble;
use crate::secret::{ExposeSecret, SecretString};

/// The type of our own stanza.
const STANZA: &str = "flespi-gitops";

/// Why this program does not encrypt to age: it does.
pub(super) const MISSING: Option<[&str; 2]> = None;

/// A recipient that gets no key, and a stanza for whoever reads the header.
struct Note(Vec<String>);

impl Recipient for Note {
    fn wrap_file_key(&self, _: &FileKey) -> Result<(Vec<Stanza>, HashSet<String>), EncryptError> {
        let stanza = Stanza { tag: STANZA.to_owned(), args: self.0.clone(), body: Vec::new() };
        Ok((vec![stanza], HashSet::new()))
    }
}

/// An identity that opens nothing, and keeps the note.
#[derive(Default)]
struct Reader(RefCell<Option<Vec<String>>>);

impl Identity for Reader {
    fn unwrap_stanza(&self, stanza: &Stanza) -> Option<Result<FileKey, DecryptError>> {
        if stanza.tag == STANZA {
            self.0.replace(Some(stanza.args.clone()));
        }
        None
    }
}

/// Whether the text is the public key of a recipient.
pub(super) fn is_public_key(text: &str) -> bool {
    text.parse::<age::x25519::Recipient>().is_ok()
}

/// The note in the header of an armoured file, if it is one of ours.
pub(super) fn note(text: &str) -> Option<Vec<String>> {
    let reader = Reader::default();
    let opened = Decryptor::new(ArmoredReader::new(text.as_bytes())).ok()?;
    // Nothing is opened, since the reader has no key.
    drop(opened.decrypt(std::iter::once(&reader as &dyn Identity)));
    reader.0.into_inner()
}

/// An armoured file with a line of `text`, for the recipients and with a note for everybody.
pub(super) fn seal(
    recipients: &[String],
    note: Vec<String>,
    text: &SecretString,
) -> Result<String, Trouble> {
    let refused = |error: &dyn Display| Trouble::Refused(error.to_string());
    let parse = |text: &String| {
        text.parse::<age::x25519::Recipient>()
            .map_err(|_| Trouble::Refused(format!("`{text}` is not a public key of age")))
    };
    let recipients = recipients.iter().map(parse).collect::<Result<Vec<_>, _>>()?;
    let note = Note(note);
    let all = recipients.iter().map(|recipient| recipient as &dyn Recipient);
    let encryptor = Encryptor::with_recipients(all.chain([&note as &dyn Recipient]))
        .map_err(|error| refused(&error))?;
    let mut armoured = Vec::new();
    let armour = ArmoredWriter::wrap_output(&mut armoured, Format::AsciiArmor)?;
    let mut plain = encryptor.wrap_output(armour)?;
    plain.write_all(text.expose_secret().as_bytes())?;
    plain.write_all(b"\n")?;
    plain.finish()?.finish()?;
    String::from_utf8(armoured).map_err(|error| refused(&error))
}
