//! Tokens of one address that follow each other.

use std::collections::BTreeSet;

use super::known::Known;
use crate::observe::Object;
use crate::plan::generations;
use crate::resource::{Address, Declared, Kind};

/// The newest generation of a token whose manifest names the id of the first. Only a declared
/// rotation makes one: an id is what a forged mark must not get around.
pub(super) fn successor<'a>(
    known: &Known<'a>,
    declared: &Declared,
    owner: i64,
) -> Option<&'a Object> {
    declared.rotation?;
    let Address { kind, account, name } = &declared.address;
    let own = BTreeSet::from([account.clone()]);
    // A mark may be of a time when the account was called otherwise, unless another token has that name then.
    let paths = known.paths(account).filter(|paths| !known.is_left(&declared.address, paths));
    let marked = paths.unwrap_or(&own).iter().flat_map(|path| {
        let address = Address::new(*kind, path.clone(), name.clone());
        known.index.marked(*kind, owner, &address).to_vec()
    });
    let later =
        |object: &&'a Object| generations::generation(object, &known.desired.stack).is_some();
    let later: Vec<&'a Object> = marked.filter(later).collect();
    generations::line(&later, &known.desired.stack).map(|(newest, _)| newest)
}

/// The tokens before `newest`, oldest first.
pub(super) fn predecessors<'a>(
    known: &Known<'a>,
    declared: &Declared,
    newest: &'a Object,
) -> Vec<&'a Object> {
    let stack = &known.desired.stack;
    let number = generations::number(newest, stack);
    if !newest.kind.is_key() || number == 1 {
        return Vec::new();
    }
    let Some(paths) = known.paths(&declared.address.account) else { return Vec::new() };
    let is_left = known.is_left(&declared.address, paths);
    let own = paths
        .iter()
        .map(|path| Address::new(Kind::KEY, path.clone(), declared.address.name.clone()));
    let own = own.map(|address| (address, is_left));
    let old = known.old_addresses(declared, paths).into_iter().map(|address| (address, false));
    let marked = own.chain(old).flat_map(|(address, is_left)| {
        let marked = known.index.marked(Kind::KEY, newest.owner, &address).to_vec();
        // What is about to leave the address is another token.
        marked.into_iter().filter(move |object| !is_left || known.has_arrived(object))
    });
    let by_id = declared.bound_id.and_then(|id| known.actual.token(id));
    let by_id =
        by_id.filter(|object| object.owner == newest.owner && matches!(object.mark, Ok(None)));
    let mut older: Vec<&'a Object> = marked
        .filter(|object| object.mark_of(stack).is_some())
        .chain(by_id)
        .filter(|object| generations::number(object, stack) < number)
        .collect();
    older.sort_by_key(|object| (generations::number(object, stack), object.id));
    older.dedup_by_key(|object| object.id);
    older
}
