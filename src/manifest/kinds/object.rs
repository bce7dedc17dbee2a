//! The envelope of an object: what every manifest has around its `spec`, whatever the kind.

use std::any::Any;
use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::value::{Error as NoSpec, MapDeserializer};
use serde::{Deserialize, Deserializer, de};
use serde_json::Value;
use serde_yaml::Mapping;

use super::spec::{Check, Spec};
use crate::diagnostic::Diagnostics;
use crate::manifest::model::{ApiVersion, ObjectMeta};
use crate::manifest::scribe::Scribe;
use crate::manifest::typed;
use crate::resource::{Declared, Kind};
use crate::source::Spanned;

/// The manifest of an object.
#[derive(Debug, Clone)]
pub(in crate::manifest) struct Object<S> {
    /// Which object it is.
    pub(in crate::manifest) metadata: ObjectMeta,
    /// What it is to be.
    pub(in crate::manifest) spec: S,
}

/// The same as it is written.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, bound(deserialize = "S: Spec"))]
#[schemars(bound = "S: Spec")]
struct Written<S> {
    /// The version of the manifest language.
    #[serde(rename = "apiVersion")]
    _api_version: ApiVersion,
    /// The kind of the object.
    #[serde(rename = "kind")]
    _kind: Word<S>,
    /// Identifies the object.
    metadata: Meta<S>,
    /// The desired state of the object.
    #[serde(default)]
    spec: Option<S>,
}

impl<'de, S: Spec> Deserialize<'de> for Object<S> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Written { metadata, spec, .. } = Written::deserialize(deserializer)?;
        let spec = spec.map_or_else(left_out, Ok).map_err(de::Error::custom)?;
        Ok(Self { metadata: metadata.0, spec })
    }
}

/// What identifies an object of one kind: what it is in has to be named if that is no account, and not otherwise.
#[derive(Deserialize)]
#[serde(transparent)]
struct Meta<S>(ObjectMeta, PhantomData<S>);

impl<S: Spec> JsonSchema for Meta<S> {
    fn schema_name() -> Cow<'static, str> {
        match S::KIND.container() {
            Some(_) => format!("{}Meta", S::KIND.row().title).into(),
            None => "ObjectMeta".into(),
        }
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let mut schema = ObjectMeta::json_schema(generator);
        let own = S::KIND.container().map(|(holder, _)| holder.as_str());
        let holders = Kind::ALL.into_iter().filter_map(Kind::container);
        for other in holders.map(|(holder, _)| holder.as_str()).filter(|it| Some(*it) != own) {
            if let Some(Value::Object(properties)) = schema.get_mut("properties") {
                properties.remove(other);
            }
        }
        if let (Some(own), Some(Value::Array(required))) = (own, schema.get_mut("required")) {
            required.push(own.into());
        }
        schema
    }
}

/// A `spec` that is left out is one without any field.
fn left_out<S: Spec>() -> Result<S, NoSpec> {
    S::deserialize(MapDeserializer::new(std::iter::empty::<(&str, &str)>()))
}

impl<S: Spec> JsonSchema for Object<S> {
    fn schema_name() -> Cow<'static, str> {
        format!("{}Manifest", S::KIND.row().title).into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let mut schema = Written::<S>::json_schema(generator);
        let about = S::json_schema(generator).remove("description");
        schema.insert("description".to_owned(), about.unwrap_or_default());
        if let (Err(_), Some(Value::Array(required))) =
            (left_out::<S>(), schema.get_mut("required"))
        {
            required.push("spec".into());
        }
        schema
    }
}

/// The word of a kind.
struct Word<S>(PhantomData<S>);

impl<'de, S: Spec> Deserialize<'de> for Word<S> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let title = S::KIND.row().title;
        match String::deserialize(deserializer)? {
            word if word == title => Ok(Self(PhantomData)),
            word => Err(de::Error::custom(format!("{word} is not {title}"))),
        }
    }
}

impl<S: Spec> JsonSchema for Word<S> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        S::KIND.row().title.into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "string", "const": S::KIND.row().title})
    }
}

/// The manifest of an object of any kind.
pub(in crate::manifest) trait AnyObject: fmt::Debug + Send + Sync {
    /// Which object it is.
    fn metadata(&self) -> &ObjectMeta;

    /// What is asked for.
    fn declare(&self, scribe: &Scribe<'_>) -> Declared;

    /// Finds fault with what a schema cannot say.
    fn check(&self, check: &Check<'_>, diagnostics: &mut Diagnostics);

    /// The fields of the `spec` that come out as something else than what was written.
    fn expanded(&self) -> Vec<(&'static str, Value)>;

    /// What stands below `spec:`, for those who know the kind.
    fn spec(&self) -> &dyn Any;
}

impl<S: Spec> AnyObject for Object<S> {
    fn metadata(&self) -> &ObjectMeta {
        &self.metadata
    }

    fn declare(&self, scribe: &Scribe<'_>) -> Declared {
        self.spec.declare(scribe)
    }

    fn check(&self, check: &Check<'_>, diagnostics: &mut Diagnostics) {
        self.spec.check(check, diagnostics);
    }

    fn expanded(&self) -> Vec<(&'static str, Value)> {
        self.spec.expanded()
    }

    fn spec(&self) -> &dyn Any {
        &self.spec
    }
}

/// What can be done with manifests of one kind.
pub(in crate::manifest) struct ObjectKind {
    /// The word after `kind:`.
    pub(in crate::manifest) title: &'static str,
    /// Reads one; the error is a pointer to the first value that has the form of its field and still means nothing.
    pub(in crate::manifest) read: fn(&Spanned) -> Result<Box<dyn AnyObject>, String>,
    /// Reads one whose mistakes were replaced; the error is the same.
    pub(in crate::manifest) read_mended:
        fn(&serde_yaml::Value) -> Result<Box<dyn AnyObject>, String>,
    /// Gives the sound fields of a broken manifest what they cannot be without.
    pub(in crate::manifest) complete: fn(&mut Mapping),
    /// The schema of one, for a document that refers to it.
    pub(in crate::manifest) schema: fn(&mut SchemaGenerator) -> Schema,
    /// The schema of one, as a document of its own.
    pub(in crate::manifest) document: fn(SchemaGenerator) -> Schema,
}

impl ObjectKind {
    pub(super) const fn of<S: Spec>(title: &'static str) -> Self {
        Self {
            title,
            read: |value| Ok(Box::new(typed::read::<Object<S>, _>(value)?)),
            read_mended: |yaml| Ok(Box::new(typed::read::<Object<S>, _>(yaml)?)),
            complete: S::complete,
            schema: |generator| generator.subschema_for::<Object<S>>(),
            document: |generator| generator.into_root_schema_for::<Object<S>>(),
        }
    }
}
