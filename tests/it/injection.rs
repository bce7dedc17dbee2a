//! Words of the platform and of manifests are words in every output: none acts on a terminal, on a service that runs
//! pipelines, on a browser, or on whoever reads Markdown.

use std::path::Path;

use serde_json::{Value, json};

use crate::support::{Run, World};

const EVIL: &[&str] = &[
    "\u{1b}[31mRED\u{1b}[0m",
    "\u{1b}]0;title\u{7}",
    "\u{9b}2J",
    "\u{202e}gnp.exe",
    "\u{2066}x\u{2069}",
    "line1\nline2: injected\n---\napiVersion: x",
    "\r\u{1b}[2Koverwritten",
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "![x](https://evil.example/p.png)",
    "[click](javascript:alert(1))",
    "@everyone #1 https://evil.example",
    "```\n# heading",
    "<!-- -->",
    "</code></pre></details>",
    "| a | b |",
    "::set-output name=x::y",
    "\n::add-mask::x\n::error::boo",
    "##[add-mask]x ##vso[task.setvariable variable=a]b",
    "a\u{2028}b\u{2029}c\u{85}d",
    "\u{feff}",
    "\u{e0041}tag",
    "\u{200b}",
];

/// What may be in no text; a line break between lines is none of it.
fn acts(c: char) -> bool {
    (c.is_control() && c != '\n')
        || matches!(c,
            '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}'
            | '\u{e0000}'..='\u{e007f}')
}

#[track_caller]
fn is_inert(what: &str, text: &str) {
    if let Some(c) = text.chars().find(|c| acts(*c)) {
        let line = text.lines().find(|line| line.contains(c)).unwrap();
        panic!("{what}: {c:?} in {line:?}");
    }
    for line in text.lines() {
        // Three colons mark further files in excerpts, and begin no command.
        let start = line.trim_start();
        assert!(!start.starts_with("::") || start.starts_with("::: "), "{what}: {line}");
        assert!(!line.contains("##[") && !line.contains("##vso["), "{what}: {line}");
    }
}

#[track_caller]
fn is_inert_markdown(what: &str, text: &str) {
    is_inert(what, text);
    for active in [
        "![x](",
        "[click](",
        "<script",
        "<img",
        "<!-- -->",
        "</code></pre></details>",
        "@everyone",
        "```",
    ] {
        assert!(!text.contains(active), "{what}: {active}\n{text}");
    }
}

fn judge(what: &str, format: &str, run: &Run) {
    match format {
        "markdown" => is_inert_markdown(what, &run.stdout),
        _ => is_inert(what, &run.stdout),
    }
    is_inert(what, &run.stderr);
}

fn document(kind: &str, name: &str, id: Option<i64>, spec: &Value) -> String {
    let mut metadata = json!({ "name": name });
    if let Some(id) = id {
        metadata["id"] = json!(id);
    }
    let version = "flespi-gitops/v1";
    json!({"apiVersion": version, "kind": kind, "metadata": metadata, "spec": spec}).to_string()
}

/// A platform and manifests that are hostile wherever they can be. Of the manifests, those are kept that are accepted.
fn hostile() -> World {
    let world = World::new();
    let mut manifests = Vec::new();
    for (at, evil) in EVIL.iter().enumerate() {
        let name = |what: &str| format!("{what} {evil}");
        world.api(
            "POST",
            "/platform/limits",
            Some(&json!([{"name": name("l"), "description": evil, "metadata": {*evil: evil}}])),
        );
        let account = json!([{"name": name("s"), "metadata": {*evil: {*evil: [evil]}}}]);
        let account = world.api("POST", "/platform/subaccounts", Some(&account))[0]["id"].clone();
        for mark in [
            json!({"k": evil, "flespi-gitops/stack": "default", "flespi-gitops/address": format!("token/x{at}")}),
            json!({"flespi-gitops/stack": evil, "flespi-gitops/address": evil}),
            json!({"flespi-gitops/stack": "default", "flespi-gitops/address": format!("token/y{at}"),
                "flespi-gitops/applied": evil, "flespi-gitops/issued": evil, "flespi-gitops/key": evil}),
        ] {
            let token =
                json!([{"info": name("t"), "ttl": 99999, "access": {"type": 0}, "metadata": mark}]);
            world.api("POST", "/platform/tokens", Some(&token));
        }
        let spec = json!({"name": name("n"), "metadata": {"k": evil}});
        manifests.push(document("Subaccount", &format!("a{at}"), account.as_i64(), &spec));
        let spec = json!({"name": name("w"), "description": evil});
        manifests.push(document("Limit", &format!("w{at}"), None, &spec));
        let spec = json!({"info": name("v"), "ttl": "30d", "access": "master"});
        manifests.push(document("Token", &format!("v{at}"), None, &spec));
    }
    // What is wrong with a manifest is told with its words.
    for format in ["text", "json", "markdown", "short", "sarif"] {
        let wrong: Vec<String> = EVIL
            .iter()
            .map(|evil| document("Limit", evil, None, &json!({*evil: evil, "description": 1})))
            .collect();
        world.write("wrong/a.yaml", &wrong.join("\n---\n"));
        let run = world.run(&["validate", "wrong", "--format", format]).expect(3);
        judge(&format!("validate --format {format}"), format, &run);
    }
    manifests.retain(|manifest| {
        world.write("one/a.yaml", manifest);
        world.run(&["validate", "one", "-q"]).code == 0
    });
    assert!(manifests.len() > EVIL.len(), "{}", manifests.len());
    world.write("m/a.yaml", &manifests.join("\n---\n"));
    world
}

fn files(folder: &Path) -> Vec<(String, String)> {
    let entries = walkdir::WalkDir::new(folder).into_iter().map(Result::unwrap);
    let files = entries.filter(|entry| entry.file_type().is_file());
    files
        .map(|entry| {
            let name = entry.file_name().to_str().unwrap().to_owned();
            (name, std::fs::read_to_string(entry.path()).unwrap())
        })
        .collect()
}

#[test]
fn foreign_words_act_in_no_output() {
    let world = hostile();
    let state = ["--state-dir", "st"];
    let run = |arguments: &[&str], format: &str| {
        let all = [arguments, &["--format", format, "-vvv"], &state].concat();
        let run = world.run(&all);
        judge(&format!("{arguments:?} --format {format}"), format, &run);
        run
    };
    for format in ["text", "json", "markdown"] {
        run(&["plan", "m", "--prune", "--html", "p.html"], format).expect(0);
        run(&["status", "m"], format);
    }
    let page = world.read("p.html");
    assert!(!page.chars().any(acts));
    assert!(!page.contains("<img") && page.matches("<script").count() == 1);
    let logged = world.run(&["plan", "m", "--log-format", "json", "-vvv"]);
    is_inert("log as JSON", &logged.stderr);
    run(&["apply", "m", "--yes"], "markdown");
    for format in ["text", "json", "markdown"] {
        run(&["history"], format).expect(0);
        run(&["history", "show", "last"], format).expect(0);
        run(&["lock", "show"], format).expect(0);
        run(&["explain", "token/v7", "GET", "gw/devices", "--manifests", "m"], format);
    }
    for others in ["comment", "include"] {
        let out = format!("export-{others}");
        let export =
            ["export", "--out", &out, "--foreign", others, "--unmanaged", others, "--metadata"];
        run(&export, "text").expect(0);
        for (name, text) in files(&world.path().join(&out)) {
            is_inert(&name, &text);
            assert!(name.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c)), "{name}");
        }
        let plan = world.plan(&[&out]);
        assert_eq!((&plan["steps"], &plan["blocked"]), (&json!([]), &json!([])));
    }
}

#[test]
fn what_the_platform_complains_of_is_one_line() {
    let world = World::new();
    world.write("m/a.yaml", &document("Limit", "a", None, &json!({"devices_count": 1})));
    let reason: String = EVIL.concat();
    for path in ["/platform/limits*", "/auth/*"] {
        let answer = json!({"status": 400, "reason": reason});
        world.faults(&json!({"rules": [{"path": path, "effect": {"answer": answer}}]}));
        for format in ["text", "json", "markdown"] {
            let all = ["plan", "m", "--format", format, "-vvv", "--state-dir", "st"];
            let run = world.run(&all).expect(4);
            judge(&format!("{path} {format}"), format, &run);
        }
        let run = world.run(&["apply", "m", "--yes", "--log-format", "json", "-vvv"]);
        judge(path, "text", &run);
    }
    // A write that fails is told while the run goes on, in its report, and in the history.
    let answer = json!({"status": 400, "reason": reason});
    world.faults(&json!({"rules": [{"method": "POST", "effect": {"answer": answer}}]}));
    for format in ["text", "json", "markdown"] {
        let run = world.run(&["apply", "m", "--yes", "--format", format, "--state-dir", "st"]);
        judge(&format!("apply {format}"), format, &run);
        assert!(format!("{}{}", run.stdout, run.stderr).contains("overwritten"), "{run:?}");
        let run = world.run(&["history", "show", "last", "--format", format, "--state-dir", "st"]);
        judge(&format!("history {format}"), format, &run);
    }
}

#[cfg(unix)]
#[test]
fn names_of_files_are_words_too() {
    let world = World::new();
    world.write("m/a.yaml", &document("Limit", "a", None, &json!({"devices_count": 1})));
    for (at, name) in ["\n::error::boo.yaml", "::error file=x::boo.yaml", "\u{202e}\u{9b}.yaml"]
        .into_iter()
        .enumerate()
    {
        world.write(&format!("m/{name}"), &document("Limit", "b", None, &json!({"x": at})));
        world.write(&format!("m/{name}.json"), &document("Limit", "b", None, &json!({})));
    }
    for format in ["text", "json", "markdown", "short", "sarif"] {
        let run = world.run(&["validate", "m", "--format", format]).expect(3);
        judge(&format!("validate {format}"), format, &run);
        assert!(format!("{}{}", run.stdout, run.stderr).contains("boo"));
    }
    let run = world.run(&["export", "--out", "m", "--force"]).expect(0);
    judge("export", "text", &run);
    assert!(run.stderr.contains("is not part of this export"), "{}", run.stderr);
}

#[cfg(unix)]
#[test]
fn a_daemon_shows_and_logs_foreign_words_as_words() {
    use crate::support::canary;
    use crate::support::listening::Daemon;
    let world = hostile();
    let manifests = world.read("m/a.yaml");
    world.write("manifests/a.yaml", &manifests);
    let daemon = Daemon::start(&world, &["--prune"]);
    daemon.wait("a pass", |status| status["passes"][0].is_object());
    for path in ["/", "/status", "/view", "/metrics"] {
        is_inert(path, &daemon.get(path));
    }
    let run = daemon.status()["passes"][0]["run"].as_str().unwrap().to_owned();
    is_inert("plan of a pass", &daemon.get(&format!("/passes/{run}")));
    let logged = canary::heard(world.sandbox().url());
    let logged: Vec<&String> = logged.iter().filter(|line| !line.starts_with("HTTP/")).collect();
    assert!(logged.len() > 10);
    logged.iter().for_each(|line| is_inert("log", line));
    logged.iter().for_each(|line| canary::hear_about(world.sandbox().url(), line.to_string()));
}

#[test]
fn files_of_ours_that_somebody_changed_are_told_as_words() {
    let world = World::new();
    world.write("m/a.yaml", &document("Limit", "a", None, &json!({"devices_count": 1})));
    let state = ["--state-dir", "st"];
    world.run(&[["apply", "m", "--yes"], ["--state-dir", "st", "-q"]].concat()).expect(0);
    let record = files(&world.path().join("st/history")).remove(0).1;
    for evil in EVIL {
        let evil = Value::from(*evil).to_string();
        let changed = record.replacen("\"outcome\":\"applied\"", &format!("\"outcome\":{evil}"), 1);
        assert_ne!(changed, record);
        world.write("st/history/20260101-000000-abcde.json", &changed);
        let run = world.run(&[&["history"], &state[..]].concat()).expect(0);
        judge("a damaged record", "text", &run);
        let run = world.run(&[&["history", "show", "20260101"], &state[..]].concat()).expect(1);
        judge("the same alone", "text", &run);
        world.write("faults.json", &format!("{{\"rules\":[{{{evil}:1}}]}}"));
        let run = world.run(&["sandbox", "--faults", "faults.json"]).expect(64);
        judge("a plan of faults", "text", &run);
    }
}

#[test]
fn whoever_holds_a_lock_is_told_in_words() {
    use flespi_gitops::lock::{FileLeases, Holder, LeaseKey, Leases, Share};
    use flespi_gitops::run::RunId;
    let world = World::new();
    world.write("m/a.yaml", &document("Limit", "a", None, &json!({"devices_count": 1})));
    let leases = FileLeases::new(&world.path().join("st"));
    let platform = world.sandbox().url().strip_prefix("http://").unwrap().to_owned();
    let root = world.api("GET", "/platform/tokens/all", None)[0]["cid"].as_i64().unwrap();
    let key = LeaseKey { platform, account: root, stack: "default".to_owned() };
    let holder = Holder::this_process("apply", &RunId::new());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let _held = runtime.block_on(leases.try_acquire(&key, &Share::all(), &holder)).unwrap();
    let note = files(&world.path().join("st/locks"));
    let (name, note) = note.iter().find(|(name, _)| name.ends_with(".json")).unwrap();
    for evil in EVIL.iter().step_by(2) {
        let mut changed: Value = serde_json::from_str(note).unwrap();
        for member in ["command", "host"] {
            changed["holder"][member] = json!(evil);
        }
        // Nobody is named where the run has no name.
        let mut nameless = changed.clone();
        nameless["holder"]["run"] = json!(evil);
        for changed in [changed, nameless] {
            world.write(&format!("st/locks/{name}"), &changed.to_string());
            let more = ["--yes", "--lock-timeout", "400ms", "--state-dir", "st"];
            let run = world.run(&[&["apply", "m"], &more[..]].concat()).expect(7);
            judge("a lock that is held", "text", &run);
            let run = world.run(&["lock", "show", "--state-dir", "st"]).expect(0);
            judge("the same, shown", "text", &run);
        }
    }
}

#[test]
fn what_changed_since_a_plan_was_reviewed_is_told_in_words() {
    let mut told = 0;
    for evil in EVIL {
        let world = World::new();
        let spec = |devices: u32| json!({"devices_count": devices, "metadata": {*evil: "ours"}});
        world.write("m/a.yaml", &document("Limit", "a", None, &spec(1)));
        if world.run(&["apply", "m", "--yes"]).code != 0 {
            continue;
        }
        world.write("m/a.yaml", &document("Limit", "a", None, &spec(2)));
        world.run(&["plan", "m", "--out", "reviewed.plan"]).expect(0);
        let there = world.item("limits", "name", "a");
        let mut metadata = there["metadata"].clone();
        metadata[*evil] = json!("theirs");
        let path = format!("/platform/limits/{}", there["id"]);
        world.api("PUT", &path, Some(&json!({"metadata": metadata})));
        let run = world.run(&["apply", "--plan", "reviewed.plan", "--yes"]).expect(5);
        judge("a stale plan", "text", &run);
        told += 1;
    }
    assert!(told > 5, "{told}");
}
