//! The house keeps its own rules.

use std::path::Path;

use flespi_gitops::schemas;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Every Rust file below `folder`, with its text.
fn sources(folder: &str) -> Vec<(String, String)> {
    walkdir::WalkDir::new(root().join(folder))
        .sort_by_file_name()
        .into_iter()
        .map(Result::unwrap)
        .filter(|entry| entry.path().extension().is_some_and(|extension| extension == "rs"))
        .map(|entry| {
            let name = entry.path().strip_prefix(root()).unwrap().display().to_string();
            (name, std::fs::read_to_string(entry.path()).unwrap())
        })
        .collect()
}

/// With `UPDATE_SCHEMAS=1` the files are written instead of compared.
#[test]
fn the_published_schemas_are_those_of_the_types() {
    let update = std::env::var_os("UPDATE_SCHEMAS").is_some();
    let folder = root().join("schemas");
    let mut expected: Vec<String> = Vec::new();
    for (name, document) in schemas::all() {
        let text = serde_json::to_string_pretty(&document).unwrap() + "\n";
        let path = folder.join(name);
        if update {
            std::fs::create_dir_all(&folder).unwrap();
            std::fs::write(&path, &text).unwrap();
        }
        let there = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(there == text, "schemas/{name} is stale: run `cargo run -- schema --out schemas`");
        expected.push(name.to_owned());
    }
    let mut there: Vec<String> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    there.sort();
    expected.sort();
    assert_eq!(there, expected, "schemas/ holds nothing else");
}

#[test]
fn every_file_of_tests_is_part_of_the_binary() {
    let main = std::fs::read_to_string(root().join("tests/it/main.rs")).unwrap();
    for entry in std::fs::read_dir(root().join("tests/it")).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        let is_module = path.extension().is_some_and(|e| e == "rs") || path.join("mod.rs").exists();
        if is_module && name != "main" {
            assert!(main.contains(&format!("mod {name};")), "tests/it/{name} is forgotten");
        }
    }
}

#[test]
fn the_planner_has_no_clock_no_tasks_and_no_chance() {
    let forbidden = ["tokio", "async ", "std::time", "rand::", "reqwest", "std::fs", "std::env"];
    let mut pure = sources("src/plan");
    pure.extend(sources("src/resource"));
    pure.extend(sources("src/export"));
    pure.extend(sources("src/rights"));
    pure.extend(
        sources("src/apply").into_iter().filter(|(name, _)| name.ends_with("scheduler.rs")),
    );
    assert!(pure.len() > 10);
    for (name, text) in pure {
        for word in forbidden {
            assert!(!text.contains(word), "{name} must be pure, and mentions `{word}`");
        }
    }
}
