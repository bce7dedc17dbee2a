//! Marks that are signed with a key that only the operator has.

use serde_json::{Value, json};

use crate::support::World;

const ACME: &str = "\
apiVersion: flespi-gitops/v1
kind: Subaccount
metadata: {name: acme}
---
apiVersion: flespi-gitops/v1
kind: Token
metadata: {name: app, account: acme}
spec: {ttl: 1h, access: master, deliver: [{file: out/app}]}
";

const SIGNED: [&str; 3] = [".", "--mark-key-file", "key"];

fn world() -> World {
    let world = World::new();
    world.write("acme.yaml", ACME);
    world.write("key", &"k".repeat(40));
    world
}

fn with(arguments: &[&'static str]) -> Vec<&'static str> {
    [&SIGNED[..], arguments].concat()
}

#[test]
fn what_is_made_with_a_key_is_found_with_the_key_and_with_no_other() {
    let world = world();
    world.apply(&SIGNED);
    assert_eq!(world.plan(&SIGNED)["steps"], json!([]));
    let mark = &world.item("subaccounts", "name", "acme")["metadata"];
    assert_eq!(mark["flespi-gitops/signature"].as_str().unwrap().len(), 64);
    // With another key nothing is ours, and nothing is made a second time.
    world.write("key", &"x".repeat(40));
    let plan = world.plan(&with(&["--prune"]));
    assert_eq!(plan["steps"], json!([]), "{plan:#}");
    assert!(plan["blocked"].to_string().contains("does not match"), "{plan:#}");
}

#[test]
fn updates_keep_the_signature_fitting() {
    let world = world();
    world.apply(&SIGNED);
    world.edit(
        "acme.yaml",
        "metadata: {name: acme}",
        "metadata: {name: acme}\nspec: {name: ACME Ltd}",
    );
    world.edit("acme.yaml", "ttl: 1h", "ttl: 2h");
    world.apply(&SIGNED);
    assert_eq!(world.plan(&with(&["--prune"]))["steps"], json!([]));
    std::fs::remove_file(world.path().join("out/app")).unwrap();
    world.apply(&SIGNED);
    assert_eq!(world.plan(&SIGNED)["steps"], json!([]));
}

#[test]
fn a_forged_mark_is_nobodys() {
    let world = world();
    world.apply(&SIGNED);
    let key = world.read("out/app");
    let body = json!([{"info": "forged", "ttl": 60, "access": {"type": 0}, "metadata": {
        "flespi-gitops/stack": "default", "flespi-gitops/address": "token/acme/gone"}}]);
    let forge =
        |body: &Value| world.call("POST", "/platform/tokens", Some(key.trim()), None, Some(body)).0;
    assert_eq!(forge(&body), 200);
    let plan = world.plan(&with(&["--prune"]));
    assert_eq!(plan["steps"], json!([]), "{plan:#}");
    assert_eq!(plan["prunable"], json!([]));
    // A copy of a signed mark within the account doubles it, and that is disputed.
    let mut copy = body.clone();
    copy[0]["metadata"] = world.item("tokens", "info", "app")["metadata"].clone();
    assert_eq!(forge(&copy), 200);
    let plan = world.plan(&with(&["--prune"]));
    assert_eq!(plan["steps"], json!([]), "{plan:#}");
    assert!(plan["disputed"].to_string().contains("token/acme/app"), "{plan:#}");
}

#[test]
fn an_estate_of_unsigned_marks_is_taken_over_once() {
    let world = world();
    world.apply(&["."]);
    let (account, token) =
        (world.item("subaccounts", "name", "acme"), world.item("tokens", "info", "app"));
    let refused = world.plan(&SIGNED);
    assert!(refused["blocked"].to_string().contains("--trust-unsigned-marks"), "{refused:#}");
    world.apply(&with(&["--trust-unsigned-marks"]));
    assert_eq!(world.plan(&SIGNED)["steps"], json!([]));
    assert_eq!(world.item("subaccounts", "name", "acme")["id"], account["id"]);
    assert_eq!(world.item("tokens", "info", "app")["id"], token["id"]);
}

#[test]
fn credentials_are_set_with_signed_marks_too() {
    let world = world();
    world.write("password", "correct horse");
    let credentials = "metadata: {name: acme}\nspec: {credentials: {password: {file: password}}}";
    world.edit("acme.yaml", "metadata: {name: acme}", credentials);
    world.apply(&SIGNED);
    assert_eq!(world.plan(&SIGNED)["steps"], json!([]));
}

#[test]
fn a_key_that_is_none_is_wrong_usage() {
    let world = world();
    world.write("key", "short");
    world.run(&["plan", ".", "--mark-key-file", "key"]).expect(64);
    world.run(&["plan", ".", "--mark-key-file", "absent"]).expect(64);
    assert_eq!(world.journal().len(), 0);
}
