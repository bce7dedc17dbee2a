//! What was deleted and lies in the recycle bin comes back as what it was.

use flespi_gitops::sandbox::Options;
use serde_json::{Value, json};

use crate::support::World;

const DAY: u64 = 24 * 3600;

fn account(name: &str, owner: &str, more: &str) -> String {
    format!(
        "---\napiVersion: flespi-gitops/v1\nkind: Subaccount\nmetadata: {{name: {name}, account: \
         \"{owner}\"}}\nspec: {{{more}}}\n"
    )
}

fn token(name: &str, owner: &str, more: &str) -> String {
    format!(
        "---\napiVersion: flespi-gitops/v1\nkind: Token\nmetadata: {{name: {name}, account: \
         \"{owner}\"}}\nspec: {{ttl: 90d, access: standard, deliver: [{{file: out/{name}}}]{more}}}\n"
    )
}

const LIMIT: &str = "---\napiVersion: flespi-gitops/v1\nkind: Limit\nmetadata: {name: starter}\n\
                     spec: {devices_count: 5}\n";

/// A tenant with a limit, an account of its own inside, and tokens in both.
fn tenant() -> String {
    [
        LIMIT.to_owned(),
        account("acme", "", "limit: starter"),
        account("depot", "acme", ""),
        token("app", "acme", ""),
        token("door", "acme/depot", ""),
    ]
    .concat()
}

fn applied(manifests: &str, options: Options) -> World {
    let world = World::with(options);
    world.write("all.yaml", manifests);
    world.apply(&["."]);
    world
}

fn id(world: &World, collection: &str, field: &str, name: &str) -> Value {
    world.item(collection, field, name)["id"].clone()
}

/// What `/auth/info` says of a delivered key.
fn owner_of_key(world: &World, file: &str) -> (u16, Value) {
    let key = world.read(file);
    let (status, answer) = world.call("GET", "/auth/info", Some(key.trim()), None, None);
    (status, answer["result"][0]["id"].clone())
}

fn advance(world: &World, seconds: u64) {
    let (status, answer) =
        world.call("POST", "/_sandbox/clock", None, None, Some(&json!({"advance": seconds})));
    assert_eq!(status, 200, "{answer}");
}

fn actions(plan: &Value) -> Vec<String> {
    let steps = plan["steps"].as_array().unwrap().iter();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    steps.map(|step| format!("{} {}", text(&step["action"]), text(&step["address"]))).collect()
}

fn nothing_is_left_to_do(world: &World) {
    let plan = world.plan(&["."]);
    assert_eq!(plan["steps"], json!([]), "{plan:#}");
    assert_eq!(plan["blocked"], json!([]), "{plan:#}");
}

#[test]
fn a_subaccount_deleted_behind_our_back_comes_back_with_its_id_and_the_keys_in_it() {
    let world = applied(&tenant(), Options::default());
    let account = id(&world, "subaccounts", "name", "acme");
    let app = id(&world, "tokens", "info", "app");
    world.api("DELETE", &format!("/platform/subaccounts/{account}"), None);
    assert_eq!(owner_of_key(&world, "out/app").0, 401);

    let plan = world.plan(&["."]);
    assert_eq!(actions(&plan), ["restore subaccount/acme"]);
    assert_eq!(plan["summary"]["restore"], 1);
    assert_eq!(plan["summary"]["create"], 0);
    assert_eq!(plan["pending"][0]["address"], "subaccount/acme");
    assert_eq!(
        plan["pending"][0]["reason"],
        "3 declared objects inside are compared once it is back"
    );

    world.apply(&["."]);
    assert_eq!(id(&world, "subaccounts", "name", "acme"), account);
    assert_eq!(owner_of_key(&world, "out/app"), (200, app));
    assert_eq!(owner_of_key(&world, "out/door").0, 200);
    let limit = id(&world, "limits", "name", "starter");
    assert_eq!(world.item("subaccounts", "name", "acme")["limit_id"], limit);
    nothing_is_left_to_do(&world);
}

#[test]
fn what_comes_back_with_another_key_has_that_key_in_its_sinks_after_the_same_apply() {
    for reading in ["asked", "never"] {
        let mut options = Options::default();
        options.assumptions.set("restored-key=new").unwrap();
        options.assumptions.set(&format!("token-key-on-read={reading}")).unwrap();
        let world = applied(&tenant(), options);
        let account = id(&world, "subaccounts", "name", "acme");
        world.api("DELETE", &format!("/platform/subaccounts/{account}"), None);
        world.apply(&["."]);
        for (name, file) in [("app", "out/app"), ("door", "out/door")] {
            let token = id(&world, "tokens", "info", name);
            assert_eq!(owner_of_key(&world, file), (200, token), "{reading}");
        }
        nothing_is_left_to_do(&world);
        if reading == "never" {
            // Those that nobody had the key of were replaced, and that is another story.
            continue;
        }
        // And a token by itself.
        let app = id(&world, "tokens", "info", "app");
        world.api("DELETE", &format!("/platform/tokens/{app}"), None);
        world.apply(&["."]);
        let app = id(&world, "tokens", "info", "app");
        assert_eq!(owner_of_key(&world, "out/app"), (200, app), "{reading}");
        nothing_is_left_to_do(&world);
    }
}

#[test]
fn where_a_restored_account_comes_back_bare_one_apply_restores_what_was_in_it_too() {
    let mut options = Options::default();
    options.assumptions.set("restored-branch=bare").unwrap();
    let world = applied(&tenant(), options);
    let account = id(&world, "subaccounts", "name", "acme");
    let (app, door) = (id(&world, "tokens", "info", "app"), id(&world, "tokens", "info", "door"));
    world.api("DELETE", &format!("/platform/subaccounts/{account}"), None);
    let run = world.run(&["apply", ".", "--yes", "--format", "json"]).expect(0);
    let report = run.json();
    let steps = report["steps"].as_array().unwrap();
    let restored = steps.iter().filter(|step| step["action"] == "restore").count();
    assert_eq!(restored, 4, "acme, depot and both tokens: {report:#}");
    assert_eq!(report["summary"]["planned"], report["summary"]["applied"]);
    let history = world.run(&["history", "--format", "json"]).expect(0).json();
    assert!(history.as_array().unwrap().len() >= 4, "every pass is on record: {history:#}");
    assert_eq!(owner_of_key(&world, "out/app"), (200, app));
    assert_eq!(owner_of_key(&world, "out/door"), (200, door));
    nothing_is_left_to_do(&world);
}

#[test]
fn after_thirty_one_days_a_deleted_subaccount_is_made_anew() {
    let world = applied(&account("acme", "", ""), Options::default());
    let before = id(&world, "subaccounts", "name", "acme");
    world.api("DELETE", &format!("/platform/subaccounts/{before}"), None);
    advance(&world, 31 * DAY);
    let plan = world.plan(&["."]);
    assert_eq!(actions(&plan), ["create subaccount/acme"]);
    let reason = plan["steps"][0]["reason"].as_str().unwrap();
    assert!(reason.contains("its devices and whatever else it held are lost"), "{reason}");
    world.apply(&["."]);
    assert_ne!(id(&world, "subaccounts", "name", "acme"), before);
}

#[test]
fn a_deleted_token_comes_back_with_its_key_and_then_gets_what_was_edited_meanwhile() {
    let world = applied(&token("app", "", ""), Options::default());
    let app = id(&world, "tokens", "info", "app");
    world.api("DELETE", &format!("/platform/tokens/{app}"), None);
    world.edit("all.yaml", "ttl: 90d", "ttl: 60d");
    let run = world.apply(&["."]);
    assert!(run.stdout.contains("token/app  restore"), "{}", run.stdout);
    assert_eq!(owner_of_key(&world, "out/app"), (200, app));
    assert_eq!(world.item("tokens", "info", "app")["ttl"], 60 * DAY);
    nothing_is_left_to_do(&world);
}

#[test]
fn whoever_wants_no_return_gets_a_new_object_with_a_new_key() {
    let world = applied(&token("app", "", ", lifecycle: {restore: false}"), Options::default());
    let app = id(&world, "tokens", "info", "app");
    let key = world.read("out/app");
    world.api("DELETE", &format!("/platform/tokens/{app}"), None);
    world.empty_journal();
    assert_eq!(actions(&world.plan(&["."])), ["create token/app"]);
    assert!(!world.journal().iter().any(|request| request.path.contains("deleted")));
    world.apply(&["."]);
    assert_ne!(world.read("out/app"), key);
}

#[test]
fn a_bin_that_cannot_be_read_is_no_empty_bin() {
    let world = applied(&token("app", "", ""), Options::default());
    let app = id(&world, "tokens", "info", "app");
    world.api("DELETE", &format!("/platform/tokens/{app}"), None);
    for effect in [
        json!({"answer": {"status": 403, "reason": "no"}}),
        json!({"answer": {"status": 500, "reason": "no"}}),
    ] {
        world.faults(&json!({"rules": [{"path": "/platform/deleted*", "effect": effect}]}));
        world.empty_journal();
        let run = world.run(&["apply", ".", "--yes"]).expect(4);
        assert_eq!(world.writes().len(), 0);
        assert!(run.stdout.contains("recycle bin"), "{}", run.stdout);
    }
    world.faults(&json!({"rules": []}));
    world.apply(&["."]);
    assert_eq!(id(&world, "tokens", "info", "app"), app);
}

#[test]
fn an_answer_lost_after_the_return_is_no_failure() {
    let world = applied(&token("app", "", ""), Options::default());
    let app = id(&world, "tokens", "info", "app");
    world.api("DELETE", &format!("/platform/tokens/{app}"), None);
    world.faults(&json!({"rules": [{"method": "POST", "path": "/platform/deleted*", "count": 1,
        "effect": "cut_after"}]}));
    world.apply(&["."]);
    assert_eq!(owner_of_key(&world, "out/app"), (200, app));
    nothing_is_left_to_do(&world);
}

#[test]
fn no_room_for_what_would_come_back_is_a_failure_that_names_it() {
    let world = World::new();
    world.write("all.yaml", &token("app", "", ""));
    world.apply(&["."]);
    let app = id(&world, "tokens", "info", "app");
    world.api("DELETE", &format!("/platform/tokens/{app}"), None);
    world.faults(&json!({"rules": [{"method": "POST", "path": "/platform/deleted*",
        "effect": {"answer": {"status": 403, "reason": "tokens limit reached"}}}]}));
    let run = world.run(&["apply", ".", "--yes"]).expect(1);
    assert!(run.stdout.contains("tokens limit reached"), "{}", run.stdout);
    assert!(run.stdout.contains("token/app"), "{}", run.stdout);
}

#[test]
fn a_reviewed_return_is_what_is_carried_out_and_nothing_beyond_it() {
    let world = applied(&tenant(), Options::default());
    let account = id(&world, "subaccounts", "name", "acme");
    world.api("DELETE", &format!("/platform/subaccounts/{account}"), None);
    world.run(&["plan", ".", "--out", "reviewed"]).expect(0);
    world.run(&["apply", "--plan", "reviewed", "--yes"]).expect(0);
    assert_eq!(id(&world, "subaccounts", "name", "acme"), account);
    world.empty_journal();
    world.run(&["apply", "--plan", "reviewed", "--yes"]).expect(0);
    assert_eq!(world.writes().len(), 0);
}

#[test]
fn a_mark_forged_before_a_deletion_brings_nothing_back_in_anothers_place() {
    let world =
        applied(&[account("acme", "", ""), account("rival", "", "")].concat(), Options::default());
    let (acme, rival) =
        (world.item("subaccounts", "name", "acme"), world.item("subaccounts", "name", "rival"));
    // Whoever has a master token of the rival's account can write its metadata.
    let path = format!("/platform/subaccounts/{}", rival["id"]);
    world.api("PUT", &path, Some(&json!({"metadata": acme["metadata"]})));
    for account in [&acme, &rival] {
        world.api("DELETE", &format!("/platform/subaccounts/{}", account["id"]), None);
    }
    let plan = world.plan(&["."]);
    assert_eq!(plan["disputed"][0]["address"], "subaccount/acme", "{plan:#}");
    world.empty_journal();
    let restored = world.run(&["apply", ".", "--yes"]);
    assert!(!world.writes().iter().any(|write| write.path.contains("restore")), "{restored:?}");
}

#[test]
fn a_deleted_token_whose_time_is_over_is_replaced_and_not_brought_back() {
    let brief = token("app", "", "").replace("ttl: 90d", "ttl: 5d");
    let world = applied(&brief, Options::default());
    let app = id(&world, "tokens", "info", "app");
    world.api("DELETE", &format!("/platform/tokens/{app}"), None);
    advance(&world, 9 * DAY);
    assert_eq!(actions(&world.plan(&["."])), ["create token/app"]);
    world.apply(&["."]);
    assert_ne!(id(&world, "tokens", "info", "app"), app);
    assert_eq!(owner_of_key(&world, "out/app").0, 200);
    nothing_is_left_to_do(&world);
}
