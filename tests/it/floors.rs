//! The floors of the house: whoever lives on one knows only those below it.

use std::collections::BTreeSet;
use std::path::Path;

/// Every room, from the cellar up. A room imports from those that stand before it, and from no other.
const FLOORS: &[&str] = &[
    // What anybody may use.
    "run",
    "causes",
    "children",
    "files",
    "glob",
    "handles",
    "host",
    "private",
    "profile",
    "shutdown",
    "transport",
    // Words and nouns.
    "rights",
    "source",
    "diagnostic",
    "reading",
    "secret",
    "git",
    "cassette",
    "assumptions",
    "resource",
    // What reads and writes.
    "events",
    "lock",
    "sandbox",
    "api",
    "manifest",
    "observe",
    "probe",
    // What decides and does.
    "plan",
    "apply",
    "history",
    "pause",
    "undo",
    "export",
    "import",
    "report",
    "reconcile",
    // What runs.
    "watch",
    "notice",
    "serve",
    "schemas",
    "cli",
];

/// The other reading of the platform's contract shares nothing with the client but these.
const OF_THE_SANDBOX: &[&str] = &["files", "host", "private"];

/// Which rooms the code names: in any path that begins with `crate::`, groups included. Documentation may point anywhere,
/// and tests may know everything.
fn imports(text: &str) -> BTreeSet<String> {
    let code = text.split("#[cfg(test)]\nmod ").next().unwrap_or_default();
    let code: String = code
        .lines()
        .filter(|line| !line.trim_start().starts_with("//"))
        .map(|line| format!("{line}\n"))
        .collect();
    let mut rooms = BTreeSet::new();
    for (at, _) in code.match_indices("crate::") {
        // `$crate::` of a macro of ours is the same crate, `my_crate::` is not.
        if code[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_') {
            continue;
        }
        let rest = &code[at + "crate::".len()..];
        match rest.strip_prefix('{') {
            Some(group) => rooms.extend(heads(group)),
            None => rooms.extend(head(rest)),
        }
    }
    rooms
}

/// The first name of every path in a group, up to the brace that ends it.
fn heads(group: &str) -> Vec<String> {
    let (mut depth, mut is_head, mut heads) = (0, true, Vec::new());
    for (at, c) in group.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => is_head = true,
            c if c.is_alphabetic() && is_head => {
                heads.extend(head(&group[at..]));
                is_head = false;
            }
            _ => {}
        }
    }
    heads
}

fn head(path: &str) -> Option<String> {
    let end = path.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(path.len());
    let name = path[..end].trim();
    // What stands in lib.rs itself is no room.
    name.starts_with(char::is_lowercase).then(|| name.to_owned())
}

/// What is wrong with these files, each given by its path below `src` and its text.
fn faults<'a>(files: impl IntoIterator<Item = (&'a str, &'a str)>) -> Vec<String> {
    let floor = |room: &str| FLOORS.iter().position(|known| *known == room);
    let mut faults = Vec::new();
    for (path, text) in files {
        let first = path.split('/').next().unwrap_or_default();
        let room = first.strip_suffix(".rs").unwrap_or(first);
        if matches!(room, "lib" | "main") || path.contains("/tests") {
            continue;
        }
        let Some(here) = floor(room) else {
            faults.push(format!("{room} is not in the list"));
            continue;
        };
        for import in imports(text).into_iter().filter(|import| import != room) {
            let is_below = floor(&import).is_some_and(|there| there < here);
            let is_allowed = room != "sandbox" || OF_THE_SANDBOX.contains(&&*import);
            if !is_below || !is_allowed {
                faults.push(format!("{path} must not know {import}"));
            }
        }
    }
    faults
}

#[test]
fn rooms_know_only_what_lies_below_them() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let files: Vec<(String, String)> = walkdir::WalkDir::new(&root)
        .into_iter()
        .map(Result::unwrap)
        .filter(|entry| entry.path().extension().is_some_and(|extension| extension == "rs"))
        .map(|entry| {
            let path = entry.path().strip_prefix(&root).unwrap().display().to_string();
            (path, std::fs::read_to_string(entry.path()).unwrap())
        })
        .collect();
    assert!(files.len() > 300);
    let found = faults(files.iter().map(|(path, text)| (&**path, &**text)));
    assert!(found.is_empty(), "{}", found.join("\n"));
    for room in FLOORS {
        let is_there = files.iter().any(|(path, _)| {
            path.split('/').next().is_some_and(|first| first.trim_end_matches(".rs") == *room)
        });
        assert!(is_there, "{room} is in the list, and there is no such room");
    }
}

#[test]
fn an_import_upwards_is_found_in_whatever_form() {
    let one = |path, text| faults([(path, text)]);
    for text in [
        "use crate::plan::Plan;",
        "use crate::plan;",
        "use crate::{api, plan};",
        "use crate::{api::{Client, request}, plan::Plan};",
        "fn f() { crate::plan::plan() }",
        "macro_rules! m { () => { $crate::plan::plan() } }",
        "pub(in crate::plan) fn f() {}",
    ] {
        assert_eq!(one("observe/mod.rs", text), ["observe/mod.rs must not know plan"], "{text}");
        assert!(one("apply/mod.rs", text).is_empty(), "{text}");
    }
    assert_eq!(one("attic/mod.rs", ""), ["attic is not in the list"]);
    assert_eq!(one("attic.rs", ""), ["attic is not in the list"]);
    assert_eq!(one("api/mod.rs", "use crate::attic::X;"), ["api/mod.rs must not know attic"]);
    let shares = "use crate::resource::Kind;";
    assert_eq!(one("sandbox/world.rs", shares), ["sandbox/world.rs must not know resource"]);
}

#[test]
fn documentation_tests_and_what_lies_below_may_be_named() {
    for text in [
        "//! [`crate::cli`]",
        "    /// See [`plan`](crate::plan).",
        "use crate::source::Span;",
        "use crate::Thing;",
        "use other_crate::plan::Plan;",
        "#[cfg(test)]\nmod tests {\n    use crate::cli::Output;\n}",
    ] {
        assert!(faults([("resource/mod.rs", text)]).is_empty(), "{text}");
    }
}
