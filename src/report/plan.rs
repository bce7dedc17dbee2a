//! A plan as text for a terminal.

use unicode_width::UnicodeWidthStr;

use super::alike::{self, Alike};
use super::outline::{self, Account, Notice, Outline, outline};
use super::risk::Risk;
use super::style::{BAD, BOLD, CAUTION, DIM, GOOD, PLAIN, of_action, of_concern, of_tone};
use super::value::{Shown, Side, shown};
use super::wrap::Screen;
use crate::diagnostic::render::printable;
use crate::plan::{Change, Plan, Step};

/// A column wider than this leaves no room for what stands beside it.
const WIDEST_COLUMN: usize = 44;

/// How many steps the list of what to review first has; all steps follow below it.
const RISKY_SHOWN: usize = 100;

/// The plan: what to review first, every step by account, what is in the way and a summary. `width`
/// is that of the terminal; without one, lines are as long as they are.
pub fn plan_text(plan: &Plan, width: Option<usize>) -> String {
    let Outline { risky, accounts, notices } = outline(plan);
    let mut screen = Screen::new(width);
    show_risky(&risky, &mut screen);
    for Alike { first, others } in alike::accounts(&accounts) {
        show_account(first, &mut screen);
        if !others.is_empty() {
            screen.gap();
            screen.line(0, 2, &[(DIM, &alike::words(&others, "accounts"))]);
        }
    }
    for notice in &notices {
        show_notice(notice, &mut screen);
    }
    screen.gap();
    let mut line = format!("stack {}: {}", printable(&plan.stack), outline::headline(plan));
    if !risky.is_empty() {
        line.push_str(&format!("; review first: {}", outline::concerns(&risky)));
    }
    let digest = format!("  [plan {}]", outline::short_digest(&plan.digest));
    screen.line(0, 2, &[(BOLD, &line), (DIM, &digest)]);
    if let Some(commit) = outline::commit_line(plan) {
        screen.line(0, 2, &[(DIM, &format!("commit {}", printable(&commit)))]);
    }
    screen.finish()
}

fn show_risky(risky: &[(&Step, Risk)], screen: &mut Screen) {
    if risky.is_empty() {
        return;
    }
    let title = format!("review first: {}", outline::concerns(risky));
    screen.line(0, 2, &[(BAD.bold(), &title)]);
    let shown = &risky[..risky.len().min(RISKY_SHOWN)];
    let column = column(shown.iter().map(|(step, _)| *step));
    for (step, Risk { concern, words }) in shown {
        let (sign, _) = of_action(step.action);
        let style = of_concern(*concern);
        let (address, words) = (step.address.to_string(), printable(words));
        // Beside a column that takes most of the line, words would stand in a narrow strip.
        if screen.fits(2 * (column + 6)) {
            let head = format!("{sign} {address:column$}  ");
            screen.line(2, 4 + column + 2, &[(style, &head), (PLAIN, &words)]);
        } else {
            screen.line(2, 6, &[(style, &format!("{sign} {address}"))]);
            screen.line(6, 6, &[(PLAIN, &words)]);
        }
    }
    if risky.len() > shown.len() {
        let more = format!("and {} more, each below", risky.len() - shown.len());
        screen.line(2, 2, &[(DIM, &more)]);
    }
}

/// The width of the column of addresses.
fn column<'a>(steps: impl Iterator<Item = &'a Step>) -> usize {
    steps.map(|step| step.address.to_string().len()).max().unwrap_or(0).min(WIDEST_COLUMN)
}

fn show_account(account: &Account<'_>, screen: &mut Screen) {
    screen.gap();
    screen.line(0, 2, &[(BOLD, &account.name())]);
    let column = column(account.steps.iter().copied());
    for Alike { first, others } in alike::steps(&account.steps) {
        show_step(first, column, screen);
        if !others.is_empty() {
            screen.line(2, 4, &[(DIM, &alike::words(&others, "steps"))]);
        }
    }
}

fn show_step(step: &Step, column: usize, screen: &mut Screen) {
    let (sign, style) = of_action(step.action);
    let head = format!("{sign} {:column$}  ", step.address.to_string());
    screen.line(2, 6, &[(style, &head), (DIM, &outline::verb(step))]);
    let width = step.changes.iter().map(|change| printable(&change.field).width()).max();
    for change in named_first(step) {
        show_change(change, width.unwrap_or(0).min(WIDEST_COLUMN), screen);
    }
    if let Some((verdict, lines)) = outline::rights(step) {
        screen.line(6, 8, &[(BOLD, &verdict)]);
        for (side, line) in lines {
            // More rights are what to be careful about, and fewer are not what hurts most.
            let (sign, style) = if side == Side::After { ("+ ", CAUTION) } else { ("- ", DIM) };
            screen.line(8, 10, &[(style, sign), (style, &line)]);
        }
    }
    let reason = format!("reason: {}", printable(&step.reason));
    screen.line(6, 8, &[(DIM, &reason)]);
}

/// What people call the thing comes first.
pub(super) fn named_first(step: &Step) -> impl Iterator<Item = &Change> {
    let label = step.address.kind.label_field();
    let (named, others): (Vec<&Change>, Vec<&Change>) =
        step.changes.iter().partition(|change| change.field == label);
    named.into_iter().chain(others)
}

pub(super) fn show_change(change: &Change, width: usize, screen: &mut Screen) {
    const INDENT: usize = 6;
    let field = printable(&change.field);
    let value = INDENT + width.max(field.width()) + 2;
    let padded = format!("{field}{:1$}  ", "", width.saturating_sub(field.width()));
    let lines = match shown(change) {
        Shown::New(new) => {
            return screen.line(INDENT, value, &[(PLAIN, &padded), (PLAIN, &new)]);
        }
        Shown::Pair(old, new) if screen.fits(value + old.width() + 3 + new.width()) => {
            let spans = [(PLAIN, padded.as_str()), (BAD, &old), (PLAIN, " → "), (GOOD, &new)];
            return screen.line(INDENT, value, &spans);
        }
        Shown::Pair(old, new) => vec![(Side::Before, old), (Side::After, new)],
        Shown::Lines(lines) => lines,
    };
    screen.line(INDENT, INDENT, &[(PLAIN, &field)]);
    for (side, line) in lines {
        let (sign, style) = match side {
            Side::Before => ("- ", BAD),
            Side::After => ("+ ", GOOD),
            Side::Both => ("  ", DIM),
        };
        // What continues below a line is set in further than the line itself.
        let hang = INDENT + 6 + line.len() - line.trim_start().len();
        screen.line(INDENT + 2, hang, &[(style, sign), (style, &line)]);
    }
}

fn show_notice(notice: &Notice<'_>, screen: &mut Screen) {
    let Notice { title, tone, entries } = notice;
    screen.gap();
    screen.line(0, 2, &[(of_tone(*tone).bold(), title)]);
    for entry in entries {
        let subject = entry.subject.as_ref().map(|subject| format!("{}: ", printable(subject)));
        let source = entry.source.map(|source| format!("  {}", printable(source)));
        let spans = [
            (of_tone(*tone), subject.as_deref().unwrap_or_default()),
            (PLAIN, &*printable(&entry.text)),
            (DIM, source.as_deref().unwrap_or_default()),
        ];
        screen.line(2, 4, &spans);
    }
}
