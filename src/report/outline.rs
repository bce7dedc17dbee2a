//! What every view of a plan shows, in which groups and in which words.
//!
//! Text, Markdown and HTML differ in form only: whoever adds something to a plan adds it here, and
//! every view has it.

use super::risk::{self, Concern, Risk};
use super::value::Side;
use crate::diagnostic::render::printable;
use crate::plan::{Action, LoginPage, Plan, RightsChange, Step, Summary, TokenTime, rights_change};
use crate::resource::AccountPath;
use crate::rights::Relation;

/// A plan, sorted for the eye.
#[derive(Debug)]
pub(super) struct Outline<'a> {
    /// What to review first, worst first.
    pub(super) risky: Vec<(&'a Step, Risk)>,
    /// Every step by account, in the order of application.
    pub(super) accounts: Vec<Account<'a>>,
    /// Everything that is no step.
    pub(super) notices: Vec<Notice<'a>>,
}

/// The steps of one account.
#[derive(Debug)]
pub(super) struct Account<'a> {
    pub(super) path: AccountPath,
    pub(super) steps: Vec<&'a Step>,
}

/// Several things of one sort that a person should know.
#[derive(Debug)]
pub(super) struct Notice<'a> {
    pub(super) title: &'static str,
    pub(super) tone: Tone,
    pub(super) entries: Vec<Entry<'a>>,
}

/// How much a notice matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tone {
    /// It is in the way.
    Bad,
    /// It waits for somebody.
    Caution,
    /// It is good to know.
    Quiet,
}

/// One thing to know.
#[derive(Debug)]
pub(super) struct Entry<'a> {
    /// What it is about.
    pub(super) subject: Option<String>,
    pub(super) text: String,
    /// Where it comes from: the place of a manifest, the name of a guard.
    pub(super) source: Option<&'a str>,
}

impl Account<'_> {
    pub(super) fn name(&self) -> String {
        match self.path.is_root() {
            true => "root account".to_owned(),
            false => format!("account {}", self.path),
        }
    }
}

/// Sorts `plan` for the eye.
pub(super) fn outline(plan: &Plan) -> Outline<'_> {
    let mut risky: Vec<(&Step, Risk)> =
        plan.steps.iter().filter_map(|step| risk::of(step).map(|risk| (step, risk))).collect();
    risky.sort_by_key(|(_, risk)| risk.concern);
    Outline { risky, accounts: accounts(&plan.steps), notices: notices(plan) }
}

/// Deletions walk the tree backwards, so an account may come up twice; it is shown once, where it
/// comes up first.
fn accounts(steps: &[Step]) -> Vec<Account<'_>> {
    let mut places = std::collections::BTreeMap::new();
    let mut accounts: Vec<Account<'_>> = Vec::new();
    for step in steps {
        let path = step.scope();
        let place = *places.entry(path.clone()).or_insert(accounts.len());
        match accounts.get_mut(place) {
            Some(account) => account.steps.push(step),
            None => accounts.push(Account { path, steps: vec![step] }),
        }
    }
    accounts
}

/// The commit that a plan is from, on a line: what it is, what it does and by whom.
pub(super) fn commit_line(plan: &Plan) -> Option<String> {
    let commit = plan.commit.as_ref()?;
    let branch = commit.branch.as_ref().map(|branch| format!("on {branch}"));
    let author = commit.author.as_ref().map(|author| format!("by {author}"));
    let parts = [Some(commit.short().to_owned()), branch, commit.subject.clone(), author];
    Some(parts.into_iter().flatten().collect::<Vec<_>>().join(", "))
}

fn notices(plan: &Plan) -> Vec<Notice<'_>> {
    // Destructured in full, so that what is new in a plan cannot be forgotten here.
    let Plan {
        stack: _,
        steps: _,
        blocked,
        pending,
        prunable,
        disputed,
        unknown,
        refusals,
        notes,
        // What is to be told of it stands in the notes.
        drifted: _,
        tokens,
        pages,
        unchanged: _,
        digest,
        // It stands beside the headline.
        commit: _,
    } = plan;
    let approve = format!("approve exactly this plan with --approve {}", short_digest(digest));
    let approve =
        (!refusals.is_empty()).then_some(Entry { subject: None, text: approve, source: None });
    let refusals = refusals.iter().map(|refusal| Entry {
        subject: None,
        text: refusal.reason.clone(),
        source: Some(&*refusal.guard),
    });
    let disputed = disputed
        .iter()
        .map(|disputed| entry(disputed.address.to_string(), disputed.reason.clone()));
    let blocked = blocked.iter().map(|blocked| Entry {
        subject: Some(blocked.address.to_string()),
        text: blocked.reason.clone(),
        source: blocked.source.as_deref(),
    });
    let unknown = unknown.iter().map(|unknown| {
        let place = match unknown.account.as_str() {
            "" => String::new(),
            account => format!(" in account {account}"),
        };
        let subject = format!("{}{place}", unknown.collection());
        let nothing = match unknown.items {
            Some(_) => "nothing is planned that depends on them",
            None => "nothing is planned there",
        };
        entry(subject, format!("{}; {nothing}", unknown.reason))
    });
    let pending =
        pending.iter().map(|pending| entry(pending.address.to_string(), pending.reason.clone()));
    let prunable = prunable.iter().map(|prunable| {
        let text = format!("id {}, deleted with --prune", prunable.id_on_platform);
        entry(prunable.address.to_string(), text)
    });
    let notes = notes.iter().map(|note| Entry { subject: None, text: note.clone(), source: None });
    // Whoever plans nothing about log-ins need not be told where they are.
    let is_about = |page: &&LoginPage| {
        plan.steps.iter().any(|step| {
            step.address == page.address
                || step.address.of_container().as_ref() == Some(&page.address)
        })
    };
    let pages = pages.iter().filter(is_about);
    let pages = pages.map(|page| entry(page.address.to_string(), page.url.clone()));
    let coming = coming(tokens);
    let all = [
        Notice {
            title: "refused without approval",
            tone: Tone::Bad,
            entries: refusals.chain(approve).collect(),
        },
        Notice { title: "blocked", tone: Tone::Bad, entries: blocked.collect() },
        Notice { title: "disputed", tone: Tone::Bad, entries: disputed.collect() },
        Notice { title: "could not be read", tone: Tone::Bad, entries: unknown.collect() },
        Notice { title: "pending", tone: Tone::Caution, entries: pending.collect() },
        Notice { title: "no longer declared", tone: Tone::Caution, entries: prunable.collect() },
        coming,
        Notice { title: "log-in pages", tone: Tone::Quiet, entries: pages.collect() },
        Notice { title: "notes", tone: Tone::Quiet, entries: notes.collect() },
    ];
    all.into_iter().filter(|notice| !notice.entries.is_empty()).collect()
}

/// The most lines about what comes up by itself; `status` has all of it.
const MOST_COMING: usize = 20;

/// What comes up by itself within the horizon.
fn coming<'a>(tokens: &[TokenTime]) -> Notice<'a> {
    let near: Vec<&TokenTime> = tokens.iter().filter(|token| token.is_near).collect();
    let shown = near.iter().take(MOST_COMING).map(|token| {
        let subject = match &token.address {
            Some(address) => address.to_string(),
            None => format!("this run's token {}", token.id_on_platform),
        };
        entry(subject, token.words())
    });
    let mut entries: Vec<Entry<'_>> = shown.collect();
    if near.len() > MOST_COMING {
        let text = format!("and {} more; see `flespi-gitops status`", near.len() - MOST_COMING);
        entries.push(Entry { subject: None, text, source: None });
    }
    let is_due = near.iter().any(|token| token.is_due);
    let tone = if is_due { Tone::Caution } else { Tone::Quiet };
    Notice { title: "coming up", tone, entries }
}

fn entry<'a>(subject: String, text: String) -> Entry<'a> {
    Entry { subject: Some(subject), text, source: None }
}

/// What a step does, in a word or two: `create`, `update credentials`.
pub(super) fn verb(step: &Step) -> String {
    let (action, phase) = (step.action.as_str(), step.phase.as_str());
    match action == phase || phase == step.address.kind.as_str() {
        true => action.to_owned(),
        false => format!("{action} {phase}"),
    }
}

/// The most lines about what a token gains, or loses.
const MOST_RIGHTS: usize = 12;

/// How the rights of a token change, and the lines that say in what. What a new one can do stands
/// in its access.
pub(super) fn rights(step: &Step) -> Option<(String, Vec<(Side, String)>)> {
    let change = match step.action {
        Action::Update => rights_change(step),
        Action::Create
        | Action::Restore
        | Action::Assign
        | Action::Link
        | Action::Forget
        | Action::Delete => None,
    };
    let RightsChange { verdict, gained, lost } = change?;
    let verdict = match verdict {
        Relation::Equal => "the same",
        Relation::Narrower => "narrower",
        Relation::Wider => "wider",
        Relation::Incomparable => "other",
    };
    let mut lines = Vec::new();
    for (side, words) in [(Side::After, gained), (Side::Before, lost)] {
        let left = words.len().saturating_sub(MOST_RIGHTS);
        let shown = words.into_iter().take(MOST_RIGHTS);
        lines.extend(shown.map(|line| (side, printable(&line).into_owned())));
        if left > 0 {
            lines.push((side, format!("and {left} more; see --format json")));
        }
    }
    Some((format!("rights: {verdict}"), lines))
}

/// How many of what; only what there is.
pub(super) fn counts(plan: &Plan) -> Vec<(usize, &'static str)> {
    let Summary { create, update, assign, link, replace, restore, forget, delete, unchanged: _ } =
        plan.summary();
    let all = [
        (create, "to create"),
        (restore, "to restore"),
        (update, "to update"),
        (assign, "to assign"),
        (link, "to link"),
        (replace, "to replace"),
        (forget, "to forget"),
        (delete, "to delete"),
        (plan.blocked.len(), "blocked"),
    ];
    all.into_iter().filter(|(count, _)| *count > 0).collect()
}

/// The whole plan in a line: `2 to create, 1 blocked, 7 unchanged`.
pub(super) fn headline(plan: &Plan) -> String {
    let mut words: Vec<String> =
        counts(plan).into_iter().map(|(count, what)| format!("{count} {what}")).collect();
    if words.is_empty() {
        words.push("nothing to do".to_owned());
    }
    words.push(format!("{} unchanged", plan.unchanged));
    words.join(", ")
}

/// What deserves a second look, in a line: `1 destroys, 2 gain rights`.
pub(super) fn concerns(risky: &[(&Step, Risk)]) -> String {
    let of = |concern| risky.iter().filter(|(_, risk)| risk.concern == concern).count();
    let words = Concern::ALL.into_iter().map(|concern| (concern, of(concern)));
    let words: Vec<String> = words
        .filter(|(_, count)| *count > 0)
        .map(|(concern, count)| concern.counted(count))
        .collect();
    words.join(", ")
}

/// Enough of the digest to distinguish two plans at a glance.
pub(super) fn short_digest(digest: &str) -> String {
    digest.chars().filter(char::is_ascii_alphanumeric).take(12).collect()
}
