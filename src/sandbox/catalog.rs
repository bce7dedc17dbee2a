//! The descriptor table: every collection of the platform as one row of data.
//!
//! A row says where the collection lives, which item type number the platform gives it, which fields its items have and
//! which rules reach beyond a single field. Creating, reading, updating, deleting, selecting and storing are written
//! once, against rows. Adding a collection is adding a row (and its [`Kind`]).

use serde_json::{Map, Value, json};

use super::{answer::Refusal, fields, item::Fields, rules, state::State, world::World};

/// The collections that items are stored in. The order is the order of their tables in [`State`].
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Kind {
    /// Subaccounts and the root account: a subaccount and its customer record are one record.
    Accounts,
    Limits,
    Tokens,
}

impl Kind {
    pub(super) const ALL: [Self; 3] = [Self::Accounts, Self::Limits, Self::Tokens];

    /// The row that rules this kind's items.
    pub(super) fn row(self) -> &'static Collection {
        match self {
            Self::Accounts => &SUBACCOUNTS,
            Self::Limits => &LIMITS,
            Self::Tokens => &TOKENS,
        }
    }
}

/// One row: a collection of the platform.
pub(super) struct Collection {
    pub(super) kind: Kind,
    /// Below the root, without slashes at the ends.
    pub(super) path: &'static str,
    /// `type` in the recycle bin and `origin_type` in logs.
    pub(super) type_number: u16,
    pub(super) fields: &'static [Field],
    /// The field that people know an item by.
    pub(super) label: &'static str,
    /// The field of a limit that bounds how many there may be; `None` when the platform names none.
    pub(super) counter: Option<&'static str>,
    /// Completes and judges an item that is about to be created.
    pub(super) on_create: fn(&World, &mut Draft<'_>) -> Result<(), Refusal>,
    /// Judges an item that is about to be changed; the draft holds the fields as they would be.
    pub(super) on_update: fn(&World, &mut Draft<'_>) -> Result<(), Refusal>,
    /// Judges a deletion.
    pub(super) on_delete: fn(&World, u64) -> Result<(), Refusal>,
}

/// An item that is not yet part of the world.
pub(super) struct Draft<'a> {
    pub(super) id: u64,
    pub(super) cid: u64,
    pub(super) fields: Fields,
    pub(super) now: u64,
    pub(super) entropy: &'a mut dyn FnMut() -> u64,
}

/// One field of a row.
pub(super) struct Field {
    pub(super) name: &'static str,
    pub(super) shape: Shape,
    pub(super) source: Source,
    pub(super) shown: Shown,
    /// What reads back while nothing is stored.
    pub(super) initial: Initial,
}

/// Which values a field takes.
#[derive(Clone, Copy)]
pub(super) enum Shape {
    Integer {
        least: i64,
        most: i64,
    },
    Boolean,
    Text,
    Object,
    /// A form of its own, with the JSON type that a schema would name.
    Special(&'static str, fn(&World, &Value) -> Result<(), String>),
}

impl Shape {
    /// The JSON type for `schema_hint` and for messages.
    pub(super) fn type_name(&self) -> &'static str {
        match self {
            Self::Integer { .. } => "integer",
            Self::Boolean => "boolean",
            Self::Text => "string",
            Self::Object => "object",
            Self::Special(name, _) => name,
        }
    }
}

/// Where the value of a field comes from.
#[derive(Clone, Copy)]
pub(super) enum Source {
    Id,
    Owner,
    /// Clients write it.
    Client,
    /// The platform writes it; clients only read it.
    Server,
    /// Worked out from the world whenever it is asked for.
    Computed(fn(&State, &super::item::Item) -> Value),
}

/// When a field is part of an answer.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Shown {
    /// In the default set.
    Always,
    /// In the default set of the answer to a POST; otherwise when asked for.
    OnCreation,
    /// When asked for.
    Asked,
    /// Never: the sandbox's own secrets. Not selectable either.
    Never,
}

/// The value of a field that nothing was stored for.
#[derive(Clone, Copy)]
pub(super) enum Initial {
    /// The field is not there at all.
    Absent,
    Integer(i64),
    Boolean(bool),
    Text(&'static str),
    EmptyObject,
}

impl Initial {
    pub(super) fn value(self) -> Option<Value> {
        match self {
            Self::Absent => None,
            Self::Integer(number) => Some(number.into()),
            Self::Boolean(flag) => Some(flag.into()),
            Self::Text(text) => Some(text.into()),
            Self::EmptyObject => Some(Value::Object(Map::new())),
        }
    }
}

impl Collection {
    pub(super) fn field(&self, name: &str) -> Option<&'static Field> {
        self.fields.iter().find(|field| field.name == name)
    }

    /// What a 400 tells about the valid fields.
    pub(super) fn schema_hint(&self) -> Value {
        let properties: Map<String, Value> = self
            .fields
            .iter()
            .filter(|field| matches!(field.source, Source::Client) && field.shown != Shown::Never)
            .map(|field| (field.name.to_owned(), json!({"type": field.shape.type_name()})))
            .collect();
        json!({"properties": properties})
    }
}

/// Every row that a path leads to by a selector.
pub(super) const COLLECTIONS: [&Collection; 3] = [&SUBACCOUNTS, &LIMITS, &TOKENS];

pub(super) static SUBACCOUNTS: Collection = Collection {
    kind: Kind::Accounts,
    path: "platform/subaccounts",
    type_number: 5,
    fields: &fields::SUBACCOUNT,
    label: "name",
    counter: Some("subaccounts_count"),
    on_create: rules::create_account,
    on_update: rules::update_account,
    on_delete: rules::delete_account,
};

/// A second view of the accounts: the record that an account has of itself.
pub(super) static CUSTOMER: Collection = Collection {
    kind: Kind::Accounts,
    path: "platform/customer",
    type_number: 1,
    fields: &fields::CUSTOMER,
    label: "name",
    counter: None,
    on_create: rules::nothing,
    on_update: rules::nothing,
    on_delete: rules::nothing_to_delete,
};

pub(super) static LIMITS: Collection = Collection {
    kind: Kind::Limits,
    path: "platform/limits",
    type_number: 4,
    fields: &fields::LIMIT,
    label: "name",
    counter: Some("limits_count"),
    on_create: rules::create_limit,
    on_update: rules::nothing,
    on_delete: rules::delete_limit,
};

pub(super) static TOKENS: Collection = Collection {
    kind: Kind::Tokens,
    path: "platform/tokens",
    type_number: 33,
    fields: &fields::TOKEN,
    label: "info",
    counter: Some("tokens_count"),
    on_create: rules::create_token,
    on_update: rules::update_token,
    on_delete: rules::nothing_to_delete,
};

/// The names of all fields of all rows, views included.
pub(super) fn field_names() -> impl Iterator<Item = &'static str> {
    COLLECTIONS.into_iter().chain([&CUSTOMER]).flat_map(|row| row.fields).map(|field| field.name)
}
