//! What the calls of a job are about, with every id known.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::api::Item;
use crate::resource::kinds::LinkRow;
use crate::resource::{Address, Kind, Mark, Signer};
use crate::secret::{PasswordForm, Sink, Source};

/// Something to be made.
#[derive(Debug, Clone)]
pub(super) struct NewItem {
    pub(super) address: Address,
    pub(super) stack: String,
    /// Its fields, with stand-ins for secrets.
    pub(super) item: Item,
    /// Where these secrets come from.
    pub(super) sources: Sources,
}

/// A token to be made.
#[derive(Debug, Clone)]
pub(super) struct NewToken {
    pub(super) item: NewItem,
    /// Where its key goes.
    pub(super) sinks: Vec<Sink>,
    /// A token that goes first, since nobody ever got its key.
    pub(super) instead_of: Option<i64>,
}

/// Where secrets come from, by the places of their stand-ins.
pub(super) type Sources = BTreeMap<String, Source>;

/// What is set on existing objects.
#[derive(Debug)]
pub(super) struct Edit {
    pub(super) item: Item,
    /// The secrets that belong into it; only an edit of one object has any.
    pub(super) enclosing: Option<Enclosing>,
}

/// Secrets that belong into an item once it is sent.
#[derive(Debug)]
pub(super) struct Enclosing {
    pub(super) sources: Sources,
    /// The account that holds the object.
    pub(super) owner: i64,
    /// What the object is.
    pub(super) kind: Kind,
}

impl NewItem {
    /// What the item has to have once it is made. What it refers to is a step of its own.
    pub(super) fn verified(&self) -> Map<String, Value> {
        let mut body = self.item.body.clone();
        for (field, _) in self.address.kind.refs() {
            body.remove(field);
        }
        body
    }

    /// Whether `item` carries the mark that this one was given, of the same generation.
    pub(super) fn is(&self, item: &Map<String, Value>) -> bool {
        let mark_of = |metadata: Option<&Value>| {
            Mark::read(metadata.and_then(Value::as_object)?).ok().flatten()
        };
        let number = mark_of(self.item.body.get("metadata")).map_or(1, |mark| mark.number());
        let mark = mark_of(item.get("metadata"));
        mark.is_some_and(|mark| {
            mark.stack == self.stack && mark.address == self.address && mark.number() == number
        })
    }
}

/// What to bring back.
#[derive(Debug, Clone, Copy)]
pub(super) struct Record {
    /// The record of the recycle bin.
    pub(super) record: i64,
    /// The id that the object had.
    pub(super) id: i64,
}

/// A token whose key is to be brought somewhere.
#[derive(Debug, Clone)]
pub(super) struct Parcel {
    /// Id of the token.
    pub(super) id: i64,
    /// The account that holds it.
    pub(super) owner: i64,
    /// Its newest metadata.
    pub(super) metadata: Map<String, Value>,
}

/// Everything that one credentials step needs.
#[derive(Debug)]
pub(super) struct CredentialsJob {
    pub(super) stack: String,
    pub(super) signer: Signer,
    /// The account that holds the subaccount.
    pub(super) owner: i64,
    /// The subaccount.
    pub(super) address: Address,
    pub(super) id: i64,
    /// Its newest metadata.
    pub(super) metadata: Map<String, Value>,
    pub(super) email: Option<String>,
    /// The address that the account has; empty: none.
    pub(super) email_before: String,
    pub(super) password: Option<Source>,
    pub(super) form: PasswordForm,
    /// The fewest characters that the password may have.
    pub(super) least: Option<u16>,
}

/// Everything that one link step needs.
#[derive(Debug)]
pub(super) struct LinkJob {
    pub(super) kind: Kind,
    pub(super) link: &'static LinkRow,
    pub(super) id: i64,
    /// The account that holds it.
    pub(super) owner: i64,
    pub(super) add: Vec<i64>,
    pub(super) remove: Vec<i64>,
    /// What to note of its links in its mark afterwards.
    pub(super) note: Option<Value>,
    /// Its newest metadata.
    pub(super) metadata: Map<String, Value>,
    pub(super) signer: Signer,
}
