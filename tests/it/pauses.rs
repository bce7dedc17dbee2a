//! What a person pauses is left alone until the pause ends, and risky steps wait for the windows of the Stack (R20).

use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::kubernetes::{Kubernetes, TOKEN};
use crate::support::{World, run};

const SET: &str = "\
apiVersion: flespi-gitops/v1
kind: Limit
metadata: {name: starter}
spec: {devices_count: 10}
---
apiVersion: flespi-gitops/v1
kind: Subaccount
metadata: {name: acme}
---
apiVersion: flespi-gitops/v1
kind: Token
metadata: {name: app, account: acme}
spec: {ttl: 1h, access: standard}
";

fn applied() -> World {
    let world = World::new();
    world.write("set/a.yaml", SET);
    world.apply(&["set"]);
    world.empty_journal();
    world
}

fn pause(world: &World, scope: &str, length: &str) -> Value {
    let reason = "ACME moves its devices";
    let arguments =
        ["pause", "--scope", scope, "--for", length, "--reason", reason, "--format", "json"];
    world.run(&arguments).expect(0).json()["pauses"][0].clone()
}

fn devices(world: &World) -> Value {
    world.item("limits", "name", "starter")["devices_count"].clone()
}

fn ttl(world: &World) -> Value {
    world.item("tokens", "info", "app")["ttl"].clone()
}

#[test]
fn what_is_paused_waits_and_the_rest_is_applied() {
    let world = applied();
    world.edit("set/a.yaml", "devices_count: 10", "devices_count: 20");
    world.edit("set/a.yaml", "ttl: 1h", "ttl: 2h");
    pause(&world, "subaccount/acme", "2h");

    let plan = world.plan(&["set"]);
    assert_eq!(plan["steps"].as_array().unwrap().len(), 2, "a plan shows everything");
    let note = plan["notes"].to_string();
    assert!(note.contains("subaccount/acme: paused until"), "{note}");
    assert!(note.contains("ACME moves its devices; 1 step in it wait"), "{note}");

    let run = world.run(&["apply", "set", "--yes", "--format", "json"]).expect(0).json();
    assert_eq!((devices(&world), ttl(&world)), (json!(20), json!(3600)));
    let pending = run["pending"][0].clone();
    assert_eq!(pending["address"], "token/acme/app", "{run}");
    assert!(pending["reason"].as_str().unwrap().contains("ACME moves its devices"), "{pending}");

    // With nothing else to do, nothing is written and no lock is taken.
    world.empty_journal();
    let again = world.apply(&["set"]);
    assert!(again.stdout.contains("paused until"), "{}", again.stdout);
    assert_eq!(world.writes().len(), 0);

    world.run(&["resume", "subaccount/acme"]).expect(0);
    world.apply(&["set"]);
    assert_eq!(ttl(&world), json!(7200));
}

#[test]
fn a_pause_is_about_its_platform_and_its_stack_alone_and_ends_by_itself() {
    let world = applied();
    world.edit("set/a.yaml", "devices_count: 10", "devices_count: 20");
    let other = ["pause", "--scope", "limit/**", "--for", "1h", "--reason", "x"];
    world.run(&[&other[..], &["--stack", "another"]].concat()).expect(0);
    world.run(&[&other[..], &["--platform", "https://flespi.example"]].concat()).expect(0);
    world.apply(&["set"]);
    assert_eq!(devices(&world), json!(20));

    world.edit("set/a.yaml", "devices_count: 20", "devices_count: 30");
    pause(&world, "limit/*", "1s");
    std::thread::sleep(Duration::from_millis(1_100));
    world.apply(&["set"]);
    assert_eq!(devices(&world), json!(30));
}

#[test]
fn an_account_is_not_deleted_above_what_is_paused() {
    let world = applied();
    world.edit("set/a.yaml", SET, SET.split("---").next().unwrap());
    pause(&world, "token/acme/app", "1h");
    let digest = world.plan(&["set", "--prune"])["digest"].as_str().unwrap().to_owned();
    world.run(&["apply", "set", "--prune", "--yes", "--approve", &digest]).expect(0);
    assert_eq!((world.count("subaccounts"), world.writes().len()), (1, 0));
    world.run(&["resume", "--all"]).expect(0);
    let digest = world.plan(&["set", "--prune"])["digest"].as_str().unwrap().to_owned();
    world.run(&["apply", "set", "--prune", "--yes", "--approve", &digest]).expect(0);
    assert_eq!(world.count("subaccounts"), 0);
}

#[test]
fn pauses_are_listed_with_who_why_and_until_when_and_have_to_have_an_end() {
    let world = World::new();
    let nothing = world.run(&["pause"]).expect(0);
    assert!(nothing.stderr.contains("nothing is paused"), "{}", nothing.stderr);
    let made = pause(&world, "subaccount/acme/**", "2h");
    let listed = world.run(&["pause"]).expect(0).stdout;
    for part in
        ["subaccount/acme/**", "paused for", "ACME moves its devices", made["id"].as_str().unwrap()]
    {
        assert!(listed.contains(part), "{part}: {listed}");
    }
    for arguments in [
        &["pause", "--scope", "token/app", "--reason", "x"][..],
        &["pause", "--scope", "token/app", "--for", "1h"],
        &["pause", "--for", "1h", "--reason", "x"],
        &["pause", "--scope", "token/app", "--for", "31d", "--reason", "x"],
        &["pause", "--scope", "token/app", "--for", "0s", "--reason", "x"],
        &["pause", "--scope", "token/app", "--for", "1h", "--reason", " "],
        &["pause", "--scope", "not a pattern", "--for", "1h", "--reason", "x"],
        &["resume"],
        &["resume", "token/other"],
    ] {
        world.run(arguments).expect(64);
    }
    assert_eq!(world.run(&["pause", "--format", "json"]).expect(0).json()["pauses"][0], made);
    world.run(&["resume", made["id"].as_str().unwrap()]).expect(0);
    let none = world.run(&["pause", "--format", "json"]).expect(0).json();
    assert_eq!(none["pauses"], json!([]));
}

#[test]
fn while_pauses_cannot_be_read_nothing_is_written() {
    let world = applied();
    world.edit("set/a.yaml", "devices_count: 10", "devices_count: 20");
    pause(&world, "token/nobody", "1h");
    let folder = world.path().join(".flespi-gitops/state/pauses");
    let file = std::fs::read_dir(folder).unwrap().next().unwrap().unwrap().path();
    std::fs::write(&file, "{").unwrap();
    for arguments in [&["plan", "set"], &["status", "set"]] {
        let looked = world.run(arguments).expect(0).stdout;
        assert!(looked.contains("nothing is written until that is known"), "{looked}");
    }
    for arguments in [&["apply", "set", "--yes"][..], &["pause"]] {
        let refused = world.run(arguments).expect(1);
        assert!(refused.stderr.contains("cannot read the pauses in "), "{}", refused.stderr);
    }
    assert_eq!(world.writes().len(), 0);
    std::fs::remove_file(file).unwrap();
    world.apply(&["set"]);
}

#[test]
fn a_pause_beside_shared_leases_holds_on_every_machine_and_one_that_cannot_be_read_stops_writing() {
    let world = applied();
    world.edit("set/a.yaml", "devices_count: 10", "devices_count: 20");
    let cluster = Kubernetes::start();
    let token = world.write("cluster-token", TOKEN);
    let lease =
        format!("kubernetes:ops/fleet?server={}&token_file={}", cluster.url, token.display());
    let on = |machine: &str, lease: &str, arguments: &[&str]| {
        let mut command = world.command(arguments);
        command.env("FLESPI_GITOPS_STATE_DIR", world.path().join(machine));
        command.env("FLESPI_GITOPS_LEASE", lease);
        run(command)
    };
    on("one", &lease, &["pause", "--scope", "limit/**", "--for", "1h", "--reason", "x"]).expect(0);
    on("two", &lease, &["apply", "set", "--yes"]).expect(0);
    assert_eq!((devices(&world), world.writes().len()), (json!(10), 0));
    let gone = lease.replace(&cluster.url, "http://127.0.0.1:9");
    on("two", &gone, &["apply", "set", "--yes"]).expect(7);
    on("two", &gone, &["plan", "set"]).expect(0);
    assert_eq!(world.writes().len(), 0);
    on("three", &lease, &["resume", "limit/**"]).expect(0);
    on("two", &lease, &["apply", "set", "--yes"]).expect(0);
    assert_eq!(devices(&world), json!(20));
}

/// A Stack whose only window is on a day that is not near.
fn closed() -> String {
    let now = jiff::Timestamp::now().to_zoned(jiff::tz::TimeZone::UTC);
    let days = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
    let today = usize::try_from(now.weekday().to_monday_zero_offset()).unwrap();
    let far = days[(today + 3) % 7];
    format!(
        "apiVersion: flespi-gitops/v1\nkind: Stack\nmetadata: {{name: default}}\nspec:\n  windows:\n    \
         - {{days: [{far}], from: \"10:00\", to: \"11:00\"}}\n"
    )
}

#[test]
fn outside_of_the_windows_risky_steps_wait_and_harmless_ones_do_not() {
    let world = applied();
    world.write("set/stack.yaml", &closed());
    world.edit("set/a.yaml", "devices_count: 10", "devices_count: 20");
    world.edit("set/a.yaml", "access: standard", "access: master");
    let plan = world.plan(&["set"]);
    let note = plan["notes"].to_string();
    assert!(note.contains("1 risky step waits for the window"), "{note}");
    let run = world.run(&["apply", "set", "--yes", "--format", "json"]).expect(0).json();
    assert_eq!(devices(&world), json!(20));
    let access = || world.item("tokens", "info", "app")["access"]["type"].clone();
    assert_eq!(access(), json!(0));
    let reason = run["pending"][0]["reason"].as_str().unwrap();
    assert!(reason.contains("10:00–11:00 UTC, which opens at"), "{reason}");
    world.apply(&["set", "--ignore-windows"]);
    assert_eq!(access(), json!(1));
}

#[test]
fn a_key_that_leaked_is_replaced_whatever_the_calendar_says() {
    let world = applied();
    world.write("set/stack.yaml", &closed());
    world.edit("set/a.yaml", "access: standard}", "access: standard, deliver: [{file: out/key}]}");
    world.apply(&["set", "--ignore-windows"]);
    let before = world.read("set/out/key");
    let order =
        ["rotate", "token/acme/app", "--manifests", "set", "--now", "--compromised", "--yes"];
    world.run(&order).expect(0);
    assert_ne!(world.read("set/out/key"), before);
    let left = world.api("GET", "/platform/tokens/all?fields=id,info", None);
    assert_eq!(left.iter().filter(|token| token["info"] == "app").count(), 1, "{left:?}");
}

struct Daemon(Child);

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn until(what: &str, is_there: impl Fn() -> bool) {
    let began = Instant::now();
    while !is_there() {
        assert!(began.elapsed() < Duration::from_secs(30), "not {what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn the_daemon_leaves_alone_what_is_paused_and_heals_it_as_soon_as_the_pause_ends() {
    let world = applied();
    pause(&world, "limit/starter", "1h");
    let id = world.item("limits", "name", "starter")["id"].clone();
    world.api("PUT", &format!("/platform/limits/{id}"), Some(&json!({"devices_count": 99})));
    let mut command = world.command(&["watch", "set", "--interval", "1h"]);
    let _daemon = Daemon(command.stdout(world.ear()).stderr(Stdio::null()).spawn().unwrap());
    // Another edit shows that a pass was made.
    world.edit("set/a.yaml", "ttl: 1h", "ttl: 2h");
    until("applied", || ttl(&world) == json!(7200));
    assert_eq!(devices(&world), json!(99));
    world.run(&["resume", "limit/starter"]).expect(0);
    until("healed", || devices(&world) == json!(10));
}
