//! The first minutes: files that are valid as they are written, and nobody's own file changed.

use std::path::Path;

use serde_json::json;

use crate::support::World;

/// All files below the folder of the world, without the state of runs.
fn files(world: &World) -> Vec<String> {
    let entries = walkdir::WalkDir::new(world.path()).sort_by_file_name();
    let files = entries.into_iter().map(Result::unwrap).filter(|entry| entry.file_type().is_file());
    let shown = files
        .map(|file| file.path().strip_prefix(world.path()).unwrap().to_str().unwrap().to_owned());
    shown.filter(|path| !path.starts_with(".flespi-gitops/")).collect()
}

#[test]
fn what_init_writes_is_valid_and_can_be_applied_at_once() {
    let world = World::new();
    let run = world.run(&["init", "--stack", "fleet", "--ci", "github"]).expect(0);
    let written = [
        ".gitattributes",
        ".github/workflows/flespi-gitops.yml",
        ".gitignore",
        "accounts/limits.yaml",
        "accounts/stack.yaml",
        "accounts/subaccounts.yaml",
        "schemas/manifest.schema.json",
    ];
    assert_eq!(files(&world), written);
    for path in written {
        assert!(run.stdout.contains(&format!("wrote {path}\n")), "{}", run.stdout);
    }
    world.run(&["validate", "accounts", "--deny", "warnings"]).expect(0);
    let first = world.read("accounts/limits.yaml");
    let schema = first.lines().next().unwrap().split_once("$schema=").unwrap().1;
    assert!(world.path().join("accounts").join(schema).is_file(), "{schema}");
    world.apply(&["accounts"]);
    world.run(&["plan", "accounts", "--detailed-exitcode"]).expect(0);
    assert_eq!(
        world.item("subaccounts", "name", "First subaccount")["metadata"]["flespi-gitops/stack"],
        "fleet"
    );
    // Once more changes nothing.
    let again = world.run(&["init", "--stack", "fleet", "--ci", "github", "--format", "json"]);
    let again = again.expect(0).json();
    assert_eq!((again["written"].clone(), again["kept"].as_array().unwrap().len()), (json!([]), 7));
}

#[test]
fn what_is_there_is_kept_and_what_it_lacks_is_told() {
    let world = World::new();
    world.write(".gitignore", "/target\nout/\n");
    world.write(".gitlab-ci.yml", "mine\n");
    let run = world.run(&["init", "teams/one"]).expect(0);
    assert_eq!(world.read(".gitignore"), "/target\nout/\n");
    assert_eq!(world.read(".gitlab-ci.yml"), "mine\n");
    assert!(run.stdout.contains("kept  .gitignore (already exists)\n      missing line: /.flespi-gitops/\n      missing line: *.plan\n"), "{}", run.stdout);
    let first = world.read("teams/one/stack.yaml");
    assert!(first.starts_with("# yaml-language-server: $schema=../../schemas/"), "{first}");
    world.run(&["validate", "teams/one", "--deny", "warnings"]).expect(0);
}

#[test]
fn a_folder_with_other_manifests_is_left_alone() {
    let world = World::new();
    let mine =
        "apiVersion: flespi-gitops/v1\nkind: Limit\nmetadata: {name: mine}\nspec: {name: Mine}\n";
    for name in ["accounts/mine.yaml", "accounts/limits.yaml"] {
        world.write(name, mine);
        let run = world.run(&["init"]).expect(5);
        assert!(
            run.stderr.contains(name) && run.stderr.contains("another folder")
                || run.stderr.contains("an empty folder"),
            "{}",
            run.stderr
        );
        assert_eq!(files(&world), [name]);
        std::fs::remove_file(world.path().join(name)).unwrap();
    }
    for outside in ["../there", "/tmp/there"] {
        world.run(&["init", outside]).expect(64);
    }
    world.run(&["init", "--stack", "No Name"]).expect(64);
    assert_eq!(files(&world), Vec::<String>::new());
    assert!(!Path::new("/tmp/there").exists());
}

#[test]
fn an_account_that_has_something_already_is_written_as_it_is() {
    let world = World::new();
    world.api("POST", "/platform/limits", Some(&json!([{"name": "basic", "devices_count": 3}])));
    let run = world.run(&["init", "--from-account", "--ci", "none"]).expect(0);
    assert!(run.stdout.ends_with("next:\n  flespi-gitops plan accounts\n"), "{}", run.stdout);
    let paths = files(&world);
    let limit =
        paths.iter().find(|path| path.contains("limit") && path.ends_with(".yaml")).unwrap();
    let text = world.read(limit);
    let (_, schema) = text.split_once("$schema=").unwrap();
    let schema = schema.lines().next().unwrap();
    let folder = Path::new(limit).parent().unwrap();
    assert!(world.path().join(folder).join(schema).is_file(), "{limit}: {schema}");
    world.run(&["plan", "accounts", "--detailed-exitcode"]).expect(0);
}
