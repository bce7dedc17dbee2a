//! Until when the declared tokens live, and what comes next for each of them.

use std::collections::{BTreeMap, BTreeSet};

use super::bind::{Binding, Bindings, How};
use super::draft::Draft;
use super::effect::Effect;
use super::generations;
use super::schedule;
use super::step::Step;
use super::token_time::{Role, TokenTime};
use crate::observe::{Actual, Object};
use crate::resource::{Address, At, Bound, Desired, Span};
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
    pub words: &'a str,
}

/// What is known of every declared token that is there, and of our own; what comes first, first.
pub(super) fn tokens(
    desired: &Desired,
    actual: &Actual,
    bindings: &Bindings<'_>,
    horizon: i64,
) -> Vec<TokenTime> {
    let watch = Watch { desired, actual, horizon };
    let mut tokens: BTreeMap<i64, TokenTime> = BTreeMap::new();
    let declared = desired.objects.iter().filter(|(address, _)| address.kind.is_key());
    for (address, _) in declared.filter(|(address, _)| desired.is_meant(address)) {
        let Some(Binding::Found(token, how)) = bindings.get(address) else { continue };
        let older = bindings.predecessors(address);
        // Of what is only referred to, generations are none of our business.
        let is_undelivered = *how != How::Observed && watch.is_undelivered(address, token);
        let role = if is_undelivered { Role::Undelivered } else { Role::Current };
        tokens.insert(token.id, watch.token(Some(address), token, role, &[]));
        for (index, old) in older.iter().enumerate() {
            let later: Vec<&Object> =
                older.iter().skip(index + 1).copied().chain([*token]).collect();
            let has_successor = later.iter().any(|later| !watch.is_undelivered(address, later));
            let role = if has_successor { Role::Retiring } else { Role::Current };
            tokens.insert(old.id, watch.token(Some(address), old, role, &later));
        }
    }
    if let Some(own) = actual.token(actual.identity.token)
        && desired.orders.is_empty()
    {
        tokens.entry(own.id).or_insert_with(|| watch.token(None, own, Role::Own, &[]));
    }
    let mut tokens: Vec<TokenTime> = tokens.into_values().collect();
    tokens.sort_by_key(|token| (token.next.unwrap_or(i64::MAX), token.address.clone()));
    tokens
}

struct Watch<'a> {
    desired: &'a Desired,
    actual: &'a Actual,
    horizon: i64,
}

impl Watch<'_> {
    fn is_undelivered(&self, address: &Address, token: &Object) -> bool {
        let declared = self.desired.objects.get(address);
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
        let declared = address.and_then(|address| self.desired.objects.get(address));
        let rotates = declared.filter(|_| role == Role::Current && later.is_empty());
        let rotates = rotates.and_then(|declared| schedule::due_at(declared, token));
        let retires = declared.filter(|_| role == Role::Retiring).and_then(|declared| {
            let later = later.iter().copied();
            schedule::retires_at(declared, token, later, &self.desired.stack, now).map(|(at, _)| at)
        });
        let generation = generations::number(token, &self.desired.stack);
        let mut words: Vec<String> = Vec::new();
        if token.id == self.actual.identity.token {
            words.push("is the token of this run".to_owned());
        }
        match role {
            Role::Undelivered => {
                words.push(format!("generation {generation} is not in every sink yet"));
            }
            Role::Retiring => {
                let end = match retires {
                    Some(at) if at <= now => "is due for deletion".to_owned(),
                    Some(at) => format!("is deleted in {}", Span(at - now)),
                    None => "is deleted once it is no longer used".to_owned(),
                };
                words.push(format!("generation {generation} {end}, as its successor is delivered"));
            }
            Role::Current | Role::Own => {}
        }
        words.extend(lifetime.map(|lifetime| lifetime.words(now)));
        if let Some(at) = rotates {
            words.push(match at - now {
                ..=0 => "its rotation is due".to_owned(),
                left => format!("is rotated in {}", Span(left)),
            });
        }
        // Of what goes in any case its own end is no news.
        let is_watched = role != Role::Retiring && lifetime.is_some();
        let ends = lifetime.map(|lifetime| lifetime.ends);
        // Who does not use a key for so long gets the next one before this one ends.
        let is_replaced = lifetime.is_some_and(|it| {
            it.bound == Bound::Ttl && rotates.is_some_and(|rotates| rotates < it.ends)
        });
        let is_watched = is_watched && !is_replaced;
        let is_due = is_watched && lifetime.is_some_and(|it| it.is_due(now, self.horizon));
        let by_plan = rotates.or(retires).is_some_and(|at| at.saturating_sub(now) <= self.horizon);
        let next = match role {
            Role::Retiring => retires,
            _ => ends.into_iter().chain(rotates).min(),
        };
        TokenTime {
            address: address.cloned(),
            id_on_platform: token.id,
            generation,
            role,
            is_master: access_type(token) == Some(AccessType::Master),
            ends: ends.map(|at| At(at).to_string()),
            seconds_left: ends.map(|at| at.saturating_sub(now)),
            bound: lifetime.map(|lifetime| lifetime.bound),
            is_certain: lifetime.is_some_and(|lifetime| lifetime.is_certain()),
            last_used: lifetime.and_then(|it| it.last_used).map(|at| At(at).to_string()),
            rotates: rotates.map(|at| At(at).to_string()),
            retires: retires.map(|at| At(at).to_string()),
            is_due,
            words: words.join("; "),
            is_own: token.id == self.actual.identity.token,
            seconds_unused: lifetime.and_then(|it| it.last_used).map(|at| now.saturating_sub(at)),
            seconds_to_rotation: rotates.map(|at| at.saturating_sub(now)),
            seconds_to_deletion: retires.map(|at| at.saturating_sub(now)),
            is_near: is_due || by_plan || role == Role::Undelivered,
            next,
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
        words: &token.words,
    })
    .collect()
}
