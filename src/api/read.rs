//! Reading: whole collections or a reason why not, never a part that passes for the whole.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};
use tokio::task::JoinSet;

use super::answer::Answer;
use super::client::Client;
use super::clock::PlatformTime;
use super::error::{ApiError, Class};
use super::log::Deletion;
use super::request::{self, Request};
use crate::assumptions::{IDS_PER_CALL, KEY_FIELD, PAGE_SIZE};
use crate::resource::kinds::{Collection, LinkRow};
use crate::resource::{Fields, Kind};
use crate::secret::SecretString;

/// The most pages that one collection may have: a million objects, the largest plan's number of
/// subaccounts.
const MAX_PAGES: usize = 1_000;

/// The most pages where the platform gives less than it is asked for: a million objects, a hundred at a time.
const MAX_CUT_PAGES: usize = 10_000;

/// How often a collection is read when it changes under our hands.
const MAX_READINGS: usize = 3;

/// Pages of this many items are asked for when full ones are too large to be read.
const SMALL_PAGE: usize = 50;

/// Reads from the platform and cannot change it.
#[derive(Debug, Clone)]
pub struct Reader {
    client: Client,
}

/// Who we are on the platform.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The account that our token belongs to.
    pub account: i64,
    /// The id of our token.
    pub token: i64,
    /// Its access type: 0 standard, 1 master, 2 ACL.
    pub access_type: i64,
}

/// Why a collection is not known.
#[derive(Debug, thiserror::Error)]
pub enum ListError {
    /// A page could not be had.
    #[error(transparent)]
    Api(#[from] ApiError),
    /// The pages do not add up to the number that the platform gives.
    #[error("{collection}: got {got} items, but the platform counts {total}")]
    Incomplete {
        /// The collection.
        collection: &'static str,
        /// Distinct items that came.
        got: usize,
        /// The platform's own count.
        total: u64,
    },
    /// The platform complains of something beside the list, so it may not be all there is.
    #[error("{collection}: the platform reports an error: {words}")]
    Complaint {
        /// The collection.
        collection: &'static str,
        /// What it says.
        words: String,
    },
    /// The answer holds something else than a list of objects.
    #[error("{collection}: {what}")]
    Odd {
        /// The collection.
        collection: &'static str,
        /// What is odd.
        what: &'static str,
    },
    /// More pages than any plan of the platform allows.
    #[error("{collection}: {total} items are more than one list may hold")]
    TooMany {
        /// The collection.
        collection: &'static str,
        /// The platform's own count.
        total: u64,
    },
    /// An item without a number for a name.
    #[error("{collection}: an item has no id")]
    Nameless {
        /// The collection.
        collection: &'static str,
    },
}

/// A list of the platform, and the field that tells its items apart.
#[derive(Debug, Clone, Copy)]
struct List {
    collection: &'static str,
    id: &'static str,
}

impl List {
    fn of(kind: Kind) -> Self {
        Self { collection: kind.collection(), id: "id" }
    }
}

/// Items by their ids.
pub type Items = BTreeMap<i64, Fields>;

impl Reader {
    /// Reads with `client`.
    pub fn new(client: Client) -> Self {
        Self { client }
    }

    /// The client's counts of calls.
    pub fn stats(&self) -> &super::Stats {
        self.client.stats()
    }

    /// What time it is on the platform, as far as its answers agree; this machine's own time before there are any.
    pub fn time(&self) -> PlatformTime {
        self.client.time()
    }

    /// Begins a pass: what earlier answers said of the time counts no longer.
    pub fn begin(&self) {
        self.client.forget_time();
    }

    /// The objects of `kind` that were deleted in the account `owner`, newest first, as far as the
    /// log of the account goes back; `None` is the root account.
    ///
    /// # Errors
    /// [`ApiError`].
    pub async fn deletions(
        &self,
        kind: Kind,
        owner: Option<i64>,
    ) -> Result<Vec<Deletion>, ApiError> {
        let answer = self.client.send(&request::kind_log(kind, owner)).await?;
        Ok(answer.into_items().filter_map(Deletion::of).collect())
    }

    /// The id of the token that `key` is of; none if it is of none.
    ///
    /// # Errors
    /// [`ApiError`] when that cannot be told.
    pub async fn token_of(&self, key: &SecretString) -> Result<Option<i64>, ApiError> {
        // What cannot be sent as a key is none.
        let Ok(client) = self.client.signed_with(key) else { return Ok(None) };
        match (Self { client }).identity().await {
            Ok(identity) => Ok(identity.map(|identity| identity.token)),
            Err(error) if error.class == Class::Unauthorized => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Who we are. `None` if the answer does not say it.
    ///
    /// # Errors
    /// [`ApiError`] when the platform does not know us or cannot be reached.
    pub async fn identity(&self) -> Result<Option<Identity>, ApiError> {
        let answer = self.client.send(&request::identity()).await?;
        let item = answer.into_items().next().unwrap_or_default();
        let number = |name: &str| item.get(name).and_then(Value::as_i64);
        let access = item.get("access").and_then(|access| access.get("type"));
        Ok((|| {
            Some(Identity {
                account: number("cid")?,
                token: number("id")?,
                access_type: access?.as_i64()?,
            })
        })())
    }

    /// Every object of `kind` in our account and below it, by id.
    ///
    /// The pages after the first travel together. The collection counts as read only if as many
    /// distinct items came as the platform itself counts or, where it counts nothing, if it was asked
    /// again from where its answers end and had nothing more; a collection that changes while it is
    /// read is read again.
    ///
    /// # Errors
    /// [`ListError`]: then nothing is known of the collection, not even that it is empty.
    pub async fn list(&self, kind: Kind) -> Result<Items, ListError> {
        let page = |limit, offset| request::list_page(kind, limit, offset);
        self.list_pages(List::of(kind), page).await
    }

    /// Ids, owners, marks and assignments of every object of `kind` in our account and below it.
    ///
    /// # Errors
    /// [`ListError`].
    pub async fn list_marks(&self, kind: Kind) -> Result<Items, ListError> {
        let page = |limit, offset| request::list_marks(kind, limit, offset);
        self.list_pages(List::of(kind), page).await
    }

    /// Ids, marks and assignments of the objects of `collection` that the account `owner` holds itself.
    ///
    /// # Errors
    /// [`ListError`].
    pub async fn list_held(
        &self,
        collection: impl Into<Collection>,
        owner: i64,
    ) -> Result<Items, ListError> {
        let collection = collection.into();
        let page = |limit, offset| request::list_held(collection, owner, limit, offset);
        self.list_pages(List::of(collection.kind), page).await
    }

    /// The ids of what the object `id` is linked to.
    ///
    /// # Errors
    /// [`ListError`]: then nothing is known of its links.
    pub async fn links(
        &self,
        kind: Kind,
        link: &'static LinkRow,
        id: i64,
    ) -> Result<BTreeSet<i64>, ListError> {
        let page = |limit, offset| request::list_links(kind, link, id, limit, offset);
        let list = List { collection: link.collection, id: link.id };
        Ok(self.list_pages(list, page).await?.into_keys().collect())
    }

    /// Some fields of the items with these ids; those that are not there are left out.
    ///
    /// # Errors
    /// [`ApiError`] when that cannot be told.
    pub async fn items(
        &self,
        kind: Kind,
        ids: &[i64],
        fields: &BTreeSet<&str>,
    ) -> Result<Items, ApiError> {
        self.by_ids(ids, |chunk| request::some_fields(kind, chunk, fields)).await
    }

    /// Which of `ids` the platform has, whatever its lists say.
    ///
    /// # Errors
    /// [`ApiError`] when that cannot be told.
    pub async fn known(&self, kind: Kind, ids: &BTreeSet<i64>) -> Result<BTreeSet<i64>, ApiError> {
        let ids: Vec<i64> = ids.iter().copied().collect();
        let items = self.by_ids(&ids, |chunk| request::by_id(kind, chunk)).await?;
        Ok(items.into_keys().collect())
    }

    async fn by_ids(
        &self,
        ids: &[i64],
        request: impl Fn(&[i64]) -> Request,
    ) -> Result<Items, ApiError> {
        let mut items = Items::new();
        let mut chunks: Vec<&[i64]> = ids.chunks(IDS_PER_CALL).collect();
        while let Some(chunk) = chunks.pop() {
            match self.client.send(&request(chunk)).await {
                Ok(answer) => {
                    let with_id = answer.items.into_iter();
                    items.extend(with_id.filter_map(|item| Some((item.number("id")?, item))));
                }
                // One that is not there, or not for us, may have kept the others from being told.
                Err(error) if matches!(error.class, Class::NotFound | Class::Forbidden) => {
                    chunks.extend(chunk.chunks(1).filter(|_| chunk.len() > 1));
                }
                Err(error) => return Err(error),
            }
        }
        Ok(items)
    }

    /// The keys of `tokens`, of those that the platform gives (assumption 11).
    ///
    /// # Errors
    /// [`ApiError`].
    pub async fn keys(&self, tokens: &[i64]) -> Result<BTreeMap<i64, SecretString>, ApiError> {
        let mut keys = BTreeMap::new();
        for ids in tokens.chunks(IDS_PER_CALL) {
            let answer = self.client.send(&request::token_keys(ids)).await?;
            for item in answer.into_items() {
                let id = item.get("id").and_then(Value::as_i64);
                let key = item.get("key").and_then(Value::as_str).filter(|key| !key.is_empty());
                if let (Some(id), Some(key)) = (id, key) {
                    keys.insert(id, SecretString::from(key));
                }
            }
        }
        Ok(keys)
    }

    /// How many items of kinds that we do not manage each of `accounts` holds, by the platform's
    /// name of the counter. An account that the platform leaves out is left out.
    ///
    /// # Errors
    /// [`ApiError`].
    pub async fn counters(
        &self,
        accounts: &[i64],
    ) -> Result<BTreeMap<i64, BTreeMap<String, u64>>, ApiError> {
        let mut found = BTreeMap::new();
        for ids in accounts.chunks(IDS_PER_CALL) {
            let answer = self.client.send(&request::counters(ids)).await?;
            for item in answer.into_items() {
                let id = item.get("id").and_then(Value::as_i64);
                let counters = item.get("counters").and_then(Value::as_object);
                let (Some(id), Some(counters)) = (id, counters) else { continue };
                let foreign = counters.iter().filter(|(name, _)| is_foreign_count(name));
                let foreign =
                    foreign.filter_map(|(name, count)| Some((name.clone(), count.as_u64()?)));
                found.insert(id, foreign.collect());
            }
        }
        Ok(found)
    }

    /// What of `kind` lies in the recycle bin of an account (`None`: our own), by the ids of the
    /// records. Keys of tokens are left out.
    ///
    /// # Errors
    /// [`ListError`]: then nothing is known of the bin, not even that it is empty.
    pub async fn buried(&self, account: Option<i64>, kind: Kind) -> Result<Items, ListError> {
        let page = |limit, offset| request::list_deleted(kind, account, limit, offset);
        let mut records = self.list_pages(List { collection: "deleted", id: "id" }, page).await?;
        for record in records.values_mut() {
            if let Some(Value::Object(mut former)) = record.get("data") {
                former.remove(KEY_FIELD);
                record.insert("data", Value::Object(former));
            }
        }
        Ok(records)
    }

    /// The telematics items of one type that `owner` holds itself (`own_account` is the account of our token), of those that
    /// an expression means if there is one, with some fields.
    ///
    /// # Errors
    /// [`ListError`]: then nothing is known of them, not even that there are none.
    pub async fn telematics(
        &self,
        path: &'static str,
        (owner, own_account): (i64, i64),
        expression: Option<&str>,
        fields: &BTreeSet<&str>,
    ) -> Result<Items, ListError> {
        let account = (owner != own_account).then_some(owner);
        let page = |limit, offset| {
            request::list_items(path, (account, owner), expression, fields, (limit, offset))
        };
        self.list_pages(List { collection: path, id: "id" }, page).await
    }

    /// The newest records of the log of one object, the newest first.
    ///
    /// # Errors
    /// [`ApiError`].
    pub async fn logs(&self, kind: Kind, id: i64) -> Result<Vec<Map<String, Value>>, ApiError> {
        Ok(self.client.send(&request::logs(kind, id)).await?.into_items().collect())
    }

    async fn list_pages(
        &self,
        list: List,
        page: impl Fn(usize, usize) -> Request,
    ) -> Result<Items, ListError> {
        let mut size = PAGE_SIZE;
        let mut reading = 1;
        loop {
            match self.list_once(list, size, &page).await {
                Err(ListError::Incomplete { .. }) if reading < MAX_READINGS => reading += 1,
                Err(ListError::Api(error))
                    if error.class == Class::TooLarge && size > SMALL_PAGE =>
                {
                    size = SMALL_PAGE;
                }
                outcome => return outcome,
            }
        }
    }

    async fn list_once(
        &self,
        list: List,
        size: usize,
        page: &impl Fn(usize, usize) -> Request,
    ) -> Result<Items, ListError> {
        let first = self.client.send(&page(size, 0)).await?;
        // Servers may give less than they are asked for, and then do so for each page.
        let stride = first.items.len().max(1);
        let mut items = Items::new();
        let total = collect(list, first, &mut items)?;
        match total {
            Some(total) => self.rest(list, total, (size, stride), page, items).await,
            None => self.until_nothing_is_new(list, size, page, items).await,
        }
    }

    /// The other pages of a collection of which the platform says how many items it has.
    async fn rest(
        &self,
        list: List,
        total: u64,
        (size, stride): (usize, usize),
        page: &impl Fn(usize, usize) -> Request,
        mut items: Items,
    ) -> Result<Items, ListError> {
        let count = usize::try_from(total).unwrap_or(usize::MAX);
        if count > MAX_PAGES * PAGE_SIZE || count.div_ceil(stride) > MAX_CUT_PAGES {
            return Err(ListError::TooMany { collection: list.collection, total });
        }
        let mut others = JoinSet::new();
        let pages = count.div_ceil(stride).saturating_sub(1) as u64;
        let progress = self.client.progress();
        if pages > 0 {
            progress.expect("reading", "pages", pages, self.client.sent());
        }
        for offset in (stride..count).step_by(stride) {
            let (client, request) = (self.client.clone(), page(size, offset));
            others.spawn(async move { client.send(&request).await });
        }
        while let Some(joined) = others.join_next().await {
            progress.did_one();
            // A task that panicked or was cancelled is a page that did not come.
            let Ok(answer) = joined else { continue };
            collect(list, answer?, &mut items)?;
        }
        if items.len() as u64 != total {
            return Err(ListError::Incomplete {
                collection: list.collection,
                got: items.len(),
                total,
            });
        }
        Ok(items)
    }

    /// The other pages of a collection of which the platform does not say how many items it has: it is asked again from
    /// where its answers end, until an answer brings nothing new (assumption 10; `limit` itself may be ignored).
    async fn until_nothing_is_new(
        &self,
        list: List,
        size: usize,
        page: &impl Fn(usize, usize) -> Request,
        mut items: Items,
    ) -> Result<Items, ListError> {
        for _ in 0..MAX_PAGES {
            let known = items.len();
            if known == 0 {
                return Ok(items);
            }
            let next = self.client.send(&page(size, known)).await?;
            collect(list, next, &mut items)?;
            if items.len() == known {
                return Ok(items);
            }
        }
        Err(ListError::TooMany { collection: list.collection, total: items.len() as u64 })
    }
}

/// Of an account's many counters, those that count items, but not ours, which are known one by one
/// (assumption: item counters end in `_count`, as the quotas of limits do).
fn is_foreign_count(name: &str) -> bool {
    name.ends_with("_count")
        && !Kind::ALL.iter().any(|kind| name.strip_suffix("_count") == Some(kind.collection()))
}

/// Takes in the rows of a page; gives how many items the platform counts. A page that is anything but a plain list tells
/// nothing of what is not in it.
fn collect(list: List, answer: Answer, items: &mut Items) -> Result<Option<u64>, ListError> {
    let List { collection, id: name } = list;
    let Answer { items: rows, complaints, total, oddity } = answer;
    if let Some(what) = oddity {
        return Err(ListError::Odd { collection, what });
    }
    if !complaints.is_empty() {
        return Err(ListError::Complaint { collection, words: complaints.join("; ") });
    }
    for item in rows {
        let id = item.number(name);
        items.insert(id.ok_or(ListError::Nameless { collection })?, item);
    }
    Ok(total)
}
