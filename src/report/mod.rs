//! What people see of plans and runs: text from values, one file per view.
//!
//! Nothing here decides anything, prints anything or knows a terminal: a view writes styled text,
//! and whoever prints it strips the styles where they do not belong.

mod explain;
mod plan;
mod progress;
mod run;
mod style;
mod value;

pub use explain::{Basis, ExplainFormat, Explanation, explain_text};
pub use plan::plan_text;
pub use progress::Progress;
pub use run::run_text;
