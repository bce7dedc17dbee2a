//! Signals are heard wherever the program can wait.

#![cfg(unix)]

use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::World;

const LIMIT: &str = "apiVersion: flespi-gitops/v1\nkind: Limit\nmetadata: {name: starter}\nspec: {devices_count: 5}\n";

/// What ends where nothing is in flight on the platform ends within this time; the rest is for a busy machine.
const SOON: Duration = Duration::from_millis(2_000 + 1_500);

fn account(password: &str) -> String {
    format!(
        "apiVersion: flespi-gitops/v1\nkind: Subaccount\nmetadata: {{name: acme}}\n\
         spec: {{credentials: {{password: {password}}}}}\n"
    )
}

fn token(sink: &str) -> String {
    format!(
        "apiVersion: flespi-gitops/v1\nkind: Token\nmetadata: {{name: app}}\n\
         spec: {{ttl: 30d, access: standard, deliver: [{sink}]}}\n"
    )
}

fn kill(child: &Child, signal: &str) {
    let pid = child.id().to_string();
    assert!(Command::new("kill").args([signal, &pid]).status().unwrap().success());
}

#[track_caller]
fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let began = Instant::now();
    while !is_so() {
        assert!(began.elapsed() < Duration::from_secs(60), "never: {what}");
        std::thread::sleep(Duration::from_millis(30));
    }
}

/// A server that takes connections and never says a word.
fn silent_server() -> (String, std::sync::Arc<std::sync::atomic::AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let count = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let counted = std::sync::Arc::clone(&count);
    std::thread::spawn(move || {
        let mut kept = Vec::new();
        for stream in listener.incoming() {
            kept.push(stream);
            counted.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        }
    });
    (url, count)
}

/// Where the program waits.
struct Place {
    name: &'static str,
    arguments: Vec<&'static str>,
    environment: Vec<(&'static str, String)>,
    /// Whether it waits there by now.
    is_there: Box<dyn FnMut(&World) -> bool>,
    stdin: fn() -> Stdio,
}

impl Place {
    fn new(
        name: &'static str,
        arguments: &[&'static str],
        is_there: impl FnMut(&World) -> bool + 'static,
    ) -> Self {
        let (arguments, is_there) = (arguments.to_vec(), Box::new(is_there));
        Self { name, arguments, environment: Vec::new(), is_there, stdin: Stdio::null }
    }

    fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.environment.push((name, value.into()));
        self
    }
}

/// A program that says that it runs, and goes on for a long time.
const SLOW: &str = "{exec: [sh, -c, 'touch running; sleep 600']}";

fn running(world: &World) -> bool {
    world.path().join("running").exists()
}

fn has_called(line: &'static str) -> impl FnMut(&World) -> bool {
    move |world| world.journal().iter().any(|request| request.line() == line)
}

fn after(time: Duration) -> impl FnMut(&World) -> bool {
    let began = Instant::now();
    move |_| began.elapsed() > time
}

fn busy() -> Value {
    json!({"rules": [{"effect": {"answer": {"status": 429, "retry_after": 25}}}]})
}

type Setting = fn(&World) -> Place;

/// Every place where the program can wait with nothing in flight on the platform.
const PLACES: &[Setting] = &[
    |_| {
        // The other end of the pipe stays open and gives nothing.
        let place =
            Place::new("standard input", &["validate", "-"], after(Duration::from_millis(700)));
        Place { stdin: Stdio::piped, ..place }
    },
    |_| {
        let place = Place::new(
            "standard input",
            &["apply", "-", "--yes"],
            after(Duration::from_millis(700)),
        );
        Place { stdin: Stdio::piped, ..place }
    },
    |world| {
        fifo(world, "pipe");
        let arguments = ["apply", "--plan", "pipe", "--yes"];
        Place::new("a pipe for a plan", &arguments, after(Duration::from_millis(700)))
    },
    |world| {
        fifo(world, "pipe");
        let arguments = ["sandbox", "--faults", "pipe"];
        Place::new("a pipe for faults", &arguments, after(Duration::from_millis(700)))
    },
    |_| {
        let (url, count) = silent_server();
        Place::new("a server that does not answer", &["plan", "limit.yaml"], move |_| {
            count.load(std::sync::atomic::Ordering::SeqCst) > 0
        })
        .with("FLESPI_PLATFORM", url)
    },
    |_| {
        let (url, count) = silent_server();
        Place::new("a server that does not answer", &["apply", "limit.yaml", "--yes"], move |_| {
            count.load(std::sync::atomic::Ordering::SeqCst) > 0
        })
        .with("FLESPI_PLATFORM", url)
    },
    |_| {
        let (url, count) = silent_server();
        Place::new("a server that does not answer", &["watch", "limit.yaml"], move |_| {
            count.load(std::sync::atomic::Ordering::SeqCst) > 0
        })
        .with("FLESPI_PLATFORM", url)
    },
    |_| {
        let (url, count) = silent_server();
        Place::new("a server that does not answer", &["export"], move |_| {
            count.load(std::sync::atomic::Ordering::SeqCst) > 0
        })
        .with("FLESPI_PLATFORM", url)
    },
    |_| {
        // Nobody is there, so it is tried again and again.
        Place::new(
            "a back-off, nobody listening",
            &["status", "limit.yaml"],
            after(Duration::from_millis(900)),
        )
        .with("FLESPI_PLATFORM", "http://127.0.0.1:9")
    },
    |world| {
        world.faults(&busy());
        Place::new(
            "a back-off of reading",
            &["apply", "limit.yaml", "--yes"],
            has_called("GET /auth/info"),
        )
    },
    |world| {
        world.faults(&busy());
        Place::new("a back-off of reading", &["watch", "limit.yaml"], has_called("GET /auth/info"))
    },
    |world| {
        world.faults(&json!({"rules": [{"method": "POST", "effect": {"answer": {"status": 429, "retry_after": 25}}}]}));
        Place::new(
            "a back-off of writing",
            &["apply", "limit.yaml", "--yes"],
            has_called("POST /platform/limits"),
        )
    },
    |world| {
        world.faults(&json!({"rules": [{"method": "POST", "effect": {"answer": {"status": 429, "retry_after": 25}}}]}));
        Place::new(
            "a back-off of writing",
            &["watch", "limit.yaml"],
            has_called("POST /platform/limits"),
        )
    },
    |world| {
        world.write("limit.yaml", &account(SLOW));
        Place::new(
            "the program of a secret, at the first time",
            &["apply", "limit.yaml", "--yes"],
            running,
        )
    },
    |world| {
        world.write("limit.yaml", &account("{exec: [sh, -c, 'echo first-password']}"));
        world.apply(&["limit.yaml"]);
        world.write("limit.yaml", &account(SLOW));
        Place::new(
            "the program of a secret, to compare it",
            &["apply", "limit.yaml", "--yes"],
            running,
        )
    },
    |world| {
        world.write("limit.yaml", &account("{exec: [sh, -c, 'echo first-password']}"));
        world.apply(&["limit.yaml"]);
        world.write("limit.yaml", &account(SLOW));
        Place::new("the program of a secret", &["watch", "limit.yaml"], running)
    },
    |world| {
        world.write("limit.yaml", &token(SLOW));
        Place::new(
            "the program of a sink, with a new key",
            &["apply", "limit.yaml", "--yes"],
            running,
        )
    },
    |world| {
        let (url, count) = silent_server();
        let sink = format!("{{vault: app, key: k, address: '{url}', token_file: vault-token}}");
        world.write("vault-token", "hvs.a-token-of-vault");
        world.write("limit.yaml", &token(&sink));
        Place::new("a store that does not answer", &["apply", "limit.yaml", "--yes"], move |_| {
            count.load(std::sync::atomic::Ordering::SeqCst) > 0
        })
    },
    |world| {
        // Another program holds the folder of the sink.
        std::fs::create_dir_all(world.path().join("out")).unwrap();
        let folder = std::fs::File::open(world.path().join("out")).unwrap();
        folder.lock().unwrap();
        world.write("limit.yaml", &token("{file: out/app}"));
        Place::new("the folder of a sink", &["apply", "limit.yaml", "--yes"], move |world| {
            let _held = &folder;
            has_called("POST /platform/tokens")(world)
        })
    },
    |world| {
        let holder = holder_of_the_lock(world);
        let mut there = after(Duration::from_millis(1_500));
        Place::new(
            "the lock",
            &["apply", "other.yaml", "--yes", "--lock-timeout", "1h"],
            move |world| {
                let _held = &holder;
                there(world)
            },
        )
    },
    |world| {
        let holder = holder_of_the_lock(world);
        let mut there = after(Duration::from_millis(1_500));
        Place::new("the lock", &["watch", "other.yaml", "--lock-timeout", "1h"], move |world| {
            let _held = &holder;
            there(world)
        })
    },
    |_| Place::new("the interval", &["watch", "limit.yaml"], |world| world.count("limits") == 1),
    |_| {
        Place::new(
            "files at rest",
            &["watch", "limit.yaml", "--settle", "1h"],
            after(Duration::from_millis(700)),
        )
    },
    |_| Place::new("requests", &["sandbox"], after(Duration::from_millis(700))),
];

fn fifo(world: &World, name: &str) {
    assert!(Command::new("mkfifo").arg(world.path().join(name)).status().unwrap().success());
}

/// Killed when nobody needs it any more.
struct Holder(Child);

impl Drop for Holder {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A run that is stopped while it holds the lock of the stack.
fn holder_of_the_lock(world: &World) -> Holder {
    world.write("other.yaml", &LIMIT.replace("starter", "other"));
    world.faults(
        &json!({"rules": [{"method": "POST", "effect": {"delay": {"milliseconds": 600_000}}}]}),
    );
    let mut command = world.command(&["apply", "limit.yaml", "--yes"]);
    let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let locks = || world.run(&["lock", "show", "--format", "json"]).expect(0).json();
    wait_until("the lock is held", || locks()["locks"][0]["state"] == "held");
    Holder(child)
}

/// Programs below `folder` that are still there.
fn left_running(folder: &Path) -> usize {
    let processes = std::fs::read_dir("/proc").unwrap().flatten();
    let folders =
        processes.filter_map(|process| std::fs::read_link(process.path().join("cwd")).ok());
    let folder = folder.canonicalize().unwrap();
    folders.filter(|cwd| *cwd == folder).count()
}

#[test]
fn sigterm_ends_the_program_wherever_it_waits() {
    println!("{:42} {:10} {:8} {:>7} exit", "waits for", "command", "signal", "ms");
    for (number, setting) in PLACES.iter().enumerate() {
        for signal in ["-TERM", ["-INT", "-HUP"][number % 2]] {
            let world = World::new();
            world.write("limit.yaml", LIMIT);
            let mut place = setting(&world);
            let is_daemon = place.arguments[0] == "watch";
            if signal == "-HUP" && is_daemon {
                continue;
            }
            let mut command = world.command(&place.arguments);
            command.envs(place.environment.iter().map(|(name, value)| (*name, value.as_str())));
            let child =
                command.stdin((place.stdin)()).stdout(world.ear()).stderr(world.ear()).spawn();
            let mut child = child.unwrap();
            wait_until(place.name, || (place.is_there)(&world));
            std::thread::sleep(Duration::from_millis(150));
            assert!(child.try_wait().unwrap().is_none(), "{} {:?}", place.name, place.arguments);
            let asked = Instant::now();
            kill(&child, signal);
            wait_until("it ends", || child.try_wait().unwrap().is_some());
            let took = asked.elapsed();
            let code = child.wait().unwrap().code();
            println!(
                "{:42} {:10} {signal:8} {:7} {code:?}",
                place.name,
                place.arguments[0],
                took.as_millis()
            );
            assert!(took < SOON, "{} {:?}: {took:?}", place.name, place.arguments);
            let wanted = if is_daemon || place.arguments[0] == "sandbox" { 0 } else { 1 };
            // An apply that has a plan ends with its report: refused, or done in part.
            let is_reported = place.arguments[0] == "apply" && matches!(code, Some(5 | 6));
            assert!(code == Some(wanted) || is_reported, "{} {code:?}", place.name);
            drop(place);
            wait_until("nothing runs on", || left_running(world.path()) == 0);
            world.faults(&json!({"rules": []}));
        }
    }
}

/// Runs the program on a terminal of its own, sends what is to be sent when it asks, and gives its exit code.
fn at_the_question(world: &World, arguments: &[&str], what: &str) -> (i32, String) {
    let script = r#"
import os, pty, select, signal, sys, time
what, argv = sys.argv[1], sys.argv[2:]
pid, fd = pty.fork()
if pid == 0:
    os.execv(argv[0], argv)
out, asked, began = b"", None, time.time()
while time.time() - began < 40:
    if select.select([fd], [], [], 0.1)[0]:
        try: out += os.read(fd, 65536)
        except OSError: pass
    if asked is None and b"yes" in out[-300:] and b"Apply this plan" in out:
        asked = time.time()
        time.sleep(0.3)
        for word in what.split(","):
            if word == "ctrl-c": os.write(fd, b"\x03")
            elif word == "term": os.kill(pid, signal.SIGTERM)
            elif word == "hup": os.kill(pid, signal.SIGHUP)
            elif word == "hang-up": os.close(fd); fd = os.open("/dev/null", os.O_RDONLY)
            else: os.write(fd, word.encode() + b"\r")
            time.sleep(0.4)
    done, status = os.waitpid(pid, os.WNOHANG)
    if done:
        while select.select([fd], [], [], 0.3)[0]:
            try: more = os.read(fd, 65536)
            except OSError: break
            if not more: break
            out += more
        print(os.waitstatus_to_exitcode(status), flush=True)
        sys.stdout.buffer.write(out)
        sys.exit()
    if asked and time.time() - asked > 12: break
os.kill(pid, signal.SIGKILL)
print(-1)
"#;
    let program = world.command(arguments);
    let mut python = Command::new("python3");
    python.args(["-c", script, what]).arg(program.get_program()).args(program.get_args());
    python.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default());
    for (name, value) in program.get_envs() {
        python.env(name, value.unwrap_or_default());
    }
    python.env_remove("FLESPI_GITOPS_LOG");
    let output = python.current_dir(world.path()).stdin(Stdio::null()).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    crate::support::canary::hear_about(world.sandbox().url(), said.clone());
    let code = said.lines().next().and_then(|line| line.parse().ok());
    (code.unwrap_or_else(|| panic!("{}", String::from_utf8_lossy(&output.stderr))), said)
}

#[test]
fn at_the_question_a_signal_is_an_answer_and_only_yes_is_consent() {
    for (what, code, limits) in [
        ("ctrl-c", 5, 0),
        ("ctrl-c,ctrl-c", 5, 0),
        ("term", 5, 0),
        ("hup", 5, 0),
        ("hang-up", 5, 0),
        ("ctrl-c,yes", 5, 0),
        ("term,yes", 5, 0),
        ("no", 5, 0),
        ("y", 5, 0),
        ("yesterday", 5, 0),
        ("yes", 0, 1),
    ] {
        let world = World::new();
        world.write("limit.yaml", LIMIT);
        let (got, said) = at_the_question(&world, &["apply", "limit.yaml"], what);
        assert_eq!((got, world.count("limits")), (code, limits), "{what}: {said}");
        // The plan is there before the question about it.
        if what != "hang-up" {
            let at = |words: &str| said.find(words).unwrap_or_else(|| panic!("{what}: {said}"));
            assert!(at("limit/starter") < at("Apply this plan?"), "{what}: {said}");
        }
        if code == 5 && what != "hang-up" {
            assert!(said.contains("nothing was done"), "{what}: {said}");
        }
    }
}

#[test]
fn an_apply_below_nohup_outlives_its_terminal() {
    let world = World::new();
    world.write("limit.yaml", LIMIT);
    world.faults(
        &json!({"rules": [{"method": "POST", "effect": {"delay": {"milliseconds": 1_500}}}]}),
    );
    let program = world.command(&["apply", "limit.yaml", "--yes"]);
    let mut nohup = Command::new("nohup");
    nohup.arg(program.get_program()).args(program.get_args()).env_clear();
    for (name, value) in program.get_envs() {
        nohup.env(name, value.unwrap_or_default());
    }
    nohup.current_dir(world.path()).stdin(Stdio::null()).stdout(world.ear()).stderr(world.ear());
    let mut child = nohup.spawn().unwrap();
    wait_until("it writes", || !world.writes().is_empty());
    kill(&child, "-HUP");
    assert_eq!(child.wait().unwrap().code(), Some(0));
    assert_eq!(world.count("limits"), 1);
}

#[test]
fn what_is_in_flight_is_finished_and_told() {
    let world = World::new();
    let set = format!("{LIMIT}---\n{}", account("{file: password}"));
    world.write("set.yaml", &set);
    world.write("password", "correct horse");
    for signal in ["-TERM", "-HUP"] {
        world.faults(&json!({"rules": [{"method": "PUT", "path": "/auth/password", "effect": {"delay": {"milliseconds": 1_500}}}]}));
        let mut command = world.command(&["apply", "set.yaml", "--yes", "--format", "json"]);
        let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        wait_until("the password is set", || {
            world.journal().iter().any(|request| request.line() == "POST /platform/tokens")
        });
        std::thread::sleep(Duration::from_millis(300));
        kill(&child, signal);
        let output = world.end_of(child);
        let report: Value = serde_json::from_slice(&output.stdout).unwrap();
        let count = |name: &str| report["summary"][name].as_u64().unwrap();
        assert_eq!(
            count("planned"),
            count("applied") + count("failed") + count("blocked") + count("not_started")
        );
        assert_eq!(count("failed"), 0, "{report}");
        let tokens = world.api("GET", "/platform/tokens/all?fields=info", None);
        assert!(
            tokens.iter().all(|token| token["info"] != "flespi-gitops bootstrap"),
            "{tokens:?}"
        );
        // The same again for the other signal.
        world.write("password", "battery staple");
        world.empty_journal();
    }
}

#[test]
fn a_short_lived_token_is_taken_back_even_if_the_platform_is_busy_when_the_signal_comes() {
    let world = World::new();
    world.write("set.yaml", &account("{file: password}"));
    world.write("password", "correct horse");
    world.faults(&json!({"rules": [
        {"method": "DELETE", "count": 2, "effect": {"answer": {"status": 503}}}]}));
    let mut command = world.command(&["apply", "set.yaml", "--yes"]);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    wait_until("it is to be deleted", || {
        world.journal().iter().any(|request| request.method == "DELETE")
    });
    kill(&child, "-TERM");
    world.end_of(child);
    let tokens = world.api("GET", "/platform/tokens/all?fields=info", None);
    assert!(tokens.iter().all(|token| token["info"] != "flespi-gitops bootstrap"), "{tokens:?}");
}

#[test]
fn a_key_that_a_stopped_run_could_not_deliver_is_delivered_by_the_next() {
    let world = World::new();
    world.write(
        "token.yaml",
        &token("{exec: [sh, -c, 'touch running; cat >got; test -e allowed || sleep 600']}"),
    );
    let before = world.count("tokens");
    let mut command = world.command(&["apply", "token.yaml", "--yes"]);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    wait_until("the program runs", || running(&world));
    kill(&child, "-TERM");
    assert_eq!(world.end_of(child).status.code(), Some(6));
    world.write("allowed", "");
    world.run(&["apply", "token.yaml", "--yes"]).expect(0);
    let key = world.read("got");
    world.keep_secret(key.trim());
    assert_eq!(world.call("GET", "/auth/info", Some(key.trim()), None, None).0, 200);
    assert_eq!(world.count("tokens"), before + 1, "none was made twice");
}
