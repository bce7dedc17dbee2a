//! The reference of all fields, made from the schemas: what can stand in a manifest, with type, default, example and
//! meaning.
//!
//! A part that only one kind has stands below that kind, in the order in which its fields name it; what several kinds have
//! comes last. An example that no type gives is the least that the schema takes.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use crate::manifest::schema;

/// Parts within parts are shown no deeper in an example.
const DEEPEST: usize = 6;

/// What every document begins with.
const HEAD: [&str; 2] = ["apiVersion", "kind"];

/// A field of the reference.
#[derive(Debug, Clone)]
pub struct Field {
    /// The kind or part that has it.
    pub of: String,
    /// Its name.
    pub name: String,
    /// What it means, with its unit.
    pub meaning: String,
    /// What can stand there, in words.
    pub form: String,
    /// What holds where it is left out; none if nothing is said of it in the schema.
    pub default: Option<Value>,
    /// Whether it has to be there.
    pub is_required: bool,
    /// A value that can stand there.
    pub example: Value,
    /// Its schema, and all that this refers to.
    pub schema: Value,
}

/// All fields, those of a kind or part together, in the order of the page.
pub fn fields() -> Vec<Field> {
    sections().into_iter().flat_map(|section| section.fields).collect()
}

/// The reference as a page of the guide.
pub fn page() -> String {
    let mut page = "Fields: everything that can stand in a manifest, with its type, default and an example.\n\n\
        Times are in seconds or as `90s`, `15m`, `12h`, `30d`; sizes are in bytes. `flespi-gitops guide fields NAME` shows one section.\n"
        .to_owned();
    for section in sections() {
        let marks = if section.is_kind { "#" } else { "##" };
        page.push_str(&format!("\n{marks} {}\n", section.name));
        if !section.about.is_empty() {
            page.push_str(&format!("\n{}\n", section.about));
        }
        page.push('\n');
        section.fields.iter().for_each(|field| page.push_str(&line(field)));
    }
    page
}

/// A kind or a part.
struct Section {
    name: String,
    about: String,
    is_kind: bool,
    fields: Vec<Field>,
}

/// One line of the page.
fn line(field: &Field) -> String {
    let mut notes = vec![field.form.clone()];
    if field.is_required {
        notes.push("required".to_owned());
    }
    if let Some(default) = field.default.as_ref().filter(|default| !is_empty(default)) {
        notes.push(format!("default `{}`", written(default)));
    }
    format!(
        "- `{}` ({}): {} Example: `{}`.\n",
        field.name,
        notes.join("; "),
        field.meaning,
        written(&field.example)
    )
}

fn is_empty(value: &Value) -> bool {
    value.as_array().is_some_and(Vec::is_empty) || value.as_object().is_some_and(Map::is_empty)
}

/// A value as a manifest has it on one line.
fn written(value: &Value) -> String {
    match value {
        Value::String(text) if is_plain(text) => text.clone(),
        Value::Object(members) => {
            let members = members.iter().map(|(name, value)| format!("{name}: {}", written(value)));
            format!("{{{}}}", members.collect::<Vec<_>>().join(", "))
        }
        Value::Array(items) => {
            format!("[{}]", items.iter().map(written).collect::<Vec<_>>().join(", "))
        }
        other => other.to_string(),
    }
}

/// Whether a text means itself without quotes, wherever it stands.
fn is_plain(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_./@*+".contains(&byte))
        && !["true", "false", "null", "yes", "no", "on", "off"].contains(&text)
}

fn sections() -> Vec<Section> {
    let documents: Vec<(String, Value)> = schema::documents()
        .into_iter()
        .filter(|(file, _)| file != "manifest.schema.json")
        .map(|(_, document)| (document["title"].as_str().unwrap_or_default().to_owned(), document))
        .collect();
    let mut used = BTreeMap::<String, usize>::new();
    for (_, document) in &documents {
        parts_of(document, document)
            .into_iter()
            .for_each(|part| *used.entry(part).or_default() += 1);
    }
    let (mut sections, mut shared) = (Vec::new(), Vec::new());
    let mut told = BTreeSet::new();
    for (kind, document) in &documents {
        sections.push(section(kind, document, document, true));
        for part in parts_of(document, document) {
            let Some(schema) = document["$defs"].get(&part) else { continue };
            if !told.insert(part.clone()) {
                continue;
            }
            let section = section(&part, schema, document, false);
            if section.fields.is_empty() {
                continue;
            }
            if used[&part] > 1 { shared.push(section) } else { sections.push(section) }
        }
    }
    if !shared.is_empty() {
        let about = "Parts of several kinds.".to_owned();
        sections.push(Section {
            name: "Shared".to_owned(),
            about,
            is_kind: true,
            fields: Vec::new(),
        });
    }
    sections.extend(shared);
    sections
}

/// The parts that a schema refers to, each once, in the order in which it does.
fn parts_of(schema: &Value, document: &Value) -> Vec<String> {
    let (mut found, mut open) = (Vec::new(), vec![schema]);
    while let Some(next) = open.pop() {
        match next {
            Value::Object(members) => {
                if let Some(part) = members.get("$ref").and_then(Value::as_str).and_then(part_name)
                    && !found.contains(&part)
                {
                    open.extend(document["$defs"].get(&part));
                    found.push(part);
                }
                // Last in, first out.
                let inner = members.iter().filter(|(name, _)| *name != "$defs");
                open.extend(inner.map(|(_, value)| value).rev());
            }
            Value::Array(items) => open.extend(items.iter().rev()),
            _ => {}
        }
    }
    found
}

fn part_name(reference: &str) -> Option<String> {
    reference.strip_prefix("#/$defs/").map(str::to_owned)
}

fn section(name: &str, schema: &Value, document: &Value, is_kind: bool) -> Section {
    let about = schema["description"].as_str().unwrap_or_default().replace('\n', " ");
    let required: Vec<&str> =
        schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let properties = schema["properties"].as_object().into_iter().flatten();
    // What says of a document that it is one is told on the page about manifests.
    let own = properties.filter(|(name, _)| !is_kind || !HEAD.contains(&name.as_str()));
    let fields = own.map(|(field, of)| {
        let mut whole = of.clone();
        whole["$defs"] = document["$defs"].clone();
        Field {
            of: name.to_owned(),
            name: field.clone(),
            meaning: of["description"].as_str().unwrap_or_default().replace('\n', " "),
            form: form(of, document),
            default: of.get("default").cloned(),
            is_required: required.contains(&field.as_str()),
            example: example(of, document, 0),
            schema: whole,
        }
    });
    Section { name: name.to_owned(), about, is_kind, fields: fields.collect() }
}

/// What can stand there, in words.
fn form(schema: &Value, document: &Value) -> String {
    if let Some(part) = schema["$ref"].as_str().and_then(part_name) {
        let inner = &document["$defs"][&part];
        let has_fields = inner["properties"].is_object();
        return if has_fields { part } else { form(inner, document) };
    }
    if let Some(fixed) = schema.get("const") {
        return format!("`{}`", written(fixed));
    }
    if let Some(words) = schema["enum"].as_array() {
        let words: Vec<String> = words.iter().map(|word| format!("`{}`", written(word))).collect();
        return words.join(", ");
    }
    for choice in ["anyOf", "oneOf"] {
        if let Some(forms) = schema[choice].as_array() {
            let mut words: Vec<String> = Vec::new();
            for word in forms.iter().map(|it| form(it, document)) {
                if !words.contains(&word) {
                    words.push(word);
                }
            }
            return words.join(" or ");
        }
    }
    match schema["type"].as_str() {
        Some("array") => format!("list of {}", form(&schema["items"], document)),
        Some("boolean") => "`true` or `false`".to_owned(),
        Some("integer") => "whole number".to_owned(),
        Some("number") => "number".to_owned(),
        Some("object") => match schema.get("additionalProperties") {
            Some(values @ Value::Object(_)) => format!("mapping to {}", form(values, document)),
            _ => "mapping".to_owned(),
        },
        Some("string") => "text".to_owned(),
        _ => "any value".to_owned(),
    }
}

/// A value that can stand there: what the type gives, or the least that the schema takes.
fn example(schema: &Value, document: &Value, depth: usize) -> Value {
    let given = |schema: &Value| schema["examples"].as_array().and_then(|all| all.first().cloned());
    if let Some(given) = given(schema).or_else(|| schema.get("const").cloned()) {
        return given;
    }
    if let Some(default) =
        schema.get("default").filter(|default| !is_empty(default) && !default.is_boolean())
    {
        return default.clone();
    }
    if let Some(part) = schema["$ref"].as_str().and_then(part_name) {
        return example(&document["$defs"][&part], document, depth + 1);
    }
    if let Some(first) = schema["enum"].as_array().and_then(|words| words.first()) {
        return first.clone();
    }
    let choice = ["anyOf", "oneOf"].iter().find_map(|name| schema[name].as_array()?.first());
    if let Some(choice) = choice {
        return example(choice, document, depth + 1);
    }
    match schema["type"].as_str() {
        Some("array") => json!([example(&schema["items"], document, depth + 1)]),
        Some("boolean") => json!(schema["default"] != json!(true)),
        Some("integer" | "number") => number(schema),
        Some("object") if depth < DEEPEST => mapping(schema, document, depth),
        Some("object") => json!({}),
        _ => json!("text"),
    }
}

fn number(schema: &Value) -> Value {
    let meaning = schema["description"].as_str().unwrap_or_default();
    let usual = match () {
        () if meaning.contains("in bytes") => 1_073_741_824,
        () if meaning.contains("in seconds") => 60,
        () if meaning.contains("id ") => 1_234_567,
        () => 10,
    };
    let least = schema["minimum"].as_i64().unwrap_or(usual);
    json!(schema["maximum"].as_i64().unwrap_or(usual).min(usual.max(least)))
}

/// The fields that have to be there, or the first one.
fn mapping(schema: &Value, document: &Value, depth: usize) -> Value {
    let Some(properties) = schema["properties"].as_object() else {
        return match schema.get("additionalProperties") {
            Some(values @ Value::Object(_)) => {
                json!({"name": example(values, document, depth + 1)})
            }
            _ => json!({"team": "fleet"}),
        };
    };
    let required: Vec<&str> =
        schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let wanted =
        properties.iter().enumerate().filter(|(at, (name, _))| match required.is_empty() {
            true => *at == 0,
            false => required.contains(&name.as_str()),
        });
    let members =
        wanted.map(|(_, (name, field))| (name.clone(), example(field, document, depth + 1)));
    Value::Object(members.collect())
}
