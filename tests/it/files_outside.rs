//! What a proposed change can have read: manifests and tables of the given folders, and no other file of the machine.

use std::os::unix::fs::symlink;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::support::{Run, World};

const CANARY: &str = "FILECANARY";

const LIMIT: &str = "apiVersion: flespi-gitops/v1\nkind: Limit\nmetadata: {name: starter}\n";

/// Files that are of some use to whoever reads them.
const OUTSIDE: [(&str, &str); 8] = [
    ("one line", "FILECANARY-single-line\n"),
    ("netrc", "machine x login u FILECANARY-netrc\n"),
    ("gitconfig", "[http \"https://x/\"]\n\textraheader = AUTHORIZATION: basic FILECANARY==\n"),
    ("env", "DB_URL=postgres://u:FILECANARY@db/x\nA=b\n"),
    ("yaml", "db: FILECANARY-yaml\n"),
    ("key", "-----BEGIN KEY-----\nFILECANARYkeymaterial\n-----END KEY-----\n"),
    ("csv", "name,FILECANARYcol\na,b\n"),
    ("manifest", "apiVersion: flespi-gitops/v1\nkind: Limit\nmetadata: {name: FILECANARY}\n"),
];

/// A template whose rows stand in `table`.
fn template(table: &str) -> String {
    format!(
        "apiVersion: flespi-gitops/v1\nkind: Template\nmetadata: {{name: tp}}\nspec:\n  parameters: {{name: {{}}}}\n  \
         for_each: {{file: \"{table}\"}}\n  manifests:\n    - {{apiVersion: flespi-gitops/v1, kind: Limit, metadata: \
         {{name: \"${{name}}\"}}}}\n"
    )
}

fn world() -> World {
    let world = World::new();
    world.write("repo/m/starter.yaml", LIMIT);
    world
}

fn link(world: &World, target: impl AsRef<Path>, name: &str) {
    let path = world.path().join(name);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    symlink(target, path).unwrap();
}

/// Whether the run is refused for a file outside, and neither of its outputs shows anything of one.
#[track_caller]
fn is_refused(run: &Run, what: &str) {
    assert_eq!(run.code, 3, "{what}: {}{}", run.stdout, run.stderr);
    for out in [&run.stdout, &run.stderr] {
        assert!(!out.contains(CANARY), "{what}: {out}");
    }
    let all = format!("{}{}", run.stdout, run.stderr);
    assert!(all.contains("file-outside"), "{what}: {all}");
}

#[test]
fn nothing_of_a_file_outside_is_shown() {
    for (what, text) in OUTSIDE {
        for format in ["text", "markdown", "json"] {
            let run = |world: &World| world.run(&["plan", "repo/m", "--format", format]);
            // A link in the place of a manifest, and one to a whole folder.
            let world = world();
            world.write("outside/f.yaml", text);
            link(&world, "../../outside/f.yaml", "repo/m/x.yaml");
            let told = run(&world);
            is_refused(&told, what);
            assert!(format!("{}{}", told.stdout, told.stderr).contains("x.yaml"), "{what}");
            std::fs::remove_file(world.path().join("repo/m/x.yaml")).unwrap();
            link(&world, "../../outside", "repo/m/sub");
            is_refused(&run(&world), what);
            std::fs::remove_file(world.path().join("repo/m/sub")).unwrap();
            // A table by its path, by a link, and by a link to its folder with `..` in the middle.
            link(&world, "../../outside", "repo/m/.sub");
            link(&world, "../../outside/f.yaml", "repo/m/t.csv");
            for table in ["../../outside/f.yaml", "t.csv", ".sub/../outside/./f.yaml"] {
                world.write("repo/m/t.yaml", &template(table));
                is_refused(&run(&world), what);
            }
        }
    }
}

#[test]
fn a_chain_of_links_is_followed_to_its_end() {
    let world = world();
    world.write("outside/f.yaml", CANARY);
    link(&world, "two.yaml", "repo/m/one.yaml");
    link(&world, "sub/../three.yaml", "repo/m/two.yaml");
    std::fs::create_dir(world.path().join("repo/m/sub")).unwrap();
    link(&world, "../../outside/f.yaml", "repo/m/three.yaml");
    is_refused(&world.run(&["plan", "repo/m"]), "chain");
    // The same chain within the folder is a manifest.
    std::fs::remove_file(world.path().join("repo/m/three.yaml")).unwrap();
    link(&world, "starter.yaml", "repo/m/three.yaml");
    world.run(&["plan", "repo/m"]).expect(0);
}

#[test]
fn version_control_and_hidden_files_are_no_tables_either() {
    let world = World::new();
    let secret = format!("[http]\n\textraheader = {CANARY}\n");
    world.write("starter.yaml", LIMIT);
    for name in [".git/config", ".flespi-gitops/spool/key", ".env", "sub/.netrc"] {
        world.write(name, &secret);
    }
    for table in [".git/config", ".flespi-gitops/spool/key", ".env", "sub/.netrc"] {
        world.write("t.yaml", &template(table));
        is_refused(&world.run(&["plan", "."]), table);
        std::fs::remove_file(world.path().join("t.yaml")).unwrap();
        link(&world, table, "t.yaml");
        is_refused(&world.run(&["plan", "."]), table);
        std::fs::remove_file(world.path().join("t.yaml")).unwrap();
    }
    // A whole folder of such files is not walked by way of a link.
    link(&world, ".git", "linked");
    is_refused(&world.run(&["plan", "."]), "linked");
}

#[test]
fn nobody_learns_which_files_there_are() {
    let world = world();
    world.write("outside/there", "");
    let said = |name: &str| {
        world.write("repo/m/t.yaml", &template(&format!("../../outside/{name}")));
        let run = world.run(&["validate", "repo/m", "--format", "short"]).expect(3);
        std::fs::remove_file(world.path().join("repo/m/t.yaml")).unwrap();
        link(&world, format!("../../outside/{name}"), "repo/m/x.yaml");
        let linked = world.run(&["validate", "repo/m", "--format", "short"]).expect(3);
        std::fs::remove_file(world.path().join("repo/m/x.yaml")).unwrap();
        format!("{}{}", run.stdout, linked.stdout).replace(name, "NAME")
    };
    assert_eq!(said("there"), said("gone"));
    assert_eq!(said("there"), said("gone/deeper"));
}

#[test]
fn whoever_means_it_can_read_outside() {
    let world = world();
    world.write("shared/tenants.csv", "name\nacme\n");
    world.write("shared/more/depot.yaml", &LIMIT.replace("starter", "depot"));
    world.write("repo/m/t.yaml", &template("../../shared/tenants.csv"));
    link(&world, "../../shared/more", "repo/m/more");
    is_refused(&world.run(&["plan", "repo/m"]), "not asked for");
    let plan = world.plan(&["repo/m", "--allow-outside"]);
    assert_eq!(plan["summary"]["create"], 3, "{plan}");
    // What is named is not outside.
    let plan = world.plan(&["repo/m", "shared"]);
    assert_eq!(plan["summary"]["create"], 3, "{plan}");
}

#[test]
fn given_paths_may_be_links_and_files() {
    let world = world();
    link(&world, "repo/m", "current");
    assert_eq!(world.plan(&["current"])["summary"]["create"], 1);
    world.write("repo/m/tables/t.csv", "name\nacme\n");
    world.write("repo/m/t.yaml", &template("tables/t.csv"));
    assert_eq!(world.plan(&["current"])["summary"]["create"], 2);
    // The folder of a file that was given is where its tables may be.
    assert_eq!(world.plan(&["repo/m/t.yaml"])["summary"]["create"], 1);
    link(&world, "repo/m/starter.yaml", "starter.yaml");
    assert_eq!(world.plan(&["starter.yaml"])["summary"]["create"], 1);
    // A table in the folder above is not in the folder that was given.
    world.write("repo/t.csv", "name\nFILECANARY\n");
    world.write("repo/m/t.yaml", &template("../t.csv"));
    is_refused(&world.run(&["plan", "repo/m/t.yaml"]), "above");
}

#[test]
fn a_mounted_config_map_and_a_checkout_in_a_hidden_folder_are_read() {
    let world = World::new();
    world.write("mount/..2026_01_01/starter.yaml", LIMIT);
    link(&world, "..2026_01_01", "mount/..data");
    link(&world, "..data/starter.yaml", "mount/starter.yaml");
    assert_eq!(world.plan(&["mount"])["summary"]["create"], 1);
    world.write("sync/.worktrees/0a1b/starter.yaml", LIMIT);
    world.write("sync/.worktrees/0a1b/.git", "gitdir: ../../.git/worktrees/0a1b\n");
    link(&world, ".worktrees/0a1b", "sync/current");
    assert_eq!(world.plan(&["sync"])["summary"]["create"], 1);
    assert_eq!(world.plan(&["sync/current"])["summary"]["create"], 1);
}

/// Refused within a few seconds, in words that name no content.
#[track_caller]
fn ends_at_once(world: &World, arguments: &[&str]) {
    let began = Instant::now();
    let run = world.run(arguments).expect(3);
    assert!(began.elapsed() < Duration::from_secs(10), "{arguments:?}");
    let all = format!("{}{}", run.stdout, run.stderr);
    // Some are for root alone.
    let reasons = ["not a regular file", "file-outside", "ermission denied"];
    assert!(reasons.iter().any(|reason| all.contains(reason)), "{all}");
}

#[test]
fn special_files_end_at_once_even_for_whoever_reads_outside() {
    let world = world();
    let pipe = world.path().join("repo/m/pipe.yaml");
    rustix::fs::mkfifoat(rustix::fs::CWD, &pipe, rustix::fs::Mode::RUSR).unwrap();
    ends_at_once(&world, &["plan", "repo/m"]);
    ends_at_once(&world, &["plan", "repo/m/pipe.yaml"]);
    std::fs::remove_file(&pipe).unwrap();
    let socket = std::os::unix::net::UnixListener::bind(&pipe).unwrap();
    ends_at_once(&world, &["plan", "repo/m"]);
    drop(socket);
    std::fs::remove_file(&pipe).unwrap();
    let mut special = vec!["/dev/zero", "/dev/tty", "/dev/null"];
    if cfg!(target_os = "linux") {
        special.extend(["/proc/self/environ", "/proc/kmsg", "/proc/self/mem", "/proc/self/mounts"]);
        special.extend(["/sys/kernel/notes", "/sys/kernel/uevent_seqnum"]);
    }
    for path in special.into_iter().filter(|path| Path::new(path).exists()) {
        for outside in [false, true] {
            let plan = ["plan", "repo/m", "--allow-outside"];
            let plan = if outside { &plan[..] } else { &plan[..2] };
            link(&world, path, "repo/m/x.yaml");
            ends_at_once(&world, plan);
            std::fs::remove_file(world.path().join("repo/m/x.yaml")).unwrap();
            world.write("repo/m/t.yaml", &template(path));
            ends_at_once(&world, plan);
            std::fs::remove_file(world.path().join("repo/m/t.yaml")).unwrap();
        }
        ends_at_once(&world, &["plan", path]);
    }
}

#[test]
fn manifests_of_standard_input_name_tables_of_the_working_directory() {
    let world = world();
    world.write("tenants.csv", "name\nacme\n");
    let run = |table: &str| {
        let mut command = world.command(&["plan", "-"]);
        command.stdin(std::fs::File::open(world.write("in", &template(table))).unwrap());
        command.output().unwrap()
    };
    assert_eq!(run("tenants.csv").status.code(), Some(0));
    let refused = run("/etc/hostname");
    assert_eq!(refused.status.code(), Some(3));
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(said.contains("file-outside"), "{said}");
}
