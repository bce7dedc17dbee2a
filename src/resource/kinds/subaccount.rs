//! Subaccounts: accounts below another one, which hold everything else.

use super::limit;
use super::row::{Field, KindRow, Loss, Read, Recovery};

/// The field that holds the id of a subaccount's limit.
pub const LIMIT_FIELD: &str = "limit_id";

pub(super) const ROW: KindRow = KindRow {
    word: "subaccount",
    title: "Subaccount",
    collection: "subaccounts",
    quota: Some("subaccounts_count"),
    read: Read::Always,
    makes_live: true,
    fields: &[&[
        Field::server("id"),
        Field::server("cid"),
        Field::own("name"),
        Field::reference(LIMIT_FIELD, &limit::ROW),
        Field::own("enabled"),
        // Set by a call of its own, and not before somebody has followed a link.
        Field::server("email"),
        Field::server("blocked"),
        Field::own("metadata"),
    ]],
    answered: "id,cid,limit_id,email,metadata",
    loss: Loss { empty: "is deleted; it is empty", full: Some("is deleted, with {} in it") },
    recovery: Recovery {
        with: "with what is in it",
        means: "comes back, with everything in it; keys to it work again",
    },
    secret: Some("the password"),
    ..KindRow::PLAIN
};
