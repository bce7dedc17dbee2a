//! Keys of tokens on their way to where they belong.

use std::path::Path;

use flespi_gitops::sandbox::Options;
use serde_json::{Value, json};

use crate::support::{Run, World, run};

/// A token with these sinks.
fn token(name: &str, sinks: &str) -> String {
    format!(
        "apiVersion: flespi-gitops/v1\nkind: Token\nmetadata: {{name: {name}}}\n\
         spec: {{ttl: 1h, access: standard, deliver: [{sinks}]}}\n---\n"
    )
}

/// The tokens that a fresh platform holds.
const FRESH: usize = 3;

/// A file that only its owner can read, as files with secrets are.
fn write_private(world: &World, name: &str, text: &str) -> std::path::PathBuf {
    let path = world.write(name, text);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
    }
    path
}

/// A platform that shows a key but once.
fn forgetful() -> World {
    let mut options = Options::default();
    options.assumptions.set("token-key-on-read=never").unwrap();
    World::with(options)
}

/// The id of the token that `key` is the key of.
#[track_caller]
fn id_of(world: &World, key: &str) -> i64 {
    let (status, answer) = world.call("GET", "/auth/info", Some(key), None, None);
    assert_eq!(status, 200, "the key is that of no token: {answer}");
    answer["result"][0]["id"].as_i64().unwrap()
}

/// Fails unless `key` is that of the token called `name`.
#[track_caller]
fn assert_key_of(world: &World, name: &str, key: &str) {
    assert_eq!(id_of(world, key), world.item("tokens", "info", name)["id"], "{name}");
}

fn variable(world: &World, file: &str, name: &str) -> Option<String> {
    let text = std::fs::read_to_string(world.path().join(file)).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('='));
    line.map(|value| value.trim_matches('\'').to_owned())
}

/// Applies and expects that one token is there and its key is not where it belongs.
#[track_caller]
fn undelivered(world: &World, sink: &str) -> Run {
    let run = world.run(&["apply", ".", "--yes", "--format", "json"]).expect(6);
    let report = run.json();
    let failed: Vec<&Value> =
        report["steps"].as_array().unwrap().iter().filter(|s| s["outcome"] == "failed").collect();
    assert_eq!(failed.len(), 1, "{report}");
    let error = failed[0]["error"].as_str().unwrap();
    assert!(error.contains(sink), "{sink} is not named: {error}");
    run
}

/// What the spool holds beside its key.
fn spooled(world: &World) -> Vec<String> {
    let folder = world.path().join(".flespi-gitops/state/spool");
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.filter(|name| name != "key").collect()
}

#[test]
fn a_key_is_brought_to_every_kind_of_local_place_and_never_again() {
    let world = World::new();
    let program = "{exec: [sh, -c, 'cat > \"by-$FLESPI_GITOPS_VERB\"; echo $FLESPI_GITOPS_ADDRESS >> who'], \
                   read: [sh, -c, 'cat by-deliver 2>/dev/null || true']}";
    let write_only = "{exec: [sh, -c, 'cat > write-only; echo x >> times']}";
    let age = "{age: out/key.age, recipients: \
               [age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p]}";
    let mut sinks = vec![
        "{file: out/key}",
        "{dotenv: .env, key: APP}",
        "{json: out/app.json, pointer: /flespi/token}",
        program,
        write_only,
    ];
    if cfg!(feature = "age") {
        sinks.push(age);
    }
    world.write("app.yaml", &token("app", &sinks.join(", ")));
    write_private(&world, ".env", "# ours\nOTHER='x y'\nAPP=old\n");
    world.apply(&["."]);
    let key = world.read("out/key").trim().to_owned();
    assert_key_of(&world, "app", &key);
    assert_eq!(world.read(".env"), format!("# ours\nOTHER='x y'\nAPP={key}\n"));
    let json: Value = serde_json::from_str(&world.read("out/app.json")).unwrap();
    assert_eq!(json["flespi"]["token"], *key);
    assert_eq!(world.read("by-deliver"), key);
    assert_eq!(world.read("who"), "token/app\n");
    assert_eq!(world.read("write-only"), key);
    if cfg!(feature = "age") {
        assert!(world.read("out/key.age").starts_with("-----BEGIN AGE ENCRYPTED FILE-----"));
    }
    assert!(spooled(&world).is_empty());
    // None of them is asked a second time, not even the one that tells nothing.
    world.empty_journal();
    world.apply(&["."]);
    assert_eq!(world.plan(&["."])["steps"], json!([]));
    assert_eq!(world.writes().len(), 0);
    assert_eq!(world.read("times"), "x\n");
    // But who was named only later is served.
    world.edit("app.yaml", "write-only;", "write-only-2;");
    world.apply(&["."]);
    assert_eq!(world.read("write-only-2"), key);
    assert_eq!(world.plan(&["."])["steps"], json!([]));
}

#[cfg(not(feature = "age"))]
#[test]
fn without_age_a_manifest_that_wants_it_is_refused_before_anything_is_sent() {
    let world = World::new();
    let age = "{age: out/key.age, recipients: \
               [age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p]}";
    world.write("app.yaml", &token("app", age));
    let before = world.count("tokens");
    world.empty_journal();
    for command in [&["validate", "."][..], &["plan", "."], &["apply", ".", "--yes"]] {
        let ended = world.run(command).expect(3);
        let said = ended.stdout + &ended.stderr;
        assert!(
            said.contains("key.age cannot be written: this binary was built without `age`"),
            "{said}"
        );
        assert!(said.contains("build it with its default features, which include `age`"), "{said}");
    }
    assert_eq!((world.count("tokens"), world.writes().len()), (before, 0));
    assert!(!world.path().join("out").exists());
}

#[test]
fn a_sink_that_was_emptied_by_hand_is_filled_again_without_a_new_token_and_the_plan_says_so() {
    for (world, sinks, from) in [
        (World::new(), "{file: out/a}", "the platform"),
        (forgetful(), "{file: out/a}, {dotenv: out/b, key: B}", "B in"),
    ] {
        world.write("app.yaml", &token("app", sinks));
        world.apply(&["."]);
        let (key, before) = (world.read("out/a"), world.count("tokens"));
        std::fs::remove_file(world.path().join("out/a")).unwrap();
        let plan = world.plan(&["."]);
        let step = &plan["steps"][0];
        assert_eq!(
            (&step["action"], plan["steps"].as_array().unwrap().len()),
            (&json!("update"), 1)
        );
        let reason = step["reason"].as_str().unwrap();
        assert!(reason.contains(from) && reason.contains("no new token is needed"), "{reason}");
        world.apply(&["."]);
        assert_eq!((world.read("out/a"), world.count("tokens")), (key, before));
        assert_eq!(world.plan(&["."])["steps"], json!([]));
    }
}

#[test]
fn something_else_in_a_sink_is_put_right() {
    let world = World::new();
    world.write("app.yaml", &token("app", "{file: out/a}"));
    world.apply(&["."]);
    let key = world.read("out/a");
    write_private(&world, "out/a", "the key of a token that is long gone\n");
    world.apply(&["."]);
    assert_eq!(world.read("out/a"), key);
}

#[test]
fn a_lost_file_whose_key_nobody_gives_again_is_told_and_takes_no_token_away() {
    let world = forgetful();
    world.write("app.yaml", &token("app", "{file: out/a}"));
    world.apply(&["."]);
    let key = world.read("out/a").trim().to_owned();
    std::fs::remove_file(world.path().join("out/a")).unwrap();
    world.empty_journal();
    let run = world.run(&["apply", ".", "--yes"]).expect(5);
    assert!(run.stdout.contains("file ./out/a"), "{}", run.stdout);
    assert_eq!(world.writes().len(), 0);
    assert_key_of(&world, "app", &key);
}

#[test]
fn a_key_that_could_not_be_delivered_waits_sealed_and_the_next_run_delivers_it() {
    let world = forgetful();
    // The store is there, and takes nothing until somebody repairs it.
    let program = "{exec: [sh, -c, 'test -e repaired && cat > stored']}";
    let other = token("other", "{file: out/other}");
    world.write("app.yaml", &(token("app", &format!("{program}, {{file: out/app}}")) + &other));
    let run = undelivered(&world, "program `sh`");
    let key = world.read("out/app").trim().to_owned();
    assert!(run.stdout.contains("undelivered: token"), "{}", run.stdout);
    assert!(world.path().join("out/other").exists(), "everything else is applied");
    assert_eq!(spooled(&world).len(), 1);
    for entry in walkdir::WalkDir::new(world.path().join(".flespi-gitops")) {
        let entry = entry.unwrap();
        if entry.file_type().is_file() {
            let bytes = std::fs::read(entry.path()).unwrap();
            assert!(!String::from_utf8_lossy(&bytes).contains(&key), "{}", entry.path().display());
        }
    }
    let reason = world.plan(&["."])["steps"][0]["reason"].as_str().unwrap().to_owned();
    assert!(reason.contains("the spool"), "{reason}");
    let before = world.count("tokens");
    world.write("repaired", "");
    world.apply(&["."]);
    assert_eq!((world.read("stored"), world.count("tokens")), (key, before));
    assert!(spooled(&world).is_empty());
    assert_eq!(world.plan(&["."])["steps"], json!([]));
}

#[cfg(unix)]
#[test]
fn a_new_key_is_kept_before_its_first_delivery_begins() {
    let world = forgetful();
    let once = "test -e once && exec cat >key; touch once; kill -9 $PPID";
    world.write("token.yaml", &token("app", &format!("{{exec: [sh, -c, '{once}']}}")));
    world.run(&["apply", ".", "--yes"]).expect(-1);
    let made = world.item("tokens", "info", "app")["id"].clone();
    world.apply(&["."]);
    assert_eq!(world.item("tokens", "info", "app")["id"], made, "no other token was needed");
    assert_eq!(id_of(&world, world.read("key").trim()), made);
}

#[test]
fn bad_sinks_are_named_with_their_token_and_hold_up_nobody_else() {
    let garbage = "{exec: [sh, -c, 'cat >/dev/null'], read: [head, -c, '100', /dev/zero]}";
    let liar = "{exec: [sh, -c, 'cat >/dev/null'], read: [echo, something else]}";
    let flood = "{exec: [sh, -c, 'cat >/dev/null'], read: [yes]}";
    let endless = "{exec: [sleep, '600'], timeout: 1}";
    for (what, sink, named) in [
        ("prints garbage", garbage, "program `sh`"),
        ("stores something else", liar, "the content differs"),
        ("prints without end", flood, "more than 65536 bytes"),
        ("runs for ever", endless, "did not end within 1 s"),
        ("is not there", "{exec: [no-such-program]}", "no such program: `no-such-program`"),
        ("is a file in place of a folder", "{file: blocker/key}", "file ./blocker/key"),
        ("is a folder", "{file: folder}", "file ./folder"),
        ("is a pipe that nobody reads", "{file: pipe}", "not a regular file"),
        ("is no JSON", "{json: blocker, pointer: /a}", "not JSON"),
        ("is no cluster", "{kubernetes: keys, key: a}", "Kubernetes Secret keys"),
        ("has no address", "{vault: keys, key: a}", "VAULT_ADDR"),
        (
            "does not answer",
            "{vault: keys, key: a, address: 'http://127.0.0.1:9', token_file: blocker}",
            "a in vault secret/keys",
        ),
    ] {
        let world = World::new();
        write_private(&world, "blocker", "in the way\n");
        std::fs::create_dir(world.path().join("folder")).unwrap();
        let made = std::process::Command::new("mkfifo").arg(world.path().join("pipe")).status();
        assert!(made.unwrap().success());
        world.write("app.yaml", &(token("app", sink) + &token("other", "{file: out/other}")));
        let report = undelivered(&world, named).json();
        let failed = report["steps"].as_array().unwrap().iter().find(|s| s["outcome"] == "failed");
        assert_eq!(failed.unwrap()["address"], "token/app", "a sink that {what}");
        assert_key_of(&world, "other", world.read("out/other").trim());
        // Another place for the key, and the next run finishes.
        world.write(
            "app.yaml",
            &(token("app", "{file: out/app}") + &token("other", "{file: out/other}")),
        );
        world.apply(&["."]);
        assert_key_of(&world, "app", world.read("out/app").trim());
        assert_eq!(world.count("tokens"), FRESH + 2, "a sink that {what}");
        assert!(spooled(&world).is_empty(), "a sink that {what}");
    }
}

/// No file may grow beyond a few blocks: small ones can still be written, as on a disk that is nearly full.
#[cfg(unix)]
#[test]
fn a_disk_that_is_full_when_the_key_comes_leaves_the_file_as_it_was() {
    let world = World::new();
    let comment = format!("# {}\nA=1\n", "x".repeat(64 * 1024));
    write_private(&world, ".env", &comment);
    world.write(
        "app.yaml",
        &(token("app", "{dotenv: .env, key: APP}") + &token("other", "{file: out/other}")),
    );
    let mut command = std::process::Command::new("sh");
    let program = world.command(&[]);
    command
        .args([
            "-c",
            "trap '' XFSZ; ulimit -f 64; exec \"$@\"",
            "sh",
            env!("CARGO_BIN_EXE_flespi-gitops"),
        ])
        .args(["apply", ".", "--yes"])
        .current_dir(world.path())
        .env_clear();
    for (name, value) in program.get_envs() {
        command.env(name, value.unwrap());
    }
    let full = run(command).expect(6);
    assert!(full.stdout.contains("APP in ./.env"), "{}{}", full.stdout, full.stderr);
    assert!(world.read("out/other").len() > 64, "everything else is applied");
    assert_eq!(world.read(".env"), comment);
    world.apply(&["."]);
    assert_key_of(&world, "app", &variable(&world, ".env", "APP").unwrap());
    assert!(world.read(".env").starts_with(&comment));
}

#[cfg(unix)]
#[test]
fn a_place_where_others_would_find_the_key_is_refused_until_somebody_allows_it() {
    use std::os::unix::fs::PermissionsExt;
    let mode = |path: &Path, mode| {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    };
    let git = |world: &World, arguments: &[&str]| {
        let mut command = std::process::Command::new("git");
        command.arg("-C").arg(world.path()).args(arguments);
        assert!(command.output().unwrap().status.success());
    };
    for (allowance, words) in [
        ("tracked", "git tracks it"),
        ("world-readable", "everybody on this machine can read it"),
        ("world-writable", "everybody on this machine can write in its folder"),
    ] {
        let world = World::new();
        let key = world.write("out/key", "");
        mode(&key, 0o640);
        match allowance {
            "tracked" => {
                git(&world, &["init", "-q"]);
                git(&world, &["add", "-f", "out/key"]);
            }
            "world-readable" => mode(&key, 0o644),
            _ => mode(key.parent().unwrap(), 0o777),
        }
        let before = std::fs::metadata(&key).unwrap().permissions();
        world.write("app.yaml", &token("app", "{file: out/key}"));
        let run = world.run(&["apply", ".", "--yes"]).expect(1);
        assert!(run.stdout.contains(words) && run.stdout.contains(allowance), "{}", run.stdout);
        assert_eq!(world.count("tokens"), FRESH, "no token is made whose key would lie about");
        world.write("app.yaml", &token("app", &format!("{{file: out/key, allow: [{allowance}]}}")));
        world.apply(&["."]);
        assert_key_of(&world, "app", world.read("out/key").trim());
        // What was there keeps its mode.
        assert_eq!(std::fs::metadata(&key).unwrap().permissions(), before);
    }
}

#[cfg(unix)]
#[test]
fn a_file_of_somebody_else_stays_theirs() {
    use std::os::unix::fs::{MetadataExt, chown};
    let world = World::new();
    let key = world.write("out/key", "");
    if chown(&key, Some(12345), Some(54321)).is_err() {
        // Only root can give files away, and only then is there anything to keep.
        assert_ne!(std::fs::metadata(&key).unwrap().uid(), 0);
        return;
    }
    std::fs::set_permissions(&key, std::os::unix::fs::PermissionsExt::from_mode(0o400)).unwrap();
    world.write("app.yaml", &token("app", "{file: out/key}"));
    world.apply(&["."]);
    let metadata = std::fs::metadata(&key).unwrap();
    assert_eq!((metadata.uid(), metadata.gid(), metadata.mode() & 0o777), (12345, 54321, 0o400));
    assert_key_of(&world, "app", world.read("out/key").trim());
}

#[test]
fn many_keys_for_one_file_at_once_are_all_in_it() {
    let world = World::new();
    let names: Vec<String> = (0..20).map(|number| format!("t{number}")).collect();
    let tokens = names.iter().map(|name| {
        let upper = name.to_uppercase();
        token(
            name,
            &format!("{{dotenv: all.env, key: {upper}}}, {{json: all.json, pointer: /{name}}}"),
        )
    });
    world.write("all.yaml", &tokens.collect::<String>());
    write_private(&world, "all.env", "FOREIGN=1\n");
    world.apply(&["."]);
    let json: Value = serde_json::from_str(&world.read("all.json")).unwrap();
    for name in &names {
        let key = variable(&world, "all.env", &name.to_uppercase()).unwrap();
        assert_key_of(&world, name, &key);
        assert_eq!(json[name], *key);
    }
    assert!(world.read("all.env").starts_with("FOREIGN=1\n"));
}

#[test]
fn a_token_whose_key_got_lost_is_made_again_by_the_same_run() {
    let world = forgetful();
    world.write("app.yaml", &token("app", "{file: out/app}"));
    // The answer that holds the key is lost, and the platform shows it but once.
    world.faults(&json!({"rules": [{"method": "POST", "count": 1, "effect": "cut_after"}]}));
    world.apply(&["."]);
    assert_key_of(&world, "app", world.read("out/app").trim());
    assert_eq!(world.count("tokens"), FRESH + 1);
    assert_eq!(world.plan(&["."])["steps"], json!([]));
}

#[test]
fn a_token_whose_key_nobody_ever_got_is_made_anew_by_the_next_run() {
    let world = forgetful();
    world.write("app.yaml", &token("app", "{file: out/app}"));
    // The run that lost the key may not take the token away either.
    world.faults(&json!({"rules": [
        {"method": "POST", "count": 1, "effect": "cut_after"},
        {"method": "DELETE", "count": 1, "effect": {"answer": {"status": 403, "reason": "no"}}}]}));
    world.run(&["apply", ".", "--yes"]).expect(6);
    let lost = world.item("tokens", "info", "app")["id"].as_i64().unwrap();
    let plan = world.plan(&["."]);
    let reason = plan["steps"][0]["reason"].as_str().unwrap();
    assert!(reason.contains("nobody has the key, so a new token replaces it"), "{reason}");
    world.apply(&["."]);
    let key = world.read("out/app");
    assert_key_of(&world, "app", key.trim());
    assert_ne!(id_of(&world, key.trim()), lost);
    assert_eq!(world.count("tokens"), FRESH + 1);
    assert_eq!(world.plan(&["."])["steps"], json!([]));
}

/// `FLESPI_GITOPS_TEST_RUNS` says how often; the full proof takes a minute.
#[test]
fn an_unchanged_password_is_never_written_again_and_a_changed_one_exactly_once() {
    let runs = std::env::var("FLESPI_GITOPS_TEST_RUNS").ok().and_then(|runs| runs.parse().ok());
    let world = World::new();
    let manifest = "apiVersion: flespi-gitops/v1\nkind: Subaccount\nmetadata: {name: acme}\n\
                    spec: {credentials: {password: {file: password}}}\n";
    world.write("acme.yaml", manifest);
    world.write("password", "correct horse");
    world.apply(&["."]);
    let passwords = |world: &World| {
        world.writes().iter().filter(|request| request.line() == "PUT /auth/password").count()
    };
    assert_eq!(passwords(&world), 1);
    world.empty_journal();
    for _ in 0..runs.unwrap_or(20) {
        world.apply(&["."]);
    }
    assert_eq!(world.writes().len(), 0);
    world.write("password", "battery staple");
    for _ in 0..3 {
        world.apply(&["."]);
    }
    assert_eq!(passwords(&world), 1);
}

#[test]
fn the_strength_of_a_generated_password_is_in_the_plan() {
    let world = World::new();
    let manifest = "apiVersion: flespi-gitops/v1\nkind: Subaccount\nmetadata: {name: acme}\n\
                    spec: {credentials: {password: {generate: {length: 20}, deliver: [{file: out/p}]}}}\n";
    world.write("acme.yaml", manifest);
    let run = world.run(&["plan", "."]).expect(0);
    assert!(run.stdout.contains("20 generated characters, 119 bits"), "{}", run.stdout);
}

/// What a run of 20 tokens with two sinks each has to leave behind, however often it was killed.
#[track_caller]
fn assert_all_delivered(world: &World, names: &[String], what: &str) {
    let tokens = world.api("GET", "/platform/tokens/all?fields=id,info", None);
    assert_eq!(tokens.len(), names.len() + FRESH, "{what}: no orphans, none missing");
    for name in names {
        let id = tokens.iter().find(|token| token["info"] == **name).unwrap()["id"].as_i64();
        let file = world.read(&format!("out/{name}"));
        let line = variable(world, "all.env", &name.to_uppercase());
        for key in [file.trim(), line.as_deref().unwrap_or_default()] {
            assert_eq!(Some(id_of(world, key)), id, "{what}: {name}");
        }
    }
    assert_eq!(spooled(world), Vec::<String>::new(), "{what}: the spool is emptied");
    for entry in walkdir::WalkDir::new(world.path()) {
        let name = entry.unwrap().file_name().to_string_lossy().into_owned();
        assert!(!name.contains("-new"), "{what}: {name} is left behind");
    }
    assert_eq!(world.plan(&["."])["steps"], json!([]), "{what}");
}

/// 20 tokens, each with a file of its own and a line in a file of all.
fn twenty() -> (World, Vec<String>) {
    let world = World::new();
    let names: Vec<String> = (0..20).map(|number| format!("t{number}")).collect();
    let tokens = names.iter().map(|name| {
        let upper = name.to_uppercase();
        token(name, &format!("{{file: out/{name}}}, {{dotenv: all.env, key: {upper}}}"))
    });
    world.write("all.yaml", &tokens.collect::<String>());
    (world, names)
}

/// Every how many-th point is tried; `FLESPI_GITOPS_TEST_EVERY=1` tries all of them, which takes a quarter of an hour.
fn stride(default: usize) -> usize {
    let every = std::env::var("FLESPI_GITOPS_TEST_EVERY").ok();
    every.and_then(|every| every.parse().ok()).unwrap_or(default)
}

/// The real program kills itself with SIGKILL right before its n-th file operation on a sink or the spool, which builds
/// with debug assertions can do.
#[test]
fn a_run_that_is_killed_before_any_file_operation_is_finished_by_the_same_command() {
    let mut operation = 1;
    let mut tried = 0;
    loop {
        let (world, names) = twenty();
        let mut command = world.command(&["apply", ".", "--yes"]);
        command.env("FLESPI_GITOPS_TEST_DIE_AT_FILE_OPERATION", operation.to_string());
        let run = run(command);
        if run.code == 0 {
            break;
        }
        assert_eq!(run.code, -1, "operation {operation}: killed, not failed\n{}", run.stderr);
        world.apply(&["."]);
        assert_all_delivered(&world, &names, &format!("killed at file operation {operation}"));
        tried += 1;
        operation += stride(67);
    }
    assert!(tried >= 5, "{tried} kills are no proof");
}

#[test]
fn a_run_that_is_killed_at_any_request_is_finished_by_the_same_command() {
    let (whole, names) = twenty();
    whole.apply(&["."]);
    let requests = whole.journal().len();
    assert_all_delivered(&whole, &names, "never killed");
    for skip in (3..requests).step_by(stride(9)) {
        // What was asked for is done, and none of the answer has come, or the beginning of it.
        for (when, effect) in [
            ("before the answer of", json!({"delay": {"milliseconds": 60_000}})),
            ("within the answer of", json!({"slow_body": {"milliseconds": 60_000}})),
        ] {
            let (world, names) = twenty();
            world.faults(&json!({"rules": [{"skip": skip, "count": 1, "effect": effect}]}));
            let mut command = world.command(&["apply", ".", "--yes"]);
            let mut child = command.stdout(world.ear()).stderr(world.ear()).spawn().unwrap();
            while world.journal().len() <= skip && child.try_wait().unwrap().is_none() {
                std::thread::sleep(std::time::Duration::from_millis(5));
            }
            child.kill().unwrap();
            child.wait().unwrap();
            world.faults(&json!({"rules": []}));
            world.apply(&["."]);
            assert_all_delivered(&world, &names, &format!("killed {when} request {skip}"));
        }
    }
}
