//! Webhooks in manifests: what fires them, and what they call.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use serde_yaml::Mapping;

use super::spec::{Check, Spec};
use crate::diagnostic::{Code, Diagnostic, Diagnostics, quote};
use crate::manifest::acl;
use crate::manifest::model::{HasDefaults, Lifecycle, SecretSource, Ttl, free_names};
use crate::manifest::place::Place;
use crate::manifest::scribe::{Scribe, set};
use crate::resource::{Declared, Kind};
use crate::source::Target;

/// A call, or a chain of calls, that the platform makes when a message arrives on a topic. Fields left out are not managed.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WebhookSpec {
    /// Name that people see; default: `metadata.name`.
    #[serde(default)]
    #[schemars(length(max = 255))]
    #[schemars(example = "Tell the dispatcher")]
    pub name: Option<String>,
    /// Whether the webhook makes its calls.
    #[serde(default)]
    pub enabled: Option<bool>,
    /// What fires the webhook: any of up to three triggers.
    #[schemars(length(min = 1, max = 3))]
    pub triggers: Vec<Trigger>,
    /// What it calls: one call, or a list of calls that follow each other.
    pub configuration: Configuration,
    /// How long failed calls are retried.
    #[serde(default)]
    pub queue_ttl: Option<Ttl>,
    /// Keys to set in the platform's `metadata`; other keys are left as they are.
    #[serde(default)]
    #[schemars(extend("propertyNames" = free_names()))]
    pub metadata: Option<Map<String, Value>>,
    /// What may be done to the webhook.
    #[serde(default)]
    pub lifecycle: Lifecycle,
}

/// A message that fires a webhook.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Trigger {
    /// The MQTT topic of the message, or a filter with `+` and `#`.
    #[schemars(length(min = 1), example = "flespi/log/gw/devices/+/connected")]
    pub topic: String,
    /// Which messages of the topic; left out: all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub filter: Option<Filter>,
}

/// Which messages of a topic fire a webhook.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Filter {
    /// Only messages of the account with this id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub cid: Option<i64>,
    /// Only messages for which this expression over their payload is true.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1))]
    #[schemars(example = "position.speed > 90")]
    pub payload: Option<String>,
}

/// What a webhook calls.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Configuration {
    /// One call.
    One(Call),
    /// Calls that follow each other.
    Chain(#[schemars(length(min = 1))] Vec<Call>),
}

/// A call.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Call {
    /// What is called: your server, or the platform itself with the rights of a master token of the account.
    #[serde(rename = "type")]
    pub to: CallType,
    /// The address of a `custom-server`, or the path of a `flespi-platform` call.
    #[schemars(length(min = 1), example = "https://hooks.example/flespi")]
    pub uri: String,
    /// The HTTP method.
    #[serde(default)]
    pub method: Option<CallMethod>,
    /// Body of the call; the platform expands expressions in it.
    #[serde(default)]
    #[schemars(example = "{\"device\": %payload%}")]
    pub body: Option<String>,
    /// Headers of the call. Left out: existing headers stay; `[]`: no headers.
    #[serde(default)]
    pub headers: Option<Vec<Header>>,
    /// PEM certificate of the private authority that signed the certificate of the server.
    #[serde(default)]
    #[schemars(example = "-----BEGIN CERTIFICATE-----...")]
    pub ca: Option<String>,
    /// Id of the account in which a `flespi-platform` call is made.
    #[serde(default)]
    #[schemars(range(min = 1))]
    pub cid: Option<i64>,
    /// How the response is checked.
    #[serde(default)]
    pub validate: Option<Validation>,
}

/// What is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum CallType {
    /// Your server.
    CustomServer,
    /// The platform itself.
    FlespiPlatform,
}

/// An HTTP method.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
#[allow(missing_docs, reason = "the words say it")]
pub enum CallMethod {
    Get,
    Post,
    Put,
    Patch,
    Delete,
}

/// A header of a call.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Header {
    /// The name of the header.
    #[schemars(regex(pattern = r"^[!#$%&'*+.^_`|~0-9A-Za-z-]+$"), example = &"Authorization")]
    pub name: String,
    /// Its value, or the source of a secret value.
    pub value: HeaderValue,
}

/// The value of a header.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum HeaderValue {
    /// Plain text, visible to everyone.
    Plain(String),
    /// A secret.
    Secret(SecretSource),
}

/// How the response to a call is checked.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Validation {
    /// Expression over the response that is true if the call succeeded.
    #[schemars(length(min = 1))]
    #[schemars(example = "status == 200")]
    pub expression: String,
    /// What to do if it is false.
    pub action: ValidationAction,
}

/// What to do when a response fails its check.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ValidationAction {
    /// End the chain.
    Break,
    /// Go on with the next call.
    Skip,
    /// Retry the call.
    Retry,
}

/// What can hold for every webhook.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct WebhookDefaults {
    /// Whether the webhook makes its calls.
    pub enabled: Option<bool>,
    /// How long failed calls are retried.
    pub queue_ttl: Option<Ttl>,
    /// Keys to set in the platform's `metadata`.
    #[schemars(extend("propertyNames" = free_names()))]
    pub metadata: Option<Map<String, Value>>,
    /// What may be done to the webhook.
    pub lifecycle: Option<Lifecycle>,
}

impl HasDefaults for WebhookSpec {
    type Defaults = WebhookDefaults;
}

impl Configuration {
    /// The calls, each with its place below `spec:`.
    fn calls(&self) -> impl Iterator<Item = (String, &Call)> {
        let (calls, is_chain) = match self {
            Self::One(call) => (std::slice::from_ref(call), false),
            Self::Chain(calls) => (calls.as_slice(), true),
        };
        calls.iter().enumerate().map(move |(index, call)| match is_chain {
            true => (format!("/configuration/{index}"), call),
            false => ("/configuration".to_owned(), call),
        })
    }
}

impl Spec for WebhookSpec {
    const KIND: Kind = Kind::Webhook;

    fn declare(&self, scribe: &Scribe<'_>) -> Declared {
        let mut fields = BTreeMap::new();
        set(&mut fields, "name", Some(scribe.label(self.name.as_ref())));
        set(&mut fields, "enabled", self.enabled);
        set(&mut fields, "triggers", Some(json!(self.triggers)));
        set(&mut fields, "queue_ttl", self.queue_ttl.map(|ttl| ttl.0));
        let mut declared = scribe.declared(fields, self.metadata.as_ref(), &self.lifecycle);
        let calls = self.configuration.calls();
        let mut calls: Vec<Value> =
            calls.map(|(at, call)| self::call(call, &at, scribe, &mut declared)).collect();
        let configuration = match &self.configuration {
            Configuration::One(_) => calls.pop().unwrap_or_default(),
            Configuration::Chain(_) => Value::Array(calls),
        };
        let origin = scribe.origin("/spec/configuration");
        declared.field_origins.insert("configuration".into(), origin);
        declared.fields.insert("configuration", configuration);
        declared
    }

    fn complete(spec: &mut Mapping) {
        for field in ["triggers", "configuration"] {
            spec.entry(field.into()).or_insert_with(|| serde_yaml::Value::Sequence(Vec::new()));
        }
    }

    fn check(&self, check: &Check<'_>, diagnostics: &mut Diagnostics) {
        for (index, trigger) in self.triggers.iter().enumerate() {
            let at = format!("/spec/triggers/{index}/topic");
            acl::topic(&check.place, &at, &trigger.topic, diagnostics);
        }
        for (at, call) in self.configuration.calls() {
            uri(&check.place, &format!("/spec{at}/uri"), call, diagnostics);
        }
    }
}

/// The platform's own form of a call at `at`.
fn call(call: &Call, at: &str, scribe: &Scribe<'_>, declared: &mut Declared) -> Value {
    let Call { to, uri, method, body, headers, ca, cid, validate } = call;
    let mut fields = BTreeMap::new();
    set(&mut fields, "type", Some(json!(to)));
    set(&mut fields, "uri", Some(uri.as_str()));
    set(&mut fields, "method", method.map(|method| json!(method)));
    set(&mut fields, "body", body.as_deref());
    let headers = headers.as_ref().map(|headers| {
        let header = |(index, header): (usize, &Header)| {
            let value = match &header.value {
                HeaderValue::Plain(text) => Value::from(text.as_str()),
                HeaderValue::Secret(source) => {
                    let at = format!("{at}/headers/{index}/value");
                    let place = at.trim_start_matches('/').replace('/', ".");
                    let origin = scribe.origin(&format!("/spec{at}"));
                    declared.enclose(&place, scribe.source(source), origin)
                }
            };
            json!({"name": header.name, "value": value})
        };
        headers.iter().enumerate().map(header).collect::<Vec<_>>()
    });
    set(&mut fields, "headers", headers);
    set(&mut fields, "ca", ca.as_deref());
    set(&mut fields, "cid", *cid);
    set(&mut fields, "validate", validate.as_ref().map(|validate| json!(validate)));
    Value::Object(fields.into_iter().collect())
}

/// A server has an address, and the platform a path.
fn uri(place: &Place<'_>, at: &str, call: &Call, diagnostics: &mut Diagnostics) {
    let has_scheme = ["http://", "https://"].iter().any(|scheme| call.uri.starts_with(scheme));
    let (what, help) = match call.to {
        CallType::CustomServer if !has_scheme => (
            "is not a server address",
            "write the full address, such as `https://hooks.example/flespi`; to call the platform itself, write `type: \
             flespi-platform`",
        ),
        CallType::FlespiPlatform if has_scheme => (
            "is not a path on the platform",
            "write only the path, such as `/gw/devices/all/telemetry`; to call a server, write `type: custom-server`",
        ),
        CallType::CustomServer | CallType::FlespiPlatform => return,
    };
    diagnostics.push(
        Diagnostic::error(Code::InvalidValue, format!("{} {what}", quote(&call.uri)))
            .at(place.span(at, Target::Value), "")
            .help(help)
            .pointer(at),
    );
}
