//! The daemon as a process.

use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use flespi_gitops::sandbox::Options;
use serde_json::{Value, json};

use crate::support::{World, canary};

const LIMIT: &str = "\
apiVersion: flespi-gitops/v1
kind: Limit
metadata: {name: starter}
spec: {devices_count: 10}
";

/// An account with a token in it.
const TENANT: &str = "\
apiVersion: flespi-gitops/v1
kind: Subaccount
metadata: {name: acme}
---
apiVersion: flespi-gitops/v1
kind: Token
metadata: {name: app, account: acme}
spec: {ttl: 1h, access: standard}
";

struct Daemon(Child);

impl Daemon {
    fn start(world: &World, arguments: &[&str]) -> Self {
        let mut all = vec!["watch", "manifests"];
        all.extend(arguments);
        let mut command = world.command(&all);
        Self(command.stdout(world.ear()).stderr(world.ear()).spawn().unwrap())
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Waits until the platform has the limit with this number of devices; how long that took.
fn wait_for_devices(world: &World, devices: i64) -> Duration {
    let began = Instant::now();
    loop {
        let path = "/platform/limits/all?fields=name,devices_count";
        let limits = world.api("GET", path, None);
        if limits.iter().any(|limit| limit["devices_count"] == devices) {
            return began.elapsed();
        }
        assert!(began.elapsed() < Duration::from_secs(30), "{limits:?}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Waits until the platform has an item of this name; its id.
fn wait_for(world: &World, collection: &str, field: &str, name: &str) -> Value {
    let began = Instant::now();
    loop {
        let path = format!("/platform/{collection}/all?fields=id,{field}");
        let items = world.api("GET", &path, None);
        if let Some(item) = items.iter().find(|item| item[field] == name) {
            return item["id"].clone();
        }
        assert!(began.elapsed() < Duration::from_secs(30), "{items:?}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn a_saved_edit_reaches_the_platform_and_an_invalid_one_does_not() {
    let world = World::new();
    world.write("manifests/limit.yaml", LIMIT);
    let _daemon = Daemon::start(&world, &["--interval", "1h"]);
    wait_for_devices(&world, 10);
    world.edit("manifests/limit.yaml", "10", "20");
    wait_for_devices(&world, 20);
    world.edit("manifests/limit.yaml", "20", "many");
    std::thread::sleep(Duration::from_secs(1));
    world.edit("manifests/limit.yaml", "many", "30");
    wait_for_devices(&world, 30);
}

#[test]
fn drift_is_healed_on_the_interval() {
    let world = World::new();
    world.write("manifests/limit.yaml", LIMIT);
    let _daemon = Daemon::start(&world, &["--interval", "1s"]);
    wait_for_devices(&world, 10);
    let id = world.item("limits", "name", "starter")["id"].clone();
    world.api("PUT", &format!("/platform/limits/{id}"), Some(&json!({"devices_count": 99})));
    wait_for_devices(&world, 10);
}

#[test]
fn what_a_restored_account_holds_is_not_left_to_the_next_interval() {
    let mut options = Options::default();
    options.assumptions.set("restored-branch=bare").unwrap();
    let world = World::with(options);
    world.write("manifests/tenant.yaml", TENANT);
    let _daemon = Daemon::start(&world, &["--interval", "1h"]);
    let account = wait_for(&world, "subaccounts", "name", "acme");
    let token = wait_for(&world, "tokens", "info", "app");
    world.api("DELETE", &format!("/platform/subaccounts/{account}"), None);
    // One more file is what makes the daemon look; the token comes back without a further reason.
    world.write("manifests/limit.yaml", LIMIT);
    wait_for_devices(&world, 10);
    assert_eq!(wait_for(&world, "tokens", "info", "app"), token);
    assert_eq!(wait_for(&world, "subaccounts", "name", "acme"), account);
}

#[cfg(unix)]
#[test]
fn a_signal_ends_the_daemon_well() {
    let world = World::new();
    world.write("manifests/limit.yaml", LIMIT);
    let mut daemon = Daemon::start(&world, &["--interval", "1h"]);
    wait_for_devices(&world, 10);
    let status = std::process::Command::new("kill")
        .args(["-INT", &daemon.0.id().to_string()])
        .status()
        .unwrap();
    assert!(status.success());
    assert_eq!(daemon.0.wait().unwrap().code(), Some(0));
}

#[cfg(target_os = "linux")]
mod signals_and_leaks {
    use std::collections::BTreeMap;
    use std::fs;
    use std::io::{BufRead, BufReader};
    use std::os::unix::fs::symlink;
    use std::path::Path;

    use serde_json::Value;

    use super::*;

    fn kill(daemon: &Daemon, signal: &str) {
        let pid = daemon.0.id().to_string();
        assert!(
            std::process::Command::new("kill").args([signal, &pid]).status().unwrap().success()
        );
    }

    /// Stops the process where it stands. What it sent before is under way and still arrives.
    fn stop(world: &World, daemon: &Daemon) {
        kill(daemon, "-STOP");
        let mut seen = world.journal().len();
        loop {
            std::thread::sleep(Duration::from_millis(300));
            let now = world.journal().len();
            if now == seen {
                return;
            }
            seen = now;
        }
    }

    /// What a process holds: open files, watches and threads.
    #[derive(Debug, PartialEq, Eq)]
    struct Held {
        files: usize,
        watches: usize,
        threads: usize,
    }

    fn held(daemon: &Daemon) -> Held {
        let process = Path::new("/proc").join(daemon.0.id().to_string());
        let count = |folder: &str| fs::read_dir(process.join(folder)).unwrap().count();
        let infos = fs::read_dir(process.join("fdinfo")).unwrap();
        let texts = infos.filter_map(|info| fs::read_to_string(info.ok()?.path()).ok());
        let watches =
            texts.map(|text| text.lines().filter(|l| l.starts_with("inotify wd:")).count());
        // Idle connections come and go by themselves.
        let links = fs::read_dir(process.join("fd")).unwrap();
        let targets = links.filter_map(|link| fs::read_link(link.ok()?.path()).ok());
        let files = targets.filter(|target| !target.to_string_lossy().starts_with("socket:"));
        Held { files: files.count(), watches: watches.sum(), threads: count("task") }
    }

    /// The same as a mounted ConfigMap does it.
    fn swap(root: &Path, devices: usize) {
        let old = fs::read_link(root.join("..data")).ok();
        let new = format!("..{devices}");
        fs::create_dir_all(root.join(&new)).unwrap();
        let text = LIMIT.replace("10", &devices.to_string());
        fs::write(root.join(&new).join("limit.yaml"), text).unwrap();
        symlink(&new, root.join("..data_tmp")).unwrap();
        fs::rename(root.join("..data_tmp"), root.join("..data")).unwrap();
        if let Some(old) = old {
            fs::remove_dir_all(root.join(old)).unwrap();
        }
    }

    #[test]
    fn ten_thousand_swaps_leave_no_watch_no_file_and_no_thread_behind() {
        let world = World::new();
        let root = world.path().join("manifests");
        fs::create_dir(&root).unwrap();
        swap(&root, 10);
        symlink("..data/limit.yaml", root.join("limit.yaml")).unwrap();
        let daemon = Daemon::start(&world, &["--interval", "1h"]);
        wait_for_devices(&world, 10);
        swap(&root, 11);
        wait_for_devices(&world, 11);
        let before = held(&daemon);
        assert_eq!(before.watches, 2, "{before:?}");
        let began = Instant::now();
        for devices in 20..10_020 {
            swap(&root, devices);
        }
        println!("10,000 swaps in {:?}", began.elapsed());
        let took = wait_for_devices(&world, 10_019);
        println!("applied {took:?} after the last one");
        // The hash may have been computed before the last folder was watched: one more look.
        let began = Instant::now();
        // Before, a file may have been open for a moment; what counts is that nothing stays behind.
        let is_more = |now: &Held| {
            now.files > before.files
                || now.watches != before.watches
                || now.threads > before.threads
        };
        while is_more(&held(&daemon)) {
            let (now, within) = (held(&daemon), Duration::from_secs(40));
            assert!(began.elapsed() < within, "before: {before:?}, after: {now:?}");
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    #[test]
    fn a_process_that_was_stopped_catches_up_in_one_pass() {
        let world = World::new();
        world.write("manifests/limit.yaml", LIMIT);
        let daemon = Daemon::start(&world, &["--interval", "1s"]);
        wait_for_devices(&world, 10);
        stop(&world, &daemon);
        world.empty_journal();
        for devices in ["20", "30", "40"] {
            world.write("manifests/limit.yaml", &LIMIT.replace("10", devices));
            std::thread::sleep(Duration::from_secs(2));
        }
        assert_eq!(world.journal().len(), 0);
        kill(&daemon, "-CONT");
        wait_for_devices(&world, 40);
        // Six missed intervals are no six passes, and the states in between were never applied.
        let writes = world.writes();
        assert_eq!(writes.len(), 1, "{writes:?}");
    }

    #[test]
    fn after_kill_9_the_next_process_finishes_and_makes_nothing_twice() {
        let world = World::new();
        for number in 0..20 {
            let text = LIMIT.replace("starter", &format!("l{number}"));
            world.write(&format!("manifests/l{number}.yaml"), &text);
        }
        for wait in [0, 5, 20, 60, 150] {
            let daemon = Daemon::start(&world, &["--interval", "1h"]);
            std::thread::sleep(Duration::from_millis(400 + wait));
            kill(&daemon, "-KILL");
        }
        let _daemon = Daemon::start(&world, &["--interval", "1h"]);
        let began = Instant::now();
        while world.count("limits") < 20 {
            assert!(began.elapsed() < Duration::from_secs(30));
            std::thread::sleep(Duration::from_millis(20));
        }
        let plan = world.plan(&["manifests"]);
        assert_eq!(plan["steps"], json!([]), "{plan}");
        assert_eq!(world.count("limits"), 20);
    }

    #[test]
    fn a_hangup_asks_for_a_pass() {
        let world = World::new();
        world.write("manifests/limit.yaml", LIMIT);
        let daemon = Daemon::start(&world, &["--interval", "1h"]);
        wait_for_devices(&world, 10);
        let id = world.item("limits", "name", "starter")["id"].clone();
        world.api("PUT", &format!("/platform/limits/{id}"), Some(&json!({"devices_count": 99})));
        kill(&daemon, "-HUP");
        wait_for_devices(&world, 10);
    }

    #[test]
    fn a_share_without_events_is_polled() {
        let world = World::new();
        world.write("manifests/limit.yaml", LIMIT);
        let daemon = Daemon::start(&world, &["--interval", "1h", "--poll", "1s"]);
        wait_for_devices(&world, 10);
        assert_eq!(held(&daemon).watches, 0);
        world.edit("manifests/limit.yaml", "10", "20");
        wait_for_devices(&world, 20);
    }

    #[test]
    fn the_log_is_json_and_names_the_run_that_the_platform_saw() {
        let world = World::new();
        world.write("manifests/limit.yaml", LIMIT);
        let mut command = world.command(&["watch", "manifests", "--log-format", "json"]);
        let mut daemon =
            Daemon(command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap());
        let lines = BufReader::new(daemon.0.stderr.take().unwrap()).lines();
        let mut seen = BTreeMap::new();
        for line in lines {
            let line = line.unwrap();
            canary::hear_about(world.sandbox().url(), line.clone());
            let entry: Value = serde_json::from_str(&line).unwrap_or_else(|_| panic!("{line}"));
            let message = entry["fields"]["message"].as_str().unwrap_or_default().to_owned();
            let run = entry["span"]["run"].as_str().unwrap_or_default().to_owned();
            let is_end = message == "pass ended";
            seen.insert(message, run);
            if is_end {
                break;
            }
        }
        assert!(seen.contains_key("planned") && seen.contains_key("done"), "{seen:?}");
        let (_, answer) = world.call("GET", "/_sandbox/journal", None, None, None);
        let trace = answer["result"][0]["trace"].as_str().unwrap().to_owned();
        assert_eq!(seen["pass ended"], trace);
        kill(&daemon, "-TERM");
        let mut rest = String::new();
        std::io::Read::read_to_string(&mut daemon.0.stdout.take().unwrap(), &mut rest).unwrap();
        assert_eq!(rest, "", "everything is in the log");
    }
}

/// What a guard refused is approved with the line that the daemon prints, pasted into a shell with another environment.
#[cfg(unix)]
#[test]
fn the_command_that_approves_by_hand_works_when_it_is_pasted() {
    let world = World::new();
    let folder = "it's \"mine\" & $HOME";
    let at = |name: &str| format!("{folder}/{name}");
    world.write(&at("kept.yaml"), LIMIT);
    world.write(&at("gone.yaml"), &LIMIT.replace("starter", "gone"));
    world.write(
        &at("stack.yaml"),
        "apiVersion: flespi-gitops/v1\nkind: Stack\nmetadata: {name: default}\nspec: {guards: {deletes: 0}}\n",
    );
    let arguments = [
        "watch",
        folder,
        "--prune",
        "--interval",
        "1h",
        "--lock-timeout",
        "7s",
        "--exclude",
        "token/**",
    ];
    let log = world.path().join("log");
    let mut command = world.command(&arguments);
    command.stdout(world.ear()).stderr(std::fs::File::create(&log).unwrap());
    let _daemon = Daemon(command.spawn().unwrap());
    wait_for(&world, "limits", "name", "gone");
    std::fs::remove_file(world.path().join(at("gone.yaml"))).unwrap();
    let began = Instant::now();
    let pasted = loop {
        let said = std::fs::read_to_string(&log).unwrap();
        if let Some((_, line)) = said.split_once("undo the edit or run: ") {
            canary::hear_about(world.sandbox().url(), said.clone());
            break line.lines().next().unwrap().to_owned();
        }
        assert!(began.elapsed() < Duration::from_secs(30), "{said}");
        std::thread::sleep(Duration::from_millis(20));
    };
    assert!(!pasted.contains(&world.token()) && !pasted.contains("--interval"), "{pasted}");
    let program = std::path::Path::new(env!("CARGO_BIN_EXE_flespi-gitops")).parent().unwrap();
    let path = std::env::var_os("PATH").unwrap();
    let path = std::env::join_paths(
        std::iter::once(program.to_owned()).chain(std::env::split_paths(&path)),
    );
    let mut shell = std::process::Command::new("sh");
    shell
        .args(["-c", &format!("{pasted} --yes")])
        .current_dir(world.path())
        .env_clear()
        .env("PATH", path.unwrap())
        .env("FLESPI_TOKEN", world.token())
        .stdin(Stdio::null());
    crate::support::run(shell).expect(0);
    assert_eq!(world.count("limits"), 1, "{pasted}");
}
