//! The recycle bin: what deletion keeps, and how it comes back.
//!
//! A deleted account takes everything inside along. Each record of the bin belongs to the account that owned the item,
//! so what was inside waits in the bins of accounts that are not there; it returns with the account, which is the one
//! record that the parent sees.
//!
//! Invariant: an item is in its table or in the bin, never in both.

use serde_json::{Map, Value};

use super::{
    answer::{Answer, Refusal},
    assumptions::{
        RESTORED_BRANCH, RESTORED_KEY, RESTORED_TTL, TOKEN_KEY_ON_READ, UNRESTORABLE,
        UNRESTORABLE_STATUS,
    },
    books::Books,
    call::Call,
    catalog::{Collection, Kind, Shown, Source},
    events,
    item::{Fields, Item},
    links, logs, quota,
    rows::DELETED,
    secret,
    select::Selection,
    selector::Selector,
    state::{Buried, Change, State},
    view::View,
};

/// Takes an item out of the world, first everything inside it, and keeps what can be restored.
pub(super) fn bury(books: &mut Books, call: &mut Call<'_>, row: &'static Collection, id: u64) {
    bury_along(books, call, row, id, None);
}

/// `cause` is the record of the account that takes the item along.
fn bury_along(
    books: &mut Books,
    call: &mut Call<'_>,
    row: &'static Collection,
    id: u64,
    cause: Option<u64>,
) {
    let Some(item) = books.state.item(row.kind, id).cloned() else { return };
    let is_kept = row.is_restorable || !books.assumptions.is(&UNRESTORABLE, "gone");
    // The outer record has the lower id, so that restoring in the order of ids never lacks an owner.
    let record = is_kept.then(|| books.state.next_id + 1);
    record.into_iter().for_each(|record| books.commit(Change::NextId(record)));
    for (kind, inner) in contents(&books.state, row, id) {
        bury_along(books, call, kind.row(), inner, cause.or(record));
    }
    links::cut(books, call, row.kind, &item);
    books.record(call, row, Some(&item), None);
    books.commit(Change::Remove { kind: row.kind, id });
    if let Some(id) = record {
        books.commit(Change::Bury(Buried { id, kind: row.kind, deleted: call.now, cause, item }));
    }
}

/// What lives inside an item: all that an account owns, or the items of nested collections.
fn contents(state: &State, row: &Collection, id: u64) -> Vec<(Kind, u64)> {
    let mut contents = Vec::new();
    for kind in Kind::ALL {
        let table = state.table(kind);
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
    books: &mut Books,
    call: &mut Call<'_>,
    path: &[&str],
) -> Result<Answer, Refusal> {
    let method = call.request.method.clone();
    match (method.as_str(), path) {
        ("GET", [selector]) => {
            let (records, selection) = find(books.view(), call, selector)?;
            let mut answer = books
                .view()
                .page(&DELETED, records.len(), &call.target, |index| records.get(index))?;
            books.view().report_missing(&mut answer, &selection);
            Ok(answer)
        }
        ("POST", [selector, "restore"]) => restore(books, call, selector),
        ("GET", [selector, "logs"]) => {
            let (records, _) = find(books.view(), call, selector)?;
            let origins: std::collections::BTreeSet<(u64, u64)> = records
                .iter()
                .map(|record| (record.fields.number("type"), record.fields.number("item_id")))
                .collect();
            logs::answer(books.view(), call, |record| {
                record.event == events::DELETED
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
fn find(view: View<'_>, call: &Call<'_>, text: &str) -> Result<(Vec<Item>, Selection), Refusal> {
    let selector = Selector::parse(&with_origins(text))?;
    view.check_fields(&DELETED, &selector)?;
    let own = view.state.bin.values().filter(|record| record.item.cid == call.top());
    let mut records: Vec<Item> = own.map(|record| listed(view, record)).collect();
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
fn listed(view: View<'_>, record: &Buried) -> Item {
    let row = record.kind.row();
    let mut fields = Fields::default();
    fields.set("type", row.type_number);
    fields.set("item_id", record.item.id);
    fields.set("origin", format!("{}/{}", row.path, record.item.id));
    fields.set("data", data(view, row, &record.item));
    fields.set("deleted", record.deleted);
    Item { id: record.id, cid: record.item.cid, fields }
}

/// The former item in full; what was worked out from the world around it went with that world.
fn data(view: View<'_>, row: &Collection, item: &Item) -> Value {
    let hides_keys = view.assumptions.is(&TOKEN_KEY_ON_READ, "never");
    let fields = row.fields.iter().filter(|field| {
        field.shown.is_readable()
            && !matches!(field.source, Source::Computed(_))
            && !(hides_keys && field.shown == Shown::OnCreation)
    });
    let values = fields
        .filter_map(|field| Some((field.name.to_owned(), view.value(item, field)?.into_owned())));
    Value::Object(values.collect::<Map<_, _>>())
}

fn restore(books: &mut Books, call: &mut Call<'_>, selector: &str) -> Result<Answer, Refusal> {
    let (records, selection) = find(books.view(), call, selector)?;
    let projection = books.view().projection(&DELETED, &call.target, Shown::Always)?;
    let mut answer = Answer::default();
    for record in records {
        match restore_record(books, call, record.id) {
            Ok(()) => answer.push_with(|out| books.view().write(out, &record, &projection)),
            Err(refusal) => answer.errors.push(refusal.with_id(record.id)),
        }
    }
    books.view().report_missing(&mut answer, &selection);
    Ok(answer)
}

fn restore_record(books: &mut Books, call: &mut Call<'_>, id: u64) -> Result<(), Refusal> {
    let Some(record) = books.state.bin.get(&id) else { return Err(Refusal::missing_item(id)) };
    let record = record.clone();
    if !record.kind.row().is_restorable && !books.assumptions.is(&UNRESTORABLE, "restore") {
        let status = books.assumptions.status(&UNRESTORABLE_STATUS);
        return Err(Refusal::bad("items of this type cannot be restored").with_status(status));
    }
    let inner: Vec<Buried> = match books.assumptions.is(&RESTORED_BRANCH, "whole") {
        true => {
            let comes_back = |kind: Kind| {
                kind.row().is_restorable || books.assumptions.is(&UNRESTORABLE, "restore")
            };
            let comes_along = |other: &&Buried| other.cause == Some(id) && comes_back(other.kind);
            books.state.bin.values().filter(comes_along).cloned().collect()
        }
        false => Vec::new(),
    };
    judge(books.view(), &record, &inner)?;
    put_back(books, call, record);
    inner.into_iter().for_each(|record| put_back(books, call, record));
    Ok(())
}

/// Whether there is room for the item and all that comes with it, and nobody has taken its place.
fn judge(view: View<'_>, record: &Buried, inner: &[Buried]) -> Result<(), Refusal> {
    let row = record.kind.row();
    for kind in Kind::ALL {
        let along = inner.iter().filter(|other| other.kind == kind).count() as u64;
        let count = along + u64::from(kind == record.kind);
        if count > 0 {
            quota::check(view, kind.row(), record.item.cid, count - 1)?;
        }
    }
    if let Some(parent) = row.parent {
        let home = record.item.fields.number(parent.field);
        if view.state.item(parent.kind, home).is_none() {
            return Err(Refusal::bad(format!("the item lived in {home}, which is gone")));
        }
    }
    match ident(&record.item) {
        Some(taken)
            if record.kind == Kind::Devices
                && view.state.table(Kind::Devices).iter().any(|device| {
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

fn put_back(books: &mut Books, call: &mut Call<'_>, record: Buried) {
    let Buried { id, kind, mut item, .. } = record;
    // Links between items are not restored; a limit that the account may still use is a property of the account.
    item.fields.remove("groups");
    item.fields.remove("subaccounts");
    if kind == Kind::Accounts {
        let limit = item.fields.number("limit_id");
        let is_usable = books
            .state
            .item(Kind::Limits, limit)
            .is_some_and(|limit| books.state.within(item.cid, limit.cid));
        if !is_usable {
            item.fields.remove("limit_id");
        }
    }
    if kind == Kind::Tokens {
        if books.assumptions.is(&RESTORED_KEY, "new") {
            item.fields.set("key", secret::key(call.entropy));
        }
        if books.assumptions.is(&RESTORED_TTL, "anew") {
            item.fields.set("accessed", call.now);
        }
    }
    books.commit(Change::Exhume(id));
    books.record_event(call, events::RESTORED, kind.row(), None, Some(&item));
    books.commit(Change::Put { kind, item });
}
