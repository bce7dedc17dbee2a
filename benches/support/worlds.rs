//! The sandbox's own files: a state folder that somebody changed is refused or holds a world that serves and is kept, and a
//! plan of faults is refused or reads back.

use std::path::Path;
use std::time::Duration;

use flespi_gitops::sandbox::{
    FaultEffect, FaultRule, Faults, RetryAfter, StartError, StoreError, rehearse,
};

use super::estate::estate;
use super::parts::{self, Parts};
use super::{Dice, Target, folders, hold, inert, json, text};

pub const TARGET: Target = Target {
    name: "worlds",
    about: "state folders of the sandbox: snapshot, log and journal",
    corpus,
    mutate: |corpus, dice| parts::mutated(corpus, dice, change),
    feed: || {
        let folder = folders::quick();
        Box::new(move |input, _| feed(input, folder.path()))
    },
    short: 60,
    repeat: None,
};

pub const FAULTS: Target = Target {
    name: "faults",
    about: "plans of faults of the sandbox",
    corpus: plans,
    mutate: json::mutated,
    feed: || Box::new(|input, _| faults(input)),
    short: 2_000,
    repeat: None,
};

/// A folder in the middle of a life, and the same one at rest.
fn corpus() -> Vec<Vec<u8>> {
    let running: Parts =
        estate().state.iter().filter(|(name, _)| name.ends_with(".jsonl")).cloned().collect();
    let folder = folders::quick();
    lay_out(folder.path(), &running).unwrap();
    rehearse(folder.path(), &[]).unwrap();
    let files = super::estate::files(folder.path()).into_iter();
    let at_rest: Parts = files.filter(|(name, _)| name.ends_with(".jsonl")).collect();
    vec![parts::joined(&running), parts::joined(&at_rest)]
}

/// Changes one line of a file, or the order of its lines.
fn change((name, body): &mut (String, Vec<u8>), dice: &mut Dice) {
    let mut lines: Vec<Vec<u8>> =
        body.split_inclusive(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect();
    if lines.is_empty() {
        return;
    }
    let at = dice.roll(lines.len());
    match dice.roll(20) {
        0 => lines.swap(0, at),
        1 => drop(lines.remove(at)),
        2 => lines.insert(at, lines[at].clone()),
        3 => {
            let other = dice.roll(lines.len());
            lines.swap(at, other);
        }
        4 => {
            // A writer that was killed.
            lines.truncate(at + 1);
            let length = dice.roll(lines[at].len());
            lines[at].truncate(length);
        }
        5 => {
            let words: [&[u8]; 5] = [b"\0", b"\xff", b"\n", b"\r\n", b"\xef\xbb\xbf"];
            let itself = std::slice::from_ref(&lines[at].clone()).to_vec();
            text::change(&mut lines[at], &itself, &words, dice);
        }
        6 => {
            let names =
                ["snapshot.jsonl", "journal.jsonl", "changes-1.jsonl", "changes-2.jsonl", "lock"];
            *name = (*dice.one(&names)).to_owned();
        }
        _ => {
            let mut line = lines[at].trim_ascii_end().to_vec();
            json::change(&mut line, &lines, dice);
            line.push(b'\n');
            lines[at] = line;
        }
    }
    *body = lines.concat();
}

fn lay_out(folder: &Path, parts: &Parts) -> std::io::Result<()> {
    for entry in std::fs::read_dir(folder)?.flatten() {
        std::fs::remove_file(entry.path())?;
    }
    for (name, body) in parts {
        if !name.is_empty() && !name.contains(['/', '\0', '.'].as_slice())
            || name.ends_with(".jsonl")
        {
            let name = name.replace(['/', '\0'], "_");
            std::fs::write(folder.join(name), body)?;
        }
    }
    Ok(())
}

/// What is asked of a world: every list, what its own paths tell, and a write of each kind.
const CALLS: [(&str, &str, &str); 16] = [
    ("GET", "/auth/info", ""),
    ("GET", "/platform/limits/all", ""),
    (
        "GET",
        "/platform/subaccounts/all?fields=id,cid,name,limit_id,enabled,email,blocked,metadata,counters",
        "",
    ),
    ("GET", "/platform/tokens/all?fields=id,cid,info,ttl,expire,access,metadata", ""),
    ("GET", "/platform/webhooks/all", ""),
    ("GET", "/platform/customer?fields=limits,counters", ""),
    ("GET", "/platform/customer/logs?data=%7B%22count%22:50%7D", ""),
    ("GET", "/platform/deleted/type=33", ""),
    ("POST", "/platform/limits", r#"[{"name":"x","devices_count":1}]"#),
    ("POST", "/platform/subaccounts", r#"[{"name":"x"}]"#),
    ("POST", "/platform/tokens", r#"[{"info":"x","ttl":60,"access":{"type":0}}]"#),
    ("DELETE", "/platform/tokens/info=x", ""),
    ("DELETE", "/platform/subaccounts/name=x", ""),
    ("GET", "/_sandbox/journal", ""),
    ("GET", "/_sandbox/state", ""),
    ("GET", "/_sandbox/overview", ""),
];

/// Another thread may start a program, which holds a copy of every lock of ours for a moment.
fn rehearsed(folder: &Path) -> Result<Vec<u16>, StartError> {
    for _ in 0..500 {
        match rehearse(folder, &CALLS) {
            Err(StartError::State(StoreError::Locked(_))) => {
                std::thread::sleep(Duration::from_millis(10));
            }
            outcome => return outcome,
        }
    }
    rehearse(folder, &CALLS)
}

fn feed(input: &[u8], folder: &Path) -> Result<bool, String> {
    lay_out(folder, &parts::split(input)).map_err(|error| error.to_string())?;
    match rehearsed(folder) {
        Ok(statuses) => {
            let served = statuses.iter().all(|status| (200..500).contains(status));
            hold(served, || format!("{statuses:?}"))?;
            // What it was left as is a world, too.
            let again = rehearsed(folder).map_err(|error| format!("{error:?}"))?;
            let served = again.iter().all(|status| (200..500).contains(status));
            hold(served, || format!("{again:?}"))?;
            Ok(true)
        }
        Err(error @ StartError::State(_)) => {
            inert::error("a folder that cannot be used", &error)?;
            Ok(false)
        }
        Err(error) => Err(format!("{error:?}")),
    }
}

/// A rule for each effect.
fn plans() -> Vec<Vec<u8>> {
    let effects = [
        FaultEffect::Answer {
            status: 429,
            retry_after: Some(RetryAfter::Seconds(5)),
            reason: Some("too many requests".to_owned()),
        },
        FaultEffect::Refuse { milliseconds: 2_000 },
        FaultEffect::CutBefore,
        FaultEffect::Truncate { keep: 10 },
        FaultEffect::WrongCount { by: -1 },
        FaultEffect::LostPages { after: 1_000 },
    ];
    let rule = |effect: FaultEffect| FaultRule {
        name: Some("x".to_owned()),
        method: Some("GET".to_owned()),
        path: Some("/platform/*".to_owned()),
        cid: Some(7),
        skip: 1,
        count: Some(2),
        probability: Some(0.5),
        effect,
    };
    let plan = Faults { seed: 7, rules: effects.into_iter().map(rule).collect() };
    vec![serde_json::to_vec(&plan).unwrap()]
}

fn faults(input: &[u8]) -> Result<bool, String> {
    let plan = match Faults::from_json(input) {
        Ok(plan) => plan,
        Err(error) => {
            inert::said("a plan of faults", &error.to_string())?;
            return Ok(false);
        }
    };
    for rule in &plan.rules {
        let is_likely = rule.probability.is_none_or(|it| (0.0..=1.0).contains(&it));
        hold(is_likely, || format!("{rule:?}"))?;
    }
    let text = serde_json::to_vec(&plan).map_err(|error| error.to_string())?;
    let again = Faults::from_json(&text).map_err(|error| format!("not read back: {error}"))?;
    hold(again == plan, || format!("{plan:?} reads back as {again:?}"))?;
    Ok(true)
}
