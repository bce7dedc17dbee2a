//! What an editor gets: descriptions, words, bounds, examples and defaults.

use std::path::Path;

use flespi_gitops::schemas;
use serde_json::Value;

/// The schemas of what people write; plans, reports and explanations are only read.
fn of_manifests() -> impl Iterator<Item = (&'static str, Value)> {
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
        properties(&document, name, &mut |place, property| {
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
        properties(&document, name, &mut |place, property| {
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

#[test]
fn the_line_that_makes_an_editor_use_them_is_in_the_readme_and_in_the_examples() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let readme = std::fs::read_to_string(root.join("README.md")).unwrap();
    assert!(readme.contains("# yaml-language-server: $schema=../schemas/manifest.schema.json"));
    let tenants = std::fs::read_to_string(root.join("examples/tenants/tenant.yaml")).unwrap();
    assert!(
        tenants.starts_with("# yaml-language-server: $schema=../../schemas/manifest.schema.json\n")
    );
}
