//! `kind: Subaccount`.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::secret::PasswordForm;

use super::defaults::HasDefaults;
use super::parts::{Lifecycle, SecretSource, free_names};

/// An account below another one. What is left out is not managed.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct SubaccountSpec {
    /// Display name; default: `metadata.name`.
    #[schemars(length(max = 255))]
    #[schemars(example = "ACME Haulage")]
    pub name: Option<String>,
    /// The limit that bounds the subaccount: a name in the parent account or, failing that, in the
    /// nearest account above it.
    pub limit: Option<LimitRef>,
    /// Whether the subaccount may be used; `false` blocks it.
    pub enabled: Option<bool>,
    /// Keys to set in the platform's `metadata`; other keys are left as they are.
    #[schemars(extend("propertyNames" = free_names()))]
    pub metadata: Option<Map<String, Value>>,
    /// E-mail and password for people to log in with.
    pub credentials: Option<Credentials>,
    /// What may be done to the subaccount.
    pub lifecycle: Lifecycle,
}

/// Which limit is meant.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum LimitRef {
    /// A name, looked up in the parent account and then upwards.
    Name(#[schemars(regex(pattern = r"^[a-z0-9]([a-z0-9._-]*[a-z0-9])?$"))] String),
    /// A name in one account.
    In(LimitIn),
}

/// A limit in one account.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LimitIn {
    /// Account path of the limit's owner; empty: the root account.
    #[schemars(regex(
        pattern = r"^([a-z0-9]([a-z0-9._-]*[a-z0-9])?(/[a-z0-9]([a-z0-9._-]*[a-z0-9])?)*)?$"
    ))]
    #[schemars(example = &"emea")]
    pub account: String,
    /// Name of the limit there.
    #[schemars(regex(pattern = r"^[a-z0-9]([a-z0-9._-]*[a-z0-9])?$"))]
    #[schemars(example = "tenant-small")]
    pub name: String,
}

/// E-mail and password with which a person logs in.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Credentials {
    /// The address; a change is pending until the link in the platform's mail was followed.
    #[serde(default)]
    #[schemars(regex(pattern = r"^[^@\s]+@[^@\s]+$"), example = "ops@acme.example")]
    pub email: Option<String>,
    /// Where the password comes from.
    #[serde(default)]
    pub password: Option<SecretSource>,
    /// In what form the password is sent. Whether the platform's own log-in page sends it in clear or hashed is not
    /// documented: try `clear`, which is the default, and if nobody can log in, `sha512`.
    #[serde(default)]
    pub password_form: Option<PasswordForm>,
}

impl HasDefaults for SubaccountSpec {
    type Defaults = SubaccountDefaults;
}

/// What can hold for every subaccount.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct SubaccountDefaults {
    /// The limit that bounds the subaccount.
    pub limit: Option<LimitRef>,
    /// Whether the subaccount may be used; `false` blocks it.
    pub enabled: Option<bool>,
    /// Keys to set in the platform's `metadata`.
    #[schemars(extend("propertyNames" = free_names()))]
    pub metadata: Option<Map<String, Value>>,
    /// What may be done to the subaccount.
    pub lifecycle: Option<Lifecycle>,
}
