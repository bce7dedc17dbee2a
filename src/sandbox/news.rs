//! News: what happened in a world, for whoever listens to it while it happens.
//!
//! The books note them only while somebody listens, and with everything that is gone a moment later: who owned an item,
//! and the accounts above.

use super::{
    catalog::{Collection, Kind},
    item::Item,
    state::{LogRecord, State},
};

/// Something that happened.
pub(super) struct News {
    pub(super) row: &'static Collection,
    pub(super) id: u64,
    /// The account whose branch it happened in.
    pub(super) cid: u64,
    /// That account and those above it.
    pub(super) lineage: Box<[u64]>,
    /// The item that it is in, if that is no account.
    pub(super) parent: Option<u64>,
    pub(super) what: What,
}

/// What happened.
pub(super) enum What {
    /// The platform's log has another record.
    Recorded(Box<LogRecord>),
    /// An item appeared, or took new values in these fields.
    Put { is_new: bool, changed: Vec<&'static str> },
    /// An item is gone.
    Removed,
}

impl News {
    /// A record of the log about an item.
    pub(super) fn recorded(
        state: &State,
        row: &'static Collection,
        item: &Item,
        record: &LogRecord,
    ) -> Self {
        let news = Self::about(state, row, item, What::Recorded(Box::new(record.clone())));
        // What an account does to its own record is in its own log.
        Self { cid: record.cid, lineage: lineage(state, record.cid), ..news }
    }

    /// An item is about to be put into the state.
    pub(super) fn put(state: &State, kind: Kind, item: &Item) -> Self {
        let row = kind.row();
        let old = state.item(kind, item.id);
        let is_other = |name: &&'static str| {
            old.is_none_or(|old| old.fields.get(name) != item.fields.get(name))
        };
        let changed = row.fields.iter().map(|field| field.name).filter(is_other).collect();
        Self::about(state, row, item, What::Put { is_new: old.is_none(), changed })
    }

    /// An item is about to leave the state.
    pub(super) fn removed(state: &State, kind: Kind, id: u64) -> Option<Self> {
        Some(Self::about(state, kind.row(), state.item(kind, id)?, What::Removed))
    }

    fn about(state: &State, row: &'static Collection, item: &Item, what: What) -> Self {
        let parent = row.parent.map(|parent| item.fields.number(parent.field));
        let lineage = lineage(state, item.cid);
        Self { row, id: item.id, cid: item.cid, lineage, parent, what }
    }
}

fn lineage(state: &State, cid: u64) -> Box<[u64]> {
    state.lineage(cid).collect()
}
