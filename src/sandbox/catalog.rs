//! The descriptor table: every collection of the platform as one row of data.
//!
//! A row says where the collection lives, which item type number the platform gives it, which fields its items have and
//! which rules reach beyond a single field. Creating, reading, updating, deleting, selecting and storing are written
//! once, against rows. Adding a collection is adding a row (and its [`Kind`]).

use serde_json::{Map, Value, json};

use super::{
    answer::Refusal,
    item::Fields,
    rows,
    state::State,
    world::{Call, World},
};

/// The collections that items are stored in. The order is the order of their tables in [`State`]; accounts come first,
/// so that whoever reads a state in this order finds every owner before what it owns.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Kind {
    /// Subaccounts and the root account: a subaccount and its customer record are one record.
    Accounts,
    Limits,
    Tokens,
    Realms,
    RealmUsers,
    RealmRoles,
    /// The links between realms and identity providers.
    RealmProviders,
    Grants,
    Webhooks,
    IdentityProviders,
    Channels,
    Devices,
    Groups,
    Streams,
    Modems,
    Calcs,
    Plugins,
    Geofences,
    Assets,
    Containers,
    Cdns,
    /// What the MQTT broker keeps for later subscribers.
    RetainedMessages,
}

impl Kind {
    pub(super) const ALL: [Self; 22] = [
        Self::Accounts,
        Self::Limits,
        Self::Tokens,
        Self::Realms,
        Self::RealmUsers,
        Self::RealmRoles,
        Self::RealmProviders,
        Self::Grants,
        Self::Webhooks,
        Self::IdentityProviders,
        Self::Channels,
        Self::Devices,
        Self::Groups,
        Self::Streams,
        Self::Modems,
        Self::Calcs,
        Self::Plugins,
        Self::Geofences,
        Self::Assets,
        Self::Containers,
        Self::Cdns,
        Self::RetainedMessages,
    ];

    /// The row that rules this kind's items.
    pub(super) fn row(self) -> &'static Collection {
        match self {
            Self::Accounts => &rows::SUBACCOUNTS,
            Self::Limits => &rows::LIMITS,
            Self::Tokens => &rows::TOKENS,
            Self::Realms => &rows::REALMS,
            Self::RealmUsers => &rows::REALM_USERS,
            Self::RealmRoles => &rows::REALM_ROLES,
            Self::RealmProviders => &rows::REALM_PROVIDERS,
            Self::Grants => &rows::GRANTS,
            Self::Webhooks => &rows::WEBHOOKS,
            Self::IdentityProviders => &rows::IDENTITY_PROVIDERS,
            Self::Channels => &rows::CHANNELS,
            Self::Devices => &rows::DEVICES,
            Self::Groups => &rows::GROUPS,
            Self::Streams => &rows::STREAMS,
            Self::Modems => &rows::MODEMS,
            Self::Calcs => &rows::CALCS,
            Self::Plugins => &rows::PLUGINS,
            Self::Geofences => &rows::GEOFENCES,
            Self::Assets => &rows::ASSETS,
            Self::Containers => &rows::CONTAINERS,
            Self::Cdns => &rows::CDNS,
            Self::RetainedMessages => &rows::RETAINED_MESSAGES,
        }
    }
}

/// One row: a collection of the platform.
pub(super) struct Collection {
    pub(super) kind: Kind,
    /// Below the root, without slashes at the ends; `*` stands for the selector of the items that these belong to.
    pub(super) path: &'static str,
    /// `type` in the recycle bin and `origin_type` in logs.
    pub(super) type_number: u16,
    pub(super) fields: &'static [Field],
    /// The field that people know an item by.
    pub(super) label: &'static str,
    /// The field of a limit that bounds how many there may be; `None` when the platform names none.
    pub(super) counter: Option<&'static str>,
    /// The items that these live in, and the field that says in which.
    pub(super) parent: Option<Parent>,
    /// Whether the recycle bin takes them.
    pub(super) is_restorable: bool,
    /// Completes and judges an item that is about to be created.
    pub(super) on_create: fn(&World, &mut Draft<'_>) -> Result<(), Refusal>,
    /// Judges an item that is about to be changed; the draft holds the fields as they would be.
    pub(super) on_update: fn(&World, &mut Draft<'_>) -> Result<(), Refusal>,
    /// Judges a deletion.
    pub(super) on_delete: fn(&World, u64) -> Result<(), Refusal>,
    /// Follows up an item that was created or changed.
    pub(super) after_write: fn(&mut World, &mut Call<'_>, u64),
}

/// Items that live inside others, as users in realms.
#[derive(Clone, Copy, Debug)]
pub(super) struct Parent {
    pub(super) kind: Kind,
    pub(super) field: &'static str,
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
    List,
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
            Self::List => "array",
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
    /// Never, though clients write it: passwords and the like.
    Written,
    /// Never: the sandbox's own secrets. Not selectable either.
    Never,
}

impl Shown {
    /// Whether an answer can ever hold it.
    pub(super) fn is_readable(self) -> bool {
        !matches!(self, Self::Written | Self::Never)
    }
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
    EmptyList,
}

impl Initial {
    pub(super) fn value(self) -> Option<Value> {
        match self {
            Self::Absent => None,
            Self::Integer(number) => Some(number.into()),
            Self::Boolean(flag) => Some(flag.into()),
            Self::Text(text) => Some(text.into()),
            Self::EmptyObject => Some(Value::Object(Map::new())),
            Self::EmptyList => Some(Value::Array(Vec::new())),
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

/// The names of all fields of all rows, views included.
pub(super) fn field_names() -> impl Iterator<Item = &'static str> {
    let rows = Kind::ALL.into_iter().map(Kind::row);
    rows.chain([&rows::CUSTOMER, &rows::GRANTORS, &rows::DELETED])
        .flat_map(|row| row.fields)
        .map(|field| field.name)
}
