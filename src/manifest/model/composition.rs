//! Defaults and overlays: what a Stack says once for many objects.

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::limit::LimitSpec;
use super::parts::{Lifecycle, free_names, spec_of_any_kind};
use super::subaccount::LimitRef;
use super::time::{Expire, Ttl};
use super::token::{Access, IpMask, Origins};

/// Fields for the `spec` of every object of a kind. A field that a manifest has itself is left as it is, except that
/// `metadata` and `lifecycle` are filled up key by key. `ttl` and `expire` count as one field, since a token lives as long
/// as either allows: a token that says one of them gets neither.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Defaults {
    /// For limits.
    #[serde(rename = "Limit")]
    pub limit: Option<LimitSpec>,
    /// For subaccounts.
    #[serde(rename = "Subaccount")]
    pub subaccount: Option<SubaccountDefaults>,
    /// For tokens.
    #[serde(rename = "Token")]
    pub token: Option<TokenDefaults>,
}

/// What can hold for every subaccount.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct SubaccountDefaults {
    /// The limit that fences the subaccount.
    pub limit: Option<LimitRef>,
    /// Whether the subaccount may be used; `false` blocks it.
    pub enabled: Option<bool>,
    /// Keys to set in the platform's `metadata`.
    #[schemars(extend("propertyNames" = free_names()))]
    pub metadata: Option<Map<String, Value>>,
    /// What may be done to the subaccount.
    pub lifecycle: Option<Lifecycle>,
}

/// What can hold for every token.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct TokenDefaults {
    /// Whether the token may be used; `false` blocks it.
    pub enabled: Option<bool>,
    /// How long the token stays valid after its creation or last use.
    pub ttl: Option<Ttl>,
    /// Until when the token is valid in any case.
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

/// Changes for an environment.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Overlay {
    /// What the environment is.
    pub description: Option<String>,
    /// Defaults that go before those of the stack.
    pub defaults: Defaults,
    /// Changes to single objects, carried out in this order.
    #[schemars(length(max = 200))]
    pub patches: Vec<Patch>,
}

/// A change to the objects of an address.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Patch {
    /// The address, or a pattern over addresses: `*` and `?` stand for characters of one name, `**` between slashes for
    /// any names.
    #[schemars(
        regex(pattern = r"^(limit|subaccount|token)(/(\*\*?|\*?([a-z0-9._?-]\*?)+))+$"),
        example = "subaccount/emea/*"
    )]
    pub address: String,
    /// Fields that take the place of those of the manifest; of `metadata`, `lifecycle` and `credentials` only the keys
    /// that are named.
    #[serde(default)]
    #[schemars(
        example = Map::from_iter([("devices_count".to_owned(), Value::from(500))]),
        extend("properties" = spec_of_any_kind())
    )]
    pub spec: Map<String, Value>,
    /// Fields of the `spec` that are taken out.
    #[serde(default)]
    #[schemars(example = ["expire"])]
    pub remove: BTreeSet<String>,
}
