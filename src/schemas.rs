//! Every published JSON Schema by its file name in `schemas/`: of manifests, which are read, and
//! of plans and reports, which are written.

use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use schemars::transform::RecursiveTransform;
use serde_json::Value;

use crate::apply::ReportDocument;
use crate::history::Record;
use crate::lock::Locks;
use crate::manifest;
use crate::plan::PlanDocument;
use crate::report::{Explanation, StatusDocument};
use crate::watch::Status;

/// All schemas.
pub fn all() -> Vec<(&'static str, Value)> {
    let mut all = manifest::schema::documents();
    all.push(("explain.schema.json", written::<Explanation>("Explanation")));
    all.push(("locks.schema.json", written::<Locks>("Locks")));
    all.push(("plan.schema.json", written::<PlanDocument<'_>>("Plan")));
    all.push(("report.schema.json", written::<ReportDocument<'_>>("Report")));
    all.push(("run.schema.json", written::<Record>("Run")));
    all.push(("stack-status.schema.json", written::<StatusDocument<'_>>("StackStatus")));
    all.push(("status.schema.json", written::<Status>("Status")));
    all
}

/// The schema that any manifest has.
pub fn any_manifest() -> Value {
    let all = manifest::schema::documents();
    let any = all.into_iter().find(|(name, _)| *name == "manifest.schema.json");
    any.map(|(_, document)| document).unwrap_or_default()
}

fn written<T: JsonSchema>(title: &str) -> Value {
    let generator = SchemaSettings::draft2020_12()
        .for_serialize()
        .with_transform(RecursiveTransform(manifest::schema::standard_formats))
        .into_generator();
    let mut schema = generator.into_root_schema_for::<T>();
    schema.insert("title".to_owned(), Value::from(title));
    schema.to_value()
}
