//! Reading an export back before anybody sees it.
//!
//! What the platform may hold and what manifests can say are two lists that no document keeps
//! equal. So the export is loaded and planned like any set of manifests; what turns out to be
//! wrong or to differ is said in a comment instead, with the reason, and read back again.

use std::collections::{BTreeMap, BTreeSet};

use super::error::ExportError;
use super::files::Layout;
use super::options::Options;
use super::terms::{Addresses, Key, Unsayable};
use crate::diagnostic::{Diagnostic, Severity};
use crate::manifest;
use crate::observe::{Actual, Answers};
use crate::plan::{self, Action, Plan, Policy, Step};
use crate::resource::{Address, AddressPattern, MARK_PREFIX, Phase};

/// Fields without which a manifest says something else rather than less.
const NEEDED: [&str; 4] = ["name", "info", "access", "lifecycle"];

/// Where the sinks of a manifest stand. Nobody but a person who imports asks for any, and nothing else goes there.
const SINKS: &str = "/spec/deliver";

/// What reading back has to teach the next round.
#[derive(Debug, Default)]
pub(super) struct Lessons {
    pub(super) unsayable: BTreeMap<Key, Unsayable>,
    /// Objects of this stack that no manifest can name: left alone, or pruning would delete them.
    pub(super) exclude: BTreeSet<AddressPattern>,
}

/// Reads `layout` back; whether anything was learnt.
pub(super) fn read_back(
    layout: &Layout,
    actual: &Actual,
    addresses: &Addresses,
    options: &Options,
    lessons: &mut Lessons,
) -> Result<bool, ExportError> {
    let texts = layout.files.iter().map(|file| (file.path.clone(), file.text.clone()));
    let load = manifest::load_texts(texts, options.now);
    let errors = load.diagnostics.iter().filter(|found| found.severity == Severity::Error);
    let mut learnt = false;
    for error in errors {
        let place = error.primary.as_ref().map(|label| label.span);
        let object = place.and_then(|span| {
            let name = load.sources.name(span.source);
            layout.object_at(name, usize::try_from(span.start).unwrap_or(usize::MAX))
        });
        let is_of_sinks = error.pointer.as_ref().is_some_and(|at| at.starts_with(SINKS));
        if is_of_sinks && options.only.is_some() {
            return Err(ExportError::Sink(error.message.clone()));
        }
        let object = object.ok_or_else(|| ExportError::Unreadable(error.message.clone()))?;
        learnt |= lessons.unsayable.entry(object).or_default().learn(error);
    }
    // A set with errors is no set to plan with.
    if learnt {
        return Ok(true);
    }
    if let Some(error) = load.diagnostics.iter().find(|found| found.severity == Severity::Error) {
        return Err(ExportError::Unreadable(error.message.clone()));
    }
    // Of a choice nobody takes what is not in it for deleted.
    let policy = Policy { prune: options.only.is_none(), ..Policy::default() };
    let known = actual.links.iter().map(|(object, links)| (*object, Ok(links.clone())));
    let mut answers = Answers { links: known.collect(), ..Answers::default() };
    loop {
        match plan::plan(&load.desired, actual, &answers, policy) {
            Ok(plan) => return learn_from_plan(&plan, addresses, options, lessons),
            // Secrets and recycle bins are no part of an export.
            Err(questions) => answers.extend(questions.without_news()),
        }
    }
}

fn learn_from_plan(
    plan: &Plan,
    addresses: &Addresses,
    options: &Options,
    lessons: &mut Lessons,
) -> Result<bool, ExportError> {
    let by_address: BTreeMap<&Address, Key> =
        addresses.iter().map(|(key, address)| (address, *key)).collect();
    let mut learnt = false;
    let mut left = None;
    // What an interrupted run left is cleared by the next apply, exported or not.
    let steps = plan
        .steps
        .iter()
        .filter(|step| !(step.action == Action::Delete && step.phase == Phase::Credentials))
        .filter(|step| options.only.is_none() || !only_marks(step));
    let steps = steps.map(|step| {
        let fields: Vec<&str> = step.changes.iter().map(|change| change.field.as_str()).collect();
        let reason = format!("manifests cannot express it as it is ({})", fields.join(", "));
        (step.action == Action::Delete, &step.address, reason)
    });
    let blocked = plan.blocked.iter();
    let blocked =
        blocked.map(|blocked| (blocked.source.is_none(), &blocked.address, blocked.reason.clone()));
    for (is_unnamed, address, reason) in steps.chain(blocked) {
        left = Some(format!("{address}: {reason}"));
        learnt |= match (is_unnamed, by_address.get(address)) {
            (true, _) => match address.to_string().parse::<AddressPattern>() {
                Ok(pattern) => lessons.exclude.insert(pattern),
                Err(error) => return Err(ExportError::Unreadable(error.to_string())),
            },
            (false, Some(key)) => lessons.unsayable.entry(*key).or_default().give_up(reason),
            (false, None) => return Err(ExportError::Unreadable(format!("{address}: {reason}"))),
        };
    }
    match (learnt, left) {
        (false, Some(left)) => Err(ExportError::Unreadable(left)),
        _ => Ok(learnt),
    }
}

/// Whether a step does no more than write the mark of what is taken over.
fn only_marks(step: &Step) -> bool {
    let mark = format!("metadata.{MARK_PREFIX}");
    step.action == Action::Update
        && !step.changes.is_empty()
        && step.changes.iter().all(|change| change.field.starts_with(&mark))
}

impl Unsayable {
    /// Notes what a manifest cannot say; whether that is news.
    fn learn(&mut self, error: &Diagnostic) -> bool {
        let pointer = error.pointer.as_deref().unwrap_or_default();
        let field = pointer.strip_prefix("/spec/").and_then(|rest| rest.split('/').next());
        match field {
            Some(field) if !NEEDED.contains(&field) && !self.fields.contains_key(field) => {
                self.fields.insert(field.to_owned(), error.message.clone());
                true
            }
            _ => self.give_up(error.message.clone()),
        }
    }

    /// Notes that no manifest can say it at all; whether that is news.
    fn give_up(&mut self, reason: String) -> bool {
        if self.whole.is_some() {
            return false;
        }
        // What made a field unsayable is the cause of what follows from its absence.
        self.whole = Some(self.fields.values().next().cloned().unwrap_or(reason));
        true
    }
}
