//! Past runs as text for a terminal.

use anstyle::Style;
use unicode_width::UnicodeWidthStr;

use super::plan::show_change;
use super::run::words_of;
use super::style::{BAD, BOLD, CAUTION, DIM, GOOD, PLAIN, of_action};
use super::wrap::Screen;
use crate::apply::{Outcome, StepOutcome};
use crate::diagnostic::counted;
use crate::diagnostic::render::printable;
use crate::history::Record;

/// Past runs, one a line under their headings. `width` is that of the terminal.
pub fn history_text(records: &[Record], width: Option<usize>) -> String {
    if records.is_empty() {
        return String::new();
    }
    let mut rows: Vec<[String; 7]> =
        vec![["RUN", "BEGAN", "COMMAND", "STACK", "COMMIT", "STEPS", "OUTCOME"].map(str::to_owned)];
    rows.extend(records.iter().map(|record| {
        let commit =
            record.commit.as_ref().map(|commit| printable(&commit.id).chars().take(8).collect());
        [
            printable(record.run.as_str()).into_owned(),
            minute(&record.began),
            printable(&record.command).into_owned(),
            printable(&record.stack).into_owned(),
            commit.unwrap_or_else(|| "-".to_owned()),
            format!("{}/{}", record.summary.applied, record.summary.planned),
            words_of(record.outcome).to_owned(),
        ]
    }));
    let mut widths = [0; 7];
    for row in &rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.width());
        }
    }
    let mut screen = Screen::new(width);
    for (number, row) in rows.iter().enumerate() {
        let style = match number.checked_sub(1).and_then(|number| records.get(number)) {
            Some(record) => of_outcome(record.outcome),
            None => DIM,
        };
        let plain = if number == 0 { DIM } else { PLAIN };
        let cells: Vec<String> = row
            .iter()
            .zip(widths)
            .map(|(cell, width)| format!("{cell}{:1$}  ", "", width - cell.width()))
            .collect();
        let Some((outcome, others)) = cells.split_last() else { continue };
        let mut spans: Vec<(Style, &str)> = others.iter().map(|cell| (plain, &**cell)).collect();
        spans.push((style, outcome.trim_end()));
        screen.line(0, 2, &spans);
    }
    screen.finish()
}

/// One run in full.
pub fn record_text(record: &Record, width: Option<usize>) -> String {
    let mut screen = Screen::new(width);
    let title = format!("run {}  ", printable(record.run.as_str()));
    let outcome = words_of(record.outcome);
    screen.line(0, 2, &[(BOLD, &title), (of_outcome(record.outcome).bold(), outcome)]);
    for (label, text) in facts(record) {
        let label = format!("{label:9}");
        screen.line(2, 11, &[(DIM, &label), (PLAIN, &text)]);
    }
    for step in &record.steps {
        screen.gap();
        let (sign, style) = of_action(step.action);
        let (action, phase) = (step.action.as_str(), step.phase.as_str());
        let verb = match action == phase || phase == step.address.kind.as_str() {
            true => action.to_owned(),
            false => format!("{action} {phase}"),
        };
        let id = step.id_on_platform.map(|id| format!("  id {id}")).unwrap_or_default();
        let head = format!("{sign} {}  ", step.address);
        let outcome = match step.outcome {
            StepOutcome::Applied => (GOOD, "applied"),
            StepOutcome::Failed => (BAD, "failed"),
            StepOutcome::Blocked => (CAUTION, "blocked"),
            StepOutcome::NotStarted => (CAUTION, "not started"),
        };
        let spans = [(style, head.as_str()), (DIM, &verb), (DIM, &id), (PLAIN, "  "), outcome];
        screen.line(0, 4, &spans);
        if let Some(error) = &step.error {
            screen.line(6, 8, &[(BAD, &printable(error))]);
        }
        let column = step.changes.iter().map(|change| printable(&change.field).width()).max();
        for change in &step.changes {
            show_change(change, column.unwrap_or(0), &mut screen);
        }
        screen.line(6, 8, &[(DIM, &format!("reason: {}", printable(&step.reason)))]);
    }
    if record.is_abridged {
        screen.gap();
        screen.line(0, 2, &[(CAUTION, "the run was too large to be recorded in full")]);
    }
    screen.finish()
}

fn facts(record: &Record) -> Vec<(&'static str, String)> {
    let show = |text: &str| printable(text).into_owned();
    let actor = &record.actor;
    let user = actor.user.as_deref().unwrap_or("somebody");
    let mut by = format!("{} on {}", show(user), show(&actor.host));
    if let Some(job) = &actor.job {
        by.push_str(&format!(", {}", show(job)));
    }
    let summary = &record.summary;
    let (seconds, api) = (record.duration_ms as f64 / 1000.0, &record.api);
    let mut facts = vec![
        ("began", format!("{}, took {seconds:.1} s", show(&record.began))),
        ("command", format!("{} ({})", show(&record.command), show(&record.trigger))),
        ("by", by),
    ];
    if let Some(commit) = &record.commit {
        let branch = commit.branch.as_ref().map(|name| format!(" on {}", show(name)));
        facts.push(("commit", format!("{}{}", show(&commit.id), branch.unwrap_or_default())));
    }
    let written = record.commit.as_ref().map(|commit| [&commit.subject, &commit.author]);
    let written = written.into_iter().flatten().flatten().map(|text| show(text));
    let written = written.collect::<Vec<_>>().join(", by ");
    if !written.is_empty() {
        facts.push(("change", written));
    }
    facts.push((
        "stack",
        format!(
            "{} on account {} of {}",
            show(&record.stack),
            record.account,
            show(&record.platform)
        ),
    ));
    facts.push(("plan", show(&record.digest)));
    facts.push((
        "steps",
        format!(
            "{} planned = {} applied + {} failed + {} blocked + {} not started",
            summary.planned, summary.applied, summary.failed, summary.blocked, summary.not_started
        ),
    ));
    facts.push((
        "calls",
        format!("{}, {}", counted(api.calls, "call"), counted(api.retries, "retry")),
    ));
    facts
}

/// `2026-11-21 23:33` of `2026-11-21T23:33:44Z`.
fn minute(time: &str) -> String {
    printable(&time.chars().take(16).collect::<String>()).replace('T', " ")
}

fn of_outcome(outcome: Outcome) -> Style {
    match outcome {
        Outcome::Unchanged | Outcome::Applied => GOOD,
        Outcome::Partial => CAUTION,
        Outcome::Refused | Outcome::Failed => BAD,
    }
}
