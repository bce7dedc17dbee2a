//! The books of a world: its state, and what changed it since somebody last wrote that down.
//!
//! Rules that only judge or read take a [`View`]; whoever writes takes these.

use std::collections::BTreeMap;

use super::{
    assumptions::Assumptions,
    call::Call,
    catalog::Collection,
    events,
    item::Item,
    journal::Entry,
    lifetimes,
    news::News,
    rows,
    state::{Change, LogRecord, State},
    view::View,
};

/// A state, what is assumed about it, and its changes.
pub(super) struct Books {
    pub(super) state: State,
    pub(super) assumptions: Assumptions,
    /// Nothing lapses before this second; 0 when that is not known.
    pub(super) next_lapse: u64,
    /// Whether changes are kept for a log at all.
    is_recording: bool,
    /// The changes of the request at hand, as the elements of a JSON array.
    changes: Vec<u8>,
    /// Uses of tokens that no log knows of yet.
    touched: BTreeMap<u64, u64>,
    /// The whole state was replaced: changes alone do not lead to it.
    pub(super) is_replaced: bool,
    /// What happened since somebody took it; `None` while nobody listens.
    pub(super) news: Option<Vec<News>>,
}

impl Books {
    /// The books of a world that holds `state`. With `is_recording`, changes wait to be taken.
    pub(super) fn new(state: State, assumptions: Assumptions, is_recording: bool) -> Self {
        Self {
            state,
            assumptions,
            next_lapse: 0,
            is_recording,
            changes: Vec::new(),
            touched: BTreeMap::new(),
            is_replaced: false,
            news: None,
        }
    }

    pub(super) fn view(&self) -> View<'_> {
        View { state: &self.state, assumptions: &self.assumptions }
    }

    /// Makes a change part of the state, and of the log.
    pub(super) fn commit(&mut self, change: Change) {
        self.next_lapse = self.next_lapse.min(lifetimes::of_change(&change));
        self.note(&change);
        if let Some(news) = &mut self.news {
            match &change {
                Change::Put { kind, item } => news.push(News::put(&self.state, *kind, item)),
                Change::Remove { kind, id } => news.extend(News::removed(&self.state, *kind, *id)),
                _ => {}
            }
        }
        self.state.apply(change);
    }

    /// Makes a record about an item part of the platform's log.
    pub(super) fn tell(&mut self, row: &'static Collection, item: &Item, record: LogRecord) {
        if let Some(news) = &mut self.news {
            news.push(News::recorded(&self.state, row, item, &record));
        }
        self.commit(Change::Log(record));
    }

    fn note(&mut self, change: &Change) {
        if self.is_recording {
            self.changes.push(if self.changes.is_empty() { b'[' } else { b',' });
            // Writing our own records into memory cannot fail.
            let _ = serde_json::to_writer(&mut self.changes, change);
        }
    }

    /// Marks a token as used. Reads touch too, so this stays out of the log until something else is written or
    /// somebody asks with [`Self::take_touches`].
    pub(super) fn touch(&mut self, token: u64, now: u64) {
        self.state.touch(token, now);
        if self.is_recording {
            self.touched.insert(token, now);
        }
    }

    /// The changes since the last call as one line for the log, `None` when there are none. Uses of tokens ride along.
    pub(super) fn take_changes(&mut self) -> Option<Vec<u8>> {
        if self.changes.is_empty() {
            return None;
        }
        self.note_touches();
        self.changes.extend_from_slice(b"]\n");
        Some(std::mem::take(&mut self.changes))
    }

    /// The uses of tokens since the last call as a line for the log.
    pub(super) fn take_touches(&mut self) -> Option<Vec<u8>> {
        self.note_touches();
        self.take_changes()
    }

    fn note_touches(&mut self) {
        if !self.touched.is_empty() {
            let touched = std::mem::take(&mut self.touched).into_iter().collect();
            self.note(&Change::Touch(touched));
        }
    }

    /// Takes the state of another world in place of this one.
    pub(super) fn replace(&mut self, state: State) {
        self.state = state;
        self.next_lapse = 0;
        self.changes.clear();
        self.touched.clear();
        self.is_replaced = true;
    }

    /// Writes into the platform's log what a call did to an item: made, changed or deleted it.
    pub(super) fn record(
        &mut self,
        call: &Call<'_>,
        row: &'static Collection,
        old: Option<&Item>,
        new: Option<&Item>,
    ) {
        let event = match (old, new) {
            (None, _) => events::CREATED,
            (Some(_), Some(_)) => events::UPDATED,
            (Some(_), None) => events::DELETED,
        };
        self.record_event(call, event, row, old, new);
    }

    /// The same for any event.
    pub(super) fn record_event(
        &mut self,
        call: &Call<'_>,
        event: &str,
        row: &'static Collection,
        old: Option<&Item>,
        new: Option<&Item>,
    ) {
        let Some(item) = new.or(old) else { return };
        // What an account does to its own record it reads in its own log; all else is in the log of the owner.
        let is_own = row.type_number == rows::CUSTOMER.type_number;
        let record = LogRecord {
            timestamp: call.now,
            event: event.to_owned(),
            origin_type: row.type_number,
            origin_id: item.id,
            cid: if is_own { item.id } else { item.cid },
            token_id: call.caller.map(|caller| caller.token),
            app: call.request.app(),
            note: None,
            host: Some(call.request.peer),
            method: Some(call.request.method.clone()),
            uri: Some(Entry::for_target(&call.request.target, Some(&call.target)).path),
            old: old.and_then(|old| events::snapshot(row, old)),
            new: new.and_then(|new| events::snapshot(row, new)),
        };
        self.tell(row, item, record);
    }
}
