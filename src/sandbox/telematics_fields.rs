//! The fields of telematics items, as far as tokens and their rights need such items to exist.
//!
//! What the platform works out from traffic reads as it does before any traffic came.

use super::{
    catalog::{
        Field,
        Initial::{
            Absent, Boolean as Flag, EmptyList, EmptyObject, Integer as Number, Text as Words,
        },
        Shape::{Boolean, Integer, List, Object, Text},
        Shown::{Always, Asked},
        Source::{Client, Id, Owner, Server},
    },
    fields::{COUNT, field},
};

const ID: Field = field("id", COUNT, Id, Always, Absent);
const NAME: Field = field("name", Text, Client, Always, Words(""));
const CID: Field = field("cid", COUNT, Owner, Asked, Absent);
const METADATA: Field = field("metadata", Object, Client, Asked, EmptyObject);
const ENABLED: Field = field("enabled", Boolean, Client, Asked, Flag(true));
const BLOCKED: Field = field("blocked", COUNT, Server, Asked, Number(0));
const CONFIGURATION: Field = field("configuration", Object, Client, Asked, EmptyObject);
const PROTOCOL: Field = field("protocol_id", COUNT, Client, Asked, Number(0));
const PROTOCOL_NAME: Field = field("protocol_name", Text, Client, Asked, Words(""));
/// In seconds.
const MESSAGES_TTL: Field = field("messages_ttl", COUNT, Client, Asked, Number(86_400));
const MESSAGES_ROTATE: Field = field("messages_rotate", COUNT, Client, Asked, Number(0));
const MESSAGES_SIZE: Field = field("messages_size", COUNT, Server, Asked, Number(0));
const PRIORITY: Field =
    field("priority", Integer { least: 0, most: i64::MAX }, Client, Asked, Number(0));

pub(super) static CHANNEL: [Field; 12] = [
    ID,
    NAME,
    CID,
    METADATA,
    ENABLED,
    BLOCKED,
    CONFIGURATION,
    PROTOCOL,
    PROTOCOL_NAME,
    MESSAGES_TTL,
    MESSAGES_ROTATE,
    MESSAGES_SIZE,
];

pub(super) static DEVICE: [Field; 30] = [
    ID,
    NAME,
    CID,
    METADATA,
    ENABLED,
    BLOCKED,
    CONFIGURATION,
    MESSAGES_TTL,
    MESSAGES_ROTATE,
    MESSAGES_SIZE,
    field("device_type_id", COUNT, Client, Always, Number(0)),
    field("device_type_name", Text, Server, Asked, Words("")),
    field("protocol_id", COUNT, Server, Asked, Number(0)),
    field("protocol_name", Text, Server, Asked, Words("")),
    field("commands", List, Server, Asked, EmptyList),
    field("media_size", COUNT, Server, Asked, Number(0)),
    field("media_ttl", COUNT, Client, Asked, Number(86_400)),
    field("media_rotate", COUNT, Client, Asked, Number(0)),
    field("media_traffic", COUNT, Server, Asked, Number(0)),
    field("media_blocked", COUNT, Server, Asked, Number(0)),
    field("connected", Boolean, Server, Asked, Flag(false)),
    field("last_active", COUNT, Server, Asked, Number(0)),
    field("telemetry", Object, Server, Asked, EmptyObject),
    field("settings", Object, Server, Asked, EmptyObject),
    field("commands_queue", List, Server, Asked, EmptyList),
    field("groups", List, Server, Asked, EmptyList),
    field("plugins", List, Server, Asked, EmptyList),
    field("streams", List, Server, Asked, EmptyList),
    field("calcs", List, Server, Asked, EmptyList),
    field("phone", Text, Client, Asked, Words("")),
];

pub(super) static GROUP: [Field; 6] = [ID, NAME, CID, METADATA, BLOCKED, CONFIGURATION];

pub(super) static STREAM: [Field; 12] = [
    ID,
    NAME,
    CID,
    METADATA,
    ENABLED,
    BLOCKED,
    CONFIGURATION,
    PROTOCOL,
    PROTOCOL_NAME,
    field("queue_ttl", COUNT, Client, Asked, Number(86_400)),
    field("validate_message", Text, Client, Asked, Words("")),
    field("last_active", COUNT, Server, Asked, Number(0)),
];

pub(super) static MODEM: [Field; 8] = [
    ID,
    NAME,
    CID,
    METADATA,
    ENABLED,
    BLOCKED,
    CONFIGURATION,
    field("type", COUNT, Client, Asked, Number(0)),
];

pub(super) static CALC: [Field; 16] = [
    ID,
    NAME,
    CID,
    METADATA,
    BLOCKED,
    CONFIGURATION,
    MESSAGES_TTL,
    field("selectors", List, Client, Asked, EmptyList),
    field("counters", List, Client, Asked, EmptyList),
    field("update_delay", COUNT, Client, Asked, Number(10)),
    field("update_period", COUNT, Client, Asked, Number(0)),
    field("update_onchange", Boolean, Client, Asked, Flag(false)),
    field("intervals_ttl", COUNT, Client, Asked, Number(0)),
    field("intervals_rotate", COUNT, Client, Asked, Number(0)),
    field("validate_interval", Text, Client, Asked, Words("")),
    field("timezone", Text, Client, Asked, Words("UTC")),
];

pub(super) static PLUGIN: [Field; 12] = [
    ID,
    NAME,
    CID,
    METADATA,
    ENABLED,
    BLOCKED,
    CONFIGURATION,
    PRIORITY,
    field("type_id", COUNT, Client, Asked, Number(0)),
    field("type_name", Text, Client, Asked, Words("")),
    field("validate_message", Text, Client, Asked, Words("")),
    field("item_type", COUNT, Client, Asked, Number(11)),
];

pub(super) static GEOFENCE: [Field; 9] = [
    ID,
    NAME,
    CID,
    METADATA,
    ENABLED,
    BLOCKED,
    CONFIGURATION,
    PRIORITY,
    field("geometry", Object, Client, Asked, EmptyObject),
];

pub(super) static ASSET: [Field; 6] = [ID, NAME, CID, METADATA, BLOCKED, CONFIGURATION];

pub(super) static CONTAINER: [Field; 9] =
    [ID, NAME, CID, METADATA, ENABLED, BLOCKED, CONFIGURATION, MESSAGES_TTL, MESSAGES_SIZE];

pub(super) static CDN: [Field; 7] = [
    ID,
    NAME,
    CID,
    METADATA,
    BLOCKED,
    CONFIGURATION,
    field("size", COUNT, Server, Asked, Number(0)),
];

/// A message that a client published with `retained`. The platform knows it by its topic; `id` stays inside.
pub(super) static RETAINED_MESSAGE: [Field; 7] = [
    field("id", COUNT, Id, Asked, Absent),
    field("topic", Text, Client, Always, Words("")),
    field("payload", Text, Client, Always, Words("")),
    field("retained", Boolean, Client, Asked, Flag(true)),
    field("user_properties", Object, Client, Always, EmptyObject),
    field("timestamp", COUNT, Server, Asked, Number(0)),
    field("cid", COUNT, Owner, Always, Absent),
];
