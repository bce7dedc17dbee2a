//! A platform of its own with a folder of manifests, and runs to which something happens.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Duration;

use flespi_gitops::api::{Client, Settings};
use flespi_gitops::apply::{Event, OnError, Outcome, Report};
use flespi_gitops::diagnostic::Severity;
use flespi_gitops::manifest::load;
use flespi_gitops::plan::{Plan, Policy};
use flespi_gitops::reconcile::{self, Context, carry_out};
use flespi_gitops::report::plan_text;
use flespi_gitops::resource::Signer;
use flespi_gitops::sandbox::{Options, Sandbox};
use flespi_gitops::secret::{ExposeSecret, SecretString, Spool, Trust};
use serde_json::{Map, Value, json};
use tokio::sync::{mpsc, watch};

/// What comes between a run and its end.
#[derive(Debug, Clone, Copy)]
pub(super) enum Trouble {
    None,
    /// It is killed after so many events.
    Killed(usize),
    /// An answer is lost after the platform did what it was asked for, so many requests from now.
    Lost(u64),
    /// The platform fails with a 502 before it does anything.
    Failing(u64),
}

/// A platform, and a folder with manifests.
pub(super) struct Land {
    sandbox: Sandbox,
    pub(super) folder: tempfile::TempDir,
    client: Client,
    http: reqwest::Client,
    spool: Spool,
}

impl Land {
    pub(super) async fn new() -> Self {
        let sandbox = Sandbox::start(Options::default()).await.unwrap();
        let folder = tempfile::tempdir().unwrap();
        let platform = sandbox.url().parse().unwrap();
        let settings = Settings::new(platform, Duration::from_secs(30));
        let key = SecretString::from(sandbox.token().expose_secret().to_owned());
        let client = Client::new(&settings, &key).unwrap();
        let spool = Spool::new(folder.path().join("spool"), "x".to_owned(), None);
        for version in 1..20 {
            write(folder.path(), &format!("passwords/{version}"), &format!("password {version}"));
        }
        Self { sandbox, folder, client, http: reqwest::Client::new(), spool }
    }

    pub(super) async fn call(&self, method: &str, path: &str, body: Option<&Value>) -> Value {
        let url = format!("{}{path}", self.sandbox.url());
        let key = self.sandbox.token().expose_secret();
        let mut request = self.http.request(method.parse().unwrap(), url);
        request = request.header("authorization", format!("FlespiToken {key}"));
        if let Some(body) = body {
            request = request.body(body.to_string());
        }
        let answer = request.send().await.unwrap();
        assert!(answer.status().is_success(), "{method} {path}");
        serde_json::from_str(&answer.text().await.unwrap()).unwrap_or_default()
    }

    /// Plans, and applies unless `trouble` comes between. The plan, and how the run ended if it did.
    pub(super) async fn pass(&self, trouble: Trouble) -> (Plan, Option<Report>) {
        let loaded = load(&[self.folder.path().join("m")], 1_767_225_600);
        let errors = loaded.diagnostics.as_slice();
        let errors: Vec<_> = errors.iter().filter(|it| it.severity == Severity::Error).collect();
        assert!(errors.is_empty(), "{errors:#?}");
        let signer = Signer::default();
        let context = Context {
            client: &self.client,
            signer: &signer,
            spool: &self.spool,
            trust: &Trust::Reviewed,
            seen: None,
            overwritten: None,
        };
        let policy = Policy { prune: true, ..Policy::default() };
        let rule = match trouble {
            Trouble::Lost(skip) => Some(json!({"skip": skip, "count": 1, "effect": "cut_after"})),
            Trouble::Failing(skip) => Some(json!({"skip": skip, "count": 1,
                "effect": {"answer": {"status": 502}}})),
            Trouble::None | Trouble::Killed(_) => None,
        };
        if let Some(rule) = rule {
            self.call("PUT", "/_sandbox/faults", Some(&json!({"rules": [rule]}))).await;
        }
        let prepared = reconcile::prepare(&loaded.desired, context, policy).await.unwrap();
        let (_stop, stopped) = watch::channel(false);
        let (events, mut told) = mpsc::unbounded_channel::<Event>();
        let doing = carry_out(&prepared, context, OnError::Finish, stopped, events);
        let killed = async {
            let Trouble::Killed(after) = trouble else { return std::future::pending().await };
            for _ in 0..after {
                if told.recv().await.is_none() {
                    return std::future::pending().await;
                }
            }
        };
        let report = tokio::select! {
            report = doing => Some(report),
            () = killed => None,
        };
        self.call("PUT", "/_sandbox/faults", Some(&json!({"rules": []}))).await;
        (prepared.plan, report)
    }

    /// Applies until it goes well; then the next plan must be empty.
    pub(super) async fn come_to_rest(&self, seed: u64) {
        let mut said = String::new();
        for _ in 0..5 {
            let (plan, report) = self.pass(Trouble::None).await;
            let Some(report) = report else { continue };
            let outcome = report.outcome();
            // What came back from a recycle bin is compared by a further pass of the same run.
            if report.calls_for_another_pass() {
                continue;
            }
            if matches!(outcome, Outcome::Unchanged | Outcome::Applied) {
                let (next, _) = self.pass(Trouble::None).await;
                let is_empty = next.steps.is_empty()
                    && next.blocked.is_empty()
                    && next.disputed.is_empty()
                    && next.unknown.is_empty();
                assert!(
                    is_empty,
                    "seed {seed}: after {}\nthere is\n{}",
                    shown(&plan),
                    shown(&next)
                );
                return;
            }
            said = format!("{outcome:?}:\n{}", shown(&plan));
        }
        panic!("seed {seed}: no apply goes well: {said}");
    }

    /// The whole world without what is drawn or told by the clock: ids, keys, hashes and times.
    pub(super) async fn shape(&self) -> BTreeSet<String> {
        let mut all = Vec::new();
        for (kind, fields) in [
            ("subaccounts", "id,cid,name,limit_id,enabled,email,metadata"),
            ("limits", "id,cid,name,devices_count,metadata"),
            ("tokens", "id,cid,info,enabled,ttl,access,metadata"),
        ] {
            let path = format!("/platform/{kind}/all?fields={fields}&limit=1000");
            let answer = self.call("GET", &path, None).await;
            let items = answer["result"].as_array().unwrap().clone();
            all.extend(items.into_iter().map(|item| (kind, item)));
        }
        let address = |id: &Value| {
            let named = all.iter().find(|(kind, item)| *kind != "tokens" && item["id"] == *id);
            named.map_or(Value::Null, |(_, item)| item["metadata"]["flespi-gitops/address"].clone())
        };
        let known: BTreeMap<String, Value> =
            all.iter().map(|(_, item)| (item["id"].to_string(), address(&item["id"]))).collect();
        let mut shape = BTreeSet::new();
        for (kind, item) in &all {
            let mut item = item.clone();
            let by_id = |id: &Value| known.get(&id.to_string()).cloned().unwrap_or_default();
            for field in ["cid", "limit_id"] {
                item[field] = by_id(&item[field]);
            }
            item.as_object_mut().unwrap().remove("id");
            let metadata: Map<String, Value> = item["metadata"]
                .as_object()
                .unwrap()
                .iter()
                .map(|(key, value)| (key.clone(), without_chance(key, value)))
                .collect();
            item["metadata"] = Value::Object(metadata);
            assert!(shape.insert(format!("{kind} {item}")), "twice: {item}");
        }
        shape
    }
}

fn shown(plan: &Plan) -> String {
    plan_text(plan, Some(200))
}

/// What a mark says, without hashes, prints and times.
fn without_chance(key: &str, value: &Value) -> Value {
    let Some(text) = value.as_str() else { return value.clone() };
    let word = |part: &str| {
        let is_number = part.len() >= 10 && part.bytes().all(|byte| byte.is_ascii_digit());
        let is_print = part.len() >= 16 && part.bytes().all(|byte| byte.is_ascii_hexdigit());
        if is_number || is_print { "*".to_owned() } else { part.to_owned() }
    };
    match key {
        "flespi-gitops/password" => json!("*"),
        "flespi-gitops/applied" => value.clone(),
        _ => {
            let parts = text.split_inclusive([' ', ':', ',', ';', '=', '@']);
            let parts = parts.map(|part| {
                let (word_of, end) =
                    part.split_at(part.trim_end_matches([' ', ':', ',', ';', '=', '@']).len());
                format!("{}{end}", word(word_of))
            });
            Value::String(parts.collect())
        }
    }
}

pub(super) fn write(folder: &Path, name: &str, text: &str) {
    let path = folder.join(name);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, text).unwrap();
}
