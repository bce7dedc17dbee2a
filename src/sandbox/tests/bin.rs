//! The recycle bin: what deletion keeps, for how long, for whom, and how it comes back.

use serde_json::{Value, json};

use super::{Bench, Reply};

const DAY: u64 = 24 * 3600;

fn bin(bench: &mut Bench, account: u64, selector: &str) -> Reply {
    bench.ask("GET", &format!("/platform/deleted/{selector}")).acting_as(account).send()
}

fn restore(bench: &mut Bench, account: u64, selector: &str) -> Reply {
    bench.ask("POST", &format!("/platform/deleted/{selector}/restore")).acting_as(account).send()
}

/// A token that outlives a month.
fn lasting(bench: &mut Bench, owner: u64) -> (u64, String) {
    let token = bench.token(owner, json!({"ttl": 100 * DAY}));
    (token.id(), token.key())
}

#[test]
fn a_deleted_token_is_a_record_of_its_accounts_bin() {
    let mut bench = Bench::new();
    let root = bench.root;
    let (token, _) = lasting(&mut bench, root);
    bench.delete(&format!("/platform/tokens/{token}"));
    let record = bin(&mut bench, root, "all").row().clone();
    assert_eq!((&record["type"], &record["item_id"]), (&json!(33), &json!(token)));
    assert_eq!(record["origin"], json!(format!("platform/tokens/{token}")));
    assert_eq!(record["deleted"], json!(bench.now));
    assert_eq!((&record["data"]["id"], &record["data"]["ttl"]), (&json!(token), &json!(100 * DAY)));
    assert_ne!(record["id"], json!(token));
}

#[test]
fn a_restored_token_has_its_id_and_its_key() {
    let mut bench = Bench::new();
    let root = bench.root;
    let (token, key) = lasting(&mut bench, root);
    bench.delete(&format!("/platform/tokens/{token}"));
    assert_eq!(bench.ask("GET", "/auth/info").with(&key).send().status, 401);
    bench.wait(30 * DAY - 1);
    assert_eq!(restore(&mut bench, root, &format!("item_id={token}")).status, 200);
    assert_eq!(bench.ask("GET", "/auth/info").with(&key).send().id(), token);
    assert!(bin(&mut bench, root, "all").rows().is_empty());
}

#[test]
fn a_record_is_gone_after_thirty_days() {
    let mut bench = Bench::assuming(&["seed-session-token=absent"]);
    let root = bench.root;
    // Nothing else is due for a long time, so nothing but the record itself makes the bin look at the clock.
    bench.get("/auth/info");
    let (token, _) = lasting(&mut bench, root);
    bench.delete(&format!("/platform/tokens/{token}"));
    let record = bin(&mut bench, root, "all").id();
    bench.wait(30 * DAY - 1);
    assert_eq!(bin(&mut bench, root, "all").ids(), [record]);
    bench.wait(1);
    assert_eq!(restore(&mut bench, root, &record.to_string()).status, 404);
}

#[test]
fn the_selectors_of_the_bin_find_a_record() {
    let mut bench = Bench::new();
    let root = bench.root;
    let device = bench
        .post("/gw/devices", json!([{"name": "truck", "configuration": {"ident": "1234"}}]))
        .id();
    bench.delete(&format!("/gw/devices/{device}"));
    let (token, _) = lasting(&mut bench, root);
    bench.delete(&format!("/platform/tokens/{token}"));
    for selector in [
        "type=11".to_owned(),
        format!("item_id=={device}"),
        format!("item_id={device}"),
        format!("%7Bitem_id=={device}%7D"),
        "origin=gw%2Fdevices%2F*".to_owned(),
        format!("gw%2Fdevices%2F{device}"),
        "gw%2Fdevices%2F*".to_owned(),
        "%7Bdata.configuration.ident==%221234%22%7D".to_owned(),
    ] {
        let found = bin(&mut bench, root, &selector);
        assert_eq!(found.row()["item_id"], json!(device), "{selector}");
    }
    assert_eq!(bin(&mut bench, root, "all?limit=1").body["pagination"]["count"], json!(2));
    assert_eq!(bin(&mut bench, root, "type=11?fields=data").row()["data"]["name"], json!("truck"));
}

#[test]
fn bins_are_per_account_and_not_aggregated_upward() {
    let mut bench = Bench::new();
    let root = bench.root;
    let child = bench.account(root, "child");
    let (token, _) = lasting(&mut bench, child);
    bench.delete(&format!("/platform/tokens/{token}"));
    assert!(bin(&mut bench, root, "all").rows().is_empty());
    assert_eq!(bin(&mut bench, child, "all").row()["item_id"], json!(token));
    assert_eq!(restore(&mut bench, root, &format!("item_id={token}")).rows().len(), 0);
    assert_eq!(restore(&mut bench, child, &format!("item_id={token}")).rows().len(), 1);
}

#[test]
fn a_restored_subaccount_brings_what_was_inside_and_can_be_restored() {
    let mut bench = Bench::new();
    let root = bench.root;
    let child = bench.account(root, "child");
    let grandchild = bench.account(child, "grandchild");
    let limit = bench.limit(child, "inner");
    bench.put(&format!("/platform/subaccounts/{grandchild}"), json!({"limit_id": limit}));
    let (token, key) = lasting(&mut bench, grandchild);
    bench.delete(&format!("/platform/subaccounts/{child}"));
    let record = bin(&mut bench, root, "all");
    assert_eq!((&record.row()["type"], &record.row()["item_id"]), (&json!(5), &json!(child)));
    assert_eq!(restore(&mut bench, root, &record.id().to_string()).status, 200);
    assert_eq!(bench.get("/platform/subaccounts/all").ids(), [child, grandchild]);
    assert_eq!(bench.ask("GET", "/auth/info").with(&key).send().id(), token);
    assert_eq!(bench.get(&format!("/platform/limits/{limit}")).status, 404, "limits stay gone");
    let seen = bench.get(&format!("/platform/subaccounts/{grandchild}?fields=limit_id"));
    assert_eq!(seen.row(), &json!({"limit_id": 0}));
    assert_eq!(bench.world.books.state.bin.len(), 1, "the limit stays in the bin");
}

#[test]
fn a_restored_subaccount_keeps_a_limit_that_is_still_there() {
    let mut bench = Bench::new();
    let root = bench.root;
    let limit = bench.limit(root, "outer");
    let child = bench.post("/platform/subaccounts", json!([{"name": "c", "limit_id": limit}])).id();
    bench.delete(&format!("/platform/subaccounts/{child}"));
    restore(&mut bench, root, &format!("item_id={child}"));
    let seen = bench.get(&format!("/platform/subaccounts/{child}?fields=limit_id"));
    assert_eq!(seen.row(), &json!({"limit_id": limit}));
}

#[test]
fn where_it_is_assumed_a_restored_subaccount_is_bare_and_its_own_bin_is_full() {
    let mut bench = Bench::assuming(&["restored-branch=bare"]);
    let root = bench.root;
    let child = bench.account(root, "child");
    let (token, _) = lasting(&mut bench, child);
    bench.delete(&format!("/platform/subaccounts/{child}"));
    assert_eq!(bench.ask("GET", "/platform/deleted/all").acting_as(child).send().status, 403);
    restore(&mut bench, root, &format!("item_id={child}"));
    assert!(bench.get(&format!("/platform/tokens/cid={child}")).rows().is_empty());
    assert_eq!(bin(&mut bench, child, "all").row()["item_id"], json!(token));
}

#[test]
fn links_between_items_are_not_restored() {
    let mut bench = Bench::new();
    let root = bench.root;
    let device = bench.post("/gw/devices", json!([{"name": "d"}])).id();
    let group = bench.post("/gw/groups", json!([{"name": "g"}])).id();
    bench.ask("POST", &format!("/gw/groups/{group}/devices/{device}")).send();
    let groups = |bench: &mut Bench| {
        bench.get(&format!("/gw/devices/{device}?fields=groups")).row()["groups"].clone()
    };
    assert_eq!(groups(&mut bench), json!([group]));
    bench.delete(&format!("/gw/devices/{device}"));
    restore(&mut bench, root, "type=11");
    assert_eq!(groups(&mut bench), json!([]));
}

#[test]
fn restoring_fails_when_a_limit_is_reached_or_an_ident_is_taken() {
    let mut bench = Bench::new();
    let root = bench.root;
    let limit = bench.post("/platform/limits", json!([{"name": "x", "devices_count": 1}])).id();
    let child = bench.post("/platform/subaccounts", json!([{"name": "c", "limit_id": limit}])).id();
    let truck = json!([{"name": "truck", "configuration": {"ident": "1234"}}]);
    let create = |bench: &mut Bench, truck: &Value| {
        bench.ask("POST", "/gw/devices").acting_as(child).body(truck.clone()).send().id()
    };
    let first = create(&mut bench, &truck);
    bench.delete(&format!("/gw/devices/{first}"));
    let second = create(&mut bench, &truck);
    let full = restore(&mut bench, child, "type=11");
    assert_eq!((full.status, full.reason()), (400, "limit is reached: devices_count"));
    bench.put(&format!("/platform/limits/{limit}"), json!({"devices_count": 5}));
    let taken = restore(&mut bench, child, "type=11");
    assert_eq!((taken.status, taken.reason()), (400, "the ident of the device is taken"));
    bench.delete(&format!("/gw/devices/{second}"));
    assert_eq!(restore(&mut bench, child, &format!("item_id={first}")).status, 200);
    assert_eq!(bench.get(&format!("/gw/devices/{first}")).row()["name"], json!("truck"));
    assert_eq!(root, bench.root);
}

#[test]
fn what_cannot_be_restored_is_listed_and_stays_in_the_bin_unless_told_otherwise() {
    for (assumption, kept, back) in
        [("unrestorable=listed", 1, 0), ("unrestorable=gone", 0, 0), ("unrestorable=restore", 1, 1)]
    {
        let mut bench = Bench::assuming(&[assumption]);
        let root = bench.root;
        let limit = bench.limit(root, "x");
        bench.delete(&format!("/platform/limits/{limit}"));
        assert_eq!(bin(&mut bench, root, "all").rows().len(), kept);
        restore(&mut bench, root, "all");
        assert_eq!(bench.get("/platform/limits/all").rows().len(), back, "{assumption}");
    }
    for status in [200, 400] {
        let mut bench = Bench::assuming(&[&format!("unrestorable-status={status}")]);
        let root = bench.root;
        let limit = bench.limit(root, "x");
        bench.delete(&format!("/platform/limits/{limit}"));
        let refused = restore(&mut bench, root, "all");
        assert_eq!(
            (refused.status, refused.body["errors"].as_array().map(Vec::len)),
            (status, Some(1))
        );
    }
}

#[test]
fn the_logs_of_the_bin_hold_the_former_items() {
    let mut bench = Bench::new();
    let device = bench.post("/gw/devices", json!([{"name": "truck"}])).id();
    bench.delete(&format!("/gw/devices/{device}"));
    let data = "%7B%22count%22:10,%22reverse%22:true,%22filter%22:%22origin_type=11%22,%22fields%22:%22old%22%7D";
    let logs = bench.get(&format!("/platform/deleted/all/logs?data={data}"));
    assert_eq!(logs.row()["old"]["name"], json!("truck"));
    assert_eq!(logs.row().as_object().unwrap().len(), 1);
}

#[test]
fn the_bin_needs_a_master_token() {
    let mut bench = Bench::new();
    let root = bench.root;
    let key = bench.token(root, json!({"access": {"type": 0}})).key();
    assert_eq!(bench.ask("GET", "/platform/deleted/all").with(&key).send().status, 403);
}
