//! Every boundary: small scenarios, in which each single request in turn meets each kind of fault, is the last one of a run
//! that is killed, or waits until somebody else has written. One more run without trouble must end in the world that there
//! is without any.
//!
//! ```text
//! BOUNDARIES=all cargo test --release --test it boundaries -- --nocapture
//! ```
//!
//! tries all of them and tells how many there are, and `BOUNDARIES="prune, killed after request 7"` that one, as a failure
//! names it, and `BOUNDARIES=1/5` one of five; otherwise some are tried, evenly spread.

use std::collections::BTreeSet;

use flespi_gitops::sandbox::Assumptions;
use serde_json::{Value, json};

use super::deed::{Meddling, effects};
use super::land::{Land, Tally, Trouble, write};
use super::life::stream;
use super::shape::shape;
use super::wire::Kill;
use super::{laws, within};

/// Without `BOUNDARIES=all`, one of so many is tried.
const SPREAD: usize = 23;

const DAY: u64 = 86_400;

/// What is to be done, and what was there before.
struct Scenario {
    name: &'static str,
    before: Vec<Value>,
    between: Between,
    after: Vec<Value>,
}

/// What happens before the run that meets trouble.
#[derive(Clone, Copy)]
enum Between {
    Nothing,
    /// Days go by, which somebody is told of by runs that go well, except for the last ones.
    Days(&'static [u64]),
    /// Somebody deletes all tokens of ours, and accounts with what is in them.
    Vandals,
    /// Trucks come, which a run that goes well sees; then one is sold and others come.
    Trucks,
}

fn document(kind: &str, address: &str, spec: Value) -> Value {
    let mut metadata = json!({});
    if let Some((realm, name)) = address.split_once(':') {
        metadata = json!({"realm": realm, "name": name});
        return json!({"apiVersion": "flespi-gitops/v1", "kind": kind, "metadata": metadata, "spec": spec});
    }
    match address.rsplit_once('/') {
        Some((account, name)) => metadata = json!({"account": account, "name": name}),
        None => metadata["name"] = json!(address),
    }
    json!({"apiVersion": "flespi-gitops/v1", "kind": kind, "metadata": metadata, "spec": spec})
}

fn moved(mut document: Value, from: &str) -> Value {
    document["metadata"]["moved_from"] = json!(from);
    document
}

fn stack() -> Value {
    document("Stack", "default", json!({}))
}

/// The same manifests in a stack of another name, or with `spec` in it.
fn of_stack(name: &str, spec: Value, mut manifests: Vec<Value>) -> Vec<Value> {
    manifests[0] = document("Stack", name, spec);
    manifests
}

/// The same manifests as those of objects that another stack has.
fn taken_over(mut manifests: Vec<Value>) -> Vec<Value> {
    manifests[1..].iter_mut().for_each(|it| it["metadata"]["from_stack"] = json!("default"));
    manifests
}

fn limit(address: &str, devices: u32) -> Value {
    document(
        "Limit",
        address,
        json!({"devices_count": devices, "tokens_count": -1,
        "subaccounts_count": -1, "limits_count": -1}),
    )
}

fn account(address: &str, limit: Option<&str>) -> Value {
    let mut spec = json!({"metadata": {"tag": "1"}});
    if let Some(limit) = limit {
        spec["limit"] = json!(limit);
    }
    document("Subaccount", address, spec)
}

fn token(address: &str, tag: &str) -> Value {
    let file = format!("out/{}", address.replace('/', "-"));
    document(
        "Token",
        address,
        json!({"access": "standard", "ttl": "365d", "metadata": {"tag": tag},
        "deliver": [{"file": file}]}),
    )
}

fn rotating(address: &str) -> Value {
    let mut token = token(address, "1");
    token["spec"]["rotation"] = json!({"every": "30d", "overlap": "48h"});
    token
}

/// A token that opens every truck of its account, or those in a group.
fn selecting(address: &str, select: Value) -> Value {
    let mut token = token(address, "1");
    let ids = json!({ "select": select });
    token["spec"]["access"] =
        json!({"acl": [{"uri": "gw/devices", "methods": ["GET"], "ids": ids}]});
    token
}

fn login(address: &str, version: u32) -> Value {
    let mut account = account(address, None);
    account["spec"]["credentials"] = json!({"email": format!("{address}@x.example"),
        "password": {"file": format!("../passwords/{version}")}});
    account
}

fn hook(address: &str, version: u32) -> Value {
    document(
        "Webhook",
        address,
        json!({
            "triggers": [{"topic": "flespi/log/gw/devices/+/connected"}],
            "configuration": {"type": "custom-server", "uri": "https://hooks.example/in", "method": "POST",
                "headers": [{"name": "Authorization", "value": {"file": format!("../passwords/{version}")}}]},
        }),
    )
}

fn realm(name: &str, home: Value, ttl: &str, providers: &[&str]) -> Value {
    let params =
        json!({"access": {"acl": [{"uri": "gw/devices", "methods": ["GET"]}]}, "ttl": ttl});
    let spec = json!({"home": home, "token_params": params, "identity_providers": providers});
    document("Realm", name, spec)
}

/// A user, `realm:name`.
fn user(address: &str, version: u32) -> Value {
    let password = json!({"file": format!("../passwords/{version}")});
    document("RealmUser", address, json!({"password": password}))
}

fn provider(name: &str, version: u32) -> Value {
    let secret = json!({"file": format!("../passwords/{version}")});
    let configuration = json!({"client_id": "portal", "client_secret": secret});
    document("IdentityProvider", name, json!({"type": "oidc", "configuration": configuration}))
}

fn grant(address: &str, word: &str, to: &[&str]) -> Value {
    document(
        "Grant",
        address,
        json!({"items": [{"type": "gw/devices"}], "access": [word], "to": to}),
    )
}

/// A small estate: two levels of accounts, a limit for each, tokens that are delivered.
fn estate(tag: &str, devices: u32) -> Vec<Value> {
    vec![
        stack(),
        limit("l", devices),
        account("a", Some("l")),
        // One write for both would not renew what their marks say of the values that were applied.
        limit("a/l", devices + 10),
        account("a/b", Some("l")),
        token("t", tag),
        token("a/t", tag),
        token("a/u", tag),
        token("a/b/t", tag),
    ]
}

fn scenarios() -> Vec<Scenario> {
    let whole = || estate("1", 1);
    let nothing = Between::Nothing;
    vec![
        Scenario { name: "create all", before: Vec::new(), between: nothing, after: whole() },
        Scenario { name: "change all", before: whole(), between: nothing, after: estate("2", 2) },
        Scenario {
            name: "rename",
            before: whole(),
            between: nothing,
            after: vec![
                stack(),
                moved(limit("m", 1), "limit/l"),
                moved(account("z", Some("m")), "subaccount/a"),
                limit("z/l", 11),
                account("z/b", Some("l")),
                moved(token("s", "1"), "token/t"),
                token("z/t", "1"),
                moved(token("z/v", "1"), "token/z/u"),
                token("z/b/t", "1"),
            ],
        },
        Scenario {
            name: "issue a next key",
            before: vec![stack(), account("a", None), rotating("a/t"), rotating("t")],
            between: Between::Days(&[31]),
            after: vec![stack(), account("a", None), rotating("a/t"), rotating("t")],
        },
        Scenario {
            name: "retire a former key",
            before: vec![stack(), account("a", None), rotating("a/t"), rotating("t")],
            between: Between::Days(&[31, 3]),
            after: vec![stack(), account("a", None), rotating("a/t"), rotating("t")],
        },
        Scenario { name: "restore", before: whole(), between: Between::Vandals, after: whole() },
        Scenario {
            name: "prune",
            before: whole(),
            between: nothing,
            after: vec![stack(), limit("l", 1), token("t", "1")],
        },
        Scenario {
            name: "set credentials",
            before: vec![stack(), account("a", None)],
            between: nothing,
            after: vec![stack(), login("a", 1)],
        },
        Scenario {
            name: "change credentials",
            before: vec![stack(), login("a", 1)],
            between: nothing,
            after: vec![stack(), login("a", 2)],
        },
        Scenario {
            name: "open realms",
            before: Vec::new(),
            between: nothing,
            after: vec![
                stack(),
                account("a", None),
                account("b", None),
                limit("a/l", 1),
                provider("i", 1),
                realm("r", json!({"subaccount": "a"}), "1h", &["i"]),
                realm("s", json!({"per_user": {"under": "a", "limit": "l"}}), "1h", &[]),
                user("r:u", 1),
                user("r:v", 1),
                user("s:u", 1),
                grant("a/g", "edit", &["b"]),
            ],
        },
        Scenario {
            name: "change realms",
            before: vec![
                stack(),
                account("a", None),
                account("b", None),
                provider("i", 1),
                provider("j", 1),
                realm("r", json!({"subaccount": "a"}), "1h", &["i"]),
                user("r:u", 1),
                user("r:v", 1),
                realm("t", json!("account"), "1h", &[]),
                user("t:u", 1),
                grant("a/g", "edit", &["b"]),
            ],
            between: nothing,
            after: vec![
                stack(),
                account("a", None),
                account("b", None),
                account("c", None),
                provider("j", 2),
                moved(realm("q", json!({"subaccount": "c"}), "2h", &["j"]), "realm/r"),
                user("q:u", 2),
                moved(user("q:w", 1), "realm-user/q/v"),
                grant("a/g", "delete", &["c"]),
            ],
        },
        Scenario {
            name: "rename the stack",
            before: whole(),
            between: nothing,
            after: of_stack("fleet", json!({"formerly": ["default"]}), estate("1", 2)),
        },
        Scenario {
            name: "rename the stack amid a rotation",
            before: vec![stack(), account("a", None), rotating("a/t"), rotating("t")],
            between: Between::Days(&[31, 3]),
            after: of_stack(
                "fleet",
                json!({"formerly": ["default"]}),
                vec![stack(), account("a", None), rotating("a/t"), rotating("t")],
            ),
        },
        Scenario {
            name: "take over from another stack",
            before: vec![stack(), account("a", None), rotating("a/t"), rotating("t"), hook("h", 1)],
            between: Between::Days(&[31]),
            after: of_stack(
                "fleet",
                json!({}),
                taken_over(vec![
                    stack(),
                    account("a", None),
                    rotating("a/t"),
                    rotating("t"),
                    hook("h", 1),
                ]),
            ),
        },
        Scenario {
            name: "release and forget",
            // Without their marks, two tokens of one name look alike.
            before: vec![
                stack(),
                limit("l", 1),
                account("a", Some("l")),
                limit("a/l", 11),
                token("a/u", "1"),
                token("a/v", "1"),
                token("t", "1"),
            ],
            between: nothing,
            after: of_stack(
                "default",
                json!({"forget": ["subaccount/a"], "release": [{"to": "fleet", "objects": ["limit/l"]}]}),
                vec![stack(), token("t", "1")],
            ),
        },
        Scenario {
            name: "webhooks",
            before: vec![stack(), hook("h", 1), hook("i", 1)],
            between: nothing,
            after: vec![stack(), hook("h", 2), account("a", None), hook("a/h", 1)],
        },
        Scenario {
            name: "select devices",
            before: trucks(),
            between: Between::Trucks,
            after: trucks(),
        },
    ]
}

fn trucks() -> Vec<Value> {
    let name = json!({"name": "truck-*", "allow_empty": true});
    let group = json!({"group": "north", "allow_empty": true});
    let expression = json!({"expression": "name~\"truck-*\"", "allow_empty": true});
    vec![
        stack(),
        account("a", None),
        selecting("t", name.clone()),
        selecting("u", group),
        selecting("v", expression),
        selecting("a/t", name),
    ]
}

impl Scenario {
    fn set(&self, land: &Land, manifests: &[Value]) {
        write(land.folder.path(), "m/all.yaml", &stream(manifests));
    }

    /// A world in which everything is ready for the run.
    async fn stage(&self) -> Land {
        let land = Land::new(7, &Assumptions::default(), true);
        if !self.before.is_empty() {
            self.set(&land, &self.before);
            land.come_to_rest(true).await;
        }
        match self.between {
            Between::Nothing => {}
            Between::Days(days) => {
                let (last, before) = days.split_last().unwrap();
                for days in before {
                    land.advance(days * DAY + 3_600).await;
                    land.come_to_rest(true).await;
                }
                land.advance(last * DAY + 3_600).await;
            }
            Between::Trucks => {
                let group = json!([{"name": "north"}]);
                let group = land.ask("POST", "/gw/groups", Some(&group)).await;
                let group = &group[0]["id"];
                let mut devices = Vec::new();
                for name in ["truck-1", "truck-2", "van"] {
                    let device = json!([{ "name": name }]);
                    let device = land.ask("POST", "/gw/devices", Some(&device)).await;
                    devices.push(device[0]["id"].clone());
                }
                let [first, second, van] = devices.as_slice() else { unreachable!() };
                let member = |device| format!("/gw/groups/{group}/devices/{device}");
                land.ask("POST", &member(first), None).await;
                land.come_to_rest(true).await;
                let named = |name| json!({ "name": name });
                land.ask("PUT", &format!("/gw/devices/{first}"), Some(&named("sold"))).await;
                land.ask("PUT", &format!("/gw/devices/{van}"), Some(&named("truck-3"))).await;
                land.ask("DELETE", &member(first), None).await;
                land.ask("POST", &member(second), None).await;
                // One goes to the account below, as a device that rests.
                let account = land.list("subaccounts", "id").await[0]["id"].clone();
                let rests = json!({ "enabled": false });
                land.ask("PUT", &format!("/gw/devices/{second}"), Some(&rests)).await;
                let moved = json!({ "cid": account });
                land.ask("PUT", &format!("/gw/devices/{second}/cid"), Some(&moved)).await;
            }
            Between::Vandals => {
                for collection in ["tokens", "subaccounts"] {
                    for item in land.list(collection, "id,metadata").await {
                        let is_ours = item["metadata"]["flespi-gitops/stack"].is_string();
                        // What lay in an account goes with it.
                        if is_ours {
                            let path = format!("/platform/{collection}/{}", item["id"]);
                            land.call("DELETE", &path, None).await;
                        }
                    }
                }
            }
        }
        self.set(&land, &self.after);
        land
    }

    /// What stands at the end, if every key is in its place.
    async fn outcome(&self, land: &Land, is_lenient: bool) -> BTreeSet<String> {
        laws::every_key_is_in_its_place(
            &land.folder.path().join("m"),
            &self.after,
            &land.keys().await,
        );
        shape(land, is_lenient).await
    }
}

/// What comes between at one boundary.
struct Boundary {
    what: String,
    trouble: Trouble,
    other: Other,
}

/// What somebody else does while a run is held before a request.
#[derive(Debug, Clone, Copy)]
enum Other {
    Nobody,
    /// Another run, with a state folder of its own.
    Run,
    /// A person, to one of the objects that are there at that moment.
    Person(Meddling, usize),
}

impl Other {
    async fn act(self, land: &Land) {
        match self {
            Self::Nobody => {}
            Self::Run => drop(land.run_beside(&Trouble::default(), "other", async {}).await),
            Self::Person(how, pick) => how.happen(land, pick).await,
        }
    }
}

/// Every trouble that a request can meet.
fn troubles(at: u64) -> Vec<Boundary> {
    let faults = effects().into_iter().map(|effect| {
        let what = format!("{effect} at request {at}");
        let faults = vec![json!({"skip": at, "count": 1, "effect": effect})];
        Boundary { what, trouble: Trouble { faults, ..Trouble::default() }, other: Other::Nobody }
    });
    let kills = [false, true].map(|is_after| {
        let what = format!("killed {} request {at}", if is_after { "after" } else { "before" });
        let kill = Some(Kill { at, is_after });
        Boundary { what, trouble: Trouble { kill, ..Trouble::default() }, other: Other::Nobody }
    });
    faults.chain(kills).collect()
}

/// Everybody who can write before a request.
fn others(at: u64) -> Vec<Boundary> {
    let edits = (0..4).map(|pick| Other::Person(Meddling::Edit, pick));
    let all = edits.chain([Other::Run, Other::Person(Meddling::DeleteToken, 0)]);
    let boundary = |other| {
        let trouble = Trouble { hold: Some(at), ..Trouble::default() };
        Boundary { what: format!("{other:?} before request {at}"), trouble, other }
    };
    all.map(boundary).collect()
}

/// What came of some boundaries.
#[derive(Default)]
struct Tried {
    boundaries: usize,
    tally: Tally,
    wrong: Vec<String>,
}

/// Whether the boundary of this name and number is tried.
fn is_wanted(name: &str, number: usize) -> bool {
    match std::env::var("BOUNDARIES").as_deref() {
        Ok("all") => true,
        Ok(part) if let Some(Ok(spread)) = part.strip_prefix("1/").map(str::parse::<usize>) => {
            number.is_multiple_of(spread)
        }
        Ok(part) => name.contains(part),
        Err(_) => number.is_multiple_of(SPREAD),
    }
}

/// Tries a scenario at one boundary in `SPREAD`, at all of them, or at those with a name that is asked for.
async fn try_all(scenario: &Scenario, place: usize, of: fn(u64) -> Vec<Boundary>) -> Tried {
    let stage = scenario.stage().await;
    let plain = stage.copy().await;
    plain.run(&Trouble::default()).await;
    let requests = plain.tally.get().requests;
    plain.come_to_rest(true).await;
    let mut tried = Tried::default();
    for (number, boundary) in (0..requests).flat_map(of).enumerate() {
        let Boundary { what, trouble, other } = boundary;
        let name = format!("{}, {what}", scenario.name);
        // A former key that a person deletes is not to come back, and what is forgotten stays as a person leaves it.
        let is_for_good = match other {
            Other::Person(how, _) => {
                let is_forgotten = !scenario.after[0]["spec"]["forget"].is_null();
                let is_former = matches!(how, Meddling::DeleteToken)
                    && matches!(scenario.between, Between::Days(_));
                is_forgotten || is_former
            }
            Other::Nobody | Other::Run => false,
        };
        if is_for_good || !is_wanted(&name, number + place) {
            continue;
        }
        // How a key came about may depend on who else was there.
        let is_lenient = !matches!(other, Other::Nobody);
        let expected = scenario.outcome(&plain, is_lenient).await;
        let land = stage.copy().await;
        land.run_beside(&trouble, "spool", other.act(&land)).await;
        land.come_to_rest(false).await;
        let found = scenario.outcome(&land, is_lenient).await;
        if found != expected {
            let more: Vec<_> = found.difference(&expected).collect();
            let less: Vec<_> = expected.difference(&found).collect();
            tried.wrong.push(format!("{name}: more {more:#?}, less {less:#?}"));
        }
        tried.boundaries += 1;
        tried.tally.add(land.tally.get());
    }
    tried
}

#[track_caller]
fn try_scenarios(of: fn(u64) -> Vec<Boundary>) {
    let _ = rustls::crypto::ring::default_provider().install_default();
    println!("| scenario | boundaries | runs | kills | faults | requests | other worlds |");
    println!("| --- | ---: | ---: | ---: | ---: | ---: | ---: |");
    let (mut all, mut wrong) = (0, Vec::new());
    for (place, scenario) in scenarios().iter().enumerate() {
        let tried = within(try_all(scenario, place, of));
        let Tried { boundaries, tally, wrong: failed } = tried;
        let Tally { runs, kills, faults, requests, writes: _ } = tally;
        println!(
            "| {} | {boundaries} | {runs} | {kills} | {faults} | {requests} | {} |",
            scenario.name,
            failed.len()
        );
        wrong.extend(failed);
        all += boundaries;
    }
    assert!(all > 0, "no boundary has such a name");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn whatever_happens_at_any_request_the_next_run_ends_in_the_same_world() {
    try_scenarios(troubles);
}

#[test]
fn whoever_else_writes_before_any_request_the_next_run_ends_in_the_same_world() {
    try_scenarios(others);
}
