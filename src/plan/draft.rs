//! A plan in the making.

use std::collections::{BTreeMap, BTreeSet};

use super::entry::{Blocked, Disputed, Drifted, Pending, Prunable, Refusal, Unknown};
use super::pages::LoginPage;
use super::step::Step;
use super::token_time::TokenTime;
use crate::observe::Questions;
use crate::resource::{Address, Drift, ItemType, Kind};

/// An item that joins what an object selects.
pub(super) type Joined = (Address, ItemType, i64);

/// A place of a secret of which there is something to say.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    pub(super) address: Address,
    /// The place.
    pub(super) what: String,
    pub(super) reason: String,
}

/// A plan in the making.
#[derive(Debug, Default)]
pub(super) struct Draft {
    /// What has to be known before this is a plan.
    pub(super) questions: Questions,
    /// What was not looked at, since only a manifest chose it.
    pub(super) hidden: BTreeSet<Place>,
    /// What an apply could not use here.
    pub(super) foretold: BTreeSet<Place>,
    pub(super) steps: Vec<Step>,
    pub(super) blocked: Vec<Blocked>,
    pub(super) pending: Vec<Pending>,
    /// How many declared objects wait for an account to come back.
    pub(super) waiting: BTreeMap<Address, usize>,
    pub(super) prunable: Vec<Prunable>,
    /// Objects that are let go, or would be if nothing were in the way.
    pub(super) let_go: BTreeSet<(Kind, i64)>,
    pub(super) disputed: Vec<Disputed>,
    pub(super) unknown: Vec<Unknown>,
    pub(super) refusals: Vec<Refusal>,
    pub(super) notes: Vec<String>,
    pub(super) drifted: Vec<Drifted>,
    pub(super) tokens: Vec<TokenTime>,
    pub(super) pages: Vec<LoginPage>,
    pub(super) unchanged: usize,
    /// What joins the selections of objects that are there.
    pub(super) joined: BTreeSet<Joined>,
}

impl Draft {
    /// Leaves drift as it is, and says so unless even that is not wanted.
    pub(super) fn leave(&mut self, drifted: Drifted) {
        let Drifted { address, field, found, wanted, policy, .. } = &drifted;
        if *policy == Drift::Report {
            self.notes.push(format!(
                "{address}: {field} has drifted to {found} (manifest: {wanted}) and is left as it is, because \
                 of `drift: report`"
            ));
        }
        self.drifted.push(drifted);
    }

    /// Notes that an apply could not use `what` here.
    pub(super) fn foretell(&mut self, address: &Address, what: String, reason: String) {
        self.foretold.insert(Place { address: address.clone(), what, reason });
    }
}
