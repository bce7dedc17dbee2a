//! Telematics items, grants and logs.

use serde_json::{Value, json};

use crate::probe::caller::ProbeError;
use crate::probe::lab::{Lab, Tree, is_id};
use crate::probe::throwaway::NAME;

/// The number of limits among the types of items.
const LIMITS: u64 = 4;

pub(super) async fn ask(lab: &mut Lab<'_>, tree: Option<&Tree>) -> Result<(), ProbeError> {
    groups(lab).await?;
    devices(lab).await?;
    grants(lab).await?;
    match tree {
        Some(tree) => logs(lab, tree).await,
        None => Ok(()),
    }
}

async fn groups(lab: &mut Lab<'_>) -> Result<(), ProbeError> {
    let group = lab.post(lab.account, "gw/groups", json!({"name": NAME})).await?;
    let Some(id) = group.id() else {
        lab.book.cannot_tell("owner-of-item", group.unexpected());
        return Ok(());
    };
    let read = lab.get(lab.account, &format!("gw/groups/{id}?fields=id,cid")).await?;
    let value = if is_id(read.member("cid"), lab.account) { "given" } else { "absent" };
    match read.item().is_some() {
        true => lab.book.found("owner-of-item", value, [&read]),
        false => lab.book.cannot_tell("owner-of-item", read.unexpected()),
    }
    Ok(())
}

async fn devices(lab: &mut Lab<'_>) -> Result<(), ProbeError> {
    // A device needs the type of a real one; the first of the platform's list will do.
    let types = "gw/channel-protocols/all/device-types/all?fields=id,name&limit=1";
    let types = lab.get(lab.account, types).await?;
    let kind = types.id().unwrap_or(0);
    let ident = format!("flespi-gitops-probe-{}", lab.account);
    let device = json!({"name": NAME, "device_type_id": kind, "configuration": {"ident": ident}});
    let device = lab.post(lab.account, "gw/devices", device).await?;
    let Some(id) = device.id() else {
        lab.book.cannot_tell("groups-of-device", device.unexpected());
        return Ok(());
    };
    let read = lab.get(lab.account, &format!("gw/devices/{id}?fields=id,groups")).await?;
    match (read.item().is_some() && read.is_done(), read.member("groups")) {
        (true, Some(Value::Array(_))) => lab.book.found("groups-of-device", "listed", [&read]),
        (true, _) => lab.book.found("groups-of-device", "absent", [&read]),
        (false, _) => lab.book.cannot_tell("groups-of-device", read.unexpected()),
    }
    Ok(())
}

async fn grants(lab: &mut Lab<'_>) -> Result<(), ProbeError> {
    let grant = json!({"name": "probe", "metadata": {"probe": 1}});
    let grant = lab.post(lab.account, "platform/grants", grant).await?;
    let Some(id) = grant.id() else {
        let is_about_it = grant.is_refused() && grant.answer.to_string().contains("metadata");
        match is_about_it {
            true => lab.book.found("grant-metadata", "dropped", [&grant]),
            false => lab.book.cannot_tell("grant-metadata", grant.unexpected()),
        }
        return Ok(());
    };
    let read = lab.get(lab.account, &format!("platform/grants/{id}?fields=id,metadata")).await?;
    let is_kept = read.member("metadata").is_some_and(|metadata| *metadata == json!({"probe": 1}));
    match read.item().is_some() {
        true => {
            let value = if is_kept { "kept" } else { "dropped" };
            lab.book.found("grant-metadata", value, [&grant, &read]);
        }
        false => lab.book.cannot_tell("grant-metadata", read.unexpected()),
    }
    Ok(())
}

/// Whether the log of an account tells of a limit that was made in the account below.
async fn logs(lab: &mut Lab<'_>, tree: &Tree) -> Result<(), ProbeError> {
    let data = json!({"count": 1000, "reverse": true, "item_type": LIMITS}).to_string();
    let data = data.replace('{', "%7B").replace('}', "%7D").replace('"', "%22");
    let log = lab.get(lab.account, &format!("platform/customer/logs?data={data}")).await?;
    let is_below = |record: &Value| {
        let is_new = record.get("new").is_some_and(|new| is_id(new.get("id"), tree.inner_limit));
        is_new || is_id(record.get("origin_id"), tree.inner_limit)
    };
    let is_told = log.items().iter().any(is_below);
    let plain = json!({"count": 1000, "reverse": true}).to_string();
    let plain = plain.replace('{', "%7B").replace('}', "%7D").replace('"', "%22");
    let plain = lab.get(lab.account, &format!("platform/customer/logs?data={plain}")).await?;
    let is_event = |record: &Value| record.get("new").is_some() || record.get("old").is_some();
    match plain.is_done() && !plain.items().is_empty() {
        true => {
            let has_events = plain.items().iter().any(is_event);
            let value = if has_events { "all" } else { "item-type" };
            lab.book.found("customer-log-items", value, [&plain]);
        }
        false => lab.book.cannot_tell("customer-log-items", plain.unexpected()),
    }
    match log.is_done() && !log.items().is_empty() {
        true => {
            let value = if is_told { "branch" } else { "account" };
            lab.book.found("customer-logs", value, [&log]);
        }
        false => lab.book.cannot_tell("customer-logs", log.unexpected()),
    }
    Ok(())
}
