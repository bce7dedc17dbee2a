//! Time is part of the desired state: what ends is foretold, what is gone is explained (R14).

use serde_json::{Value, json};

use crate::support::World;

const HOUR: i64 = 3_600;
const DAY: i64 = 24 * HOUR;

fn token(name: &str, spec: &str) -> String {
    format!(
        "apiVersion: flespi-gitops/v1\nkind: Token\nmetadata: {{name: {name}}}\nspec:\n  access: \
         standard\n  deliver: [{{file: out/{name}}}]\n{spec}"
    )
}

fn world(spec: &str) -> World {
    let world = World::new();
    world.write("token.yaml", &token("app", spec));
    world.apply(&["."]);
    world
}

fn reason(world: &World) -> String {
    let plan = world.plan(&["."]);
    plan["steps"][0]["reason"].as_str().unwrap_or_default().to_owned()
}

/// Deletes the token as a person would by hand; its id.
fn delete(world: &World) -> Value {
    let id = world.item("tokens", "info", "app")["id"].clone();
    let made = world.api(
        "POST",
        "/platform/tokens",
        Some(&json!([{"info": "by hand", "ttl": 86_400, "access": {"type": 1}}])),
    );
    let key = made[0]["key"].as_str().unwrap();
    let (status, _) =
        world.call("DELETE", &format!("/platform/tokens/{id}"), Some(key), None, None);
    assert_eq!(status, 200);
    made[0]["id"].clone()
}

#[test]
fn a_token_that_nobody_uses_is_foretold_to_end_and_one_in_use_is_not() {
    let world = world("  ttl: 30d\n");
    let key = world.read("out/app").trim().to_owned();
    for _ in 0..3 {
        world.advance(12 * DAY);
        assert_eq!(world.call("GET", "/auth/info", Some(&key), None, None).0, 200);
        assert_eq!(world.plan(&["."])["forecasts"], json!([]));
    }
    world.advance(24 * DAY + 60);
    let plan = world.plan(&["."]);
    assert_eq!(
        plan["forecasts"][0]["words"],
        "expires in 5 days (ttl 30 days, last used 24 days ago)"
    );
    assert_eq!(plan["forecasts"][0]["is_due"], true);
    for form in [&["--format", "markdown"][..], &[]] {
        let text = world.run(&[&["plan", "."][..], form].concat()).expect(0).stdout;
        assert!(text.contains("expires in 5 days"), "{text}");
    }
    world.run(&["plan", ".", "--html", "plan.html"]).expect(0);
    assert!(world.read("plan.html").contains("expires in 5 days"));
}

#[test]
fn expiring_within_is_a_verdict_for_ci() {
    let world = world("  expire: 2031-01-01T00:00:00Z\n");
    for command in ["status", "plan"] {
        world.run(&[command, ".", "--expiring-within", "14d"]).expect(0);
        let refused = world.run(&[command, ".", "--expiring-within", "36500d"]).expect(5);
        assert!(refused.stderr.contains("1 token expires within 36500 days"), "{}", refused.stderr);
        world.run(&[command, "."]).expect(0);
    }
    assert_eq!(world.run(&["status", ".", "--expiring-within", "soon"]).code, 64);
}

#[test]
fn what_lapsed_is_told_and_issued_again() {
    let world = world("  ttl: 1h\n");
    let old = world.read("out/app");
    world.advance(2 * HOUR);
    let reason = reason(&world);
    assert!(reason.contains("the previous one lapsed 20"), "{reason}");
    assert!(
        reason.contains("(expired 59 minutes ago (ttl 60 minutes, never used))")
            || reason.contains("expired 60 minutes ago"),
        "{reason}"
    );
    assert!(reason.contains("a new one is issued (renew: always)"), "{reason}");
    world.apply(&["."]);
    let new = world.read("out/app");
    assert_ne!(new, old, "the sink held a key, and it was the old one");
    assert_eq!(world.call("GET", "/auth/info", Some(new.trim()), None, None).0, 200);
    assert_eq!(world.plan(&["."])["steps"], json!([]));
}

#[test]
fn what_lapsed_before_a_rename_reached_it_is_issued_again_as_the_next_generation() {
    for renamed in ["account", "token"] {
        let world = World::new();
        let account =
            "---\napiVersion: flespi-gitops/v1\nkind: Subaccount\nmetadata: {name: acme}\n";
        let token = "apiVersion: flespi-gitops/v1\nkind: Token\nmetadata: {name: app, account: acme}\n\
                     spec: {ttl: 30d, access: standard, info: app}\n";
        world.write("all.yaml", &format!("{token}{account}"));
        world.apply(&["."]);
        match renamed {
            "account" => {
                let new = "{name: acme-gmbh, moved_from: subaccount/acme}";
                world.edit("all.yaml", "account: acme", "account: acme-gmbh");
                world.edit("all.yaml", "{name: acme}", new);
            }
            _ => world.edit("all.yaml", "name: app,", "name: service, moved_from: token/acme/app,"),
        }
        // Its mark alone is not written, and then its time is over.
        world.faults(&json!({"rules": [{"method": "PUT", "path": "/platform/tokens/*",
            "effect": {"answer": {"status": 403, "reason": "no"}}}]}));
        assert_ne!(world.run(&["apply", ".", "--yes"]).code, 0);
        world.faults(&json!({"rules": []}));
        world.advance(31 * DAY);
        let why = reason(&world);
        assert!(why.contains("the previous one lapsed"), "{renamed}: {why}");
        world.apply(&["."]);
        let token = world.item("tokens", "info", "app");
        assert_eq!(token["metadata"]["flespi-gitops/generation"], "2", "{renamed}: {token}");
    }
}

#[test]
fn what_somebody_deleted_is_told_with_who_and_when() {
    let world = world("  ttl: 30d\n");
    let by = delete(&world);
    let reason = reason(&world);
    assert!(reason.contains(&format!("the previous one was deleted by token {by}")), "{reason}");
    world.apply(&["."]);
    assert_eq!(world.plan(&["."])["steps"], json!([]));
}

#[test]
fn renew_decides_what_is_issued_again() {
    for (renew, lapsed, deleted) in
        [("always", true, true), ("lapsed", true, false), ("never", false, false)]
    {
        for is_lapsed in [true, false] {
            let world = world(&format!("  ttl: 1h\n  renew: {renew}\n"));
            if is_lapsed {
                world.advance(2 * HOUR);
            } else {
                delete(&world);
            }
            world.empty_journal();
            let is_issued = if is_lapsed { lapsed } else { deleted };
            let run = world.run(&["apply", ".", "--yes"]);
            let told = format!("{renew}, {}", if is_lapsed { "lapsed" } else { "deleted" });
            assert_eq!(run.code, if is_issued { 0 } else { 5 }, "{told}: {}", run.stdout);
            assert_eq!(world.writes().is_empty(), !is_issued, "{told}");
            if !is_issued {
                let rule = format!("`renew: {renew}` ");
                assert!(run.stdout.contains(&rule), "{}", run.stdout);
            }
        }
    }
}

#[test]
fn what_we_pruned_ourselves_is_not_missed() {
    let world = world("  ttl: 30d\n  renew: never\n");
    let manifest = world.read("token.yaml");
    std::fs::remove_file(world.path().join("token.yaml")).unwrap();
    world.write(
        "stack.yaml",
        "apiVersion: flespi-gitops/v1\nkind: Stack\nmetadata: {name: default}\n",
    );
    world.apply(&[".", "--prune"]);
    world.write("token.yaml", &manifest);
    std::fs::remove_dir_all(world.path().join("out")).unwrap();
    world.apply(&["."]);
    assert_eq!(world.plan(&["."])["steps"], json!([]));
}

#[test]
fn without_a_log_a_token_is_only_issued_again_where_that_is_the_rule() {
    let no_log = json!({"rules": [{"path": "/platform/customer/logs",
        "effect": {"answer": {"status": 403, "reason": "no"}}}]});
    for (renew, code) in [("always", 0), ("lapsed", 5)] {
        let world = world(&format!("  ttl: 1h\n  renew: {renew}\n"));
        world.advance(2 * HOUR);
        world.faults(&no_log);
        let run = world.run(&["apply", ".", "--yes"]).expect(code);
        assert!(run.stdout.contains("what became of it is unknown"), "{}", run.stdout);
    }
}

#[test]
fn status_has_every_token_by_the_time_it_has_left() {
    let world = World::new();
    world.write("a.yaml", &token("slow", "  ttl: 90d\n"));
    world.write("b.yaml", &token("quick", "  ttl: 10d\n"));
    world.write("c.yaml", &token("fixed", "  expire: 2090-01-01T00:00:00Z\n"));
    world.write("d.yaml", &token("admin", "  ttl: 60d\n").replace("standard", "master"));
    world.apply(&["."]);
    world.advance(6 * DAY + 60);
    world.empty_journal();
    world.edit("a.yaml", "ttl: 90d", "ttl: 80d");
    let id = world.item("tokens", "info", "quick")["id"].clone();
    world.api("PUT", &format!("/platform/tokens/{id}"), Some(&json!({"enabled": false})));
    world.edit("b.yaml", "access:", "enabled: true\n  access:");
    world.write("e.yaml", &token("new", "  ttl: 10d\n"));
    let status = world.run(&["status", ".", "--format", "json"]).expect(0).json();
    assert_eq!(status["format"], "flespi-gitops/stack-status/v1");
    let names: Vec<&str> = status["tokens"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|it| it["address"].as_str())
        .collect();
    assert_eq!(names, ["token/quick", "token/admin", "token/slow", "token/fixed"]);
    assert_eq!(status["tokens"][0]["is_due"], true);
    assert_eq!(status["master_tokens"], json!(["token/admin"]));
    let state = |name: &str| {
        let objects = status["objects"].as_array().unwrap();
        objects.iter().find(|it| it["address"] == name).map(|it| it["state"].clone())
    };
    assert_eq!(state("token/slow"), Some(json!("outdated")));
    assert_eq!(state("token/new"), Some(json!("missing")));
    assert_eq!(state("token/fixed"), None);
    assert_eq!(status["summary"]["in_sync"], 2, "{:#}", status["summary"]);
    let path =
        std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("schemas/stack-status.schema.json");
    let schema: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let validator = jsonschema::draft202012::new(&schema).unwrap();
    let errors: Vec<String> = validator.iter_errors(&status).map(|it| it.to_string()).collect();
    assert_eq!(errors, [""; 0]);
    let text = world.run(&["status", "."]).expect(0).stdout;
    assert!(text.contains("master tokens\n  token/admin\n"), "{text}");
    assert!(
        text.lines().any(|line| line.starts_with("token/quick") && line.contains("in 3 days")),
        "{text}"
    );
    let markdown = world.run(&["status", ".", "--format", "markdown"]).expect(0).stdout;
    assert!(
        markdown.contains("| <code>token/quick</code> | in 3 days | ttl | never |"),
        "{markdown}"
    );
    assert!(world.writes().iter().all(|it| it.method == "PUT"), "only ours: status writes nothing");
}

#[test]
fn status_has_the_exit_codes_of_the_contract() {
    let world = world("  ttl: 30d\n");
    world.faults(&json!({"rules": [{"method": "GET", "path": "/platform/tokens/*",
        "effect": {"answer": {"status": 403, "reason": "no"}}}]}));
    world.run(&["status", "."]).expect(4);
    world.write("token.yaml", &token("app", "  ttl: 0\n"));
    world.run(&["status", "."]).expect(3);
}

#[test]
fn the_platforms_clock_counts_and_not_ours() {
    let world = world("  expire: 2031-01-01T00:00:00Z\n");
    // By the platform it is 2030-12-something, whatever this machine believes.
    let now =
        i64::try_from(std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs()).unwrap();
    let new_year = 1_924_992_000;
    world.advance(new_year - 10 * DAY + 60 - now);
    let plan = world.plan(&["."]);
    assert_eq!(plan["forecasts"][0]["words"], "expires in 9 days (expire)", "{plan:#}");
}

/// A token with an `expire` that is `seconds` from now.
fn ending_in(seconds: i64) -> String {
    let expire = jiff::Timestamp::now().as_second() + seconds;
    format!(
        "apiVersion: flespi-gitops/v1\nkind: Token\nmetadata: {{name: app}}\n\
         spec: {{access: standard, expire: {expire}}}\n"
    )
}

const OTHER: &str =
    "apiVersion: flespi-gitops/v1\nkind: Limit\nmetadata: {name: other}\nspec: {name: OTHER}\n";

#[test]
fn a_token_whose_own_expire_has_passed_is_not_made_and_keeps_nothing_else_from_being_done() {
    for (ends_in, advance) in [(100, 200), (180 * DAY, 365 * DAY), (-DAY, 0)] {
        for was_there in [false, true] {
            let world = World::new();
            world.write("token.yaml", &ending_in(ends_in));
            if was_there && advance > 0 {
                world.apply(&["."]);
            }
            world.write("other.yaml", OTHER);
            world.api("POST", "/_sandbox/clock", Some(&json!({"advance": advance})));
            world.empty_journal();
            for code in [6, 5] {
                let run = world.run(&["apply", ".", "--yes"]).expect(code);
                assert!(!run.stdout.contains("somebody else"), "{}", run.stdout);
            }
            let made: Vec<_> = world.writes().into_iter().map(|write| write.line()).collect();
            assert_eq!(made, ["POST /platform/limits"], "{ends_in} {was_there}");
            world.run(&["plan", ".", "--detailed-exitcode"]).expect(5);
        }
    }
}
