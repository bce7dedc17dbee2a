//! Creating without ever creating twice.
//!
//! The mark travels in the very call that creates, so after a lost answer the account is read
//! again and what carries the mark *is* what was to be made. Results are matched by mark and not
//! by position, whatever order or part of them comes back.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Map, Value};

use super::courier::Courier;
use super::job::{Done, Failure, Results};
use super::payload::NewItem;
use super::set;
use crate::api::{Class, Created, Writer};
use crate::resource::Kind;
use crate::resource::kinds::Collection;
use crate::secret::SecretString;

/// How often a creation is tried whose answers get lost.
const ROUNDS: u32 = 3;

/// A call whose answer was lost may still be under way; it gets this long to take effect before
/// the account is read again.
const SETTLING: Duration = Duration::from_millis(500);

/// An item that is there now.
pub(super) struct Found {
    pub(super) item: Map<String, Value>,
    pub(super) key: Option<SecretString>,
}

/// Makes `items`, all of one kind and in one account. One whose secrets are not to be had is not made; the others are.
pub(super) async fn create(
    courier: &Courier,
    collection: Collection,
    own_account: i64,
    owner: i64,
    items: &[NewItem],
) -> Results {
    let mut ready = Vec::with_capacity(items.len());
    let mut results = Vec::with_capacity(items.len());
    for item in items {
        match courier.enclosed_new(item, owner).await {
            Ok(item) => {
                ready.push(item);
                results.push(None);
            }
            Err(failure) => results.push(Some(Err(failure))),
        }
    }
    let made = create_all(&courier.writer, collection, own_account, owner, &ready).await;
    let mut made = made.into_iter();
    let results = results.into_iter().map(|result| result.or_else(|| made.next()));
    results.map(|result| result.unwrap_or_else(|| Err(Failure::new("it was not tried")))).collect()
}

async fn create_all(
    writer: &Writer,
    collection: Collection,
    own_account: i64,
    owner: i64,
    items: &[NewItem],
) -> Results {
    let kind = collection.kind;
    if items.is_empty() {
        return Results::new();
    }
    let Attempt { found, failures, attempts, .. } =
        make(writer, collection, own_account, owner, items).await;
    let mut made: BTreeMap<i64, usize> = BTreeMap::new();
    let mut given = BTreeMap::new();
    for (index, Found { item, .. }) in found {
        if let Some(id) = item.get("id").and_then(Value::as_i64) {
            made.insert(id, index);
            given.insert(id, item);
        }
    }
    let bodies: BTreeMap<i64, Map<String, Value>> =
        made.iter().map(|(id, index)| (*id, items[*index].verified())).collect();
    let written: Vec<_> = bodies.iter().map(|(id, body)| (*id, body)).collect();
    let verified = set::verify(&writer.reader(), kind, &written, given).await;
    let mut results: BTreeMap<usize, Result<Done, Failure>> = failures
        .into_iter()
        .map(|(index, failure)| (index, Err(failure)))
        .chain(verified.into_iter().filter_map(|(id, result)| {
            Some((*made.get(&id)?, result.map(|done| Done { attempts, ..done })))
        }))
        .collect();
    let silent = || Failure {
        attempts,
        ..Failure::new("the platform did not create it and did not say why")
    };
    (0..items.len()).map(|index| results.remove(&index).unwrap_or_else(|| Err(silent()))).collect()
}

/// Makes tokens; one by one where the platform does not take several together.
pub(super) async fn make_keys(
    courier: &Courier,
    own_account: i64,
    owner: i64,
    items: &[NewItem],
) -> Attempt {
    let writer = &courier.writer;
    if !courier.makes_one_by_one() {
        let made = make(writer, Kind::KEY.into(), own_account, owner, items).await;
        if made.only_alone {
            courier.note_one_by_one();
        }
        return made;
    }
    let mut all = Attempt::default();
    for (index, item) in items.iter().enumerate() {
        let alone = std::slice::from_ref(item);
        all.add(index, make(writer, Kind::KEY.into(), own_account, owner, alone).await);
    }
    all
}

/// What came of an attempt to make items, by their index.
#[derive(Default)]
pub(super) struct Attempt {
    pub(super) found: BTreeMap<usize, Found>,
    pub(super) failures: BTreeMap<usize, Failure>,
    pub(super) attempts: u32,
    /// What was refused in company was made alone, without exception: the company was what was wrong.
    only_alone: bool,
}

impl Attempt {
    /// Adds what came of the item at `index`, which was made alone.
    fn add(&mut self, index: usize, mut alone: Self) {
        self.attempts = self.attempts.max(alone.attempts);
        match alone.found.remove(&0) {
            Some(found) => {
                self.failures.remove(&index);
                self.found.insert(index, found);
            }
            None => self.failures.extend(alone.failures.remove(&0).map(|why| (index, why))),
        }
    }
}

async fn make(
    writer: &Writer,
    collection: Collection,
    own_account: i64,
    owner: i64,
    items: &[NewItem],
) -> Attempt {
    let mut made = Attempt::default();
    let mut missing: Vec<usize> = (0..items.len()).collect();
    // Creation in the root account is what a call without the header does.
    let header = (owner != own_account).then_some(owner);
    let in_company = items.len() > 1;

    while !missing.is_empty() && made.attempts < ROUNDS {
        made.attempts += 1;
        let before = missing.len();
        let bodies = missing.iter().map(|index| items[*index].item.clone()).collect();
        let mut is_unmarked = false;
        let (is_final, words) = match writer.create(collection, header, bodies).await {
            Ok((created, complaints)) => {
                let answered = created.len();
                take(created, items, &mut missing, &mut made.found);
                is_unmarked = answered > before - missing.len();
                // A part without a word is what a platform gives that takes one at a time.
                let is_part = in_company && missing.len() < before;
                let silent = || "the platform did not create it and did not say why".to_owned();
                let words = if complaints.is_empty() { silent() } else { complaints.join("; ") };
                (!complaints.is_empty() || is_part, words)
            }
            Err(error) => (
                !error.may_have_committed() && error.class != Class::RateLimited,
                error.to_string(),
            ),
        };
        if missing.is_empty() {
            break;
        }
        for index in &missing {
            let attempts = made.attempts;
            made.failures.insert(*index, Failure { attempts, ..Failure::new(words.clone()) });
        }
        // A refused element may have taken its neighbours down with it: each is told its own fate.
        if is_final && !in_company {
            break;
        }
        tokio::time::sleep(SETTLING).await;
        match writer.reader().list_held(collection, owner).await {
            Ok(there) => {
                let there =
                    there.into_values().map(|item| Created { item: item.unpack(), key: None });
                take(there.collect(), items, &mut missing, &mut made.found);
            }
            Err(error) => {
                for index in &missing {
                    let what = format!(
                        "{words}; cannot check whether it was created: {error}; the next run finds it by its \
                         mark"
                    );
                    let attempts = made.attempts;
                    made.failures.insert(*index, Failure { attempts, ..Failure::new(what) });
                }
                break;
            }
        }
        // What is there without the mark that was sent along would be made again each time.
        if is_unmarked && !missing.is_empty() {
            for index in &missing {
                let what = "the platform created it but did not keep its `metadata`, so it cannot be found again";
                let attempts = made.attempts;
                made.failures.insert(*index, Failure { attempts, ..Failure::new(what) });
            }
            break;
        }
        if is_final {
            for index in std::mem::take(&mut missing) {
                let alone = std::slice::from_ref(&items[index]);
                made.add(
                    index,
                    Box::pin(make(writer, collection, own_account, owner, alone)).await,
                );
            }
            made.only_alone = made.found.len() == items.len();
        }
    }
    made.failures.retain(|index, _| !made.found.contains_key(index));
    made
}

fn take(
    created: Vec<Created>,
    items: &[NewItem],
    missing: &mut Vec<usize>,
    found: &mut BTreeMap<usize, Found>,
) {
    for Created { item, key } in created {
        let position = missing.iter().position(|index| items[*index].is(&item));
        if let Some(position) = position {
            found.insert(missing.remove(position), Found { item, key });
        }
    }
}
