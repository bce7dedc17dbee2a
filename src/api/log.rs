//! Records of the platform's log.

use serde_json::{Map, Value};

/// An item that was deleted, as the log tells it.
#[derive(Debug, Clone, PartialEq)]
pub struct Deletion {
    /// When, in unix seconds.
    pub at: i64,
    /// The item as it was before.
    pub old: Map<String, Value>,
    /// The token that signed the call; none if the platform did it by itself, or does not say.
    pub by: Option<i64>,
    /// What the caller called itself (`x-flespi-app`).
    pub app: Option<String>,
}

impl Deletion {
    /// Reads a record; none if it is of something else.
    pub(super) fn of(mut record: Map<String, Value>) -> Option<Self> {
        if record.get("new").is_some_and(Value::is_object) {
            return None;
        }
        let Some(Value::Object(old)) = record.remove("old") else { return None };
        Some(Self {
            // The platform gives fractions of a second in some logs.
            at: record.get("timestamp").and_then(Value::as_f64)? as i64,
            old,
            by: record.get("token_id").and_then(Value::as_i64).filter(|id| *id != 0),
            app: record.get("app").and_then(Value::as_str).map(str::to_owned),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn read(record: Value) -> Option<Deletion> {
        Deletion::of(record.as_object().unwrap().clone())
    }

    #[test]
    fn only_a_record_with_an_old_item_and_no_new_one_is_a_deletion() {
        let deletion = read(json!({"timestamp": 12.75, "token_id": 5, "old": {"id": 1}})).unwrap();
        assert_eq!((deletion.at, deletion.by), (12, Some(5)));
        assert_eq!(read(json!({"timestamp": 12, "old": {}, "new": {}})), None);
        assert_eq!(read(json!({"timestamp": 12, "new": {}})), None);
        assert_eq!(read(json!({"old": {}})), None, "when is not told");
    }
}
