//! The page for people, and what it is fed with.

use serde_json::{Value, json};

use crate::support::World;

#[test]
fn the_page_is_whole_and_asks_nobody_else_for_anything() {
    let world = World::new();
    let (head, page) = world.page("/");
    assert!(
        head.iter().any(|(name, value)| name == "content-type" && value.starts_with("text/html"))
    );
    let policy = head.iter().find(|(name, _)| name == "content-security-policy").unwrap();
    assert!(policy.1.contains("default-src 'none'"), "{policy:?}");
    assert!(page.starts_with("<!doctype html>") && page.trim_end().ends_with("</html>"));
    for foreign in ["http://", "https://", "src=", "innerHTML"] {
        assert!(!page.contains(foreign), "the page holds `{foreign}`");
    }
}

#[test]
fn the_overview_tells_use_and_time_left_and_no_secret() {
    let world = World::new();
    let limit =
        world.api("POST", "/platform/limits", Some(&json!([{"name": "small", "tokens_count": 5}])));
    let body = json!([{"name": "ACME", "limit_id": limit[0]["id"]}]);
    let account =
        world.api("POST", "/platform/subaccounts", Some(&body))[0]["id"].as_i64().unwrap();
    let body = json!([{"info": "gate", "ttl": 600, "access": {"type": 0}}]);
    world.call("POST", "/platform/tokens", Some(&world.token()), Some(account), Some(&body));
    let (status, answer) = world.call("GET", "/_sandbox/overview", None, None, None);
    let overview = &answer["result"][0];
    assert_eq!((status, &overview["totals"]["accounts"]), (200, &json!(2)));
    let find = |list: &str, name: &str, value: Value| {
        let rows = overview[list].as_array().unwrap();
        rows.iter().find(|row| row[name] == value).cloned().unwrap()
    };
    let acme = find("accounts", "name", json!("ACME"));
    assert_eq!(
        (&acme["limit"], &acme["limits"]["tokens_count"], &acme["counters"]["tokens_count"]),
        (&json!("small"), &json!(5), &json!(1))
    );
    let gate = find("tokens", "info", json!("gate"));
    assert!((1..=600).contains(&gate["left"].as_u64().unwrap()), "{gate}");
    let (_, state) = world.call("GET", "/_sandbox/state", None, None, None);
    let changes = state["result"][0]["changes"].as_array().unwrap();
    let keys: Vec<&str> =
        changes.iter().filter_map(|change| change["put"]["item"]["key"].as_str()).collect();
    assert!(keys.len() > 1, "there are keys to look for");
    let text = answer.to_string();
    assert!(keys.iter().all(|key| !text.contains(key)));
}

#[test]
fn the_overview_and_the_journal_give_no_more_than_asked_for() {
    let world = World::new();
    let accounts: Vec<Value> = (0..20).map(|index| json!({"name": index.to_string()})).collect();
    world.api("POST", "/platform/subaccounts", Some(&json!(accounts)));
    let (_, answer) = world.call("GET", "/_sandbox/overview?limit=5", None, None, None);
    let overview = &answer["result"][0];
    assert_eq!(overview["accounts"].as_array().unwrap().len(), 5);
    assert_eq!(overview["totals"]["accounts"], 21);
    world.count("subaccounts");
    world.count("limits");
    let (_, answer) = world.call("GET", "/_sandbox/journal?last=1", None, None, None);
    let paths: Vec<_> =
        answer["result"].as_array().unwrap().iter().map(|row| &row["path"]).collect();
    assert_eq!(paths, ["/platform/limits/all"]);
}
