//! What a state of Terraform holds of us, carried over into manifests.
//!
//! ```text
//! bytes ─► State ─┐
//!                 ├─ choose ─► Choice ─► export ─► manifests bound by id
//! platform ─► Actual ┘            └─► keys ─► sinks that the user named
//! ```
//!
//! A state says which objects are meant, what they are called in its configuration, and which keys it holds. It does not
//! say what they are: a webhook has no account in it, a token no `ips`, and both may have changed since. That only the
//! platform says, so an import reads it, and [`export`](crate::export) writes what was chosen. So there is one way to write
//! manifests, and what it writes is planned before anybody sees it.
//!
//! Invariant: no I/O, no clock and no randomness in here. Of a state, keys of tokens are kept as secrets, and of all other
//! attributes only names, numbers and what people call the objects: a state holds whatever its providers put there.

mod choose;
mod document;
mod error;
mod foreign;
mod state;

pub use choose::{Choice, KeyInState, choose};
pub use document::{
    ImportDocument, ImportFormat, ImportSummary, ImportedKey, ImportedObject, KeyOutcome, document,
};
pub use error::{Place, StateError};
pub use foreign::Left;
pub use state::{MOST_STATE_BYTES, State, read};
