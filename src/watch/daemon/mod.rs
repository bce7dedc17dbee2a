//! The loop: waits for a reason, makes a pass, reports the state.
//!
//! Invariant: passes follow each other and never overlap; whatever happens during one is one reason for the next. Waiting
//! goes by a clock that nobody can set, so a wall clock that jumps moves what people read and nothing else.

mod board;
mod conditions;
mod held_back;
mod look_back;
mod narrator;
mod objects;
mod pass;
mod pass_result;
mod record;
mod waits;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use data_encoding::HEXLOWER;
use tokio::sync::watch;
use tokio::time::Instant;

use self::board::Board;
pub use self::narrator::{Ended, Narrator};
use super::backoff::Backoff;
use super::contest::Contests;
use super::culprit::Culprits;
use super::files::{Reading, Settled};
use super::replicas::Replicas;
use super::source::Source;
use super::status::{FilesStatus, FindingStatus, GoodSet, Sender, State, Status};
use super::trigger::{Trigger, Woken};
use crate::api::Client;
use crate::diagnostic::Severity;
use crate::git::Commit;
use crate::manifest::Load;
use crate::observe::Seen;
pub use crate::reconcile::Clock;
use crate::reconcile::{Compared, Gate};
use crate::resource::{Address, Desired, Signer};
use crate::run::RunId;
use crate::secret::Spool;

/// A look at all files before a pass takes no longer, or the pass goes ahead with the set in force.
const LONGEST_LOOK: Duration = Duration::from_secs(10);

/// While the platform or the lock is not to be had, it is tried again at least so often.
const LONGEST_ABSENCE: Duration = Duration::from_secs(60);

/// While something is paused, or waits for a window, it is looked so often whether it still does.
const LOOK_AT_WAITS: Duration = Duration::from_secs(2);

/// What the first pass may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FirstPass {
    /// Everything that any pass does.
    Apply,
    /// Report only, and write nothing.
    Report,
}

/// How the daemon behaves.
#[derive(Clone)]
pub struct Options {
    /// Delete objects with this stack's mark that are no longer declared.
    pub prune: bool,
    /// How often the platform is looked at without any change of files; a tenth longer or shorter each time.
    pub interval: Duration,
    /// What the first pass may do.
    pub first_pass: FirstPass,
    /// The window within which three returns of a field make it contested.
    pub contest_window: Duration,
    /// Whether the name of the stack was given by hand, so that a Stack manifest does not decide it.
    pub stack_is_given: bool,
    /// Decides about jitter.
    pub seed: u64,
    /// The command that applies this set by hand, to which `--approve DIGEST` is added.
    pub by_hand: String,
    /// How long another run that holds the lock is waited for.
    pub lock_timeout: Duration,
    /// The time that people see.
    pub clock: Clock,
}

/// A platform to work on.
pub struct Platform<'a> {
    /// Talks to it.
    pub client: Client,
    /// Signs marks.
    pub signer: &'a Signer,
    /// Keeps keys that could not be delivered.
    pub spool: &'a Spool,
    /// Who else may write.
    pub gate: Gate<'a>,
    /// What was there when somebody looked last.
    pub seen: Option<Seen>,
    /// Gives a new client when the platform no longer takes the token: it may have been replaced where it came from.
    pub renew: Box<dyn FnMut() -> Option<Client> + 'a>,
}

/// The set that is applied.
#[derive(Debug, Clone)]
pub struct InForce {
    /// What it declares.
    pub desired: Arc<Desired>,
    /// SHA-256 over its files.
    pub fingerprint: [u8; 32],
    /// How many manifests it has.
    pub manifests: usize,
    /// The commit that it is from, if it is from a repository.
    pub commit: Option<Arc<Commit>>,
}

impl InForce {
    /// What a load without errors puts in force for `stack`.
    pub fn of(load: &Load, stack: &str) -> Self {
        let mut desired = load.desired.clone();
        stack.clone_into(&mut desired.stack);
        Self {
            desired: Arc::new(desired),
            fingerprint: load.sources.fingerprint(),
            manifests: load.manifests,
            commit: None,
        }
    }

    /// The same set, from a commit.
    #[must_use]
    pub fn from_commit(self, commit: Option<Arc<Commit>>) -> Self {
        Self { commit, ..self }
    }
}

/// The daemon.
pub struct Daemon<'a, N> {
    platform: Platform<'a>,
    files: Source,
    settled: watch::Receiver<Settled>,
    /// The settled set that was taken last, by its number.
    taken: u64,
    woken: Woken,
    options: Options,
    narrator: N,
    in_force: InForce,
    board: Board,
    backoff: Backoff,
    contests: Contests,
    culprits: Culprits,
    /// Tokens whose keys the last pass may have overwritten in their sinks.
    overwritten: BTreeSet<Address>,
    /// What the passes before left to be compared at once.
    compared: Compared,
    /// Passes in a row that could not read or not write, and when the next try is.
    absences: u32,
    absent_until: Option<Instant>,
    interval_due: Instant,
    replicas: Replicas,
    /// Passes in a row that left something which needs another replica's work.
    waits: u32,
}

impl<'a, N: Narrator> Daemon<'a, N> {
    /// A daemon that begins with the set `in_force`, found in the first settled set of `files`.
    #[expect(clippy::too_many_arguments, reason = "what a process is made of, once")]
    pub fn new(
        platform: Platform<'a>,
        run: &RunId,
        files: impl Into<Source>,
        in_force: InForce,
        woken: Woken,
        status: Sender,
        options: Options,
        narrator: N,
    ) -> Self {
        let stack = in_force.desired.stack.clone();
        let seconds = options.interval.as_secs();
        let mut first =
            Status::starting(run.to_string(), stack, platform.gate.platform.clone(), seconds);
        first.started = (options.clock)();
        let files = files.into();
        // Not taken yet: there may be another set by now than the one to begin with.
        let settled = files.settled();
        // Trouble is told when the set is taken.
        first.files = FilesStatus { trouble: None, ..settled.borrow().status.clone() };
        let board = Board::new(first, status, Arc::clone(&options.clock));
        let mut daemon = Self {
            platform,
            files,
            settled,
            taken: 0,
            woken,
            backoff: Backoff::new(options.seed),
            contests: Contests::new(options.contest_window),
            culprits: Culprits::default(),
            overwritten: BTreeSet::new(),
            absences: 0,
            compared: Compared::default(),
            absent_until: None,
            interval_due: Instant::now(),
            replicas: Replicas::default(),
            waits: 0,
            options,
            narrator,
            in_force,
            board,
        };
        daemon.note_set();
        daemon.board.publish();
        daemon
    }

    /// Makes passes until `stop` becomes true; then what is in flight is finished.
    pub async fn run(mut self, mut stop: watch::Receiver<bool>) {
        let mut trigger = Trigger::Start;
        loop {
            self.pass(trigger, &stop).await;
            if *stop.borrow() {
                break;
            }
            let next = tokio::select! {
                _ = stop.wait_for(|stop| *stop) => break,
                next = self.next() => next,
            };
            trigger = next;
        }
        self.replicas.leave().await;
        self.board.raise(State::Stopping, "asked to stop".to_owned());
        self.board.publish();
    }

    /// Waits for a reason for a pass.
    async fn next(&mut self) -> Trigger {
        let mut is_told = false;
        loop {
            let due = self.due();
            if !is_told {
                self.board.status.next_pass =
                    objects::after(self.board.now(), due.saturating_duration_since(Instant::now()));
                self.board.publish();
            }
            is_told = false;
            tokio::select! {
                changed = self.settled.changed() => {
                    if changed.is_err() {
                        // The thread that looks is gone; passes go on with what is in force.
                        self.files_do_not_answer();
                        return self.without_files(due).await;
                    }
                    if self.take_settled() {
                        self.backoff.edited(&self.in_force.desired);
                        return Trigger::Files;
                    }
                }
                trigger = self.woken.next() => {
                    if trigger == Trigger::Event {
                        // While nothing can be read or written, the next try is due soon and sees the change as well.
                        if self.absent_until.is_some() {
                            continue;
                        }
                        // Somebody else's change is no reason to try again at once what failed.
                        return trigger;
                    }
                    self.backoff.forgive(Instant::now());
                    self.look().await;
                    return trigger;
                }
                () = tokio::time::sleep(LOOK_AT_WAITS), if self.is_waiting() => {
                    if self.note_waits().await {
                        return Trigger::Resumed;
                    }
                    // Whoever looks at the status is not told of a look that found nothing.
                    is_told = true;
                }
                () = self.replicas.wait() => return Trigger::Members,
                () = tokio::time::sleep_until(due) => {
                    if self.interval_due > Instant::now() {
                        return Trigger::Retry;
                    }
                    self.look().await;
                    return Trigger::Interval;
                }
            }
        }
    }

    async fn without_files(&mut self, due: Instant) -> Trigger {
        tokio::select! {
            trigger = self.woken.next() => trigger,
            () = tokio::time::sleep_until(due) => Trigger::Interval,
        }
    }

    fn due(&self) -> Instant {
        // While nothing can be written there is nothing to retry for single objects.
        let retry = self.absent_until.or_else(|| self.backoff.due());
        retry.map_or(self.interval_due, |retry| retry.min(self.interval_due))
    }

    /// Looks at all files, and takes what is found.
    async fn look(&mut self) {
        if self.files.look(LONGEST_LOOK).await {
            if self.settled.has_changed().unwrap_or(false) && self.take_settled() {
                self.backoff.edited(&self.in_force.desired);
            }
        } else {
            self.files_do_not_answer();
        }
    }

    fn files_do_not_answer(&mut self) {
        let says = "reading the manifests timed out; the last valid set is in force";
        self.narrator.complain(says, None);
        self.board.raise(State::RootUnknown, says.to_owned());
    }

    /// Takes in the last settled set. Whether another one is in force now.
    fn take_settled(&mut self) -> bool {
        let settled = self.settled.borrow_and_update().clone();
        let before = std::mem::replace(&mut self.board.status.files, settled.status);
        let files = &self.board.status.files;
        let generation = files.generation;
        match files.trouble.clone() {
            Some(trouble) => {
                if before.trouble.as_ref() != Some(&trouble) {
                    self.narrator.complain(&format!("watching the manifests: {trouble}"), None);
                }
                self.board.raise(State::WatchImpaired, trouble);
            }
            None if self.board.clear(State::WatchImpaired) => {
                self.narrator.say("all changes of files are reported again");
            }
            None => {}
        }
        // A look that found nothing new.
        if std::mem::replace(&mut self.taken, generation) == generation {
            return false;
        }
        if !matches!(settled.reading, Reading::Unknown) && self.board.clear(State::RootUnknown) {
            self.narrator.say("all paths exist again");
        }
        match settled.reading {
            Reading::Nothing => false,
            Reading::Unknown => {
                let roots = self.board.status.files.roots.iter();
                let unknown = roots.filter_map(|root| {
                    Some(format!("{}: {}", root.path.display(), root.unknown.as_ref()?))
                });
                let says = format!(
                    "some paths cannot be read; the last valid set is in force: {}",
                    unknown.collect::<Vec<_>>().join("; ")
                );
                self.narrator.complain(&says, None);
                self.board.raise(State::RootUnknown, says);
                false
            }
            Reading::Invalid(load) => {
                self.narrator.findings(&load);
                self.reject(findings(&load));
                false
            }
            Reading::Good(load) => {
                let stack = &self.in_force.desired.stack;
                let is_overridden = self.options.stack_is_given && load.stack_origin.is_none();
                if load.desired.stack != *stack && !is_overridden {
                    self.reject(vec![FindingStatus {
                        code: "stack".to_owned(),
                        message: format!(
                            "the stack is now called `{}`; restart to manage objects under that name",
                            load.desired.stack
                        ),
                        place: load.stack_origin.as_ref().map(ToString::to_string),
                    }]);
                    return false;
                }
                let next = InForce::of(&load, stack).from_commit(settled.commit);
                self.board.clear(State::SetInvalid);
                let is_other = next.fingerprint != self.in_force.fingerprint;
                self.say_commit(&next);
                if is_other {
                    self.in_force = next;
                    self.note_set();
                } else if next.commit != self.in_force.commit {
                    // Another commit with the same manifests.
                    self.in_force.commit.clone_from(&next.commit);
                    if let Some(good) = &mut self.board.status.set.good {
                        good.commit = next.commit;
                    }
                }
                self.board.status.set.findings.clear();
                self.board.status.set.stale_since = None;
                is_other
            }
        }
    }

    /// Refuses the current set; the last valid one is in force.
    fn reject(&mut self, findings: Vec<FindingStatus>) {
        let first = findings.first().map(|finding| match &finding.place {
            Some(place) => format!("{place}: {}", finding.message),
            None => finding.message.clone(),
        });
        let says = format!(
            "the new manifests are refused, the last valid set is in force: {}",
            first.unwrap_or_default()
        );
        self.narrator.complain(&says, None);
        let now = self.board.now();
        self.board.status.totals.invalid_sets += 1;
        let set = &mut self.board.status.set;
        set.findings = findings;
        set.stale_since.get_or_insert(now);
        self.board.raise(State::SetInvalid, says);
    }

    /// Says from which commit the set is that comes into force.
    fn say_commit(&mut self, next: &InForce) {
        if let Some(commit) = next.commit.as_ref().filter(|_| next.commit != self.in_force.commit) {
            let of = |text: &Option<String>| text.clone().unwrap_or_default();
            let (subject, author) = (of(&commit.subject), of(&commit.author));
            self.narrator.say(&format!("commit {}: {subject} ({author})", commit.short()));
        }
    }

    fn note_set(&mut self) {
        let InForce { desired, fingerprint, manifests, commit } = &self.in_force;
        self.board.status.set.good = Some(GoodSet {
            fingerprint: HEXLOWER.encode(fingerprint),
            since: self.board.now(),
            manifests: *manifests,
            objects: desired.objects.len(),
            commit: commit.clone(),
        });
    }
}

/// As many findings as anybody reads.
fn findings(load: &Load) -> Vec<FindingStatus> {
    const MOST: usize = 50;
    let errors = load.diagnostics.iter().filter(|finding| finding.severity == Severity::Error);
    errors
        .take(MOST)
        .map(|finding| FindingStatus {
            code: finding.code.as_str().to_owned(),
            message: finding.message.clone(),
            place: match &finding.primary {
                Some(label) => Some(load.sources.origin(label.span).to_string()),
                None => finding.file.clone(),
            },
        })
        .collect()
}
