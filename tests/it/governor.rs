//! Calls that the platform does not take yet: who waits says so, and nobody waits in vain.

use std::time::{Duration, Instant};

use flespi_gitops::sandbox::Options;
use serde_json::json;

use crate::support::World;

const LIMIT: &str = "apiVersion: flespi-gitops/v1\nkind: Limit\nmetadata: {name: a}\n";

#[test]
fn whoever_has_to_wait_says_for_how_long_and_why_and_then_goes_on() {
    let world = World::new();
    world.write("limit.yaml", LIMIT);
    world.faults(&json!({"rules": [
        {"method": "POST", "count": 1, "effect": {"answer": {"status": 429, "retry_after": 2, "reason": "slow"}}}]}));
    let run = world.apply(&["."]);
    assert!(
        run.stderr.contains("waiting 2 s: the platform accepts no more calls: 429: slow"),
        "{}",
        run.stderr
    );
}

#[test]
fn a_wait_that_is_longer_than_the_deadline_is_an_error_at_once() {
    let world = World::new();
    world.write("limit.yaml", LIMIT);
    world.faults(&json!({"rules": [
        {"method": "POST", "effect": {"answer": {"status": 429, "retry_after": 50}}}]}));
    let began = Instant::now();
    let run = world.run(&["apply", ".", "--yes", "--deadline", "20s"]).expect(1);
    assert!(began.elapsed() < Duration::from_secs(20), "it did not wait");
    assert!(run.stdout.contains("past the deadline"), "{}", run.stdout);
    assert!(!run.stdout.contains("whether it came about"), "it was not sent: {}", run.stdout);
    assert_eq!(world.count("limits"), 0);
}

/// A password is set with calls of the account itself, which counts for all accounts above it.
#[test]
fn an_account_that_may_make_no_calls_is_named_at_once_and_all_others_get_theirs() {
    let mut options = Options::default();
    options.assumptions.set("overuse=refuse").unwrap();
    let world = World::with(options);
    world.write("password", "correct horse battery");
    let account = |name: &str, owner: &str, spec: &str| {
        format!(
            "---\napiVersion: flespi-gitops/v1\nkind: Subaccount\nmetadata: {{name: {name}, account: \"{owner}\"}}\n\
             spec: {{{spec}}}\n"
        )
    };
    let log_in = "credentials: {password: {file: password}}";
    let manifests = [
        "apiVersion: flespi-gitops/v1\nkind: Limit\nmetadata: {name: none}\nspec: {api_calls: 0}\n"
            .to_owned(),
        account("shut", "", "limit: none"),
        account("inside", "shut", log_in),
        account("open", "", log_in),
    ];
    world.write("all.yaml", &manifests.concat());
    let began = Instant::now();
    let report = world.run(&["apply", ".", "--yes", "--format", "json"]).expect(6).json();
    assert!(began.elapsed() < Duration::from_secs(10), "it did not wait");
    assert_eq!(report["blocked"].as_array().unwrap().len(), 1, "{report}");
    assert_eq!(report["blocked"][0]["address"], "subaccount/shut/inside");
    let reason = report["blocked"][0]["reason"].as_str().unwrap();
    assert!(reason.contains("limit/none allows account shut no API calls"), "{reason}");
    let log_ins = |request: &crate::support::Request| request.line() == "PUT /auth/password";
    assert_eq!(world.writes().iter().filter(|request| log_ins(request)).count(), 1);
    assert_eq!(world.count("subaccounts"), 3);
}
