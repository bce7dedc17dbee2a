//! Telematics items and who may touch them.

use serde_json::{Value, json};

use super::{Bench, Reply};

fn device(bench: &mut Bench, name: &str) -> u64 {
    bench.post("/gw/devices", json!([{"name": name}])).id()
}

/// The key of a token with this list.
fn acl(bench: &mut Bench, entries: Value) -> String {
    let root = bench.root;
    bench.token(root, json!({"access": {"type": 2, "acl": entries}})).key()
}

fn ask(bench: &mut Bench, key: &str, method: &'static str, target: &str) -> Reply {
    let body = if method == "POST" { json!([{"name": "x"}]) } else { json!({"name": "x"}) };
    bench.ask(method, target).with(key).body(body).send()
}

#[test]
fn every_collection_of_the_hub_holds_generic_items() {
    let mut bench = Bench::new();
    for collection in [
        "gw/channels",
        "gw/devices",
        "gw/groups",
        "gw/streams",
        "gw/modems",
        "gw/calcs",
        "gw/plugins",
        "gw/geofences",
        "gw/assets",
        "storage/containers",
        "storage/cdns",
    ] {
        let fields = json!([{"name": "x", "configuration": {"a": 1}, "metadata": {"b": 2}}]);
        let id = bench.post(&format!("/{collection}"), fields).id();
        let path = format!("/{collection}/{id}");
        bench.ask("PATCH", &path).body(json!({"configuration": {"c": 3}})).send();
        let seen = bench.get(&format!("{path}?fields=configuration,metadata"));
        assert_eq!(
            seen.row(),
            &json!({"configuration": {"a": 1, "c": 3}, "metadata": {"b": 2}}),
            "{collection}"
        );
        assert_eq!(bench.get(&format!("{path}/logs")).rows().len(), 2);
        assert_eq!(bench.delete(&path).ids(), [id]);
        assert_eq!(bench.get(&path).status, 404);
    }
    assert_eq!(bench.get("/gw/spaceships/all").status, 404);
}

#[test]
fn a_standard_token_may_do_all_telematics_and_nothing_of_the_platform() {
    let mut bench = Bench::new();
    let root = bench.root;
    let key = bench.token(root, json!({"access": {"type": 0}})).key();
    let id = ask(&mut bench, &key, "POST", "/gw/devices").id();
    for (method, target) in [
        ("GET", format!("/gw/devices/{id}")),
        ("GET", format!("/gw/devices/{id}/messages")),
        ("PUT", format!("/gw/devices/{id}")),
        ("DELETE", format!("/gw/devices/{id}")),
        ("GET", "/mqtt/sessions/all".to_owned()),
        ("POST", "/ai/chat".to_owned()),
    ] {
        assert_eq!(ask(&mut bench, &key, method, &target).status, 200, "{method} {target}");
    }
    for target in ["/platform/tokens/all", "/platform/customer", "/platform/deleted/all"] {
        assert_eq!(ask(&mut bench, &key, "GET", target).status, 403, "{target}");
    }
}

#[test]
fn a_token_that_may_only_create_cannot_read_even_what_it_created() {
    let mut bench = Bench::new();
    let key = acl(&mut bench, json!([{"uri": "gw/devices", "methods": ["POST"]}]));
    let id = ask(&mut bench, &key, "POST", "/gw/devices").id();
    for method in ["GET", "PUT", "PATCH", "DELETE"] {
        let refused = ask(&mut bench, &key, method, &format!("/gw/devices/{id}"));
        assert_eq!((refused.status, refused.code()), (403, 4), "{method}");
    }
}

#[test]
fn ids_narrow_a_list_and_refuse_the_rest() {
    let mut bench = Bench::new();
    let (mine, other) = (device(&mut bench, "mine"), device(&mut bench, "other"));
    let key =
        acl(&mut bench, json!([{"uri": "gw/devices", "methods": ["GET", "POST"], "ids": [mine]}]));
    assert_eq!(ask(&mut bench, &key, "GET", "/gw/devices/all").ids(), [mine]);
    assert_eq!(ask(&mut bench, &key, "GET", &format!("/gw/devices/{other}")).status, 403);
    let both = ask(&mut bench, &key, "GET", &format!("/gw/devices/{mine},{other}"));
    assert_eq!((both.status, both.ids(), both.code()), (200, vec![mine], 4));
    let missing = ask(&mut bench, &key, "GET", "/gw/devices/1");
    assert_eq!(missing.status, 404);
    assert_eq!(ask(&mut bench, &key, "POST", "/gw/devices").status, 403, "a new id is not listed");
}

#[test]
fn in_groups_means_devices_that_are_in_a_group() {
    let mut bench = Bench::new();
    let (grouped, single) = (device(&mut bench, "grouped"), device(&mut bench, "single"));
    let group = bench.post("/gw/groups", json!([{"name": "g"}])).id();
    let entries = json!([{"uri": "gw/devices", "methods": ["GET"], "ids": "in-groups"}]);
    let key = acl(&mut bench, entries);
    assert!(ask(&mut bench, &key, "GET", "/gw/devices/all").rows().is_empty());
    bench.ask("POST", &format!("/gw/groups/{group}/devices/{grouped}")).send();
    assert_eq!(ask(&mut bench, &key, "GET", "/gw/devices/all").ids(), [grouped]);
    assert_eq!(ask(&mut bench, &key, "GET", &format!("/gw/devices/{single}")).status, 403);
    bench.delete(&format!("/gw/groups/{group}"));
    assert!(ask(&mut bench, &key, "GET", "/gw/devices/all").rows().is_empty());
}

#[test]
fn the_recipes_of_the_token_article_open_what_they_promise() {
    let mut bench = Bench::new();
    let id = device(&mut bench, "d");
    let toolbox = json!([{"uri": "gw/devices", "methods": ["GET"], "ids": [id]}]);
    let setbox = json!([{"uri": "gw/devices", "methods": ["GET"], "ids": [id], "submodules": [
        {"name": "settings", "methods": ["GET", "PUT", "DELETE"]},
        {"name": "commands", "methods": ["POST"]},
        {"name": "sms", "methods": ["GET", "POST"]}]}]);
    let bare = json!([{"uri": "gw/devices", "methods": ["GET"], "ids": [id], "submodules": []}]);
    let paths = [
        ("GET", ""),
        ("GET", "/messages"),
        ("GET", "/logs"),
        ("GET", "/packets"),
        ("GET", "/settings"),
        ("PUT", "/settings"),
        ("POST", "/commands"),
        ("DELETE", "/messages"),
        ("PUT", ""),
    ];
    for (entries, expected) in [
        (toolbox, [200, 200, 200, 200, 200, 403, 403, 403, 403]),
        (setbox, [200, 403, 403, 403, 200, 200, 200, 403, 403]),
        (bare, [200, 403, 403, 403, 403, 403, 403, 403, 403]),
    ] {
        let key = acl(&mut bench, entries.clone());
        let statuses = paths.map(|(method, path)| {
            ask(&mut bench, &key, method, &format!("/gw/devices/{id}{path}")).status
        });
        assert_eq!(statuses, expected, "{entries}");
    }
}

#[test]
fn where_it_is_assumed_open_submodules_take_every_method() {
    let mut bench = Bench::assuming(&["open-submodules=all-methods"]);
    let id = device(&mut bench, "d");
    let key = acl(&mut bench, json!([{"uri": "gw/devices", "methods": ["GET"]}]));
    let path = format!("/gw/devices/{id}/messages");
    assert_eq!(ask(&mut bench, &key, "DELETE", &path).status, 200);
}

#[test]
fn a_submodule_answers_its_own_methods_only() {
    let mut bench = Bench::new();
    let id = device(&mut bench, "d");
    let refused = bench.delete(&format!("/gw/devices/{id}/logs"));
    assert_eq!(refused.status, 405);
    assert!(refused.headers.contains(&("allow", "GET".to_owned())));
    assert_eq!(bench.get(&format!("/gw/devices/{id}/wings")).status, 404);
    assert_eq!(bench.get("/gw/devices/1/messages").status, 404);
    let telemetry = bench.get(&format!("/gw/devices/{id}/telemetry"));
    assert_eq!(telemetry.row(), &json!({"id": id, "telemetry": {}}));
}

#[test]
fn a_device_moves_to_another_account_once_it_is_disabled() {
    let mut bench = Bench::new();
    let root = bench.root;
    let child = bench.account(root, "child");
    let id = device(&mut bench, "d");
    let path = format!("/gw/devices/{id}");
    let to = |cid: u64| json!({"cid": cid});
    assert_eq!(bench.put(&format!("{path}/cid"), to(child)).status, 400);
    bench.put(&path, json!({"enabled": false}));
    assert_eq!(bench.put(&format!("{path}/cid"), to(1)).status, 403);
    assert_eq!(bench.put(&format!("{path}/cid"), to(child)).status, 200);
    assert_eq!(bench.get(&format!("{path}?fields=cid")).row(), &json!({"cid": child}));
    let counters = bench.get(&format!("/platform/subaccounts/{child}?fields=counters"));
    assert_eq!(counters.row()["counters"]["devices_count"], json!(1));
    assert_eq!(bench.put(&path, json!({"cid": root})).status, 400, "not by a plain PUT");
}

#[test]
fn a_retained_message_is_found_by_its_topic() {
    let mut bench = Bench::new();
    let root = bench.root;
    let message = json!({"topic": "site/7/state", "payload": "on", "retained": true});
    assert_eq!(bench.post("/mqtt/messages", message).status, 200);
    for topic in ["site%2F7%2Fstate", "site%2F%2B%2Fstate", "site%2F%23"] {
        let found =
            bench.get(&format!("/mqtt/messages/{topic},cid={root}?fields=cid,topic,payload"));
        let expected = json!({"cid": root, "topic": "site/7/state", "payload": "on"});
        assert_eq!(found.row(), &expected, "{topic}");
    }
    bench.delete("/mqtt/messages/site%2F7%2Fstate");
    assert!(bench.get("/mqtt/messages/all").rows().is_empty());
}

#[test]
fn an_mqtt_entry_without_methods_does_not_open_the_brokers_rest_api() {
    let mut bench = Bench::new();
    let topics = json!([{"uri": "mqtt", "topic": "/site/#", "actions": ["subscribe"]}]);
    let rest = json!([{"uri": "mqtt", "methods": ["GET"]}]);
    for (entries, status) in [(topics, 403), (rest, 200)] {
        let key = acl(&mut bench, entries);
        assert_eq!(ask(&mut bench, &key, "GET", "/mqtt/sessions/all").status, status);
    }
}
