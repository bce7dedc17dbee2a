//! The document as it is meant: aliases expanded, scalars understood, a span on every key and value.
//!
//! The text of a scalar is kept beside its meaning. YAML decides that `12` is a number; only the schema knows that a name
//! was wanted there, and then the complaint should quote what the person typed.

use smol_str::{SmolStr, format_smolstr};

use super::Span;
use super::shown::{quote, shorten};

/// A value and where it stands.
///
/// A value that came by way of an alias keeps the place where it was written, next to its anchor: that is where a mistake
/// in it has to be repaired.
#[derive(Debug, Clone, PartialEq)]
pub struct Spanned {
    /// Where the value stands: from its first to its last character. Empty behind the colon when nothing was written.
    pub span: Span,
    /// What it is.
    pub value: Value,
}

/// What a node is.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// A single text, number, boolean or null.
    Scalar(Scalar),
    /// A list.
    Sequence(Vec<Spanned>),
    /// Pairs in the order they were written; keys are unique.
    Mapping(Vec<Entry>),
}

/// One pair of a mapping.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// The key.
    pub key: Key,
    /// The value.
    pub value: Spanned,
}

/// A key and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    /// Where the key stands.
    pub span: Span,
    /// The key itself.
    pub text: SmolStr,
}

/// A scalar as it was typed and as YAML 1.2 understands it.
#[derive(Debug, Clone, PartialEq)]
pub struct Scalar {
    /// The text after escapes and folding.
    pub text: SmolStr,
    /// Whether it stood bare, without quotes or a block indicator.
    pub plain: bool,
    /// What it means.
    pub meaning: Meaning,
}

/// What a scalar means by the core schema of YAML 1.2.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Meaning {
    /// `null`, `~` or nothing at all.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A whole number that is too large for one of 64 bits with a sign, and none that any field counts with: free
    /// `metadata` of the platform may hold it.
    Natural(u64),
    /// Any other finite number.
    Float(f64),
    /// Text.
    Text,
    /// Could not be understood; a diagnostic has been given for it, and later stages need not add to it.
    Unreadable,
}

impl Scalar {
    /// A whole number that nobody wrote.
    #[must_use]
    pub fn of_number(number: i64) -> Self {
        Self { text: format_smolstr!("{number}"), plain: true, meaning: Meaning::Int(number) }
    }
}

impl Spanned {
    /// The value of a key, if this is a mapping that has it.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Self> {
        self.entry(key).map(|entry| &entry.value)
    }

    /// The pair of a key, if this is a mapping that has it.
    #[must_use]
    pub fn entry(&self, key: &str) -> Option<&Entry> {
        self.as_mapping().iter().find(|entry| entry.key.text == key)
    }

    /// The pairs, if this is a mapping; otherwise none.
    #[must_use]
    pub fn as_mapping(&self) -> &[Entry] {
        match &self.value {
            Value::Mapping(entries) => entries,
            Value::Scalar(_) | Value::Sequence(_) => &[],
        }
    }

    /// The items, if this is a sequence; otherwise none.
    #[must_use]
    pub fn as_sequence(&self) -> &[Self] {
        match &self.value {
            Value::Sequence(items) => items,
            Value::Scalar(_) | Value::Mapping(_) => &[],
        }
    }

    /// Moves the value and everything in it so many bytes further on in its text.
    pub fn shift(&mut self, bytes: usize) {
        self.span = self.span.shifted(bytes);
        match &mut self.value {
            Value::Scalar(_) => {}
            Value::Sequence(items) => items.iter_mut().for_each(|item| item.shift(bytes)),
            Value::Mapping(entries) => entries.iter_mut().for_each(|entry| {
                entry.key.span = entry.key.span.shifted(bytes);
                entry.value.shift(bytes);
            }),
        }
    }

    /// The text, if this is text (a bare `12` is a number, a quoted one is text).
    #[must_use]
    pub fn as_str(&self) -> Option<&str> {
        match &self.value {
            Value::Scalar(Scalar { text, meaning: Meaning::Text, .. }) => Some(text),
            _ => None,
        }
    }

    /// The scalar, if this is one.
    #[must_use]
    pub fn as_scalar(&self) -> Option<&Scalar> {
        match &self.value {
            Value::Scalar(scalar) => Some(scalar),
            Value::Sequence(_) | Value::Mapping(_) => None,
        }
    }

    /// Whether a diagnostic has been given for this very value, so that its type says nothing.
    #[must_use]
    pub fn is_unreadable(&self) -> bool {
        self.as_scalar().is_some_and(|scalar| scalar.meaning == Meaning::Unreadable)
    }

    /// What the value is, in the words of a message: `a list`, `the number 12`.
    #[must_use]
    pub fn describe(&self) -> String {
        match &self.value {
            Value::Sequence(_) => "a list".to_owned(),
            Value::Mapping(_) => "a mapping".to_owned(),
            Value::Scalar(scalar) => match scalar.meaning {
                Meaning::Null if scalar.text.is_empty() => "nothing".to_owned(),
                Meaning::Null => "null".to_owned(),
                Meaning::Bool(truth) => format!("the boolean {truth}"),
                Meaning::Int(_) | Meaning::Natural(_) | Meaning::Float(_) => {
                    format!("the number {}", shorten(&scalar.text))
                }
                Meaning::Text | Meaning::Unreadable => {
                    format!("the text {}", quote(&scalar.text))
                }
            },
        }
    }

    /// The value as JSON, for the schema and for plans.
    #[must_use]
    pub fn to_json(&self) -> serde_json::Value {
        use serde_json::Value as Json;
        match &self.value {
            Value::Sequence(items) => Json::Array(items.iter().map(Self::to_json).collect()),
            Value::Mapping(entries) => Json::Object(
                entries
                    .iter()
                    .map(|entry| (entry.key.text.to_string(), entry.value.to_json()))
                    .collect(),
            ),
            Value::Scalar(Scalar { text, meaning, .. }) => match meaning {
                Meaning::Null | Meaning::Unreadable => Json::Null,
                Meaning::Bool(truth) => Json::Bool(*truth),
                Meaning::Int(number) => Json::from(*number),
                Meaning::Natural(number) => Json::from(*number),
                Meaning::Float(number) => Json::from(*number),
                Meaning::Text => Json::String(text.to_string()),
            },
        }
    }

    /// The value for typed decoding.
    #[must_use]
    pub fn to_yaml(&self) -> serde_yaml::Value {
        use serde_yaml::Value as Yaml;
        match &self.value {
            Value::Sequence(items) => Yaml::Sequence(items.iter().map(Self::to_yaml).collect()),
            Value::Mapping(entries) => Yaml::Mapping(
                entries
                    .iter()
                    .map(|entry| (Yaml::String(entry.key.text.to_string()), entry.value.to_yaml()))
                    .collect(),
            ),
            Value::Scalar(Scalar { text, meaning, .. }) => match meaning {
                Meaning::Null | Meaning::Unreadable => Yaml::Null,
                Meaning::Bool(truth) => Yaml::Bool(*truth),
                Meaning::Int(number) => Yaml::from(*number),
                Meaning::Natural(number) => Yaml::from(*number),
                Meaning::Float(number) => Yaml::from(*number),
                Meaning::Text => Yaml::String(text.to_string()),
            },
        }
    }
}
