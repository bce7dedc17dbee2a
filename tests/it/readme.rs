//! What the READMEs show is what happens, read from top to bottom.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use flespi_gitops::secret::Stores;

use crate::support::canary;

/// Stands in for cargo: what a README runs with it is this program.
const CARGO: &str = r#"#!/bin/sh
[ "$1" = run ] || exit 99
while [ "$1" != -- ]; do shift; done
shift
exec flespi-gitops "$@"
"#;

/// In shown output, this line stands for any lines.
const ELLIPSIS: &str = "[...]";

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A copy of the repository as somebody has it who has just cloned it.
struct Clone {
    folder: tempfile::TempDir,
    tools: tempfile::TempDir,
}

impl Clone {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let is_left_out = |name: &str| matches!(name, "target" | "out" | ".git" | ".flespi-gitops");
        let entries = walkdir::WalkDir::new(root())
            .into_iter()
            .filter_entry(|entry| !is_left_out(&entry.file_name().to_string_lossy()));
        for entry in entries {
            let entry = entry.unwrap();
            let to = folder.path().join(entry.path().strip_prefix(root()).unwrap());
            match entry.file_type().is_dir() {
                true => std::fs::create_dir_all(to).unwrap(),
                false => drop(std::fs::copy(entry.path(), to).unwrap()),
            }
        }
        let tools = tempfile::tempdir().unwrap();
        let cargo = tools.path().join("cargo");
        std::fs::write(&cargo, CARGO).unwrap();
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            std::fs::set_permissions(cargo, std::fs::Permissions::from_mode(0o755)).unwrap();
        }
        Self { folder, tools }
    }

    /// What a command of a README prints on the standard output.
    fn run(&self, command: &str) -> (i32, String) {
        let program = Path::new(env!("CARGO_BIN_EXE_flespi-gitops")).parent().unwrap();
        let path = std::env::var_os("PATH").unwrap();
        let folders = [self.tools.path().to_owned(), program.to_owned()];
        let path = std::env::join_paths(folders.into_iter().chain(std::env::split_paths(&path)));
        let mut shell = Command::new("sh");
        // Whoever reads aloud stays in the folder to which a command goes.
        let here = self.tools.path().join("here");
        let folder = std::fs::read_to_string(&here);
        let folder = folder.map_or_else(|_| self.folder.path().to_owned(), |at| at.trim().into());
        shell
            .args(["-c", &format!("trap 'pwd > \"$HOME/here\"' EXIT\n{command}")])
            .current_dir(folder)
            .env_clear()
            .env("PATH", path.unwrap())
            .env("HOME", self.tools.path())
            .stdin(Stdio::null());
        let output = shell.output().unwrap();
        let stdout = String::from_utf8(output.stdout).unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        canary::hear(&shell, format!("{stdout}\n{stderr}"));
        (output.status.code().unwrap_or(-1), stdout)
    }
}

/// The blocks of one language.
fn blocks<'a>(text: &'a str, language: &str) -> Vec<&'a str> {
    let fence = format!("```{language}\n");
    let from_fence = text.split(&*fence).skip(1);
    from_fence.map(|rest| rest.split("```").next().unwrap()).collect()
}

/// The commands of a block, each with the lines that are shown of its output.
fn commands(block: &str) -> Vec<(&str, Vec<&str>)> {
    let mut all: Vec<(&str, Vec<&str>)> = Vec::new();
    for line in block.lines() {
        match (line.strip_prefix("$ "), all.last_mut()) {
            (Some(command), _) => all.push((command, Vec::new())),
            (None, Some((_, shown))) => shown.push(line),
            (None, None) => panic!("a console block begins with a command: {block}"),
        }
    }
    all
}

/// The one rule for what differs from run to run: how long it took, and when it was.
fn without_time(line: &str) -> String {
    let line = line.trim_end();
    match line.rfind(" retries, ") {
        Some(at) if line.ends_with(" s]") => format!("{} retries, TIME]", &line[..at]),
        _ => line.to_owned(),
    }
}

/// Whether the output is what is shown of it.
fn is_shown(output: &[String], shown: &[String]) -> bool {
    match shown {
        [] => output.is_empty(),
        [first, rest @ ..] if first == ELLIPSIS => {
            (0..=output.len()).any(|skipped| is_shown(&output[skipped..], rest))
        }
        [first, rest @ ..] => output.first() == Some(first) && is_shown(&output[1..], rest),
    }
}

/// What was printed to approve a plan; a README calls it DIGEST, since ids differ from run to run.
fn digest(output: &str) -> Option<&str> {
    let (_, rest) = output.split_once("--approve ")?;
    rest.split_whitespace().next()
}

/// Runs every command of a README in order; how many there were.
fn read_aloud(file: &str) -> usize {
    let text = std::fs::read_to_string(root().join(file)).unwrap();
    let clone = Clone::new();
    let mut count = 0;
    let mut printed = "DIGEST".to_owned();
    for (command, shown) in blocks(&text, "console").into_iter().flat_map(commands) {
        let (code, output) = clone.run(&command.replace("DIGEST", &printed));
        if let Some(digest) = digest(&output) {
            printed = digest.to_owned();
        }
        let output = output.replace(&printed, "DIGEST");
        count += 1;
        if shown.iter().all(|line| *line == "[...]") {
            assert_eq!(code, 0, "{file}: {command}\n{output}");
            continue;
        }
        let got: Vec<String> = output.lines().map(without_time).collect();
        let shown: Vec<String> = shown.iter().map(|line| without_time(line)).collect();
        assert!(
            is_shown(&got, &shown),
            "{file}: {command}\nprinted:\n{}\nshown:\n{}",
            got.join("\n"),
            shown.join("\n")
        );
    }
    count
}

#[test]
fn the_readme_is_true_from_top_to_bottom() {
    assert_eq!(read_aloud("README.md"), 6);
}

#[test]
fn the_readmes_of_the_examples_are_true_from_top_to_bottom() {
    for (example, commands) in [
        ("devices-by-name", 3),
        ("first-subaccount", 3),
        ("fleet", 4),
        ("tenants", 3),
        ("webhooks", 2),
        ("reseller", 2),
    ] {
        assert_eq!(read_aloud(&format!("examples/{example}/README.md")), commands);
    }
}

#[test]
fn the_readme_is_short() {
    let text = std::fs::read_to_string(root().join("README.md")).unwrap();
    assert!(text.lines().count() <= 150);
}

#[test]
fn the_pages_of_the_guide_are_true_from_top_to_bottom() {
    for (page, commands) in [
        ("manifests", 1),
        ("migration", 2),
        ("probe", 1),
        ("realms", 1),
        ("recovery", 2),
        ("start", 6),
    ] {
        assert_eq!(read_aloud(&format!("src/guide/{page}.md")), commands, "{page}");
    }
}

/// Every Markdown file that shows manifests.
fn documents() -> Vec<PathBuf> {
    let mut all = vec![root().join("README.md"), root().join("src/secret/guide.md")];
    for entry in std::fs::read_dir(root().join("src/guide")).unwrap() {
        all.push(entry.unwrap().path());
    }
    for entry in std::fs::read_dir(root().join("examples")).unwrap() {
        all.push(entry.unwrap().path().join("README.md"));
    }
    all
}

#[test]
fn every_manifest_that_is_shown_is_valid_as_it_stands_or_is_part_of_the_file_that_it_names() {
    let clone = Clone::new();
    let mut manifests = 0;
    for path in documents() {
        let text = std::fs::read_to_string(&path).unwrap();
        for block in blocks(&text, "yaml") {
            let place = format!("{}:\n{block}", path.display());
            let first = block.lines().next().unwrap();
            let named = first.strip_prefix("# ").filter(|name| root().join(name).is_file());
            if let Some(name) = named {
                let file = std::fs::read_to_string(root().join(name)).unwrap();
                assert!(file.contains(block.split_once('\n').unwrap().1), "{place}");
            } else if let Some(schema) = first.strip_prefix("# yaml-language-server: $schema=../") {
                assert!(root().join(schema).is_file() && block.lines().count() == 1, "{place}");
            } else if first == "stores:" {
                let file = clone.tools.path().join("stores.yaml");
                std::fs::write(&file, block).unwrap();
                Stores::read(&file).unwrap();
            } else if first == "groups:" {
                // Rules of Prometheus, which tests/deploy-files.sh has promtool check.
                assert!(path.ends_with("deploy/README.md"), "{place}");
            } else {
                let file = clone.folder.path().join("shown.yaml");
                std::fs::write(file, block).unwrap();
                let (code, output) = clone.run("flespi-gitops validate shown.yaml 2>&1");
                assert_eq!(code, 0, "{place}\n{output}");
                manifests += 1;
            }
        }
    }
    assert!(manifests >= 5, "{manifests}");
}

#[test]
fn the_version_of_rust_is_the_same_everywhere() {
    let manifest = std::fs::read_to_string(root().join("Cargo.toml")).unwrap();
    let wanted = manifest.lines().find_map(|line| line.strip_prefix("rust-version = "));
    let wanted = wanted.unwrap().trim_matches('"');
    for (file, words) in [
        ("README.md", format!("Rust {wanted} or later")),
        ("examples/deploy/Dockerfile", format!("FROM rust:{wanted}-")),
    ] {
        let text = std::fs::read_to_string(root().join(file)).unwrap();
        assert!(text.contains(&words), "{file} does not say `{words}`");
    }
}
