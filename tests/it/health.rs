//! A daemon is asked whether it is well by a program that has nothing but ours.

use std::io::{Read, Write};
use std::net::TcpListener;

use crate::support::World;

/// A daemon that gives one answer to each path, as often as it is asked.
fn daemon(healthz: &'static str, readyz: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut asked = [0; 4096];
            let length = stream.read(&mut asked).unwrap_or(0);
            let is_health = asked[..length].starts_with(b"GET /healthz ");
            let status = if is_health { healthz } else { readyz };
            let answer = format!(
                "HTTP/1.1 {status}\r\ncontent-length: 6\r\nconnection: close\r\n\r\nsaid \n"
            );
            let _ = stream.write_all(answer.as_bytes());
        }
    });
    address
}

#[test]
fn the_exit_code_says_whether_the_daemon_is_well_and_whether_it_is_ready() {
    let world = World::new();
    let address = daemon("200 OK", "503 Not yet");
    let well = world.run(&["health", "--listen", &address]).expect(0);
    assert_eq!(well.stdout, "said \n");
    let unready = world.run(&["health", "--listen", &address, "--ready"]).expect(1);
    assert!(unready.stderr.contains("answers 503: said"), "{}", unready.stderr);
}

#[test]
fn a_daemon_that_listens_everywhere_is_asked_on_loopback() {
    let world = World::new();
    let address = daemon("200 OK", "200 OK").replace("127.0.0.1", "0.0.0.0");
    world.run(&["health", "--listen", &address]).expect(0);
}

#[test]
fn a_daemon_that_is_gone_or_does_not_answer_is_not_well() {
    let world = World::new();
    let gone = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let run = world.run(&["health", "--listen", &gone]).expect(1);
    assert!(run.stderr.contains("does not answer"), "{}", run.stderr);
    let deaf = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = deaf.local_addr().unwrap().to_string();
    world.run(&["health", "--listen", &address, "--patience", "200ms"]).expect(1);
}
