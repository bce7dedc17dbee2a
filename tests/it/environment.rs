//! What the environment gives to the program, and what of it programs of others find.

#![cfg(unix)]

use std::process::{Command, Stdio};

use crate::support::{World, run, skip};

const LIMIT: &str = "apiVersion: flespi-gitops/v1\nkind: Limit\nmetadata: {name: starter}\nspec: {devices_count: 5}\n";

fn account(password: &str) -> String {
    format!(
        "apiVersion: flespi-gitops/v1\nkind: Subaccount\nmetadata: {{name: acme}}\n\
         spec: {{credentials: {{password: {password}}}}}\n"
    )
}

#[test]
fn an_empty_variable_is_an_unset_one() {
    let world = World::new();
    world.write("limit.yaml", LIMIT);
    for name in [
        "FLESPI_GITOPS_STACK",
        "FLESPI_GITOPS_STATE_DIR",
        "FLESPI_GITOPS_OVERLAY",
        "FLESPI_GITOPS_MARK_KEY_FILE",
        "FLESPI_GITOPS_SPOOL_KEY_FILE",
        "FLESPI_TOKEN_FILE",
        "FLESPI_GITOPS_LISTEN",
        "SSL_CERT_FILE",
        "SSL_CERT_DIR",
        "XDG_STATE_HOME",
        "https_proxy",
        "NO_COLOR",
    ] {
        let mut command = world.command(&["plan", "limit.yaml"]);
        run({
            command.env("HOME", world.path()).env(name, "");
            command
        })
        .expect(0);
    }
    // What is logged is what is logged without the variable.
    let mut command = world.command(&["plan", "limit.yaml", "-v"]);
    command.env("FLESPI_GITOPS_LOG", "");
    assert!(!run(command).expect(0).stderr.contains("TRACE"));
    // The platform is the usual one, out of reach here; a token is missing.
    for (name, words) in [("FLESPI_PLATFORM", "https://flespi.io"), ("FLESPI_TOKEN", "no token")] {
        let mut command = world.command(&["plan", "limit.yaml"]);
        command.env(name, "").env("HTTPS_PROXY", "http://127.0.0.1:9");
        command.env("FLESPI_GITOPS_LOG", "error");
        let said = run(command).expect(4).stderr;
        assert!(said.contains(words), "{name}: {said}");
    }
}

#[test]
fn runs_that_know_no_home_meet_where_the_system_says_the_user_lives_and_else_say_so() {
    let world = World::new();
    world.write("limit.yaml", LIMIT);
    for folder in ["a", "b", "home"] {
        std::fs::create_dir_all(world.path().join(folder)).unwrap();
    }
    let state = |arguments: &[&str], folder: &str| {
        let mut command = world.command(arguments);
        command.env_remove("FLESPI_GITOPS_STATE_DIR").env_remove("HOME");
        command.env("FLESPI_GITOPS_LOG", "error");
        command.current_dir(world.path().join(folder));
        command
    };
    let home = world.path().join("home");
    world.write("users", &format!("me:x:0:0::{}:/bin/sh\n", home.display()));
    // With users of our own, which takes a place of its own.
    let known_to = |users: &str, arguments: &[&str], folder: &str| {
        let program = state(arguments, folder);
        let script = format!(
            "mount --bind {}/{users} /etc/passwd || exit 99; exec \"$@\"",
            world.path().display()
        );
        let mut command = Command::new("unshare");
        command.args(["-Urm", "sh", "-c", &script, "sh"]).arg(program.get_program());
        command.args(program.get_args()).env_clear().stdin(Stdio::null());
        for (name, value) in program.get_envs().filter_map(|(name, value)| Some((name, value?))) {
            command.env(name, value);
        }
        command.current_dir(program.get_current_dir().unwrap());
        command.output().is_ok().then(|| run(command))
    };
    let apply = ["apply", "../limit.yaml", "--yes"];
    match known_to("users", &apply, "a") {
        Some(first) if first.code == 0 => {
            assert!(home.join(".local/state/flespi-gitops/locks").is_dir());
            // What the other one did is known here.
            let shown = known_to("users", &["history"], "b").unwrap().expect(0);
            assert!(shown.stdout.contains("apply"), "{}", shown.stdout);
            for folder in ["a", "b"] {
                assert_eq!(std::fs::read_dir(world.path().join(folder)).unwrap().count(), 0);
            }
        }
        other => skip(&format!("no users of our own to be had here: {other:?}")),
    }
    // A user whom the system does not know, as in an image without users.
    let program = state(&["lock", "show"], "a");
    let mut stranger = Command::new("setpriv");
    stranger.args(["--reuid=54321", "--clear-groups"]).arg(program.get_program());
    stranger.args(program.get_args()).env_clear().current_dir("/").stdin(Stdio::null());
    for (name, value) in program.get_envs().filter_map(|(name, value)| Some((name, value?))) {
        stranger.env(name, value);
    }
    match stranger.output() {
        Ok(output) if output.status.code() == Some(64) => {
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            assert!(said.contains("--state-dir"), "{said}");
        }
        Ok(output) if output.status.code() == Some(0) => panic!("it found a home: {output:?}"),
        other => skip(&format!("no other user to be had here: {other:?}")),
    }
    // The embedded platform has a folder of its own, and relative homes are none.
    let mut command = state(&["plan", "limit.yaml", "--platform", "sandbox"], ".");
    command.env("HOME", "relative").env("XDG_STATE_HOME", "relative");
    run(command).expect(0);
    let mut command = state(&["lock", "show"], ".");
    command.env("HOME", "relative").env("XDG_STATE_HOME", "relative");
    let said = run(command).expect(64).stderr;
    assert!(said.contains("--state-dir"), "{said}");
    assert!(!world.path().join("relative").exists());
}

/// A program that looks for the token wherever it may be, and gives a password.
const SPY: &str = "\
#!/bin/sh
{
  env
  echo ---
  tr '\\0' '\\n' </proc/self/environ
  echo ---
  tr '\\0' '\\n' </proc/$PPID/environ
  tr '\\0' '\\n' </proc/$PPID/cmdline
  echo ---
  for number in 0 3 4 5 6 7 8 9 10 11 12; do
    test -e /dev/fd/$number && timeout 1 head -c 4096 /dev/fd/$number
  done
  test -n \"$FLESPI_GITOPS_TOKEN_PIPE\" && timeout 1 cat /proc/$PPID/fd/$FLESPI_GITOPS_TOKEN_PIPE
} >>found 2>/dev/null
cat >/dev/null
echo a-password-of-the-spy
";

#[test]
fn a_program_finds_our_token_neither_in_its_environment_nor_in_ours() {
    let world = World::new();
    world.write("spy", SPY);
    let sink = "apiVersion: flespi-gitops/v1\nkind: Token\nmetadata: {name: app}\n\
                spec: {ttl: 30d, access: standard, deliver: [{exec: [sh, spy]}]}\n";
    world.write("set.yaml", &format!("{}---\n{sink}", account("{exec: [sh, spy]}")));
    let before = world.count("limits");
    let mut command = world.command(&["apply", "set.yaml", "--yes"]);
    command.env("FLESPI_GITOPS_SPOOL_KEY", "CANARY-OF-THE-SPOOL").env("OTHER", "stays");
    run(command).expect(0);
    let found = world.read("found");
    assert!(!found.contains(&world.token()), "{found}");
    for name in ["FLESPI_TOKEN=", "FLESPI_GITOPS_SPOOL_KEY=", "FLESPI_GITOPS_TOKEN_PIPE="] {
        let own = found.split("---").next().unwrap();
        assert!(!own.contains(name), "{name}: {found}");
    }
    assert!(found.matches("OTHER=stays").count() >= 2, "the rest is there: {found}");
    assert!(found.matches("---").count() >= 6, "both programs looked: {found}");
    // The daemon, which lives longer, too.
    std::fs::remove_file(world.path().join("found")).unwrap();
    world.edit("set.yaml", "name: acme", "name: emea");
    let mut daemon = world.command(&["watch", "set.yaml"]);
    let mut daemon = daemon.stdout(world.ear()).stderr(world.ear()).spawn().unwrap();
    let began = std::time::Instant::now();
    while !world.path().join("found").exists() || world.read("found").matches("---").count() < 3 {
        assert!(began.elapsed() < std::time::Duration::from_secs(60));
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    let environment = std::fs::read(format!("/proc/{}/environ", daemon.id())).unwrap_or_default();
    let environment = String::from_utf8_lossy(&environment).into_owned();
    let _ = daemon.kill();
    let _ = daemon.wait();
    assert!(!world.read("found").contains(&world.token()));
    assert!(!environment.contains(&world.token()));
    assert_eq!(world.count("limits"), before);
}

#[test]
fn the_token_is_found_wherever_it_is_and_a_long_one_is_an_error_of_its_own() {
    let world = World::new();
    world.write("limit.yaml", LIMIT);
    world.write("token", &world.token());
    let mut command = world.command(&["plan", "limit.yaml"]);
    command.env_remove("FLESPI_TOKEN").env("FLESPI_TOKEN_FILE", "token");
    run(command).expect(0);
    // An option is before the environment.
    let mut command = world.command(&["plan", "limit.yaml", "--token-file", "token"]);
    command.env("FLESPI_TOKEN", "wrong");
    run(command).expect(0);
    for wrong in ["wrong".to_owned(), "x".repeat(600), "x".repeat(100_000)] {
        let mut command = world.command(&["plan", "limit.yaml"]);
        command.env("FLESPI_TOKEN", &wrong).env("FLESPI_GITOPS_LOG", "error");
        run(command).expect(4);
    }
}
