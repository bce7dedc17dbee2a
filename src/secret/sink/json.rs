//! One text in a JSON file. Everything else stays as it is, to the byte.

use std::fmt;
use std::ops::Range;
use std::path::PathBuf;

use serde::de::{self, Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::Value;
use serde_json::value::RawValue;

use super::Trouble;
use super::file::{self, Allowance};
use crate::secret::{ExposeSecret, SecretString, disk};

/// A place in a JSON file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
pub struct JsonSink {
    /// The file.
    pub json: PathBuf,
    /// Where in the file, as RFC 6901 has it: `/flespi/token`.
    pub pointer: String,
    /// What is accepted although it is a bad place for a secret.
    #[serde(default)]
    pub allow: Vec<Allowance>,
}

impl JsonSink {
    pub(super) fn read(&self) -> Result<Option<SecretString>, Trouble> {
        let Some(text) = disk::read(&self.json)? else { return Ok(None) };
        get(text.expose_secret(), &self.pointer)
    }

    /// A file that is no JSON, or has no room for the secret, is better known before there is one.
    pub(super) fn probe(&self) -> Result<(), Trouble> {
        file::probe(&self.json, &self.allow)?;
        let text = disk::read(&self.json)?;
        let text = text.as_ref().map_or("", |text| text.expose_secret());
        set(text, &self.pointer, "").map(drop)
    }

    pub(super) fn write(&self, secret: &SecretString) -> Result<(), Trouble> {
        file::refuse(&self.json, &self.allow)?;
        disk::replace(&self.json, |old| {
            let old = old.as_ref().map_or("", |text| text.expose_secret());
            set(old, &self.pointer, secret.expose_secret()).map(SecretString::from)
        })
    }
}

/// The members of an object as they are written, in their order.
struct Members<'a>(Vec<(String, &'a RawValue)>);

impl<'de: 'a, 'a> Deserialize<'de> for Members<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;
        impl<'de> Visitor<'de> for Reader {
            type Value = Members<'de>;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                while let Some(key) = map.next_key::<String>()? {
                    members.push((key, map.next_value::<&RawValue>()?));
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(Reader)
    }
}

fn steps(pointer: &str) -> Vec<String> {
    pointer.split('/').skip(1).map(|step| step.replace("~1", "/").replace("~0", "~")).collect()
}

/// serde_json's words quote nothing of the text, only line and column.
fn no_json(error: &serde_json::Error) -> Trouble {
    Trouble::Refused(format!("not JSON (line {}, column {})", error.line(), error.column()))
}

fn get(text: &str, pointer: &str) -> Result<Option<SecretString>, Trouble> {
    if text.trim().is_empty() {
        return Ok(None);
    }
    let mut value: &RawValue = serde_json::from_str(text).map_err(|error| no_json(&error))?;
    for step in steps(pointer) {
        match child(value, &step)? {
            Some(found) => value = found,
            None => return Ok(None),
        }
    }
    let held: Value = serde_json::from_str(value.get()).map_err(|error| no_json(&error))?;
    Ok(held.as_str().filter(|held| !held.is_empty()).map(SecretString::from))
}

/// What stands below `step` of an object or a list. Of two members of one name the last counts, as for every reader.
fn child<'a>(value: &'a RawValue, step: &str) -> Result<Option<&'a RawValue>, Trouble> {
    let text = value.get();
    if text.starts_with('{') {
        let Members(members) =
            de::Deserialize::deserialize(&mut serde_json::Deserializer::from_str(text))
                .map_err(|error| no_json(&error))?;
        return Ok(members
            .into_iter()
            .rev()
            .find(|(name, _)| name == step)
            .map(|(_, value)| value));
    }
    if text.starts_with('[') {
        let items: Vec<&RawValue> = serde_json::from_str(text).map_err(|error| no_json(&error))?;
        return Ok(step.parse::<usize>().ok().and_then(|index| items.get(index).copied()));
    }
    Ok(None)
}

/// `text` with `secret` at `pointer`; missing objects on the way are created.
fn set(text: &str, pointer: &str, secret: &str) -> Result<String, Trouble> {
    let steps = steps(pointer);
    if text.trim().is_empty() {
        let document = nested(&steps, secret);
        return Ok(format!("{document:#}\n"));
    }
    let root: &RawValue = serde_json::from_str(text).map_err(|error| no_json(&error))?;
    let mut value = root;
    for (depth, step) in steps.iter().enumerate() {
        match child(value, step)? {
            Some(found) => value = found,
            None if value.get().starts_with('{') => {
                let rest = steps.get(depth + 1..).unwrap_or_default();
                let (at, member) = insertion(value.get(), step, &nested(rest, secret))?;
                let mut new = text.to_owned();
                new.replace_range(shifted(text, value, at), &member);
                return Ok(new);
            }
            None => {
                let parent = steps.get(..depth).unwrap_or_default().join("/");
                return Err(Trouble::Refused(format!(
                    "`/{parent}` in it has no place for `{step}`"
                )));
            }
        }
    }
    if value.get().starts_with(['{', '[']) {
        return Err(Trouble::Refused(format!(
            "`{pointer}` in it is not text but has others below it"
        )));
    }
    let mut new = text.to_owned();
    new.replace_range(shifted(text, value, 0..value.get().len()), &Value::from(secret).to_string());
    Ok(new)
}

/// `secret` below objects of the names in `steps`.
fn nested(steps: &[String], secret: &str) -> Value {
    steps.iter().rev().fold(Value::from(secret), |inner, step| {
        Value::Object([(step.clone(), inner)].into_iter().collect())
    })
}

/// Where and how a new member is written into an object: behind the last one, as far indented as the first.
fn insertion(object: &str, name: &str, value: &Value) -> Result<(Range<usize>, String), Trouble> {
    let Members(members) = serde_json::from_str(object).map_err(|error| no_json(&error))?;
    let member = format!("{}: {value}", Value::from(name));
    Ok(match members.last() {
        Some((_, last)) => {
            let first = object.find('"').unwrap_or(1);
            let space = object.get(1..first).unwrap_or_default();
            let end = offset(object, last.get()) + last.get().len();
            (end..end, format!(",{space}{member}"))
        }
        None => (0..object.len(), format!("{{{member}}}")),
    })
}

/// The range `within` of a value, counted from the beginning of the text that the value was read from.
fn shifted(text: &str, value: &RawValue, within: Range<usize>) -> Range<usize> {
    let begin = offset(text, value.get());
    begin + within.start..begin + within.end
}

/// How far behind the beginning of `text` its part `part` lies.
fn offset(text: &str, part: &str) -> usize {
    part.as_ptr() as usize - text.as_ptr() as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str, pointer: &str) -> Option<String> {
        get(text, pointer).unwrap().map(|secret| secret.expose_secret().to_owned())
    }

    #[test]
    fn only_the_one_text_changes() {
        let text = "{ \"b\" : [1, {\"x\": 1e3}],\n  \"a\": {\"token\": \"old\", \"z\": null}\n}\n";
        let new = set(text, "/a/token", "new \"key\"").unwrap();
        assert_eq!(new, text.replace("\"old\"", "\"new \\\"key\\\"\""));
        assert_eq!(read(&new, "/a/token").as_deref(), Some("new \"key\""));
        assert_eq!(set(text, "/b/1/x", "k").unwrap(), text.replace("1e3", "\"k\""));
        assert_eq!(read(text, "/b/0"), None, "a number is no secret");
    }

    #[test]
    fn what_is_missing_is_made_beside_what_is_there() {
        let text = "{\n  \"b\": 1,\n  \"a\": {}\n}\n";
        let new = set(text, "/c", "k").unwrap();
        assert_eq!(new, "{\n  \"b\": 1,\n  \"a\": {},\n  \"c\": \"k\"\n}\n");
        let new = set(&new, "/a/x~1y/z", "k").unwrap();
        assert_eq!(read(&new, "/a/x~1y/z").as_deref(), Some("k"));
        assert!(new.starts_with("{\n  \"b\": 1,\n  \"a\": {\"x/y\": "), "{new}");
        let fresh = set("", "/flespi/token", "k").unwrap();
        assert_eq!(fresh, "{\n  \"flespi\": {\n    \"token\": \"k\"\n  }\n}\n");
    }

    #[test]
    fn a_file_without_room_is_refused_and_never_quoted() {
        for (text, pointer) in [
            ("{\"a\": \"hunter2\"}", "/a/b"),
            ("[\"hunter2\"]", "/5"),
            ("{\"a\": {\"b\": \"hunter2\"}}", "/a"),
            ("{\"a\": hunter2}", "/a"),
            ("\"hunter2\"", "/a"),
        ] {
            let error = set(text, pointer, "k").unwrap_err().to_string();
            assert!(!error.contains("hunter2"), "{error}");
        }
    }
}
