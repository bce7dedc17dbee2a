//! Tokens: keys, each with what it opens and until when.

use super::row::{Field, KindRow, Loss, Read, Recovery, Special};
use crate::assumptions::TOKENS_PER_POST;
use crate::resource::{access, bounds};

static IPS: Special = Special::plain(bounds::ips);
static ORIGINS: Special = Special::plain(bounds::origins);
static ACCESS: Special = Special {
    canonical: access::canonical,
    merged: access::merged,
    sayable: access::sayable,
    beyond: access::beyond,
    hides: None,
};

pub(super) const ROW: KindRow = KindRow {
    word: "token",
    title: "Token",
    collection: "tokens",
    label: "info",
    quota: Some("tokens_count"),
    read: Read::Always,
    makes_live: true,
    per_post: TOKENS_PER_POST,
    fields: &[&[
        Field::server("id"),
        Field::server("cid"),
        Field::own("info"),
        Field::own("enabled"),
        Field::own("ttl"),
        Field::own("expire"),
        Field::special("access", &ACCESS),
        Field::special("ips", &IPS),
        Field::special("origins", &ORIGINS),
        Field::server("created"),
        Field::server("accessed"),
        Field::server("blocked"),
        Field::own("metadata"),
    ]],
    answered: "id,cid,metadata",
    loss: Loss { empty: "is deleted, which locks out everyone who uses its key", full: None },
    recovery: Recovery {
        with: "with its key",
        means: "comes back, and its former key works again",
    },
    secret: Some("the key"),
    ..KindRow::PLAIN
};
