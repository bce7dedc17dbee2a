//! States of Terraform: what they manage becomes manifests bound by id, and their keys go where somebody wants them.

use std::process::Stdio;

use serde_json::{Value, json};

use crate::support::World;

/// The provider as states name it.
const OURS: &str = "provider[\"registry.terraform.io/mixser/flespi\"]";

/// A state of version 4 with these resources.
fn state(resources: &Value) -> Value {
    json!({"version": 4, "terraform_version": "1.15.5", "serial": 7, "lineage": "a", "outputs": {},
        "resources": resources, "check_results": null})
}

/// A resource of ours with one instance.
fn resource(of: &str, name: &str, attributes: &Value) -> Value {
    json!({"mode": "managed", "type": of, "name": name, "provider": OURS,
        "instances": [{"schema_version": 0, "attributes": attributes, "sensitive_attributes": []}]})
}

fn write_state(world: &World, resources: &Value) {
    world.write("terraform.tfstate", &state(resources).to_string());
}

/// Creates an object in an account, and gives it as the platform has it then.
#[track_caller]
fn make(world: &World, collection: &str, account: Option<i64>, body: &Value) -> Value {
    let key = if collection == "tokens" { ",key" } else { "" };
    let path = format!("/platform/{collection}?fields=id,cid{key}");
    let (status, answer) =
        world.call("POST", &path, Some(&world.token()), account, Some(&json!([body])));
    assert_eq!(status, 200, "{answer}");
    answer["result"][0].clone()
}

/// What Terraform made on the platform, and the state that it keeps of it.
struct Estate {
    account: i64,
    token: i64,
    key: String,
    resources: Value,
}

/// A limit, an account below it, a token in that account and a webhook beside it.
fn estate(world: &World) -> Estate {
    let limit = make(world, "limits", None, &json!({"name": "Starter", "api_calls": 200}));
    let account =
        make(world, "subaccounts", None, &json!({"name": "ACME Haulage", "limit_id": limit["id"]}));
    let id = account["id"].as_i64().unwrap();
    let token = make(
        world,
        "tokens",
        Some(id),
        &json!({"info": "Backend of ACME", "ttl": 86_400, "access": {"type": 0},
            "metadata": {"team": "fleet"}}),
    );
    let webhook = make(
        world,
        "webhooks",
        None,
        &json!({"name": "alarm", "triggers": [{"topic": "flespi/log/#"}],
            "configuration": {"type": "custom-server", "uri": "https://hooks.example.com/a",
                "method": "POST", "body": "%payload%",
                "headers": [{"name": "X-Key", "value": "hunter2hunter2"}]}}),
    );
    world.keep_secret("hunter2hunter2");
    let key = token["key"].as_str().unwrap().to_owned();
    let resources = json!([
        resource(
            "flespi_limit",
            "starter",
            &json!({"id": limit["id"], "name": "Starter",
            "api_calls": 200, "account_id": limit["cid"]})
        ),
        resource(
            "flespi_subaccount",
            "acme",
            &json!({"id": id, "name": "ACME Haulage",
            "limit_id": limit["id"], "account_id": account["cid"]})
        ),
        resource(
            "flespi_token",
            "backend",
            &json!({"id": token["id"], "key": key,
            "info": "Backend of ACME", "enabled": true, "expire": 0, "ttl": 86_400,
            "access": "{\"type\":0}", "account_id": id, "metadata": {"team": "fleet"}})
        ),
        resource(
            "flespi_webhook",
            "alarm",
            &json!({"id": webhook["id"], "name": "alarm",
            "type": "single", "triggers": [{"topic": "flespi/log/#", "filter": null}],
            "configurations": [{"type": "custom-server", "uri": "https://hooks.example.com/a",
                "method": "POST", "body": "%payload%", "ca": null, "cid": null, "validate": null,
                "headers": [{"name": "X-Key", "value": "hunter2hunter2"}]}]})
        ),
    ]);
    Estate { account: id, token: token["id"].as_i64().unwrap(), key, resources }
}

const IMPORT: [&str; 5] = ["import", "--terraform", "terraform.tfstate", "--out", "accounts"];

/// Imports with a file for each key: the report.
#[track_caller]
fn import_with_keys(world: &World) -> Value {
    let all = [&IMPORT[..], &["--deliver", "file: keys/${name}.key", "--format", "json"]].concat();
    world.run(&all).expect(0).json()
}

/// Everything that was written, keys aside.
fn manifests(world: &World) -> String {
    let files = walkdir::WalkDir::new(world.path().join("accounts")).sort_by_file_name();
    let files = files.into_iter().map(Result::unwrap);
    let files = files.filter(|file| file.path().extension().is_some_and(|it| it == "yaml"));
    files.map(|file| std::fs::read_to_string(file.path()).unwrap()).collect()
}

/// The law of imports: the plan writes marks and nothing else, and then there is nothing to do.
#[track_caller]
fn the_plan_writes_marks_and_nothing_else(world: &World, objects: usize) {
    world.run(&["validate", "accounts"]).expect(0);
    let plan = world.plan(&["accounts", "--prune"]);
    for list in ["blocked", "unknown", "prunable"] {
        assert_eq!(plan[list], json!([]), "{list}: {plan}");
    }
    let steps = plan["steps"].as_array().unwrap();
    assert_eq!(steps.len(), objects, "{plan}");
    for step in steps {
        assert_eq!(step["action"], "update", "{step}");
        for change in step["changes"].as_array().unwrap() {
            let field = change["field"].as_str().unwrap();
            assert!(field.starts_with("metadata.flespi-gitops/"), "{step}");
        }
    }
    world.apply(&["accounts"]);
    let plan = world.plan(&["accounts", "--prune"]);
    for list in ["steps", "blocked", "unknown", "prunable"] {
        assert_eq!(plan[list], json!([]), "{list}: {plan}");
    }
}

#[test]
fn a_state_becomes_manifests_and_the_plan_writes_marks_and_nothing_else() {
    let world = World::new();
    let Estate { account, token, key, resources } = estate(&world);
    write_state(&world, &resources);
    world.empty_journal();
    let report = import_with_keys(&world);
    assert!(world.writes().is_empty(), "an import changes nothing: {:?}", world.writes());
    assert_eq!(report["format"], "flespi-gitops/import/v1");
    assert_eq!(
        report["summary"],
        json!({"objects": 4, "referred": 0, "keys_delivered": 1, "keys_left": 0, "left": 0}),
        "{report}"
    );
    let addresses: Vec<&str> = report["objects"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| it["address"].as_str().unwrap())
        .collect();
    assert_eq!(
        addresses,
        ["limit/starter", "subaccount/acme", "token/acme/backend", "webhook/alarm"],
        "they are called as in the configuration"
    );
    let text = manifests(&world);
    for part in [
        &*format!("id: {account}"),
        &format!("id: {token}"),
        "name: ACME Haulage",
        "info: Backend of ACME",
        "limit: starter",
        "ttl: 1d",
        "team: fleet",
        "- file: keys/backend.key",
        "uri: https://hooks.example.com/a",
    ] {
        assert!(text.contains(part), "{part}:\n{text}");
    }
    assert!(!text.contains(&key) && !text.contains("hunter2"), "{text}");
    let sink = world.path().join("accounts/acme/keys/backend.key");
    assert_eq!(std::fs::read_to_string(&sink).unwrap().trim(), key);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(std::fs::metadata(&sink).unwrap().permissions().mode() & 0o777, 0o600);
    }
    // The key in the sink works.
    assert_eq!(world.call("GET", "/gw/devices/all", Some(&key), None, None).0, 200);
    the_plan_writes_marks_and_nothing_else(&world, 4);
    assert_eq!(std::fs::read_to_string(&sink).unwrap().trim(), key, "no key was replaced");
}

#[test]
fn the_rotation_that_is_advised_works_as_soon_as_marks_are_written() {
    let world = World::new();
    let Estate { key, resources, .. } = estate(&world);
    write_state(&world, &resources);
    let report = import_with_keys(&world);
    let advice = report["keys"][0]["advice"].as_str().unwrap();
    let (_, command) = advice.split_once("run flespi-gitops ").unwrap();
    let command: Vec<&str> = command.split(' ').collect();
    assert_eq!(command, ["rotate", "token/acme/backend"]);
    world.apply(&["accounts"]);
    let rotate = [&command[..], &["--manifests", "accounts", "--now", "--compromised", "--yes"]];
    world.run(&rotate.concat()).expect(0);
    let next = world.read("accounts/acme/keys/backend.key").trim().to_owned();
    assert_ne!(next, key);
    assert_eq!(world.call("GET", "/gw/devices/all", Some(&next), None, None).0, 200);
    assert_ne!(world.call("GET", "/gw/devices/all", Some(&key), None, None).0, 200);
    assert_eq!(world.plan(&["accounts"])["steps"], json!([]));
}

#[test]
fn a_key_without_a_sink_stays_in_the_state_and_is_listed() {
    let world = World::new();
    let Estate { resources, .. } = estate(&world);
    write_state(&world, &resources);
    let text = world.run(&IMPORT).expect(0).stdout;
    for part in [
        "token/acme/backend: not delivered: no sink was named (--deliver)",
        "add deliver and rotation to the manifest, apply, then run flespi-gitops rotate token/acme/backend",
        "webhook/alarm  id",
        "not in the manifest: configuration.headers",
        "stack default: 4 objects imported, 1 key not delivered",
    ] {
        assert!(text.contains(part), "{part}:\n{text}");
    }
    assert!(!manifests(&world).contains("\n  deliver:"), "{}", manifests(&world));
    assert!(!world.path().join("accounts/acme/keys").exists());
    the_plan_writes_marks_and_nothing_else(&world, 4);
}

#[test]
fn a_key_that_is_not_the_tokens_is_not_delivered() {
    let world = World::new();
    let Estate { mut resources, .. } = estate(&world);
    let former = "x".repeat(64);
    world.keep_secret(&former);
    resources[2]["instances"][0]["attributes"]["key"] = json!(former);
    write_state(&world, &resources);
    let report = import_with_keys(&world);
    assert_eq!(report["keys"][0]["outcome"], "unproven", "{report}");
    assert_eq!(report["summary"]["keys_left"], 1);
    assert!(!world.path().join("accounts/acme/keys").exists());
    the_plan_writes_marks_and_nothing_else(&world, 4);
}

#[test]
fn keys_that_the_platform_does_not_give_are_proven_by_themselves() {
    let world = World::assuming(&["token-key-on-read=never"]);
    let Estate { key, resources, .. } = estate(&world);
    write_state(&world, &resources);
    let report = import_with_keys(&world);
    assert_eq!(report["keys"][0]["outcome"], "delivered", "{report}");
    assert_eq!(world.read("accounts/acme/keys/backend.key").trim(), key);
    the_plan_writes_marks_and_nothing_else(&world, 4);
}

#[test]
fn what_cannot_be_carried_over_is_listed_with_its_reason() {
    let world = World::new();
    let Estate { mut resources, .. } = estate(&world);
    let list = resources.as_array_mut().unwrap();
    let again = list[0]["instances"][0]["attributes"].clone();
    list[0]["instances"][0]["attributes"]["colour"] = json!("red");
    list[1]["instances"][0]["attributes"]["name"] = json!("another name");
    list.push(resource("flespi_device", "truck", &json!({"id": 5})));
    list.push(resource("flespi_novelty", "a", &json!({"id": 5})));
    list.push(resource("flespi_limit", "gone", &json!({"id": 987_654})));
    list.push(resource("flespi_limit", "twice", &again));
    list.push(resource("flespi_token", "odd", &json!({"id": "seven"})));
    let mut data = resource("flespi_limit", "looked-up", &json!({"id": 1}));
    data["mode"] = json!("data");
    list.push(data);
    let mut foreign = resource("random_password", "a", &json!({"result": "hunter2hunter2"}));
    foreign["provider"] = json!("provider[\"registry.terraform.io/hashicorp/random\"]");
    list.push(foreign);
    let mut in_module = resource("flespi_limit", "old", &again);
    in_module["module"] = json!("module.emea[\"x\"]");
    in_module["instances"] = json!([
        {"attributes": {"id": 1}, "status": "tainted", "index_key": 0},
        {"attributes": {"id": 2}, "deposed": "abcd", "index_key": "k"},
        {"attributes_flat": {"id": "3"}, "index_key": 2},
    ]);
    list.push(in_module);
    let mut all = state(&resources);
    all["outputs"] = json!({"key": {"value": "hunter2hunter2", "type": "string"}});
    world.write("terraform.tfstate", &all.to_string());
    let report = import_with_keys(&world);
    let left: Vec<(&str, &str)> = report["left"]
        .as_array()
        .unwrap()
        .iter()
        .map(|left| (left["from"].as_str().unwrap(), left["reason"].as_str().unwrap()))
        .collect();
    let expected = [
        ("data.flespi_limit.looked-up", "a data source only reads"),
        ("flespi_device.truck", "no manifest declares devices"),
        ("flespi_limit.gone", "limit 987654 is not on the platform"),
        ("flespi_limit.starter", "not carried over: colour"),
        ("flespi_limit.twice", "is flespi_limit.starter already"),
        ("flespi_novelty.a", "no manifest declares objects of this type"),
        ("flespi_token.odd", "it has no `id` of an object"),
        ("module.emea[\"x\"].flespi_limit.old[\"k\"]", "it is deposed"),
        ("module.emea[\"x\"].flespi_limit.old[0]", "it is tainted"),
        ("module.emea[\"x\"].flespi_limit.old[2]", "no attributes in the form of version 4"),
        ("outputs", "outputs are not objects"),
        ("random_password.a", "it is of another provider"),
    ];
    assert_eq!(left.len(), expected.len(), "{left:#?}");
    for ((from, reason), (expected_from, part)) in left.iter().zip(expected) {
        assert_eq!(*from, expected_from);
        assert!(reason.contains(part), "{from}: {reason}");
    }
    assert_eq!(report["summary"]["left"], expected.len());
    // What the state says of the account is no longer so, and the platform decides.
    let acme = report["objects"].as_array().unwrap().iter();
    let acme = acme.clone().find(|it| it["address"] == "subaccount/acme").unwrap();
    assert_eq!(acme["differs"], json!(["name"]));
    the_plan_writes_marks_and_nothing_else(&world, 4);
}

#[test]
fn what_the_state_does_not_have_is_referred_to_where_it_is_needed_and_left_alone_otherwise() {
    let world = World::new();
    let Estate { resources, .. } = estate(&world);
    make(&world, "limits", None, &json!({"name": "of others"}));
    // The account and its limit are somebody else's.
    write_state(&world, &json!([resources[1], resources[2]]));
    let report = import_with_keys(&world);
    assert_eq!(report["summary"]["objects"], 2, "{report}");
    assert_eq!(report["summary"]["referred"], 1, "{report}");
    let text = manifests(&world);
    assert!(text.contains("Only referred to: a subaccount uses it") && !text.contains("of others"));
    the_plan_writes_marks_and_nothing_else(&world, 2);

    let world = World::new();
    let Estate { resources, .. } = estate(&world);
    write_state(&world, &json!([resources[2]]));
    let report = import_with_keys(&world);
    assert_eq!(report["objects"][0]["address"], "token/acme-haulage/backend", "{report}");
    the_plan_writes_marks_and_nothing_else(&world, 1);
}

#[test]
fn what_another_stack_manages_and_what_this_one_manages_already_stay_theirs() {
    let world = World::new();
    let limit = "apiVersion: flespi-gitops/v1\nkind: Limit\nmetadata: {name: NAME}\n";
    world.write("other/limit.yaml", &limit.replace("NAME", "theirs"));
    world.write("own/limit.yaml", &limit.replace("NAME", "ours"));
    world.apply(&["other", "--stack", "other"]);
    world.apply(&["own"]);
    let id = |name: &str| world.item("limits", "name", name)["id"].clone();
    write_state(
        &world,
        &json!([
            resource("flespi_limit", "a", &json!({"id": id("theirs")})),
            resource("flespi_limit", "b", &json!({"id": id("ours")})),
        ]),
    );
    let all = [&IMPORT[..], &["--stack", "default", "--format", "json"]].concat();
    let report = world.run(&all).expect(0).json();
    assert_eq!(report["objects"][0]["address"], "limit/ours", "its mark names it: {report}");
    assert_eq!(report["left"][0]["from"], "flespi_limit.a");
    assert!(report["left"][0]["reason"].as_str().unwrap().contains("belongs to the stack `other`"));
    the_plan_writes_marks_and_nothing_else(&world, 0);
}

#[test]
fn names_come_from_the_configuration_and_are_never_given_twice() {
    let world = World::new();
    let limits: Vec<Value> = ["a", "b", "c", "d", "e"]
        .iter()
        .map(|name| make(&world, "limits", None, &json!({"name": name}))["id"].clone())
        .collect();
    let mut each = resource("flespi_limit", "Fleet", &json!({}));
    each["instances"] = json!([
        {"index_key": "eu west", "attributes": {"id": limits[0]}},
        {"index_key": 1, "attributes": {"id": limits[1]}},
    ]);
    let mut in_module = resource("flespi_limit", "same", &json!({"id": limits[3]}));
    in_module["module"] = json!("module.b");
    in_module["provider"] = json!("module.b.provider[\"registry.opentofu.org/mixser/flespi\"].eu");
    // Two of one name whom not even a module tells apart.
    let also = resource("flespi_limit", "same", &json!({"id": limits[4]}));
    let same = resource("flespi_limit", "same", &json!({"id": limits[2]}));
    write_state(&world, &json!([each, same, in_module, also]));
    let report = import_with_keys(&world);
    let names: Vec<&str> = report["objects"]
        .as_array()
        .unwrap()
        .iter()
        .map(|object| object["address"].as_str().unwrap())
        .collect();
    let last = format!("limit/same-{}", limits[4]);
    let expected = ["limit/b-same", "limit/fleet-1", "limit/fleet-eu-west", "limit/same", &*last];
    assert_eq!(names, expected);
    the_plan_writes_marks_and_nothing_else(&world, 5);
}

#[test]
fn nothing_that_is_there_is_overwritten() {
    let world = World::new();
    let Estate { key, resources, .. } = estate(&world);
    write_state(&world, &resources);
    world.write("accounts/acme/keys/backend.key", "of somebody else\n");
    let all = [&IMPORT[..], &["--deliver", "file: keys/${name}.key"]].concat();
    let run = world.run(&all).expect(5);
    assert!(run.stderr.contains("already holds something else"), "{}", run.stderr);
    assert_eq!(world.read("accounts/acme/keys/backend.key"), "of somebody else\n");
    assert!(!world.path().join("accounts/stack.yaml").exists(), "nothing was written");
    // A link around another key counts as well.
    let link = [&IMPORT[..], &["--deliver", "{file: 'keys/${name}.key', as: link}"]].concat();
    assert!(world.run(&link).expect(5).stderr.contains("already holds something else"));

    std::fs::remove_file(world.path().join("accounts/acme/keys/backend.key")).unwrap();
    world.write("accounts/limits.yaml", "# mine\n");
    let run = world.run(&all).expect(5);
    assert!(run.stderr.contains("limits.yaml") && run.stderr.contains("choose an empty folder"));
    assert_eq!(world.read("accounts/limits.yaml"), "# mine\n");
    assert!(!world.path().join("accounts/acme/keys/backend.key").exists(), "and no key delivered");

    // Once more is as good as once.
    std::fs::remove_file(world.path().join("accounts/limits.yaml")).unwrap();
    world.run(&all).expect(0);
    world.run(&all).expect(0);
    assert_eq!(world.read("accounts/acme/keys/backend.key").trim(), key);
}

#[test]
fn sinks_are_those_of_manifests_and_wrong_ones_are_refused_before_anything_is_sent() {
    let world = World::new();
    let Estate { key, resources, token, .. } = estate(&world);
    write_state(&world, &resources);
    world.empty_journal();
    for (sink, part) in [
        ("keys/a.key", "not a sink"),
        ("{file: [1]}", "takes a text, not a list"),
        ("{fil: a}", "--deliver"),
        ("{exec: [store]}", "an import runs no program"),
        ("{dotenv: .env, key: 1A}", "--deliver"),
    ] {
        let run = world.run(&[&IMPORT[..], &["--deliver", sink]].concat()).expect(64);
        assert!(
            run.stderr.contains(part) && run.stderr.contains("help: "),
            "{sink}: {}",
            run.stderr
        );
    }
    assert!(world.journal().is_empty(), "{:?}", world.journal());

    // Two keys in one file.
    let second =
        make(&world, "tokens", None, &json!({"info": "b", "ttl": 60, "access": {"type": 0}}));
    let mut both = resources.clone();
    both.as_array_mut().unwrap().push(resource(
        "flespi_token",
        "second",
        &json!({"id": second["id"], "key": second["key"], "info": "b", "enabled": true, "ttl": 60}),
    ));
    write_state(&world, &both);
    let sink = format!("file: {}", world.path().join("one.key").display());
    let run = world.run(&[&IMPORT[..], &["--deliver", &sink]].concat()).expect(64);
    assert!(run.stderr.contains("already receives the key of"), "{}", run.stderr);
    assert!(run.stderr.contains("${name}"), "{}", run.stderr);
    assert!(!world.path().join("one.key").exists() && !world.path().join("accounts").exists());

    let shared = world.path().join("keys.json").display().to_string();
    let json = format!("{{json: \"{shared}\", pointer: \"/${{path}}\"}}");
    let link = "{file: 'keys/${name}.link', as: link}";
    world.run(&[&IMPORT[..], &["--deliver", &json, "--deliver", link]].concat()).expect(0);
    let keys: Value = serde_json::from_str(&world.read("keys.json")).unwrap();
    assert_eq!(keys["acme"]["backend"], json!(key), "{token}");
    assert_eq!(keys["second"], second["key"]);
    assert!(world.read("accounts/acme/keys/backend.link").contains(&key));
    let allow = ["accounts", "--allow-outside"];
    let plan = world.plan(&allow);
    let steps = plan["steps"].as_array().unwrap();
    assert!(steps.iter().all(|step| step["action"] == "update"), "{plan}");
    world.apply(&allow);
    assert_eq!(world.plan(&allow)["steps"], json!([]));
}

#[test]
fn a_file_that_is_no_such_state_is_refused_with_place_reason_and_remedy_and_nothing_is_sent() {
    let world = World::new();
    let key = "k".repeat(64);
    world.keep_secret(&key);
    let random = "provider[\"registry.terraform.io/hashicorp/random\"]";
    let mut of_others = resource("random_pet", "a", &json!({"id": "x", "key": key}));
    of_others["provider"] = json!(random);
    let pretty = |value: &Value| serde_json::to_string_pretty(value).unwrap();
    let mut odd = state(&json!([resource("flespi_token", "a", &json!({"id": 1, "key": key}))]));
    odd["resources"][0]["instances"][0]["attributes"] = json!([key]);
    let cases: &[(&str, String, &str, &str)] = &[
        ("empty", " \n".to_owned(), "the file is empty", "terraform state pull"),
        ("prose", format!("token = \"{key}\"\n"), "prose:1:2: not JSON", "terraform state pull"),
        ("cut", pretty(&odd)[..180].to_owned(), "not JSON", "terraform state pull"),
        ("list", "[1]".to_owned(), "it has no `version`", "terraform state pull"),
        ("other", "{\"a\": 1}".to_owned(), "it has no `version`", "terraform state pull"),
        (
            "old",
            json!({"version": 3, "modules": [{"resources": {"a": key}}]}).to_string(),
            "a state of version 3; only version 4 is read",
            "Terraform 0.12 or later",
        ),
        (
            "new",
            json!({"version": 5, "resources": {}}).to_string(),
            "a state of version 5",
            "newer release",
        ),
        (
            "shown",
            json!({"format_version": "1.0", "values": {}}).to_string(),
            "the output of `terraform show -json`",
            "terraform state pull",
        ),
        (
            "tofu",
            json!({"serial": 1, "lineage": "a", "meta": {"key_provider.pbkdf2.a": "eA=="},
            "encrypted_data": "AAAA", "encryption_version": "v0"})
            .to_string(),
            "an encrypted state (OpenTofu)",
            "tofu state pull",
        ),
        (
            "sops",
            json!({"version": "ENC[x]", "sops": {"mac": "x"}}).to_string(),
            "an encrypted state (sops)",
            "sops --decrypt",
        ),
        ("plan", "PK\u{3}\u{4}\u{14}".to_owned(), "a saved plan or another archive", "state pull"),
        (
            "foreign",
            state(&json!([of_others])).to_string(),
            "its resources are of `registry.terraform.io/hashicorp/random`",
            "flespi_limit",
        ),
        ("nothing", state(&json!([])).to_string(), "it has no resources at all", "flespi_limit"),
        (
            "odd",
            pretty(&odd),
            "odd:9:24: a state of version 4 has something else",
            "pull the state again",
        ),
        ("odder", state(&json!({"a": 1})).to_string(), "odder:1:", "pull the state again"),
    ];
    for (name, text, reason, remedy) in cases {
        world.write(name, text);
        let run = world.run(&["import", "--terraform", name, "--out", "accounts"]).expect(64);
        let said = &run.stderr;
        let errors: Vec<&str> = said.lines().filter(|line| line.contains("error: ")).collect();
        assert!(errors.len() == 1 && errors[0].contains(&format!("error: {name}")), "{said}");
        assert!(said.contains(reason), "{name}: {reason}:\n{said}");
        assert!(
            said.lines().any(|line| line.contains("help: ") && line.contains(remedy)),
            "{said}"
        );
    }
    let bytes: Vec<u8> = vec![0xff, 0xfe, b'{', 0];
    std::fs::write(world.path().join("utf16"), bytes).unwrap();
    let run = world.run(&["import", "--terraform", "utf16"]).expect(64);
    assert!(run.stderr.contains("not UTF-8 text"), "{}", run.stderr);
    let run = world.run(&["import", "--terraform", "missing"]).expect(64);
    assert!(run.stderr.contains("cannot read the state missing"), "{}", run.stderr);
    assert!(world.journal().is_empty(), "{:?}", world.journal());
    assert!(!world.path().join("accounts").exists());
}

#[test]
fn a_state_that_is_larger_than_any_or_has_more_in_it_is_refused() {
    let world = World::new();
    let large = std::fs::File::create(world.path().join("large")).unwrap();
    large.set_len(64 * 1024 * 1024 + 1).unwrap();
    let run = world.run(&["import", "--terraform", "large"]).expect(64);
    assert!(run.stderr.contains("it has more than 67108864 bytes"), "{}", run.stderr);
    let run = world.run(&["import", "--terraform", "/dev/zero"]).expect(64);
    assert!(run.stderr.contains("it has more than 67108864 bytes"), "{}", run.stderr);
    let many = vec!["{}"; 200_001].join(",");
    world.write("many", &format!("{{\"version\": 4, \"resources\": [{many}]}}"));
    let run = world.run(&["import", "--terraform", "many"]).expect(64);
    assert!(run.stderr.contains("more than 200000 resources and instances"), "{}", run.stderr);
    let deep = format!("{}{}", "[".repeat(1_000_000), "]".repeat(1_000_000));
    for text in [
        deep.clone(),
        format!("{{\"version\": 4, \"resources\": {deep}}}"),
        format!("{{\"version\": 4, \"resources\": [{{\"type\": {deep}}}]}}"),
    ] {
        world.write("deep", &text);
        let run = world.run(&["import", "--terraform", "deep"]).expect(64);
        assert!(run.stderr.contains("error: deep"), "{}", run.stderr);
    }
    assert!(world.journal().is_empty(), "{:?}", world.journal());

    let Estate { mut resources, .. } = estate(&world);
    for number in 0..1_001 {
        resources[0]["instances"][0]["attributes"][format!("a{number}")] = json!(number);
    }
    write_state(&world, &resources);
    let report = import_with_keys(&world);
    let reason = report["left"][0]["reason"].as_str().unwrap();
    assert!(reason.contains("more than 1000 attributes"), "{reason}");
}

#[test]
fn a_state_comes_from_a_pipe_and_manifests_go_to_one() {
    let world = World::new();
    let Estate { resources, key, .. } = estate(&world);
    let run = |arguments: &[&str]| {
        let mut command = world.command(arguments);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut pipe = child.stdin.take().unwrap();
        std::io::Write::write_all(&mut pipe, state(&resources).to_string().as_bytes()).unwrap();
        drop(pipe);
        let output = world.end_of(child);
        let text = |bytes| String::from_utf8(bytes).unwrap();
        (output.status.code(), text(output.stdout), text(output.stderr))
    };
    let (code, stdout, stderr) = run(&["import", "--terraform", "-"]);
    assert_eq!(code, Some(0), "{stderr}");
    assert!(stdout.contains("name: backend") && !stdout.contains(&key), "{stdout}");
    assert!(stderr.contains("4 objects imported") && stderr.contains("not delivered"), "{stderr}");
    world.write("accounts/all.yaml", &stdout);
    the_plan_writes_marks_and_nothing_else(&world, 4);
    let (code, _, stderr) = run(&["import", "--terraform", "-", "--format", "json"]);
    assert_eq!(code, Some(64), "{stderr}");
    let (code, _, stderr) = run(&["import", "--terraform", "-", "--deliver", "file: a"]);
    assert_eq!(code, Some(64), "{stderr}");
}

#[test]
fn a_state_of_another_account_is_told_and_nothing_is_written() {
    let world = World::new();
    write_state(&world, &json!([resource("flespi_limit", "a", &json!({"id": 987_654}))]));
    let run = world.run(&IMPORT).expect(1);
    assert!(run.stderr.contains("no object of the state is on this platform"), "{}", run.stderr);
    assert!(run.stderr.contains("flespi_limit.a: limit 987654 is not on the platform"));
    assert!(!world.path().join("accounts").exists());
}

#[test]
fn what_cannot_be_read_is_no_import() {
    let world = World::new();
    let Estate { resources, .. } = estate(&world);
    write_state(&world, &resources);
    world.faults(&json!({"rules": [{"method": "GET", "path": "/platform/webhooks*",
        "effect": {"answer": {"status": 403, "reason": "no"}}}]}));
    let run = world.run(&IMPORT).expect(4);
    assert!(run.stderr.contains("cannot read webhooks"), "{}", run.stderr);
    assert!(!world.path().join("accounts").exists());
}

#[test]
fn the_report_is_a_comment_within_its_bound() {
    let world = World::new();
    let Estate { mut resources, .. } = estate(&world);
    let devices = (0..200).map(|n| resource("flespi_device", &format!("d{n}"), &json!({"id": n})));
    resources.as_array_mut().unwrap().extend(devices);
    write_state(&world, &resources);
    let all = [&IMPORT[..], &["--format", "markdown", "--markdown-limit", "3000"]].concat();
    let text = world.run(&all).expect(0).stdout;
    assert!(text.len() <= 3_000, "{}", text.len());
    for part in
        ["4 objects imported", "Keys in the state", "token/acme/backend</code>", "**Left out**"]
    {
        assert!(text.contains(part), "{part}:\n{text}");
    }
}
