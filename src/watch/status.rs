//! What an outsider may see of the daemon: one value, published whole after everything that happens.
//!
//! The loop owns the sender of a [`tokio::sync::watch`] channel, whoever shows the daemon (a server, a page, the service
//! manager, a test) has a [`Receiver`]; nobody else asks the loop anything.
//!
//! Invariant: nothing secret is in here. Values of fields are those that a plan shows, and findings are those of
//! `validate`.

use std::collections::{BTreeMap, VecDeque};
use std::path::PathBuf;
use std::sync::Arc;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;
use tokio::sync::watch;

use super::trigger::Trigger;
use crate::apply::StepOutcome;
use crate::plan::{Blocked, Pending, Refusal, Summary};
use crate::resource::{Address, Drift, Kind, Phase};

/// How many passes are remembered.
pub const PASSES_KEPT: usize = 30;

/// Where the present status is read.
pub type Receiver = watch::Receiver<Arc<Status>>;

/// Where the loop publishes it.
pub type Sender = watch::Sender<Arc<Status>>;

/// The daemon, as an outsider may see it. `/status` is just this.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Status {
    /// `flespi-gitops/status/v1`.
    pub format: &'static str,
    /// The version of the program.
    pub version: &'static str,
    /// Id of this process; ids of passes begin with it.
    pub run: String,
    /// The stack.
    pub stack: String,
    /// The platform's address.
    pub platform: String,
    /// When the process began.
    pub started: Timestamp,
    /// The one thing that matters most at present.
    pub state: State,
    /// The same in a sentence.
    pub says: String,
    /// Everything that is not as it should be at present, the gravest first; empty when all is well.
    pub conditions: Vec<Condition>,
    /// The files and folders.
    pub files: FilesStatus,
    /// The set of manifests in force, and what is wrong with the present one.
    pub set: SetStatus,
    /// The pass under way.
    pub pass: Option<CurrentPass>,
    /// The last passes, the newest first, at most [`PASSES_KEPT`].
    pub passes: VecDeque<Arc<PassRecord>>,
    /// Counts since the process began.
    pub totals: Totals,
    /// Every declared object, and every object that only marks tell of.
    pub objects: Arc<BTreeMap<Address, ObjectStatus>>,
    /// What waits for a person.
    pub approval: Option<Approval>,
    /// How often the platform is looked at without any change of files, in seconds.
    pub interval_seconds: u64,
    /// When the next pass begins unless something happens before.
    pub next_pass: Option<Timestamp>,
    /// When a pass last ended with the platform equal to the manifests, what is left on purpose aside.
    pub last_success: Option<Timestamp>,
}

/// What the daemon does or waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// The first pass has not ended yet.
    Starting,
    /// A pass is under way.
    Passing,
    /// Another process holds the lock; it writes, this one waits.
    Standby,
    /// Not even our own identity can be read from the platform.
    PlatformAway,
    /// A root is gone or does not answer; the last good set stays in force.
    RootUnknown,
    /// The present set of manifests is invalid; the last good one stays in force.
    SetInvalid,
    /// A guard refused something, and a person has to decide.
    WaitingForApproval,
    /// Something failed or cannot be done; it is tried again.
    Degraded,
    /// The system does not tell of all changes of files, so they are noticed later.
    WatchImpaired,
    /// The platform is what the manifests say, as far as it is to be.
    Idle,
    /// What is in flight is finished, and then the process ends.
    Stopping,
}

impl State {
    /// The word in JSON, logs and metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Passing => "passing",
            Self::Standby => "standby",
            Self::PlatformAway => "platform_away",
            Self::RootUnknown => "root_unknown",
            Self::SetInvalid => "set_invalid",
            Self::WaitingForApproval => "waiting_for_approval",
            Self::Degraded => "degraded",
            Self::WatchImpaired => "watch_impaired",
            Self::Idle => "idle",
            Self::Stopping => "stopping",
        }
    }

    /// All of them, for metrics with one series each.
    pub const ALL: [Self; 11] = [
        Self::Starting,
        Self::Passing,
        Self::Standby,
        Self::PlatformAway,
        Self::RootUnknown,
        Self::SetInvalid,
        Self::WaitingForApproval,
        Self::Degraded,
        Self::WatchImpaired,
        Self::Idle,
        Self::Stopping,
    ];
}

/// Something that is not as it should be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Condition {
    /// Which state it leads to while nothing graver is the case.
    pub state: State,
    /// Since when.
    pub since: Timestamp,
    /// What it is, and what to do about it.
    pub says: String,
}

/// What is known of the watched paths.
#[derive(Debug, Clone, Default, Serialize, JsonSchema)]
pub struct FilesStatus {
    /// The given paths.
    pub roots: Vec<RootStatus>,
    /// Manifest files (and the tables that they name) that were found.
    pub files: usize,
    /// Folders of which the system tells changes. None: there are only rescans.
    pub folders_watched: usize,
    /// How often the tree is read without any hint, in seconds.
    pub rescan_seconds: u64,
    /// When the tree was last looked at.
    pub looked: Option<Timestamp>,
    /// Settled sets since the process began, the first included.
    pub generation: u64,
    /// Why the system tells fewer changes than there are, if it does; rescans find the rest.
    pub trouble: Option<String>,
}

/// One given path.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct RootStatus {
    /// As it was given.
    pub path: PathBuf,
    /// Why what is in it is not known; none if it is. Unknown is never taken for empty.
    pub unknown: Option<String>,
}

/// The set of manifests.
#[derive(Debug, Clone, Default, Serialize, JsonSchema)]
pub struct SetStatus {
    /// The last good one, which is in force.
    pub good: Option<GoodSet>,
    /// What is wrong with the present one; empty if it is the one in force.
    pub findings: Vec<FindingStatus>,
    /// Since when the present one is not the one in force.
    pub stale_since: Option<Timestamp>,
}

/// A set of manifests that is in force.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct GoodSet {
    /// SHA-256 over names and texts of all its files, as hexadecimal digits.
    pub fingerprint: String,
    /// Since when it is in force.
    pub since: Timestamp,
    /// How many manifests it has, those that templates made included.
    pub manifests: usize,
    /// How many objects it declares.
    pub objects: usize,
}

/// A finding of `validate`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct FindingStatus {
    /// The stable code, `E0301`.
    pub code: String,
    /// What is wrong.
    pub message: String,
    /// `file:line:column`, or the file alone, if it has a place.
    pub place: Option<String>,
}

/// A pass under way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct CurrentPass {
    /// Its id, which goes out with every call as `x-flespi-trace`.
    pub run: String,
    /// Why it began.
    pub trigger: Trigger,
    /// When.
    pub began: Timestamp,
    /// Steps to do, once there is a plan.
    pub planned: Option<usize>,
    /// Steps that ended, one way or another.
    pub settled: usize,
}

/// How a pass ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PassOutcome {
    /// There was nothing to do.
    Unchanged,
    /// Everything was done.
    Applied,
    /// Something was done and something was not.
    Partial,
    /// It looked and told, and wrote nothing, as it was told to.
    Reported,
    /// A guard refused, and a person has to decide.
    Refused,
    /// Nothing was done, since it failed.
    Failed,
    /// The platform could not be read well enough to plan anything.
    Unreadable,
    /// Another process holds the lock.
    Standby,
}

impl PassOutcome {
    /// The word in JSON, logs and metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unchanged => "unchanged",
            Self::Applied => "applied",
            Self::Partial => "partial",
            Self::Reported => "reported",
            Self::Refused => "refused",
            Self::Failed => "failed",
            Self::Unreadable => "unreadable",
            Self::Standby => "standby",
        }
    }

    /// All of them, for metrics with one series each.
    pub const ALL: [Self; 8] = [
        Self::Unchanged,
        Self::Applied,
        Self::Partial,
        Self::Reported,
        Self::Refused,
        Self::Failed,
        Self::Unreadable,
        Self::Standby,
    ];
}

/// A pass that ended.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct PassRecord {
    /// Its id, which went out with every call as `x-flespi-trace`.
    pub run: String,
    /// Why it began.
    pub trigger: Trigger,
    /// When.
    pub began: Timestamp,
    /// How long it took, in milliseconds.
    pub duration_ms: u64,
    /// How it ended.
    pub outcome: PassOutcome,
    /// Why it could not even plan; none if it could.
    pub error: Option<String>,
    /// Fingerprint of the set that it worked from.
    pub fingerprint: String,
    /// Digest of the plan that it carried out; none if there was no plan.
    pub digest: Option<String>,
    /// What the plan was about.
    pub summary: Summary,
    /// The plan in the form of `plan --format json`; none if there was nothing in it.
    pub plan: Option<Value>,
    /// Steps by phase and outcome.
    pub steps: Vec<StepCount>,
    /// Calls of this pass by method, collection and status.
    pub calls: Vec<CallsByStatus>,
    /// Those of them that repeated a failed one.
    pub retries: u64,
}

/// How many steps of a phase ended in an outcome.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
pub struct StepCount {
    /// The phase.
    pub phase: Phase,
    /// The outcome.
    pub outcome: StepOutcome,
    /// How many.
    pub count: u64,
}

/// How many calls were answered in one way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct CallsByStatus {
    /// The HTTP method.
    pub method: String,
    /// The collection, `limits` or `auth`...
    pub collection: String,
    /// The status; 0 when there was no answer.
    pub status: u16,
    /// How many.
    pub calls: u64,
}

/// Counts since the process began; they never go down.
#[derive(Debug, Clone, Default, Serialize, JsonSchema)]
pub struct Totals {
    /// Passes by outcome.
    pub passes: BTreeMap<PassOutcome, u64>,
    /// Time spent in passes, in milliseconds.
    pub pass_ms: u64,
    /// Steps by phase and outcome.
    pub steps: Vec<StepCount>,
    /// Calls by method, collection and status.
    pub calls: Vec<CallsByStatus>,
    /// Calls that repeated a failed one, by collection.
    pub retries: BTreeMap<String, u64>,
    /// Fields that were found drifted, each time that they were.
    pub drift_found: u64,
    /// Fields that were healed.
    pub drift_healed: u64,
    /// Fields that became contested.
    pub contested: u64,
    /// Sets of manifests that were invalid.
    pub invalid_sets: u64,
}

/// How an object stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ObjectState {
    /// As the manifests say.
    InSync,
    /// A change is planned and not made yet.
    Pending,
    /// The platform was changed, and it is left so as `drift` says.
    Drifted,
    /// Somebody else keeps setting a field; it is not healed for the time being.
    Contested,
    /// The last try failed; there will be another one.
    Failing,
    /// It cannot be done, and the reason says what to do about it.
    Blocked,
    /// A guard refused it, or somebody else has to act.
    Waiting,
    /// It could not be read.
    Unknown,
    /// It carries our mark and no manifest names it; only pruning would delete it.
    Prunable,
}

impl ObjectState {
    /// The word in JSON, logs and metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::InSync => "in_sync",
            Self::Pending => "pending",
            Self::Drifted => "drifted",
            Self::Contested => "contested",
            Self::Failing => "failing",
            Self::Blocked => "blocked",
            Self::Waiting => "waiting",
            Self::Unknown => "unknown",
            Self::Prunable => "prunable",
        }
    }

    /// All of them, for metrics with one series each.
    pub const ALL: [Self; 9] = [
        Self::InSync,
        Self::Pending,
        Self::Drifted,
        Self::Contested,
        Self::Failing,
        Self::Blocked,
        Self::Waiting,
        Self::Unknown,
        Self::Prunable,
    ];
}

/// One object.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct ObjectStatus {
    /// What it is.
    pub kind: Kind,
    /// The account that holds it; empty: our own.
    pub account: String,
    /// Its name within the account.
    pub name: String,
    /// Where the manifest stands, `file:line:col`.
    pub source: Option<String>,
    /// Its id on the platform, if it is known.
    pub id_on_platform: Option<i64>,
    /// How it stands.
    pub state: ObjectState,
    /// Since when it stands so.
    pub since: Timestamp,
    /// Why, if it is not in sync.
    pub reason: Option<String>,
    /// What to do about drift of it.
    pub drift: Drift,
    /// The fields that differ or are fought over.
    pub fields: Vec<FieldStatus>,
    /// Tries that failed in a row.
    pub failures: u32,
    /// When it is tried again.
    pub retry_at: Option<Timestamp>,
    /// When a token ends, if that is known.
    pub ends_at: Option<Timestamp>,
    /// How many seconds a token lives after its last use; null if something else decides when it ends.
    pub ttl_seconds: Option<i64>,
}

/// One field of an object.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct FieldStatus {
    /// The platform's name of the field; keys of `metadata` follow a dot.
    pub field: String,
    /// The value on the platform.
    pub found: Value,
    /// The value that the manifest asks for.
    pub wanted: Value,
    /// How often it came back within the window of contests.
    pub returns: u32,
    /// Whether it is contested.
    pub contested: bool,
    /// Who changed it, if the platform's log says so.
    pub by: Option<ChangedBy>,
}

/// Who changed something, as the platform's log tells.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ChangedBy {
    /// When.
    pub at: Option<Timestamp>,
    /// The text with which the caller named itself.
    pub app: Option<String>,
    /// Id of the token that signed the call.
    pub token_id: Option<i64>,
    /// The address that the call came from.
    pub host: Option<String>,
}

/// What waits for a person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Approval {
    /// Digest of the plan that is to be approved.
    pub digest: String,
    /// Since when it waits.
    pub since: Timestamp,
    /// Why it does.
    pub refusals: Vec<Refusal>,
    /// What would be done.
    pub summary: Summary,
    /// The command that approves exactly this plan.
    pub command: String,
    /// What cannot be done at all.
    pub blocked: Vec<Blocked>,
    /// What waits for somebody else.
    pub pending: Vec<Pending>,
}

impl Status {
    /// The status of a process that has just begun.
    pub fn starting(run: String, stack: String, platform: String, interval_seconds: u64) -> Self {
        Self {
            format: "flespi-gitops/status/v1",
            version: env!("CARGO_PKG_VERSION"),
            run,
            stack,
            platform,
            started: Timestamp::now(),
            state: State::Starting,
            says: "reading the manifests".to_owned(),
            conditions: Vec::new(),
            files: FilesStatus::default(),
            set: SetStatus::default(),
            pass: None,
            passes: VecDeque::new(),
            totals: Totals::default(),
            objects: Arc::default(),
            approval: None,
            interval_seconds,
            next_pass: None,
            last_success: None,
        }
    }

    /// Whether the first pass ended and the platform could be read in the last one.
    pub fn is_ready(&self) -> bool {
        !self.passes.is_empty()
            && !matches!(self.state, State::Starting | State::PlatformAway | State::Stopping)
    }
}
