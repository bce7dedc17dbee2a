//! Arguments: alike in all commands, and helpful where they are wrong.

use crate::support::World;

const SET: &str = "\
apiVersion: flespi-gitops/v1
kind: Token
metadata: {name: app}
spec: {ttl: 30d, access: master, deliver: [{file: out/app}]}
---
apiVersion: flespi-gitops/v1
kind: Limit
metadata: {name: starter}
spec: {devices_count: 5}
";

#[test]
fn manifests_and_what_is_left_out_are_named_alike_everywhere() {
    let world = World::new();
    world.write("accounts/set.yaml", SET);
    world.write("elsewhere/.keep", "");
    let commands: &[&[&str]] = &[
        &["validate"],
        &["plan"],
        &["apply", "--yes"],
        &["status"],
        &["rotate", "token/app", "--yes"],
        &["explain", "token/app", "GET", "gw/devices/1"],
    ];
    for command in commands {
        let with = |more: &[&str]| {
            let all: Vec<&str> = command.iter().chain(more).copied().collect();
            let run = world.run(&all);
            assert!(matches!(run.code, 0 | 1), "{all:?}: {} {}", run.stdout, run.stderr);
            run
        };
        with(&["--manifests", "accounts"]);
        with(&["--manifests", "accounts/set.yaml", "--exclude", "limit/*"]);
        if !matches!(command[0], "rotate" | "explain") {
            with(&["accounts"]);
            with(&["accounts", "--exclude", "limit/**", "--exclude", "subaccount/legacy-*"]);
        }
    }
    // Both ways at once are both.
    world.write("more/limit.yaml", &SET.split("---\n").nth(1).unwrap().replace("starter", "more"));
    let plan = world.run(&["plan", "accounts", "--manifests", "more", "--format", "json"]);
    assert!(plan.expect(0).stdout.contains("limit/more"));
    let out = world.run(&["plan", "more", "--exclude", "limit/more", "--format", "json"]).expect(0);
    assert_eq!(out.json()["steps"], serde_json::json!([]));
    let masters = world.run(&["validate", "accounts", "--exclude", "token/*"]).expect(0).stderr;
    assert!(!masters.contains("token/app"), "{masters}");
}

#[test]
fn what_is_excluded_is_said_to_be_excluded() {
    let world = World::new();
    world.write("set.yaml", SET);
    for arguments in [&["rotate", "token/app", "--yes"][..], &["explain", "token/app", "GET", "x"]]
    {
        let mut all = arguments.to_vec();
        all.extend(["--manifests", "set.yaml", "--exclude", "token/*"]);
        let run = world.run(&all).expect(64);
        assert!(run.stderr.contains("token/app is excluded"), "{}", run.stderr);
    }
}

#[test]
fn words_of_other_tools_lead_to_ours() {
    let world = World::new();
    world.write("set.yaml", SET);
    for (arguments, words) in [
        (&["apply", "set.yaml", "--auto-approve"][..], "use '--yes'"),
        (&["apply", "set.yaml", "-auto-approve"], "use '--yes'"),
        (&["apply", "set.yaml", "--dry-run"], "use the command 'plan'"),
        (&["plan", "set.yaml", "--token", "CANARY"], "--token-file FILE"),
        (&["plan", "-f", "set.yaml"], "write their paths after the command"),
        (&["diff", "set.yaml"], "use 'plan'"),
        (&["destroy"], "apply --prune"),
    ] {
        let run = world.run(arguments).expect(64);
        assert!(run.stderr.contains(words), "{arguments:?}: {}", run.stderr);
        assert!(!run.stderr.contains("CANARY"), "{}", run.stderr);
    }
    assert!(world.journal().is_empty());
}
