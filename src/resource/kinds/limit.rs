//! Limits: sets of quotas that a parent assigns to its subaccounts.

use super::row::{Field, KindRow, Read};
use crate::resource::quota;

pub(super) const ROW: KindRow = KindRow {
    word: "limit",
    title: "Limit",
    collection: "limits",
    quota: Some("limits_count"),
    read: Read::Always,
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
    ..KindRow::PLAIN
};
