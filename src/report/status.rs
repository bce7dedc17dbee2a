//! What is in sync, what drifted, and which tokens run out when: a plan, read as a state.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;

use super::escape::{markdown_code, markdown_prose};
use super::markdown::{self, Bounded, Part};
use super::style::{BAD, BOLD, CAUTION, DIM, GOOD, PLAIN};
use super::wrap::Screen;
use crate::diagnostic::render::printable;
use crate::plan::{
    Action, Cause, Effect, LoginPage, Pending, Plan, PlanApi, Refusal, Role, Step, TokenTime,
    Unknown,
};
use crate::resource::{Address, Bound, Span};

/// The state of what is declared. Holds no secret.
#[derive(Debug, Serialize, JsonSchema)]
pub struct StatusDocument<'a> {
    /// `flespi-gitops/stack-status/v1`.
    pub format: StatusFormat,
    /// The stack.
    pub stack: &'a str,
    /// How many objects are how.
    pub summary: StatusSummary,
    /// Every object that is not in sync, by address.
    pub objects: Vec<ObjectStatus<'a>>,
    /// Every declared token that exists, and the token of this run; the earliest expiry first.
    pub tokens: Vec<&'a TokenTime>,
    /// Declared master tokens.
    pub master_tokens: Vec<&'a Address>,
    /// Where people log in; left out if they do nowhere.
    #[serde(skip_serializing_if = "<[LoginPage]>::is_empty")]
    pub pages: &'a [LoginPage],
    /// What waits for somebody else.
    pub pending: &'a [Pending],
    /// Why an apply needs approval.
    pub refusals: &'a [Refusal],
    /// Scopes that could not be read.
    pub unknown: &'a [Unknown],
    /// What a person should know.
    pub notes: &'a [String],
    /// What finding it out cost.
    pub api: PlanApi,
}

/// The format of this document.
#[derive(Debug, Clone, Copy, Serialize, JsonSchema)]
pub enum StatusFormat {
    /// Version 1.
    #[serde(rename = "flespi-gitops/stack-status/v1")]
    V1,
}

/// How many objects are how.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct StatusSummary {
    /// As declared.
    pub in_sync: usize,
    /// Drifted: changed on the platform while the manifest was not.
    pub drifted: usize,
    /// Edited in the manifest, and not applied yet.
    pub outdated: usize,
    /// Declared, but missing on the platform.
    pub missing: usize,
    /// Tokens with something to do about their generations.
    pub rotating: usize,
    /// On the platform with this stack's mark, but no longer declared.
    pub undeclared: usize,
    /// Blocked: an apply cannot change it.
    pub blocked: usize,
    /// Tokens that expire within the horizon.
    pub expiring: usize,
}

/// The state of one object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ObjectState {
    /// Blocked: an apply cannot change it.
    Blocked,
    /// Drifted: changed on the platform while the manifest was not.
    Drifted,
    /// Declared, but missing on the platform.
    Missing,
    /// A token with a due rotation or deletion.
    Rotating,
    /// Edited in the manifest, and not applied yet.
    Outdated,
    /// On the platform with this stack's mark, but no longer declared.
    Undeclared,
}

impl ObjectState {
    fn as_str(self) -> &'static str {
        match self {
            Self::Blocked => "blocked",
            Self::Drifted => "drifted",
            Self::Missing => "missing",
            Self::Rotating => "rotating",
            Self::Outdated => "outdated",
            Self::Undeclared => "undeclared",
        }
    }
}

/// An object that is not in sync.
#[derive(Debug, Serialize, JsonSchema)]
pub struct ObjectStatus<'a> {
    /// Which one.
    pub address: &'a Address,
    /// How it is.
    pub state: ObjectState,
    /// In what, and why.
    pub words: String,
    /// Where the manifest stands, `file:line:col`; null for what is not declared.
    pub source: Option<String>,
}

/// Reads `plan`, which took `calls` API calls to make, as a state.
pub fn status(plan: &Plan, calls: u64) -> StatusDocument<'_> {
    let objects = objects(plan);
    let count = |state| objects.iter().filter(|object| object.state == state).count();
    let mut tokens: Vec<&TokenTime> = plan.tokens.iter().collect();
    tokens.sort_by_key(|token| (token.seconds_left().unwrap_or(i64::MAX), &token.address));
    let mut masters: Vec<&Address> = plan
        .tokens
        .iter()
        .filter(|token| token.is_master)
        .filter_map(|token| token.address.as_ref())
        .collect();
    masters.sort();
    masters.dedup();
    StatusDocument {
        format: StatusFormat::V1,
        stack: &plan.stack,
        summary: StatusSummary {
            in_sync: plan.unchanged,
            drifted: count(ObjectState::Drifted),
            outdated: count(ObjectState::Outdated),
            missing: count(ObjectState::Missing),
            rotating: count(ObjectState::Rotating),
            undeclared: count(ObjectState::Undeclared),
            blocked: count(ObjectState::Blocked),
            expiring: plan.tokens.iter().filter(|token| token.is_due).count(),
        },
        objects,
        tokens,
        master_tokens: masters,
        pending: &plan.pending,
        refusals: &plan.refusals,
        unknown: &plan.unknown,
        notes: &plan.notes,
        pages: &plan.pages,
        api: PlanApi { calls, least_writes: plan.least_writes() },
    }
}

/// Every object that is not in sync, once, as the worst that is said of it.
fn objects(plan: &Plan) -> Vec<ObjectStatus<'_>> {
    let mut found: BTreeMap<&Address, ObjectStatus<'_>> = BTreeMap::new();
    let of_steps = plan.steps.iter().map(|step| ObjectStatus {
        address: &step.address,
        state: state(step),
        words: step.reason.clone(),
        source: step.source.as_ref().map(ToString::to_string),
    });
    let of_blocked = plan.blocked.iter().map(|blocked| ObjectStatus {
        address: &blocked.address,
        state: ObjectState::Blocked,
        words: blocked.reason.clone(),
        source: blocked.source.clone(),
    });
    let of_prunable = plan.prunable.iter().map(|prunable| ObjectStatus {
        address: &prunable.address,
        state: ObjectState::Undeclared,
        words: format!("id {}, no longer declared", prunable.id_on_platform),
        source: None,
    });
    for object in of_steps.chain(of_blocked).chain(of_prunable) {
        match found.get(object.address) {
            Some(other) if other.state <= object.state => {}
            _ => {
                found.insert(object.address, object);
            }
        }
    }
    found.into_values().collect()
}

fn state(step: &Step) -> ObjectState {
    let is_drift = step.changes.iter().any(|change| change.cause == Cause::Drift);
    let is_of_generation =
        step.changes.iter().any(|change| change.field == "generation" && !change.before.is_null());
    match (&step.effect, step.action) {
        (Effect::HandOver(_) | Effect::Retire(_), _) => ObjectState::Rotating,
        (_, Action::Create) if is_of_generation => ObjectState::Rotating,
        (Effect::Verify(_), _) | (_, Action::Create) => ObjectState::Missing,
        (Effect::Forget(_), _) => ObjectState::Undeclared,
        (_, Action::Delete) if step.source.is_none() => ObjectState::Undeclared,
        _ if is_drift => ObjectState::Drifted,
        _ => ObjectState::Outdated,
    }
}

/// One line about the whole: `12 in sync, 1 drifted`.
fn headline(summary: &StatusSummary) -> String {
    let StatusSummary {
        in_sync,
        drifted,
        outdated,
        missing,
        rotating,
        undeclared,
        blocked,
        expiring,
    } = *summary;
    let all = [
        (drifted, "drifted"),
        (outdated, "outdated"),
        (missing, "missing"),
        (rotating, "rotating"),
        (undeclared, "undeclared"),
        (blocked, "blocked"),
        (expiring, "expiring"),
    ];
    let rest = all.into_iter().filter(|(count, _)| *count > 0);
    let words = rest.map(|(count, what)| format!("{count} {what}"));
    std::iter::once(format!("{in_sync} in sync")).chain(words).collect::<Vec<_>>().join(", ")
}

/// A token as a row of a table.
fn row(token: &TokenTime) -> [String; 5] {
    let name = match &token.address {
        Some(address) => address.to_string(),
        None => format!("this run's token {}", token.id_on_platform),
    };
    let ends = match token.seconds_left() {
        Some(left) if left > 0 => format!("in {}", Span(left)),
        Some(left) => format!("{} ago", Span(-left)),
        None => "-".to_owned(),
    };
    let by = match token.bound() {
        Some(Bound::Expire) if token.is_certain() => "expire",
        Some(Bound::Expire) => "expire, ttl",
        Some(Bound::Ttl) => "ttl",
        None => "-",
    };
    let used = match token.seconds_unused() {
        Some(idle) => format!("{} ago", Span(idle)),
        None => "never".to_owned(),
    };
    [name, ends, by.to_owned(), used, remarks(token)]
}

fn remarks(token: &TokenTime) -> String {
    let mut remarks = Vec::new();
    if token.is_own {
        remarks.push("token of this run".to_owned());
    }
    if token.is_master {
        remarks.push("master".to_owned());
    }
    if token.generation > 1 || token.role == Role::Retiring {
        remarks.push(format!("generation {}", token.generation));
    }
    match token.role {
        Role::Undelivered => remarks.push("not delivered yet".to_owned()),
        Role::Retiring => remarks.push(match token.seconds_to_deletion() {
            Some(left) if left > 0 => format!("deleted in {}", Span(left)),
            Some(_) => "due for deletion".to_owned(),
            None => "deleted once unused".to_owned(),
        }),
        Role::Current | Role::Own => {}
    }
    remarks.extend(token.seconds_to_rotation().map(|left| match left {
        ..=0 => "rotation due".to_owned(),
        left => format!("rotates in {}", Span(left)),
    }));
    remarks.join(", ")
}

const HEAD: [&str; 5] = ["TOKEN", "ENDS", "BY", "LAST USED", ""];

/// The state as text: what is not in sync, every token by the time that it has left, and a summary.
/// `width` is that of the terminal; without one, lines are as long as they are.
pub fn status_text(status: &StatusDocument<'_>, width: Option<usize>) -> String {
    let mut screen = Screen::new(width);
    let column = status.objects.iter().map(|it| it.address.to_string().len()).max();
    for object in &status.objects {
        let style = match object.state {
            ObjectState::Blocked | ObjectState::Drifted => BAD,
            _ => CAUTION,
        };
        let address = format!("{:1$}  ", object.address.to_string(), column.unwrap_or(0).min(44));
        let state = format!("{:10} ", object.state.as_str());
        let words = printable(&object.words);
        screen.line(0, 13, &[(style, &state), (BOLD, &address), (DIM, &words)]);
    }
    for unknown in status.unknown {
        let what = match unknown.items {
            Some(_) => "what selects them is unknown",
            None => "its objects are unknown",
        };
        let words = format!("{}; {what}", printable(&unknown.reason));
        let subject = format!("{}  ", unknown.collection());
        screen.line(0, 13, &[(BAD, "unknown    "), (BOLD, &subject), (PLAIN, &words)]);
    }
    if !status.tokens.is_empty() {
        screen.gap();
        let rows: Vec<[String; 5]> = status.tokens.iter().map(|token| row(token)).collect();
        let widths: Vec<usize> = (0..5)
            .map(|at| rows.iter().map(|row| row[at].len()).chain([HEAD[at].len()]).max())
            .map(Option::unwrap_or_default)
            .collect();
        let line = |row: [&str; 5]| {
            let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}"));
            cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
        };
        screen.line(0, 2, &[(DIM, &line(HEAD))]);
        for (token, row) in status.tokens.iter().zip(&rows) {
            let style = if token.is_due { CAUTION } else { PLAIN };
            let cells = [&*row[0], &row[1], &row[2], &row[3], &row[4]];
            screen.line(0, 2, &[(style, &line(cells))]);
        }
    }
    for (title, lines) in asides(status) {
        screen.gap();
        screen.line(0, 2, &[(BOLD, title)]);
        for line in lines {
            screen.line(2, 4, &[(PLAIN, &*printable(&line))]);
        }
    }
    screen.gap();
    let is_fine = status.objects.is_empty() && status.unknown.is_empty();
    let style = if is_fine && status.summary.expiring == 0 { GOOD } else { CAUTION };
    let stack = format!("stack {}: ", printable(status.stack));
    screen.line(0, 2, &[(BOLD, &stack), (style.bold(), &headline(&status.summary))]);
    screen.finish()
}

/// What is neither an object that is not in sync nor a row of the table.
fn asides(status: &StatusDocument<'_>) -> Vec<(&'static str, Vec<String>)> {
    let masters: Vec<String> = status.master_tokens.iter().map(ToString::to_string).collect();
    let pending = status.pending.iter().map(|it| format!("{}: {}", it.address, it.reason));
    let refusals = status.refusals.iter().map(|refusal| refusal.reason.clone());
    let pages = status.pages.iter().map(|page| format!("{}: {}", page.address, page.url));
    let all = [
        ("refused without approval", refusals.collect()),
        ("pending", pending.collect()),
        ("master tokens", masters),
        ("log-in pages", pages.collect()),
        ("notes", status.notes.to_vec()),
    ];
    all.into_iter().filter(|(_, lines): &(_, Vec<String>)| !lines.is_empty()).collect()
}

/// The state as Markdown, in at most `limit` bytes, but not less than
/// [`MARKDOWN_LEAST`](super::MARKDOWN_LEAST).
pub fn status_markdown(status: &StatusDocument<'_>, limit: usize) -> String {
    const END: usize = 300;
    const PROSE: usize = 500;
    let limit = limit.max(super::MARKDOWN_LEAST);
    let mut text = Bounded::new(limit - END);
    text.add(&markdown::marker("status", status.stack));
    let stack = markdown::named(status.stack);
    text.add(&format!("### Stack {stack}: {}\n\n", headline(&status.summary)));
    let mut left_out = 0;
    let objects = status.objects.iter().map(|object| {
        let address = markdown_code(&object.address.to_string());
        let words = markdown_prose(&object.words, PROSE);
        format!("- {} {address}: {words}\n", object.state.as_str())
    });
    let unknown = status.unknown.iter().map(|unknown| {
        format!("- unknown {}: {}\n", unknown.collection(), markdown_prose(&unknown.reason, PROSE))
    });
    let share = text.room() / 2;
    left_out +=
        text.add_part(&markdown::list("Not in sync", objects.chain(unknown).collect()), share);
    let rows = status.tokens.iter().map(|token| {
        let [name, ends, by, used, remarks] = row(token);
        format!("| {} | {ends} | {by} | {used} | {remarks} |\n", markdown_code(&name))
    });
    let table = Part {
        open: "| token | expires | by | last used | |\n| --- | --- | --- | --- | --- |\n"
            .to_owned(),
        items: rows.collect(),
        close: "\n".to_owned(),
        more: "| ",
    };
    let share = text.room() / 2;
    left_out += text.add_part(&table, share);
    for (title, lines) in asides(status) {
        let lines = lines.iter().map(|line| format!("- {}\n", markdown_prose(line, PROSE)));
        let room = text.room() / 2;
        left_out += text.add_part(&markdown::list(title, lines.collect()), room);
    }
    let end = match left_out {
        0 => String::new(),
        lines => format!(
            "**Left out** to stay below {limit} bytes: {lines} lines. The status as JSON has \
             everything.\n"
        ),
    };
    text.finish(&end)
}
