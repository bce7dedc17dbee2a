//! Who asked for it is told of what goes wrong, once, and of its end (R25).

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::process::Child;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use serde_json::Value;

use crate::support::World;

const LIMIT: &str = "\
apiVersion: flespi-gitops/v1
kind: Limit
metadata: {name: starter}
spec: {devices_count: 10}
";

struct Daemon(Child);

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A server that hears notices; `refuses` of them first.
fn receiver(mut refuses: usize) -> (u16, Receiver<Value>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let (sender, heard) = channel();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = BufReader::new(stream.unwrap());
            let (mut head, mut length) = (String::new(), 0);
            while stream.read_line(&mut head).unwrap_or(0) > 2 {
                let line = head.to_ascii_lowercase();
                if let Some(bytes) = line.strip_prefix("content-length:") {
                    length = bytes.trim().parse().unwrap();
                }
                head.clear();
            }
            let mut body = vec![0; length];
            stream.read_exact(&mut body).unwrap();
            let status = if refuses > 0 { "503 Busy" } else { "200 OK" };
            let answer =
                format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
            stream.get_mut().write_all(answer.as_bytes()).unwrap();
            if refuses > 0 {
                refuses -= 1;
            } else if sender.send(serde_json::from_slice(&body).unwrap()).is_err() {
                return;
            }
        }
    });
    (port, heard)
}

fn watch(world: &World, arguments: &[&str]) -> Daemon {
    let all = [&["watch", "set", "--interval", "1h"], arguments].concat();
    let mut command = world.command(&all);
    Daemon(command.stdout(world.ear()).stderr(world.ear()).spawn().unwrap())
}

#[track_caller]
fn next(heard: &Receiver<Value>) -> Value {
    heard.recv_timeout(Duration::from_secs(30)).unwrap()
}

#[test]
fn an_incident_is_told_in_every_form_and_the_address_is_told_to_nobody() {
    let world = World::new();
    world.write("set/a.yaml", LIMIT);
    let receivers = [receiver(0), receiver(0), receiver(0)];
    let forms = ["json", "slack", "teams"];
    let mut arguments = Vec::new();
    for (form, (port, _)) in forms.iter().zip(&receivers) {
        let secret = format!("T0SECRET{form}PATH");
        world.write(form, &format!("http://127.0.0.1:{port}/services/{secret}\n"));
        world.keep_secret(&secret);
        arguments.extend(["--notify".to_owned(), format!("{form}={form}")]);
    }
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let _daemon = watch(&world, &arguments);
    while world.count("limits") == 0 {
        std::thread::sleep(Duration::from_millis(50));
    }
    world.edit("set/a.yaml", "devices_count: 10", "devices_count: many");
    let [json, slack, teams] = receivers.each_ref().map(|(_, heard)| next(heard));
    assert_eq!(json["format"], "flespi-gitops/notice/v1");
    assert_eq!(
        (&json["begun"][0]["topic"], &json["over"]),
        (&"invalid".into(), &Value::Array(vec![]))
    );
    let says = json["begun"][0]["says"].as_str().unwrap();
    assert!(says.contains("set/a.yaml:4:23"), "{says}");
    assert!(slack["text"].as_str().unwrap().contains("\ninvalid: "), "{slack}");
    let card = teams["attachments"][0]["content"]["body"][0]["text"].as_str().unwrap();
    assert!(card.contains("\ninvalid: "), "{teams}");
}

#[test]
fn a_receiver_that_is_busy_or_away_holds_up_nobody_and_is_tried_again() {
    let world = World::new();
    world.write("set/a.yaml", LIMIT);
    let (port, heard) = receiver(1);
    world.write("busy", &format!("http://127.0.0.1:{port}/x"));
    // Nobody listens there.
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    world.write("away", &format!("http://127.0.0.1:{closed}/x"));
    let _daemon = watch(&world, &["--notify", "json=away", "--notify", "json=busy"]);
    while world.count("limits") == 0 {
        std::thread::sleep(Duration::from_millis(50));
    }
    world.edit("set/a.yaml", "devices_count: 10", "devices_count: many");
    assert_eq!(next(&heard)["begun"][0]["topic"], "invalid");
    world.edit("set/a.yaml", "devices_count: many", "devices_count: 20");
    let devices = || world.item("limits", "name", "starter")["devices_count"].clone();
    while devices() != 20 {
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn what_was_told_before_a_restart_is_not_told_again() {
    let world = World::new();
    // There is no such id, so the limit is blocked.
    world.write("set/a.yaml", &LIMIT.replace("{name: starter}", "{name: starter, id: 999999}"));
    let (port, heard) = receiver(0);
    world.write("address", &format!("http://127.0.0.1:{port}/x"));
    let daemon = watch(&world, &["--notify", "json=address"]);
    let told = next(&heard);
    assert_eq!(told["begun"][0]["subject"], "limit/starter", "{told}");
    drop(daemon);
    world.empty_journal();
    let _daemon = watch(&world, &["--notify", "json=address"]);
    while world.journal().is_empty() {
        std::thread::sleep(Duration::from_millis(50));
    }
    world.write("set/b.yaml", &LIMIT.replace("starter", "second").replace("10", "many"));
    let told = next(&heard);
    assert_eq!(told["begun"].as_array().unwrap().len(), 1, "{told}");
    assert_eq!(told["begun"][0]["topic"], "invalid", "{told}");
}

#[test]
fn an_address_on_the_command_line_or_without_encryption_is_refused() {
    let world = World::new();
    world.write("set/a.yaml", LIMIT);
    world.write("plain", "http://hooks.example/x");
    world.write("none", "hooks");
    for (option, says) in [
        ("slack=https://hooks.example/x", "the address is a secret"),
        ("pager=plain", "write slack=FILE"),
        ("slack=plain", "is not https"),
        ("slack=none", "does not hold an address"),
        ("slack=missing", "cannot read"),
    ] {
        let run = world.run(&["watch", "set", "--notify", option]).expect(64);
        assert!(run.stderr.contains(says), "{option}: {}", run.stderr);
    }
}
