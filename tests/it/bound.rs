//! No more writes than a plan needs at least: each costs the user quota.

use serde_json::{Value, json};

use crate::support::World;

/// Applies, and sees that the writes are the fewest that there can be. Gives how many there were.
#[track_caller]
fn apply(world: &World, arguments: &[&str]) -> u64 {
    let planned = world.plan(arguments)["api"]["least_writes"].clone();
    let report = world.apply(&[arguments, &["--format", "json"]].concat()).json();
    let api = &report["api"];
    assert_eq!(api["least_writes"], planned, "{api}");
    assert_eq!(api["writes"], api["least_writes"], "{api}");
    api["writes"].as_u64().unwrap()
}

#[test]
fn the_examples_are_applied_with_the_fewest_writes() {
    for example in ["first-subaccount", "fleet", "tenants", "webhooks"] {
        let world = World::new();
        world.copy_example(example);
        assert!(apply(&world, &[example]) > 0);
        assert_eq!(world.plan(&[example])["api"]["least_writes"], 0);
    }
}

/// A limit for each of `limits`, and `count` accounts that have the one named last.
fn estate(limits: &[&str], count: usize) -> String {
    let limit = |name: &&str| {
        format!(
            "---\napiVersion: flespi-gitops/v1\nkind: Limit\nmetadata: {{name: {name}}}\nspec: {{}}\n"
        )
    };
    let last = limits.last().unwrap();
    let account = |number: usize| {
        format!(
            "---\napiVersion: flespi-gitops/v1\nkind: Subaccount\nmetadata: {{name: a{number}}}\nspec: {{limit: {last}}}\n"
        )
    };
    limits.iter().map(limit).chain((0..count).map(account)).collect()
}

#[test]
fn a_thousand_accounts_get_another_limit_by_three_writes_and_go_by_three() {
    let world = World::new();
    world.write("all.yaml", &estate(&["one", "two"], 1_000));
    assert_eq!(apply(&world, &["."]), 11);
    world.write("all.yaml", &estate(&["two", "one"], 1_000));
    assert_eq!(apply(&world, &["."]), 3);
    world.write("all.yaml", &estate(&["two", "one"], 0));
    let plan: Value = world.plan(&[".", "--prune"]);
    assert_eq!(plan["api"]["least_writes"], json!(3));
    world.empty_journal();
    world.apply_approved(&[".", "--prune"]);
    assert_eq!(world.writes().len(), 3);
}
