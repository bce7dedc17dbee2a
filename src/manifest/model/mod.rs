//! The documents that people write, as types: decoded with serde, described by schemars.
//!
//! The schemas in `schemas/` are made from these types, so an editor, `validate` and the decoder
//! cannot disagree. Doc comments here are what an editor shows.

mod acl;
mod composition;
mod defaults;
mod expect;
mod level;
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
mod window;

pub use acl::{AclIds, GroupRef, Ident, NamedIds, Select, SelectIds};
pub use composition::{Overlay, Patch};
pub use defaults::HasDefaults;
pub use expect::{Expect, Expectation, ExpectedRequest};
pub use level::Level;
pub use limit::LimitSpec;
pub use parts::{ApiVersion, Lifecycle, ObjectMeta, SecretSource, free_names};
pub use policies::{
    Exception, NeverAllowed, NoUnlimited, PasswordsAtLeast, Policies, RuleName, TtlAtMost,
};
pub use preset::{DeviceData, PanelLevel, PresetAccess, PresetName};
pub use sink::{KeyForm, SecretSink};
pub use stack::{ExcludePattern, Guards, Release, StackManifest, StackSpec};
pub use subaccount::{Credentials, LimitRef, SubaccountDefaults, SubaccountSpec};
pub use template::{
    ListItem, Parameter, ParameterType, ParameterValue, Rows, RowsFile, TemplateManifest,
    TemplateSpec,
};
pub use time::{Expire, LAST_SECOND, NotATime, Ttl};
pub use token::{
    Access, AclAccess, AclEntry, Action, IpMask, NamedAccess, Origin, Origins, Submodule,
    TokenDefaults, TokenSpec,
};
pub use window::{ClockTime, Day, Window};
