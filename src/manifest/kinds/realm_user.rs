//! Users of realms in manifests.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::spec::{Check, Spec};
use super::token_params::TokenParams;
use crate::diagnostic::Diagnostics;
use crate::manifest::model::{HasDefaults, Lifecycle, SecretSource, free_names};
use crate::manifest::scribe::{Scribe, set};
use crate::resource::{Declared, Kind};

/// A person who logs in to a realm. Fields left out are not managed.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RealmUserSpec {
    /// The name with which the user logs in; default: `metadata.name`.
    #[schemars(length(max = 255))]
    #[schemars(example = "ann@fleet.example")]
    pub name: Option<String>,
    /// Where the password comes from; it has at least 16 characters.
    pub password: Option<SecretSource>,
    /// Bounds of the user's token; each that is here takes the place of that of the realm.
    pub token_params: Option<TokenParams>,
    /// Keys to set in the platform's `metadata`; other keys are left as they are.
    #[schemars(extend("propertyNames" = free_names()))]
    pub metadata: Option<Map<String, Value>>,
    /// What may be done to the user.
    pub lifecycle: Lifecycle,
}

/// What can hold for every user.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RealmUserDefaults {
    /// Bounds of the user's token.
    pub token_params: Option<TokenParams>,
    /// Keys to set in the platform's `metadata`.
    #[schemars(extend("propertyNames" = free_names()))]
    pub metadata: Option<Map<String, Value>>,
    /// What may be done to the user.
    pub lifecycle: Option<Lifecycle>,
}

impl HasDefaults for RealmUserSpec {
    type Defaults = RealmUserDefaults;
}

/// The field of the password, on the platform and in manifests.
const PASSWORD: &str = "password";

impl Spec for RealmUserSpec {
    const KIND: Kind = Kind::RealmUser;

    fn declare(&self, scribe: &Scribe<'_>) -> Declared {
        let mut fields = BTreeMap::new();
        set(&mut fields, "name", Some(scribe.label(self.name.as_ref())));
        set(&mut fields, "token_params", self.token_params.as_ref().map(TokenParams::declared));
        let mut declared = scribe.declared(fields, self.metadata.as_ref(), &self.lifecycle);
        if let Some(source) = &self.password {
            let origin = scribe.origin("/spec/password");
            let password = declared.enclose(PASSWORD, scribe.source(source), origin);
            declared.fields.insert(PASSWORD, password);
        }
        declared
    }

    fn check(&self, check: &Check<'_>, diagnostics: &mut Diagnostics) {
        if let Some(params) = &self.token_params {
            params.check(check, diagnostics);
            params.refuse_selections(check, diagnostics);
        }
    }
}
