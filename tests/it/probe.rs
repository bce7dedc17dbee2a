//! Probing: for every value of every assumption, exactly that value is found and nothing else.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Stdio;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use flespi_gitops::events::Address;
use flespi_gitops::probe::{self, Book, Caller, Part, QUESTIONS};
use flespi_gitops::sandbox::{ASSUMPTIONS, Assumptions, InProcess, Options, Sandbox};
use flespi_gitops::secret::ExposeSecret;
use flespi_gitops::transport::{self, Carried, Wire};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use tokio::sync::Notify;

use crate::support::{Run, World};

/// 2026-01-01, in milliseconds since 1970.
const NOW: u64 = 1_767_225_600_000;

/// A wire to a platform in this process.
struct Line(Arc<InProcess>);

impl Wire for Line {
    fn carry(&self, call: reqwest::Request) -> Carried<'_> {
        Box::pin(async move {
            let body = call.body().and_then(reqwest::Body::as_bytes).unwrap_or_default().to_vec();
            let mut sent = hyper::Request::new(body);
            *sent.method_mut() = call.method().clone();
            *sent.uri_mut() = call.url().as_str().parse().unwrap();
            *sent.headers_mut() = call.headers().clone();
            let answer = self.0.answer(sent).await;
            let answer = answer.map_err(|error| transport::Trouble::Lost(error.to_string()))?;
            Ok(answer.map(reqwest::Body::wrap).into())
        })
    }
}

fn platform(assumed: &[String]) -> Arc<InProcess> {
    let mut assumptions = Assumptions::default();
    assumed.iter().for_each(|assumed| assumptions.set(assumed).unwrap());
    Arc::new(InProcess::new(assumptions, 7, NOW))
}

fn caller(platform: &Arc<InProcess>) -> Caller {
    caller_over(platform, Arc::new(Line(Arc::clone(platform))))
}

fn caller_over(platform: &Arc<InProcess>, wire: Arc<dyn Wire>) -> Caller {
    // Whoever comes second finds it installed.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let address = "http://127.0.0.1:1".parse().unwrap();
    let caller = Caller::new(address, platform.token().clone(), "probe".to_owned(), 600).unwrap();
    caller.over(wire)
}

/// What probing finds, while time stands still but for what is waited for.
fn probed(assumed: &[String]) -> (Book, u64) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build()
        .unwrap();
    runtime.block_on(async {
        let platform = platform(assumed);
        let caller = caller(&platform);
        let book = probe::read_and_try(&caller, None).await.unwrap();
        (book, caller.made())
    })
}

/// What was found that is not assumed.
fn differences(book: &Book) -> BTreeMap<&'static str, String> {
    let other = QUESTIONS.iter().filter_map(|question| {
        let found = &book.answer(question.name)?.value;
        (found != question.assumed()).then(|| (question.name, found.clone()))
    });
    other.collect()
}

#[test]
fn the_table_of_questions_is_the_table_of_assumptions_that_can_be_switched() {
    let switches: BTreeMap<&str, (u16, &[&str])> = ASSUMPTIONS
        .iter()
        .filter(|assumption| assumption.values.len() > 1)
        .map(|assumption| (assumption.name, (assumption.number, assumption.values)))
        .collect();
    let questions: BTreeMap<&str, (u16, &[&str])> =
        QUESTIONS.iter().map(|row| (row.name, (row.number, row.values))).collect();
    assert_eq!(questions, switches);
    assert_eq!(QUESTIONS.len(), questions.len(), "each is asked once");
}

#[test]
fn without_switches_everything_is_found_as_assumed() {
    let (book, calls) = probed(&[]);
    assert_eq!(differences(&book), BTreeMap::new());
    let untold: Vec<&str> = QUESTIONS
        .iter()
        .filter(|question| !matches!(question.part, Part::Broker | Part::Untold(_)))
        .filter(|question| book.answer(question.name).is_none())
        .map(|question| question.name)
        .collect();
    assert_eq!(untold, Vec::<&str>::new());
    let most = probe::CALLS_READING + probe::CALLS_INSIDE;
    assert!(calls <= most, "{calls} calls");
    println!("{calls} calls");
}

#[test]
fn every_value_of_every_assumption_is_found_and_no_other_difference() {
    let mut wrong = Vec::new();
    let (mut asked, mut values, mut most) = (0, 0, 0);
    for question in QUESTIONS {
        if matches!(question.part, Part::Broker | Part::Untold(_)) {
            continue;
        }
        asked += 1;
        for value in question.values {
            values += 1;
            let (book, calls) = probed(&[format!("{}={value}", question.name)]);
            let found = book.answer(question.name).map(|answer| answer.value.as_str());
            let mut others = differences(&book);
            others.remove(question.name);
            most = most.max(calls);
            if found != Some(*value) || !others.is_empty() {
                let why = book.untold(question.name).unwrap_or_default();
                wrong.push(format!("{}={value}: found {found:?} {why} {others:?}", question.name));
            }
        }
    }
    println!("{asked} assumptions, {values} values, {most} calls at most");
    assert!(most <= probe::CALLS_READING + probe::CALLS_INSIDE, "{most} calls");
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}

/// What belongs to the user, and what of it does not change by itself.
const COLLECTIONS: [(&str, &str); 6] = [
    ("platform/limits", "id,cid,name,devices_count,metadata"),
    ("platform/subaccounts", "id,cid,name,limit_id,enabled,email,metadata"),
    ("platform/tokens", "id,cid,info,ttl,access,enabled,metadata"),
    ("platform/grants", "id,cid,name,metadata"),
    ("gw/devices", "id,cid,name,configuration"),
    ("gw/groups", "id,cid,name"),
];

/// An estate that was there before.
async fn settle(platform: &Arc<InProcess>) {
    let mut account = 0;
    for (path, within, body) in [
        ("/platform/limits", 0, json!([{"name": "basic", "metadata": {"flespi-gitops-probe": 1}}])),
        ("/platform/subaccounts", 0, json!([{"name": "flespi-gitops probe, may be deleted"}])),
        ("/platform/tokens", 0, json!([{"info": "app", "ttl": 86400, "access": {"type": 1}}])),
        ("/platform/limits", 1, json!([{"name": "flespi-gitops probe, may be deleted"}])),
        ("/platform/tokens", 1, json!([{"info": "inner", "ttl": 86400, "access": {"type": 0}}])),
        ("/gw/groups", 1, json!([{"name": "flespi-gitops probe, may be deleted"}])),
        ("/gw/devices", 0, json!([{"name": "truck", "configuration": {"ident": "1"}}])),
    ] {
        let mut head = vec![];
        if within == 1 {
            head.push(("x-flespi-cid", account.to_string()));
        }
        let made = exchange(platform, "POST", path, &head, Some(&body)).await;
        if path.ends_with("subaccounts") {
            account = made["result"][0]["id"].as_i64().unwrap();
        }
    }
}

async fn exchange(
    platform: &Arc<InProcess>,
    method: &str,
    path: &str,
    head: &[(&str, String)],
    body: Option<&Value>,
) -> Value {
    let mut call = hyper::Request::builder()
        .method(method)
        .uri(path)
        .header("authorization", format!("FlespiToken {}", platform.token().expose_secret()));
    for (name, value) in head {
        call = call.header(*name, value);
    }
    let body = body.map(|body| body.to_string().into_bytes()).unwrap_or_default();
    let answer = platform.answer(call.body(body).unwrap()).await.unwrap();
    let bytes = answer.into_body().collect().await.unwrap().to_bytes();
    serde_json::from_slice(&bytes).unwrap()
}

/// Everything that is there.
async fn estate(platform: &Arc<InProcess>) -> BTreeMap<&'static str, Value> {
    let mut estate = BTreeMap::new();
    for (collection, fields) in COLLECTIONS {
        let path = format!("/{collection}/all?fields={fields}");
        let list = exchange(platform, "GET", &path, &[], None).await;
        estate.insert(collection, list["result"].clone());
    }
    estate
}

/// The ids of an estate.
fn ids(estate: &BTreeMap<&'static str, Value>) -> BTreeSet<i64> {
    let items = estate.values().flat_map(|list| list.as_array().unwrap());
    items.map(|item| item["id"].as_i64().unwrap()).collect()
}

/// Runs a probe that is killed at request `at`, before or after the platform did what it asks; whether it came so far.
async fn killed(platform: &Arc<InProcess>, at: u64, is_after: bool, writes: &Writes) -> bool {
    let knife = Arc::new(Notify::new());
    let line = Knife {
        line: Line(Arc::clone(platform)),
        sent: AtomicU64::new(0),
        at,
        is_after,
        writes: Arc::clone(writes),
        killed: Arc::clone(&knife),
    };
    let caller = caller_over(platform, Arc::new(line));
    tokio::select! {
        () = knife.notified() => true,
        asked = probe::read_and_try(&caller, None) => {
            asked.unwrap();
            false
        }
    }
}

/// The writes that went over a wire: method, path, account, body.
type Writes = Arc<Mutex<Vec<(String, String, Option<String>, Value)>>>;

/// A wire that notes what is written, and is cut at one request.
struct Knife {
    line: Line,
    sent: AtomicU64,
    at: u64,
    is_after: bool,
    writes: Writes,
    killed: Arc<Notify>,
}

impl Wire for Knife {
    fn carry(&self, call: reqwest::Request) -> Carried<'_> {
        let is_fatal = self.sent.fetch_add(1, Ordering::Relaxed) == self.at;
        if call.method() != reqwest::Method::GET {
            let account = call.headers().get("x-flespi-cid");
            let account = account.map(|id| id.to_str().unwrap().to_owned());
            let body = call.body().and_then(reqwest::Body::as_bytes).unwrap_or_default();
            let body = serde_json::from_slice(body).unwrap_or(Value::Null);
            let (method, path) = (call.method().to_string(), call.url().path().to_owned());
            self.writes.lock().unwrap().push((method, path, account, body));
        }
        Box::pin(async move {
            if is_fatal && !self.is_after {
                self.killed.notify_one();
                return std::future::pending().await;
            }
            let answer = self.line.carry(call).await;
            if is_fatal {
                self.killed.notify_one();
                return std::future::pending().await;
            }
            answer
        })
    }
}

#[test]
fn wherever_a_run_is_killed_the_next_one_leaves_nothing_behind_and_nobody_elses_was_written() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build()
        .unwrap();
    let mut kills = 0;
    for assumed in [&[][..], &["nested-delete=refuse".to_owned(), "limit-owner=any".to_owned()]] {
        runtime.block_on(async {
            for at in 0.. {
                for is_after in [false, true] {
                    let platform = platform(assumed);
                    settle(&platform).await;
                    let before = estate(&platform).await;
                    let writes = Writes::default();
                    if !killed(&platform, at, is_after, &writes).await {
                        assert!(at > 80, "the whole run has only {at} requests");
                        return;
                    }
                    kills += 1;
                    assert!(!killed(&platform, u64::MAX, false, &writes).await);
                    let what = format!("killed at {at}, after: {is_after}, {assumed:?}");
                    assert_eq!(estate(&platform).await, before, "{what}");
                    check(&writes.lock().unwrap(), &ids(&before), &what);
                }
            }
        });
    }
    println!("{kills} kills");
}

/// Nothing of the user's is named by a write, and what is made outside of the throwaway account carries the mark.
fn check(writes: &[(String, String, Option<String>, Value)], theirs: &BTreeSet<i64>, what: &str) {
    for (method, path, account, body) in writes {
        let named = path.split(['/', ',']).filter_map(|part| part.parse::<i64>().ok());
        let foreign: Vec<i64> = named.filter(|id| theirs.contains(id)).collect();
        assert!(foreign.is_empty(), "{what}: {method} {path}");
        if method == "POST" && account.is_none() && path.starts_with("/platform/") {
            assert_eq!(body.as_array().map(Vec::len), Some(1), "{what}: {method} {path} {body}");
            assert!(
                body[0]["metadata"]["flespi-gitops-probe"].is_string(),
                "{what}: {path} {body}"
            );
        }
    }
}

#[test]
fn what_only_looks_like_ours_is_not_removed() {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build();
    runtime.unwrap().block_on(async {
        // The mark without the name, and the name without the mark.
        let platform = platform(&[]);
        settle(&platform).await;
        let before = estate(&platform).await;
        probe::read_and_try(&caller(&platform), None).await.unwrap();
        assert_eq!(estate(&platform).await, before);
    });
}

#[test]
fn the_broker_is_asked_and_every_value_of_it_is_found() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let rows = QUESTIONS.iter().filter(|question| question.part == Part::Broker);
    let cells: Vec<(&str, &str)> =
        rows.flat_map(|row| row.values.iter().map(|value| (row.name, *value))).collect();
    assert_eq!(cells.len(), 12);
    let asked = cells.iter().map(|(name, value)| {
        let assumed = format!("{name}={value}");
        runtime.spawn(async move {
            let mut assumptions = Assumptions::default();
            assumptions.set(&assumed).unwrap();
            let mqtt = Some((std::net::Ipv4Addr::LOCALHOST, 0).into());
            let options = Options { assumptions, mqtt, ..Options::default() };
            let sandbox = Sandbox::start(options).await.unwrap();
            let address = sandbox.url().parse().unwrap();
            let token = sandbox.token().clone();
            let caller = Caller::new(address, token, "probe".to_owned(), 60_000).unwrap();
            let broker = Address::parse(sandbox.mqtt_url().unwrap()).unwrap();
            let book = probe::read_and_try(&caller, Some(&broker)).await.unwrap();
            sandbox.stop().await.unwrap();
            book
        })
    });
    let asked: Vec<_> = asked.collect();
    for ((name, value), book) in cells.iter().zip(asked) {
        let book = runtime.block_on(book).unwrap();
        let found = book.answer(name).map(|answer| answer.value.as_str());
        assert_eq!(found, Some(*value), "{name}: {:?}", book.untold(name));
        let mut others = differences(&book);
        others.remove(name);
        assert!(others.is_empty(), "{name}={value}: {others:?}");
    }
}

/// The program's own way: probe the sandbox of `world` with the broker left out.
fn run_probe(world: &World, more: &[&str]) -> Run {
    let mut arguments = vec!["probe", "--broker", "off", "--calls-per-minute", "60000"];
    arguments.extend(more);
    world.run(&arguments)
}

#[test]
fn the_program_shows_a_table_writes_a_profile_and_says_by_its_exit_code_whether_all_is_as_assumed()
{
    let world = World::new();
    let read = run_probe(&world, &[]).expect(0);
    assert!(read.stderr.contains("this makes at most 25 API calls"), "{}", read.stderr);
    assert!(world.writes().is_empty(), "reading writes nothing");
    assert!(world.journal().len() <= 25);
    let profile: Value = serde_json::from_str(&world.read("platform-profile.json")).unwrap();
    assert_eq!(profile["answers"]["missing-id"]["value"], "404");
    assert_eq!(profile["answers"].get("batch"), None, "that is not found out by reading");

    let world = World::assuming(&["batch=strict", "missing-id=200"]);
    let tried = run_probe(&world, &["--in-throwaway-account", "--format", "json"]).expect(5);
    let document = tried.json();
    let summary = &document["summary"];
    assert_eq!((&summary["differ"], &summary["not_asked"]), (&json!(2), &json!(6)));
    let questions = document["questions"].as_array().unwrap();
    let batch = questions.iter().find(|row| row["name"] == "batch").unwrap();
    assert_eq!(batch["outcome"], "differs");
    assert_eq!((&batch["expected"], &batch["observed"]), (&json!("partial"), &json!("strict")));
    assert!(batch["evidence"][0]["request"].as_str().unwrap().starts_with("POST /platform/limits"));

    // What reading alone says later leaves what was tried.
    run_probe(&world, &[]).expect(5);
    let profile: Value = serde_json::from_str(&world.read("platform-profile.json")).unwrap();
    assert_eq!(profile["answers"]["batch"]["value"], "strict");
}

#[test]
fn a_file_that_is_no_profile_stays_what_it_is_and_nothing_is_asked() {
    let world = World::new();
    world.write("platform-profile.json", "{\"mine\": true}\n");
    let refused = run_probe(&world, &[]).expect(64);
    assert!(refused.stderr.contains("is not a profile"), "{}", refused.stderr);
    assert_eq!(world.read("platform-profile.json"), "{\"mine\": true}\n");
    assert!(world.journal().is_empty());
}

#[test]
fn nothing_that_is_secret_or_names_the_estate_is_in_the_result_or_the_profile() {
    let world = World::assuming(&["token-key-on-read=always", "default-fields=all"]);
    let subaccount = json!([{"name": "CANARY-account", "metadata": {"note": "CANARY-metadata"}}]);
    world.api("POST", "/platform/subaccounts", Some(&subaccount));
    let token = json!([{"info": "CANARY-info", "ttl": 3600, "ips": "198.51.100.7"}]);
    let key = world.api("POST", "/platform/tokens", Some(&token))[0]["key"].clone();
    let mut said = String::new();
    for format in ["text", "json", "markdown"] {
        let run = run_probe(&world, &["--in-throwaway-account", "--format", format]).expect(5);
        said.push_str(&run.stdout);
        said.push_str(&run.stderr);
    }
    said.push_str(&world.read("platform-profile.json"));
    for canary in ["CANARY", "198.51.100.7", key.as_str().unwrap(), &world.token(), "@example"] {
        assert!(!said.contains(canary), "{canary}");
    }
    let keys = said.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| word.len() == 64);
    assert_eq!(keys.count(), 0, "no key of a token that was made for trials either");
}

#[test]
fn a_process_that_is_killed_leaves_what_the_next_one_removes() {
    let rounds: Vec<usize> = (4..110).step_by(9).collect();
    std::thread::scope(|scope| {
        for at in rounds {
            scope.spawn(move || {
                let world = World::new();
                world.api("POST", "/platform/limits", Some(&json!([{"name": "theirs"}])));
                let counts = |world: &World| {
                    ["limits", "subaccounts", "tokens"].map(|collection| world.count(collection))
                };
                let before = counts(&world);
                let mut command = world.command(&[
                    "probe",
                    "--in-throwaway-account",
                    "--broker",
                    "off",
                    "--calls-per-minute",
                    "60000",
                ]);
                let mut child =
                    command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
                while world.journal().len() < at {
                    if child.try_wait().unwrap().is_some() {
                        break;
                    }
                    std::thread::sleep(std::time::Duration::from_millis(2));
                }
                child.kill().unwrap();
                child.wait().unwrap();
                run_probe(&world, &["--in-throwaway-account"]).expect(0);
                assert_eq!(counts(&world), before, "killed at request {at}");
            });
        }
    });
}
