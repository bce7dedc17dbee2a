//! The flight recorder: one record for every run that had something to do.
//!
//! Records are for people and for `undo`; nothing is planned from them. So nothing that goes wrong
//! here ever stops a run: it is reported as a warning.
//!
//! Invariant: a record holds what the plan and the report show, and so no secret.

mod commit;
mod record;
mod store;

pub use commit::{Commit, commit_of};
pub use record::{
    Actor, RECORD_FORMAT, Record, RecordedApi, RecordedStep, RunFacts, record, whole_or_abridged,
};
pub use store::{History, Kept, MOST_BYTES, MOST_RECORDS};
