//! Approval of what a guard refuses.

use crate::plan::Plan;

/// The shortest part of a digest that may stand for it: 48 bits, which nobody hits by chance.
const DIGEST_DIGITS: usize = 12;

/// Why a plan may not begin without approval; nothing if somebody approved this very plan.
pub(super) fn disapproval(plan: &Plan, approval: Option<&str>) -> Vec<String> {
    let refusals = plan.refusals.iter().map(|refusal| refusal.reason.clone());
    match approval {
        _ if plan.refusals.is_empty() => Vec::new(),
        Some(digest) if digest.len() >= DIGEST_DIGITS && plan.digest.starts_with(digest) => {
            Vec::new()
        }
        Some(_) => {
            let other = format!("--approve names another plan; this one is {}", plan.digest);
            refusals.chain([other]).collect()
        }
        None => {
            let how = format!("to approve exactly this plan: --approve {}", plan.digest);
            refusals.chain([how]).collect()
        }
    }
}
