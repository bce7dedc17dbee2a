//! The forms in which a plan and a report leave the program.

use std::io::{BufRead, BufReader};
use std::process::Stdio;

use serde_json::Value;

use crate::support::World;

#[test]
fn a_plan_is_a_comment_within_its_bound_and_a_page_to_keep() {
    let world = World::new();
    world.copy_example("fleet");
    let plan = ["plan", "fleet", "--format", "markdown", "--html", "plan.html"];
    let whole = world.run(&plan).expect(0).stdout;
    assert!(whole.starts_with("<!-- flespi-gitops plan fleet -->\n"), "{whole}");
    assert!(!whole.contains("Left out"));
    let page = world.read("plan.html");
    let steps = world.plan(&["fleet"])["steps"].as_array().unwrap().len();
    assert_eq!(page.matches("<article ").count(), steps);

    let bounded = world.run(&[&plan[..], &["--markdown-limit", "2000"]].concat()).expect(0).stdout;
    assert!(bounded.len() <= 2_000 && bounded.contains("**Left out** to stay below 2000 bytes"));
    world.run(&[&plan[..], &["--markdown-limit", "999"]].concat()).expect(64);
    world.run(&["plan", "fleet", "--html", "no/such/folder.html"]).expect(1);
    assert_eq!(world.writes().len(), 0);
}

#[test]
fn a_report_is_a_comment_too() {
    let world = World::new();
    world.copy_example("fleet");
    let report = world.apply(&["fleet", "--format", "markdown"]).stdout;
    assert!(report.starts_with("<!-- flespi-gitops apply fleet -->\n"), "{report}");
    assert!(report.contains("| planned | applied |"), "{report}");
    let again = world.apply(&["fleet", "--format", "markdown"]).stdout;
    assert!(again.contains("nothing to do"), "{again}");
}

#[test]
fn valid_and_invalid_manifests_are_comments_too() {
    let world = World::new();
    world.write("a.yaml", "apiVersion: flespi-gitops/v1\nkind: Limit\nmetadata: {name: a}\n");
    let valid = world.run(&["validate", "--format", "markdown"]).expect(0).stdout;
    assert!(valid.contains("are valid"), "{valid}");
    world.write("b.yaml", "kind: Limt\n");
    let invalid = world.run(&["plan", "--format", "markdown"]).expect(3).stdout;
    assert!(invalid.starts_with("<!-- flespi-gitops plan default -->"), "{invalid}");
    assert!(invalid.contains("b.yaml:1"), "{invalid}");
}

/// Who pages through a long plan leaves before its end.
#[test]
fn somebody_who_has_read_enough_is_no_failure() {
    let world = World::new();
    let mut manifests = String::new();
    for number in 0..800 {
        manifests.push_str(&format!(
            "---\napiVersion: flespi-gitops/v1\nkind: Limit\nmetadata: {{name: limit-{number}}}\n"
        ));
    }
    world.write("limits.yaml", &manifests);
    for format in ["text", "json", "markdown"] {
        let mut command = world.command(&["plan", "--format", format]);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut reader = BufReader::new(child.stdout.take().unwrap());
        reader.read_line(&mut String::new()).unwrap();
        drop(reader);
        assert_eq!(child.wait().unwrap().code(), Some(0), "{format}");
    }
}

#[test]
fn events_tell_what_happens_line_by_line_as_their_schema_says() {
    let world = World::new();
    world.copy_example("first-subaccount");
    world.apply(&["first-subaccount", "--events", "events.jsonl"]);
    let schema = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("schemas/event.schema.json");
    let schema: Value = serde_json::from_str(&std::fs::read_to_string(schema).unwrap()).unwrap();
    let schema = jsonschema::draft202012::new(&schema).unwrap();
    let lines: Vec<Value> = world
        .read("events.jsonl")
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    for line in &lines {
        assert!(schema.is_valid(line), "{line}");
    }
    let of = |event: &str| lines.iter().filter(|line| line["event"] == event).count();
    assert_eq!((of("planned"), of("started"), of("settled"), of("ended")), (1, 5, 5, 1));
    let last = lines.last().unwrap();
    assert_eq!((last["outcome"].as_str(), last["applied"].as_u64()), (Some("applied"), Some(5)));
    // A second run replaces what was told of the first.
    world.apply(&["first-subaccount", "--events", "events.jsonl"]);
    assert_eq!(world.read("events.jsonl").lines().count(), 2);
    let run = world.run(&["apply", "first-subaccount", "--yes", "--events", "no/where"]);
    assert!(run.code != 0 && run.stderr.contains("no/where"), "{}", run.stderr);
}
