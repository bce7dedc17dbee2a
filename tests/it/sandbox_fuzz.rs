//! Bytes of all kinds over real connections: every request gets an answer below 500 or a closed connection, none waits
//! for ever, and the sandbox works on. `SANDBOX_FUZZ_REQUESTS` makes the run longer.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use flespi_gitops::sandbox::{Options, Sandbox};
use flespi_gitops::secret::ExposeSecret;

const REQUESTS: usize = 3_000;

/// A request without an answer for this long hangs.
const PATIENCE: Duration = Duration::from_secs(30);

const METHODS: [&str; 8] = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "BREW"];

const PIECES: [&str; 34] = [
    "platform",
    "gw",
    "storage",
    "auth",
    "realm",
    "limits",
    "subaccounts",
    "tokens",
    "customer",
    "realms",
    "users",
    "deleted",
    "restore",
    "logs",
    "devices",
    "grants",
    "webhooks",
    "info",
    "login",
    "all",
    "name=",
    "%7B",
    "%7D",
    "==%22",
    "%26%26",
    "~",
    "*",
    "%00",
    "%",
    "?fields=",
    "&limit=",
    "&data=%7B%22count%22:",
    "1",
    "18446744073709551616",
];

const BODIES: [&str; 10] = [
    "",
    "[",
    "[{}]",
    "{}",
    "null",
    "[{\"name\":\"x\"}]",
    "[{\"ttl\":60,\"access\":{\"type\":2,\"acl\":[{}]}}]",
    "{\"metadata\":{\"a\":[1,{\"b\":null}]}}",
    "{\"password\":\"0123456789abcdef\"}",
    "\u{feff}\"\\ud800\"",
];

const HEADERS: [&str; 9] = [
    "x-flespi-cid: 0",
    "x-flespi-cid: x",
    "x-flespi-app: \u{e9}",
    "origin: null",
    "expect: 100-continue",
    "transfer-encoding: chunked",
    "content-encoding: gzip",
    "connection: upgrade",
    "host:",
];

struct Fuzz(u64);

impl Fuzz {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        ((self.0 >> 33) % bound as u64) as usize
    }

    /// A request, and whether it is a whole one that must be answered.
    fn request(&mut self, token: &str) -> (Vec<u8>, bool) {
        let mut target = String::new();
        for _ in 0..=self.below(6) {
            target += ["/", "/", "/", ""][self.below(4)];
            target += PIECES[self.below(PIECES.len())];
        }
        let body = BODIES[self.below(BODIES.len())];
        let method = METHODS[self.below(METHODS.len())];
        let mut head = format!("{method} /{target} HTTP/1.1\r\nhost: localhost\r\n");
        if self.below(8) > 0 {
            head += &format!("authorization: FlespiToken {token}\r\n");
        }
        let is_odd = self.below(4) == 0;
        if is_odd {
            head += HEADERS[self.below(HEADERS.len())];
            head += "\r\n";
        }
        let is_short = self.below(20) == 0;
        let length = body.len() + if is_short { 3 } else { 0 };
        head += &format!("connection: close\r\ncontent-length: {length}\r\n\r\n");
        let mut bytes = format!("{head}{body}").into_bytes();
        let is_mangled = self.below(20) == 0;
        if is_mangled {
            let at = self.below(bytes.len());
            bytes[at] = self.below(256) as u8;
        }
        (bytes, !(is_odd || is_short || is_mangled))
    }
}

/// The status of the answer, `None` for a connection that was closed without one.
fn send(address: &str, bytes: &[u8], is_whole: bool) -> Option<u16> {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    // The other side may close before everything is written.
    let _ = stream.write_all(bytes);
    if !is_whole {
        // It may wait for more, which does not come.
        let _ = stream.shutdown(std::net::Shutdown::Write);
    }
    let mut answer = Vec::new();
    if let Err(error) = stream.read_to_end(&mut answer) {
        let hangs = matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut);
        assert!(!hangs, "no answer to {}", String::from_utf8_lossy(bytes));
    }
    let text = String::from_utf8_lossy(&answer);
    // An interim answer comes before the real one.
    let text = text.strip_prefix("HTTP/1.1 100 Continue\r\n\r\n").unwrap_or(&text);
    text.split(' ').nth(1).and_then(|status| status.parse().ok())
}

#[test]
fn no_bytes_make_the_sandbox_fail_hang_or_die() {
    let requests = std::env::var("SANDBOX_FUZZ_REQUESTS").ok().and_then(|text| text.parse().ok());
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let sandbox = runtime.block_on(Sandbox::start(Options::default())).unwrap();
    let address = sandbox.url().strip_prefix("http://").unwrap().to_owned();
    let token = sandbox.token().expose_secret().to_owned();
    let mut fuzz = Fuzz(42);
    for round in 0..requests.unwrap_or(REQUESTS) {
        let (bytes, is_whole) = fuzz.request(&token);
        let status = send(&address, &bytes, is_whole);
        let text = String::from_utf8_lossy(&bytes);
        let is_fine = status.map_or(!is_whole, |status| status < 500);
        assert!(is_fine, "request {round}: {status:?} for {text}");
    }
    let plain = b"GET /auth/regions HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";
    assert_eq!(send(&address, plain, true), Some(200));
    runtime.block_on(sandbox.stop()).unwrap();
}
