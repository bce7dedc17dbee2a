//! Trouble on the way: nothing is doubled, nothing is lost, and no failed read passes for absence.

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::{World, run};

fn fleet() -> World {
    let world = World::new();
    world.copy_example("fleet");
    world
}

/// The world as the manifests want it: names by collection, however it came about.
fn shape(world: &World) -> Vec<Vec<String>> {
    ["limits", "subaccounts", "tokens"]
        .map(|collection| {
            let label = if collection == "tokens" { "info" } else { "name" };
            let path = format!("/platform/{collection}/all?fields={label}");
            let items = world.api("GET", &path, None);
            let mut names: Vec<String> = items.iter().map(|item| item[label].to_string()).collect();
            names.sort();
            names
        })
        .into()
}

#[test]
fn a_lost_answer_after_a_commit_never_makes_a_second_object() {
    let whole = fleet();
    whole.apply(&["fleet"]);
    let posts = whole.writes().iter().filter(|request| request.method == "POST").count();
    let expected = shape(&whole);
    for effect in [json!("cut_after"), json!({"truncate": {"keep": 20}})] {
        // Each of them, with every other fault, is met in process: `lives::boundaries`.
        for skip in (0..posts).step_by(4) {
            let world = fleet();
            world.faults(&json!({"rules":
                [{"method": "POST", "skip": skip, "count": 1, "effect": effect}]}));
            let run = world.apply(&["fleet"]);
            // It is found again, and not first created a second time and then taken back.
            let is_twice = run.stdout.contains("another run created");
            assert!(!is_twice, "POST number {skip}, {effect}: {}", run.stdout);
            assert_eq!(shape(&world), expected, "POST number {skip}, {effect}");
            assert_eq!(world.plan(&["fleet"])["steps"], json!([]), "POST number {skip}, {effect}");
        }
    }
}

#[test]
fn a_run_that_is_killed_anywhere_is_finished_by_the_same_command() {
    let whole = fleet();
    whole.apply(&["fleet"]);
    let expected = shape(&whole);
    let requests = whole.journal().len();
    // Some requests keep the test short; each of them is met in process: `lives::boundaries`.
    for (round, skip) in (4..requests).step_by(9).enumerate() {
        let world = fleet();
        world.faults(
            &json!({"rules": [{"skip": skip, "effect": {"delay": {"milliseconds": 60000}}}]}),
        );
        let mut child = world
            .command(&["apply", "fleet", "--yes"])
            .stdout(world.ear())
            .stderr(world.ear())
            .spawn()
            .unwrap();
        // The request that hangs is in the journal once it arrived.
        for _ in 0..200 {
            std::thread::sleep(Duration::from_millis(10));
            if world.journal().len() > skip {
                break;
            }
        }
        child.kill().unwrap();
        child.wait().unwrap();
        world.faults(&json!({"rules": []}));
        world.apply(&["fleet"]);
        assert_eq!(shape(&world), expected, "killed at request {skip}, round {round}");
        assert_eq!(world.plan(&["fleet"])["steps"], json!([]), "killed at request {skip}");
    }
}

#[test]
fn a_collection_that_cannot_be_read_whole_is_unknown_and_not_empty() {
    for (what, effect) in [
        ("a refusal", json!({"answer": {"status": 403, "reason": "no"}})),
        ("a wrong total", json!({"wrong_count": {"by": 1}})),
        ("lost rows", json!("lost_rows")),
        ("half an answer", json!({"truncate": {"keep": 30}})),
        ("another form", json!("wrong_shape")),
        ("no JSON at all", json!("wrong_json")),
        ("429 to the end", json!({"answer": {"status": 429, "retry_after": 0}})),
    ] {
        let world = fleet();
        world.apply(&["fleet"]);
        world.faults(&json!({"rules":
            [{"method": "GET", "path": "/platform/tokens/*", "effect": effect}]}));
        world.empty_journal();
        let run = world.run(&["apply", "fleet", "--yes", "--prune", "--format", "json"]).expect(4);
        assert_eq!(run.json()["unknown"][0]["kind"], "token", "{what}");
        assert_eq!(world.writes().len(), 0, "{what}");
    }
}

#[test]
fn a_page_that_does_not_come_leaves_the_whole_collection_unknown() {
    let world = fleet();
    world.apply(&["fleet"]);
    let body: Vec<_> =
        (0..1_001).map(|_| json!({"info": "filler", "ttl": 3600, "access": {"type": 0}})).collect();
    world.api("POST", "/platform/tokens", Some(&json!(body)));
    let page = |more: serde_json::Value| {
        let mut rule = json!({"method": "GET", "path": "/platform/tokens/*"});
        rule.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        json!({"rules": [rule]})
    };
    for (what, rule) in [
        ("a refused page", page(json!({"skip": 1, "effect": {"answer": {"status": 403}}}))),
        ("an empty page", page(json!({"effect": {"lost_pages": {"after": 1000}}}))),
    ] {
        world.faults(&rule);
        world.empty_journal();
        let run = world.run(&["apply", "fleet", "--yes", "--prune", "--format", "json"]).expect(4);
        assert_eq!(run.json()["unknown"][0]["kind"], "token", "{what}");
        assert_eq!(world.writes().len(), 0, "{what}");
    }
}

#[test]
fn what_can_be_read_is_still_planned() {
    let world = fleet();
    world.faults(&json!({"rules": [{"method": "GET", "path": "/platform/tokens/*",
        "effect": {"answer": {"status": 403, "reason": "no"}}}]}));
    let report = world.run(&["apply", "fleet", "--yes", "--format", "json"]).expect(4).json();
    assert!(report["summary"]["applied"].as_u64().unwrap() > 5, "{report}");
    assert!(world.count("subaccounts") > 0);
    assert!(world.writes().iter().all(|request| request.line() != "POST /platform/tokens"));
}

#[test]
fn a_busy_platform_is_waited_for() {
    let world = World::new();
    world.write("limit.yaml", "apiVersion: flespi-gitops/v1\nkind: Limit\nmetadata: {name: a}\n");
    world.faults(&json!({"rules": [
        {"count": 2, "effect": {"answer": {"status": 429, "retry_after": 0}}},
        {"method": "POST", "skip": 1, "count": 1, "effect": {"answer": {"status": 503}}}]}));
    let report = world.apply(&[".", "--format", "json"]).json();
    assert!(report["api"]["retries"].as_u64().unwrap() >= 1, "{report}");
    assert_eq!(world.count("limits"), 1);
}

#[test]
fn a_platform_that_says_how_long_to_wait_is_not_asked_before() {
    let world = World::new();
    world.write("limit.yaml", "apiVersion: flespi-gitops/v1\nkind: Limit\nmetadata: {name: a}\n");
    world.faults(&json!({"rules": [
        {"method": "POST", "count": 1, "effect": {"answer": {"status": 429, "retry_after": 3}}}]}));
    let began = std::time::Instant::now();
    world.apply(&["."]);
    // Our own first wait is no longer than half a second.
    assert!(began.elapsed() >= Duration::from_secs(3), "{:?}", began.elapsed());
    assert_eq!(world.count("limits"), 1);
}

#[test]
fn a_wrong_token_and_an_absent_platform_are_told_with_what_to_do() {
    let world = World::new();
    world.write("limit.yaml", "apiVersion: flespi-gitops/v1\nkind: Limit\nmetadata: {name: a}\n");
    let with = |variable: &str, value: &str| {
        let mut command = world.command(&["plan", "."]);
        command.env(variable, value);
        run(command).expect(4).stderr
    };
    let wrong = with("FLESPI_TOKEN", &"x".repeat(64));
    assert!(wrong.contains("the token is not valid"), "{wrong}");
    let missing = with("FLESPI_TOKEN", "");
    assert!(missing.contains("FLESPI_TOKEN_FILE"), "{missing}");
    // A port on which nothing listens, since it was given back a moment ago.
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let absent = with("FLESPI_PLATFORM", &format!("http://{free}"));
    assert!(absent.contains("--platform"), "{absent}");
}

#[test]
fn a_token_that_is_not_master_is_refused_before_anything_is_read() {
    let world = World::new();
    world.write("limit.yaml", "apiVersion: flespi-gitops/v1\nkind: Limit\nmetadata: {name: a}\n");
    let body = json!([{"info": "standard", "ttl": 60, "access": {"type": 0}}]);
    let made: Vec<Value> = world.api("POST", "/platform/tokens?fields=id,key", Some(&body));
    let mut command = world.command(&["plan", "."]);
    command.env("FLESPI_TOKEN", made[0]["key"].as_str().unwrap());
    world.empty_journal();
    let told = run(command).expect(4).stderr;
    assert!(told.contains("the token has access type 0"), "{told}");
    let asked: Vec<String> = world.journal().iter().map(|request| request.line()).collect();
    assert_eq!(asked, ["GET /auth/info"]);
}
