//! The house keeps its own rules.

use std::collections::BTreeSet;
use std::path::Path;

use flespi_gitops::schemas;
use serde_json::Value;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Every Rust file below `folder`, with its text.
pub fn sources(folder: &str) -> Vec<(String, String)> {
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
        let path = folder.join(&name);
        if update {
            std::fs::create_dir_all(&folder).unwrap();
            std::fs::write(&path, &text).unwrap();
        }
        let there = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(there == text, "schemas/{name} is stale: run `cargo run -- schema --out schemas`");
        expected.push(name);
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
    pure.extend(sources("src/import"));
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

/// The names of the tests in a piece of Rust: functions that are called by nothing but their attribute.
fn tests_in(text: &str) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    let mut is_test = false;
    for line in text.lines().map(str::trim) {
        is_test |= line.starts_with("#[test]") || line.starts_with("#[tokio::test");
        let line = line.strip_prefix("pub ").unwrap_or(line);
        let line = line.strip_prefix("async ").unwrap_or(line);
        if let Some(rest) = line.strip_prefix("fn ") {
            let name: String =
                rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
            if std::mem::take(&mut is_test) {
                names.insert(name);
            }
        }
    }
    names
}

/// Every test by the name under which it is run, `lib ` or `it ` before it.
pub fn tests() -> BTreeSet<String> {
    let mut all = BTreeSet::new();
    for (folder, binary) in [("src", "lib"), ("tests/it", "it")] {
        for (file, text) in sources(folder) {
            let path = file.strip_prefix(folder).unwrap().trim_start_matches('/');
            let path = path.strip_suffix(".rs").unwrap();
            let path = path.strip_suffix("/mod").unwrap_or(path).replace('/', "::");
            // What stands beside the code of a file is in its module `tests`; a file of tests is one itself.
            let is_all_tests =
                binary == "it" || path.split("::").any(|part| ["tests", "hostile"].contains(&part));
            let module = if is_all_tests { path } else { format!("{path}::tests") };
            all.extend(
                tests_in(&text).into_iter().map(|name| format!("{binary} {module}::{name}")),
            );
        }
    }
    all
}

#[test]
fn every_planted_bug_still_fits_and_names_tests_that_are_there() {
    let table = std::fs::read_to_string(root().join("tests/planted/bugs.json")).unwrap();
    let rows: Vec<Value> = serde_json::from_str(&table).unwrap();
    let tests = tests();
    let mut names = BTreeSet::new();
    let mut wrong = Vec::new();
    for row in &rows {
        let text = |member: &str| row[member].as_str().unwrap_or_default();
        let (name, old) = (text("name"), text("old"));
        if !names.insert(name) || old == text("new") {
            wrong.push(format!("{name}: twice, or no bug"));
        }
        let file = std::fs::read_to_string(root().join(text("file"))).unwrap_or_default();
        let count = file.matches(old).count();
        if old.is_empty() || count != 1 {
            wrong.push(format!("{name}: its text occurs {count} times in {}", text("file")));
        }
        let of_row: Vec<&str> =
            row["tests"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
        let missing = of_row.iter().filter(|test| !tests.contains(**test));
        wrong.extend(missing.map(|test| format!("{name}: there is no test `{test}`")));
        if of_row.is_empty() {
            wrong.push(format!("{name}: no test is named"));
        }
    }
    assert!(rows.len() >= 40, "{}", rows.len());
    assert!(wrong.is_empty(), "tests/planted/bugs.json:\n{}", wrong.join("\n"));
}

/// What a page about security claims without showing it: tests that are not among `tests`, and lines below a heading that
/// says that somebody cannot do something, without the name of any test.
fn unshown(page: &str, tests: &BTreeSet<String>) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut is_promise = false;
    // A line of a list goes on until the next one, or an empty one.
    let mut entry = String::new();
    for line in page.lines().chain([""]) {
        let line = line.trim_end();
        let begins = line.starts_with("- ") || line.starts_with("| ") || line.starts_with('#');
        if begins || line.is_empty() {
            let said = std::mem::take(&mut entry);
            let named = named_tests(&said);
            let absent =
                named.iter().filter(|name| !tests.iter().any(|test| is_called(test, name)));
            wrong.extend(absent.map(|name| format!("there is no test `{name}`")));
            let is_entry = said.starts_with("- ") || said.starts_with("| ");
            let is_head = said.starts_with("| ---") || said.ends_with("Shown by |");
            if is_promise && is_entry && !is_head && named.is_empty() {
                wrong.push(format!("no test shows: {said}"));
            }
        }
        if let Some(heading) = line.strip_prefix('#') {
            is_promise = heading.to_lowercase().contains("cannot");
        } else if !line.is_empty() {
            entry = format!("{entry} {}", line.trim_start()).trim_start().to_owned();
        }
    }
    wrong
}

/// What stands in backticks and has the form `module::name`.
pub fn named_tests(text: &str) -> Vec<&str> {
    let is_name = |code: &&str| {
        let is_part = |part: &str| {
            !part.is_empty()
                && part.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
        };
        code.contains("::") && code.split("::").all(is_part)
    };
    text.split('`').skip(1).step_by(2).filter(is_name).collect()
}

/// Whether a test may be called by the last parts of its name.
pub fn is_called(test: &str, name: &str) -> bool {
    let (_, full) = test.split_once(' ').unwrap_or_default();
    full == name || full.ends_with(&format!("::{name}"))
}

#[test]
fn whatever_the_page_about_security_promises_is_shown_by_a_test() {
    let page = std::fs::read_to_string(root().join("src/security.md")).unwrap();
    assert!(named_tests(&page).len() > 50);
    let wrong = unshown(&page, &tests());
    assert!(wrong.is_empty(), "src/security.md:\n{}", wrong.join("\n"));
}

#[test]
fn a_page_that_promises_more_than_is_shown_is_found_out() {
    let tests = BTreeSet::from(["it guards::one".to_owned(), "lib plan::tests::two".to_owned()]);
    let good = "# It cannot\n\n- Do this\n  (`guards::one`).\n\n| It | Shown by |\n| --- | --- |\n\
                | that | `tests::two` |\n\n# What it can do\n\n- Everything else.\n";
    assert_eq!(unshown(good, &tests), Vec::<String>::new());
    for (from, to, expected) in [
        ("`guards::one`", "`guards::gone`", "there is no test `guards::gone`"),
        ("`guards::one`", "`ards::one`", "there is no test `ards::one`"),
        ("\n  (`guards::one`)", "", "no test shows: - Do this."),
        ("`tests::two`", "we hope", "no test shows: | that | we hope |"),
        ("- Everything", "- `guards::three` Everything", "there is no test `guards::three`"),
    ] {
        let page = good.replace(from, to);
        assert_eq!(unshown(&page, &tests), [expected], "{page}");
    }
}
