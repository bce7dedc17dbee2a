//! Limits: every quota that bounds something.

use serde_json::Value;

use super::written::Written;
use crate::export::spec::Spec;
use crate::resource::quota;

pub(super) fn write(written: &Written<'_>, spec: &mut Spec<'_>) {
    let fields = written.object.fields();
    if let Some(text) =
        fields.get("description").and_then(Value::as_str).filter(|text| !text.is_empty())
    {
        spec.field("description", text);
    }
    for name in quota::NAMES {
        let Some(value) = fields.get(*name).and_then(Value::as_i64) else { continue };
        // What the platform takes for these two by itself is not known (assumption 24), so they are
        // always said; all others are unlimited unless told.
        if value != quota::UNLIMITED || matches!(*name, "blocking_duration" | "api_calls") {
            spec.field(name, value);
        }
    }
}
