//! The documents that people write, as types: decoded with serde, described by schemars.
//!
//! The schemas in `schemas/` are made from these types, so an editor, `validate` and the decoder
//! cannot disagree. Doc comments here are what an editor shows.

mod composition;
mod expect;
mod limit;
mod parts;
mod policies;
mod preset;
mod sink;
mod stack;
mod subaccount;
mod template;
mod time;
mod token;

pub use composition::{Defaults, Overlay, Patch};
pub use expect::{Expect, Expectation, ExpectedRequest};
pub use limit::{LimitManifest, LimitSpec};
pub use parts::{ApiVersion, Lifecycle, ObjectMeta, SecretSource};
pub use policies::{
    Exception, Level, Names, NeverAllowed, NoUnlimited, PasswordsAtLeast, Policies, RuleName,
    TtlAtMost,
};
pub use preset::{DeviceData, PanelLevel, PresetAccess, PresetName};
pub use sink::{KeyForm, SecretSink};
pub use stack::{DeletesOf, Guards, StackManifest, StackSpec};
pub use subaccount::{Credentials, LimitRef, SubaccountManifest, SubaccountSpec};
pub use template::{
    ListItem, Parameter, ParameterType, ParameterValue, Rows, RowsFile, TemplateManifest,
    TemplateSpec,
};
pub use time::{Expire, LAST_SECOND, NotATime, Ttl};
pub use token::{
    Access, AclAccess, AclEntry, AclIds, Action, Method, NamedAccess, NamedIds, Origin, Origins,
    Submodule, TokenManifest, TokenSpec,
};

/// Any document that can stand in a manifest file; `kind` tells which.
#[derive(Debug, Clone, schemars::JsonSchema)]
#[schemars(untagged)]
pub enum Manifest {
    /// Quotas that a parent assigns to its subaccounts.
    Limit(Box<LimitManifest>),
    /// An account below another one.
    Subaccount(Box<SubaccountManifest>),
    /// An access key.
    Token(Box<TokenManifest>),
    /// Settings of the load.
    Stack(Box<StackManifest>),
    /// The same manifests for every row of a table.
    Template(Box<TemplateManifest>),
}
