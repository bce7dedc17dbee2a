//! The daemon as a browser, a collector of metrics and a service manager see it.

#![cfg(unix)]

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use flespi_gitops::schemas;
use serde_json::Value;

use crate::support::World;
use crate::support::listening::{Daemon, PATIENCE};

const LIMIT: &str = "\
apiVersion: flespi-gitops/v1
kind: Limit
metadata: {name: starter}
spec: {devices_count: 10}
";

#[test]
fn a_daemon_tells_how_it_is_and_looks_again_when_asked_to() {
    let world = World::new();
    world.write("manifests/limit.yaml", LIMIT);
    let daemon = Daemon::start(&world, &[]);
    let status = daemon.wait("in sync", |status| status["state"] == "idle");
    assert_eq!(status["format"], "flespi-gitops/status/v1");
    let schema = schemas::all().into_iter().find(|(name, _)| *name == "status.schema.json");
    let schema = jsonschema::draft202012::new(&schema.unwrap().1).unwrap();
    let complaints: Vec<String> =
        schema.iter_errors(&status).map(|error| error.to_string()).collect();
    assert_eq!(complaints, Vec::<String>::new());
    assert_eq!(status["passes"][0]["outcome"], "applied");
    assert_eq!(daemon.ask("GET", "/readyz", &[]).0, 200);
    assert_eq!(daemon.get("/healthz"), "ok\n");
    let metrics = daemon.get("/metrics");
    for line in [
        "flespi_gitops_passes_total{outcome=\"applied\"} 1",
        "flespi_gitops_steps_total{phase=\"limit\",outcome=\"applied\"} 1",
        "flespi_gitops_objects{kind=\"limit\",state=\"in_sync\"} 1",
        "flespi_gitops_set_in_force 1",
    ] {
        assert!(metrics.lines().any(|there| there == line), "{line}\n{metrics}");
    }

    assert_eq!(daemon.ask("POST", "/wake", &[]).0, 403);
    assert_eq!(daemon.status()["passes"].as_array().unwrap().len(), 1);
    let (code, said) = daemon.ask("POST", "/wake", &[("x-flespi-gitops", "wake")]);
    assert_eq!(code, 202, "{said}");
    let status = daemon.wait("woken", |status| status["passes"][1].is_object());
    assert_eq!(status["passes"][0]["trigger"], "request");
}

#[test]
fn the_time_that_a_token_has_left_is_told_to_people_and_to_machines() {
    let world = World::new();
    let token = "apiVersion: flespi-gitops/v1\nkind: Token\nmetadata: {name: feed}\nspec: {ttl: 1h, access: standard}\n";
    world.write("manifests/token.yaml", token);
    let daemon = Daemon::start(&world, &[]);
    daemon.wait("in sync", |status| status["state"] == "idle");
    daemon.ask("POST", "/wake", &[("x-flespi-gitops", "wake")]);
    daemon.wait("looked again", |status| status["passes"][1].is_object());
    let metrics = daemon.get("/metrics");
    let name = "flespi_gitops_token_remaining_seconds{address=\"token/feed\"} ";
    let left = metrics.lines().find_map(|line| line.strip_prefix(name)).expect(&metrics);
    let left: f64 = left.parse().unwrap();
    assert!((3_000.0..=3_600.0).contains(&left), "{left}");
    // By this an alert knows that so little is usual for the token.
    let ttl = "flespi_gitops_token_ttl_seconds{address=\"token/feed\"} 3600\n";
    assert!(metrics.contains(ttl), "{metrics}");
    let view: Value = serde_json::from_str(&daemon.get("/view")).unwrap();
    assert_eq!(view["tokens"][0][0], "token/feed");
}

#[test]
fn calls_in_the_metrics_are_those_that_the_platform_saw() {
    let world = World::new();
    world.write("manifests/limit.yaml", LIMIT);
    let daemon = Daemon::start(&world, &[]);
    daemon.wait("in sync", |status| status["state"] == "idle");
    let metrics = daemon.get("/metrics");
    let calls = metrics.lines().filter(|line| line.starts_with("flespi_gitops_api_calls_total{"));
    let sum: usize =
        calls.map(|line| line.rsplit(' ').next().unwrap().parse::<usize>().unwrap()).sum();
    assert_eq!(sum, world.journal().len());
}

#[test]
fn pages_of_others_learn_nothing_and_begin_nothing() {
    let world = World::new();
    world.write("manifests/limit.yaml", LIMIT);
    let daemon = Daemon::start(&world, &["--listen-name", "gitops.example"]);
    daemon.wait("in sync", |status| status["state"] == "idle");
    for path in ["/", "/status", "/view", "/metrics"] {
        let (code, body) = daemon.ask("GET", path, &[("host", "evil.example")]);
        assert!(code == 421 && !body.contains("starter"), "{path}: {code} {body}");
        assert_eq!(daemon.ask("GET", path, &[("host", "gitops.example")]).0, 200, "{path}");
    }
    let key = ("x-flespi-gitops", "wake");
    for origin in [("origin", "http://evil.example"), ("sec-fetch-site", "cross-site")] {
        assert_eq!(daemon.ask("POST", "/wake", &[key, origin]).0, 403, "{origin:?}");
    }
    assert_eq!(daemon.status()["passes"].as_array().unwrap().len(), 1);
}

#[test]
fn an_invalid_set_is_told_on_every_surface_and_the_last_good_one_stays() {
    let world = World::new();
    world.write("manifests/limit.yaml", LIMIT);
    let daemon = Daemon::start(&world, &[]);
    daemon.wait("in sync", |status| status["state"] == "idle");
    world.edit("manifests/limit.yaml", "10", "many");
    let status = daemon.wait("invalid", |status| status["state"] == "set_invalid");
    assert!(status["set"]["findings"][0]["place"].as_str().unwrap().contains("limit.yaml:4"));
    assert!(status["set"]["good"]["objects"] == 1);
    let metrics = daemon.get("/metrics");
    assert!(metrics.contains("\nflespi_gitops_set_in_force 0\n"), "{metrics}");
    let view: Value = serde_json::from_str(&daemon.get("/view")).unwrap();
    assert_eq!(view["status"]["state"], "set_invalid");
    assert_eq!(view["status"]["set"]["findings"], status["set"]["findings"]);
    assert_eq!(daemon.ask("GET", "/readyz", &[]).0, 200, "a restart would make nothing better");
}

#[test]
fn nothing_secret_is_seen_from_outside() {
    let world = World::new();
    world.copy_example("first-subaccount");
    std::fs::rename(world.path().join("first-subaccount"), world.path().join("manifests")).unwrap();
    world.write("password", "canary-of-a-password-7163");
    let subaccount = "manifests/2-subaccount.yaml";
    let text = world.read(subaccount);
    let before = text.split("    password:").next().unwrap();
    world.write(subaccount, &format!("{before}    password: {{file: ../password}}\n"));
    let daemon = Daemon::start(&world, &[]);
    let status = daemon.wait("applied", |status| status["passes"][0]["outcome"] == "applied");
    let run = status["passes"][0]["run"].as_str().unwrap();
    let key = world.read("manifests/out/acme-first-login");
    let mut seen = String::new();
    for path in
        ["/", "/status", "/view", "/metrics", "/healthz", "/readyz", &format!("/passes/{run}")]
    {
        seen.push_str(&daemon.ask("GET", path, &[]).1);
    }
    assert!(seen.contains("token/acme/first-login"));
    for secret in ["canary-of-a-password-7163", key.trim(), &world.token()] {
        assert!(!seen.contains(secret), "a secret is shown");
    }
}

#[test]
fn a_service_manager_hears_of_beginning_life_and_end() {
    let world = World::new();
    world.write("manifests/limit.yaml", LIMIT);
    let path = world.path().join("notify");
    let socket = std::os::unix::net::UnixDatagram::bind(&path).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    let environment = [("NOTIFY_SOCKET", path.to_str().unwrap()), ("WATCHDOG_USEC", "200000")];
    let mut daemon = Daemon::with(&world, &[], &environment);
    let mut heard = String::new();
    let mut wait_for = |wanted: &str| {
        while !heard.contains(wanted) {
            let mut buffer = [0; 4096];
            let length = socket.recv(&mut buffer).expect(wanted);
            heard.push_str(std::str::from_utf8(&buffer[..length]).unwrap());
        }
        heard.clear();
    };
    wait_for("READY=1\n");
    wait_for("WATCHDOG=1\n");
    wait_for("WATCHDOG=1\n");
    daemon.signal("-TERM");
    wait_for("STOPPING=1\n");
    assert_eq!(daemon.process.wait().unwrap().code(), Some(0));
}

#[test]
fn an_address_that_is_taken_is_told() {
    let world = World::new();
    world.write("manifests/limit.yaml", LIMIT);
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let run = world.run(&["watch", "manifests", "--listen", &address]).expect(1);
    assert!(run.stderr.contains(&format!("--listen {address}")), "{}", run.stderr);
    assert_eq!(world.writes().len(), 0);
}

#[test]
fn a_removed_root_and_an_invalid_set_are_seen_from_outside() {
    let world = World::new();
    world.write("manifests/limit.yaml", LIMIT);
    let daemon = Daemon::start(&world, &["--prune"]);
    daemon.wait("idle", |status| status["state"] == "idle");
    world.edit("manifests/limit.yaml", "10", "many");
    let status = daemon.wait("invalid", |status| status["state"] == "set_invalid");
    assert!(status["set"]["findings"][0]["place"].as_str().unwrap().contains("limit.yaml:4:"));
    std::fs::remove_dir_all(world.path().join("manifests")).unwrap();
    let status = daemon.wait("unknown", |status| status["state"] == "root_unknown");
    assert!(status["files"]["roots"][0]["unknown"].is_string(), "{status}");
    assert_eq!(world.count("limits"), 1);
    world.write("manifests/limit.yaml", LIMIT);
    daemon.wait("idle", |status| status["state"] == "idle");
}

#[test]
fn a_master_token_that_was_replaced_in_its_file_is_read_again() {
    let world = World::new();
    world.write("manifests/limit.yaml", LIMIT);
    world.write("token", &world.token());
    let environment = [("FLESPI_TOKEN", ""), ("FLESPI_TOKEN_FILE", "token")];
    let daemon = Daemon::with(&world, &[], &environment);
    daemon.wait("idle", |status| status["state"] == "idle");
    let refused = serde_json::json!({"rules": [
        {"path": "/auth/*", "count": 1, "effect": {"answer": {"status": 401}}},
    ]});
    let made = world.api(
        "POST",
        "/platform/tokens?fields=key",
        Some(&serde_json::json!([{"info": "next", "access": {"type": 1}, "ttl": 86400}])),
    );
    world.write("token", made[0]["key"].as_str().unwrap());
    world.faults(&refused);
    daemon.signal("-HUP");
    daemon.wait("away", |status| status["state"] == "platform_away");
    world.empty_journal();
    daemon.wait("back", |status| status["state"] == "idle");
    let (_, answer) = world.call("GET", "/_sandbox/journal", None, None, None);
    let token = answer["result"][0]["token_id"].clone();
    let next = world.item("tokens", "info", "next")["id"].clone();
    assert_eq!(token, next);
}

#[test]
fn those_who_hold_connections_and_say_nothing_keep_nobody_out() {
    let world = World::new();
    world.write("manifests/limit.yaml", LIMIT);
    let daemon = Daemon::start(&world, &[]);
    daemon.wait("in sync", |status| status["state"] == "idle");
    // One that asked and stays, as a page does.
    let mut page = TcpStream::connect(daemon.address()).unwrap();
    let head = format!("GET /view HTTP/1.1\r\nhost: {}\r\n\r\n", daemon.address());
    page.write_all(head.as_bytes()).unwrap();
    assert!(page.read(&mut [0; 64]).unwrap() > 0);
    let silent: Vec<TcpStream> = (0..190)
        .map(|number| {
            let mut stream = TcpStream::connect(daemon.address()).unwrap();
            // Some say nothing, some never come to the end of their request.
            let begun = [&b""[..], b"GET /healthz HTTP/1.1\r\n", b"GET /healthz HTTP/1.1\r\nx: "]
                [number % 3];
            stream.write_all(begun).unwrap();
            stream
        })
        .collect();
    for path in ["/healthz", "/readyz", "/metrics", "/status"] {
        let asked = Instant::now();
        daemon.get(path);
        assert!(asked.elapsed() < Duration::from_secs(2), "{path}: {:?}", asked.elapsed());
    }
    // They do not stay for long either.
    let asked = Instant::now();
    for mut stream in silent {
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        let _ = stream.read_to_end(&mut Vec::new());
    }
    assert!(asked.elapsed() < Duration::from_secs(15), "{:?}", asked.elapsed());
}

#[test]
fn an_answer_that_nobody_takes_keeps_nobody_out_and_does_not_hold_up_the_end() {
    let world = World::new();
    world.write("manifests/limit.yaml", LIMIT);
    let mut daemon = Daemon::start(&world, &[]);
    daemon.wait("in sync", |status| status["state"] == "idle");
    let _greedy: Vec<TcpStream> = (0..100)
        .map(|_| {
            let mut stream = TcpStream::connect(daemon.address()).unwrap();
            let head = format!("GET / HTTP/1.1\r\nhost: {}\r\n\r\n", daemon.address());
            // Many times the same, so that the answers fill every buffer on the way.
            let _ = stream.write_all(head.repeat(200).as_bytes());
            stream
        })
        .collect();
    assert_eq!(daemon.get("/healthz"), "ok\n");
    daemon.signal("-TERM");
    let asked = Instant::now();
    assert_eq!(daemon.process.wait().unwrap().code(), Some(0));
    assert!(asked.elapsed() < Duration::from_secs(4), "{:?}", asked.elapsed());
}
