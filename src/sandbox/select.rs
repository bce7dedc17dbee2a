//! Reading: which items a selector means in whose branch, and which of their fields an answer shows.

use serde_json::Value;

use super::{
    acl::Decision,
    answer::{Answer, Pagination, Refusal},
    assumptions::{
        DEFAULT_FIELDS, DOTTED_FIELD, GROUPS_OF_DEVICE, MISSING_ID, OWNER_OF_ITEM, PAGE_SIZE,
        PAGINATION, TOKEN_KEY_ON_READ, UNKNOWN_FIELD_ASKED, UNKNOWN_FIELD_SELECTED, nearest,
    },
    call::Call,
    catalog::{Collection, Field, Kind, Shown},
    item::Item,
    request::Target,
    selector::{self, Selector},
    view::View,
};

/// Items of a list whose length nobody asked for, where lists are bounded all the same.
const IMPLICIT_PAGE: u64 = 100;

/// How far a call reaches.
#[derive(Clone, Copy)]
pub(super) struct Reach<'a> {
    /// The account whose branch is in sight.
    pub(super) top: u64,
    /// The items that those of a nested collection have to live in.
    pub(super) parents: Option<&'a [u64]>,
    /// What the token may touch; `None` for everything.
    pub(super) grant: Option<&'a Decision>,
}

impl Reach<'_> {
    /// The whole branch of the account that a call acts as.
    pub(super) fn of(call: &Call<'_>) -> Self {
        Self { top: call.top(), parents: None, grant: None }
    }

    /// Whether the token may touch an item that is in sight.
    fn grants(&self, item: &Item) -> bool {
        self.grant.is_none_or(|grant| {
            let groups = item.fields.get("groups").and_then(Value::as_array);
            grant.covers(item.id, groups.is_some_and(|groups| !groups.is_empty()))
        })
    }
}

/// What a selector came to.
#[derive(Debug, Default)]
pub(super) struct Selection {
    /// The items found, ascending and each once.
    pub(super) ids: Vec<u64>,
    /// The ids that were asked for by name and are not there, or not in the branch.
    pub(super) missing: Vec<u64>,
    /// The ids that were asked for by name and that the token may not touch.
    pub(super) denied: Vec<u64>,
}

/// The columns of an answer.
pub(super) struct Projection(Vec<Column>);

struct Column {
    label: String,
    field: &'static Field,
    /// The part of a dotted name after the field.
    rest: Option<String>,
}

impl<'a> View<'a> {
    /// The value behind a dotted name, as conditions see it.
    fn named(self, row: &Collection, item: &Item, name: &str) -> Value {
        let Some(field) = row.field(selector::head(name)).filter(|field| field.shown.is_readable())
        else {
            return Value::Null;
        };
        let value = self.value(item, field);
        match name.split_once('.') {
            None => selector::or_null(value),
            Some((_, rest)) => value
                .and_then(|value| selector::nested(&value, rest).cloned())
                .unwrap_or(Value::Null),
        }
    }

    /// The items of `row` that `selector` means, among those that the call reaches.
    pub(super) fn select(
        self,
        row: &Collection,
        reach: &Reach<'_>,
        selector: &Selector,
    ) -> Result<Selection, Refusal> {
        self.check_fields(row, selector)?;
        let table = self.state.table(row.kind);
        let everything = self.state.is_everything(reach.top);
        let in_parent = |item: &Item| match (row.parent, reach.parents) {
            (Some(parent), Some(parents)) => parents.contains(&item.fields.number(parent.field)),
            _ => true,
        };
        let in_sight = |item: &Item| {
            item.cid != 0
                && (everything || self.state.within(item.cid, reach.top))
                && in_parent(item)
                && self.meets(row, item, selector)
        };
        let accepted = |item: &&Item| in_sight(item) && reach.grants(item);
        let mut selection = Selection::default();
        if !selector.ids.is_empty() {
            for id in &selector.ids {
                match table.get(*id).filter(|item| in_sight(item)) {
                    Some(item) if reach.grants(item) => selection.ids.push(item.id),
                    Some(_) if selector.is_strict() => selection.denied.push(*id),
                    None if selector.is_strict() => selection.missing.push(*id),
                    _ => {}
                }
            }
            selection.ids.sort_unstable();
            selection.ids.dedup();
        } else if let (Some(key), Kind::Tokens) = (selector.key(), row.kind) {
            selection.ids.extend(self.state.token_by_key(key).filter(accepted).map(|item| item.id));
        } else if let Some(owner) = selector.owner() {
            selection.ids.extend(
                table
                    .owned(owner)
                    .filter_map(|id| table.get(id))
                    .filter(accepted)
                    .map(|item| item.id),
            );
        } else {
            selection.ids.reserve(if everything { table.len() } else { 0 });
            selection.ids.extend(table.iter().filter(accepted).map(|item| item.id));
        }
        Ok(selection)
    }

    /// Whether an item satisfies the conditions of a selector.
    pub(super) fn meets(self, row: &Collection, item: &Item, selector: &Selector) -> bool {
        selector.conditions.is_empty() || selector.accepts(&|name| self.named(row, item, name))
    }

    pub(super) fn check_fields(self, row: &Collection, selector: &Selector) -> Result<(), Refusal> {
        let mut refusal = None;
        if self.assumptions.is(&UNKNOWN_FIELD_SELECTED, "refuse") {
            selector.visit_fields(&mut |name| {
                let head = selector::head(name);
                if row.field(head).is_none_or(|field| !field.shown.is_readable()) {
                    let hint = nearest(head, row.fields.iter().map(|field| field.name));
                    let hint =
                        hint.map(|name| format!(", did you mean \"{name}\"?")).unwrap_or_default();
                    refusal = Some(
                        Refusal::bad(format!("selector uses the unknown field \"{head}\"{hint}"))
                            .with_field(head),
                    );
                }
            });
        }
        refusal.map_or(Ok(()), Err)
    }

    /// Answers a GET: the selected items, one page of them if a page was asked for.
    pub(super) fn read(
        self,
        row: &Collection,
        reach: &Reach<'_>,
        text: &str,
        target: &Target,
    ) -> Result<Answer, Refusal> {
        let selection = self.select(row, reach, &Selector::parse(text)?)?;
        let table = self.state.table(row.kind);
        let mut answer = self.page(row, selection.ids.len(), target, |index| {
            selection.ids.get(index).and_then(|id| table.get(*id))
        })?;
        self.report_missing(&mut answer, &selection);
        Ok(answer)
    }

    /// One page of a list of `count` items, the whole list when no page was asked for.
    pub(super) fn page<'i>(
        self,
        row: &Collection,
        count: usize,
        target: &Target,
        item: impl Fn(usize) -> Option<&'i Item>,
    ) -> Result<Answer, Refusal> {
        let projection = self.projection(row, target, Shown::Always)?;
        let mut answer = Answer::default();
        let mode = self.assumptions.value(&PAGINATION);
        let has_pages = mode != "ignore";
        let asked = target.number("limit")?.filter(|limit| has_pages && *limit > 0);
        let most = self.assumptions.number(&PAGE_SIZE).unwrap_or(u64::MAX);
        let otherwise = if mode == "implicit-100" { IMPLICIT_PAGE } else { u64::MAX };
        let limit = asked.map_or(otherwise, |limit| limit.min(most));
        let offset = target.number("offset")?.filter(|_| has_pages).unwrap_or(0);
        for item in (0..count).skip(index(offset)).take(index(limit)).filter_map(item) {
            answer.push_with(|out| self.write(out, item, &projection));
        }
        let count = count as u64;
        answer.pagination = match mode {
            "never" | "ignore" => None,
            "always" => Some(Pagination { limit: limit.min(most), offset, count }),
            _ => asked.map(|_| Pagination { limit, offset, count }),
        };
        Ok(answer)
    }

    /// Adds a refusal per id that is not there, or not for this token.
    pub(super) fn report_missing(self, answer: &mut Answer, selection: &Selection) {
        let status = self.assumptions.status(&MISSING_ID);
        let missing = selection.missing.iter();
        answer.errors.extend(missing.map(|id| Refusal::missing_item(*id).with_status(status)));
        let denied = selection.denied.iter();
        answer.errors.extend(denied.map(|id| {
            Refusal::forbidden("the access of the token does not cover this item").with_id(*id)
        }));
    }

    /// The columns that a request asks for, or the default ones. `moment` is `OnCreation` for the answer to a POST.
    pub(super) fn projection(
        self,
        row: &Collection,
        target: &Target,
        moment: Shown,
    ) -> Result<Projection, Refusal> {
        let is_telematics = row.path.starts_with("gw/") || row.path.starts_with("storage/");
        let is_given = self.assumptions.is(&OWNER_OF_ITEM, "given");
        let is_listed = self.assumptions.is(&GROUPS_OF_DEVICE, "listed");
        let readable = |field: &Field| match field.shown {
            _ if row.kind == Kind::Devices && field.name == "groups" && !is_listed => false,
            _ if is_telematics && field.name == "cid" && !is_given => false,
            Shown::Written | Shown::Never => false,
            Shown::OnCreation => {
                moment == Shown::OnCreation || !self.assumptions.is(&TOKEN_KEY_ON_READ, "never")
            }
            Shown::Always | Shown::Asked => true,
        };
        let column =
            |field: &'static Field| Column { label: field.name.to_owned(), field, rest: None };
        let asked = target.parameter("fields").unwrap_or("");
        if asked.trim().is_empty() {
            let everything = self.assumptions.is(&DEFAULT_FIELDS, "all");
            let default = |field: &&Field| match field.shown {
                Shown::Always => true,
                Shown::OnCreation => {
                    moment == Shown::OnCreation || self.assumptions.is(&TOKEN_KEY_ON_READ, "always")
                }
                Shown::Asked => everything,
                Shown::Written | Shown::Never => false,
            };
            return Ok(Projection(row.fields.iter().filter(default).map(column).collect()));
        }
        let mut columns: Vec<Column> = Vec::new();
        for name in asked.split(',').map(str::trim).filter(|name| !name.is_empty()) {
            match row.field(selector::head(name)).filter(|field| readable(field)) {
                Some(field) if columns.iter().all(|column| column.label != name) => {
                    let rest = name.split_once('.').map(|(_, rest)| rest.to_owned());
                    columns.push(Column { label: name.to_owned(), field, rest });
                }
                Some(_) => {}
                None if self.assumptions.is(&UNKNOWN_FIELD_ASKED, "refuse") => {
                    return Err(Refusal::bad(format!("unknown field \"{name}\" in fields"))
                        .with_field(name));
                }
                None => {}
            }
        }
        Ok(Projection(columns))
    }

    /// Writes one item as a JSON object.
    pub(super) fn write(self, out: &mut Vec<u8>, item: &Item, projection: &Projection) {
        out.push(b'{');
        let mut separator: &[u8] = b"";
        for Column { label, field, rest } in &projection.0 {
            let Some(value) = self.value(item, field) else { continue };
            let value = match rest {
                None => Some(&*value),
                Some(rest) => selector::nested(&value, rest),
            };
            let Some(value) = value else { continue };
            let (label, value) = match (rest, self.assumptions.value(&DOTTED_FIELD)) {
                (Some(_), "absent") => continue,
                (Some(rest), "nested") => (field.name, &serde_json::json!({rest.as_str(): value})),
                _ => (label.as_str(), value),
            };
            out.extend_from_slice(separator);
            separator = b",";
            // Writing JSON values into memory cannot fail.
            let _ = serde_json::to_writer(&mut *out, label);
            out.push(b':');
            let _ = serde_json::to_writer(&mut *out, value);
        }
        out.push(b'}');
    }
}

fn index(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}
