//! Which address every object gets.
//!
//! An object that this stack marked keeps the address of its mark. An account that nobody marked,
//! but in which marked objects live, keeps the name that their marks give to it. All others are
//! called as somebody asked, or else after the name that people see; where several would be called the same, the one with the
//! lowest id is, and the others add their ids, so that a new namesake never renames an old one.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use super::options::Options;
use super::slug::slug;
use super::terms::{Addresses, Key};
use crate::observe::{Actual, Object};
use crate::resource::{AccountPath, Address, Kind, Mark};

/// The longest name that a manifest may have. A mark may claim anything.
const LONGEST: usize = 100;

/// The addresses of all objects below our account. What hangs in no account of ours has none.
pub(super) fn addresses(actual: &Actual, options: &Options) -> Addresses {
    /// Objects by what they are in beside their account.
    type Held<'a> = BTreeMap<Option<Key>, Vec<&'a Object>>;
    let mut contents: BTreeMap<(i64, Kind), Held<'_>> = BTreeMap::new();
    for object in actual.all() {
        let held = contents.entry((object.owner, object.kind)).or_default();
        held.entry(object.container()).or_default().push(object);
    }
    let votes = votes(actual, &options.stack);
    let mut addresses = BTreeMap::new();
    let mut accounts = vec![(actual.identity.account, AccountPath::root())];
    while let Some((owner, path)) = accounts.pop() {
        for kind in Kind::ALL {
            for (holder, objects) in contents.remove(&(owner, kind)).into_iter().flatten() {
                // What holds others comes before these.
                let holder = holder.and_then(|holder: Key| addresses.get(&holder));
                let place = Address::new(kind, path.clone(), "")
                    .inside(holder.map(|holder: &Address| holder.name.clone()));
                for (object, name) in names(&objects, &place, options, &votes) {
                    if kind.is_account() {
                        accounts.push((object.id, path.child(&name)));
                    }
                    let address = Address { name: name.into(), ..place.clone() };
                    addresses.insert((kind, object.id), address);
                }
            }
        }
    }
    addresses
}

/// For every account, the paths that marks of objects in and below it give to it.
fn votes(actual: &Actual, stack: &str) -> BTreeMap<i64, BTreeSet<AccountPath>> {
    let mut votes: BTreeMap<i64, BTreeSet<AccountPath>> = BTreeMap::new();
    for object in actual.all() {
        let Some(mark) = object.mark_of(stack) else { continue };
        let mut paths = mark.address.account.self_and_ancestors();
        let mut owner = object.owner;
        let mut climbed = Vec::new();
        while owner != actual.identity.account {
            let (Some(path), Some(account)) = (paths.next(), actual.account(owner)) else {
                break;
            };
            climbed.push((owner, path));
            owner = account.owner;
        }
        // A mark of another depth than its object's speaks of another place.
        let is_whole =
            owner == actual.identity.account && paths.next().is_some_and(|p| p.is_root());
        if is_whole {
            for (id, path) in climbed {
                votes.entry(id).or_default().insert(path);
            }
        }
    }
    votes
}

/// Names for all objects that are of the kind and in the place of an address without a name.
fn names<'a>(
    objects: &[&'a Object],
    place: &Address,
    options: &Options,
    votes: &BTreeMap<i64, BTreeSet<AccountPath>>,
) -> Vec<(&'a Object, String)> {
    let Address { kind, account: path, container, .. } = place;
    let kind = *kind;
    let stack = options.stack.as_str();
    let asked = |object: &Object| {
        let meant = options.meant(&(kind, object.id))?;
        meant.name.as_deref().and_then(slug)
    };
    let mut taken = BTreeSet::new();
    let mut named = BTreeMap::new();
    // Ids ascend in what was observed, so the older of two namesakes comes first; of several
    // generations of a token the newest is the one.
    let mut newest_first = objects.to_vec();
    let number = |object: &Object| object.mark_of(stack).map_or(1, Mark::number);
    newest_first.sort_by_key(|object| Reverse(number(object)));
    for object in newest_first {
        let by_mark = object
            .mark_of(stack)
            .filter(|mark| mark.address.kind == kind && mark.address.account == *path)
            .filter(|mark| mark.address.container == *container)
            .filter(|mark| mark.address.name.len() <= LONGEST)
            .map(|mark| mark.address.name.to_string());
        if let Some(name) = by_mark
            && taken.insert(name.clone())
        {
            named.insert(object.id, name);
        }
    }
    for object in objects.iter().filter(|object| matches!(object.mark, Ok(None))) {
        let candidates = votes.get(&object.id).into_iter().flatten();
        let mut fitting = candidates
            .filter_map(|candidate| candidate.split_last())
            .filter(|(parent, name)| parent == path && name.len() <= LONGEST);
        if let (Some((_, name)), None) = (fitting.next(), fitting.next())
            && kind.is_account()
            && taken.insert(name.to_owned())
        {
            named.insert(object.id, name.to_owned());
        }
    }
    for object in objects {
        if !named.contains_key(&object.id)
            && let Some(name) = asked(object)
            && taken.insert(name.clone())
        {
            named.insert(object.id, name);
        }
    }
    for object in objects {
        if !named.contains_key(&object.id)
            && asked(object).is_none()
            && let Some(name) = slug(object.label())
            && taken.insert(name.clone())
        {
            named.insert(object.id, name);
        }
    }
    for object in objects {
        named.entry(object.id).or_insert_with(|| {
            let stem = asked(object).or_else(|| slug(object.label()));
            let stem = stem.unwrap_or_else(|| kind.to_string());
            let mut name = format!("{stem}-{}", object.id);
            while !taken.insert(name.clone()) {
                name.push_str("-x");
            }
            name
        });
    }
    objects.iter().filter_map(|object| Some((*object, named.remove(&object.id)?))).collect()
}
