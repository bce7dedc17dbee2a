//! Telling: what the daemon says while it works. The daemon itself neither prints nor keeps records.

use crate::apply::Report;
use crate::manifest::Load;
use crate::observe::ObserveError;
use crate::plan::Plan;
use crate::reconcile::Prepared;
use crate::watch::status::PassRecord;

/// A pass that ended, for whoever keeps records.
#[derive(Debug)]
pub struct Ended<'a> {
    /// The pass as the status shows it.
    pub record: &'a PassRecord,
    /// The plan that was carried out, after what had to wait was held back; none if there was none.
    pub prepared: Option<&'a Prepared>,
    /// What became of it; none if nothing was to be written.
    pub report: Option<&'a Report>,
}

/// Hears what the daemon does.
pub trait Narrator {
    /// A line of talk.
    fn say(&mut self, line: &str);
    /// Something is wrong, and perhaps what to do about it.
    fn complain(&mut self, line: &str, help: Option<&str>);
    /// A set of manifests is invalid.
    fn findings(&mut self, load: &Load);
    /// The platform could not be read.
    fn away(&mut self, error: &ObserveError);
    /// This is about to be done.
    fn plan(&mut self, plan: &Plan);
    /// This became of it.
    fn report(&mut self, report: &Report);
    /// A pass ended.
    fn ended(&mut self, pass: &Ended<'_>);
}
