//! One writer at a time, whatever becomes of the one who writes.

#![cfg(unix)]

use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use flespi_gitops::sandbox::Options;
use serde_json::Value;

use crate::support::World;

/// A platform that is slow enough to meet a run in its middle.
fn slow() -> World {
    let world = World::with(Options { latency: Duration::from_millis(150), ..Options::default() });
    world.copy_example("fleet");
    world
}

fn start(world: &World, arguments: &[&str]) -> Child {
    let mut command = world.command(arguments);
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

fn signal(child: &Child, name: &str) {
    let pid = child.id().to_string();
    assert!(Command::new("kill").args([name, &pid]).status().unwrap().success());
}

fn locks(world: &World) -> Vec<Value> {
    let shown = world.run(&["lock", "show", "--format", "json"]).expect(0).json();
    assert_eq!(shown["format"], "flespi-gitops/locks/v1");
    shown["locks"].as_array().unwrap().clone()
}

/// Waits until a run holds the lock and has begun to write.
fn wait_for_writes(world: &World) -> Value {
    let began = Instant::now();
    loop {
        let held = locks(world).into_iter().find(|lock| lock["state"] == "held");
        if let (Some(held), false) = (held, world.writes().is_empty()) {
            return held;
        }
        assert!(began.elapsed() < Duration::from_secs(30), "nobody takes the lock");
    }
}

/// The ids of every object that was made twice: none.
fn twins(world: &World) -> Vec<String> {
    let mut names: Vec<String> = ["limits", "subaccounts", "tokens"]
        .iter()
        .flat_map(|collection| {
            world.api("GET", &format!("/platform/{collection}/all?fields=metadata"), None)
        })
        .filter_map(|item| Some(item["metadata"]["flespi-gitops/address"].as_str()?.to_owned()))
        .collect();
    names.sort();
    let distinct: std::collections::BTreeSet<&String> = names.iter().collect();
    distinct
        .into_iter()
        .filter(|name| names.iter().filter(|other| other == name).count() > 1)
        .cloned()
        .collect()
}

#[test]
fn of_two_applies_at_once_one_writes_and_the_other_finds_it_done() {
    let world = slow();
    let runs: Vec<Child> = (0..2)
        .map(|_| start(&world, &["apply", "fleet", "--yes", "--lock-timeout", "60s"]))
        .collect();
    let mut nothing_to_do = 0;
    for run in runs {
        let output = world.end_of(run);
        let (stdout, stderr) =
            (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
        assert_eq!(output.status.code(), Some(0), "{stdout}{stderr}");
        nothing_to_do += usize::from(stdout.lines().last().unwrap().starts_with("nothing to do"));
    }
    assert_eq!(nothing_to_do, 1, "one of them has the work");
    assert_eq!(twins(&world), Vec::<String>::new());
    assert!(locks(&world).iter().all(|lock| lock["state"] == "free"));
}

#[test]
fn a_stopped_holder_keeps_the_lock_and_a_killed_one_does_not() {
    let world = slow();
    let mut holder = start(&world, &["apply", "fleet", "--yes"]);
    let held = wait_for_writes(&world);
    signal(&holder, "-STOP");
    // What was on its way when it was stopped arrives all the same.
    std::thread::sleep(Duration::from_millis(400));
    let writes = world.writes().len();

    let refused = world.run(&["apply", "fleet", "--yes", "--lock-timeout", "0"]).expect(7).stderr;
    let run = held["holder"]["run"].as_str().unwrap();
    let pid = holder.id().to_string();
    for part in ["`apply`", run, &pid, "stack `", "kill"] {
        assert!(refused.contains(part), "{part}: {refused}");
    }
    assert_eq!(held["holder"]["pid"].as_u64(), Some(u64::from(holder.id())));
    // Whoever only reads takes no lock.
    world.run(&["plan", "fleet"]).expect(0);
    assert_eq!(world.writes().len(), writes, "nobody wrote beside the holder");

    holder.kill().unwrap();
    holder.wait().unwrap();
    let shown = world.run(&["lock", "show"]).expect(0).stdout;
    assert!(shown.contains("free; its last holder died"), "{shown}");
    world.apply(&["fleet", "--lock-timeout", "0"]);
    assert_eq!(twins(&world), Vec::<String>::new());
    let rest = world.run(&["plan", "fleet", "--detailed-exitcode"]);
    assert!(rest.code == 0 || rest.stdout.contains("pending"), "{}", rest.stdout);
}

#[test]
fn a_holder_that_goes_on_finishes_what_it_began() {
    let world = slow();
    let holder = start(&world, &["apply", "fleet", "--yes"]);
    wait_for_writes(&world);
    signal(&holder, "-STOP");
    let waiting = start(&world, &["apply", "fleet", "--yes", "--lock-timeout", "2m"]);
    std::thread::sleep(Duration::from_millis(500));
    signal(&holder, "-CONT");
    for run in [holder, waiting] {
        let output = world.end_of(run);
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(0), "{text}");
    }
    assert_eq!(twins(&world), Vec::<String>::new());
}

#[test]
fn another_stack_is_none_of_our_business() {
    let world = slow();
    let holder = start(&world, &["apply", "fleet", "--yes"]);
    wait_for_writes(&world);
    signal(&holder, "-STOP");
    world.write(
        "other/limit.yaml",
        "apiVersion: flespi-gitops/v1\nkind: Limit\nmetadata: {name: beside}\nspec: {}\n",
    );
    world.apply(&["other", "--stack", "other", "--lock-timeout", "0"]);
    assert_eq!(locks(&world).len(), 2);
    signal(&holder, "-CONT");
    world.end_of(holder);
}

#[test]
fn a_run_that_cannot_know_whether_it_is_alone_writes_nothing() {
    let world = World::new();
    world.copy_example("fleet");
    let file = world.write("state", "a file, where a folder should be");
    let state = file.to_str().unwrap();
    let refused = world.run(&["apply", "fleet", "--yes", "--state-dir", state]).expect(1).stderr;
    assert!(refused.contains("--state-dir"), "{refused}");
    assert_eq!(world.writes().len(), 0);
}

#[test]
fn what_holds_no_lock_shows_none() {
    let world = World::new();
    let shown = world.run(&["lock", "show"]).expect(0);
    assert_eq!(shown.stdout, "");
    assert!(shown.stderr.contains("no run has taken a lock"), "{}", shown.stderr);
}
