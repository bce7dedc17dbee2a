//! A report as text for a terminal.

use std::fmt::Write as _;

use super::style::{BAD, BOLD, CAUTION, DIM, GOOD, paint};
use crate::apply::{Outcome, Report, ReportSummary, StepOutcome};

/// What became of a plan: what went wrong, what waits, and the sums.
pub fn run_text(report: &Report) -> String {
    let mut text = String::new();
    for (outcome, style) in [
        (StepOutcome::Failed, BAD),
        (StepOutcome::Blocked, CAUTION),
        (StepOutcome::NotStarted, CAUTION),
    ] {
        let steps: Vec<_> = report.steps.iter().filter(|step| step.outcome == outcome).collect();
        if steps.is_empty() {
            continue;
        }
        let _ = writeln!(text, "{}", paint(style, outcome.as_str()));
        for step in steps {
            let why = step.error.as_ref().map(|error| format!(": {error}")).unwrap_or_default();
            let _ = writeln!(text, "  {}{why}", step.id);
        }
    }
    if !report.blocked.is_empty() {
        let _ = writeln!(text, "{}", paint(BAD, "not planned"));
        for blocked in &report.blocked {
            let _ = writeln!(text, "  {}: {}", blocked.address, blocked.reason);
        }
    }
    if !report.pending.is_empty() {
        let _ = writeln!(text, "{}", paint(CAUTION, "pending"));
        for pending in &report.pending {
            let _ = writeln!(text, "  {}: {}", pending.address, pending.reason);
        }
    }
    let _ = writeln!(text, "{}", sums(report));
    text
}

fn sums(report: &Report) -> String {
    let ReportSummary { planned, applied, failed, blocked, not_started } = report.summary();
    let (word, style) = match report.outcome() {
        Outcome::Unchanged => ("nothing to do", GOOD),
        Outcome::Applied => ("applied", GOOD),
        Outcome::Partial => ("applied in part", CAUTION),
        Outcome::Refused => ("refused", BAD),
        Outcome::Failed => ("failed", BAD),
    };
    let mut line = paint(style.bold(), word);
    if planned > 0 {
        let _ = write!(
            line,
            "{}",
            paint(
                BOLD,
                format_args!(
                    ": {planned} planned = {applied} applied + {failed} failed + {blocked} \
                     blocked + {not_started} not started"
                )
            )
        );
    }
    let retries: u64 = report.calls.iter().map(|count| count.retries).sum();
    let calls = format!(
        "{} API calls, {} of them writes, {retries} retries, {:.1} s",
        report.total_calls(),
        report.writes(),
        report.duration.as_secs_f64()
    );
    format!("{line}  {}", paint(DIM, format_args!("[{calls}]")))
}
