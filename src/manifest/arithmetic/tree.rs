//! The declared accounts as a tree, with what bounds each.

use std::collections::BTreeMap;

use crate::diagnostic::Diagnostic;
use crate::manifest::view::View;
use crate::resource::{AccountPath, Declared, Tariff};
use crate::source::Target;

/// Where the Stack says which plan of the platform there is.
pub(super) const PLAN: &str = "/spec/plan";

/// One account.
pub(super) struct Account<'a> {
    /// Its manifest; none for the root account.
    pub(super) declared: Option<&'a Declared>,
    /// Its limit.
    pub(super) limit: Option<&'a Declared>,
    /// The account above it.
    pub(super) parent: Option<usize>,
}

/// All declared accounts, parents before their children; the root account is the first.
pub(super) struct Tree<'a> {
    pub(super) accounts: Vec<Account<'a>>,
    pub(super) by_path: BTreeMap<AccountPath, usize>,
    pub(super) tariff: Option<Tariff>,
}

impl<'a> Tree<'a> {
    pub(super) fn new(view: &View<'a>) -> Self {
        let declared = view.stack.and_then(|(_, stack)| stack.spec.plan);
        let plan = view.found_out.and_then(|profile| profile.value("plan"));
        let tariff = declared.or_else(|| plan.and_then(Tariff::named));
        let own = Account { declared: None, limit: None, parent: None };
        let mut accounts = vec![own];
        let mut by_path = BTreeMap::from([(AccountPath::root(), 0)]);
        // Addresses are ordered by account, so a parent comes before what is below it.
        for declared in view.accounts() {
            let Some(parent) = by_path.get(&declared.address.account).copied() else {
                // Its account is declared nowhere, which is told elsewhere.
                continue;
            };
            let limit = declared.limit().and_then(|limit| view.desired.get(limit));
            by_path.insert(declared.own_path(), accounts.len());
            accounts.push(Account { declared: Some(declared), limit, parent: Some(parent) });
        }
        Self { accounts, by_path, tariff }
    }

    /// How much of a quota an account has by its own limit, or by the plan.
    pub(super) fn bound(&self, account: usize, quota: &str) -> Option<i64> {
        match self.accounts.get(account)? {
            Account { declared: None, .. } => self.tariff?.size(quota),
            Account { limit, .. } => bound_of((*limit)?, quota),
        }
    }

    /// The nearest account above that has a bound for a quota, and the bound.
    pub(super) fn bound_above(&self, account: usize, quota: &str) -> Option<(usize, i64)> {
        let mut at = self.accounts.get(account)?.parent;
        while let Some(above) = at {
            if let Some(bound) = self.bound(above, quota) {
                return Some((above, bound));
            }
            at = self.accounts.get(above)?.parent;
        }
        None
    }

    /// How people call an account.
    pub(super) fn name(&self, account: usize) -> String {
        match self.accounts.get(account).and_then(|account| account.declared) {
            Some(declared) => format!("`{}`", declared.own_path()),
            None => "the root account".to_owned(),
        }
    }

    /// Lets `finding` point at the number that bounds an account.
    pub(super) fn place(
        &self,
        view: &View<'_>,
        finding: Diagnostic,
        account: usize,
        quota: &str,
    ) -> Diagnostic {
        match (self.accounts.get(account).and_then(|account| account.limit), view.stack) {
            (Some(limit), _) => {
                view.place(finding, &limit.address, &format!("/spec/{quota}"), Target::Value)
            }
            (None, Some((document, _))) => {
                finding.at(document.span(PLAN, Target::Value), "").pointer(PLAN)
            }
            (None, None) => finding,
        }
    }

    /// Lets `finding` also point at the number that bounds an account.
    pub(super) fn mention(
        &self,
        view: &View<'_>,
        finding: Diagnostic,
        account: usize,
        quota: &str,
        text: String,
    ) -> Diagnostic {
        match (self.accounts.get(account).and_then(|account| account.limit), view.stack) {
            (Some(limit), _) => {
                let pointer = format!("/spec/{quota}");
                view.mention(finding, &limit.address, &pointer, Target::Value, text)
            }
            (None, Some((document, _))) => finding.and(document.span(PLAN, Target::Value), text),
            (None, None) => finding,
        }
    }
}

/// The number that a limit sets for a quota; none if it leaves it open.
pub(super) fn bound_of(limit: &Declared, quota: &str) -> Option<i64> {
    limit.fields.number(quota).filter(|bound| *bound >= 0)
}
