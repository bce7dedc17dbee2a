//! Devices and groups by what they are called (R27).

use std::process::Child;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::World;

/// A token of the root account whose only entry is about the devices of this selection.
fn token(select: &str) -> String {
    format!(
        "apiVersion: flespi-gitops/v1
kind: Token
metadata: {{name: app}}
spec:
  ttl: 30d
  access: {{acl: [{{uri: gw/devices, methods: [GET], submodules: [], ids: {{select: {select}}}}}]}}
"
    )
}

const TRUCKS: &str = "{name: \"truck-*\"}";

fn device(world: &World, account: Option<i64>, name: &str, ident: &str) -> i64 {
    let body = json!([{"name": name, "configuration": {"ident": ident}}]);
    let (status, answer) =
        world.call("POST", "/gw/devices", Some(&world.token()), account, Some(&body));
    assert_eq!(status, 200, "{answer}");
    answer["result"][0]["id"].as_i64().unwrap()
}

fn rename(world: &World, device: i64, name: &str) {
    world.api("PUT", &format!("/gw/devices/{device}"), Some(&json!({ "name": name })));
}

/// A group with these devices in it.
fn group(world: &World, name: &str, devices: &[i64]) -> i64 {
    let made = world.api("POST", "/gw/groups", Some(&json!([{ "name": name }])));
    let id = made[0]["id"].as_i64().unwrap();
    for device in devices {
        world.api("POST", &format!("/gw/groups/{id}/devices/{device}"), None);
    }
    id
}

/// A world with two trucks and a van, and their ids.
fn fleet(assumptions: &[&str]) -> (World, [i64; 3]) {
    let world = World::assuming(assumptions);
    let devices = [("truck-1", "352625069012345"), ("truck-2", "A7"), ("van", "0042")];
    let ids = devices.map(|(name, ident)| device(&world, None, name, ident));
    (world, ids)
}

/// The ids of the only entry of the token called `app`.
fn ids(world: &World) -> Value {
    world.item("tokens", "info", "app")["access"]["acl"][0]["ids"].clone()
}

fn ids_if_there(world: &World) -> Value {
    let tokens = world.api("GET", "/platform/tokens/all?fields=info", None);
    let is_there = tokens.iter().any(|token| token["info"] == "app");
    if is_there { ids(world) } else { Value::Null }
}

/// The lists of items that were read since the journal was emptied: account and path.
fn lists(world: &World) -> Vec<String> {
    let requests = world.journal().into_iter().filter(|it| it.path.starts_with("/gw/"));
    requests.map(|request| request.line()).collect()
}

#[test]
fn a_selection_becomes_the_ids_of_what_is_called_so() {
    let (world, [one, two, van]) = fleet(&[]);
    let below = device(&world, Some(made_account(&world)), "truck-3", "352625069012345");
    let north = group(&world, "north", &[two, van]);
    for (select, expected) in [
        (TRUCKS.to_owned(), json!([one, two])),
        ("{name: \"?an\"}".to_owned(), json!([van])),
        ("{ident: [352625069012345, \"0042\", missing]}".to_owned(), json!([one, van])),
        ("{group: north}".to_owned(), json!([two, van])),
        (format!("{{group: {north}}}"), json!([two, van])),
        ("{expression: 'name==\"van\" || name~\"*-1\"'}".to_owned(), json!([one, van])),
    ] {
        world.write("app.yaml", &token(&select));
        let plan = world.plan(&["."]);
        let after = plan["steps"].to_string();
        let is_shown = after.contains(&expected.to_string()) || ids_if_there(&world) == expected;
        assert!(is_shown, "{select}: {after}");
        world.apply(&["."]);
        assert_eq!(ids(&world), expected, "{select}");
        assert_eq!(world.plan(&["."])["steps"], json!([]), "{select}");
    }
    assert_ne!(below, one, "what is called so in an account below is another account's");
}

/// An account that exists and is declared nowhere.
fn made_account(world: &World) -> i64 {
    let made = world.api("POST", "/platform/subaccounts", Some(&json!([{"name": "below"}])));
    made[0]["id"].as_i64().unwrap()
}

#[test]
fn who_joins_and_who_leaves_is_told_as_a_change_of_rights_and_not_as_an_edit_or_drift() {
    let (world, [one, two, van]) = fleet(&[]);
    world.write("app.yaml", &token(TRUCKS));
    world.edit("app.yaml", "ttl: 30d", "ttl: 30d\n  lifecycle: {drift: report}");
    world.apply(&["."]);
    rename(&world, van, "truck-9");
    rename(&world, one, "sold");
    let step = world.plan(&["."])["steps"][0].clone();
    assert_eq!(step["changes"][0]["cause"], "selection", "{step}");
    let rights = &step["rights"];
    assert_eq!(rights["gained"], json!([format!("gains GET on gw/devices {van}")]));
    assert_eq!(rights["lost"], json!([format!("loses GET on gw/devices {one}")]));
    let text = world.run(&["plan", "."]).expect(0).stdout;
    assert!(text.contains("what the manifest selects matches other items now"), "{text}");
    world.apply(&["."]);
    assert_eq!(ids(&world), json!([two, van]));

    // A person who edits the ids has not changed what is selected, and `drift: report` leaves that alone.
    let id = world.item("tokens", "info", "app")["id"].clone();
    let access = json!({"type": 2, "acl": [
        {"uri": "gw/devices", "methods": ["GET"], "submodules": [], "ids": [one]}]});
    world.api("PUT", &format!("/platform/tokens/{id}"), Some(&json!({ "access": access })));
    let plan = world.plan(&["."]);
    assert_eq!(plan["steps"], json!([]), "{plan}");
    assert!(plan["notes"].to_string().contains("has drifted"), "{plan}");

    // An edit of the methods is an edit, whoever joins along with it.
    world.edit("app.yaml", "drift: report", "drift: heal");
    world.apply(&["."]);
    device(&world, None, "truck-10", "1");
    world.edit("app.yaml", "methods: [GET]", "methods: [GET, PUT]");
    assert_eq!(world.plan(&["."])["steps"][0]["changes"][0]["cause"], "edited");
}

#[test]
fn what_comes_and_goes_is_never_taken_for_drift() {
    let (world, [one, two, _]) = fleet(&[]);
    // One write could change both of them, and would leave their marks as they were.
    let twin = token(TRUCKS).replace("name: app", "name: twin");
    world.write("app.yaml", &format!("{}---\n{twin}", token(TRUCKS)));
    world.apply(&["."]);
    for (name, expected) in
        [("sold", json!([two])), ("truck-1", json!([one, two])), ("sold", json!([two]))]
    {
        rename(&world, one, name);
        let plan = world.plan(&["."]);
        let causes = plan["steps"].as_array().unwrap().iter();
        let causes: Vec<&Value> = causes.map(|step| &step["changes"][0]["cause"]).collect();
        assert_eq!(causes, ["selection", "selection"], "{name}: {plan}");
        world.apply(&["."]);
        assert_eq!(ids(&world), expected);
    }
}

struct Daemon(Child);

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn the_next_pass_of_watch_sees_who_was_added_and_who_was_renamed_away_without_any_edit() {
    let (world, [one, two, _]) = fleet(&[]);
    world.write("manifests/app.yaml", &token(TRUCKS));
    let log = world.path().join("said");
    let mut command = world.command(&["watch", "manifests", "--interval", "1s"]);
    let output = std::fs::File::create(&log).unwrap();
    let daemon = command.stdout(output.try_clone().unwrap()).stderr(output).spawn().unwrap();
    let _daemon = Daemon(daemon);
    let wait = |what: &str, is_so: &dyn Fn() -> bool| {
        let began = Instant::now();
        while !is_so() {
            let said = std::fs::read_to_string(&log).unwrap();
            assert!(began.elapsed() < Duration::from_secs(30), "{what}:\n{said}");
            std::thread::sleep(Duration::from_millis(20));
        }
    };
    wait("created", &|| ids_if_there(&world) == json!([one, two]));
    let new = device(&world, None, "truck-3", "3");
    wait("widened", &|| ids(&world) == json!([one, two, new]));
    let says = |words: String| {
        wait(&words, &|| std::fs::read_to_string(&log).unwrap().contains(&words));
    };
    says(format!("gains GET on gw/devices {new}"));
    rename(&world, one, "sold");
    wait("narrowed", &|| ids(&world) == json!([two, new]));
    says(format!("loses GET on gw/devices {one}"));
}

#[test]
fn an_estate_without_selections_makes_no_further_call_and_one_with_them_one_for_each_list() {
    let (world, [one, two, van]) = fleet(&[]);
    group(&world, "north", &[one, van]);
    let plain = token("x").replace("{select: x}", &format!("[{one}, {two}]"));
    world.write("app.yaml", &plain);
    world.apply(&["."]);
    world.empty_journal();
    world.plan(&["."]);
    assert_eq!(lists(&world), Vec::<String>::new());
    let before = world.journal().len();
    // Forty tokens that select in eight ways need four lists.
    let mut all = plain;
    for number in 0..40 {
        let select = match number % 8 {
            0 => "{group: north}",
            1 => "{ident: [A7]}",
            2 => "{expression: 'id>0'}",
            _ => "{name: \"*\"}",
        };
        let other = token(select).replace("name: app", &format!("name: app{number}"));
        all.push_str(&format!("---\n{other}"));
    }
    let groups = "{uri: gw/groups, methods: [GET], ids: {select: {name: n*}}}";
    all.push_str(&format!(
        "---\n{}",
        token("x")
            .replace("name: app", "name: groups")
            .replace("{uri: gw/devices, methods: [GET], submodules: [], ids: {select: x}}", groups)
    ));
    world.write("app.yaml", &all);
    world.apply(&["."]);
    world.empty_journal();
    assert_eq!(world.plan(&["."])["steps"], json!([]));
    let lists = lists(&world);
    assert_eq!(lists.len(), 3, "devices, groups and what the expression means: {lists:?}");
    assert_eq!(world.journal().len(), before + 3);
}

#[test]
fn devices_of_an_account_are_looked_for_in_that_account_alone() {
    let world = World::new();
    let account = "apiVersion: flespi-gitops/v1\nkind: Subaccount\nmetadata: {name: acme}\n---\n";
    let text =
        token("{name: \"truck-*\", allow_empty: true}").replace("app}", "app, account: acme}");
    world.write("app.yaml", &format!("{account}{text}"));
    device(&world, None, "truck-1", "1");
    let plan = world.plan(&["."]);
    assert!(plan["notes"].to_string().contains("is empty for now"), "{}", plan["notes"]);
    world.apply(&["."]);
    assert_eq!(ids(&world), json!([]));
    let acme = world.item("subaccounts", "name", "acme")["id"].as_i64();
    let ours = device(&world, acme, "truck-2", "2");
    world.empty_journal();
    let plan = world.plan(&["."]);
    let gained = json!([format!("gains GET on gw/devices {ours}")]);
    assert_eq!(plan["steps"][0]["rights"]["gained"], gained, "{plan}");
    let asked = world.journal().into_iter().find(|it| it.path.starts_with("/gw/devices")).unwrap();
    assert_eq!(asked.cid, acme, "{asked:?}");
    world.apply(&["."]);
    assert_eq!(ids(&world), json!([ours]));
}

#[test]
fn a_new_account_has_nothing_to_select_which_is_an_error_until_it_may_be_so() {
    let world = World::new();
    let account = "apiVersion: flespi-gitops/v1\nkind: Subaccount\nmetadata: {name: acme}\n---\n";
    let text = token(TRUCKS).replace("app}", "app, account: acme}");
    world.write("app.yaml", &format!("{account}{text}"));
    let plan = world.plan(&["."]);
    assert_eq!(plan["blocked"][0]["address"], "token/acme/app");
    let reason = plan["blocked"][0]["reason"].as_str().unwrap();
    assert!(reason.contains("created by this plan and holds no items yet"), "{reason}");
    assert_eq!(plan["steps"].as_array().unwrap().len(), 1, "the account is made: {plan}");
}

#[test]
fn what_matches_nothing_is_an_error_and_takes_no_right_away() {
    let (world, [one, two, _]) = fleet(&[]);
    world.write("app.yaml", &token(TRUCKS));
    world.apply(&["."]);
    for device in [one, two] {
        rename(&world, device, "lorry");
    }
    world.empty_journal();
    let run = world.run(&["apply", ".", "--yes"]);
    assert!(run.stdout.contains("matches nothing"), "{}", run.stdout);
    assert!(run.stdout.contains("app.yaml:6"), "where it stands: {}", run.stdout);
    run.expect(5);
    assert_eq!(world.writes().len(), 0);
    world.run(&["plan", ".", "--detailed-exitcode"]).expect(5);
    assert_eq!(ids(&world), json!([one, two]));
    world.edit("app.yaml", "\"truck-*\"", "\"truck-*\", allow_empty: true");
    world.apply(&["."]);
    assert_eq!(ids(&world), json!([]), "no ids are none, and not all");
    assert_eq!(status(&world, one), 403);
}

/// How the sandbox answers the token called `app` when it reads a device.
fn status(world: &World, device: i64) -> u16 {
    let id = world.item("tokens", "info", "app")["id"].clone();
    let read = world.api("GET", &format!("/platform/tokens/{id}?fields=key"), None);
    let key = read[0]["key"].as_str().unwrap();
    world.call("GET", &format!("/gw/devices/{device}"), Some(key), None, None).0
}

#[test]
fn no_failed_or_partial_list_narrows_a_token() {
    for effect in [
        json!({"answer": {"status": 503, "retry_after": 0}}),
        json!({"answer": {"status": 403}}),
        json!("lost_rows"),
        json!({"lost_pages": {"after": 1}}),
        json!({"wrong_count": {"by": 1}}),
        json!("wrong_json"),
        json!("wrong_shape"),
    ] {
        let (world, [one, two, _]) = fleet(&["page-size=100"]);
        many(&world, (0..150).map(|number| format!("bus-{number}")));
        let may_be_empty = "{name: \"truck-*\", allow_empty: true}";
        let limit = "---\napiVersion: flespi-gitops/v1\nkind: Limit\nmetadata: {name: small}\n";
        world.write("app.yaml", &token(may_be_empty));
        world.apply(&["."]);
        world.write("app.yaml", &format!("{}{limit}", token(may_be_empty)));
        world.faults(&json!({"rules":
            [{"method": "GET", "path": "/gw/devices/*", "effect": effect}]}));
        let plan = world.run(&["plan", ".", "--format", "json"]).expect(4).json();
        assert_eq!(plan["unknown"][0]["items"], "gw/devices", "{effect}: {plan}");
        let run = world.run(&["apply", ".", "--yes"]).expect(4);
        assert!(run.stdout.contains("cannot read the gw/devices of its account"), "{}", run.stdout);
        assert_eq!(ids(&world), json!([one, two]), "{effect}");
        assert_eq!(world.count("limits"), 1, "what does not depend on it is done: {effect}");
        world.run(&["status", "."]).expect(4);
        world.faults(&json!({"rules": []}));
        assert_eq!(world.plan(&["."])["steps"], json!([]), "{effect}");
    }
}

#[test]
fn fields_that_the_platform_gives_in_another_form_or_not_at_all_are_not_taken_for_empty() {
    for (assumption, select, is_known) in [
        ("dotted-field=nested", "{ident: [A7], allow_empty: true}", true),
        ("dotted-field=absent", "{ident: [A7], allow_empty: true}", false),
        ("groups-of-device=absent", "{group: 7, allow_empty: true}", false),
        ("owner-of-item=absent", "{ident: [A7], allow_empty: true}", false),
        ("pagination=never", "{ident: [A7], allow_empty: true}", true),
        ("page-size=100", "{ident: [A7], allow_empty: true}", true),
    ] {
        let (world, [_, two, _]) = fleet(&[assumption]);
        world.write("app.yaml", &token(select));
        let code = if is_known { 0 } else { 4 };
        world.run(&["apply", ".", "--yes"]).expect(code);
        match is_known {
            true => assert_eq!(ids(&world), json!([two]), "{assumption}"),
            false => assert_eq!(ids_if_there(&world), Value::Null, "{assumption}"),
        }
    }
}

#[test]
fn an_expression_that_the_platform_does_not_take_blocks_the_token_and_is_not_asked_for_again() {
    let (world, _) = fleet(&[]);
    world.write("app.yaml", &token("{expression: 'colour==\"red\"', allow_empty: true}"));
    world.empty_journal();
    let run = world.run(&["apply", ".", "--yes"]).expect(5);
    assert!(run.stdout.contains("does not take a selection of gw/devices"), "{}", run.stdout);
    assert!(run.stdout.contains("colour"), "the platform's own words: {}", run.stdout);
    assert_eq!(lists(&world).len(), 1);
    assert_eq!(world.writes().len(), 0);
}

/// Devices with these names.
fn many(world: &World, names: impl Iterator<Item = String>) {
    let body: Vec<Value> = names.map(|name| json!({ "name": name })).collect();
    world.api("POST", "/gw/devices", Some(&json!(body)));
}

#[test]
fn a_first_selection_may_be_as_large_as_it_is_and_what_joins_later_is_bounded() {
    let (world, [one, ..]) = fleet(&[]);
    many(&world, (0..600).map(|number| format!("bus-{number}")));
    world.write("app.yaml", &token("{name: \"*-1\"}"));
    world.write("all.yaml", &token("{name: \"*\"}").replace("name: app", "name: all"));
    world.apply(&["."]);
    // A mask that lost its end.
    world.edit("app.yaml", "*-1", "*");
    let plan = world.plan(&["."]);
    let refusal = &plan["refusals"][0];
    assert_eq!((&refusal["guard"], &refusal["count"]), (&json!("joins"), &json!(601)), "{refusal}");
    world.empty_journal();
    let run = world.run(&["apply", ".", "--yes"]).expect(5);
    assert!(run.stderr.contains("601 items would join what token/app selects"), "{}", run.stderr);
    assert_eq!(world.writes().len(), 0);
    world.apply_approved(&["."]);
    assert_eq!(ids(&world).as_array().unwrap().len(), 603);
    assert_eq!(world.plan(&["."])["refusals"], json!([]));

    // The Stack says how many may join, counted once for every token that they join.
    let stack = "apiVersion: flespi-gitops/v1\nkind: Stack\nmetadata: {name: default}\nspec: {guards: {joins: 3}}\n";
    world.write("stack.yaml", stack);
    many(&world, ["tram".to_owned()].into_iter());
    world.apply(&["."]);
    many(&world, ["tram-2".to_owned(), "tram-3".to_owned()].into_iter());
    assert_eq!(world.plan(&["."])["refusals"][0]["count"], 4);
    // Who leaves joins nothing.
    world.api("DELETE", "/gw/devices/name=tram*", None);
    rename(&world, one, "lorry");
    assert_eq!(world.plan(&["."])["refusals"], json!([]));
}

#[cfg(unix)]
#[test]
fn watch_waits_for_approval_where_too_many_join() {
    let (world, [one, two, _]) = fleet(&[]);
    let stack = "apiVersion: flespi-gitops/v1\nkind: Stack\nmetadata: {name: default}\nspec: {guards: {joins: 1}}\n";
    world.write("manifests/stack.yaml", stack);
    world.write("manifests/app.yaml", &token(TRUCKS));
    world.apply(&["."]);
    many(&world, ["truck-3".to_owned(), "truck-4".to_owned()].into_iter());
    let daemon = crate::support::listening::Daemon::start(&world, &[]);
    daemon.wait("waiting for approval", |status| {
        status["approval"]["refusals"][0]["guard"] == "joins"
    });
    assert_eq!(ids(&world), json!([one, two]));
}

#[test]
fn an_expectation_is_checked_with_the_ids_that_each_pass_finds() {
    let (world, [one, two, van]) = fleet(&[]);
    let expect =
        format!("  expect:\n    allow: [GET gw/devices/{one}]\n    deny: [GET gw/devices/{van}]\n");
    world.write("app.yaml", &format!("{}{expect}", token(TRUCKS)));
    world.run(&["validate", "."]).expect(0);
    world.apply(&["."]);
    rename(&world, van, "truck-9");
    let plan = world.plan(&["."]);
    assert_eq!(plan["steps"], json!([]), "{plan}");
    let reason = plan["blocked"][0]["reason"].as_str().unwrap();
    assert!(reason.contains(&format!("expects `GET gw/devices/{van}` to be denied")), "{reason}");
    world.run(&["apply", ".", "--yes"]).expect(5);
    assert_eq!(ids(&world), json!([one, two]));
    rename(&world, van, "van");
    world.apply(&["."]);
}

#[test]
fn offline_it_is_said_what_cannot_be_known_and_the_platform_knows_it() {
    let (world, [one, _, van]) = fleet(&[]);
    let expect = format!("  expect: {{allow: [GET gw/devices/{one}]}}\n");
    world.write("app.yaml", &format!("{}{expect}", token(TRUCKS)));
    let said = world.run(&["validate", ".", "--format", "short"]).expect(0).stdout;
    assert!(
        said.contains("which gw/devices match `name: truck-*` is known on the platform"),
        "{said}"
    );
    assert!(
        said.contains("whether \"GET gw/devices") || said.contains("is not known here"),
        "{said}"
    );
    assert_eq!(said.matches("selection-open").count(), 2, "{said}");
    world.run(&["validate", ".", "--deny", "warnings"]).expect(0);
    let plan = world.run(&["plan", "."]).expect(0);
    assert!(!plan.stderr.contains("selection-open"), "the plan knows: {}", plan.stderr);

    let explain = |device: i64, more: &[&str]| {
        let path = format!("gw/devices/{device}");
        let all = [&["explain", "token/app", "GET", &path, "--format", "json"], more].concat();
        world.run(&all)
    };
    let offline = explain(one, &[]).expect(1);
    assert_eq!(offline.json()["verdict"], "depends", "{}", offline.stdout);
    assert!(offline.stderr.contains("--live"), "{}", offline.stderr);
    world.apply(&["."]);
    for (device, is_allowed) in [(one, true), (van, false)] {
        let run = explain(device, &["--live"]).expect(i32::from(!is_allowed));
        assert_eq!(run.json()["allowed"], is_allowed);
        assert_eq!(status(&world, device) == 200, is_allowed, "the sandbox agrees");
    }
}

#[test]
fn a_rule_takes_a_selection_for_items_that_may_be_any() {
    let world = World::new();
    let stack = "apiVersion: flespi-gitops/v1\nkind: Stack\nmetadata: {name: default}\nspec: {policies: {never-allowed: {requests: [GET gw/devices/5]}}}\n";
    world.write("stack.yaml", stack);
    world.write("app.yaml", &token(TRUCKS));
    let said = world.run(&["validate", ".", "--format", "short"]).expect(3).stdout;
    assert!(said.contains("policy-never-allowed"), "{said}");
    assert!(said.contains("may perhaps GET gw/devices/5"), "{said}");
}

#[test]
fn a_selector_that_no_collection_understands_is_told_with_its_place_and_nothing_is_sent() {
    let (world, _) = fleet(&[]);
    world.empty_journal();
    for (from, to, place, message) in [
        ("gw/devices", "gw/channels", "app.yaml:6:84", "gw/channels cannot be selected by `ident`"),
        ("gw/devices", "gw", "app.yaml:6:", "`gw` is not a type of items"),
        ("{ident: [A7]}", "{imei: A7}", "app.yaml:6:", "imei"),
        ("{ident: [A7]}", "{}", "app.yaml:6:", "takes one of `name`, `ident`"),
        ("{ident: [A7]}", "{ident: [A7], name: a}", "app.yaml:6:", "exclude each other"),
        ("{ident: [A7]}", "{expression: 'id>5}'}", "app.yaml:6:", "is not an expression"),
    ] {
        world.write("app.yaml", &token("{ident: [A7]}").replace(from, to));
        let run = world.run(&["apply", ".", "--yes"]).expect(3);
        assert!(run.stderr.contains(message), "{to}: {}", run.stderr);
        let short = world.run(&["validate", ".", "--format", "short"]).expect(3).stdout;
        assert!(short.contains(place), "{to}: {short}");
        assert!(run.stderr.contains("help: "), "{to}: {}", run.stderr);
    }
    assert_eq!(world.journal().len(), 0);
}

#[test]
fn presets_select_devices_for_each_of_their_entries() {
    let (world, [one, two, _]) = fleet(&[]);
    world.write(
        "app.yaml",
        "apiVersion: flespi-gitops/v1
kind: Token
metadata: {name: app}
spec:
  expire: 2099-01-31T00:00:00Z
  access: {preset: manufacturer-support, configure: true, devices: {select: {name: \"truck-*\"}}}
  deliver: [{file: out/link, as: link}]
",
    );
    world.apply(&["."]);
    let access = world.item("tokens", "info", "app")["access"].clone();
    let entries = access["acl"].as_array().unwrap();
    assert_eq!(entries.len(), 2);
    assert!(entries.iter().all(|entry| entry["ids"] == json!([one, two])), "{access}");
    assert!(world.read("out/link").starts_with("https://flespi.io/#/token/"));
    let expanded = world.run(&["validate", ".", "--show-expanded"]).expect(0).stdout;
    assert!(expanded.contains("name: truck-*"), "{expanded}");
}

#[test]
fn export_writes_the_ids_that_it_finds() {
    let (world, [one, two, _]) = fleet(&[]);
    world.write("app.yaml", &token(TRUCKS));
    world.apply(&["."]);
    world.run(&["export", "--out", "exported"]).expect(0);
    let texts = walkdir::WalkDir::new(world.path().join("exported")).into_iter().flatten();
    let texts = texts.filter_map(|entry| std::fs::read_to_string(entry.path()).ok());
    let text = texts.collect::<String>();
    assert!(!text.contains("select"), "{text}");
    assert!(text.contains(&one.to_string()) && text.contains(&two.to_string()), "{text}");
}

#[test]
fn a_saved_plan_is_stale_once_something_else_is_called_so() {
    let (world, [one, two, van]) = fleet(&[]);
    world.write("app.yaml", &token(TRUCKS));
    world.run(&["plan", ".", "--out", "plan.json"]).expect(0);
    rename(&world, van, "truck-9");
    world.empty_journal();
    let run = world.run(&["apply", "--plan", "plan.json", "--yes"]).expect(5);
    assert!(run.stderr.contains("what would be set differs"), "{}", run.stderr);
    assert_eq!(world.writes().len(), 0);
    rename(&world, van, "van");
    world.apply(&["--plan", "plan.json"]);
    assert_eq!(ids(&world), json!([one, two]));
}

#[test]
fn both_keys_of_a_rotation_open_what_is_selected_now() {
    let (world, [one, two, _]) = fleet(&[]);
    let rotating = "spec:\n  deliver: [{file: out/key}]\n  rotation: {overlap: 48h}";
    world.write("app.yaml", &token(TRUCKS).replace("spec:", rotating));
    world.apply(&["."]);
    world.run(&["rotate", "token/app", "--yes"]).expect(0);
    let new = device(&world, None, "truck-3", "3");
    let plan = world.plan(&["."]);
    assert_eq!(plan["steps"].as_array().unwrap().len(), 2, "{plan}");
    world.apply(&["."]);
    let tokens = world.api("GET", "/platform/tokens/all?fields=info,access", None);
    let ours: Vec<&Value> = tokens.iter().filter(|token| token["info"] == "app").collect();
    assert_eq!(ours.len(), 2);
    for token in ours {
        assert_eq!(token["access"]["acl"][0]["ids"], json!([one, two, new]));
    }
}
