//! What people see of plans and runs: text from values, one file per view.
//!
//! Nothing here decides anything, prints anything or knows a terminal: a view writes styled text,
//! and whoever prints it strips the styles where they do not belong.

mod alike;
mod escape;
mod events;
mod explain;
mod history;
mod html;
mod import;
mod init;
mod locks;
mod markdown;
mod outline;
mod pauses;
mod plan;
mod probe;
mod progress;
mod reference;
mod risk;
mod run;
mod status;
mod style;
mod summary;
#[cfg(test)]
mod tests;
mod value;
mod wrap;

pub use events::{EventDocument, EventLine};
pub use explain::{Basis, ExplainFormat, Explanation, explain_text};
pub use history::{history_text, record_text};
pub(crate) use html::csp_hash;
pub use html::plan_html;
pub use import::{import_markdown, import_text};
pub use init::{InitDocument, Kept, init_text};
pub use locks::locks_text;
pub use markdown::{
    MARKDOWN_DEFAULT, MARKDOWN_LEAST, findings_markdown, listing_markdown, plan_markdown,
    run_markdown,
};
pub use pauses::pauses_text;
pub use plan::plan_text;
pub use probe::{
    ProbeDocument, ProbeFormat, ProbeOutcome, ProbeSummary, ProbedQuestion, probe_text,
};
pub use progress::Progress;
pub use reference::{Field, fields, page as reference_page};
pub(crate) use risk::is_risky;
pub use run::run_text;
pub use status::{
    ObjectState, ObjectStatus, StatusDocument, StatusFormat, StatusSummary, status,
    status_markdown, status_text,
};
pub use summary::plan_summary;
