//! What a Stack demands of every object: rules, how much each matters, and who is excepted.

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::Deserialize;

use super::level::Level;
use super::time::Ttl;
use crate::manifest::kinds::Names;
use crate::resource::Address;

/// Rules for every object of the load. A rule that is left out does not apply.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct Policies {
    /// No token has the access `master`.
    pub no_master_tokens: Option<Level>,
    /// No token has the access `standard`: every token lists what it may do.
    pub no_standard_tokens: Option<Level>,
    /// Unused tokens expire in time.
    pub ttl_at_most: Option<TtlAtMost>,
    /// Every token has a fixed expiry: it has `expire`, and no `ttl` that outlives it.
    pub tokens_need_expire: Option<Level>,
    /// Every token lists the addresses that may use it.
    pub tokens_need_ips: Option<Level>,
    /// Passwords of subaccounts have a minimum length. `validate` checks generated ones; a run
    /// checks those that it reads, and does not set a shorter one.
    pub passwords_at_least: Option<PasswordsAtLeast>,
    /// Every subaccount names its limit.
    pub subaccounts_need_limit: Option<Level>,
    /// Limits bound these quotas: they set them, to a value other than -1.
    pub no_unlimited: Option<NoUnlimited>,
    /// The subaccounts of an account may together not use more than it has itself.
    pub no_overcommitment: Option<Level>,
    /// How objects are named.
    pub names: Option<Names>,
    /// Requests that no token may be able to make.
    pub never_allowed: Option<NeverAllowed>,
}

/// The name of a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "each is documented where it is set")]
pub enum RuleName {
    NoMasterTokens,
    NoStandardTokens,
    TtlAtMost,
    TokensNeedExpire,
    TokensNeedIps,
    PasswordsAtLeast,
    SubaccountsNeedLimit,
    NoUnlimited,
    NoOvercommitment,
    Names,
    NeverAllowed,
}

/// Unused tokens expire in time.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TtlAtMost {
    /// The longest `ttl` that a token may have.
    pub max: Ttl,
    /// What a broken rule means; default `deny`.
    #[serde(default)]
    pub level: Level,
}

/// Passwords of subaccounts have a minimum length.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PasswordsAtLeast {
    /// The minimum number of characters.
    #[schemars(range(min = 1, max = 256), example = 16)]
    pub min: u16,
    /// What a broken rule means; default `deny`. With `warn` passwords that are read when they are
    /// set are not measured.
    #[serde(default)]
    pub level: Level,
}

/// Limits bound quotas.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NoUnlimited {
    /// The quotas, such as `devices_count`.
    #[schemars(length(min = 1), example = ["devices_count", "tokens_count"])]
    pub quotas: BTreeSet<String>,
    /// What a broken rule means; default `deny`.
    #[serde(default)]
    pub level: Level,
}

/// Requests that no token may be able to make.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NeverAllowed {
    /// Methods and paths, or `publish` or `subscribe` and a topic.
    #[schemars(length(min = 1), example = ["DELETE gw/devices/all", "publish command/#"])]
    pub requests: Vec<String>,
    /// What a broken rule means; default `deny`.
    #[serde(default)]
    pub level: Level,
}

/// An object that is exempt from a rule.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Exception {
    /// The rule that need not hold, as it stands under `policies`.
    pub rule: RuleName,
    /// The object's address.
    #[schemars(extend("pattern" = Address::form()), example = "token/emea/breakglass")]
    pub object: String,
    /// The reason, for reviewers.
    #[schemars(length(min = 8))]
    #[schemars(example = "The gateway of the depot cannot rotate")]
    pub reason: String,
}
