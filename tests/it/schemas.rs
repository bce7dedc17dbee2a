//! What an editor gets: descriptions, words, bounds, examples and defaults.

use std::path::Path;

use flespi_gitops::schemas;
use serde_json::{Map, Value};

/// The schemas of what people write; plans, reports and explanations are only read.
fn of_manifests() -> impl Iterator<Item = (String, Value)> {
    let written = ["limit", "manifest", "stack", "subaccount", "template", "token"];
    schemas::all().into_iter().filter(move |(name, _)| {
        name.strip_suffix(".schema.json").is_some_and(|name| written.contains(&name))
    })
}

/// Calls `visit` with every property below `schema`, and where it is.
fn properties(schema: &Value, place: &str, visit: &mut dyn FnMut(&str, &Value)) {
    match schema {
        Value::Object(fields) => {
            if let Some(Value::Object(known)) = fields.get("properties") {
                for (name, property) in known {
                    visit(&format!("{place}/{name}"), property);
                }
            }
            for (name, value) in fields {
                properties(value, &format!("{place}/{name}"), visit);
            }
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                properties(item, &format!("{place}/{index}"), visit);
            }
        }
        _ => {}
    }
}

#[test]
fn every_property_has_a_description() {
    for (name, document) in of_manifests() {
        let mut seen = 0;
        properties(&document, &name, &mut |place, property| {
            let text = property["description"].as_str().unwrap_or_default();
            assert!(text.len() > 5, "{place} has no description");
            assert!(text.contains('.') || text.contains(' '), "{place}: {text}");
            seen += 1;
        });
        assert!(seen > 5, "{name}");
    }
}

#[test]
fn every_description_of_a_type_is_there_too() {
    for (name, document) in of_manifests() {
        let none = serde_json::Map::new();
        for (definition, schema) in document["$defs"].as_object().unwrap_or(&none) {
            assert!(schema["description"].is_string(), "{name}: {definition}");
            for word in schema["oneOf"].as_array().into_iter().flatten() {
                if word.get("const").is_some() {
                    assert!(word["description"].is_string(), "{name}: {definition}: {word}");
                }
            }
        }
    }
}

#[test]
fn defaults_and_examples_are_valid_themselves() {
    for (name, document) in of_manifests() {
        let mut examples = 0;
        properties(&document, &name, &mut |place, property| {
            let mut schema = property.clone();
            let Some(fields) = schema.as_object_mut() else { return };
            fields.insert("$defs".to_owned(), document["$defs"].clone());
            let validator = jsonschema::draft202012::new(&schema).unwrap();
            let given = property["examples"].as_array().into_iter().flatten();
            for value in given.chain(property.get("default")) {
                assert!(validator.is_valid(value), "{place}: {value}");
                examples += 1;
            }
        });
        assert!(examples > 0, "{name} has neither examples nor defaults");
    }
}

/// Calls `visit` with every schema below `schema`, and where it is.
fn each_schema(schema: &Value, place: &str, visit: &mut dyn FnMut(&str, &Map<String, Value>)) {
    let Value::Object(fields) = schema else { return };
    visit(place, fields);
    for (keyword, value) in fields {
        match (keyword.as_str(), value) {
            ("properties" | "patternProperties" | "$defs", Value::Object(named)) => {
                for (name, value) in named {
                    each_schema(value, &format!("{place}/{keyword}/{name}"), visit);
                }
            }
            ("anyOf" | "oneOf" | "allOf" | "prefixItems", Value::Array(all)) => {
                for (index, value) in all.iter().enumerate() {
                    each_schema(value, &format!("{place}/{keyword}/{index}"), visit);
                }
            }
            ("items" | "additionalProperties" | "propertyNames" | "not", value) => {
                each_schema(value, &format!("{place}/{keyword}"), visit);
            }
            _ => {}
        }
    }
}

/// Keywords, and the only type of values about which they say something.
const KEYWORDS: &[(&str, &[&str])] = &[
    (
        "object",
        &["properties", "patternProperties", "additionalProperties", "propertyNames", "required"],
    ),
    ("object", &["minProperties", "maxProperties"]),
    ("array", &["items", "prefixItems", "minItems", "maxItems", "uniqueItems"]),
    ("string", &["pattern", "minLength", "maxLength", "format"]),
    ("number", &["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"]),
    ("", &["$schema", "$ref", "$defs", "title", "description", "default", "examples", "type"]),
    ("", &["enum", "const", "anyOf", "oneOf", "allOf", "not"]),
];

/// The part of a strict validator's rules that can be held here; `tests/schemas-strict.sh` asks such a validator itself.
#[test]
fn a_strict_validator_finds_nothing_unknown_in_any_schema() {
    for (name, document) in schemas::all() {
        each_schema(&document, &name, &mut |place, schema| {
            let kinds: Vec<&str> = match schema.get("type") {
                Some(Value::Array(kinds)) => kinds.iter().filter_map(Value::as_str).collect(),
                kind => kind.and_then(Value::as_str).into_iter().collect(),
            };
            // The name of a property is text, whatever is said of it.
            let is_name = place.contains("/propertyNames");
            let fits = |wanted: &str| {
                kinds.contains(&wanted)
                    || (wanted == "number" && kinds.contains(&"integer"))
                    || (wanted == "string" && is_name)
            };
            for keyword in schema.keys() {
                let known = KEYWORDS.iter().find(|(_, words)| words.contains(&keyword.as_str()));
                let (kind, _) = known.unwrap_or_else(|| panic!("{place}: `{keyword}` is unknown"));
                assert!(kind.is_empty() || fits(kind), "{place}: `{keyword}` is of {kind}");
            }
            if let Some(format) = schema.get("format") {
                assert_eq!(format, "date-time", "{place}: JSON Schema has no such format");
            }
            let none = Map::new();
            let properties = schema.get("properties").and_then(Value::as_object).unwrap_or(&none);
            for wanted in schema.get("required").and_then(Value::as_array).into_iter().flatten() {
                let wanted = wanted.as_str().unwrap();
                assert!(properties.contains_key(wanted), "{place}: {wanted} is required only");
            }
        });
    }
}

/// A language server reads the line for the document that it stands in, so the second document of a file needs it again.
#[test]
fn the_line_that_makes_an_editor_use_them_is_in_every_document_of_the_examples() {
    const LINE: &str = "# yaml-language-server: $schema=";
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = std::fs::read_to_string(root.join("src/guide/manifests.md")).unwrap();
    assert!(page.contains("# yaml-language-server: $schema=../schemas/manifest.schema.json"));
    let mut documents = 0;
    for example in ["devices-by-name", "first-subaccount", "fleet", "tenants"] {
        for entry in walkdir::WalkDir::new(root.join("examples").join(example)) {
            let path = entry.unwrap().into_path();
            if path.extension().is_none_or(|extension| extension != "yaml") {
                continue;
            }
            let text = std::fs::read_to_string(&path).unwrap();
            for document in text.split("---\n") {
                let line = document.lines().next().unwrap_or_default();
                let schema = line.strip_prefix(LINE);
                let schema = schema.unwrap_or_else(|| panic!("{}: {line}", path.display()));
                assert!(path.parent().unwrap().join(schema).is_file(), "{}", path.display());
                documents += 1;
            }
        }
    }
    assert!(documents > 30, "{documents}");
}
