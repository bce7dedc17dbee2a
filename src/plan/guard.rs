//! Refusals: what a plan may show and an apply does not do before a person has approved it.
//!
//! Deleting or disabling a subaccount counts everything under it, what is not ours and what is not
//! even of a kind that we manage included.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::bind::Bindings;
use super::draft::Draft;
use super::effect::Effect;
use super::entry::Refusal;
use super::lifetime::access_type;
use super::step::{Action, Holding, Step};
use crate::observe::{Actual, Answers, Object};
use crate::resource::guards::{DEFAULT_PERCENT, LEAST_OF_PERCENT};
use crate::resource::{AccountPath, Address, Desired, Kind};
use crate::rights::AccessType;

/// Adds every refusal to `draft`.
pub(super) fn refuse(
    desired: &Desired,
    actual: &Actual,
    answers: &Answers,
    bindings: &Bindings<'_>,
    draft: &mut Draft,
) {
    let losses = Losses::of(desired, actual, answers, draft);
    let guards = &desired.guards;
    let mut refuse = |guard: &str, count: u64, allowed: u64, what: String| {
        draft.refusals.push(Refusal {
            guard: guard.to_owned(),
            count,
            allowed,
            reason: format!("{what}; {allowed} are allowed without approval"),
        });
    };
    let total = losses.total();
    if total > guards.deletes {
        let what = format!("{total} objects would be deleted or cut off{}", losses.words());
        refuse("deletes", total, guards.deletes, what);
    }
    let percent = guards.deletes_percent.unwrap_or(DEFAULT_PERCENT);
    let owned = actual.all().filter(|o| o.mark_of(&desired.stack).is_some());
    let owned = owned.count() as u64;
    let least = if guards.deletes_percent.is_some() { 0 } else { LEAST_OF_PERCENT };
    let allowed = (owned * u64::from(percent) / 100).max(least);
    if losses.ours > allowed {
        let what = format!("{} of {owned} owned objects would be deleted or cut off", losses.ours);
        let what = format!("{what} (guard: {percent} %)");
        refuse("deletes_percent", losses.ours, allowed, what);
    }
    for (kind, allowed) in &guards.deletes_of {
        let count = losses.by_kind.get(kind).copied().unwrap_or(0);
        if count > *allowed {
            let what = format!("{count} {} would be deleted or cut off", kind.collection());
            refuse(&format!("deletes_of.{kind}"), count, *allowed, what);
        }
    }
    if let Some(allowed) = guards.deletes_per_subtree {
        for (account, count) in &losses.by_subtree {
            if *count > allowed {
                let what =
                    format!("{count} objects below account {account} would be deleted or cut off");
                refuse("deletes_per_subtree", *count, allowed, what);
            }
        }
    }
    let joined = draft.joined.len() as u64;
    if joined > guards.joins {
        let objects: BTreeSet<&Address> =
            draft.joined.iter().map(|(address, ..)| address).collect();
        let first = objects.first().map(|address| address.to_string()).unwrap_or_default();
        let whose = match objects.len() {
            1 => first,
            count => format!("{first} and {} more", count - 1),
        };
        let what = format!("{joined} items would join what {whose} selects");
        refuse("joins", joined, guards.joins, what);
    }
    for account in &losses.unread {
        draft.refusals.push(Refusal {
            guard: "contents".to_owned(),
            count: 1,
            allowed: 0,
            reason: format!("cannot read what account {account} holds"),
        });
    }
    last_master_tokens(actual, bindings, draft);
    live_accounts(actual, answers, draft);
}

/// An account in which somebody has devices, keys or customers is never deleted because a number allows it: the approval
/// names what is inside.
fn live_accounts(actual: &Actual, answers: &Answers, draft: &mut Draft) {
    let going: BTreeSet<i64> =
        draft.steps.iter().filter_map(|step| step.effect.deleted_account()).collect();
    for step in &mut draft.steps {
        let Some(id) = step.effect.deleted_account() else { continue };
        step.holds = holding(actual, answers, id);
        // Whatever we do not manage is somebody's.
        let makes_live =
            |name: &String| Kind::of_collection(name).is_none_or(|kind| kind.row().makes_live);
        let is_live = step.holds.0.keys().any(makes_live);
        let owner = actual.account(id).map(|account| account.owner);
        // What goes with an account above is counted there.
        if is_live && !owner.is_some_and(|owner| going.contains(&owner)) {
            draft.refusals.push(Refusal {
                guard: "live_account".to_owned(),
                count: step.holds.0.values().fold(0, |sum, count| sum.saturating_add(*count)),
                allowed: 0,
                reason: format!(
                    "{} is live: it holds {}, and deleting it needs an approval",
                    step.address, step.holds
                ),
            });
        }
    }
}

/// Everything in an account and below it. A token that only served to set credentials is nobody's.
fn holding(actual: &Actual, answers: &Answers, account: i64) -> Holding {
    let mut holding: BTreeMap<String, u64> = BTreeMap::new();
    let mut accounts = vec![account];
    for (kind, id) in below(actual, account) {
        let mark = actual.get(kind, id).and_then(|object| object.mark.as_ref().ok()?.as_ref());
        if mark.is_some_and(|mark| mark.bootstrap) {
            continue;
        }
        *holding.entry(kind.collection().to_owned()).or_default() += 1;
        accounts.extend((kind.is_account()).then_some(id));
    }
    let counters = accounts.iter().filter_map(|account| answers.contents.get(account)?.as_ref());
    for (name, count) in counters.flatten().filter(|(_, count)| **count > 0) {
        let name = name.trim_end_matches("_count");
        let held = holding.entry(name.to_owned()).or_default();
        *held = held.saturating_add(*count);
    }
    Holding(holding)
}

/// What would be lost.
#[derive(Debug, Default)]
struct Losses {
    by_kind: BTreeMap<Kind, u64>,
    by_subtree: BTreeMap<AccountPath, u64>,
    /// Objects that carry this stack's mark.
    ours: u64,
    /// Items of kinds that we do not manage, by the platform's name of the counter.
    others: BTreeMap<String, u64>,
    /// Accounts whose contents the platform did not report.
    unread: BTreeSet<i64>,
}

impl Losses {
    fn of(desired: &Desired, actual: &Actual, answers: &Answers, draft: &mut Draft) -> Self {
        let mut losses = Self::default();
        let mut lost: BTreeSet<(Kind, i64)> = BTreeSet::new();
        for step in &draft.steps {
            let Some((id, path)) = account_at_risk(step) else {
                if let Effect::Delete { kind, id, .. } = step.effect
                    && !is_bootstrap(step)
                    && lost.insert((kind, id))
                {
                    losses.count(desired, actual, kind, id, &step.address.account);
                }
                continue;
            };
            for (kind, inner) in below(actual, id) {
                if lost.insert((kind, inner)) {
                    losses.count(desired, actual, kind, inner, &path);
                }
            }
            if step.action == Action::Delete && lost.insert((Kind::ACCOUNT, id)) {
                losses.count(desired, actual, Kind::ACCOUNT, id, &path);
            }
        }
        // Accounts count once, however many steps reach them.
        let mut accounts: BTreeSet<i64> =
            draft.steps.iter().filter_map(account_at_risk).map(|(id, _)| id).collect();
        accounts.extend(lost.iter().filter(|(kind, _)| kind.is_account()).map(|(_, id)| *id));
        for account in accounts {
            match answers.contents.get(&account) {
                None => {
                    draft.questions.contents.insert(account);
                }
                Some(Some(counters)) => {
                    for (name, count) in counters {
                        *losses.others.entry(name.clone()).or_default() += count;
                    }
                }
                Some(None) => {
                    losses.unread.insert(account);
                }
            }
        }
        losses
    }

    fn count(
        &mut self,
        desired: &Desired,
        actual: &Actual,
        kind: Kind,
        id: i64,
        path: &AccountPath,
    ) {
        *self.by_kind.entry(kind).or_default() += 1;
        let is_ours =
            actual.get(kind, id).is_some_and(|object| object.mark_of(&desired.stack).is_some());
        self.ours += u64::from(is_ours);
        if let Some(top) = path.self_and_ancestors().find(|ancestor| ancestor.depth() == 1) {
            *self.by_subtree.entry(top).or_default() += 1;
        }
    }

    fn total(&self) -> u64 {
        self.by_kind.values().chain(self.others.values()).sum()
    }

    /// What the number is made of.
    fn words(&self) -> String {
        let ours = self.by_kind.iter().map(|(kind, count)| (kind.collection(), count));
        let others =
            self.others.iter().map(|(name, count)| (name.trim_end_matches("_count"), count));
        let parts: Vec<String> = ours
            .chain(others)
            .filter(|(_, count)| **count > 0)
            .map(|(name, count)| format!("{count} {name}"))
            .collect();
        if parts.is_empty() { String::new() } else { format!(" ({})", parts.join(", ")) }
    }
}

fn is_bootstrap(step: &Step) -> bool {
    step.phase == crate::resource::Phase::Credentials
}

/// The account that a step deletes or makes unusable, and its path.
pub(super) fn account_at_risk(step: &Step) -> Option<(i64, AccountPath)> {
    let path = step.address.as_account()?;
    let disabled = || match &step.effect {
        Effect::Update(effect) if effect.kind.is_account() => {
            let is_disabled = effect.fields.get("enabled") == Some(&Value::Bool(false));
            is_disabled.then_some(effect.id)
        }
        _ => None,
    };
    step.effect.deleted_account().or_else(disabled).map(|id| (id, path))
}

/// Everything that the account holds, and what that holds.
fn below(actual: &Actual, account: i64) -> Vec<(Kind, i64)> {
    let mut found = Vec::new();
    let mut accounts = vec![account];
    while let Some(owner) = accounts.pop() {
        for object in actual.owned_by(owner) {
            found.push((object.kind, object.id));
            if object.kind.is_account() {
                accounts.push(object.id);
            }
        }
    }
    found
}

/// Whoever works in a subaccount with a master token is locked out when the last one goes.
fn last_master_tokens(actual: &Actual, bindings: &Bindings<'_>, draft: &mut Draft) {
    let is_master = |token: &Object| {
        let is_master = access_type(token) == Some(AccessType::Master);
        let is_enabled = token.field("enabled") != Some(Value::Bool(false));
        let is_bootstrap = matches!(&token.mark, Ok(Some(mark)) if mark.bootstrap);
        is_master && is_enabled && !is_bootstrap
    };
    let mut losing: BTreeMap<i64, Vec<i64>> = BTreeMap::new();
    let mut gone: BTreeSet<i64> = BTreeSet::new();
    let mut gaining: BTreeSet<AccountPath> = BTreeSet::new();
    for step in &draft.steps {
        gone.extend(step.effect.deleted_account());
        if let Some(id) = step.effect.deleted_token().filter(|_| !is_bootstrap(step)) {
            note_loss(actual, id, is_master, &mut losing);
        }
        match &step.effect {
            Effect::Update(effect) if effect.kind.is_key() => {
                let is_disabled = effect.fields.get("enabled") == Some(&Value::Bool(false));
                let access = effect.fields.get("access");
                let is_narrowed =
                    access.is_some_and(|access| AccessType::of(access) != Some(AccessType::Master));
                if is_disabled || is_narrowed {
                    note_loss(actual, effect.id, is_master, &mut losing);
                }
            }
            Effect::Create(effect)
                if effect.kind.is_key()
                    && AccessType::of_fields(&effect.body) == Some(AccessType::Master) =>
            {
                gaining.insert(step.address.account.clone());
            }
            _ => {}
        }
    }
    for (account, tokens) in losing {
        let path =
            bindings.address_of(Kind::ACCOUNT, account).and_then(|address| address.as_account());
        let gains = path.as_ref().is_some_and(|path| gaining.contains(path));
        let remains = actual
            .owned_by(account)
            .any(|token| token.kind.is_key() && is_master(token) && !tokens.contains(&token.id));
        if !remains && !gains && !gone.contains(&account) {
            let name = path.map_or_else(|| account.to_string(), |path| path.to_string());
            draft.refusals.push(Refusal {
                guard: "last_master_token".to_owned(),
                count: tokens.len() as u64,
                allowed: 0,
                reason: format!(
                    "account {name} would be left without any usable master token, which locks out everyone \
                     who works in it with one"
                ),
            });
        }
    }
}

fn note_loss(
    actual: &Actual,
    id: i64,
    is_master: impl Fn(&Object) -> bool,
    losing: &mut BTreeMap<i64, Vec<i64>>,
) {
    if let Some(token) = actual.token(id).filter(|token| is_master(token)) {
        losing.entry(token.owner).or_default().push(id);
    }
}
