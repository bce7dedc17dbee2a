//! What a kind is stands in the table and in the files of its behaviour, and every kind of the table is whole.

use std::path::Path;

use flespi_gitops::resource::Kind;
use serde_json::Value;

use crate::support::World;

/// Where kinds are known by name: the table, what manifests say of them, and how they are exported.
const AT_HOME: &[&str] = &["resource/kinds/", "manifest/kinds/", "export/kinds/"];

/// Who else may name one, and why.
const EXCEPTIONS: &[(&str, &str)] =
    &[("manifest/policy/rules.rs", "the rule no-unlimited is about the quotas that limits have")];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The code without comments and without what only tests see.
fn code(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let end = text.find("#[cfg(test)]\n").unwrap_or(text.len());
    let lines = text[..end].lines().enumerate();
    lines.filter(|(_, line)| !line.trim_start().starts_with("//"))
}

/// Where a file below `src` says by name what holds for one kind.
fn named(path: &str, text: &str) -> Vec<String> {
    let is_at_home = AT_HOME.iter().any(|home| path.starts_with(home));
    let is_excepted = EXCEPTIONS.iter().any(|(file, _)| *file == path);
    // The emulator of the platform has a table of its own.
    if is_at_home || is_excepted || path.starts_with("sandbox/") || path.ends_with("tests.rs") {
        return Vec::new();
    }
    let names_one = |line: &str| {
        Kind::ALL.iter().any(|kind| line.contains(&format!("Kind::{}", kind.row().title)))
    };
    // `Kind::ACCOUNT` and `Kind::KEY` say what an object is needed for; a match on them is a match on a kind.
    let matches_one = |line: &str| {
        ["Kind::ACCOUNT", "Kind::KEY"].iter().any(|role| {
            line.split_once(role).is_some_and(|(before, after)| {
                let is_compared = ["== ", "!= "]
                    .iter()
                    .any(|sign| before.ends_with(sign) || after.trim_start().starts_with(sign));
                is_compared || after.contains("=>") || before.contains("matches!")
            })
        })
    };
    let found = code(text).filter(|(_, line)| names_one(line) || matches_one(line));
    found.map(|(at, line)| format!("src/{path}:{}: {}", at + 1, line.trim())).collect()
}

#[test]
fn no_kind_is_known_by_name_outside_of_the_table_and_the_files_of_behaviour() {
    let src = root().join("src");
    let mut found = Vec::new();
    let mut excepted = 0;
    for entry in walkdir::WalkDir::new(&src).sort_by_file_name() {
        let entry = entry.unwrap();
        let path = entry.path().strip_prefix(&src).unwrap().display().to_string();
        let is_test = path.contains("/tests/");
        if entry.path().extension().is_some_and(|extension| extension == "rs") && !is_test {
            found.extend(named(&path, &std::fs::read_to_string(entry.path()).unwrap()));
            excepted += EXCEPTIONS.iter().filter(|(file, _)| *file == path).count();
        }
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
    assert_eq!(excepted, EXCEPTIONS.len(), "an exception is for a file that is not there");
}

#[test]
fn a_kind_that_is_known_by_name_is_found_in_whatever_form() {
    for line in [
        "if object.kind == Kind::Limit {",
        "    Kind::Token => 1,",
        "matches!(kind, Kind::Subaccount)",
        "        Effect::Delete { kind: Kind::ACCOUNT, id } => Some(id),",
        "let is_key = kind == Kind::KEY;",
        "actual.get(crate::resource::Kind::Limit, id)",
    ] {
        assert_eq!(named("plan/new.rs", line).len(), 1, "{line}");
        assert!(named("resource/kinds/new.rs", line).is_empty(), "{line}");
    }
    for line in [
        "// Kind::Limit",
        "kind.is_key()",
        "actual.get(Kind::ACCOUNT, id)",
        "Effect::Retire(effect) => alone(Kind::KEY, effect.id),",
        "if action == Action::Delete && lost.insert((Kind::ACCOUNT, id)) {",
    ] {
        assert!(named("plan/new.rs", line).is_empty(), "{line}");
    }
}

/// The manifests of all examples, as text.
fn examples() -> String {
    let files = walkdir::WalkDir::new(root().join("examples")).into_iter().map(Result::unwrap);
    let is_manifest = |path: &Path| path.extension().is_some_and(|extension| extension == "yaml");
    files
        .filter(|file| is_manifest(file.path()))
        .map(|file| std::fs::read_to_string(file.path()).unwrap())
        .collect()
}

#[test]
fn every_kind_of_the_table_has_a_schema_a_quota_an_example_and_a_collection_of_the_sandbox() {
    let world = World::new();
    let examples = examples();
    for kind in Kind::ALL {
        let row = kind.row();
        let schema = root().join(format!("schemas/{}.schema.json", row.word));
        let schema: Value =
            serde_json::from_str(&std::fs::read_to_string(schema).unwrap()).unwrap();
        assert_eq!(schema["properties"]["kind"]["const"], row.title, "{kind}");
        let quotas: Value = serde_json::from_str(
            &std::fs::read_to_string(root().join("schemas/limit.schema.json")).unwrap(),
        )
        .unwrap();
        let counted = row.quota.map(|it| &quotas["$defs"]["LimitSpec"]["properties"][it]);
        assert!(counted.is_none_or(Value::is_object), "{kind}: no limit has {:?}", row.quota);
        assert!(examples.contains(&format!("kind: {}\n", row.title)), "{kind}: no example");
        // Every field of the row is one that the platform knows.
        let fields = row.fields().map(|field| field.name).filter(|name| row.is_readable(name));
        let fields: Vec<&str> = fields.collect();
        let holder = kind.container().map(|(holder, _)| format!("{}/all/", holder.collection()));
        let place = holder.unwrap_or_default() + row.collection;
        let path = format!("/platform/{place}/all?fields={}", fields.join(","));
        world.api("GET", &path, None);
    }
}
