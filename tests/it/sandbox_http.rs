//! The sandbox over real HTTP: what only sockets, threads and files can show.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

use std::{
    io::{ErrorKind, Read, Write},
    net::{SocketAddr, TcpStream},
    time::{Duration, Instant},
};

use flespi_gitops::sandbox::{Faults, Options, RunError, Sandbox, StartError};
use secrecy::ExposeSecret;
use serde_json::{Value, json};

/// A client of a dozen lines: it shows bytes as they come, which a real one would hide.
struct Client {
    address: SocketAddr,
    token: String,
}

struct Reply {
    status: u16,
    head: String,
    body: Vec<u8>,
}

impl Reply {
    fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&self.body)))
    }
}

impl Client {
    fn of(sandbox: &Sandbox) -> Self {
        let address = sandbox.url().strip_prefix("http://").unwrap().parse().unwrap();
        Self { address, token: sandbox.token().expose_secret().to_owned() }
    }

    /// Sends bytes, half-closes, and reads to the end of the connection.
    fn raw(&self, bytes: &[u8]) -> Vec<u8> {
        let mut stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        stream.write_all(bytes).unwrap();
        let mut answer = Vec::new();
        match stream.read_to_end(&mut answer) {
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::ConnectionReset => {}
            Err(error) => panic!("{error}"),
        }
        answer
    }

    /// `None` when the connection was cut before a whole head arrived.
    fn try_send(&self, method: &str, target: &str, body: &str) -> Option<Reply> {
        let Self { token, .. } = self;
        let length = body.len();
        let answer = self.raw(
            format!(
                "{method} {target} HTTP/1.1\r\nhost: localhost\r\nauthorization: FlespiToken {token}\r\n\
                 connection: close\r\ncontent-length: {length}\r\n\r\n{body}"
            )
            .as_bytes(),
        );
        let end = answer.windows(4).position(|window| window == b"\r\n\r\n")?;
        let head = String::from_utf8(answer[..end].to_vec()).unwrap();
        let status = head.split(' ').nth(1)?.parse().ok()?;
        Some(Reply { status, head, body: answer[end + 4..].to_vec() })
    }

    fn send(&self, method: &str, target: &str, body: &str) -> Reply {
        self.try_send(method, target, body).expect("an answer")
    }

    fn faults(&self, rule: Value) {
        let reply = self.send("PUT", "/_sandbox/faults", &json!({"rules": [rule]}).to_string());
        assert_eq!(reply.status, 200, "{}", reply.json());
    }

    fn limits(&self) -> usize {
        self.send("GET", "/platform/limits/all", "").json()["result"].as_array().unwrap().len()
    }
}

/// Blocking calls, off the runtime's threads.
async fn with<T: Send + 'static>(
    sandbox: &Sandbox,
    work: impl FnOnce(Client) -> T + Send + 'static,
) -> T {
    let client = Client::of(sandbox);
    tokio::task::spawn_blocking(move || work(client)).await.unwrap()
}

#[tokio::test]
async fn it_starts_on_a_free_port_answers_and_stops() {
    let sandbox = Sandbox::start(Options::default()).await.unwrap();
    assert_eq!(sandbox.token().expose_secret().len(), 64);
    assert!(!format!("{sandbox:?}").contains(sandbox.token().expose_secret()));
    let address = with(&sandbox, |client| {
        let reply = client.send("GET", "/auth/info", "");
        assert_eq!(
            (reply.status, &reply.json()["result"][0]["access"]),
            (200, &json!({"type": 1}))
        );
        assert!(reply.head.to_lowercase().contains("content-type: application/json"));
        client.address
    })
    .await;
    sandbox.stop().await.unwrap();
    assert!(TcpStream::connect(address).is_err());
}

#[tokio::test]
async fn a_stopped_sandbox_goes_on_where_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let options = Options { state: Some(folder.path().to_owned()), ..Options::default() };
    let first = Sandbox::start(options.clone()).await.unwrap();
    let token = first.token().expose_secret().to_owned();
    with(&first, |client| client.send("POST", "/platform/limits", r#"[{"name":"kept"}]"#)).await;
    first.stop().await.unwrap();
    let second = Sandbox::start(options).await.unwrap();
    assert_eq!(second.token().expose_secret(), token);
    let journal = with(&second, |client| {
        assert_eq!(client.limits(), 1);
        client.send("GET", "/_sandbox/journal", "").json()
    })
    .await;
    let paths: Vec<&str> = journal["result"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| entry["path"].as_str().unwrap())
        .collect();
    assert_eq!(
        paths,
        ["/platform/limits", "/platform/limits/all"],
        "the journal of an earlier run can be read"
    );
    second.stop().await.unwrap();
}

#[tokio::test]
async fn a_folder_or_a_port_in_use_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let options = Options { state: Some(folder.path().to_owned()), ..Options::default() };
    let first = Sandbox::start(options.clone()).await.unwrap();
    let refused = Sandbox::start(options.clone()).await.unwrap_err();
    assert!(matches!(refused, StartError::State(_)), "{refused}");
    let listen = first.url().strip_prefix("http://").unwrap().parse().unwrap();
    let refused = Sandbox::start(Options { listen, ..Options::default() }).await.unwrap_err();
    assert!(matches!(refused, StartError::Listen { .. }), "{refused}");
    first.stop().await.unwrap();
    Sandbox::start(options).await.unwrap().stop().await.unwrap();
}

#[tokio::test]
async fn connections_are_cut_and_bodies_truncated_as_asked() {
    let sandbox = Sandbox::start(Options::default()).await.unwrap();
    with(&sandbox, |client| {
        client.faults(json!({"method": "POST", "count": 1, "effect": "cut_before"}));
        assert!(client.try_send("POST", "/platform/limits", r#"[{"name":"x"}]"#).is_none());
        assert_eq!(client.limits(), 0);
        client.faults(json!({"method": "POST", "count": 1, "effect": "cut_after"}));
        assert!(client.try_send("POST", "/platform/limits", r#"[{"name":"x"}]"#).is_none());
        assert_eq!(client.limits(), 1);
        client.faults(json!({"count": 1, "effect": {"truncate": {"keep": 10}}}));
        let truncated = client.send("GET", "/platform/limits/all", "");
        assert_eq!((truncated.status, truncated.body.len()), (200, 10));
        assert!(!truncated.head.to_lowercase().contains("content-length: 10\r"));
        client.faults(json!({"count": 1, "effect": {"delay": {"milliseconds": 200}}}));
        let start = Instant::now();
        client.limits();
        assert!(start.elapsed() >= Duration::from_millis(200));
        client.faults(json!({"count": 1, "effect": {"slow_body": {"milliseconds": 20}}}));
        assert_eq!(
            client
                .send(
                    "GET",
                    "/platform/limits/all?fields=name,devices_count,api_calls,metadata,description",
                    ""
                )
                .status,
            200
        );
    })
    .await;
    sandbox.stop().await.unwrap();
}

#[tokio::test]
async fn connections_are_refused_for_as_long_as_asked() {
    let sandbox = Sandbox::start(Options::default()).await.unwrap();
    with(&sandbox, |client| {
        let idle = TcpStream::connect(client.address).unwrap();
        client.faults(
            json!({"method": "POST", "count": 1, "effect": {"refuse": {"milliseconds": 2000}}}),
        );
        assert!(client.try_send("POST", "/platform/limits", r#"[{"name":"x"}]"#).is_none());
        let refused = TcpStream::connect(client.address).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
        let mut nothing = [0];
        assert_eq!((&idle).read(&mut nothing).unwrap(), 0, "a waiting connection is closed too");
        while TcpStream::connect(client.address).is_err() {
            std::thread::sleep(Duration::from_millis(20));
        }
        assert_eq!(client.limits(), 0, "nothing was done");
    })
    .await;
    sandbox.stop().await.unwrap();
}

#[tokio::test]
async fn bytes_that_are_no_request_end_their_own_connection_only() {
    let sandbox = Sandbox::start(Options::default()).await.unwrap();
    with(&sandbox, |client| {
        for bytes in [
            &b"\r\n\r\n"[..],
            b"GARBAGE\r\n\r\n",
            b"GET / HTTP/9.9\r\n\r\n",
            b"GET /\x01\x02 HTTP/1.1\r\n\r\n",
            b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
            b"POST /platform/limits HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\nabcde",
        ] {
            let mut stream = TcpStream::connect(client.address).unwrap();
            stream.write_all(bytes).unwrap();
            stream.shutdown(std::net::Shutdown::Write).unwrap();
            stream.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
            let mut answer = Vec::new();
            let _ = stream.read_to_end(&mut answer);
            assert!(answer.is_empty() || answer.starts_with(b"HTTP/1.1 4"), "{}", String::from_utf8_lossy(&answer));
        }
        let head = "POST /platform/limits HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-length: 99999999999\r\n\r\n";
        assert!(String::from_utf8_lossy(&client.raw(head.as_bytes())).starts_with("HTTP/1.1 413"));
        assert_eq!(client.send("GET", "/auth/info", "").status, 200);
    })
    .await;
    sandbox.stop().await.unwrap();
}

#[tokio::test]
async fn faults_and_latency_can_be_there_from_the_start() {
    let faults =
        Faults::from_json(br#"{"rules":[{"path":"/auth/*","effect":{"answer":{"status":502}}}]}"#)
            .unwrap();
    let latency = Duration::from_millis(100);
    let sandbox = Sandbox::start(Options { faults, latency, ..Options::default() }).await.unwrap();
    with(&sandbox, move |client| {
        let start = Instant::now();
        assert_eq!(client.send("GET", "/auth/info", "").status, 502);
        assert!(start.elapsed() >= latency);
    })
    .await;
    sandbox.stop().await.unwrap();
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_state_that_cannot_be_written_ends_the_sandbox_with_a_reason() {
    let folder = tempfile::tempdir().unwrap();
    let options = Options { state: Some(folder.path().to_owned()), ..Options::default() };
    let mut sandbox = Sandbox::start(options).await.unwrap();
    let working = tokio::time::timeout(Duration::from_millis(50), sandbox.failed()).await;
    assert!(working.is_err(), "it does not fail by itself");
    // The final snapshot finds no folder to go to.
    folder.close().unwrap();
    assert!(matches!(sandbox.stop().await, Err(RunError::State(_))));
}

#[tokio::test]
async fn a_name_that_somebody_bound_to_this_machine_is_not_answered() {
    let options = Options { names: vec!["platform.test".to_owned()], ..Options::default() };
    let sandbox = Sandbox::start(options).await.unwrap();
    with(&sandbox, |client| {
        let ask = |host: &str, target: &str| {
            let head = format!("GET {target} HTTP/1.1\r\n{host}connection: close\r\n\r\n");
            let answer = client.raw(head.as_bytes());
            String::from_utf8_lossy(&answer).into_owned()
        };
        for target in ["/auth/regions", "/_sandbox/state", "/"] {
            for ours in [
                "localhost",
                "LOCALHOST:1",
                "127.0.0.1",
                "127.9.9.9:80",
                "[::1]:80",
                "10.0.0.7:1",
                "platform.test:80",
            ] {
                let answer = ask(&format!("host: {ours}\r\n"), target);
                assert!(answer.starts_with("HTTP/1.1 200"), "{ours} {target}: {answer}");
            }
            for other in [
                "host: evil.example\r\n",
                "host: localhost.evil.example\r\n",
                "host: flespi.io\r\n",
                "host:\r\n",
                "",
            ] {
                let answer = ask(other, target);
                assert!(answer.starts_with("HTTP/1.1 421"), "{other} {target}: {answer}");
                assert!(answer.contains("--listen-name"), "{other} {target}: {answer}");
            }
        }
    })
    .await;
    sandbox.stop().await.unwrap();
}
