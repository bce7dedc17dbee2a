//! A report as text for a terminal.

use super::style::{BAD, BOLD, CAUTION, DIM, GOOD, PLAIN};
use super::wrap::Screen;
use crate::apply::{Outcome, Report, ReportSummary, StepOutcome};
use crate::diagnostic::counted;
use crate::diagnostic::render::printable;

/// What became of a plan: what went wrong, what waits, and the sums. `width` is that of the
/// terminal; without one, lines are as long as they are.
pub fn run_text(report: &Report, width: Option<usize>) -> String {
    let mut screen = Screen::new(width);
    for (outcome, style) in [
        (StepOutcome::Failed, BAD),
        (StepOutcome::Blocked, CAUTION),
        (StepOutcome::NotStarted, CAUTION),
    ] {
        // Of what was refused as a whole, the plan lists every step.
        let is_listed = outcome == StepOutcome::NotStarted && !report.refused.is_empty();
        let steps = report.steps.iter().filter(|step| step.outcome == outcome && !is_listed);
        let steps: Vec<_> = steps.collect();
        let lines =
            steps.iter().map(|step| (step.id.title(step.action.as_str()), step.error.as_deref()));
        section(&mut screen, outcome.as_str(), style, lines);
    }
    let blocked = report.blocked.iter();
    let lines = blocked.map(|it| (it.address.to_string(), Some(it.reason.as_str())));
    section(&mut screen, "not planned", BAD, lines);
    let unknown = report.unknown.iter();
    let lines = unknown.map(|it| (it.collection().to_owned(), Some(it.reason.as_str())));
    section(&mut screen, "could not be read", BAD, lines);
    let pending = report.pending.iter();
    let lines = pending.map(|it| (it.address.to_string(), Some(it.reason.as_str())));
    section(&mut screen, "pending", CAUTION, lines);
    section(&mut screen, "note", CAUTION, report.all_notes().map(|note| (note, None)));

    let (word, style) = match report.outcome() {
        Outcome::Unchanged | Outcome::Applied => (outcome_words(report), GOOD),
        Outcome::Partial => (outcome_words(report), CAUTION),
        Outcome::Refused | Outcome::Failed => (outcome_words(report), BAD),
    };
    let cost = format!("  [{}]", cost(report));
    screen.line(0, 2, &[(style.bold(), word), (BOLD, &sums(report)), (DIM, &cost)]);
    screen.finish()
}

fn section<'a>(
    screen: &mut Screen,
    title: &str,
    style: anstyle::Style,
    lines: impl Iterator<Item = (String, Option<&'a str>)>,
) {
    for (number, (subject, why)) in lines.enumerate() {
        if number == 0 {
            screen.line(0, 2, &[(style.bold(), title)]);
        }
        let subject = printable(&subject).into_owned();
        let why = why.map(|why| format!(": {}", printable(why))).unwrap_or_default();
        screen.line(2, 4, &[(PLAIN, &subject), (PLAIN, &why)]);
    }
}

/// How the run ended, in a word or two.
pub(super) fn outcome_words(report: &Report) -> &'static str {
    words_of(report.outcome())
}

/// The same of an outcome alone.
pub(super) fn words_of(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Unchanged => "nothing to do",
        Outcome::Applied => "applied",
        Outcome::Partial => "applied in part",
        Outcome::Refused => "refused",
        Outcome::Failed => "failed",
    }
}

fn sums(report: &Report) -> String {
    let ReportSummary { planned, applied, failed, blocked, not_started } = report.summary();
    if planned == 0 {
        return String::new();
    }
    format!(
        ": {planned} planned = {applied} applied + {failed} failed + {blocked} blocked + \
         {not_started} not started"
    )
}

/// What the run cost.
pub(super) fn cost(report: &Report) -> String {
    let retries: u64 = report.calls.iter().map(|count| count.retries).sum();
    let least = match report.least_writes {
        0 => String::new(),
        least => format!(" (at least {least})"),
    };
    format!(
        "{}, {}{least}, {}, {:.1} s",
        counted(report.total_calls(), "API call"),
        counted(report.writes(), "write"),
        counted(retries, "retry"),
        report.duration.as_secs_f64()
    )
}
