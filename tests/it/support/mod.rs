//! A sandbox of its own for every test, and the real program run against it.

pub mod between;
pub mod canary;
pub mod kubernetes;
#[cfg(unix)]
pub mod listening;
pub mod pass;
pub mod pocket;
#[cfg(unix)]
pub mod repository;
pub mod served;
pub mod tenants;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Mutex;

use flespi_gitops::sandbox::{Options, Sandbox};
use flespi_gitops::secret::ExposeSecret;
use serde_json::Value;
use tokio::runtime::Runtime;

/// A platform, a folder with manifests, and a hermetic way to run the program.
pub struct World {
    runtime: Runtime,
    sandbox: Option<Sandbox>,
    folder: tempfile::TempDir,
    http: reqwest::Client,
    /// Secrets that nobody would find by looking at the platform.
    secrets: Mutex<BTreeSet<String>>,
    /// What programs said that nobody waited for.
    ears: tempfile::TempDir,
}

/// What a run of the program gave.
#[derive(Debug)]
pub struct Run {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

/// One request that the sandbox saw.
#[derive(Debug, Clone)]
pub struct Request {
    pub method: String,
    pub path: String,
    pub cid: Option<i64>,
    pub status: u64,
}

impl Request {
    /// Whether the request changes something, or tries to.
    pub fn is_write(&self) -> bool {
        self.method != "GET"
    }

    /// Method and path without the query.
    pub fn line(&self) -> String {
        format!("{} {}", self.method, self.path.split('?').next().unwrap())
    }
}

impl Run {
    /// Fails the test with all output unless the exit code is `code`.
    #[track_caller]
    pub fn expect(self, code: i32) -> Self {
        let Self { code: got, stdout, stderr } = &self;
        assert_eq!(*got, code, "stdout:\n{stdout}\nstderr:\n{stderr}");
        self
    }

    /// The result as JSON.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| {
            panic!("{error}\nstdout:\n{}\nstderr:\n{}", self.stdout, self.stderr)
        })
    }
}

impl World {
    /// A fresh platform and an empty folder.
    pub fn new() -> Self {
        Self::with(Options::default())
    }

    /// A platform under other assumptions than the likely ones.
    pub fn assuming(assumptions: &[&str]) -> Self {
        let mut options = Options::default();
        for assumption in assumptions {
            options.assumptions.set(assumption).unwrap();
        }
        Self::with(options)
    }

    /// A platform with options.
    pub fn with(options: Options) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .unwrap();
        let sandbox = runtime.block_on(Sandbox::start(options)).unwrap();
        let http = runtime.block_on(async { reqwest::Client::new() });
        let folder = tempfile::tempdir().unwrap();
        let (secrets, ears) = (Mutex::default(), tempfile::tempdir().unwrap());
        Self { runtime, sandbox: Some(sandbox), folder, http, secrets, ears }
    }

    pub fn sandbox(&self) -> &Sandbox {
        self.sandbox.as_ref().unwrap()
    }

    /// The master token of the root account.
    pub fn token(&self) -> String {
        self.sandbox().token().expose_secret().to_owned()
    }

    /// The folder in which the program runs.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Writes a file below the folder.
    pub fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        if path.file_name().is_some_and(|name| name == "password") {
            self.keep_secret(text.trim());
        }
        path
    }

    /// Has the outputs of all runs searched for `secret`.
    pub fn keep_secret(&self, secret: &str) {
        self.secrets.lock().unwrap().insert(secret.to_owned());
    }

    /// An ear for a program that nobody waits for: what it says is searched like everything else.
    pub fn ear(&self) -> Stdio {
        let (file, _) = tempfile::NamedTempFile::new_in(self.ears.path()).unwrap().keep().unwrap();
        file.into()
    }

    /// Waits for the end of a program whose outputs are pipes, and has them searched, too.
    pub fn end_of(&self, child: std::process::Child) -> std::process::Output {
        let output = child.wait_with_output().unwrap();
        for said in [&output.stdout, &output.stderr] {
            let said = String::from_utf8_lossy(said).into_owned();
            canary::hear_about(self.sandbox().url(), said);
        }
        output
    }

    /// Where anything that was said so far holds a secret. Nobody is asked a second time about the same.
    pub fn told_secrets(&self) -> Vec<String> {
        let mut said = canary::heard(self.sandbox().url());
        for ear in std::fs::read_dir(self.ears.path()).unwrap() {
            let path = ear.unwrap().path();
            let heard = std::fs::read(&path).unwrap();
            std::fs::write(path, "").unwrap();
            said.push(String::from_utf8_lossy(&heard).into_owned());
        }
        if said.is_empty() {
            return Vec::new();
        }
        let mut secrets = self.secrets.lock().unwrap().clone();
        let (_, state) = self.call("GET", "/_sandbox/state", None, None, None);
        canary::keys(&state, &mut secrets);
        secrets.insert(self.token());
        // What was delivered, generated passwords among it.
        for entry in walkdir::WalkDir::new(self.path().join("out")).into_iter().flatten() {
            let text = std::fs::read_to_string(entry.path()).unwrap_or_default();
            secrets.extend(text.lines().map(|line| line.trim().to_owned()));
        }
        canary::search(&said, &secrets)
    }

    /// Replaces `from`, which must be there, in a file.
    pub fn edit(&self, name: &str, from: &str, to: &str) {
        let path = self.path().join(name);
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.contains(from), "`{from}` is not in {name}:\n{text}");
        std::fs::write(path, text.replacen(from, to, 1)).unwrap();
    }

    pub fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path().join(name)).unwrap()
    }

    /// Copies an example of the repository.
    pub fn copy_example(&self, name: &str) {
        let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples").join(name);
        for entry in walkdir::WalkDir::new(&from) {
            let entry = entry.unwrap();
            let below = entry.path().strip_prefix(&from).unwrap();
            // What a person's own run left beside the manifests is not part of the example.
            if !entry.file_type().is_file() || below.components().any(|c| c.as_os_str() == "out") {
                continue;
            }
            let to = self.path().join(name).join(below);
            std::fs::create_dir_all(to.parent().unwrap()).unwrap();
            std::fs::copy(entry.path(), to).unwrap();
        }
    }

    /// The program, ready to run against the sandbox.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_flespi-gitops"));
        command
            .args(arguments)
            .current_dir(self.path())
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("FLESPI_PLATFORM", self.sandbox().url())
            .env("FLESPI_TOKEN", self.token())
            // The state of runs, which otherwise is below the home of whoever runs the tests.
            .env("FLESPI_GITOPS_STATE_DIR", self.path().join(".flespi-gitops/state"))
            // What is said is searched for secrets, so it had better be much.
            .env("FLESPI_GITOPS_LOG", "trace")
            .stdin(Stdio::null());
        command
    }

    /// Runs the program to its end.
    pub fn run(&self, arguments: &[&str]) -> Run {
        run(self.command(arguments))
    }

    /// Applies, and expects it to go well.
    #[track_caller]
    pub fn apply(&self, arguments: &[&str]) -> Run {
        let mut all = vec!["apply", "--yes"];
        all.extend(arguments);
        self.run(&all).expect(0)
    }

    /// Applies what guards refuse, as somebody does who has read the plan.
    #[track_caller]
    pub fn apply_approved(&self, arguments: &[&str]) -> Run {
        let digest = self.plan(arguments)["digest"].as_str().unwrap().to_owned();
        self.apply(&[arguments, &["--approve", &digest]].concat())
    }

    /// The plan as JSON.
    #[track_caller]
    pub fn plan(&self, arguments: &[&str]) -> Value {
        let mut all = vec!["plan", "--format", "json"];
        all.extend(arguments);
        self.run(&all).expect(0).json()
    }

    /// A call to the platform as a person would make it with curl: status and whole answer.
    pub fn call(
        &self,
        method: &str,
        path: &str,
        token: Option<&str>,
        cid: Option<i64>,
        body: Option<&Value>,
    ) -> (u16, Value) {
        let url = format!("{}{path}", self.sandbox().url());
        let mut request = self.http.request(method.parse().unwrap(), url);
        if let Some(token) = token {
            request = request.header("authorization", format!("FlespiToken {token}"));
        }
        if let Some(cid) = cid {
            request = request.header("x-flespi-cid", cid);
        }
        if let Some(body) = body {
            request = request.body(body.to_string());
        }
        self.runtime.block_on(async {
            let response = request.send().await.unwrap();
            let status = response.status().as_u16();
            let text = response.text().await.unwrap();
            (status, serde_json::from_str(&text).unwrap_or(Value::Null))
        })
    }

    /// A request with exactly these headers and this body: status and whole answer.
    pub fn send(
        &self,
        method: &str,
        path: &str,
        headers: &[(String, String)],
        body: &str,
    ) -> (u16, Value) {
        let url = format!("{}{path}", self.sandbox().url());
        let mut request = self.http.request(method.parse().unwrap(), url).body(body.to_owned());
        for (name, value) in headers {
            request = request.header(name, value);
        }
        self.runtime.block_on(async {
            let response = request.send().await.unwrap();
            let status = response.status().as_u16();
            let text = response.text().await.unwrap();
            (status, serde_json::from_str(&text).unwrap_or(Value::Null))
        })
    }

    /// What a browser gets: headers and text.
    pub fn page(&self, path: &str) -> (Vec<(String, String)>, String) {
        let url = format!("{}{path}", self.sandbox().url());
        self.runtime.block_on(async {
            let response = self.http.get(url).send().await.unwrap();
            assert_eq!(response.status(), 200);
            let text = |value: &reqwest::header::HeaderValue| value.to_str().unwrap().to_owned();
            let head = response.headers().iter();
            let head = head.map(|(name, value)| (name.to_string(), text(value))).collect();
            (head, response.text().await.unwrap())
        })
    }

    /// A call with the root account's token that must succeed: its `result`.
    #[track_caller]
    pub fn api(&self, method: &str, path: &str, body: Option<&Value>) -> Vec<Value> {
        let (status, answer) = self.call(method, path, Some(&self.token()), None, body);
        assert_eq!(status, 200, "{method} {path}: {answer}");
        answer["result"].as_array().unwrap().clone()
    }

    /// The one item of `collection` whose `field` is `value`, with all fields that matter.
    #[track_caller]
    pub fn item(&self, collection: &str, field: &str, value: &str) -> Value {
        let fields = match collection {
            "limits" => "id,cid,name,description,devices_count,api_calls,metadata",
            "subaccounts" => "id,cid,name,limit_id,enabled,email,metadata",
            _ => "id,cid,info,enabled,ttl,expire,access,ips,origins,metadata",
        };
        let items = self.api("GET", &format!("/platform/{collection}/all?fields={fields}"), None);
        let mut found: Vec<Value> =
            items.into_iter().filter(|item| item[field].as_str() == Some(value)).collect();
        assert_eq!(found.len(), 1, "{collection} with {field}={value}: {found:?}");
        found.remove(0)
    }

    /// How many items a collection has in the whole branch.
    pub fn count(&self, collection: &str) -> usize {
        self.api("GET", &format!("/platform/{collection}/all"), None).len()
    }

    /// Every request that the sandbox saw since the journal was last emptied.
    pub fn journal(&self) -> Vec<Request> {
        let (status, answer) = self.call("GET", "/_sandbox/journal", None, None, None);
        assert_eq!(status, 200);
        let entries = answer["result"].as_array().unwrap().iter();
        entries
            .map(|entry| Request {
                method: entry["method"].as_str().unwrap().to_owned(),
                path: entry["path"].as_str().unwrap().to_owned(),
                cid: entry["cid"].as_i64(),
                status: entry["status"].as_u64().unwrap(),
            })
            .collect()
    }

    /// The requests that changed something, or tried to.
    pub fn writes(&self) -> Vec<Request> {
        self.journal().into_iter().filter(Request::is_write).collect()
    }

    pub fn empty_journal(&self) {
        self.call("DELETE", "/_sandbox/journal", None, None, None);
    }

    /// Mails that the platform would have sent.
    pub fn outbox(&self) -> Vec<Value> {
        let (_, answer) = self.call("GET", "/_sandbox/outbox", None, None, None);
        answer["result"].as_array().unwrap().clone()
    }

    /// Moves the platform's clock.
    pub fn advance(&self, seconds: i64) {
        let body = Value::from_iter([("advance", seconds)]);
        let (status, answer) = self.call("POST", "/_sandbox/clock", None, None, Some(&body));
        assert_eq!(status, 200, "{answer}");
    }

    /// Waits for something in the runtime of the platform.
    pub fn block_on<F: Future>(&self, future: F) -> F::Output {
        self.runtime.block_on(future)
    }

    /// Sets what goes wrong.
    pub fn faults(&self, faults: &Value) {
        let (status, answer) = self.call("PUT", "/_sandbox/faults", None, None, Some(faults));
        assert_eq!(status, 200, "{answer}");
    }
}

impl Drop for World {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            let told = self.told_secrets();
            assert!(told.is_empty(), "the program told secrets: {told:#?}");
        }
        if let Some(sandbox) = self.sandbox.take() {
            let _ = self.runtime.block_on(sandbox.stop());
        }
    }
}

/// Says why a test proves nothing on this machine.
#[expect(clippy::print_stdout, reason = "whoever reads the output of the tests is told")]
pub fn skip(reason: &str) {
    println!("skipped: {reason}");
}

/// Runs a command to its end.
pub fn run(mut command: Command) -> Run {
    let output = command.output().unwrap();
    let stdout = String::from_utf8(output.stdout).unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    canary::hear(&command, format!("{stdout}\n{stderr}"));
    Run { code: output.status.code().unwrap_or(-1), stdout, stderr }
}
