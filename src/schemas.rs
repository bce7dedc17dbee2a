//! Every published JSON Schema by its file name in `schemas/`: of manifests, which are read, and
//! of plans and reports, which are written.

use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use schemars::transform::RecursiveTransform;
use serde_json::Value;

use crate::apply::ReportDocument;
use crate::cassette::CassetteLine;
use crate::history::Record;
use crate::import::ImportDocument;
use crate::lock::Locks;
use crate::manifest;
use crate::notice::Notice;
use crate::pause::PauseList;
use crate::plan::PlanDocument;
use crate::profile::Profile;
use crate::report::{EventLine, Explanation, InitDocument, ProbeDocument, StatusDocument};
use crate::watch::Status;

/// All schemas.
pub fn all() -> Vec<(String, Value)> {
    let mut all = manifest::schema::documents();
    let written = [
        ("cassette", written::<CassetteLine>("CassetteLine")),
        ("event", written::<EventLine>("Event")),
        ("explain", written::<Explanation>("Explanation")),
        ("import", written::<ImportDocument>("Import")),
        ("init", written::<InitDocument>("Init")),
        ("locks", written::<Locks>("Locks")),
        ("notice", written::<Notice>("Notice")),
        ("pauses", written::<PauseList>("Pauses")),
        ("plan", written::<PlanDocument<'_>>("Plan")),
        ("platform-profile", written::<Profile>("PlatformProfile")),
        ("probe", written::<ProbeDocument>("Probe")),
        ("report", written::<ReportDocument<'_>>("Report")),
        ("run", written::<Record>("Run")),
        ("stack-status", written::<StatusDocument<'_>>("StackStatus")),
        ("status", written::<Status>("Status")),
    ];
    all.extend(written.map(|(name, document)| (format!("{name}.schema.json"), document)));
    all
}

/// The schema that any manifest has.
pub fn any_manifest() -> Value {
    manifest::schema::any_document()
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
