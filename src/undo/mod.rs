//! Taking back what a run did: from its record, a desired state for an ordinary pass.
//!
//! ```text
//! records of the run ── past ──► what became of each address ─┐
//!                                                             ├─ backwards ──► Desired, and what cannot be undone
//! what is on the platform now ────────────────────────────────┘
//! ```
//!
//! What the run created is *pruned*, and nothing else; what it deleted comes back from the recycle bin, and is never made
//! anew; what it set gets the value that it had before, unless somebody changed it since. So guards, protection, locks and
//! records are those of any other pass.
//!
//! Invariant: keys and passwords are in no record, so none is brought back; that is said before anything is done.

mod backwards;
mod narrow;
mod past;
mod value;

pub use backwards::backwards;
pub use narrow::narrow;
pub use value::{Left, Undoing};
