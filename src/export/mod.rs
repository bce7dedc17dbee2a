//! What is on the platform, as a repository of manifests.
//!
//! ```text
//! Actual ─► names ─► choose ─► files ─► verify ─┬─► Export
//!                      ▲       (document)       │
//!                      └───── what was wrong ◄──┘
//! ```
//!
//! The result binds every object by `metadata.id`, so that a plan of it has nothing to do and
//! adopting costs no write. It is read back and planned before it is handed out: what a manifest
//! cannot say stands in a comment, with the reason.
//!
//! Tokens that log-ins of realm users made are left out where that can be told: the platform says it of the user
//! (`token_id`), and of the token nothing, save that an access list with `templating` is only met in `token_params` of
//! realms (fact sheet, 5.4 and 8.1). All others look like tokens that somebody made, and are exported as such.
//!
//! Invariant: no I/O, no clock and no randomness in here, and equal input gives equal bytes. Keys
//! of tokens and passwords are not even read.

mod choose;
mod document;
mod error;
mod files;
mod kinds;
mod names;
mod options;
mod sinks;
mod slug;
mod spec;
mod terms;
mod verify;

use std::collections::{BTreeMap, BTreeSet};

use choose::Treatment;
pub use error::ExportError;
pub use options::{Meant, Options, Others};
pub use sinks::named as named_sink;
pub use terms::File;

use crate::manifest::DEFAULT_STACK;
use crate::observe::Actual;
use crate::resource::{Address, Kind};

/// How often an export is read back before it is given up: fields fail first, then objects, then
/// what depended on them.
const ROUNDS: usize = 8;

/// How many objects of a kind became what.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Count {
    /// With a manifest that manages them.
    pub managed: usize,
    /// With a manifest that only refers to them.
    pub observed: usize,
    /// With a manifest in a comment.
    pub commented: usize,
    /// Without.
    pub left_out: usize,
}

/// A repository of manifests.
#[derive(Debug)]
pub struct Export {
    /// Its files by path, the Stack manifest first.
    pub files: Vec<File>,
    /// How many objects became what.
    pub counts: BTreeMap<Kind, Count>,
    /// What became of each object that was [meant](Options::only) and is there.
    pub fates: BTreeMap<(Kind, i64), Fate>,
}

/// What became of an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fate {
    /// The address that it got.
    pub address: Address,
    /// The file with its manifest; none without one that counts.
    pub file: Option<String>,
    /// Why no manifest manages it; none if one does.
    pub unmanaged: Option<String>,
    /// Fields that stay unmanaged, and why.
    pub unsaid: BTreeMap<String, String>,
}

/// The stack that an export is for when nobody says: the only one that has objects in our own
/// account, where nobody but us can write marks, or else the only one anywhere.
///
/// # Errors
/// [`ExportError::SeveralStacks`] when that is more than one.
pub fn only_stack(actual: &Actual) -> Result<String, ExportError> {
    let mut ours = BTreeSet::new();
    let mut all = BTreeSet::new();
    for object in actual.all() {
        if let Ok(Some(mark)) = &object.mark {
            all.insert(mark.stack.as_str());
            if object.owner == actual.identity.account {
                ours.insert(mark.stack.as_str());
            }
        }
    }
    let stacks = if ours.is_empty() { all } else { ours };
    let names: Vec<String> = stacks.into_iter().map(str::to_owned).collect();
    match names.as_slice() {
        [] => Ok(DEFAULT_STACK.to_owned()),
        [only] => Ok(only.clone()),
        _ => Err(ExportError::SeveralStacks(names)),
    }
}

/// Writes everything that was observed as manifests.
///
/// # Errors
/// [`ExportError`] when something could not be read, or does not read back.
pub fn export(actual: &Actual, options: &Options) -> Result<Export, ExportError> {
    if let Some((kind, reason)) = actual.unknown.first_key_value() {
        let (collection, reason) = (kind.collection(), reason.clone());
        return Err(ExportError::Unknown { collection, reason });
    }
    let addresses = names::addresses(actual, options);
    let mut lessons = verify::Lessons::default();
    lessons.exclude.extend(options.exclude.iter().cloned());
    for _ in 0..ROUNDS {
        let unsayable = &lessons.unsayable;
        let treatments = choose::choose(actual, &addresses, options, unsayable);
        let layout =
            files::lay_out(actual, &addresses, &treatments, unsayable, options, &lessons.exclude);
        if !verify::read_back(&layout, actual, &addresses, options, &mut lessons)? {
            let fates = fates(&addresses, &treatments, &layout, &lessons.unsayable, options);
            return Ok(Export { files: layout.files, counts: count(&treatments), fates });
        }
    }
    Err(ExportError::Unreadable(format!("not after {ROUNDS} rounds")))
}

fn fates(
    addresses: &terms::Addresses,
    treatments: &choose::Treatments,
    layout: &files::Layout,
    unsayable: &BTreeMap<terms::Key, terms::Unsayable>,
    options: &Options,
) -> BTreeMap<terms::Key, Fate> {
    let file_of = layout.file_of();
    let meant = options.only.iter().flat_map(BTreeMap::keys);
    let fate = |key: &terms::Key| {
        let address = addresses.get(key)?.clone();
        let unmanaged = match treatments.get(key)? {
            Treatment::Managed => None,
            Treatment::Observed(reason) | Treatment::Commented(reason) => Some(reason.clone()),
            Treatment::LeftOut(reason) => Some((*reason).to_owned()),
            Treatment::Excluded | Treatment::NotMeant => Some("it is excluded".to_owned()),
        };
        let file = file_of.get(key).map(|file| (*file).to_owned());
        let unsaid = unsayable.get(key).map(|it| it.fields.clone()).unwrap_or_default();
        Some((*key, Fate { address, file, unmanaged, unsaid }))
    };
    meant.filter_map(fate).collect()
}

fn count(treatments: &choose::Treatments) -> BTreeMap<Kind, Count> {
    let mut counts: BTreeMap<Kind, Count> = BTreeMap::new();
    for ((kind, _), treatment) in treatments {
        let count = counts.entry(*kind).or_default();
        match treatment {
            Treatment::Managed => count.managed += 1,
            Treatment::Observed(_) => count.observed += 1,
            Treatment::Commented(_) => count.commented += 1,
            Treatment::LeftOut(_) | Treatment::Excluded | Treatment::NotMeant => {
                count.left_out += 1;
            }
        }
    }
    counts
}
