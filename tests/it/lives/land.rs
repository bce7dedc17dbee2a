//! A platform of its own with a folder of manifests, and runs to which something happens.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use flespi_gitops::api::{Client, Settings};
use flespi_gitops::apply::{Event, OnError, Outcome, Report};
use flespi_gitops::diagnostic::Severity;
use flespi_gitops::manifest;
use flespi_gitops::plan::{Plan, Policy};
use flespi_gitops::reconcile::{self, Context, Prepared, carry_out};
use flespi_gitops::report::plan_text;
use flespi_gitops::resource::{Desired, Signer};
use flespi_gitops::sandbox::{Assumptions, InProcess};
use flespi_gitops::secret::{ExposeSecret, SecretString, Spool, Trust};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use tokio::sync::{mpsc, watch};

use super::laws;
use super::wire::{Kill, Line};

/// What a run is told to write, and what became of it.
pub(super) struct Ran {
    /// The plan of its first pass.
    pub(super) plan: Plan,
    /// That of its last one, and what became of it.
    pub(super) latest: Plan,
    pub(super) report: Report,
}

/// Passes of one run, of which two are usual and three are possible.
const MOST_PASSES: usize = 5;

/// What comes between a run and its end.
#[derive(Debug, Clone, Default)]
pub(super) struct Trouble {
    pub(super) kill: Option<Kill>,
    /// Rules of the sandbox for what goes wrong, which hold for this run alone.
    pub(super) faults: Vec<Value>,
    /// Makes calls take different times, from this seed.
    pub(super) pace: Option<u64>,
    /// The request before which it is held until somebody else has done something.
    pub(super) hold: Option<u64>,
}

/// How much was done in a life.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Tally {
    pub(super) runs: u64,
    pub(super) kills: u64,
    pub(super) faults: u64,
    pub(super) requests: u64,
    pub(super) writes: u64,
}

impl Tally {
    pub(super) fn add(&mut self, other: Self) {
        self.runs += other.runs;
        self.kills += other.kills;
        self.faults += other.faults;
        self.requests += other.requests;
        self.writes += other.writes;
    }
}

/// A platform, and a folder with manifests and what runs leave behind.
pub(super) struct Land {
    platform: Arc<InProcess>,
    seed: u64,
    assumptions: Assumptions,
    pub(super) folder: tempfile::TempDir,
    signer: Signer,
    pub(super) tally: std::cell::Cell<Tally>,
}

/// The passwords that manifests name: what no output may hold.
pub(super) const PASSWORD: &str = "canary-of-a-password-";

/// How many passwords there are.
pub(super) const PASSWORDS: u32 = 20;

impl Land {
    /// A platform under `assumptions`, whose marks are signed if `is_signed`.
    pub(super) fn new(seed: u64, assumptions: &Assumptions, is_signed: bool) -> Self {
        let folder = tempfile::tempdir().unwrap();
        for version in 1..PASSWORDS {
            write(folder.path(), &format!("passwords/{version}"), &format!("{PASSWORD}{version}"));
        }
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        let now = u64::try_from(now.as_millis()).unwrap();
        let platform = Arc::new(InProcess::new(assumptions.clone(), seed, now));
        let key = SecretString::from("k".repeat(64));
        let signer = if is_signed { Signer::new(key, false).unwrap() } else { Signer::default() };
        let assumptions = assumptions.clone();
        Self { platform, seed, assumptions, folder, signer, tally: Default::default() }
    }

    /// The same world and the same files once more. Marks are signed.
    pub(super) async fn copy(&self) -> Self {
        let copy = Self::new(self.seed, &self.assumptions, true);
        let state = self.state().await;
        copy.ask("PUT", "/_sandbox/state", Some(&state[0])).await;
        for entry in walkdir::WalkDir::new(self.folder.path()) {
            let entry = entry.unwrap();
            if entry.file_type().is_file() {
                let to = copy.folder.path().join(entry.path().strip_prefix(&self.folder).unwrap());
                std::fs::create_dir_all(to.parent().unwrap()).unwrap();
                std::fs::copy(entry.path(), to).unwrap();
            }
        }
        copy
    }

    /// A call as somebody in the panel makes it: status and answer.
    pub(super) async fn call(
        &self,
        method: &str,
        path: &str,
        body: Option<&Value>,
    ) -> (u16, Value) {
        let key = self.platform.token().expose_secret();
        let request = || {
            hyper::Request::builder()
                .method(method)
                .uri(path)
                .header("authorization", format!("FlespiToken {key}"))
                .body(body.map(|body| body.to_string().into_bytes()).unwrap_or_default())
                .unwrap()
        };
        // A fault may keep connections away for a while.
        let answer = loop {
            match self.platform.answer(request()).await {
                Ok(answer) => break answer,
                Err(_) => tokio::time::sleep(Duration::from_secs(1)).await,
            }
        };
        let status = answer.status().as_u16();
        let bytes = answer.into_body().collect().await.unwrap().to_bytes();
        (status, serde_json::from_slice(&bytes).unwrap_or_default())
    }

    /// A call that must succeed: its result.
    pub(super) async fn ask(&self, method: &str, path: &str, body: Option<&Value>) -> Value {
        let (mut status, mut answer) = self.call(method, path, body).await;
        // Whoever looks at everything may use up the calls of a minute.
        while status == 429 {
            tokio::time::sleep(Duration::from_secs(61)).await;
            (status, answer) = self.call(method, path, body).await;
        }
        assert!((200..300).contains(&status), "{method} {path}: {status} {answer}");
        answer["result"].take()
    }

    /// All items of a collection in the branch, in pages, as some platforms bound them.
    pub(super) async fn list(&self, collection: &str, fields: &str) -> Vec<Value> {
        let mut all = Vec::new();
        loop {
            let path = format!(
                "/platform/{collection}/all?fields={fields}&limit=100&offset={}",
                all.len()
            );
            let mut page = self.ask("GET", &path, None).await;
            let page = page.as_array_mut().unwrap();
            let is_last = page.len() < 100;
            all.append(page);
            if is_last {
                return all;
            }
        }
    }

    /// Moves the clock.
    pub(super) async fn advance(&self, seconds: u64) {
        self.ask("POST", "/_sandbox/clock", Some(&json!({"advance": seconds}))).await;
    }

    async fn faults(&self, rules: &[Value]) {
        self.ask("PUT", "/_sandbox/faults", Some(&json!({"rules": rules}))).await;
    }

    pub(super) fn count(&self, counting: impl FnOnce(&mut Tally)) {
        let mut tally = self.tally.get();
        counting(&mut tally);
        self.tally.set(tally);
    }

    /// What the folder declares.
    pub(super) fn desired(&self, folder: &str) -> Desired {
        let now = i64::try_from(self.platform.now() / 1000).unwrap();
        let loaded = manifest::load(&[self.folder.path().join(folder)], now);
        let errors = loaded.diagnostics.as_slice();
        let errors: Vec<_> = errors.iter().filter(|it| it.severity == Severity::Error).collect();
        assert!(errors.is_empty(), "{errors:#?}");
        loaded.desired
    }

    fn client(&self, line: Arc<Line>) -> Client {
        let settings =
            Settings::new("http://platform.test".parse().unwrap(), Duration::from_secs(30));
        let key = SecretString::from(self.platform.token().expose_secret().to_owned());
        Client::new(&settings, &key).unwrap().over(line, &settings)
    }

    /// Plans what the manifests in `folder` say, and nothing else.
    pub(super) async fn plan(&self, folder: &str) -> Plan {
        let line = Arc::new(Line::new(&self.platform, &Trouble::default()));
        let client = self.client(Arc::clone(&line));
        let (spool, desired) = (self.spool("spool"), self.desired(folder));
        let prepared = self.prepare(&client, &spool, &desired).await;
        laws::a_plan_writes_nothing((0, 0), line.counts());
        self.count(|tally| tally.requests += line.counts().0);
        prepared.plan
    }

    /// What is there, as a run sees it.
    pub(super) async fn observed(&self) -> flespi_gitops::observe::Actual {
        let client = self.client(Arc::new(Line::new(&self.platform, &Trouble::default())));
        reconcile::observe(&client, &self.signer).await.unwrap().0
    }

    fn spool(&self, name: &str) -> Spool {
        Spool::new(self.folder.path().join(name), "platform.test".to_owned(), None)
    }

    fn context<'a>(&'a self, client: &'a Client, spool: &'a Spool) -> Context<'a> {
        Context {
            client,
            signer: &self.signer,
            spool,
            trust: &Trust::Reviewed,
            seen: None,
            overwritten: None,
        }
    }

    async fn prepare(&self, client: &Client, spool: &Spool, desired: &Desired) -> Prepared {
        let policy = Policy { prune: true, ..Policy::default() };
        let context = self.context(client, spool);
        reconcile::prepare(desired, context, policy).await.unwrap()
    }

    /// Plans and applies, unless `trouble` comes between. None if the run ended before it had a plan.
    pub(super) async fn run(&self, trouble: &Trouble) -> Option<Ran> {
        self.run_beside(trouble, "spool", async {}).await
    }

    /// The same with a state of its own; `other` happens while it is held.
    pub(super) async fn run_beside(
        &self,
        trouble: &Trouble,
        spool: &str,
        other: impl Future<Output = ()>,
    ) -> Option<Ran> {
        let line = Arc::new(Line::new(&self.platform, trouble));
        self.faults(&trouble.faults).await;
        let beside = async {
            line.held.notified().await;
            other.await;
            line.go.notify_one();
            std::future::pending().await
        };
        let ran = tokio::select! {
            biased;
            () = line.killed.notified() => None,
            ran = self.run_on(&line, spool) => ran,
            () = beside => None,
        };
        self.faults(&[]).await;
        let (requests, writes) = line.counts();
        self.count(|tally| {
            tally.runs += 1;
            tally.kills += u64::from(trouble.kill.is_some_and(|kill| kill.at < requests));
            tally.faults += trouble.faults.len() as u64;
            tally.requests += requests;
            tally.writes += writes;
        });
        ran
    }

    /// Passes as `apply` makes them: one more as long as there is something to compare.
    async fn run_on(&self, line: &Arc<Line>, spool: &str) -> Option<Ran> {
        let client = self.client(Arc::clone(line));
        let (spool, desired) = (self.spool(spool), self.desired("m"));
        let policy = Policy { prune: true, ..Policy::default() };
        let mut overwritten = BTreeSet::new();
        let mut first = None;
        for _ in 0..MOST_PASSES {
            let context =
                Context { overwritten: Some(&overwritten), ..self.context(&client, &spool) };
            let before = line.counts();
            // A platform that cannot be read at all ends a run before there is a plan.
            let prepared = reconcile::prepare(&desired, context, policy).await.ok()?;
            laws::a_plan_writes_nothing(before, line.counts());
            let (_stop, stopped) = watch::channel(false);
            let (sender, mut told) = mpsc::unbounded_channel::<Event>();
            let report = carry_out(&prepared, context, OnError::Finish, stopped, sender).await;
            let mut events = Vec::new();
            while let Ok(event) = told.try_recv() {
                events.push(event);
            }
            laws::the_ledger_is_the_plan(&prepared.plan, &report);
            laws::no_step_begins_before_what_it_needs(&prepared.plan, &events);
            laws::no_secret_is_told(&prepared, &report, &self.secrets().await);
            overwritten = report.overwritten();
            let is_last = !report.calls_for_another_pass();
            let plan = first.get_or_insert_with(|| prepared.plan.clone()).clone();
            if is_last {
                return Some(Ran { plan, latest: prepared.plan, report });
            }
        }
        panic!("after {MOST_PASSES} passes a run calls for one more");
    }

    async fn state(&self) -> Value {
        self.ask("GET", "/_sandbox/state", None).await
    }

    /// Everything that no output may hold.
    async fn secrets(&self) -> BTreeSet<String> {
        let mut secrets = BTreeSet::from([PASSWORD.to_owned()]);
        crate::support::canary::keys(&self.state().await, &mut secrets);
        secrets
    }

    /// The keys of all tokens that are there, and the address in the mark of each.
    pub(super) async fn keys(&self) -> BTreeMap<String, String> {
        let state = self.state().await;
        let changes = state[0]["changes"].as_array().unwrap().iter();
        let tokens = changes.map(|change| &change["put"]).filter(|put| put["kind"] == "tokens");
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        tokens
            .map(|token| &token["item"])
            .map(|it| (text(&it["key"]), text(&it["metadata"]["flespi-gitops/address"])))
            .collect()
    }

    /// Applies until it goes well; then the next plan must be empty.
    pub(super) async fn come_to_rest(&self, is_calm: bool) {
        let mut said = String::new();
        for _ in 0..6 {
            // What is due at a second is due once it is over.
            tokio::time::sleep(Duration::from_secs(2)).await;
            let Some(Ran { latest: plan, report, .. }) = self.run(&Trouble::default()).await else {
                panic!("a run without trouble did not end");
            };
            if is_calm {
                laws::no_step_is_planned_that_cannot_be_carried_out(&plan, &report);
            }
            if matches!(report.outcome(), Outcome::Unchanged | Outcome::Applied) {
                tokio::time::sleep(Duration::from_secs(2)).await;
                let next = self.plan("m").await;
                laws::it_is_at_rest(&plan, &next);
                return;
            }
            said = format!("{:?}:\n{}", report.outcome(), shown(&plan));
        }
        panic!("no apply goes well: {said}");
    }
}

pub(super) fn shown(plan: &Plan) -> String {
    plan_text(plan, Some(200))
}

pub(super) fn write(folder: &Path, name: &str, text: &str) {
    let path = folder.join(name);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, text).unwrap();
}
