//! What waits although nothing is wrong with it: what somebody paused, and risky steps outside of the Stack's windows.
//!
//! The plan itself does not know of it, so that a review sees everything. Whoever writes takes out what waits in the
//! moment in which it begins to write.

use jiff::Timestamp;

use crate::diagnostic::counted;
use crate::diagnostic::render::printable;
use crate::pause::{Pause, Pauses, Unreadable};
use crate::plan::{self, Action, Plan, Step};
use crate::report::is_risky;
use crate::resource::{Desired, Opening, opening};

/// What keeps steps waiting at some moment.
#[derive(Debug, Clone)]
pub struct Waits {
    pauses: Vec<Pause>,
    opening: Opening,
}

/// Whether risky steps wait for the windows of the Stack.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Windows {
    /// They do.
    Respected,
    /// A person said that they do not.
    Ignored,
}

impl Waits {
    /// What keeps steps of `desired` waiting on `platform` at `now`.
    ///
    /// # Errors
    /// It is unknown what is paused.
    pub async fn of(
        desired: &Desired,
        (pauses, platform): (&Pauses, &str),
        windows: Windows,
        now: Timestamp,
    ) -> Result<Self, Unreadable> {
        let mut pauses = pauses.all(now).await?;
        pauses.retain(|pause| pause.is_in_force(platform, &desired.stack, now));
        // Whoever replaces a key at once has a reason that does not wait for a calendar.
        let is_open = windows == Windows::Ignored || !desired.orders.is_empty();
        let opening = if is_open { Opening::Open } else { opening(&desired.windows, now) };
        Ok(Self { pauses, opening })
    }

    /// The pauses in force, the first to end first.
    pub fn pauses(&self) -> &[Pause] {
        &self.pauses
    }

    /// The window that risky steps wait for, in words; none if one is open.
    pub fn closed(&self) -> Option<String> {
        matches!(self.opening, Opening::Closed { .. }).then(|| self.window())
    }

    /// Says in `plan` which of its steps would wait now.
    pub fn announce(&self, plan: &mut Plan) {
        let count = |test: &dyn Fn(&Step) -> bool| plan.steps.iter().filter(|it| test(it)).count();
        let mut notes = Vec::new();
        for pause in &self.pauses {
            let steps = match count(&|step| is_meant(pause, step)) {
                0 => String::new(),
                steps => format!("; {} in it wait until then", counted(steps as u64, "step")),
            };
            notes.push(format!("{}: {}{steps}", pause.scope, paused(pause)));
        }
        if let Opening::Closed { .. } = self.opening {
            let steps = count(&is_risky);
            if steps > 0 {
                let verb = if steps == 1 { "waits" } else { "wait" };
                let steps = counted(steps as u64, "risky step");
                notes.push(format!("{steps} {verb} {}", self.window()));
            }
        }
        plan.notes.extend(notes);
    }

    /// The plan without what waits.
    pub fn hold(&self, plan: Plan) -> Plan {
        plan::wait(plan, |step| self.reason(step))
    }

    /// Whether `step` waits.
    pub fn holds(&self, step: &Step) -> bool {
        self.reason(step).is_some()
    }

    fn reason(&self, step: &Step) -> Option<String> {
        if let Some(pause) = self.pauses.iter().find(|pause| is_meant(pause, step)) {
            return Some(paused(pause));
        }
        let is_closed = matches!(self.opening, Opening::Closed { .. });
        (is_closed && is_risky(step)).then(|| format!("it waits {}", self.window()))
    }

    /// The window that is waited for, in words.
    fn window(&self) -> String {
        match &self.opening {
            Opening::Closed { next: Some((at, window)) } => {
                format!("for the window {window}, which opens at {}", window.moment(*at))
            }
            _ => "for a window of the Stack, none of which ever opens".to_owned(),
        }
    }
}

fn is_meant(pause: &Pause, step: &Step) -> bool {
    pause.scope.matches(&step.address)
        || (step.action == Action::Delete && pause.spares(&step.address))
}

fn paused(pause: &Pause) -> String {
    format!(
        "paused until {} by {}: {}",
        pause.until.strftime("%Y-%m-%d %H:%M UTC"),
        printable(&pause.asked_by()),
        printable(&pause.reason)
    )
}
