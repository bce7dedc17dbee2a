//! Webhooks: calls that the platform makes when a message comes on a topic.

use serde_json::{Map, Value};

use super::row::{Field, Hides, KindRow, Loss, Recovery, Special};
use crate::resource::canonical::without_nulls;

static TRIGGERS: Special = Special::plain(triggers);
static CONFIGURATION: Special = Special {
    canonical: configuration,
    merged,
    sayable: Value::clone,
    beyond: |_| Vec::new(),
    hides: Some(&Hides { masked, without }),
};

pub(super) const ROW: KindRow = KindRow {
    word: "webhook",
    title: "Webhook",
    collection: "webhooks",
    quota: Some("webhooks_count"),
    makes_live: true,
    fields: &[&[
        Field::server("id"),
        Field::server("cid"),
        Field::own("name"),
        Field::own("enabled"),
        Field::special("triggers", &TRIGGERS),
        Field::special("configuration", &CONFIGURATION),
        Field::own("queue_ttl"),
        Field::own("metadata"),
    ]],
    loss: Loss { empty: "is deleted, which stops its calls", full: None },
    recovery: Recovery { with: "as it was", means: "comes back, and makes its calls again" },
    ..KindRow::PLAIN
};

/// The members of a call that manifests can say, `headers` aside (fact sheet, 8.3).
const CALL: [&str; 7] = ["type", "uri", "method", "body", "ca", "cid", "validate"];

/// What is shown for what may be secret.
const HIDDEN: &str = "(hidden)";

/// Any trigger fires the webhook, so their order means nothing; an empty filter is none.
fn triggers(value: &Value) -> Value {
    let Value::Array(triggers) = value else { return value.clone() };
    let trigger = |trigger: &Value| {
        let mut trigger = without_nulls(trigger);
        if let Some(fields) = trigger.as_object_mut()
            && fields.get("filter").and_then(Value::as_object).is_some_and(Map::is_empty)
        {
            fields.remove("filter");
        }
        trigger
    };
    let mut triggers: Vec<Value> = triggers.iter().map(trigger).collect();
    triggers.sort_by_cached_key(Value::to_string);
    triggers.dedup();
    Value::Array(triggers)
}

/// A chain of one call is that call; no headers are as good as an empty list of them.
fn configuration(value: &Value) -> Value {
    each_call(value, &|call| {
        let mut call = without_nulls(call);
        if let Some(fields) = call.as_object_mut()
            && fields.get("headers").and_then(Value::as_array).is_some_and(Vec::is_empty)
        {
            fields.remove("headers");
        }
        call
    })
}

/// A call that says nothing of its headers leaves them alone as long as it goes to the same place: what was meant for one
/// server is not sent to another. What no manifest can say goes along in the same way.
fn merged(wanted: &Value, found: &Value) -> Value {
    let mut found: Vec<&Value> = calls(found).iter().collect();
    let goes_to = |call: &Value| (call.get("type").cloned(), call.get("uri").cloned());
    let merge = |wanted: &Value| {
        let mut whole = wanted.clone();
        let same = found.iter().position(|found| goes_to(found) == goes_to(wanted));
        let fields = same.and_then(|at| found.remove(at).as_object()).into_iter().flatten();
        for (name, value) in fields.filter(|(name, _)| !CALL.contains(&name.as_str())) {
            if let Some(whole) = whole.as_object_mut() {
                whole.entry(name.clone()).or_insert_with(|| value.clone());
            }
        }
        whole
    };
    match wanted {
        Value::Array(wanted) => wanted.iter().map(merge).collect(),
        wanted => {
            let mut merge = merge;
            merge(wanted)
        }
    }
}

/// Without values of headers, and of what is not known.
fn masked(value: &Value) -> Value {
    each_call(value, &|call| {
        let Some(fields) = call.as_object() else { return Value::from(HIDDEN) };
        let shown = fields.iter().map(|(name, value)| match (name.as_str(), value) {
            (known, value) if CALL.contains(&known) => (name.clone(), value.clone()),
            ("headers", Value::Array(headers)) => {
                (name.clone(), headers.iter().map(masked_header).collect())
            }
            _ => (name.clone(), Value::from(HIDDEN)),
        });
        Value::Object(shown.collect())
    })
}

/// A stand-in is nothing that was found.
fn masked_header(header: &Value) -> Value {
    let Some(fields) = header.as_object() else { return Value::from(HIDDEN) };
    let shown = fields.iter().map(|(name, value)| match name.as_str() {
        "value" if !value.is_object() => (name.clone(), Value::from(HIDDEN)),
        _ => (name.clone(), value.clone()),
    });
    Value::Object(shown.collect())
}

/// Without headers and what is not known; with the places of what is left out.
fn without(value: &Value) -> (Value, Vec<String>) {
    let mut places: Vec<String> = Vec::new();
    for (at, call) in calls(value).iter().enumerate() {
        let left_out = call.as_object().into_iter().flatten().filter(|(name, value)| {
            let is_empty = value.as_array().is_some_and(Vec::is_empty) || value.is_null();
            !CALL.contains(&name.as_str()) && !is_empty
        });
        places.extend(left_out.map(|(name, _)| match value {
            Value::Array(_) => format!("configuration.{at}.{name}"),
            _ => format!("configuration.{name}"),
        }));
    }
    let rest = each_call(value, &|call| {
        let mut call = call.clone();
        if let Some(fields) = call.as_object_mut() {
            fields.retain(|name, _| CALL.contains(&name.as_str()));
        }
        call
    });
    (rest, places)
}

/// The calls of a configuration: one, or a chain.
fn calls(value: &Value) -> &[Value] {
    match value {
        Value::Array(chain) => chain,
        single => std::slice::from_ref(single),
    }
}

fn each_call(value: &Value, change: &dyn Fn(&Value) -> Value) -> Value {
    match value {
        Value::Object(_) => change(value),
        Value::Array(chain) => match chain.as_slice() {
            [single] => change(single),
            chain => chain.iter().map(change).collect(),
        },
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const HOOK: &str = "https://hooks.example/in";

    #[test]
    fn a_chain_of_one_call_is_that_call_and_the_order_of_a_chain_counts() {
        let call = |uri: &str| json!({"type": "custom-server", "uri": uri});
        let same = json!([{"type": "custom-server", "uri": HOOK, "headers": [], "ca": null}]);
        assert_eq!(configuration(&same), call(HOOK));
        let chain = |first: &str, second: &str| configuration(&json!([call(first), call(second)]));
        assert_ne!(chain("a", "b"), chain("b", "a"));
    }

    #[test]
    fn triggers_are_a_set() {
        let one = json!([{"topic": "a", "filter": {}}, {"topic": "b", "filter": {"cid": 1}}]);
        let other = json!([{"topic": "b", "filter": {"cid": 1}}, {"topic": "a", "filter": null}]);
        assert_eq!(triggers(&one), triggers(&other));
        assert_ne!(triggers(&one), triggers(&json!([{"topic": "a"}])));
    }

    #[test]
    fn headers_that_are_not_declared_stay_where_they_are_and_go_nowhere_else() {
        let headers = json!([{"name": "Authorization", "value": "canary"}]);
        let found = json!({"type": "custom-server", "uri": HOOK, "headers": headers, "new": 1});
        let wanted = |uri: &str| json!({"type": "custom-server", "uri": uri, "method": "PUT"});
        let kept = merged(&wanted(HOOK), &found);
        assert_eq!((&kept["headers"], &kept["new"]), (&headers, &json!(1)));
        assert_eq!(
            merged(&wanted("https://other.example"), &found),
            wanted("https://other.example")
        );
        let chain = json!([wanted("https://other.example"), wanted(HOOK)]);
        let kept = merged(&chain, &found);
        assert_eq!((&kept[0].get("headers"), &kept[1]["headers"]), (&None, &headers));
        let cleared = json!({"type": "custom-server", "uri": HOOK, "headers": []});
        assert_eq!(merged(&cleared, &found)["headers"], json!([]));
    }

    #[test]
    fn what_may_be_secret_is_neither_shown_nor_exported() {
        let headers = json!([{"name": "Authorization", "value": "canary"}]);
        let call =
            json!({"type": "custom-server", "uri": HOOK, "headers": headers, "new": "canary"});
        for found in [call.clone(), json!([call.clone(), call]), json!(["canary", {"uri": HOOK}])] {
            assert!(!masked(&found).to_string().contains("canary"), "{found}");
        }
        let (rest, places) = without(&json!({"uri": HOOK, "headers": headers, "new": "canary"}));
        assert_eq!(rest, json!({"uri": HOOK}));
        assert_eq!(places, ["configuration.headers", "configuration.new"]);
        let (_, places) = without(&json!([{"uri": HOOK}, {"uri": HOOK, "headers": headers}]));
        assert_eq!(places, ["configuration.1.headers"]);
    }
}
