//! Lists: selectors, fields, pages, and what is missing.

use serde_json::json;

use super::Bench;

fn with_limits(count: usize) -> (Bench, Vec<u64>) {
    let mut bench = Bench::new();
    let root = bench.root;
    let ids = (0..count).map(|index| bench.limit(root, &format!("limit {index}"))).collect();
    (bench, ids)
}

#[test]
fn a_list_is_in_the_order_of_its_ids_whatever_the_selector_says() {
    let (mut bench, ids) = with_limits(3);
    let selector = format!("{},{},{},{}", ids[2], ids[0], ids[1], ids[0]);
    assert_eq!(bench.get(&format!("/platform/limits/{selector}")).ids(), ids);
}

#[test]
fn a_missing_id_is_a_404_alone_and_an_error_beside_others() {
    let (mut bench, ids) = with_limits(1);
    let alone = bench.get("/platform/limits/5");
    assert_eq!((alone.status, alone.code(), &alone.body["errors"][0]["id"]), (404, 3, &json!(5)));
    assert!(alone.body.get("result").is_none());
    let beside = bench.get(&format!("/platform/limits/5,{}", ids[0]));
    assert_eq!((beside.status, beside.ids(), beside.code()), (200, ids, 3));
    assert_eq!(bench.delete("/platform/limits/5").status, 404);
    assert_eq!(bench.put("/platform/limits/5", json!({"name": "x"})).status, 404);
}

#[test]
fn a_filter_without_a_match_is_an_empty_list() {
    let (mut bench, ids) = with_limits(1);
    for selector in ["name=nothing", "{id==5}", "cid=7", &format!("{},cid=7", ids[0])] {
        let empty = bench
            .get(&format!("/platform/limits/{}", selector.replace('{', "%7B").replace('}', "%7D")));
        assert_eq!((empty.status, &empty.body), (200, &json!({"result": []})), "{selector}");
    }
}

#[test]
fn a_selector_with_an_unknown_field_is_refused_with_a_suggestion() {
    let (mut bench, _) = with_limits(1);
    let refused = bench.get("/platform/limits/nam=x");
    assert_eq!(
        (refused.status, refused.reason()),
        (400, "selector uses the unknown field \"nam\", did you mean \"name\"?")
    );
    let mut bench = Bench::assuming(&["unknown-field-selected=no-match"]);
    assert_eq!(bench.get("/platform/limits/nam=x").body, json!({"result": []}));
}

#[test]
fn a_password_hash_is_neither_read_nor_selected() {
    let mut bench = Bench::new();
    let root = bench.root;
    let child = bench.account(root, "c");
    let key = bench.master(child);
    bench
        .ask("PUT", "/auth/password")
        .with(&key)
        .body(json!({"password": "p", "confirmation": "p"}))
        .send();
    assert_eq!(
        bench.get("/platform/subaccounts/all?fields=id,password_hash").row(),
        &json!({"id": child})
    );
    assert_eq!(bench.get("/platform/subaccounts/password_hash=*").status, 400);
    assert_eq!(
        bench.put(&format!("/platform/subaccounts/{child}"), json!({"password_hash": "x"})).status,
        400
    );
}

#[test]
fn without_fields_a_list_shows_a_subset_and_unknown_fields_are_dropped() {
    let (mut bench, ids) = with_limits(1);
    assert_eq!(bench.get("/platform/limits/all").row(), &json!({"id": ids[0], "name": "limit 0"}));
    assert_eq!(
        bench.get("/platform/limits/all?fields=").row(),
        &json!({"id": ids[0], "name": "limit 0"})
    );
    let asked = bench.get("/platform/limits/all?fields=devices_count,blocking_duration,nothing");
    assert_eq!(asked.row(), &json!({"devices_count": -1, "blocking_duration": 60}));
    let mut bench = Bench::assuming(&["default-fields=all"]);
    let root = bench.root;
    bench.limit(root, "x");
    assert_eq!(bench.get("/platform/limits/all").row().as_object().unwrap().len(), 47);
}

#[test]
fn pages_add_up_to_the_whole() {
    let (mut bench, ids) = with_limits(7);
    let mut seen = Vec::new();
    for offset in [0, 3, 6, 9] {
        let page = bench.get(&format!("/platform/limits/all?limit=3&offset={offset}"));
        assert_eq!(page.body["pagination"], json!({"limit": 3, "offset": offset, "count": 7}));
        seen.extend(page.ids());
    }
    assert_eq!(seen, ids);
    assert!(bench.get("/platform/limits/all").body.get("pagination").is_none());
    assert_eq!(
        bench.get("/platform/limits/all?limit=5000").body["pagination"]["limit"],
        json!(1000)
    );
    assert_eq!(bench.get("/platform/limits/all?limit=x").status, 400);
}

#[test]
fn metadata_is_searched_by_nested_fields_and_expressions() {
    let mut bench = Bench::new();
    let post = |bench: &mut Bench, name: &str, metadata| {
        bench.post("/platform/limits", json!([{"name": name, "metadata": metadata}])).id()
    };
    let one = post(&mut bench, "one", json!({"flespi-gitops/stack": "default", "deep": {"a": 1}}));
    let two = post(&mut bench, "two", json!({"flespi-gitops/stack": "other"}));
    let select = |bench: &mut Bench, selector: &str| {
        bench.get(&format!("/platform/limits/{selector}")).ids()
    };
    assert_eq!(select(&mut bench, "metadata.deep.a=1"), [one]);
    assert_eq!(select(&mut bench, "%7Bname~%22t%3F%3F%22%7D"), [two]);
    assert_eq!(select(&mut bench, "%7Bname==%22one%22%20%7C%7C%20id==2%7D"), [one]);
    assert_eq!(select(&mut bench, "%7B!metadata.deep%7D"), [two]);
}

#[test]
fn unknown_paths_and_methods_are_told_in_the_envelope() {
    let mut bench = Bench::new();
    for (method, target, status) in [
        ("POST", "/", 404),
        ("GET", "/platform", 404),
        ("GET", "/platform/spaceships/all", 404),
        ("GET", "/platform/limits/all/what", 404),
        ("GET", "/platform/limits", 405),
        ("POST", "/platform/limits/5", 405),
        ("BREW", "/platform/limits/5", 405),
        ("DELETE", "/platform/customer", 405),
        ("GET", "/auth/nothing", 404),
        ("POST", "/auth/info", 405),
        ("GET", "/_sandbox/nothing", 404),
        ("GET", "/%zz", 400),
    ] {
        let reply = bench.ask(method, target).send();
        assert_eq!(reply.status, status, "{method} {target}");
        assert!(!reply.reason().is_empty());
    }
}
