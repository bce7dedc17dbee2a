//! Realms with their users, identity providers and grants: declared, applied, shared, exported and taken away.

use serde_json::{Value, json};

use crate::support::World;

const REALM: &str = "---\napiVersion: flespi-gitops/v1\nkind: Realm\nmetadata: {name: portal}\nspec:\n  token_params:\n    \
                     access: {acl: [{uri: gw/devices, methods: [GET]}]}\n    ttl: 2h\n";
const USER: &str = "---\napiVersion: flespi-gitops/v1\nkind: RealmUser\nmetadata: {name: ann, realm: portal}\nspec:\n  \
                    password: {file: password}\n";
const ACCOUNTS: &str = "---\napiVersion: flespi-gitops/v1\nkind: Subaccount\nmetadata: {name: emea}\n---\napiVersion: flespi-gitops/v1\nkind: \
     Subaccount\nmetadata: {name: apac}\n";
const GRANT: &str = "---\napiVersion: flespi-gitops/v1\nkind: Grant\nmetadata: {name: shared}\nspec:\n  items: [{type: \
                     gw/devices}]\n  access: [edit]\n  to: [emea]\n";

/// A realm with a user, applied.
fn portal() -> World {
    let world = World::new();
    world.write("realm.yaml", REALM);
    world.write("user.yaml", USER);
    world.write("password", "canary-of-the-first-day\n");
    world.apply(&["."]);
    world
}

/// A grant to one of two accounts, applied.
fn granted() -> World {
    let world = World::new();
    world.write("accounts.yaml", ACCOUNTS);
    world.write("grant.yaml", GRANT);
    world.apply(&["."]);
    world
}

fn realm(world: &World) -> Value {
    let all =
        world.api("GET", "/platform/realms/all?fields=id,name,public_id,home,token_params", None);
    assert_eq!(all.len(), 1, "{all:?}");
    all[0].clone()
}

fn users(world: &World) -> Vec<Value> {
    let fields = "id,realm_id,name,has_password,token_params,subaccount_id,metadata";
    world.api("GET", &format!("/platform/realms/all/users/all?fields={fields}"), None)
}

/// The key that the log-in page of a realm gives for a name and a password; none if it refuses.
fn log_in(world: &World, realm: &Value, name: &str, password: &str) -> Option<String> {
    let path = format!("/realm/{}/login", realm["public_id"].as_str().unwrap());
    let body = json!({"username": name, "password": password});
    let (status, answer) = world.call("POST", &path, None, None, Some(&body));
    let key = answer["result"][0]["token"].as_str().map(str::to_owned);
    assert_eq!(status == 200, key.is_some(), "{answer}");
    key
}

/// What a key may do at a path.
fn status_of(world: &World, key: &str, method: &str, path: &str) -> u16 {
    world.call(method, path, Some(key), None, Some(&json!({}))).0
}

/// The accounts that the only grant is given to.
fn grantees(world: &World) -> Vec<i64> {
    let all = world.api("GET", "/platform/grants/all/subaccounts/all", None);
    all.iter().map(|row| row["subaccount_id"].as_i64().unwrap()).collect()
}

fn id_of(world: &World, account: &str) -> i64 {
    let all = world.api("GET", "/platform/subaccounts/all?fields=id,name", None);
    let found = all.iter().find(|it| it["name"] == account);
    found.unwrap_or_else(|| panic!("{account} in {all:?}"))["id"].as_i64().unwrap()
}

/// Lets the platform refuse calls at these paths.
fn refuse(world: &World, method: &str, path: &str) {
    let rule = json!({"method": method, "path": path, "effect": {"answer": {"status": 403, "reason": "no"}}});
    world.faults(&json!({"rules": [rule]}));
}

#[track_caller]
fn assert_done(world: &World) {
    let plan = world.plan(&["."]);
    assert_eq!(plan["steps"], json!([]), "{plan}");
    assert_eq!(plan["blocked"], json!([]), "{plan}");
}

fn steps(plan: &Value) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let steps = plan["steps"].as_array().unwrap();
    steps.iter().map(|step| (text(&step["action"]), text(&step["address"]))).collect()
}

#[track_caller]
fn assert_steps(world: &World, expected: &[(&str, &str)]) -> Value {
    let plan = world.plan(&["."]);
    let found = steps(&plan);
    let found: Vec<(&str, &str)> = found.iter().map(|(a, b)| (a.as_str(), b.as_str())).collect();
    assert_eq!(found, expected, "{plan}");
    plan
}

#[test]
fn the_reseller_is_made_from_nothing_exported_without_loss_and_pruned_to_nothing() {
    let world = World::new();
    world.copy_example("reseller");
    world.apply(&["."]);
    world.empty_journal();
    world.apply(&["."]);
    assert_eq!(world.writes().len(), 0);
    world.run(&["export", "--out", "exported"]).expect(0);
    let plan = world.plan(&["exported"]);
    assert_eq!((&plan["steps"], &plan["blocked"]), (&json!([]), &json!([])), "{plan}");
    world.write(
        "none/stack.yaml",
        "apiVersion: flespi-gitops/v1\nkind: Stack\nmetadata: {name: default}\nspec: {guards: {deletes: 100, deletes_percent: 100}}\n",
    );
    world.apply_approved(&["none", "--prune"]);
    for collection in
        ["realms", "grants", "identity-providers", "webhooks", "limits", "subaccounts"]
    {
        let left = world.api("GET", &format!("/platform/{collection}/all"), None);
        assert_eq!(left, Vec::<Value>::new(), "{collection}");
    }
}

#[test]
fn a_user_logs_in_with_the_declared_password_and_not_with_the_former_one() {
    let world = portal();
    let realm = realm(&world);
    assert!(log_in(&world, &realm, "ann", "canary-of-the-first-day").is_some());
    assert_done(&world);
    world.write("password", "canary-of-the-second-day\n");
    let plan = assert_steps(&world, &[("update", "realm-user/portal/ann")]);
    assert!(!plan.to_string().contains("canary"), "{plan}");
    world.empty_journal();
    world.apply(&["."]);
    assert_eq!(world.writes().len(), 1);
    assert_eq!(log_in(&world, &realm, "ann", "canary-of-the-first-day"), None);
    assert!(log_in(&world, &realm, "ann", "canary-of-the-second-day").is_some());
    assert_done(&world);
}

#[test]
fn a_password_that_somebody_took_away_is_set_again() {
    let world = portal();
    let user = users(&world).remove(0);
    let path = format!("/platform/realms/{}/users/{}/password", user["realm_id"], user["id"]);
    world.api("DELETE", &path, None);
    assert_steps(&world, &[("update", "realm-user/portal/ann")]);
    world.apply(&["."]);
    assert!(log_in(&world, &realm(&world), "ann", "canary-of-the-first-day").is_some());
    assert_done(&world);
}

#[test]
fn a_password_that_is_too_short_for_realms_is_refused_before_anything_is_sent() {
    let world = World::new();
    world.write("realm.yaml", REALM);
    world.write("user.yaml", USER);
    world.write("password", "canary-short\n");
    let run = world.run(&["apply", ".", "--yes"]);
    assert!(run.stdout.contains("16"), "{run:?}");
    assert_eq!(users(&world), Vec::<Value>::new());
}

#[test]
fn token_params_that_change_in_git_change_what_a_user_may_do() {
    let world = portal();
    let key = log_in(&world, &realm(&world), "ann", "canary-of-the-first-day").unwrap();
    assert_eq!(status_of(&world, &key, "GET", "/gw/devices/all"), 200);
    assert_eq!(status_of(&world, &key, "GET", "/gw/groups/all"), 403);
    world.edit("realm.yaml", "uri: gw/devices", "uri: gw/groups");
    let run = world.run(&["plan", "."]).expect(0);
    assert!(run.stdout.contains("GET on gw/groups"), "{}", run.stdout);
    world.apply(&["."]);
    assert_eq!(status_of(&world, &key, "GET", "/gw/devices/all"), 403);
    assert_eq!(status_of(&world, &key, "GET", "/gw/groups/all"), 200);
    assert_done(&world);
}

#[test]
fn a_bound_that_is_not_declared_stays_as_somebody_set_it() {
    let world = portal();
    let id = realm(&world)["id"].clone();
    let mut params = realm(&world)["token_params"].clone();
    params["ips"] = json!("10.0.0.*");
    world.api("PUT", &format!("/platform/realms/{id}"), Some(&json!({"token_params": params})));
    assert_done(&world);
    world.edit("realm.yaml", "ttl: 2h", "ttl: 3h");
    world.apply(&["."]);
    let params = realm(&world)["token_params"].clone();
    assert_eq!((&params["ips"], &params["ttl"]), (&json!("10.0.0.*"), &json!(10_800)));
}

#[test]
fn every_user_of_a_realm_can_get_a_subaccount_with_a_limit() {
    let world = World::new();
    world.copy_example("reseller");
    world.apply(&["."]);
    let joe = users(&world).into_iter().find(|user| user["name"] == "joe").unwrap();
    let path = format!("/platform/subaccounts/{}?fields=cid,limit_id", joe["subaccount_id"]);
    let account = world.api("GET", &path, None).remove(0);
    let driver = world.api("GET", "/platform/limits/name=driver?fields=id", None).remove(0);
    assert_eq!(account["limit_id"], driver["id"]);
    assert_eq!(account["cid"], id_of(&world, "hauler"));
}

#[test]
fn the_subaccount_of_a_user_goes_with_the_user_unless_something_is_in_it() {
    let world = World::new();
    world.copy_example("reseller");
    world.apply(&["."]);
    let joe = users(&world).into_iter().find(|user| user["name"] == "joe").unwrap();
    let account = joe["subaccount_id"].as_i64().unwrap();
    let token = world.token();
    let device = json!([{"name": "truck-1", "device_type_id": 1, "configuration": {"ident": "1"}}]);
    world.call("POST", "/gw/devices", Some(&token), Some(account), Some(&device));
    let people = world.read("reseller/people.yaml");
    world.write("reseller/people.yaml", people.rsplit_once("---\n").unwrap().0);
    let plan = world.plan(&[".", "--prune"]);
    assert_eq!(steps(&plan), [("delete".into(), "realm-user/drivers/joe".into())], "{plan}");
    assert!(plan["notes"].to_string().contains("is not deleted"), "{plan}");
    world.call("DELETE", "/gw/devices/name=truck-1", Some(&token), Some(account), None);
    let plan = world.plan(&[".", "--prune"]);
    assert_eq!(plan["summary"]["delete"], 2, "{plan}");
    world.run(&["apply", ".", "--prune", "--yes"]).expect(0);
    let left = world.api("GET", "/platform/subaccounts/all?fields=id", None);
    assert!(left.iter().all(|it| it["id"] != account), "{left:?}");
}

#[test]
fn a_home_follows_the_account_that_it_names() {
    let world = World::new();
    world.write("accounts.yaml", ACCOUNTS);
    world.write("realm.yaml", &REALM.replace("spec:\n", "spec:\n  home: {subaccount: emea}\n"));
    world.apply(&["."]);
    assert_eq!(realm(&world)["home"]["subaccount_id"], id_of(&world, "emea"));
    world.edit("realm.yaml", "subaccount: emea", "subaccount: apac");
    let plan = assert_steps(&world, &[("update", "realm/portal")]);
    let change = &plan["steps"][0]["changes"][0];
    assert_eq!(change["before"], json!({"type": 1, "subaccount_id": "subaccount/emea"}));
    assert_eq!(change["after"], json!({"type": 1, "subaccount_id": "subaccount/apac"}));
    assert_eq!(change["cause"], "edited");
    world.apply(&["."]);
    assert_eq!(realm(&world)["home"]["subaccount_id"], id_of(&world, "apac"));
    assert_done(&world);
}

#[test]
fn a_renamed_realm_and_a_renamed_user_stay_who_they_are() {
    let world = portal();
    let before = (realm(&world)["id"].clone(), users(&world)[0]["id"].clone());
    world.write(
        "realm.yaml",
        &REALM.replace("{name: portal}", "{name: gate, moved_from: realm/portal}"),
    );
    world.write("user.yaml", &USER.replace("realm: portal", "realm: gate"));
    world.apply(&["."]);
    assert_eq!((realm(&world)["id"].clone(), users(&world)[0]["id"].clone()), before);
    assert_done(&world);
    let renamed = "{name: anna, realm: gate, moved_from: realm-user/gate/ann}";
    world.write("user.yaml", &USER.replace("{name: ann, realm: portal}", renamed));
    world.apply(&["."]);
    assert_eq!(users(&world)[0]["id"], before.1);
    assert!(log_in(&world, &realm(&world), "anna", "canary-of-the-first-day").is_some());
    assert_done(&world);
}

#[test]
fn users_of_one_name_in_two_realms_are_two() {
    let world = portal();
    world.write("second.yaml", &REALM.replace("name: portal", "name: gate"));
    world.write("other.yaml", &USER.replace("realm: portal", "realm: gate"));
    world.apply(&["."]);
    let realms: std::collections::BTreeSet<String> =
        users(&world).iter().map(|user| user["realm_id"].to_string()).collect();
    assert_eq!(realms.len(), 2);
    assert_done(&world);
    world.run(&["export", "--out", "exported"]).expect(0);
    let plan = world.plan(&["exported"]);
    assert_eq!(plan["steps"], json!([]), "{plan}");
}

#[test]
fn a_realm_with_a_user_whom_nobody_declared_is_not_deleted() {
    let world = portal();
    let id = realm(&world)["id"].clone();
    let stranger = json!([{"name": "stranger", "password": "a-password-of-a-stranger"}]);
    world.api("POST", &format!("/platform/realms/{id}/users"), Some(&stranger));
    std::fs::remove_file(world.path().join("realm.yaml")).unwrap();
    std::fs::remove_file(world.path().join("user.yaml")).unwrap();
    world.write(
        "stack.yaml",
        "apiVersion: flespi-gitops/v1\nkind: Stack\nmetadata: {name: default}\n",
    );
    let run = world.run(&["apply", ".", "--prune", "--yes", "--format", "json"]).expect(6);
    let left: Vec<Value> = users(&world).iter().map(|user| user["name"].clone()).collect();
    assert_eq!(left, ["stranger"], "{run:?}");
    assert_eq!(realm(&world)["id"], id);
}

#[test]
fn a_lost_answer_makes_no_second_user_and_no_second_realm() {
    let world = World::new();
    world.write("realm.yaml", REALM);
    world.write("user.yaml", USER);
    world.write("password", "canary-of-the-first-day\n");
    world.faults(&json!({"rules": [{"method": "POST", "count": 2, "effect": "cut_after"}]}));
    let run = world.apply(&["."]);
    assert!(!run.stdout.contains("another run created"), "{}", run.stdout);
    assert_eq!((realm(&world)["name"].clone(), users(&world).len()), (json!("portal"), 1));
    assert_done(&world);
}

#[test]
fn an_account_that_a_grant_names_gets_it_and_one_that_it_names_no_longer_loses_it() {
    let world = granted();
    assert_eq!(grantees(&world), [id_of(&world, "emea")]);
    assert_done(&world);
    world.edit("grant.yaml", "to: [emea]", "to: [apac]");
    let plan = assert_steps(&world, &[("link", "grant/shared")]);
    assert_eq!(plan["summary"]["link"], 1);
    let change = &plan["steps"][0]["changes"][0];
    assert_eq!(
        (&change["before"], &change["after"]),
        (&json!(["subaccount/emea"]), &json!(["subaccount/apac"]))
    );
    world.apply(&["."]);
    assert_eq!(grantees(&world), [id_of(&world, "apac")]);
    assert_done(&world);
}

#[test]
fn what_somebody_shared_beside_the_manifest_is_taken_back_unless_it_does_not_say_with_whom() {
    let world = granted();
    let id = world.api("GET", "/platform/grants/all", None)[0]["id"].clone();
    let apac = id_of(&world, "apac");
    world.api("POST", &format!("/platform/grants/{id}/subaccounts/{apac}"), None);
    let plan = assert_steps(&world, &[("link", "grant/shared")]);
    assert_eq!(plan["steps"][0]["changes"][0]["cause"], "drift", "{plan}");
    world.edit("grant.yaml", "  to: [emea]\n", "");
    assert_done(&world);
    world.edit(
        "grant.yaml",
        "access: [edit]",
        "access: [edit]\n  to: [emea]\n  lifecycle: {drift: report}",
    );
    assert_done(&world);
    world.edit("grant.yaml", "{drift: report}", "{drift: heal}");
    world.apply(&["."]);
    assert_eq!(grantees(&world), [id_of(&world, "emea")]);
}

#[test]
fn a_link_that_failed_is_made_by_the_next_run_whatever_becomes_of_drift() {
    let world = World::new();
    world.write("accounts.yaml", ACCOUNTS);
    world.write("grant.yaml", &GRANT.replace("  to:", "  lifecycle: {drift: report}\n  to:"));
    refuse(&world, "POST", "*/subaccounts/*");
    world.run(&["apply", ".", "--yes"]).expect(6);
    assert_eq!(grantees(&world), Vec::<i64>::new());
    world.faults(&json!({"rules": []}));
    world.apply(&["."]);
    assert_eq!(grantees(&world), [id_of(&world, "emea")]);
    assert_done(&world);
}

#[test]
fn links_that_cannot_be_read_are_never_taken_for_none() {
    let world = granted();
    refuse(&world, "GET", "/platform/grants/*/subaccounts/all");
    world.empty_journal();
    let run = world.run(&["apply", ".", "--yes"]).expect(4);
    assert!(run.stdout.contains("cannot read its `to`"), "{}", run.stdout);
    assert_eq!(world.writes().len(), 0);
}

#[test]
fn where_grants_keep_no_mark_that_is_told_and_none_is_made_twice() {
    let world = World::assuming(&["grant-metadata=dropped"]);
    world.write("accounts.yaml", ACCOUNTS);
    world.write("grant.yaml", GRANT);
    let run = world.run(&["apply", ".", "--yes"]).expect(6);
    assert!(run.stdout.contains("did not keep its `metadata`"), "{}", run.stdout);
    assert_eq!(world.count("grants"), 1);
    let run = world.run(&["apply", ".", "--yes"]).expect(5);
    assert!(run.stdout.contains("has no mark"), "{}", run.stdout);
    assert_eq!(world.count("grants"), 1);
}

#[test]
fn the_secret_of_an_identity_provider_is_set_once_and_shown_nowhere() {
    let world = World::new();
    world.write(
        "provider.yaml",
        "apiVersion: flespi-gitops/v1\nkind: IdentityProvider\nmetadata: {name: sso}\nspec:\n  type: oidc\n  \
         configuration: {client_id: portal, client_secret: {file: password}}\n",
    );
    world.write("password", "canary-of-a-client\n");
    world.apply(&["."]);
    let found = world.api("GET", "/platform/identity-providers/all?fields=configuration", None);
    assert_eq!(
        found[0]["configuration"],
        json!({"client_id": "portal", "client_secret": "canary-of-a-client"})
    );
    assert_done(&world);
    world.run(&["plan", "."]).expect(0);
    world.run(&["export", "--out", "exported"]).expect(0);
}

#[test]
fn a_realm_that_is_in_use_keeps_its_home() {
    let world = World::new();
    world.write("accounts.yaml", ACCOUNTS);
    world.write("realm.yaml", &REALM.replace("spec:\n", "spec:\n  home: {subaccount: emea}\n"));
    world.apply(&["."]);
    world.write(
        "realm.yaml",
        &REALM.replace("spec:\n", "spec:\n  lifecycle: {manage: [observe]}\n"),
    );
    world.edit(
        "accounts.yaml",
        "---\napiVersion: flespi-gitops/v1\nkind: Subaccount\nmetadata: {name: emea}\n",
        "",
    );
    let run = world.run(&["plan", ".", "--prune"]).expect(0);
    assert!(run.stdout.contains("uses it"), "{}", run.stdout);
}

#[test]
fn an_estate_without_the_new_kinds_reads_none_of_them() {
    let world = World::new();
    world.write("accounts.yaml", ACCOUNTS);
    world.apply(&["."]);
    world.empty_journal();
    world.run(&["plan", "."]).expect(0);
    let asked = world.journal();
    let asked: Vec<String> = asked.iter().map(|request| request.line()).collect();
    assert_eq!(asked.len(), 4, "{asked:?}");
}
