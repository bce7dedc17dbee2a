//! What a run recorded holds no secret, is played again as it was, and becomes facts that the sandbox has to show.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fmt::Write;
use std::path::{Path, PathBuf};

use flespi_gitops::cassette::{Cassette, Exchange};
use serde_json::{Value, json};

use crate::facts::Fresh;
use crate::support::served::Served;
use crate::support::{Run, World, canary, run};

/// Runs the program against another sandbox than that of the world.
fn against(served: &Served, world: &World, arguments: &[&str]) -> Run {
    let mut command = world.command(arguments);
    command.env("FLESPI_PLATFORM", &served.url).env("FLESPI_TOKEN", &served.token);
    run(command)
}

fn replay(world: &World, cassette: &str) -> Served {
    Served::start([OsStr::new("--replay"), world.path().join(cassette).as_os_str()])
}

/// The steps of a report, without what a clock or a lot decides.
fn steps(report: &Value) -> Vec<(Value, Value, Value)> {
    let steps = report["steps"].as_array().unwrap().iter();
    steps
        .map(|step| (step["address"].clone(), step["action"].clone(), step["outcome"].clone()))
        .collect()
}

#[test]
fn an_apply_and_a_plan_take_the_same_course_over_their_recordings() {
    for example in
        ["first-subaccount", "fleet", "tenants", "reseller", "webhooks", "devices-by-name"]
    {
        let world = World::new();
        world.copy_example(example);
        let apply = ["apply", example, "--yes", "--format", "json"];
        let recorded = world.run(&[&apply[..], &["--record", "apply.cassette"]].concat()).expect(0);
        let plan = ["plan", example, "--detailed-exitcode", "--record", "plan.cassette"];
        world.run(&plan).expect(0);
        for cassette in ["apply.cassette", "plan.cassette"] {
            // What is recorded may be shown to anybody, as what is said.
            canary::hear_about(world.sandbox().url(), world.read(cassette));
        }
        assert_eq!(world.told_secrets(), Vec::<String>::new(), "{example}");

        std::fs::rename(world.path().join(example), world.path().join("before")).unwrap();
        world.copy_example(example);
        let played = against(&replay(&world, "apply.cassette"), &world, &apply).expect(0);
        assert_eq!(steps(&played.json()), steps(&recorded.json()), "{example}");

        // What was delivered is there again.
        std::fs::remove_dir_all(world.path().join(example)).unwrap();
        std::fs::rename(world.path().join("before"), world.path().join(example)).unwrap();
        let plan = ["plan", example, "--format", "json"];
        let planned = against(&replay(&world, "plan.cassette"), &world, &plan).expect(0).json();
        // Whether a secret is the same cannot be told without its hash.
        let is_secret = |step: &Value| {
            let why = format!("{} {}", step["changes"][0]["field"], step["reason"]);
            step["action"] == "update" && ["password", "secret"].iter().any(|it| why.contains(it))
        };
        let mut left = planned["steps"].as_array().unwrap().iter();
        assert!(left.all(is_secret), "{example}: {planned:#}");
    }
}

#[test]
fn a_recording_tells_what_it_was_not_asked_and_refuses_what_it_does_not_hold() {
    let world = World::new();
    world.copy_example("first-subaccount");
    world.run(&["plan", "first-subaccount", "--record", "run.cassette"]).expect(0);
    let served = replay(&world, "run.cassette");
    let run = against(&served, &world, &["apply", "first-subaccount", "--yes"]);
    assert_ne!(run.code, 0);
    assert!(
        run.stderr.contains("the recording has no answer to POST /platform/limits"),
        "{}",
        run.stderr
    );
    let status = world.block_on(async {
        let answer = reqwest::get(format!("{}/_sandbox/replay", served.url)).await.unwrap();
        serde_json::from_str::<Value>(&answer.text().await.unwrap()).unwrap()
    });
    let unanswered = status["result"][0]["unanswered"].as_array().unwrap();
    assert!(unanswered[0].as_str().unwrap().starts_with("POST /platform/limits"), "{status}");
}

#[test]
fn lost_answers_and_refusals_are_recorded_and_played_as_such() {
    let world = World::new();
    world.copy_example("first-subaccount");
    world.faults(&json!({"rules": [
        {"method": "POST", "path": "/platform/limits", "count": 1, "effect": "cut_after"},
        {"method": "GET", "count": 1, "effect": {"answer": {"status": 429, "retry_after": 1}}},
    ]}));
    let apply = ["apply", "first-subaccount", "--yes", "--format", "json"];
    let recorded = world.run(&[&apply[..], &["--record", "run.cassette"]].concat()).expect(0);
    let cassette = Cassette::read(&world.path().join("run.cassette")).unwrap();
    let schema = std::fs::read_to_string(
        Path::new(env!("CARGO_MANIFEST_DIR")).join("schemas/cassette.schema.json"),
    );
    let schema = serde_json::from_str(&schema.unwrap()).unwrap();
    let schema = jsonschema::validator_for(&schema).unwrap();
    for line in world.read("run.cassette").lines() {
        schema.validate(&serde_json::from_str(line).unwrap()).unwrap();
    }
    let is = |what: fn(&Exchange) -> bool| cassette.exchanges.iter().filter(|it| what(it)).count();
    assert_eq!(is(|exchange| exchange.lost.is_some() && exchange.method == "POST"), 1);
    assert_eq!(is(|exchange| exchange.status == Some(429)), 1);
    std::fs::remove_dir_all(world.path().join("first-subaccount/out")).unwrap_or_default();
    let played = against(&replay(&world, "run.cassette"), &world, &apply).expect(0);
    assert_eq!(steps(&played.json()), steps(&recorded.json()));
}

#[test]
fn no_file_is_overwritten_and_none_that_is_no_recording_is_played() {
    let world = World::new();
    world.copy_example("first-subaccount");
    world.write("mine.yaml", "mine\n");
    let run = world.run(&["plan", "first-subaccount", "--record", "mine.yaml"]).expect(64);
    assert!(run.stderr.contains("choose a new file"), "{}", run.stderr);
    assert_eq!(world.read("mine.yaml"), "mine\n");
    assert!(world.journal().iter().all(|call| !call.path.starts_with("/platform")));
    let run = world.run(&["sandbox", "--replay", "mine.yaml"]).expect(64);
    assert!(run.stderr.contains("mine.yaml:1:1: not a line of a recording"), "{}", run.stderr);
}

#[test]
fn every_recording_that_we_keep_is_shown_by_the_sandbox() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/facts/recorded");
    let mut paths: Vec<PathBuf> =
        std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "cassette"));
    paths.sort();
    assert!(!paths.is_empty());
    let update = std::env::var_os("UPDATE_EXPECT").is_some_and(|value| value == "1");
    for path in paths {
        let cassette = Cassette::read(&path).unwrap();
        let rows = Facts::of(&cassette, path.file_stem().unwrap().to_str().unwrap());
        let expected = path.with_extension("facts");
        if update {
            std::fs::write(&expected, &rows).unwrap();
        }
        assert_eq!(rows, std::fs::read_to_string(&expected).unwrap(), "{}", path.display());
        let world = World::new();
        let outcome = Fresh::of(&world).show("recorded", &rows);
        assert!(outcome.failed.is_empty(), "{}", outcome.failed.join("\n"));
        assert_eq!(outcome.shown, 1);
    }
}

/// Makes facts of a recording: each call, and what must come back to it.
///
/// Ids are those that the world gives: what speaks of things that were there before the recording is left out. Texts and
/// numbers are as recorded where a call named them before, and of their kind otherwise.
#[derive(Default)]
struct Facts {
    /// Names of ids.
    ids: BTreeMap<u64, String>,
    /// Names of keys.
    keys: BTreeMap<String, String>,
    /// Whose key signs, as far as the table says.
    signer: Option<String>,
    /// Texts and numbers that calls have said so far.
    said: Vec<Value>,
    /// Whether the answer at hand is about what was not there before.
    is_creation: bool,
    table: String,
}

impl Facts {
    fn of(cassette: &Cassette, name: &str) -> String {
        let platform = &cassette.header.platform;
        let mut facts = Self::default();
        writeln!(facts.table, "fact recorded: {name}, from {platform}").unwrap();
        let accounts =
            cassette.exchanges.iter().filter(|it| it.path.starts_with("/platform/customer"));
        for account in accounts.filter(|it| it.account.is_none()) {
            let id = account.answer.as_ref().and_then(|answer| answer["result"][0]["id"].as_u64());
            facts.ids.extend(id.map(|id| (id, "root".to_owned())));
        }
        cassette.exchanges.iter().for_each(|exchange| facts.add(exchange));
        facts.table
    }

    fn add(&mut self, exchange: &Exchange) {
        let Exchange { method, path, account, signer, body, status, answer, .. } = exchange;
        let Some(status) = status.filter(|_| exchange.lost.is_none()) else { return };
        let account = account.map(|account| self.ids.get(&account.unsigned_abs()).cloned());
        let (Some(path), false) = (self.path(path), account == Some(None)) else {
            writeln!(
                self.table,
                "left recorded: {method} {path} -- what it is about was there before"
            )
            .unwrap();
            return;
        };
        let key = signer.as_ref().and_then(|key| self.keys.get(key)).cloned();
        if key != self.signer {
            let signer = key.as_ref().map_or("root".to_owned(), |key| format!("${key}"));
            writeln!(self.table, "as {signer}").unwrap();
            self.signer = key;
        }
        if let Some(name) = account.flatten() {
            writeln!(self.table, "with x-flespi-cid: ${name}").unwrap();
        }
        let sent = body.as_ref().map(|body| {
            scalars(body, &mut self.said);
            format!(" {}", self.written(&self.named(&with_passwords(body))))
        });
        writeln!(self.table, "{method} {path}{}", sent.unwrap_or_default()).unwrap();
        let answer = with_passwords(&answer.clone().unwrap_or_default());
        self.is_creation = method == "POST";
        let expected = self.expected(&answer).map(|value| format!(" {}", self.written(&value)));
        writeln!(self.table, "{status}{}", expected.unwrap_or_default()).unwrap();
        let made = answer["result"].as_array().into_iter().flatten().enumerate();
        for (at, row) in made.filter(|_| self.is_creation && status == 200) {
            let Some(id) = row["id"].as_u64().filter(|id| !self.ids.contains_key(id)) else {
                continue;
            };
            let name = format!("id{}", self.ids.len());
            writeln!(self.table, "keep {name} /result/{at}/id").unwrap();
            if let Some(key) = row["key"].as_str() {
                writeln!(self.table, "keep key_{name} /result/{at}/key").unwrap();
                self.keys.insert(key.to_owned(), format!("key_{name}"));
            }
            self.ids.insert(id, name);
        }
    }

    /// The path with names of ids; none if there is an id in it that has none.
    fn path(&self, path: &str) -> Option<String> {
        let (path, query) =
            path.split_once('?').map_or((path, None), |(it, query)| (it, Some(query)));
        let mut named = String::new();
        // Ids stand alone, or behind a name in a selector.
        for piece in path.split_inclusive(['/', ',', '=']) {
            let word = piece.trim_end_matches(['/', ',', '=']);
            match word.parse::<u64>() {
                Ok(id) => named.push_str(&format!("${}", self.ids.get(&id)?)),
                Err(_) => named.push_str(word),
            }
            named.push_str(&piece[word.len()..]);
        }
        Some(query.map_or(named.clone(), |query| format!("{named}?{query}")))
    }

    /// The value with names of ids.
    fn named(&self, value: &Value) -> Value {
        match value {
            Value::Object(members) => {
                members.iter().map(|(name, value)| (name.clone(), self.named(value))).collect()
            }
            Value::Array(items) => items.iter().map(|item| self.named(item)).collect(),
            Value::Number(number) => match number.as_u64().and_then(|id| self.ids.get(&id)) {
                Some(name) => format!("<id:{name}>").into(),
                None => value.clone(),
            },
            other => other.clone(),
        }
    }

    /// JSON in which names of ids stand bare.
    fn written(&self, value: &Value) -> String {
        self.ids.values().fold(value.to_string(), |text, name| {
            text.replace(&format!("\"<id:{name}>\""), &format!("${name}"))
        })
    }

    /// What must come back; none where anything may.
    fn expected(&self, value: &Value) -> Option<Value> {
        Some(match value {
            Value::Object(members) => {
                let members = members.iter().filter_map(|(name, value)| {
                    let value = match (name.as_str(), value) {
                        ("result", Value::Array(rows)) => self.rows(rows),
                        // How much there is counts what was there before.
                        ("counters" | "pagination", Value::Object(_)) => None,
                        // Words of an error are the platform's own.
                        ("reason" | "errors", Value::String(_)) => Some("<text>".into()),
                        _ => self.expected(value),
                    };
                    Some((name.clone(), value?))
                });
                members.collect()
            }
            Value::Array(items) => {
                items.iter().map(|item| self.expected(item)).collect::<Option<_>>()?
            }
            Value::Number(number) => match number.as_u64().and_then(|id| self.ids.get(&id)) {
                Some(name) => format!("<id:{name}>").into(),
                None if self.said.contains(value) => value.clone(),
                None if number.is_i64() => "<int>".into(),
                None => "<any>".into(),
            },
            Value::String(text) if text.starts_with("hidden0000") => "<key>".into(),
            Value::String(text) if !text.is_empty() && !self.said.contains(value) => "<any>".into(),
            other => other.clone(),
        })
    }

    /// Rows of things of this recording; their order is that of their ids, which two runs may give otherwise.
    fn rows(&self, rows: &[Value]) -> Option<Value> {
        let is_known = |row: &Value| row["id"].as_u64().is_none_or(|id| self.ids.contains_key(&id));
        if !self.is_creation && !rows.iter().all(is_known) {
            return None;
        }
        match rows {
            [first, _, ..] => Some(json!(["<some>", self.expected(first)?])),
            few => few.iter().map(|row| self.expected(row)).collect::<Option<_>>(),
        }
    }
}

/// The value with passwords that the platform takes, in place of those which a recording does not tell.
fn with_passwords(body: &Value) -> Value {
    let text = body.to_string().replace("\"(hidden ", "\"Recorded-Passw0rd-(");
    serde_json::from_str(&text).unwrap()
}

fn scalars(value: &Value, into: &mut Vec<Value>) {
    match value {
        Value::Object(members) => members.values().for_each(|value| scalars(value, into)),
        Value::Array(items) => items.iter().for_each(|item| scalars(item, into)),
        other if !into.contains(other) => into.push(other.clone()),
        _ => {}
    }
}
