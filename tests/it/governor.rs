//! Calls that the platform does not take yet: who waits says so, and nobody waits in vain.

use std::time::{Duration, Instant};

use flespi_gitops::sandbox::Options;
use serde_json::json;

use crate::support::World;
use crate::support::listening::Daemon;

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

/// Manifests of so many subaccounts with a token each, which no two of them can have made in one call.
fn accounts(count: usize) -> String {
    let account = |number| {
        format!(
            "---\napiVersion: flespi-gitops/v1\nkind: Subaccount\nmetadata: {{name: a{number}}}\n\
             spec: {{metadata: {{n: {number}}}}}\n\
             ---\napiVersion: flespi-gitops/v1\nkind: Token\nmetadata: {{name: t, account: a{number}}}\n\
             spec: {{ttl: 1d, access: standard}}\n"
        )
    };
    (0..count).map(account).collect()
}

#[test]
fn a_plan_that_takes_longer_than_there_is_time_is_not_begun() {
    let world = World::new();
    world.write("all.yaml", &accounts(30));
    let arguments = ["apply", ".", "--yes", "--calls-per-minute", "20", "--deadline", "50s"];
    let run = world.run(&arguments).expect(5);
    let words = "31 writes take at least 60 s at the allowed calls per minute";
    assert!(run.stderr.contains(words), "{}", run.stderr);
    assert!(world.writes().is_empty());
}

/// An account whose limit bounds its calls, with a client of its own that is at work there.
#[test]
fn in_an_account_whose_calls_are_bounded_a_run_takes_half_of_what_others_leave() {
    let world = World::new();
    let limit =
        &world.api("POST", "/platform/limits", Some(&json!([{"name": "calls", "api_calls": 100}])))
            [0];
    let account = json!([{"name": "busy", "limit_id": limit["id"]}]);
    let account =
        world.api("POST", "/platform/subaccounts", Some(&account))[0]["id"].as_i64().unwrap();
    let token = json!([{"info": "ours", "ttl": 86_400, "access": {"type": 1}}]);
    let (_, made) = world.call(
        "POST",
        "/platform/tokens?fields=id,key",
        Some(&world.token()),
        Some(account),
        Some(&token),
    );
    let key = made["result"][0]["key"].as_str().unwrap().to_owned();
    world.keep_secret(&key);
    world.write("all.yaml", &accounts(200));
    world.empty_journal();
    let mut command = world.command(&["apply", ".", "--yes", "--deadline", "8s"]);
    command.env("FLESPI_TOKEN", &key);
    let run = crate::support::run(command);
    let asked =
        world.journal().iter().filter(|it| it.path.starts_with("/platform/customer?")).count();
    assert!((2..=3).contains(&asked), "{asked}");
    let calls = world.journal().len();
    assert!((40..=50).contains(&calls), "half of 100 and not more: {calls}");
    assert!(run.stdout.contains("of the account's 100 calls per minute"), "{}", run.stdout);
}

#[test]
fn a_daemon_whose_calls_wait_says_so_in_the_middle_of_the_pass() {
    let world = World::new();
    world.write("manifests/limit.yaml", LIMIT);
    world.faults(&json!({"rules": [
        {"method": "POST", "count": 1, "effect": {"answer": {"status": 429, "retry_after": 4, "reason": "slow"}}}]}));
    let daemon = Daemon::start(&world, &[]);
    let waiting = daemon.wait("calls wait", |status| !status["calls_wait"].is_null());
    assert_eq!(
        waiting["calls_wait"]["why"],
        "the platform accepts no more calls: 429: slow (code 2)"
    );
    assert!(!waiting["pass"].is_null(), "the pass goes on");
    let metric = |metrics: &str| {
        let line =
            metrics.lines().find(|line| line.starts_with("flespi_gitops_calls_waiting_seconds "));
        line.unwrap().rsplit(' ').next().unwrap().parse::<f64>().unwrap()
    };
    assert!(metric(&daemon.get("/metrics")) > 0.0);
    let done =
        daemon.wait("the pass is over", |status| !status["passes"].as_array().unwrap().is_empty());
    assert_eq!(done["calls_wait"], json!(null));
    assert_eq!(world.count("limits"), 1);
}
