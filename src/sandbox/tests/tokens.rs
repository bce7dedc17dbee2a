//! Tokens: how long they live, where they may be used, and what they open.

use serde_json::{Value, json};

use super::Bench;

const INVALID: &str = "invalid or expired access token";

#[test]
fn a_call_needs_the_prefix_and_a_known_key() {
    let mut bench = Bench::new();
    let key = bench.key.clone();
    let unknown = "x".repeat(64);
    for header in [
        key.as_str(),
        &format!("Bearer {key}"),
        "FlespiToken",
        "FlespiToken ",
        &format!("FlespiToken {unknown}"),
    ] {
        let refused =
            bench.ask("GET", "/auth/info").unsigned().header("authorization", header).send();
        assert_eq!((refused.status, refused.reason()), (401, INVALID), "{}", &header[..6]);
    }
    let refused = bench.ask("GET", "/auth/info").unsigned().send();
    assert_eq!((refused.status, refused.reason()), (401, INVALID));
}

#[test]
fn a_token_needs_a_ttl_or_an_expire() {
    let mut bench = Bench::new();
    assert_eq!(bench.post("/platform/tokens", json!([{"info": "x"}])).status, 400);
    assert_eq!(bench.post("/platform/tokens", json!([{"ttl": 0, "expire": 0}])).status, 400);
    let token = bench.post("/platform/tokens", json!([{"ttl": 60}])).id();
    assert_eq!(bench.put(&format!("/platform/tokens/{token}"), json!({"ttl": 0})).status, 400);
    let expire = bench.now + 60;
    assert_eq!(
        bench.put(&format!("/platform/tokens/{token}"), json!({"ttl": 0, "expire": expire})).status,
        200
    );
}

#[test]
fn a_token_lives_while_either_condition_holds_and_is_deleted_after() {
    let mut bench = Bench::new();
    let root = bench.root;
    let expire = bench.now + 1000;
    let both = bench.token(root, json!({"ttl": 60, "expire": expire}));
    let (id, key) = (both.id(), both.key());
    bench.wait(999);
    assert_eq!(bench.ask("GET", "/auth/info").with(&key).send().status, 200, "expire still holds");
    bench.wait(59);
    assert_eq!(
        bench.ask("GET", "/auth/info").with(&key).send().status,
        200,
        "ttl counts from the last use"
    );
    bench.wait(60);
    assert_eq!(bench.get(&format!("/platform/tokens/{id}")).status, 404, "gone from lists at once");
    assert_eq!(bench.ask("GET", "/auth/info").with(&key).send().reason(), INVALID);
    let told = bench.world.books.state.log.iter().any(|record| {
        record.origin_id == id
            && record.note.as_deref() == Some("token has been expired and deleted")
    });
    assert!(told);
}

#[test]
fn each_use_moves_accessed() {
    let mut bench = Bench::new();
    bench.wait(100);
    let info = bench.get("/auth/info");
    assert_eq!(info.row()["accessed"], json!(bench.now));
    assert!(info.row().get("key").is_none());
}

#[test]
fn the_virtual_clock_makes_tokens_lapse() {
    let mut bench = Bench::new();
    let root = bench.root;
    let key = bench.master(root);
    assert_eq!(
        bench
            .ask("POST", "/_sandbox/clock")
            .unsigned()
            .body(json!({"advance": 3600}))
            .send()
            .status,
        200
    );
    assert_eq!(bench.ask("GET", "/auth/info").with(&key).send().status, 401);
}

#[test]
fn a_key_is_64_letters_and_digits_and_later_only_read_when_asked_for() {
    let mut bench = Bench::new();
    let created = bench.post("/platform/tokens", json!([{"ttl": 60}]));
    let (id, key) = (created.id(), created.key());
    assert!(key.len() == 64 && key.bytes().all(|byte| byte.is_ascii_alphanumeric()));
    let fields: Vec<&String> = created.row().as_object().unwrap().keys().collect();
    assert_eq!(
        fields,
        ["access", "cid", "created", "enabled", "expire", "id", "info", "ips", "key", "ttl"]
    );
    assert!(bench.get(&format!("/platform/tokens/{id}")).row().get("key").is_none());
    assert_eq!(
        bench.get(&format!("/platform/tokens/{id}?fields=id,key")).row(),
        &json!({"id": id, "key": key})
    );
    assert_eq!(bench.get(&format!("/platform/tokens/key={key}?fields=id")).ids(), [id]);
}

#[test]
fn a_key_can_be_made_unreadable_after_its_creation() {
    let mut bench = Bench::assuming(&["token-key-on-read=never"]);
    let created = bench.post("/platform/tokens", json!([{"ttl": 60}]));
    assert_eq!(created.key().len(), 64);
    assert!(
        bench
            .get(&format!("/platform/tokens/{}?fields=id,key", created.id()))
            .row()
            .get("key")
            .is_none()
    );
}

#[test]
fn only_a_master_token_opens_the_platform() {
    let mut bench = Bench::new();
    let root = bench.root;
    let acl = json!({"access": {"type": 2, "acl": [{"uri": "gw/devices", "methods": ["GET"], "ids": "all"}]}});
    for fields in [json!({"access": {"type": 0}}), acl] {
        let key = bench.token(root, fields).key();
        assert_eq!(bench.ask("GET", "/platform/tokens/all").with(&key).send().status, 403);
        assert_eq!(bench.ask("GET", "/auth/info").with(&key).send().status, 200);
    }
}

#[test]
fn an_internal_token_is_listed_and_cannot_be_used() {
    let mut bench = Bench::new();
    let internal = bench.get("/platform/tokens/access.type=3?fields=id,key,info");
    assert_eq!(internal.row()["info"], "internal");
    assert_eq!(bench.ask("GET", "/auth/info").with(&internal.key()).send().status, 403);
}

#[test]
fn a_disabled_token_is_refused_but_may_look_at_itself() {
    let mut bench = Bench::new();
    let root = bench.root;
    let key = bench.token(root, json!({"enabled": false})).key();
    assert_eq!(bench.ask("GET", "/platform/limits/all").with(&key).send().status, 403);
    assert_eq!(bench.ask("GET", "/auth/info").with(&key).send().row()["enabled"], json!(false));
}

#[test]
fn a_token_is_bound_to_the_addresses_of_its_masks() {
    let mut bench = Bench::new();
    let root = bench.root;
    let key = bench.token(root, json!({"ips": "10.100.15.*, 110.160.56.1?"})).key();
    for (peer, status) in [
        ("10.100.15.7", 200),
        ("110.160.56.15", 200),
        ("::ffff:10.100.15.7", 200),
        ("10.100.16.7", 401),
    ] {
        assert_eq!(
            bench.ask("GET", "/auth/info").with(&key).from(peer).send().status,
            status,
            "{peer}"
        );
    }
    let refused = bench.ask("GET", "/auth/info").with(&key).send();
    assert_eq!((refused.status, refused.reason()), (401, "using token from unauthorized location"));
}

#[test]
fn origins_bind_browsers_only() {
    let mut bench = Bench::new();
    let root = bench.root;
    let some = bench
        .token(root, json!({"origins": ["https://*.example.com", {"preset": "flespi"}]}))
        .key();
    let none = bench.token(root, json!({"origins": []})).key();
    for (origin, status) in
        [("https://a.example.com", 200), ("https://flespi.io", 200), ("https://evil.com", 401)]
    {
        assert_eq!(
            bench.ask("GET", "/auth/info").with(&some).header("origin", origin).send().status,
            status,
            "{origin}"
        );
        assert_eq!(
            bench.ask("GET", "/auth/info").with(&none).header("origin", origin).send().status,
            401
        );
    }
    assert_eq!(bench.ask("GET", "/auth/info").with(&none).send().status, 200);
}

#[test]
fn access_that_the_platform_does_not_know_is_refused() {
    let mut bench = Bench::new();
    let entry = |entry: Value| json!({"type": 2, "acl": [entry]});
    for access in [
        json!(1),
        json!({}),
        json!({"type": 3}),
        json!({"type": 2}),
        json!({"type": 1, "acl": []}),
        json!({"type": 2, "extra": 1}),
        entry(json!({"uri": "platform/tokens", "methods": ["GET"]})),
        entry(json!({"uri": "tokens"})),
        entry(json!({"uri": "gw/spaceships"})),
        entry(json!({"uri": "gw/devices", "methods": ["FLY"]})),
        entry(json!({"uri": "gw/devices", "ids": "some"})),
        entry(json!({"uri": "gw/devices", "submodules": [{"methods": ["GET"]}]})),
        entry(json!({"uri": "mqtt", "topic": "flespi/state/#", "actions": ["subscribe"]})),
    ] {
        let refused = bench.post("/platform/tokens", json!([{"ttl": 60, "access": access}]));
        assert_eq!((refused.status, refused.code()), (400, 2), "{access}");
    }
    for access in [
        json!({"type": 2, "acl": [], "templating": true}),
        entry(json!({"uri": "gw", "methods": ["GET"]})),
        entry(
            json!({"uri": "gw/devices", "methods": ["GET"], "ids": "in-groups", "submodules": [{"name": "messages", "methods": ["GET"]}]}),
        ),
        entry(json!({"uri": "mqtt", "topic": "/site/7/#", "actions": ["publish", "subscribe"]})),
    ] {
        let created = bench.post("/platform/tokens", json!([{"ttl": 60, "access": access}]));
        assert_eq!(created.row()["access"], access, "stored as given");
    }
}

#[test]
fn a_token_without_access_is_a_standard_one() {
    let mut bench = Bench::new();
    assert_eq!(
        bench.post("/platform/tokens", json!([{"ttl": 60}])).row()["access"],
        json!({"type": 0})
    );
}

#[test]
fn calls_beyond_the_rate_are_answered_429_until_the_minute_is_over() {
    for (assumption, header) in [("retry-after=present", Some("50")), ("retry-after=absent", None)]
    {
        let mut bench = Bench::assuming(&[assumption]);
        bench.world.meter.calls_per_minute = Some(2);
        assert_eq!(bench.get("/auth/info").status, 200);
        bench.wait(10);
        assert_eq!(bench.get("/auth/info").status, 200);
        let refused = bench.get("/auth/info");
        assert_eq!(refused.status, 429);
        let retry = refused
            .headers
            .iter()
            .find(|(name, _)| *name == "retry-after")
            .map(|(_, value)| value.as_str());
        assert_eq!(retry, header);
        bench.wait(50);
        assert_eq!(bench.get("/auth/info").status, 200);
    }
}

#[test]
fn a_browser_may_show_an_answer_to_the_origins_of_the_token_only() {
    let mut bench = Bench::new();
    let root = bench.root;
    let key = bench.token(root, json!({"origins": ["https://*.example.com"]})).key();
    let preflight = bench
        .ask("OPTIONS", "/gw/devices/all")
        .unsigned()
        .header("origin", "https://a.example.com")
        .header("access-control-request-method", "GET")
        .send();
    let header = |reply: &super::Reply, name: &str| {
        reply.headers.iter().find(|(key, _)| *key == name).map(|(_, value)| value.clone())
    };
    assert_eq!(preflight.status, 200);
    assert!(header(&preflight, "access-control-allow-headers").unwrap().contains("authorization"));
    for (origin, seen) in [("https://a.example.com", true), ("https://evil.com", false)] {
        let reply = bench.ask("GET", "/auth/info").with(&key).header("origin", origin).send();
        let allowed = header(&reply, "access-control-allow-origin");
        assert_eq!(allowed.is_some_and(|allowed| allowed == origin), seen, "{origin}");
    }
    let plain = bench.get("/auth/info");
    assert_eq!(header(&plain, "access-control-allow-origin"), None);
}
