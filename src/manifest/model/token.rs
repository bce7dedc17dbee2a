//! `kind: Token`.

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::acl::AclIds;
use super::defaults::HasDefaults;
use super::expect::Expect;
use super::parts::{Lifecycle, free_names};
use super::preset::PresetAccess;
use super::sink::SecretSink;
use super::time::{Expire, Ttl};
use crate::resource::{Renew, Retire};
use crate::rights::Method;

/// An access key: what it allows, from where and how long. What is left out is not managed.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TokenSpec {
    /// Display name; default: `metadata.name`.
    #[serde(default)]
    #[schemars(length(max = 255))]
    #[schemars(example = &"TrackIt")]
    pub info: Option<String>,
    /// Whether the token may be used; `false` blocks it.
    #[serde(default)]
    pub enabled: Option<bool>,
    /// How long the token stays valid after its creation or last use.
    #[serde(default)]
    pub ttl: Option<Ttl>,
    /// The fixed expiry of the token.
    #[serde(default)]
    pub expire: Option<Expire>,
    /// What the token allows.
    pub access: Access,
    /// Masks of the addresses that may use the token, with `*` and `?`; left out: not managed.
    #[serde(default)]
    pub ips: Option<Vec<IpMask>>,
    /// Web origins whose pages may use the token; `[]`: no browser; left out: any, not managed.
    #[serde(default)]
    pub origins: Option<Origins>,
    /// Keys to set in the platform's `metadata`; other keys are left as they are.
    #[serde(default)]
    #[schemars(extend("propertyNames" = free_names()))]
    pub metadata: Option<Map<String, Value>>,
    /// Where the key goes.
    #[serde(default)]
    pub deliver: Vec<SecretSink>,
    /// How the key is rotated.
    #[serde(default)]
    pub rotation: Option<Rotation>,
    /// What to do when the token is gone: issue a new one `always` (the default), only if it
    /// `lapsed`, or `never`.
    #[serde(default)]
    pub renew: Option<Renew>,
    /// What may be done to the token.
    #[serde(default)]
    pub lifecycle: Lifecycle,
    /// Requests that it must be able to make, and requests that it must not: checked by `validate`.
    #[serde(default)]
    pub expect: Expect,
}

/// How the key of a token is rotated: a new token is issued, its key delivered, and the old one
/// deleted.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Rotation {
    /// Interval between rotations; left out: only by `flespi-gitops rotate`.
    #[serde(default)]
    #[schemars(example = "30d")]
    pub every: Option<Ttl>,
    /// How long the old key stays valid once the new one is delivered everywhere.
    #[schemars(example = "48h")]
    pub overlap: Ttl,
    /// When the old key is deleted: `overlap` (the default), after the overlap, or after half of it
    /// if the old key is proven to be unused; `unused`, once it was not used for that long.
    #[serde(default)]
    pub retire: Option<Retire>,
}

/// What a token allows.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Access {
    /// One of the two types without a list.
    Named(NamedAccess),
    /// Only what a list names.
    Acl(AclAccess),
    /// A ready-made recipe.
    Preset(PresetAccess),
}

/// An access type without a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum NamedAccess {
    /// All telematics items, nothing of the platform API.
    Standard,
    /// Everything, the platform API included. Rarely what an application needs.
    Master,
}

/// Access by list: what is not named is denied.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AclAccess {
    /// The allowed requests.
    pub acl: Vec<AclEntry>,
    /// Whether the platform fills in the entries for each user, as realms use it; left out: `false`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub templating: Option<bool>,
}

/// Some allowed requests, in the platform's own words.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AclEntry {
    /// Module (`gw`, `storage`, `mqtt`, `ai`) or item type (`gw/devices`).
    #[schemars(regex(pattern = r"^[a-z]+(/[a-z-]+)?$"), example = "gw/devices")]
    pub uri: String,
    /// The allowed methods.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub methods: Option<BTreeSet<Method>>,
    /// Which items; left out: all of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ids: Option<AclIds>,
    /// The allowed submodules; left out: every submodule, `[]`: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub submodules: Option<Vec<Submodule>>,
    /// For `mqtt`: the topic filter. Topics below `flespi/` cannot be granted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1))]
    #[schemars(example = "fleet/+/position")]
    pub topic: Option<String>,
    /// For `mqtt`: what may be done on the topic.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub actions: Option<BTreeSet<Action>>,
}

/// A part of an item's API, with its own methods.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Submodule {
    /// `messages`, `telemetry`, `settings`...
    #[schemars(length(min = 1))]
    #[schemars(example = &"messages")]
    pub name: String,
    /// The allowed methods.
    pub methods: BTreeSet<Method>,
}

/// What may be done on an MQTT topic.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Action {
    /// Send.
    Publish,
    /// Receive.
    Subscribe,
}

/// A mask of addresses.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[schemars(inline)]
#[serde(transparent)]
pub struct IpMask(
    #[schemars(regex(pattern = r"^[0-9A-Fa-f.:*?]+$"), example = "10.100.15.*")] pub String,
);

/// Web origins.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Origins {
    /// The platform's own sites only.
    Preset(OriginPreset),
    /// These.
    List(Vec<Origin>),
}

/// A web origin.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Origin {
    /// `flespi`: the platform's own sites.
    Preset(OriginPreset),
    /// Scheme, host and port, with `*` and `?`.
    Mask(
        #[schemars(regex(pattern = r"^([A-Za-z][A-Za-z0-9+.-]*://[^\s]+|\*)$"))]
        String,
    ),
}

/// Origins that have a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum OriginPreset {
    /// The platform's own sites.
    Flespi,
}

impl HasDefaults for TokenSpec {
    type Defaults = TokenDefaults;
}

/// What can hold for every token.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct TokenDefaults {
    /// Whether the token may be used; `false` blocks it.
    pub enabled: Option<bool>,
    /// How long the token stays valid after its creation or last use.
    pub ttl: Option<Ttl>,
    /// The fixed expiry of the token.
    pub expire: Option<Expire>,
    /// What the token allows.
    pub access: Option<Access>,
    /// Masks of the addresses that may use the token.
    pub ips: Option<Vec<IpMask>>,
    /// Web origins whose pages may use the token.
    pub origins: Option<Origins>,
    /// Keys to set in the platform's `metadata`.
    #[schemars(extend("propertyNames" = free_names()))]
    pub metadata: Option<Map<String, Value>>,
    /// What may be done to the token.
    pub lifecycle: Option<Lifecycle>,
}
