//! What becomes of each object: managed, only referred to, shown in a comment, or left out.

use std::collections::BTreeMap;

use serde_json::Value;

use super::options::{Options, Others};
use super::terms::{Addresses, Key, Unsayable};
use crate::observe::{Actual, Object};
use crate::resource::{Address, Kind, MAX_ACCOUNT_LEVELS, Mark};
use crate::rights::AccessType;

/// How the token of a person's session in the panel is called, at its end. Nothing documents how
/// to tell one (assumption 13), so this can be overruled with `--include-sessions`.
const SESSION: &str = "session";

/// What becomes of an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Treatment {
    /// A manifest with all that can be set.
    Managed,
    /// A manifest with `manage: [observe]`, and why.
    Observed(String),
    /// A manifest in a comment, and why.
    Commented(String),
    /// Only told that some such are left out.
    LeftOut(&'static str),
    /// Not looked at.
    Excluded,
    /// Not among those that are meant.
    NotMeant,
}

pub(super) type Treatments = BTreeMap<Key, Treatment>;

/// Decides about every object that has an address.
pub(super) fn choose(
    actual: &Actual,
    addresses: &Addresses,
    options: &Options,
    unsayable: &BTreeMap<Key, Unsayable>,
) -> Treatments {
    let first = |key: &Key, address: &Address| {
        let treatment = match (actual.objects.get(key), unsayable.get(key)) {
            (None, _) => Treatment::Excluded,
            (Some(object), unsayable) => {
                match (
                    alone(object, address, actual, options),
                    unsayable.and_then(|u| u.whole.as_ref()),
                ) {
                    (Treatment::Managed, Some(reason)) => Treatment::Commented(reason.clone()),
                    (treatment, _) => treatment,
                }
            }
        };
        (*key, treatment)
    };
    let mut treatments: Treatments =
        addresses.iter().map(|(key, address)| first(key, address)).collect();
    keep_accounts(actual, &mut treatments);
    keep_referents(actual, addresses, &mut treatments);
    // The account of what was brought back must be there as well.
    keep_accounts(actual, &mut treatments);
    treatments
}

/// What becomes of an object if nothing else needs it.
fn alone(object: &Object, address: &Address, actual: &Actual, options: &Options) -> Treatment {
    if options.exclude.iter().any(|pattern| pattern.matches(address)) {
        return Treatment::Excluded;
    }
    if options.only.is_some() && options.meant(&(object.kind, object.id)).is_none() {
        return Treatment::NotMeant;
    }
    // Our own account is the first level, so a subaccount in an account of depth 2 is on the last.
    let deepest = MAX_ACCOUNT_LEVELS - 1;
    if address.account.depth() > deepest
        || (object.kind.is_account() && address.account.depth() == deepest)
    {
        return Treatment::LeftOut("accounts below the fourth level, and what is in them");
    }
    if object.kind.is_key()
        && let Some(reason) = passing_token(object, actual, options)
    {
        return Treatment::LeftOut(reason);
    }
    let others = |wish: Others, reason: String, left_out: &'static str| match wish {
        Others::Include => Treatment::Observed(reason),
        Others::Comment => Treatment::Commented(reason),
        Others::Skip => Treatment::LeftOut(left_out),
    };
    let released = |mark: &Mark| {
        let to = mark.released_to.as_ref()?;
        Some(format!("the stack `{}` has released it to the stack `{to}`", mark.stack))
    };
    match &object.mark {
        Err(problem) => Treatment::Commented(problem.to_string()),
        Ok(Some(mark)) if mark.stack != options.stack || mark.released_to.is_some() => others(
            options.foreign,
            released(mark).unwrap_or_else(|| format!("it belongs to the stack `{}`", mark.stack)),
            "what belongs to other stacks",
        ),
        Ok(Some(mark)) if mark.address == *address => Treatment::Managed,
        Ok(Some(mark)) if is_superseded(object, mark, actual) => {
            Treatment::LeftOut("keys whose successors are written")
        }
        Ok(Some(mark)) => Treatment::Commented(format!(
            "it carries the mark of {}, but is another object",
            mark.address
        )),
        Ok(None) if options.unmanaged == Others::Include => Treatment::Managed,
        Ok(None) => {
            others(options.unmanaged, "it has no mark".to_owned(), "objects without a mark")
        }
    }
}

/// Whether a later generation of the same token is there.
fn is_superseded(object: &Object, mark: &Mark, actual: &Actual) -> bool {
    let is_later = |other: &Object| {
        other
            .mark_of(&mark.stack)
            .is_some_and(|it| it.address == mark.address && it.number() > mark.number())
    };
    object.kind.is_key() && actual.owned_by(object.owner).any(is_later)
}

/// Why a token is none that a manifest should name, if so.
fn passing_token(object: &Object, actual: &Actual, options: &Options) -> Option<&'static str> {
    let mark = object.any_mark();
    if mark.is_some_and(|mark| mark.bootstrap) {
        return Some("tokens that only serve to set credentials");
    }
    if mark.is_some() {
        return None;
    }
    if object.id == actual.identity.token {
        return Some("the token that made this export");
    }
    // People make those of the known types; others are the platform's own (assumption 12).
    let found = object.field("access").unwrap_or_default();
    let Some(access) = AccessType::of(&found) else {
        return Some("tokens that the platform created for itself");
    };
    if found.get("templating") == Some(&Value::Bool(true)) {
        return Some("tokens of realm users, which their realms bound");
    }
    let is_session =
        access == AccessType::Master && object.label().to_lowercase().trim_end().ends_with(SESSION);
    (is_session && !options.include_sessions)
        .then_some("sessions of the panel (--include-sessions writes them)")
}

/// An account in which something is declared must be declared itself, and so must whatever else holds something.
fn keep_accounts(actual: &Actual, treatments: &mut Treatments) {
    let written: Vec<Key> = treatments
        .iter()
        .filter(|(_, treatment)| treatment.is_written())
        .map(|(key, _)| *key)
        .collect();
    for key in written {
        let object = actual.objects.get(&key);
        if let Some(holder) = object.and_then(|object| object.container())
            && let Some(treatment) = treatments.get_mut(&holder)
        {
            treatment.promote("what is in it needs it");
        }
        let mut owner = object.map(|object| object.owner);
        while let Some(id) = owner {
            let Some(treatment) = treatments.get_mut(&(Kind::ACCOUNT, id)) else { break };
            treatment.promote("what is in it needs it");
            owner = actual.account(id).map(|account| account.owner);
        }
    }
}

/// What a managed object refers to must be declared for a manifest to name it.
fn keep_referents(actual: &Actual, addresses: &Addresses, treatments: &mut Treatments) {
    for (key, user) in &actual.objects {
        if treatments.get(key) != Some(&Treatment::Managed) {
            continue;
        }
        let links = actual.links.get(key).into_iter().flatten();
        let to = user.kind.row().link.and_then(|link| Kind::of_title(link.to.title));
        let linked = links.filter_map(|id| Some((to?, *id)));
        let pointed_at = user.kind.pointers().map(|(place, _)| place).collect::<Vec<_>>();
        let refs = user
            .refs()
            .filter(|(field, to)| pointed_at.contains(field) || is_in_family(addresses, to, key));
        for to in refs.map(|(_, to)| to).chain(linked) {
            if let Some(treatment) = treatments.get_mut(&to) {
                treatment.promote(&format!("a {} uses it", user.kind));
            }
        }
    }
}

/// Whether something belongs to the account of its user or to one above, as manifests want.
fn is_in_family(addresses: &Addresses, referent: &Key, user: &Key) -> bool {
    match (addresses.get(referent), addresses.get(user)) {
        (Some(referent), Some(user)) => referent.account.contains(&user.account),
        _ => false,
    }
}

impl Treatment {
    /// Whether a manifest is written that counts.
    pub(super) fn is_written(&self) -> bool {
        matches!(self, Self::Managed | Self::Observed(_))
    }

    fn promote(&mut self, need: &str) {
        match self {
            Self::Managed | Self::Observed(_) | Self::Excluded => {}
            Self::Commented(reason) => *self = Self::Observed(format!("{reason}; {need}")),
            Self::LeftOut(reason) => *self = Self::Observed(format!("{reason}; {need}")),
            Self::NotMeant => *self = Self::Observed(need.to_owned()),
        }
    }
}
