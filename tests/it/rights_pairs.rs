//! Pairs of tokens, labelled by hand, and what has to hold for any pair.

use std::path::Path;

use flespi_gitops::rights::{Circumstances, Relation, Request, Rights, compare, decide};
use proptest::prelude::*;
use serde_json::{Map, Value, json};

/// Fewer pairs than this mean that some were lost.
const LEAST_PAIRS: usize = 200;

fn rights(fields: &Map<String, Value>) -> Rights {
    Rights::of(|name| fields.get(name))
}

/// Reads the notation that stands at the top of the table.
fn token(text: &str) -> Map<String, Value> {
    let (access, bounds) = text.split_once('@').unwrap_or((text, ""));
    let mut fields = Map::new();
    let access = match access.trim() {
        "standard" => json!({"type": 0}),
        "master" => json!({"type": 1}),
        "acl" => json!({"type": 2, "acl": []}),
        entries => {
            let entries: Vec<Value> = entries.split(';').map(|text| entry(text.trim())).collect();
            json!({"type": 2, "acl": entries})
        }
    };
    fields.insert("access".into(), access);
    for word in bounds.split_whitespace() {
        let (name, value) = match word.split_once('=') {
            None => ("enabled", json!(false)),
            Some(("ip", masks)) => ("ips", json!(masks)),
            Some(("origin", "none")) => ("origins", json!([])),
            Some(("origin", masks)) => {
                let origins: Vec<Value> = masks.split(',').map(origin).collect();
                ("origins", json!(origins))
            }
            Some((name @ ("ttl" | "expire"), number)) => {
                (name, json!(number.parse::<i64>().unwrap()))
            }
            Some(_) => panic!("{word}"),
        };
        fields.insert(name.into(), value);
    }
    fields
}

fn origin(text: &str) -> Value {
    match text {
        "flespi" => json!({"preset": "flespi"}),
        mask => json!(mask),
    }
}

fn words(list: &str, separator: char) -> Vec<&str> {
    list.split(separator).filter(|word| !word.is_empty()).collect()
}

fn entry(text: &str) -> Value {
    let mut parts = text.split_whitespace();
    let mut entry = Map::new();
    entry.insert("uri".into(), json!(parts.next().unwrap()));
    for part in parts {
        let (name, value) = match part.split_once('=') {
            Some(("ids", word @ ("all" | "in-groups"))) => ("ids", json!(word)),
            Some(("ids", list)) => {
                let ids = words(list, ',').into_iter().map(|id| id.parse::<i64>().unwrap());
                ("ids", json!(ids.collect::<Vec<_>>()))
            }
            Some(("sub", "none")) => ("submodules", json!([])),
            Some(("sub", list)) => {
                let submodules = words(list, ',').into_iter().map(|submodule| {
                    let (name, methods) = submodule.split_once(':').unwrap();
                    json!({"name": name, "methods": words(methods, '+')})
                });
                ("submodules", json!(submodules.collect::<Vec<_>>()))
            }
            Some(("topic", topic)) => ("topic", json!(topic)),
            Some(_) => panic!("{part}"),
            None if part.starts_with(char::is_lowercase) => ("actions", json!(words(part, ','))),
            None => ("methods", json!(words(part, ','))),
        };
        entry.insert(name.into(), value);
    }
    Value::Object(entry)
}

fn label(text: &str) -> Relation {
    match text {
        "equal" => Relation::Equal,
        "narrower" => Relation::Narrower,
        "wider" => Relation::Wider,
        "incomparable" => Relation::Incomparable,
        other => panic!("{other}"),
    }
}

fn mirrored(relation: Relation) -> Relation {
    match relation {
        Relation::Narrower => Relation::Wider,
        Relation::Wider => Relation::Narrower,
        same => same,
    }
}

struct Pair {
    line: String,
    label: Relation,
    first: Rights,
    second: Rights,
}

fn pairs() -> Vec<Pair> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/cases/rights/pairs.txt");
    let text = std::fs::read_to_string(file).unwrap();
    let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines
        .map(|line| {
            let columns: Vec<&str> = line.split('|').map(str::trim).collect();
            let [name, first, second, _why] = columns[..] else { panic!("{line}") };
            Pair {
                line: line.to_owned(),
                label: label(name),
                first: rights(&token(first)),
                second: rights(&token(second)),
            }
        })
        .collect()
}

#[test]
fn every_labelled_pair_is_classified_as_labelled() {
    let pairs = pairs();
    assert!(pairs.len() >= LEAST_PAIRS, "only {} pairs", pairs.len());
    let mut complaints = Vec::new();
    for Pair { line, label, first, second } in &pairs {
        for (a, b, wanted) in [(first, second, *label), (second, first, mirrored(*label))] {
            let got = compare(a, b);
            if got.relation != wanted {
                complaints.push(format!(
                    "{line}\n  is {:?}: {:?} {:?}",
                    got.relation, got.gained, got.lost
                ));
            }
        }
    }
    assert!(complaints.is_empty(), "\n{}", complaints.join("\n"));
}

#[test]
fn every_label_has_many_pairs() {
    let pairs = pairs();
    for wanted in [Relation::Equal, Relation::Narrower, Relation::Wider, Relation::Incomparable] {
        let count = pairs.iter().filter(|pair| pair.label == wanted).count();
        assert!(count >= 20, "{wanted:?}: {count}");
    }
}

/// Differences as a reviewer reads them.
#[test]
fn a_difference_is_told_in_words() {
    let told = |after: &str, before: &str| {
        let comparison = compare(&rights(&token(after)), &rights(&token(before)));
        [comparison.gained, comparison.lost].concat().join("; ")
    };
    for (after, before, words) in [
        (
            "gw/devices GET,DELETE",
            "gw/devices GET @ ip=10.*",
            "gains DELETE on gw/devices with all submodules; loses its IP bound (10.*)",
        ),
        (
            "gw/devices GET ids=1,2 sub=messages:GET",
            "gw/devices GET ids=1 sub=messages:GET,telemetry:GET",
            "gains GET on gw/devices 2; gains GET on messages of gw/devices 2; loses GET on telemetry of gw/devices 1",
        ),
        (
            "gw/devices GET ids=in-groups",
            "gw/devices GET",
            "loses GET on gw/devices that are in no group with all submodules",
        ),
        (
            "gw/devices GET sub=settings:GET",
            "gw/devices GET",
            "loses GET on all submodules but settings of gw/devices",
        ),
        ("gw GET,PUT", "gw GET", "gains PUT on all of gw"),
        (
            "gw GET; ai POST",
            "gw/devices GET",
            "gains POST on the REST API of ai; gains GET on all other items of gw with all submodules",
        ),
        ("master", "standard", "gains the platform API: it becomes a master token"),
        ("standard", "master", "loses the platform API: it is no longer a master token"),
        (
            "gw/devices GET",
            "standard",
            "loses everything outside the platform API that its list does not name",
        ),
        (
            "mqtt topic=site/# subscribe",
            "mqtt topic=site/7/# publish,subscribe",
            "gains subscribing to `site/#`; loses publishing on `site/7/#`",
        ),
        (
            "gw GET @ ttl=86400 expire=1798675200",
            "gw GET @ ttl=3600 origin=none",
            "loses its origin bound (none); stays valid for 1d after its last use instead of 1h; \
             is valid until 2026-12-31T00:00:00Z even if unused",
        ),
        ("gw GET @ disabled", "gw GET", "cannot be used while it is disabled"),
    ] {
        assert_eq!(told(after, before), words, "{after} against {before}");
    }
}

/// Small numbers of everything, so that pairs often have something in common.
fn any_token() -> impl Strategy<Value = Map<String, Value>> {
    let methods = || proptest::sample::subsequence(vec!["GET", "POST", "PUT", "DELETE"], 0..=3);
    let ids = prop_oneof![
        Just(json!("all")),
        Just(json!("in-groups")),
        proptest::sample::subsequence(vec![1, 2, 3], 0..=3).prop_map(|ids| json!(ids)),
    ];
    let submodule = (proptest::sample::select(vec!["messages", "logs"]), methods())
        .prop_map(|(name, methods)| json!({"name": name, "methods": methods}));
    let submodules =
        proptest::option::of(proptest::collection::vec(submodule, 0..3)).prop_map(|it| json!(it));
    let uri = proptest::sample::select(vec!["gw", "gw/devices", "gw/channels", "storage/cdns"]);
    let rest = (uri, methods(), ids, submodules).prop_map(|(uri, methods, ids, submodules)| {
        let mut entry = json!({"uri": uri, "methods": methods, "ids": ids});
        if !submodules.is_null() {
            entry["submodules"] = submodules;
        }
        entry
    });
    let topic = proptest::sample::select(vec!["a", "a/#", "a/+", "+/b", "#", "$x/#", "a/b"]);
    let actions = proptest::sample::subsequence(vec!["publish", "subscribe"], 0..=2);
    let mqtt = (topic, actions)
        .prop_map(|(topic, actions)| json!({"uri": "mqtt", "topic": topic, "actions": actions}));
    let acl = proptest::collection::vec(prop_oneof![3 => rest, 1 => mqtt], 0..4)
        .prop_map(|entries| json!({"type": 2, "acl": entries}));
    let access =
        prop_oneof![8 => acl, 1 => Just(json!({"type": 0})), 1 => Just(json!({"type": 1}))];
    let ips = proptest::sample::select(vec!["", "10.*", "10.1.*", "10.?.*,11.*"]);
    (access, ips).prop_map(|(access, ips)| {
        let mut fields = Map::new();
        fields.insert("access".into(), access);
        fields.insert("ips".into(), json!(ips));
        fields
    })
}

/// A request, from an address and with or without knowing of groups.
fn any_request() -> impl Strategy<Value = Request> {
    let text = proptest::sample::select(vec![
        "GET gw/devices/1",
        "GET gw/devices/1,2/messages",
        "PUT gw/devices/2",
        "DELETE gw/devices/all/logs",
        "GET gw/devices/all",
        "POST gw/devices",
        "POST gw/devices/3/commands",
        "GET gw/channels/1/messages",
        "GET gw/streams/2/logs",
        "DELETE storage/cdns/1",
        "GET storage/cdns/cid=5/files",
        "GET platform/tokens/all",
        "publish a",
        "publish a/b",
        "publish flespi/a",
        "subscribe a/#",
        "subscribe a/+",
        "subscribe +/b",
        "subscribe #",
        "subscribe $x/y",
        "subscribe $share/g/a/b",
        "subscribe flespi/message/gw/devices/1",
        "subscribe flespi/message/gw/devices/+",
        "subscribe flespi/state/gw/devices/1/telemetry",
    ]);
    let ip = proptest::sample::select(vec!["10.1.2.3", "10.22.2.3", "11.1.1.1", "9.9.9.9"]);
    (text, ip, proptest::option::of(any::<bool>())).prop_map(|(text, ip, in_groups)| {
        let mut request: Request = text.parse().unwrap();
        request.circumstances =
            Circumstances { ip: Some(ip.to_owned()), in_groups, ..Circumstances::default() };
        request
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]

    #[test]
    fn comparing_the_other_way_round_gives_the_mirrored_answer(a in any_token(), b in any_token()) {
        let (a, b) = (rights(&a), rights(&b));
        let (there, back) = (compare(&a, &b), compare(&b, &a));
        prop_assert_eq!(there.relation, mirrored(back.relation));
        prop_assert_eq!(there.gained.is_empty(), back.lost.is_empty());
        prop_assert_eq!(compare(&a, &a).relation, Relation::Equal);
    }

    #[test]
    fn whatever_a_narrower_token_may_the_wider_one_may_too(
        a in any_token(), b in any_token(), requests in proptest::collection::vec(any_request(), 24)
    ) {
        let (a, b) = (rights(&a), rights(&b));
        let relation = compare(&a, &b).relation;
        for request in requests {
            let (of_a, of_b) = (decide(&a, &request), decide(&b, &request));
            if matches!(relation, Relation::Narrower | Relation::Equal) && of_a.allowed() {
                prop_assert!(of_b.allowed(), "{:?}: {:?} {:?}", request, of_a, of_b);
            }
            if matches!(relation, Relation::Wider | Relation::Equal) && of_b.allowed() {
                prop_assert!(of_a.allowed(), "{:?}: {:?} {:?}", request, of_a, of_b);
            }
        }
    }
}
