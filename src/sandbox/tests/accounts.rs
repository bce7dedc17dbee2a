//! Who sees whom: branches, `x-flespi-cid`, depth, and what happens to a family.

use serde_json::json;

use super::Bench;

#[test]
fn a_subaccount_cannot_see_its_sibling() {
    let mut bench = Bench::new();
    let root = bench.root;
    let (one, other) = (bench.account(root, "one"), bench.account(root, "other"));
    let key = bench.master(one);
    bench.account(other, "inner");
    bench.limit(other, "theirs");
    for target in ["/platform/subaccounts/all", "/platform/limits/all"] {
        assert!(bench.ask("GET", target).with(&key).send().rows().is_empty(), "{target}");
    }
    let tokens = bench.ask("GET", "/platform/tokens/all?fields=cid").with(&key).send();
    assert_eq!(tokens.rows(), [json!({"cid": one})]);
    assert_eq!(
        bench.ask("GET", &format!("/platform/subaccounts/{other}")).with(&key).send().status,
        404
    );
    let refused = bench.ask("GET", "/platform/tokens/all").with(&key).acting_as(other).send();
    assert_eq!((refused.status, refused.code()), (403, 4));
}

#[test]
fn a_parent_reads_changes_and_deletes_in_its_whole_branch_without_the_header() {
    let mut bench = Bench::new();
    let root = bench.root;
    let child = bench.account(root, "child");
    let grandchild = bench.account(child, "grandchild");
    assert_eq!(bench.get("/platform/subaccounts/all").ids(), [child, grandchild]);
    assert_eq!(bench.get(&format!("/platform/subaccounts/all,cid={child}")).ids(), [grandchild]);
    assert_eq!(
        bench.put(&format!("/platform/subaccounts/{grandchild}"), json!({"name": "new"})).status,
        200
    );
    let token = bench.token(grandchild, json!({})).id();
    assert_eq!(bench.delete(&format!("/platform/tokens/{token}")).ids(), [token]);
}

#[test]
fn with_the_header_a_list_covers_the_named_account_and_its_descendants() {
    let mut bench = Bench::new();
    let root = bench.root;
    let child = bench.account(root, "child");
    let grandchild = bench.account(child, "grandchild");
    let (own, inner) = (bench.limit(child, "own"), bench.limit(grandchild, "inner"));
    bench.limit(root, "above");
    assert_eq!(
        bench.ask("GET", "/platform/limits/all").acting_as(child).send().ids(),
        [own, inner]
    );
    assert_eq!(
        bench
            .ask("GET", &format!("/platform/limits/all,cid={child}"))
            .acting_as(child)
            .send()
            .ids(),
        [own]
    );
    assert_eq!(
        bench.ask("GET", "/platform/subaccounts/all").acting_as(child).send().ids(),
        [grandchild]
    );
}

#[test]
fn a_new_item_belongs_to_the_account_that_the_header_names() {
    let mut bench = Bench::new();
    let root = bench.root;
    let child = bench.account(root, "child");
    let limit = bench.limit(child, "x");
    assert_eq!(
        bench.get(&format!("/platform/limits/{limit}?fields=cid")).row(),
        &json!({"cid": child})
    );
    let own = bench.post("/platform/limits?fields=cid", json!([{"name": "y"}]));
    assert_eq!(own.row(), &json!({"cid": root}));
}

#[test]
fn an_unknown_or_unreadable_cid_is_refused() {
    let mut bench = Bench::new();
    assert_eq!(bench.ask("GET", "/platform/limits/all").acting_as(1).send().status, 403);
    assert_eq!(
        bench.ask("GET", "/platform/limits/all").header("x-flespi-cid", "acme").send().status,
        400
    );
}

#[test]
fn accounts_nest_four_levels_deep_counting_the_root() {
    let mut bench = Bench::new();
    let mut parent = bench.root;
    for level in 2..=4 {
        parent = bench.account(parent, &format!("level {level}"));
    }
    let fifth = bench
        .ask("POST", "/platform/subaccounts")
        .acting_as(parent)
        .body(json!([{"name": "x"}]))
        .send();
    assert_eq!((fifth.status, fifth.code()), (400, 2));
    let mut bench = Bench::assuming(&["depth=5"]);
    let mut parent = bench.root;
    for level in 2..=5 {
        parent = bench.account(parent, &format!("level {level}"));
    }
}

#[test]
fn a_subaccount_and_its_customer_record_are_one_record() {
    let mut bench = Bench::new();
    let root = bench.root;
    let child = bench.account(root, "child");
    let key = bench.master(child);
    bench
        .ask("PUT", "/platform/customer")
        .with(&key)
        .body(json!({"name": "renamed", "metadata": {"a": 1}}))
        .send();
    let seen = bench.get(&format!("/platform/subaccounts/{child}?fields=name,metadata,cid"));
    assert_eq!(seen.row(), &json!({"name": "renamed", "metadata": {"a": 1}, "cid": root}));
    let own = bench.ask("GET", "/platform/customer?fields=id,owner_id").acting_as(child).send();
    assert_eq!(own.row(), &json!({"id": child, "owner_id": root}));
    assert_eq!(bench.get("/platform/customer?fields=owner_id").row(), &json!({"owner_id": 0}));
}

#[test]
fn a_subaccount_cannot_lift_its_own_limit() {
    let mut bench = Bench::new();
    let root = bench.root;
    let child = bench.account(root, "child");
    let key = bench.master(child);
    for body in [json!({"limit_id": 0}), json!({"enabled": true}), json!({"email": "a@b.c"})] {
        assert_eq!(bench.ask("PUT", "/platform/customer").with(&key).body(body).send().status, 400);
    }
}

#[test]
fn a_limit_comes_from_the_parent_or_from_above_it() {
    let mut bench = Bench::new();
    let root = bench.root;
    let child = bench.account(root, "child");
    let sibling = bench.account(root, "sibling");
    let (top, of_child, of_sibling) =
        (bench.limit(root, "t"), bench.limit(child, "c"), bench.limit(sibling, "s"));
    let assign = |bench: &mut Bench, parent: u64, limit: u64| {
        let body = json!([{"name": "x", "limit_id": limit}]);
        bench
            .ask("POST", "/platform/subaccounts?fields=id,limit_id")
            .acting_as(parent)
            .body(body)
            .send()
            .status
    };
    assert_eq!(assign(&mut bench, child, top), 200);
    assert_eq!(assign(&mut bench, child, of_child), 200);
    assert_eq!(assign(&mut bench, child, of_sibling), 400);
    assert_eq!(assign(&mut bench, child, 999), 400);
    assert_eq!(
        bench.put(&format!("/platform/subaccounts/{child}"), json!({"limit_id": of_child})).status,
        400
    );
    assert_eq!(
        bench.put(&format!("/platform/subaccounts/{child}"), json!({"limit_id": top})).status,
        200
    );
    assert_eq!(
        bench.put(&format!("/platform/subaccounts/{child}"), json!({"limit_id": 0})).status,
        200
    );
}

#[test]
fn a_limit_in_use_cannot_be_deleted_unless_it_resets() {
    for (assumption, status, left) in
        [("limit-in-use=refuse", 400, true), ("limit-in-use=reset", 200, false)]
    {
        let mut bench = Bench::assuming(&[assumption]);
        let root = bench.root;
        let limit = bench.limit(root, "x");
        let body = json!([{"name": "a", "limit_id": limit}]);
        let account = bench.post("/platform/subaccounts", body).id();
        assert_eq!(
            bench.delete(&format!("/platform/limits/{limit}")).status,
            status,
            "{assumption}"
        );
        let assigned = bench.get(&format!("/platform/subaccounts/{account}?fields=limit_id"));
        assert_eq!(assigned.row()["limit_id"] == json!(limit), left);
    }
}

#[test]
fn a_deleted_subaccount_takes_its_branch_into_the_bin() {
    let mut bench = Bench::new();
    let root = bench.root;
    let child = bench.account(root, "child");
    let grandchild = bench.account(child, "grandchild");
    let key = bench.master(grandchild);
    bench.limit(child, "limit");
    assert_eq!(bench.delete(&format!("/platform/subaccounts/{child}")).ids(), [child]);
    assert!(bench.get("/platform/subaccounts/all").rows().is_empty());
    assert!(bench.get("/platform/limits/all").rows().is_empty());
    assert_eq!(bench.ask("GET", "/auth/info").with(&key).send().status, 401);
    assert_eq!(bench.world.books.state.bin.len(), 4, "all that was in it is listed");
    bench.wait(30 * 24 * 3600);
    bench.get("/auth/info");
    assert!(bench.world.books.state.bin.is_empty());
}

#[test]
fn a_disabled_subaccount_is_closed_to_its_own_tokens_and_open_to_its_parent() {
    let mut bench = Bench::new();
    let root = bench.root;
    let child = bench.account(root, "child");
    let grandchild = bench.account(child, "grandchild");
    let keys = [bench.master(child), bench.master(grandchild)];
    bench.put(&format!("/platform/subaccounts/{child}"), json!({"enabled": false}));
    for key in keys {
        assert_eq!(bench.ask("GET", "/platform/limits/all").with(&key).send().status, 403);
    }
    assert_eq!(bench.ask("GET", "/platform/limits/all").acting_as(child).send().status, 200);
}

#[test]
fn ids_are_never_given_out_twice() {
    let mut bench = Bench::new();
    let root = bench.root;
    let first = bench.limit(root, "a");
    bench.delete(&format!("/platform/limits/{first}"));
    assert!(bench.limit(root, "a") > first);
}

#[test]
fn counters_and_limits_of_an_account_can_be_asked_for() {
    let mut bench = Bench::new();
    let root = bench.root;
    let limit = bench.post("/platform/limits", json!([{"name": "x", "devices_count": 0}])).id();
    let child = bench.post("/platform/subaccounts", json!([{"name": "c", "limit_id": limit}])).id();
    bench.master(child);
    let account = bench.get(&format!(
        "/platform/subaccounts/{child}?fields=counters,limits.devices_count,limits.api_calls"
    ));
    let counters = &account.row()["counters"];
    assert_eq!(
        (&counters["limits_count"], &counters["subaccounts_count"], &counters["tokens_count"]),
        (&json!(0), &json!(0), &json!(1))
    );
    assert_eq!(
        (&account.row()["limits.devices_count"], &account.row()["limits.api_calls"]),
        (&json!(0), &json!(-1))
    );
    assert_eq!(bench.get("/platform/customer?fields=limits").row()["limits"], json!({}));
    assert_ne!(root, child);
}
