//! The truth of a world, and the only way to change it.
//!
//! Every mutation is a [`Change`], applied by [`State::apply`]. A running world, a replayed log and a loaded snapshot go
//! through the same function, so what a restart finds is what was there.
//!
//! Invariant: nothing outside this file writes to a table or an index.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, VecDeque},
    net::IpAddr,
};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{catalog::Kind, item::Item};

/// Platform log records kept; the oldest go first.
const LOG_LIMIT: usize = 20_000;

/// Mails kept in the outbox; the oldest go first.
const OUTBOX_LIMIT: usize = 10_000;

/// One step in the life of a world. Logs and snapshots are sequences of these.
#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum Change {
    /// The world's root account and its first master token.
    Root { account: u64, token: u64 },
    /// The next id to give out; ids are never reused.
    NextId(u64),
    /// How far the virtual clock is ahead of the real one, in seconds.
    Clock(u64),
    /// An item appears or takes new values.
    Put { kind: Kind, item: Item },
    /// An item disappears.
    Remove { kind: Kind, id: u64 },
    /// A deleted item enters the recycle bin.
    Bury(Buried),
    /// A record leaves the recycle bin, restored or run out.
    Exhume(u64),
    /// A mail is sent.
    Mail(Mail),
    /// A code is handed out.
    Issue(Code),
    /// A code is used up, replaced or run out.
    Spend(String),
    /// Tokens were used: id and unix time. Written lazily, see [`super::books::Books::take_touches`].
    Touch(Vec<(u64, u64)>),
    /// Something that the platform's own log tells.
    Log(LogRecord),
}

/// A record of the recycle bin: the whole former item, hidden fields included, so that nothing is lost.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Buried {
    /// The bin's own id for it.
    pub(super) id: u64,
    pub(super) kind: Kind,
    /// Unix time of the deletion.
    pub(super) deleted: u64,
    /// The record of the account that took this item along; `None` when it was deleted by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) cause: Option<u64>,
    pub(super) item: Item,
}

/// A mail that the platform would have sent.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Mail {
    pub(super) time: u64,
    pub(super) to: String,
    pub(super) subject: String,
    pub(super) cid: u64,
    pub(super) code: String,
}

/// A one-time code out of a mail.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Code {
    pub(super) code: String,
    pub(super) account: u64,
    pub(super) purpose: Purpose,
    /// The address to set, for the purposes that set one.
    pub(super) email: String,
    /// The hash of the password that a new account is to have.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) password_hash: Option<String>,
    /// Unix time from which the code is void.
    pub(super) until: u64,
}

/// What a code is good for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Purpose {
    ConfirmEmail,
    RevertEmail,
    LogIn,
    /// A new root account.
    Register,
}

/// A record of the platform's own log.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct LogRecord {
    pub(super) timestamp: u64,
    pub(super) event: String,
    pub(super) origin_type: u16,
    pub(super) origin_id: u64,
    pub(super) cid: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) token_id: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) app: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) note: Option<String>,
    /// The address that the call came from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) host: Option<IpAddr>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) method: Option<String>,
    /// The path of the call, with keys struck out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) uri: Option<String>,
    /// The item before and after, without its secrets.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) old: Option<Value>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) new: Option<Value>,
}

/// The items of one kind.
#[derive(Default)]
pub(super) struct Table {
    items: BTreeMap<u64, Item>,
    /// (owner, id): the items of one account, in the order of their ids.
    owners: BTreeSet<(u64, u64)>,
}

impl Table {
    pub(super) fn get(&self, id: u64) -> Option<&Item> {
        self.items.get(&id)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Item> {
        self.items.values()
    }

    pub(super) fn len(&self) -> usize {
        self.items.len()
    }

    /// The ids that one account owns, ascending.
    pub(super) fn owned(&self, cid: u64) -> impl Iterator<Item = u64> {
        self.owners.range((cid, 0)..=(cid, u64::MAX)).map(|(_, id)| *id)
    }
}

/// A whole world at rest.
#[derive(Default)]
pub(super) struct State {
    pub(super) root: u64,
    pub(super) root_token: u64,
    pub(super) next_id: u64,
    pub(super) clock: u64,
    tables: [Table; Kind::ALL.len()],
    /// Token key → token id.
    keys: HashMap<Box<str>, u64>,
    /// Account → its parent; 0 above a root. Walked for each item of a branch, hence apart from the table.
    parents: HashMap<u64, u64>,
    /// Account → how many items of each kind its whole branch owns. What limits are held against, at any size of branch.
    totals: HashMap<u64, [u32; Kind::ALL.len()]>,
    /// Account → the calls of its minute, as far as something bounds them. In memory only, like minutes themselves.
    pub(super) calls: HashMap<u64, u64>,
    pub(super) bin: BTreeMap<u64, Buried>,
    pub(super) codes: BTreeMap<String, Code>,
    pub(super) outbox: VecDeque<Mail>,
    pub(super) log: VecDeque<LogRecord>,
}

impl State {
    pub(super) fn table(&self, kind: Kind) -> &Table {
        &self.tables[kind as usize]
    }

    pub(super) fn item(&self, kind: Kind, id: u64) -> Option<&Item> {
        self.table(kind).get(id)
    }

    pub(super) fn account(&self, id: u64) -> Option<&Item> {
        self.item(Kind::Accounts, id)
    }

    pub(super) fn token_by_key(&self, key: &str) -> Option<&Item> {
        self.item(Kind::Tokens, *self.keys.get(key)?)
    }

    /// The account and its ancestors, nearest first.
    pub(super) fn lineage(&self, account: u64) -> impl Iterator<Item = u64> {
        std::iter::successors(Some(account), |id| self.parents.get(id).copied())
            .take_while(|id| *id != 0)
            // A hand-made world may hold a cycle; the platform has four levels.
            .take(64)
    }

    /// Whether `account` is `top` or below it.
    pub(super) fn within(&self, account: u64, top: u64) -> bool {
        account == top || self.lineage(account).any(|ancestor| ancestor == top)
    }

    /// How deep an account sits, the root counting as 1.
    pub(super) fn depth(&self, account: u64) -> u64 {
        self.lineage(account).count() as u64
    }

    /// Whether a branch is the whole world, which spares a walk per item.
    pub(super) fn is_everything(&self, top: u64) -> bool {
        top == self.root && self.table(Kind::Accounts).owned(0).count() == 1
    }

    /// How many items of a kind the account and everything below it own together.
    pub(super) fn usage(&self, account: u64, kind: Kind) -> u64 {
        self.totals.get(&account).map_or(0, |totals| totals[kind as usize].into())
    }

    /// Counts everything afresh. For states from outside, where items may come before the accounts that own them.
    pub(super) fn recount(&mut self) {
        self.totals.clear();
        for kind in Kind::ALL {
            let owners: Vec<u64> = self.table(kind).iter().map(|item| item.cid).collect();
            owners.into_iter().for_each(|cid| self.count(kind, cid, 1));
        }
    }

    fn count(&mut self, kind: Kind, cid: u64, step: i32) {
        let accounts: Vec<u64> = self.lineage(cid).collect();
        for account in accounts {
            let totals = self.totals.entry(account).or_insert([0; Kind::ALL.len()]);
            totals[kind as usize] = totals[kind as usize].saturating_add_signed(step);
        }
    }

    /// Applies one change.
    pub(super) fn apply(&mut self, change: Change) {
        match change {
            Change::Root { account, token } => (self.root, self.root_token) = (account, token),
            Change::NextId(next) => self.next_id = next,
            Change::Clock(ahead) => self.clock = ahead,
            Change::Put { kind, item } => self.put(kind, item),
            Change::Remove { kind, id } => self.remove(kind, id),
            Change::Bury(record) => drop(self.bin.insert(record.id, record)),
            Change::Exhume(id) => drop(self.bin.remove(&id)),
            Change::Mail(mail) => {
                self.outbox.push_back(mail);
                let surplus = self.outbox.len().saturating_sub(OUTBOX_LIMIT);
                self.outbox.drain(..surplus);
            }
            Change::Issue(code) => drop(self.codes.insert(code.code.clone(), code)),
            Change::Spend(code) => drop(self.codes.remove(&code)),
            Change::Touch(touched) => {
                touched.into_iter().for_each(|(token, time)| self.touch(token, time))
            }
            Change::Log(record) => {
                self.log.push_back(record);
                let surplus = self.log.len().saturating_sub(LOG_LIMIT);
                self.log.drain(..surplus);
            }
        }
    }

    /// Moves `accessed` of a token. Not a [`Change`] of its own on the way in, because reads touch too.
    pub(super) fn touch(&mut self, token: u64, time: u64) {
        if let Some(item) = self.tables[Kind::Tokens as usize].items.get_mut(&token) {
            item.fields.set("accessed", time);
        }
    }

    /// The changes that lead from nothing to this state: a snapshot.
    pub(super) fn changes(&self) -> impl Iterator<Item = Change> {
        let head = [
            Change::Root { account: self.root, token: self.root_token },
            Change::NextId(self.next_id),
            Change::Clock(self.clock),
        ];
        let items = Kind::ALL.into_iter().flat_map(|kind| {
            self.table(kind).iter().map(move |item| Change::Put { kind, item: item.clone() })
        });
        head.into_iter()
            .chain(items)
            .chain(self.bin.values().cloned().map(Change::Bury))
            .chain(self.codes.values().cloned().map(Change::Issue))
            .chain(self.outbox.iter().cloned().map(Change::Mail))
            .chain(self.log.iter().cloned().map(Change::Log))
    }

    fn put(&mut self, kind: Kind, item: Item) {
        let (id, cid) = (item.id, item.cid);
        match kind {
            Kind::Accounts => drop(self.parents.insert(id, cid)),
            Kind::Tokens => {
                if let Some(key) = item.fields.text("key") {
                    self.keys.insert(key.into(), id);
                }
            }
            _ => {}
        }
        let table = &mut self.tables[kind as usize];
        let old = table.items.insert(id, item).map(|old| old.cid);
        if old == Some(cid) {
            return;
        }
        table.owners.insert((cid, id));
        if let Some(old) = old {
            table.owners.remove(&(old, id));
            self.count(kind, old, -1);
        }
        self.count(kind, cid, 1);
    }

    fn remove(&mut self, kind: Kind, id: u64) {
        let table = &mut self.tables[kind as usize];
        let Some(item) = table.items.remove(&id) else { return };
        table.owners.remove(&(item.cid, id));
        self.count(kind, item.cid, -1);
        match kind {
            Kind::Accounts => {
                self.parents.remove(&id);
                self.totals.remove(&id);
            }
            Kind::Tokens => {
                if let Some(Value::String(key)) = item.fields.get("key") {
                    self.keys.remove(key.as_str());
                }
            }
            _ => {}
        }
    }
}
