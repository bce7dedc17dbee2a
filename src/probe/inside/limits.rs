//! Limits, which are the plainest items: how bodies are judged, and what deletion answers.

use serde_json::{Value, json};

use crate::probe::caller::{Call, Heard, ProbeError};
use crate::probe::lab::Lab;

const LIMITS: &str = "platform/limits";

/// One more than a list may hold that nobody asks a length of.
const CROWD: usize = 101;

pub(super) async fn ask(lab: &mut Lab<'_>) -> Result<(), ProbeError> {
    bodies(lab).await?;
    defaults(lab).await?;
    merging(lab).await?;
    crowd(lab).await?;
    names(lab).await
}

async fn bodies(lab: &mut Lab<'_>) -> Result<(), ProbeError> {
    let account = lab.account;
    let undeclared = json!({"name": "undeclared", "flespi_gitops_no_such_field": 1});
    let undeclared = lab.post(account, LIMITS, undeclared).await?;
    lab.book.choose("undeclared-field", &undeclared, "ignore", "refuse");

    let bad = lab.post(account, LIMITS, json!({"name": 5})).await?;
    let in_error = bad.answer.pointer("/errors/0/schema_hint").is_some();
    let at_top = bad.answer.get("schema_hint").is_some();
    match (bad.is_refused(), in_error, at_top) {
        (false, ..) => lab.book.cannot_tell("schema-hint", bad.unexpected()),
        (_, true, _) => lab.book.found("schema-hint", "in-error", [&bad]),
        (_, _, true) => lab.book.found("schema-hint", "at-top", [&bad]),
        _ => lab.book.found("schema-hint", "absent", [&bad]),
    }

    let alone = lab.post(account, LIMITS, json!({"name": "alone"})).await?;
    let mixed = lab.post_all(account, LIMITS, json!([{"name": "good"}, {"name": 5}])).await?;
    let there = lab.get(account, &format!("{LIMITS}/name=good?fields=id,name")).await?;
    match there.is_done() {
        // Where no more limits can be made, none in a batch can.
        _ if !alone.is_done() => lab.book.cannot_tell("batch", alone.unexpected()),
        true if there.items().is_empty() => lab.book.found("batch", "strict", [&mixed, &there]),
        true => lab.book.found("batch", "partial", [&mixed, &there]),
        false => lab.book.cannot_tell("batch", there.unexpected()),
    }

    let object = lab.post_all(account, LIMITS, json!({"name": "object"})).await?;
    lab.book.choose("single-object-post", &object, "accept", "refuse");
    let read_only = lab.post(account, LIMITS, json!({"name": "read-only", "id": 1})).await?;
    lab.book.choose("read-only-field", &read_only, "ignore", "refuse");
    Ok(())
}

async fn defaults(lab: &mut Lab<'_>) -> Result<(), ProbeError> {
    let made = lab.post(lab.account, LIMITS, json!({"name": "defaults"})).await?;
    let Some(id) = made.id() else {
        lab.book.cannot_tell("limit-defaults", made.unexpected());
        return Ok(());
    };
    let path = format!("{LIMITS}/{id}?fields=id,api_calls,blocking_duration");
    let read = lab.get(lab.account, &path).await?;
    let number = |name: &str| read.member(name).and_then(Value::as_i64);
    match (number("blocking_duration"), number("api_calls")) {
        (Some(60), Some(-1)) => lab.book.found("limit-defaults", "plain", [&read]),
        (Some(60), Some(20)) => lab.book.found("limit-defaults", "terraform", [&read]),
        (Some(duration), Some(calls)) => {
            lab.book.found("limit-defaults", format!("{calls} and {duration}"), [&read]);
        }
        _ => lab.book.cannot_tell("limit-defaults", read.unexpected()),
    }
    let gone = lab.delete(lab.account, LIMITS, id).await?;
    let lists_it =
        gone.items().iter().any(|item| item.get("id").and_then(Value::as_i64) == Some(id));
    match gone.is_done() {
        true if lists_it => lab.book.found("delete-result", "ids", [&gone]),
        true => lab.book.found("delete-result", "empty", [&gone]),
        false => lab.book.cannot_tell("delete-result", gone.unexpected()),
    }
    unrestorable(lab, id, &gone).await
}

/// What is not on the published list of restorable items: limits are not.
async fn unrestorable(lab: &mut Lab<'_>, id: i64, gone: &Heard) -> Result<(), ProbeError> {
    if !gone.is_done() {
        lab.book.cannot_tell("unrestorable", gone.unexpected());
        return Ok(());
    }
    let (bin, record) = lab.in_bin(lab.account, id).await?;
    let Some(record) = record else {
        lab.book.found("unrestorable", "gone", [&bin]);
        lab.book.cannot_tell("unrestorable-status", "what cannot come back is not in the bin");
        return Ok(());
    };
    let restored = lab.restore(lab.account, record).await?;
    if lab.book.choose("unrestorable", &restored, "restore", "listed") {
        lab.book.cannot_tell("unrestorable-status", "everything in the bin comes back");
    } else {
        lab.book.found("unrestorable-status", restored.status.to_string(), [&restored]);
    }
    Ok(())
}

/// More limits than an answer holds without being asked for more, if there is such a bound.
async fn crowd(lab: &mut Lab<'_>) -> Result<(), ProbeError> {
    if lab.book.answer("pagination").is_some() {
        return Ok(());
    }
    let limits: Value =
        (0..CROWD).map(|number| json!({"name": format!("crowd {number}")})).collect();
    let made = lab.post_all(lab.account, LIMITS, limits).await?;
    if made.items().len() < CROWD {
        lab.book.cannot_tell("pagination", made.unexpected());
        return Ok(());
    }
    let path = format!("{LIMITS}/cid={}?fields=id", lab.account);
    let all = lab.get(lab.account, &path).await?;
    match all.items().len() {
        number if number >= CROWD => lab.book.found("pagination", "with-limit", [&all]),
        100 => lab.book.found("pagination", "implicit-100", [&all]),
        number => lab.book.found("pagination", format!("implicit-{number}"), [&all]),
    }
    Ok(())
}

async fn merging(lab: &mut Lab<'_>) -> Result<(), ProbeError> {
    let kept = json!({"name": "merged", "metadata": {"outer": {"a": 1, "b": 2}}});
    let made = lab.post(lab.account, LIMITS, kept).await?;
    let Some(id) = made.id() else {
        lab.book.cannot_tell("patch-null", made.unexpected());
        return Ok(());
    };
    let path = format!("/{LIMITS}/{id}?fields=id,metadata");
    let patch = Call::new("PATCH", path.as_str()).within(lab.account);
    let patch = lab.send(patch.with(json!({"metadata": {"outer": {"a": null}}}))).await?;
    let read = lab.get(lab.account, &path[1..]).await?;
    let outer = read.member("metadata").and_then(|metadata| metadata.get("outer"));
    match (patch.is_done(), outer) {
        (true, Some(outer)) if *outer == json!({"b": 2}) => {
            lab.book.found("patch-null", "delete", [&patch, &read]);
        }
        (true, Some(outer)) if *outer == json!({"a": null, "b": 2}) => {
            lab.book.found("patch-null", "keep", [&patch, &read]);
        }
        (true, _) => lab.book.found("patch-null", "neither", [&patch, &read]),
        (false, _) => lab.book.cannot_tell("patch-null", patch.unexpected()),
    }
    Ok(())
}

async fn names(lab: &mut Lab<'_>) -> Result<(), ProbeError> {
    let first = lab.post(lab.account, LIMITS, json!({"name": "twin"})).await?;
    if !first.is_done() {
        lab.book.cannot_tell("duplicate-names", first.unexpected());
        return Ok(());
    }
    let second = lab.post(lab.account, LIMITS, json!({"name": "twin"})).await?;
    lab.book.choose("duplicate-names", &second, "accept", "refuse");
    Ok(())
}
