//! What accounts are promised against what the accounts above them have.

use std::collections::{BTreeMap, BTreeSet};

use super::tree::{Account, Tree, bound_of};
use crate::diagnostic::{Code, Diagnostic, Diagnostics};
use crate::manifest::view::View;
use crate::resource::{Address, Declared, quota};
use crate::source::Target;

/// Quotas of things that are kept: what the children have, the parent has as well. Rates are left out, for it is common and
/// sound to promise every tenant a peak that not all can have at once.
const KEPT: [&str; 18] = [
    "channels_count",
    "containers_count",
    "cdns_count",
    "devices_count",
    "streams_count",
    "modems_count",
    "mqtt_sessions",
    "mqtt_subscriptions",
    "tokens_count",
    "subaccounts_count",
    "limits_count",
    "realms_count",
    "calcs_count",
    "plugins_count",
    "groups_count",
    "webhooks_count",
    "grants_count",
    "identity_providers_count",
];

/// No quantity, so there is nothing to compare.
const NO_QUANTITY: &str = "blocking_duration";

/// The most limits of children that a finding points at.
const MOST_CHILDREN: usize = 3;

/// Accounts whose children may use more together than they have, by the address of the account; the
/// root account has none, and goes by that of the child that has most.
pub(super) fn overcommitted(view: &View<'_>, tree: &Tree<'_>) -> Vec<(Address, Diagnostic)> {
    let mut findings = Vec::new();
    for quota in KEPT {
        let promised = promised(tree, quota);
        let mut children: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        for (index, account) in tree.accounts.iter().enumerate() {
            if let Some(parent) = account.parent
                && promised.get(index).is_some_and(|amount| *amount > 0)
            {
                children.entry(parent).or_default().push(index);
            }
        }
        for (parent, children) in children {
            let Some(bound) = tree.bound(parent, quota) else { continue };
            let amount = |child: &usize| promised.get(*child).copied().unwrap_or(0);
            let sum = children.iter().map(amount).fold(0, i64::saturating_add);
            // One child alone that has more than its parent is another finding.
            if sum <= bound || children.len() < 2 {
                continue;
            }
            let largest = children.iter().max_by_key(|child| amount(child)).copied();
            let address = [Some(parent), largest]
                .into_iter()
                .flatten()
                .find_map(|account| tree.accounts.get(account)?.declared)
                .map(|declared| declared.address.clone());
            let Some(address) = address else { continue };
            findings
                .push((address, overcommitment(view, tree, quota, parent, &children, sum, bound)));
        }
    }
    findings
}

fn overcommitment(
    view: &View<'_>,
    tree: &Tree<'_>,
    quota: &str,
    parent: usize,
    children: &[usize],
    sum: i64,
    bound: i64,
) -> Diagnostic {
    let name = tree.name(parent);
    let count = children.len();
    let message = match parent {
        0 => format!(
            "`{quota}`: the {count} accounts below the root account may together use {sum}, but the plan has \
             {bound}"
        ),
        _ => format!(
            "`{quota}`: the {count} accounts in {name} may together use {sum}, but it has {bound}"
        ),
    };
    let finding = Diagnostic::warning(Code::LimitOvercommitted, message);
    let mut finding = tree.place(view, finding, parent, quota);
    let mut shared: BTreeMap<&Address, (usize, i64)> = BTreeMap::new();
    for child in children {
        let limit = tree.accounts.get(*child).and_then(|account| account.limit);
        if let Some((limit, bound)) = limit.and_then(|limit| Some((limit, bound_of(limit, quota)?)))
        {
            shared.entry(&limit.address).or_insert((0, bound)).0 += 1;
        }
    }
    let mut shared: Vec<_> = shared.into_iter().collect();
    shared.sort_by_key(|(_, (count, bound))| {
        std::cmp::Reverse(bound.saturating_mul(i64::try_from(*count).unwrap_or(i64::MAX)))
    });
    for (limit, (count, bound)) in shared.into_iter().take(MOST_CHILDREN) {
        let text = match count {
            1 => format!("{bound} for one of them"),
            count => format!("{bound} for each of {count} of them"),
        };
        finding = view.mention(finding, limit, &format!("/spec/{quota}"), Target::Value, text);
    }
    finding.help(match parent {
        0 => "once they use it up, the platform blocks what is beyond the plan".to_owned(),
        _ => format!("once they use it up, the platform blocks {name} and everything below it"),
    })
}

/// For each account what it and the accounts below it are promised: by its own limit, or by theirs.
fn promised(tree: &Tree<'_>, quota: &str) -> Vec<i64> {
    let mut promised = vec![0_i64; tree.accounts.len()];
    for (index, account) in tree.accounts.iter().enumerate().rev() {
        // Children come after their parents, so what is below is complete by now.
        let amount = match tree.bound(index, quota) {
            Some(bound) if account.parent.is_some() => bound,
            _ => promised.get(index).copied().unwrap_or(0),
        };
        if let Some(slot) = promised.get_mut(index) {
            *slot = amount;
        }
        if let Some(slot) = account.parent.and_then(|parent| promised.get_mut(parent)) {
            *slot = slot.saturating_add(amount);
        }
    }
    promised
}

/// Limits that allow more than the account above has.
pub(super) fn above_parent(view: &View<'_>, tree: &Tree<'_>, diagnostics: &mut Diagnostics) {
    let mut told: BTreeSet<(&Address, &str)> = BTreeSet::new();
    for (index, account) in tree.accounts.iter().enumerate() {
        let Account { declared: Some(declared), limit: Some(limit), .. } = account else {
            continue;
        };
        for quota in quota::NAMES.iter().filter(|quota| **quota != NO_QUANTITY) {
            let Some(own) = bound_of(limit, quota) else { continue };
            let Some((above, bound)) = tree.bound_above(index, quota) else { continue };
            if own <= bound || !told.insert((&limit.address, quota)) {
                continue;
            }
            let finding = Diagnostic::warning(
                Code::LimitAboveParent,
                format!(
                    "`{quota}`: {} is allowed {own}, but {} has {bound}",
                    declared.address,
                    tree.name(above)
                ),
            )
            .help("it can never use more than the accounts above it have");
            let finding = tree.place(view, finding, index, quota);
            diagnostics.push(tree.mention(view, finding, above, quota, "all there is".to_owned()));
        }
    }
}

/// Accounts that are not bounded in what the account above has a bound for.
pub(super) fn left_open(view: &View<'_>, tree: &Tree<'_>, diagnostics: &mut Diagnostics) {
    let mut told: BTreeSet<&Address> = BTreeSet::new();
    for (index, account) in tree.accounts.iter().enumerate() {
        let Some(declared) = account.declared else { continue };
        // Somebody else manages it.
        if declared.lifecycle.observe_only() {
            continue;
        }
        match account.limit {
            None => diagnostics.extend(without_limit(view, tree, index, declared)),
            Some(limit) if told.insert(&limit.address) => {
                diagnostics.extend(open_quotas(view, tree, index, limit));
            }
            Some(_) => {}
        }
    }
}

fn without_limit(
    view: &View<'_>,
    tree: &Tree<'_>,
    index: usize,
    declared: &Declared,
) -> Option<Diagnostic> {
    let address = &declared.address;
    // A limit that is named and not found is told elsewhere.
    if view.subaccount(address)?.limit.is_some() {
        return None;
    }
    let (above, _) = KEPT.iter().find_map(|quota| tree.bound_above(index, quota))?;
    let name = tree.name(above);
    let finding = Diagnostic::warning(
        Code::LimitLeftOpen,
        format!("{address} has no limit, so it may use up all that {name} has"),
    )
    .help("name a limit: `limit: NAME`");
    Some(view.place(finding, address, "/spec/limit", Target::Key))
}

/// Quotas for which the limit of the account above has a number and this one has none.
fn open_quotas(
    view: &View<'_>,
    tree: &Tree<'_>,
    index: usize,
    limit: &Declared,
) -> Option<Diagnostic> {
    let by_limit = |quota: &&&str| {
        // What the plan has is a lot, and no reason to name everything in every limit.
        bound_of(limit, quota).is_none()
            && tree.bound_above(index, quota).is_some_and(|(above, _)| above != 0)
    };
    let open: Vec<&str> = KEPT.iter().filter(by_limit).copied().collect();
    let (above, bound) = tree.bound_above(index, open.first()?)?;
    let first = open.first()?;
    let finding = Diagnostic::warning(
        Code::LimitLeftOpen,
        match open.as_slice() {
            [only] => format!("{} leaves `{only}` open, of which {} has {bound}", limit.address, tree.name(above)),
            _ => format!(
                "{} leaves open what {} has a bound for: {}",
                limit.address,
                tree.name(above),
                open.join(", ")
            ),
        },
    )
    .help("an account with this limit may use up what it shares with others; name a number, 0 for none");
    let explicit = open.iter().find(|quota| limit.fields.get(quota).is_some());
    let at = format!("/spec/{}", explicit.unwrap_or(first));
    let target = if explicit.is_some() { Target::Value } else { Target::Key };
    let finding = view.place(finding, &limit.address, &at, target);
    Some(tree.mention(view, finding, above, first, "the bound".to_owned()))
}
