//! Random estates under random edits and trouble come to rest (R28): after an apply that went well the next plan is
//! empty, and a world in which runs were killed is the one in which none was.
//!
//! `RANDOM_WORLDS=2000 cargo test --release random_worlds -- --nocapture` tries as many seeds.

#![allow(clippy::print_stdout, reason = "the seeds and figures of a long run are what it is for")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
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
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde_json::{Map, Value, json};
use tokio::sync::{mpsc, watch};

/// Seeds that every run of the tests tries.
const FEW: u64 = 40;

/// Seeds at a time: most of the time they wait for retries.
const AT_A_TIME: u64 = 6;

/// Edits of one estate.
const EDITS: usize = 4;

#[derive(Debug, Clone, Default)]
struct Account {
    /// Its name here, whatever it is called.
    id: u32,
    name: String,
    moved_from: Option<String>,
    /// Names of the limits that it holds, and their number of devices.
    limits: Vec<(Named, i64)>,
    tokens: Vec<Token>,
    /// The name of a limit of the account above.
    limit: Option<String>,
    /// Which password, if it has any.
    login: Option<u32>,
    tag: u32,
    protect: bool,
    children: Vec<Account>,
}

#[derive(Debug, Clone, Default)]
struct Named {
    name: String,
    moved_from: Option<String>,
}

#[derive(Debug, Clone, Default)]
struct Token {
    named: Named,
    tag: u32,
    delivers: bool,
    rotates: bool,
}

/// An estate, and what its edits are drawn from.
#[derive(Debug)]
struct Estate {
    random: StdRng,
    names: u32,
    root: Account,
}

impl Estate {
    fn new(seed: u64) -> Self {
        let mut estate =
            Self { random: StdRng::seed_from_u64(seed), names: 0, root: Account::default() };
        let mut root = Account::default();
        estate.fill(&mut root, 0);
        estate.root = root;
        estate
    }

    fn name(&mut self, letter: char) -> String {
        self.names += 1;
        format!("{letter}{}", self.names)
    }

    fn named(&mut self, letter: char) -> Named {
        Named { name: self.name(letter), moved_from: None }
    }

    fn chance(&mut self, percent: u32) -> bool {
        self.random.random_range(0..100) < percent
    }

    /// Puts limits, tokens and accounts into an account `depth` levels below ours.
    fn fill(&mut self, account: &mut Account, depth: u32) {
        for _ in 0..self.random.random_range(0..=2) {
            account.limits.push((self.named('l'), self.random.random_range(1..=3)));
        }
        for _ in 0..self.random.random_range(0..=2) {
            let token = self.token();
            account.tokens.push(token);
        }
        if depth == 3 {
            return;
        }
        let most = if depth == 0 { 3 } else { 2 };
        for _ in 0..self.random.random_range(0..=most) {
            let child = self.account(&account.limits, depth + 1);
            account.children.push(child);
        }
    }

    fn account(&mut self, limits: &[(Named, i64)], depth: u32) -> Account {
        let mut account = Account { name: self.name('s'), tag: 1, ..Account::default() };
        account.id = self.names;
        if !limits.is_empty() && self.chance(50) {
            account.limit = Some(limits[self.random.random_range(0..limits.len())].0.name.clone());
        }
        account.login = self.chance(25).then_some(1);
        self.fill(&mut account, depth);
        account
    }

    fn token(&mut self) -> Token {
        let delivers = self.chance(40);
        let rotates = delivers && self.chance(50);
        Token { named: self.named('t'), tag: 1, delivers, rotates }
    }

    /// A random account, by the way that leads to it from the top; empty: our own.
    fn place(&mut self) -> Vec<usize> {
        let mut way = Vec::new();
        let mut here = self.root.clone();
        while !here.children.is_empty() && self.chance(70) {
            let next = self.random.random_range(0..here.children.len());
            way.push(next);
            here = here.children.swap_remove(next);
        }
        way
    }

    fn at(&mut self, way: &[usize]) -> &mut Account {
        way.iter().fold(&mut self.root, |account, &next| &mut account.children[next])
    }

    /// Some edits, as one commit has them; what was renamed says so.
    fn edit(&mut self) {
        let before = self.root.clone();
        if self.chance(60) {
            forget_renames(&mut self.root);
        }
        for _ in 0..self.random.random_range(1..=4) {
            let way = self.place();
            match self.random.random_range(0..12) {
                0..=3 => self.rename_account(&way, &before),
                4 => self.swap_accounts(&way, &before),
                5 => self.rename_something(&way, &before),
                6 => {
                    let depth = u32::try_from(way.len()).unwrap();
                    if depth < 3 {
                        let limits = self.at(&way).limits.clone();
                        let child = self.account(&limits, depth + 1);
                        self.at(&way).children.push(child);
                    }
                }
                // Protection outlives manifests, and is only taken off with one.
                7 => {
                    let was = |child: &mut Account| {
                        before.find(child.id).is_some_and(Account::is_protected)
                    };
                    let may_go = |child: &mut Account| !child.is_protected() && !was(child);
                    drop(self.at(&way).children.pop_if(may_go));
                }
                8 => {
                    let token = self.token();
                    let account = self.at(&way);
                    if account.tokens.pop().is_none() {
                        account.tokens.push(token);
                    }
                }
                9 => {
                    let account = self.at(&way);
                    account.login = account.login.map(|version| version + 1);
                    account.tag += 1;
                }
                10 => {
                    let account = self.at(&way);
                    account.limits.iter_mut().for_each(|(_, devices)| *devices += 1);
                    account.tokens.iter_mut().for_each(|token| token.tag += 1);
                    account.tag += 1;
                }
                _ => {
                    let account = self.at(&way);
                    account.protect = !account.protect;
                    account.limit = None;
                }
            }
        }
        self.tidy_renames(&before);
    }

    /// Takes out what no manifest may say: that something was renamed from where it is, or that two were the same object.
    fn tidy_renames(&mut self, before: &Account) {
        let mut at: BTreeMap<u32, String> = BTreeMap::new();
        let mut origins: BTreeMap<String, Vec<u32>> = BTreeMap::new();
        walk(&self.root, "", &mut |path, account| {
            at.insert(account.id, format!("subaccount/{path}"));
            if let Some(from) = &account.moved_from {
                origins.entry(from.clone()).or_default().push(account.id);
            }
        });
        for_each(&mut self.root, &mut |account| {
            let Some(from) = &account.moved_from else { return };
            if origins[from].len() > 1 {
                let was = before.find(account.id);
                let is_stale = was.is_some_and(|was| was.moved_from == account.moved_from);
                let was = before.path_of(account.id).filter(|_| !is_stale);
                account.moved_from = was.map(|was| format!("subaccount/{was}"));
            }
            account.moved_from.take_if(|from| at.get(&account.id) == Some(from));
        });
    }

    /// Renames an account that was there before and is not renamed yet.
    fn rename_account(&mut self, way: &[usize], before: &Account) {
        let Some((&last, above)) = way.split_last() else { return };
        let Account { id, .. } = *self.at(way);
        let Some(was) = before.path_of(id) else { return };
        let (_, old) = was.rsplit_once('/').unwrap_or(("", &was));
        let old = old.to_owned();
        let name = self.name('s');
        let is_by_new_path = self.chance(30);
        let path = self.path_at(above);
        let account = &mut self.at(above).children[last];
        let from = if is_by_new_path { join(&path, &old) } else { was };
        account.moved_from = Some(format!("subaccount/{from}"));
        account.name = name;
    }

    /// Gives two accounts side by side each other's name.
    fn swap_accounts(&mut self, way: &[usize], before: &Account) {
        let [one, two, ..] = &mut self.at(way).children[..] else { return };
        let (Some(first), Some(second)) = (before.path_of(one.id), before.path_of(two.id)) else {
            return;
        };
        let (first, second) = (format!("subaccount/{first}"), format!("subaccount/{second}"));
        // A manifest that already says the same is no other manifest, so nobody could tell that this is meant again.
        if two.moved_from.as_ref() == Some(&first) || one.moved_from.as_ref() == Some(&second) {
            return;
        }
        std::mem::swap(&mut one.name, &mut two.name);
        one.moved_from = Some(first);
        two.moved_from = Some(second);
    }

    /// Renames a limit or a token that was there before.
    fn rename_something(&mut self, way: &[usize], before: &Account) {
        let (limit, token) = (self.name('l'), self.name('t'));
        let was = before.homes();
        let account = self.at(way);
        if let Some((named, _)) = account.limits.last_mut()
            && let Some(home) = was.get(&named.name)
        {
            let old = named.name.clone();
            *named = Named {
                name: limit.clone(),
                moved_from: Some(format!("limit/{}", join(home, &old))),
            };
            for child in &mut account.children {
                if child.limit.as_ref() == Some(&old) {
                    child.limit = Some(limit.clone());
                }
            }
        } else if let Some(Token { named, .. }) = account.tokens.last_mut()
            && let Some(home) = was.get(&named.name)
        {
            let from = format!("token/{}", join(home, &named.name));
            *named = Named { name: token, moved_from: Some(from) };
        }
    }

    fn path_at(&mut self, way: &[usize]) -> String {
        let mut path = String::new();
        for end in 1..=way.len() {
            path = join(&path, &self.at(&way[..end]).name.clone());
        }
        path
    }
}

impl Account {
    /// Whether it or something in it is protected.
    fn is_protected(&self) -> bool {
        self.protect || self.children.iter().any(Self::is_protected)
    }

    fn find(&self, id: u32) -> Option<&Self> {
        if self.id == id {
            Some(self)
        } else {
            self.children.iter().find_map(|child| child.find(id))
        }
    }

    /// Where the account with this id is.
    fn path_of(&self, id: u32) -> Option<String> {
        let mut found = None;
        walk(self, "", &mut |path, account| {
            if account.id == id {
                found = Some(path.to_owned());
            }
        });
        found
    }

    /// In which account every limit and token is.
    fn homes(&self) -> BTreeMap<String, String> {
        let mut homes = BTreeMap::new();
        walk(self, "", &mut |path, account| {
            for (limit, _) in &account.limits {
                homes.insert(limit.name.clone(), path.to_owned());
            }
            for token in &account.tokens {
                homes.insert(token.named.name.clone(), path.to_owned());
            }
        });
        homes
    }

    fn manifests(&self) -> String {
        let mut all = vec![
            json!({"apiVersion": "flespi-gitops/v1", "kind": "Stack", "metadata": {"name": "default"}}),
        ];
        walk(self, "", &mut |path, account| {
            if let Some((owner, name)) = path.rsplit_once('/').or(Some(("", path)))
                && !name.is_empty()
            {
                let mut spec = json!({"metadata": {"tag": account.tag.to_string()}});
                if let Some(limit) = &account.limit {
                    spec["limit"] = json!(limit);
                }
                if let Some(version) = account.login {
                    spec["credentials"] = json!({"email": format!("{name}@x.example"),
                        "password": {"file": format!("../passwords/{version}")}});
                }
                if account.protect {
                    spec["lifecycle"] = json!({"protect": true});
                }
                all.push(document("Subaccount", owner, name, account.moved_from.as_ref(), spec));
            }
            for (named, devices) in &account.limits {
                let spec = json!({"devices_count": devices, "tokens_count": -1,
                    "subaccounts_count": -1, "limits_count": -1});
                let from = named.moved_from.as_ref();
                all.push(document("Limit", path, &named.name, from, spec));
            }
            for Token { named, tag, delivers, rotates } in &account.tokens {
                let mut spec = json!({"access": "standard", "ttl": "365d",
                    "metadata": {"tag": tag.to_string()}});
                if *delivers {
                    let file = format!("out/{}", named.name);
                    spec["deliver"] = json!([{"file": file}]);
                }
                if *rotates {
                    spec["rotation"] = json!({"every": "30d", "overlap": "48h"});
                }
                let from = named.moved_from.as_ref();
                all.push(document("Token", path, &named.name, from, spec));
            }
        });
        all.iter().map(Value::to_string).collect::<Vec<_>>().join("\n---\n")
    }
}

fn document(
    kind: &str,
    account: &str,
    name: &str,
    moved_from: Option<&String>,
    spec: Value,
) -> Value {
    let mut metadata = json!({"name": name});
    if !account.is_empty() {
        metadata["account"] = json!(account);
    }
    if let Some(from) = moved_from {
        metadata["moved_from"] = json!(from);
    }
    json!({"apiVersion": "flespi-gitops/v1", "kind": kind, "metadata": metadata, "spec": spec})
}

fn join(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}/{name}") }
}

fn walk(account: &Account, path: &str, look: &mut dyn FnMut(&str, &Account)) {
    look(path, account);
    for child in &account.children {
        walk(child, &join(path, &child.name), look);
    }
}

fn for_each(account: &mut Account, change: &mut dyn FnMut(&mut Account)) {
    change(account);
    for child in &mut account.children {
        for_each(child, change);
    }
}

fn forget_renames(account: &mut Account) {
    account.moved_from = None;
    account.limits.iter_mut().for_each(|(named, _)| named.moved_from = None);
    account.tokens.iter_mut().for_each(|token| token.named.moved_from = None);
    account.children.iter_mut().for_each(forget_renames);
}

/// What comes between a run and its end.
#[derive(Debug, Clone, Copy)]
enum Trouble {
    None,
    /// It is killed after so many events.
    Killed(usize),
    /// An answer is lost after the platform did what it was asked for, so many requests from now.
    Lost(u64),
    /// The platform fails with a 502 before it does anything.
    Failing(u64),
}

/// A platform, and a folder with manifests.
struct Land {
    sandbox: Sandbox,
    folder: tempfile::TempDir,
    client: Client,
    http: reqwest::Client,
    spool: Spool,
}

impl Land {
    async fn new() -> Self {
        let sandbox = Sandbox::start(Options::default()).await.unwrap();
        let folder = tempfile::tempdir().unwrap();
        let platform = sandbox.url().parse().unwrap();
        let settings = Settings { platform, timeout: Duration::from_secs(30), trace: None };
        let key = SecretString::from(sandbox.token().expose_secret().to_owned());
        let client = Client::new(&settings, &key).unwrap();
        let spool = Spool::new(folder.path().join("spool"), "x".to_owned(), None);
        for version in 1..20 {
            write(folder.path(), &format!("passwords/{version}"), &format!("password {version}"));
        }
        Self { sandbox, folder, client, http: reqwest::Client::new(), spool }
    }

    async fn call(&self, method: &str, path: &str, body: Option<&Value>) -> Value {
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
    async fn pass(&self, trouble: Trouble) -> (Plan, Option<Report>) {
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
    async fn come_to_rest(&self, seed: u64) {
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
    async fn shape(&self) -> BTreeSet<String> {
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

fn write(folder: &Path, name: &str, text: &str) {
    let path = folder.join(name);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, text).unwrap();
}

/// One seed: the same edits in a world with trouble and in one without.
async fn try_seed(seed: u64) {
    let mut estate = Estate::new(seed);
    let mut luck = StdRng::seed_from_u64(seed ^ 0x5eed);
    let (rough, calm) = (Land::new().await, Land::new().await);
    for edit in 0..=EDITS {
        if edit > 0 {
            estate.edit();
        }
        let manifests = estate.root.manifests();
        for land in [&rough, &calm] {
            write(land.folder.path(), "m/all.yaml", &format!("{manifests}\n"));
        }
        if luck.random_range(0..100) < 30 {
            let days = [1, 3, 9, 31][luck.random_range(0..4)];
            // No sum of these is near a day on which something is due.
            let advance = json!({"advance": days * 86_400 + 3_600});
            for land in [&rough, &calm] {
                land.call("POST", "/_sandbox/clock", Some(&advance)).await;
            }
        }
        for _ in 0..luck.random_range(0..=3) {
            let trouble = match luck.random_range(0..5) {
                0 => Trouble::Lost(luck.random_range(4..20)),
                1 => Trouble::Failing(luck.random_range(4..20)),
                _ => Trouble::Killed(luck.random_range(1..20)),
            };
            rough.pass(trouble).await;
        }
        for land in [&rough, &calm] {
            land.come_to_rest(seed).await;
        }
        let (with, without) = (rough.shape().await, calm.shape().await);
        let only_rough: Vec<_> = with.difference(&without).collect();
        let only_calm: Vec<_> = without.difference(&with).collect();
        assert!(
            only_rough.is_empty() && only_calm.is_empty(),
            "seed {seed}, edit {edit}: with trouble {only_rough:#?}, without {only_calm:#?}"
        );
    }
}

#[test]
fn random_estates_come_to_rest_whatever_comes_between() {
    let seeds: u64 =
        std::env::var("RANDOM_WORLDS").ok().and_then(|text| text.parse().ok()).unwrap_or(FEW);
    let first: u64 =
        std::env::var("RANDOM_WORLDS_FROM").ok().and_then(|text| text.parse().ok()).unwrap_or(0);
    let _ = rustls::crypto::ring::default_provider().install_default();
    let next = AtomicU64::new(first);
    let failed = AtomicU64::new(0);
    std::thread::scope(|scope| {
        for _ in 0..AT_A_TIME {
            scope.spawn(|| {
                let runtime =
                    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
                loop {
                    let seed = next.fetch_add(1, Ordering::SeqCst);
                    if seed >= first + seeds {
                        return;
                    }
                    let trying = std::panic::AssertUnwindSafe(|| runtime.block_on(try_seed(seed)));
                    if std::panic::catch_unwind(trying).is_err() {
                        println!("seed {seed} failed");
                        failed.fetch_add(1, Ordering::SeqCst);
                    }
                }
            });
        }
    });
    let failed = failed.into_inner();
    println!("{seeds} worlds of {} states each, twice: {failed} failed", EDITS + 1);
    assert_eq!(failed, 0);
}
