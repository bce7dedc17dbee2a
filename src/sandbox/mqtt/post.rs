//! Messages: what happened in a world, as the broker tells it.

use serde_json::{Map, Value, json};

use super::super::{
    assumptions::{CUSTOMER_TOPIC, RESTORED_TOPIC},
    catalog::{Collection, Kind, Shown},
    events,
    item::Item,
    logs,
    news::{News, What},
    request::Target,
    state::LogRecord,
    view::View,
};

/// A message.
#[derive(Debug)]
pub(in crate::sandbox) struct Message {
    pub(super) topic: String,
    pub(super) payload: Vec<u8>,
    /// The account that it is about.
    pub(super) cid: u64,
    /// That account and those above it.
    pub(super) lineage: Box<[u64]>,
    pub(super) timestamp: u64,
    /// Whether the broker keeps it for later subscribers.
    pub(super) is_retained: bool,
    /// The session that published it; `None` for the platform's own.
    pub(super) sender: Option<u64>,
}

/// The messages that something is told with.
pub(super) fn messages(view: View<'_>, news: &News, now: u64) -> Vec<Message> {
    let News { row, id, parent, .. } = news;
    let Some(place) = place(row, *parent) else { return Vec::new() };
    let message = |topic: String, payload: Vec<u8>, is_retained: bool| Message {
        topic,
        payload,
        cid: news.cid,
        lineage: news.lineage.clone(),
        timestamp: now,
        is_retained,
        sender: None,
    };
    match &news.what {
        What::Recorded(record) => {
            let event = match record.event.as_str() {
                events::RESTORED => view.assumptions.value(&RESTORED_TOPIC),
                event => event,
            };
            let payload = json!(payload(record, &place)).to_string().into_bytes();
            let mut topics = vec![format!("flespi/log/{place}/{id}/{event}")];
            if row.kind != Kind::Accounts && view.assumptions.is(&CUSTOMER_TOPIC, "whole") {
                topics.push(format!("flespi/log/platform/customer/{}/{event}", news.cid));
            }
            topics.into_iter().map(|topic| message(topic, payload.clone(), false)).collect()
        }
        What::Put { is_new, changed } if has_state(row) => {
            let Some(item) = view.state.item(row.kind, *id) else { return Vec::new() };
            let is_meant = |name: &str| *is_new || changed.contains(&name);
            let shown = shown(view, row, item);
            let topic = format!("flespi/state/{place}/{id}");
            let fields = shown.iter().filter(|(name, _)| is_meant(name)).map(|(name, value)| {
                message(format!("{topic}/{name}"), value.to_string().into_bytes(), true)
            });
            let fields: Vec<Message> = fields.collect();
            let object = message(topic, json!(shown).to_string().into_bytes(), true);
            std::iter::once(object).chain(fields).collect()
        }
        What::Removed if has_state(row) => {
            let topic = format!("flespi/state/{place}/{id}");
            let deleted = message(format!("{topic}/deleted"), b"true".to_vec(), false);
            vec![message(topic, Vec::new(), true), deleted]
        }
        What::Put { .. } | What::Removed => Vec::new(),
    }
}

/// The retained messages of an item.
pub(super) fn retained(view: View<'_>, row: &'static Collection, item: &Item) -> Vec<Message> {
    let news = News::put(view.state, row.kind, item);
    let news = News { what: What::Put { is_new: true, changed: Vec::new() }, ..news };
    messages(view, &news, item.fields.number("created"))
}

/// The collections whose items have topics of state.
pub(super) fn with_state() -> impl Iterator<Item = &'static Collection> {
    Kind::ALL.into_iter().map(Kind::row).filter(|row| has_state(row))
}

fn has_state(row: &Collection) -> bool {
    row.path.starts_with("platform/") && row.parent.is_none()
}

/// Where items of a row are in topics; none for what is not the platform's.
fn place(row: &Collection, parent: Option<u64>) -> Option<String> {
    // What has no number of its own in the log has no topic of its own.
    let is_numbered = row.kind == Kind::Accounts || {
        let same = Kind::ALL.into_iter().find(|kind| kind.row().type_number == row.type_number);
        same == Some(row.kind)
    };
    let parent = parent.map(|parent| parent.to_string()).unwrap_or_default();
    let place = row.path.replace('*', &parent);
    (is_numbered && place.starts_with("platform/")).then_some(place)
}

/// What a `GET` without `fields` says of an item.
fn shown(view: View<'_>, row: &'static Collection, item: &Item) -> Map<String, Value> {
    let mut bytes = Vec::new();
    if let Ok(projection) = view.projection(row, &Target::default(), Shown::Always) {
        view.write(&mut bytes, item, &projection);
    }
    serde_json::from_slice(&bytes).unwrap_or_default()
}

/// The record as the REST log has it, and where it comes from.
fn payload(record: &LogRecord, place: &str) -> Map<String, Value> {
    let mut payload = logs::shown(record);
    let origin = format!("{place}/{}", record.origin_id);
    payload.insert("event_origin".to_owned(), origin.into());
    payload
}

/// Whether only master tokens hear of a topic.
pub(super) fn is_of_the_platform(topic: &str) -> bool {
    topic.starts_with("flespi/log/platform/") || topic.starts_with("flespi/state/platform/")
}
