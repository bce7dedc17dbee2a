//! What was reviewed is what runs, or nothing does (R1).

use serde_json::{Value, json};

use crate::support::World;

fn limit(name: &str, devices: u32) -> String {
    format!(
        "apiVersion: flespi-gitops/v1\nkind: Limit\nmetadata: {{name: {name}}}\nspec: \
         {{devices_count: {devices}}}\n"
    )
}

/// Two limits on the platform, and a sealed plan that changes one of them.
fn reviewed() -> World {
    let world = World::new();
    world.write("touched.yaml", &limit("touched", 1));
    world.write("other.yaml", &limit("other", 1));
    world.apply(&["."]);
    world.write("touched.yaml", &limit("touched", 2));
    world.run(&["plan", ".", "--out", "reviewed.plan"]).expect(0);
    world.empty_journal();
    world
}

fn set(world: &World, name: &str, body: &Value) {
    let id = world.item("limits", "name", name)["id"].clone();
    world.api("PUT", &format!("/platform/limits/{id}"), Some(body));
    world.empty_journal();
}

fn apply_reviewed(world: &World) -> crate::support::Run {
    world.run(&["apply", "--plan", "reviewed.plan", "--yes"])
}

#[test]
fn a_sealed_plan_runs_without_its_manifests_and_twice_does_nothing_more() {
    let world = reviewed();
    std::fs::remove_file(world.path().join("touched.yaml")).unwrap();
    std::fs::remove_file(world.path().join("other.yaml")).unwrap();
    apply_reviewed(&world).expect(0);
    assert_eq!(world.item("limits", "name", "touched")["devices_count"], 2);
    world.empty_journal();
    apply_reviewed(&world).expect(0);
    assert_eq!(world.writes().len(), 0);
}

#[test]
fn a_touched_object_that_changed_meanwhile_stops_it_and_is_named_with_its_field() {
    let world = reviewed();
    set(&world, "touched", &json!({"description": "by hand"}));
    let refused = apply_reviewed(&world).expect(5);
    assert!(refused.stderr.contains("limit/touched: description"), "{}", refused.stderr);
    assert_eq!(world.writes().len(), 0);
}

#[test]
fn an_untouched_object_that_changed_meanwhile_is_none_of_its_business() {
    let world = reviewed();
    set(&world, "other", &json!({"devices_count": 77}));
    apply_reviewed(&world).expect(0);
    assert_eq!(world.item("limits", "name", "touched")["devices_count"], 2);
    assert_eq!(world.item("limits", "name", "other")["devices_count"], 77, "it was not reviewed");
}

#[test]
fn manifests_that_changed_meanwhile_change_nothing() {
    let world = reviewed();
    world.write("touched.yaml", &limit("touched", 99));
    apply_reviewed(&world).expect(0);
    assert_eq!(world.item("limits", "name", "touched")["devices_count"], 2);
}

#[test]
fn a_plan_that_was_tampered_with_is_not_used() {
    let world = reviewed();
    let text = world.read("reviewed.plan");
    for tampered in [
        text.replace("\"devices_count\": 2", "\"devices_count\": 3"),
        text.replace("limit/touched", "limit/other"),
        text.chars().take(text.len() / 2).collect(),
        "{}".to_owned(),
    ] {
        assert_ne!(tampered, text);
        world.write("reviewed.plan", &tampered);
        apply_reviewed(&world).expect(5);
    }
    assert_eq!(world.journal().len(), 0, "the seal is checked before anything is sent");
}

#[test]
fn a_plan_for_another_account_is_not_carried_out() {
    let world = reviewed();
    world.api("POST", "/platform/subaccounts", Some(&json!([{"name": "acme"}])));
    let acme = world.item("subaccounts", "name", "acme")["id"].as_i64();
    let token = json!([{"info": "own", "ttl": 3600, "access": {"type": 1}}]);
    let (_, made) =
        world.call("POST", "/platform/tokens", Some(&world.token()), acme, Some(&token));
    world.empty_journal();
    let mut command = world.command(&["apply", "--plan", "reviewed.plan", "--yes"]);
    command.env("FLESPI_TOKEN", made["result"][0]["key"].as_str().unwrap());
    let refused = crate::support::run(command).expect(5);
    assert!(refused.stderr.contains("the plan was made for account"), "{}", refused.stderr);
    assert_eq!(world.writes().len(), 0);
}

#[test]
fn what_a_sealed_plan_declares_is_under_its_seal_as_its_steps_are() {
    let world = reviewed();
    let sealed: Value = serde_json::from_str(&world.read("reviewed.plan")).unwrap();
    for (member, value) in [
        ("/content/account", json!(1)),
        ("/content/policy/prune", json!(true)),
        ("/content/folders", json!([])),
        ("/content/desired/stack", json!("other")),
    ] {
        let mut forged = sealed.clone();
        *forged.pointer_mut(member).unwrap() = value;
        assert_ne!(forged, sealed, "{member}");
        world.write("reviewed.plan", &forged.to_string());
        let refused = apply_reviewed(&world).expect(5);
        assert!(refused.stderr.contains("does not match its seal"), "{member}: {}", refused.stderr);
    }
}

#[test]
fn a_plan_of_a_whole_fleet_is_carried_out_as_it_was_sealed() {
    let world = World::new();
    world.copy_example("fleet");
    world.run(&["plan", "fleet", "--out", "reviewed.plan"]).expect(0);
    let planned = world.plan(&["fleet"]);
    let report = world
        .run(&["apply", "--plan", "reviewed.plan", "--yes", "--format", "json"])
        .expect(0)
        .json();
    assert_eq!(report["digest"], planned["digest"]);
    let ids = |document: &Value| -> Vec<String> {
        document["steps"].as_array().unwrap().iter().map(|s| s["id"].to_string()).collect()
    };
    assert_eq!(ids(&report), ids(&planned), "the ledger has the steps of the plan");
    assert_eq!(world.plan(&["fleet"])["steps"], json!([]));
}

#[test]
fn no_secret_is_in_a_sealed_plan() {
    let world = World::new();
    world.write(
        "acme.yaml",
        "\
apiVersion: flespi-gitops/v1
kind: Subaccount
metadata: {name: acme}
spec: {credentials: {email: a@b.example, password: {file: password}}}
",
    );
    world.write("password", "canary-password");
    world.run(&["plan", ".", "--out", "reviewed.plan"]).expect(0);
    let sealed = world.read("reviewed.plan");
    assert!(!sealed.contains("canary") && !sealed.contains(&world.token()));
    apply_reviewed(&world).expect(0);
    assert_eq!(world.plan(&["."])["steps"], json!([]));
}
