//! What time takes away, and when: tokens, records of the recycle bin, codes, blocks.

use super::{
    catalog::Kind,
    item::Item,
    state::{Buried, Change},
};

/// How long the recycle bin keeps a record, in seconds.
const BIN_RETENTION: u64 = 30 * 24 * 3600;

/// The second at which a token stops being valid: when neither `expire` nor `ttl` since its last use holds any more.
pub(super) fn of_token(token: &Item) -> u64 {
    let fields = &token.fields;
    let by_use = match fields.number("ttl") {
        0 => 0,
        ttl => fields.number("accessed").max(fields.number("created")).saturating_add(ttl),
    };
    by_use.max(fields.number("expire"))
}

/// The second at which the recycle bin forgets a record.
pub(super) fn of_record(record: &Buried) -> u64 {
    record.deleted.saturating_add(BIN_RETENTION)
}

/// The second at which time will take away what a change brings; the end of time when it never does.
pub(super) fn of_change(change: &Change) -> u64 {
    match change {
        Change::Put { kind, item } => {
            let lapse = match kind {
                Kind::Tokens => of_token(item),
                _ => u64::MAX,
            };
            match item.fields.number("blocked_until") {
                0 => lapse,
                until => lapse.min(until),
            }
        }
        Change::Bury(record) => of_record(record),
        Change::Issue(code) => code.until,
        _ => u64::MAX,
    }
}
