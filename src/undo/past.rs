//! What a run did to each address, taken together.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::apply::StepOutcome;
use crate::history::{Record, RecordedStep};
use crate::plan::Action;
use crate::resource::{Address, Phase};

/// The change that says which generation a token is.
const GENERATION: &str = "generation";

/// What a run did to one address.
#[derive(Debug, Clone, Default)]
pub(super) struct Past {
    /// The object, if its id is known.
    pub(super) id: Option<i64>,
    /// It was not there before.
    pub(super) is_created: bool,
    /// It was in the recycle bin before.
    pub(super) is_restored: bool,
    /// It was there before, and is not any more.
    pub(super) is_deleted: bool,
    /// It was managed before.
    pub(super) is_forgotten: bool,
    /// Its key was replaced.
    pub(super) is_rotated: bool,
    /// A step of it failed, or nobody knows what became of it.
    pub(super) is_doubtful: bool,
    /// Every field that was set, as it was before and afterwards.
    pub(super) fields: BTreeMap<String, (Value, Value)>,
}

/// What `records`, the passes of one run in their order, did to each address.
pub(super) fn pasts(records: &[Record]) -> BTreeMap<Address, Past> {
    let mut pasts: BTreeMap<Address, Past> = BTreeMap::new();
    for step in records.iter().flat_map(|record| &record.steps) {
        // A token that served to set credentials was nobody's.
        if step.phase == Phase::Credentials && step.action == Action::Delete {
            continue;
        }
        let past = pasts.entry(step.address.clone()).or_default();
        match step.outcome {
            StepOutcome::Applied => past.take(step),
            StepOutcome::Failed => past.is_doubtful = true,
            // Whatever else may have become of it: it was not begun.
            _ => {}
        }
    }
    pasts
}

impl Past {
    fn take(&mut self, step: &RecordedStep) {
        let follows_another = step
            .changes
            .iter()
            .any(|change| change.field == GENERATION && change.after.as_u64() > Some(1));
        match step.action {
            Action::Create if follows_another => self.is_rotated = true,
            Action::Create => (self.id, self.is_created) = (step.id_on_platform, true),
            Action::Restore => (self.id, self.is_restored) = (step.id_on_platform, true),
            Action::Delete if self.is_created || self.is_restored => *self = Self::default(),
            Action::Delete => (self.id, self.is_deleted) = (step.id_on_platform, true),
            Action::Forget => (self.id, self.is_forgotten) = (step.id_on_platform, true),
            Action::Update | Action::Assign | Action::Link => {
                self.id = step.id_on_platform.or(self.id);
                for change in &step.changes {
                    let (before, after) = (change.before.clone(), change.after.clone());
                    let known = self.fields.entry(change.field.clone());
                    known.or_insert((before, Value::Null)).1 = after;
                }
            }
        }
    }
}
