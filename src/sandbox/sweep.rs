//! Sweeping: what has lapsed leaves the world, and the log tells of it.

use super::{
    assumptions::LAPSED_TOKEN,
    books::Books,
    catalog::Kind,
    events,
    item::Item,
    lifetimes, metering, rows,
    state::{Buried, Change, LogRecord},
};

/// Removes what time has taken: lapsed tokens, old records of the bin, old codes. Costs nothing while nothing is due.
pub(super) fn sweep(books: &mut Books, now: u64) {
    if now < books.next_lapse {
        return;
    }
    let tokens = books.state.table(Kind::Tokens).iter();
    let lapsed: Vec<Item> =
        tokens.filter(|token| lifetimes::of_token(token) <= now).cloned().collect();
    for token in lapsed {
        lapse(books, token, now);
    }
    let old: Vec<u64> = books
        .state
        .bin
        .values()
        .filter(|record| lifetimes::of_record(record) <= now)
        .map(|record| record.id)
        .collect();
    old.into_iter().for_each(|id| books.commit(Change::Exhume(id)));
    let unblock = metering::lift_blocks(books, now);
    let void = books.state.codes.values().filter(|code| code.until <= now);
    let void: Vec<String> = void.map(|code| code.code.clone()).collect();
    void.into_iter().for_each(|code| books.commit(Change::Spend(code)));
    let dues = books.state.table(Kind::Tokens).iter().map(lifetimes::of_token);
    let dues = dues.chain(books.state.bin.values().map(lifetimes::of_record));
    let dues = dues.chain(books.state.codes.values().map(|code| code.until));
    books.next_lapse = dues.chain([unblock]).min().unwrap_or(u64::MAX);
}

fn lapse(books: &mut Books, token: Item, now: u64) {
    books.commit(Change::Remove { kind: Kind::Tokens, id: token.id });
    let record = LogRecord {
        timestamp: now,
        event: events::DELETED.to_owned(),
        origin_type: rows::TOKENS.type_number,
        origin_id: token.id,
        cid: token.cid,
        token_id: None,
        app: None,
        note: Some("token has been expired and deleted".to_owned()),
        host: None,
        method: None,
        uri: None,
        old: events::snapshot(&rows::TOKENS, &token),
        new: None,
    };
    books.tell(&rows::TOKENS, &token, record);
    if books.assumptions.is(&LAPSED_TOKEN, "bin") {
        let id = books.state.next_id + 1;
        books.commit(Change::NextId(id));
        books.commit(Change::Bury(Buried {
            id,
            kind: Kind::Tokens,
            deleted: now,
            cause: None,
            item: token,
        }));
    }
}
