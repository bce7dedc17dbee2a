//! Tokens of one address that follow each other.

use super::home::Home;
use super::known::Known;
use crate::observe::Object;
use crate::plan::generations;
use crate::resource::{Declared, Kind};

/// The newest generation of a token whose manifest names the id of the first. Only a declared
/// rotation makes one: an id is what a forged mark must not get around.
pub(super) fn successor<'a>(
    known: &Known<'a>,
    declared: &Declared,
    home: &Home<'_>,
) -> Option<&'a Object> {
    declared.rotation?;
    // A mark may be of a time when the account was called otherwise, unless another token has that name then.
    let names = match known.is_left(&declared.address, home) {
        true => vec![declared.address.clone()],
        false => home.aliases(&declared.address),
    };
    let kind = declared.address.kind;
    let marked =
        names.iter().flat_map(|address| known.index.marked(kind, home.owner, address).to_vec());
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
    let Ok(home) = known.home(declared) else { return Vec::new() };
    let is_left = known.is_left(&declared.address, &home);
    let own = home.aliases(&declared.address).into_iter().map(|address| (address, is_left));
    let old = known.old_addresses(declared, &home).into_iter().map(|address| (address, false));
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
