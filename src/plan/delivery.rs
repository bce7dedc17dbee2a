//! How the key of a token that is there gets to the sinks that lack it.

use serde_json::Value;

use super::context::Context;
use super::draft::Draft;
use super::effect::Delivery;
use super::step::{Cause, Change};
use crate::observe::{KeyAt, Object, SinkState};
use crate::resource::Right;
use crate::secret::Sink;

/// What changes call the sinks of a token.
pub const DELIVER: &str = "deliver";

/// How the key of a found token gets to the sinks that lack it.
pub(super) fn of(
    context: &Context<'_>,
    object: &Object,
    draft: &mut Draft,
) -> Result<Option<Delivery>, Undeliverable> {
    let declared = context.declared;
    let Some(state) = context.sinks(Some(object), draft) else { return Ok(None) };
    let SinkState { lacking, from, is_new, trouble, .. } = state;
    if lacking.is_empty() {
        let trouble = trouble.iter().map(|words| format!("{}: {words}", declared.address));
        draft.notes.extend(trouble);
        return Ok(None);
    }
    if *from != KeyAt::Nowhere {
        let (all, lacking) = (declared.deliver.clone(), lacking.clone());
        return Ok(Some(Delivery { all, lacking, from: from.clone() }));
    }
    let may_replace =
        [Right::Create, Right::Delete].iter().all(|right| declared.lifecycle.allows(*right));
    if *is_new && may_replace {
        return Err(Undeliverable::Fresh);
    }
    if context.answers.overwritten.contains(&declared.address) {
        return Err(Undeliverable::Overwritten(format!(
            "another run created token {} at the same time as this run created one that was deleted again; \
             both keys went to {}, and the first cannot be read again",
            object.id,
            names(lacking)
        )));
    }
    Err(Undeliverable::Lost(format!(
        "the key of token {} is missing from {} and cannot be read again; only a new token has a key to \
         deliver, and a lost file does not replace a token that may be in use",
        object.id,
        names(lacking)
    )))
}

/// Why the key of a token cannot be delivered.
pub(super) enum Undeliverable {
    /// Nobody ever had it, so another token will do.
    Fresh,
    /// It was where it belongs, and this very run overwrote it.
    Overwritten(String),
    /// Somebody may have it, but not we.
    Lost(String),
}

/// Why a key is delivered, for the reason of the step.
pub(super) fn why(delivery: &Delivery) -> String {
    let Delivery { lacking, from, all: _ } = delivery;
    let verb = if lacking.len() == 1 { "lacks" } else { "lack" };
    format!("{} {verb} its key, which is read from {from}; no new token is needed", names(lacking))
}

/// What a delivery changes.
pub(super) fn change(delivery: &Delivery) -> Change {
    Change {
        field: DELIVER.to_owned(),
        before: Value::Null,
        after: Value::String(names(&delivery.lacking)),
        cause: Cause::Differs,
    }
}

fn names(sinks: &[Sink]) -> String {
    sinks.iter().map(Sink::to_string).collect::<Vec<_>>().join(", ")
}
