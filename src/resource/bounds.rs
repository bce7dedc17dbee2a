//! From where a token works: masks of addresses, and origins of pages.

use serde_json::Value;

use super::canonical::sorted;

/// A set of masks, as the platform's comma-separated text; a list of texts means the same. What has another form is not
/// taken for any address: it stays as it is, and differs from everything that can be declared.
pub(super) fn ips(value: &Value) -> Value {
    let text = match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Array(items) => match items.iter().map(Value::as_str).collect::<Option<Vec<_>>>() {
            Some(masks) => masks.join(","),
            None => return value.clone(),
        },
        Value::Bool(_) | Value::Number(_) | Value::Object(_) => return value.clone(),
    };
    let mut masks: Vec<&str> =
        text.split(',').map(str::trim).filter(|mask| !mask.is_empty()).collect();
    masks.sort_unstable();
    masks.dedup();
    Value::String(masks.join(","))
}

/// `"*"`, null and absent all mean any origin (assumption 17); a list is a set, and one text a list of one. What has another
/// form is not taken for any origin: it stays as it is.
pub(super) fn origins(value: &Value) -> Value {
    match value {
        Value::Null => Value::from("*"),
        Value::String(text) if text == "*" => value.clone(),
        Value::String(text) if !text.is_empty() => Value::Array(vec![value.clone()]),
        Value::Array(items) => sorted(items.clone()),
        Value::String(_) | Value::Bool(_) | Value::Number(_) | Value::Object(_) => value.clone(),
    }
}
