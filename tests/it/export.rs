//! An estate as manifests: nothing is lost, nothing is to do, nothing is written to the platform.

mod worlds;

use std::collections::BTreeMap;

use flespi_gitops::resource::Kind;
use serde_json::{Value, json};

use crate::support::World;

/// Every file below a folder of the world, by path.
fn files(world: &World, folder: &str) -> BTreeMap<String, String> {
    let root = world.path().join(folder);
    walkdir::WalkDir::new(&root)
        .into_iter()
        .map(Result::unwrap)
        .filter(|entry| entry.file_type().is_file())
        .map(|entry| {
            let path = entry.path().strip_prefix(&root).unwrap().display().to_string();
            (path, std::fs::read_to_string(entry.path()).unwrap())
        })
        .collect()
}

/// The law of exports: a plan of one has nothing to do, and it is valid.
#[track_caller]
fn nothing_is_to_do(world: &World, folder: &str) -> Value {
    world.run(&["validate", folder]).expect(0);
    let plan = world.plan(&[folder, "--prune"]);
    for list in ["steps", "blocked", "unknown", "prunable"] {
        assert_eq!(plan[list], json!([]), "{list}: {plan}");
    }
    plan
}

#[test]
fn r8_an_export_of_the_fleet_has_nothing_to_do_and_is_the_same_twice() {
    let world = World::new();
    world.copy_example("fleet");
    world.apply(&["fleet"]);
    world.empty_journal();
    let run = world.run(&["export", "--out", "one"]).expect(0);
    assert_eq!(run.stdout, "", "progress goes to the standard error");
    assert_eq!(world.journal().len(), 1 + Kind::ALL.len(), "one for each list");
    world.run(&["export", "--out", "two"]).expect(0);
    let (one, two) = (files(&world, "one"), files(&world, "two"));
    assert_eq!(one, two);
    let names: Vec<&str> = one.keys().map(String::as_str).collect();
    assert_eq!(
        names,
        [
            "apac/initech/tokens.yaml",
            "apac/limits.yaml",
            "apac/subaccounts.yaml",
            "apac/tokens.yaml",
            "emea/acme/depot/tokens.yaml",
            "emea/acme/subaccounts.yaml",
            "emea/acme/tokens.yaml",
            "emea/globex/tokens.yaml",
            "emea/limits.yaml",
            "emea/subaccounts.yaml",
            "emea/tokens.yaml",
            "limits.yaml",
            "stack.yaml",
            "subaccounts.yaml",
            "tokens.yaml",
        ]
    );
    let plan = nothing_is_to_do(&world, "one");
    assert_eq!(plan["stack"], "fleet");
    assert!(plan["summary"]["unchanged"].as_u64().unwrap() > 15, "{plan}");
    let applied = world.apply(&["one"]);
    assert!(applied.stdout.contains("nothing to do"), "{}", applied.stdout);
    assert_eq!(world.writes().len(), 0);
    // What was declared is in there again, and keys are not.
    let all: String = one.values().map(String::as_str).collect();
    for part in [
        "cost-centre: \"4200\"",
        "limit: region",
        "ttl: 30d",
        "- flespi",
        "email: it@initech.example",
    ] {
        assert!(all.contains(part), "{part}:\n{all}");
    }
    let keys = world.api("GET", "/platform/tokens/all?fields=id,key", None);
    assert!(keys.iter().filter_map(|token| token["key"].as_str()).all(|key| !all.contains(key)));
}

#[test]
fn a_changed_export_is_carried_out_on_the_same_objects() {
    let world = World::new();
    world.api(
        "POST",
        "/platform/limits",
        Some(&json!([{"name": "Start: er", "devices_count": 5}])),
    );
    world.run(&["export", "--out", "live"]).expect(0);
    let before = world.item("limits", "name", "Start: er")["id"].clone();
    world.edit("live/limits.yaml", "devices_count: 5", "devices_count: 6");
    world.apply(&["live"]);
    let after = world.item("limits", "name", "Start: er");
    assert_eq!((&after["id"], &after["devices_count"]), (&before, &json!(6)));
    assert_eq!(after["metadata"]["flespi-gitops/address"], "limit/start-er");
    nothing_is_to_do(&world, "live");
    // Exported again, only the edited line differs.
    let text = world.read("live/limits.yaml");
    world.run(&["export", "--out", "live"]).expect(0);
    assert_eq!(world.read("live/limits.yaml"), text);
}

#[test]
fn files_of_another_content_are_not_overwritten_and_nothing_is_removed() {
    let world = World::new();
    world.api("POST", "/platform/limits", Some(&json!([{"name": "a"}])));
    world.write("live/limits.yaml", "# mine\n");
    world.write("live/mine.yaml", "# mine\n");
    let refused = world.run(&["export", "--out", "live"]).expect(5);
    assert!(refused.stderr.contains("limits.yaml"), "{}", refused.stderr);
    assert_eq!(files(&world, "live").len(), 2, "nothing was written");
    let run = world.run(&["export", "--out", "live", "--force"]).expect(0);
    assert!(run.stderr.contains("mine.yaml is not part of this export"), "{}", run.stderr);
    assert_eq!(world.read("live/mine.yaml"), "# mine\n");
    nothing_is_to_do(&world, "live");
}

#[test]
fn without_a_folder_everything_is_one_stream() {
    let world = World::new();
    world.copy_example("fleet");
    world.apply(&["fleet"]);
    let stream = world.run(&["export"]).expect(0).stdout;
    world.write("stream/all.yaml", &stream);
    let plan = nothing_is_to_do(&world, "stream");
    assert!(plan["summary"]["unchanged"].as_u64().unwrap() > 15, "{plan}");
}

#[test]
fn what_cannot_be_read_is_no_export() {
    let world = World::new();
    world.faults(&json!({"rules": [{"method": "GET", "path": "/platform/tokens*",
        "effect": {"answer": {"status": 403, "reason": "no"}}}]}));
    let run = world.run(&["export", "--out", "live"]).expect(4);
    assert!(run.stderr.contains("cannot read tokens"), "{}", run.stderr);
    assert!(!world.path().join("live").exists());
    assert_eq!(world.run(&["export"]).expect(4).stdout, "");
}

#[test]
fn others_are_commented_referred_to_or_left_out() {
    let world = World::new();
    world.write(
        "theirs.yaml",
        "apiVersion: flespi-gitops/v1\nkind: Limit\nmetadata: {name: theirs}\n",
    );
    world.apply(&["theirs.yaml", "--stack", "theirs"]);
    let limit = world.item("limits", "name", "theirs")["id"].clone();
    world.api("POST", "/platform/limits", Some(&json!([{"name": "nobody's"}])));
    let export = |arguments: &[&str]| {
        let mut all = vec!["export", "--stack", "ours"];
        all.extend(arguments);
        world.run(&all).expect(0).stdout
    };
    let text = export(&[]);
    assert!(text.contains("# Not managed: it belongs to the stack `theirs`."), "{text}");
    assert!(text.contains("\n  name: nobody-s\n"), "{text}");
    let text = export(&["--foreign", "include", "--unmanaged", "comment"]);
    assert!(text.contains("# Only referred to: it belongs to the stack `theirs`."), "{text}");
    assert!(text.contains("\n#   name: nobody-s\n"), "{text}");
    let text = export(&["--foreign", "skip", "--unmanaged", "skip"]);
    assert!(!text.contains("name: theirs") && !text.contains("name: nobody"), "{text}");
    // What a managed object needs is there in any case.
    world.api("POST", "/platform/subaccounts", Some(&json!([{"name": "acme", "limit_id": limit}])));
    world.run(&["export", "--stack", "ours", "--out", "live"]).expect(0);
    assert!(world.read("live/limits.yaml").contains("a subaccount uses it"));
    assert!(world.read("live/subaccounts.yaml").contains("limit: theirs"));
    nothing_is_to_do(&world, "live");
}

#[test]
fn several_stacks_have_to_be_chosen_from() {
    let world = World::new();
    for name in ["one", "two"] {
        let limit =
            format!("apiVersion: flespi-gitops/v1\nkind: Limit\nmetadata: {{name: {name}}}\n");
        world.write("limit.yaml", &limit);
        world.apply(&["limit.yaml", "--stack", name]);
    }
    let refused = world.run(&["export"]).expect(64);
    assert!(refused.stderr.contains("one, two"), "{}", refused.stderr);
    world.run(&["export", "--stack", "two"]).expect(0);
}

#[test]
fn tokens_that_come_and_go_are_left_out_and_told() {
    let world = World::new();
    let text = world.run(&["export"]).expect(0).stdout;
    for reason in [
        "the token that made this export",
        "tokens that the platform created for itself",
        "sessions of the panel",
    ] {
        assert!(text.contains(reason), "{reason}:\n{text}");
    }
    assert!(!text.contains("kind: Token"), "{text}");
    let text = world.run(&["export", "--include-sessions"]).expect(0).stdout;
    assert_eq!(text.matches("kind: Token").count(), 1, "{text}");
}

#[test]
fn what_is_excluded_is_not_exported_and_not_looked_at_later() {
    let world = World::new();
    world.copy_example("fleet");
    world.apply(&["fleet"]);
    world
        .run(&[
            "export",
            "--out",
            "live",
            "--exclude",
            "subaccount/emea",
            "--exclude",
            "token/back*",
        ])
        .expect(0);
    let files = files(&world, "live");
    assert!(files.keys().all(|path| !path.starts_with("emea")), "{:?}", files.keys());
    assert!(
        !files["subaccounts.yaml"].contains("EMEA") && !files["tokens.yaml"].contains("backend")
    );
    assert!(files["stack.yaml"].contains("- subaccount/emea\n"), "{}", files["stack.yaml"]);
    nothing_is_to_do(&world, "live");
}

#[test]
fn what_no_manifest_can_say_stands_in_a_comment_and_is_left_alone() {
    let world = World::new();
    world.write(
        "token.yaml",
        "\
apiVersion: flespi-gitops/v1
kind: Token
metadata: {name: ours}
spec: {ttl: 1h, access: {acl: [{uri: gw, methods: [GET]}]}}
",
    );
    world.apply(&["token.yaml"]);
    let id = world.item("tokens", "info", "ours")["id"].clone();
    let topic = json!({"uri": "mqtt", "topic": "a/#/b", "actions": ["subscribe"]});
    let access = json!({"access": {"type": 2, "acl": [topic]}});
    world.api("PUT", &format!("/platform/tokens/{id}"), Some(&access));
    world.api(
        "POST",
        "/platform/tokens",
        Some(&json!([{"info": "masks", "ttl": 60, "ips": "10.0.0.0/8"}])),
    );
    let long = "x".repeat(300);
    let parent =
        world.api("POST", "/platform/subaccounts", Some(&json!([{"name": long}, {"name": ""}])));
    let token = world.token();
    for account in &parent {
        let body = json!([{"name": "inside"}]);
        world.call("POST", "/platform/limits", Some(&token), account["id"].as_i64(), Some(&body));
    }
    world.run(&["export", "--out", "live"]).expect(0);
    let tokens = world.read("live/tokens.yaml");
    assert!(tokens.contains("# Not managed: `a/#/b` is not a topic filter"), "{tokens}");
    assert!(tokens.contains("  # ips: "), "{tokens}");
    assert!(world.read("live/stack.yaml").contains("token/ours"), "pruning would delete it");
    let accounts = world.read("live/subaccounts.yaml");
    assert_eq!(accounts.matches("# Only referred to: ").count(), 1, "{accounts}");
    nothing_is_to_do(&world, "live");
}

#[test]
fn the_templating_of_an_access_is_exported_and_can_be_declared() {
    let world = World::new();
    // One that nobody marked passes for a token of a realm user.
    world.write(
        "own/token.yaml",
        "apiVersion: flespi-gitops/v1\nkind: Token\nmetadata: {name: app}\n\
         spec: {ttl: 1h, access: {acl: [{uri: gw, methods: [GET]}], templating: true}}\n",
    );
    world.apply(&["own"]);
    world.run(&["export", "--out", "live"]).expect(0);
    assert!(world.read("live/tokens.yaml").contains("    templating: true\n"));
    nothing_is_to_do(&world, "live");
    world.edit("live/tokens.yaml", "templating: true", "templating: false");
    world.apply(&["live"]);
    assert_eq!(world.item("tokens", "info", "app")["access"]["templating"], json!(false));
    nothing_is_to_do(&world, "live");
}

#[test]
fn metadata_of_others_is_only_written_when_asked_for_and_that_of_the_panel_never() {
    let world = World::new();
    let metadata = json!({"app": {"password": "canary-1"}, "sys_user_config": "canary-2"});
    world.api("POST", "/platform/limits", Some(&json!([{"name": "a", "metadata": metadata}])));
    let text = world.run(&["export"]).expect(0).stdout;
    assert!(!text.contains("canary") && text.contains("has keys of others"), "{text}");
    let text = world.run(&["export", "--metadata", "--out", "live"]).expect(0).stderr;
    assert!(!text.contains("canary"), "{text}");
    let text = world.read("live/limits.yaml");
    assert!(text.contains("password: canary-1") && !text.contains("canary-2"), "{text}");
    nothing_is_to_do(&world, "live");
}

#[test]
fn a_forged_mark_is_told_and_not_followed() {
    let world = World::new();
    world.write(
        "acme.yaml",
        "apiVersion: flespi-gitops/v1\nkind: Subaccount\nmetadata: {name: acme}\n",
    );
    world.apply(&["acme.yaml"]);
    let acme = world.item("subaccounts", "name", "acme");
    let body = json!([{"name": "copy", "metadata": acme["metadata"]}]);
    world.api("POST", "/platform/subaccounts", Some(&body));
    world.run(&["export", "--out", "live"]).expect(0);
    let text = world.read("live/subaccounts.yaml");
    assert!(
        text.contains("it carries the mark of subaccount/acme, but is another object"),
        "{text}"
    );
    nothing_is_to_do(&world, "live");
}

#[test]
fn an_account_that_is_only_referred_to_keeps_the_name_that_marks_give_to_it() {
    let world = World::new();
    world.api("POST", "/platform/subaccounts", Some(&json!([{"name": "ACME Haulage Ltd"}])));
    world.write(
        "acme.yaml",
        "\
apiVersion: flespi-gitops/v1
kind: Subaccount
metadata: {name: acme}
spec: {name: ACME Haulage Ltd, lifecycle: {manage: [observe]}}
---
apiVersion: flespi-gitops/v1
kind: Token
metadata: {name: app, account: acme}
spec: {ttl: 1h, access: standard}
",
    );
    world.apply(&["acme.yaml"]);
    world.run(&["export", "--out", "live"]).expect(0);
    assert!(world.read("live/acme/tokens.yaml").contains("name: app"));
    nothing_is_to_do(&world, "live");
}

#[test]
fn r8_random_worlds_are_exported_losslessly() {
    let full = std::env::var_os("EXPORT_FULL").is_some();
    let sizes: &[(u64, usize)] =
        if full { &[(1, 10_000)] } else { &[(1, 150), (2, 150), (3, 150), (4, 600)] };
    for (seed, objects) in sizes {
        let world = World::new();
        worlds::fill(&world, *seed, *objects);
        world.empty_journal();
        let start = std::time::Instant::now();
        let run = world.run(&["export", "--stack", "default", "--out", "live"]).expect(0);
        let exported = start.elapsed();
        let start = std::time::Instant::now();
        nothing_is_to_do(&world, "live");
        let checked = start.elapsed();
        world.run(&["export", "--stack", "default", "--out", "again"]).expect(0);
        assert_eq!(files(&world, "live"), files(&world, "again"), "seed {seed}");
        let applied = world.apply(&["live"]);
        assert!(applied.stdout.contains("nothing to do"), "seed {seed}: {}", applied.stdout);
        assert_eq!(world.writes().len(), 0, "seed {seed}");
        println!(
            "seed {seed}, {objects} objects, exported in {exported:?}, checked in {checked:?}\n{}",
            run.stderr
        );
    }
}

#[test]
fn a_subaccount_of_which_there_is_little_to_say_is_managed() {
    let world = World::new();
    let limit =
        world.api("POST", "/platform/limits", Some(&json!([{"name": "top"}])))[0]["id"].clone();
    world.api(
        "POST",
        "/platform/subaccounts",
        Some(&json!([{"name": "acme", "metadata": {"crm_id": 42}}, {"name": "plain"}, {"name": "fenced", "limit_id": limit}])),
    );
    world.run(&["export", "--out", "live"]).expect(0);
    let text = world.read("live/subaccounts.yaml");
    assert!(!text.contains("Not managed"), "{text}");
    assert!(text.contains("spec: {}\n  # metadata: has keys of others"), "{text}");
    nothing_is_to_do(&world, "live");
    // What is taken over is managed from then on.
    world.edit("live/subaccounts.yaml", "spec: {}\n", "spec:\n  enabled: false\n");
    world.apply(&["live"]);
    assert_eq!(world.item("subaccounts", "name", "acme")["enabled"], false);
}

#[test]
fn a_limit_of_an_account_above_ours_is_told_and_kept() {
    let world = World::new();
    let top =
        world.api("POST", "/platform/limits", Some(&json!([{"name": "top"}])))[0]["id"].clone();
    let account = json!([{"name": "emea", "limit_id": top}]);
    let emea = world.api("POST", "/platform/subaccounts", Some(&account))[0]["id"].clone();
    let root = world.token();
    let within = |path: &str, body: Value| {
        let (status, answer) = world.call("POST", path, Some(&root), emea.as_i64(), Some(&body));
        assert_eq!(status, 200, "{answer}");
        answer["result"][0].clone()
    };
    let token = within("/platform/tokens", json!([{"ttl": 99999, "access": {"type": 1}}]));
    within("/platform/subaccounts", json!([{"name": "acme", "limit_id": top}]));
    let export = |folder: &str| {
        let mut command = world.command(&["export", "--out", folder]);
        command.env("FLESPI_TOKEN", token["key"].as_str().unwrap());
        crate::support::run(command).expect(0)
    };
    world.keep_secret(token["key"].as_str().unwrap());
    export("live");
    let text = world.read("live/subaccounts.yaml");
    let above = format!("# limit: it has limit {top} of an account above this one");
    assert!(text.contains(&above) && !text.contains("Not managed"), "{text}");
    let mut command = world.command(&["plan", "live", "--prune", "--format", "json"]);
    command.env("FLESPI_TOKEN", token["key"].as_str().unwrap());
    let plan = crate::support::run(command).expect(0).json();
    assert_eq!((&plan["steps"], &plan["blocked"]), (&json!([]), &json!([])), "{plan}");
}

#[test]
fn objects_without_a_name_are_managed_by_their_ids() {
    let world = World::new();
    let token = json!({"ttl": 99999, "access": {"type": 0}});
    world.api(
        "POST",
        "/platform/limits",
        Some(&json!([{"devices_count": 1}, {"devices_count": 2}])),
    );
    world.api("POST", "/platform/subaccounts", Some(&json!([{}, {"metadata": {"a": 1}}])));
    world.api("POST", "/platform/tokens", Some(&json!([token, token])));
    world.run(&["export", "--out", "live"]).expect(0);
    for name in ["limits", "subaccounts", "tokens"] {
        let text = world.read(&format!("live/{name}.yaml"));
        assert!(!text.contains("Not managed") && text.matches("\nkind:").count() == 2, "{text}");
    }
    nothing_is_to_do(&world, "live");
    world.edit("live/limits.yaml", "devices_count: 2", "devices_count: 3");
    world.apply(&["live"]);
    assert_eq!((world.count("limits"), world.count("subaccounts")), (2, 2));
    nothing_is_to_do(&world, "live");
}

#[test]
fn long_keys_and_large_numbers_are_no_secret_to_yaml() {
    let world = World::new();
    let mut metadata = serde_json::Map::new();
    for length in [80, 81, 999, 1_000, 1_024, 5_000] {
        metadata.insert("k".repeat(length), json!(length));
        metadata.insert("\n".repeat(length), json!([{"é".repeat(length): [1]}]));
    }
    for number in [u64::MAX, i64::MAX as u64 + 1, i64::MAX as u64] {
        metadata.insert(format!("n{number}"), json!([number, {"deep": number}]));
    }
    metadata.insert("less".to_owned(), json!(i64::MIN));
    let account = json!([{"name": "acme", "metadata": metadata}]);
    world.api("POST", "/platform/subaccounts", Some(&account));
    world.run(&["export", "--out", "live", "--metadata"]).expect(0);
    let text = world.read("live/subaccounts.yaml");
    assert!(!text.contains("Not managed") && !text.contains("stay as they are"), "{text}");
    assert!(text.contains("18446744073709551615") && text.contains(&"k".repeat(5_000)), "{text}");
    nothing_is_to_do(&world, "live");
    world.apply(&["live"]);
    let expanded = world.run(&["validate", "live", "--show-expanded"]).expect(0).stdout;
    assert!(expanded.contains("9223372036854775808"), "{expanded}");
    let there = world.item("subaccounts", "name", "acme");
    for (key, value) in &metadata {
        assert_eq!(&there["metadata"][key], value, "{key}");
    }
}

#[test]
fn tokens_of_realm_users_are_left_out_where_they_can_be_told() {
    let world = World::new();
    let acl = json!([{"uri": "gw/devices", "methods": ["GET"]}]);
    let access = json!({"type": 2, "acl": acl, "templating": true});
    let token = json!([{"info": "realm user ada", "ttl": 99999, "access": access}]);
    world.api("POST", "/platform/tokens", Some(&token));
    let text = world.run(&["export"]).expect(0).stdout;
    assert!(text.contains("# Left out: tokens of realm users"), "{text}");
    assert!(!text.contains("realm user ada"), "{text}");
}

#[test]
fn each_document_names_the_schema_for_editors_if_somebody_says_where_it_is() {
    let world = World::new();
    world.copy_example("fleet");
    world.apply(&["fleet"]);
    world.run(&["schema", "--out", "schemas"]).expect(0);
    let arguments = ["export", "--out", "accounts", "--schema", "../schemas/manifest.schema.json"];
    world.run(&arguments).expect(0);
    let mut documents = 0;
    for entry in walkdir::WalkDir::new(world.path().join("accounts")) {
        let path = entry.unwrap().into_path();
        if path.is_dir() {
            continue;
        }
        let text = std::fs::read_to_string(&path).unwrap();
        let is_stack = path.ends_with("stack.yaml");
        // Before the first `---` there is nothing but the head of the file.
        for document in text.split("---\n").skip(usize::from(!is_stack)) {
            let line = document.lines().next().unwrap();
            let schema = line.strip_prefix("# yaml-language-server: $schema=").expect(line);
            assert!(path.parent().unwrap().join(schema).is_file(), "{}: {line}", path.display());
            documents += 1;
        }
    }
    assert!(documents > 20, "{documents}");
    let plan = world.plan(&["accounts"]);
    assert_eq!(plan["steps"], json!([]), "{plan}");
    let fixed = ["export", "--schema", "https://example.com/manifest.schema.json"];
    let text = world.run(&fixed).expect(0).stdout;
    assert!(text.contains("---\n# yaml-language-server: $schema=https://example.com/manifest"));
    world.run(&["export", "--schema", "a b"]).expect(64);
    world.run(&["export", "--schema", ""]).expect(64);
}
