//! Broken manifests, each with the lines that a person gets to read about it.
//!
//! A case is a file `NAME.yaml`, or a folder `NAME` where the mistake lies between files, and beside it stands
//! `NAME.expected`: the findings, one line each. `UPDATE_EXPECT=1` writes the expected files anew; what they say is then
//! to be read like prose before it is committed.
//!
//! In a case called `NAME.fixable.yaml` the suggested edits repair everything: with all of them applied the file has to
//! load without an error.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use flespi_gitops::diagnostic::{Code, Diagnostic, Diagnostics, Severity, render};
use flespi_gitops::manifest::{Load, load};
use similar::TextDiff;

/// 2026-01-01T00:00:00Z: what has passed and what has not must not depend on the day.
const NOW: i64 = 1_767_225_600;

/// Fewer cases than this mean that some were lost.
const LEAST_CASES: usize = 60;

/// Codes that no file in a folder of cases can show, and why.
const WITHOUT_CASE: [(Code, &str); 7] = [
    (Code::UnfinishedCheckout, "takes a git that is at work; see `left_out.rs`"),
    (Code::UnknownOverlay, "takes an overlay to be chosen; see `compose.rs`"),
    (Code::OverlayTarget, "takes an overlay to be chosen; see `compose.rs`"),
    (Code::TemplateBudget, "takes a hundred thousand rows; see `compose.rs`"),
    (
        Code::TooLarge,
        "seventeen megabytes are too much for a repository; see `a_file_larger_than_any_manifest_is_told`",
    ),
    (Code::TooManyProblems, "takes a thousand lines; see `a_flood_of_problems_is_counted`"),
    (
        Code::Schema,
        "stands in for violations that have no words of their own, and our schemas can cause none",
    ),
];

struct Case {
    name: String,
    path: PathBuf,
}

impl Case {
    fn expected(&self) -> PathBuf {
        folder().join(format!("{}.expected", self.name))
    }
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/cases/validate")
}

/// Every case, and the expected files that belong to none.
fn cases() -> (Vec<Case>, Vec<PathBuf>) {
    let entries = std::fs::read_dir(folder()).unwrap();
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    let (expected, inputs): (Vec<_>, Vec<_>) = paths
        .into_iter()
        .partition(|path| path.extension().is_some_and(|extension| extension == "expected"));
    let cases: Vec<Case> = inputs
        .into_iter()
        .map(|path| {
            let name = path.file_name().unwrap().to_str().unwrap();
            let name = name.strip_suffix(".yaml").unwrap_or(name).to_owned();
            Case { name, path }
        })
        .collect();
    let known: BTreeSet<PathBuf> = cases.iter().map(Case::expected).collect();
    let orphans = expected.into_iter().filter(|path| !known.contains(path)).collect();
    (cases, orphans)
}

/// What is said about the manifests at `path`, with paths as seen from the folder of the cases.
fn said(path: &Path, load: &Load) -> String {
    let lines = render::short(&load.sources, load.diagnostics.as_slice());
    let parent = format!("{}/", path.parent().unwrap().display());
    lines.replace(&parent, "")
}

fn load_at(path: &Path) -> Load {
    load(&[path.to_owned()], NOW)
}

fn errors(load: &Load) -> usize {
    load.diagnostics.count(Severity::Error)
}

#[test]
fn every_broken_manifest_is_told_as_expected() {
    let update = std::env::var_os("UPDATE_EXPECT").is_some_and(|value| value == "1");
    let (cases, orphans) = cases();
    let mut complaints = String::new();
    // What is wrong with a recipient is known to programs that have age.
    let is_run = |case: &&Case| cfg!(feature = "age") || case.name != "token-deliver-age-mistyped";
    for case in cases.iter().filter(is_run) {
        let loaded = load_at(&case.path);
        let said = said(&case.path, &loaded);
        if update {
            std::fs::write(case.expected(), &said).unwrap();
        }
        match std::fs::read_to_string(case.expected()) {
            Err(_) => {
                let _ = writeln!(
                    complaints,
                    "{}: no expected file; what is said is\n{said}",
                    case.name
                );
            }
            Ok(expected) if expected != said => {
                let diff = TextDiff::from_lines(&expected, &said);
                let diff = diff.unified_diff().header("expected", "said").to_string();
                let _ = writeln!(complaints, "{}:\n{diff}", case.name);
            }
            Ok(_) => {}
        }
        if said.is_empty() {
            let _ = writeln!(complaints, "{}: nothing is said about it", case.name);
        }
        if let Err(complaint) = check_suggestions(case, &loaded) {
            let _ = writeln!(complaints, "{}: {complaint}", case.name);
        }
    }
    for orphan in orphans {
        let _ = writeln!(complaints, "{}: no case belongs to it", orphan.display());
    }
    if cases.len() < LEAST_CASES {
        let _ = writeln!(complaints, "only {} cases, and there were {LEAST_CASES}", cases.len());
    }
    assert!(complaints.is_empty(), "\n{complaints}");
}

/// Applies what is suggested and looks whether it helped.
fn check_suggestions(case: &Case, before: &Load) -> Result<(), String> {
    let has_edits = before.diagnostics.iter().any(|finding| finding.suggestion.is_some());
    let is_fixable = case.name.ends_with(".fixable");
    if !has_edits {
        return match is_fixable {
            true => Err("is called fixable, and no finding suggests an edit".to_owned()),
            false => Ok(()),
        };
    }
    if case.path.is_dir() {
        return Ok(());
    }
    let text = std::fs::read_to_string(&case.path).map_err(|error| error.to_string())?;
    let repaired = apply(&text, &before.diagnostics);
    let temporary = tempfile::tempdir().map_err(|error| error.to_string())?;
    let file = temporary.path().join("repaired.yaml");
    std::fs::write(&file, &repaired).map_err(|error| error.to_string())?;
    let after = load_at(&file);
    let left = said(&file, &after);
    if is_fixable && errors(&after) > 0 {
        return Err(format!("with all suggestions applied it still says\n{left}\n{repaired}"));
    }
    let still: Vec<&Diagnostic> = before
        .diagnostics
        .iter()
        .filter(|finding| finding.suggestion.is_some())
        .filter(|finding| {
            let is_same = |other: &Diagnostic| {
                (other.code, &other.message, &other.pointer)
                    == (finding.code, &finding.message, &finding.pointer)
            };
            after.diagnostics.iter().any(is_same)
        })
        .collect();
    if !still.is_empty() {
        return Err(format!("a suggestion repairs nothing:\n{left}\n{repaired}"));
    }
    Ok(())
}

/// The text with every suggested edit, the last one first, so that the places of the others stay true.
fn apply(text: &str, findings: &Diagnostics) -> String {
    let mut edits: Vec<_> =
        findings.iter().filter_map(|finding| finding.suggestion.as_ref()).collect();
    edits.sort_by_key(|edit| std::cmp::Reverse(edit.span));
    edits.dedup();
    let mut text = text.to_owned();
    for edit in edits {
        text.replace_range(edit.span.start as usize..edit.span.end as usize, &edit.replacement);
    }
    text
}

#[test]
fn every_code_has_a_case_or_a_reason_to_have_none() {
    let (cases, _) = cases();
    let shown: BTreeSet<Code> = cases
        .iter()
        .flat_map(|case| load_at(&case.path).diagnostics)
        .map(|finding: Diagnostic| finding.code)
        .collect();
    for code in Code::all() {
        let excused = WITHOUT_CASE.iter().any(|(without, _)| *without == code);
        assert_ne!(shown.contains(&code), excused, "{code}");
    }
}

#[test]
fn a_path_that_leads_nowhere_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("gone.yaml");
    let load = load_at(&path);
    let said = said(&path, &load);
    assert!(said.starts_with("gone.yaml: error[unreadable-file]: cannot read it: "), "{said}");
    assert_eq!(load.diagnostics.len(), 1, "{said}");
}

#[test]
fn a_file_larger_than_any_manifest_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("large.yaml");
    std::fs::write(&path, " ".repeat(17 * 1024 * 1024)).unwrap();
    let load = load_at(&path);
    let said = said(&path, &load);
    assert!(said.starts_with("large.yaml: error[too-large]: "), "{said}");
    assert_eq!(load.diagnostics.len(), 1, "{said}");
}

#[test]
fn a_flood_of_problems_is_counted() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("flood.yaml");
    std::fs::write(&path, "same: 1\n".repeat(3000)).unwrap();
    let load = load_at(&path);
    let said = said(&path, &load);
    assert!(said.contains("error[too-many-problems]: "), "{said}");
    assert!(load.diagnostics.len() < 1100, "{}", load.diagnostics.len());
}

#[test]
fn nothing_that_anybody_may_write_brings_the_loading_down() {
    let (cases, _) = cases();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("cut.yaml");
    for case in cases.iter().filter(|case| case.path.is_file()) {
        let bytes = std::fs::read(&case.path).unwrap();
        // Cut anywhere, a file is what an editor saves halfway; a step of its own length keeps long cases cheap.
        let step = bytes.len().div_ceil(12).max(1);
        for end in (0..bytes.len()).step_by(step) {
            std::fs::write(&path, &bytes[..end]).unwrap();
            let load = load_at(&path);
            let shown =
                render::human(&load.sources, load.diagnostics.as_slice(), render::Color::Off);
            assert!(!shown.is_empty() || load.diagnostics.is_empty(), "{}", case.name);
        }
    }
}

/// Words of Rust, of its libraries and of JSON Schema, which nobody who writes YAML has to know.
const WORDS_OF_THE_PARSER: [&str; 16] = [
    "i64",
    "u64",
    "u16",
    "u8",
    "usize",
    "untagged",
    "serde",
    "floating point",
    "invalid type",
    "invalid length",
    "invalid value:",
    "variant",
    "did not match",
    "expected struct",
    "additional properties",
    "schema]",
];

/// Values that stand where something else is wanted, as YAML.
const STRANGE_VALUES: [&str; 22] = [
    "1e+06",
    "1000.0",
    "1.5",
    "-1",
    "-2.5",
    "0",
    "99999999999",
    "9223372036854775807",
    "true",
    "null",
    "\"\"",
    "\"10\"",
    "\"1e6\"",
    "text",
    "'a b'",
    "[]",
    "[1e+06]",
    "[x, y]",
    "{}",
    "{x: 1}",
    "9999-99-99T99:99:99Z",
    "99999999999999999999d",
];

#[test]
fn no_message_speaks_the_words_of_the_parser() {
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples");
    let files = [
        "fleet/stack.yaml",
        "fleet/emea/acme/tokens.yaml",
        "fleet/emea/region.yaml",
        "tenants/tenant.yaml",
    ];
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("strange.yaml");
    for file in files {
        let text = std::fs::read_to_string(examples.join(file)).unwrap();
        for (at, line) in text.lines().enumerate() {
            let Some((key, _)) =
                line.split_once(": ").filter(|_| !line.trim_start().starts_with('#'))
            else {
                continue;
            };
            for strange in STRANGE_VALUES {
                let lines: Vec<String> = text
                    .lines()
                    .enumerate()
                    .map(
                        |(n, line)| {
                            if n == at { format!("{key}: {strange}") } else { line.to_owned() }
                        },
                    )
                    .collect();
                std::fs::write(&path, lines.join("\n")).unwrap();
                let load = load_at(&path);
                // The name of a temporary folder is random, and may hold a short word of the list.
                let said = render::short(&load.sources, load.diagnostics.as_slice())
                    .replace(&*folder.path().to_string_lossy(), "");
                let word = WORDS_OF_THE_PARSER.iter().find(|word| said.contains(**word));
                assert_eq!(word, None, "{file}: {key}: {strange}\n{said}");
            }
        }
    }
}

/// Numbers that look random and are the same in every run.
struct Dice(u64);

impl Dice {
    /// A number below `sides`, or 0 if there are none.
    fn roll(&mut self, sides: usize) -> usize {
        // The multiplier and increment are Knuth's; the upper half is the better one.
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let number = usize::try_from(self.0 >> 33).unwrap_or_default();
        number.checked_rem(sides).unwrap_or_default()
    }
}

/// Lines of different mistakes put together make mistakes that nobody thought of.
#[test]
fn mistakes_can_be_mixed_at_will() {
    let rounds = std::env::var("MIX_ROUNDS").ok();
    let rounds: usize = rounds.and_then(|rounds| rounds.parse().ok()).unwrap_or(300);
    let (cases, _) = cases();
    let texts: Vec<String> = cases
        .iter()
        .filter(|case| case.path.is_file())
        .filter_map(|case| std::fs::read_to_string(&case.path).ok())
        .collect();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("mixed.yaml");
    for round in 0..rounds {
        let mut dice = Dice(round as u64);
        let mut lines: Vec<String> = Vec::new();
        for _ in 0..=dice.roll(3) {
            let text = &texts[dice.roll(texts.len())];
            lines.extend(text.lines().map(str::to_owned));
            lines.push("---".to_owned());
        }
        for _ in 0..dice.roll(6) {
            let (from, to) = (dice.roll(lines.len()), dice.roll(lines.len()));
            match dice.roll(3) {
                0 => lines.swap(from, to),
                1 => lines[to] = lines[from].replacen("  ", "", 1),
                _ => lines[to] = format!("  {}", lines[from]),
            }
        }
        let mixed = lines.join("\n");
        std::fs::write(&path, &mixed).unwrap();
        let load = load_at(&path);
        let shown = render::short(&load.sources, load.diagnostics.as_slice());
        assert_eq!(shown.lines().count(), load.diagnostics.len(), "round {round}");
        // Every edit has to lie within the text and on its characters.
        std::fs::write(&path, apply(&mixed, &load.diagnostics)).unwrap();
        let _ = load_at(&path);
    }
}
