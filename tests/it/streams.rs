//! Output is best effort and work is not: whatever becomes of the two streams, the work is done, nothing is left behind,
//! and a result that could not be written shows in the exit code.

#![cfg(unix)]

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::os::fd::OwnedFd;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::tenants::world;
use crate::support::{World, run};

/// Short-lived master tokens that a run left behind.
fn bootstrap_tokens(world: &World) -> usize {
    let tokens = world.api("GET", "/platform/tokens/all?fields=info", None);
    tokens.iter().filter(|token| token["info"].as_str().unwrap().contains("bootstrap")).count()
}

/// What becomes of a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    /// Whoever started the program closed it.
    Closed,
    /// The disk below it is full.
    Full,
    /// Nobody reads the other end of the pipe.
    Broken,
}

const FATES: [Fate; 3] = [Fate::Closed, Fate::Full, Fate::Broken];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stream {
    Out,
    Err,
}

fn doom(command: &mut Command, stream: Stream, fate: Fate) {
    let end: Stdio = match fate {
        Fate::Full => File::options().write(true).open("/dev/full").unwrap().into(),
        Fate::Broken => {
            let (reader, writer) = std::io::pipe().unwrap();
            drop(reader);
            writer.into()
        }
        Fate::Closed => {
            // A shell in between closes it.
            let digit = if stream == Stream::Out { "1" } else { "2" };
            let mut shell = Command::new("sh");
            shell.args(["-c", &format!("exec \"$@\" {digit}>&-"), "sh"]);
            shell.arg(command.get_program()).args(command.get_args());
            shell.env_clear();
            for (name, value) in command.get_envs() {
                shell.env(name, value.unwrap_or_default());
            }
            shell.current_dir(command.get_current_dir().unwrap()).stdin(Stdio::null());
            shell.stdout(Stdio::null()).stderr(Stdio::null());
            *command = shell;
            return;
        }
    };
    match stream {
        Stream::Out => command.stdout(end),
        Stream::Err => command.stderr(end),
    };
}

/// Commands that come to an end by themselves.
const COMMANDS: &[&[&str]] = &[
    &["apply", "set.yaml", "--yes"],
    &["apply", "set.yaml", "--yes", "--format", "json"],
    &["undo", "last", "--dry-run"],
    &["rotate", "token/tenant-0/app", "--manifests", "set.yaml", "--now", "--yes"],
    &["validate", "set.yaml"],
    &["validate", "set.yaml", "--format", "sarif"],
    &["validate", "set.yaml", "--show-expanded"],
    &["validate", "--explain", "token-without-end"],
    &["plan", "set.yaml"],
    &["plan", "set.yaml", "--format", "markdown", "--out", "plan.sealed", "--html", "plan.html"],
    &["status", "set.yaml", "--format", "json"],
    &["export"],
    &["export", "--out", "exported"],
    &["probe", "--calls-per-minute", "6000"],
    &["import", "--terraform", "state.json"],
    &["explain", "token/tenant-0/app", "GET", "gw/devices/1", "--manifests", "set.yaml"],
    &["init", "fresh"],
    &["schema"],
    &["schema", "--out", "schemas"],
    &["history"],
    &["history", "show", "last", "--format", "json"],
    &["lock", "show"],
    &["pause", "--scope", "token/nobody", "--for", "1s", "--reason", "a test"],
    &["pause"],
    &["resume", "--all"],
    &["completions", "bash"],
    &["guide"],
    &["guide", "security"],
    &["--help"],
    &["--version"],
];

/// Commands that need somebody who answers; what they say is tried where they are.
const ASKING: &[&[&str]] = &[&["health"]];

/// Commands that stay until they are told to go.
const SERVICES: &[&[&str]] = &[&["watch", "set.yaml"], &["sandbox"]];

#[test]
fn every_command_is_tried_with_every_stream() {
    let help = run(World::new().command(&["--help"])).stdout;
    let (_, listed) = help.split_once("Commands:\n").unwrap();
    let (listed, _) = listed.split_once("\n\n").unwrap();
    // What goes on in the next line is indented further.
    let names = listed.lines().filter(|line| line.starts_with("  ") && !line.starts_with("   "));
    let mut names: Vec<&str> = names.filter_map(|line| line.split_whitespace().next()).collect();
    names.retain(|name| *name != "help");
    assert!(names.len() > 10, "{help}");
    for name in names {
        let is_tried =
            COMMANDS.iter().chain(SERVICES).chain(ASKING).any(|arguments| arguments[0] == name);
        assert!(is_tried, "{name} stands in no table of this file");
    }
}

#[test]
fn every_command_does_its_work_whatever_becomes_of_its_streams_and_says_when_a_result_is_lost() {
    let silent = [
        &["export", "--out", "exported"][..],
        &["schema", "--out", "schemas"],
        &["resume", "--all"],
    ];
    let world = world(2);
    let limit = world.api("POST", "/platform/limits", Some(&json!([{"name": "of-terraform"}])))[0]
        ["id"]
        .clone();
    let provider = "provider[\"registry.terraform.io/mixser/flespi\"]";
    let state = json!({"version": 4, "terraform_version": "1.15.5", "serial": 1, "lineage": "a", "outputs": {}, "resources": [
        {"mode": "managed", "type": "flespi_limit", "name": "starter", "provider": provider,
         "instances": [{"schema_version": 0, "attributes": {"id": limit, "name": "of-terraform"}}]}]});
    world.write("state.json", &state.to_string());
    println!("{:60} {:6} {:7} exit", "command", "stream", "fate");
    for arguments in COMMANDS {
        for stream in [Stream::Out, Stream::Err] {
            for fate in FATES {
                let _ = std::fs::remove_dir_all(world.path().join("exported"));
                // An apply has something to do each time.
                if arguments[0] == "apply" {
                    world.edit("set.yaml", "devices_count: ", "devices_count: 1");
                }
                let mut command = world.command(arguments);
                command.stdout(Stdio::null()).stderr(Stdio::null());
                doom(&mut command, stream, fate);
                let code = command.status().unwrap().code().unwrap();
                let is_lost =
                    (stream, fate) == (Stream::Out, Fate::Full) && !silent.contains(arguments);
                let wanted = i32::from(is_lost);
                println!("{:60} {stream:6?} {fate:7?} {code}", arguments.join(" "));
                assert_eq!(code, wanted, "{arguments:?} {stream:?} {fate:?}");
                assert_eq!(bootstrap_tokens(&world), 0, "{arguments:?} {stream:?} {fate:?}");
                if arguments.contains(&"--out") && arguments[0] == "plan" {
                    // Files are whole whatever became of the streams.
                    run(world.command(&["apply", "--plan", "plan.sealed", "--yes"])).expect(0);
                    assert!(world.read("plan.html").trim_end().ends_with("</html>"));
                }
            }
        }
    }
    run(world.command(&["plan", "set.yaml", "--detailed-exitcode"])).expect(0);
}

#[test]
fn a_graver_exit_code_stays_when_the_result_is_lost() {
    let world = world(1);
    let full = |arguments: &[&str]| {
        let mut command = world.command(arguments);
        doom(&mut command, Stream::Out, Fate::Full);
        let output = command.stderr(Stdio::piped()).output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(said.contains("cannot write the result to stdout"), "{said}");
        output.status.code().unwrap()
    };
    world.write("broken.yaml", "kind: Limit\n");
    assert_eq!(full(&["validate", "broken.yaml"]), 3);
    // Changes are no failure, and a plan that nobody has is one.
    assert_eq!(full(&["plan", "set.yaml", "--detailed-exitcode"]), 1);
    assert_eq!(full(&["apply", "set.yaml"]), 5, "nobody agreed");
    world.faults(&json!({"rules": [
        {"path": "/auth/password", "effect": {"answer": {"status": 400, "reason": "no"}}}]}));
    assert_eq!(full(&["apply", "set.yaml", "--yes"]), 6);
}

/// Reads `bytes` bytes of what a program says, then goes away.
fn read_some(reader: &mut impl Read, bytes: usize) {
    let mut some = vec![0; bytes];
    reader.read_exact(&mut some).unwrap();
}

#[test]
fn a_log_that_nobody_reads_on_changes_nothing() {
    for arguments in [
        &["apply", "set.yaml", "--yes", "-vv"][..],
        &["apply", "set.yaml", "--yes", "-vvv", "--log-format", "json"],
    ] {
        let world = world(4);
        let (mut reader, writer) = std::io::pipe().unwrap();
        let mut command = world.command(arguments);
        let child = command.stdout(Stdio::piped()).stderr(writer).spawn().unwrap();
        drop(command);
        read_some(&mut reader, 3000);
        drop(reader);
        let output = world.end_of(child);
        let said = String::from_utf8(output.stdout).unwrap();
        assert_eq!(output.status.code(), Some(0), "{said}");
        assert_eq!(bootstrap_tokens(&world), 0);
        assert_eq!(world.count("subaccounts"), 4);
    }
}

#[test]
fn a_log_whose_pipe_is_full_changes_nothing_either_and_is_not_waited_for_for_long() {
    let world = world(4);
    let (reader, writer) = std::io::pipe().unwrap();
    let began = Instant::now();
    let mut command = world.command(&["apply", "set.yaml", "--yes", "-vvv"]);
    let child = command.stdout(Stdio::piped()).stderr(writer).spawn().unwrap();
    drop(command);
    let output = world.end_of(child);
    assert_eq!(output.status.code(), Some(0));
    assert!(began.elapsed() < Duration::from_secs(50), "{:?}", began.elapsed());
    assert_eq!(bootstrap_tokens(&world), 0);
    drop(reader);
}

/// A daemon whose stream has a fate is still there, works, and ends well.
#[test]
fn a_service_serves_until_it_is_told_to_go_whatever_becomes_of_its_streams() {
    println!("{:60} {:6} {:7} exit", "command", "stream", "fate");
    for arguments in SERVICES {
        for stream in [Stream::Out, Stream::Err] {
            for fate in FATES {
                let world = world(1);
                let mut command = world.command(arguments);
                command.stdout(Stdio::null()).stderr(Stdio::null());
                doom(&mut command, stream, fate);
                let mut child = command.spawn().unwrap();
                // An address that could not be written down is of no use to anybody.
                let is_lost = (arguments[0], stream, fate) == ("sandbox", Stream::Out, Fate::Full);
                if arguments[0] == "watch" {
                    wait_until(|| world.count("subaccounts") == 1);
                } else if !is_lost {
                    std::thread::sleep(Duration::from_millis(500));
                }
                if !is_lost {
                    assert!(
                        child.try_wait().unwrap().is_none(),
                        "{arguments:?} {stream:?} {fate:?}"
                    );
                    kill(&child, "-TERM");
                }
                let code = child.wait().unwrap().code();
                println!("{:60} {stream:6?} {fate:7?} {code:?}", arguments.join(" "));
                assert_eq!(code, Some(i32::from(is_lost)), "{arguments:?} {stream:?} {fate:?}");
                assert_eq!(bootstrap_tokens(&world), 0, "{arguments:?} {stream:?} {fate:?}");
            }
        }
    }
}

#[test]
fn one_warning_on_a_full_disk_kills_no_daemon() {
    for (stream, fate) in [
        (Stream::Err, Fate::Full),
        (Stream::Err, Fate::Broken),
        (Stream::Out, Fate::Full),
        (Stream::Out, Fate::Broken),
        (Stream::Out, Fate::Closed),
    ] {
        let world = world(1);
        let mut command = world.command(&["watch", "set.yaml", "--interval", "1s"]);
        command.stdout(Stdio::null()).stderr(Stdio::null());
        doom(&mut command, stream, fate);
        let mut child = command.spawn().unwrap();
        wait_until(|| world.count("limits") == 1);
        world.edit("set.yaml", "devices_count: 5", "devices_count: 7");
        wait_until(|| world.item("limits", "name", "starter")["devices_count"] == 7);
        assert!(child.try_wait().unwrap().is_none(), "{stream:?} {fate:?}");
        kill(&child, "-TERM");
        assert_eq!(child.wait().unwrap().code(), Some(0), "{stream:?} {fate:?}");
    }
}

#[test]
fn a_full_pipe_holds_up_neither_work_nor_signals() {
    let many: String = (0..300)
        .map(|number| {
            let (name, text) = ("x".repeat(200), "y".repeat(240));
            format!(
                "---\napiVersion: flespi-gitops/v1\nkind: Limit\nmetadata: {{name: n{number}}}\n\
                 spec: {{name: {name}, description: {text}{number}}}\n"
            )
        })
        .collect();
    for (arguments, code) in
        [(&["apply", "many.yaml", "--yes"][..], 1), (&["watch", "many.yaml"], 0), (&["export"], 1)]
    {
        let world = World::new();
        world.write("many.yaml", &many);
        if arguments[0] == "export" {
            world.apply(&["many.yaml"]);
        }
        let (reader, writer) = std::io::pipe().unwrap();
        let mut command = world.command(arguments);
        let mut child = command.stdout(writer).stderr(Stdio::null()).spawn().unwrap();
        drop(command);
        wait_until(|| world.count("limits") == 300);
        std::thread::sleep(Duration::from_millis(500));
        assert!(child.try_wait().unwrap().is_none(), "a result waits for its reader");
        kill(&child, "-TERM");
        let asked = Instant::now();
        assert_eq!(child.wait().unwrap().code(), Some(code), "{arguments:?}");
        assert!(asked.elapsed() < Duration::from_secs(5), "{arguments:?} {:?}", asked.elapsed());
        drop(reader);
    }
}

#[test]
fn a_reader_that_is_slow_gets_everything() {
    let world = world(1);
    let whole = world.run(&["schema"]).expect(0).stdout;
    let (mut reader, writer) = std::io::pipe().unwrap();
    let mut command = world.command(&["schema"]);
    let mut child = command.stdout(writer).stderr(Stdio::null()).spawn().unwrap();
    drop(command);
    std::thread::sleep(Duration::from_secs(4));
    let mut text = String::new();
    reader.read_to_string(&mut text).unwrap();
    assert_eq!((text, child.wait().unwrap().code()), (whole, Some(0)));
}

#[test]
fn what_is_said_first_is_shown_first() {
    let world = world(2);
    let (mut reader, writer) = std::io::pipe().unwrap();
    let both: OwnedFd = writer.into();
    let mut command = world.command(&["apply", "set.yaml", "--yes"]);
    command.env_remove("FLESPI_GITOPS_LOG");
    let mut child = command.stdout(both.try_clone().unwrap()).stderr(both).spawn().unwrap();
    drop(command);
    let mut text = String::new();
    reader.read_to_string(&mut text).unwrap();
    child.wait().unwrap();
    let at = |words: &str| text.find(words).unwrap_or_else(|| panic!("no `{words}`: {text}"));
    assert!(at("to create") < at("[1/"), "the plan precedes its progress: {text}");
    assert!(at("[1/") < at("applied: "), "{text}");
    assert!(text.rfind("/9]").unwrap_or(0) < at("applied: "), "{text}");
}

#[test]
fn a_log_in_json_is_nothing_but_json() {
    let world = world(2);
    world.write("warned/limit.yaml", "apiVersion: flespi-gitops/v1\nkind: Token\nmetadata: {name: t}\nspec: {ttl: 365d, access: master}\n");
    world.write("broken.yaml", "kind: Limit\n");
    for arguments in [
        &["apply", "set.yaml", "--yes"][..],
        &["apply", "set.yaml"],
        &["plan", "set.yaml", "--color", "always"],
        &["plan", "warned"],
        &["plan", "warned", "--format", "json"],
        &["plan", "broken.yaml", "--format", "markdown"],
        &["plan", "broken.yaml"],
        &["status", "set.yaml", "-v"],
        &["status", "set.yaml", "--stack", "No Name"],
        &["export", "-vvv"],
        &["export", "--out", "exported"],
        &["apply", "nowhere", "--yes"],
        &["history"],
        &["history", "show", "nothing"],
        &["lock", "show"],
        &["validate", "warned", "--show-expanded"],
        &["explain", "token/none", "GET", "x", "--manifests", "set.yaml"],
        &["rotate", "token/none", "--manifests", "set.yaml"],
        &["plan", "--no-such-option"],
        &["no-such-command"],
        &["watch", "nowhere"],
        &["watch", "-"],
        &["sandbox", "--assume", "nothing=such"],
        &[],
    ] {
        for form in [&["--log-format", "json"][..], &["--log-format=json"]] {
            let mut all = arguments.to_vec();
            all.extend(form);
            let run = world.run(&all);
            only_json(&all, &run.stderr);
        }
    }
    let mut command = world.command(&[
        "watch",
        "set.yaml",
        "--log-format",
        "json",
        "--listen",
        "127.0.0.1:0",
        "--color",
        "always",
    ]);
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines().map(Result::unwrap);
    for words in ["the page is at", "pass ended", "SIGTERM"] {
        if words == "SIGTERM" {
            kill(&child, "-TERM");
        }
        let found = lines.by_ref().inspect(|line| only_json(&["watch"], line));
        assert!({ found }.any(|line| line.contains(words)), "{words}");
    }
    lines.for_each(|line| only_json(&["watch"], &line));
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

fn only_json(arguments: &[&str], said: &str) {
    for line in said.lines() {
        let event: Value = serde_json::from_str(line)
            .unwrap_or_else(|error| panic!("{arguments:?}: {error}: {line}"));
        assert!(event["level"].is_string(), "{arguments:?}: {line}");
        assert!(!line.contains("\\u001b") && !line.contains('\u{1b}'), "{arguments:?}: {line}");
    }
}

#[test]
fn talk_is_heard_whatever_is_logged_and_quiet_silences_it() {
    let world = world(1);
    let mut command = world.command(&["plan", "set.yaml", "--log-format", "json"]);
    command.env("FLESPI_GITOPS_LOG", "error");
    assert!(run(command).expect(0).stderr.contains("API calls"));
    let mut command = world.command(&["plan", "set.yaml", "--log-format", "json", "-q"]);
    command.env("FLESPI_GITOPS_LOG", "error");
    assert_eq!(run(command).expect(0).stderr, "");
}

#[test]
fn a_terminal_that_went_away_is_a_reader_that_left() {
    // A session of its own, whose terminal is closed while the program works.
    let world = world(2);
    let script = "import os, pty, sys, time\n\
                  pid, fd = pty.fork()\n\
                  if pid == 0:\n    \
                      import signal; signal.signal(signal.SIGHUP, signal.SIG_IGN)\n    \
                      os.execv(sys.argv[1], sys.argv[1:])\n\
                  os.read(fd, 1); os.close(fd)\n\
                  print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))\n";
    let program = world.command(&["apply", "set.yaml", "--yes", "-vv"]);
    let mut python = Command::new("python3");
    python.args(["-c", script]).arg(program.get_program()).args(program.get_args());
    for (name, value) in program.get_envs() {
        python.env(name, value.unwrap_or_default());
    }
    let output = python.current_dir(world.path()).stdin(Stdio::null()).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(said.trim(), "0", "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!((world.count("subaccounts"), bootstrap_tokens(&world)), (2, 0));
}

fn kill(child: &Child, signal: &str) {
    let pid = child.id().to_string();
    assert!(Command::new("kill").args([signal, &pid]).status().unwrap().success());
}

#[track_caller]
fn wait_until(is_so: impl Fn() -> bool) {
    let began = Instant::now();
    while !is_so() {
        assert!(began.elapsed() < Duration::from_secs(60), "it never was so");
        std::thread::sleep(Duration::from_millis(50));
    }
}
