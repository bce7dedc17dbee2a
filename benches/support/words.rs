//! Words with a grammar of their own: what is read as one is written as it was read, and none takes long to be read.

use std::collections::BTreeSet;

use clap::Parser;
use flespi_gitops::cli::Cli;
use flespi_gitops::diagnostic::{Code, Deny};
use flespi_gitops::manifest::model::{Expire, Ttl};
use flespi_gitops::plan::StepId;
use flespi_gitops::resource::{AccountPath, Address, AddressPattern, At, Lifetime, Mark, Span};
use flespi_gitops::rights::{self, Request, Rights};
use flespi_gitops::run::RunId;
use flespi_gitops::source::strange::strange;
use flespi_gitops::source::{Origin, shown};
use serde_json::{Map, Value, json};

use super::{Target, hold, inert, text};

pub const TARGET: Target = Target {
    name: "words",
    about: "addresses, patterns, ids, times, requests, masks, topics, access lists, marks",
    corpus,
    mutate: |corpus, dice| {
        let mut input = text::mutated(corpus, &WORDS, dice);
        input.truncate(2_000);
        input
    },
    feed: || Box::new(|input, everything| feed(&String::from_utf8_lossy(input), everything)),
    short: 3_000,
    repeat: None,
};

const WORDS: [&[u8]; 40] = [
    b"/",
    b"*",
    b"**",
    b"?",
    b"[",
    b"]",
    b"{",
    b"}",
    b"\\",
    b":",
    b"generation-",
    b"token/",
    b"subaccount/",
    b"limit/",
    b".",
    b"..",
    b"-",
    b"_",
    b"+",
    b"#",
    b"d",
    b"h",
    b"T",
    b"Z",
    b"P1Y",
    b"9223372036854775807",
    b"-1",
    b"1e9",
    b"0",
    b" ",
    b"\0",
    b"\xe2\x80\xae",
    b"\xcc\x81",
    b"$share/g/",
    b"GET ",
    b"publish ",
    b"=",
    b",",
    b"flespi/",
    b"\n",
];

fn corpus() -> Vec<Vec<u8>> {
    let words = [
        "token/emea/acme/app",
        "subaccount/emea",
        "limit/starter",
        "token/**/app",
        "subaccount/*/a?me",
        "emea/acme",
        "create:token/emea/app",
        "token:token/emea/app:generation-3",
        "credentials:subaccount/emea:12345",
        "20261121-233344-k3f9m",
        "30d",
        "1d 12h",
        "PT36H",
        "2035-06-30T00:00:00Z",
        "2035-01-01T00:00:00+01:00",
        "1998-12-31T23:59:60Z",
        "fleet.yaml:12:3",
        "warnings",
        "acl-unknown",
        "GET gw/devices/1,2/messages",
        "POST gw/devices",
        "PUT platform/tokens/all",
        "publish site/7/state",
        "subscribe site/+/#",
        "203.0.113.1?",
        "https://*.fleet.example",
        "flespi/log/gw/devices/+/connected",
        "name=a1b2c3d4,ttl=01234567",
        "schedule 1767225600",
        "pending",
        "0123 a b c",
    ];
    words.into_iter().map(|word| word.as_bytes().to_vec()).collect()
}

/// What was read is written as it was read.
fn reads_back<T: std::str::FromStr + ToString + PartialEq>(
    text: &str,
) -> Result<Option<T>, String> {
    let Ok(value) = text.parse::<T>() else { return Ok(None) };
    let again = value.to_string();
    let is_same = again.parse::<T>().is_ok_and(|again| again == value);
    hold(is_same, || format!("{text:?} is written {again:?}, and read as another one"))?;
    Ok(Some(value))
}

fn feed(text: &str, everything: bool) -> Result<bool, String> {
    let address = reads_back::<Address>(text)?;
    let mut is_word = address.is_some();
    if let Some(address) = &address {
        hold(address.to_string() == text, || format!("{address} is written in two ways"))?;
        let levels = address.account.self_and_ancestors().count();
        hold(levels == address.account.depth() + 1, || format!("{address}: {levels} levels"))?;
    }
    is_word |= reads_back::<StepId>(text)?.is_some();
    is_word |= reads_back::<Origin>(text)?.is_some();
    is_word |= reads_back::<Code>(text)?.is_some();
    is_word |= reads_back::<Deny>(text)?.is_some();
    if let Some(pattern) = reads_back::<AddressPattern>(text)? {
        is_word = true;
        let known: [Address; 2] =
            ["token/emea/acme/app", "limit/starter"].map(|it| it.parse().unwrap());
        let hits = known.iter().filter(|address| pattern.matches(address)).count();
        hold(text != "**" || hits == 2, || format!("{text} matches {hits} of two"))?;
        if let Some(address) = &address {
            let is_literal = !text.contains(['*', '?']);
            hold(!is_literal || pattern.matches(address), || format!("{text} is not itself"))?;
        }
    }
    if let Ok(path) = AccountPath::parse(text) {
        is_word = true;
        hold(path.to_string() == text, || format!("{path} is written in two ways"))?;
        hold(AccountPath::root().contains(&path) && path.contains(&path), || format!("{path}"))?;
    }
    if let Some(run) = RunId::parse(text) {
        is_word = true;
        hold(run.as_str() == text && !text.contains(['/', '.']), || format!("{run} is a path"))?;
    }
    is_word |= times(text)?;
    is_word |= permits(text, everything)?;
    if everything {
        options(text)?;
    }
    marks(text)?;
    for said in [shown::quote(text), shown::printable(text).into_owned()] {
        hold(!said.contains('\n'), || format!("{said:?} is not one line"))?;
        hold(!said.chars().any(char::is_control), || format!("{said:?} acts"))?;
    }
    for strange in strange(text) {
        inert::text("what is strange", &strange.named())?;
    }
    Ok(is_word)
}

/// What stands on a command line is taken or refused, in words.
fn options(text: &str) -> Result<(), String> {
    let options = [
        ["plan", "--exclude"],
        ["plan", "--expiring-within"],
        ["plan", "--deadline"],
        ["apply", "--lock-timeout"],
        ["watch", "--interval"],
        ["validate", "--deny"],
        ["rotate", "--overlap"],
    ];
    for [command, option] in options {
        let given = format!("{option}={text}");
        if let Err(refused) = Cli::try_parse_from(["flespi-gitops", command, &given]) {
            let said = anstream::adapter::strip_str(&refused.to_string()).to_string();
            hold(!said.is_empty(), || format!("{given} is refused without a word"))?;
        }
    }
    Ok(())
}

/// Times are within what the platform's clock tells, and are said in words without a mistake of arithmetic.
fn times(text: &str) -> Result<bool, String> {
    let ttl = Ttl::parse(text);
    if let Some(seconds) = ttl {
        let _ = Span(seconds).to_string();
    }
    let expire = Expire::parse(text);
    if let Ok(seconds) = expire {
        let is_within = (1..=253_402_300_799).contains(&seconds);
        hold(is_within, || format!("{text} is second {seconds}"))?;
        let said = At(seconds).to_string();
        let again = Expire::parse(&said);
        hold(again == Ok(seconds), || format!("{text} is said {said}, which is {again:?}"))?;
    }
    let number = |at: usize| {
        text.split([' ', ',', '-', '/']).filter_map(|it| it.parse::<i64>().ok()).nth(at)
    };
    let fields =
        json!({"ttl": number(0), "expire": number(1), "created": number(2), "accessed": number(3)});
    if let Some(lifetime) = fields.as_object().and_then(Lifetime::of) {
        for now in [i64::MIN, 0, 1_767_225_600, i64::MAX, number(4).unwrap_or(7)] {
            let words = lifetime.words(now);
            hold(!words.contains('-'), || format!("{lifetime:?} at {now}: {words}"))?;
            let _ = lifetime.is_due(now, number(5).unwrap_or(i64::MAX));
        }
    }
    Ok(ttl.is_some() || expire.is_ok())
}

/// Requests, masks, topics and access lists.
fn permits(text: &str, everything: bool) -> Result<bool, String> {
    let request = text.parse::<Request>();
    if let Err(error) = &request {
        inert::error("what is no request", error)?;
    }
    let (head, tail) = text.split_at_checked(text.len() / 2).unwrap_or((text, ""));
    hold(
        rights::mask_matches(text, text) || text.contains(['*', '?']) || text.len() > 200,
        || format!("{text:?} does not match itself"),
    )?;
    let _ = rights::mask_matches(head, tail);
    let _ = rights::filter_problem(text);
    if everything && text.len() < 100 {
        let _ = rights::mask_fits_ipv4(text);
    }
    let rights = |uri: &str, method: &str| {
        let acl = json!([{"uri": uri, "methods": [method], "ids": [text, 1, -1], "topic": text,
            "submodules": [{"name": tail, "methods": ["GET"]}]}]);
        let fields =
            json!({"access": {"type": 2, "acl": acl}, "ips": [head], "origins": [tail], "ttl": 60});
        Rights::of(|name| fields.get(name))
    };
    let (one, other) = (rights("gw/devices", "GET"), rights(head, tail));
    if let Ok(request) = &request {
        for rights in [&one, &other] {
            let decision = rights::decide(rights, request);
            hold(decision == rights::decide(rights, request), || "another decision".to_owned())?;
        }
    }
    if everything {
        let of_itself = rights::compare(&one, &one);
        hold(of_itself.relation == rights::Relation::Equal, || format!("{text:?}: {of_itself:?}"))?;
        let _ = rights::compare(&one, &other);
    }
    Ok(request.is_ok())
}

/// The mark of an object reads back as it was written, whatever its texts are.
fn marks(text: &str) -> Result<(), String> {
    let names = [
        "applied",
        "password",
        "secrets",
        "key",
        "generation",
        "issued",
        "overlap",
        "delivered",
        "moved-from",
        "role",
        "protect",
        "email-requested",
        "email-requested-at",
        "email-before",
        "signature",
    ];
    let mut metadata = Map::new();
    for name in names {
        metadata.insert(format!("flespi-gitops/{name}"), Value::from(text));
    }
    metadata.insert("flespi-gitops/stack".to_owned(), Value::from("fleet"));
    metadata.insert("flespi-gitops/address".to_owned(), Value::from("token/app"));
    let read = Mark::read(&metadata).map_err(|error| error.to_string())?;
    let mark = read.ok_or("a mark that is none")?;
    let mut written = Map::new();
    mark.write(&mut written);
    let again = Mark::read(&written).map_err(|error| error.to_string())?;
    hold(again.as_ref() == Some(&mark), || format!("{mark:?} reads back as {again:?}"))?;
    let keys: BTreeSet<&String> = written.keys().collect();
    hold(keys.iter().all(|key| key.starts_with("flespi-gitops/")), || format!("{keys:?}"))
}
