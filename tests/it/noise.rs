//! No drift noise (R15): between program and platform stands somebody who answers as a platform may, in another order,
//! with more fields, and with every default filled in.

use serde_json::{Value, json};

use crate::support::World;
use crate::support::between::Between;

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

#[test]
fn a_platform_that_reorders_adds_fields_and_fills_in_defaults_causes_no_change_in_any_fixture() {
    for fixture in ["first-subaccount", "fleet", "tenants", "spellings"] {
        let world = World::new();
        match fixture {
            "spellings" => drop(world.write("spellings/all.yaml", SPELLINGS)),
            example => world.copy_example(example),
        }
        let platform = Between::new(&world, |passing| {
            if passing.path.starts_with("/platform/") {
                let mut answer = passing.json();
                reworded(&mut answer);
                passing.body = answer.to_string().into_bytes();
            }
        });
        let through = |arguments: &[&str]| platform.run(arguments).expect(0);
        through(&["apply", fixture, "--yes"]);
        let plan = through(&["plan", fixture, "--format", "json"]).json();
        assert_eq!(plan["steps"], json!([]), "{fixture}: {plan:#}");
        world.empty_journal();
        through(&["apply", fixture, "--yes"]);
        assert!(world.writes().is_empty(), "{fixture}: {:?}", world.writes());
    }
}
