//! An estate on a sandbox: what the platform answers about it, and the files that runs leave behind.

use std::path::Path;
use std::sync::OnceLock;
use std::time::Duration;

use flespi_gitops::api::{Client, Settings, request};
use flespi_gitops::apply::OnError;
use flespi_gitops::history::{Actor, RunFacts, record, whole_or_abridged};
use flespi_gitops::lock::{FileLeases, Holder, LeaseKey, Leases, Share};
use flespi_gitops::manifest::load_texts;
use flespi_gitops::plan::{Plan, Policy, Sealed};
use flespi_gitops::reconcile::{Context, Prepared, carry_out, prepare};
use flespi_gitops::resource::{Desired, Kind, Signer};
use flespi_gitops::run::RunId;
use flespi_gitops::sandbox::{Options, Sandbox};
use flespi_gitops::secret::{ExposeSecret, Spool, Trust};

use super::parts::Parts;

/// The estate as its manifests say it; `OUT` is a folder for keys.
const MANIFESTS: &str = "\
apiVersion: flespi-gitops/v1
kind: Stack
metadata: {name: fleet}
spec: {drift: heal}
---
apiVersion: flespi-gitops/v1
kind: Limit
metadata: {name: starter}
spec: {description: One per tenant, devices_count: 10, tokens_count: 20, subaccounts_count: 3}
---
apiVersion: flespi-gitops/v1
kind: Limit
metadata: {name: spare}
spec: {devices_count: 3, metadata: {contract: S}}
---
apiVersion: flespi-gitops/v1
kind: Subaccount
metadata: {name: emea}
spec: {name: EMEA, limit: starter, metadata: {cost-centre: '4100'}}
---
apiVersion: flespi-gitops/v1
kind: Subaccount
metadata: {name: acme, account: emea}
spec: {name: ACME Logistics, limit: starter}
---
apiVersion: flespi-gitops/v1
kind: Token
metadata: {name: dashboard}
spec:
  info: Dashboard
  access: standard
  ttl: 30d
  origins: ['https://*.fleet.example', flespi]
  ips: [203.0.113.1?]
  deliver: [{file: OUT/dashboard}]
  rotation: {every: 30d, overlap: 48h}
---
apiVersion: flespi-gitops/v1
kind: Token
metadata: {name: feed, account: emea/acme}
spec:
  info: Messages
  access:
    acl:
      - uri: gw/devices
        methods: [GET]
        submodules: [{name: messages, methods: [GET]}]
      - uri: storage
        methods: [GET, POST]
  ttl: 14d
  deliver: [{file: OUT/feed}]
---
apiVersion: flespi-gitops/v1
kind: Webhook
metadata: {name: arrivals}
spec:
  triggers: [{topic: flespi/log/gw/devices/+/connected}]
  configuration:
    type: custom-server
    uri: https://hooks.example/in
    method: POST
    headers: [{name: Accept, value: text/plain}]
    body: '%payload%'
  queue_ttl: 1d
";

/// Real files, small ones.
pub struct Estate {
    /// What the platform answers, by a piece of the path that it answers.
    pub answers: Parts,
    /// Ever more of the estate changed: as it is, in part, and all of it.
    pub desired: Vec<Desired>,
    /// Sealed plans.
    pub plans: Vec<Vec<u8>>,
    /// Records of runs.
    pub records: Vec<Vec<u8>>,
    /// The state folder of the sandbox, by names of files.
    pub state: Parts,
    /// The note beside a lock.
    pub note: Vec<u8>,
    /// Everything that must not be shown.
    pub secrets: Vec<String>,
    /// The master token.
    pub token: String,
}

/// The estate, made once.
pub fn estate() -> &'static Estate {
    static ESTATE: OnceLock<Estate> = OnceLock::new();
    ESTATE.get_or_init(|| {
        let _ = rustls::crypto::ring::default_provider().install_default();
        // On a thread of its own: who asks may be within a runtime.
        std::thread::scope(|scope| {
            scope.spawn(|| super::panics::runtime(false).block_on(make())).join()
        })
        .unwrap()
    })
}

fn declared(text: &str) -> Desired {
    let now = jiff::Timestamp::now().as_second();
    let load = load_texts([("estate.yaml".to_owned(), text.to_owned())], now);
    assert!(!load.diagnostics.has_errors(), "{:?}", load.diagnostics);
    load.desired
}

async fn make() -> Estate {
    let folder = super::folders::quick();
    let state = folder.path().join("state");
    let options = Options { state: Some(state.clone()), ..Options::default() };
    let sandbox = Sandbox::start(options).await.unwrap();
    let token = sandbox.token().clone();
    let settings = Settings::new(sandbox.url().parse().unwrap(), Duration::from_secs(30));
    let client = Client::new(&settings, &token).unwrap();
    let out = folder.path().join("out");
    let text = MANIFESTS.replace("OUT", out.to_str().unwrap());
    let some =
        text.replace("devices_count: 10", "devices_count: 11").replace("ttl: 14d", "ttl: 15d");
    let more = some
        .replace("name: spare", "name: spares")
        .replace("EMEA", "Europe")
        .replace("203.0.113.1?", "203.0.113.*")
        .replace("methods: [GET, POST]", "methods: [GET, DELETE]")
        .replace("text/plain", "application/json")
        .replace("name: feed", "name: feeds");
    let desired: Vec<Desired> =
        [&text, &some, &more].into_iter().map(|text| declared(text)).collect();

    let (signer, spool, trust) = (Signer::default(), Spool::none(), Trust::Reviewed);
    let context = Context {
        client: &client,
        signer: &signer,
        spool: &spool,
        trust: &trust,
        seen: None,
        overwritten: None,
    };
    let policy = Policy { prune: true, ..Policy::default() };
    let mut records = Vec::new();
    // Twice, so that there is something to prune and to change in the second record.
    for desired in [&desired[2], &desired[0]] {
        let prepared = prepare(desired, context, policy).await.unwrap();
        let (_keep, stop) = tokio::sync::watch::channel(false);
        let (events, _) = tokio::sync::mpsc::unbounded_channel();
        let report = carry_out(&prepared, context, OnError::Finish, stop, events).await;
        records
            .push(whole_or_abridged(&record(facts(&prepared), &prepared.plan, &report)).unwrap());
    }
    let mut plans = Vec::new();
    for desired in &desired {
        let Prepared { plan, own_account, .. } = prepare(desired, context, policy).await.unwrap();
        plans.push(sealed(&plan, desired, own_account, policy));
    }
    let answers = answers(&sandbox).await;
    let note = note(folder.path()).await;
    // The log is folded into the snapshot when the sandbox ends.
    let state = files(&state);
    sandbox.stop().await.unwrap();
    let mut secrets = vec![token.expose_secret().to_owned()];
    secrets.extend(files(&out).into_iter().map(|(_, key)| String::from_utf8(key).unwrap()));
    let secrets = secrets.iter().map(|secret| secret.trim().to_owned()).collect();
    let token = token.expose_secret().to_owned();
    Estate { answers, desired, plans, records, state, note, secrets, token }
}

/// A plan as it is saved.
pub fn sealed(plan: &Plan, desired: &Desired, account: i64, policy: Policy) -> Vec<u8> {
    let trust = Trust::unreviewed(&[], false);
    serde_json::to_vec(&Sealed::new(plan, desired, account, policy, &trust).unwrap()).unwrap()
}

fn facts(prepared: &Prepared) -> RunFacts {
    RunFacts {
        run: RunId::new(),
        command: "apply",
        trigger: "command".to_owned(),
        actor: Actor { user: Some("anna".to_owned()), host: "here".to_owned(), job: None },
        commit: None,
        platform: "sandbox".to_owned(),
        account: prepared.own_account,
        began: jiff::Timestamp::now(),
        objects: [(Kind::Limit, 2)].into(),
    }
}

/// Every list, and what is asked of single objects.
async fn answers(sandbox: &Sandbox) -> Parts {
    let mut answers = Parts::new();
    let mut ask = async |word: &str, path: &str| {
        let http = reqwest::Client::new();
        let token = format!("FlespiToken {}", sandbox.token().expose_secret());
        let call = http.get(format!("{}{path}", sandbox.url())).header("authorization", token);
        let body = call.send().await.unwrap().bytes().await.unwrap().to_vec();
        answers.push((format!("{word} 200"), body));
    };
    ask("/auth/info", &request::identity().path).await;
    for kind in Kind::ALL {
        let word = format!("/{}/all?", kind.collection());
        ask(&word, &request::list_page(kind, 1_000, 0).path).await;
    }
    let token = Kind::Token;
    ask("/deleted/", &request::list_deleted(token, None, 1_000, 0).path).await;
    ask("/customer/logs", &request::kind_log(token, None).path).await;
    ask("/customer?", &request::own_calls().path).await;
    ask("fields=id,counters", "/platform/subaccounts/all?fields=id,counters").await;
    ask("fields=id,key", "/platform/tokens/all?fields=id,key").await;
    answers
}

async fn note(folder: &Path) -> Vec<u8> {
    let leases = FileLeases::new(folder);
    let key = LeaseKey { platform: "sandbox".to_owned(), account: 7, stack: "fleet".to_owned() };
    let holder = Holder::this_process("apply", &RunId::new());
    drop(leases.try_acquire(&key, &Share::all(), &holder).await.unwrap());
    std::fs::read(folder.join("locks/fleet@7@sandbox.json")).unwrap()
}

/// The files of a folder, by name.
pub fn files(folder: &Path) -> Parts {
    let entries = walkdir::WalkDir::new(folder).sort_by_file_name().into_iter().flatten();
    let files = entries.filter(|entry| entry.file_type().is_file());
    let named = files.map(|file| {
        (file.file_name().to_string_lossy().into_owned(), std::fs::read(file.path()).unwrap())
    });
    named.collect()
}
