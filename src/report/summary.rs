//! A plan on one screen: how much of what, what to review first, and a line for each object or each group of like ones.

use std::collections::{BTreeMap, BTreeSet};

use super::outline::{self, Outline, outline};
use super::style::{BAD, BOLD, DIM, PLAIN, of_action, of_concern, of_tone};
use super::wrap::Screen;
use crate::diagnostic::counted;
use crate::diagnostic::render::printable;
use crate::plan::{Action, Plan, Step};
use crate::resource::{AccountPath, Address, Kind};

/// So many lines has each part; the others are counted.
const MOST_LINES: usize = 12;

/// From so many like objects on, one line is for all of them.
const MANY: usize = 4;

/// So many names of a group are shown.
const NAMES_SHOWN: usize = 3;

/// The plan on one screen. `width` is that of the terminal; without one, lines are as long as they are.
pub fn plan_summary(plan: &Plan, width: Option<usize>) -> String {
    let Outline { risky, notices, .. } = outline(plan);
    let objects = objects(plan);
    let mut screen = Screen::new(width);
    table(&objects, &mut screen);
    if !risky.is_empty() {
        screen.gap();
        screen.line(0, 2, &[(BAD.bold(), &format!("review first: {}", outline::concerns(&risky)))]);
        for (step, risk) in risky.iter().take(MOST_LINES) {
            let (sign, _) = of_action(step.action);
            let head = format!("{sign} {}", step.address);
            let words = format!("  {}", printable(&risk.words));
            screen.line(2, 6, &[(of_concern(risk.concern), &head), (PLAIN, &words)]);
        }
        more(risky.len(), &mut screen);
    }
    let lines = lines(&objects);
    if !lines.is_empty() {
        screen.gap();
    }
    for (action, words) in lines.iter().take(MOST_LINES) {
        let (sign, style) = of_action(*action);
        screen.line(0, 2, &[(style, &format!("{sign} ")), (PLAIN, words)]);
    }
    more(lines.len(), &mut screen);
    for notice in &notices {
        screen.gap();
        let title = format!("{}: {}", notice.title, notice.entries.len());
        screen.line(0, 2, &[(of_tone(notice.tone).bold(), &title)]);
        for entry in notice.entries.iter().take(NAMES_SHOWN) {
            let subject = entry.subject.as_ref().map(|subject| format!("{}: ", printable(subject)));
            let text = printable(&entry.text);
            screen.line(2, 4, &[(PLAIN, subject.as_deref().unwrap_or_default()), (PLAIN, &text)]);
        }
        if let Some(more @ 1..) = notice.entries.len().checked_sub(NAMES_SHOWN) {
            screen.line(2, 2, &[(DIM, &format!("and {more} more"))]);
        }
    }
    screen.gap();
    let line = format!("stack {}: {}", printable(&plan.stack), outline::headline(plan));
    let digest = format!("  [plan {}]", outline::short_digest(&plan.digest));
    screen.line(0, 2, &[(BOLD, &line), (DIM, &digest)]);
    screen.finish()
}

fn more(all: usize, screen: &mut Screen) {
    if let Some(more @ 1..) = all.checked_sub(MOST_LINES) {
        screen.line(
            2,
            2,
            &[(DIM, &format!("and {more} more; `plan` without --summary lists all"))],
        );
    }
}

/// What is done to each object; the first thing that is done to it says most.
fn objects(plan: &Plan) -> BTreeMap<&Address, Action> {
    let mut objects = BTreeMap::new();
    for Step { address, action, .. } in &plan.steps {
        objects.entry(address).or_insert(*action);
    }
    objects
}

/// How many objects of each kind are created, changed and so on.
fn table(objects: &BTreeMap<&Address, Action>, screen: &mut Screen) {
    let mut counts: BTreeMap<(Kind, Action), usize> = BTreeMap::new();
    for (address, action) in objects {
        *counts.entry((address.kind, *action)).or_default() += 1;
    }
    let kinds: BTreeSet<Kind> = counts.keys().map(|(kind, _)| *kind).collect();
    let actions: BTreeSet<Action> = counts.keys().map(|(_, action)| *action).collect();
    if kinds.is_empty() {
        return;
    }
    let first = kinds.iter().map(|kind| kind.collection().len()).max().unwrap_or(0);
    let cell = |text: &str| format!("{text:>10}");
    let head: String = actions.iter().map(|action| cell(action.as_str())).collect();
    screen.line(0, 2, &[(DIM, &format!("{:first$}{head}", ""))]);
    for kind in kinds {
        let row = actions.iter().map(|action| match counts.get(&(kind, *action)) {
            Some(count) => cell(&count.to_string()),
            None => cell("-"),
        });
        let row: String = row.collect();
        screen.line(0, 2, &[(BOLD, &format!("{:first$}", kind.collection())), (PLAIN, &row)]);
    }
}

/// A line for each object, or for many of one name in many accounts, or for many in one account.
fn lines(objects: &BTreeMap<&Address, Action>) -> Vec<(Action, String)> {
    let mut by_name: BTreeMap<(Action, Kind, &str), Vec<&Address>> = BTreeMap::new();
    for (address, action) in objects {
        by_name.entry((*action, address.kind, &*address.name)).or_default().push(address);
    }
    let (many, few): (Vec<_>, Vec<_>) = by_name.into_iter().partition(|(_, all)| all.len() >= MANY);
    let mut lines: Vec<(usize, Action, String)> = Vec::new();
    for ((action, kind, name), all) in many {
        let accounts: BTreeSet<&AccountPath> = all.iter().map(|address| &address.account).collect();
        let accounts = counted(accounts.len() as u64, "account");
        lines.push((all.len(), action, format!("{} × {kind} {name}, in {accounts}", all.len())));
    }
    let mut by_account: BTreeMap<(Action, Kind, &AccountPath), Vec<&Address>> = BTreeMap::new();
    for ((action, kind, _), all) in few {
        for address in all {
            by_account.entry((action, kind, &address.account)).or_default().push(address);
        }
    }
    for ((action, kind, account), all) in by_account {
        if all.len() < MANY {
            lines.extend(all.iter().map(|address| (1, action, address.to_string())));
            continue;
        }
        let place = match account.is_root() {
            true => "the root account".to_owned(),
            false => format!("account {account}"),
        };
        let names: Vec<&str> = all.iter().take(NAMES_SHOWN).map(|it| &*it.name).collect();
        let last = all.last().map(|it| &*it.name).unwrap_or_default();
        let names = format!("{}, … {last}", names.join(", "));
        let count = all.len();
        lines.push((count, action, format!("{count} {} in {place}: {names}", kind.collection())));
    }
    // Much first, and what is equal in the order of names.
    lines.sort_by_key(|(count, ..)| std::cmp::Reverse(*count));
    lines.into_iter().map(|(_, action, words)| (action, words)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::tests::{plan, step};

    fn summary(addresses: impl IntoIterator<Item = (Action, String)>) -> String {
        let steps =
            addresses.into_iter().map(|(action, address)| step(action, &address, Vec::new()));
        anstream::adapter::strip_str(&plan_summary(&plan(steps.collect()), Some(80))).to_string()
    }

    #[test]
    fn a_thousand_created_objects_fit_one_screen() {
        let tenants = (0..250).flat_map(|number| {
            let account = format!("t-{number:03}");
            [
                format!("subaccount/{account}"),
                format!("limit/{account}/devices"),
                format!("token/{account}/app"),
                format!("token/{account}/backend"),
            ]
        });
        let text = summary(tenants.map(|address| (Action::Create, address)));
        for part in [
            "250 subaccounts in the root account: t-000, t-001, t-002, … t-249",
            "250 × token app, in 250 accounts",
            "limits            250",
        ] {
            assert!(text.contains(part), "{part}:\n{text}");
        }
        assert!(text.lines().count() <= 24, "{text}");
        assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
    }

    #[test]
    fn a_few_objects_have_a_line_each_with_the_sign_of_what_is_done() {
        let text = summary([
            (Action::Update, "limit/starter".to_owned()),
            (Action::Delete, "token/acme/app".to_owned()),
        ]);
        assert!(text.contains("~ limit/starter"), "{text}");
        assert!(text.contains("review first: 1 destroys"), "{text}");
    }
}
