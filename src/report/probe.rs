//! What a platform was found to do, beside what is assumed of it.

use schemars::JsonSchema;
use serde::Serialize;

use super::style::{BAD, BOLD, CAUTION, DIM, GOOD, PLAIN};
use super::wrap::Screen;
use crate::diagnostic::counted;
use crate::diagnostic::render::printable;
use crate::probe::{Book, Part, QUESTIONS};
use crate::profile::{Evidence, Profile};

/// Columns that evidence has at least.
const NARROWEST: usize = 24;

/// The format of a probe's result.
#[derive(Debug, Clone, Copy, Serialize, JsonSchema)]
pub enum ProbeFormat {
    /// The first.
    #[serde(rename = "flespi-gitops/probe/v1")]
    V1,
}

/// What probing a platform found.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct ProbeDocument {
    /// `flespi-gitops/probe/v1`.
    pub format: ProbeFormat,
    /// The platform, as locks and history call it.
    pub platform: String,
    /// API calls that were made.
    pub calls: u64,
    /// How many questions came out how.
    pub summary: ProbeSummary,
    /// The questions, in the order of their numbers.
    pub questions: Vec<ProbedQuestion>,
}

/// How many questions came out how.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ProbeSummary {
    /// As expected.
    pub agree: usize,
    /// Otherwise than expected.
    pub differ: usize,
    /// Asked, or never to be asked, and not known.
    pub untold: usize,
    /// Not asked this time.
    pub not_asked: usize,
}

/// How a question came out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ProbeOutcome {
    /// The platform does what is expected of it.
    Agrees,
    /// It does something else.
    Differs,
    /// It could not be told what it does.
    Untold,
    /// It was not asked this time.
    NotAsked,
}

/// A question, and what was seen.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct ProbedQuestion {
    /// Number of the assumption.
    pub number: u16,
    /// Name of the assumption.
    pub name: &'static str,
    /// What is expected: what the profile in use says, or else what is assumed.
    pub expected: String,
    /// What was observed; null if that is not known.
    pub observed: Option<String>,
    /// How it came out.
    pub outcome: ProbeOutcome,
    /// Why it is not known.
    pub why: Option<String>,
    /// What was seen.
    pub evidence: Vec<Evidence>,
}

impl ProbeDocument {
    /// What `book` holds of `platform`, beside what `expected` or else the assumptions say.
    pub fn of(book: &Book, expected: Option<&Profile>, platform: &str, calls: u64) -> Self {
        let questions: Vec<ProbedQuestion> = QUESTIONS
            .iter()
            .map(|question| {
                let known = expected.and_then(|profile| profile.value(question.name));
                let expected = known.unwrap_or_else(|| question.assumed()).to_owned();
                let answer = book.answer(question.name);
                let why = book.untold(question.name).filter(|_| answer.is_none());
                let outcome = match answer {
                    Some(answer) if answer.value == expected => ProbeOutcome::Agrees,
                    Some(_) => ProbeOutcome::Differs,
                    None if why.is_some() => ProbeOutcome::Untold,
                    None => ProbeOutcome::NotAsked,
                };
                let needs = match question.part {
                    Part::Broker => "it is asked at the broker, with --in-throwaway-account",
                    _ => "it is asked with --in-throwaway-account",
                };
                let why = match outcome {
                    ProbeOutcome::NotAsked => Some(needs),
                    _ => why,
                };
                ProbedQuestion {
                    number: question.number,
                    name: question.name,
                    expected,
                    observed: answer.map(|answer| answer.value.clone()),
                    outcome,
                    why: why.map(str::to_owned),
                    evidence: answer.map(|answer| answer.evidence.clone()).unwrap_or_default(),
                }
            })
            .collect();
        let count = |outcome| questions.iter().filter(|row| row.outcome == outcome).count();
        let summary = ProbeSummary {
            agree: count(ProbeOutcome::Agrees),
            differ: count(ProbeOutcome::Differs),
            untold: count(ProbeOutcome::Untold),
            not_asked: count(ProbeOutcome::NotAsked),
        };
        let platform = platform.to_owned();
        Self { format: ProbeFormat::V1, platform, calls, summary, questions }
    }
}

/// The table, what could not be told, and the counts. `width` is that of the terminal.
pub fn probe_text(document: &ProbeDocument, width: Option<usize>) -> String {
    let mut screen = Screen::new(width);
    let asked = || document.questions.iter().filter(|row| row.observed.is_some());
    let widest = |of: fn(&ProbedQuestion) -> usize, least: usize| {
        asked().map(of).max().unwrap_or(0).max(least)
    };
    let name = widest(|row| row.name.len(), "assumption".len());
    let expected = widest(|row| row.expected.len(), "expected".len());
    let observed = widest(|row| row.observed.as_ref().map_or(0, String::len), "observed".len());
    let head =
        format!("  {:name$}  {:expected$}  {:observed$}  ", "assumption", "expected", "observed");
    let hang = head.len();
    if asked().next().is_some() {
        screen.line(0, hang, &[(BOLD, &head), (BOLD, "evidence")]);
    }
    for row in asked() {
        let found = printable(row.observed.as_deref().unwrap_or_default()).into_owned();
        let differs = row.outcome == ProbeOutcome::Differs;
        let (sign, style) = if differs { ("! ", BAD) } else { ("  ", GOOD) };
        let names = format!("{:name$}  {:expected$}  ", row.name, row.expected);
        let found = format!("{found:observed$}  ");
        let mut shown = row.evidence.iter().map(evidence);
        let first = shown.next().unwrap_or_default();
        let first = match width {
            Some(width) => beginning(&first, width.saturating_sub(hang)),
            None => first,
        };
        screen.line(0, hang, &[(style, sign), (PLAIN, &names), (style, &found), (DIM, &first)]);
        // What is not as expected is looked at more closely.
        for evidence in row.evidence.iter().filter(|_| differs).map(evidence) {
            screen.line(4, 6, &[(DIM, &evidence)]);
        }
    }
    let untold: Vec<&ProbedQuestion> =
        document.questions.iter().filter(|row| row.outcome == ProbeOutcome::Untold).collect();
    if !untold.is_empty() {
        screen.gap();
        screen.line(0, 2, &[(BOLD, "not known:")]);
        for row in untold {
            let why = printable(row.why.as_deref().unwrap_or_default()).into_owned();
            screen.line(2, 4, &[(PLAIN, row.name), (DIM, ": "), (PLAIN, &why)]);
        }
    }
    screen.gap();
    let ProbeSummary { agree, differ, untold, not_asked } = document.summary;
    let style = if differ == 0 { GOOD } else { CAUTION };
    let headline = format!("{agree} as expected, {differ} otherwise");
    let rest =
        format!(", {untold} not known, {not_asked} not asked; {}", counted(document.calls, "call"));
    screen.line(0, 2, &[(style, &headline), (PLAIN, &rest)]);
    screen.finish()
}

/// A call, and what it was answered with.
fn evidence(evidence: &Evidence) -> String {
    let status = evidence.status.map(|status| format!(" {status}")).unwrap_or_default();
    let text = format!("{}:{status} {}", evidence.request, evidence.answer);
    printable(&text).into_owned()
}

/// As much of a text as fits into so many columns; what is told of a call is plain text of one column a character.
fn beginning(text: &str, columns: usize) -> String {
    match text.char_indices().nth(columns.max(NARROWEST)) {
        Some(_) => {
            let kept = columns.max(NARROWEST).saturating_sub(3);
            text.chars().take(kept).chain("...".chars()).collect()
        }
        None => text.to_owned(),
    }
}
