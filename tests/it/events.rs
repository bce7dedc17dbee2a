//! The daemon hears changes on the platform, and does without where it cannot.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Child;
use std::time::{Duration, Instant};

use flespi_gitops::sandbox::Options;
use serde_json::{Value, json};

use crate::support::World;

const LIMIT: &str = "\
apiVersion: flespi-gitops/v1
kind: Limit
metadata: {name: starter}
spec: {devices_count: 10}
";

const PATIENCE: Duration = Duration::from_secs(30);

struct Daemon {
    child: Child,
    page: String,
    said: PathBuf,
}

impl Daemon {
    /// A daemon that listens to `broker`, and whose status can be read.
    fn start(world: &World, broker: &str, more: &[&str]) -> Self {
        Self::start_with(world, broker, more, None)
    }

    /// The same, trusting the authorities in this file.
    fn start_with(world: &World, broker: &str, more: &[&str], trusted: Option<&Path>) -> Self {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let page = format!("127.0.0.1:{port}");
        let mut all = vec!["watch", "manifests", "--broker", broker, "--listen", &page];
        all.extend(more);
        let mut command = world.command(&all);
        command.envs(trusted.map(|file| ("SSL_CERT_FILE", file)));
        let said = world.path().join(format!("said-{port}"));
        let file = std::fs::File::create(&said).unwrap();
        let child = command.stdout(world.ear()).stderr(file).spawn().unwrap();
        Self { child, page, said }
    }

    /// Ends it; all that it said, in which there must be no secret.
    #[track_caller]
    fn end(self, world: &World) -> String {
        let said = self.said.clone();
        drop(self);
        let said = String::from_utf8_lossy(&std::fs::read(said).unwrap()).into_owned();
        assert!(!said.contains(&world.token()), "the token was said");
        said
    }

    /// The status; none while nobody answers yet.
    fn status(&self) -> Option<Value> {
        let mut stream = TcpStream::connect(&self.page).ok()?;
        write!(stream, "GET /status HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n", self.page)
            .ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).ok()?;
        let body = answer.split_once("\r\n\r\n")?.1;
        let json = &body[body.find('{')?..=body.rfind('}')?];
        serde_json::from_str(json).ok()
    }

    /// Waits until the status is as wanted.
    #[track_caller]
    fn wait(&self, what: &str, is_it: impl Fn(&Value) -> bool) -> Value {
        let began = Instant::now();
        loop {
            let status = self.status();
            if let Some(status) = status.clone().filter(&is_it) {
                return status;
            }
            assert!(began.elapsed() < PATIENCE, "never {what}: {status:#?}");
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Waits until changes are heard, the platform is as declared, and no look is due any more.
    #[track_caller]
    fn settle(&self) -> Value {
        self.wait("settled", |status| {
            let events = &status["events"];
            let looks = passes(status, "event");
            events["state"] == "connected"
                && events["wakes"].as_u64() > Some(0)
                && looks == events["wakes"].as_u64().unwrap()
                && status["pass"].is_null()
                && !status["last_success"].is_null()
        })
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The passes with this trigger among those that are remembered.
fn passes(status: &Value, trigger: &str) -> u64 {
    let passes = status["passes"].as_array().unwrap();
    passes.iter().filter(|pass| pass["trigger"] == trigger).count() as u64
}

fn world() -> World {
    let options = Options { mqtt: Some(([127, 0, 0, 1], 0).into()), ..Options::default() };
    let world = World::with(options);
    world.write("manifests/limit.yaml", LIMIT);
    world
}

fn broker(world: &World) -> String {
    world.sandbox().mqtt_url().unwrap().to_owned()
}

/// A call with the token of the world, which is also that of the daemon.
fn send(
    world: &World,
    method: &str,
    path: &str,
    cid: Option<i64>,
    body: Option<&Value>,
) -> (u16, Value) {
    world.call(method, path, Some(&world.token()), cid, body)
}

/// Changes the limit as a person would, with another program.
fn change(world: &World, devices: i64) {
    let limits = world.api("GET", "/platform/limits/all?fields=id", None);
    let path = format!("/platform/limits/{}", limits[0]["id"]);
    let (status, answer) =
        send(world, "PUT", &path, None, Some(&json!({"devices_count": devices})));
    assert_eq!(status, 200, "{answer}");
}

/// Waits until the limit is as declared; how long that took.
fn healed(world: &World) -> Duration {
    let began = Instant::now();
    loop {
        let limits = world.api("GET", "/platform/limits/all?fields=devices_count", None);
        if limits[0]["devices_count"] == 10 {
            return began.elapsed();
        }
        assert!(began.elapsed() < PATIENCE, "{limits:?}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn a_change_by_hand_is_healed_at_once_and_what_heals_it_is_no_reason_for_a_pass() {
    let world = world();
    let daemon = Daemon::start(&world, &broker(&world), &["--interval", "1h", "-vv"]);
    let before = daemon.settle();
    // One pass made the limit, and its echo was heard or came before we listened.
    assert!(before["events"]["wakes"].as_u64() <= Some(1), "{before:#}");
    change(&world, 99);
    healed(&world);
    let after = daemon.wait("echoed", |status| {
        let events = &status["events"];
        events["echoes"].as_u64() > before["events"]["echoes"].as_u64()
            && status["pass"].is_null()
            && passes(status, "event") == events["wakes"].as_u64().unwrap()
    });
    let count = |status: &Value| status["events"]["wakes"].as_u64().unwrap();
    assert_eq!(count(&after), count(&before) + 1, "{after:#}");
    // Longer than hints are apart: an echo that counted would be a pass by now.
    std::thread::sleep(Duration::from_millis(1500));
    let later = daemon.status().unwrap();
    assert_eq!(
        later["passes"].as_array().unwrap().len(),
        after["passes"].as_array().unwrap().len()
    );
    daemon.end(&world);
}

#[test]
fn what_another_run_of_ours_changes_with_the_same_token_is_heard() {
    let world = world();
    let daemon = Daemon::start(&world, &broker(&world), &["--interval", "1h"]);
    let before = daemon.settle();
    world.write("other/limit.yaml", &LIMIT.replace("10", "11"));
    world.run(&["apply", "other", "--yes"]).expect(0);
    healed(&world);
    let after = daemon.status().unwrap();
    assert!(after["events"]["wakes"].as_u64() > before["events"]["wakes"].as_u64());
}

#[test]
fn a_broker_that_is_away_is_reported_once_and_drift_is_healed_at_the_interval() {
    let world = world();
    let daemon = Daemon::start(&world, &broker(&world), &["--interval", "2s"]);
    daemon.settle();
    send(&world, "PUT", "/_sandbox/broker", None, Some(&json!({"open": false})));
    let away = daemon.wait("away", |status| status["events"]["state"] == "away");
    assert!(away["events"]["trouble"].as_str().unwrap().contains("broker"), "{away:#}");
    change(&world, 99);
    healed(&world);
    let status = daemon.wait("healed", |status| status["pass"].is_null());
    assert!(passes(&status, "interval") > 0);
    send(&world, "PUT", "/_sandbox/broker", None, Some(&json!({"open": true})));
    let back = daemon.wait("back", |status| status["events"]["state"] == "connected");
    assert_eq!(back["events"]["connections"], 2);
    assert_eq!(back["events"]["trouble"], Value::Null);
    let said = daemon.end(&world);
    let told = said.matches("warning: changes on the platform are not heard").count();
    assert_eq!(told, 1, "{said}");
    assert!(said.contains("changes on the platform are heard again"), "{said}");
}

#[test]
fn what_happens_while_the_broker_is_away_is_found_when_it_is_back() {
    let world = world();
    let daemon = Daemon::start(&world, &broker(&world), &["--interval", "1h"]);
    daemon.settle();
    send(&world, "PUT", "/_sandbox/broker", None, Some(&json!({"open": false})));
    daemon.wait("away", |status| status["events"]["state"] == "away");
    change(&world, 99);
    send(&world, "PUT", "/_sandbox/broker", None, Some(&json!({"open": true})));
    healed(&world);
}

#[test]
fn a_token_that_may_not_subscribe_is_reported_and_passes_go_on() {
    let world = world();
    let faults = json!({"rules": [{"method": "SUBSCRIBE", "effect": {"answer": {"status": 403}}}]});
    send(&world, "PUT", "/_sandbox/faults", None, Some(&faults));
    let daemon = Daemon::start(&world, &broker(&world), &["--interval", "2s"]);
    let deaf = daemon.wait("deaf", |status| status["events"]["state"] == "deaf");
    let trouble = deaf["events"]["trouble"].as_str().unwrap().to_owned();
    assert!(trouble.contains("the token may not subscribe"), "{trouble}");
    change(&world, 99);
    healed(&world);
}

#[test]
fn without_a_known_broker_nobody_listens() {
    let world = world();
    let daemon = Daemon::start(&world, "off", &["--interval", "1h"]);
    let status = daemon.wait("ready", |status| !status["last_success"].is_null());
    assert_eq!(status["events"], Value::Null);
    let run = world.run(&["watch", "manifests", "--broker", "mqtt://example.org"]).expect(64);
    assert!(run.stderr.contains("clear text"), "{}", run.stderr);
    let run = world.run(&["watch", "manifests", "--broker", "mqtts://me:CANARY@h"]).expect(64);
    assert!(!run.stderr.contains("use CANARY"), "{}", run.stderr);
}

#[test]
fn a_broker_is_trusted_like_the_platform_and_told_the_token_only_then() {
    let world = world();
    let folder = tempfile::tempdir().unwrap();
    let tls = Some(folder.path().to_owned());
    // Another sandbox, which does not know the token of the first.
    let mqtt = Some(([127, 0, 0, 1], 0).into());
    let other = World::with(Options { mqtt, tls, ..Options::default() });
    let address = other.sandbox().mqtt_url().unwrap();
    assert!(address.starts_with("mqtts://"), "{address}");
    let trouble = |daemon: &Daemon| {
        let status = daemon.wait("away", |status| status["events"]["state"] == "away");
        status["events"]["trouble"].as_str().unwrap().to_owned()
    };
    let stranger = Daemon::start(&world, address, &["--interval", "1h"]);
    let why = trouble(&stranger);
    assert!(why.contains("the broker is not trusted"), "{why}");
    let trusted = folder.path().join("ca.pem");
    let friend = Daemon::start_with(&world, address, &["--interval", "1h"], Some(&trusted));
    let why = trouble(&friend);
    assert!(why.contains("the broker does not know the token"), "{why}");
    friend.end(&world);
}

/// A broker that lets everybody in, and says whatever it likes.
fn fake(words: impl Fn(&mut TcpStream) + Send + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("mqtt://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            words(&mut stream.unwrap());
        }
    });
    address
}

/// Reads one packet of a client, which is shorter than 128 bytes after its length or has two bytes of it.
fn read_packet(stream: &mut TcpStream) -> Vec<u8> {
    let mut head = [0; 2];
    stream.read_exact(&mut head).unwrap();
    let mut length = usize::from(head[1] & 0x7F);
    if head[1] & 0x80 != 0 {
        let mut more = [0];
        stream.read_exact(&mut more).unwrap();
        length |= usize::from(more[0]) << 7;
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body).unwrap();
    body
}

/// Lets a client in, and grants what it asks for.
fn let_in(stream: &mut TcpStream) {
    read_packet(stream);
    stream.write_all(&[0x20, 3, 0, 0, 0]).unwrap();
    let subscribe = read_packet(stream);
    let filters = subscribe.windows(7).filter(|window| window == b"flespi/").count();
    let mut answer = vec![0x90, 3 + filters as u8, subscribe[0], subscribe[1], 0];
    answer.resize(answer.len() + filters, 1);
    stream.write_all(&answer).unwrap();
}

fn message(topic: &str, payload: &[u8]) -> Vec<u8> {
    let length = 2 + topic.len() + 1 + payload.len();
    let mut packet = vec![0x30, (length % 128) as u8 | 0x80, (length / 128) as u8];
    packet.extend((topic.len() as u16).to_be_bytes());
    packet.extend(topic.as_bytes());
    packet.push(0);
    packet.extend(payload);
    packet
}

#[test]
fn a_thousand_events_a_second_cause_no_more_than_one_pass_a_second() {
    let world = world();
    let record = br#"{"app":"somebody else","token_id":1,"new":{}}"#;
    let packet = message("flespi/log/platform/limits/7/updated", record);
    let address = fake(move |stream| {
        let_in(stream);
        // Ten thousand in ten seconds.
        let began = Instant::now();
        for number in 0..10_000_u32 {
            if stream.write_all(&packet).is_err() {
                return;
            }
            let due = Duration::from_millis(u64::from(number));
            std::thread::sleep(due.saturating_sub(began.elapsed()));
        }
        std::thread::sleep(PATIENCE);
    });
    let daemon = Daemon::start(&world, &address, &["--interval", "1h"]);
    let status = daemon.wait("heard", |status| status["events"]["heard"].as_u64() >= Some(10_000));
    let began: Vec<i64> = status["passes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|pass| pass["began"].as_str().unwrap().parse::<jiff::Timestamp>().unwrap())
        .map(|began| began.as_millisecond())
        .collect();
    let looks = passes(&status, "event");
    assert!((5..=12).contains(&looks), "{looks} passes in about ten seconds");
    // The newest is first. The first pass of the process has no event before it.
    let began = &began[..looks as usize];
    for (newer, at) in began.iter().enumerate() {
        for (older, before) in began.iter().enumerate().skip(newer + 1) {
            // A machine with much to do begins one of them late, and the next one in time.
            let least = 1_000 * (older - newer) as i64 - 900;
            assert!(at - before >= least, "{began:?}");
        }
    }
}

#[test]
fn foreign_topics_and_broken_records_are_no_reason_or_no_harm() {
    let world = world();
    let address = fake(|stream| {
        let_in(stream);
        // Past the look that follows every connection.
        std::thread::sleep(Duration::from_millis(3000));
        for (topic, payload) in [
            ("flespi/log/gw/devices/7/updated", &b"{}"[..]),
            ("flespi/state/platform/limits/7", b"{}"),
            ("flespi/log/platform/limits/x/updated", b"{}"),
            ("flespi/log/platform/webhooks/7/updated", b"{}"),
            ("a", b"\x1b[2J\xff\x00"),
        ] {
            stream.write_all(&message(topic, payload)).unwrap();
        }
        std::thread::sleep(Duration::from_millis(3000));
        let broken = message("flespi/log/platform/limits/7/updated", b"\x1b[2J\xff{\"app\":[[[[");
        stream.write_all(&broken).unwrap();
        std::thread::sleep(PATIENCE);
    });
    let daemon = Daemon::start(&world, &address, &["--interval", "1h", "-vv"]);
    let ignored = daemon.wait("ignored", |status| status["events"]["ignored"] == 5);
    assert_eq!(ignored["events"]["wakes"], 1, "that of the connection");
    let broken = daemon.wait("broken", |status| status["events"]["heard"] == 6);
    assert!(broken["events"]["ignored"] == 5, "{broken:#}");
    // The status tells of a wake later than of the pass that follows it.
    daemon.wait("looked", |status| passes(status, "event") == 2 && status["events"]["wakes"] == 2);
    assert!(!daemon.end(&world).contains('\u{1b}'));
}

#[test]
fn brokers_that_send_anything_at_all_are_left_and_no_pass_waits_for_them() {
    let world = world();
    let hostile: [fn(&mut TcpStream); 6] = [
        // Nothing at all.
        |_| std::thread::sleep(Duration::from_secs(60)),
        // What is no MQTT.
        |stream| {
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n");
        },
        // A message longer than anybody takes.
        |stream| {
            let_in(stream);
            let _ = stream.write_all(&[0x30, 0xFF, 0xFF, 0xFF, 0x7F]);
            let zeros = vec![0; 1 << 20];
            while stream.write_all(&zeros).is_ok() {}
        },
        // A second welcome, and answers that nobody asked for.
        |stream| {
            let_in(stream);
            let _ = stream.write_all(&[0x20, 3, 0, 0, 0]);
        },
        |stream| {
            let_in(stream);
            let _ = stream.write_all(&[0x90, 4, 0, 9, 0, 0, 0x40, 2, 0, 9]);
        },
        // A reason that is no reason.
        |stream| {
            read_packet(stream);
            let _ = stream.write_all(&[0x20, 3, 0, 0xEE, 0]);
        },
    ];
    for (number, words) in hostile.into_iter().enumerate() {
        let daemon = Daemon::start(&world, &fake(words), &["--interval", "1s"]);
        let status = daemon.wait("passed", |status| passes(status, "interval") >= 1);
        assert_ne!(status["last_success"], Value::Null, "{number}");
        if number > 0 {
            daemon.wait("away", |status| status["events"]["state"] == "away");
        }
        daemon.end(&world);
    }
}
