//! What two writers made at the same time, each in the belief that it was not there.
//!
//! The platform has no way to make something only if it is missing. So what a run made is looked for once more by its
//! mark before the run ends. Of two objects with one mark the older one stays, whoever made it: both writers decide alike,
//! so both end in one world. The younger one is taken back by the run that made it, together with what that run put into
//! it, unless somebody else put something there as well. Its mark says so first, so that it is never brought back from
//! the recycle bin in the place of the one that stayed.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use super::{rotate, set};
use crate::api::{ListError, Reader, Writer};
use crate::resource::kinds::Collection;
use crate::resource::{Address, Kind, Mark, Signer, stand_in};

/// An object that this run made.
#[derive(Debug, Clone)]
pub(super) struct MadeHere {
    pub(super) collection: Collection,
    pub(super) id: i64,
    pub(super) owner: i64,
}

/// An object that this run made and took back, since another one like it is older.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TakenBack {
    /// What it was.
    pub address: Address,
    /// Its id.
    pub id: i64,
    /// The one that stays.
    pub stays: i64,
    /// Why it is still there; none if it is gone.
    pub left: Option<String>,
}

impl std::fmt::Display for TakenBack {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { address, id, stays, left } = self;
        let kind = address.kind;
        write!(
            formatter,
            "{address}: another run created {kind} {stays} at the same time; that one stays"
        )?;
        match left {
            None => write!(formatter, "; {id}, created by this run, was deleted"),
            Some(reason) => {
                write!(formatter, "; {id}, created by this run, could not be deleted: {reason}")
            }
        }
    }
}

/// An object as it is found again.
#[derive(Debug)]
struct Object {
    owner: i64,
    /// The object that it is in, if that is no account.
    container: Option<(Kind, i64)>,
    mark: Option<Mark>,
    /// All that stands beside its mark, if it has one.
    metadata: Map<String, Value>,
    /// What it refers to, by field, or by the place inside of one.
    refs: BTreeMap<&'static str, (Kind, i64)>,
    /// The fields inside of which it refers to something.
    pointing: Map<String, Value>,
    /// The account that the platform may have made for it.
    own_account: Option<i64>,
}

impl Object {
    /// What is set so that it refers to `to` at `place`.
    fn repointed(&self, place: &str, to: i64) -> Map<String, Value> {
        let Some((field, member)) = place.split_once('.') else {
            return Map::from_iter([(place.to_owned(), Value::from(to))]);
        };
        let mut value = self.pointing.get(field).cloned().unwrap_or_default();
        if let Some(id) = value.get_mut(member) {
            *id = Value::from(to);
        }
        Map::from_iter([(field.to_owned(), value)])
    }
}

type Objects = BTreeMap<(Kind, i64), Object>;

/// Looks again for everything in `made`, and takes back what is there twice.
///
/// # Errors
/// The lists could not be read, so that nobody knows whether something is there twice.
pub(super) async fn take_back(
    writer: &Writer,
    signer: &Signer,
    stack: &str,
    made: &[MadeHere],
) -> Result<Vec<TakenBack>, ListError> {
    let kinds: BTreeSet<Kind> = made.iter().map(|made| made.collection.kind).collect();
    let reader = writer.reader();
    let mut objects = read(&reader, signer, &kinds, made).await?;
    let mut losers = doubles(&objects, stack, made);
    if losers.is_empty() {
        return Ok(Vec::new());
    }
    // What is inside of accounts, and who uses what, is only known once everything is.
    objects = read(&reader, signer, &Kind::ALL.into_iter().collect(), &[]).await?;
    let mut inside = contents(&objects, &losers, made);
    let own: Vec<i64> =
        losers.keys().chain(&inside).filter_map(|key| account_of(&objects, *key)).collect();
    if !own.is_empty() {
        let counters = reader.counters(&own).await.unwrap_or_default();
        let is_empty = |id: &i64| counters.get(id).is_some_and(|it| it.values().all(|it| *it == 0));
        inside.extend(own.into_iter().filter(is_empty).map(|id| (Kind::ACCOUNT, id)));
    }
    let keeps = spoken_for(&reader, &objects, &losers, &inside).await;
    for account in keeps.keys() {
        if let Some(loser) = losers.get_mut(&(Kind::ACCOUNT, *account)) {
            loser.left = keeps.get(account).cloned();
        }
    }
    remove(writer, signer, &objects, &mut losers, &inside).await;
    Ok(losers.into_values().collect())
}

/// The objects of `kinds` with their marks: those of a few accounts, or all.
async fn read(
    reader: &Reader,
    signer: &Signer,
    kinds: &BTreeSet<Kind>,
    made: &[MadeHere],
) -> Result<Objects, ListError> {
    /// Up to so many accounts are asked one by one.
    const FEW: usize = 3;
    let mut objects = Objects::new();
    for kind in kinds.iter().copied() {
        let of_kind = made.iter().filter(|made| made.collection.kind == kind);
        let places: BTreeSet<(Collection, i64)> =
            of_kind.map(|made| (made.collection, made.owner)).collect();
        let mut items = crate::api::Items::new();
        if places.is_empty() || places.len() > FEW {
            items = reader.list_marks(kind).await?;
        } else {
            for (collection, owner) in places.iter().copied() {
                items.extend(reader.list_held(collection, owner).await?);
            }
        }
        // What is in another object than an account is where that one is.
        let holders: BTreeMap<i64, i64> = match kind.container() {
            None => BTreeMap::new(),
            Some((holder, _)) => {
                let known = objects.iter().filter(|((kind, _), _)| *kind == holder);
                let known = known.map(|((_, id), object)| (*id, object.owner));
                let made = places.iter().filter_map(|(it, owner)| Some((it.inside?, *owner)));
                known.chain(made).collect()
            }
        };
        objects.extend(items.into_iter().filter_map(|(id, item)| {
            let item = item.unpack();
            let number = |field: &str| item.get(field).and_then(Value::as_i64);
            let container = match kind.container() {
                Some((holder, field)) => Some((holder, number(field)?)),
                None => None,
            };
            let owner = match container {
                Some((_, holder)) => *holders.get(&holder)?,
                None => number("cid")?,
            };
            let metadata = item.get("metadata").and_then(Value::as_object);
            let mark = metadata.and_then(|metadata| {
                let mark = Mark::read(metadata).ok().flatten()?;
                let is_good = signer.verify(owner, metadata).is_ok() && mark.fits(kind).is_ok();
                is_good.then_some(mark)
            });
            let refs = kind.refs();
            let refs = refs.filter_map(|(field, to)| Some((field, (to, number(field)?))));
            let inside = kind.pointers().filter_map(|(place, to)| {
                Some((place, (to, stand_in::id_at(place, |field| item.get(field).cloned())?)))
            });
            let refs: BTreeMap<_, _> = refs.chain(inside).collect();
            let pointing = item.iter().filter(|(field, _)| kind.row().has_pointers(field));
            let pointing = pointing.map(|(field, value)| (field.clone(), value.clone())).collect();
            let metadata = metadata.filter(|_| mark.is_some()).cloned().unwrap_or_default();
            let own_account = kind.row().own_account.and_then(|own| number(own.field));
            let object = Object { owner, container, mark, metadata, refs, pointing, own_account };
            Some(((kind, id), object))
        }));
    }
    Ok(objects)
}

type Losers = BTreeMap<(Kind, i64), TakenBack>;

/// What this run made and is there twice, and not as the older one.
fn doubles(objects: &Objects, stack: &str, made: &[MadeHere]) -> Losers {
    let made = keys(made);
    let mut same: BTreeMap<(Kind, i64, &Address, u32), Vec<i64>> = BTreeMap::new();
    for ((kind, id), object) in objects {
        if let Some(mark) = object.mark.as_ref().filter(|it| it.stack == stack && !it.bootstrap) {
            let key = (*kind, object.owner, &mark.address, mark.number());
            same.entry(key).or_default().push(*id);
        }
    }
    let mut losers = Losers::new();
    for ((kind, _, address, _), mut ids) in same {
        ids.sort_unstable();
        let Some((stays, younger)) = ids.split_first() else { continue };
        for id in younger.iter().filter(|id| made.contains(&(kind, **id))) {
            let taken = TakenBack { address: address.clone(), id: *id, stays: *stays, left: None };
            losers.insert((kind, *id), taken);
        }
    }
    losers
}

/// What this run put into accounts that are taken back, and into others that hold something, however deep.
fn contents(objects: &Objects, losers: &Losers, made: &[MadeHere]) -> BTreeSet<(Kind, i64)> {
    let made = keys(made);
    let mut holders: BTreeSet<(Kind, i64)> = losers.keys().copied().collect();
    let mut inside = BTreeSet::new();
    loop {
        let is_held = |object: &Object| {
            holders.contains(&(Kind::ACCOUNT, object.owner))
                || object.container.is_some_and(|container| holders.contains(&container))
        };
        let more: Vec<(Kind, i64)> = objects
            .iter()
            .filter(|(key, object)| {
                is_held(object) && made.contains(*key) && !inside.contains(*key)
            })
            .map(|(key, _)| *key)
            .collect();
        if more.is_empty() {
            return inside;
        }
        holders.extend(more.iter().copied());
        inside.extend(more);
    }
}

/// The account that the platform made for an object, if it is empty and nobody's.
fn account_of(objects: &Objects, (kind, id): (Kind, i64)) -> Option<i64> {
    let own = kind.row().own_account?;
    let object = objects.get(&(kind, id))?;
    let holder = objects.get(&object.container?)?;
    let account =
        object.own_account.filter(|_| holder.pointing.get(own.told_by).is_some_and(own.is_made))?;
    let is_nobodys = objects.get(&(Kind::ACCOUNT, account))?.mark.is_none();
    let mut all = objects.iter();
    let is_empty = !all.any(|((kind, _), it)| it.owner == account && !kind.is_key());
    (is_nobodys && is_empty).then_some(account)
}

/// What was made, by kind and id.
fn keys(made: &[MadeHere]) -> BTreeSet<(Kind, i64)> {
    made.iter().map(|made| (made.collection.kind, made.id)).collect()
}

fn accounts_of(losers: &Losers) -> BTreeSet<i64> {
    losers.keys().filter(|(kind, _)| kind.is_account()).map(|(_, id)| *id).collect()
}

/// Accounts that are not taken back after all, since they hold something that this run did not put there.
async fn spoken_for(
    reader: &Reader,
    objects: &Objects,
    losers: &Losers,
    inside: &BTreeSet<(Kind, i64)>,
) -> BTreeMap<i64, String> {
    let tops = accounts_of(losers);
    let below = inside.iter().filter(|(kind, _)| kind.is_account()).map(|(_, id)| *id);
    let accounts: BTreeSet<i64> = tops.iter().copied().chain(below).collect();
    let top_of = |account: i64| {
        let mut at = account;
        while !tops.contains(&at) {
            at = objects.get(&(Kind::ACCOUNT, at))?.owner;
        }
        Some(at)
    };
    let mut keeps = BTreeMap::new();
    for ((kind, id), object) in objects {
        let is_foreign = accounts.contains(&object.owner) && !inside.contains(&(*kind, *id));
        if is_foreign && let Some(top) = top_of(object.owner) {
            keeps.insert(top, format!("it holds {kind} {id}, which this run did not create"));
        }
    }
    let asked: Vec<i64> = accounts.iter().copied().collect();
    let counters = reader.counters(&asked).await.unwrap_or_default();
    for account in accounts {
        let reason = match counters.get(&account) {
            None => Some("cannot read what it holds".to_owned()),
            Some(counters) => {
                counters.iter().find(|(_, count)| **count > 0).map(|(name, count)| {
                    format!("it holds {count} {}", name.trim_end_matches("_count"))
                })
            }
        };
        if let Some((top, reason)) = top_of(account).zip(reason) {
            keeps.entry(top).or_insert(reason);
        }
    }
    keeps
}

/// Deletes what is taken back: from the deepest up, since some platforms delete no account that holds something, and on one
/// level in the reverse of the order in which it was made; each after its users got the older one.
async fn remove(
    writer: &Writer,
    signer: &Signer,
    objects: &Objects,
    losers: &mut Losers,
    inside: &BTreeSet<(Kind, i64)>,
) {
    let is_kept = |losers: &Losers, key: &(Kind, i64)| {
        let mut at = *key;
        loop {
            if losers.get(&at).is_some_and(|loser| loser.left.is_some()) {
                return true;
            }
            let Some(object) = objects.get(&at) else { return false };
            at = object.container.unwrap_or((Kind::ACCOUNT, object.owner));
        }
    };
    let depth = |key: &(Kind, i64)| {
        let owners = std::iter::successors(objects.get(key), |object| {
            objects.get(&object.container.unwrap_or((Kind::ACCOUNT, object.owner)))
        });
        owners.count()
    };
    let mut going: Vec<(Kind, i64)> = losers.keys().chain(inside).copied().collect();
    going.sort_unstable();
    going.dedup();
    going.retain(|key| !is_kept(losers, key));
    going.sort_by_key(|key| std::cmp::Reverse((depth(key), key.0)));
    let gone: BTreeSet<(Kind, i64)> = going.iter().copied().collect();
    for (kind, id) in going {
        let mut outcome = Ok(());
        if let Some(loser) = losers.get(&(kind, id)) {
            outcome = hand_on(writer, objects, &gone, (kind, id), loser.stays).await;
            if outcome.is_ok() && kind.is_restorable() {
                retire(writer, signer, kind, id, &objects[&(kind, id)]).await;
            }
        }
        if outcome.is_ok() {
            let inside = objects.get(&(kind, id)).and_then(|it| it.container);
            let collection = Collection::new(kind, inside.map(|(_, id)| id));
            let deleted = set::delete(writer, collection, &[id]).await.pop();
            outcome = deleted.map_or(Ok(()), |deleted| deleted.map(drop).map_err(|it| it.what));
        }
        if let Err(what) = outcome {
            tracing::warn!(%kind, id, "could not be undone: {what}");
            if let Some(loser) = losers.get_mut(&(kind, id)) {
                loser.left = Some(what);
            }
        }
    }
}

/// Makes the mark of an object that goes say that another one stays. Where that fails the object goes all the same: a
/// record in the recycle bin that nobody can tell from the right one is less than two objects of one kind.
async fn retire(writer: &Writer, signer: &Signer, kind: Kind, id: i64, object: &Object) {
    let Some(mark) = object.mark.clone() else { return };
    let body = rotate::retiring(mark, object.metadata.clone(), object.owner, signer);
    if let Some(Err(failure)) = set::set(writer, kind, &[id], &body.into()).await.pop() {
        tracing::warn!(%kind, id, "could not be marked as retired: {}", failure.what);
    }
}

/// Makes whoever refers to an object that goes refer to the one that stays.
async fn hand_on(
    writer: &Writer,
    objects: &Objects,
    gone: &BTreeSet<(Kind, i64)>,
    goes: (Kind, i64),
    stays: i64,
) -> Result<(), String> {
    /// Objects that are set alike, and what is set.
    type Alike = (Map<String, Value>, Vec<i64>);
    let mut users: BTreeMap<(Kind, String), Alike> = BTreeMap::new();
    for (key, object) in objects.iter().filter(|(key, _)| !gone.contains(*key)) {
        for (place, _) in object.refs.iter().filter(|(_, to)| **to == goes) {
            let body = object.repointed(place, stays);
            let same = users.entry((key.0, Value::Object(body.clone()).to_string()));
            same.or_insert_with(|| (body, Vec::new())).1.push(key.1);
        }
    }
    for ((kind, _), (body, users)) in users {
        let results = set::set(writer, kind, &users, &body.into()).await;
        if let Some(failure) = results.into_iter().find_map(Result::err) {
            return Err(failure.what);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(owner: i64, address: &str) -> Object {
        let mark = Some(Mark::new("default", address.parse().unwrap()));
        Object {
            owner,
            container: None,
            mark,
            metadata: Map::new(),
            refs: BTreeMap::new(),
            pointing: Map::new(),
            own_account: None,
        }
    }

    fn here(kind: Kind, id: i64, owner: i64) -> MadeHere {
        MadeHere { collection: kind.into(), id, owner }
    }

    #[test]
    fn of_two_with_one_mark_the_younger_is_taken_back_by_who_made_it() {
        let account = (Kind::Subaccount, "subaccount/a");
        let objects: Objects =
            [10, 11].map(|id| ((account.0, id), object(1, account.1))).into_iter().collect();
        let losers = |made: &[MadeHere]| doubles(&objects, "default", made);
        assert_eq!(losers(&[here(account.0, 11, 1)])[&(account.0, 11)].stays, 10);
        assert!(losers(&[here(account.0, 10, 1)]).is_empty(), "the older one stays");
        assert!(losers(&[]).is_empty(), "what others made is theirs to take back");
        assert!(doubles(&objects, "other", &[here(account.0, 11, 1)]).is_empty());
    }

    #[test]
    fn what_the_run_put_into_an_account_goes_with_it_and_nothing_else_does() {
        let mut objects = Objects::new();
        for id in [10, 11] {
            objects.insert((Kind::Subaccount, id), object(1, "subaccount/a"));
        }
        objects.insert((Kind::Subaccount, 12), object(11, "subaccount/a/b"));
        objects.insert((Kind::Token, 13), object(12, "token/a/b/t"));
        objects.insert((Kind::Token, 14), object(12, "token/a/b/foreign"));
        let made = [
            here(Kind::Subaccount, 11, 1),
            here(Kind::Subaccount, 12, 11),
            here(Kind::Token, 13, 12),
        ];
        let losers = doubles(&objects, "default", &made);
        let inside = contents(&objects, &losers, &made);
        assert_eq!(inside, BTreeSet::from([(Kind::Subaccount, 12), (Kind::Token, 13)]));
    }
}
