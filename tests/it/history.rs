//! What runs leave behind, and that it never stands in their way.

use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::support::{World, run};

const LIMIT: &str = "\
apiVersion: flespi-gitops/v1
kind: Limit
metadata: {name: starter}
spec: {devices_count: 10}
";

/// Every file below `folder` as one text.
fn all_bytes(folder: &Path) -> String {
    walkdir::WalkDir::new(folder)
        .into_iter()
        .map(Result::unwrap)
        .filter(|entry| entry.file_type().is_file())
        .map(|entry| String::from_utf8_lossy(&std::fs::read(entry.path()).unwrap()).into_owned())
        .collect()
}

#[test]
fn a_run_that_did_something_leaves_a_record_and_one_that_did_not_leaves_none() {
    let world = World::new();
    world.write("m/limit.yaml", LIMIT);
    let shown = world.run(&["history"]).expect(0);
    assert!(shown.stdout.is_empty() && shown.stderr.contains("no run"), "{shown:?}");
    world.apply(&["m"]);
    world.apply(&["m"]);
    world.edit("m/limit.yaml", "10", "20");
    world.apply(&["m"]);
    let records = world.run(&["history", "--format", "json"]).expect(0).json();
    let records = records.as_array().unwrap();
    assert_eq!(records.len(), 2);
    let change = &records[0]["steps"][0]["changes"][0];
    assert_eq!((&change["before"], &change["after"]), (&Value::from(10), &Value::from(20)));
    assert_eq!(records[0]["outcome"], "applied");
    assert_eq!(records[0]["steps"][0]["outcome"], "applied");
    assert!(records[0]["api"]["calls"].as_u64().unwrap() > 0);

    let list = world.run(&["history"]).expect(0).stdout;
    let columns: Vec<usize> =
        list.lines().map(|line| line.find("apply").or(line.find("COMMAND")).unwrap()).collect();
    assert!(columns.len() == 3 && columns.iter().all(|column| *column == columns[0]), "{list}");
    let name = records[0]["run"].as_str().unwrap();
    for wanted in ["last", name] {
        let text = world.run(&["history", "show", wanted]).expect(0).stdout;
        for part in [name, "~ limit/starter", "10 → 20", "applied", "reason: "] {
            assert!(text.contains(part), "{part}: {text}");
        }
    }
    world.run(&["history", "show", "nothing-like-it"]).expect(64);
}

#[test]
fn the_run_is_the_same_on_the_wire_in_the_lock_and_in_the_history() {
    let world = World::new();
    world.write("m/limit.yaml", LIMIT);
    world.apply(&["m"]);
    let record = world.run(&["history", "show", "last", "--format", "json"]).expect(0).json();
    let lock = world.run(&["lock", "show", "--format", "json"]).expect(0).json();
    assert_eq!(record["run"], lock["locks"][0]["holder"]["run"]);
    let (_, journal) = world.call("GET", "/_sandbox/journal", None, None, None);
    let calls = journal["result"].as_array().unwrap();
    assert!(calls.iter().any(|call| call["trace"] == record["run"]), "{calls:?}");
}

#[test]
fn the_commit_of_the_manifests_is_told_without_running_git() {
    let world = World::new();
    world.write("repo/m/limit.yaml", LIMIT);
    world.write("repo/.git/HEAD", "ref: refs/heads/main\n");
    let id = "0123456789abcdef0123456789abcdef01234567";
    world.write("repo/.git/refs/heads/main", id);
    // A repository that would run something on `git status`.
    world.write("repo/.git/config", "[core]\n\tfsmonitor = touch ran\n");
    world.apply(&["repo/m"]);
    let record = world.run(&["history", "show", "last", "--format", "json"]).expect(0).json();
    assert_eq!(record["commit"]["id"], id);
    assert_eq!(record["commit"]["branch"], "main");
    assert!(!world.path().join("repo/ran").exists() && !world.path().join("ran").exists());
}

#[test]
fn no_key_and_no_password_is_in_locks_or_history() {
    let world = World::new();
    world.copy_example("first-subaccount");
    world.write("password", "canary-of-a-password-7163");
    let subaccount = "first-subaccount/2-subaccount.yaml";
    let text = world.read(subaccount);
    let before = text.split("    password:").next().unwrap();
    world.write(subaccount, &format!("{before}    password: {{file: ../password}}\n"));
    world.apply(&["first-subaccount"]);
    let state = all_bytes(&world.path().join(".flespi-gitops/state"));
    let key = world.read("first-subaccount/out/acme-first-login");
    assert!(state.contains("token/acme/first-login"));
    for secret in ["canary-of-a-password-7163", key.trim(), &world.token()] {
        assert!(!state.contains(secret), "a secret is in the state folder");
    }
}

#[test]
fn a_history_that_cannot_be_written_is_a_warning() {
    let world = World::new();
    world.write("m/limit.yaml", LIMIT);
    world.write(".flespi-gitops/state/history", "a file, where a folder should be");
    let run = world.apply(&["m"]);
    assert!(run.stderr.contains("warning: cannot record run "), "{}", run.stderr);
    assert_eq!(world.count("limits"), 1);
}

/// A process that may not make any file larger than nothing sees what a full disk looks like.
#[cfg(unix)]
#[test]
fn a_full_disk_under_lock_and_history_fails_no_apply() {
    let world = World::new();
    world.write("m/limit.yaml", LIMIT);
    let program = world.command(&[]);
    let mut command = Command::new("sh");
    let script = "trap '' XFSZ; ulimit -f 0; exec \"$0\" apply m --yes";
    command.args(["-c", script, env!("CARGO_BIN_EXE_flespi-gitops")]).current_dir(world.path());
    command.env_clear();
    for (name, value) in program.get_envs() {
        command.env(name, value.unwrap_or_default());
    }
    let run = run(command).expect(0);
    assert!(run.stderr.contains("warning: cannot record run "), "{}", run.stderr);
    assert_eq!(world.count("limits"), 1);
    // The next run, with room again, takes nothing for granted.
    world.edit("m/limit.yaml", "10", "20");
    world.apply(&["m"]);
    let files: Vec<_> = walkdir::WalkDir::new(world.path().join(".flespi-gitops/state/history"))
        .into_iter()
        .map(|entry| entry.unwrap().file_name().to_str().unwrap().to_owned())
        .filter(|name| name != "history")
        .collect();
    assert!(files.len() == 1 && files[0].ends_with(".json"), "{files:?}");
}

#[test]
fn a_rotation_is_called_one_in_lock_and_history() {
    let world = World::new();
    world.write(
        "m/token.yaml",
        "apiVersion: flespi-gitops/v1\nkind: Token\nmetadata: {name: feed}\n\
         spec: {ttl: 30d, access: standard, deliver: [{file: ../key}]}\n",
    );
    world.apply(&["m"]);
    world.run(&["rotate", "token/feed", "--manifests", "m", "--yes"]).expect(0);
    let record = world.run(&["history", "show", "last", "--format", "json"]).expect(0).json();
    assert_eq!(record["command"], "rotate");
    let locks = world.run(&["lock", "show", "--format", "json"]).expect(0).json();
    assert_eq!(locks["locks"][0]["holder"]["command"], "rotate");
}
