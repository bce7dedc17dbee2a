//! Files that were asked for are written whole, and never take the place of something that is no file.

#![cfg(unix)]

use std::os::unix::fs::{FileTypeExt, PermissionsExt, symlink};
use std::process::Command;

use crate::support::{World, skip};

const LIMIT: &str = "apiVersion: flespi-gitops/v1\nkind: Limit\nmetadata: {name: starter}\nspec: {devices_count: 5}\n";

fn world() -> World {
    let world = World::new();
    world.write("limit.yaml", LIMIT);
    world
}

/// What a command writes, and the first file of it below `out`.
const WRITERS: &[(&[&str], &str)] = &[
    (&["plan", "limit.yaml", "--out", "out/file"], "out/file"),
    (&["plan", "limit.yaml", "--html", "out/file"], "out/file"),
    (&["export", "--out", "out", "--force"], "out/stack.yaml"),
    (&["schema", "--out", "out"], "out/limit.schema.json"),
];

#[test]
fn a_fifo_a_socket_a_folder_and_a_device_stay_what_they_are() {
    let world = world();
    world.apply(&["limit.yaml"]);
    for (arguments, name) in WRITERS {
        let path = world.path().join(name);
        let fresh = || {
            let _ = std::fs::remove_dir_all(world.path().join("out"));
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        };
        let refused = |what: &str| {
            let run = world.run(arguments).expect(1);
            assert!(run.stderr.contains(what), "{arguments:?} {what}: {}", run.stderr);
            std::fs::symlink_metadata(&path).unwrap().file_type()
        };
        fresh();
        assert!(Command::new("mkfifo").arg(&path).status().unwrap().success());
        assert!(refused("it is a FIFO").is_fifo());
        fresh();
        let _socket = std::os::unix::net::UnixListener::bind(&path).unwrap();
        assert!(refused("it is a socket").is_socket());
        fresh();
        std::fs::create_dir(&path).unwrap();
        assert!(refused("it is a folder").is_dir());
        fresh();
        symlink("/dev/null", &path).unwrap();
        assert!(refused("it is a device").is_symlink());
        fresh();
        symlink("nowhere", &path).unwrap();
        assert!(refused("it is a dangling symbolic link").is_symlink());
    }
    // Only root may make one where a file could be.
    let _ = std::fs::remove_dir_all(world.path().join("out"));
    std::fs::create_dir(world.path().join("out")).unwrap();
    let path = world.path().join("out/file");
    let made = Command::new("mknod").arg(&path).args(["c", "1", "3"]).status().unwrap();
    if made.success() {
        world.run(&["plan", "limit.yaml", "--out", "out/file"]).expect(1);
        assert!(std::fs::symlink_metadata(&path).unwrap().file_type().is_char_device());
    }
}

#[test]
fn a_link_stays_a_link_and_what_it_leads_to_gets_the_file() {
    for (arguments, name) in WRITERS {
        let world = world();
        world.write("elsewhere/target", "old\n");
        let path = world.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        symlink("../elsewhere/target", &path).unwrap();
        std::fs::set_permissions(
            world.path().join("elsewhere/target"),
            std::fs::Permissions::from_mode(0o640),
        )
        .unwrap();
        world.run(arguments).expect(0);
        assert!(path.is_symlink(), "{arguments:?}");
        let text = world.read("elsewhere/target");
        assert!(text != "old\n" && text.ends_with('\n'), "{arguments:?}");
        let mode = std::fs::metadata(&path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o640, "{arguments:?}");
    }
}

#[test]
fn a_sealed_plan_is_its_owners_and_applies_whether_it_was_there_or_not() {
    let world = world();
    for _ in 0..2 {
        world.run(&["plan", "limit.yaml", "--out", "plan"]).expect(0);
        let mode = std::fs::metadata(world.path().join("plan")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
    world.run(&["apply", "--plan", "plan", "--yes"]).expect(0);
    assert_eq!(world.count("limits"), 1);
}

/// A full disk: a file system of a few pages, where the machine lets us have one.
#[test]
fn a_file_for_which_there_is_no_room_is_an_error_and_the_old_one_stays() {
    let world = world();
    std::fs::create_dir(world.path().join("out")).unwrap();
    let script = "mount -t tmpfs -o size=64k none out && echo old >out/file && echo mounted && \
                  { head -c 1m /dev/zero >out/filler; \"$@\"; echo $?; cat out/file; ls -A out; }";
    for arguments in [&["--out", "out/file"], &["--html", "out/file"]] {
        let program = world.command(&["plan", "limit.yaml", arguments[0], arguments[1]]);
        let mut shell = Command::new("unshare");
        shell.args(["-Urm", "sh", "-c", script, "sh"]);
        shell.arg(program.get_program()).args(program.get_args()).env_clear();
        for (name, value) in program.get_envs() {
            shell.env(name, value.unwrap_or_default());
        }
        let output = shell.current_dir(world.path()).output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        if !said.contains("mounted") {
            skip("no file system of its own to be had here");
            return;
        }
        assert!(said.ends_with("1\nold\nfile\nfiller\n"), "{said}");
    }
}
