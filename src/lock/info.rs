//! What is known of a lease: its owner, since when, and when it was last renewed.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use data_encoding::HEXLOWER;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::share::Share;
use crate::run::{RunId, span, this_host};
use crate::source::shown::printable;

/// A holder that gave no sign of life for so long, in seconds, is stopped or hangs.
pub(super) const SILENT_SECONDS: i64 = 30;

/// The longest name that every common file system takes, less what we add.
const LONGEST_NAME: usize = 200;

/// A lease that holds across machines is free so many seconds after its holder gave no sign of life.
const ENDS_WITHIN_SECONDS: u64 = 10;

/// What a lease is about: one stack in one account of one platform.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct LeaseKey {
    /// Host of the platform, with its port if it is not the default one; `sandbox` for the embedded
    /// platform.
    pub platform: String,
    /// Id of the root account, that of the token.
    pub account: i64,
    /// The stack.
    pub stack: String,
}

impl fmt::Display for LeaseKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}@{}@{}", self.stack, self.account, self.platform)
    }
}

impl LeaseKey {
    /// The key as a name of a file: letters, digits and `@._-`, and no longer than most systems take.
    pub(super) fn as_name(&self) -> String {
        let plain = |char: char| char.is_ascii_alphanumeric() || "@._-".contains(char);
        let text = self.to_string();
        let mut name: String = text.chars().map(|it| if plain(it) { it } else { '_' }).collect();
        if name.len() > LONGEST_NAME {
            let digest = Sha256::digest(&text);
            name.truncate(LONGEST_NAME - 17);
            name.push('-');
            name.push_str(&HEXLOWER.encode(&digest[..8]));
        }
        name
    }
}

/// Who holds a lease.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Holder {
    /// The command: `apply`, `watch`, `rotate`.
    pub command: String,
    /// The run.
    pub run: RunId,
    /// Number of the process.
    pub pid: u32,
    /// Name of the machine.
    pub host: String,
    /// Id of the machine's boot, if known: process numbers restart with it.
    pub boot: Option<String>,
}

impl Holder {
    /// This process, on behalf of `run` of `command`.
    pub fn this_process(command: &str, run: &RunId) -> Self {
        Self {
            command: command.to_owned(),
            run: run.clone(),
            pid: std::process::id(),
            host: this_host(),
            boot: this_boot(),
        }
    }
}

impl Holder {
    /// Whether the number of its process means something here and now.
    pub(super) fn is_of_this_boot(&self) -> bool {
        self.host == this_host() && self.boot == this_boot()
    }
}

fn this_boot() -> Option<String> {
    let id = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    Some(id.trim().to_owned())
}

/// What is stored beside a lease. All of it is information: only the lock decides who owns the
/// lease.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Note {
    pub(super) key: LeaseKey,
    pub(super) fence: u64,
    pub(super) holder: Holder,
    pub(super) acquired_at: i64,
    pub(super) heartbeat_at: i64,
    pub(super) released_at: Option<i64>,
}

/// Whether a lease is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum LockState {
    /// It is held, and its holder is active.
    Held,
    /// It is held, but its holder is suspended or hangs.
    Silent,
    /// It is free; the last holder released it.
    Free,
    /// It is free; the last holder died.
    Abandoned,
}

/// One lease, for people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct LockInfo {
    /// What it is about; null if what is stored beside it cannot be read.
    pub key: Option<LeaseKey>,
    /// Where it is kept.
    pub place: String,
    /// Whether it is held.
    pub state: LockState,
    /// How many runs held it before, at least; larger for every one.
    pub fence: Option<u64>,
    /// The owner, or the last one.
    pub holder: Option<Holder>,
    /// Since when, in unix seconds.
    pub acquired_at: Option<i64>,
    /// When the holder last renewed it, in unix seconds.
    pub heartbeat_at: Option<i64>,
    /// When it was released, in unix seconds.
    pub released_at: Option<i64>,
    /// Whether the holder belongs to this boot of this machine; otherwise its number has no
    /// meaning.
    pub is_local: bool,
    /// What `lock break --id` calls the holder; only where leases hold across machines.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// How many shares of the stack the holder has; only where leases hold across machines.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shares: Option<usize>,
    /// Whether it is no lock, but a daemon that is there to take its part of the work.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_member: bool,
    /// Who broke it, and why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub broken: Option<String>,
}

impl LockInfo {
    /// What is known of the lease at `place`, `now` in unix seconds.
    pub(super) fn new(place: String, note: Option<Note>, is_held: bool, now: i64) -> Self {
        let silent = |note: &Note| now.saturating_sub(note.heartbeat_at) > SILENT_SECONDS;
        let state = match (is_held, &note) {
            (true, Some(note)) if silent(note) => LockState::Silent,
            (true, _) => LockState::Held,
            (false, Some(Note { released_at: None, .. })) => LockState::Abandoned,
            (false, _) => LockState::Free,
        };
        let unknown = Self::unknown(place, state);
        let Some(Note { key, fence, holder, acquired_at, heartbeat_at, released_at }) = note else {
            return unknown;
        };
        Self {
            key: Some(key),
            fence: Some(fence),
            is_local: holder.is_of_this_boot(),
            holder: Some(holder),
            acquired_at: Some(acquired_at),
            heartbeat_at: Some(heartbeat_at),
            released_at,
            ..unknown
        }
    }

    /// A lease of which nothing is known but where it is and whether it is held.
    pub(super) fn unknown(place: String, state: LockState) -> Self {
        Self {
            key: None,
            place,
            state,
            fence: None,
            holder: None,
            acquired_at: None,
            heartbeat_at: None,
            released_at: None,
            is_local: false,
            id: None,
            shares: None,
            is_member: false,
            broken: None,
        }
    }

    /// What a person does who does not want to wait.
    pub fn advice(&self) -> String {
        let wait = "wait with --lock-timeout, such as --lock-timeout 5m";
        if let Some(id) = &self.id {
            return format!(
                "{wait}; a holder that has died is followed within {} s; end one that hangs with `flespi-gitops lock \
                 break --id {id} --reason TEXT`",
                ENDS_WITHIN_SECONDS
            );
        }
        match (&self.holder, self.state) {
            (Some(Holder { pid, .. }), LockState::Silent) if self.is_local => format!(
                "it is suspended or hangs: resume it with `kill -CONT {pid}`, or end it with `kill -KILL \
                 {pid}`, which releases its lock; the next run finishes its work"
            ),
            (Some(Holder { pid, .. }), _) if self.is_local => format!(
                "{wait}; or end it with `kill {pid}`, which releases its lock; do not delete any file"
            ),
            (Some(Holder { host, .. }), _) => {
                format!("{wait}; or end it on {}, which releases its lock", printable(host))
            }
            (None, _) => format!(
                "{wait}; `flespi-gitops lock show` names the holder once it has identified \
                                  itself"
            ),
        }
    }
}

/// Whose a lease is, in words.
pub(super) fn refusal(info: &LockInfo, now: i64) -> String {
    let what = match &info.key {
        Some(LeaseKey { platform, account, stack }) => {
            format!("the lock of stack `{stack}` on account {account} of {platform}")
        }
        None => format!("the lock {}", info.place),
    };
    let Some(Holder { command, run, pid, host, boot: _ }) = &info.holder else {
        return format!("{what} is held by another run, which has not identified itself yet");
    };
    let age = info.acquired_at.map(|at| span(now.saturating_sub(at))).unwrap_or_default();
    let life = info.heartbeat_at.map(|at| span(now.saturating_sub(at))).unwrap_or_default();
    format!(
        "{what} is held by `{command}`, run {run} (process {pid} on {host}), for {age}; last renewed {life} ago"
    )
}

/// What was known of every lease at some moment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Fences {
    /// The last fence of every lease that was at rest.
    pub(super) at_rest: BTreeMap<(LeaseKey, Share), u64>,
    /// The leases that somebody had, or died with: what was read afterwards may be half of a run.
    pub(super) in_use: BTreeSet<(LeaseKey, Share)>,
    /// Of some lease nothing could be read.
    pub(super) is_partial: bool,
}

impl Fences {
    /// Whether a lease whose last fence was `previous` was at rest ever since.
    pub(super) fn precede(&self, key: &LeaseKey, share: Share, previous: Option<u64>) -> bool {
        let lease = (key.clone(), share);
        !self.is_partial
            && !self.in_use.contains(&lease)
            && self.at_rest.get(&lease).copied() == previous
    }
}

/// All leases that are kept in one place.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Locks {
    /// `flespi-gitops/locks/v1`.
    pub format: LocksFormat,
    /// All current and past leases.
    pub locks: Vec<LockInfo>,
}

/// The format of this document.
#[derive(Debug, Clone, Copy, Serialize, JsonSchema)]
pub enum LocksFormat {
    /// Version 1.
    #[serde(rename = "flespi-gitops/locks/v1")]
    V1,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn note(heartbeat_at: i64, released_at: Option<i64>) -> Note {
        let run = RunId::parse("20261121-233344-k3f9").unwrap();
        Note {
            key: LeaseKey {
                platform: "flespi.io".to_owned(),
                account: 7,
                stack: "default".to_owned(),
            },
            fence: 3,
            holder: Holder::this_process("apply", &run),
            acquired_at: 1_000,
            heartbeat_at,
            released_at,
        }
    }

    #[test]
    fn a_holder_without_signs_of_life_is_told_apart_from_one_that_works() {
        let state = |note, is_held| LockInfo::new("p".to_owned(), note, is_held, 2_000).state;
        assert_eq!(state(Some(note(1_995, None)), true), LockState::Held);
        assert_eq!(state(Some(note(1_900, None)), true), LockState::Silent);
        assert_eq!(state(Some(note(1_900, None)), false), LockState::Abandoned);
        assert_eq!(state(Some(note(1_900, Some(1_900))), false), LockState::Free);
        assert_eq!(state(None, true), LockState::Held);
        assert_eq!(state(None, false), LockState::Free);
    }

    #[test]
    fn a_refusal_names_holder_run_age_and_what_to_do() {
        let info = LockInfo::new("p".to_owned(), Some(note(1_990, None)), true, 2_000);
        let words = refusal(&info, 2_000);
        for part in ["stack `default`", "account 7", "`apply`", "20261121-233344-k3f9", "16 min"] {
            assert!(words.contains(part), "{part}: {words}");
        }
        assert!(info.advice().contains(&format!("kill {}", std::process::id())));
        let mut silent = LockInfo::new("p".to_owned(), Some(note(1_000, None)), true, 2_000);
        assert!(silent.advice().contains("kill -CONT"), "{}", silent.advice());
        // The number of a process of another boot is somebody else's number now.
        silent.is_local = false;
        assert!(!silent.advice().contains("kill"), "{}", silent.advice());
    }
}
