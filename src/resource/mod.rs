//! The nouns: what a manifest declares, what the platform reports, and how both are addressed.
//!
//! [`Desired`] and [`Actual`](crate::observe::Actual) are the two ordered sets that meet in
//! [`plan`](crate::plan). Nothing here knows YAML, HTTP or the terminal.
//!
//! Invariant: every map that can reach an output is ordered, so equal input gives equal bytes.

pub mod access;
mod account;
mod address;
mod bounds;
pub mod canonical;
mod claims;
mod fields;
pub mod guards;
pub mod kinds;
mod let_go;
mod lifetime;
mod mark;
mod pattern;
mod phase;
pub mod quota;
mod rotation;
pub mod selection;
mod signer;
pub mod stand_in;
mod tariff;
mod token_params;
mod window;

pub use account::{AccountPath, InvalidName, MAX_ACCOUNT_LEVELS, is_valid_name};
pub use address::{Address, InvalidAddress};
pub use claims::{Claim, Claims};
pub use fields::Fields;
pub use guards::Guards;
pub use kinds::Kind;
pub use let_go::LetGo;
pub use lifetime::{At, Bound, Lifetime, Span};
pub use mark::{
    Applied, EmailRequest, KeyNote, Mark, MarkProblem, PREFIX as MARK_PREFIX, digest_of,
};
pub use pattern::{AddressPattern, InvalidPattern};
pub use phase::Phase;
pub use rotation::{DEFAULT_OVERLAP, Generation, Issued, Order, Renew, Retire, Rotation};

pub use selection::{ItemType, Selection};
pub use signer::{MIN_KEY_BYTES, ShortKey, Signer};
pub use tariff::Tariff;
pub use window::{Opening, Window, opening};

use std::collections::{BTreeMap, BTreeSet};

use litemap::LiteMap;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use smol_str::SmolStr;

use crate::git::Commit;
use crate::secret::{PasswordForm, Sink, Source, Stores};
use crate::source::Origin;

/// Everything that a load of manifests asks for, checked and in canonical form.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Desired {
    /// Name of the stack that owns what is created.
    pub stack: String,
    /// What the stack was called before: marks with these names are its own.
    #[serde(default)]
    pub formerly: BTreeSet<SmolStr>,
    /// What the stack no longer manages and does not delete; of several entries for one object the first counts.
    #[serde(default)]
    pub let_go: Vec<LetGo>,
    /// How much a pass may destroy before a person has to look.
    pub guards: Guards,
    /// When risky steps may be done; empty: always.
    #[serde(default)]
    pub windows: Vec<Window>,
    /// The declared objects by address, without the excluded ones.
    #[serde(with = "by_address")]
    pub objects: BTreeMap<Address, Box<Declared>>,
    /// What is never looked at, whatever manifests and marks say of it.
    #[serde(default)]
    pub exclude: Vec<AddressPattern>,
    /// What a person asked for in this run, by token. If there is any, nothing else is done.
    #[serde(default)]
    pub orders: Vec<(Address, Order)>,
    /// Of what is not declared, what may be pruned; none: everything.
    #[serde(default)]
    pub prune_only: Option<BTreeSet<Address>>,
    /// What may declare something and was not read, in words; while there is any, nothing is pruned unasked.
    #[serde(default)]
    pub left_out: Vec<String>,
    /// The commit that the manifests are from, if they are from a repository.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commit: Option<Commit>,
}

impl Desired {
    /// The declared objects, by address.
    pub fn all(&self) -> impl Iterator<Item = &Declared> {
        self.objects.values().map(|declared| &**declared)
    }

    /// What is declared at `address`.
    pub fn get(&self, address: &Address) -> Option<&Declared> {
        self.objects.get(address).map(|declared| &**declared)
    }

    /// Takes out of sight what `patterns` mean. A field that refers to what is out of sight keeps
    /// whatever it has.
    pub fn exclude(&mut self, patterns: impl IntoIterator<Item = AddressPattern>) {
        self.exclude.extend(patterns);
        let Self {
            stack: _,
            formerly: _,
            let_go: _,
            guards: _,
            windows: _,
            objects,
            exclude,
            orders: _,
            prune_only: _,
            left_out: _,
            commit: _,
        } = self;
        if exclude.is_empty() {
            return;
        }
        let is_out = |address: &Address| exclude.iter().any(|pattern| pattern.matches(address));
        objects.retain(|address, _| !is_out(address));
        for declared in objects.values_mut() {
            declared.refs.retain(|_, to| !is_out(to));
            let kept = declared
                .fields
                .into_iter()
                .filter(|(_, value)| !stand_in::all_pointed_at(value).iter().any(is_out));
            declared.fields = kept.collect();
            declared.links = declared.links.take().filter(|links| {
                !links.iter().any(|to| matches!(to, Target::Declared(to) if is_out(to)))
            });
        }
    }

    /// Looks up the stores that sinks name.
    pub fn name_stores(&mut self, stores: &Stores) {
        for declared in self.objects.values_mut() {
            let password = declared.credentials.as_mut().and_then(|it| it.password.as_mut());
            let made = declared.secrets.values_mut().chain(password).flat_map(|it| it.sinks_mut());
            declared.deliver.iter_mut().chain(made).for_each(|sink| sink.name_store(stores));
        }
    }

    /// Whether `address` is never looked at.
    pub fn is_excluded(&self, address: &Address) -> bool {
        self.exclude.iter().any(|pattern| pattern.matches(address))
    }

    /// The entry that lets go of what has, or had, one of `addresses`.
    pub fn lets_go<'a>(
        &self,
        addresses: impl IntoIterator<Item = &'a Address> + Clone,
    ) -> Option<&LetGo> {
        self.let_go.iter().find(|entry| {
            addresses.clone().into_iter().any(|address| entry.objects.matches(address))
        })
    }

    /// What a person asked for about `address` in this run.
    pub fn order(&self, address: &Address) -> Option<Order> {
        self.orders.iter().find(|(ordered, _)| ordered == address).map(|(_, order)| *order)
    }

    /// Whether this run is about `address` at all.
    pub fn is_meant(&self, address: &Address) -> bool {
        self.orders.is_empty() || self.order(address).is_some()
    }
}

/// One object as a manifest declares it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Declared {
    /// What the object is called in manifests, marks and reports.
    pub address: Address,
    /// Where the manifest begins.
    pub origin: Origin,
    /// The row for which a template made it, if one did; the manifest is then that of the template.
    pub row: Option<Origin>,
    /// Where each declared field stands, by field name (`devices_count`, `credentials.email`).
    pub field_origins: LiteMap<SmolStr, Origin>,
    /// Binds the object to this id on the platform (`metadata.id`).
    pub bound_id: Option<i64>,
    /// The address that the object had before (`metadata.moved_from`).
    pub moved_from: Option<Box<Address>>,
    /// The stack that had the object before (`metadata.from_stack`).
    #[serde(default)]
    pub from_stack: Option<SmolStr>,
    /// The declared platform fields, as the platform spells them. A field that is not here is not
    /// managed. `metadata` and what refers to another object have members of their own.
    pub fields: Fields,
    /// The declared keys of the platform's `metadata`. Keys that are not here are kept as found.
    pub metadata: Fields,
    /// The objects that it refers to, by the platform's name of the field that holds their id.
    pub refs: LiteMap<SmolStr, Address>,
    /// What it is linked to, if its manifest says so.
    #[serde(default)]
    pub links: Option<BTreeSet<Target>>,
    /// Where the secrets inside of fields come from, by the places of their stand-ins.
    #[serde(default)]
    pub secrets: BTreeMap<String, Source>,
    /// Items that fields mean by what they are called, by the places of these selections.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub selections: BTreeMap<String, Selection>,
    /// What is expected of a token and depends on what its selections match.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub expectations: Vec<Expectation>,
    /// The log-in of a subaccount.
    pub credentials: Option<Box<Credentials>>,
    /// Where the key of a token goes.
    pub deliver: Vec<Sink>,
    /// How the key of a token is replaced from time to time.
    #[serde(default)]
    pub rotation: Option<Rotation>,
    /// What becomes of a token that is gone.
    #[serde(default)]
    pub renew: Renew,
    /// What may be done to the object.
    pub lifecycle: Lifecycle,
}

/// What a link leads to.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Target {
    /// Something that is declared.
    Declared(Address),
    /// Something of others, by its id.
    Foreign(i64),
}

/// The name under which [`Declared::field_origins`] has the entry at `index` of an access list.
pub fn acl_entry(index: usize) -> String {
    format!("access.acl.{index}")
}

impl Declared {
    /// Where the object is declared, in words: the manifest, and the row if it comes from a template.
    pub fn declared_at(&self) -> String {
        match &self.row {
            Some(row) => format!("{} with the row at {row}", self.origin),
            None => self.origin.to_string(),
        }
    }

    /// Whether the object, if it was deleted, may be restored rather than recreated.
    pub fn may_be_restored(&self) -> bool {
        self.lifecycle.restore && self.lifecycle.allows(Right::Create)
    }

    /// Notes a secret inside of a field, and gives what has its place there. The place is that of the manifest below
    /// `spec:`, with dots: `configuration.headers.0.value`.
    pub fn enclose(&mut self, place: &str, source: Source, origin: Origin) -> Value {
        self.secrets.insert(place.to_owned(), source);
        self.field_origins.insert(place.into(), origin);
        stand_in::stand_in(place)
    }

    /// Everything that it points at from inside of its fields.
    pub fn pointed_at(&self) -> Vec<Address> {
        if self.address.kind.row().pointers.is_empty() {
            return Vec::new();
        }
        self.fields.into_iter().flat_map(|(_, value)| stand_in::all_pointed_at(&value)).collect()
    }

    /// The limit of a declared subaccount.
    pub fn limit(&self) -> Option<&Address> {
        self.refs.get(kinds::LIMIT_FIELD)
    }

    /// The account path of a declared subaccount itself, not of its owner.
    pub fn own_path(&self) -> AccountPath {
        self.address.account.child(&self.address.name)
    }
}

/// A request that a token must be able to make, or must not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Expectation {
    /// Method and path, or `publish` or `subscribe` and a topic.
    pub request: String,
    /// Whether it must be allowed; else it must be denied.
    pub must_be_allowed: bool,
    /// The address that it comes from.
    pub ip: Option<String>,
    /// The web origin of the page that makes it.
    pub origin: Option<String>,
    /// Whether the items that it names are in groups.
    pub in_groups: Option<bool>,
}

/// E-mail and password with which a person logs in to a subaccount.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Credentials {
    /// The address; a change stays pending on the platform until its owner confirms it.
    pub email: Option<String>,
    /// Where the password comes from.
    pub password: Option<Source>,
    /// In what form it is sent; left out: as the platform most probably takes it.
    #[serde(default)]
    pub form: Option<PasswordForm>,
    /// The fewest characters that it may have; left out: no rule says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub least: Option<u16>,
}

/// A right that a manifest grants to the reconciler over one object.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Right {
    /// Read the object and refer to it.
    Observe,
    /// Create it where it is missing.
    Create,
    /// Change the fields that the manifest mentions.
    Update,
    /// Delete it when it is no longer declared.
    Delete,
}

/// What to do when the platform differs although the manifest did not change.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Drift {
    /// Set the declared value again.
    #[default]
    Heal,
    /// Report it and leave it.
    Report,
    /// Leave it, without a report.
    Ignore,
}

/// What may be done to an object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lifecycle {
    /// Never deleted, not even after its manifest is gone.
    pub protect: bool,
    /// Take over an unmarked object of the same name.
    pub adopt: bool,
    /// Restore a deleted object from the recycle bin rather than recreate it.
    pub restore: bool,
    /// The granted rights.
    pub rights: BTreeSet<Right>,
    /// What to do about drift.
    pub drift: Drift,
}

impl Default for Lifecycle {
    fn default() -> Self {
        Self {
            protect: false,
            adopt: false,
            restore: true,
            rights: BTreeSet::from([Right::Observe, Right::Create, Right::Update, Right::Delete]),
            drift: Drift::Heal,
        }
    }
}

impl Lifecycle {
    /// Whether `right` is granted.
    pub fn allows(&self, right: Right) -> bool {
        self.rights.contains(&right)
    }

    /// Whether the object is only referred to: neither created, changed, deleted nor marked.
    pub fn observe_only(&self) -> bool {
        !self.allows(Right::Create) && !self.allows(Right::Update) && !self.allows(Right::Delete)
    }

    /// Whether the mark must tell later runs, which have no manifest any more, to keep the object.
    pub fn keeps_forever(&self) -> bool {
        self.protect || !self.allows(Right::Delete)
    }
}

/// Addresses are the keys of a map in memory and stand inside the objects in a file.
mod by_address {
    use super::{Address, BTreeMap, Declared};
    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(
        objects: &BTreeMap<Address, Box<Declared>>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(objects.values())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<BTreeMap<Address, Box<Declared>>, D::Error> {
        let objects = Vec::<Box<Declared>>::deserialize(deserializer)?;
        Ok(objects.into_iter().map(|declared| (declared.address.clone(), declared)).collect())
    }
}
