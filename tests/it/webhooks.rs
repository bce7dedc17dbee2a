//! Webhooks: a kind of one row and one type, with secrets inside of a field.

use serde_json::{Value, json};

use crate::support::World;

const SERVER: &str = "https://hooks.example/in";

fn webhook(name: &str, headers: &str) -> String {
    format!(
        "---\napiVersion: flespi-gitops/v1\nkind: Webhook\nmetadata: {{name: {name}}}\nspec:\n  triggers: [{{topic: \
         flespi/log/gw/devices/+/connected}}]\n  configuration:\n    type: custom-server\n    uri: {SERVER}\n    method: \
         POST\n    headers: {headers}\n"
    )
}

const FROM_FILE: &str =
    "[{name: Accept, value: text/plain}, {name: Authorization, value: {file: password}}]";

/// A webhook with a secret, applied.
fn applied() -> World {
    let world = World::new();
    world.write("hook.yaml", &webhook("arrivals", FROM_FILE));
    world.write("password", "canary-of-the-first-day\n");
    world.apply(&["."]);
    world
}

fn found(world: &World) -> Value {
    let fields = "id,name,enabled,triggers,configuration,queue_ttl,metadata";
    let all = world.api("GET", &format!("/platform/webhooks/all?fields={fields}"), None);
    assert_eq!(all.len(), 1, "{all:?}");
    all[0].clone()
}

fn header(world: &World, index: usize) -> Value {
    found(world)["configuration"]["headers"][index]["value"].clone()
}

/// Somebody else sets fields of the only webhook.
fn meddle(world: &World, body: &Value) {
    let id = found(world)["id"].clone();
    world.api("PUT", &format!("/platform/webhooks/{id}"), Some(body));
}

fn fields_of(plan: &Value) -> Vec<&str> {
    let changes = plan["steps"][0]["changes"].as_array().unwrap();
    changes.iter().map(|change| change["field"].as_str().unwrap()).collect()
}

#[track_caller]
fn assert_done(world: &World) {
    let plan = world.plan(&["."]);
    assert_eq!(plan["steps"], json!([]), "{plan}");
}

#[test]
fn a_webhook_is_made_with_its_secret_in_one_write_and_then_nothing_is_left_to_do() {
    let world = applied();
    assert_eq!(world.writes().len(), 1);
    assert_eq!(header(&world, 0), "text/plain");
    assert_eq!(header(&world, 1), "canary-of-the-first-day");
    let metadata = found(&world)["metadata"].to_string();
    assert!(metadata.contains("configuration.headers.1.value=$argon2id$"), "{metadata}");
    assert!(!metadata.contains("canary"), "{metadata}");
    assert_done(&world);
}

#[test]
fn another_secret_is_set_by_one_write_and_shown_nowhere() {
    let world = applied();
    world.write("password", "canary-of-the-second-day\n");
    let plan = world.plan(&["."]);
    assert_eq!(fields_of(&plan), ["configuration.headers.1.value"]);
    world.empty_journal();
    world.apply(&["."]);
    assert_eq!(world.writes().len(), 1);
    assert_eq!(header(&world, 1), "canary-of-the-second-day");
    assert_done(&world);
}

#[test]
fn what_others_changed_is_set_back_with_the_declared_secret_and_theirs_is_not_shown() {
    let world = applied();
    world.keep_secret("canary-of-a-stranger");
    let headers = json!([{"name": "X-Other", "value": "canary-of-a-stranger"}]);
    let call = json!({"type": "custom-server", "uri": "https://other.example", "headers": headers});
    meddle(&world, &json!({"configuration": call, "enabled": false}));
    let plan = world.plan(&["."]);
    assert_eq!(fields_of(&plan), ["configuration"], "`enabled` is not declared");
    assert_eq!(plan["steps"][0]["changes"][0]["cause"], "drift", "{plan}");
    world.run(&["plan", "."]).expect(0);
    world.apply(&["."]);
    assert_eq!(found(&world)["configuration"]["uri"], SERVER);
    assert_eq!(header(&world, 1), "canary-of-the-first-day");
    assert_eq!(found(&world)["enabled"], false);
    assert_done(&world);
}

#[test]
fn headers_that_a_manifest_does_not_mention_stay() {
    let world = applied();
    world.edit("hook.yaml", &format!("    headers: {FROM_FILE}\n"), "");
    assert_done(&world);
    world.edit("hook.yaml", "method: POST", "method: PUT");
    world.apply(&["."]);
    let call = found(&world)["configuration"].clone();
    assert_eq!(
        (&call["method"], &call["headers"][1]["name"]),
        (&json!("PUT"), &json!("Authorization"))
    );
    assert_eq!(header(&world, 1), "canary-of-the-first-day");
}

#[test]
fn a_secret_that_was_a_plain_text_meanwhile_is_set_again() {
    let world = applied();
    world.edit("hook.yaml", "value: {file: password}", "value: open");
    world.apply(&["."]);
    assert_eq!(header(&world, 1), "open");
    assert_done(&world);
    world.edit("hook.yaml", "value: open", "value: {file: password}");
    world.apply(&["."]);
    assert_eq!(header(&world, 1), "canary-of-the-first-day");
    assert_done(&world);
}

#[test]
fn a_secret_that_is_not_to_be_had_keeps_back_its_webhook_and_no_other() {
    let world = World::new();
    let missing = "[{name: Authorization, value: {env: FLESPI_GITOPS_TEST_ABSENT}}]";
    world.write("a.yaml", &webhook("a", missing));
    world.write("b.yaml", &webhook("b", "[]"));
    let run = world.run(&["apply", ".", "--yes"]).expect(6);
    assert!(run.stdout.contains("FLESPI_GITOPS_TEST_ABSENT is not set"), "{}", run.stdout);
    assert_eq!(found(&world)["name"], "b");
}

#[test]
fn a_lost_answer_makes_no_second_webhook() {
    let world = World::new();
    world.write("hook.yaml", &webhook("arrivals", FROM_FILE));
    world.write("password", "canary-of-the-first-day\n");
    world.faults(&json!({"rules": [{"method": "POST", "count": 1, "effect": "cut_after"}]}));
    world.apply(&["."]);
    assert_eq!(header(&world, 1), "canary-of-the-first-day");
    assert_done(&world);
}

#[test]
fn a_refusal_of_the_platform_that_repeats_the_secret_is_not_shown() {
    let world = World::new();
    world.write("hook.yaml", &webhook("arrivals", FROM_FILE));
    world.write("password", "canary-of-the-first-day\n");
    world.faults(&json!({"rules": [{"method": "POST", "effect":
        {"answer": {"status": 400, "reason": "bad header canary-of-the-first-day"}}}]}));
    let run = world.run(&["apply", ".", "--yes"]).expect(1);
    assert!(run.stdout.contains("message is hidden"), "{}", run.stdout);
}

#[test]
fn whoever_has_no_webhooks_pays_no_call_for_them() {
    let world = World::new();
    world.write("limit.yaml", "apiVersion: flespi-gitops/v1\nkind: Limit\nmetadata: {name: a}\n");
    world.apply(&["."]);
    world.apply(&["."]);
    let is_about_webhooks = |world: &World| {
        world.journal().iter().any(|request| request.path.starts_with("/platform/webhooks"))
    };
    assert!(!is_about_webhooks(&world));
    world.apply(&[".", "--prune"]);
    assert!(is_about_webhooks(&world), "what is pruned has to be looked for");
}

#[test]
fn a_webhook_that_is_no_longer_declared_is_named_and_then_pruned() {
    let world = applied();
    world.write("hook.yaml", "apiVersion: flespi-gitops/v1\nkind: Limit\nmetadata: {name: a}\n");
    let plan = world.plan(&["."]);
    assert_eq!(plan["prunable"][0]["address"], "webhook/arrivals", "{plan}");
    world.apply_approved(&[".", "--prune"]);
    assert_eq!(world.count("webhooks"), 0);
}

#[test]
fn a_webhook_that_somebody_deleted_comes_back_from_the_recycle_bin() {
    let world = applied();
    let id = found(&world)["id"].clone();
    world.api("DELETE", &format!("/platform/webhooks/{id}"), None);
    let plan = world.plan(&["."]);
    assert_eq!(plan["steps"][0]["action"], "restore", "{plan}");
    world.apply(&["."]);
    assert_eq!(found(&world)["id"], id);
    assert_eq!(header(&world, 1), "canary-of-the-first-day");
    assert_done(&world);
}

#[test]
fn webhooks_count_against_the_limit_of_their_account() {
    let world = World::new();
    let inside = |name: &str| {
        webhook(name, "[]")
            .replace(&format!("{{name: {name}}}"), &format!("{{name: {name}, account: acme}}"))
    };
    world.write(
        "all.yaml",
        &format!(
            "apiVersion: flespi-gitops/v1\nkind: Limit\nmetadata: {{name: small}}\nspec: {{webhooks_count: 1}}\n---\n\
             apiVersion: flespi-gitops/v1\nkind: Subaccount\nmetadata: {{name: acme}}\nspec: {{limit: small}}\n{}{}",
            inside("a"),
            inside("b"),
        ),
    );
    let run = world.run(&["validate", "."]).expect(3);
    assert!(run.stdout.contains("`webhooks_count`: `acme` is allowed 1"), "{}", run.stdout);
}

#[test]
fn an_export_has_the_webhook_without_what_may_be_secret_and_plans_nothing_against_it() {
    let world = applied();
    world.run(&["export", "--out", "exported"]).expect(0);
    let text = world.read("exported/webhooks.yaml");
    assert!(text.contains("uri: https://hooks.example/in"), "{text}");
    assert!(
        text.contains("configuration.headers: not exported, since it may hold secrets"),
        "{text}"
    );
    let plan = world.plan(&["exported"]);
    assert_eq!(plan["steps"], json!([]), "{plan}");
}

#[test]
fn the_example_delivers_the_secret_that_it_makes() {
    let world = World::new();
    world.copy_example("webhooks");
    world.apply(&["webhooks"]);
    let key = world.read("webhooks/out/hook-key");
    assert_eq!(header(&world, 1), key.trim());
    let plan = world.plan(&["webhooks"]);
    assert_eq!(plan["steps"], json!([]), "{plan}");
}
