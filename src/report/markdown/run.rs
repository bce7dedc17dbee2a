//! A report as a comment.

use super::{Bounded, MARKDOWN_LEAST, PROSE, bounded::Part, list, marker, named};
use crate::apply::{Report, ReportSummary, StepOutcome, StepReport};
use crate::report::escape::{markdown_code, markdown_prose};
use crate::report::run::{cost, outcome_words};

/// Kept for the words about what was left out.
const END: usize = 400;

/// The report in at most `limit` bytes, but not less than [`MARKDOWN_LEAST`]: a table of sums, what
/// went wrong, what waits, and what was done, folded.
pub fn run_markdown(report: &Report, stack: &str, limit: usize) -> String {
    let limit = limit.max(MARKDOWN_LEAST);
    let mut text = Bounded::new(limit - END);
    text.add(&marker("apply", stack));
    text.add(&format!("### Stack {}: {}\n\n", named(stack), outcome_words(report)));
    let ReportSummary { planned, applied, failed, blocked, not_started } = report.summary();
    if planned > 0 {
        text.add(&format!(
            "| planned | applied | failed | blocked | not started |\n\
             | ---: | ---: | ---: | ---: | ---: |\n\
             | {planned} | {applied} | {failed} | {blocked} | {not_started} |\n\n"
        ));
    }
    let mut left_out = 0;
    let mut add = |text: &mut Bounded, title: &str, items: Vec<String>| {
        let share = text.room() / 2;
        left_out += text.add_part(&list(title, items), share);
    };
    let ended = |outcome| report.steps.iter().filter(move |step| step.outcome == outcome);
    let refused = report.refused.iter();
    let refused = refused.map(|why| format!("- {}\n", markdown_prose(why, PROSE)));
    add(&mut text, "Refused", refused.collect());
    add(&mut text, "Failed", ended(StepOutcome::Failed).map(step_line).collect());
    let line = |subject: String, why: &str| {
        format!("- {}: {}\n", markdown_code(&subject), markdown_prose(why, PROSE))
    };
    let unplanned = report.blocked.iter().map(|it| line(it.address.to_string(), &it.reason));
    add(&mut text, "Not planned", unplanned.collect());
    let unknown = report.unknown.iter().map(|it| line(it.collection().to_owned(), &it.reason));
    add(&mut text, "Could not be read", unknown.collect());
    add(&mut text, "Blocked", ended(StepOutcome::Blocked).map(step_line).collect());
    add(&mut text, "Not started", ended(StepOutcome::NotStarted).map(step_line).collect());
    let pending = report.pending.iter().map(|it| line(it.address.to_string(), &it.reason));
    add(&mut text, "Pending", pending.collect());
    let notes = report.all_notes().map(|note| format!("- {}\n", markdown_prose(&note, PROSE)));
    add(&mut text, "Notes", notes.collect());

    let items: Vec<String> = ended(StepOutcome::Applied).map(step_line).collect();
    let done = Part {
        open: format!("<details><summary>applied: {}</summary>\n\n", items.len()),
        items,
        close: "\n</details>\n\n".to_owned(),
        more: "- ",
    };
    let room = text.room();
    left_out += text.add_part(&done, room);
    let digest: String =
        report.digest.chars().filter(char::is_ascii_alphanumeric).take(64).collect();
    let digest = markdown_code(&digest);
    let missing = match left_out {
        0 => String::new(),
        lines => format!(
            "**Left out** to stay below {limit} bytes: {lines} lines. The report as JSON has \
             everything.\n\n"
        ),
    };
    text.finish(&format!("{missing}plan {digest}; {}\n", cost(report)))
}

fn step_line(step: &StepReport) -> String {
    let why = step.error.as_ref().map(|error| format!(": {}", markdown_prose(error, PROSE)));
    let id = step.id_on_platform.map(|id| format!(" (id {id})")).unwrap_or_default();
    let title = markdown_code(&step.id.title(step.action.as_str()));
    format!("- {title}{id}{}\n", why.unwrap_or_default())
}
