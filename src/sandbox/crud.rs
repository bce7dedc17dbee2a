//! Writing: create, update and delete, once for all collections.
//!
//! Each call works in two steps: judge every element against an unchanged world, then commit the good ones. Hence one
//! bad element never leaves half of itself behind, and the strict mode is the same code with a question in between.

use serde_json::{Map, Value, json};

use super::{
    answer::{Answer, Refusal},
    assumptions::{
        Assumptions, BATCH, DELETE_RESULT, DUPLICATE_NAMES, PATCH_NULL, READ_ONLY_FIELD,
        SCHEMA_HINT, SINGLE_OBJECT_POST, TOKEN_BATCH, UNDECLARED_FIELD, nearest,
    },
    bin,
    books::Books,
    call::Call,
    catalog::{Collection, Field, Kind, Shape, Shown, Source},
    item::{Draft, Fields, Item},
    quota, rules,
    select::{Reach, Selection},
    selector::Selector,
    state::{Change, State},
    view::View,
};

/// How a body is laid over the fields of an item.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Write {
    /// The given fields take the given values.
    Set,
    /// Objects are merged, key by key (RFC 7396).
    Merge,
}

/// POST: every element of the body becomes an item of the account that the call acts as.
pub(super) fn create(
    books: &mut Books,
    call: &mut Call<'_>,
    row: &'static Collection,
    reach: &Reach<'_>,
) -> Result<Answer, Refusal> {
    let elements = match call.request.json()? {
        Value::Array(elements) => elements,
        object @ Value::Object(_) if books.assumptions.is(&SINGLE_OBJECT_POST, "accept") => {
            vec![object]
        }
        _ => {
            return Err(hinted(
                &books.assumptions,
                row,
                Refusal::bad("the body must be an array of objects"),
            ));
        }
    };
    let several = row.kind == Kind::Tokens && elements.len() > 1;
    if several && books.assumptions.is(&TOKEN_BATCH, "refuse") {
        return Err(Refusal::bad("tokens are created one at a time"));
    }
    let first = several && books.assumptions.is(&TOKEN_BATCH, "first");
    let taken = if first { &elements[..1] } else { &elements };
    create_from(books, call, row, reach, taken)
}

/// The same for elements that are known already.
pub(super) fn create_from(
    books: &mut Books,
    call: &mut Call<'_>,
    row: &'static Collection,
    reach: &Reach<'_>,
    elements: &[Value],
) -> Result<Answer, Refusal> {
    let projection = books.view().projection(row, &call.target, Shown::OnCreation)?;
    let home = home(&books.state, row, reach)?;
    let mut answer = Answer::default();
    let mut items: Vec<Item> = Vec::with_capacity(elements.len());
    let mut next = books.state.next_id;
    for element in elements {
        // Gaps between ids keep clients from counting on a sequence.
        let id = next + 1 + (call.entropy)() % 5;
        let judged = quota::check(books.view(), row, home.owner, items.len() as u64)
            .and_then(|()| draft(books.view(), call, row, id, home, element))
            .and_then(|item| check_name(books.view(), row, &item, &items).map(|()| item));
        match judged {
            Ok(item) => {
                next = id;
                items.push(item);
            }
            Err(refusal) => answer.errors.push(hinted(&books.assumptions, row, refusal)),
        }
    }
    if !answer.errors.is_empty() && books.assumptions.is(&BATCH, "strict") {
        return Ok(answer);
    }
    if !items.is_empty() {
        books.commit(Change::NextId(next));
    }
    for item in items {
        let id = item.id;
        books.record(call, row, None, Some(&item));
        books.commit(Change::Put { kind: row.kind, item });
        rules::after_write(books, call, row, id);
        if let Some(item) = books.state.item(row.kind, id) {
            answer.push_with(|out| books.view().write(out, item, &projection));
        }
    }
    Ok(answer)
}

/// Where new items go.
#[derive(Clone, Copy)]
struct Home {
    /// The account that is to own them.
    owner: u64,
    /// The item that they are to live in, and the field that says so.
    parent: Option<(&'static str, u64)>,
}

/// Where new items of a row go: into one item, and not into a choice of them.
fn home(state: &State, row: &Collection, reach: &Reach<'_>) -> Result<Home, Refusal> {
    let Some(parent) = row.parent else { return Ok(Home { owner: reach.top, parent: None }) };
    let [id] = reach.parents.unwrap_or_default() else {
        return Err(Refusal::bad("new items need exactly one item to live in"));
    };
    let item = state.item(parent.kind, *id).ok_or_else(|| Refusal::missing_item(*id))?;
    Ok(Home { owner: item.cid, parent: Some((parent.field, *id)) })
}

fn draft(
    view: View<'_>,
    call: &mut Call<'_>,
    row: &'static Collection,
    id: u64,
    Home { owner: cid, parent }: Home,
    element: &Value,
) -> Result<Item, Refusal> {
    let Value::Object(given) = element else {
        return Err(Refusal::bad("each element of the body must be an object"));
    };
    let mut fields = Fields::default();
    lay_over(view.assumptions, row, &mut fields, given, Write::Set)?;
    if let Some((name, parent)) = parent {
        fields.set(name, parent);
    }
    let mut draft = Draft { id, cid, fields, now: call.now, entropy: &mut *call.entropy };
    rules::create(view, row, &mut draft)?;
    let Draft { id, cid, fields, .. } = draft;
    Ok(Item { id, cid, fields })
}

/// PUT and PATCH: one body, laid over every selected item.
pub(super) fn update(
    books: &mut Books,
    call: &mut Call<'_>,
    row: &'static Collection,
    reach: &Reach<'_>,
    selector: &str,
    write: Write,
) -> Result<Answer, Refusal> {
    let selection = books.view().select(row, reach, &Selector::parse(selector)?)?;
    update_items(books, call, row, &selection, write)
}

/// The same for items that are known by id.
pub(super) fn update_items(
    books: &mut Books,
    call: &mut Call<'_>,
    row: &'static Collection,
    selection: &Selection,
    write: Write,
) -> Result<Answer, Refusal> {
    let Value::Object(given) = call.request.json()? else {
        return Err(hinted(&books.assumptions, row, Refusal::bad("the body must be an object")));
    };
    if write == Write::Set {
        // Judged once against nothing, so that a bad body is one 400 however many items it was meant for, none included.
        // What is merged cannot be judged without what it is merged into.
        lay_over(&books.assumptions, row, &mut Fields::default(), &given, write)
            .map_err(|refusal| hinted(&books.assumptions, row, refusal))?;
    }
    let projection = books.view().projection(row, &call.target, Shown::Always)?;
    let mut answer = Answer::default();
    let mut items = Vec::with_capacity(selection.ids.len());
    for old in selection.ids.iter().filter_map(|id| books.state.item(row.kind, *id)) {
        match changed(books.view(), call, row, old, &given, write) {
            Ok(item) => items.push(item),
            Err(refusal) => {
                answer.errors.push(hinted(&books.assumptions, row, refusal.with_id(old.id)))
            }
        }
    }
    books.view().report_missing(&mut answer, selection);
    if !answer.errors.is_empty() && books.assumptions.is(&BATCH, "strict") {
        return Ok(answer);
    }
    for item in items {
        let id = item.id;
        let old = books.state.item(row.kind, id).filter(|old| **old != item).cloned();
        if let Some(old) = old {
            books.record(call, row, Some(&old), Some(&item));
            books.commit(Change::Put { kind: row.kind, item });
            rules::after_write(books, call, row, id);
        }
        if let Some(item) = books.state.item(row.kind, id) {
            answer.push_with(|out| books.view().write(out, item, &projection));
        }
    }
    Ok(answer)
}

fn changed(
    view: View<'_>,
    call: &mut Call<'_>,
    row: &'static Collection,
    old: &Item,
    given: &Map<String, Value>,
    write: Write,
) -> Result<Item, Refusal> {
    let mut fields = old.fields.clone();
    lay_over(view.assumptions, row, &mut fields, given, write)?;
    let mut draft =
        Draft { id: old.id, cid: old.cid, fields, now: call.now, entropy: &mut *call.entropy };
    rules::update(view, row, &mut draft)?;
    let item = Item { id: old.id, cid: old.cid, fields: draft.fields };
    if given.contains_key(row.label) {
        check_name(view, row, &item, &[])?;
    }
    Ok(item)
}

/// DELETE: every selected item goes to the recycle bin, a subaccount with everything inside.
pub(super) fn delete(
    books: &mut Books,
    call: &mut Call<'_>,
    row: &'static Collection,
    reach: &Reach<'_>,
    selector: &str,
) -> Result<Answer, Refusal> {
    let selection = books.view().select(row, reach, &Selector::parse(selector)?)?;
    delete_items(books, call, row, &selection)
}

/// The same for items that are known by id.
pub(super) fn delete_items(
    books: &mut Books,
    call: &mut Call<'_>,
    row: &'static Collection,
    selection: &Selection,
) -> Result<Answer, Refusal> {
    let mut answer = Answer::default();
    let mut deletable = Vec::with_capacity(selection.ids.len());
    for id in selection.ids.iter().copied() {
        match rules::delete(books.view(), row, id) {
            Ok(()) => deletable.push(id),
            Err(refusal) => answer.errors.push(refusal.with_id(id)),
        }
    }
    books.view().report_missing(&mut answer, selection);
    if !answer.errors.is_empty() && books.assumptions.is(&BATCH, "strict") {
        return Ok(answer);
    }
    for id in deletable {
        bin::bury(books, call, row, id);
        if books.assumptions.is(&DELETE_RESULT, "ids") {
            answer.push(&json!({"id": id}));
        }
    }
    Ok(answer)
}

/// Checks `given` against the row and lays it over `fields`.
fn lay_over(
    assumptions: &Assumptions,
    row: &'static Collection,
    fields: &mut Fields,
    given: &Map<String, Value>,
    write: Write,
) -> Result<(), Refusal> {
    for (name, value) in given {
        let Some(field) = row.field(name).filter(|field| field.shown != Shown::Never) else {
            if assumptions.is(&UNDECLARED_FIELD, "ignore") {
                continue;
            }
            let known = row
                .fields
                .iter()
                .filter(|field| field.shown != Shown::Never)
                .map(|field| field.name);
            let hint = nearest(name, known)
                .map(|name| format!(", did you mean \"{name}\"?"))
                .unwrap_or_default();
            return Err(Refusal::bad(format!("unknown field \"{name}\"{hint}")).with_field(name));
        };
        if !matches!(field.source, Source::Client) {
            if assumptions.is(&READ_ONLY_FIELD, "ignore") {
                continue;
            }
            return Err(Refusal::bad(format!("field \"{name}\" is read-only")).with_field(name));
        }
        if write == Write::Merge && value.is_null() {
            fields.remove(field.name);
            continue;
        }
        let value = match write {
            Write::Set => value.clone(),
            Write::Merge => {
                let mut merged = fields.get(field.name).cloned().unwrap_or(Value::Null);
                merge(&mut merged, value, assumptions.is(&PATCH_NULL, "delete"));
                merged
            }
        };
        check_shape(assumptions, field, &value)?;
        // A default is not stored: it reads back the same, and most fields of most items are defaults.
        match field.initial.value() {
            Some(initial) if initial == value => fields.remove(field.name),
            _ => fields.set(field.name, value),
        }
    }
    Ok(())
}

fn check_shape(assumptions: &Assumptions, field: &Field, value: &Value) -> Result<(), Refusal> {
    let wrong = |reason: String| Err(Refusal::bad(reason).with_field(field.name));
    let fits = match field.shape {
        Shape::Boolean => value.is_boolean(),
        Shape::Text => value.is_string(),
        Shape::Object => value.is_object(),
        Shape::List => value.is_array(),
        Shape::Integer { least, most } => match value.as_i64() {
            Some(number) if (least..=most).contains(&number) => true,
            Some(_) => {
                return wrong(format!("field \"{}\" must not be less than {least}", field.name));
            }
            None => false,
        },
        Shape::Special(_, check) => {
            return check(assumptions, value)
                .or_else(|problem| wrong(format!("field \"{}\": {problem}", field.name)));
        }
    };
    match fits {
        true => Ok(()),
        false => {
            wrong(format!("field \"{}\" must be of type {}", field.name, field.shape.type_name()))
        }
    }
}

/// RFC 7396; with `delete` false, null is a value like any other.
fn merge(target: &mut Value, patch: &Value, delete: bool) {
    match (target, patch) {
        (Value::Object(target), Value::Object(patch)) => {
            for (key, value) in patch {
                if value.is_null() && delete {
                    target.remove(key);
                } else {
                    merge(target.entry(key.clone()).or_insert(Value::Null), value, delete);
                }
            }
        }
        (target, Value::Object(patch)) => {
            *target = Value::Object(Map::new());
            merge(target, &Value::Object(patch.clone()), delete);
        }
        (target, other) => *target = other.clone(),
    }
}

/// `batch` holds the items that the same call creates before this one.
fn check_name(
    view: View<'_>,
    row: &Collection,
    item: &Item,
    batch: &[Item],
) -> Result<(), Refusal> {
    let name = item.fields.text(row.label).unwrap_or("");
    if name.is_empty() || view.assumptions.is(&DUPLICATE_NAMES, "accept") {
        return Ok(());
    }
    let table = view.state.table(row.kind);
    let siblings = table.owned(item.cid).filter(|id| *id != item.id).filter_map(|id| table.get(id));
    match siblings.chain(batch).any(|sibling| sibling.fields.text(row.label) == Some(name)) {
        true => Err(Refusal::bad(format!("field \"{}\" must be unique in the account", row.label))
            .with_field(row.label)),
        false => Ok(()),
    }
}

/// Adds the list of valid fields to a 400, where the sandbox is told to.
fn hinted(assumptions: &Assumptions, row: &Collection, refusal: Refusal) -> Refusal {
    match refusal.status == 400 && assumptions.is(&SCHEMA_HINT, "in-error") {
        true => refusal.with_hint(row.schema_hint()),
        false => refusal,
    }
}
