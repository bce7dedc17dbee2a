//! E-mail and password of subaccounts, as somebody who logs in meets them.

use flespi_gitops::sandbox::Options;
use serde_json::{Value, json};

use crate::support::{World, run};

const MANIFESTS: &str = "\
apiVersion: flespi-gitops/v1
kind: Subaccount
metadata: {name: acme}
spec:
  credentials:
    email: ops@acme.example
    password: {file: password}
";

fn login(world: &World, email: &str, password: &str) -> u16 {
    let body = json!({"email": email, "password": password});
    world.call("POST", "/auth/login/credentials", None, None, Some(&body)).0
}

/// Follows the link in the newest mail, as the person would whom it is for.
fn confirm_email(world: &World) {
    let outbox = world.outbox();
    let asks = |mail: &&Value| mail["subject"].as_str().unwrap().starts_with("Confirm");
    let mail = outbox.iter().rfind(asks).expect("a mail was sent");
    let code = mail.get("code").and_then(Value::as_str).expect("the mail holds a code");
    let (status, answer) =
        world.call("POST", "/auth/email/confirm", None, None, Some(&json!({"code": code})));
    assert_eq!(status, 200, "{answer}");
}

#[test]
fn the_declared_password_logs_in_and_the_old_one_no_longer_does() {
    let world = World::new();
    world.write("acme.yaml", MANIFESTS);
    world.write("password", "correct horse\n");
    world.apply(&["."]);
    confirm_email(&world);
    assert_eq!(login(&world, "ops@acme.example", "correct horse"), 200);

    world.write("password", "battery staple\n");
    let plan = world.plan(&["."]);
    assert_eq!(plan["steps"].as_array().unwrap().len(), 1, "{plan}");
    assert_eq!(plan["steps"][0]["phase"], "credentials");
    assert_eq!(plan["steps"][0]["changes"][0]["field"], "credentials.password");
    world.apply(&["."]);
    assert_eq!(login(&world, "ops@acme.example", "battery staple"), 200);
    assert_ne!(login(&world, "ops@acme.example", "correct horse"), 200);
}

#[test]
fn a_password_can_be_sent_as_its_hash_and_changing_the_form_sets_it_again() {
    let mut options = Options::default();
    options.assumptions.set("password-form=sha512").unwrap();
    let world = World::with(options);
    world.write("acme.yaml", MANIFESTS);
    world.write("password", "abc\n");
    let run = world.run(&["apply", ".", "--yes"]).expect(6);
    assert!(run.stdout.contains("`password_form: sha512`"), "{}", run.stdout);
    world.edit("acme.yaml", "{file: password}", "{file: password}\n    password_form: sha512");
    world.apply(&["."]);
    confirm_email(&world);
    let digits = "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a\
                  2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f";
    assert_eq!(login(&world, "ops@acme.example", digits), 200);
    assert_eq!(world.plan(&["."])["steps"], json!([]));
    // Whatever was set is what logs in.
    assert_ne!(login(&world, "ops@acme.example", "abc"), 200);
}

#[test]
fn a_line_end_in_the_environment_is_not_part_of_a_password_or_token() {
    let world = World::new();
    world.write("acme.yaml", &MANIFESTS.replace("{file: password}", "{env: ACME_PASSWORD}"));
    let with = |arguments: &[&str], password: &str, end: &str| {
        let mut command = world.command(arguments);
        command.env("ACME_PASSWORD", password).env("FLESPI_TOKEN", world.token() + end);
        run(command)
    };
    with(&["apply", ".", "--yes"], "correct horse\n", "\n").expect(0);
    confirm_email(&world);
    assert_eq!(login(&world, "ops@acme.example", "correct horse"), 200);
    // With another end it is the same one.
    let plan =
        with(&["plan", ".", "--format", "json"], "correct horse\r\n", "\r\n").expect(0).json();
    assert_eq!(plan["steps"], json!([]));
}

#[test]
fn what_is_no_password_is_told_for_what_it_is_and_nothing_of_it_is_sent() {
    let world = World::new();
    let manifest = MANIFESTS.replace("{file: password}", "{env: ACME_PASSWORD}");
    world.write("env.yaml", &manifest);
    world.write("file.yaml", &MANIFESTS.replace("acme", "globex"));
    let exec = "{exec: [printf, 'canary-one\\ncanary-two']}";
    world.write(
        "exec.yaml",
        &MANIFESTS.replace("acme", "initech").replace("{file: password}", exec),
    );
    world.write("password", "\u{feff}canary-three\n");
    let mut command = world.command(&["apply", ".", "--yes", "--format", "json", "-v"]);
    command.env("ACME_PASSWORD", "canary-one\ncanary-two\n");
    let run = run(command).expect(6);
    let report = run.json().to_string();
    for why in [
        "the environment variable ACME_PASSWORD has several lines",
        "begins with a byte order mark",
        "the program `printf` has several lines",
    ] {
        assert!(report.contains(why), "{why}:\n{report}");
    }
    assert!(!format!("{report}{}", run.stderr).contains("canary"), "{report}\n{}", run.stderr);
    assert!(world.writes().iter().all(|request| !request.path.contains("/auth/")));
    assert!(
        world.writes().iter().all(|request| !request.path.contains("/tokens")),
        "no bootstrap token"
    );
}

#[test]
fn a_rule_holds_for_passwords_that_are_only_known_when_they_are_read() {
    let world = World::new();
    let stack = "\
apiVersion: flespi-gitops/v1
kind: Stack
metadata: {name: fleet}
spec:
  policies: {passwords-at-least: {min: 12}}
  exceptions:
    - {rule: passwords-at-least, object: subaccount/globex, reason: its people choose their own}
";
    world.write("stack.yaml", stack);
    world.write("acme.yaml", MANIFESTS);
    world.write("globex.yaml", &MANIFESTS.replace("acme", "globex").replace("password}", "short}"));
    world.write("password", "elevenchars");
    world.write("short", "short");
    let validated = world.run(&["validate", "."]).expect(0);
    assert!(!validated.stdout.contains("policy-exception"), "{}", validated.stdout);
    let report =
        world.run(&["apply", ".", "--yes", "--format", "json"]).expect(6).json().to_string();
    assert!(report.contains("fewer than 12 characters"), "{report}");
    let sent = |world: &World| {
        world.writes().iter().filter(|request| request.line() == "PUT /auth/password").count()
    };
    assert_eq!(sent(&world), 1, "that of the exception alone");
    world.write("password", "twelve chars");
    world.apply(&["."]);
    assert_eq!(sent(&world), 2);
}

#[test]
fn what_is_no_token_is_told_for_what_it_is_before_anything_is_sent() {
    let world = World::new();
    world.write("acme.yaml", "apiVersion: flespi-gitops/v1\nkind: Limit\nmetadata: {name: a}\n");
    let token = world.token();
    for (value, why) in [
        (format!("FlespiToken {token}"), "begins with `FlespiToken`"),
        (format!("'{token}'"), "is in quotes"),
        (format!("{token}\n{token}\n"), "has several lines"),
        (token[..63].to_owned(), "has 63 characters; a token has 64 letters and digits"),
        ("\n".to_owned(), "is empty"),
    ] {
        let mut command = world.command(&["plan", "."]);
        command.env("FLESPI_TOKEN", &value);
        let said = run(command).expect(4).stderr;
        assert!(said.starts_with(&format!("error: FLESPI_TOKEN {why}")), "{said}");
        world.write("token", &value);
        let said = world.run(&["plan", ".", "--token-file", "token"]).expect(4).stderr;
        assert!(said.starts_with(&format!("error: the token file token {why}")), "{said}");
        assert!(!said.contains(&token[..16]), "{said}");
    }
    world.write("key", &format!("{}\n\n", "k".repeat(40)));
    for option in ["--mark-key-file", "--spool-key-file"] {
        let said = world.run(&["plan", ".", option, "key"]).expect(64).stderr;
        assert!(said.contains("key file key has several lines"), "{said}");
    }
    assert_eq!(world.journal().len(), 0);
}

#[test]
fn an_unchanged_password_is_never_sent_again_and_a_pending_email_never_asked_for_twice() {
    let world = World::new();
    world.write("acme.yaml", MANIFESTS);
    world.write("password", "correct horse");
    let first = world.apply(&[".", "--format", "json"]).json();
    assert_eq!(first["pending"].as_array().unwrap().len(), 1, "{first}");
    world.empty_journal();
    for _ in 0..3 {
        let run = world.apply(&[".", "--format", "json"]).json();
        assert_eq!(run["outcome"], "unchanged");
        assert_eq!(run["pending"].as_array().unwrap().len(), 1, "{run}");
    }
    assert_eq!(world.writes().len(), 0);
    assert_eq!(world.outbox().len(), 1);
    confirm_email(&world);
    let run = world.apply(&[".", "--format", "json"]).json();
    assert_eq!(run["pending"], json!([]));
}

#[test]
fn credentials_are_set_with_a_token_of_the_subaccount_that_does_not_outlive_the_step() {
    let world = World::new();
    world.write("acme.yaml", MANIFESTS);
    world.write("password", "correct horse");
    let tokens = world.count("tokens");
    world.apply(&["."]);
    let acme = world.item("subaccounts", "name", "acme")["id"].as_i64();
    let writes = world.writes();
    let password = writes.iter().find(|request| request.line() == "PUT /auth/password").unwrap();
    assert_eq!(password.cid, acme, "signed by the subaccount itself");
    assert_eq!(world.count("tokens"), tokens);
    // The account of our own token keeps its own password: none.
    assert_ne!(login(&world, "", "correct horse"), 200);
}

#[test]
fn the_bootstrap_token_goes_even_when_the_password_is_refused() {
    let world = World::new();
    world.write("acme.yaml", MANIFESTS);
    world.write("password", "correct horse");
    let tokens = world.count("tokens");
    world.faults(&json!({"rules": [
        {"path": "/auth/password", "effect": {"answer": {"status": 400, "reason": "no"}}}]}));
    let report = world.run(&["apply", ".", "--yes", "--format", "json"]).expect(6).json();
    let failed: Vec<&Value> =
        report["steps"].as_array().unwrap().iter().filter(|s| s["outcome"] == "failed").collect();
    assert_eq!(failed.len(), 1, "{report}");
    assert_eq!(world.count("tokens"), tokens);
    world.faults(&json!({"rules": []}));
    world.apply(&["."]);
    confirm_email(&world);
    assert_eq!(login(&world, "ops@acme.example", "correct horse"), 200);
}

#[test]
fn a_bootstrap_token_that_an_interrupted_run_left_is_removed_by_the_next() {
    let world = World::new();
    world.write("acme.yaml", MANIFESTS);
    world.write("password", "correct horse");
    let tokens = world.count("tokens");
    world.faults(&json!({"rules": [
        {"method": "DELETE", "path": "/platform/tokens/*",
         "effect": {"answer": {"status": 403, "reason": "no"}}}]}));
    world.run(&["apply", ".", "--yes"]).expect(6);
    assert_eq!(world.count("tokens"), tokens + 1, "the run could not clean up");
    world.faults(&json!({"rules": []}));
    let plan = world.plan(&["."]);
    assert_eq!(plan["summary"]["delete"], 1, "{plan}");
    world.apply(&["."]);
    assert_eq!(world.count("tokens"), tokens);
}

#[test]
fn a_generated_password_is_delivered_and_made_only_once() {
    let world = World::new();
    let generated = "{generate: {length: 24}, deliver: [{file: out/acme}]}";
    world.write("acme.yaml", &MANIFESTS.replace("{file: password}", generated));
    world.apply(&["."]);
    confirm_email(&world);
    let password = world.read("out/acme");
    assert_eq!(password.trim().len(), 24);
    assert_eq!(login(&world, "ops@acme.example", password.trim()), 200);
    world.empty_journal();
    world.apply(&["."]);
    assert_eq!(world.writes().len(), 0);
    // A lost file makes no new password: somebody may be using the one that is set.
    std::fs::remove_file(world.path().join("out/acme")).unwrap();
    world.apply(&["."]);
    assert_eq!(world.writes().len(), 0);
    assert_eq!(login(&world, "ops@acme.example", password.trim()), 200);
}

#[test]
fn a_plan_runs_no_program_and_an_apply_does() {
    let world = World::new();
    let program = "{exec: [sh, -c, \"echo ran >> ran; echo from-a-program\"]}";
    world.write("acme.yaml", &MANIFESTS.replace("{file: password}", program));
    world.plan(&["."]);
    assert!(!world.path().join("ran").exists());
    world.apply(&["."]);
    confirm_email(&world);
    assert_eq!(login(&world, "ops@acme.example", "from-a-program"), 200);
    std::fs::remove_file(world.path().join("ran")).unwrap();
    let plan = world.plan(&["."]);
    assert!(!world.path().join("ran").exists());
    assert_eq!(plan["notes"].as_array().unwrap().len(), 1, "{plan}");
}

/// Every output of every test is searched like this; here every place is provoked where a secret could slip out.
#[test]
fn no_output_holds_a_password_or_a_key() {
    let world = World::new();
    let token = "\
---
apiVersion: flespi-gitops/v1
kind: Token
metadata: {name: app, account: acme}
spec: {ttl: 1h, access: standard, deliver: [{file: out/app}, {file: out/link, as: link}]}
";
    world.write("acme.yaml", &format!("{MANIFESTS}{token}"));
    world.write("password", "canary-password-1");
    world.run(&["plan", "."]);
    world.run(&["apply", ".", "--yes"]).expect(0);
    let key = world.read("out/app").trim().to_owned();
    world.write("password", "canary-password-2");
    for format in ["text", "json", "markdown"] {
        world.run(&["plan", ".", "--format", format]);
        world.run(&["plan", ".", "--format", format, "--log-format", "json", "-vvv"]);
    }
    // The platform repeats what it was sent, whole or as a part of something else.
    let echo = |path: &str, status: u16, secret: &str| {
        world.faults(&json!({"rules": [{"path": path, "effect":
            {"answer": {"status": status, "reason": format!("no: {secret} it is")}}}]}));
        world.run(&["apply", ".", "--yes", "-vvv"]);
    };
    echo("/auth/password", 400, "canary-password-2");
    for (path, status) in [("/auth/*", 400), ("/platform/tokens*", 403), ("/platform/*", 500)] {
        echo(path, status, &key);
        echo(path, status, &world.token());
    }
    world.faults(&json!({"rules": []}));
    // A secret in the place of something else: a variable, a manifest.
    let mut command = world.command(&["plan", "."]);
    command.env("FLESPI_TOKEN", format!("{} ", world.token()));
    run(command);
    world.keep_secret("canary-in-clear");
    world.write(
        "bad.yaml",
        &MANIFESTS.replace("{file: password}", "canary-in-clear").replace("acme", "b"),
    );
    world.write(
        "worse.yaml",
        &MANIFESTS.replace("{file: password}", "[canary-in-clear").replace("acme", "c"),
    );
    for format in ["text", "json", "short", "sarif", "markdown"] {
        world.run(&["validate", ".", "--format", format]).expect(3);
    }
    assert_eq!(world.told_secrets(), Vec::<String>::new());
}

#[test]
fn a_secret_that_is_told_is_found_by_the_search() {
    let world = World::new();
    let limit = "apiVersion: flespi-gitops/v1\nkind: Limit\nmetadata: {name: a}\n";
    // A text that the program has every reason to show.
    world.write("limit.yaml", &format!("{limit}spec: {{description: planted-canary}}\n"));
    world.keep_secret("planted-canary");
    world.run(&["plan", "."]).expect(0);
    let told = world.told_secrets();
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].contains("description"), "{told:?}");
    // The same for a key of the platform, which nobody named to the search.
    let body = json!([{"info": "b", "ttl": 60, "access": {"type": 0}}]);
    let key = world.api("POST", "/platform/tokens?fields=id,key", Some(&body));
    let key = key[0]["key"].as_str().unwrap();
    crate::support::canary::hear(&world.command(&[]), format!("trace: sent {key}"));
    assert_eq!(world.told_secrets().len(), 1);
    // And for a program that nobody waits for.
    let mut other = std::process::Command::new("echo");
    other.arg("planted-canary").stdout(world.ear()).status().unwrap();
    assert_eq!(world.told_secrets().len(), 1);
    assert_eq!(world.told_secrets(), Vec::<String>::new());
}

#[test]
fn an_email_changed_elsewhere_is_drift_that_is_healed_or_reported_and_never_waits_for_a_link() {
    let account = |drift: &str| {
        format!(
            "{}  lifecycle: {{drift: {drift}}}\n---\napiVersion: flespi-gitops/v1\nkind: Token\n\
             metadata: {{name: own, account: acme}}\n\
             spec: {{ttl: 30d, access: master, deliver: [{{file: out/own}}]}}\n",
            MANIFESTS.replace("    password: {file: password}\n", "")
        )
    };
    for (assumption, drift) in [
        ("email-change=immediate", "heal"),
        ("email-change=confirm", "heal"),
        ("email-change=immediate", "report"),
        ("email-change=confirm", "report"),
    ] {
        let world = World::assuming(&[assumption]);
        world.write("acme.yaml", &account(drift));
        world.apply(&["."]);
        let confirm = || {
            if assumption == "email-change=confirm" {
                confirm_email(&world);
            }
        };
        confirm();
        let key = world.read("out/own").trim().to_owned();
        let path = "/auth/email/update";
        let body = json!({"email": "else@acme.example"});
        assert_eq!(world.call("PUT", path, Some(&key), None, Some(&body)).0, 200);
        confirm();
        let email = || world.item("subaccounts", "name", "acme")["email"].clone();
        assert_eq!(email(), "else@acme.example", "{assumption}");

        let plan = world.run(&["plan", ".", "--detailed-exitcode"]);
        let run = world.run(&["apply", ".", "--yes", "--format", "json"]).expect(0).json();
        if drift == "report" {
            assert!(plan.expect(0).stdout.contains("has drifted to"));
            assert_eq!(run["pending"], json!([]));
            assert_eq!(email(), "else@acme.example");
            continue;
        }
        assert!(plan.expect(2).stdout.contains("it was changed elsewhere"));
        let is_pending = run["pending"] != json!([]);
        assert_eq!(is_pending, assumption == "email-change=confirm", "{run:#}");
        confirm();
        assert_eq!(email(), "ops@acme.example");
        assert_eq!(world.plan(&["."])["steps"], json!([]));
    }
}

#[test]
fn a_link_that_nobody_followed_for_a_week_is_sent_again() {
    let world = World::new();
    world.write("acme.yaml", &MANIFESTS.replace("    password: {file: password}\n", ""));
    world.apply(&["."]);
    let pass_days = |days: i64| {
        world.api("POST", "/_sandbox/clock", Some(&json!({"advance": days * 86_400})));
    };
    pass_days(6);
    world.apply(&["."]);
    assert_eq!(world.outbox().len(), 1);
    pass_days(2);
    let plan = world.plan(&["."]);
    assert_eq!(plan["steps"][0]["phase"], "credentials", "{plan:#}");
    world.apply(&["."]);
    assert_eq!(world.outbox().len(), 2);
    assert_eq!(world.plan(&["."])["steps"], json!([]));
}

fn account(name: &str, owner: &str, spec: &str) -> String {
    let owner = if owner.is_empty() { String::new() } else { format!(", account: {owner}") };
    format!(
        "---\napiVersion: flespi-gitops/v1\nkind: Subaccount\n\
         metadata: {{name: {name}{owner}}}\nspec: {{{spec}}}\n"
    )
}

/// Applies `after` over `before`, and shows that a second run finds nothing to do.
fn change(before: &str, after: &str, password: &str) -> World {
    let world = World::new();
    world.write("password", "correct horse");
    world.write("all.yaml", before);
    world.apply(&["."]);
    world.write("all.yaml", after);
    world.write("password", password);
    world.apply(&["."]);
    world.empty_journal();
    world.apply(&["."]);
    assert!(world.writes().is_empty(), "{:?}\n{after}", world.writes());
    world
}

const LOGIN: &str = "credentials: {email: a@b.example, password: {file: password}}";

#[test]
fn a_password_below_a_renamed_account_is_set_once() {
    let below = |top: &str, moved: &str| {
        let top_account = account(top, "", "").replace("}\nspec", &format!("{moved}}}\nspec"));
        [
            top_account,
            account("m", top, ""),
            account("k", top, LOGIN),
            account("k", &format!("{top}/m"), LOGIN.replace("a@b", "c@d").as_str()),
        ]
        .concat()
    };
    let (before, after) = (below("p", ""), below("q", ", moved_from: subaccount/p"));
    for password in ["correct horse", "battery staple"] {
        let world = change(&before, &after, password);
        assert_eq!(world.count("subaccounts"), 4);
    }
}

#[test]
fn whatever_is_edited_beside_a_password_is_applied_with_it() {
    let with = |more: &str| account("a", "", &format!("{LOGIN}{more}"));
    let limit = "apiVersion: flespi-gitops/v1\nkind: Limit\nmetadata: {name: l}\nspec: {}\n";
    for (before, after) in [
        (with(", metadata: {team: a}"), with(", metadata: {team: b}")),
        (with(", metadata: {team: a}"), with(", metadata: {}")),
        (with(""), with(", lifecycle: {protect: true}")),
        (with(", lifecycle: {protect: true}"), with("")),
        (with(""), with(", name: Another")),
        (with(""), with(", enabled: false")),
        (with(""), with(", limit: l")),
        (with(", limit: l"), with("")),
        (
            with(""),
            with(", limit: l, name: Another, metadata: {team: b}, lifecycle: {protect: true}"),
        ),
        (with(""), with("").replace("name: a}", "name: b, moved_from: subaccount/a}")),
        (with(""), with("").replace("a@b.example", "c@d.example")),
    ] {
        let [before, after] = [before, after].map(|text| format!("{limit}{text}"));
        for password in ["correct horse", "battery staple"] {
            let world = change(&before, &after, password);
            let plan = world.run(&["plan", ".", "--detailed-exitcode"]);
            plan.expect(0);
        }
    }
}
