//! A daemon to which the system tells nothing of files, and what an operator sees of it.

#![cfg(target_os = "linux")]

use std::process::Command;
use std::time::{Duration, Instant};

use crate::support::listening::Daemon;
use crate::support::{World, skip};

fn limit(name: &str) -> String {
    format!(
        "apiVersion: flespi-gitops/v1\nkind: Limit\nmetadata: {{name: l}}\nspec: {{name: {name}}}\n"
    )
}

/// A daemon in a place of its own, in which a bound of inotify is 0. None where that is not to be had.
fn bounded(world: &World, bound: &str, arguments: &[&str]) -> Option<Daemon> {
    let set = format!("echo 0 >/proc/sys/user/{bound}");
    let probe = Command::new("unshare").args(["-Ur", "sh", "-c", &set]).output();
    if !probe.is_ok_and(|probe| probe.status.success()) {
        skip("no user namespace to be had here");
        return None;
    }
    let program = Daemon::command(world, arguments);
    let mut command = Command::new("unshare");
    command.args(["-Ur", "sh", "-c", &format!("{set}; exec \"$@\""), "sh"]);
    command.arg(program.get_program()).args(program.get_args()).env_clear();
    for (name, value) in program.get_envs().filter_map(|(name, value)| Some((name, value?))) {
        command.env(name, value);
    }
    command.current_dir(world.path());
    Some(Daemon::of(world, command))
}

#[test]
fn without_inotify_files_are_read_often_enough_and_the_status_says_so_with_a_way_out() {
    for (bound, sysctl) in [
        ("max_inotify_watches", "fs.inotify.max_user_watches"),
        ("max_inotify_instances", "fs.inotify.max_user_instances"),
    ] {
        let world = World::new();
        world.write("manifests/l.yaml", &limit("A"));
        let Some(daemon) = bounded(&world, bound, &[]) else { return };
        let status = daemon.wait("impaired", |status| status["state"] == "watch_impaired");
        let says = status["conditions"][0]["says"].as_str().unwrap();
        assert_eq!(status["conditions"][0]["state"], "watch_impaired");
        assert!(says.contains(sysctl) && says.contains("--poll"), "{says}");
        assert_eq!(status["files"]["rescan_seconds"], 5);
        assert!(
            daemon.get("/metrics").contains("flespi_gitops_state{state=\"watch_impaired\"} 1\n")
        );
        assert_eq!(daemon.ask("GET", "/readyz", &[]).0, 200, "it works");
        world.write("manifests/l.yaml", &limit("B"));
        let began = Instant::now();
        while world.api("GET", "/platform/limits/all?fields=name", None)[0]["name"] != "B" {
            assert!(began.elapsed() < Duration::from_secs(30));
        }
    }
}

#[test]
fn whoever_chose_polling_is_told_nothing_of_it() {
    let world = World::new();
    world.write("manifests/l.yaml", &limit("A"));
    let Some(daemon) = bounded(&world, "max_inotify_watches", &["--poll", "1s"]) else { return };
    let status = daemon.wait("in sync", |status| status["state"] == "idle");
    assert_eq!(status["conditions"], serde_json::json!([]));
    assert_eq!(status["files"]["rescan_seconds"], 1);
}

#[test]
fn an_interval_of_nothing_is_wrong_usage() {
    let world = World::new();
    world.write("manifests/l.yaml", &limit("A"));
    for arguments in [
        ["--interval", "0s"],
        ["--interval", "0"],
        ["--interval", "1ms"],
        ["--poll", "0s"],
        ["--poll", "1ms"],
        ["--contest-window", "0s"],
        ["--lock-timeout", "18446744073709551615"],
        ["--settle", "100000h"],
    ] {
        let mut all = vec!["watch", "manifests"];
        all.extend(arguments);
        let run = world.run(&all).expect(64);
        assert!(run.stderr.contains(arguments[0]), "{}", run.stderr);
    }
    assert!(world.journal().is_empty());
}
