//! A rename is never a destroy (R7).

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::support::World;

fn account(name: &str, owner: &str, more: &str) -> String {
    format!(
        "---\napiVersion: flespi-gitops/v1\nkind: Subaccount\nmetadata: {{name: {name}, account: \
         \"{owner}\"{more}}}\n"
    )
}

fn token(name: &str, owner: &str, more: &str) -> String {
    format!(
        "---\napiVersion: flespi-gitops/v1\nkind: Token\nmetadata: {{name: {name}, account: \
         \"{owner}\"{more}}}\nspec: {{ttl: 1h, access: standard}}\n"
    )
}

/// Id of every object by the address in its mark.
fn addresses(world: &World) -> BTreeMap<String, Value> {
    let mut found = BTreeMap::new();
    for collection in ["subaccounts", "tokens"] {
        let path = format!("/platform/{collection}/all?fields=id,metadata");
        for item in world.api("GET", &path, None) {
            if let Some(address) = item["metadata"]["flespi-gitops/address"].as_str() {
                found.insert(address.to_owned(), item["id"].clone());
            }
        }
    }
    found
}

/// Applies the new manifests; nothing may be created or deleted, and then nothing is left to do.
fn rename(world: &World, manifests: &str) {
    world.write("all.yaml", manifests);
    let plan = world.plan(&[".", "--prune"]);
    assert_eq!(plan["summary"]["create"], 0, "{plan:#}");
    assert_eq!(plan["summary"]["delete"], 0, "{plan:#}");
    assert_eq!(plan["blocked"], json!([]), "{plan:#}");
    world.apply(&[".", "--prune"]);
    let plan = world.plan(&[".", "--prune"]);
    assert_eq!(plan["steps"], json!([]), "{plan:#}");
    assert_eq!(plan["prunable"], json!([]), "{plan:#}");
}

fn world(manifests: &str) -> World {
    let world = World::new();
    world.write("all.yaml", manifests);
    world.apply(&["."]);
    world
}

#[test]
fn a_token_is_renamed_in_place() {
    let world = world(&token("old", "", ""));
    let id = world.item("tokens", "info", "old")["id"].clone();
    rename(&world, &token("new", "", ", moved_from: token/old"));
    assert_eq!(world.item("tokens", "info", "new")["id"], id);
}

#[test]
fn a_parent_in_the_middle_of_the_tree_is_renamed_and_everything_below_stays() {
    let tree = |middle: &str, more: &str| {
        [
            account("top", "", ""),
            account(middle, "top", more),
            account("leaf", &format!("top/{middle}"), ""),
            token("a", &format!("top/{middle}"), ""),
            token("b", &format!("top/{middle}/leaf"), ""),
        ]
        .concat()
    };
    let world = world(&tree("old", ""));
    let before = addresses(&world);
    rename(&world, &tree("new", ", moved_from: subaccount/top/old"));
    let after = addresses(&world);
    for (address, id) in before {
        assert_eq!(after[&address.replace("old", "new")], id, "{address}");
    }
}

#[test]
fn two_names_are_exchanged_and_stay_exchanged() {
    let plain =
        [account("a", "", ""), account("b", "", ""), token("in", "a", ""), token("in", "b", "")]
            .concat();
    let world = world(&plain);
    let before = addresses(&world);
    let exchanged = [
        account("a", "", ", moved_from: subaccount/b"),
        account("b", "", ", moved_from: subaccount/a"),
        token("in", "a", ""),
        token("in", "b", ""),
    ]
    .concat();
    rename(&world, &exchanged);
    let after = addresses(&world);
    assert_eq!(after["subaccount/a"], before["subaccount/b"]);
    assert_eq!(after["token/b/in"], before["token/a/in"], "what is inside goes with its account");
    // The manifests still say where each came from, which must not exchange them again.
    world.apply(&["."]);
    assert_eq!(addresses(&world), after);
    // Once they no longer say it, nothing moves.
    rename(&world, &plain);
    assert_eq!(addresses(&world), after);
    // And when they say it again, they mean it again.
    rename(&world, &exchanged);
    assert_eq!(addresses(&world), before);
}

#[test]
fn a_rename_that_was_asked_for_before_and_means_another_object_now_is_refused_and_moves_nothing() {
    let moved =
        |name: &str, from: &str| account(name, "", &format!(", moved_from: subaccount/{from}"));
    let world = world(&[account("a", "", ""), account("b", "", "")].concat());
    rename(&world, &[moved("c", "a"), moved("a", "b")].concat());
    let before = addresses(&world);
    // The first line says what it said before, when it meant the object that is to go the other way now.
    world.write("all.yaml", &[moved("c", "a"), moved("a", "c")].concat());
    world.empty_journal();
    let refused = world.run(&["apply", ".", "--yes", "--prune"]).expect(5);
    assert!(refused.stdout.contains("choose one with `metadata.id`"), "{}", refused.stdout);
    assert_eq!(world.writes().len(), 0);
    assert_eq!(addresses(&world), before);
}

#[test]
fn an_exchange_that_was_interrupted_is_finished() {
    let world = world(&[token("a", "", ""), token("b", "", "")].concat());
    let before = addresses(&world);
    let exchanged =
        [token("a", "", ", moved_from: token/b"), token("b", "", ", moved_from: token/a")].concat();
    world.write("all.yaml", &exchanged);
    world.faults(&json!({"rules": [{"method": "PUT", "skip": 1, "count": 1,
        "effect": {"answer": {"status": 400, "reason": "no"}}}]}));
    world.run(&["apply", ".", "--yes"]).expect(6);
    world.faults(&json!({"rules": []}));
    world.apply(&["."]);
    let after = addresses(&world);
    assert_eq!(after["token/a"], before["token/b"]);
    assert_eq!(after["token/b"], before["token/a"]);
}

#[test]
fn a_move_to_another_owner_is_said_and_refused_without_approval() {
    let accounts = [account("a", "", ""), account("b", "", "")].concat();
    let world = world(&format!("{accounts}{}", token("app", "a", "")));
    let moved = token("app", "b", ", moved_from: token/a/app");
    world.write("all.yaml", &format!("{accounts}{moved}"));
    world.empty_journal();
    let refused = world.run(&["apply", ".", "--yes", "--prune"]).expect(5);
    assert!(refused.stderr.contains("cannot be moved to another owner"), "{}", refused.stderr);
    assert_eq!(world.writes().len(), 0);
}

#[test]
fn a_forgotten_moved_from_is_asked_for_and_makes_nothing_new() {
    let named =
        |name: &str| account(name, "", "").replace("}\n", "}\nspec: {name: Same display name}\n");
    let world = world(&named("old"));
    world.write("all.yaml", &named("new"));
    let refused = world.run(&["apply", ".", "--yes"]).expect(5);
    assert!(refused.stdout.contains("moved_from: subaccount/old"), "{}", refused.stdout);
    assert_eq!(world.count("subaccounts"), 1);
}
