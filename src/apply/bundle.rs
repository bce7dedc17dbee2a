//! Which steps travel in the same calls, and what those calls say.
//!
//! How few calls there could be at best is said in [`Plan::least_writes`].
//!
//! Steps are bundled when they may begin, and a bundle becomes a job only when it does begin: by then other jobs may
//! have written to the same objects, and each write starts from what the one before left.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::job::{Ids, Job, Work};
use super::ledger::{Learnt, marked};
use super::payload::{CredentialsJob, Edit, Enclosing, LinkJob, NewItem, NewToken, Parcel, Record};
use crate::assumptions::{IDS_PER_CALL, PASSWORD_FORM};
use crate::plan::{
    CreateEffect, CredentialsEffect, Effect, Forgetting, HandOver, LinkEffect, LinkTo, MarkEdit,
    Plan, Retirement, UpdateEffect,
};
use crate::resource::kinds::{Collection, LinkRow};
use crate::resource::{AccountPath, Address, Kind, Signer, stand_in};

/// Steps that travel together, by their index in the plan.
#[derive(Debug)]
pub(super) struct Bundle<'a> {
    pub(super) steps: Vec<usize>,
    /// The objects that the calls write to, as far as they exist: nobody else may write to them meanwhile.
    pub(super) objects: Vec<(Kind, i64)>,
    cargo: Cargo<'a>,
}

/// What a bundle does.
#[derive(Debug)]
enum Cargo<'a> {
    Create {
        collection: Collection,
        owner: i64,
        creations: Vec<Creation<'a>>,
    },
    Restore {
        kind: Kind,
        owner: i64,
        buried: Vec<Record>,
    },
    Update(&'a UpdateEffect),
    /// The same fields for all, and no mark.
    UpdateAll(&'a UpdateEffect),
    Assign {
        kind: Kind,
        refs: Ids,
        refresh: Option<&'a MarkEdit>,
    },
    Credentials {
        owner: i64,
        id: i64,
        effect: &'a CredentialsEffect,
        address: &'a Address,
    },
    Forget(&'a Forgetting),
    HandOver(&'a HandOver),
    Retire(&'a Retirement),
    Link {
        owner: i64,
        id: i64,
        add: Vec<i64>,
        effect: &'a LinkEffect,
        kind: Kind,
        link: &'static LinkRow,
    },
    Delete(Collection),
}

/// A step that makes an object.
#[derive(Debug, Clone)]
struct Creation<'a> {
    /// Its place in the plan.
    at: usize,
    effect: &'a CreateEffect,
    /// What the object refers to.
    refs: Ids,
    /// What its fields point at, by address.
    pointers: Ids,
}

/// A step that has an object refer to others: its place in the plan, the object, and what to note in its mark.
type Assigned<'a> = (usize, i64, Option<&'a MarkEdit>);

/// Steps by what they have in common.
#[derive(Default)]
struct Groups<'a> {
    creations: BTreeMap<(Collection, i64), Vec<Creation<'a>>>,
    returns: BTreeMap<(Kind, i64), Vec<(usize, Record)>>,
    updates: BTreeMap<(Collection, String), Vec<(usize, &'a UpdateEffect)>>,
    assigns: BTreeMap<(Kind, Ids), Vec<Assigned<'a>>>,
    forgotten: BTreeMap<(Collection, String), Vec<(usize, &'a Forgetting)>>,
    deletions: BTreeMap<Collection, Vec<(usize, i64)>>,
}

/// What is needed to turn steps into calls.
#[derive(Clone, Copy)]
pub(super) struct Bundler<'a, 'l> {
    pub(super) plan: &'a Plan,
    pub(super) learnt: &'l Learnt,
    pub(super) signer: &'l Signer,
}

const NO_ACCOUNT: &str = "the account that holds it is missing";

impl<'a> Bundler<'a, '_> {
    /// Bundles steps that can travel together, in the plan's order; and those that cannot begin, with the reason.
    pub(super) fn bundle(self, ready: &[usize]) -> (Vec<Bundle<'a>>, Vec<(usize, String)>) {
        let mut groups = Groups::default();
        let mut bundles = Vec::new();
        let mut stuck = Vec::new();
        for at in ready.iter().copied() {
            match self.sort(at, &mut groups) {
                Ok(alone) => bundles.extend(alone),
                Err(reason) => stuck.push((at, reason)),
            }
        }
        bundles.extend(groups.close());
        (bundles, stuck)
    }

    /// Puts a step into its group, or makes a bundle of it alone.
    fn sort(self, at: usize, groups: &mut Groups<'a>) -> Result<Option<Bundle<'a>>, String> {
        let Groups { creations, returns, updates, assigns, forgotten, deletions } = groups;
        let step = &self.plan.steps[at];
        let address = &step.address;
        let alone = |kind, id, cargo| {
            Ok(Some(Bundle { steps: vec![at], objects: vec![(kind, id)], cargo }))
        };
        match &step.effect {
            Effect::Create(effect) => {
                let owner =
                    effect.owner.or_else(|| self.made(&address.account)).ok_or(NO_ACCOUNT)?;
                let refs = self.learnt.resolve(&effect.refs)?;
                let pointers = self.learnt.resolve(&effect.pointers)?;
                let inside = match &effect.inside {
                    Some(holder) => Some(self.learnt.target(holder)?),
                    None => None,
                };
                let creation = Creation { at, effect, refs, pointers };
                let key = (Collection::new(effect.kind, inside), owner);
                creations.entry(key).or_default().push(creation);
            }
            Effect::Restore { kind, record, id, owner } => {
                let record = Record { record: *record, id: *id };
                returns.entry((*kind, *owner)).or_default().push((at, record));
            }
            Effect::Update(effect) if travels_with_others(effect) => {
                let body = Value::Object(effect.fields.clone()).to_string();
                let collection = Collection::new(effect.kind, effect.inside);
                updates.entry((collection, body)).or_default().push((at, effect));
            }
            Effect::Update(effect) => {
                // What is missing is told before anything is sent.
                self.learnt.resolve(&effect.pointers)?;
                return alone(effect.kind, effect.id, Cargo::Update(effect));
            }
            Effect::Verify(refs) => {
                let id = self.learnt.id(address);
                let id = id.ok_or_else(|| format!("the {} is missing", address.kind))?;
                let key = (address.kind, self.learnt.resolve(refs)?);
                assigns.entry(key).or_default().push((at, id, None));
            }
            Effect::Assign { kind, id, refs, refresh } => {
                let key = (*kind, self.learnt.resolve(refs)?);
                assigns.entry(key).or_default().push((at, *id, Some(refresh)));
            }
            Effect::Credentials(effect) => {
                let id = effect.id.or_else(|| self.learnt.id(address));
                let id = id.ok_or_else(|| format!("the {} is missing", address.kind))?;
                let owner =
                    effect.owner.or_else(|| self.made(&address.account)).ok_or(NO_ACCOUNT)?;
                let cargo = Cargo::Credentials { owner, id, effect, address };
                return alone(Kind::ACCOUNT, id, cargo);
            }
            Effect::Forget(effect) if effect.to.is_some() => {
                return alone(effect.kind, effect.id, Cargo::Forget(effect));
            }
            Effect::Forget(effect) => {
                let body = Value::Object(self.forgotten(effect)).to_string();
                let collection = Collection::new(effect.kind, effect.inside);
                forgotten.entry((collection, body)).or_default().push((at, effect));
            }
            Effect::HandOver(effect) => {
                return alone(Kind::KEY, effect.id, Cargo::HandOver(effect));
            }
            Effect::Retire(effect) => return alone(Kind::KEY, effect.id, Cargo::Retire(effect)),
            Effect::Link(effect) => {
                let id = effect.id.or_else(|| self.learnt.id(address));
                let id = id.ok_or_else(|| format!("the {} is missing", address.kind))?;
                let owner =
                    effect.owner.or_else(|| self.made(&address.account)).ok_or(NO_ACCOUNT)?;
                let kind = address.kind;
                let link = kind.row().link.ok_or("nothing can be linked to it")?;
                let add = effect.add.iter().map(|to| match to {
                    LinkTo::Id(id) => Ok(*id),
                    LinkTo::Object(reference) => self.learnt.target(reference),
                });
                let add = add.collect::<Result<Vec<i64>, String>>()?;
                return alone(kind, id, Cargo::Link { owner, id, add, effect, kind, link });
            }
            Effect::Delete { kind, id, inside } => {
                let collection = Collection::new(*kind, *inside);
                deletions.entry(collection).or_default().push((at, *id));
            }
        }
        Ok(None)
    }

    /// The id of an account that this run made.
    fn made(self, path: &AccountPath) -> Option<i64> {
        self.learnt.id(&Address::of_account(path)?)
    }

    /// The calls of a bundle that begins now.
    pub(super) fn job(self, bundle: Bundle<'_>) -> Job {
        let Bundle { steps, objects, cargo } = bundle;
        let ids: Vec<i64> = objects.iter().map(|(_, id)| *id).collect();
        let work = match cargo {
            Cargo::Create { collection, owner, creations } => {
                self.creation(collection, owner, &creations)
            }
            Cargo::Restore { kind, owner, buried } => Work::Restore { kind, owner, buried },
            Cargo::Update(effect) => self.update(effect),
            Cargo::UpdateAll(effect) => {
                let collection = Collection::new(effect.kind, effect.inside);
                Work::Update { collection, ids, edit: plain(effect.fields.clone()) }
            }
            Cargo::Assign { kind, refs, refresh } => self.assignment(kind, refs, ids, refresh),
            Cargo::Credentials { owner, id, effect, address } => {
                Work::Credentials(Box::new(CredentialsJob {
                    owner,
                    signer: self.signer.clone(),
                    stack: effect.stack.clone(),
                    address: address.clone(),
                    id,
                    metadata: self.learnt.metadata(Kind::ACCOUNT, id, &effect.metadata),
                    email: effect.email.clone(),
                    email_before: effect.email_before.clone(),
                    password: effect.password.clone(),
                    form: effect.form.unwrap_or(PASSWORD_FORM),
                    least: effect.least,
                }))
            }
            Cargo::Forget(effect) => {
                let collection = Collection::new(effect.kind, effect.inside);
                Work::Forget { collection, ids, metadata: self.forgotten(effect) }
            }
            Cargo::HandOver(effect) => {
                let metadata = self.learnt.metadata(Kind::KEY, effect.id, &effect.metadata);
                let parcel = Parcel { id: effect.id, owner: effect.owner, metadata };
                Work::HandOver { parcel, sinks: effect.deliver.clone() }
            }
            Cargo::Retire(effect) => {
                let metadata = self.learnt.metadata(Kind::KEY, effect.id, &effect.metadata);
                let token = Retirement { metadata, ..effect.clone() };
                Work::Retire { token: Box::new(token), signer: self.signer.clone() }
            }
            Cargo::Link { owner, id, add, effect, kind, link } => Work::Link(Box::new(LinkJob {
                kind,
                link,
                id,
                owner,
                add,
                remove: effect.remove.clone(),
                note: effect.note.clone(),
                metadata: self.learnt.metadata(kind, id, &effect.metadata),
                signer: self.signer.clone(),
            })),
            Cargo::Delete(collection) => Work::Delete { collection, ids },
        };
        Job { steps, objects, work }
    }

    fn creation(self, collection: Collection, owner: i64, creations: &[Creation<'_>]) -> Work {
        let item = |creation: &Creation<'_>| self.new_item(creation, owner);
        match collection.kind.is_key() {
            true => Work::CreateTokens {
                owner,
                tokens: creations.iter().map(|creation| self.new_token(creation, owner)).collect(),
            },
            false => {
                Work::Create { collection, owner, items: creations.iter().map(item).collect() }
            }
        }
    }

    fn new_token(self, creation: &Creation<'_>, owner: i64) -> NewToken {
        NewToken {
            item: self.new_item(creation, owner),
            sinks: creation.effect.deliver.clone(),
            instead_of: creation.effect.instead_of,
        }
    }

    fn new_item(self, creation: &Creation<'_>, owner: i64) -> NewItem {
        let Creation { at, effect, refs, pointers } = creation;
        let mut body = filled(&effect.body, pointers);
        body.extend(fields(refs));
        if let Some(Value::Object(metadata)) = body.get_mut("metadata") {
            self.signer.sign(owner, metadata);
        }
        let address = self.plan.steps[*at].address.clone();
        let sources = effect.secrets.clone();
        NewItem { address, stack: self.plan.stack.clone(), item: body.into(), sources }
    }

    /// The metadata of an object that is let go.
    fn forgotten(self, effect: &Forgetting) -> Map<String, Value> {
        let known = self.learnt.metadata(effect.kind, effect.id, &effect.metadata);
        let mut metadata = effect.written(known);
        self.signer.sign(effect.owner, &mut metadata);
        metadata
    }

    /// One object alone, whose mark goes along.
    fn update(self, effect: &UpdateEffect) -> Work {
        let UpdateEffect {
            kind,
            id,
            owner,
            inside,
            fields,
            pointers,
            secrets,
            metadata,
            metadata_set,
            mark,
            refresh,
            deliver,
        } = effect;
        // Whatever was missing kept the step from beginning.
        let mut body = filled(fields, &self.learnt.resolve(pointers).unwrap_or_default());
        let metadata = self.learnt.metadata(*kind, *id, metadata);
        if let Some(edit) = mark.as_ref().or(refresh.as_ref().filter(|_| !fields.is_empty())) {
            let mut metadata = metadata.clone();
            metadata.extend(metadata_set.clone());
            // Where nothing is wanted, nothing is left: a key without a value is compared like one that is not there.
            metadata.retain(|key, value| !(value.is_null() && metadata_set.contains_key(key)));
            let metadata = marked(metadata, edit, self.signer);
            body.insert("metadata".to_owned(), Value::Object(metadata));
        }
        match deliver {
            None => {
                let sources = secrets.clone();
                let enclosing = (!sources.is_empty()).then_some(Enclosing {
                    sources,
                    owner: *owner,
                    kind: *kind,
                });
                let edit = Edit { item: body.into(), enclosing };
                let collection = Collection::new(*kind, *inside);
                Work::Update { collection, ids: vec![*id], edit }
            }
            Some(delivery) => {
                let parcel = Parcel { id: *id, owner: *owner, metadata };
                Work::Deliver { parcel, body, delivery: delivery.clone() }
            }
        }
    }

    fn assignment(self, kind: Kind, refs: Ids, ids: Vec<i64>, refresh: Option<&MarkEdit>) -> Work {
        let mut body = fields(&refs);
        if let ([id], Some(refresh)) = (ids.as_slice(), refresh) {
            let known = self.learnt.metadata(kind, *id, &refresh.base);
            let metadata = marked(known, refresh, self.signer);
            body.insert("metadata".to_owned(), Value::Object(metadata));
        }
        Work::Update { collection: kind.into(), ids, edit: plain(body) }
    }
}

impl<'a> Groups<'a> {
    /// Cuts groups into bundles of the size that one call takes.
    fn close(self) -> Vec<Bundle<'a>> {
        let Self { creations, returns, updates, assigns, forgotten, deletions } = self;
        let mut bundles = Vec::new();
        for ((collection, owner), creations) in creations {
            let size = collection.kind.row().per_post;
            bundles.extend(creations.chunks(size).map(|creations| Bundle {
                steps: creations.iter().map(|creation| creation.at).collect(),
                objects: Vec::new(),
                cargo: Cargo::Create { collection, owner, creations: creations.to_vec() },
            }));
        }
        for ((kind, owner), records) in returns {
            bundles.extend(records.chunks(IDS_PER_CALL).map(|records| {
                let (steps, buried): (Vec<usize>, Vec<Record>) = records.iter().copied().unzip();
                let objects = buried.iter().map(|record| (kind, record.id)).collect();
                Bundle { steps, objects, cargo: Cargo::Restore { kind, owner, buried } }
            }));
        }
        for ((Collection { kind, .. }, _), effects) in updates {
            bundles.extend(effects.chunks(IDS_PER_CALL).map(|effects| Bundle {
                steps: effects.iter().map(|(at, _)| *at).collect(),
                objects: effects.iter().map(|(_, effect)| (kind, effect.id)).collect(),
                cargo: match effects {
                    [(_, alone)] => Cargo::Update(alone),
                    several => Cargo::UpdateAll(several[0].1),
                },
            }));
        }
        for ((kind, refs), objects) in assigns {
            bundles.extend(objects.chunks(IDS_PER_CALL).map(|objects| Bundle {
                steps: objects.iter().map(|(at, ..)| *at).collect(),
                objects: objects.iter().map(|(_, id, _)| (kind, *id)).collect(),
                cargo: Cargo::Assign { kind, refs: refs.clone(), refresh: objects[0].2 },
            }));
        }
        for ((Collection { kind, .. }, _), effects) in forgotten {
            bundles.extend(effects.chunks(IDS_PER_CALL).map(|effects| Bundle {
                steps: effects.iter().map(|(at, _)| *at).collect(),
                objects: effects.iter().map(|(_, effect)| (kind, effect.id)).collect(),
                cargo: Cargo::Forget(effects[0].1),
            }));
        }
        for (collection, objects) in deletions {
            bundles.extend(objects.chunks(IDS_PER_CALL).map(|objects| Bundle {
                steps: objects.iter().map(|(at, _)| *at).collect(),
                objects: objects.iter().map(|(_, id)| (collection.kind, *id)).collect(),
                cargo: Cargo::Delete(collection),
            }));
        }
        bundles
    }
}

/// References as a call has them.
fn fields(refs: &Ids) -> Map<String, Value> {
    refs.iter().map(|(field, id)| (field.clone(), Value::from(*id))).collect()
}

/// `fields` with ids in the places of pointers.
fn filled(fields: &Map<String, Value>, pointers: &Ids) -> Map<String, Value> {
    if pointers.is_empty() {
        return fields.clone();
    }
    let id = |address: &Address| pointers.get(&address.to_string()).copied().into();
    let filled = |value| stand_in::resolved(value, &id);
    fields.iter().map(|(name, value)| (name.clone(), filled(value))).collect()
}

/// An edit without secrets.
fn plain(body: Map<String, Value>) -> Edit {
    Edit { item: body.into(), enclosing: None }
}

/// Whether an update may share its call: its body is the same for all.
fn travels_with_others(effect: &UpdateEffect) -> bool {
    let UpdateEffect { mark, metadata_set, deliver, pointers, secrets, .. } = effect;
    mark.is_none()
        && metadata_set.is_empty()
        && deliver.is_none()
        && pointers.is_empty()
        && secrets.is_empty()
}
