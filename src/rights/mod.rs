//! What a token can do, as a value: read from the platform's own form, asked about single requests, and compared.
//!
//! ```text
//! access, ips, origins, ttl, expire ── Rights::of ──► Rights ──┬─ decide(rights, request) ──► Decision
//!                                                              └─ compare(a, b) ───────────► Comparison
//! ```
//!
//! What holds is what the articles on tokens say (fact sheet, section 5):
//!
//! * What is not allowed is forbidden. A *standard* token reaches everything but the platform API, a *master* token that
//!   as well, and a token with an *access list* what the entries of the list grant, all of them together.
//! * An entry grants methods on the items of a module or an item type. Without `submodules` its methods hold for
//!   everything inside these items too; with them, each submodule has its own methods and inherits none.
//! * Platform-level requests cannot be granted by a list, nor can MQTT topics below `flespi/`. Messages of items come by
//!   MQTT for who may read the submodule `messages`.
//! * Something new has no id yet: creating takes an entry for all items.
//!
//! * Where a manifest selects items by what they are called, it is not known here which these are: what depends on them is
//!   answered by "it depends" until a plan has put ids there.
//!
//! Where no article tells, the answer is the stricter one or says that it depends ([`Verdict::Depends`]).
//!
//! Invariant: no I/O and no clock in here, and nothing of the sandbox's own decision, which reads the same articles on its
//! own; a test holds the two against each other.

mod access_type;
mod bounds;
mod compare;
mod decide;
mod grant;
mod method;
mod pattern;
mod reach;
mod request;
mod topic;
mod words;

pub use access_type::AccessType;
pub use bounds::Bounds;
pub(crate) use bounds::duration as duration_words;
pub use compare::{Comparison, Relation, compare};
pub use decide::{Decision, Verdict, decide};
pub use grant::{Grant, Ids, NEVER_GRANTED, Submodules, TopicGrant};
pub use method::Method;
pub use reach::Reach;
pub use request::{Circumstances, InvalidRequest, Request, Selector, Target};

use serde_json::Value;

/// What is wrong with an MQTT topic filter, as the end of a sentence about it; nothing if it is one.
#[must_use]
pub fn filter_problem(text: &str) -> Option<&'static str> {
    topic::filter(text).err().map(topic::Malformed::words)
}

/// A mask over texts, with `*` for any number of characters and `?` for one.
#[derive(Debug, Clone)]
pub struct Mask {
    /// What every text begins with: most texts are told by it alone.
    start: String,
    pattern: pattern::Pattern<char>,
}

impl Mask {
    /// Reads a mask; any text is one.
    #[must_use]
    pub fn new(text: &str) -> Self {
        let end = text.find(['*', '?']).unwrap_or(text.len());
        Self { start: text[..end].to_owned(), pattern: pattern::mask(text) }
    }

    /// Whether the whole of `text` is as the mask says.
    #[must_use]
    pub fn matches(&self, text: &str) -> bool {
        text.starts_with(&self.start) && {
            let text: Vec<char> = text.chars().collect();
            pattern::matches(&self.pattern, &text)
        }
    }
}

/// Whether `text` is as `mask` says.
#[must_use]
pub fn mask_matches(mask: &str, text: &str) -> bool {
    Mask::new(mask).matches(text)
}

/// Whether some IPv4 address is as `mask` says.
#[must_use]
pub fn mask_fits_ipv4(mask: &str) -> bool {
    pattern::fits_ipv4(mask)
}

/// What a token can do, from where, and how long.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rights {
    /// Which requests.
    pub reach: Reach,
    /// From where and until when.
    pub bounds: Bounds,
    /// Whether it can be used at all at present.
    pub enabled: bool,
}

impl Rights {
    /// The rights of a token with these fields, spelled as the platform spells them. A field that is not there is at the
    /// platform's default: no bound.
    #[must_use]
    pub fn of<'a>(field: impl Fn(&str) -> Option<&'a Value>) -> Self {
        Self {
            reach: field("access").map_or(Reach::Nothing, Reach::of),
            bounds: Bounds::of(&field),
            enabled: field("enabled").and_then(Value::as_bool).unwrap_or(true),
        }
    }

    /// Whether the entry at this place of the access list, from zero, is about items that a manifest selects by what they
    /// are called.
    #[must_use]
    pub fn selects(&self, entry: usize) -> bool {
        self.reach.grants().iter().any(|grant| grant.entry == entry && grant.ids == Ids::Selected)
    }
}
