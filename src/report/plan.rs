//! A plan as text for a terminal.

use std::fmt::Write as _;

use super::style::{BAD, BOLD, CAUTION, DIM, of_action, paint};
use super::value::change_text;
use crate::plan::{Change, Plan, Step, Summary};

/// The plan, step by step in the order of application, with what stands in the way and a summary.
pub fn plan_text(plan: &Plan) -> String {
    let mut text = String::new();
    let mut scope = None;
    for step in &plan.steps {
        let account = step.scope();
        if scope.as_ref() != Some(&account) {
            if scope.is_some() {
                text.push('\n');
            }
            let name = match account.is_root() {
                true => "our own account".to_owned(),
                false => format!("account {account}"),
            };
            let _ = writeln!(text, "{}", paint(BOLD, name));
            scope = Some(account);
        }
        text.push_str(&step_text(step));
    }
    let mut section = |title: &str, style, lines: Vec<String>| {
        if lines.is_empty() {
            return;
        }
        if !text.is_empty() {
            text.push('\n');
        }
        let _ = writeln!(text, "{}", paint(style, title));
        for line in lines {
            let _ = writeln!(text, "  {line}");
        }
    };
    let blocked = plan.blocked.iter().map(|blocked| match &blocked.source {
        Some(source) => {
            format!("! {}: {} {}", blocked.address, blocked.reason, paint(DIM, source))
        }
        None => format!("! {}: {}", blocked.address, blocked.reason),
    });
    let refusals = plan.refusals.iter().map(|refusal| {
        format!("! {} {}", refusal.reason, paint(DIM, format_args!("[{}]", refusal.guard)))
    });
    let mut refusals: Vec<String> = refusals.collect();
    if !refusals.is_empty() {
        refusals.push(format!("approve exactly this plan with --approve {}", short_digest(plan)));
    }
    section("refused without approval", BAD, refusals);
    section("blocked", BAD, blocked.collect());
    let disputed =
        plan.disputed.iter().map(|disputed| format!("! {}: {}", disputed.address, disputed.reason));
    section("disputed", BAD, disputed.collect());
    let unknown = plan.unknown.iter().map(|unknown| {
        format!("? {}: {}; nothing is planned there", unknown.kind.collection(), unknown.reason)
    });
    section("could not be read", BAD, unknown.collect());
    let pending =
        plan.pending.iter().map(|pending| format!("… {}: {}", pending.address, pending.reason));
    section("pending", CAUTION, pending.collect());
    let prunable = plan.prunable.iter().map(|prunable| {
        format!("{} (id {}), deleted with --prune", prunable.address, prunable.id_on_platform)
    });
    section("named by no manifest any more", CAUTION, prunable.collect());
    section("notes", DIM, plan.notes.clone());
    if !text.is_empty() {
        text.push('\n');
    }
    let _ = writeln!(text, "{}", summary_line(plan));
    text
}

fn step_text(step: &Step) -> String {
    let (sign, style) = of_action(step.action);
    let head = format!("{sign} {}", step.address);
    let what = match step.action.as_str() == step.phase.as_str() {
        true => step.action.as_str().to_owned(),
        false if step.phase.as_str() == step.address.kind.as_str() => {
            step.action.as_str().to_owned()
        }
        false => format!("{} {}", step.action.as_str(), step.phase),
    };
    let mut text = format!("  {}  {}\n", paint(style, head), paint(DIM, what));
    let width = step.changes.iter().map(|change| change.field.len()).max().unwrap_or(0);
    // What people call the thing comes first.
    let label = step.address.kind.label_field();
    let (named, others): (Vec<&Change>, Vec<&Change>) =
        step.changes.iter().partition(|change| change.field == label);
    for change in named.into_iter().chain(others) {
        text.push_str(&change_text(change, "      ", width));
    }
    let _ = writeln!(text, "      {}", paint(DIM, format_args!("because {}", step.reason)));
    text
}

/// Enough of the digest to name the plan.
fn short_digest(plan: &Plan) -> String {
    plan.digest.chars().take(12).collect()
}

fn summary_line(plan: &Plan) -> String {
    let Summary { create, update, assign, replace: _, restore: _, delete, unchanged } =
        plan.summary();
    let parts = [
        (create, "to create"),
        (update, "to update"),
        (assign, "to assign"),
        (delete, "to delete"),
        (plan.blocked.len(), "blocked"),
    ];
    let mut words: Vec<String> = parts
        .into_iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, what)| format!("{count} {what}"))
        .collect();
    if words.is_empty() {
        words.push("nothing to do".to_owned());
    }
    words.push(format!("{unchanged} unchanged"));
    let digest = short_digest(plan);
    let line = format!("stack {}: {}", plan.stack, words.join(", "));
    format!("{}  {}", paint(BOLD, line), paint(DIM, format_args!("[plan {digest}]")))
}
