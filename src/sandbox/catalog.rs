//! The descriptor table: every collection of the platform as one row of data.
//!
//! A row says where the collection lives, which item type number the platform gives it, which fields its items have and
//! which rules reach beyond a single field. Creating, reading, updating, deleting, selecting and storing are written
//! once, against rows. Adding a collection is adding a row (and its [`Kind`]).

use serde_json::{Map, Value, json};

use super::assumptions::Assumptions;

/// The collections that items are stored in. The order is the order of their tables in the state; accounts come first,
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
    /// What reaches beyond a single field when items are written.
    pub(super) rules: Rules,
}

/// Which rules beyond those of single fields the items of a row follow; [`super::rules`] knows where they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rules {
    None,
    Account,
    Limit,
    Token,
    Realm,
    RealmUser,
    Grant,
}

/// Items that live inside others, as users in realms.
#[derive(Clone, Copy, Debug)]
pub(super) struct Parent {
    pub(super) kind: Kind,
    pub(super) field: &'static str,
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
    Special(&'static str, fn(&Assumptions, &Value) -> Result<(), String>),
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
    Computed(Computation),
}

/// What is worked out when a computed field is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Computation {
    /// The parent of an account, 0 for a root.
    Owner,
    /// The last use of any token of an account.
    Accessed,
    /// Whether an account is blocked, by its own overuse or by that of any account above it.
    Blocked,
    /// How many items of each kind a branch owns.
    Counters,
    /// The bounds of the limit that an account is assigned to.
    Limits,
    /// Whether a realm user can log in with a password.
    HasPassword,
    /// The key that the last log-in of a realm user gave out.
    TokenKey,
    ProviderName,
    ProviderType,
    ProviderConfiguration,
    ProviderPublicInfo,
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
