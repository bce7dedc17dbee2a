//! A declared object that is not there: was it never made, or what became of it, and is another one
//! issued?

use std::collections::BTreeSet;

use super::context::Context;
use super::draft::Draft;
use crate::api::PlatformTime;
use crate::observe::{Fate, Missed};
use crate::resource::{Address, At, Generation, Issued, Renew};

/// What to do about a declared token that is not there.
#[derive(Debug, Default)]
pub(super) struct Reissue {
    /// Which generation the next one is; none for the first.
    pub(super) generation: Option<Generation>,
    /// What became of the one before, and by which rule there is another one; for the reason.
    pub(super) words: Option<String>,
    /// Whether the one before ended by its own bounds, so that nobody is at work against us.
    pub(super) has_lapsed: bool,
}

/// Why a token would be dead at birth; none if it would not. Its own declaration says when it ends, and the platform's
/// clock says when that is.
pub(super) fn outlived(context: &Context<'_>) -> Option<String> {
    let number = |field: &str| context.declared.fields.number(field).unwrap_or(0);
    let (ttl, expire) = (number("ttl"), number("expire"));
    let PlatformTime { now, here, doubt } = &context.actual.time;
    let is_bounded = context.declared.address.kind.is_key() && ttl == 0 && expire > 0;
    let latest = if doubt.is_some() { *now.max(here) } else { *now };
    (is_bounded && expire <= latest).then(|| {
        let place = context.declared.field_origins.get("expire");
        let place = place.unwrap_or(&context.declared.origin);
        format!(
            "it expired {} ({place}), so the platform would delete it at once; set a later `expire`, or remove \
             its manifest",
            At(expire)
        )
    })
}

/// Decides about the declared object, which is not there; none if something has to be found out first.
///
/// # Errors
/// Why nothing is created.
pub(super) fn judge(context: &Context<'_>, draft: &mut Draft) -> Result<Option<Reissue>, String> {
    let declared = context.declared;
    if !declared.address.kind.is_key() {
        let Known(fate) = fate(context, draft) else { return Ok(None) };
        let words = former_account(context, fate);
        return Ok(Some(Reissue { words, ..Reissue::default() }));
    }
    let sinks = context.sinks(None, draft);
    if sinks.is_none() && !declared.deliver.is_empty() {
        return Ok(None);
    }
    let holds_key = sinks.is_some_and(|state| state.holds_key);
    let Known(fate) = fate(context, draft) else { return Ok(None) };
    let told = match fate {
        Some(fate @ (Fate::Lapsed { .. } | Fate::Deleted { .. })) => words(fate),
        _ if holds_key => {
            "an earlier one existed, since a sink holds a key; what became of it is unknown"
                .to_owned()
        }
        Some(Fate::Unread(reason)) if declared.renew != Renew::Always => {
            format!("cannot read whether an earlier one existed: {reason}")
        }
        Some(Fate::Unread(_) | Fate::Taken { .. }) | None => {
            return Ok(Some(Reissue { generation: next(fate), ..Reissue::default() }));
        }
    };
    let is_allowed = match declared.renew {
        Renew::Always => true,
        Renew::Lapsed => matches!(fate, Some(Fate::Lapsed { .. } | Fate::Taken { .. })),
        Renew::Never => matches!(fate, Some(Fate::Taken { .. })),
    };
    let rule = rule(declared.renew);
    if !is_allowed {
        return Err(format!(
            "{told}; `renew: {rule}` issues no new one: remove the manifest, or write `renew: always`"
        ));
    }
    let generation = next(fate).or_else(|| after(1));
    Ok(Some(Reissue {
        generation,
        has_lapsed: matches!(fate, Some(Fate::Lapsed { .. })),
        words: Some(format!("{told}; a new one is issued (renew: {rule})")),
    }))
}

/// What a new account will not have, if there was one before.
fn former_account(context: &Context<'_>, fate: Option<&Fate>) -> Option<String> {
    let fate = fate?;
    let why = match context.declared.may_be_restored() {
        true => "cannot be brought back",
        false => "is not brought back because of `lifecycle.restore`",
    };
    match fate {
        Fate::Unread(_) => None,
        Fate::Lapsed { .. } | Fate::Deleted { .. } | Fate::Taken { .. } => Some(format!(
            "{} and {why}: its devices and whatever else it held are lost, and \
             the new one is empty",
            words(fate)
        )),
    }
}

/// Whether a token that lies in the recycle bin may come back, and what became of it, to go with the
/// reason; none if something has to be found out first.
///
/// # Errors
/// Why it may not.
pub(super) fn may_return(
    context: &Context<'_>,
    draft: &mut Draft,
) -> Result<Option<String>, String> {
    let declared = context.declared;
    if !declared.address.kind.is_key() {
        return Ok(Some(String::new()));
    }
    let Known(fate) = fate(context, draft) else { return Ok(None) };
    let Some(fate @ Fate::Deleted { .. }) = fate else { return Ok(Some(String::new())) };
    let words = words(fate);
    if declared.renew == Renew::Always {
        return Ok(Some(format!("; {words}")));
    }
    Err(format!(
        "{words}; `renew: {}` does not bring it back: remove the manifest, or write `renew: always`",
        rule(declared.renew)
    ))
}

/// Whether it is known what became of the declared object.
enum Knowledge<'a> {
    /// As much as anybody says.
    Known(Option<&'a Fate>),
    /// Nobody asked yet.
    Asked,
}
use Knowledge::{Asked, Known};

/// What became of the declared object. In an account that is still to be made, nothing can have been.
fn fate<'a>(context: &Context<'a>, draft: &mut Draft) -> Knowledge<'a> {
    let declared = context.declared;
    let is_logged = declared.address.kind.is_restorable();
    let Some(owner) = context.owner_id().filter(|_| is_logged) else { return Known(None) };
    match context.answers.fates.get(&declared.address) {
        Some(fate) => Known(fate.as_ref()),
        None => {
            let matters = declared.renew != Renew::Always;
            let missed = Missed { owner, formerly: formerly(context, owner), matters };
            draft.questions.fates.insert(declared.address.clone(), missed);
            Asked
        }
    }
}

/// The addresses beside its own that the mark of the declared object may have had in the account `owner`: of a time when that
/// or the object itself was called otherwise.
fn formerly(context: &Context<'_>, owner: i64) -> BTreeSet<Address> {
    let address = &context.declared.address;
    let own = BTreeSet::from([address.account.clone()]);
    let paths = context.bindings.paths_of(owner).unwrap_or(&own);
    let called = |address: &Address| -> Vec<Address> {
        paths.iter().map(|path| address.below(path.clone())).collect()
    };
    let mut formerly: BTreeSet<Address> = called(address).into_iter().collect();
    if let Some(old) = context.declared.moved_from.as_deref()
        && paths.contains(&old.account)
    {
        // Whoever has the name now had it then.
        let old = called(old);
        if !old.iter().any(|address| context.desired.get(address).is_some()) {
            formerly.extend(old);
        }
    }
    formerly.remove(&context.declared.address);
    formerly
}

/// What became of a token.
fn words(fate: &Fate) -> String {
    match fate {
        Fate::Lapsed { at, why, .. } => format!("the previous one lapsed {} ({why})", At(*at)),
        Fate::Deleted { at, by, app, .. } => {
            let by = by.map_or_else(|| "somebody".to_owned(), |id| format!("token {id}"));
            let app = app.as_ref().map(|app| format!(", {app:?}")).unwrap_or_default();
            format!("the previous one was deleted by {by}{app} {}", At(*at))
        }
        Fate::Taken { .. } => "the previous one was pruned".to_owned(),
        Fate::Unread(reason) => format!("cannot read what became of it: {reason}"),
    }
}

fn rule(renew: Renew) -> &'static str {
    match renew {
        Renew::Always => "always",
        Renew::Lapsed => "lapsed",
        Renew::Never => "never",
    }
}

/// The generation after the one whose fate is known.
fn next(fate: Option<&Fate>) -> Option<Generation> {
    match fate? {
        Fate::Lapsed { generation, .. }
        | Fate::Deleted { generation, .. }
        | Fate::Taken { generation } => after(*generation),
        Fate::Unread(_) => None,
    }
}

/// Sinks may hold the key of the token that is gone, so the mark has to tell when they hold the next.
fn after(number: u32) -> Option<Generation> {
    Some(Generation {
        number: number.saturating_add(1),
        issued: Issued::Vanished,
        overlap: 0,
        delivered: None,
    })
}
