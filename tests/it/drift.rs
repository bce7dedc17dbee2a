//! Edits and drift: what changed, on which side, and nothing beside it.

use serde_json::json;

use crate::support::World;

const LIMIT: &str = "\
apiVersion: flespi-gitops/v1
kind: Limit
metadata: {name: starter}
spec:
  devices_count: 10
  api_calls: 100
";

#[test]
fn one_edited_number_is_one_step_with_one_changed_field() {
    let world = World::new();
    world.write("limit.yaml", LIMIT);
    world.apply(&["."]);
    world.edit("limit.yaml", "devices_count: 10", "devices_count: 20");
    let plan = world.plan(&["."]);
    let steps = plan["steps"].as_array().unwrap();
    assert_eq!(steps.len(), 1, "{plan}");
    assert_eq!(
        steps[0]["changes"],
        json!([{"field": "devices_count", "before": 10, "after": 20, "cause": "edited"}])
    );
    assert_eq!(steps[0]["source"], "limit.yaml:1:1");
    assert!(steps[0]["reason"].as_str().unwrap().contains("limit.yaml:5:18"), "{plan}");
    world.apply(&["."]);
    assert_eq!(world.item("limits", "name", "starter")["devices_count"], 20);
}

#[test]
fn a_change_by_hand_is_named_as_drift_and_healed() {
    let world = World::new();
    world.write("limit.yaml", LIMIT);
    world.apply(&["."]);
    let id = world.item("limits", "name", "starter")["id"].clone();
    world.api("PUT", &format!("/platform/limits/{id}"), Some(&json!({"devices_count": 99})));
    let plan = world.plan(&["."]);
    assert_eq!(plan["steps"][0]["changes"][0]["cause"], "drift", "{plan}");
    assert!(plan["steps"][0]["reason"].as_str().unwrap().contains("drift"));
    world.apply(&["."]);
    assert_eq!(world.item("limits", "name", "starter")["devices_count"], 10);
    assert_eq!(world.plan(&["."])["steps"], json!([]));
}

#[test]
fn a_field_that_no_manifest_mentions_is_not_ours() {
    let world = World::new();
    world.write("limit.yaml", LIMIT);
    world.apply(&["."]);
    let item = world.item("limits", "name", "starter");
    let path = format!("/platform/limits/{}", item["id"]);
    let mut metadata = item["metadata"].clone();
    metadata["sys_user_config"] = json!({"title": "Panel"});
    world.api(
        "PUT",
        &path,
        Some(&json!({"description": "by hand", "channels_count": 3, "metadata": metadata})),
    );
    assert_eq!(world.plan(&["."])["steps"], json!([]));
    // And an update of ours leaves it as it is.
    world.edit("limit.yaml", "devices_count: 10", "devices_count: 11");
    world.apply(&["."]);
    let item = world.item("limits", "name", "starter");
    assert_eq!(item["metadata"]["sys_user_config"], json!({"title": "Panel"}));
    assert_eq!(item["description"], "by hand");
}

#[test]
fn drift_is_healed_reported_or_ignored_as_the_manifest_says() {
    for (word, steps, notes) in [("heal", 1, 0), ("report", 0, 1), ("ignore", 0, 0)] {
        let world = World::new();
        world.write("limit.yaml", &format!("{LIMIT}  lifecycle: {{drift: {word}}}\n"));
        world.apply(&["."]);
        let id = world.item("limits", "name", "starter")["id"].clone();
        world.api("PUT", &format!("/platform/limits/{id}"), Some(&json!({"devices_count": 99})));
        let plan = world.plan(&["."]);
        assert_eq!(plan["steps"].as_array().unwrap().len(), steps, "{word}: {plan}");
        assert_eq!(plan["notes"].as_array().unwrap().len(), notes, "{word}: {plan}");
        // An edit of the manifest is not drift and is applied in any case.
        world.edit("limit.yaml", "devices_count: 10", "devices_count: 12");
        world.apply(&["."]);
        assert_eq!(world.item("limits", "name", "starter")["devices_count"], 12, "{word}");
    }
}

#[test]
fn the_limit_of_a_subaccount_moves_by_a_step_of_its_own() {
    let world = World::new();
    world.write("limit.yaml", LIMIT);
    world.write("pro.yaml", &LIMIT.replace("starter", "pro"));
    let account = "\
apiVersion: flespi-gitops/v1
kind: Subaccount
metadata: {name: acme}
spec: {limit: starter}
";
    world.write("acme.yaml", account);
    world.apply(&["."]);
    world.edit("acme.yaml", "limit: starter", "limit: pro");
    let plan = world.plan(&["."]);
    let steps = plan["steps"].as_array().unwrap();
    assert_eq!(steps.len(), 1, "{plan}");
    assert_eq!(steps[0]["action"], "assign");
    assert_eq!(
        steps[0]["changes"],
        json!([{"field": "limit_id", "before": "limit/starter", "after": "limit/pro",
                "cause": "edited"}])
    );
    world.apply(&["."]);
    let pro = world.item("limits", "name", "pro")["id"].clone();
    assert_eq!(world.item("subaccounts", "name", "acme")["limit_id"], pro);
    // Taken away by hand, it comes back, and that is drift.
    let id = world.item("subaccounts", "name", "acme")["id"].clone();
    world.api("PUT", &format!("/platform/subaccounts/{id}"), Some(&json!({"limit_id": 0})));
    assert_eq!(world.plan(&["."])["steps"][0]["changes"][0]["cause"], "drift");
    world.apply(&["."]);
    assert_eq!(world.item("subaccounts", "name", "acme")["limit_id"], pro);
}

#[test]
fn equal_changes_of_many_objects_are_one_call() {
    let world = World::new();
    let mut manifests = String::new();
    for number in 0..40 {
        manifests.push_str(&format!("---\n{}", LIMIT.replace("starter", &format!("l{number}"))));
    }
    world.write("limits.yaml", &manifests);
    world.apply(&["."]);
    assert_eq!(world.writes().len(), 1, "forty limits of one account are one POST");
    let text = world.read("limits.yaml").replace("devices_count: 10", "devices_count: 20");
    world.write("limits.yaml", &text);
    world.empty_journal();
    world.apply(&["."]);
    assert_eq!(world.writes().len(), 1, "{:?}", world.writes());
    assert_eq!(world.plan(&["."])["steps"], json!([]));
}

#[test]
fn a_token_is_compared_by_meaning_and_not_by_spelling() {
    let world = World::new();
    world.write(
        "token.yaml",
        "\
apiVersion: flespi-gitops/v1
kind: Token
metadata: {name: reader}
spec:
  ttl: 30d
  ips: [10.0.0.*, 1.2.3.4]
  origins: [https://b.example, flespi]
  access:
    acl:
      - {uri: gw/devices, methods: [PUT, GET], ids: [7, 3]}
      - {uri: mqtt, topic: site/#, actions: [subscribe, publish]}
",
    );
    world.apply(&["."]);
    let token = world.item("tokens", "info", "reader");
    // The same rights as another client would write them.
    let respelled = json!({
        "ips": "1.2.3.4, 10.0.0.*",
        "origins": [{"preset": "flespi"}, "https://b.example"],
        "access": {"type": 2, "acl": [
            {"uri": "mqtt", "topic": "site/#", "actions": ["publish", "subscribe"]},
            {"uri": "gw/devices", "methods": ["GET", "PUT"], "ids": [3, 7]}]},
    });
    world.api("PUT", &format!("/platform/tokens/{}", token["id"]), Some(&respelled));
    assert_eq!(world.plan(&["."])["steps"], json!([]));
}

#[test]
fn the_cause_of_a_difference_is_told_for_objects_that_one_call_changed_as_for_one_alone() {
    let limits = |count: usize, value: u32| -> String {
        let limit = |number| {
            LIMIT
                .replace("starter", &format!("l{number}"))
                .replace("devices_count: 10", &format!("devices_count: {value}"))
        };
        (0..count).map(limit).collect::<Vec<_>>().join("---\n")
    };
    for count in [1, 2, 5] {
        let world = World::new();
        for value in [1, 2] {
            world.write("limits.yaml", &limits(count, value));
            world.apply(&["."]);
        }
        let id = world.item("limits", "name", "l0")["id"].clone();
        world.api("PUT", &format!("/platform/limits/{id}"), Some(&json!({"devices_count": 99})));
        let plan = world.plan(&["."]);
        assert_eq!(plan["steps"][0]["changes"][0]["cause"], "drift", "{count}: {plan:#}");
        // An edit of the manifest is still an edit.
        world.apply(&["."]);
        world.write("limits.yaml", &limits(count, 3));
        let plan = world.plan(&["."]);
        assert_eq!(plan["steps"][0]["changes"][0]["cause"], "edited", "{count}: {plan:#}");
    }
}
