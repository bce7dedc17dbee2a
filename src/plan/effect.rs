//! What steps do on the platform.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};
use smol_str::SmolStr;

use crate::observe::KeyAt;
use crate::resource::{Address, KeyNote, Kind, Mark};
use crate::secret::{PasswordForm, Sink, Source};

/// What a step does on the platform, with everything decided but the ids that other steps make.
#[derive(Debug, Clone)]
pub enum Effect {
    /// Make an object.
    Create(Box<CreateEffect>),
    /// Bring back the object with this id.
    Restore {
        /// What it is.
        kind: Kind,
        /// The record of the recycle bin that holds it.
        record: i64,
        /// The id that it had and will have.
        id: i64,
        /// The account in whose recycle bin it lies.
        owner: i64,
    },
    /// Set fields of the object with this id.
    Update(Box<UpdateEffect>),
    /// Verify what an object was created with that refers to others, and repair it.
    Verify(References),
    /// Have an existing object refer to others.
    Assign {
        /// What it is.
        kind: Kind,
        /// Its id.
        id: i64,
        /// What it is to refer to.
        refs: References,
        /// What to note in the mark if the call is made for this object alone.
        refresh: Box<MarkEdit>,
    },
    /// Set e-mail or password of a subaccount.
    Credentials(Box<CredentialsEffect>),
    /// Delete the object with this id.
    Delete {
        /// What it is.
        kind: Kind,
        /// Its id.
        id: i64,
        /// The object that it is in, if that is no account.
        inside: Option<i64>,
    },
    /// Link an object to others, and take other links away.
    Link(Box<LinkEffect>),
    /// Take the mark away from an object, or say in it which stack may take the object over.
    Forget(Box<Forgetting>),
    /// Bring the key of a token that was issued before to all its sinks.
    HandOver(Box<HandOver>),
    /// Delete a token whose successor is delivered.
    Retire(Box<Retirement>),
}

impl Effect {
    /// The account that is deleted, if one is.
    pub fn deleted_account(&self) -> Option<i64> {
        self.deleted().filter(|(kind, _)| kind.is_account()).map(|(_, id)| id)
    }

    /// The token that is deleted and not followed by another one, if one is.
    pub fn deleted_token(&self) -> Option<i64> {
        self.deleted().filter(|(kind, _)| kind.is_key()).map(|(_, id)| id)
    }

    fn deleted(&self) -> Option<(Kind, i64)> {
        match self {
            Self::Delete { kind, id, .. } => Some((*kind, *id)),
            _ => None,
        }
    }
}

/// What an object refers to, by the platform's name of the field that holds the id; or what its fields point at, by
/// address.
pub type References = BTreeMap<String, Reference>;

/// An object that another one refers to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reference {
    /// What it is called.
    pub to: Address,
    /// Its id, if it exists already.
    pub id: Option<i64>,
}

/// How an object is made.
#[derive(Debug, Clone)]
pub struct CreateEffect {
    /// What it is.
    pub kind: Kind,
    /// The account that will hold it; `None` if a step of this plan makes that account.
    pub owner: Option<i64>,
    /// The object of that account in which it will be, for the kinds that are inside of others.
    pub inside: Option<Reference>,
    /// The fields, the mark included, without those that refer to other objects.
    pub body: Map<String, Value>,
    /// What the fields point at.
    pub pointers: References,
    /// What it refers to, which goes into the same call.
    pub refs: References,
    /// Where the secrets inside of the fields come from, by the places of their stand-ins.
    pub secrets: BTreeMap<String, Source>,
    /// Where the key of a token goes.
    pub deliver: Vec<Sink>,
    /// A token that is deleted first: the new one takes its place, since nobody ever got its key.
    pub instead_of: Option<i64>,
    /// Whether the token before it ended by its own bounds, and nobody deleted it.
    pub follows_lapsed: bool,
}

/// How an object is changed.
#[derive(Debug, Clone)]
pub struct UpdateEffect {
    /// What it is.
    pub kind: Kind,
    /// Its id.
    pub id: i64,
    /// The account that holds it.
    pub owner: i64,
    /// The object that it is in, if that is no account.
    pub inside: Option<i64>,
    /// The fields to set, `metadata` aside.
    pub fields: Map<String, Value>,
    /// What the fields point at.
    pub pointers: References,
    /// Where the secrets inside of declared fields come from, by the places of their stand-ins.
    pub secrets: BTreeMap<String, Source>,
    /// The metadata as it was observed, foreign keys included.
    pub metadata: Map<String, Value>,
    /// Keys to set in the metadata.
    pub metadata_set: Map<String, Value>,
    /// What to note in the mark, in any case.
    pub mark: Option<MarkEdit>,
    /// What to note in the mark if the call is made for this object alone. One call for many
    /// objects is worth more than telling later whether a person or a manifest changed a field.
    pub refresh: Option<MarkEdit>,
    /// How the key of a token gets to sinks that lack it.
    pub deliver: Option<Delivery>,
}

/// How an object is linked.
#[derive(Debug, Clone)]
pub struct LinkEffect {
    /// Its id; `None` if a step of this plan makes it.
    pub id: Option<i64>,
    /// The account that holds it; `None` if a step of this plan makes that account.
    pub owner: Option<i64>,
    /// Its metadata as it was observed.
    pub metadata: Map<String, Value>,
    /// What it is linked to.
    pub add: Vec<LinkTo>,
    /// The ids of what it is linked to no longer.
    pub remove: Vec<i64>,
    /// What to note of its links in its mark afterwards; none if nothing hangs on that.
    pub note: Option<Value>,
}

/// What a new link leads to.
#[derive(Debug, Clone)]
pub enum LinkTo {
    /// Something that is declared.
    Object(Reference),
    /// Something of others, by its id.
    Id(i64),
}

/// How a mark changes; what is not named here stays.
#[derive(Debug, Clone)]
pub struct MarkEdit {
    /// The account that holds the object.
    pub owner: i64,
    /// The stack.
    pub stack: String,
    /// The address.
    pub address: Address,
    /// The address from which the object is renamed, if it is.
    pub moved_from: Option<Box<Address>>,
    /// Whether the object outlives its manifest.
    pub protect: bool,
    /// Canonical values that were applied with this step, by field.
    pub applied: Vec<(String, Value)>,
    /// The e-mail address that the account has as declared; none: what the mark says of it stays.
    pub email: Option<Value>,
    /// What became of the key of a token; none: what the mark says of it stays.
    pub key: Option<KeyNote>,
    /// The places of declared secrets: what the mark remembers of others is forgotten.
    pub secrets: BTreeSet<String>,
    /// The metadata as it was observed.
    pub base: Map<String, Value>,
}

/// How the key of an existing token gets to where it belongs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// Every sink of the token.
    pub all: Vec<Sink>,
    /// Those that lack the key.
    pub lacking: Vec<Sink>,
    /// Where the key is to be had.
    pub from: KeyAt,
}

/// How credentials are set.
#[derive(Debug, Clone)]
pub struct CredentialsEffect {
    /// The stack, for the mark of the bootstrap token.
    pub stack: String,
    /// The account that holds the subaccount; `None` if a step of this plan makes that account.
    pub owner: Option<i64>,
    /// Id of the subaccount; `None` if a step of this plan makes it.
    pub id: Option<i64>,
    /// The metadata as it was observed.
    pub metadata: Map<String, Value>,
    /// The e-mail address to ask for.
    pub email: Option<String>,
    /// The address that the account has before that; empty: none.
    pub email_before: String,
    /// Where the password to set comes from.
    pub password: Option<Source>,
    /// In what form the password is sent.
    pub form: Option<PasswordForm>,
    /// The fewest characters that the password may have.
    pub least: Option<u16>,
}

/// How an object is let go.
#[derive(Debug, Clone)]
pub struct Forgetting {
    /// What it is.
    pub kind: Kind,
    /// Its id.
    pub id: i64,
    /// The account that holds it.
    pub owner: i64,
    /// The object that it is in, if that is no account.
    pub inside: Option<i64>,
    /// Its metadata as it was observed.
    pub metadata: Map<String, Value>,
    /// The stack that may take it over; none: its mark is removed.
    pub to: Option<SmolStr>,
}

impl Forgetting {
    /// `metadata` of the object as it is to be, without a signature.
    pub fn written(&self, mut metadata: Map<String, Value>) -> Map<String, Value> {
        match (&self.to, Mark::read(&metadata)) {
            (Some(to), Ok(Some(mark))) => {
                Mark { released_to: Some(to.clone()), ..mark }.write(&mut metadata);
            }
            _ => Mark::erase(&mut metadata),
        }
        metadata
    }
}

/// How the key of a token that is there comes to its sinks.
#[derive(Debug, Clone)]
pub struct HandOver {
    /// Its id.
    pub id: i64,
    /// The account that holds it.
    pub owner: i64,
    /// Its metadata as it was observed.
    pub metadata: Map<String, Value>,
    /// All its sinks, whatever they hold.
    pub deliver: Vec<Sink>,
}

/// How a token goes whose successor is delivered: its mark says so first, so that it is not taken
/// for something that was deleted by mistake.
#[derive(Debug, Clone)]
pub struct Retirement {
    /// Its id.
    pub id: i64,
    /// The account that holds it.
    pub owner: i64,
    /// The stack.
    pub stack: String,
    /// Its address.
    pub address: Address,
    /// Its metadata as it was observed.
    pub metadata: Map<String, Value>,
    /// Which one of its address it is.
    pub generation: u32,
    /// What a person should know before it goes.
    pub danger: Option<String>,
}
