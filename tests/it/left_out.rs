//! What is not read is told, and is never taken for deleted: other names, other tools, empty files, half a checkout.

use serde_json::json;

use crate::support::World;

const STACK: &str = "apiVersion: flespi-gitops/v1\nkind: Stack\nmetadata: {name: fleet}\n";
const STARTER: &str = "apiVersion: flespi-gitops/v1\nkind: Limit\nmetadata: {name: starter}\n";
const DEPOT: &str = "apiVersion: flespi-gitops/v1\nkind: Limit\nmetadata: {name: depot}\n";

/// Two limits on the platform, each in a file of its own.
fn world() -> World {
    let world = World::new();
    world.write("m/stack.yaml", STACK);
    world.write("m/starter.yaml", STARTER);
    world.write("m/depot.yaml", DEPOT);
    world.apply(&["m"]);
    world.empty_journal();
    world
}

fn rename(world: &World, from: &str, to: &str) {
    std::fs::rename(world.path().join(from), world.path().join(to)).unwrap();
}

#[test]
fn r30_a_file_with_another_name_is_no_deletion() {
    for name in [
        "starter.json",
        "starter.yaml.bak",
        "starter.yaml.disabled",
        "starter.txt",
        "starter",
        ".starter.yaml",
    ] {
        let world = world();
        rename(&world, "m/starter.yaml", &format!("m/{name}"));
        if name.ends_with(".json") {
            let body = r#"{"apiVersion": "flespi-gitops/v1", "kind": "Limit", "metadata": {"name": "starter"}}"#;
            world.write(&format!("m/{name}"), body);
        }
        let told = world.run(&["validate", "m"]).expect(0);
        assert!(told.stdout.contains("warning[unread-manifest]"), "{name}: {}", told.stdout);
        let plan = world.run(&["plan", "m", "--prune"]).expect(0);
        assert!(plan.stdout.contains("--approve"), "{name}: {}", plan.stdout);
        let refused = world.run(&["apply", "m", "--prune", "--yes"]).expect(5);
        let all = format!("{}{}", refused.stdout, refused.stderr);
        assert!(
            all.contains(name) && all.contains("not everything could be read"),
            "{name}: {all}"
        );
        assert_eq!(world.writes().len(), 0, "{name}");
        // Without --prune nothing is deleted anyway.
        world.apply(&["m"]);
        // Whoever means it says so in a file that is reviewed, or approves what is shown.
        let digest = world.plan(&["m", "--prune"])["digest"].as_str().unwrap().to_owned();
        world.write("m/.flespi-gitopsignore", &format!("/{name}\n"));
        world.run(&["validate", "m", "--format", "json"]).expect(0);
        assert_eq!(world.plan(&["m", "--prune"])["summary"]["delete"], 1, "{name}");
        std::fs::remove_file(world.path().join("m/.flespi-gitopsignore")).unwrap();
        world.run(&["apply", "m", "--prune", "--yes", "--approve", &digest]).expect(0);
        assert_eq!(world.count("limits"), 1, "{name}");
    }
}

#[test]
fn the_case_of_an_extension_changes_nothing() {
    for name in ["starter.YAML", "starter.Yml", "starter.YML", "starter.Yaml"] {
        let world = world();
        rename(&world, "m/starter.yaml", &format!("m/{name}"));
        let plan = world.plan(&["m", "--prune"]);
        assert_eq!(plan["steps"], json!([]), "{name}: {plan}");
        let told = world.run(&["validate", "m", "--format", "json"]).expect(0);
        assert_eq!(told.json(), json!([]), "{name}");
    }
}

#[test]
fn what_editors_and_people_leave_beside_manifests_is_not_told() {
    let world = world();
    world.write("m/starter.yaml~", STARTER);
    world.write("m/#starter.yaml#", STARTER);
    world.write("m/README.md", &format!("# Limits\n\nSuch as\n\n```yaml\n{STARTER}```\n"));
    world.write("m/plan.json", &world.plan(&["m"]).to_string());
    world.run(&["schema", "--out", "m/schemas"]).expect(0);
    let told = world.run(&["validate", "m", "--format", "json"]).expect(0);
    assert_eq!(told.json(), json!([]));
}

#[test]
fn what_is_not_written_yet_or_not_mounted_is_no_deletion() {
    // A file that a checkout has made and not filled.
    let world = world();
    world.write("m/starter.yaml", "");
    let refused = world.run(&["apply", "m", "--prune", "--yes"]).expect(5);
    assert!(refused.stderr.contains("m/starter.yaml: the file is empty"), "{}", refused.stderr);
    // A volume that is not mounted.
    let world = world_of_two();
    std::fs::remove_file(world.path().join("tenants/starter.yaml")).unwrap();
    let refused = world.run(&["apply", "m", "tenants", "--prune", "--yes"]).expect(5);
    assert!(refused.stderr.contains("tenants: the folder is empty"), "{}", refused.stderr);
    world.run(&["apply", "m", "--prune", "--yes"]).expect(0);
    assert_eq!(world.count("limits"), 1, "a path that is not given is not missed");
    // A checkout under way.
    let world = self::world();
    std::fs::remove_file(world.path().join("m/starter.yaml")).unwrap();
    world.write(".git/index.lock", "");
    let refused = world.run(&["apply", "m", "--prune", "--yes"]).expect(5);
    assert!(refused.stderr.contains("index.lock"), "{}", refused.stderr);
    assert_eq!(world.writes().len(), 0);
    std::fs::remove_file(world.path().join(".git/index.lock")).unwrap();
    world.run(&["apply", "m", "--prune", "--yes"]).expect(0);
}

/// The same limits in two folders.
fn world_of_two() -> World {
    let world = World::new();
    world.write("m/stack.yaml", STACK);
    world.write("m/depot.yaml", DEPOT);
    world.write("tenants/starter.yaml", STARTER);
    world.apply(&["m", "tenants"]);
    world
}

#[test]
fn documents_of_other_tools_are_left_alone() {
    let world = world();
    for (name, text) in [
        ("mkdocs.yml", "site_name: fleet\nmarkdown_extensions:\n  - x: !!python/name:a.b\n"),
        (
            "compose.yaml",
            "x-env: &env {A: b}\nservices:\n  a: {environment: {<<: *env, FLESPI_TOKEN: x}}\n",
        ),
        ("kustomization.yaml", "resources: [a.yaml]\n"),
        ("chart/Chart.yaml", "apiVersion: v2\nname: fleet\nversion: 1.0.0\n"),
        ("ci.yml", "plan:\n  script: !reference [.a, script]\n"),
        ("playbook.yml", "- hosts: all\n  tasks: []\n"),
        (
            "k8s.yaml",
            "apiVersion: v1\nkind: Namespace\nmetadata: {name: a}\n---\napiVersion: apps/v1\nkind: Deployment\n\
             metadata: {name: flespi-gitops}\nspec: {}\n",
        ),
        (".github/workflows/plan.yml", "on: push\njobs: {}\n"),
    ] {
        world.write(&format!("m/{name}"), text);
    }
    let told = world.run(&["validate", "m", "--format", "json"]).expect(0).json();
    assert_eq!(told.as_array().unwrap().len(), 1, "{told:#}");
    assert_eq!(
        (&told[0]["code"], &told[0]["severity"]),
        (&json!("foreign-document"), &json!("note"))
    );
    let message = told[0]["message"].as_str().unwrap();
    for name in ["mkdocs.yml", "compose.yaml", "kustomization.yaml", "Chart.yaml", "ci.yml"] {
        assert!(message.contains(name), "{message}");
    }
    assert!(message.starts_with("8 documents"), "{message}");
    // They keep nobody from deleting.
    std::fs::remove_file(world.path().join("m/starter.yaml")).unwrap();
    world.run(&["apply", "m", "--prune", "--yes"]).expect(0);
    assert_eq!(world.count("limits"), 1);
}

#[test]
fn a_slip_of_the_pen_is_no_document_of_others() {
    for (from, to) in [
        ("flespi-gitops/v1", "flespi-gitops/v2"),
        ("flespi-gitops/v1", "flespi-gitop/v1"),
        ("flespi-gitops/v1", "v1"),
        ("apiVersion: flespi-gitops/v1\n", ""),
        ("kind: Limit", "kind: Limti"),
        ("kind: Limit\n", ""),
        ("apiVersion: flespi-gitops/v1\nkind: Limit\n", ""),
        ("apiVersion", "apiversion"),
        (
            "apiVersion: flespi-gitops/v1\nkind: Limit\nmetadata: {name: starter}\n",
            "apiVersion: fle",
        ),
        ("apiVersion: flespi-gitops/v1\nkind: Limit\nmetadata: {name: starter}\n", "apiVer"),
    ] {
        let world = world();
        world.edit("m/starter.yaml", from, to);
        world.run(&["apply", "m", "--prune", "--yes"]).expect(3);
        assert_eq!(world.writes().len(), 0);
    }
}

#[test]
fn patterns_are_those_of_git() {
    let world = World::new();
    world.write("stack.yaml", STACK);
    let read = |world: &World| {
        let plan = world.plan(&["."]);
        let steps = plan["steps"].as_array().unwrap().clone();
        steps.iter().map(|step| step["address"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    for name in ["a", "b", "old/c", "old/d", "deep/old/e", "deep/f"] {
        let limit = name.rsplit('/').next().unwrap();
        world.write(&format!("{name}.yaml"), &STARTER.replace("starter", limit));
    }
    assert_eq!(read(&world).len(), 6);
    for (patterns, expected) in [
        ("# nothing\n\n", &["a", "b", "c", "d", "e", "f"][..]),
        ("old/\n", &["a", "b", "f"]),
        ("/old\n", &["a", "b", "e", "f"]),
        ("*.yaml\n!/a.yaml\n!stack.yaml\n", &["a"]),
        ("deep/**/e.yaml\n", &["a", "b", "c", "d", "f"]),
        ("old/*\n!old/c.yaml\n", &["a", "b", "c", "e", "f"]),
        // What lies in a folder that is left out does not come back.
        ("old\n!old/c.yaml\n", &["a", "b", "f"]),
        ("[ab].yaml\n", &["c", "d", "e", "f"]),
        ("{a,b}.yaml\n", &["a", "b", "c", "d", "e", "f"]),
        ("\\!a.yaml\na.yaml   \n", &["b", "c", "d", "e", "f"]),
    ] {
        world.write(".flespi-gitopsignore", patterns);
        let expected: Vec<String> = expected.iter().map(|name| format!("limit/{name}")).collect();
        assert_eq!(read(&world), expected, "{patterns}");
    }
    // The nearer file decides, and holds for its folder alone.
    world.write(".flespi-gitopsignore", "f.yaml\n");
    world.write("deep/.flespi-gitopsignore", "!f.yaml\n/old\n");
    assert_eq!(read(&world), ["limit/a", "limit/b", "limit/c", "limit/d", "limit/f"]);
    // What is given is read.
    assert_eq!(world.plan(&["stack.yaml", "deep/old/e.yaml"])["summary"]["create"], 1);
}

#[test]
fn an_export_does_not_complain_about_what_is_left_out() {
    let world = world();
    world.write("live/notes.yaml", "by: hand\n");
    let told = world.run(&["export", "--out", "live"]).expect(0);
    assert!(told.stderr.contains("notes.yaml is not part of this export"), "{}", told.stderr);
    world.write("live/.flespi-gitopsignore", "notes.yaml\n");
    let told = world.run(&["export", "--out", "live"]).expect(0);
    assert!(!told.stderr.contains("notes.yaml"), "{}", told.stderr);
}
