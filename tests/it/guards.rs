//! How much may be destroyed before a person has to look (R5), and what never is (R9).

use serde_json::{Value, json};

use crate::support::World;

const STACK: &str = "\
apiVersion: flespi-gitops/v1
kind: Stack
metadata: {name: default}
";

const ACME: &str = "\
apiVersion: flespi-gitops/v1
kind: Subaccount
metadata: {name: acme}
";

/// A subaccount of ours with many tokens in it that are not ours.
fn crowded(tokens: usize) -> World {
    let world = World::new();
    world.write("stack.yaml", STACK);
    world.write("acme.yaml", ACME);
    world.apply(&["."]);
    add_tokens(&world, tokens);
    std::fs::remove_file(world.path().join("acme.yaml")).unwrap();
    world.empty_journal();
    world
}

fn add_tokens(world: &World, tokens: usize) {
    let acme = world.item("subaccounts", "name", "acme")["id"].as_i64();
    let body: Vec<Value> = (0..tokens)
        .map(|number| json!({"info": format!("t{number}"), "ttl": 3600, "access": {"type": 0}}))
        .collect();
    let token = world.token();
    let (status, answer) =
        world.call("POST", "/platform/tokens", Some(&token), acme, Some(&json!(body)));
    assert_eq!(status, 200, "{answer}");
}

#[test]
fn a_subtree_of_four_hundred_tokens_is_not_deleted_before_somebody_approved_exactly_that() {
    let world = crowded(400);
    let plan = world.plan(&[".", "--prune"]);
    assert_eq!(plan["refusals"][0]["count"], 401, "{}", plan["refusals"]);
    let refused = world.run(&["apply", ".", "--prune", "--yes"]).expect(5);
    assert!(refused.stdout.contains("400 tokens"), "the plan is shown in full");
    assert_eq!(world.writes().len(), 0);
    // Approval is for this plan: with one more token it is another one.
    let digest = plan["digest"].as_str().unwrap().to_owned();
    add_tokens(&world, 1);
    world.empty_journal();
    world.run(&["apply", ".", "--prune", "--yes", "--approve", &digest]).expect(5);
    assert_eq!(world.writes().len(), 0);
    let digest = world.plan(&[".", "--prune"])["digest"].as_str().unwrap().to_owned();
    world.run(&["apply", ".", "--prune", "--yes", "--approve", &digest]).expect(0);
    assert_eq!(world.count("subaccounts"), 0);
}

#[test]
fn an_approval_of_a_few_digits_approves_nothing() {
    let world = crowded(60);
    let digest = world.plan(&[".", "--prune"])["digest"].as_str().unwrap().to_owned();
    world.run(&["apply", ".", "--prune", "--yes", "--approve", &digest[..4]]).expect(5);
    world.run(&["apply", ".", "--prune", "--yes", "--approve", ""]).expect(5);
    assert_eq!(world.writes().len(), 0);
    world.run(&["apply", ".", "--prune", "--yes", "--approve", &digest[..12]]).expect(0);
}

#[test]
fn disabling_a_subaccount_counts_what_it_cuts_off() {
    let world = crowded(60);
    world.write("acme.yaml", &format!("{ACME}spec: {{enabled: false}}\n"));
    let plan = world.plan(&["."]);
    assert_eq!(plan["refusals"][0]["count"], 60, "{}", plan["refusals"]);
    world.run(&["apply", ".", "--yes"]).expect(5);
    assert_eq!(world.writes().len(), 0);
}

#[test]
fn budgets_are_set_in_numbers_and_percent_by_kind_and_by_subtree() {
    for (guards, guard) in [
        ("{deletes: 2}", "deletes"),
        ("{deletes_percent: 10}", "deletes_percent"),
        ("{deletes_of: {subaccount: 0}}", "deletes_of.subaccount"),
        ("{deletes_per_subtree: 2}", "deletes_per_subtree"),
        ("{deletes: 3, deletes_percent: 100, deletes_per_subtree: 3}", ""),
    ] {
        let world = World::new();
        world.write("stack.yaml", &format!("{STACK}spec: {{guards: {guards}}}\n"));
        let token = |name: &str| {
            format!(
                "---\napiVersion: flespi-gitops/v1\nkind: Token\nmetadata: {{name: {name}, \
                 account: acme}}\nspec: {{ttl: 1h, access: standard}}\n"
            )
        };
        world.write("acme.yaml", &format!("{ACME}{}{}", token("a"), token("b")));
        world.apply(&["."]);
        std::fs::remove_file(world.path().join("acme.yaml")).unwrap();
        let plan = world.plan(&[".", "--prune"]);
        let refusals = plan["refusals"].as_array().unwrap();
        let told: Vec<&str> = refusals.iter().map(|r| r["guard"].as_str().unwrap()).collect();
        // Whatever numbers allow, an account with tokens in it is live.
        let of_numbers = if guard.is_empty() { None } else { Some(guard) };
        let expected: Vec<&str> = of_numbers.into_iter().chain(["live_account"]).collect();
        assert_eq!(told, expected, "{guards}");
    }
}

#[test]
fn an_account_with_something_inside_needs_an_approval_that_names_it_and_an_empty_one_does_not() {
    let empty = crowded(0);
    empty.run(&["apply", ".", "--prune", "--yes"]).expect(0);
    assert_eq!(empty.count("subaccounts"), 0);

    let live = crowded(2);
    let acme = live.item("subaccounts", "name", "acme")["id"].as_i64();
    let device = json!([{"name": "truck", "device_type_id": 1, "configuration": {"ident": "1"}}]);
    let (status, answer) =
        live.call("POST", "/gw/devices", Some(&live.token()), acme, Some(&device));
    assert_eq!(status, 200, "{answer}");
    live.empty_journal();
    let refused = live.run(&["apply", ".", "--prune", "--yes"]).expect(5);
    assert!(refused.stderr.contains("it holds 1 device, 2 tokens"), "{}", refused.stderr);
    assert_eq!(live.writes().len(), 0);
    let plan = live.plan(&[".", "--prune"]);
    assert_eq!(plan["steps"][0]["holds"], json!({"devices": 1, "tokens": 2}));
    live.apply_approved(&[".", "--prune"]);
    assert_eq!(live.count("subaccounts"), 0);
}

#[test]
fn a_quarter_of_a_stack_is_the_most_that_goes_unless_its_manifest_says_more() {
    let world = World::new();
    world.write("stack.yaml", STACK);
    let limits = |count: usize| {
        let limit = |number| {
            format!(
                "---\napiVersion: flespi-gitops/v1\nkind: Limit\nmetadata: {{name: l{number}}}\n\
                 spec: {{devices_count: 1}}\n"
            )
        };
        (0..count).map(limit).collect::<String>()
    };
    world.write("limits.yaml", &limits(40));
    world.apply(&["."]);
    world.write("limits.yaml", &limits(29));
    world.run(&["apply", ".", "--prune", "--yes"]).expect(5);
    world.write("limits.yaml", &limits(30));
    world.run(&["apply", ".", "--prune", "--yes"]).expect(0);
    // In a small stack a few are more than a quarter and no disaster.
    world.write("stack.yaml", &format!("{STACK}spec: {{guards: {{deletes_percent: 100}}}}\n"));
    world.write("limits.yaml", &limits(8));
    world.apply(&[".", "--prune"]);
    world.write("stack.yaml", STACK);
    world.write("limits.yaml", &limits(3));
    world.apply(&[".", "--prune"]);
    assert_eq!(world.count("limits"), 3);
}

#[test]
fn what_an_account_holds_beside_our_kinds_is_asked_before_it_is_deleted() {
    let world = crowded(0);
    world.plan(&[".", "--prune"]);
    let asked = world.journal();
    assert!(asked.iter().any(|request| request.path.contains("fields=id,counters")), "{asked:?}");
    // Not knowing is a reason to refuse.
    world.faults(
        &json!({"rules": [{"path": "/platform/subaccounts/[0-9]*", "effect": "cut_before"},
        {"method": "GET", "path": "/platform/subaccounts/?????*",
         "effect": {"answer": {"status": 403, "reason": "no"}}}]}),
    );
    let plan = world.plan(&[".", "--prune"]);
    assert_eq!(plan["refusals"][0]["guard"], "contents", "{plan}");
}

#[test]
fn our_own_token_is_neither_narrowed_nor_deleted() {
    let world = World::new();
    let own = world.api("GET", "/auth/info", None)[0]["id"].clone();
    for spec in [
        "{ttl: 1h, access: standard}",
        "{ttl: 1h, access: master, enabled: false}",
        "{ttl: 1h, access: master, ips: [10.0.0.1]}",
    ] {
        world.write(
            "own.yaml",
            &format!(
                "apiVersion: flespi-gitops/v1\nkind: Token\nmetadata: {{name: own, id: {own}}}\n\
                 spec: {spec}\n"
            ),
        );
        world.empty_journal();
        let refused = world.run(&["apply", ".", "--yes"]).expect(5);
        assert!(refused.stdout.contains("is the token of this run"), "{}", refused.stdout);
        assert_eq!(world.writes().len(), 0);
    }
}

#[test]
fn the_last_master_token_of_an_account_does_not_go_unseen() {
    let world = World::new();
    world.write("stack.yaml", STACK);
    let token = "\
---
apiVersion: flespi-gitops/v1
kind: Token
metadata: {name: admin, account: acme}
spec: {ttl: 1h, access: master}
";
    world.write("acme.yaml", &format!("{ACME}{token}"));
    world.apply(&["."]);
    world.write("acme.yaml", ACME);
    let refused = world.run(&["apply", ".", "--yes", "--prune"]).expect(5);
    assert!(refused.stderr.contains("without any usable master token"), "{}", refused.stderr);
    // Narrowing it comes to the same.
    world.write("acme.yaml", &format!("{ACME}{}", token.replace("master", "standard")));
    world.run(&["apply", ".", "--yes"]).expect(5);
    // Another one in its place makes it harmless.
    let other = token.replace("admin", "successor");
    world.write("acme.yaml", &format!("{ACME}{other}"));
    world.apply(&[".", "--prune"]);
}
