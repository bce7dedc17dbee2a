//! A daemon that is stopped, killed, or kept waiting, and what an operator sees of it then.

#![cfg(unix)]

use std::process::Command;
use std::time::{Duration, Instant};

use flespi_gitops::sandbox::Options;

use crate::support::World;
use crate::support::listening::{Daemon, PATIENCE};

/// A platform that is slow enough to meet a pass in its middle.
fn slow() -> World {
    let world = World::with(Options { latency: Duration::from_millis(150), ..Options::default() });
    world.copy_example("fleet");
    std::fs::rename(world.path().join("fleet"), world.path().join("manifests")).unwrap();
    world
}

fn wait_for_writes(world: &World) {
    let began = Instant::now();
    while world.writes().is_empty() {
        assert!(began.elapsed() < PATIENCE, "nothing is written");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// How many objects of the fleet there are, each once.
fn objects(world: &World) -> usize {
    let collections = ["limits", "subaccounts", "tokens"].iter();
    let items = collections.flat_map(|collection| {
        world.api("GET", &format!("/platform/{collection}/all?fields=metadata"), None)
    });
    let address = |item: serde_json::Value| {
        Some(item["metadata"]["flespi-gitops/address"].as_str()?.to_owned())
    };
    let mut addresses: Vec<String> = items.filter_map(address).collect();
    let all = addresses.len();
    addresses.sort();
    addresses.dedup();
    assert_eq!(addresses.len(), all, "something is there twice");
    all
}

#[test]
fn what_a_killed_daemon_left_is_finished_by_the_next() {
    let world = slow();
    let mut daemon = Daemon::start(&world, &[]);
    wait_for_writes(&world);
    daemon.process.kill().unwrap();
    daemon.process.wait().unwrap();
    let half = objects(&world);
    let next = Daemon::start(&world, &[]);
    let status = next.wait("in sync", |status| status["state"] == "idle");
    assert_eq!(status["set"]["good"]["objects"], 26);
    assert!(half < 26 && objects(&world) == 26, "{half}");
}

#[test]
fn a_daemon_that_was_stopped_goes_on_where_it_was() {
    let world = slow();
    let daemon = Daemon::start(&world, &[]);
    wait_for_writes(&world);
    let during = daemon.status();
    assert_eq!(during["state"], "starting");
    assert!(
        during["pass"]["planned"].as_u64().unwrap() > during["pass"]["settled"].as_u64().unwrap()
    );
    assert_eq!(daemon.ask("GET", "/readyz", &[]).0, 503);
    daemon.signal("-STOP");
    // Long enough for answers that nobody fetches to have come.
    std::thread::sleep(Duration::from_secs(1));
    let writes = world.writes().len();
    std::thread::sleep(Duration::from_millis(500));
    assert_eq!(world.writes().len(), writes, "it is stopped");
    daemon.signal("-CONT");
    let status = daemon.wait("in sync", |status| status["state"] == "idle");
    assert_eq!(status["passes"][0]["outcome"], "applied");
    assert_eq!(objects(&world), 26);
}

#[test]
fn while_somebody_else_writes_the_daemon_stands_by_and_says_for_whom() {
    let world = slow();
    let mut apply = world.command(&["apply", "manifests", "--yes"]);
    let mut apply = apply.stdout(world.ear()).stderr(world.ear()).spawn().unwrap();
    wait_for_writes(&world);
    let pid = apply.id().to_string();
    assert!(Command::new("kill").args(["-STOP", &pid]).status().unwrap().success());
    let daemon = Daemon::start(&world, &["--lock-timeout", "0"]);
    let status = daemon.wait("standing by", |status| status["state"] == "standby");
    let says = status["says"].as_str().unwrap();
    assert!(says.contains("apply") && says.contains(&pid), "{says}");
    let metrics = daemon.get("/metrics");
    assert!(metrics.contains("flespi_gitops_state{state=\"standby\"} 1\n"), "{metrics}");

    apply.kill().unwrap();
    apply.wait().unwrap();
    daemon.ask("POST", "/wake", &[("x-flespi-gitops", "wake")]);
    daemon.wait("in sync", |status| status["state"] == "idle");
    assert_eq!(objects(&world), 26);
}

#[test]
fn passes_of_a_daemon_are_in_the_history_with_what_woke_them() {
    let world = World::new();
    let limit = "apiVersion: flespi-gitops/v1\nkind: Limit\nmetadata: {name: starter}\nspec: {devices_count: 10}\n";
    world.write("manifests/limit.yaml", limit);
    let daemon = Daemon::start(&world, &[]);
    daemon.wait("in sync", |status| status["state"] == "idle");
    world.edit("manifests/limit.yaml", "10", "20");
    let status = daemon.wait("edited", |status| {
        status["passes"][1].is_object() && status["passes"][0]["outcome"] == "applied"
    });
    let records = world.run(&["history", "--format", "json"]).expect(0).json();
    let of = |field: &str| -> Vec<String> {
        let records = records.as_array().unwrap().iter();
        records.map(|record| record[field].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(of("command"), ["watch", "watch"]);
    assert_eq!(of("trigger"), ["files", "start"]);
    assert_eq!(of("run")[0], status["passes"][0]["run"].as_str().unwrap());
}
