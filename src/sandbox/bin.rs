//! The recycle bin: what deletion keeps, and how it comes back.
//!
//! A deleted account takes everything inside along. Each record of the bin belongs to the account that owned the item,
//! so what was inside waits in the bins of accounts that are not there; it returns with the account, which is the one
//! record that the parent sees.
//!
//! Invariant: an item is in its table or in the bin, never in both.

use serde_json::{Map, Value, json};

use super::{
    answer::{Answer, Refusal},
    assumptions::{RESTORED_BRANCH, RESTORED_KEY, RESTORED_TTL, TOKEN_KEY_ON_READ, UNRESTORABLE},
    catalog::{Collection, Kind, Shown, Source},
    item::{Fields, Item},
    links, logs, quota,
    rows::DELETED,
    secret,
    select::{Reach, Selection},
    selector::Selector,
    state::{Buried, Change},
    world::{Call, World},
};

/// Takes an item out of the world, first everything inside it, and keeps what can be restored.
pub(super) fn bury(world: &mut World, call: &mut Call<'_>, row: &'static Collection, id: u64) {
    bury_along(world, call, row, id, None);
}

/// `cause` is the record of the account that takes the item along.
fn bury_along(
    world: &mut World,
    call: &mut Call<'_>,
    row: &'static Collection,
    id: u64,
    cause: Option<u64>,
) {
    let Some(item) = world.state.item(row.kind, id).cloned() else { return };
    let is_kept = row.is_restorable || world.assumptions.is(&UNRESTORABLE, "restore");
    // The outer record has the lower id, so that restoring in the order of ids never lacks an owner.
    let record = is_kept.then(|| world.state.next_id + 1);
    record.into_iter().for_each(|record| world.commit(Change::NextId(record)));
    for (kind, inner) in contents(world, row, id) {
        bury_along(world, call, kind.row(), inner, cause.or(record));
    }
    links::cut(world, call, row.kind, &item);
    world.record(call, row, Some(&item), None);
    world.commit(Change::Remove { kind: row.kind, id });
    if let Some(id) = record {
        world.commit(Change::Bury(Buried { id, kind: row.kind, deleted: call.now, cause, item }));
    }
}

/// What lives inside an item: all that an account owns, or the items of nested collections.
fn contents(world: &World, row: &Collection, id: u64) -> Vec<(Kind, u64)> {
    let mut contents = Vec::new();
    for kind in Kind::ALL {
        let table = world.state.table(kind);
        match kind.row().parent {
            _ if row.kind == Kind::Accounts => {
                contents.extend(table.owned(id).map(|inner| (kind, inner)));
            }
            Some(parent) if parent.kind == row.kind => {
                let inside = table.iter().filter(|item| item.fields.number(parent.field) == id);
                contents.extend(inside.map(|item| (kind, item.id)));
            }
            _ => {}
        }
    }
    contents
}

/// Answers everything below `/platform/deleted`.
pub(super) fn serve(
    world: &mut World,
    call: &mut Call<'_>,
    path: &[&str],
) -> Result<Answer, Refusal> {
    let method = call.request.method.clone();
    match (method.as_str(), path) {
        ("GET", [selector]) => {
            let (records, selection) = find(world, call, selector)?;
            let mut answer = world
                .view()
                .page(&DELETED, records.len(), &call.target, |index| records.get(index))?;
            world.view().report_missing(&mut answer, &selection);
            Ok(answer)
        }
        ("POST", [selector, "restore"]) => restore(world, call, selector),
        ("GET", [selector, "logs"]) => {
            let (records, _) = find(world, call, selector)?;
            let origins: std::collections::BTreeSet<(u64, u64)> = records
                .iter()
                .map(|record| (record.fields.number("type"), record.fields.number("item_id")))
                .collect();
            logs::answer(world, call, |record| {
                record.event == logs::DELETED
                    && origins.contains(&(record.origin_type.into(), record.origin_id))
            })
        }
        ("GET" | "POST", [_, "logs", "calculate"]) => Ok(Answer::default()),
        (_, [_] | [_, "logs"]) => Err(Refusal::method("GET")),
        (_, [_, "restore"]) => Err(Refusal::method("POST")),
        (_, other) => Err(Refusal::missing_path(&format!("platform/deleted/{}", other.join("/")))),
    }
}

/// The records of the account's own bin that a selector means. Bins are not aggregated upward.
fn find(world: &World, call: &Call<'_>, text: &str) -> Result<(Vec<Item>, Selection), Refusal> {
    let selector = Selector::parse(&with_origins(text))?;
    let view = world.view();
    view.check_fields(&DELETED, &selector)?;
    let own = world.state.bin.values().filter(|record| record.item.cid == call.top());
    let mut records: Vec<Item> = own.map(|record| listed(world, record)).collect();
    let mut selection = Selection::default();
    if selector.is_strict() {
        let is_missing = |id: &u64| records.iter().all(|record| record.id != *id);
        selection.missing = selector.ids.iter().copied().filter(is_missing).collect();
    }
    records.retain(|record| {
        (selector.ids.is_empty() || selector.ids.contains(&record.id))
            && view.meets(&DELETED, record, &selector)
    });
    Ok((records, selection))
}

/// A selector may be the path of a former item by itself, `gw/channels/123`.
fn with_origins(text: &str) -> String {
    let is_path = |term: &str| {
        term.contains('/')
            && term.chars().all(|character| {
                character.is_ascii_alphanumeric() || matches!(character, '/' | '-' | '*' | '?')
            })
    };
    let terms: Vec<&str> = text.split(',').map(str::trim).collect();
    if !terms.iter().all(|term| is_path(term)) {
        return text.to_owned();
    }
    let conditions: Vec<String> = terms.iter().map(|term| format!("origin~\"{term}\"")).collect();
    format!("{{{}}}", conditions.join("||"))
}

/// A record as the bin shows it.
fn listed(world: &World, record: &Buried) -> Item {
    let row = record.kind.row();
    let mut fields = Fields::default();
    fields.set("type", row.type_number);
    fields.set("item_id", record.item.id);
    fields.set("origin", format!("{}/{}", row.path, record.item.id));
    fields.set("data", data(world, row, &record.item));
    fields.set("deleted", record.deleted);
    Item { id: record.id, cid: record.item.cid, fields }
}

/// The former item in full; what was worked out from the world around it went with that world.
fn data(world: &World, row: &Collection, item: &Item) -> Value {
    let hides_keys = world.assumptions.is(&TOKEN_KEY_ON_READ, "never");
    let fields = row.fields.iter().filter(|field| {
        field.shown.is_readable()
            && !matches!(field.source, Source::Computed(_))
            && !(hides_keys && field.shown == Shown::OnCreation)
    });
    let values = fields.filter_map(|field| {
        Some((field.name.to_owned(), world.view().value(item, field)?.into_owned()))
    });
    Value::Object(values.collect::<Map<_, _>>())
}

fn restore(world: &mut World, call: &mut Call<'_>, selector: &str) -> Result<Answer, Refusal> {
    let (records, selection) = find(world, call, selector)?;
    let projection = world.view().projection(&DELETED, &call.target, Shown::Always)?;
    let mut answer = Answer::default();
    for record in records {
        match restore_record(world, call, record.id) {
            Ok(()) => answer.push_with(|out| world.view().write(out, &record, &projection)),
            Err(refusal) => answer.errors.push(refusal.with_id(record.id)),
        }
    }
    world.view().report_missing(&mut answer, &selection);
    Ok(answer)
}

fn restore_record(world: &mut World, call: &mut Call<'_>, id: u64) -> Result<(), Refusal> {
    let Some(record) = world.state.bin.get(&id) else { return Err(Refusal::missing_item(id)) };
    let record = record.clone();
    let inner: Vec<Buried> = match world.assumptions.is(&RESTORED_BRANCH, "whole") {
        true => {
            let taken_along = |other: &&Buried| other.cause == Some(id);
            world.state.bin.values().filter(taken_along).cloned().collect()
        }
        false => Vec::new(),
    };
    judge(world, &record, &inner)?;
    put_back(world, call, record);
    inner.into_iter().for_each(|record| put_back(world, call, record));
    Ok(())
}

/// Whether there is room for the item and all that comes with it, and nobody has taken its place.
fn judge(world: &World, record: &Buried, inner: &[Buried]) -> Result<(), Refusal> {
    let row = record.kind.row();
    for kind in Kind::ALL {
        let along = inner.iter().filter(|other| other.kind == kind).count() as u64;
        let count = along + u64::from(kind == record.kind);
        if count > 0 {
            quota::check(world, kind.row(), record.item.cid, count - 1)?;
        }
    }
    if let Some(parent) = row.parent {
        let home = record.item.fields.number(parent.field);
        if world.state.item(parent.kind, home).is_none() {
            return Err(Refusal::bad(format!("the item lived in {home}, which is gone")));
        }
    }
    match ident(&record.item) {
        Some(taken)
            if record.kind == Kind::Devices
                && world.state.table(Kind::Devices).iter().any(|device| {
                    ident(device) == Some(taken)
                        && device.fields.number("device_type_id")
                            == record.item.fields.number("device_type_id")
                }) =>
        {
            Err(Refusal::bad("the ident of the device is taken"))
        }
        _ => Ok(()),
    }
}

/// What a device is known by to its protocol.
fn ident(device: &Item) -> Option<&str> {
    device.fields.get("configuration")?.get("ident")?.as_str().filter(|ident| !ident.is_empty())
}

fn put_back(world: &mut World, call: &mut Call<'_>, record: Buried) {
    let Buried { id, kind, mut item, .. } = record;
    // Links between items are not restored; a limit that the account may still use is a property of the account.
    item.fields.remove("groups");
    item.fields.remove("subaccounts");
    if kind == Kind::Accounts {
        let limit = item.fields.number("limit_id");
        let is_usable = world
            .state
            .item(Kind::Limits, limit)
            .is_some_and(|limit| world.state.within(item.cid, limit.cid));
        if !is_usable {
            item.fields.remove("limit_id");
        }
    }
    if kind == Kind::Tokens {
        if world.assumptions.is(&RESTORED_KEY, "new") {
            item.fields.set("key", secret::key(call.entropy));
        }
        if world.assumptions.is(&RESTORED_TTL, "anew") {
            item.fields.set("accessed", call.now);
        }
    }
    world.commit(Change::Exhume(id));
    world.record_event(call, logs::RESTORED, kind.row(), None, Some(&item));
    world.commit(Change::Put { kind, item });
}

/// The rows of an answer that only says which ids something was done to.
pub(super) fn ids(ids: impl IntoIterator<Item = u64>) -> Answer {
    let mut answer = Answer::default();
    ids.into_iter().for_each(|id| answer.push(&json!({"id": id})));
    answer
}

/// The whole branch of the account that a call acts as.
pub(super) fn branch(call: &Call<'_>) -> Reach<'static> {
    Reach::branch(call.top())
}
