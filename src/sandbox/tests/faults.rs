//! Faults and the journal, as the core decides them.

use serde_json::{Value, json};

use super::Bench;

fn plan(bench: &mut Bench, rule: Value) {
    let put = bench.ask("PUT", "/_sandbox/faults").unsigned().body(json!({"rules": [rule]})).send();
    assert_eq!(put.status, 200, "{:?}", put.body);
}

#[test]
fn an_answer_in_place_of_the_world_changes_nothing() {
    let mut bench = Bench::new();
    plan(
        &mut bench,
        json!({"method": "POST", "count": 1, "effect": {"answer": {"status": 503, "retry_after": 7}}}),
    );
    let refused = bench.post("/platform/limits", json!([{"name": "x"}]));
    assert_eq!(refused.status, 503);
    assert!(refused.headers.contains(&("retry-after", "7".to_owned())));
    assert!(bench.get("/platform/limits/all").rows().is_empty());
    assert_eq!(bench.post("/platform/limits", json!([{"name": "x"}])).status, 200, "once only");
}

#[test]
fn a_cut_before_does_nothing_and_a_cut_after_does_everything() {
    for (effect, count) in [("cut_before", 0), ("cut_after", 1)] {
        let mut bench = Bench::new();
        plan(&mut bench, json!({"method": "POST", "effect": effect}));
        let response = bench.ask("POST", "/platform/limits").body(json!([{"name": "x"}])).respond();
        assert!(response.delivery.cut);
        assert_eq!(bench.get("/platform/limits/all").rows().len(), count, "{effect}");
        let journal = bench.ask("GET", "/_sandbox/journal").unsigned().send();
        let cut = &journal.rows()[0];
        assert_eq!((&cut["status"], &cut["fault"]), (&Value::Null, &json!([effect])));
    }
}

#[test]
fn a_page_can_lie() {
    let mut bench = Bench::new();
    let root = bench.root;
    bench.limit(root, "x");
    plan(&mut bench, json!({"effect": "lost_rows"}));
    let page = bench.get("/platform/limits/all?limit=10");
    assert_eq!(
        (page.status, page.rows().len(), &page.body["pagination"]["count"]),
        (200, 0, &json!(1))
    );
    plan(&mut bench, json!({"effect": {"wrong_count": {"by": 5}}}));
    assert_eq!(bench.get("/platform/limits/all?limit=10").body["pagination"]["count"], json!(6));
}

#[test]
fn later_pages_can_be_lost_while_the_first_arrives() {
    let mut bench = Bench::new();
    let root = bench.root;
    for name in ["x", "y", "z"] {
        bench.limit(root, name);
    }
    plan(&mut bench, json!({"effect": {"lost_pages": {"after": 2}}}));
    let page = |bench: &mut Bench, offset: u64| {
        let page = bench.get(&format!("/platform/limits/all?limit=2&offset={offset}"));
        (page.rows().len(), page.body["pagination"]["count"].clone())
    };
    assert_eq!(page(&mut bench, 0), (2, json!(3)));
    assert_eq!(page(&mut bench, 2), (0, json!(3)));
}

#[test]
fn retry_after_can_be_missing_a_number_or_a_date() {
    let date = "Wed, 21 Oct 2026 07:28:00 GMT";
    for (given, header) in [
        (Value::Null, None),
        (json!(7), Some("7".to_owned())),
        (json!(date), Some(date.to_owned())),
    ] {
        let mut bench = Bench::new();
        plan(&mut bench, json!({"effect": {"answer": {"status": 429, "retry_after": given}}}));
        let refused = bench.get("/platform/limits/all");
        let sent = refused.headers.into_iter().find(|(name, _)| *name == "retry-after");
        assert_eq!((refused.status, sent.map(|(_, value)| value)), (429, header));
    }
}

#[test]
fn an_answer_can_be_json_and_not_the_envelope() {
    let mut bench = Bench::new();
    plan(&mut bench, json!({"effect": "wrong_shape"}));
    assert!(!bench.get("/platform/limits/all").body["result"].is_array());
}

#[test]
fn the_list_of_faults_tells_what_struck_and_what_there_is() {
    let mut bench = Bench::new();
    plan(&mut bench, json!({"name": "late", "effect": {"delay": {"milliseconds": 1}}}));
    bench.get("/platform/limits/all");
    let listed = bench.ask("GET", "/_sandbox/faults").unsigned().send();
    let rule = &listed.row()["rules"][0];
    assert_eq!((&rule["name"], &rule["struck"]), (&json!("late"), &json!(1)));
    let effects = listed.row()["effects"].as_array().unwrap();
    assert!(effects.iter().any(|entry| entry["effect"]["refuse"].is_object()), "{effects:?}");
}

#[test]
fn a_fault_can_be_meant_for_one_account() {
    let mut bench = Bench::new();
    let root = bench.root;
    let child = bench.account(root, "c");
    plan(&mut bench, json!({"cid": child, "effect": {"answer": {"status": 500}}}));
    assert_eq!(bench.get("/platform/limits/all").status, 200);
    assert_eq!(bench.ask("GET", "/platform/limits/all").acting_as(child).send().status, 500);
}

#[test]
fn the_journal_tells_who_did_what_in_order_and_can_be_emptied() {
    let mut bench = Bench::new();
    let root = bench.root;
    let child = bench.account(root, "c");
    bench
        .ask("GET", "/platform/limits/all?fields=id")
        .acting_as(child)
        .header("x-flespi-trace", "t1")
        .send();
    bench.ask("GET", "/auth/info").unsigned().send();
    let journal = bench.ask("GET", "/_sandbox/journal").unsigned().send();
    let told: Vec<Value> = journal
        .rows()
        .iter()
        .map(|entry| {
            json!([entry["seq"], entry["method"], entry["path"], entry["cid"], entry["status"]])
        })
        .collect();
    assert_eq!(
        told,
        [
            json!([1, "POST", "/platform/subaccounts", root, 200]),
            json!([2, "GET", "/platform/limits/all?fields=id", child, 200]),
            json!([3, "GET", "/auth/info", null, 401]),
        ]
    );
    assert_eq!(journal.rows()[1]["trace"], "t1");
    assert_eq!(bench.ask("GET", "/_sandbox/journal?since=2").unsigned().send().rows().len(), 1);
    bench.ask("DELETE", "/_sandbox/journal").unsigned().send();
    assert!(bench.ask("GET", "/_sandbox/journal").unsigned().send().rows().is_empty());
}

#[test]
fn a_page_of_another_origin_cannot_reach_the_controls() {
    let mut bench = Bench::new();
    for (origin, status) in
        [("http://127.0.0.1:80", 200), ("https://evil.example", 403), ("null", 403)]
    {
        let asked = bench
            .ask("GET", "/_sandbox/state")
            .unsigned()
            .header("host", "127.0.0.1:80")
            .header("origin", origin);
        assert_eq!(asked.send().status, status, "{origin}");
    }
}

#[test]
fn every_assumption_is_listed_with_its_value() {
    let mut bench = Bench::assuming(&["missing-id=200"]);
    let listed = bench.ask("GET", "/_sandbox/assumptions").unsigned().send();
    let entry = listed.rows().iter().find(|entry| entry["name"] == "missing-id").unwrap();
    assert_eq!(
        (&entry["number"], &entry["value"], &entry["default"]),
        (&json!(3), &json!("200"), &json!("404"))
    );
}
