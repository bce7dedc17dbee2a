//! Hostile requests: whatever comes in, the core answers with an envelope below 500 and goes on.

use serde_json::{Value, json};

use super::{Bench, next};

/// How many requests one run makes. Long runs set `SANDBOX_FUZZ_REQUESTS`.
const REQUESTS: u64 = 20_000;

const METHODS: [&str; 9] =
    ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "TRACE", "BREW"];

const WORDS: [&str; 76] = [
    "deleted",
    "restore",
    "logs",
    "users",
    "roles",
    "identity-providers",
    "logout",
    "devices",
    "messages",
    "cid",
    "item_id=",
    "/all/",
    "/users/all/",
    "?data={\"count\":",
    "platform",
    "limits",
    "subaccounts",
    "tokens",
    "customer",
    "auth",
    "info",
    "password",
    "email",
    "update",
    "confirm",
    "revert",
    "login",
    "credentials",
    "passwordless",
    "regions",
    "_sandbox",
    "journal",
    "state",
    "clock",
    "outbox",
    "faults",
    "assumptions",
    "all",
    "cid=",
    "name=",
    "{",
    "}",
    "(",
    ")",
    "!",
    "&&",
    "||",
    "==",
    "!=",
    "<",
    ">=",
    "~",
    "*",
    "?",
    "\"",
    "'",
    "\\",
    ",",
    ".",
    "key=",
    "metadata.a.b",
    "access.type=1",
    "id",
    "0",
    "-1",
    "18446744073709551616",
    "%",
    "%2",
    "%00",
    "%ff",
    "%2F",
    "/",
    "?fields=",
    "&limit=",
    "&offset=",
    "é\u{202e}\u{0}",
];

struct Fuzz(u64);

impl Fuzz {
    fn below(&mut self, bound: usize) -> usize {
        (next(&mut self.0) % bound as u64) as usize
    }

    fn one<'a, T: ?Sized>(&mut self, of: &[&'a T]) -> &'a T {
        of[self.below(of.len())]
    }

    fn target(&mut self) -> String {
        let known = [
            "/platform/limits/",
            "/platform/subaccounts/",
            "/platform/tokens/",
            "/platform/customer",
            "/platform/deleted/",
            "/platform/realms/",
            "/platform/grants/",
            "/platform/grantors/",
            "/platform/webhooks/",
            "/platform/identity-providers/",
            "/realm/",
            "/gw/devices/",
            "/gw/groups/",
            "/storage/containers/",
            "/mqtt/messages/",
            "/auth/",
            "/_sandbox/",
            "/",
        ];
        let mut target = self.one(&known).to_owned();
        for _ in 0..self.below(7) {
            let word = self.one(&WORDS);
            target.push_str(word);
            if self.below(4) == 0 {
                target.push_str(&(200_000 + self.below(800_000)).to_string());
            }
        }
        target
    }

    fn value(&mut self, depth: usize) -> Value {
        let names = [
            "name",
            "info",
            "ttl",
            "expire",
            "access",
            "type",
            "acl",
            "uri",
            "metadata",
            "limit_id",
            "enabled",
            "ips",
            "origins",
            "email",
            "password",
            "confirmation",
            "code",
            "advance",
            "rules",
            "effect",
            "seed",
            "changes",
            "result",
            "nonsense",
            "home",
            "token_params",
            "triggers",
            "configuration",
            "topic",
            "payload",
            "retained",
            "cid",
        ];
        match self.below(if depth == 0 { 6 } else { 9 }) {
            0 => Value::Null,
            1 => json!(self.below(2) == 0),
            2 => json!(self.below(100)),
            3 => json!([i64::MIN, -1, i64::MAX, 1 << 53][self.below(4)]),
            4 => json!(self.one(&WORDS)),
            5 => json!([1e300, -0.5, 1.5][self.below(3)]),
            6 => (0..self.below(4)).map(|_| self.value(depth - 1)).collect(),
            _ => Value::Object(
                (0..self.below(5))
                    .map(|_| (self.one(&names).to_owned(), self.value(depth - 1)))
                    .collect(),
            ),
        }
    }

    fn body(&mut self) -> Vec<u8> {
        match self.below(6) {
            0 => Vec::new(),
            1 => (0..self.below(40)).map(|_| self.below(256) as u8).collect(),
            2 => json!([{"name": "x", "metadata": self.value(3)}]).to_string().into_bytes(),
            3 => json!([{"info": "x", "ttl": self.below(90), "access": self.value(3)}])
                .to_string()
                .into_bytes(),
            _ => self.value(4).to_string().into_bytes(),
        }
    }
}

#[test]
fn no_request_makes_the_core_panic_or_answer_500() {
    let requests = std::env::var("SANDBOX_FUZZ_REQUESTS")
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(REQUESTS);
    let mut fuzz = Fuzz(7);
    let mut bench = Bench::new();
    for round in 0..requests {
        // A world that has become too full or has been locked by a request is of no more use.
        if round % 5_000 == 0 {
            bench = Bench::new();
        }
        let (method, target) = (fuzz.one(&METHODS), fuzz.target());
        let root = bench.root;
        let mut asked = bench.ask(method, &target);
        match fuzz.below(8) {
            0 => asked = asked.unsigned(),
            1 => asked = asked.acting_as(root),
            2 => asked = asked.header("x-flespi-cid", fuzz.one(&WORDS)),
            3 => asked = asked.header("origin", fuzz.one(&WORDS)),
            4 => asked = asked.from("2001:db8::1"),
            _ => {}
        }
        asked.body = fuzz.body();
        let response = asked.respond();
        assert!(
            (200..500).contains(&response.status),
            "request {round}: {method} {target} gave {}",
            response.status
        );
        if response.content_type.starts_with("text/html") {
            continue;
        }
        let body: Value = serde_json::from_slice(&response.body)
            .unwrap_or_else(|error| panic!("{method} {target}: {error}"));
        assert!(body.get("result").is_some() || body.get("errors").is_some(), "{method} {target}");
        bench.world.books.take_changes();
        bench.world.journal.take_lines();
    }
}
