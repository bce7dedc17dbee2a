//! Whatever the platform turns out to do, the examples work on it, or end before the first write with a word on why.
//!
//! A cell is one value of one assumption and one example: it is applied, nothing is left to do, an export of it plans nothing,
//! and pruning takes everything away again.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use flespi_gitops::sandbox::ASSUMPTIONS;
use serde_json::{Value, json};

use crate::support::World;

/// The examples, and the stack of each.
const EXAMPLES: [(&str, &str); 6] = [
    ("first-subaccount", "default"),
    ("fleet", "fleet"),
    ("tenants", "tenants"),
    ("reseller", "default"),
    ("webhooks", "default"),
    ("devices-by-name", "devices-by-name"),
];

/// How a cell came out.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Cell {
    Works,
    /// Nothing was written; what was said.
    Stopped(String),
    /// Something is wrong: what, and what was said.
    Broken(String),
}

/// Counts of what there is, without a call that the platform counts.
fn counts(world: &World) -> Value {
    let (_, overview) = world.call("GET", "/_sandbox/overview", None, None, None);
    let totals = &overview["result"][0]["totals"];
    json!([totals["accounts"], totals["limits"], totals["tokens"]])
}

fn last_words(stderr: &str) -> String {
    let said = stderr.lines().filter(|line| !line.contains("TRACE") && !line.contains("DEBUG"));
    let said: Vec<&str> =
        said.filter(|line| line.contains("error") || line.contains("refused")).collect();
    said.join(" | ").chars().take(400).collect()
}

fn cell(assumed: &str, example: &str, stack: &str, has_profile: bool) -> Cell {
    let world = World::assuming(&[assumed]);
    let (name, value) = assumed.split_once('=').unwrap();
    let profile = json!({
        "format": "flespi-gitops/profile/v1", "version": "0.1.0", "platform": "sandbox",
        "probed": "2026-01-01T00:00:00Z", "answers": {name: {"value": value}},
    });
    world.write("platform-profile.json", &profile.to_string());
    let more: &[&str] = if has_profile { &["--profile", "platform-profile.json"] } else { &[] };
    world.copy_example(example);
    let before = counts(&world);
    world.empty_journal();
    let with = |arguments: &[&'static str]| {
        let all: Vec<&str> = arguments.iter().copied().chain(more.iter().copied()).collect();
        let mut command = world.command(&all);
        command.env_remove("FLESPI_GITOPS_LOG");
        crate::support::run(command)
    };
    let example: &'static str = EXAMPLES.iter().find(|(name, _)| *name == example).unwrap().0;
    let applied = with(&["apply", example, "--yes"]);
    if applied.code != 0 {
        let said = format!("exit {}: {}", applied.code, last_words(&applied.stderr));
        return match world.writes().is_empty() && !last_words(&applied.stderr).is_empty() {
            true => Cell::Stopped(said),
            false => Cell::Broken(format!("apply: {said} {}", applied.stdout)),
        };
    }
    let planned = with(&["plan", example, "--detailed-exitcode"]);
    if planned.code != 0 {
        return Cell::Broken(format!("plan: exit {}: {}", planned.code, planned.stdout));
    }
    let exported = with(&["export", "--out", "exported"]);
    if exported.code != 0 {
        return Cell::Broken(format!(
            "export: exit {}: {}",
            exported.code,
            last_words(&exported.stderr)
        ));
    }
    let planned = with(&["plan", "exported", "--format", "json"]);
    if planned.code != 0 || planned.json()["steps"] != json!([]) {
        let said = format!("{} {}", last_words(&planned.stderr), planned.stdout);
        return Cell::Broken(format!("plan of the export: exit {}: {said}", planned.code));
    }
    let empty = format!("apiVersion: flespi-gitops/v1\nkind: Stack\nmetadata: {{name: {stack}}}\n");
    world.write("empty/stack.yaml", &empty);
    let planned = with(&["plan", "empty", "--prune", "--format", "json"]);
    if planned.code != 0 {
        return Cell::Broken(format!("plan of a prune: {}", last_words(&planned.stderr)));
    }
    let digest = planned.json()["digest"].as_str().unwrap().to_owned();
    let mut command = world.command(&["apply", "empty", "--prune", "--yes", "--approve", &digest]);
    command.args(more).env_remove("FLESPI_GITOPS_LOG");
    let pruned = crate::support::run(command);
    if pruned.code != 0 || counts(&world) != before {
        let left = format!("{:?} of {before:?}", counts(&world));
        let said = format!("{} {} {left}", last_words(&pruned.stderr), pruned.stdout);
        return Cell::Broken(format!("prune: exit {}: {said}", pruned.code));
    }
    Cell::Works
}

/// Every value that is not what is assumed, and the first row as it is.
fn rows() -> Vec<String> {
    let others = ASSUMPTIONS.iter().flat_map(|row| {
        row.values.iter().skip(1).map(move |value| format!("{}={value}", row.name))
    });
    let first = ASSUMPTIONS.iter().find(|row| row.values.len() > 1).unwrap();
    [format!("{}={}", first.name, first.values[0])].into_iter().chain(others).collect()
}

/// All cells, as far as `MATRIX` does not ask for a part of them: `MATRIX=3/7` takes the third of every seven.
fn table(has_profile: bool) -> (BTreeMap<(String, &'static str), Cell>, String) {
    let rows = rows();
    let cells = rows.iter().flat_map(|row| {
        // Minutes of the platform are minutes of whoever waits for them: one small example shows what a rate does.
        let most = if row.starts_with("call-rate") { 1 } else { EXAMPLES.len() };
        EXAMPLES[..most].iter().map(move |example| (row.clone(), example))
    });
    let part = std::env::var("MATRIX").ok();
    let part = part.as_deref().and_then(|part| part.split_once('/'));
    let (which, of): (usize, usize) =
        part.map_or((1, 1), |(which, of)| (which.parse().unwrap(), of.parse().unwrap()));
    let cells: Vec<_> = cells.skip(which - 1).step_by(of).collect();
    let (next, found) = (AtomicUsize::new(0), Mutex::new(BTreeMap::new()));
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                while let Some((row, (example, stack))) =
                    cells.get(next.fetch_add(1, Ordering::Relaxed))
                {
                    let cell = cell(row, example, stack, has_profile);
                    found.lock().unwrap().insert((row.clone(), *example), cell);
                }
            });
        }
    });
    let found = found.into_inner().unwrap();
    let count = |is: fn(&Cell) -> bool| found.values().filter(|cell| is(cell)).count();
    let works = count(|cell| *cell == Cell::Works);
    let stopped = count(|cell| matches!(cell, Cell::Stopped(_)));
    let summary = format!(
        "profile: {has_profile}, {} cells: {works} work, {stopped} stop before the first write",
        found.len()
    );
    (found, summary)
}

/// What nobody can know before the platform refuses it, by value and example: then it is told and the next run goes on.
/// With a profile it is known.
const KNOWN_TOO_LATE: [(&str, &[&str]); 4] = [
    ("limit-owner=parent", &["fleet"]),
    ("password-form=sha512", &["first-subaccount", "fleet"]),
    ("plan=free", &["fleet", "reseller", "tenants"]),
    ("grant-metadata=dropped", &["reseller"]),
];

#[test]
#[ignore = "takes minutes; the pipeline runs it"]
fn without_a_profile_every_example_works_but_where_nobody_can_know_better() {
    let (cells, summary) = table(false);
    println!("{summary}");
    for ((row, example), cell) in cells {
        let is_known = KNOWN_TOO_LATE
            .iter()
            .any(|(value, examples)| *value == row && examples.contains(&example));
        let is_broken = matches!(cell, Cell::Broken(_));
        assert_eq!(is_broken, is_known, "{row} {example}: {cell:?}");
    }
}

#[test]
#[ignore = "takes minutes; the pipeline runs it"]
fn with_a_profile_every_example_works_or_is_refused_before_the_first_write() {
    let (cells, summary) = table(true);
    println!("{summary}");
    for ((row, example), cell) in cells {
        assert!(!matches!(cell, Cell::Broken(_)), "{row} {example}: {cell:?}");
    }
}

#[test]
fn what_is_known_too_late_without_a_profile_is_known_in_time_with_one() {
    for (row, examples) in KNOWN_TOO_LATE {
        for example in examples {
            let (_, stack) = EXAMPLES.iter().find(|(name, _)| name == example).unwrap();
            let cell = cell(row, example, stack, true);
            println!("{row} {example}: {cell:?}");
            assert!(!matches!(cell, Cell::Broken(_)), "{row} {example}: {cell:?}");
        }
    }
}
