//! Consent, ownership and the ledger.

use serde_json::{Value, json};

use crate::support::World;

const ACME: &str = "\
apiVersion: flespi-gitops/v1
kind: Subaccount
metadata: {name: acme}
spec: {name: ACME}
";

#[test]
fn without_a_terminal_and_without_yes_nothing_is_done() {
    let world = World::new();
    world.write("acme.yaml", ACME);
    let refused = world.run(&["apply", "."]).expect(5);
    assert!(refused.stderr.contains("--yes"), "{}", refused.stderr);
    assert_eq!(world.writes().len(), 0);
}

#[test]
fn a_plan_writes_nothing() {
    let world = World::new();
    world.copy_example("fleet");
    world.run(&["plan", "fleet", "--detailed-exitcode"]).expect(2);
    world.run(&["plan", "fleet"]).expect(0);
    assert_eq!(world.writes().len(), 0);
}

#[test]
fn an_unmarked_object_of_the_same_name_is_told_and_not_touched() {
    let world = World::new();
    world.api("POST", "/platform/subaccounts", Some(&json!([{"name": "ACME"}])));
    world.write("acme.yaml", ACME);
    world.empty_journal();
    let refused = world.run(&["apply", ".", "--yes"]).expect(5);
    assert!(refused.stdout.contains("has no mark"), "{}", refused.stdout);
    assert_eq!(world.writes().len(), 0);
    assert_eq!(world.count("subaccounts"), 1);
}

#[test]
fn adopt_takes_over_an_object_of_the_same_name_without_making_another() {
    let world = World::new();
    world.api(
        "POST",
        "/platform/subaccounts",
        Some(&json!([{"name": "ACME", "metadata": {"sys_user_config": {"title": "T"}}}])),
    );
    let before = world.item("subaccounts", "name", "ACME");
    world.write("acme.yaml", &ACME.replace("spec: {", "spec: {lifecycle: {adopt: true}, "));
    world.apply(&["."]);
    let after = world.item("subaccounts", "name", "ACME");
    assert_eq!(after["id"], before["id"]);
    assert_eq!(after["metadata"]["sys_user_config"], json!({"title": "T"}));
    assert_eq!(after["metadata"]["flespi-gitops/address"], "subaccount/acme");
    assert_eq!(world.plan(&["."])["steps"], json!([]));
}

#[test]
fn an_id_binds_an_object_whatever_its_name() {
    let world = World::new();
    let made = world.api("POST", "/platform/subaccounts", Some(&json!([{"name": "old name"}])));
    let id = &made[0]["id"];
    world.write("acme.yaml", &ACME.replace("{name: acme}", &format!("{{name: acme, id: {id}}}")));
    world.apply(&["."]);
    assert_eq!(world.item("subaccounts", "name", "ACME")["id"], *id);
    assert_eq!(world.count("subaccounts"), 1);
}

#[test]
fn adopting_by_id_costs_no_write_and_the_mark_goes_along_with_the_next_change() {
    let world = World::new();
    let made = world.api("POST", "/platform/subaccounts", Some(&json!([{"name": "ACME"}])));
    let id = &made[0]["id"];
    world.write("acme.yaml", &ACME.replace("{name: acme}", &format!("{{name: acme, id: {id}}}")));
    world.empty_journal();
    let applied = world.apply(&["."]);
    assert!(applied.stdout.contains("nothing to do"), "{}", applied.stdout);
    assert_eq!(world.writes().len(), 0);
    assert_eq!(world.plan(&["."])["summary"]["unchanged"], 1);
    // Without the id the object is a stranger again, and nothing is made in its place.
    world.write("acme.yaml", ACME);
    world.run(&["apply", ".", "--yes"]).expect(5);
    assert_eq!(world.count("subaccounts"), 1);
    // The next real change takes the mark along, and from then on the id is not needed.
    let bound = ACME.replace("{name: acme}", &format!("{{name: acme, id: {id}}}"));
    world.write("acme.yaml", &bound.replace("ACME", "ACME Ltd"));
    world.apply(&["."]);
    let acme = world.item("subaccounts", "name", "ACME Ltd");
    assert_eq!(acme["metadata"]["flespi-gitops/address"], "subaccount/acme");
    world.write("acme.yaml", &ACME.replace("ACME", "ACME Ltd"));
    assert_eq!(world.plan(&["."])["steps"], json!([]));
}

#[test]
fn credentials_of_an_account_that_is_bound_by_id_take_its_mark_along() {
    let world = World::new();
    let made = world.api("POST", "/platform/subaccounts", Some(&json!([{"name": "ACME"}])));
    let id = &made[0]["id"];
    let spec = "spec: {lifecycle: {protect: true}, credentials: {email: a@acme.example}, ";
    let bound = ACME.replace("{name: acme}", &format!("{{name: acme, id: {id}}}"));
    world.write("acme.yaml", &bound.replace("spec: {", spec));
    world.apply(&["."]);
    let acme = world.item("subaccounts", "name", "ACME");
    assert_eq!(acme["metadata"]["flespi-gitops/protect"], "true", "{acme}");
    assert_eq!(world.plan(&["."])["steps"], json!([]));
}

#[test]
fn what_another_stack_owns_is_left_alone() {
    let world = World::new();
    world.write("acme.yaml", ACME);
    world.apply(&[".", "--stack", "first"]);
    world.write("globex.yaml", &ACME.replace("acme", "globex").replace("ACME", "Globex"));
    std::fs::remove_file(world.path().join("acme.yaml")).unwrap();
    world.apply(&[".", "--stack", "second", "--prune"]);
    assert_eq!(world.count("subaccounts"), 2, "pruning one stack spares the other");
    // The same address in another stack is told, not doubled.
    world.write("acme.yaml", ACME);
    let refused = world.run(&["apply", ".", "--yes", "--stack", "second"]).expect(5);
    assert!(refused.stdout.contains("stack `first`"), "{}", refused.stdout);
    assert_eq!(world.count("subaccounts"), 2);
}

#[test]
fn an_observed_account_can_hold_what_we_own() {
    let world = World::new();
    world.api("POST", "/platform/subaccounts", Some(&json!([{"name": "ACME"}])));
    let token = "\
---
apiVersion: flespi-gitops/v1
kind: Token
metadata: {name: app, account: acme}
spec: {ttl: 1h, access: standard}
";
    let observed = ACME.replace("spec: {", "spec: {lifecycle: {manage: [observe]}, ");
    world.write("acme.yaml", &format!("{observed}{token}"));
    world.apply(&["."]);
    let acme = world.item("subaccounts", "name", "ACME");
    assert_eq!(acme["metadata"], json!({}), "it was only looked at");
    assert_eq!(world.item("tokens", "info", "app")["cid"], acme["id"]);
    assert_eq!(world.plan(&["."])["steps"], json!([]));
}

#[test]
fn a_renamed_subaccount_keeps_its_id_and_everything_in_it() {
    let world = World::new();
    let token = "\
---
apiVersion: flespi-gitops/v1
kind: Token
metadata: {name: app, account: acme}
spec: {ttl: 1h, access: standard}
";
    world.write("acme.yaml", &format!("{ACME}{token}"));
    world.apply(&["."]);
    let (account, key) =
        (world.item("subaccounts", "name", "ACME"), world.item("tokens", "info", "app"));
    let renamed = ACME
        .replace("{name: acme}", "{name: acme-ltd, moved_from: subaccount/acme}")
        .replace("ACME", "ACME Ltd");
    let token = token.replace("account: acme", "account: acme-ltd");
    world.write("acme.yaml", &format!("{renamed}{token}"));
    let plan = world.plan(&[".", "--prune"]);
    assert_eq!(plan["summary"]["create"], 0, "{plan}");
    assert_eq!(plan["summary"]["delete"], 0, "{plan}");
    world.apply(&[".", "--prune"]);
    assert_eq!(world.item("subaccounts", "name", "ACME Ltd")["id"], account["id"]);
    assert_eq!(world.item("tokens", "info", "app")["id"], key["id"]);
    assert_eq!(world.plan(&[".", "--prune"])["steps"], json!([]));
}

#[test]
fn a_key_is_delivered_once_and_delivered_again_when_the_file_is_lost() {
    let world = World::new();
    world.write(
        "token.yaml",
        "\
apiVersion: flespi-gitops/v1
kind: Token
metadata: {name: app}
spec: {ttl: 1h, access: master, deliver: [{file: out/app}]}
",
    );
    world.apply(&["."]);
    let key = world.read("out/app");
    assert_eq!(world.call("GET", "/auth/info", Some(key.trim()), None, None).0, 200);
    world.apply(&["."]);
    std::fs::remove_file(world.path().join("out/app")).unwrap();
    world.empty_journal();
    world.apply(&["."]);
    assert_eq!(world.read("out/app"), key, "the same key, not another one");
    assert_eq!(world.writes().len(), 0, "the platform had nothing to change");
}

#[test]
fn the_ledger_adds_up_when_something_fails() {
    let world = World::new();
    world.copy_example("fleet");
    // The regions can be made and no tenant can; what needs no tenant does not suffer for it.
    world.faults(&json!({"rules": [{"method": "POST", "path": "/platform/subaccounts", "skip": 1,
        "effect": {"answer": {"status": 400, "reason": "not today"}}}]}));
    let report = world.run(&["apply", "fleet", "--yes", "--format", "json"]).expect(6).json();
    let summary = &report["summary"];
    let number = |name: &str| summary[name].as_u64().unwrap();
    assert_eq!(
        number("planned"),
        number("applied") + number("failed") + number("blocked") + number("not_started")
    );
    assert!(number("applied") > 0 && number("failed") > 0 && number("blocked") > 0, "{summary}");
    for step in report["steps"].as_array().unwrap() {
        if step["outcome"] == "blocked" {
            assert!(step["error"].as_str().unwrap().starts_with("blocked because "), "{step}");
        }
    }
    // The next plan is exactly the rest.
    world.faults(&json!({"rules": []}));
    let rest = world.plan(&["fleet"])["steps"].as_array().unwrap().len() as u64;
    assert_eq!(rest, number("failed") + number("blocked"));
    world.apply(&["fleet"]);
    assert_eq!(world.plan(&["fleet"])["steps"], json!([]));
}

#[test]
fn plans_and_reports_are_as_their_schemas_say() {
    let world = World::new();
    world.copy_example("fleet");
    let check = |schema: &str, document: &Value| {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("schemas").join(schema);
        let schema: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
        let errors: Vec<String> = jsonschema::draft202012::new(&schema)
            .unwrap()
            .iter_errors(document)
            .map(|error| format!("{}: {error}", error.instance_path()))
            .collect();
        assert!(errors.is_empty(), "{errors:#?}");
    };
    let plan = world.plan(&["fleet"]);
    assert_eq!(plan["format"], "flespi-gitops/plan/v1");
    check("plan.schema.json", &plan);
    let report = world.apply(&["fleet", "--format", "json"]).json();
    assert_eq!(report["format"], "flespi-gitops/report/v1");
    assert_eq!(report["digest"], plan["digest"], "what was planned is what ran");
    check("report.schema.json", &report);
}
