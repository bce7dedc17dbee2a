//! What a token can do, as people see it: in plans, and from `explain`.

use serde_json::json;

use crate::support::World;

const TOKENS: &str = "\
apiVersion: flespi-gitops/v1
kind: Subaccount
metadata: {name: acme}
---
apiVersion: flespi-gitops/v1
kind: Token
metadata:
  name: trackit
  account: acme
spec:
  ttl: 30d
  ips: [10.1.2.*]
  access:
    acl:
      - uri: gw/devices
        methods: [GET]
        ids: [5]
        submodules:
          - {name: messages, methods: [GET]}
      - uri: mqtt
        topic: site/7/#
        actions: [subscribe]
";

fn world() -> World {
    let world = World::new();
    world.write("tokens.yaml", TOKENS);
    world
}

#[test]
fn a_plan_tells_how_rights_change() {
    let world = world();
    let created = world.plan(&["."]);
    let token = created["steps"].as_array().unwrap().iter().find(|s| s["phase"] == "token");
    let rights = &token.unwrap()["rights"];
    assert_eq!(rights["verdict"], "wider");
    let gained = rights["gained"].as_array().unwrap();
    assert_eq!(gained[0], "gains GET on gw/devices 5");
    assert_eq!(gained[1], "gains GET on messages of gw/devices 5");
    assert_eq!(gained[2], "gains subscribing to `site/7/#`");
    world.apply(&["."]);

    world.edit("tokens.yaml", "methods: [GET]\n        ids", "methods: [GET, DELETE]\n        ids");
    world.edit("tokens.yaml", "  ips: [10.1.2.*]\n", "  ips: []\n");
    let plan = world.plan(&["."]);
    assert_eq!(
        plan["steps"][0]["rights"],
        json!({
            "verdict": "wider",
            "gained": ["gains DELETE on gw/devices 5", "loses its IP bound (10.1.2.*)"],
            "lost": []
        }),
        "{plan}"
    );
    let text = world.run(&["plan", "--color", "never", "."]).expect(0).stdout;
    assert!(text.contains("rights: wider\n        + gains DELETE on gw/devices 5\n"), "{text}");

    // What is no right is not told as one.
    world.write("tokens.yaml", &TOKENS.replace("  ttl: 30d\n", "  ttl: 30d\n  info: Other\n"));
    let plan = world.plan(&["."]);
    assert_eq!(plan["steps"][0]["rights"], json!(null), "{plan}");
}

#[test]
fn explain_answers_from_manifests_and_names_the_entry() {
    let world = world();
    let ask = |request: &[&str]| {
        let mut all = vec!["explain", "token/acme/trackit"];
        all.extend(request);
        world.run(&all)
    };
    let text = ask(&["GET", "gw/devices/5/messages", "--color", "never"]).expect(0).stdout;
    assert_eq!(
        text,
        "allow  GET gw/devices/5/messages  token/acme/trackit\n  \
         entry 1 of the list allows GET in messages of gw/devices\n  \
         only from 10.1.2.*\n  until 30d after its last use\n  tokens.yaml:15:9\n"
    );
    ask(&["GET", "gw/devices/5/telemetry"]).expect(1);
    ask(&["GET", "gw/devices/all"]).expect(1);
    ask(&["subscribe", "site/7/state"]).expect(0);
    ask(&["subscribe", "site/7/state", "--ip", "9.9.9.9"]).expect(1);
    ask(&["publish", "site/7/state"]).expect(1);
    ask(&["subscribe", "flespi/message/gw/devices/5"]).expect(0);
    let answer = ask(&["subscribe", "site/#", "--format", "json"]).expect(1).json();
    assert_eq!(answer["format"], "flespi-gitops/explain/v1");
    assert_eq!(answer["verdict"], "in_part");
    assert_eq!(answer["allowed"], false);
    assert_eq!(answer["entry"], 2);
    assert!(answer["source"].as_str().unwrap().ends_with("tokens.yaml:20:9"), "{answer}");
    ask(&["GET", "gw/devices"]).expect(64);
    ask(&["LOOK", "gw/devices/5"]).expect(64);
    world.run(&["explain", "subaccount/acme", "GET", "gw/devices/5"]).expect(64);
    let lost = world.run(&["explain", "token/acme/trakit", "GET", "gw/devices/5"]).expect(64);
    assert!(lost.stderr.contains("did you mean token/acme/trackit?"), "{}", lost.stderr);
}

#[test]
fn a_token_of_a_blocked_account_may_do_nothing() {
    let world = world();
    world.edit("tokens.yaml", "{name: acme}\n", "{name: acme}\nspec: {enabled: false}\n");
    let run = world.run(&["explain", "token/acme/trackit", "GET", "gw/devices/5"]).expect(1);
    assert!(run.stdout.contains("the account acme is blocked"), "{}", run.stdout);
}

#[test]
fn explain_works_while_another_manifest_is_broken() {
    let world = world();
    world.write("broken.yaml", "kind: Limit\n");
    let run = world.run(&["explain", "token/acme/trackit", "GET", "gw/devices/5"]).expect(0);
    assert!(run.stderr.contains("the manifests have errors"), "{}", run.stderr);
}

#[test]
fn explain_live_answers_for_what_the_platform_has() {
    let world = world();
    let ask = |request: &[&str]| {
        let mut all = vec!["explain", "token/acme/trackit", "--live"];
        all.extend(request);
        world.run(&all)
    };
    ask(&["GET", "gw/devices/5"]).expect(64);
    world.apply(&["."]);
    ask(&["GET", "gw/devices/5"]).expect(0);
    let token = world.item("tokens", "info", "trackit");
    let path = format!("/platform/tokens/{}", token["id"]);
    world.api("PUT", &path, Some(&json!({"access": {"type": 1}})));
    let answer = ask(&["DELETE", "gw/devices/all", "--format", "json"]).expect(0).json();
    assert_eq!(answer["id_on_platform"], token["id"]);
    assert_eq!(answer["from"], "live");
    // The manifest still says otherwise.
    world.run(&["explain", "token/acme/trackit", "DELETE", "gw/devices/all"]).expect(1);
    // Without a mark the names tell.
    world.api("PUT", &path, Some(&json!({"metadata": {}})));
    ask(&["DELETE", "gw/devices/all"]).expect(0);
}

#[test]
fn explain_live_answers_for_the_newest_generation_during_an_overlap() {
    let world = World::new();
    let manifest = |method: &str| {
        format!(
            "apiVersion: flespi-gitops/v1\nkind: Token\nmetadata: {{name: app}}\nspec:\n  ttl: 90d\n  access: {{acl: \
             [{{uri: gw/devices, methods: [{method}]}}]}}\n  deliver: [{{file: out/app}}]\n  rotation: {{every: 30d, \
             overlap: 48h}}\n"
        )
    };
    world.write("token.yaml", &manifest("GET"));
    world.apply(&["."]);
    let first = world.item("tokens", "info", "app")["id"].as_i64().unwrap();
    world.run(&["rotate", "token/app", "--yes"]).expect(0);
    let ask = |more: &[&str]| {
        let mut all = vec!["explain", "token/app", "GET", "gw/devices/5", "--live"];
        all.extend(more);
        world.run(&all)
    };
    let answer = ask(&["--format", "json"]).expect(0);
    assert_ne!(answer.json()["id_on_platform"], json!(first));
    let says = "the previous one (token";
    assert!(answer.stderr.contains(says), "{}", answer.stderr);
    assert!(answer.stderr.contains(&format!("(token {first})")), "{}", answer.stderr);

    // A copy of the mark in another account is not a generation, however new it says it is.
    world.write(
        "acme.yaml",
        "apiVersion: flespi-gitops/v1\nkind: Subaccount\nmetadata: {name: acme}\n",
    );
    world.apply(&["."]);
    let acme = world.item("subaccounts", "name", "acme")["id"].as_i64();
    let mark = json!({
        "flespi-gitops/stack": "default",
        "flespi-gitops/address": "token/app",
        "flespi-gitops/generation": "9"
    });
    let copy = json!([{"info": "copy", "ttl": 600, "access": {"type": 1}, "metadata": mark}]);
    let (status, answer) =
        world.call("POST", "/platform/tokens", Some(&world.token()), acme, Some(&copy));
    assert_eq!(status, 200, "{answer}");
    let found = ask(&["--format", "json"]).expect(0).json();
    assert_ne!(found["id_on_platform"], answer["result"][0]["id"]);

    // Two that claim to be the same generation are not guessed about.
    let mark = json!({"flespi-gitops/stack": "default", "flespi-gitops/address": "token/app"});
    let copy = json!([{"info": "copy", "ttl": 600, "access": {"type": 1}, "metadata": mark}]);
    world.api("POST", "/platform/tokens", Some(&copy));
    let several = ask(&[]).expect(64);
    assert!(several.stderr.contains("several tokens match token/app"), "{}", several.stderr);
}
