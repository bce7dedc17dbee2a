//! Small named values that several machines see at the same time, each changed only by whoever knows what it was.
//!
//! Everything that replicas agree on is made of these four questions, and of nothing that a store of its own offers:
//! no clock of a server, no session, no advisory lock. So one argument holds for all of them.

use std::fmt;

use super::soon::Soon;

/// Which of the values that a name had it is. A name that was removed and written again has another one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version(pub(super) String);

/// A value as it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// Its name: words of `[A-Za-z0-9@._-]` with `/` between them.
    pub name: String,
    /// The value.
    pub value: String,
    /// What it takes to change it.
    pub version: Version,
}

/// What became of a write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Written {
    /// It was written.
    At(Version),
    /// Somebody else wrote first, or removed it; nothing was written.
    Changed,
}

/// The store did not answer, or not with what was asked for. A write may have been carried out, and may still be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Away(pub String);

/// Where values are kept.
pub trait Keep: Send + Sync + 'static {
    /// Where that is, for people; without any credentials.
    fn place(&self) -> &str;

    /// Every value whose name begins with `under`, by name. All of them, or an error.
    ///
    /// # Errors
    /// [`Away`].
    fn list<'a>(&'a self, under: &'a str) -> Soon<'a, Result<Vec<Kept>, Away>>;

    /// One value, and not an older one than anybody has read before.
    ///
    /// # Errors
    /// [`Away`].
    fn read<'a>(&'a self, name: &'a str) -> Soon<'a, Result<Option<Kept>, Away>>;

    /// Writes a value if it still is what it was: that of a version, or none.
    ///
    /// # Errors
    /// [`Away`]: nobody knows whether it was written.
    fn write<'a>(
        &'a self,
        name: &'a str,
        value: &'a str,
        over: Option<&'a Version>,
    ) -> Soon<'a, Result<Written, Away>>;

    /// Removes a value if it still is that of a version; whether it was.
    ///
    /// # Errors
    /// [`Away`]: nobody knows whether it was removed.
    fn remove<'a>(&'a self, name: &'a str, at: &'a Version) -> Soon<'a, Result<bool, Away>>;
}

impl fmt::Debug for dyn Keep {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Keep({})", self.place())
    }
}
