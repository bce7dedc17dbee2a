//! The fields of every row of the catalog, as the platform names them.

use super::{
    access,
    catalog::{
        Computation, Field,
        Initial::{
            self, Absent, Boolean as Flag, EmptyList, EmptyObject, Integer as Number, Text as Words,
        },
        Shape::{self, Boolean, Integer, List, Object, Special, Text},
        Shown::{self, Always, Asked, Never, OnCreation, Written},
        Source::{self, Client, Computed, Id, Owner, Server},
    },
    forms,
};

/// Any whole number from 0 on.
pub(super) const COUNT: Shape = Integer { least: 0, most: i64::MAX };

/// A bound: -1 for none of its own, 0 for nothing at all.
const BOUND: Shape = Integer { least: -1, most: i64::MAX };

pub(super) const fn field(
    name: &'static str,
    shape: Shape,
    source: Source,
    shown: Shown,
    initial: Initial,
) -> Field {
    Field { name, shape, source, shown, initial }
}

/// A limit's counter: not limited here unless told.
const fn bound(name: &'static str) -> Field {
    field(name, BOUND, Client, Asked, Number(-1))
}

pub(super) static SUBACCOUNT: [Field; 16] = [
    field("id", COUNT, Id, Always, Absent),
    field("name", Text, Client, Always, Words("")),
    field("limit_id", COUNT, Client, Asked, Number(0)),
    field("metadata", Object, Client, Asked, EmptyObject),
    field("enabled", Boolean, Client, Asked, Flag(true)),
    field("email", Text, Server, Asked, Words("")),
    field("cid", COUNT, Owner, Asked, Absent),
    field("owner_id", COUNT, Computed(Computation::Owner), Asked, Absent),
    field("blocked", COUNT, Computed(Computation::Blocked), Asked, Absent),
    field("counters", Object, Computed(Computation::Counters), Asked, Absent),
    field("limits", Object, Computed(Computation::Limits), Asked, Absent),
    field("region", Text, Server, Asked, Words("eu")),
    field("created", COUNT, Server, Asked, Number(0)),
    field("accessed", COUNT, Computed(Computation::Accessed), Asked, Absent),
    field("password_hash", Text, Server, Never, Absent),
    field("blocked_until", COUNT, Server, Never, Number(0)),
];

/// The same record from inside: name and metadata are the account's own, everything that bounds it is not.
pub(super) static CUSTOMER: [Field; 14] = [
    field("id", COUNT, Id, Always, Absent),
    field("name", Text, Client, Always, Words("")),
    field("limit_id", COUNT, Server, Asked, Number(0)),
    field("metadata", Object, Client, Asked, EmptyObject),
    field("enabled", Boolean, Server, Asked, Flag(true)),
    field("email", Text, Server, Asked, Words("")),
    field("cid", COUNT, Owner, Asked, Absent),
    field("owner_id", COUNT, Computed(Computation::Owner), Asked, Absent),
    field("blocked", COUNT, Computed(Computation::Blocked), Asked, Absent),
    field("counters", Object, Computed(Computation::Counters), Asked, Absent),
    field("limits", Object, Computed(Computation::Limits), Asked, Absent),
    field("region", Text, Server, Asked, Words("eu")),
    field("created", COUNT, Server, Asked, Number(0)),
    field("accessed", COUNT, Computed(Computation::Accessed), Asked, Absent),
];

pub(super) static TOKEN: [Field; 16] = [
    field("id", COUNT, Id, Always, Absent),
    field("key", Text, Server, OnCreation, Absent),
    field("info", Text, Client, Always, Words("")),
    field("enabled", Boolean, Client, Always, Flag(true)),
    field("ttl", Special("integer", access::check_ttl), Client, Always, Number(0)),
    field("expire", COUNT, Client, Always, Number(0)),
    field("access", Special("object", access::check_access), Client, Always, Absent),
    field("ips", Special("string", access::check_ips), Client, Always, Words("")),
    field("origins", Special("array", access::check_origins), Client, Asked, Absent),
    field("metadata", Object, Client, Asked, EmptyObject),
    field("cid", COUNT, Owner, Always, Absent),
    field("created", COUNT, Server, Always, Number(0)),
    field("accessed", COUNT, Server, Asked, Number(0)),
    field("blocked", COUNT, Server, Asked, Number(0)),
    field("blocked_until", COUNT, Server, Never, Number(0)),
    // The realm user whose log-in made the token, so that a change of the realm finds it.
    field("user_id", COUNT, Server, Never, Number(0)),
];

pub(super) static LIMIT: [Field; 47] = [
    field("id", COUNT, Id, Always, Absent),
    field("name", Text, Client, Always, Words("")),
    field("description", Text, Client, Asked, Words("")),
    field("blocking_duration", BOUND, Client, Asked, Number(60)),
    bound("api_calls"),
    bound("api_traffic"),
    bound("channels_count"),
    bound("channel_messages"),
    bound("channel_storage"),
    bound("channel_traffic"),
    bound("channel_connections"),
    bound("containers_count"),
    bound("container_storage"),
    bound("cdns_count"),
    bound("cdn_storage"),
    bound("cdn_traffic"),
    bound("devices_count"),
    bound("device_storage"),
    bound("device_media_traffic"),
    bound("device_media_storage"),
    bound("streams_count"),
    bound("stream_storage"),
    bound("stream_traffic"),
    bound("modems_count"),
    bound("mqtt_sessions"),
    bound("mqtt_messages"),
    bound("mqtt_session_storage"),
    bound("mqtt_retained_storage"),
    bound("mqtt_subscriptions"),
    bound("sms_count"),
    bound("tokens_count"),
    bound("subaccounts_count"),
    bound("limits_count"),
    bound("realms_count"),
    bound("calcs_count"),
    bound("calcs_storage"),
    bound("plugins_count"),
    bound("plugin_traffic"),
    bound("plugin_buffered_messages"),
    bound("groups_count"),
    bound("webhooks_count"),
    bound("webhook_storage"),
    bound("webhook_traffic"),
    bound("grants_count"),
    bound("identity_providers_count"),
    field("metadata", Object, Client, Asked, EmptyObject),
    field("cid", COUNT, Owner, Asked, Absent),
];

pub(super) static REALM: [Field; 9] = [
    field("id", COUNT, Id, Always, Absent),
    field("name", Text, Client, Always, Words("")),
    field("public_id", Text, Server, Always, Absent),
    field("public_info", Object, Client, Asked, EmptyObject),
    field("home", Special("object", forms::check_home), Client, Asked, Absent),
    field("token_params", Special("object", forms::check_token_params), Client, Asked, Absent),
    field("metadata", Object, Client, Asked, EmptyObject),
    field("cid", COUNT, Owner, Asked, Absent),
    field("blocked", COUNT, Server, Asked, Number(0)),
];

pub(super) static REALM_USER: [Field; 15] = [
    field("id", COUNT, Id, Always, Absent),
    field("realm_id", COUNT, Server, Asked, Absent),
    field("name", Text, Client, Always, Words("")),
    field("metadata", Object, Client, Asked, EmptyObject),
    field("enabled", Boolean, Client, Asked, Flag(true)),
    field("password", Text, Client, Written, Absent),
    field("registration", Text, Client, Written, Absent),
    field("has_password", Boolean, Computed(Computation::HasPassword), Asked, Absent),
    field("subaccount_id", COUNT, Server, Asked, Number(0)),
    field("token_params", Special("object", forms::check_token_params), Client, Asked, EmptyObject),
    field("token_id", COUNT, Server, Asked, Number(0)),
    field("token", Text, Computed(Computation::TokenKey), Asked, Absent),
    field("created", COUNT, Server, Asked, Number(0)),
    field("cid", COUNT, Owner, Asked, Absent),
    field("password_hash", Text, Server, Never, Absent),
];

pub(super) static REALM_ROLE: [Field; 6] = [
    field("id", COUNT, Id, Always, Absent),
    field("realm_id", COUNT, Server, Asked, Absent),
    field("name", Text, Client, Always, Words("")),
    field("metadata", Object, Client, Asked, EmptyObject),
    field("token_params", Special("object", forms::check_token_params), Client, Asked, EmptyObject),
    field("cid", COUNT, Owner, Asked, Absent),
];

/// `id` and `realm_id` are how the sandbox finds the link; clients know it by its identity provider.
pub(super) static REALM_PROVIDER: [Field; 12] = [
    field("identity_provider_id", COUNT, Server, Always, Absent),
    field("enabled", Boolean, Client, Always, Flag(true)),
    field("allow_registration", Boolean, Client, Always, Flag(false)),
    field("blocked", COUNT, Server, Asked, Number(0)),
    field("name", Text, Computed(Computation::ProviderName), Asked, Absent),
    field("type", Text, Computed(Computation::ProviderType), Asked, Absent),
    field("configuration", Object, Computed(Computation::ProviderConfiguration), Asked, Absent),
    field("public_info", Object, Computed(Computation::ProviderPublicInfo), Asked, Absent),
    field("metadata", Object, Client, Asked, EmptyObject),
    field("realm_id", COUNT, Server, Asked, Absent),
    field("cid", COUNT, Owner, Asked, Absent),
    field("id", COUNT, Id, Never, Absent),
];

pub(super) static IDENTITY_PROVIDER: [Field; 8] = [
    field("id", COUNT, Id, Always, Absent),
    field("name", Text, Client, Always, Words("")),
    field("metadata", Object, Client, Asked, EmptyObject),
    field("cid", COUNT, Owner, Asked, Absent),
    field("blocked", COUNT, Server, Asked, Number(0)),
    field("type", Text, Client, Asked, Words("")),
    field("configuration", Object, Client, Asked, EmptyObject),
    field("public_info", Object, Client, Asked, EmptyObject),
];

pub(super) static GRANT: [Field; 9] = [
    field("id", COUNT, Id, Always, Absent),
    field("name", Text, Client, Always, Words("")),
    field("gid", COUNT, Client, Asked, Number(0)),
    field("items", Special("object", forms::check_grant_items), Client, Asked, EmptyObject),
    field("access", Special("array", forms::check_grant_access), Client, Asked, EmptyList),
    field("metadata", Object, Client, Asked, EmptyObject),
    field("cid", COUNT, Owner, Asked, Absent),
    field("blocked", COUNT, Server, Asked, Number(0)),
    field("subaccounts", List, Server, Asked, EmptyList),
];

pub(super) static GRANTOR: [Field; 6] = [
    field("id", COUNT, Id, Always, Absent),
    field("name", Text, Server, Always, Words("")),
    field("gid", COUNT, Server, Asked, Number(0)),
    field("items", Object, Server, Asked, EmptyObject),
    field("access", List, Server, Asked, EmptyList),
    field("cid", COUNT, Owner, Asked, Absent),
];

pub(super) static WEBHOOK: [Field; 10] = [
    field("id", COUNT, Id, Always, Absent),
    field("name", Text, Client, Always, Words("")),
    field("enabled", Boolean, Client, Asked, Flag(true)),
    field("metadata", Object, Client, Asked, EmptyObject),
    // In seconds.
    field("queue_ttl", COUNT, Client, Asked, Number(86_400)),
    field("delay", COUNT, Client, Asked, Number(0)),
    field("triggers", Special("array", forms::check_triggers), Client, Always, EmptyList),
    field("configuration", Special("object", forms::check_call), Client, Always, EmptyObject),
    field("cid", COUNT, Owner, Asked, Absent),
    field("blocked", COUNT, Server, Asked, Number(0)),
];

/// A record of the recycle bin.
pub(super) static DELETED: [Field; 7] = [
    field("id", COUNT, Id, Always, Absent),
    field("type", COUNT, Server, Always, Absent),
    field("item_id", COUNT, Server, Always, Absent),
    field("origin", Text, Server, Always, Absent),
    field("data", Object, Server, Always, Absent),
    field("deleted", COUNT, Server, Always, Absent),
    field("cid", COUNT, Owner, Asked, Absent),
];
