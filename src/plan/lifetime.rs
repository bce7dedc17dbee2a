//! Until when the declared tokens live, and what comes next for each of them.

use std::collections::BTreeSet;

use super::bind::{Binding, Bindings, How};
use super::draft::Draft;
use super::effect::Effect;
use super::generations;
use super::schedule;
use super::step::Step;
use super::token_time::{Role, TokenTime};
use crate::observe::{Actual, Object};
use crate::resource::{Address, Bound, Desired};
use crate::rights::AccessType;
use schemars::JsonSchema;
use serde::Serialize;

/// Something due soon.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Forecast<'a> {
    /// The token; null for the token of this run if it is not declared.
    pub address: Option<&'a Address>,
    /// Its id.
    pub id_on_platform: i64,
    /// Whether it expires although somebody may still need it.
    pub is_due: bool,
    /// What, when and why.
    pub words: String,
}

/// What is known of every declared token that is there, and of our own; what comes first, first.
pub(super) fn tokens(
    desired: &Desired,
    actual: &Actual,
    bindings: &Bindings<'_>,
    horizon: i64,
) -> Vec<TokenTime> {
    let watch = Watch { desired, actual, horizon };
    let mut tokens = Vec::with_capacity(actual.tokens().count());
    let declared = desired.objects.iter().filter(|(address, _)| address.kind.is_key());
    for (address, _) in declared.filter(|(address, _)| desired.is_meant(address)) {
        let Some(Binding::Found(token, how)) = bindings.get(address) else { continue };
        let older = bindings.predecessors(address);
        // Of what is only referred to, generations are none of our business.
        let is_undelivered = *how != How::Observed && watch.is_undelivered(address, token);
        let role = if is_undelivered { Role::Undelivered } else { Role::Current };
        tokens.push(watch.token(Some(address), token, role, &[]));
        for (index, old) in older.iter().enumerate() {
            let later: Vec<&Object> =
                older.iter().skip(index + 1).copied().chain([*token]).collect();
            let has_successor = later.iter().any(|later| !watch.is_undelivered(address, later));
            let role = if has_successor { Role::Retiring } else { Role::Current };
            tokens.push(watch.token(Some(address), old, role, &later));
        }
    }
    let own = actual.token(actual.identity.token).filter(|_| desired.orders.is_empty());
    if let Some(own) = own.filter(|own| !tokens.iter().any(|it| it.id_on_platform == own.id)) {
        tokens.push(watch.token(None, own, Role::Own, &[]));
    }
    // No two have the same id, and a stable sort takes half as much memory again.
    tokens.sort_unstable_by(|a, b| {
        let of = |token: &TokenTime| (token.next().unwrap_or(i64::MAX), token.id_on_platform);
        let ((a_next, a_id), (b_next, b_id)) = (of(a), of(b));
        (a_next, &a.address, a_id).cmp(&(b_next, &b.address, b_id))
    });
    tokens
}

struct Watch<'a> {
    desired: &'a Desired,
    actual: &'a Actual,
    horizon: i64,
}

impl Watch<'_> {
    fn is_undelivered(&self, address: &Address, token: &Object) -> bool {
        let declared = self.desired.get(address);
        declared
            .is_some_and(|declared| schedule::is_undelivered(declared, token, &self.desired.stack))
    }

    fn token(
        &self,
        address: Option<&Address>,
        token: &Object,
        role: Role,
        later: &[&Object],
    ) -> TokenTime {
        let now = self.actual.time.now;
        let lifetime = token.lifetime();
        let declared = address.and_then(|address| self.desired.get(address));
        let rotates = declared.filter(|_| role == Role::Current && later.is_empty());
        let rotates = rotates.and_then(|declared| schedule::due_at(declared, token));
        let retires = declared.filter(|_| role == Role::Retiring).and_then(|declared| {
            let later = later.iter().copied();
            schedule::retires_at(declared, token, later, &self.desired.stack, now).map(|(at, _)| at)
        });
        // Of what goes in any case its own end is no news.
        let is_watched = role != Role::Retiring;
        // Who does not use a key for so long gets the next one before this one ends.
        let is_replaced = lifetime.is_some_and(|it| {
            it.bound == Bound::Ttl && rotates.is_some_and(|rotates| rotates < it.ends)
        });
        let is_watched = is_watched && !is_replaced;
        let is_due = is_watched && lifetime.is_some_and(|it| it.is_due(now, self.horizon));
        let by_plan = rotates.or(retires).is_some_and(|at| at.saturating_sub(now) <= self.horizon);
        TokenTime {
            address: address.cloned(),
            id_on_platform: token.id,
            generation: generations::number(token, &self.desired.stack),
            role,
            is_master: access_type(token) == Some(AccessType::Master),
            is_own: token.id == self.actual.identity.token,
            lifetime,
            rotates,
            retires,
            is_due,
            is_near: is_due || by_plan || role == Role::Undelivered,
            now,
        }
    }
}

/// What kind of access a token gives.
pub(super) fn access_type(token: &Object) -> Option<AccessType> {
    AccessType::of(&token.field("access")?)
}

/// What a step of the plan deletes comes up no more.
pub(super) fn leave_out_what_goes(draft: &mut Draft) {
    let Draft { steps, tokens, .. } = draft;
    let goes = |step: &Step| match &step.effect {
        Effect::Retire(token) => Some(token.id),
        _ => None,
    };
    let going: BTreeSet<i64> = steps.iter().filter_map(goes).collect();
    for token in tokens.iter_mut().filter(|token| going.contains(&token.id_on_platform)) {
        token.is_near = false;
        token.is_due = false;
    }
}

/// What of it comes up within the horizon, soonest first.
pub(super) fn forecasts(tokens: &[TokenTime]) -> Vec<Forecast<'_>> {
    let near = tokens.iter().filter(|token| token.is_near);
    near.map(|token| Forecast {
        address: token.address.as_ref(),
        id_on_platform: token.id_on_platform,
        is_due: token.is_due,
        words: token.words(),
    })
    .collect()
}
