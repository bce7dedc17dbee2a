//! What a plan has to know beside the collections, and what was found out.
//!
//! A plan is made of facts. Where one is missing that only some plans need (a recycle bin, a log, the place where a key
//! lies), planning ends with questions instead; they are answered all at once, and planning begins again with the
//! answers beside the facts. No fact is ever changed, so nothing that was decided with one is taken back.

use std::collections::{BTreeMap, BTreeSet};

use super::bins::Buried;
use super::changes::LastWriter;
use super::items::{ItemList, Listed, Trait};
use super::secrets::{SecretAt, SecretQuestion, SecretState, SinkQuestion, SinkState};
use super::traces::{Fate, KeyState, Missed};
use crate::resource::{Address, Kind};
use crate::secret::Sink;

/// What a plan has to know before it can be made.
#[derive(Debug, Clone, Default)]
pub struct Questions {
    /// Recycle bins in which something may lie that is missed: account and kind.
    pub bins: BTreeSet<(i64, Kind)>,
    /// What became of declared objects that are not there.
    pub fates: BTreeMap<Address, Missed>,
    /// How declared secrets compare with those that were last set.
    pub secrets: BTreeMap<SecretAt, SecretQuestion>,
    /// How the sinks of declared tokens are filled.
    pub sinks: BTreeMap<Address, SinkQuestion>,
    /// Sinks that the plan fills: which of them would refuse here.
    pub places: BTreeMap<Address, Vec<Sink>>,
    /// Whether the keys of tokens that were issued before can still be had, with their sinks.
    pub keys: BTreeMap<i64, Vec<Sink>>,
    /// What accounts hold that the plan would delete or cut off.
    pub contents: BTreeSet<i64>,
    /// Who wrote objects last.
    pub writers: BTreeSet<(Kind, i64)>,
    /// Objects whose links are compared.
    pub links: BTreeSet<(Kind, i64)>,
    /// Items that selections look through, and what they look at.
    pub items: BTreeMap<ItemList, BTreeSet<Trait>>,
}

impl Questions {
    /// Whether there is nothing to ask.
    pub fn is_empty(&self) -> bool {
        let Self { bins, fates, secrets, sinks, places, keys, contents, writers, items, links } =
            self;
        bins.is_empty()
            && fates.is_empty()
            && secrets.is_empty()
            && sinks.is_empty()
            && places.is_empty()
            && keys.is_empty()
            && contents.is_empty()
            && writers.is_empty()
            && links.is_empty()
            && items.is_empty()
    }

    /// Answers that change nothing: bins are empty, secrets are where they belong, nobody did anything.
    pub fn without_news(&self) -> Answers {
        let Self { bins, fates, secrets, sinks, places, keys, contents, writers, items, links } =
            self;
        Answers {
            bins: bins.iter().map(|place| (*place, Ok(Vec::new()))).collect(),
            fates: fates.keys().map(|address| (address.clone(), None)).collect(),
            secrets: secrets.keys().map(|at| (at.clone(), SecretState::Unchanged)).collect(),
            sinks: sinks.keys().map(|it| (it.clone(), SinkState::default())).collect(),
            places: places.keys().map(|it| (it.clone(), Vec::new())).collect(),
            keys: keys.keys().map(|id| (*id, KeyState::There)).collect(),
            contents: contents.iter().map(|account| (*account, Some(BTreeMap::new()))).collect(),
            writers: writers.iter().map(|object| (*object, LastWriter::default())).collect(),
            links: links.iter().map(|object| (*object, Ok(BTreeSet::new()))).collect(),
            items: items.keys().map(|it| (it.clone(), Listed::Items(Vec::new()))).collect(),
            overwritten: BTreeSet::new(),
        }
    }
}

/// How many items of kinds that we do not manage an account holds, by the platform's name of the counter.
pub type Counters = BTreeMap<String, u64>;

/// What was found out so far. What was asked is in it, also where the answer is that nobody knows.
#[derive(Debug, Clone, Default)]
pub struct Answers {
    /// What lies in recycle bins, or why that is not known.
    pub bins: BTreeMap<(i64, Kind), Result<Vec<Buried>, String>>,
    /// What became of objects; none if nobody says it.
    pub fates: BTreeMap<Address, Option<Fate>>,
    /// How secrets compare.
    pub secrets: BTreeMap<SecretAt, SecretState>,
    /// How sinks are filled.
    pub sinks: BTreeMap<Address, SinkState>,
    /// Sinks that would refuse here, each with the reason.
    pub places: BTreeMap<Address, Vec<(Sink, String)>>,
    /// Whether keys can still be had.
    pub keys: BTreeMap<i64, KeyState>,
    /// What accounts hold; none if the platform does not say it.
    pub contents: BTreeMap<i64, Option<Counters>>,
    /// Who wrote objects last.
    pub writers: BTreeMap<(Kind, i64), LastWriter>,
    /// The ids of what objects are linked to, or why that is not known.
    pub links: BTreeMap<(Kind, i64), Result<BTreeSet<i64>, String>>,
    /// Items that selections look through.
    pub items: BTreeMap<ItemList, Listed>,
    /// Tokens whose keys this very run may have overwritten in their sinks, with those of tokens that it took back.
    pub overwritten: BTreeSet<Address>,
}

impl Answers {
    /// Takes in more answers.
    pub fn extend(&mut self, more: Self) {
        let Self {
            bins,
            fates,
            secrets,
            sinks,
            places,
            keys,
            contents,
            writers,
            links,
            items,
            overwritten,
        } = more;
        self.bins.extend(bins);
        self.fates.extend(fates);
        self.secrets.extend(secrets);
        self.sinks.extend(sinks);
        self.places.extend(places);
        self.keys.extend(keys);
        self.contents.extend(contents);
        self.writers.extend(writers);
        self.links.extend(links);
        self.items.extend(items);
        self.overwritten.extend(overwritten);
    }
}
