//! A change of a field as text: short ones on one line, long ones line by line.

use jiff::Timestamp;
use serde_json::Value;
use similar::{ChangeTag, TextDiff};

use crate::diagnostic::render::printable;
use crate::plan::Change;
use crate::rights::AccessType;

/// What fits beside its field's name without making the reader's eye jump.
const SHORT: usize = 60;

/// A change in the form in which it reads best. Nothing in it acts on a terminal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Shown {
    /// A value where there was none.
    New(String),
    /// One value after another.
    Pair(String, String),
    /// Lines, those that differ and those around them.
    Lines(Vec<(Side, String)>),
}

/// On which side of a change a line stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    /// It is there and will not be.
    Before,
    /// It will be there.
    After,
    /// It is there and stays.
    Both,
}

/// `change` in the form in which it reads best.
pub(super) fn shown(change: &Change) -> Shown {
    let Change { field, before, after, cause: _ } = change;
    let (old, new) = (inline(field, before), inline(field, after));
    if before.is_null() && new.len() <= SHORT {
        return Shown::New(new);
    }
    if old.len() <= SHORT && new.len() <= SHORT {
        return Shown::Pair(old, new);
    }
    let (old, new) = (lines(before), lines(after));
    let diff = TextDiff::from_lines(old.as_str(), new.as_str());
    let lines: Vec<(Side, String)> = diff
        .iter_all_changes()
        .map(|change| {
            let side = match change.tag() {
                ChangeTag::Delete => Side::Before,
                ChangeTag::Insert => Side::After,
                ChangeTag::Equal => Side::Both,
            };
            (side, printable(change.value().trim_end_matches('\n')).into_owned())
        })
        .collect();
    Shown::Lines(without_the_rest(lines))
}

/// How many lines around those that differ are worth showing.
const CONTEXT: usize = 4;

/// Lines far from any that differs are counted instead of shown.
fn without_the_rest(lines: Vec<(Side, String)>) -> Vec<(Side, String)> {
    let differs: Vec<usize> = (0..lines.len()).filter(|at| lines[*at].0 != Side::Both).collect();
    let is_near = |at: usize| {
        let next = differs.partition_point(|differing| *differing < at);
        let around = [next.checked_sub(1), Some(next)].into_iter().flatten();
        around.filter_map(|n| differs.get(n)).any(|differing| differing.abs_diff(at) <= CONTEXT)
    };
    let mut out: Vec<(Side, String)> = Vec::new();
    let mut far: Vec<(Side, String)> = Vec::new();
    let count = |far: &mut Vec<(Side, String)>, out: &mut Vec<(Side, String)>| match far.len() {
        0..=2 => out.append(far),
        many => {
            out.push((Side::Both, format!("… {many} lines that stay")));
            far.clear();
        }
    };
    for (at, line) in lines.into_iter().enumerate() {
        if is_near(at) {
            count(&mut far, &mut out);
            out.push(line);
        } else {
            far.push(line);
        }
    }
    count(&mut far, &mut out);
    out
}

/// One line; texts without quotes where they cannot be mistaken for something else, and numbers
/// that stand for something with what they stand for.
fn inline(field: &str, value: &Value) -> String {
    let text = match value {
        Value::Null => "(not set)".to_owned(),
        Value::Number(number) if field == "ttl" => match number.as_i64() {
            Some(seconds) => duration(seconds),
            None => number.to_string(),
        },
        Value::Number(number) if field == "expire" => {
            match number.as_i64().map(Timestamp::from_second) {
                Some(Ok(timestamp)) => format!("{number} ({timestamp})"),
                _ => number.to_string(),
            }
        }
        Value::Object(access) if field == "access" && access.len() == 1 => {
            match AccessType::of(value) {
                Some(known @ (AccessType::Standard | AccessType::Master)) => {
                    known.word().to_owned()
                }
                Some(AccessType::Acl) | None => value.to_string(),
            }
        }
        Value::String(text) if is_plain(text) => text.clone(),
        other => other.to_string(),
    };
    printable(&text).into_owned()
}

/// Seconds as manifests write them: `30d`, `36h`, `90s`.
fn duration(seconds: i64) -> String {
    let units = [(86_400, "d"), (3_600, "h"), (60, "m")];
    match units.iter().find(|(unit, _)| seconds != 0 && seconds % unit == 0) {
        Some((unit, letter)) => format!("{}{letter}", seconds / unit),
        None => format!("{seconds}s"),
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
        // A line break within a value must not look like one between values.
        Value::String(text) => format!("{}\n", printable(text)),
        other => {
            let mut text = String::new();
            pretty("", other, "", 0, &mut text);
            text
        }
    }
}

/// JSON in which a line holds as much as fits: a list of methods is one line, a long access list
/// one line for each entry's part.
fn pretty(before: &str, value: &Value, after: &str, indent: usize, out: &mut String) {
    let short = value.to_string();
    let (open, close) = match value {
        Value::Array(_) => ('[', ']'),
        _ => ('{', '}'),
    };
    let is_leaf = !value.is_array() && !value.is_object();
    let room = SHORT.saturating_sub(indent + before.len());
    if is_leaf || short.len() <= room {
        out.push_str(&format!("{:indent$}{before}{short}{after}\n", ""));
        return;
    }
    out.push_str(&format!("{:indent$}{before}{open}\n", ""));
    let inner: Vec<(String, &Value)> = match value {
        Value::Array(items) => items.iter().map(|item| (String::new(), item)).collect(),
        Value::Object(fields) => fields
            .iter()
            .map(|(key, value)| (format!("{}: ", Value::from(key.as_str())), value))
            .collect(),
        _ => Vec::new(),
    };
    let last = inner.len().saturating_sub(1);
    for (number, (key, value)) in inner.iter().enumerate() {
        let comma = if number == last { "" } else { "," };
        pretty(key, value, comma, indent + 2, out);
    }
    out.push_str(&format!("{:indent$}{close}{after}\n", ""));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::Cause;
    use serde_json::json;

    fn show(before: Value, after: Value) -> Shown {
        shown(&Change { field: "access".into(), before, after, cause: Cause::Edited })
    }

    #[test]
    fn a_short_change_takes_one_line() {
        let pair = |old: &str, new: &str| Shown::Pair(old.to_owned(), new.to_owned());
        assert_eq!(show(json!(10), json!(20)), pair("10", "20"));
        assert_eq!(show(Value::Null, json!("ACME Ltd")), Shown::New("ACME Ltd".to_owned()));
        assert_eq!(show(json!("7"), json!("")), pair("\"7\"", "\"\""));
        assert_eq!(
            show(json!("a\u{1b}[2J"), json!("\u{202e}b")),
            pair("\"a\\u001b[2J\"", "\\u{202e}b")
        );
    }

    #[test]
    fn what_a_number_stands_for_is_told() {
        assert_eq!(inline("ttl", &json!(90_000)), "25h");
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
        let Shown::Lines(lines) = show(entry("GET"), entry("PUT")) else { panic!("short") };
        let changed: Vec<&(Side, String)> =
            lines.iter().filter(|(side, _)| *side != Side::Both).collect();
        assert_eq!(changed.len(), 2, "{lines:?}");
        assert_eq!(changed[0].1.trim(), "\"methods\": [\"GET\"],");
        assert!(changed[0].1.contains("GET") && changed[0].0 == Side::Before);
        assert!(changed[1].1.contains("PUT") && changed[1].0 == Side::After);
    }

    #[test]
    fn what_stays_far_from_what_differs_is_counted() {
        let ids = |last: u32| json!((1..200).chain([last]).collect::<Vec<u32>>());
        let Shown::Lines(lines) = show(ids(500), ids(501)) else { panic!("short") };
        let texts: Vec<&str> = lines.iter().map(|(_, line)| line.trim()).collect();
        let expected = ["… 196 lines that stay", "196,", "197,", "198,", "199,", "500", "501", "]"];
        assert_eq!(texts, expected);
    }
}
