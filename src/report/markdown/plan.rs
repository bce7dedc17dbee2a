//! A plan as a comment.

use super::{BLOCK_END, Bounded, MARKDOWN_LEAST, PROSE, bounded::Part, list, marker, named};
use crate::diagnostic::render::printable;
use crate::plan::{Action, Plan, Step};
use crate::report::escape::{markdown_code, markdown_line, markdown_prose};
use crate::report::outline::{self, Account, Notice, Outline, outline};
use crate::report::plan::named_first;
use crate::report::risk::{self, Risk};
use crate::report::value::{Shown, Side, shown};
use crate::resource::Phase;

/// Kept for the words about what was left out.
const END: usize = 300;

/// A step longer than this is shown without its values: one huge value must not push out the rest.
const LONGEST_STEP: usize = 6_000;

/// The plan in at most `limit` bytes, but not less than [`MARKDOWN_LEAST`]: a table of sums, what
/// to review first, what is in the way, and all steps by account, folded.
pub fn plan_markdown(plan: &Plan, limit: usize) -> String {
    let limit = limit.max(MARKDOWN_LEAST);
    let Outline { risky, mut accounts, notices } = outline(plan);
    let mut text = Bounded::new(limit - END);
    text.add(&marker("plan", &plan.stack));
    text.add(&format!(
        "### Plan for stack {}: {}\n\n",
        named(&plan.stack),
        outline::headline(plan)
    ));
    if let Some(commit) = outline::commit_line(plan) {
        text.add(&format!("Commit {}\n\n", markdown_code(&commit)));
    }
    text.add(&sums(plan));
    let mut left_out = LeftOut::default();

    let items: Vec<String> = risky.iter().map(|(step, risk)| risk_line(step, risk)).collect();
    let title = format!("Review first: {}", outline::concerns(&risky));
    // Half of what is left at most, so that there is room to see what it is about.
    let share = text.room() / 2;
    left_out.risky = text.add_part(&list(&title, items), share);

    for notice in &notices {
        let share = text.room() / 2;
        left_out.notices += text.add_part(&notice_part(notice), share);
    }

    let is_risky = |step: &Step| risk::of(step).is_some();
    accounts.sort_by_key(|account| !account.steps.iter().any(|step| is_risky(step)));
    for account in &accounts {
        let mut steps = account.steps.clone();
        steps.sort_by_key(|step| !is_risky(step));
        let part = account_part(account, &steps);
        let room = text.room();
        left_out.steps += text.add_part(&part, room);
    }
    text.finish(&end(plan, left_out, limit))
}

#[derive(Debug, Default)]
struct LeftOut {
    risky: usize,
    notices: usize,
    steps: usize,
}

fn end(plan: &Plan, left_out: LeftOut, limit: usize) -> String {
    let LeftOut { risky, notices, steps } = left_out;
    let parts = [
        (steps, format!("{steps} of {} changes", plan.steps.len())),
        (risky, format!("{risky} to review first")),
        (notices, format!("{notices} remarks")),
    ];
    let parts: Vec<String> =
        parts.into_iter().filter(|(count, _)| *count > 0).map(|(_, words)| words).collect();
    let digest: String = plan.digest.chars().filter(char::is_ascii_alphanumeric).take(64).collect();
    let digest = markdown_code(&digest);
    let digest = format!("plan {digest}\n");
    match parts.is_empty() {
        true => digest,
        false => format!(
            "**Left out** to stay below {limit} bytes: {}. The plan as text, JSON or HTML has \
             everything.\n\n{digest}",
            parts.join(", ")
        ),
    }
}

/// How many of what: a row for each kind, a column for each action that there is.
fn sums(plan: &Plan) -> String {
    let mut columns: Vec<Action> = plan.steps.iter().map(|step| step.action).collect();
    columns.sort_unstable();
    columns.dedup();
    if columns.is_empty() {
        return String::new();
    }
    let cells = |cells: Vec<String>| format!("| {} |\n", cells.join(" | "));
    let mut table = cells(
        std::iter::once(String::new())
            .chain(columns.iter().map(|action| action.as_str().to_owned()))
            .collect(),
    );
    table.push_str(&format!("| --- |{}\n", " ---: |".repeat(columns.len())));
    for phase in Phase::all() {
        let name = match phase {
            Phase::Of(kind) => kind.collection(),
            Phase::Assign => "limits of subaccounts",
            Phase::Credentials => "credentials",
            Phase::Link => "links",
        };
        let counts: Vec<usize> = columns
            .iter()
            .map(|action| {
                let is_it = |step: &&Step| step.phase == phase && step.action == *action;
                plan.steps.iter().filter(is_it).count()
            })
            .collect();
        if counts.iter().any(|count| *count > 0) {
            let number = |count: usize| if count == 0 { String::new() } else { count.to_string() };
            let numbers = counts.into_iter().map(number);
            table.push_str(&cells(std::iter::once(name.to_owned()).chain(numbers).collect()));
        }
    }
    table + "\n"
}

fn risk_line(step: &Step, risk: &Risk) -> String {
    format!(
        "- **{}** {}: {}\n",
        risk.concern.as_str(),
        markdown_code(&step.address.to_string()),
        markdown_prose(&risk.words, PROSE)
    )
}

fn notice_part(notice: &Notice<'_>) -> Part {
    let items = notice.entries.iter().map(|entry| {
        let subject = entry.subject.as_ref().map(|subject| markdown_code(subject) + ": ");
        let source = entry.source.map(|source| format!(" ({})", markdown_code(source)));
        let text = markdown_prose(&entry.text, PROSE);
        format!("- {}{text}{}\n", subject.unwrap_or_default(), source.unwrap_or_default())
    });
    let title = notice.title;
    let first: String = title.chars().take(1).flat_map(char::to_uppercase).collect();
    let rest: String = title.chars().skip(1).collect();
    list(&format!("{first}{rest}"), items.collect())
}

/// The steps of an account in a fold, as a block that services colour like a patch.
fn account_part(account: &Account<'_>, steps: &[&Step]) -> Part {
    let name = match account.path.is_root() {
        true => "root account".to_owned(),
        false => format!("account {}", markdown_code(&account.path.to_string())),
    };
    let changes = if steps.len() == 1 { "change" } else { "changes" };
    Part {
        open: format!(
            "<details><summary>{name}: {} {changes}</summary>\n\n<pre lang=\"diff\"><code>",
            steps.len()
        ),
        items: steps.iter().map(|step| step_block(step)).collect(),
        close: format!("{BLOCK_END}\n</details>\n\n"),
        more: "    ",
    }
}

/// The lines of a step, each with the sign by which a patch is coloured.
fn step_block(step: &Step) -> String {
    patch(step).lines().map(markdown_line).collect()
}

fn patch(step: &Step) -> String {
    let sign = match step.action {
        Action::Create | Action::Restore => '+',
        Action::Update | Action::Assign | Action::Link | Action::Forget => '!',
        Action::Delete => '-',
    };
    let head = format!("{sign} {}  {}\n", step.address, outline::verb(step));
    let mut body = String::new();
    let width = step.changes.iter().map(|change| change.field.chars().count()).max().unwrap_or(0);
    for change in named_first(step) {
        let field = printable(&change.field);
        let mut put = |sign: char, rest: &str| body.push_str(&format!("{sign}   {rest}\n"));
        match shown(change) {
            Shown::New(new) => put('+', &format!("{field:width$}  {new}")),
            Shown::Pair(old, new) => {
                put('-', &format!("{field:width$}  {old}"));
                put('+', &format!("{field:width$}  {new}"));
            }
            Shown::Lines(lines) => {
                put(' ', &field);
                for (side, line) in lines {
                    let sign = match side {
                        Side::Before => '-',
                        Side::After => '+',
                        Side::Both => ' ',
                    };
                    put(sign, &format!("  {line}"));
                }
            }
        }
    }
    let rights = outline::rights(step).map(|(verdict, lines)| {
        let lines = lines.iter().map(|(side, line)| {
            let sign = if *side == Side::After { '+' } else { '-' };
            format!("{sign}     {line}\n")
        });
        format!("    {verdict}\n{}", lines.collect::<String>())
    });
    let rights = rights.filter(|rights| rights.len() <= LONGEST_STEP).unwrap_or_default();
    if body.lines().map(|line| markdown_line(line).len()).sum::<usize>() > LONGEST_STEP {
        let fields: Vec<&str> = step.changes.iter().map(|change| change.field.as_str()).collect();
        let fields: String = printable(&fields.join(", ")).chars().take(PROSE).collect();
        body = format!("    too long to show here: {fields}\n");
    }
    let reason: String = printable(&step.reason).chars().take(PROSE).collect();
    format!("{head}{body}{rights}    reason: {reason}\n")
}
