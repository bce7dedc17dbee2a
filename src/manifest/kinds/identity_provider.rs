//! Identity providers in manifests.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::spec::Spec;
use crate::manifest::model::{HasDefaults, Lifecycle, SecretSource, free_names};
use crate::manifest::scribe::{Scribe, set};
use crate::resource::{Declared, Kind};

/// Where users of realms can log in with an account of somebody else. Fields left out are not managed.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct IdentityProviderSpec {
    /// Name that people see; default: `metadata.name`.
    #[schemars(length(max = 255))]
    #[schemars(example = "Company login")]
    pub name: Option<String>,
    /// The protocol, in the platform's word.
    #[serde(rename = "type")]
    #[schemars(length(min = 1), example = &"oidc")]
    pub protocol: Option<String>,
    /// The platform's members of the configuration. A value may be the source of a secret, such as that of the client.
    pub configuration: Option<BTreeMap<String, Member>>,
    /// What everybody may see of it before logging in.
    pub public_info: Option<Map<String, Value>>,
    /// Keys to set in the platform's `metadata`; other keys are left as they are.
    #[schemars(extend("propertyNames" = free_names()))]
    pub metadata: Option<Map<String, Value>>,
    /// What may be done to the provider.
    pub lifecycle: Lifecycle,
}

/// A member of a configuration.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Member {
    /// A secret.
    Secret(SecretSource),
    /// Plain, visible to everyone.
    Plain(Value),
}

/// What can hold for every identity provider.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct IdentityProviderDefaults {
    /// Keys to set in the platform's `metadata`.
    #[schemars(extend("propertyNames" = free_names()))]
    pub metadata: Option<Map<String, Value>>,
    /// What may be done to the provider.
    pub lifecycle: Option<Lifecycle>,
}

impl HasDefaults for IdentityProviderSpec {
    type Defaults = IdentityProviderDefaults;
}

impl Spec for IdentityProviderSpec {
    const KIND: Kind = Kind::IdentityProvider;

    fn declare(&self, scribe: &Scribe<'_>) -> Declared {
        let mut fields = BTreeMap::new();
        set(&mut fields, "name", Some(scribe.label(self.name.as_ref())));
        set(&mut fields, "type", self.protocol.as_deref());
        set(&mut fields, "public_info", self.public_info.clone());
        let mut declared = scribe.declared(fields, self.metadata.as_ref(), &self.lifecycle);
        if let Some(members) = &self.configuration {
            let members = members.iter().map(|(name, member)| {
                let value = match member {
                    Member::Plain(value) => value.clone(),
                    Member::Secret(source) => {
                        let at = crate::source::pointer::child("/spec/configuration", name);
                        let place = format!("configuration.{name}");
                        declared.enclose(&place, scribe.source(source), scribe.origin(&at))
                    }
                };
                (name.clone(), value)
            });
            let members = Value::Object(members.collect());
            let origin = scribe.origin("/spec/configuration");
            declared.field_origins.insert("configuration".into(), origin);
            declared.fields.insert("configuration", members);
        }
        declared
    }
}
