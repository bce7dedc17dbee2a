//! What the README shows is what happens.

use std::path::Path;
use std::process::{Command, Stdio};

use crate::support::World;

/// Digests and durations differ from run to run, or with every changed example.
fn without_chance(text: &str) -> String {
    let mut out = String::new();
    for line in text.lines() {
        let mut line = line.trim_end().to_owned();
        if let Some(at) = line.find("[plan ") {
            line.truncate(at);
        }
        if let Some(at) = line.rfind(" retries, ") {
            line.truncate(at);
        }
        out.push_str(line.trim_end());
        out.push('\n');
    }
    out
}

#[test]
fn every_console_block_of_the_readme_is_true() {
    let readme = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md"));
    let readme = readme.unwrap();
    let world = World::new();
    std::fs::create_dir(world.path().join("examples")).unwrap();
    world.copy_example("first-subaccount");
    std::fs::rename(
        world.path().join("first-subaccount"),
        world.path().join("examples/first-subaccount"),
    )
    .unwrap();
    let program = Path::new(env!("CARGO_BIN_EXE_flespi-gitops"));
    let path = std::env::join_paths(
        std::iter::once(program.parent().unwrap().to_owned())
            .chain(std::env::split_paths(&std::env::var_os("PATH").unwrap())),
    )
    .unwrap();

    let mut shown = 0;
    for block in readme.split("```console\n").skip(1) {
        let block = block.split("```").next().unwrap();
        let (command, expected) = block.split_once('\n').unwrap();
        let output = Command::new("sh")
            .args(["-c", command.strip_prefix("$ ").unwrap()])
            .current_dir(world.path())
            .env_clear()
            .env("PATH", &path)
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let got = String::from_utf8(output.stdout).unwrap();
        assert_eq!(without_chance(&got), without_chance(expected), "{command}");
        shown += 1;
    }
    assert_eq!(shown, 4);
}
