//! The plan as a value: what would be done, in which order, and why.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::lifetime::TokenTime;
use crate::observe::{KeyAt, Questions};
use crate::resource::{AccountPath, Address, Drift, KeyNote, Kind, Phase};
use crate::secret::{PasswordForm, Sink, Source};
use crate::source::Origin;

/// Everything that would be done, and everything that would not and why.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The stack that the plan is for.
    pub stack: String,
    /// The steps in the order of application.
    pub steps: Vec<Step>,
    /// What is asked for and will not be done.
    pub blocked: Vec<Blocked>,
    /// What was asked for before and waits for somebody else.
    pub pending: Vec<Pending>,
    /// What carries this stack's mark and no manifest names, while pruning is not asked for.
    pub prunable: Vec<Prunable>,
    /// Where marks contradict each other; nothing is done because of such a mark.
    pub disputed: Vec<Disputed>,
    /// What could not be read; nothing is planned there.
    pub unknown: Vec<Unknown>,
    /// Why an apply does nothing before a person has approved this very plan.
    pub refusals: Vec<Refusal>,
    /// What a person should know although nothing is to be done about it.
    pub notes: Vec<String>,
    /// What was changed on the platform and is left so, as the manifests say.
    pub drifted: Vec<Drifted>,
    /// What is known of the time of every declared token; what comes first, first.
    pub tokens: Vec<TokenTime>,
    /// How many declared objects need nothing.
    pub unchanged: usize,
    /// SHA-256 over the steps, as hexadecimal digits.
    pub digest: String,
}

/// Names a step within its plan.
#[derive(
    Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(transparent)]
pub struct StepId(pub String);

impl StepId {
    /// There is at most one step of a phase for an address, the generations of a token aside.
    pub fn of(phase: Phase, address: &Address) -> Self {
        Self(format!("{phase}:{address}"))
    }
}

impl fmt::Display for StepId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// What a step does.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Action {
    /// Make an object.
    Create,
    /// Bring an object back from the recycle bin, with its id and its key.
    Restore,
    /// Set fields.
    Update,
    /// Have an object refer to another one: give a subaccount its limit.
    Assign,
    /// Delete an object.
    Delete,
}

impl Action {
    /// The word in plans and reports.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Restore => "restore",
            Self::Update => "update",
            Self::Assign => "assign",
            Self::Delete => "delete",
        }
    }
}

/// Why a field differs.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Cause {
    /// The object is new.
    New,
    /// The manifest was edited since it was last applied.
    Edited,
    /// The platform was changed although the manifest was not.
    Drift,
    /// The object is taken over, or both sides changed since the last apply.
    Differs,
}

/// One field that a step sets.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Change {
    /// The platform's name of the field; keys of `metadata` follow a dot.
    pub field: String,
    /// The value on the platform; null if there is none.
    pub before: Value,
    /// The value that the manifest asks for.
    pub after: Value,
    /// Why they differ.
    pub cause: Cause,
}

/// One thing to do.
#[derive(Debug, Clone)]
pub struct Step {
    /// Its name within the plan.
    pub id: StepId,
    /// The phase it belongs to.
    pub phase: Phase,
    /// What it does.
    pub action: Action,
    /// What it is done to.
    pub address: Address,
    /// Why, naming manifest, platform and rule.
    pub reason: String,
    /// Where the manifest stands; none for what no manifest names.
    pub source: Option<Origin>,
    /// The fields that it sets.
    pub changes: Vec<Change>,
    /// Steps without whose success this one is not begun.
    pub needs: Vec<StepId>,
    /// What goes with an account that the step deletes, by kind of item, however deep.
    pub holds: Holding,
    /// Digests of what was found in the object that the step changes or deletes, by field: if one
    /// of them is another when the step is carried out, the step was decided on old news.
    pub relies_on: BTreeMap<String, String>,
    /// What the executor does.
    pub effect: Effect,
}

/// How many items of which kinds lie in an account, by the platform's names.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct Holding(pub BTreeMap<String, u64>);

impl Holding {
    /// Whether nothing is in it.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Display for Holding {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (name, count)) in self.0.iter().enumerate() {
            let comma = if index == 0 { "" } else { ", " };
            let name = if *count == 1 { name.strip_suffix('s').unwrap_or(name) } else { name };
            write!(formatter, "{comma}{count} {name}")?;
        }
        Ok(())
    }
}

impl Step {
    /// The account whose phases this step takes part in: the owner's, except that credentials are
    /// set inside the subaccount, after its tokens.
    pub fn scope(&self) -> AccountPath {
        match (self.phase, self.address.as_account()) {
            (Phase::Credentials, Some(account)) => account,
            _ => self.address.account.clone(),
        }
    }
}

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
    },
    /// Bring the key of a token that was issued before to all its sinks.
    HandOver(Box<HandOver>),
    /// Delete a token whose successor is delivered.
    Retire(Box<Retirement>),
}

/// What an object refers to, by the platform's name of the field that holds the id.
pub type References = BTreeMap<String, Reference>;

/// An object that another one refers to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reference {
    /// What it is called.
    pub to: Address,
    /// Its id, if it exists already.
    pub id: Option<i64>,
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

/// How an object is made.
#[derive(Debug, Clone)]
pub struct CreateEffect {
    /// What it is.
    pub kind: Kind,
    /// The account that will hold it; `None` if a step of this plan makes that account.
    pub owner: Option<i64>,
    /// The fields, the mark included, without those that refer to other objects.
    pub body: Map<String, Value>,
    /// What it refers to, which goes into the same call.
    pub refs: References,
    /// Where the key of a token goes.
    pub deliver: Vec<Sink>,
    /// A token that is deleted first: the new one takes its place, since nobody ever got its key.
    pub instead_of: Option<i64>,
    /// Whether the token before it ended by its own bounds, and nobody deleted it.
    pub follows_lapsed: bool,
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

/// How an object is changed.
#[derive(Debug, Clone)]
pub struct UpdateEffect {
    /// What it is.
    pub kind: Kind,
    /// Its id.
    pub id: i64,
    /// The account that holds it.
    pub owner: i64,
    /// The fields to set, `metadata` aside.
    pub fields: Map<String, Value>,
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
    pub moved_from: Option<Address>,
    /// Whether the object outlives its manifest.
    pub protect: bool,
    /// Canonical values that were applied with this step, by field.
    pub applied: Vec<(String, Value)>,
    /// The e-mail address that the account has as declared; none: what the mark says of it stays.
    pub email: Option<Value>,
    /// What became of the key of a token; none: what the mark says of it stays.
    pub key: Option<KeyNote>,
    /// The metadata as it was observed.
    pub base: Map<String, Value>,
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

/// Something that is asked for and will not be done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Blocked {
    /// What it is about.
    pub address: Address,
    /// Why, and what to do about it.
    pub reason: String,
    /// Where the manifest stands, `file:line:col`.
    pub source: Option<String>,
}

/// Something that was asked for and waits for somebody else.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Pending {
    /// What it is about.
    pub address: Address,
    /// What is waited for.
    pub reason: String,
}

/// Something that only a run with `--prune` would delete.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Prunable {
    /// What it is.
    pub address: Address,
    /// Its id on the platform.
    pub id_on_platform: i64,
}

/// Marks that contradict each other or the place where they are found. A mark is a claim and no
/// proof: whoever has a master token of a subaccount can write its metadata.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Disputed {
    /// The address that is claimed.
    pub address: Address,
    /// The objects that it is about.
    pub ids_on_platform: Vec<i64>,
    /// What the contradiction is.
    pub reason: String,
}

/// A field that was changed on the platform although its manifest was not, and is left so.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Drifted {
    /// The object.
    pub address: Address,
    /// Its id on the platform.
    pub id_on_platform: i64,
    /// The platform's name of the field; keys of `metadata` follow a dot.
    pub field: String,
    /// The value on the platform; null if there is none.
    pub found: Value,
    /// The value that the manifest asks for.
    pub wanted: Value,
    /// What the manifest says of drift.
    pub policy: Drift,
}

/// Why an apply does nothing before a person has approved the plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Refusal {
    /// The guard, by the name of its setting.
    pub guard: String,
    /// How many objects it is about.
    pub count: u64,
    /// How many it allows.
    pub allowed: u64,
    /// The whole in words.
    pub reason: String,
}

/// A scope that could not be read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Unknown {
    /// The kind whose objects are not known.
    pub kind: Kind,
    /// The account below which they are not known; empty: everywhere.
    pub account: String,
    /// Why.
    pub reason: String,
}

/// How many of what.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Summary {
    /// Objects to create.
    pub create: usize,
    /// Objects to update, credentials included.
    pub update: usize,
    /// Limits to assign.
    pub assign: usize,
    /// Objects to delete and create again.
    pub replace: usize,
    /// Objects to bring back from the recycle bin.
    pub restore: usize,
    /// Objects to delete.
    pub delete: usize,
    /// Declared objects that need nothing.
    pub unchanged: usize,
}

impl Plan {
    /// How many of what.
    pub fn summary(&self) -> Summary {
        let count = |action| self.steps.iter().filter(|step| step.action == action).count();
        Summary {
            create: count(Action::Create),
            update: count(Action::Update),
            assign: count(Action::Assign),
            replace: 0,
            restore: count(Action::Restore),
            delete: count(Action::Delete),
            unchanged: self.unchanged,
        }
    }

    /// Whether something is blocked or disputed, so that a person has to act before all is as declared.
    pub fn is_in_the_way(&self) -> bool {
        !self.blocked.is_empty() || !self.disputed.is_empty()
    }

    /// Whether there is nothing to do and nothing in the way.
    pub fn is_converged(&self) -> bool {
        self.steps.is_empty() && self.blocked.is_empty() && self.unknown.is_empty()
    }
}

/// A place of a secret of which there is something to say.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    pub(super) address: Address,
    /// The place.
    pub(super) what: String,
    pub(super) reason: String,
}

/// A plan in the making.
#[derive(Debug, Default)]
pub(super) struct Draft {
    /// What has to be known before this is a plan.
    pub(super) questions: Questions,
    /// What was not looked at, since only a manifest chose it.
    pub(super) hidden: BTreeSet<Place>,
    /// What an apply could not use here.
    pub(super) foretold: BTreeSet<Place>,
    pub(super) steps: Vec<Step>,
    pub(super) blocked: Vec<Blocked>,
    pub(super) pending: Vec<Pending>,
    /// How many declared objects wait for an account to come back.
    pub(super) waiting: BTreeMap<Address, usize>,
    pub(super) prunable: Vec<Prunable>,
    pub(super) disputed: Vec<Disputed>,
    pub(super) unknown: Vec<Unknown>,
    pub(super) refusals: Vec<Refusal>,
    pub(super) notes: Vec<String>,
    pub(super) drifted: Vec<Drifted>,
    pub(super) tokens: Vec<TokenTime>,
    pub(super) unchanged: usize,
}

impl Draft {
    /// Leaves drift as it is, and says so unless even that is not wanted.
    pub(super) fn leave(&mut self, drifted: Drifted) {
        let Drifted { address, field, found, wanted, policy, .. } = &drifted;
        if *policy == Drift::Report {
            self.notes.push(format!(
                "{address}: {field} has drifted to {found} (manifest: {wanted}) and is left, as \
                 `drift: report` says"
            ));
        }
        self.drifted.push(drifted);
    }
}
