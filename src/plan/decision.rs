//! What was decided about one declared object.

use super::step::Step;

/// What is done about an object or a part of it, at most one step: or why it is not done.
pub(super) type Verdict = Result<Option<Step>, String>;

/// What is done about an object, and what of it is not done although it is asked for.
#[derive(Debug, Default)]
pub(super) struct Decision {
    pub(super) steps: Vec<Step>,
    /// Why something is not done.
    pub(super) obstacles: Vec<String>,
}

impl Decision {
    /// Nothing is done because of `reason`.
    pub(super) fn blocked(reason: impl Into<String>) -> Self {
        Self { steps: Vec::new(), obstacles: vec![reason.into()] }
    }

    /// Whether the object needs no change.
    pub(super) fn is_nothing(&self) -> bool {
        let Self { steps, obstacles } = self;
        steps.is_empty() && obstacles.is_empty()
    }

    /// Adds what was decided about a part of the object.
    pub(super) fn add(&mut self, part: Verdict) {
        let step = self.step_of(part);
        self.steps.extend(step);
    }

    /// The step that was decided on, to be added later; what is in its way is noted.
    pub(super) fn step_of(&mut self, part: Verdict) -> Option<Step> {
        part.unwrap_or_else(|obstacle| {
            self.obstacles.push(obstacle);
            None
        })
    }

    /// Adds all that was decided elsewhere.
    pub(super) fn append(&mut self, other: Self) {
        let Self { steps, obstacles } = other;
        self.steps.extend(steps);
        self.obstacles.extend(obstacles);
    }
}

impl From<Verdict> for Decision {
    fn from(verdict: Verdict) -> Self {
        let mut decision = Self::default();
        decision.add(verdict);
        decision
    }
}
