//! The platform's article on tokens, read aloud to the sandbox: what it says under "Troubleshooting", "Allowed origins",
//! "IP whitelist", "How tokens work" and "Blocking tokens", as the requests that a person would make.

use serde_json::{Value, json};

use crate::support::World;

/// A token of the root account with `fields` on top of an hour of ttl: id and key.
fn token(world: &World, fields: &Value) -> (u64, String) {
    let mut token = json!({"ttl": 3600, "access": {"type": 1}});
    token.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    let made = world.api("POST", "/platform/tokens", Some(&json!([token])));
    (made[0]["id"].as_u64().unwrap(), made[0]["key"].as_str().unwrap().to_owned())
}

/// `curl -H "NAME: VALUE" ... PATH`: status and the reason of a refusal, if it is one.
fn curl(world: &World, method: &str, path: &str, headers: &[(&str, &str)]) -> (u16, String) {
    let headers: Vec<_> =
        headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let (status, answer) = world.send(method, path, &headers, "");
    (status, answer["errors"][0]["reason"].as_str().unwrap_or_default().to_owned())
}

fn signed(key: &str) -> String {
    format!("FlespiToken {key}")
}

fn advance(world: &World, seconds: u64) {
    let (status, _) =
        world.call("POST", "/_sandbox/clock", None, None, Some(&json!({"advance": seconds})));
    assert_eq!(status, 200);
}

const INVALID: &str = "invalid or expired access token";

#[test]
fn a_header_that_is_missed_a_prefix_that_is_missed_and_a_key_that_is_wrong_are_one_error() {
    let world = World::new();
    let key = world.token();
    for headers in [
        vec![],
        vec![("authorization", key.clone())],
        vec![("authorization", format!("Bearer {key}"))],
        vec![("authorization", signed(&"x".repeat(64)))],
    ] {
        let headers: Vec<_> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let answer = curl(&world, "GET", "/platform/tokens/all", &headers);
        assert_eq!(answer, (401, INVALID.to_owned()), "{}", headers.len());
    }
    assert_eq!(
        curl(&world, "GET", "/platform/tokens/all", &[("authorization", &signed(&key))]).0,
        200
    );
}

#[test]
fn a_token_that_expired_is_refused_and_deleted_and_the_log_says_so() {
    let world = World::new();
    let (id, key) = token(&world, &json!({"ttl": 60}));
    assert_eq!(curl(&world, "GET", "/auth/info", &[("authorization", &signed(&key))]).0, 200);
    advance(&world, 61);
    let answer = curl(&world, "GET", "/auth/info", &[("authorization", &signed(&key))]);
    assert_eq!(answer, (401, INVALID.to_owned()));
    let (status, _) =
        world.call("GET", &format!("/platform/tokens/{id}"), Some(&world.token()), None, None);
    assert_eq!(status, 404);
}

#[test]
fn a_token_from_the_wrong_address_is_unauthorized() {
    let world = World::new();
    let (_, abroad) = token(&world, &json!({"ips": "10.100.15.*, 110.160.56.1?, 182.15.48.5"}));
    let answer =
        curl(&world, "GET", "/platform/tokens/all", &[("authorization", &signed(&abroad))]);
    assert_eq!(answer, (401, "using token from unauthorized location".to_owned()));
    let (_, home) = token(&world, &json!({"ips": "10.100.15.*, 127.0.0.?"}));
    assert_eq!(
        curl(&world, "GET", "/platform/tokens/all", &[("authorization", &signed(&home))]).0,
        200
    );
}

#[test]
fn origins_bind_browsers_and_an_empty_list_keeps_them_out() {
    let world = World::new();
    let status = |origins: &Value, origin: Option<&str>| {
        let fields = if origins.is_null() { json!({}) } else { json!({"origins": origins}) };
        let authorization = signed(&token(&world, &fields).1);
        let mut headers = vec![("authorization", authorization.as_str())];
        headers.extend(origin.map(|origin| ("origin", origin)));
        curl(&world, "GET", "/platform/tokens/all", &headers).0
    };
    let custom = json!([
        "http://localhost:1234",
        "https://*.subdomain.domain",
        "custom7://te?t.example.com"
    ]);
    for (origins, origin, expected) in [
        (&Value::Null, "https://any.example", 200),
        (&custom, "http://localhost:1234", 200),
        (&custom, "http://localhost:1235", 401),
        (&custom, "https://a.subdomain.domain", 200),
        (&custom, "https://a.elsewhere.domain", 401),
        (&custom, "custom7://test.example.com", 200),
        (&json!([{"preset": "flespi"}]), "https://flespi.io", 200),
        (&json!([]), "https://flespi.io", 401),
    ] {
        assert_eq!(status(origins, Some(origin)), expected, "{origins} {origin}");
    }
    assert_eq!(status(&json!([]), None), 200, "a back end sends no origin");
}

#[test]
fn a_disabled_token_does_nothing_until_it_is_enabled() {
    let world = World::new();
    let (id, key) = token(&world, &json!({}));
    let set = |enabled: bool| {
        world.api("PUT", &format!("/platform/tokens/{id}"), Some(&json!({"enabled": enabled})));
        curl(&world, "GET", "/platform/tokens/all", &[("authorization", &signed(&key))]).0
    };
    assert_eq!((set(false), set(true)), (403, 200));
}

#[test]
fn a_token_that_may_post_devices_may_not_read_those_it_made() {
    let world = World::new();
    let acl = json!([{"uri": "gw/devices", "methods": ["POST"], "ids": "all"}]);
    let (_, key) = token(&world, &json!({"access": {"type": 2, "acl": acl}}));
    let device = json!([{"name": "van", "device_type_id": 1, "configuration": {"ident": "1"}}]);
    let (status, made) = world.call("POST", "/gw/devices", Some(&key), None, Some(&device));
    assert_eq!(status, 200, "{made}");
    let authorization = signed(&key);
    for path in ["/gw/devices/all".to_owned(), format!("/gw/devices/{}", made["result"][0]["id"])] {
        assert_eq!(
            curl(&world, "GET", &path, &[("authorization", &authorization)]).0,
            403,
            "{path}"
        );
    }
}

#[test]
fn a_deleted_token_comes_back_within_thirty_days_and_not_after() {
    let day = 24 * 3600;
    for (days, expected) in [(29, true), (31, false)] {
        let world = World::new();
        // The root's own token has to outlast the wait.
        let (id, key) = token(&world, &json!({"ttl": 90 * day}));
        world.api("DELETE", &format!("/platform/tokens/{id}"), None);
        assert_eq!(curl(&world, "GET", "/auth/info", &[("authorization", &signed(&key))]).0, 401);
        advance(&world, days * day);
        let bin = world.api("GET", &format!("/platform/deleted/item_id={id}?fields=id"), None);
        assert_eq!(bin.len() == 1, expected, "after {days} days");
        if let Some(record) = bin.first() {
            world.api("POST", &format!("/platform/deleted/{}/restore", record["id"]), None);
            assert_eq!(
                curl(&world, "GET", "/auth/info", &[("authorization", &signed(&key))]).0,
                200
            );
        }
    }
}
