//! The spool: of a sealed key that somebody changed, nothing comes out but the key itself, or an error without it.

use std::path::PathBuf;

use data_encoding::BASE64;
use flespi_gitops::secret::{ExposeSecret, SecretString, Spool};
use tokio::runtime::Runtime;

use super::parts::{self, Parts};
use super::{Target, folders, hold, inert, panics, text};

pub const TARGET: Target = Target {
    name: "spool",
    about: "sealed keys, the key that seals them, and names of files beside them",
    corpus,
    mutate: |corpus, dice| {
        parts::mutated(corpus, dice, |(name, body), dice| match dice.roll(12) {
            0 => *name = (*dice.one(&NAMES)).to_owned(),
            1..=4 => reseal(body, dice),
            _ => text::change(body, std::slice::from_ref(&body.clone()), &WORDS, dice),
        })
    },
    feed: || {
        let mut place = Place::new();
        Box::new(move |input, _| place.feed(input))
    },
    short: 300,
    repeat: None,
};

const PLATFORM: &str = "https://flespi.io";

const KEY: &str = "aB3aB3aB3aB3aB3aB3aB3aB3aB3aB3aB3aB3aB3aB3aB3aB3aB3aB3aB3aB3aB3z";

/// Tokens whose files are there; the last one never is.
const IDS: [i64; 4] = [7, 8, i64::MAX, i64::MIN];

const NAMES: [&str; 12] = [
    "key",
    "token--1-00000000.sealed",
    "token-7.sealed",
    "token-9223372036854775808-0.sealed",
    "token-07-0.sealed",
    "token-+7-0.sealed",
    "token-",
    ".sealed",
    "probe",
    "x\u{1b}[31m\n::error::boo",
    "key.new",
    "\u{202e}",
];

const WORDS: [&[u8]; 8] = [b"=", b"\n", b"\r\n", b" ", b"\0", b"\xff", b"AAAA", b"\xef\xbb\xbf"];

/// Bytes of what is sealed change, and its text remains one.
fn reseal(body: &mut Vec<u8>, dice: &mut super::Dice) {
    let Ok(mut bytes) = BASE64.decode(body.trim_ascii()) else { return };
    match dice.roll(4) {
        0 => bytes.truncate(dice.roll(bytes.len() + 1)),
        1 => bytes.extend((0..dice.roll(40)).map(|_| dice.roll(256) as u8).collect::<Vec<_>>()),
        _ if bytes.is_empty() => {}
        _ => {
            let at = dice.roll(bytes.len());
            bytes[at] ^= 1 << dice.roll(8);
        }
    }
    *body = BASE64.encode(&bytes).into_bytes();
}

/// A spool with two keys, as a run leaves it.
fn corpus() -> Vec<Vec<u8>> {
    let folder = folders::quick();
    let spool = Spool::new(folder.path().join("spool"), PLATFORM.to_owned(), None);
    let runtime = panics::runtime(false);
    for id in &IDS[..3] {
        runtime.block_on(spool.put(*id, &SecretString::from(format!("{KEY}{id}")))).unwrap();
    }
    vec![parts::joined(&super::estate::files(&folder.path().join("spool")))]
}

struct Place {
    runtime: Runtime,
    folder: tempfile::TempDir,
    spool: Spool,
    written: Vec<PathBuf>,
}

impl Place {
    fn new() -> Self {
        let folder = folders::quick();
        let place = folder.path().join("spool");
        let spool = Spool::new(place.clone(), PLATFORM.to_owned(), None);
        let runtime = panics::runtime(false);
        runtime.block_on(spool.probe()).unwrap();
        Self { runtime, folder, spool, written: Vec::new() }
    }

    /// Puts the files of an input in the place of those before. What is no name of a file is left out.
    fn lay_out(&mut self, parts: Parts) {
        for path in self.written.drain(..) {
            let _ = std::fs::remove_file(path);
        }
        let place = self.folder.path().join("spool");
        let _ = std::fs::remove_file(place.join("key"));
        for (name, body) in parts {
            let is_name =
                !name.is_empty() && !name.contains(['/', '\0']) && !name.starts_with("..");
            if is_name && std::fs::write(place.join(&name), body).is_ok() {
                self.written.push(place.join(name));
            }
        }
    }

    fn feed(&mut self, input: &[u8]) -> Result<bool, String> {
        let before = panics::heard();
        self.lay_out(parts::split(input));
        let mut is_whole = true;
        for id in IDS {
            let said = match self.runtime.block_on(self.spool.get(id)) {
                Ok(Some(key)) => {
                    let is_it = key.expose_secret() == format!("{KEY}{id}");
                    hold(is_it, || format!("another key of {id}"))?;
                    continue;
                }
                Ok(None) => {
                    is_whole &= id == i64::MIN;
                    continue;
                }
                Err(error) => error,
            };
            is_whole = false;
            inert::error("a key that cannot be opened", &said)?;
            hold(!format!("{said:?}").contains(&KEY[..16]), || format!("{said:?} tells a key"))?;
        }
        let ids = self.runtime.block_on(self.spool.ids()).map_err(|error| error.to_string())?;
        hold(ids.len() <= self.written.len(), || format!("{ids:?} of {:?}", self.written))?;
        hold(panics::heard() == before, || "a panic on another thread".to_owned())?;
        Ok(is_whole)
    }
}
