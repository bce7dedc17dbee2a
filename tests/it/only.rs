//! `--only`: some objects, what they need, and nothing else.

use crate::support::World;

fn addresses(world: &World, arguments: &[&str]) -> Vec<String> {
    let plan = world.plan(arguments);
    let steps = plan["steps"].as_array().unwrap().iter();
    let mut all: Vec<String> =
        steps.map(|step| step["address"].as_str().unwrap().to_owned()).collect();
    all.sort();
    all.dedup();
    all
}

#[test]
fn an_account_comes_with_everything_in_it_and_everything_that_it_needs() {
    let world = World::new();
    world.copy_example("fleet");
    let all = addresses(&world, &["fleet"]);
    let some = addresses(&world, &["fleet", "--only", "subaccount/emea/globex"]);
    assert!(some.len() < all.len() && some.iter().all(|it| all.contains(it)), "{some:?}");
    // The account above it and both limits are needed.
    for needed in
        ["limit/region", "limit/tenant-small", "subaccount/emea", "subaccount/emea/globex"]
    {
        assert!(some.iter().any(|it| it == needed), "{needed}: {some:?}");
    }
    assert!(!some.iter().any(|it| it.contains("apac")), "{some:?}");
    let said = world.run(&["plan", "fleet", "--only", "subaccount/emea/globex"]).expect(0);
    assert!(said.stdout.contains(" of other objects left out (--only)"), "{}", said.stdout);

    world.apply(&["fleet", "--only", "subaccount/emea/globex"]);
    assert_eq!(addresses(&world, &["fleet", "--only", "subaccount/emea/globex"]), [""; 0]);
    let rest = addresses(&world, &["fleet"]);
    assert!(!rest.is_empty() && rest.iter().all(|it| !some.contains(it)), "{rest:?}");
    let status = world.run(&["status", "fleet", "--only", "subaccount/emea/globex"]).expect(0);
    assert!(
        status.stdout.contains("in sync") && !status.stdout.contains("apac"),
        "{}",
        status.stdout
    );
    world.apply(&["fleet"]);
    world.run(&["plan", "fleet", "--detailed-exitcode"]).expect(0);
}

#[test]
fn nothing_else_is_pruned_and_a_slip_of_the_pen_is_told() {
    let world = World::new();
    let limit = |name: &str| {
        format!(
            "apiVersion: flespi-gitops/v1\nkind: Limit\nmetadata: {{name: {name}}}\nspec: {{name: {name}}}\n"
        )
    };
    for name in ["a", "b", "c"] {
        world.write(&format!("set/{name}.yaml"), &limit(name));
    }
    world.apply(&["set"]);
    for name in ["a", "b"] {
        std::fs::remove_file(world.path().join(format!("set/{name}.yaml"))).unwrap();
    }
    assert_eq!(addresses(&world, &["set", "--prune", "--only", "limit/a"]), ["limit/a"]);
    world.apply_approved(&["set", "--prune", "--only", "limit/a"]);
    assert_eq!(world.count("limits"), 2);
    for command in ["plan", "status", "apply"] {
        let run = world.run(&[command, "set", "--only", "limit/z", "--only", "limit/c"]).expect(64);
        assert!(run.stderr.contains("no object matches `limit/z`"), "{}", run.stderr);
    }
    world.run(&["plan", "set", "--only", "no pattern"]).expect(64);
}

#[test]
fn a_sealed_plan_of_some_objects_is_applied_as_it_was_reviewed() {
    let world = World::new();
    world.copy_example("fleet");
    world.run(&["plan", "fleet", "--only", "limit/*", "--out", "some.plan"]).expect(0);
    world.apply(&["--plan", "some.plan"]);
    assert_eq!((world.count("limits"), world.count("subaccounts")), (3, 0));
}
