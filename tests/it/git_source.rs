//! A repository as the source of manifests, as a person and a git server see it: the program, from push to platform.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::support::listening::Daemon;
use crate::support::repository::{Repository, has_git};
use crate::support::{World, skip};

/// A manifest of a limit with so many devices.
fn limit(devices: u32) -> String {
    format!(
        "apiVersion: flespi-gitops/v1\nkind: Limit\nmetadata: {{name: starter}}\nspec: {{devices_count: {devices}}}\n"
    )
}

fn fleet(devices: u32) -> Repository {
    Repository::with(&[("accounts/limit.yaml", &limit(devices)), ("README.md", "# Fleet\n")])
}

/// Waits until the platform has the limit with this number of devices; how long that took.
fn wait_for_devices(world: &World, devices: i64) -> Duration {
    let began = Instant::now();
    loop {
        let limits = world.api("GET", "/platform/limits/all?fields=name,devices_count", None);
        if limits.iter().any(|limit| limit["devices_count"] == devices) {
            return began.elapsed();
        }
        assert!(began.elapsed() < Duration::from_secs(60), "{limits:?}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn watch(world: &World, repository: &Repository, more: &[&str]) -> Daemon {
    let url = repository.url();
    let common = [
        "watch",
        "--git",
        &url,
        "--path",
        "accounts",
        "--interval",
        "1h",
        "--listen",
        "127.0.0.1:0",
    ];
    Daemon::of(world, world.command(&[&common, more].concat()))
}

const SECRET: &str = "not-a-secret-of-anybody-0123";

#[test]
fn validate_plan_apply_and_status_read_one_commit_and_say_which() {
    if !has_git() {
        return;
    }
    let world = World::new();
    let repository = fleet(10);
    let url = repository.url();
    let git = ["--git", &url, "--path", "accounts"];
    let said = world.run(&[&["validate"], &git[..]].concat()).expect(0);
    assert!(said.stdout.contains("1 manifest is valid"), "{}", said.stdout);
    let short = repository.git(&["rev-parse", "--short=7", "HEAD"]);
    assert!(said.stderr.contains(&format!("at {short} (Begin)")), "{}", said.stderr);

    let plan = world.plan(&git);
    let source = plan["steps"][0]["source"].as_str().unwrap();
    assert_eq!(source, "accounts/limit.yaml:1:1", "as it is called in the repository");
    assert_eq!(plan["commit"]["subject"], "Begin");
    let words = format!("{short}, on main, Begin, by Ann <ann@example.com>");
    let escaped = words.replace('<', "&#60;").replace('>', "&#62;").replace('@', "&#64;");
    for (format, shown) in [("text", &words), ("markdown", &escaped)] {
        let run = world.run(&[&["plan", "--format", format], &git[..]].concat()).expect(0);
        assert!(run.stdout.contains(shown), "{}", run.stdout);
    }
    let saved = ["--html", "plan.html", "--out", "reviewed.plan"];
    world.run(&[&["plan"], &git[..], &saved].concat()).expect(0);
    assert!(world.read("plan.html").contains(&words.replace('<', "&lt;").replace('>', "&gt;")));
    // What was reviewed is applied whatever was pushed since, and known by its commit.
    world.run(&["apply", "--plan", "reviewed.plan", "--yes"]).expect(0);
    assert_eq!(world.item("limits", "name", "starter")["devices_count"], 10);
    let status = world.run(&[&["status"], &git[..]].concat()).expect(0);
    assert!(status.stdout.contains("1 in sync"), "{}", status.stdout);

    // The run is remembered with the commit, and every call names it.
    let runs = world.run(&["history", "--format", "json"]).expect(0).json();
    let commit = &runs[0]["commit"];
    assert_eq!(commit["id"], repository.git(&["rev-parse", "HEAD"]).as_str());
    assert_eq!(commit["branch"], "main");
    assert_eq!(commit["author"], "Ann <ann@example.com>");
    assert_eq!(commit["subject"], "Begin");
    let (_, journal) = world.call("GET", "/_sandbox/journal", None, None, None);
    let calls = journal["result"].as_array().unwrap();
    let ours: Vec<&str> = calls.iter().filter_map(|call| call["trace"].as_str()).collect();
    assert!(
        !ours.is_empty() && ours.iter().all(|it| it.ends_with(&format!("-{short}"))),
        "{ours:?}"
    );

    // Another branch, a tag and a commit.
    repository.git(&["checkout", "-q", "-b", "more"]);
    let more = repository.push(&[("accounts/limit.yaml", &limit(20))], "More");
    repository.git(&["tag", "-a", "v1", "-m", "One"]);
    repository.git(&["push", "-q", "origin", "v1"]);
    for reference in ["more", "refs/heads/more", "v1", "refs/tags/v1", &more] {
        let plan = world.plan(&[&git[..], &["--ref", reference]].concat());
        assert_eq!(plan["steps"][0]["action"], "update", "{reference}");
    }
    let plan = world.plan(&[&git[..], &["--ref", "main"]].concat());
    assert_eq!(plan["steps"].as_array().unwrap().len(), 0);
}

#[test]
fn findings_show_places_in_the_repository_and_no_folder_of_this_machine() {
    if !has_git() {
        return;
    }
    let world = World::new();
    let wrong = limit(10).replace("devices_count", "device_count");
    let outside = "apiVersion: flespi-gitops/v1\nkind: Template\nmetadata: {name: t}\n";
    let repository = Repository::with(&[("accounts/a.yaml", &wrong), ("accounts/b.yaml", outside)]);
    std::os::unix::fs::symlink("/etc/hostname", repository.work().join("accounts/c.yaml")).unwrap();
    std::os::unix::fs::symlink("a.yaml", repository.work().join("accounts/d.yaml")).unwrap();
    repository.write("accounts/e.txt", &limit(1));
    repository.push(&[], "Wrong");
    let url = repository.url();
    for format in ["text", "json", "short", "markdown", "sarif"] {
        let run = world.run(&["validate", "--git", &url, "--format", format]).expect(3);
        let all = format!("{}{}", run.stdout, run.stderr);
        assert!(all.contains("accounts/a.yaml"), "{all}");
        assert!(!all.contains("tree-") && !all.contains(".flespi-gitops/state"), "{all}");
    }
    let short = world.run(&["validate", "--git", &url, "--format", "short"]).expect(3).stdout;
    for place in ["accounts/a.yaml:4:8", "accounts/c.yaml", "accounts/e.txt"] {
        assert!(short.contains(place), "{place}: {short}");
    }
    // Also with leave to read elsewhere, a link out of a repository leads nowhere.
    let run = world.run(&["validate", "--git", &url, "--allow-outside", "--format", "short"]);
    assert!(run.expect(3).stdout.contains("leads outside the given folders"));
}

#[test]
fn a_push_is_on_the_platform_within_three_seconds_of_the_webhook_and_within_the_poll_otherwise() {
    if !has_git() {
        return;
    }
    let world = World::new();
    let repository = fleet(10);
    let secret = world.write("pull-secret", SECRET);
    let secret = secret.to_str().unwrap();
    world.keep_secret(SECRET);
    let daemon = watch(&world, &repository, &["--poll", "1h", "--pull-secret-file", secret]);
    wait_for_devices(&world, 10);
    daemon.wait("in sync", |status| status["state"] == "idle");
    let id = repository.push(&[("accounts/limit.yaml", &limit(20))], "Twenty");

    // Without the secret nothing happens.
    for headers in [&[][..], &[("authorization", "Bearer wrong")], &[("x-gitlab-token", "")]] {
        assert_eq!(daemon.ask("POST", "/pull", headers).0, 401);
    }
    assert_eq!(daemon.ask("GET", "/pull", &[]).0, 405);
    assert_eq!(daemon.status()["set"]["good"]["manifests"], 1);
    std::thread::sleep(Duration::from_millis(500));
    assert_eq!(world.item("limits", "name", "starter")["devices_count"], 10);

    // A server calls by whatever name it knows.
    let headers = [("host", "gitops.example.com"), ("x-gitlab-token", SECRET)];
    let began = Instant::now();
    let (code, said) = daemon.ask("POST", "/pull", &headers);
    assert_eq!(code, 202, "{said}");
    wait_for_devices(&world, 20);
    let took = began.elapsed();
    assert!(took < Duration::from_secs(3), "{took:?}");
    let status = daemon.wait("that commit", |status| status["set"]["good"]["commit"]["id"] == *id);
    assert_eq!(status["set"]["good"]["commit"]["subject"], "Twenty");
    let status = daemon.wait("in sync", |status| status["state"] == "idle");
    assert_eq!(status["passes"][0]["commit"]["id"], id.as_str());
    assert_eq!(status["passes"][0]["trigger"], "files");
    let metrics = daemon.get("/metrics");
    let line = format!(
        "flespi_gitops_good_set_commit_info{{commit=\"{id}\",branch=\"main\",author=\"Ann \
         <ann@example.com>\",subject=\"Twenty\"}} 1"
    );
    assert!(metrics.lines().any(|there| there == line), "{line}\n{metrics}");
    drop(daemon);

    let poll = ["--poll", "1s"];
    let _daemon = watch(&world, &repository, &poll);
    wait_for_devices(&world, 20);
    std::thread::sleep(Duration::from_millis(500));
    repository.push(&[("accounts/limit.yaml", &limit(30))], "Thirty");
    let took = wait_for_devices(&world, 30);
    assert!(took < Duration::from_secs(4), "{took:?}");
}

#[test]
fn a_daemon_without_a_secret_for_it_takes_no_webhook() {
    if !has_git() {
        return;
    }
    let world = World::new();
    let repository = fleet(10);
    let daemon = watch(&world, &repository, &[]);
    assert_eq!(daemon.ask("POST", "/pull", &[("x-gitlab-token", "")]).0, 404);
    let short = world.write("short", "too-short");
    let url = repository.url();
    let run = world.run(&[
        "watch",
        "--git",
        &url,
        "--listen",
        "127.0.0.1:0",
        "--pull-secret-file",
        short.to_str().unwrap(),
    ]);
    assert!(run.expect(64).stderr.contains("fewer than 16 characters"));
}

#[test]
fn while_the_server_is_away_a_daemon_starts_from_the_last_good_commit_and_says_so() {
    if !has_git() {
        return;
    }
    let world = World::new();
    let repository = fleet(10);
    let daemon = watch(&world, &repository, &["--poll", "1s"]);
    wait_for_devices(&world, 10);
    daemon.wait("in sync", |status| status["state"] == "idle");
    drop(daemon);
    let away = repository.beside("away.git");
    std::fs::rename(repository.bare(), &away).unwrap();

    let daemon = watch(&world, &repository, &["--poll", "1s"]);
    let status = daemon.wait("known to be away", |status| status["state"] == "root_unknown");
    let says = status["says"].as_str().unwrap();
    assert!(says.contains("the last valid set is in force"), "{says}");
    assert_eq!(status["set"]["good"]["commit"]["subject"], "Begin");
    let since = status["conditions"][0]["since"].clone();
    // Drift is healed all the same.
    let id = world.item("limits", "name", "starter")["id"].clone();
    let body = serde_json::json!({"devices_count": 99});
    world.api("PUT", &format!("/platform/limits/{id}"), Some(&body));
    daemon.ask("POST", "/wake", &[("x-flespi-gitops", "wake")]);
    wait_for_devices(&world, 10);
    std::thread::sleep(Duration::from_millis(2500));
    let status = daemon.wait("still away", |status| status["state"] == "root_unknown");
    assert_eq!(status["conditions"][0]["since"], since, "it has been away since then");

    std::fs::rename(&away, repository.bare()).unwrap();
    repository.push(&[("accounts/limit.yaml", &limit(20))], "Back");
    wait_for_devices(&world, 20);
    daemon.wait("in sync", |status| status["state"] == "idle");
    drop(daemon);

    // Nothing is known of a repository that was never read.
    let empty = Repository::empty();
    let url = empty.url();
    let run = world.run(&["watch", "--git", &url]).expect(1);
    assert!(run.stderr.contains("`HEAD` is not in the repository"), "{}", run.stderr);
}

#[test]
fn what_cannot_be_read_is_told_with_a_code_and_what_to_do() {
    if !has_git() {
        return;
    }
    let world = World::new();
    let repository = fleet(10);
    let url = repository.url();
    let gone = repository.beside("gone.git").to_str().unwrap().to_owned();
    for (arguments, code, words) in [
        (vec!["--git", "https://ann:hunter2@example.com/x"], 64, "--git-token-file"),
        (vec!["--git", "ext::sh -c true"], 64, "not a supported way"),
        (vec!["--git=--upload-pack=x"], 64, "not the address of a repository"),
        (vec!["--git", &url, "--ref=-x"], 64, "not the name of a branch"),
        (vec!["--git", &url, "--path", "../x"], 64, "--path: not a folder inside"),
        (vec!["--git", &url, "accounts"], 64, "cannot be used with"),
        (vec!["--ref", "main"], 64, "--git"),
        (vec!["--git", &gone], 1, "cannot be reached"),
        (vec!["--git", &url, "--ref", "gone"], 1, "`gone` is not in the repository"),
        (vec!["--git", &url, "--path", "gone"], 3, "the folder `gone` is not in commit"),
    ] {
        let run = world.run(&[vec!["plan"], arguments.clone()].concat());
        assert_eq!(run.code, code, "{arguments:?}: {}", run.stderr);
        assert!(run.stderr.contains(words), "{arguments:?}: {}", run.stderr);
        assert!(!run.stderr.contains("hunter2"), "{}", run.stderr);
    }
    let mut command = world.command(&["plan", "--git", &url]);
    command.env("PATH", world.path());
    let run = crate::support::run(command).expect(1);
    assert!(run.stderr.contains("cannot run the program `git`"), "{}", run.stderr);
    assert!(run.stderr.contains("install git 2.34 or later"), "{}", run.stderr);
}

#[test]
fn keys_are_delivered_beside_the_repository_and_stay_from_commit_to_commit() {
    if !has_git() {
        return;
    }
    let world = World::new();
    let token = "apiVersion: flespi-gitops/v1\nkind: Token\nmetadata: {name: app}\n\
                 spec: {ttl: 1h, access: standard, deliver: [{file: out/key}]}\n";
    let repository = Repository::with(&[("accounts/token.yaml", token)]);
    let url = repository.url();
    let git = ["--git", &url, "--path", "accounts", "--git-files", "secrets"];
    world.apply(&git);
    let key = world.path().join("secrets/accounts/out/key");
    let first = std::fs::read_to_string(&key).unwrap();
    world.keep_secret(first.trim());
    repository.push(&[("accounts/limit.yaml", &limit(10))], "More");
    world.apply(&git);
    assert_eq!(std::fs::read_to_string(&key).unwrap(), first);
    assert_eq!(world.plan(&git)["steps"].as_array().unwrap().len(), 0);

    // Without a choice, beside what is kept of the repository.
    let world = World::new();
    world.apply(&["--git", &url, "--path", "accounts"]);
    let state = world.path().join(".flespi-gitops/state/git");
    let delivered: Vec<PathBuf> = walkdir::WalkDir::new(&state)
        .into_iter()
        .flatten()
        .filter(|entry| entry.path().ends_with("files/accounts/out/key"))
        .map(walkdir::DirEntry::into_path)
        .collect();
    assert_eq!(delivered.len(), 1);
    let key = std::fs::read_to_string(&delivered[0]).unwrap();
    world.keep_secret(key.trim());
    let left: Vec<String> = walkdir::WalkDir::new(&state)
        .max_depth(2)
        .into_iter()
        .flatten()
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .filter(|name| name.starts_with("tree-") || name.starts_with(".credential-"))
        .collect();
    assert_eq!(left, Vec::<String>::new(), "nothing is left of the tree");
}

/// A git server over HTTP that wants a password: git's own `http-backend` behind a few lines.
struct HttpServer {
    address: String,
    /// The lines of authorization that came.
    shown: Arc<Mutex<Vec<String>>>,
    /// Whether the password still counts.
    grants: Arc<AtomicBool>,
}

impl HttpServer {
    /// None where git has no such program.
    fn start(root: &Path, expected: String) -> Option<Self> {
        let path = Command::new("git").arg("--exec-path").output().unwrap().stdout;
        let backend = Path::new(String::from_utf8_lossy(&path).trim()).join("git-http-backend");
        if !backend.exists() {
            skip("git has no `http-backend` on this machine");
            return None;
        }
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let shown: Arc<Mutex<Vec<String>>> = Arc::default();
        let grants = Arc::new(AtomicBool::new(true));
        let (root, seen, open) = (root.to_owned(), Arc::clone(&shown), Arc::clone(&grants));
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let _ = answer(stream, &root, &backend, (&expected, &seen, &open));
            }
        });
        Some(Self { address, shown, grants })
    }
}

fn answer(
    mut stream: TcpStream,
    root: &Path,
    backend: &Path,
    (expected, seen, open): (&str, &Mutex<Vec<String>>, &AtomicBool),
) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut line = String::new();
    reader.read_line(&mut line)?;
    let words: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
    let mut headers = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let Some((name, value)) = line.trim().split_once(": ") else { break };
        headers.push((name.to_ascii_lowercase(), value.to_owned()));
    }
    let header = |name: &str| {
        headers.iter().find(|(there, _)| there == name).map(|(_, value)| value.clone())
    };
    let authorization = header("authorization").unwrap_or_default();
    seen.lock().unwrap().push(authorization.clone());
    let mut body = vec![0; header("content-length").and_then(|it| it.parse().ok()).unwrap_or(0)];
    reader.read_exact(&mut body)?;
    if authorization != expected || !open.load(Ordering::Relaxed) {
        let refusal = "HTTP/1.1 401 Unauthorized\r\nwww-authenticate: Basic realm=\"git\"\r\n\
                       content-length: 0\r\nconnection: close\r\n\r\n";
        return stream.write_all(refusal.as_bytes());
    }
    let (path, query) = words[1].split_once('?').unwrap_or((&words[1], ""));
    let mut command = Command::new(backend);
    command
        .env("GIT_PROJECT_ROOT", root)
        .env("GIT_HTTP_EXPORT_ALL", "1")
        .env("REQUEST_METHOD", &words[0])
        .env("PATH_INFO", path)
        .env("QUERY_STRING", query)
        .env("CONTENT_TYPE", header("content-type").unwrap_or_default())
        .env("CONTENT_LENGTH", body.len().to_string())
        .env("GIT_PROTOCOL", header("git-protocol").unwrap_or_default())
        .env("REMOTE_USER", "ann")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped());
    if let Some(encoding) = header("content-encoding") {
        command.env("HTTP_CONTENT_ENCODING", encoding);
    }
    let mut child = command.spawn()?;
    child.stdin.take().unwrap().write_all(&body)?;
    let output = child.wait_with_output()?;
    let at = output.stdout.windows(4).position(|it| it == b"\r\n\r\n").unwrap_or(0);
    let head = String::from_utf8_lossy(&output.stdout[..at]).into_owned();
    let status = head.lines().find_map(|line| line.strip_prefix("Status: ")).unwrap_or("200 OK");
    let body = &output.stdout[at + 4..];
    write!(stream, "HTTP/1.1 {status}\r\n")?;
    for line in head.lines().filter(|line| !line.starts_with("Status: ")) {
        write!(stream, "{line}\r\n")?;
    }
    write!(stream, "content-length: {}\r\nconnection: close\r\n\r\n", body.len())?;
    stream.write_all(body)
}

/// Looks at the arguments of all processes again and again, for as long as `work` takes; those with `secret` in them.
fn spied(secret: &str, work: impl FnOnce()) -> (Vec<String>, usize) {
    let is_over = AtomicBool::new(false);
    std::thread::scope(|threads| {
        let spy = threads.spawn(|| {
            let (mut found, mut gits) = (Vec::new(), 0);
            while !is_over.load(Ordering::Relaxed) {
                for entry in std::fs::read_dir("/proc").into_iter().flatten().flatten() {
                    for file in ["cmdline", "environ"] {
                        let text = std::fs::read(entry.path().join(file)).unwrap_or_default();
                        let text = String::from_utf8_lossy(&text).into_owned();
                        gits += usize::from(file == "cmdline" && text.contains("ls-remote"));
                        if text.contains(secret) {
                            found.push(text);
                        }
                    }
                }
            }
            (found, gits)
        });
        work();
        is_over.store(true, Ordering::Relaxed);
        spy.join().unwrap()
    })
}

#[test]
fn a_token_reaches_its_server_and_nothing_else() {
    if !has_git() {
        return;
    }
    const TOKEN: &str = "CANARY-of-git/0123:456@789";
    let world = World::new();
    let repository = fleet(10);
    let basic = data_encoding::BASE64.encode(format!("bot:{TOKEN}").as_bytes());
    let expected = format!("Basic {basic}");
    let root = repository.bare().parent().unwrap().to_owned();
    let Some(server) = HttpServer::start(&root, expected.clone()) else { return };
    world.keep_secret(TOKEN);
    world.keep_secret(&basic);
    let token = world.write("git-token", TOKEN);
    let token = token.to_str().unwrap();
    let url = format!("http://{}/fleet.git", server.address);
    let git = ["--git", &url, "--git-user", "bot", "--git-token-file", token, "-vvv"];

    let (seen, gits) = spied(TOKEN, || {
        world.run(&[&["validate"], &git[..]].concat()).expect(0);
    });
    assert_eq!(seen, Vec::<String>::new());
    if Path::new("/proc/self/cmdline").exists() {
        assert!(gits > 0, "the spy saw git at work");
    }
    assert!(server.shown.lock().unwrap().contains(&expected));

    // A daemon whose token is revoked goes on with what it has.
    let common = ["watch", "--interval", "1h", "--poll", "1s", "--listen", "127.0.0.1:0"];
    let daemon = Daemon::of(&world, world.command(&[&common, &git[..]].concat()));
    wait_for_devices(&world, 10);
    daemon.wait("in sync", |status| status["state"] == "idle");
    server.grants.store(false, Ordering::Relaxed);
    let status = daemon.wait("refused", |status| status["state"] == "root_unknown");
    let says = status["says"].as_str().unwrap();
    assert!(says.contains("the server refuses access"), "{says}");
    assert_eq!(status["set"]["good"]["objects"], 1);
    server.grants.store(true, Ordering::Relaxed);
    daemon.wait("in sync", |status| status["state"] == "idle");
    drop(daemon);

    // Nobody else is shown the token, and without one there is nobody to ask.
    let other = HttpServer::start(&root, "Basic other".to_owned()).unwrap();
    let url = format!("http://{}/fleet.git", other.address);
    let run = world.run(&["validate", "--git", &url]).expect(1);
    assert!(run.stderr.contains("--git-token-file"), "{}", run.stderr);
    let shown = other.shown.lock().unwrap().clone();
    assert!(shown.iter().all(String::is_empty), "{shown:?}");
}

/// A key of SSH, and its line in a list of allowed signers.
fn ssh_key(repository: &Repository, name: &str) -> Option<(PathBuf, String)> {
    let key = repository.beside(name);
    let made = Command::new("ssh-keygen")
        .args(["-q", "-t", "ed25519", "-N", "", "-C", name, "-f"])
        .arg(&key)
        .status();
    if !made.is_ok_and(|status| status.success()) {
        skip("there is no `ssh-keygen` on this machine");
        return None;
    }
    let public = std::fs::read_to_string(key.with_extension("pub")).unwrap();
    Some((key, format!("{name}@example.com {public}")))
}

fn sign_with(repository: &Repository, key: &Path) {
    repository.git(&["config", "gpg.format", "ssh"]);
    repository.git(&["config", "user.signingKey", key.to_str().unwrap()]);
}

#[test]
fn only_commits_signed_by_a_known_key_count_and_the_last_good_one_stays() {
    if !has_git() {
        return;
    }
    let world = World::new();
    let repository = Repository::empty();
    let Some((ann, allowed)) = ssh_key(&repository, "ann") else { return };
    let Some((eve, _)) = ssh_key(&repository, "eve") else { return };
    let keys = world.write("allowed-signers", &allowed);
    let keys = keys.to_str().unwrap().to_owned();
    sign_with(&repository, &ann);
    repository.git(&["config", "commit.gpgSign", "true"]);
    repository.push(&[("accounts/limit.yaml", &limit(10))], "Signed");
    let url = repository.url();
    let git = ["--git", &url, "--path", "accounts", "--verify-commits", &keys];
    world.apply(&git);
    assert_eq!(world.item("limits", "name", "starter")["devices_count"], 10);

    let daemon = watch(&world, &repository, &["--poll", "1s", "--verify-commits", &keys]);
    daemon.wait("in sync", |status| status["state"] == "idle");
    sign_with(&repository, &eve);
    repository.push(&[("accounts/limit.yaml", &limit(20))], "By somebody else");
    let status = daemon.wait("refused", |status| status["state"] == "root_unknown");
    let says = status["says"].as_str().unwrap();
    assert!(says.contains("its signature does not count"), "{says}");
    repository.git(&["config", "commit.gpgSign", "false"]);
    repository.push(&[("accounts/limit.yaml", &limit(30))], "Not signed");
    daemon.wait("unsigned", |status| status["says"].as_str().unwrap().contains("it is not signed"));
    let run = world.run(&[&["plan"], &git[..]].concat()).expect(5);
    assert!(run.stderr.contains("is refused: it is not signed"), "{}", run.stderr);
    assert_eq!(world.item("limits", "name", "starter")["devices_count"], 10);

    // A signed tag vouches for its commit, under its own name.
    sign_with(&repository, &ann);
    repository.git(&["tag", "-s", "v1", "-m", "One"]);
    repository.git(&["push", "-q", "origin", "v1", "v1:refs/tags/v2"]);
    world.run(&[&["validate", "--ref", "v1"], &git[..]].concat()).expect(0);
    world.run(&[&["validate", "--ref", "v2"], &git[..]].concat()).expect(5);

    repository.git(&["config", "commit.gpgSign", "true"]);
    repository.push(&[("accounts/limit.yaml", &limit(40))], "Signed again");
    wait_for_devices(&world, 40);
    drop(daemon);

    // What was good under other keys is not begun with.
    let none = world.write("nobody", "");
    std::fs::rename(repository.bare(), repository.beside("away.git")).unwrap();
    let url = repository.url();
    let other = ["--git", &url, "--path", "accounts", "--verify-commits", none.to_str().unwrap()];
    world.run(&[&["watch"], &other[..]].concat()).expect(1);
}

#[test]
fn commits_signed_with_openpgp_count_if_their_key_is_given() {
    if !has_git() {
        return;
    }
    let home = tempfile::tempdir().unwrap();
    let gpg = |arguments: &[&str]| {
        let mut command = Command::new("gpg");
        command.env("GNUPGHOME", home.path()).args(["--batch", "--no-tty", "--quiet"]);
        command.args(arguments).stderr(Stdio::null()).output()
    };
    let made = gpg(&["--passphrase", "", "--quick-generate-key", "ann@example.com", "ed25519"]);
    if !made.is_ok_and(|made| made.status.success()) {
        return skip("there is no `gpg` on this machine that makes keys");
    }
    let public = gpg(&["--armor", "--export"]).unwrap().stdout;
    let world = World::new();
    let keys = world.write("keys.asc", &String::from_utf8(public).unwrap());
    let repository = fleet(10);
    let url = repository.url();
    let git = ["validate", "--git", &url, "--verify-commits", keys.to_str().unwrap()];
    world.run(&git).expect(5);
    repository.write("accounts/limit.yaml", &limit(20));
    let signed = ["commit", "-q", "-a", "-Sann@example.com", "-m", "Signed"];
    let mut command = repository.command(&repository.work(), &signed);
    assert!(command.env("GNUPGHOME", home.path()).status().unwrap().success());
    repository.git(&["push", "-q", "origin", "HEAD"]);
    world.run(&git).expect(0);
    let _ = Command::new("gpgconf").env("GNUPGHOME", home.path()).args(["--kill", "all"]).status();
}

#[test]
fn nothing_of_a_repository_or_of_the_users_settings_is_executed() {
    if !has_git() {
        return;
    }
    let world = World::new();
    let repository = fleet(10);
    let canary = repository.beside("canary");
    let script = repository.beside("script");
    std::fs::write(&script, format!("#!/bin/sh\ntouch {}\ncat\n", canary.display())).unwrap();
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(&script, mode).unwrap();
    let script = script.display();
    // What a repository can say, and what settings would make of it.
    repository.push(
        &[
            (".gitattributes", "* filter=canary diff=canary merge=canary\n"),
            ("accounts/.gitattributes", "*.yaml filter=canary\n"),
            (".githooks/post-checkout", &format!("#!/bin/sh\ntouch {}\n", canary.display())),
            (".lfsconfig", "[lfs]\n\turl = http://127.0.0.1:1/\n"),
        ],
        "Hostile",
    );
    let settings = format!(
        "[filter \"canary\"]\n\tsmudge = {script}\n\trequired = true\n[core]\n\tfsmonitor = {script}\n\
         \thooksPath = .githooks\n\tsshCommand = {script}\n[credential]\n\thelper = !{script}\n\
         [uploadpack]\n\tpackObjectsHook = {script}\n[gpg]\n\tprogram = {script}\n"
    );
    let home = repository.beside("home");
    std::fs::create_dir_all(home.join(".config/git")).unwrap();
    std::fs::write(home.join(".gitconfig"), &settings).unwrap();
    std::fs::write(home.join(".config/git/config"), &settings).unwrap();
    let url = repository.url();

    // With these settings, git itself does run it.
    let clone = repository.beside("clone");
    let mut control = repository.command(&repository.work(), &["clone", "-q", &url]);
    control.arg(&clone).env("HOME", &home).env_remove("GIT_CONFIG_GLOBAL");
    let _ = control.output().unwrap();
    assert!(canary.exists(), "the canary sings when it should");
    std::fs::remove_file(&canary).unwrap();

    for arguments in [&["validate"][..], &["plan"], &["apply", "--yes"]] {
        let mut command = world.command(&[arguments, &["--git", &url]].concat());
        command.env("HOME", &home);
        crate::support::run(command).expect(0);
        assert!(!canary.exists(), "{arguments:?}");
    }
    // The settings of the server's own repository do not count either.
    let of_server =
        format!("[uploadpack]\n\tpackObjectsHook = {script}\n[core]\n\tfsmonitor = {script}\n");
    let mut config =
        std::fs::OpenOptions::new().append(true).open(repository.bare().join("config")).unwrap();
    config.write_all(of_server.as_bytes()).unwrap();
    repository.git(&["commit", "-q", "--allow-empty", "-m", "Next"]);
    repository.git(&["push", "-q", "origin", "HEAD"]);
    world.run(&["validate", "--git", &url]).expect(0);
    assert!(!canary.exists());
}

#[test]
fn a_run_that_is_killed_leaves_nothing_that_stops_the_next() {
    if !has_git() {
        return;
    }
    let world = World::new();
    let repository = fleet(10);
    let url = repository.url();
    world.run(&["validate", "--git", &url]).expect(0);
    let state = world.path().join(".flespi-gitops/state/git");
    let folder = std::fs::read_dir(&state).unwrap().next().unwrap().unwrap().path();
    // As `kill -9` leaves them.
    std::fs::create_dir(folder.join("tree-left")).unwrap();
    std::fs::write(folder.join("tree-left/a.yaml"), "left").unwrap();
    std::fs::write(folder.join("kept.git/shallow.lock"), "").unwrap();
    std::fs::create_dir_all(folder.join("kept.git/refs/pull")).unwrap();
    std::fs::write(folder.join("kept.git/refs/pull/tip.lock"), "").unwrap();
    let run = world.run(&["validate", "--git", &url]).expect(0);
    assert!(run.stdout.contains("1 manifest is valid"), "{}", run.stdout);
    assert!(!folder.join("tree-left").exists());
    let json: Value = world.plan(&["--git", &url]);
    assert_eq!(json["steps"].as_array().unwrap().len(), 1);
}
