//! Files that secrets go to and come from: whatever stands in them, a secret that is delivered is read back, the rest stays,
//! and no word of a refusal is out of the file.

use std::path::Path;

use flespi_gitops::secret::{
    Allowance, DotenvSink, ExposeSecret, FileSink, Held, JsonSink, Link, Place, SecretString, Sink,
    Source, reading,
};
use tokio::runtime::Runtime;

use super::parts::{self, Parts};
use super::{Target, folders, hold, inert, json, panics, text};

pub const TARGET: Target = Target {
    name: "sinks",
    about: "files of variables, JSON and plain files that secrets are delivered to and read from",
    corpus,
    mutate: |corpus, dice| {
        parts::mutated(corpus, dice, |(name, body), dice| {
            let itself = std::slice::from_ref(&body.clone()).to_vec();
            match name.as_str() {
                "json" if dice.roll(5) > 0 => json::change(body, &itself, dice),
                "pointer" | "variable" if dice.roll(2) == 0 => {
                    *body = dice.one(&NAMES).as_bytes().to_vec();
                }
                _ => text::change(body, &itself, &WORDS, dice),
            }
        })
    },
    feed: || {
        let (runtime, folder) = (panics::runtime(false), folders::quick());
        Box::new(move |input, everything| feed(input, everything, &runtime, folder.path()))
    },
    short: 200,
    repeat: None,
};

/// No refusal quotes what a file holds.
const CANARY: &str = "canary0canary0canary";

const NAMES: [&str; 12] = [
    "/a",
    "/a/b",
    "/b/0",
    "/a~1b",
    "/a~0b",
    "/",
    "",
    "/c/d/e",
    "KEY",
    "OTHER",
    "/b/18446744073709551616",
    "/b/-",
];

const WORDS: [&[u8]; 24] = [
    b"KEY=",
    b"export ",
    b"\"",
    b"'",
    b"`",
    b"\\",
    b"\n",
    b"\r\n",
    b"\r",
    b"#",
    b" # ",
    b"=",
    b"$HOME",
    b"\0",
    b"\xff",
    b"\xef\xbb\xbf",
    b"canary0canary0canary",
    b" ",
    b"\t",
    b"\xc3\xa9",
    b"\xe2\x80\xa8",
    b"{",
    b"}",
    b"KEY='a\nKEY=b'",
];

fn corpus() -> Vec<Vec<u8>> {
    let file = |dotenv: &str, json: &str, secret: &str, pointer: &str, variable: &str| {
        let parts: Parts = [
            ("dotenv", dotenv),
            ("json", json),
            ("file", secret),
            ("secret", "aB3aB3aB3aB3"),
            ("pointer", pointer),
            ("variable", variable),
        ]
        .map(|(name, body)| (name.to_owned(), body.as_bytes().to_vec()))
        .into();
        parts::joined(&parts)
    };
    vec![
        file(
            "# keys\r\nexport OTHER = \"a # b\"  # why\r\n\r\nKEY=canary0canary0canary # ours\r\nPEM=\"one\r\nKEY=no\r\n\"\r\nlast",
            "{ \"b\" : [1, {\"x\": 1e3}],\n  \"a\": {\"token\": \"canary0canary0canary\", \"z\": null}\n}\n",
            "canary0canary0canary\n",
            "/a/token",
            "KEY",
        ),
        file(
            "KEY=a\nKEY='b'\n",
            "{\"a/b\": \"x\", \"a~b\": [[]]}",
            "two words\r\n",
            "/a~1b",
            "OTHER",
        ),
        file("", "", "", "/c/d/e", "KEY"),
    ]
}

fn part<'a>(parts: &'a Parts, name: &str) -> &'a [u8] {
    parts.iter().find(|(known, _)| known == name).map_or(&[], |(_, body)| body)
}

fn feed(input: &[u8], everything: bool, runtime: &Runtime, folder: &Path) -> Result<bool, String> {
    let before = panics::heard();
    let parts = parts::split(input);
    reads(part(&parts, "file"))?;
    let word = |name| String::from_utf8_lossy(part(&parts, name)).into_owned();
    let secret = word("secret");
    // Manifests let no other names and pointers in, and the platform gives no other keys.
    // A name is told; what the files hold is not.
    let word = |name| word(name).replace(CANARY, "canary");
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let variable = Some(word("variable")).filter(|it| !it.is_empty() && it.chars().all(is_name));
    let pointer = Some(word("pointer")).filter(|it| it.starts_with('/'));
    let is_secret =
        reading::key(secret.clone().into_bytes()).is_ok_and(|it| it.expose_secret() == secret);
    let secret = if is_secret { secret } else { "aB3".to_owned() };
    let mut is_delivered = true;
    let path = |name: &str| folder.join(name);
    if let Some(key) = variable {
        let place = Place::Dotenv(DotenvSink { dotenv: path("dotenv"), key, allow: allow() });
        let file = (path("dotenv"), part(&parts, "dotenv"));
        is_delivered &= delivered(place, file, &secret, runtime)?;
    }
    if let Some(pointer) = pointer {
        let place = Place::Json(JsonSink { json: path("json"), pointer, allow: allow() });
        is_delivered &= delivered(place, (path("json"), part(&parts, "json")), &secret, runtime)?;
    }
    if everything {
        let place = Place::File(FileSink { file: path("file"), allow: allow() });
        is_delivered &= delivered(place, (path("file"), part(&parts, "file")), &secret, runtime)?;
        std::fs::write(path("source"), part(&parts, "file")).map_err(|error| error.to_string())?;
        if let Err(error) = runtime.block_on(Source::File(path("source")).read()) {
            inert::error("a source", &error)?;
            hold(!told(&error), || format!("{error:?} tells what the file holds"))?;
        }
    }
    hold(panics::heard() == before, || "a panic on another thread".to_owned())?;
    Ok(is_delivered)
}

/// The files stand there before, as a person made them.
fn allow() -> Vec<Allowance> {
    vec![Allowance::WorldReadable]
}

/// Whether an error quotes what was read.
fn told(error: &dyn std::error::Error) -> bool {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if error.to_string().contains(CANARY) {
            return true;
        }
        cause = error.source();
    }
    false
}

/// What is read as a secret is one line, and no refusal quotes it.
fn reads(bytes: &[u8]) -> Result<(), String> {
    for read in [reading::password, reading::key, reading::word, reading::token] {
        match read(bytes.to_vec()) {
            Ok(secret) => {
                let secret = secret.expose_secret();
                let is_line = !secret.contains(['\n', '\r', '\0']) && !secret.trim().is_empty();
                hold(is_line, || format!("{secret:?} is read as a secret"))?;
                let again = read(secret.as_bytes().to_vec());
                let is_same = again.is_ok_and(|again| again.expose_secret() == secret);
                hold(is_same, || format!("{secret:?} is not read as itself"))?;
            }
            Err(unfit) => {
                inert::text("what is no secret", &unfit.to_string())?;
                hold(!told(&unfit), || format!("{unfit} tells the secret"))?;
            }
        }
    }
    Ok(())
}

fn delivered(
    place: Place,
    (path, before): (std::path::PathBuf, &[u8]),
    secret: &str,
    runtime: &Runtime,
) -> Result<bool, String> {
    // Half of nothing is no file at all.
    let _ = std::fs::remove_file(&path);
    if !before.is_empty() {
        std::fs::write(&path, before).map_err(|error| error.to_string())?;
    }
    let sink = Sink { place, link: Some(Link::new("https://x/#/", "/y")) };
    let bare = Sink { link: None, ..sink.clone() };
    for sink in [&sink, &bare] {
        if let Err(error) = runtime.block_on(sink.read()) {
            inert::error("a sink", &error)?;
            hold(!told(&error), || format!("{error:?} tells what the sink holds"))?;
        }
    }
    let outcome = runtime.block_on(bare.deliver(&SecretString::from(secret)));
    let after = std::fs::read(&path).unwrap_or_default();
    match outcome {
        Ok(()) => {
            let held = runtime.block_on(bare.read());
            let is_it = matches!(&held, Ok(Held::Secret(held)) if held.expose_secret() == secret);
            hold(is_it, || format!("{held:?} in place of {secret:?}"))?;
            // Delivered once more, nothing moves.
            let again = runtime.block_on(bare.deliver(&SecretString::from(secret)));
            let is_same = again.is_ok() && std::fs::read(&path).unwrap_or_default() == after;
            hold(is_same, || {
                format!(
                    "delivered twice, it is not the same: {:?}",
                    String::from_utf8_lossy(&after)
                )
            })?;
            Ok(true)
        }
        Err(error) => {
            inert::error("a sink that refuses", &error)?;
            hold(!told(&error), || format!("{error:?} tells what the sink holds"))?;
            let is_refused = after == before;
            hold(is_refused, || {
                format!(
                    "{error:?}, {:?}: the file is another one: {:?}",
                    error_chain(&error),
                    String::from_utf8_lossy(&after)
                )
            })?;
            Ok(false)
        }
    }
}

fn error_chain(error: &dyn std::error::Error) -> String {
    error.source().map(ToString::to_string).unwrap_or_default()
}
