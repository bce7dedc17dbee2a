//! Limits: sets of quotas that a parent assigns to its subaccounts.

use super::row::{Field, KindRow, Loss, Read, Recovery};
use crate::assumptions::ITEMS_PER_POST;
use crate::resource::quota;

pub(super) const ROW: KindRow = KindRow {
    word: "limit",
    title: "Limit",
    collection: "limits",
    label: "name",
    quota: "limits_count",
    read: Read::Always,
    makes_live: false,
    per_post: ITEMS_PER_POST,
    fields: &[
        &[
            Field::server("id"),
            Field::server("cid"),
            Field::own("name"),
            Field::own("description"),
            Field::own("metadata"),
        ],
        quota::FIELDS,
    ],
    answered: "id,cid,metadata",
    loss: Loss { empty: "is deleted", full: None },
    recovery: Recovery { with: "as it was", means: "comes back" },
    secret: None,
};
