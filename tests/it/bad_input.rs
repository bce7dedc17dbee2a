//! Wrong manifests: everything at once, each with its place, and nothing is sent.

use crate::support::World;

#[test]
fn everything_that_is_wrong_is_told_at_once_and_nothing_is_sent() {
    let world = World::new();
    world.write(
        "wrong.yaml",
        "\
apiVersion: flespi-gitops/v1
kind: Limit
metadata: {name: starter}
spec: {device_count: 1}
---
apiVersion: flespi-gitops/v1
kind: Limit
metadata: {name: starter}
spec: {devices_count: many}
---
apiVersion: flespi-gitops/v1
kind: Subaccount
metadata: {name: acme, account: emea}
spec: {limit: strater}
---
apiVersion: flespi-gitops/v1
kind: Token
metadata: {name: app}
spec: {access: master}
",
    );
    for command in ["validate", "plan", "apply"] {
        let run = world.run(&[command, ".", "--format", "json"]).expect(3);
        let told = run.json();
        let codes: Vec<(&str, u64)> = told
            .as_array()
            .unwrap()
            .iter()
            .map(|finding| (finding["code"].as_str().unwrap(), finding["line"].as_u64().unwrap()))
            .collect();
        for expected in [
            ("unknown-field", 4),
            ("duplicate-address", 8),
            ("wrong-type", 9),
            ("undeclared-account", 13),
            ("undeclared-limit", 14),
            ("token-without-end", 19),
        ] {
            assert!(codes.contains(&expected), "{expected:?} is not in {codes:?}");
        }
    }
    assert_eq!(world.journal().len(), 0);
}

#[test]
fn an_empty_folder_an_absent_one_and_an_unreadable_file_are_errors() {
    let world = World::new();
    std::fs::create_dir(world.path().join("empty")).unwrap();
    world.run(&["validate", "empty"]).expect(3);
    world.run(&["validate", "absent"]).expect(3);
    let broken = world.write("broken.yaml", "");
    std::fs::write(broken, [0xff, 0xfe, 0x00]).unwrap();
    world.run(&["validate", "broken.yaml"]).expect(3);
    assert_eq!(world.journal().len(), 0);
}

#[test]
fn manifests_come_from_the_standard_input_too() {
    let world = World::new();
    let mut command = world.command(&["validate", "-"]);
    let file = world
        .write("limit.txt", "apiVersion: flespi-gitops/v1\nkind: Limit\nmetadata: {name: a}\n");
    command.stdin(std::fs::File::open(file).unwrap());
    let run = crate::support::run(command).expect(0);
    assert!(run.stdout.contains("1 manifest"), "{}", run.stdout);
}
