//! The daemon: passes like those of `apply`, now, on change, on an interval and on request, for as long as nobody stops it.
//!
//! ```text
//! files ───► settled set ─┐
//! interval, retries ──────┼─► one pass at a time: reconcile ─► status ─► whoever looks
//! signal, request ────────┘        ▲
//!                   contests, backoff: what is left alone this time
//! ```
//!
//! A wake-up carries no data: a pass finds out by looking what is to be done, so it does not matter how often or why it was
//! woken. What happens during a pass is one wake-up after it.
//!
//! * [`files`] says when there is another settled set of manifests, and [`pull`] the same of a repository.
//! * [`daemon`] is the loop, and what it makes of each pass.
//! * [`status`] is what others may see of it.
//!
//! Invariant: everything that is remembered from pass to pass (failures, contests, who changed what) may be lost at any
//! moment; a new process finds all that matters on the platform and in the files.

mod backoff;
mod contest;
pub mod culprit;
pub mod daemon;
pub mod files;
pub mod pull;
mod replicas;
mod source;
pub mod status;
#[cfg(test)]
mod testing;
pub mod trigger;

pub use contest::WINDOW as CONTEST_WINDOW;
pub use daemon::{Daemon, Ended, FirstPass, InForce, Narrator, Options, Platform};
pub use source::Source;
pub use status::{ObjectState, ObjectStatus, PassOutcome, Receiver, State, Status};
pub use trigger::{Trigger, Wake, Woken, wake};
