//! A changed value as text: short ones on one line, long ones line by line.

use std::fmt::Write as _;

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use similar::{ChangeTag, TextDiff};

use super::style::{BAD, DIM, GOOD, paint};
use crate::plan::Change;

/// What fits beside its field's name without making the reader's eye jump.
const SHORT: usize = 60;

/// `change`, indented by `indent`.
pub(super) fn change_text(change: &Change, indent: &str, width: usize) -> String {
    let Change { field, before, after, cause: _ } = change;
    let (old, new) = (inline(field, before), inline(field, after));
    if before.is_null() && new.len() <= SHORT {
        return format!("{indent}{field:width$}  {new}\n");
    }
    if old.len() <= SHORT && new.len() <= SHORT {
        let (old, new) = (paint(BAD, old), paint(GOOD, new));
        return format!("{indent}{field:width$}  {old} → {new}\n");
    }
    let mut text = format!("{indent}{field}\n");
    let (old, new) = (lines(before), lines(after));
    for change in TextDiff::from_lines(old.as_str(), new.as_str()).iter_all_changes() {
        let line = change.value().trim_end_matches('\n');
        let line = match change.tag() {
            ChangeTag::Delete => paint(BAD, format_args!("- {line}")),
            ChangeTag::Insert => paint(GOOD, format_args!("+ {line}")),
            ChangeTag::Equal => paint(DIM, format_args!("  {line}")),
        };
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{indent}  {line}");
    }
    text
}

/// One line; texts without quotes where they cannot be mistaken for something else, and numbers
/// that stand for something with what they stand for.
fn inline(field: &str, value: &Value) -> String {
    match value {
        Value::Null => "(not set)".to_owned(),
        Value::Number(number) if field == "ttl" => match number.as_i64() {
            Some(seconds) => format!("{seconds} ({:#})", SignedDuration::from_secs(seconds)),
            None => number.to_string(),
        },
        Value::Number(number) if field == "expire" => {
            match number.as_i64().map(Timestamp::from_second) {
                Some(Ok(timestamp)) => format!("{number} ({timestamp})"),
                _ => number.to_string(),
            }
        }
        Value::Object(access) if field == "access" && access.len() == 1 => {
            match access.get("type").and_then(Value::as_i64) {
                Some(0) => "standard".to_owned(),
                Some(1) => "master".to_owned(),
                _ => value.to_string(),
            }
        }
        Value::String(text) if is_plain(text) => text.clone(),
        other => other.to_string(),
    }
}

fn is_plain(text: &str) -> bool {
    !text.is_empty()
        && text.trim() == text
        && !text.chars().any(char::is_control)
        && serde_json::from_str::<Value>(text).is_err()
}

/// Many lines, for a comparison line by line.
fn lines(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => format!("{text}\n"),
        // The values come from JSON, so they can be written as JSON.
        other => serde_json::to_string_pretty(other).map(|t| t + "\n").unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::Cause;
    use serde_json::json;

    fn text(before: Value, after: Value) -> String {
        let change = Change { field: "access".into(), before, after, cause: Cause::Edited };
        anstream::adapter::strip_str(&change_text(&change, "  ", 6)).to_string()
    }

    #[test]
    fn a_short_change_takes_one_line() {
        assert_eq!(text(json!(10), json!(20)), "  access  10 → 20\n");
        assert_eq!(text(Value::Null, json!("ACME Ltd")), "  access  ACME Ltd\n");
        assert_eq!(text(json!("7"), json!("")), "  access  \"7\" → \"\"\n");
    }

    #[test]
    fn what_a_number_stands_for_is_told() {
        assert_eq!(inline("ttl", &json!(90_000)), "90000 (25h)");
        assert_eq!(inline("expire", &json!(1_798_675_200)), "1798675200 (2026-12-31T00:00:00Z)");
        assert_eq!(inline("access", &json!({"type": 1})), "master");
        assert_eq!(inline("devices_count", &json!(60)), "60");
    }

    #[test]
    fn a_long_change_shows_only_the_lines_that_differ_as_changed() {
        let entry = |method: &str| {
            json!({"type": 2, "acl": [
            {"uri": "gw/devices", "methods": [method], "ids": [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]}]})
        };
        let text = text(entry("GET"), entry("PUT"));
        let changed: Vec<&str> = text
            .lines()
            .map(str::trim)
            .filter(|line| line.starts_with('+') || line.starts_with('-'))
            .collect();
        assert_eq!(changed.len(), 2, "{text}");
        assert!(changed[0].contains("GET") && changed[1].contains("PUT"), "{text}");
    }
}
