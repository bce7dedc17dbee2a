//! Rules of tokens that reach beyond a single field: lifetimes, and what a token is made with.

use serde_json::json;

use super::{
    access,
    answer::Refusal,
    assumptions::{DEFAULT_ACCESS, PAST_EXPIRE},
    item::Draft,
    secret,
    view::View,
};

/// A token starts its life with a key that only its creator is told.
pub(super) fn create(view: View<'_>, draft: &mut Draft<'_>) -> Result<(), Refusal> {
    check_lifetime(draft)?;
    let expire = draft.fields.number("expire");
    if view.assumptions.is(&PAST_EXPIRE, "refuse")
        && expire != 0
        && expire <= draft.now
        && draft.fields.number("ttl") == 0
    {
        return Err(Refusal::bad("field \"expire\" has passed already").with_field("expire"));
    }
    if draft.fields.get("access").is_none() {
        let standard = view.assumptions.is(&DEFAULT_ACCESS, "standard");
        draft.fields.set(
            "access",
            json!({"type": if standard { access::STANDARD } else { access::MASTER }}),
        );
    }
    draft.fields.set("key", secret::key(draft.entropy));
    draft.fields.set("created", draft.now);
    draft.fields.set("accessed", draft.now);
    Ok(())
}

/// An update may not take the last bound from a token's life, nor its access.
pub(super) fn update(draft: &mut Draft<'_>) -> Result<(), Refusal> {
    if draft.fields.get("access").is_none() {
        draft.fields.set("access", json!({"type": access::STANDARD}));
    }
    check_lifetime(draft)
}

fn check_lifetime(draft: &Draft<'_>) -> Result<(), Refusal> {
    match draft.fields.number("ttl") == 0 && draft.fields.number("expire") == 0 {
        true => {
            Err(Refusal::bad("a token needs a \"ttl\" or an \"expire\" other than 0")
                .with_field("ttl"))
        }
        false => Ok(()),
    }
}
