//! Logs: what happened to items and who called, as the platform tells it.
//!
//! Two sources are shown as one. Creations, updates and deletions are records of their own, with the item before and
//! after; they are part of the state. Calls come from the journal, so emptying the journal empties them too.

use serde_json::{Map, Value, json};

use super::{
    answer::{Answer, Refusal},
    assumptions::{CUSTOMER_LOG_ITEMS, CUSTOMER_LOGS},
    call::Call,
    catalog::{Collection, Kind},
    events::{EVENTS, LAPSED},
    expression::Expression,
    journal::Entry,
    select::Reach,
    selector::{self, Selector},
    state::LogRecord,
    view::View,
};

/// Records in an answer when a query names no `count`, and the most that it can name.
const COUNT: u64 = 1000;

/// What `?data=` asks for.
struct Query {
    count: usize,
    is_reverse: bool,
    from: f64,
    to: f64,
    filter: Option<Expression>,
    fields: Option<Vec<String>>,
    /// The type of items whose events are asked for.
    item_type: Option<u16>,
}

impl Query {
    fn read(call: &Call<'_>) -> Result<Self, Refusal> {
        let data: Value = match call.target.parameter("data").map(str::trim) {
            None | Some("") => Value::Object(Map::new()),
            Some(text) => serde_json::from_str(text).map_err(|_| {
                Refusal::bad("query parameter \"data\" must be a JSON object").with_field("data")
            })?,
        };
        let wrong = |name: &str, form: &str| {
            Refusal::bad(format!("\"{name}\" of \"data\" must be {form}")).with_field(name)
        };
        let data = data.as_object().ok_or_else(|| wrong("data", "an object"))?;
        let number = |name: &str, otherwise: f64| match data.get(name) {
            None | Some(Value::Null) => Ok(otherwise),
            Some(value) => value.as_f64().ok_or_else(|| wrong(name, "a number")),
        };
        let text = |name: &str| match data.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) if text.trim().is_empty() => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.as_str())),
            Some(_) => Err(wrong(name, "a string")),
        };
        let filter = text("filter")?.map(|filter| {
            Expression::parse(filter, 0).map_err(|misread| {
                let place = misread.span.start;
                Refusal::bad(format!("bad filter at {place}: {}", misread.message))
                    .with_field("filter")
            })
        });
        let count = number("count", COUNT as f64)?.clamp(0.0, COUNT as f64) as usize;
        let fields = text("fields")?
            .map(|names| names.split(',').map(|name| name.trim().to_owned()).collect());
        Ok(Self {
            count,
            is_reverse: data.get("reverse") == Some(&Value::Bool(true)),
            from: number("from", f64::MIN)?,
            to: number("to", f64::MAX)?,
            filter: filter.transpose()?,
            fields,
            item_type: match data.get("item_type") {
                None | Some(Value::Null) => None,
                Some(value) => {
                    let number = value.as_u64().and_then(|number| u16::try_from(number).ok());
                    let number =
                        number.ok_or_else(|| wrong("item_type", "the number of a type"))?;
                    Some(number).filter(|number| *number != 0)
                }
            },
        })
    }

    /// Whether a record is asked for at all.
    fn wants(&self, record: &Map<String, Value>) -> bool {
        let time = record.get("timestamp").and_then(Value::as_f64).unwrap_or_default();
        let field = |name: &str| match record.get(name) {
            Some(value) => value.clone(),
            None => {
                let value = record.get(selector::head(name));
                let rest = name.split_once('.').map(|(_, rest)| rest);
                value
                    .zip(rest)
                    .and_then(|(value, rest)| selector::nested(value, rest).cloned())
                    .unwrap_or(Value::Null)
            }
        };
        (self.from..=self.to).contains(&time)
            && self.filter.as_ref().is_none_or(|filter| filter.accepts(&field))
    }

    fn answer(self, mut records: Vec<Map<String, Value>>) -> Answer {
        records.retain(|record| self.wants(record));
        // Both sources are in order already; one second may hold records of both.
        records.sort_by_key(|record| record.get("timestamp").and_then(Value::as_u64));
        if self.is_reverse {
            records.reverse();
        }
        records.truncate(self.count);
        let mut answer = Answer::default();
        for mut record in records {
            if let Some(fields) = &self.fields {
                record.retain(|name, _| fields.contains(name));
            }
            answer.push(&record);
        }
        answer
    }
}

/// Answers with the records about items, not with calls.
pub(super) fn answer(
    view: View<'_>,
    call: &Call<'_>,
    is_meant: impl Fn(&LogRecord) -> bool,
) -> Result<Answer, Refusal> {
    let query = Query::read(call)?;
    let records = view.state.log.iter().filter(|record| is_meant(record));
    Ok(query.answer(records.map(shown).collect()))
}

/// `/{collection}/{sel}/logs`: what happened to the selected items, and for tokens what was called with them.
pub(super) fn of_items(
    view: View<'_>,
    call: &Call<'_>,
    row: &Collection,
    reach: &Reach<'_>,
    text: &str,
) -> Result<Answer, Refusal> {
    let query = Query::read(call)?;
    let selection = view.select(row, reach, &Selector::parse(text)?)?;
    if let ([], [missing, ..]) = (selection.ids.as_slice(), selection.missing.as_slice()) {
        return Err(Refusal::missing_item(*missing));
    }
    if let ([], [denied, ..]) = (selection.ids.as_slice(), selection.denied.as_slice()) {
        return Err(
            Refusal::forbidden("the access of the token does not cover this item").with_id(*denied)
        );
    }
    // Ids ascend, so a look-up needs no set.
    let is_meant = |id: u64| selection.ids.binary_search(&id).is_ok();
    let is_about = |record: &&LogRecord| {
        let is_same = record.origin_type == row.type_number
            || row.kind == Kind::Accounts && record.origin_type == 1;
        is_same && is_meant(record.origin_id)
    };
    let mut records: Vec<_> = view.state.log.iter().filter(is_about).map(shown).collect();
    if row.kind == Kind::Tokens {
        let calls = call.journal.since(0);
        records.extend(calls.filter(|entry| entry.token_id.is_some_and(is_meant)).map(called));
    }
    Ok(query.answer(records))
}

/// `/platform/customer/logs`: every call that the account was the object of, or what happened to items of one type.
pub(super) fn of_account(view: View<'_>, call: &Call<'_>) -> Result<Answer, Refusal> {
    let query = Query::read(call)?;
    let with_branch = view.assumptions.is(&CUSTOMER_LOGS, "branch");
    let top = call.top();
    let is_here = |cid: u64| cid == top || with_branch && view.state.within(cid, top);
    let has_all = view.assumptions.is(&CUSTOMER_LOG_ITEMS, "all");
    let wanted = query.item_type;
    let is_asked_for = |record: &&LogRecord| has_all || wanted == Some(record.origin_type);
    let records = view.state.log.iter().filter(|record| is_here(record.cid));
    let records = records.filter(is_asked_for).map(shown);
    let calls = call.journal.since(0).filter(|_| has_all || wanted.is_none());
    let calls = calls.filter(|entry| entry.cid.is_some_and(is_here)).map(called);
    Ok(query.answer(records.chain(calls).collect()))
}

/// A record as the platform tells it.
pub(super) fn shown(record: &LogRecord) -> Map<String, Value> {
    let LogRecord {
        timestamp,
        event,
        origin_type,
        origin_id,
        cid,
        token_id,
        app,
        note,
        host,
        method,
        uri,
        old,
        new,
    } = record;
    // Only the end of a token has words of its own.
    let event = if note.is_some() { LAPSED } else { event.as_str() };
    let known = EVENTS.iter().find(|(name, _, _)| *name == event);
    let (code, words) = known.map_or((0, event), |(_, code, words)| (*code, *words));
    members([
        ("timestamp", json!(timestamp)),
        ("event_code", json!(code)),
        ("event_text", json!(note.as_deref().unwrap_or(words))),
        ("origin_type", json!(origin_type)),
        ("origin_id", json!(origin_id)),
        ("cid", json!(cid)),
        ("token_id", json!(token_id)),
        ("host", json!(host)),
        ("source", json!(host)),
        ("app", json!(app)),
        ("method", json!(method)),
        ("uri", json!(uri)),
        ("old", json!(old)),
        ("new", json!(new)),
    ])
}

fn called(entry: &Entry) -> Map<String, Value> {
    let (_, code, words) = EVENTS[0];
    members([
        ("timestamp", json!(entry.time)),
        ("event_code", json!(code)),
        ("event_text", json!(words)),
        ("origin_type", json!(1)),
        ("origin_id", json!(entry.cid)),
        ("cid", json!(entry.cid)),
        ("token_id", json!(entry.token_id)),
        ("host", json!(entry.host)),
        ("source", json!(entry.host)),
        ("app", json!(entry.app)),
        ("trace", json!(entry.trace)),
        ("method", json!(entry.method)),
        ("uri", json!(entry.path)),
        ("response_code", json!(entry.status)),
    ])
}

/// The members that have a value.
fn members<const N: usize>(pairs: [(&str, Value); N]) -> Map<String, Value> {
    let filled = pairs.into_iter().filter(|(_, value)| !value.is_null());
    filled.map(|(name, value)| (name.to_owned(), value)).collect()
}
