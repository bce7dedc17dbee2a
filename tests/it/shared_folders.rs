//! Keys and state where others may write: what somebody planted is neither followed nor kept, and what we make is ours
//! alone, whatever the umask.

#![allow(clippy::print_stdout, reason = "a test that is skipped says why")]

use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, symlink};
use std::path::Path;
use std::process::Command;

use crate::support::{Run, World, run};

/// Somebody else.
const NOBODY: u32 = 65_534;

/// Whether files can be given to somebody else; if not, the test says so and is over.
fn can_give(world: &World) -> bool {
    let is_root = std::fs::metadata(world.path()).unwrap().uid() == 0;
    if !is_root {
        println!("skipped: only root can make files of another user");
    }
    is_root
}

fn token(sinks: &str) -> String {
    format!(
        "apiVersion: flespi-gitops/v1\nkind: Token\nmetadata: {{name: app}}\nspec: {{ttl: 1h, access: standard, deliver: \
         [{sinks}]}}\n"
    )
}

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).unwrap().mode() & 0o7777
}

fn set_mode(path: &Path, mode: u32) {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}

/// A folder of the world with a mode.
fn folder(world: &World, name: &str, mode: u32) -> std::path::PathBuf {
    let path = world.path().join(name);
    std::fs::create_dir_all(&path).unwrap();
    set_mode(&path, mode);
    path
}

/// The program with an umask that takes nothing away.
fn without_umask(world: &World, arguments: &[&str]) -> Run {
    let inner = world.command(arguments);
    let mut command = Command::new("sh");
    command.args(["-c", "umask 000; exec \"$0\" \"$@\""]).arg(inner.get_program());
    command.args(inner.get_args()).current_dir(world.path()).env_clear();
    command.envs(inner.get_envs().filter_map(|(name, value)| Some((name, value?))));
    run(command)
}

#[test]
fn whatever_the_umask_nobody_else_can_read_or_write_what_is_ours() {
    let world = World::new();
    let dead = "{exec: [\"false\"], read: [\"true\"]}";
    let age = match cfg!(feature = "age") {
        true => {
            "{age: out/key.age, recipients: \
             [age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p]}, "
        }
        false => "",
    };
    world.write("app.yaml", &token(&format!(
        "{{file: out/deep/key}}, {{dotenv: out/.env, key: APP}}, {{json: out/app.json, pointer: /a}}, {age}{dead}"
    )));
    without_umask(&world, &["plan", ".", "--out", "app.plan"]).expect(0);
    let applied = without_umask(&world, &["apply", ".", "--yes"]);
    assert!([1, 6].contains(&applied.code), "{applied:?}");
    let limit = "apiVersion: flespi-gitops/v1\nkind: Limit\nmetadata: {name: a}\n";
    world.write("limit/a.yaml", limit);
    without_umask(&world, &["apply", "limit", "--yes", "--platform", "sandbox:sand/box"]).expect(0);
    let ours = ["out", ".flespi-gitops", "app.plan", "sand"].map(|name| world.path().join(name));
    let mut count = 0;
    for entry in ours.iter().flat_map(walkdir::WalkDir::new).map(Result::unwrap) {
        assert_eq!(mode(entry.path()) & 0o077, 0, "{}", entry.path().display());
        count += 1;
    }
    for name in ["locks", "history", "spool/key"] {
        assert!(world.path().join(".flespi-gitops/state").join(name).exists(), "{name}");
    }
    assert!(count > 15, "{count}");
}

#[test]
fn the_owner_and_the_mode_of_a_planted_file_are_not_kept() {
    let world = World::new();
    if !can_give(&world) {
        return;
    }
    for (name, mode_of_folder, allow) in
        [("sticky", 0o1777, ""), ("open", 0o777, ", allow: [world-writable]"), ("group", 0o775, "")]
    {
        for (sink, file) in [("file: FOLDER/key", "key"), ("dotenv: FOLDER/.env, key: APP", ".env")]
        {
            let place = folder(&world, name, mode_of_folder);
            let planted = place.join(file);
            std::fs::write(&planted, "").unwrap();
            chown(&planted, Some(NOBODY), Some(NOBODY)).unwrap();
            set_mode(&planted, 0o640);
            let sink = sink.replace("FOLDER", name);
            world.write("app.yaml", &token(&format!("{{{sink}{allow}}}")));
            world.apply(&["."]);
            let found = std::fs::metadata(&planted).unwrap();
            assert!(found.len() > 64, "{name}/{file}");
            assert_eq!((found.uid(), found.gid(), found.mode() & 0o777), (0, 0, 0o600), "{name}");
            std::fs::remove_dir_all(&place).unwrap();
        }
    }
    // Where nobody else writes, the owner was given on purpose.
    let place = folder(&world, "given", 0o755);
    std::fs::write(place.join("key"), "").unwrap();
    set_mode(&place.join("key"), 0o640);
    chown(place.join("key"), Some(NOBODY), Some(NOBODY)).unwrap();
    world.write("app.yaml", &token("{file: given/key}"));
    world.apply(&["."]);
    let found = std::fs::metadata(place.join("key")).unwrap();
    assert_eq!((found.uid(), found.mode() & 0o777), (NOBODY, 0o640));
}

#[test]
fn a_planted_link_is_not_followed() {
    for (mode, allow) in [(0o1777, ""), (0o777, ", allow: [world-writable]"), (0o775, "")] {
        let world = World::new();
        let place = folder(&world, "shared", mode);
        let target = folder(&world, "target", 0o755);
        std::fs::write(target.join("key"), "").unwrap();
        set_mode(&target.join("key"), 0o600);
        symlink(target.join("key"), place.join("key")).unwrap();
        world.write("app.yaml", &token(&format!("{{file: shared/key{allow}}}")));
        let refused = world.run(&["apply", ".", "--yes"]);
        assert_ne!(refused.code, 0);
        let all = format!("{}{}", refused.stdout, refused.stderr);
        assert!(all.contains("is a link, and others may write in"), "{all}");
        assert_eq!(std::fs::metadata(target.join("key")).unwrap().len(), 0);
        assert!(place.join("key").is_symlink());
        // In a folder of ours it is ours.
        set_mode(&place, 0o755);
        world.apply(&["."]);
        assert!(std::fs::metadata(target.join("key")).unwrap().len() > 64);
    }
}

#[test]
fn a_link_to_a_folder_where_everybody_may_write_is_as_bad_as_the_folder() {
    let world = World::new();
    let target = folder(&world, "target", 0o777);
    std::fs::write(target.join("key"), "").unwrap();
    set_mode(&target.join("key"), 0o600);
    let place = folder(&world, "place", 0o755);
    symlink("../target/key", place.join("key")).unwrap();
    world.write("app.yaml", &token("{file: place/key}"));
    let refused = world.run(&["apply", ".", "--yes"]);
    let all = format!("{}{}", refused.stdout, refused.stderr);
    assert!(refused.code != 0 && all.contains("everybody on this machine can write"), "{all}");
    assert_eq!(std::fs::metadata(target.join("key")).unwrap().len(), 0);
}

#[test]
fn a_state_folder_of_somebody_else_is_refused() {
    let world = World::new();
    if !can_give(&world) {
        return;
    }
    world.write("app.yaml", &token("{file: out/key}"));
    let theirs = folder(&world, "theirs", 0o755);
    chown(&theirs, Some(NOBODY), None).unwrap();
    let part = folder(&world, "part/locks", 0o755);
    chown(&part, Some(NOBODY), None).unwrap();
    for state in ["theirs", "part"] {
        let refused = world.run(&["apply", ".", "--yes", "--state-dir", state]);
        let all = format!("{}{}", refused.stdout, refused.stderr);
        assert!(refused.code != 0 && all.contains("belongs to user 65534"), "{all}");
        assert_eq!(world.writes().len(), 0);
    }
    let refused = world.run(&["plan", ".", "--platform", "sandbox:theirs"]);
    let all = format!("{}{}", refused.stdout, refused.stderr);
    assert!(refused.code != 0 && all.contains("belongs to user 65534"), "{all}");
    for name in ["history", "spool"] {
        let world = World::new();
        world.write("app.yaml", &token("{file: out/key}"));
        let state = format!("state-{name}");
        chown(folder(&world, &format!("{state}/{name}"), 0o755), Some(NOBODY), None).unwrap();
        let told = world.run(&["apply", ".", "--yes", "--state-dir", &state]);
        let all = format!("{}{}", told.stdout, told.stderr);
        assert!(all.contains("belongs to user 65534"), "{name}: {all}");
        assert_eq!(std::fs::read_dir(world.path().join(&state).join(name)).unwrap().count(), 0);
    }
}

#[test]
fn links_in_the_place_of_state_lead_nowhere() {
    let world = World::new();
    let limit = "apiVersion: flespi-gitops/v1\nkind: Limit\nmetadata: {name: a}\n";
    world.write("m/a.yaml", limit);
    world.write("precious", "precious");
    world.apply(&["m", "--state-dir", "st"]);
    let locks = world.path().join("st/locks");
    let entries = std::fs::read_dir(&locks).unwrap().map(|entry| entry.unwrap().path());
    let lock = entries.into_iter().find(|path| path.extension().is_some_and(|it| it == "lock"));
    let lock = lock.unwrap();
    // What a wide umask once let somebody plant.
    std::fs::remove_file(&lock).unwrap();
    symlink("../../precious", &lock).unwrap();
    world.write("m/b.yaml", &limit.replace("name: a", "name: b"));
    let refused = world.run(&["apply", "m", "--yes", "--state-dir", "st"]);
    assert_ne!(refused.code, 0, "{refused:?}");
    std::fs::remove_file(&lock).unwrap();
    symlink("../../precious", lock.with_extension("json.new")).unwrap();
    world.apply(&["m", "--state-dir", "st"]);
    assert_eq!(world.read("precious"), "precious");
}
