//! Jobs: one or more steps that travel in the same calls.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::payload::{CredentialsJob, Edit, LinkJob, NewItem, NewToken, Parcel, Record};
use crate::plan::{Delivery, Retirement};
use crate::resource::kinds::Collection;
use crate::resource::{Kind, Signer};
use crate::secret::Sink;

/// Some steps, by their index in the plan, and the calls that do them.
#[derive(Debug)]
pub(super) struct Job {
    pub(super) steps: Vec<usize>,
    /// The objects that it writes to, as far as they exist.
    pub(super) objects: Vec<(Kind, i64)>,
    pub(super) work: Work,
}

/// The calls of a job. All ids are known.
#[derive(Debug)]
pub(super) enum Work {
    /// Make items of one kind in one account.
    Create { collection: Collection, owner: i64, items: Vec<NewItem> },
    /// Bring items of one kind back into one account.
    Restore { kind: Kind, owner: i64, buried: Vec<Record> },
    /// Make tokens in one account, and deliver their keys.
    CreateTokens { owner: i64, tokens: Vec<NewToken> },
    /// Deliver the key of a token that was issued before, and note that.
    HandOver { parcel: Parcel, sinks: Vec<Sink> },
    /// Say in the mark of a token that its successor has taken its place, and delete it.
    Retire { token: Box<Retirement>, signer: Signer },
    /// Set the same fields on all ids.
    Update { collection: Collection, ids: Vec<i64>, edit: Edit },
    /// Deliver the key of an existing token, after setting fields if there are any.
    Deliver { parcel: Parcel, body: Map<String, Value>, delivery: Delivery },
    /// Set the same metadata on all ids, in which no mark of ours is left but the one it holds.
    Forget { collection: Collection, ids: Vec<i64>, metadata: Map<String, Value> },
    /// Set e-mail or password of a subaccount.
    Credentials(Box<CredentialsJob>),
    /// Link an object to others.
    Link(Box<LinkJob>),
    /// Delete all ids.
    Delete { collection: Collection, ids: Vec<i64> },
}

/// Ids of the objects that an object refers to, by the field that holds them.
pub(super) type Ids = BTreeMap<String, i64>;

/// What became of one step of a job.
#[derive(Debug)]
pub(super) struct Done {
    /// The object's id.
    pub(super) id: Option<i64>,
    /// What the platform says that it refers to now.
    pub(super) refs: Ids,
    /// The metadata that the object has now, if the job wrote it.
    pub(super) metadata: Option<Map<String, Value>>,
    /// Where people log in to it, if they do.
    pub(super) page: Option<String>,
    /// What waits for somebody else.
    pub(super) pending: Option<String>,
    /// How often it was tried.
    pub(super) attempts: u32,
}

impl Done {
    pub(super) fn with_id(id: i64) -> Self {
        Self {
            id: Some(id),
            refs: Ids::new(),
            metadata: None,
            page: None,
            pending: None,
            attempts: 1,
        }
    }
}

/// Why a step was not done, in words that hold no secret.
#[derive(Debug, Clone)]
pub(super) struct Failure {
    pub(super) what: String,
    pub(super) attempts: u32,
    /// The object's id, if it came about all the same.
    pub(super) id: Option<i64>,
}

impl Failure {
    pub(super) fn new(what: impl Into<String>) -> Self {
        Self { what: what.into(), attempts: 1, id: None }
    }

    /// The object is there, and not as it was to be.
    pub(super) fn of_object(id: i64, what: impl Into<String>) -> Self {
        Self { id: Some(id), ..Self::new(what) }
    }
}

impl From<crate::api::ApiError> for Failure {
    fn from(error: crate::api::ApiError) -> Self {
        Self { attempts: error.attempts, what: error.to_string(), id: None }
    }
}

pub(super) type Results = Vec<Result<Done, Failure>>;
