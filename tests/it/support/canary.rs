//! Every byte that the program says in any test is searched for every secret that the test used.
//!
//! [`run`](super::run) hands over what each run said, at trace level; when a [`World`](super::World) ends, it hands over
//! its secrets: the keys of all tokens of its platform, the passwords that were written down for the program, and what the
//! program itself delivered. One hit fails the test, whatever else it is about.

use std::collections::BTreeSet;
use std::collections::btree_map::{BTreeMap, Entry};
use std::process::Command;
use std::sync::Mutex;

use serde_json::Value;

/// What was said, by the address of the platform that it was said about.
static HEARD: Mutex<BTreeMap<String, Vec<String>>> = Mutex::new(BTreeMap::new());

/// What is shorter than this is found anywhere by chance.
const SHORTEST: usize = 8;

/// Keeps what `command` said until its platform ends.
pub fn hear(command: &Command, said: String) {
    let platform = command.get_envs().find(|(name, _)| *name == "FLESPI_PLATFORM");
    if let Some((_, Some(platform))) = platform {
        hear_about(&platform.to_string_lossy(), said);
    }
}

/// Keeps what was said about `platform` until that ends.
pub fn hear_about(platform: &str, said: String) {
    HEARD.lock().unwrap().entry(platform.to_owned()).or_default().push(said);
}

/// All that was said about `platform`.
pub fn heard(platform: &str) -> Vec<String> {
    match HEARD.lock().unwrap().entry(platform.to_owned()) {
        Entry::Occupied(said) => said.remove(),
        Entry::Vacant(_) => Vec::new(),
    }
}

/// The secrets that stand in the state of a platform: every key of a token, those of deleted ones included.
pub fn keys(state: &Value, found: &mut BTreeSet<String>) {
    match state {
        Value::String(text) if is_key(text) => {
            found.insert(text.clone());
        }
        Value::Array(items) => items.iter().for_each(|item| keys(item, found)),
        Value::Object(members) => members.values().for_each(|value| keys(value, found)),
        _ => {}
    }
}

fn is_key(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

/// The outputs that hold one of `secrets`, with a word on where.
pub fn search(outputs: &[String], secrets: &BTreeSet<String>) -> Vec<String> {
    let secrets = || secrets.iter().filter(|secret| secret.len() >= SHORTEST);
    let mut hits = Vec::new();
    for output in outputs {
        for secret in secrets() {
            if let Some(at) = output.find(secret.as_str()) {
                let lead: String = output[..at].chars().rev().take(200).collect();
                let lead: String = lead.chars().rev().collect();
                hits.push(format!("a secret of {} characters behind: {lead}", secret.len()));
            }
        }
    }
    hits
}
