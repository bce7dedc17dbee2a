//! The daemon in its first form.

use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use serde_json::json;

use crate::support::World;

const LIMIT: &str = "\
apiVersion: flespi-gitops/v1
kind: Limit
metadata: {name: starter}
spec: {devices_count: 10}
";

struct Daemon(Child);

impl Daemon {
    fn start(world: &World, arguments: &[&str]) -> Self {
        let mut all = vec!["watch", "manifests"];
        all.extend(arguments);
        let child =
            world.command(&all).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        Self(child)
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
