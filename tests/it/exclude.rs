//! What is excluded is never looked at.

use serde_json::json;

use crate::support::World;

const ACCOUNT: &str = "\
apiVersion: flespi-gitops/v1
kind: Subaccount
metadata: {name: acme}
---
apiVersion: flespi-gitops/v1
kind: Token
metadata: {name: app, account: acme}
spec: {ttl: 1h, access: standard}
";

const OTHER: &str = "\
---
apiVersion: flespi-gitops/v1
kind: Limit
metadata: {name: starter}
";

#[test]
fn an_excluded_account_is_neither_made_nor_changed_nor_pruned_and_takes_its_content_along() {
    let world = World::new();
    world.write("all.yaml", &format!("{ACCOUNT}{OTHER}"));
    let plan = world.plan(&[".", "--exclude", "subaccount/ac*"]);
    assert_eq!(plan["summary"]["create"], 1, "{plan}");
    world.apply(&["."]);
    // Nothing names them any more, and still they are not even told as prunable.
    world.write("all.yaml", OTHER);
    let plan = world.plan(&[".", "--prune", "--exclude", "subaccount/acme"]);
    assert_eq!((&plan["steps"], &plan["prunable"]), (&json!([]), &json!([])), "{plan}");
    assert_eq!(world.plan(&[".", "--prune"])["summary"]["delete"], 2);
    // The Stack manifest says it for good.
    let stack = "---\napiVersion: flespi-gitops/v1\nkind: Stack\nmetadata: {name: default}\n\
                 spec: {exclude: ['**/acme', token/acme/*]}\n";
    world.write("all.yaml", &format!("{OTHER}{stack}"));
    assert_eq!(world.plan(&[".", "--prune"])["steps"], json!([]));
}

#[test]
fn a_subaccount_keeps_a_limit_that_is_out_of_sight() {
    let world = World::new();
    let account = "---\napiVersion: flespi-gitops/v1\nkind: Subaccount\nmetadata: {name: acme}\n\
                   spec: {limit: starter}\n";
    world.write("all.yaml", &format!("{OTHER}{account}"));
    world.apply(&["."]);
    let id = world.item("subaccounts", "name", "acme")["id"].clone();
    world.api("PUT", &format!("/platform/subaccounts/{id}"), Some(&json!({"limit_id": 0})));
    assert_eq!(world.plan(&["."])["summary"]["assign"], 1);
    assert_eq!(world.plan(&[".", "--exclude", "limit/*"])["steps"], json!([]));
}

#[test]
fn what_no_address_can_be_is_wrong_usage() {
    let world = World::new();
    world.write("all.yaml", OTHER);
    world.run(&["plan", ".", "--exclude", "Token/[a]"]).expect(64);
    let stack = "---\napiVersion: flespi-gitops/v1\nkind: Stack\nmetadata: {name: default}\n\
                 spec: {exclude: [Token]}\n";
    world.write("all.yaml", &format!("{OTHER}{stack}"));
    world.run(&["validate", "."]).expect(3);
}
