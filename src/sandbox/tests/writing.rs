//! Creating and changing: bodies, batches, merges.

use serde_json::{Value, json};

use super::Bench;

#[test]
fn a_body_that_is_not_an_array_of_objects_is_refused() {
    let mut bench = Bench::new();
    for body in [json!({}), json!("x"), json!([5]), json!(null)] {
        let refused = bench.post("/platform/limits", body.clone());
        assert_eq!((refused.status, refused.code()), (400, 2), "{body}");
    }
    assert_eq!(bench.ask("POST", "/platform/limits").send().status, 400);
    let mut bench = Bench::assuming(&["single-object-post=accept"]);
    assert_eq!(bench.post("/platform/limits", json!({"name": "x"})).status, 200);
}

#[test]
fn unknown_read_only_and_mistyped_fields_are_refused_with_the_schema() {
    let mut bench = Bench::new();
    for (body, field) in [
        (json!([{"nam": "x"}]), "nam"),
        (json!([{"id": 5}]), "id"),
        (json!([{"cid": 5}]), "cid"),
        (json!([{"name": 5}]), "name"),
        (json!([{"devices_count": "5"}]), "devices_count"),
        (json!([{"devices_count": -2}]), "devices_count"),
        (json!([{"devices_count": 1.5}]), "devices_count"),
        (json!([{"metadata": []}]), "metadata"),
        (json!([{"name": null}]), "name"),
    ] {
        let refused = bench.post("/platform/limits", body.clone());
        assert_eq!(
            (refused.status, &refused.body["errors"][0]["field"]),
            (400, &json!(field)),
            "{body}"
        );
        assert_eq!(
            refused.body["errors"][0]["schema_hint"]["properties"]["devices_count"],
            json!({"type": "integer"})
        );
    }
    let mut bench = Bench::assuming(&["undeclared-field=ignore", "read-only-field=ignore"]);
    assert_eq!(
        bench.post("/platform/limits?fields=name", json!([{"id": 5, "nam": 1}])).row(),
        &json!({"name": ""})
    );
}

#[test]
fn a_batch_creates_what_is_good_in_the_order_of_the_body() {
    let batch = json!([{"name": "b"}, {"nam": "x"}, {"name": "a"}]);
    let mut bench = Bench::new();
    let partial = bench.post("/platform/limits?fields=name", batch.clone());
    assert_eq!((partial.status, partial.code()), (200, 2));
    assert_eq!(partial.rows(), [json!({"name": "b"}), json!({"name": "a"})]);
    let mut bench = Bench::assuming(&["batch=strict"]);
    assert_eq!(bench.post("/platform/limits", batch).status, 400);
    assert!(bench.get("/platform/limits/all").rows().is_empty());
}

#[test]
fn put_sets_the_given_fields_and_replaces_whole_objects() {
    let mut bench = Bench::new();
    let limit = json!([{"name": "x", "devices_count": 0, "metadata": {"a": 1, "b": 2}}]);
    let id = bench.post("/platform/limits", limit).id();
    let fields = "fields=name,devices_count,metadata";
    let changed =
        bench.put(&format!("/platform/limits/{id}?{fields}"), json!({"metadata": {"c": 3}}));
    assert_eq!(changed.row(), &json!({"name": "x", "devices_count": 0, "metadata": {"c": 3}}));
    assert_eq!(bench.get(&format!("/platform/limits/{id}?{fields}")).row(), changed.row());
}

#[test]
fn patch_merges_and_null_deletes() {
    let patch = |assumption: &str, body: Value| {
        let mut bench = Bench::assuming(&[assumption]);
        let limit = json!([{"name": "x", "metadata": {"a": {"b": 1, "c": 2}, "d": 3}}]);
        let id = bench.post("/platform/limits", limit).id();
        let patched =
            bench.ask("PATCH", &format!("/platform/limits/{id}?fields=metadata")).body(body).send();
        patched.row()["metadata"].clone()
    };
    let body = json!({"metadata": {"a": {"b": null, "e": {"f": null, "g": 1}}}});
    assert_eq!(
        patch("patch-null=delete", body.clone()),
        json!({"a": {"c": 2, "e": {"g": 1}}, "d": 3})
    );
    assert_eq!(
        patch("patch-null=keep", body),
        json!({"a": {"b": null, "c": 2, "e": {"f": null, "g": 1}}, "d": 3})
    );
    assert_eq!(patch("patch-null=delete", json!({"metadata": null})), json!({}));
}

#[test]
fn one_put_changes_every_selected_item() {
    let mut bench = Bench::new();
    let ids = bench.post("/platform/limits", json!([{"name": "a"}, {"name": "b"}])).ids();
    let changed = bench.put(
        &format!("/platform/limits/{},{}?fields=api_calls", ids[0], ids[1]),
        json!({"api_calls": 5}),
    );
    assert_eq!(changed.rows(), [json!({"api_calls": 5}), json!({"api_calls": 5})]);
}

#[test]
fn a_body_nested_too_deeply_is_refused() {
    let mut bench = Bench::new();
    let mut asked = bench.ask("POST", "/platform/limits");
    asked.body = ["[".repeat(100_000), "]".repeat(100_000)].concat().into_bytes();
    assert_eq!(asked.send().status, 400);
}

#[test]
fn access_can_be_patched_in_part() {
    let mut bench = Bench::new();
    let acl = json!({"type": 2, "acl": [{"uri": "gw/devices", "methods": ["GET"]}]});
    let token = bench.post("/platform/tokens", json!([{"ttl": 60, "access": acl}])).id();
    let patch = json!({"access": {"acl": [{"uri": "mqtt"}]}, "metadata": {"a": null, "b": {"c": null, "d": 1}}});
    let patched = bench
        .ask("PATCH", &format!("/platform/tokens/{token}?fields=access,metadata"))
        .body(patch)
        .send();
    assert_eq!(
        patched.row(),
        &json!({"access": {"type": 2, "acl": [{"uri": "mqtt"}]}, "metadata": {"b": {"d": 1}}})
    );
    let bad = bench
        .ask("PATCH", &format!("/platform/tokens/{token}"))
        .body(json!({"access": {"type": 1}}))
        .send();
    assert_eq!(bad.status, 400, "a master token has no list");
}

#[test]
fn an_error_about_a_body_does_not_quote_it() {
    let mut bench = Bench::new();
    let mut asked = bench.ask("PUT", "/auth/password");
    asked.body = br#"{"password": "hunter2" "confirmation"}"#.to_vec();
    let refused = asked.send();
    assert_eq!(refused.status, 400);
    assert!(!refused.body.to_string().contains("hunter2"));
}

#[test]
fn names_may_repeat_unless_told_otherwise() {
    let two = json!([{"name": "x"}]);
    let mut bench = Bench::new();
    assert_eq!(
        (
            bench.post("/platform/limits", two.clone()).status,
            bench.post("/platform/limits", two.clone()).status
        ),
        (200, 200)
    );
    let mut bench = Bench::assuming(&["duplicate-names=refuse"]);
    assert_eq!(
        (
            bench.post("/platform/limits", two.clone()).status,
            bench.post("/platform/limits", two).status
        ),
        (200, 400)
    );
    let batch = bench.post("/platform/limits?fields=name", json!([{"name": "y"}, {"name": "y"}]));
    assert_eq!((batch.rows().len(), batch.code()), (1, 2));
}
