//! The hands: carries out a plan, and never fails as a whole.
//!
//! ```text
//! Plan ─► scheduler (pure: what may begin) ─► jobs (grouped calls) ─► outcomes ─► Report
//!              ▲                                                        │
//!              └────────────── settled, ids learnt ─────────────────────┘
//! ```
//!
//! Independent branches go on when something fails; what depended on it is *blocked* and says
//! because of what. Stopping means: begin nothing new, finish what is in flight, report the rest
//! as *not started*. Every planned step ends in exactly one outcome.

mod bundle;
mod courier;
mod create;
mod credentials;
mod doubles;
mod event;
mod executor;
mod job;
mod ledger;
mod link;
mod payload;
mod report;
mod restore;
mod rotate;
mod scheduler;
mod secrets;
mod set;
mod tokens;

pub use doubles::TakenBack;
pub use event::Event;
pub use executor::{Apply, OnError, apply};
pub use report::{
    ApiUse, Outcome, Report, ReportDocument, ReportFormat, ReportSummary, StepOutcome, StepReport,
};
