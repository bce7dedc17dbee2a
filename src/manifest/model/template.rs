//! `kind: Template`: the same objects for every row of a table.
//!
//! A template is data and no program: it has parameters with a type, a table whose rows fill them in, and manifests in
//! whose values `${name}` stands for a parameter. There are no conditions, no loops inside and no expressions; what comes
//! out is checked like anything that was written by hand, and `validate --show-expanded` prints it.

use std::collections::BTreeMap;
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::parts::{ApiVersion, manifests_of_any_kind};

/// The same manifests for every row of a table.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TemplateManifest {
    /// The version of the manifest language.
    #[serde(rename = "apiVersion")]
    pub api_version: ApiVersion,
    /// `Template`.
    pub kind: TemplateKind,
    /// The name of the template.
    pub metadata: TemplateMeta,
    /// Parameters, rows and manifests.
    pub spec: TemplateSpec,
}

/// The word `Template`.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[schemars(inline)]
pub enum TemplateKind {
    /// A template.
    Template,
}

/// The name of the template.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TemplateMeta {
    /// The name by which messages call the template.
    #[schemars(
        regex(pattern = r"^[a-z0-9]([a-z0-9._-]*[a-z0-9])?$"),
        length(max = 100),
        example = &"tenant"
    )]
    pub name: String,
}

/// Parameters, rows and manifests.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TemplateSpec {
    /// What differs from row to row, by name; `${name}` stands for it in the values of `manifests`.
    #[schemars(example = BTreeMap::from([("name", Map::new())]))]
    pub parameters: BTreeMap<String, Parameter>,
    /// The rows: a list, or a file with a table.
    pub for_each: Rows,
    /// The manifests for every row. A value that is nothing but `${name}` takes the type of the
    /// parameter; inside of a longer text it is filled in as text; `$${` stands for `${` itself.
    #[schemars(length(min = 1), transform = manifests_of_any_kind)]
    pub manifests: Vec<Map<String, Value>>,
}

/// Something that differs from row to row.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Parameter {
    /// What the parameter is for.
    #[schemars(example = "The name of the tenant")]
    pub description: Option<String>,
    /// What its values are; default: `string`.
    #[serde(rename = "type")]
    pub kind: ParameterType,
    /// The value for rows that have none; without it every row needs one.
    pub default: Option<ParameterValue>,
}

/// What the values of a parameter are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ParameterType {
    /// Text. Numbers need quotes in YAML, not in CSV.
    #[default]
    String,
    /// A whole number.
    Integer,
    /// `true` or `false`.
    Boolean,
    /// A list of texts or numbers; in CSV separated by spaces. It can only be a whole value.
    List,
}

/// A value of a parameter.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum ParameterValue {
    /// `true` or `false`.
    Boolean(bool),
    /// A whole number.
    Integer(i64),
    /// Text.
    String(String),
    /// A list of texts or numbers.
    List(Vec<ListItem>),
}

/// An item of a list.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum ListItem {
    /// A whole number.
    Integer(i64),
    /// Text.
    String(String),
}

/// The rows of a template.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Rows {
    /// Rows that stand in the manifest.
    List(Vec<BTreeMap<String, ParameterValue>>),
    /// Rows that stand in a file.
    File(RowsFile),
}

/// Rows that stand in a file.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RowsFile {
    /// The file, relative to the manifest: CSV with a first line that names the parameters (`*.csv`), or a YAML list of
    /// mappings (`*.yaml`, `*.yml`, `*.json`).
    #[schemars(with = "String", length(min = 1), example = "tenants.csv")]
    pub file: PathBuf,
}
