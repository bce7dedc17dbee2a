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
use crate::events::Listening;
use crate::git::Commit;
use crate::pause::Pause;
use crate::plan::{Blocked, Pending, Refusal, Summary};
use crate::resource::{Address, Drift, Kind, Phase};

/// How many passes are remembered.
pub const PASSES_KEPT: usize = 30;

/// Where the present status is read.
pub type Receiver = watch::Receiver<Arc<Status>>;

/// Where the loop publishes it.
pub type Sender = watch::Sender<Arc<Status>>;

/// The state of the daemon, as `/status` serves it.
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
    /// The gravest current state.
    pub state: State,
    /// The same in a sentence.
    pub says: String,
    /// All current conditions, the gravest first; empty when all is well.
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
    /// Every declared object, and every object that is only known by its mark.
    pub objects: Arc<BTreeMap<Address, ObjectStatus>>,
    /// What waits for approval.
    pub approval: Option<Approval>,
    /// What is left alone because somebody paused it, the first pause to end first.
    pub pauses: Vec<Pause>,
    /// The window that risky steps wait for; null while one is open, or if the Stack has none.
    pub window: Option<String>,
    /// Why API calls wait at the moment; null if they do not.
    pub calls_wait: Option<CallsWait>,
    /// How changes on the platform are heard; null if they are not listened for.
    pub events: Option<Listening>,
    /// The part of this daemon in the work that several share; null where leases are good for one machine.
    pub replica: Option<ReplicaStatus>,
    /// Interval between passes while no file changes, in seconds.
    pub interval_seconds: u64,
    /// When the next pass begins unless something happens before.
    pub next_pass: Option<Timestamp>,
    /// When a pass last ended with the platform equal to the manifests, what is left on purpose aside.
    pub last_success: Option<Timestamp>,
    /// When all of the platform was last read: the states of objects are of that moment.
    pub last_read: Option<Timestamp>,
}

/// The part of a daemon in work that several share, when a pass last began.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ReplicaStatus {
    /// Its id, as `lock show` lists it.
    pub id: String,
    /// How many daemons take part, this one included.
    pub members: usize,
    /// How many shares are its own.
    pub shares: usize,
    /// How many there are.
    pub shares_in_all: usize,
}

/// A wait of all calls of a token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct CallsWait {
    /// The reason.
    pub why: String,
    /// When it began.
    pub since: Timestamp,
    /// When it is over.
    pub until: Timestamp,
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
    /// Not even the account of the token can be read from the platform.
    PlatformAway,
    /// A path is gone or does not answer; the last valid set is in force.
    RootUnknown,
    /// The current set of manifests is invalid; the last valid set is in force.
    SetInvalid,
    /// A guard refused something, and a person must decide.
    WaitingForApproval,
    /// Something failed or cannot be done; it is retried.
    Degraded,
    /// The system does not report all changes of files, so they are noticed later.
    WatchImpaired,
    /// The platform matches the manifests, except for what is left on purpose.
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

/// A condition that needs attention.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Condition {
    /// The state it leads to, unless there is a graver one.
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
    /// Folders whose changes the system reports. With none, there are only rescans.
    pub folders_watched: usize,
    /// Interval of rescans, in seconds.
    pub rescan_seconds: u64,
    /// When the tree was last read.
    pub looked: Option<Timestamp>,
    /// Settled sets since the process began, the first included.
    pub generation: u64,
    /// Why the system does not report all changes, if so; rescans find the rest.
    pub trouble: Option<String>,
}

/// One given path.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct RootStatus {
    /// As it was given.
    pub path: PathBuf,
    /// Why its content is unknown; none if it is known. Unknown never counts as empty.
    pub unknown: Option<String>,
}

/// The set of manifests.
#[derive(Debug, Clone, Default, Serialize, JsonSchema)]
pub struct SetStatus {
    /// The last valid one, which is in force.
    pub good: Option<GoodSet>,
    /// Findings of the current set; empty if it is in force.
    pub findings: Vec<FindingStatus>,
    /// Since when the current set is not in force.
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
    /// The commit that it is from; left out if it is not from a repository.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub commit: Option<Arc<Commit>>,
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
    /// Steps that ended, with any outcome.
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
    /// It only reported, as configured.
    Reported,
    /// A guard refused, and a person must decide.
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
    /// The commit that the set is from; left out if it is not from a repository.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub commit: Option<Arc<Commit>>,
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

/// The state of an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ObjectState {
    /// In sync with the manifests.
    InSync,
    /// A change is planned, but not applied yet.
    Pending,
    /// The platform was changed, and is left as it is because of `drift`.
    Drifted,
    /// Somebody else keeps setting a field; it is currently not healed.
    Contested,
    /// The last attempt failed and will be retried.
    Failing,
    /// It cannot be done, and the reason says what to do about it.
    Blocked,
    /// A guard refused it, or somebody else has to act.
    Waiting,
    /// It could not be read.
    Unknown,
    /// It has this stack's mark, but is no longer declared; only pruning would delete it.
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
    /// The account that holds it; empty: the root account.
    pub account: String,
    /// Its name within the account.
    pub name: String,
    /// Where the manifest is, `file:line:col`.
    pub source: Option<String>,
    /// Its id on the platform, if it is known.
    pub id_on_platform: Option<i64>,
    /// Its state.
    pub state: ObjectState,
    /// Since when it has this state.
    pub since: Timestamp,
    /// Why, if it is not in sync.
    pub reason: Option<String>,
    /// What to do about drift of it.
    pub drift: Drift,
    /// The fields that differ or are fought over.
    pub fields: Vec<FieldStatus>,
    /// Consecutive failures.
    pub failures: u32,
    /// When it is retried.
    pub retry_at: Option<Timestamp>,
    /// When a token expires, if that is known.
    pub ends_at: Option<Timestamp>,
    /// Lifetime of a token after its last use, in seconds; null if something else decides its
    /// expiry.
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

/// Who changed something, from the platform's log.
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

/// What waits for approval.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Approval {
    /// Digest of the plan to approve.
    pub digest: String,
    /// Since when it waits.
    pub since: Timestamp,
    /// Why it does.
    pub refusals: Vec<Refusal>,
    /// The plan to approve.
    pub summary: Summary,
    /// The command that approves exactly this plan.
    pub command: String,
    /// What cannot be done.
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
            pauses: Vec::new(),
            window: None,
            calls_wait: None,
            events: None,
            replica: None,
            interval_seconds,
            next_pass: None,
            last_success: None,
            last_read: None,
        }
    }

    /// Whether the first pass ended and the platform could be read in the last one.
    pub fn is_ready(&self) -> bool {
        !self.passes.is_empty()
            && !matches!(self.state, State::Starting | State::PlatformAway | State::Stopping)
    }
}
