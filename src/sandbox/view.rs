//! A world to read from: what is there, what is assumed of the platform, and what fields read as.

use std::borrow::Cow;

use serde_json::Value;

use super::{
    assumptions::{ANY_ORIGIN, Assumptions},
    catalog::{Field, Source},
    computed,
    item::Item,
    state::State,
};

/// What judging and reading need of a world.
#[derive(Clone, Copy)]
pub(super) struct View<'a> {
    pub(super) state: &'a State,
    pub(super) assumptions: &'a Assumptions,
}

impl View<'_> {
    /// What `field` of `item` reads as; `None` when the item does not have it.
    pub(super) fn value<'i>(self, item: &'i Item, field: &Field) -> Option<Cow<'i, Value>> {
        match field.source {
            Source::Id => Some(Cow::Owned(item.id.into())),
            Source::Owner => Some(Cow::Owned(item.cid.into())),
            Source::Computed(computation) => {
                Some(Cow::Owned(computed::value(self.state, self.assumptions, item, computation)))
            }
            Source::Client | Source::Server => match item.fields.get(field.name) {
                Some(stored) => Some(Cow::Borrowed(stored)),
                None if field.name == "origins" => match self.assumptions.value(&ANY_ORIGIN) {
                    "star" => Some(Cow::Owned("*".into())),
                    "null" => Some(Cow::Owned(Value::Null)),
                    _ => None,
                },
                None => field.initial.value().map(Cow::Owned),
            },
        }
    }
}
