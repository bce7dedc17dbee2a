//! The faults of the machine: no room, no right to write, few files, a narrow terminal, names that are no text, files that
//! never end. Whatever it is, the run ends, names the place and the reason, and the same command finishes the work as soon
//! as the fault is gone.
//!
//! Streams and closed terminals are in `streams`, signals in `signals`, one full sink in `delivery`, history and lock on a
//! full disk in `history`, one result file on a full disk in `written_files`, folders of others in `shared_folders`, homes
//! and variables in `environment`, and a wall clock that jumps in `daemon` and `distrust`.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::tenants::{tenants, world};
use crate::support::{Run, World, run, skip};

/// The same program with the same environment, below a shell that does something first.
fn below(shell: &[&str], script: &str, program: &Command) -> Command {
    let mut command = Command::new(shell[0]);
    command.args(&shell[1..]).args(["-c", &format!("{script}; exec \"$@\""), "sh"]);
    command.arg(program.get_program()).args(program.get_args()).env_clear();
    for (name, value) in program.get_envs() {
        command.env(name, value.unwrap_or_default());
    }
    command.current_dir(program.get_current_dir().unwrap()).stdin(Stdio::null());
    command
}

/// What the shell ends with where the machine lets us mount nothing. Root in a namespace of its own is enough for that, and
/// a file system that is full or read-only is so for root as well.
const NO_MOUNT: i32 = 99;

/// What becomes of the file system below a folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Disk {
    /// Files can be made, and nothing can be written into them.
    Full,
    /// Not even a file can be made.
    NoInodes,
    /// One file can be made, and no second one.
    OneInode,
    /// Nothing can be changed.
    ReadOnly,
}

impl Disk {
    fn options(self) -> &'static str {
        match self {
            Self::Full => "size=16k,mode=700",
            Self::NoInodes => "nr_inodes=1,mode=700",
            Self::OneInode => "nr_inodes=2,mode=700",
            Self::ReadOnly => "ro,mode=700",
        }
    }

    fn reason(self) -> &'static str {
        match self {
            Self::Full | Self::NoInodes | Self::OneInode => "No space left on device",
            Self::ReadOnly => "Read-only file system",
        }
    }
}

const DISKS: [Disk; 3] = [Disk::Full, Disk::NoInodes, Disk::ReadOnly];

/// Runs the program with such a disk in the place of `folder`.
fn with_disk(world: &World, disk: Disk, folder: &str, arguments: &[&str]) -> Option<Run> {
    std::fs::create_dir_all(world.path().join(folder)).unwrap();
    let fill = if disk == Disk::Full { "/filler" } else { "" };
    let script = format!(
        "mount -t tmpfs -o {} none {folder} || exit {NO_MOUNT}; \
         test -z '{fill}' || head -c 1m /dev/zero >{folder}{fill} 2>/dev/null",
        disk.options()
    );
    let run = run(below(&["unshare", "-Urm", "sh"], &script, &world.command(arguments)));
    if run.code == NO_MOUNT || run.stderr.starts_with("unshare:") {
        skip("no file system of its own to be had here");
        return None;
    }
    Some(run)
}

/// Every account has its two secrets exactly once, each token is the one whose key was delivered, and nothing is left over.
#[track_caller]
fn is_whole(world: &World, count: usize) {
    assert_eq!(world.count("subaccounts"), count);
    assert_eq!(world.plan(&["set.yaml"])["summary"]["unchanged"], 2 * count + 1);
    let tokens = world.api("GET", "/platform/tokens/all?fields=id,info,key", None);
    let keys: BTreeSet<&str> = tokens
        .iter()
        .filter(|token| token["info"] == "app")
        .map(|token| token["key"].as_str().unwrap())
        .collect();
    let delivered: BTreeSet<String> = (0..count)
        .map(|number| world.read(&format!("out/key-{number}")).trim().to_owned())
        .collect();
    assert_eq!(keys, delivered.iter().map(String::as_str).collect(), "each key is in its place");
    let bootstrap =
        tokens.iter().filter(|token| token["info"].as_str().unwrap().contains("bootstrap"));
    assert_eq!(bootstrap.count(), 0);
    let spool = std::fs::read_dir(world.path().join(".flespi-gitops/state/spool")).unwrap();
    let names = spool.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    assert_eq!(names.filter(|name| name.ends_with(".sealed")).count(), 0);
}

#[track_caller]
fn says(run: &Run, words: &[&str]) {
    let all = format!("{}{}", run.stdout, run.stderr);
    for words in words {
        assert!(all.contains(words), "no `{words}`:\n{all}");
    }
    assert!(!all.contains("panicked"), "{all}");
}

#[test]
fn no_room_for_state_or_keys_is_told_by_its_place_and_the_same_command_ends_the_work() {
    let state = ".flespi-gitops/state";
    for disk in DISKS.into_iter().chain([Disk::OneInode]) {
        for folder in [state, "out"] {
            let world = world(2);
            let Some(faulty) = with_disk(&world, disk, folder, &["apply", "set.yaml", "--yes"])
            else {
                return;
            };
            match (folder, disk) {
                // Nobody knows whether somebody else writes, so nothing is written.
                (_, Disk::NoInodes | Disk::OneInode | Disk::ReadOnly) if folder == state => {
                    says(&faulty, &["cannot use the lock", state, "--state-dir"]);
                    faulty.expect(1);
                    assert_eq!(world.writes().len(), 0);
                    continue;
                }
                // Without a spool no token is made, since its key could get lost.
                (_, Disk::Full) if folder == state => {
                    says(&faulty, &[".flespi-gitops/state/spool", disk.reason(), "--state-dir"]);
                }
                _ => says(&faulty, &["file out/", "could not be written", disk.reason()]),
            }
            faulty.expect(6);
            // Where a file can be made, and then no second one, a key waits in the spool.
            if disk != Disk::OneInode {
                let tokens = world.api("GET", "/platform/tokens/all?fields=info", None);
                assert!(tokens.iter().all(|token| token["info"] != "app"), "{disk:?} {tokens:?}");
            }
            world.apply(&["set.yaml"]);
            is_whole(&world, 2);
        }
    }
}

/// Commands that write files, the folder below which they do, and how they end where that cannot be.
const WRITERS: &[(&[&str], &str)] = &[
    (&["export", "--out", "out"], "cannot write `out/"),
    (&["export", "--out", "out/deep/er"], "cannot write `out/deep"),
    (&["schema", "--out", "out"], "cannot write `out/"),
    (&["plan", "set.yaml", "--out", "out/plan"], "cannot write `out/plan`"),
    (&["plan", "set.yaml", "--html", "out/html"], "cannot write `out/html`"),
    (&["sandbox", "--state", "out/state"], "out/state"),
    (&["sandbox", "--tls", "out"], "cannot write out/ca.pem"),
    (&["plan", "set.yaml", "--platform", "sandbox:out/state"], "out/state"),
];

#[test]
fn a_result_for_which_there_is_no_room_is_named_and_complete_the_next_time() {
    for disk in DISKS {
        let world = world(2);
        world.apply(&["set.yaml"]);
        let _ = std::fs::remove_dir_all(world.path().join("out"));
        for (arguments, words) in WRITERS {
            let Some(faulty) = with_disk(&world, disk, "out", arguments) else { return };
            says(&faulty, &[words, disk.reason()]);
            assert!(!faulty.stderr.contains("-new"), "{arguments:?}: {}", faulty.stderr);
            if words.starts_with("cannot write `") {
                says(&faulty, &["help: ", "choose another path"]);
            }
            let is_platform = arguments.contains(&"--platform");
            faulty.expect(if is_platform { 4 } else { 1 });
        }
    }
    let world = world(2);
    world.apply(&["set.yaml"]);
    let whole = |folder: &str| -> Vec<(PathBuf, Vec<u8>)> {
        let root = world.path().join(folder);
        let files = walkdir::WalkDir::new(&root).sort_by_file_name().into_iter().flatten();
        let files = files.filter(|entry| entry.file_type().is_file());
        let below = |path: &Path| path.strip_prefix(&root).unwrap().to_owned();
        files.map(|entry| (below(entry.path()), std::fs::read(entry.path()).unwrap())).collect()
    };
    world.run(&["export", "--out", "wanted"]).expect(0);
    // The disk is full in the middle: what was written stays, and the next run adds the rest.
    std::fs::create_dir(world.path().join("half")).unwrap();
    let program = world.command(&["export", "--out", "half"]);
    let half = run(below(&["sh"], "trap '' XFSZ; ulimit -f 1", &program)).expect(1);
    says(&half, &["cannot write `half/", "File too large"]);
    let written = whole("half").len();
    assert!(written > 0 && written < whole("wanted").len(), "{written}");
    world.run(&["export", "--out", "half"]).expect(0);
    assert_eq!(whole("half"), whole("wanted"));
}

#[test]
fn a_file_in_the_place_of_a_folder_is_named_by_every_command() {
    let world = world(1);
    world.write("file", "");
    for (arguments, code) in [
        (&["apply", "set.yaml", "--yes", "--state-dir", "file"][..], 1),
        (&["history", "--state-dir", "file"], 1),
        (&["lock", "show", "--state-dir", "file"], 1),
        (&["plan", "set.yaml", "--platform", "sandbox:file"], 4),
        (&["plan", "set.yaml", "--out", "file/plan"], 1),
        (&["export", "--out", "file"], 1),
        (&["schema", "--out", "file"], 1),
        (&["sandbox", "--state", "file"], 1),
        (&["sandbox", "--tls", "file"], 1),
        (&["validate", "file/m"], 3),
    ] {
        let run = world.run(arguments).expect(code);
        says(&run, &["file"]);
        let all = format!("{}{}", run.stdout, run.stderr);
        let reasons = ["File exists", "Not a directory", "not a directory"];
        assert!(reasons.iter().any(|reason| all.contains(reason)), "{arguments:?}: {all}");
    }
    assert_eq!(world.writes().len(), 0);
}

#[test]
fn a_sandbox_whose_disk_fills_up_ends_with_its_file_and_has_every_write_that_it_answered() {
    let world = world(6);
    let sandbox = ["--platform", "sandbox:kept"];
    let program = world.command(&[&["apply", "set.yaml", "--yes"][..], &sandbox].concat());
    let began = Instant::now();
    let faulty = run(below(&["sh"], "trap '' XFSZ; ulimit -f 16", &program));
    assert!(began.elapsed() < Duration::from_secs(60), "{:?}", began.elapsed());
    says(&faulty, &["the sandbox could not write its state", "kept/", "File too large"]);
    faulty.expect(6);
    world.apply(&[&["set.yaml"][..], &sandbox].concat());
    let plan = world.plan(&[&["set.yaml"][..], &sandbox].concat());
    assert_eq!(plan["summary"]["unchanged"], 13, "{plan}");
}

/// Runs the program with so few files that may be open.
fn with_files(files: u32, program: &Command) -> Run {
    run(below(&["sh"], &format!("ulimit -n {files}"), program))
}

#[test]
fn thirty_two_open_files_are_enough_for_everything_that_ends_by_itself() {
    let world = world(12);
    for number in 0..300 {
        let text = format!(
            "apiVersion: flespi-gitops/v1\nkind: Limit\nmetadata: {{name: n{number}}}\nspec: {{devices_count: 5}}\n"
        );
        world.write(&format!("many/{number}.yaml"), &text);
    }
    let password = |number: usize| {
        format!(
            "apiVersion: flespi-gitops/v1\nkind: Subaccount\nmetadata: {{name: shell-{number}}}\n\
             spec: {{credentials: {{password: {{exec: [echo, a-password-of-{number}]}}}}}}\n---\n\
             apiVersion: flespi-gitops/v1\nkind: Token\nmetadata: {{name: shell-{number}}}\n\
             spec: {{ttl: 30d, access: standard, deliver: [{{exec: [cat]}}]}}\n---\n"
        )
    };
    world.write("programs.yaml", &(0..12).map(password).collect::<String>());
    for arguments in [
        &["validate", "many"][..],
        &["plan", "set.yaml", "many", "programs.yaml"],
        &["apply", "set.yaml", "many", "programs.yaml", "--yes"],
        &["plan", "set.yaml", "many", "programs.yaml", "--detailed-exitcode"],
        &["export", "--out", "exported"],
        &["status", "set.yaml"],
        &["history"],
        &["lock", "show"],
        &["rotate", "token/tenant-0/app", "--manifests", "set.yaml", "--now", "--yes"],
        &["apply", "many", "--platform", "sandbox:kept", "--yes"],
    ] {
        let run = with_files(32, &world.command(arguments)).expect(0);
        says(&run, &[]);
    }
    for number in 0..12 {
        assert_eq!(world.read(&format!("out/key-{number}")).trim().len(), 64);
    }
}

#[test]
fn fewer_files_than_the_program_needs_are_an_error_of_their_own() {
    let world = world(1);
    for files in [9, 12, 16, 23] {
        for arguments in [&["plan", "set.yaml"][..], &["watch", "set.yaml"], &["sandbox"]] {
            let run = with_files(files, &world.command(arguments)).expect(1);
            says(&run, &["files can be open at once", "ulimit -n"]);
        }
    }
    assert_eq!(world.journal().len(), 0);
}

#[test]
fn services_with_thirty_two_open_files_work_and_end_well() {
    let world = world(8);
    let program = world.command(&["watch", "set.yaml", "--interval", "1s"]);
    let mut daemon = below(&["sh"], "ulimit -n 32", &program);
    let mut daemon = daemon.stdout(world.ear()).stderr(world.ear()).spawn().unwrap();
    wait_until("everything is there", || {
        (0..8).all(|number| world.path().join(format!("out/key-{number}")).exists())
    });
    world.edit("set.yaml", "devices_count: 5", "devices_count: 7");
    wait_until("the edit is there", || {
        world.item("limits", "name", "starter")["devices_count"] == 7
    });
    // It ends in the middle of nothing.
    wait_until("all is done", || world.run(&["plan", "set.yaml", "--detailed-exitcode"]).code == 0);
    kill(&daemon, "-TERM");
    assert_eq!(daemon.wait().unwrap().code(), Some(0));
    is_whole(&world, 8);

    let mut sandbox = below(&["sh"], "ulimit -n 32", &world.command(&["sandbox"]));
    let mut sandbox = sandbox.stdout(Stdio::piped()).stderr(world.ear()).spawn().unwrap();
    let mut line = String::new();
    let said = sandbox.stdout.take().unwrap();
    std::io::BufRead::read_line(&mut std::io::BufReader::new(said), &mut line).unwrap();
    let ready: Value = serde_json::from_str(&line).unwrap();
    let mut apply = world.command(&["apply", "set.yaml", "--yes"]);
    apply.env("FLESPI_PLATFORM", ready["listening"].as_str().unwrap());
    apply.env("FLESPI_TOKEN", ready["token"].as_str().unwrap());
    std::fs::remove_dir_all(world.path().join("out")).unwrap();
    run(apply).expect(0);
    kill(&sandbox, "-TERM");
    assert_eq!(sandbox.wait().unwrap().code(), Some(0));
}

/// Forty programs would be started at once if nobody counted them.
#[test]
fn programs_and_stores_of_many_secrets_are_asked_a_few_at_a_time() {
    let world = World::new();
    let count = "mkdir -p running; : >running/$$; ls running | wc -l >>counts; sleep 0.2; rm running/$$; \
                 echo a-password-of-many";
    let text: String = (0..40)
        .map(|number| {
            format!(
                "---\napiVersion: flespi-gitops/v1\nkind: Subaccount\nmetadata: {{name: s{number}}}\n\
                 spec: {{credentials: {{password: {{exec: [sh, -c, {}]}}}}}}\n",
                json!(count)
            )
        })
        .collect();
    world.write("set.yaml", &text);
    world.apply(&["set.yaml"]);
    std::fs::remove_file(world.path().join("counts")).unwrap();
    // Now each of them is compared with what was set.
    world.apply(&["set.yaml"]);
    let counts = world.read("counts");
    let counts: Vec<usize> = counts.lines().map(|line| line.trim().parse().unwrap()).collect();
    assert!(counts.len() >= 40, "each was asked: {counts:?}");
    assert!(counts.iter().max() <= Some(&8), "{counts:?}");
}

#[test]
fn a_file_without_an_end_is_an_error_and_not_read_into_memory() {
    if !Path::new("/dev/zero").exists() {
        return skip("no /dev/zero here");
    }
    let world = world(1);
    let set = "set.yaml";
    for (arguments, code) in [
        (&["plan", set, "--token-file", "/dev/zero"][..], 4),
        (&["plan", set, "--mark-key-file", "/dev/zero"], 64),
        (&["apply", set, "--yes", "--spool-key-file", "/dev/zero"], 64),
        (&["plan", set, "--stores", "/dev/zero"], 64),
        (&["apply", "--plan", "/dev/zero", "--yes"], 5),
        (&["sandbox", "--faults", "/dev/zero"], 64),
    ] {
        let began = Instant::now();
        let run = world.run(arguments).expect(code);
        says(&run, &["/dev/zero", "has more than", "bytes"]);
        assert!(began.elapsed() < Duration::from_secs(30), "{arguments:?} {:?}", began.elapsed());
    }
    // Files of any size that stand where ours stand, without a byte on the disk.
    let huge = |name: &str| {
        let path = world.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        let file = std::fs::File::create(path).unwrap();
        file.set_len(6 * 1024 * 1024 * 1024).unwrap();
    };
    huge("exported/stack.yaml");
    says(&world.run(&["export", "--out", "exported"]).expect(5), &["exported/stack.yaml"]);
    std::fs::create_dir_all(world.path().join("kept")).unwrap();
    huge("kept/snapshot.jsonl");
    let run = world.run(&["plan", set, "--platform", "sandbox:kept"]).expect(4);
    says(&run, &["kept/snapshot.jsonl is not a file of this sandbox"]);
    huge(".flespi-gitops/state/history/20260101-000000-aaaaa.json");
    says(&world.run(&["history"]).expect(0), &["20260101-000000-aaaaa", "has more than"]);
    world.apply(&[set]);
    let locks = world.path().join(".flespi-gitops/state/locks");
    let mut notes = std::fs::read_dir(locks).unwrap().map(|entry| entry.unwrap().path());
    let note = notes.find(|path| path.extension().is_some_and(|it| it == "json")).unwrap();
    std::fs::File::create(&note).unwrap().set_len(6 * 1024 * 1024 * 1024).unwrap();
    says(&world.run(&["lock", "show"]).expect(0), &["free"]);
    world.edit(set, "devices_count: 5", "devices_count: 6");
    world.apply(&[set]);
    // What whoever may write to a folder above can put there, as in /tmp.
    huge(".git");
    world.run(&["plan", set]).expect(0);
    std::fs::remove_file(world.path().join(".git")).unwrap();
    assert!(Command::new("mkfifo").arg(world.path().join(".git")).status().unwrap().success());
    let began = Instant::now();
    world.run(&["plan", set]).expect(0);
    world.edit(set, "devices_count: 6", "devices_count: 7");
    world.apply(&[set]);
    assert!(began.elapsed() < Duration::from_secs(30), "{:?}", began.elapsed());
}

#[test]
fn names_that_are_no_text_are_folders_and_files_like_others() {
    let world = World::new();
    let odd = OsStr::from_bytes(b"m\xff");
    let folder = world.path().join(odd);
    std::fs::create_dir(&folder).unwrap();
    if std::fs::write(folder.join(OsStr::from_bytes(b"\xfea.yaml")), tenants(1)).is_err() {
        return skip("this file system knows no names that are no text");
    }
    let arguments = |words: &[&str], odd: &[&[u8]]| {
        let mut command = world.command(words);
        command.args(odd.iter().map(|name| OsStr::from_bytes(name)));
        command
    };
    for format in ["text", "json", "short", "sarif", "markdown"] {
        let said = run(arguments(&["validate", "--format", format], &[b"m\xff"])).expect(0);
        if ["json", "sarif"].contains(&format) {
            said.json();
        }
    }
    let plan = run(arguments(&["plan", "--format", "json"], &[b"m\xff"])).expect(0).json();
    assert_eq!(plan["summary"]["create"], 3);
    run(arguments(&["plan"], &[b"m\xff", b"--html", b"h\xff.html"])).expect(0);
    run(arguments(&["apply", "--yes"], &[b"m\xff", b"--state-dir", b"s\xff"])).expect(0);
    assert_eq!(std::fs::read_to_string(folder.join("out/key-0")).unwrap().trim().len(), 64);
    let again = run(arguments(&["plan", "--detailed-exitcode"], &[b"m\xff"]));
    assert_eq!(again.code, 0, "{}", again.stdout);
    for words in [&["history"][..], &["lock", "show"]] {
        says(&run(arguments(words, &[b"--state-dir", b"s\xff"])).expect(0), &["apply"]);
    }
    for _ in 0..2 {
        run(arguments(&["export", "--out"], &[b"e\xff"])).expect(0);
    }
    run(arguments(&["schema", "--out"], &[b"e\xff"])).expect(0);
    // What has to be text is refused for what it is.
    let mut command = world.command(&["plan", "nowhere"]);
    command.env("FLESPI_TOKEN", OsStr::from_bytes(b"\xff"));
    run(command).expect(3);
    run(arguments(&["plan", "--stack"], &[b"\xff"])).expect(64);
    run(arguments(&["plan"], &[b"nowhere\xff"])).expect(3);
}

#[test]
fn a_plan_that_cannot_be_saved_as_text_is_not_saved_as_nothing() {
    let world = World::new();
    let folder = world.path().join(OsStr::from_bytes(b"m\xff"));
    std::fs::create_dir(&folder).unwrap();
    if std::fs::write(folder.join("a.yaml"), tenants(1)).is_err() {
        return skip("this file system knows no names that are no text");
    }
    let mut command = world.command(&["plan", "--out", "saved"]);
    command.arg(OsStr::from_bytes(b"m\xff"));
    let run = run(command).expect(1);
    says(&run, &["cannot save the plan in `saved`", "not UTF-8 text", "rename the folder"]);
    assert!(!world.path().join("saved").exists());
}

#[test]
fn a_terminal_of_a_few_columns_shows_everything_and_breaks_nothing() {
    let world = world(1);
    world.write(
        "broken.yaml",
        "apiVersion: flespi-gitops/v1\nkind: Limit\nmetadata: {name: starter}\nspec: {devices_cont: 5}\n",
    );
    let python = "import fcntl, os, pty, struct, sys, termios\n\
                  columns = int(sys.argv[1])\n\
                  pid, fd = pty.fork()\n\
                  if pid == 0:\n    \
                      fcntl.ioctl(1, termios.TIOCSWINSZ, struct.pack('HHHH', 3, columns, 0, 0))\n    \
                      os.execv(sys.argv[2], sys.argv[2:])\n\
                  said = b''\n\
                  try:\n    \
                      while more := os.read(fd, 65536): said += more\n\
                  except OSError: pass\n\
                  code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])\n\
                  sys.stdout.buffer.write(said.replace(b'\\r\\n', b'\\n'))\n\
                  sys.exit(code)\n";
    for (arguments, code, words) in [
        (&["plan", "set.yaml"][..], 0, "tenant-0"),
        (&["validate", "broken.yaml"], 3, "devices_count"),
        (&["apply", "set.yaml", "--yes"], 0, "tenant-0"),
        (&["status", "set.yaml"], 0, "tenant-0"),
        (&["history"], 0, "apply"),
        (
            &["explain", "token/tenant-0/app", "GET", "gw/devices/1", "--manifests", "set.yaml"],
            0,
            "all",
        ),
        (&["lock", "show"], 0, "free"),
        (&["plan", "--help"], 0, "Usage"),
    ] {
        for columns in ["0", "1", "20"] {
            let mut program = world.command(arguments);
            program.env_remove("FLESPI_GITOPS_LOG").env("TERM", "xterm").env("COLUMNS", columns);
            let mut command = Command::new("python3");
            command.args(["-c", python, columns]);
            command.arg(program.get_program()).args(program.get_args()).env_clear();
            for (name, value) in program.get_envs() {
                command.env(name, value.unwrap_or_default());
            }
            let Ok(_) = Command::new("python3").arg("--version").output() else {
                return skip("no python3 here, which makes a terminal");
            };
            command.env_remove("FLESPI_GITOPS_LOG").current_dir(world.path());
            let run = run(command).expect(code);
            says(&run, &[words]);
            // Where there are no columns at all, a width is assumed.
            let longest = run.stdout.lines().map(visible).max().unwrap();
            if columns == "20" && arguments[0] == "plan" && arguments[1] != "--help" {
                assert!(longest <= 40, "{longest} columns:\n{}", run.stdout);
            }
        }
    }
}

/// The characters of a line without the commands to the terminal.
fn visible(line: &str) -> usize {
    let mut count = 0;
    let mut chars = line.chars();
    while let Some(c) = chars.next() {
        match c {
            '\u{1b}' => {
                let _ = chars.by_ref().find(char::is_ascii_alphabetic);
            }
            _ => count += 1,
        }
    }
    count
}

#[test]
fn without_a_standard_input_nothing_waits_for_it_and_nobody_has_agreed() {
    let world = world(1);
    let closed = |arguments: &[&str]| {
        let mut command = below(&["sh"], "exec 0<&-", &world.command(arguments));
        command.stdout(Stdio::piped());
        run(command)
    };
    says(&closed(&["plan", "-"]).expect(3), &["no manifest"]);
    says(&closed(&["apply", "set.yaml"]).expect(5), &["stdin is not a terminal", "--yes"]);
    assert_eq!(world.writes().len(), 0);
    // What is opened first does not take the number of the stream for its own.
    closed(&["apply", "set.yaml", "--yes"]).expect(0);
    is_whole(&world, 1);
}

fn kill(child: &std::process::Child, signal: &str) {
    let pid = child.id().to_string();
    assert!(Command::new("kill").args([signal, &pid]).status().unwrap().success());
}

#[track_caller]
fn wait_until(what: &str, is_so: impl Fn() -> bool) {
    let began = Instant::now();
    while !is_so() {
        assert!(began.elapsed() < Duration::from_secs(120), "never: {what}");
        std::thread::sleep(Duration::from_millis(100));
    }
}
