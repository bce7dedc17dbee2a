//! Tokens: what they are made with, how they end, and how they come back.

use std::time::Duration;

use serde_json::json;
use tokio::time::sleep;

use crate::probe::caller::{Call, ProbeError, Signer};
use crate::probe::lab::{Lab, Made, TTL};

const TOKENS: &str = "platform/tokens";

/// The longest life that a token is known to be given, in seconds, and the one that is assumed to be the longest.
const LIVES: (u64, u64) = (31_536_000, 315_360_000);

/// The life of a token that is to lapse, in seconds.
const SHORT: u64 = 2;

/// Long enough for such a token to lapse.
const AWHILE: Duration = Duration::from_secs(4);

/// How often it is looked whether the platform has removed a token that lapsed.
const LOOKS: u32 = 10;

/// A page that the tokens of trials allow, and one that they do not.
const PAGES: (&str, &str) = ("https://probe.example", "https://elsewhere.example");

/// Long ago, in unix seconds.
const PAST: u64 = 1_500_000_000;

pub(super) async fn ask(lab: &mut Lab<'_>) -> Result<(), ProbeError> {
    defaults(lab).await?;
    bounds(lab).await?;
    batches(lab).await?;
    pages(lab).await?;
    submodules(lab).await?;
    switched_off(lab).await?;
    restored_key(lab).await?;
    lapses(lab).await
}

async fn defaults(lab: &mut Lab<'_>) -> Result<(), ProbeError> {
    let made = lab.post(lab.account, TOKENS, json!({"info": "default", "ttl": TTL})).await?;
    let kind = made.member("access").and_then(|access| access.get("type")?.as_i64());
    match kind {
        Some(0) => lab.book.found("default-access", "standard", [&made]),
        Some(1) => lab.book.found("default-access", "master", [&made]),
        Some(other) => lab.book.found("default-access", format!("type {other}"), [&made]),
        None => lab.book.cannot_tell("default-access", made.unexpected()),
    }
    Ok(())
}

async fn bounds(lab: &mut Lab<'_>) -> Result<(), ProbeError> {
    let (known, assumed) = LIVES;
    let account = lab.account;
    let lives = async |ttl: u64| {
        lab.post(account, TOKENS, json!({"info": "life", "ttl": ttl, "access": {"type": 0}})).await
    };
    let beyond = lives(assumed + 1).await?;
    if beyond.is_done() {
        lab.book.found("maximum-ttl", "unlimited", [&beyond]);
    } else {
        let (most, more) = (lives(assumed).await?, lives(known + 1).await?);
        match (most.is_done(), more.is_done()) {
            (true, _) => lab.book.found("maximum-ttl", assumed.to_string(), [&beyond, &most]),
            (_, true) => lab.book.found("maximum-ttl", "between", [&most, &more]),
            (_, false) if more.is_refused() => {
                lab.book.found("maximum-ttl", known.to_string(), [&beyond, &more]);
            }
            _ => lab.book.cannot_tell("maximum-ttl", more.unexpected()),
        }
    }
    let past = json!({"info": "past", "expire": PAST, "access": {"type": 0}});
    let past = lab.post(account, TOKENS, past).await?;
    lab.book.choose("past-expire", &past, "accept", "refuse");

    let entry = json!({"uri": "mqtt", "topic": "flespi/state/#", "actions": ["subscribe"]});
    let topic = json!({"info": "topic", "ttl": TTL, "access": {"type": 2, "acl": [entry]}});
    let topic = lab.post(account, TOKENS, topic).await?;
    lab.book.choose("flespi-topic", &topic, "accept", "refuse");
    Ok(())
}

async fn batches(lab: &mut Lab<'_>) -> Result<(), ProbeError> {
    let token = |info: &str| json!({"info": info, "ttl": TTL, "access": {"type": 0}});
    let both = json!([token("one"), token("two")]);
    let both = lab.post_all(lab.account, TOKENS, both).await?;
    match both.items().len() {
        2 => lab.book.found("token-batch", "all", [&both]),
        1 => lab.book.found("token-batch", "first", [&both]),
        _ if both.is_refused() => lab.book.found("token-batch", "refuse", [&both]),
        _ => lab.book.cannot_tell("token-batch", both.unexpected()),
    }
    Ok(())
}

async fn pages(lab: &mut Lab<'_>) -> Result<(), ProbeError> {
    let (allowed, other) = PAGES;
    let bound = json!({"info": "page", "ttl": TTL, "access": {"type": 0}, "origins": [allowed]});
    let Some(token) = lab.token(lab.account, bound).await? else {
        lab.book.cannot_tell("origin-status", "no token is made that is bound to pages");
        return Ok(());
    };
    let call = Call::get("/auth/info").signed(Signer::Key(&token.key)).on_page(other);
    let foreign = lab.send(call).await?;
    match foreign.is_forbidden() {
        true => lab.book.found("origin-status", foreign.status.to_string(), [&foreign]),
        false => lab.book.cannot_tell("origin-status", foreign.unexpected()),
    }
    Ok(())
}

/// An entry that lists no submodules: with which methods are they open?
async fn submodules(lab: &mut Lab<'_>) -> Result<(), ProbeError> {
    let entry = json!({"uri": "gw/devices", "methods": ["GET"], "ids": "all"});
    let reader = json!({"info": "acl", "ttl": TTL, "access": {"type": 2, "acl": [entry]}});
    let Some(token) = lab.token(lab.account, reader).await? else {
        lab.book.cannot_tell("open-submodules", "no token is made with a list of accesses");
        return Ok(());
    };
    // The account of the token has no device, so that nothing is deleted either way.
    let call = Call::new("DELETE", "/gw/devices/all/messages").signed(Signer::Key(&token.key));
    let tried = lab.send(call).await?;
    lab.book.admit("open-submodules", &tried, "all-methods", "entry-methods");
    Ok(())
}

async fn switched_off(lab: &mut Lab<'_>) -> Result<(), ProbeError> {
    let token = json!({"info": "off", "ttl": TTL, "enabled": false, "access": {"type": 0}});
    let Some(token) = lab.token(lab.account, token).await? else {
        lab.book.cannot_tell("disabled-token-info", "no token is made that is switched off");
        return Ok(());
    };
    let info = lab.get_as(&token.key, "auth/info").await?;
    lab.book.admit("disabled-token-info", &info, "answer", "refuse");
    Ok(())
}

async fn restored_key(lab: &mut Lab<'_>) -> Result<(), ProbeError> {
    let token = json!({"info": "restored", "ttl": TTL, "access": {"type": 0}});
    let Some(token) = lab.token(lab.account, token).await? else {
        lab.book.cannot_tell("restored-key", "no token is made");
        return Ok(());
    };
    if !there_and_back(lab, &token, Duration::ZERO).await? {
        lab.book.cannot_tell("restored-key", "a token does not come back from the recycle bin");
        return Ok(());
    }
    let info = lab.get_as(&token.key, "auth/info").await?;
    match (info.is_done(), info.status) {
        (true, _) => lab.book.found("restored-key", "same", [&info]),
        (_, 401) => lab.book.found("restored-key", "new", [&info]),
        _ => lab.book.cannot_tell("restored-key", info.unexpected()),
    }
    Ok(())
}

/// Deletes a token and restores it after a while; whether the platform says that it did.
async fn there_and_back(lab: &Lab<'_>, token: &Made, wait: Duration) -> Result<bool, ProbeError> {
    lab.delete(lab.account, TOKENS, token.id).await?;
    let (_, record) = lab.in_bin(lab.account, token.id).await?;
    let Some(record) = record else { return Ok(false) };
    sleep(wait).await;
    Ok(lab.restore(lab.account, record).await?.is_done())
}

/// Tokens whose life is over: where they go, and whether one that was in the bin meanwhile begins a new life.
async fn lapses(lab: &mut Lab<'_>) -> Result<(), ProbeError> {
    let short = || json!({"info": "short", "ttl": SHORT, "access": {"type": 0}});
    let (Some(lapsing), Some(restored)) =
        (lab.token(lab.account, short()).await?, lab.token(lab.account, short()).await?)
    else {
        for name in ["lapsed-token", "restored-ttl"] {
            lab.book.cannot_tell(name, "no token is made with a short life");
        }
        return Ok(());
    };
    let is_back = there_and_back(lab, &restored, AWHILE).await?;
    let path = format!("{TOKENS}/{}?fields=id", restored.id);
    let read = lab.get(lab.account, &path).await?;
    match (is_back, read.items().is_empty()) {
        (true, false) => lab.book.found("restored-ttl", "anew", [&read]),
        (true, true) => lab.book.found("restored-ttl", "as-was", [&read]),
        (false, _) => lab.book.cannot_tell(
            "restored-ttl",
            "a token does not come back from the recycle bin after its time",
        ),
    }
    let path = format!("{TOKENS}/{}?fields=id", lapsing.id);
    for look in 1..=LOOKS {
        let read = lab.get(lab.account, &path).await?;
        if read.items().is_empty() {
            let (bin, record) = lab.in_bin(lab.account, lapsing.id).await?;
            let value = if record.is_some() { "bin" } else { "gone" };
            lab.book.found("lapsed-token", value, [&read, &bin]);
            return Ok(());
        }
        sleep(AWHILE * look).await;
    }
    lab.book.cannot_tell("lapsed-token", "a token that lapsed is still there after minutes");
    Ok(())
}
