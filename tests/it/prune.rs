//! Deleting: only what is ours, only when asked, and never with something foreign inside.

use serde_json::json;

use crate::support::World;

const ACME: &str = "\
apiVersion: flespi-gitops/v1
kind: Subaccount
metadata: {name: acme}
";

const STACK: &str = "\
apiVersion: flespi-gitops/v1
kind: Stack
metadata: {name: default}
";

fn world() -> World {
    let world = World::new();
    world.write("stack.yaml", STACK);
    world.write("acme.yaml", ACME);
    world.apply(&["."]);
    world
}

fn forget_acme(world: &World) {
    std::fs::remove_file(world.path().join("acme.yaml")).unwrap();
}

#[test]
fn nothing_is_deleted_without_prune_and_it_is_told() {
    let world = world();
    forget_acme(&world);
    let plan = world.plan(&["."]);
    assert_eq!(plan["steps"], json!([]));
    assert_eq!(plan["prunable"][0]["address"], "subaccount/acme");
    world.apply(&["."]);
    assert_eq!(world.count("subaccounts"), 1);
    world.apply(&[".", "--prune"]);
    assert_eq!(world.count("subaccounts"), 0);
}

#[test]
fn what_nobody_marked_is_never_deleted() {
    let world = world();
    world.api("POST", "/platform/subaccounts", Some(&json!([{"name": "by hand"}])));
    forget_acme(&world);
    world.apply(&[".", "--prune"]);
    assert_eq!(world.item("subaccounts", "name", "by hand")["name"], "by hand");
}

#[test]
fn protection_outlives_the_manifest() {
    let world = World::new();
    world.write("stack.yaml", STACK);
    world.write("acme.yaml", &format!("{ACME}spec: {{lifecycle: {{protect: true}}}}\n"));
    world.apply(&["."]);
    forget_acme(&world);
    let refused = world.run(&["apply", ".", "--yes", "--prune"]).expect(5);
    assert!(refused.stdout.contains("protected"), "{}", refused.stdout);
    assert_eq!(world.count("subaccounts"), 1);
    // Two reviewed changes: first the protection goes, then the manifest.
    world.write("acme.yaml", ACME);
    world.apply(&["."]);
    forget_acme(&world);
    world.apply(&[".", "--prune"]);
    assert_eq!(world.count("subaccounts"), 0);
}

#[test]
fn protection_that_a_manifest_gives_later_counts_like_that_from_the_beginning() {
    let world = world();
    world.write("acme.yaml", &format!("{ACME}spec: {{lifecycle: {{protect: true}}}}\n"));
    world.apply(&["."]);
    forget_acme(&world);
    let refused = world.run(&["apply", ".", "--yes", "--prune"]).expect(5);
    assert!(refused.stdout.contains("protected"), "{}", refused.stdout);
    assert_eq!(world.count("subaccounts"), 1);
}

#[test]
fn a_subaccount_with_something_foreign_in_it_stays() {
    let world = world();
    let acme = world.item("subaccounts", "name", "acme")["id"].as_i64();
    let token = world.token();
    let body = json!([{"name": "theirs"}]);
    let (status, _) = world.call("POST", "/platform/limits", Some(&token), acme, Some(&body));
    assert_eq!(status, 200);
    forget_acme(&world);
    let refused = world.run(&["apply", ".", "--yes", "--prune"]).expect(5);
    assert!(refused.stdout.contains("theirs"), "{}", refused.stdout);
    assert_eq!(world.count("subaccounts"), 1);
}

#[test]
fn a_limit_that_somebody_uses_stays() {
    let world = World::new();
    world.write("stack.yaml", STACK);
    world.write(
        "limit.yaml",
        "apiVersion: flespi-gitops/v1\nkind: Limit\nmetadata: {name: starter}\n",
    );
    world.apply(&["."]);
    let limit = world.item("limits", "name", "starter")["id"].clone();
    let body = json!([{"name": "by hand", "limit_id": limit}]);
    world.api("POST", "/platform/subaccounts", Some(&body));
    std::fs::remove_file(world.path().join("limit.yaml")).unwrap();
    let refused = world.run(&["apply", ".", "--yes", "--prune"]).expect(5);
    assert!(refused.stdout.contains("by hand"), "{}", refused.stdout);
    assert_eq!(world.count("limits"), 1);
}

#[test]
fn a_mark_in_the_wrong_place_is_told_and_never_followed() {
    let world = world();
    // Somebody copies the mark of `acme` onto an account of another name, deeper down.
    let acme = world.item("subaccounts", "name", "acme");
    let body = json!([{"name": "copy", "metadata": acme["metadata"]}]);
    let token = world.token();
    world.call("POST", "/platform/subaccounts", Some(&token), acme["id"].as_i64(), Some(&body));
    let plan = world.plan(&[".", "--prune"]);
    assert_eq!(plan["steps"], json!([]), "{plan}");
    assert!(plan["disputed"].to_string().contains("but is another object"), "{plan}");
}

#[test]
fn of_two_objects_with_one_mark_none_is_deleted() {
    let world = world();
    // Somebody copies `acme` with its mark, beside it.
    let acme = world.item("subaccounts", "name", "acme");
    let twin = json!([{"name": "twin", "metadata": acme["metadata"]}]);
    world.api("POST", "/platform/subaccounts", Some(&twin));
    forget_acme(&world);
    let plan = world.plan(&[".", "--prune"]);
    assert_eq!(plan["steps"], json!([]), "{plan}");
    assert!(plan["disputed"].to_string().contains("none of them is deleted"), "{plan}");
    world.run(&["apply", ".", "--yes", "--prune"]);
    assert_eq!(world.count("subaccounts"), 2);
}

#[test]
fn an_empty_folder_deletes_nothing() {
    let world = world();
    forget_acme(&world);
    std::fs::remove_file(world.path().join("stack.yaml")).unwrap();
    world.empty_journal();
    world.run(&["apply", ".", "--yes", "--prune"]).expect(3);
    assert_eq!(world.journal().len(), 0, "nothing was sent");
}

#[test]
fn while_anything_is_unread_nothing_is_deleted() {
    for collection in ["limits", "subaccounts", "tokens"] {
        let effect = json!({"answer": {"status": 403, "reason": "no"}});
        let world = world();
        std::fs::remove_file(world.path().join("acme.yaml")).unwrap();
        world.write(
            "other.yaml",
            "apiVersion: flespi-gitops/v1\nkind: Limit\nmetadata: {name: other}\n",
        );
        world.faults(&json!({"rules": [{"method": "GET",
            "path": format!("/platform/{collection}/*"), "effect": effect}]}));
        world.empty_journal();
        world.run(&["apply", ".", "--yes", "--prune"]).expect(4);
        let deleted: Vec<_> =
            world.writes().into_iter().filter(|write| write.method == "DELETE").collect();
        assert!(deleted.is_empty(), "{collection}: {deleted:?}");
    }
}

const FAMILY: &str = "\
apiVersion: flespi-gitops/v1
kind: Limit
metadata: {name: old}
---
apiVersion: flespi-gitops/v1
kind: Subaccount
metadata: {name: parent}
spec: {limit: old}
---
apiVersion: flespi-gitops/v1
kind: Subaccount
metadata: {name: child, account: parent}
---
apiVersion: flespi-gitops/v1
kind: Token
metadata: {name: app, account: parent}
spec: {ttl: 1h, access: standard}
";

#[test]
fn what_is_not_deleted_keeps_the_account_that_holds_it_and_the_limit_that_it_uses() {
    for (collection, field, name) in [("tokens", "info", "app"), ("subaccounts", "name", "child")] {
        let world = world();
        world.write("family.yaml", FAMILY);
        world.apply(&["."]);
        std::fs::remove_file(world.path().join("family.yaml")).unwrap();
        let item = format!("/platform/{collection}/{}", world.item(collection, field, name)["id"]);
        world.faults(&json!({"rules": [{"method": "DELETE", "path": item,
            "effect": {"answer": {"status": 403, "reason": "no"}}}]}));
        world.empty_journal();
        let digest = world.plan(&[".", "--prune"])["digest"].as_str().unwrap().to_owned();
        let run = world.run(&["apply", ".", "--yes", "--prune", "--approve", &digest]).expect(6);
        assert!(run.stdout.contains("1 failed + 2 blocked"), "{}", run.stdout);
        let parent = world.item("subaccounts", "name", "parent")["id"].clone();
        let old = world.item("limits", "name", "old")["id"].clone();
        for kept in [format!("/platform/subaccounts/{parent}"), format!("/platform/limits/{old}")] {
            let asked = world.writes().iter().any(|write| write.path == kept);
            assert!(!asked, "{kept}: {}", run.stdout);
        }
    }
}
