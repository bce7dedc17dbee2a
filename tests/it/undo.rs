//! What a run did is taken back by one command, as far as its record goes (R25).

use std::collections::{BTreeMap, BTreeSet};

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde_json::{Value, json};

use crate::support::{Run, World};

const BEFORE: &str = "\
apiVersion: flespi-gitops/v1
kind: Limit
metadata: {name: starter}
spec: {devices_count: 10}
---
apiVersion: flespi-gitops/v1
kind: Subaccount
metadata: {name: acme}
spec: {limit: starter, metadata: {region: north, tier: gold}}
---
apiVersion: flespi-gitops/v1
kind: Token
metadata: {name: app, account: acme}
spec: {ttl: 1h, access: standard, deliver: [{file: out/app}]}
---
apiVersion: flespi-gitops/v1
kind: Token
metadata: {name: old}
spec: {ttl: 1h, access: standard}
";

const AFTER: &str = "\
apiVersion: flespi-gitops/v1
kind: Limit
metadata: {name: starter}
spec: {devices_count: 99}
---
apiVersion: flespi-gitops/v1
kind: Limit
metadata: {name: large}
spec: {devices_count: 500}
---
apiVersion: flespi-gitops/v1
kind: Subaccount
metadata: {name: acme}
spec: {limit: large, metadata: {region: south, color: red}}
---
apiVersion: flespi-gitops/v1
kind: Token
metadata: {name: app, account: acme}
spec: {ttl: 2h, access: master, deliver: [{file: out/app}]}
---
apiVersion: flespi-gitops/v1
kind: Subaccount
metadata: {name: new}
---
apiVersion: flespi-gitops/v1
kind: Token
metadata: {name: key, account: new}
spec: {ttl: 1h, access: standard}
";

const LISTS: [(&str, &str); 4] = [
    ("limits", "id,cid,name,description,devices_count,api_calls,metadata"),
    ("subaccounts", "id,cid,name,limit_id,enabled,metadata"),
    ("tokens", "id,cid,info,enabled,ttl,expire,access,ips,origins,metadata"),
    ("webhooks", "id,cid,name,enabled,triggers,queue_ttl,metadata"),
];

/// Everything on the platform, by collection and id, without what we note for ourselves.
fn snapshot(world: &World) -> BTreeMap<(String, i64), Value> {
    let mut all = BTreeMap::new();
    for (collection, fields) in LISTS {
        for mut item in
            world.api("GET", &format!("/platform/{collection}/all?fields={fields}"), None)
        {
            let metadata = item["metadata"].as_object_mut();
            let address = metadata.and_then(|metadata| {
                let address = metadata.get("flespi-gitops/address").cloned();
                metadata.retain(|key, _| !key.starts_with("flespi-gitops/"));
                address
            });
            item["address"] = address.unwrap_or_default();
            all.insert((collection.to_owned(), item["id"].as_i64().unwrap()), item);
        }
    }
    all
}

/// Applies, whatever guards say, and gives the name of the run.
fn apply(world: &World, text: &str) -> String {
    world.write("set/a.yaml", text);
    let digest = world.plan(&["set", "--prune"])["digest"].as_str().unwrap().to_owned();
    let run = world.run(&["apply", "set", "--prune", "--yes", "--approve", &digest]);
    // A limit that somebody still uses stays.
    assert!([0, 6].contains(&run.code), "{}\n{}", run.stdout, run.stderr);
    let runs = world.run(&["history", "--format", "json"]).expect(0).json();
    runs[0]["run"].as_str().unwrap().to_owned()
}

fn undo(world: &World, run: &str) -> Run {
    let shown = world.run(&["undo", run, "--dry-run", "--format", "json"]);
    let mut arguments = vec!["undo", run, "--yes"];
    let plan = if shown.stdout.is_empty() { Value::Null } else { shown.json() };
    let digest = plan["digest"].as_str().unwrap_or_default().to_owned();
    if plan["refusals"].as_array().is_some_and(|refusals| !refusals.is_empty()) {
        arguments.extend(["--approve", &digest]);
    }
    world.run(&arguments)
}

#[test]
fn values_go_back_what_was_deleted_returns_and_what_was_made_goes() {
    let world = World::new();
    apply(&world, BEFORE);
    let before = snapshot(&world);
    let run = apply(&world, AFTER);
    assert_ne!(snapshot(&world), before);
    let undone = undo(&world, &run).expect(0);
    assert_eq!(snapshot(&world), before);
    assert!(undone.stdout.contains(&format!("run {run} made it")), "{}", undone.stdout);
    assert!(
        undone.stderr.contains("revert them, or the next apply does it again"),
        "{}",
        undone.stderr
    );
    // It is a run like any other, and can be undone in its turn.
    let record = world.run(&["history", "show", "last", "--format", "json"]).expect(0).json();
    assert_eq!(record["command"], "undo");
    // The manifests of before have nothing to do.
    world.write("set/a.yaml", BEFORE);
    assert_eq!(world.plan(&["set", "--prune"])["steps"], json!([]));
}

#[test]
fn a_dry_run_shows_the_plan_and_writes_nothing() {
    let world = World::new();
    apply(&world, BEFORE);
    apply(&world, AFTER);
    world.empty_journal();
    let shown = world.run(&["undo", "last", "--dry-run"]).expect(0).stdout;
    for part in ["devices_count  99 → 10", "limit_id", "restore", "delete"] {
        assert!(shown.contains(part), "{part}: {shown}");
    }
    assert_eq!(world.writes().len(), 0);
}

#[test]
fn what_somebody_changed_since_then_is_left_and_told() {
    let world = World::new();
    apply(&world, BEFORE);
    let run = apply(&world, AFTER);
    let id = world.item("limits", "name", "starter")["id"].clone();
    world.api("PUT", &format!("/platform/limits/{id}"), Some(&json!({"devices_count": 7})));
    let undone = undo(&world, &run).expect(0);
    assert!(
        undone.stderr.contains("limit/starter: devices_count: it was changed again"),
        "{}",
        undone.stderr
    );
    assert_eq!(world.item("limits", "name", "starter")["devices_count"], 7);
}

#[test]
fn keys_and_passwords_are_not_brought_back_and_that_is_said_before() {
    let world = World::new();
    let login = "credentials: {email: a@acme.example, password: {file: password}}";
    world.write("set/password", "correct horse battery staple");
    let set =
        BEFORE.replace("spec: {limit: starter,", &format!("spec: {{{login}, limit: starter,"));
    apply(&world, &set);
    world.write("set/password", "another horse, another staple");
    world.edit("set/a.yaml", "devices_count: 10", "devices_count: 11");
    let text = world.read("set/a.yaml");
    let run = apply(&world, &text);
    let undone = undo(&world, &run).expect(0);
    assert!(
        undone.stderr.contains("subaccount/acme: credentials.password: it is secret"),
        "{}",
        undone.stderr
    );
    assert_eq!(world.item("limits", "name", "starter")["devices_count"], 10);

    world.run(&["rotate", "token/acme/app", "--manifests", "set", "--now", "--yes"]).expect(0);
    let key = world.read("set/out/app");
    let undone = undo(&world, "last");
    assert!(undone.stderr.contains("token/acme/app: its key was replaced"), "{}", undone.stderr);
    assert_eq!(world.read("set/out/app"), key);
}

#[test]
fn what_was_taken_over_is_let_go_and_what_was_let_go_is_managed_again() {
    let world = World::new();
    let limit = world.api("POST", "/platform/limits", Some(&json!([{"name": "starter"}])));
    let adopted = "apiVersion: flespi-gitops/v1\nkind: Limit\nmetadata: {name: starter}\nspec: {lifecycle: {adopt: true}}\n";
    let run = apply(&world, adopted);
    let mark =
        || world.item("limits", "name", "starter")["metadata"]["flespi-gitops/address"].clone();
    assert_eq!(mark(), "limit/starter");
    undo(&world, &run).expect(0);
    assert_eq!(mark(), Value::Null);
    assert_eq!(world.item("limits", "name", "starter")["id"], limit[0]["id"]);

    apply(&world, adopted);
    let stack = "apiVersion: flespi-gitops/v1\nkind: Stack\nmetadata: {name: default}\nspec: {forget: [limit/starter]}\n";
    let run = apply(&world, stack);
    assert_eq!(mark(), Value::Null);
    undo(&world, &run).expect(0);
    assert_eq!(mark(), "limit/starter");
}

#[test]
fn a_rename_is_taken_back() {
    let world = World::new();
    apply(&world, BEFORE);
    let before = snapshot(&world);
    let renamed = BEFORE
        .replace("metadata: {name: acme}", "metadata: {name: apex, moved_from: subaccount/acme}")
        .replace("account: acme", "account: apex");
    let run = apply(&world, &renamed);
    assert_ne!(snapshot(&world), before);
    undo(&world, &run).expect(0);
    world.write("set/a.yaml", BEFORE);
    let plan = world.plan(&["set"]);
    assert_eq!(plan["summary"]["create"], 0, "{plan}");
    world.apply(&["set"]);
    assert_eq!(snapshot(&world), before);
}

#[test]
fn guards_and_pauses_hold_for_an_undo_as_for_any_other_run() {
    let world = World::new();
    apply(&world, BEFORE);
    let run = apply(&world, AFTER);
    world.empty_journal();
    let refused = world.run(&["undo", &run, "--yes"]).expect(5);
    assert!(refused.stderr.contains("subaccount/new is live"), "{}", refused.stderr);
    assert_eq!(world.writes().len(), 0);
    world.run(&["pause", "--scope", "**", "--for", "1h", "--reason", "x"]).expect(0);
    undo(&world, &run).expect(0);
    assert_eq!(world.writes().len(), 0);
}

#[test]
fn an_unknown_run_and_one_of_another_platform_are_refused() {
    let world = World::new();
    for name in ["last", "2", "20000101-000000-aaaaa"] {
        world.run(&["undo", name, "--yes"]).expect(64);
    }
    let run = apply(&world, BEFORE);
    let other = world.run(&["undo", &run, "--yes", "--platform", "sandbox:other"]).expect(64);
    assert!(other.stderr.contains(", and --platform is sandbox"), "{}", other.stderr);
}

/// A set of manifests drawn by chance, over objects that always have the same names.
fn draw(dice: &mut StdRng) -> String {
    let mut documents =
        vec!["apiVersion: flespi-gitops/v1\nkind: Stack\nmetadata: {name: default}\n".to_owned()];
    let mut add = |kind: &str, name: &str, account: &str, spec: String| {
        let account =
            if account.is_empty() { String::new() } else { format!(", account: {account}") };
        documents.push(format!(
            "apiVersion: flespi-gitops/v1\nkind: {kind}\nmetadata: {{name: {name}{account}}}\nspec: {{{spec}}}\n"
        ));
    };
    let limits: Vec<&str> = ["a", "b", "c"].into_iter().filter(|_| dice.random_bool(0.8)).collect();
    for name in &limits {
        add("Limit", name, "", format!("devices_count: {}", dice.random_range(1..9)));
    }
    let mut accounts = vec![String::new()];
    for name in ["x", "y", "x/z"] {
        let (above, own) = name.rsplit_once('/').unwrap_or(("", name));
        if !accounts.iter().any(|known| known == above) || dice.random_bool(0.25) {
            continue;
        }
        accounts.push(name.to_owned());
        let mut spec = vec![format!("metadata: {{tier: t{}}}", dice.random_range(1..4))];
        if dice.random_bool(0.2) {
            spec.push("enabled: false".to_owned());
        }
        if above.is_empty() && !limits.is_empty() && dice.random_bool(0.6) {
            spec.push(format!("limit: {}", limits[dice.random_range(0..limits.len())]));
        }
        add("Subaccount", own, above, spec.join(", "));
    }
    for account in &accounts {
        for name in ["k", "l"] {
            if dice.random_bool(0.4) {
                continue;
            }
            let uri = ["gw/devices", "gw/calcs"][dice.random_range(0..2_usize)];
            let access = match dice.random_range(0..3) {
                0 => "standard".to_owned(),
                1 => "master".to_owned(),
                _ => format!("{{acl: [{{uri: {uri}, methods: [GET], ids: all}}]}}"),
            };
            let spec = format!("ttl: {}h, access: {access}", dice.random_range(1..5));
            add("Token", name, account, spec);
        }
        if dice.random_bool(0.3) {
            let topic = ["a", "b"][dice.random_range(0..2_usize)];
            let spec = format!(
                "name: hook, triggers: [{{topic: {topic}}}], configuration: {{type: custom-server, uri: \
                 \"https://x.example\", method: POST}}"
            );
            add("Webhook", "hook", account, spec);
        }
    }
    documents.join("---\n")
}

/// The addresses that an undo said it would not bring back, and those that it could not.
fn named(run: &Run) -> BTreeSet<String> {
    let said = run.stderr.lines().filter_map(|line| {
        let line = line.strip_prefix("  ")?;
        let is_address = line.contains('/') && !line.starts_with(' ');
        is_address.then(|| line.split(':').next().unwrap_or_default().to_owned())
    });
    let blocked = run.stdout.lines().filter_map(|line| {
        let line = line.trim();
        let address = line.split([' ', ':']).next()?;
        let is_one = address.parse::<flespi_gitops::resource::Address>().is_ok();
        is_one.then(|| address.to_owned())
    });
    said.chain(blocked).collect()
}

#[test]
fn after_an_undo_the_platform_is_what_it_was_but_for_what_was_named() {
    let number = |name: &str, default: u64| {
        std::env::var(name).ok().and_then(|it| it.parse().ok()).unwrap_or(default)
    };
    let (first, count) = (number("UNDO_FROM", 1), number("UNDO_SEEDS", 12));
    let (mut objects, mut left) = (0, 0);
    for seed in first..first + count {
        let mut dice = StdRng::seed_from_u64(seed);
        let world = World::new();
        let former = apply(&world, &draw(&mut dice));
        let before = snapshot(&world);
        let run = apply(&world, &draw(&mut dice));
        // Two sets that are the same leave nothing to undo.
        if run == former {
            continue;
        }
        let undone = undo(&world, &run);
        assert!([0, 6].contains(&undone.code), "seed {seed}: {}\n{}", undone.stdout, undone.stderr);
        let after = snapshot(&world);
        let said = format!("{}\n{}", undone.stdout, undone.stderr);
        let named = match undone.stdout.split_once("blocked") {
            Some((_, blocked)) => {
                named(&Run { stdout: blocked.to_owned(), stderr: undone.stderr.clone(), ..undone })
            }
            None => named(&Run { stdout: String::new(), stderr: undone.stderr.clone(), ..undone }),
        };
        let keys: BTreeSet<_> = before.keys().chain(after.keys()).cloned().collect();
        for key in keys {
            let (was, is) = (before.get(&key), after.get(&key));
            objects += 1;
            if was == is {
                continue;
            }
            let address = was.or(is).unwrap()["address"].as_str().unwrap().to_owned();
            // What is in an account that was named is named with it.
            let is_named = named.iter().any(|named| {
                *named == address
                    || named
                        .strip_prefix("subaccount/")
                        .is_some_and(|path| address.contains(&format!("/{path}/")))
            });
            assert!(
                is_named,
                "seed {seed}: {address}\nwas {was:?}\nis {is:?}\nnamed {named:?}\n{said}"
            );
            left += 1;
        }
    }
    assert!(objects > left * 3, "{left} of {objects} were left");
}
