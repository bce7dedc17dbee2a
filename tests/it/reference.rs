//! The reference of fields is that of the types, and leaves nobody with half of a field.

use std::path::Path;

use flespi_gitops::report::{fields, reference_page};

/// With `UPDATE_SCHEMAS=1` the page is written instead of compared.
#[test]
fn the_page_is_made_from_the_types() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/guide/fields.md");
    let page = reference_page();
    if std::env::var_os("UPDATE_SCHEMAS").is_some() {
        std::fs::write(&path, &page).unwrap();
    }
    let there = std::fs::read_to_string(&path).unwrap();
    assert!(there == page, "src/guide/fields.md is stale: run this test with UPDATE_SCHEMAS=1");
}

/// What a number may count or measure, in the words of the descriptions.
const UNITS: [&str; 11] = [
    "second",
    "bytes",
    "per minute",
    "per month",
    "number of",
    "id of",
    "this id",
    "objects",
    "items",
    "percent",
    "messages that",
];

#[test]
fn every_field_has_a_meaning_a_unit_if_it_is_a_number_and_an_example_that_its_schema_takes() {
    let all = fields();
    assert!(all.len() > 300, "{}", all.len());
    let mut wrong = Vec::new();
    for field in all {
        let place = format!("{} {}", field.of, field.name);
        if field.meaning.len() <= 10 {
            wrong.push(format!("{place} means {:?}", field.meaning));
        }
        if field.form == "whole number" {
            let meaning = field.meaning.to_lowercase();
            let has_unit = UNITS.iter().any(|unit| meaning.contains(unit));
            if !has_unit {
                wrong.push(format!("{place} has no unit: {meaning}"));
            }
        }
        let schema = jsonschema::draft202012::new(&field.schema).unwrap();
        for error in schema.iter_errors(&field.example) {
            wrong.push(format!("{place}: {}: {error}", field.example));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
