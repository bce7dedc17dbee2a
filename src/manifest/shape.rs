//! What a schema says of a place: which forms a value may take there, which fields a mapping has, which examples there are.

use jsonschema::ValidationError;
use serde_json::Value;

use super::wording::{Form, listed};

/// A schema, to be asked about its parts.
#[derive(Clone, Copy)]
pub(super) struct Shape<'a>(pub(super) &'a Value);

impl<'a> Shape<'a> {
    /// The schema that holds the broken keyword.
    pub(super) fn schema_of(&self, error: &ValidationError<'_>) -> Option<&'a Value> {
        let (holder, _) = error.schema_path().as_str().rsplit_once('/')?;
        self.0.pointer(holder)
    }

    /// Whether the text whose pattern was broken could be an integer just as well.
    pub(super) fn takes_integer(&self, error: &ValidationError<'_>) -> bool {
        let holder = error.schema_path().as_str().rsplit_once("/anyOf/").map(|(holder, _)| holder);
        let schema = holder.and_then(|holder| self.0.pointer(holder));
        schema.is_some_and(|schema| {
            self.branches(schema).iter().any(|(_, form)| matches!(form, Form::Integer))
        })
    }

    /// The fields of the mapping whose `additionalProperties` was broken.
    pub(super) fn known_fields(&self, error: &ValidationError<'_>) -> Vec<&'a str> {
        self.schema_of(error).map(property_names).unwrap_or_default()
    }

    /// The schema that a reference leads to; ours are one step long.
    fn resolve(&self, schema: &'a Value) -> &'a Value {
        schema
            .get("$ref")
            .and_then(Value::as_str)
            .and_then(|reference| self.0.pointer(reference.strip_prefix('#')?))
            .unwrap_or(schema)
    }

    /// Every form that a schema takes, with the number of the branch that it comes from.
    pub(super) fn branches(&self, schema: &'a Value) -> Vec<(usize, Form<'a>)> {
        let alternatives = schema.get("anyOf").or_else(|| schema.get("oneOf"));
        let mut forms = Vec::new();
        match alternatives.and_then(Value::as_array) {
            Some(branches) => {
                for (branch, schema) in branches.iter().enumerate() {
                    self.forms(schema, branch, &mut forms);
                }
            }
            None => self.forms(schema, 0, &mut forms),
        }
        forms
    }

    fn forms(&self, schema: &'a Value, branch: usize, out: &mut Vec<(usize, Form<'a>)>) {
        let schema = self.resolve(schema);
        if let Some(word) = schema.get("const").and_then(Value::as_str) {
            out.push((branch, Form::Word(word)));
            return;
        }
        if let Some(words) = schema.get("enum").and_then(Value::as_array) {
            let words = words.iter().filter_map(Value::as_str);
            out.extend(words.map(|word| (branch, Form::Word(word))));
            return;
        }
        let alternatives = schema.get("anyOf").or_else(|| schema.get("oneOf"));
        if let Some(alternatives) = alternatives.and_then(Value::as_array) {
            for schema in alternatives {
                self.forms(schema, branch, out);
            }
            return;
        }
        let form = match schema.get("type").and_then(Value::as_str) {
            Some("string") => Form::Text,
            Some("integer") => Form::Integer,
            Some("number") => Form::Number,
            Some("boolean") => Form::Boolean,
            Some("array") => Form::List,
            Some("object") => {
                let required = schema.get("required").and_then(Value::as_array);
                let first = required.and_then(|names| names.first());
                Form::Mapping(first.and_then(Value::as_str))
            }
            _ => return,
        };
        out.push((branch, form));
    }

    /// The examples of the schema, or of the one that it is an alternative of.
    pub(super) fn examples(&self, error: &ValidationError<'_>) -> Option<String> {
        let (mut holder, _) = error.schema_path().as_str().rsplit_once('/')?;
        loop {
            let schema = self.0.pointer(holder)?;
            if let Some(examples) = schema.get("examples").and_then(Value::as_array) {
                let examples: Vec<String> = examples
                    .iter()
                    .map(|example| match example.as_str() {
                        Some(text) => text.to_owned(),
                        None => example.to_string(),
                    })
                    .collect();
                let examples: Vec<&str> = examples.iter().map(String::as_str).collect();
                return Some(format!("write something like {}", listed(&examples, "or")));
            }
            let (outer, _) = holder.rsplit_once("/anyOf/")?;
            holder = outer;
        }
    }

    /// The fields of a part of the manifest.
    pub(super) fn fields_of(&self, section: &str) -> Vec<&'a str> {
        let schema = match section {
            "" => Some(self.0),
            _ => self.0.pointer(&format!("/properties{section}")),
        };
        schema.map(|schema| self.resolve(schema)).map(property_names).unwrap_or_default()
    }
}

fn property_names(schema: &Value) -> Vec<&str> {
    schema
        .get("properties")
        .and_then(Value::as_object)
        .map(|properties| properties.keys().map(String::as_str).collect())
        .unwrap_or_default()
}
