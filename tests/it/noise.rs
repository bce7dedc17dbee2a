//! No drift noise (R15): between program and platform stands somebody who answers as a platform may, in another order,
//! with more fields, and with every default filled in.

use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use crate::support::World;
use crate::support::between::{Between, Passing};

/// An ACL, an address list and quotas that can be spelled in many ways.
const SPELLINGS: &str = "\
apiVersion: flespi-gitops/v1
kind: Limit
metadata: {name: spelled}
spec: {devices_count: 100, api_calls: -1, blocking_duration: 60}
---
apiVersion: flespi-gitops/v1
kind: Token
metadata: {name: spelled}
spec:
  ttl: 30d
  ips: ['10.0.0.*', '192.168.1.?', '::1']
  origins: [flespi, 'https://a.example', 'https://b.example:8443']
  access:
    acl:
      - {uri: gw/devices, methods: [PUT, GET], ids: [30, 4, 100]}
      - {uri: gw/devices, submodules: [{name: messages, methods: [POST, GET]}, {name: telemetry, methods: [GET]}]}
      - {uri: gw/channels, methods: [GET], ids: in-groups}
      - {uri: mqtt, topic: 'fleet/#', actions: [subscribe, publish]}
---
apiVersion: flespi-gitops/v1
kind: Token
metadata: {name: plain}
spec: {ttl: 1h, access: standard, ips: [], enabled: true}
";

/// Says the same in other words.
fn reworded(answer: &mut Value) {
    let Some(items) = answer.get_mut("result").and_then(Value::as_array_mut) else { return };
    items.reverse();
    for item in items.iter_mut().filter_map(Value::as_object_mut) {
        item.insert("feature_of_next_year".to_owned(), json!({"is": ["on"]}));
        for quota in ["devices_count", "api_calls", "blocking_duration", "ttl"] {
            if let Some(number) = item.get(quota).and_then(Value::as_i64) {
                item.insert(quota.to_owned(), json!(number as f64));
            }
        }
        if let Some(ips) = item.get("ips").and_then(Value::as_str) {
            let ips: Vec<&str> = ips.split(',').rev().collect();
            item.insert("ips".to_owned(), json!(ips.join(" , ")));
        }
        if let Some(origins) = item.get_mut("origins").and_then(Value::as_array_mut) {
            origins.reverse();
        }
        let Some(access) = item.get_mut("access").and_then(Value::as_object_mut) else { continue };
        access.insert("templating".to_owned(), json!(false));
        access.insert("feature_of_next_year".to_owned(), Value::Null);
        let Some(acl) = access.get_mut("acl").and_then(Value::as_array_mut) else { continue };
        acl.reverse();
        for entry in acl.iter_mut().filter_map(Value::as_object_mut) {
            for list in ["methods", "ids", "actions", "submodules"] {
                if let Some(list) = entry.get_mut(list).and_then(Value::as_array_mut) {
                    list.reverse();
                }
            }
            if entry["uri"] != "mqtt" {
                entry.entry("ids").or_insert(json!("all"));
                entry.entry("topic").or_insert(Value::Null);
            }
            let submodules = entry.get_mut("submodules").and_then(Value::as_array_mut);
            for submodule in submodules.into_iter().flatten() {
                submodule["methods"].as_array_mut().unwrap().reverse();
            }
        }
    }
}

/// Answers of the platform as `change` has them.
fn answering(passing: &mut Passing, change: fn(&mut Value)) {
    if passing.path.starts_with("/platform/") {
        let mut answer = passing.json();
        change(&mut answer);
        passing.body = answer.to_string().into_bytes();
    }
}

/// Every token has what no manifest can say.
fn with_more_in_it(answer: &mut Value) {
    let items = answer.get_mut("result").and_then(Value::as_array_mut).into_iter().flatten();
    for access in items.filter_map(|item| item.get_mut("access")) {
        access["readonly"] = json!(true);
        for entry in access.get_mut("acl").and_then(Value::as_array_mut).into_iter().flatten() {
            entry["until"] = json!(9);
        }
    }
}

/// The sandbox takes none of it.
fn without(body: &mut Value) {
    let Some(access) = body.get_mut("access").and_then(Value::as_object_mut) else { return };
    access.remove("readonly");
    for entry in access.get_mut("acl").and_then(Value::as_array_mut).into_iter().flatten() {
        entry.as_object_mut().unwrap().remove("until");
    }
}

#[test]
fn what_no_manifest_can_say_of_an_access_is_no_drift_and_goes_along_with_edits() {
    let world = World::new();
    let token = |methods: &str| {
        let entry = format!("{{uri: gw/devices, methods: {methods}}}");
        let spec = format!("{{ttl: 1h, access: {{acl: [{entry}]}}}}");
        let head = "apiVersion: flespi-gitops/v1\nkind: Token\nmetadata: {name: app}\n";
        world.write("token.yaml", &format!("{head}spec: {spec}\n"));
    };
    let sent: Arc<Mutex<Vec<Value>>> = Arc::default();
    let heard = Arc::clone(&sent);
    let platform = Between::rewording(&world, without, move |passing| {
        heard.lock().unwrap().extend(serde_json::from_slice::<Value>(&passing.sent));
        answering(passing, with_more_in_it);
    });
    let through = |arguments: &[&str]| platform.run(arguments).expect(0);
    token("[GET]");
    through(&["apply", "token.yaml", "--yes"]);
    assert_eq!(through(&["plan", "token.yaml", "--format", "json"]).json()["steps"], json!([]));

    token("[GET, PUT]");
    let plan = through(&["plan", "token.yaml"]).stdout;
    assert!(plan.contains("keeps access: readonly true"), "{plan}");
    assert!(plan.contains("the manifest was edited"), "{plan}");
    sent.lock().unwrap().clear();
    through(&["apply", "token.yaml", "--yes"]);
    let sent = sent.lock().unwrap().clone();
    let access = sent.iter().find_map(|body| body.get("access")).unwrap();
    assert_eq!(access["readonly"], json!(true), "{sent:?}");
    assert_eq!(access["acl"][0]["until"], json!(9), "{sent:?}");
    assert_eq!(access["acl"][0]["methods"], json!(["GET", "PUT"]), "{sent:?}");

    let export = through(&["export"]).stdout;
    assert!(
        export.contains("# access: readonly is `true`, which manifests cannot express"),
        "{export}"
    );
    assert!(export.contains("methods: [GET, PUT]"), "{export}");
}

#[test]
fn bounds_in_a_form_that_nobody_knows_are_exported_as_a_comment_and_differ_from_any_other() {
    fn odd(answer: &mut Value) {
        let items = answer.get_mut("result").and_then(Value::as_array_mut).into_iter().flatten();
        for item in items.filter(|item| item["info"] == "app") {
            item["ips"] = json!({"only": "10.1.1.1"});
            item["origins"] = json!(7);
        }
    }
    let world = World::new();
    let token = "apiVersion: flespi-gitops/v1\nkind: Token\nmetadata: {name: app}\nspec: {ttl: 1h, access: standard}\n";
    world.write("token.yaml", token);
    world.apply(&["token.yaml"]);
    let platform = Between::new(&world, |passing| answering(passing, odd));
    let through = |arguments: &[&str]| platform.run(arguments).expect(0);
    let export = through(&["export"]).stdout;
    assert!(export.contains("# ips: is `{\"only\":\"10.1.1.1\"}`"), "{export}");
    assert!(export.contains("# origins: is `7`"), "{export}");
    assert_eq!(through(&["plan", "token.yaml", "--format", "json"]).json()["steps"], json!([]));
    // An empty list means any address, which this is not known to be.
    world.write("token.yaml", &token.replace("ttl: 1h", "ttl: 1h, ips: []"));
    let plan = through(&["plan", "token.yaml", "--format", "json"]).json();
    assert_eq!(plan["steps"][0]["changes"][0]["before"], json!({"only": "10.1.1.1"}), "{plan}");
}

#[test]
fn a_platform_that_reorders_adds_fields_and_fills_in_defaults_causes_no_change_in_any_fixture() {
    for fixture in ["first-subaccount", "fleet", "tenants", "spellings"] {
        let world = World::new();
        match fixture {
            "spellings" => drop(world.write("spellings/all.yaml", SPELLINGS)),
            example => world.copy_example(example),
        }
        let platform = Between::new(&world, |passing| answering(passing, reworded));
        let through = |arguments: &[&str]| platform.run(arguments).expect(0);
        through(&["apply", fixture, "--yes"]);
        let plan = through(&["plan", fixture, "--format", "json"]).json();
        assert_eq!(plan["steps"], json!([]), "{fixture}: {plan:#}");
        world.empty_journal();
        through(&["apply", fixture, "--yes"]);
        assert!(world.writes().is_empty(), "{fixture}: {:?}", world.writes());
    }
}
