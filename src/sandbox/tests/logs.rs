//! Logs: who did what to which item, and which calls were signed with which token.

use serde_json::{Value, json};

use super::{Bench, Reply};

fn logs(bench: &mut Bench, path: &str, data: Value) -> Reply {
    let data: String = data.to_string().bytes().map(|byte| format!("%{byte:02x}")).collect();
    bench.get(&format!("{path}/logs?data={data}"))
}

fn texts(reply: &Reply) -> Vec<&str> {
    reply.rows().iter().filter_map(|row| row["event_text"].as_str()).collect()
}

#[test]
fn an_items_log_tells_its_creation_and_its_changes_before_and_after() {
    let mut bench = Bench::new();
    let root = bench.root;
    let limit = bench.limit(root, "old name");
    let path = format!("/platform/limits/{limit}");
    bench.wait(5);
    bench
        .ask("PUT", &path)
        .header("x-flespi-app", "the app")
        .body(json!({"name": "new name"}))
        .send();
    let seen = logs(&mut bench, &path, json!({}));
    assert_eq!(texts(&seen), ["item created", "item updated"]);
    let change = &seen.rows()[1];
    assert_eq!(
        (&change["old"]["name"], &change["new"]["name"]),
        (&json!("old name"), &json!("new name"))
    );
    assert_eq!((&change["origin_type"], &change["origin_id"]), (&json!(4), &json!(limit)));
    assert_eq!((&change["app"], &change["method"]), (&json!("the app"), &json!("PUT")));
    assert_eq!((&change["uri"], &change["host"]), (&json!(path), &json!("127.0.0.1")));
    assert_eq!(change["timestamp"], json!(bench.now));
    assert_eq!(change["token_id"], json!(bench.world.books.state.root_token));
}

#[test]
fn a_query_narrows_turns_and_cuts_the_log() {
    let mut bench = Bench::new();
    let root = bench.root;
    let start = bench.now;
    let limit = bench.limit(root, "0");
    let path = format!("/platform/limits/{limit}");
    for step in 1..=4 {
        bench.wait(10);
        bench.put(&path, json!({"name": step.to_string()}));
    }
    let names = |reply: &Reply| -> Vec<String> {
        reply.rows().iter().map(|row| row["new"]["name"].as_str().unwrap().to_owned()).collect()
    };
    for (query, expected) in [
        (json!({"count": 2}), vec!["0", "1"]),
        (json!({"count": 2, "reverse": true}), vec!["4", "3"]),
        (json!({"from": start + 10, "to": start + 20}), vec!["1", "2"]),
        (json!({"filter": "new.name == \"3\" || event_code == 1"}), vec!["0", "3"]),
    ] {
        assert_eq!(names(&logs(&mut bench, &path, query.clone())), expected, "{query}");
    }
    let few = logs(&mut bench, &path, json!({"count": 1, "fields": "timestamp, event_code"}));
    assert_eq!(few.row(), &json!({"timestamp": start, "event_code": 1}));
    for bad in [json!([]), json!({"filter": "("}), json!({"count": "x"})] {
        assert_eq!(logs(&mut bench, &path, bad).status, 400);
    }
    assert_eq!(bench.get(&format!("{path}/logs?data=nonsense")).status, 400);
    assert_eq!(logs(&mut bench, "/platform/limits/1", json!({})).status, 404);
}

#[test]
fn a_tokens_log_holds_the_calls_that_were_signed_with_it() {
    let mut bench = Bench::new();
    let root = bench.root;
    let token = bench.token(root, json!({}));
    let key = token.key();
    bench.ask("GET", "/platform/limits/all?limit=5").with(&key).send();
    let seen = logs(&mut bench, &format!("/platform/tokens/{}", token.id()), json!({}));
    assert_eq!(texts(&seen), ["item created", "api call"]);
    assert_eq!(seen.rows()[1]["uri"], json!("/platform/limits/all?limit=5"));
    assert!(!seen.body.to_string().contains(&key), "no log holds a key");
}

#[test]
fn the_accounts_log_tells_that_a_token_expired_and_was_deleted() {
    let mut bench = Bench::new();
    let root = bench.root;
    let token = bench.token(root, json!({"ttl": 60})).id();
    bench.wait(61);
    let query =
        json!({"item_type": 33, "filter": format!("origin_id == {token}"), "reverse": true});
    let seen = logs(&mut bench, "/platform/customer", query);
    assert_eq!(texts(&seen), ["token has been expired and deleted", "item created"]);
    assert_eq!(seen.rows()[0]["event_code"], 600);
}

#[test]
fn the_accounts_log_tells_of_items_only_when_their_type_is_asked_for() {
    for (assumption, kinds) in [("customer-log-items=item-type", 1), ("customer-log-items=all", 2)]
    {
        let mut bench = Bench::assuming(&[assumption]);
        let root = bench.root;
        bench.limit(root, "x");
        let has = |seen: &Reply, code: u64| seen.rows().iter().any(|row| row["event_code"] == code);
        for query in [json!({}), json!({"item_type": 0})] {
            let seen = logs(&mut bench, "/platform/customer", query);
            assert!(has(&seen, 1000), "{assumption}");
            assert_eq!(has(&seen, 1), kinds == 2, "{assumption}");
        }
        let seen = logs(&mut bench, "/platform/customer", json!({"item_type": 4}));
        assert!(has(&seen, 1), "{assumption}");
        assert_eq!(has(&seen, 1000), kinds == 2, "{assumption}");
        let wrong = logs(&mut bench, "/platform/customer", json!({"item_type": "limits"}));
        assert_eq!(wrong.status, 400);
    }
}

#[test]
fn the_log_of_an_account_is_its_own_unless_told_otherwise() {
    for (assumption, expected) in [("customer-logs=account", 0), ("customer-logs=branch", 1)] {
        let mut bench = Bench::assuming(&[assumption]);
        let root = bench.root;
        let child = bench.account(root, "child");
        bench.limit(child, "inner");
        let seen = logs(&mut bench, "/platform/customer", json!({"item_type": 4}));
        assert_eq!(seen.rows().len(), expected, "{assumption}");
    }
}

#[test]
fn long_items_and_old_records_leave_the_log() {
    let mut bench = Bench::new();
    let long = "x".repeat(10_000);
    let limit = bench.post("/platform/limits", json!([{"name": "x", "description": long}])).id();
    let seen = logs(&mut bench, &format!("/platform/limits/{limit}"), json!({}));
    assert_eq!(seen.row().get("new"), None);
    let names: Vec<Value> = (0..25_000).map(|_| json!({"name": "x"})).collect();
    bench.post("/platform/limits", Value::Array(names));
    assert_eq!(bench.world.books.state.log.len(), 20_000);
}
