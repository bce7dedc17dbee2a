//! The replies to requests, each for a status made by hand.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::exchange::{Ask, Reply};
use super::routes::{Known, answer};
use super::*;
use crate::resource::{Address, Drift};
use crate::watch::status::{Condition, FieldStatus, ObjectStatus};
use crate::watch::{ObjectState, State, Status};

/// A name that does harm wherever it is taken for something else than text.
const HOSTILE: &str = "</script><img src=x onerror=alert(1)>\"'\\\n# TYPE x";

fn object(address: &str, state: ObjectState) -> (Address, ObjectStatus) {
    let address: Address = address.parse().unwrap();
    let status = ObjectStatus {
        kind: address.kind,
        account: address.account.to_string(),
        name: address.name.to_string(),
        source: Some("accounts/a.yaml:2:1".to_owned()),
        id_on_platform: Some(1),
        state,
        since: Timestamp::UNIX_EPOCH,
        reason: None,
        drift: Drift::Heal,
        fields: Vec::new(),
        failures: 0,
        retry_at: None,
        ends_at: None,
        ttl_seconds: None,
    };
    (address, status)
}

fn status(state: State) -> Status {
    let mut status = Status::starting("r".into(), "fleet".into(), "https://flespi.io/".into(), 300);
    (status.state, status.says) = (state, "as it is".to_owned());
    let mut token = object("token/emea/acme/gate", ObjectState::InSync);
    token.1.ends_at = Timestamp::from_second(3_600).ok();
    token.1.ttl_seconds = Some(7_200);
    let mut drifted = object("subaccount/emea/acme", ObjectState::Drifted);
    drifted.1.reason = Some(HOSTILE.to_owned());
    drifted.1.fields = vec![FieldStatus {
        field: "name".to_owned(),
        found: json!(HOSTILE),
        wanted: json!("ACME"),
        returns: 1,
        contested: false,
        by: None,
    }];
    let all = [object("limit/starter", ObjectState::InSync), drifted, token];
    status.objects = Arc::new(all.into_iter().collect());
    status.conditions =
        vec![Condition { state, since: Timestamp::UNIX_EPOCH, says: HOSTILE.to_owned() }];
    status
}

fn ask(method: &str, path: &str) -> Ask {
    Ask {
        method: method.to_owned(),
        path: path.to_owned(),
        host: Some("127.0.0.1:9464".to_owned()),
        origin: None,
        fetch_site: None,
        has_wake_header: false,
        known: None,
        peer: IpAddr::V4(Ipv4Addr::LOCALHOST),
    }
}

fn reply_of(ask: &Ask, status: &Status) -> Reply {
    let (silent, now) = (Duration::ZERO, Timestamp::from_second(600).unwrap());
    answer(ask, &Known { status, edition: 3, silent, now, names: &[] })
}

fn header<'a>(reply: &'a Reply, name: &str) -> Option<&'a str> {
    reply.headers.iter().find(|(known, _)| *known == name).map(|(_, value)| value.as_str())
}

fn text(reply: &Reply) -> &str {
    std::str::from_utf8(&reply.body).unwrap()
}

#[test]
fn ready_is_who_has_looked_at_the_platform_and_alive_is_who_goes_on() {
    let mut present = status(State::Starting);
    assert_eq!(reply_of(&ask("GET", "/readyz"), &present).status, 503);
    assert_eq!(reply_of(&ask("GET", "/healthz"), &present).status, 200);
    present.state = State::Idle;
    let silent = Duration::from_secs(3_600);
    let known = Known { status: &present, edition: 3, silent, now: Timestamp::now(), names: &[] };
    let reply = answer(&ask("GET", "/healthz"), &known);
    assert_eq!(reply.status, 503);
    assert!(text(&reply).contains("has not responded for 3600 s"));
}

#[test]
fn a_name_that_was_bound_to_this_machine_gets_nothing_but_health() {
    let present = status(State::Idle);
    for path in ["/", "/metrics", "/status", "/view", "/passes/r"] {
        let rebound = Ask { host: Some("evil.example:9464".to_owned()), ..ask("GET", path) };
        let reply = reply_of(&rebound, &present);
        assert_eq!(reply.status, 421, "{path}");
        assert!(!text(&reply).contains("acme"), "{path}");
    }
    let probe = Ask { host: Some("pod.example".to_owned()), ..ask("GET", "/healthz") };
    assert_eq!(reply_of(&probe, &present).status, 200);
}

#[test]
fn a_pass_begins_for_this_machine_and_for_no_page_of_another_origin() {
    let present = status(State::Idle);
    let good = Ask { has_wake_header: true, ..ask("POST", "/wake") };
    let reply = reply_of(&good, &present);
    assert!(reply.status == 202 && reply.wakes);
    let own_page = Ask {
        origin: Some("http://127.0.0.1:9464".to_owned()),
        fetch_site: Some("same-origin".to_owned()),
        ..good.clone()
    };
    assert!(reply_of(&own_page, &present).wakes);
    let far: IpAddr = [192, 0, 2, 7].into();
    let refused = [
        Ask { has_wake_header: false, ..good.clone() },
        Ask { peer: far, ..good.clone() },
        Ask { origin: Some("http://evil.example".to_owned()), ..good.clone() },
        Ask { origin: Some("null".to_owned()), ..good.clone() },
        Ask { fetch_site: Some("cross-site".to_owned()), ..good.clone() },
        Ask { fetch_site: Some("same-site".to_owned()), ..good.clone() },
    ];
    for ask in refused {
        let reply = reply_of(&ask, &present);
        assert!(reply.status == 403 && !reply.wakes, "{ask:?}");
    }
    let reply = reply_of(&Ask { method: "GET".to_owned(), ..good }, &present);
    assert!(reply.status == 405 && !reply.wakes);
    assert_eq!(header(&reply, "allow"), Some("POST"));
}

#[test]
fn the_page_is_the_same_for_every_status_and_may_run_nothing_but_its_own_script() {
    let page = reply_of(&ask("GET", "/"), &status(State::Idle));
    assert_eq!(page, reply_of(&ask("GET", "/"), &status(State::SetInvalid)), "no data is in it");
    let policy = header(&page, "content-security-policy").unwrap();
    assert!(policy.starts_with("default-src 'none';") && !policy.contains("unsafe"), "{policy}");
    assert!(policy.contains("frame-ancestors 'none'") && policy.contains("script-src 'sha256-"));
    let html = text(&page);
    for from_elsewhere in ["http://", "https://", "//cdn", "@import", "url("] {
        let code = html.replace("/^https?:\\/\\//", "").replace("http://www.w3.org", "");
        assert!(!code.contains(from_elsewhere), "{from_elsewhere}");
    }
    for as_html in ["innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval("] {
        assert!(!html.contains(as_html), "{as_html}");
    }
}

#[test]
fn a_hostile_name_is_data_in_the_view_and_one_label_in_the_metrics() {
    let present = status(State::Idle);
    let view = reply_of(&ask("GET", "/view"), &present);
    assert_eq!(view.content_type, "application/json");
    assert_eq!(header(&view, "x-content-type-options"), Some("nosniff"));
    let document: Value = serde_json::from_slice(&view.body).unwrap();
    assert_eq!(document["objects"][0]["fields"][0]["found"], HOSTILE, "trouble comes first");
    let mut hostile = present.clone();
    hostile.set.good = Some(crate::watch::status::GoodSet {
        fingerprint: HOSTILE.to_owned(),
        since: Timestamp::UNIX_EPOCH,
        manifests: 1,
        objects: 1,
        commit: Some(Arc::new(crate::git::Commit {
            id: HOSTILE.to_owned(),
            branch: Some(HOSTILE.to_owned()),
            author: Some(HOSTILE.to_owned()),
            subject: Some(HOSTILE.to_owned()),
        })),
    });
    let metrics = metrics_text(&hostile, Timestamp::UNIX_EPOCH);
    for line in metrics.lines() {
        assert!(line.starts_with("# ") || line.starts_with("flespi_gitops_"), "{line}");
    }
    assert_eq!(metrics.matches("# TYPE x").count(), 5, "it is inside of labels");
}

#[test]
fn metrics_count_what_the_status_says() {
    let metrics = metrics_text(&status(State::Idle), Timestamp::from_second(600).unwrap());
    for line in [
        "flespi_gitops_state{state=\"idle\"} 1",
        "flespi_gitops_state{state=\"passing\"} 0",
        "flespi_gitops_objects{kind=\"subaccount\",state=\"drifted\"} 1",
        "flespi_gitops_token_remaining_seconds{address=\"token/emea/acme/gate\"} 3000",
        "flespi_gitops_token_ttl_seconds{address=\"token/emea/acme/gate\"} 7200",
        "flespi_gitops_interval_seconds 300",
        "flespi_gitops_passes_total{outcome=\"applied\"} 0",
    ] {
        assert!(metrics.lines().any(|there| there == line), "{line}\n{metrics}");
    }
}

#[test]
fn the_view_says_only_once_what_did_not_change() {
    let present = status(State::Idle);
    let first = reply_of(&ask("GET", "/view"), &present);
    let tag = header(&first, "etag").unwrap().to_owned();
    let again = reply_of(&Ask { known: Some(tag), ..ask("GET", "/view") }, &present);
    assert!(again.status == 304 && again.body.is_empty());
    let other = Ask { known: Some("\"r-2\"".to_owned()), ..ask("GET", "/view") };
    assert_eq!(reply_of(&other, &present).status, 200);
}

#[test]
fn of_very_many_objects_those_in_trouble_are_shown_and_the_others_counted() {
    let mut present = status(State::Idle);
    let many = (0..5_000).map(|n| object(&format!("limit/l{n}"), ObjectState::InSync));
    let failing = object("limit/zzz", ObjectState::Failing);
    present.objects = Arc::new(many.chain([failing]).collect());
    let view: Value = serde_json::to_value(view(&present)).unwrap();
    assert_eq!(view["objects"].as_array().unwrap().len(), 2_000);
    assert_eq!(view["objects"][0]["address"], "limit/zzz");
    assert_eq!(view["not_listed"], 3_001);
    assert_eq!(view["accounts"][""]["in_sync"], 5_000);
}

#[test]
fn what_is_not_there_is_told_in_words() {
    let present = status(State::Idle);
    assert_eq!(reply_of(&ask("GET", "/nothing"), &present).status, 404);
    assert_eq!(reply_of(&ask("GET", "/passes/nothing"), &present).status, 404);
    assert_eq!(reply_of(&ask("DELETE", "/status"), &present).status, 405);
}
