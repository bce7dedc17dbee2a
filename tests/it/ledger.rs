//! A failed or stopped run ends with a true ledger (R10).

use std::process::Stdio;
use std::time::Duration;

use serde_json::{Value, json};

use crate::support::World;

fn number(report: &Value, name: &str) -> u64 {
    report["summary"][name].as_u64().unwrap()
}

#[track_caller]
fn adds_up(report: &Value) {
    let parts = ["applied", "failed", "blocked", "not_started"];
    let sum: u64 = parts.iter().map(|name| number(report, name)).sum();
    assert_eq!(number(report, "planned"), sum, "{}", report["summary"]);
    assert_eq!(report["steps"].as_array().unwrap().len() as u64, sum);
}

#[test]
fn under_random_trouble_the_ledger_adds_up_and_the_next_runs_finish() {
    for seed in 0..6 {
        let world = World::new();
        world.copy_example("fleet");
        world.faults(&json!({"seed": seed, "rules": [
            {"method": "POST", "probability": 0.15,
             "effect": {"answer": {"status": 400, "reason": "no"}}},
            {"method": "PUT", "probability": 0.2, "effect": {"answer": {"status": 403}}},
            {"method": "POST", "probability": 0.1, "effect": "cut_after"}]}));
        let run = world.run(&["apply", "fleet", "--yes", "--format", "json"]);
        assert!([0, 1, 6].contains(&run.code), "{run:?}");
        let report = run.json();
        adds_up(&report);
        world.faults(&json!({"rules": []}));
        world.apply(&["fleet"]);
        assert_eq!(world.plan(&["fleet"])["steps"], json!([]), "seed {seed}");
    }
}

#[test]
fn one_bad_object_out_of_many_leaves_all_others_applied() {
    let world = World::new();
    let mut manifests = String::new();
    for number in 0..300 {
        manifests.push_str(&format!(
            "---\napiVersion: flespi-gitops/v1\nkind: Limit\nmetadata: {{name: l{number}}}\n"
        ));
    }
    world.write("limits.yaml", &manifests);
    world.apply(&["."]);
    // Every limit gets a number of its own, so none of them travels with another.
    let mut manifests = String::new();
    for number in 0..300 {
        manifests.push_str(&format!(
            "---\napiVersion: flespi-gitops/v1\nkind: Limit\nmetadata: {{name: l{number}}}\n\
             spec: {{devices_count: {number}}}\n"
        ));
    }
    world.write("limits.yaml", &manifests);
    let bad = world.item("limits", "name", "l7")["id"].clone();
    world.faults(&json!({"rules": [{"method": "PUT", "path": format!("/platform/limits/{bad}"),
        "effect": {"answer": {"status": 400, "reason": "no"}}}]}));
    let report = world.run(&["apply", ".", "--yes", "--format", "json"]).expect(6).json();
    adds_up(&report);
    assert_eq!(number(&report, "applied"), 299);
    assert_eq!(number(&report, "failed"), 1);
}

#[test]
fn on_error_stop_begins_nothing_new() {
    let world = World::new();
    world.copy_example("fleet");
    world.faults(&json!({"rules": [{"method": "POST", "path": "/platform/limits", "count": 1,
        "effect": {"answer": {"status": 403, "reason": "no"}}},
        {"method": "POST", "path": "/platform/limits", "skip": 1,
        "effect": {"answer": {"status": 403, "reason": "no"}}}]}));
    let run = world.run(&["apply", "fleet", "--yes", "--on-error", "stop", "--format", "json"]);
    let report = run.json();
    adds_up(&report);
    assert!(number(&report, "not_started") > 0, "{}", report["summary"]);
    assert!(world.writes().iter().all(|write| write.path.starts_with("/platform/limits")));
}

#[cfg(unix)]
#[test]
fn an_interrupt_drains_what_is_in_flight_and_reports_the_rest() {
    let world = World::new();
    world.copy_example("fleet");
    world.faults(&json!({"rules": [
        {"method": "POST", "effect": {"delay": {"milliseconds": 700}}}]}));
    let child = world
        .command(&["apply", "fleet", "--yes", "--format", "json"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    for _ in 0..500 {
        std::thread::sleep(Duration::from_millis(10));
        if world.journal().iter().any(|request| request.method == "POST") {
            break;
        }
    }
    let id = child.id().to_string();
    std::process::Command::new("kill").args(["-INT", &id]).status().unwrap();
    let output = world.end_of(child);
    assert_eq!(output.status.code(), Some(6), "{output:?}");
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    adds_up(&report);
    assert!(number(&report, "applied") > 0 && number(&report, "not_started") > 0);
    world.faults(&json!({"rules": []}));
    // The next plan is exactly the rest.
    let rest = world.plan(&["fleet"])["steps"].as_array().unwrap().len() as u64;
    assert_eq!(rest, number(&report, "not_started") + number(&report, "failed"));
}
