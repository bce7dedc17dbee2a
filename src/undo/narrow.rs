//! What of a plan undoes the run, in its own words.

use super::value::Undoing;
use crate::plan::{self, Action, Holds, Plan};

/// The plan without what would be made anew, and with reasons that name the run.
pub fn narrow(undoing: &Undoing, plan: Plan) -> Plan {
    let mut holds = Holds::default();
    for step in plan.steps.iter().filter(|step| step.action == Action::Create) {
        let reason = "it is not in the recycle bin any more, and is not made anew".to_owned();
        holds.objects.insert(step.address.clone(), reason);
    }
    let mut plan = plan::hold(plan, &holds);
    let run = &undoing.run;
    for step in &mut plan.steps {
        step.source = None;
        step.reason = match step.action {
            Action::Delete => format!("run {run} made it"),
            Action::Restore => format!("run {run} deleted it"),
            Action::Forget => format!("run {run} took it over"),
            _ => format!("run {run} changed it"),
        };
    }
    plan.blocked.iter_mut().for_each(|blocked| blocked.source = None);
    plan
}
