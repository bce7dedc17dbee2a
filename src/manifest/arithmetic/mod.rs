//! Limits are arithmetic over the tree of accounts, and can be added up before any call.
//!
//! ```text
//! our own account   spec.plan of the Stack: what the platform's plan has
//!   emea            limit/region:  devices_count 5000 ◄── at least what acme and globex may use together
//!     acme          limit/tenant:  devices_count 2000 ◄── no more than emea has; its own objects have to fit too
//!     globex        limit/tenant
//! ```
//!
//! Usage of all children adds up to the parent, and when it passes the parent's own limit, the platform blocks the parent
//! and everything below it (fact sheet, 3.3). `-1`, and a quota that is left out, bound nothing here: the account may use
//! all that the accounts above it have.

mod commitment;
mod counts;
mod lockout;

use std::collections::BTreeMap;

use serde_json::Value;

use super::view::View;
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::resource::{AccountPath, Address, Declared, Tariff};
use crate::source::Target;

/// Where the Stack says which plan of the platform there is.
const PLAN: &str = "/spec/plan";

/// Checks every limit against the accounts that use it.
pub(super) fn check(view: &View<'_>, diagnostics: &mut Diagnostics) {
    let tree = Tree::new(view);
    if !view.has_policy_on_overcommitment() {
        diagnostics.extend(commitment::overcommitted(view, &tree).into_iter().map(|(_, it)| it));
    }
    commitment::above_parent(view, &tree, diagnostics);
    commitment::left_open(view, &tree, diagnostics);
    counts::check(view, &tree, diagnostics);
    lockout::check(view, &tree, diagnostics);
}

/// The accounts whose children may use more together than they have.
pub(super) fn overcommitted(view: &View<'_>) -> Vec<(Address, Diagnostic)> {
    commitment::overcommitted(view, &Tree::new(view))
}

impl View<'_> {
    /// Whether a rule of the Stack speaks of over-commitment, which then has a code of its own.
    fn has_policy_on_overcommitment(&self) -> bool {
        self.stack.is_some_and(|(_, stack)| stack.spec.policies.no_overcommitment.is_some())
    }
}

/// One account.
struct Account<'a> {
    /// Its manifest; none for our own account.
    declared: Option<&'a Declared>,
    /// Its limit.
    limit: Option<&'a Declared>,
    /// The account above it.
    parent: Option<usize>,
}

/// All declared accounts, parents before their children; our own account is the first.
struct Tree<'a> {
    accounts: Vec<Account<'a>>,
    by_path: BTreeMap<AccountPath, usize>,
    tariff: Option<Tariff>,
}

impl<'a> Tree<'a> {
    fn new(view: &View<'a>) -> Self {
        let tariff = view.stack.and_then(|(_, stack)| stack.spec.plan);
        let own = Account { declared: None, limit: None, parent: None };
        let mut accounts = vec![own];
        let mut by_path = BTreeMap::from([(AccountPath::root(), 0)]);
        // Addresses are ordered by account, so a parent comes before what is below it.
        for declared in view.accounts() {
            let Some(parent) = by_path.get(&declared.address.account).copied() else {
                // Its account is declared nowhere, which is told elsewhere.
                continue;
            };
            let limit = declared.limit().and_then(|limit| view.desired.objects.get(limit));
            by_path.insert(declared.own_path(), accounts.len());
            accounts.push(Account { declared: Some(declared), limit, parent: Some(parent) });
        }
        Self { accounts, by_path, tariff }
    }

    /// How much of a quota an account has by its own limit, or by the plan.
    fn bound(&self, account: usize, quota: &str) -> Option<i64> {
        match self.accounts.get(account)? {
            Account { declared: None, .. } => self.tariff?.size(quota),
            Account { limit, .. } => bound_of((*limit)?, quota),
        }
    }

    /// The nearest account above that has a bound for a quota, and the bound.
    fn bound_above(&self, account: usize, quota: &str) -> Option<(usize, i64)> {
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
    fn name(&self, account: usize) -> String {
        match self.accounts.get(account).and_then(|account| account.declared) {
            Some(declared) => format!("`{}`", declared.own_path()),
            None => "our own account".to_owned(),
        }
    }

    /// Lets `finding` point at the number that bounds an account.
    fn place(
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
    fn mention(
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
fn bound_of(limit: &Declared, quota: &str) -> Option<i64> {
    limit.fields.get(quota).and_then(Value::as_i64).filter(|bound| *bound >= 0)
}
