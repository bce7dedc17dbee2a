//! What was learnt and done so far in a run.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::doubles::MadeHere;
use super::job::Ids;
use super::report::StepReport;
use crate::plan::{EMAIL_FIELD, MarkEdit, Plan, Reference, References};
use crate::resource::kinds::Collection;
use crate::resource::{Address, Applied, Kind, Mark, Signer};

/// An object that this run made.
#[derive(Debug, Clone)]
pub(super) struct Made {
    pub(super) id: i64,
    /// What the platform says that it refers to.
    pub(super) refs: Ids,
    /// The account that holds it; none if it was there before, in the recycle bin.
    pub(super) owner: Option<i64>,
    /// The object in which it is, if that is no account.
    pub(super) inside: Option<i64>,
}

/// Ids of objects that this run made, and metadata that this run wrote.
#[derive(Debug, Default)]
pub(super) struct Learnt {
    made: BTreeMap<Address, Made>,
    metadata: BTreeMap<(Kind, i64), Map<String, Value>>,
    /// Objects that are there and are not what they were to be.
    half_made: Vec<MadeHere>,
}

impl Learnt {
    pub(super) fn made(&self, address: &Address) -> Option<&Made> {
        self.made.get(address)
    }

    pub(super) fn id(&self, address: &Address) -> Option<i64> {
        self.made.get(address).map(|made| made.id)
    }

    /// The ids of what a step refers to.
    ///
    /// # Errors
    /// What is not there, in words.
    pub(super) fn resolve(&self, refs: &References) -> Result<Ids, String> {
        refs.iter().map(|(field, to)| Ok((field.clone(), self.target(to)?))).collect()
    }

    /// The id of an object that a step refers to.
    ///
    /// # Errors
    /// That it is not there, in words.
    pub(super) fn target(&self, reference: &Reference) -> Result<i64, String> {
        let id = reference.id.or_else(|| self.id(&reference.to));
        id.ok_or_else(|| format!("the {} is missing", reference.to.kind))
    }

    pub(super) fn note_made(&mut self, address: Address, made: Made, metadata: Map<String, Value>) {
        self.metadata.insert((address.kind, made.id), metadata);
        self.made.insert(address, made);
    }

    /// Everything that this run created.
    pub(super) fn all_made(&self) -> impl Iterator<Item = MadeHere> + '_ {
        let made = self.made.iter().filter_map(|(address, made)| {
            let collection = Collection::new(address.kind, made.inside);
            Some(MadeHere { collection, id: made.id, owner: made.owner? })
        });
        made.chain(self.half_made.iter().cloned())
    }

    pub(super) fn note_half_made(&mut self, collection: Collection, id: i64, owner: Option<i64>) {
        self.half_made.extend(owner.map(|owner| MadeHere { collection, id, owner }));
    }

    pub(super) fn note_metadata(&mut self, kind: Kind, id: i64, metadata: Map<String, Value>) {
        self.metadata.insert((kind, id), metadata);
    }

    /// The newest metadata of an object: what this run wrote or, failing that, what was observed.
    pub(super) fn metadata(
        &self,
        kind: Kind,
        id: i64,
        observed: &Map<String, Value>,
    ) -> Map<String, Value> {
        self.metadata.get(&(kind, id)).unwrap_or(observed).clone()
    }
}

/// `metadata` with the mark as `edit` wants it. What the mark knows beside that is kept.
pub(super) fn marked(
    mut metadata: Map<String, Value>,
    edit: &MarkEdit,
    signer: &Signer,
) -> Map<String, Value> {
    let MarkEdit {
        owner,
        stack,
        address,
        moved_from,
        protect,
        applied,
        email,
        key,
        secrets,
        base: _,
    } = edit;
    let known = Mark::read(&metadata).ok().flatten().filter(|mark| mark.stack == *stack);
    let mut mark = known.unwrap_or_else(|| Mark::new(stack, address.clone()));
    mark.address = address.clone();
    mark.moved_from.clone_from(moved_from);
    mark.protect = *protect;
    let before = std::mem::replace(
        &mut mark.applied,
        Applied::of(applied.iter().map(|(name, value)| (name.as_str(), value))),
    );
    match email {
        Some(email) => mark.applied.note(EMAIL_FIELD, email),
        None => mark.applied.keep(&before, EMAIL_FIELD),
    }
    mark.secrets.retain(|place, _| secrets.contains(place));
    if let Some(key) = key {
        mark.key = Some(key.clone());
    }
    mark.write(&mut metadata);
    signer.sign(*owner, &mut metadata);
    metadata
}

/// The entries of a report in the making.
#[derive(Debug)]
pub(super) struct Ledger {
    pub(super) entries: Vec<StepReport>,
}

impl Ledger {
    /// Nothing has begun.
    pub(super) fn new(plan: &Plan) -> Self {
        Self { entries: plan.steps.iter().map(StepReport::not_started).collect() }
    }
}
