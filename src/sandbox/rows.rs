//! The rows of the catalog: one for each collection, plus the second views that some records have.

use super::{
    catalog::{Collection, Field, Kind, Parent, Rules},
    fields, telematics_fields as telematics,
};

impl Kind {
    /// The row that rules this kind's items.
    pub(super) fn row(self) -> &'static Collection {
        match self {
            Self::Accounts => &SUBACCOUNTS,
            Self::Limits => &LIMITS,
            Self::Tokens => &TOKENS,
            Self::Realms => &REALMS,
            Self::RealmUsers => &REALM_USERS,
            Self::RealmRoles => &REALM_ROLES,
            Self::RealmProviders => &REALM_PROVIDERS,
            Self::Grants => &GRANTS,
            Self::Webhooks => &WEBHOOKS,
            Self::IdentityProviders => &IDENTITY_PROVIDERS,
            Self::Channels => &CHANNELS,
            Self::Devices => &DEVICES,
            Self::Groups => &GROUPS,
            Self::Streams => &STREAMS,
            Self::Modems => &MODEMS,
            Self::Calcs => &CALCS,
            Self::Plugins => &PLUGINS,
            Self::Geofences => &GEOFENCES,
            Self::Assets => &ASSETS,
            Self::Containers => &CONTAINERS,
            Self::Cdns => &CDNS,
            Self::RetainedMessages => &RETAINED_MESSAGES,
        }
    }
}

/// The names of all fields of all rows, views included.
pub(super) fn field_names() -> impl Iterator<Item = &'static str> {
    let rows = Kind::ALL.into_iter().map(Kind::row);
    rows.chain([&CUSTOMER, &GRANTORS, &DELETED]).flat_map(|row| row.fields).map(|field| field.name)
}

/// A row with no rules of its own.
const fn row(
    kind: Kind,
    path: &'static str,
    type_number: u16,
    fields: &'static [Field],
) -> Collection {
    Collection {
        kind,
        path,
        type_number,
        fields,
        label: "name",
        counter: None,
        parent: None,
        is_restorable: false,
        rules: Rules::None,
    }
}

/// A row of the telematics hub: restorable, and bounded by a counter.
const fn hub(
    kind: Kind,
    path: &'static str,
    type_number: u16,
    fields: &'static [Field],
    counter: &'static str,
) -> Collection {
    Collection {
        counter: Some(counter),
        is_restorable: true,
        ..row(kind, path, type_number, fields)
    }
}

pub(super) static SUBACCOUNTS: Collection = Collection {
    counter: Some("subaccounts_count"),
    is_restorable: true,
    rules: Rules::Account,
    ..row(Kind::Accounts, "platform/subaccounts", 5, &fields::SUBACCOUNT)
};

/// A second view of the accounts: the record that an account has of itself.
pub(super) static CUSTOMER: Collection =
    row(Kind::Accounts, "platform/customer", 1, &fields::CUSTOMER);

pub(super) static LIMITS: Collection = Collection {
    counter: Some("limits_count"),
    rules: Rules::Limit,
    ..row(Kind::Limits, "platform/limits", 4, &fields::LIMIT)
};

pub(super) static TOKENS: Collection = Collection {
    label: "info",
    counter: Some("tokens_count"),
    is_restorable: true,
    rules: Rules::Token,
    ..row(Kind::Tokens, "platform/tokens", 33, &fields::TOKEN)
};

pub(super) static REALMS: Collection = Collection {
    counter: Some("realms_count"),
    rules: Rules::Realm,
    ..row(Kind::Realms, "platform/realms", 29, &fields::REALM)
};

const IN_REALM: Option<Parent> = Some(Parent { kind: Kind::Realms, field: "realm_id" });

pub(super) static REALM_USERS: Collection = Collection {
    parent: IN_REALM,
    rules: Rules::RealmUser,
    ..row(Kind::RealmUsers, "platform/realms/*/users", 39, &fields::REALM_USER)
};

/// Roles have no type number among the published ones; they share that of realms.
pub(super) static REALM_ROLES: Collection = Collection {
    parent: IN_REALM,
    ..row(Kind::RealmRoles, "platform/realms/*/roles", 29, &fields::REALM_ROLE)
};

pub(super) static REALM_PROVIDERS: Collection = Collection {
    parent: IN_REALM,
    ..row(Kind::RealmProviders, "platform/realms/*/identity-providers", 38, &fields::REALM_PROVIDER)
};

pub(super) static GRANTS: Collection = Collection {
    counter: Some("grants_count"),
    rules: Rules::Grant,
    ..row(Kind::Grants, "platform/grants", 37, &fields::GRANT)
};

/// A second view of grants: what those who received them see.
pub(super) static GRANTORS: Collection =
    row(Kind::Grants, "platform/grantors", 37, &fields::GRANTOR);

pub(super) static WEBHOOKS: Collection =
    hub(Kind::Webhooks, "platform/webhooks", 36, &fields::WEBHOOK, "webhooks_count");

pub(super) static IDENTITY_PROVIDERS: Collection = Collection {
    counter: Some("identity_providers_count"),
    ..row(Kind::IdentityProviders, "platform/identity-providers", 38, &fields::IDENTITY_PROVIDER)
};

/// The recycle bin as a list. Its records are made up from what was buried; nothing is stored as this row.
pub(super) static DELETED: Collection =
    row(Kind::Accounts, "platform/deleted", 0, &fields::DELETED);

pub(super) static CHANNELS: Collection =
    hub(Kind::Channels, "gw/channels", 9, &telematics::CHANNEL, "channels_count");

pub(super) static DEVICES: Collection =
    hub(Kind::Devices, "gw/devices", 11, &telematics::DEVICE, "devices_count");

pub(super) static GROUPS: Collection =
    hub(Kind::Groups, "gw/groups", 31, &telematics::GROUP, "groups_count");

pub(super) static STREAMS: Collection =
    hub(Kind::Streams, "gw/streams", 12, &telematics::STREAM, "streams_count");

pub(super) static MODEMS: Collection =
    hub(Kind::Modems, "gw/modems", 10, &telematics::MODEM, "modems_count");

pub(super) static CALCS: Collection =
    hub(Kind::Calcs, "gw/calcs", 13, &telematics::CALC, "calcs_count");

pub(super) static PLUGINS: Collection =
    hub(Kind::Plugins, "gw/plugins", 25, &telematics::PLUGIN, "plugins_count");

pub(super) static GEOFENCES: Collection =
    row(Kind::Geofences, "gw/geofences", 40, &telematics::GEOFENCE);

pub(super) static ASSETS: Collection = row(Kind::Assets, "gw/assets", 41, &telematics::ASSET);

pub(super) static CONTAINERS: Collection = Collection {
    counter: Some("containers_count"),
    ..row(Kind::Containers, "storage/containers", 6, &telematics::CONTAINER)
};

pub(super) static CDNS: Collection = Collection {
    counter: Some("cdns_count"),
    ..row(Kind::Cdns, "storage/cdns", 7, &telematics::CDN)
};

pub(super) static RETAINED_MESSAGES: Collection = Collection {
    label: "topic",
    ..row(Kind::RetainedMessages, "mqtt/messages", 14, &telematics::RETAINED_MESSAGE)
};
