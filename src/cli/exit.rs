//! Every exit code, named.

use std::process::ExitCode;

/// How the program ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// Done, or nothing to do.
    Done = 0,
    /// Failed, nothing more specific; or a result could not be written.
    Failed = 1,
    /// `plan --detailed-exitcode`: there are changes.
    Changes = 2,
    /// The manifests are invalid.
    Invalid = 3,
    /// The platform could not be read well enough to tell.
    Unknown = 4,
    /// A guard, a protection, or no consent.
    Refused = 5,
    /// Applied in part.
    Partial = 6,
    /// Another run holds the lock.
    Locked = 7,
    /// Wrong usage.
    Usage = 64,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}
