//! The tokens of an account are made together, and no key of them is lost whatever becomes of the call.

use std::path::PathBuf;

use serde_json::{Value, json};

use crate::support::World;

/// `count` tokens in each of these accounts, each with a file for its key.
fn manifests(accounts: &[&str], count: usize) -> String {
    let mut text = String::new();
    for account in accounts {
        text += &format!(
            "---\napiVersion: flespi-gitops/v1\nkind: Subaccount\nmetadata: {{name: {account}}}\n"
        );
        for number in 0..count {
            text += &format!(
                "---\napiVersion: flespi-gitops/v1\nkind: Token\nmetadata: {{name: t{number}, account: {account}}}\n\
                 spec: {{ttl: 90d, access: standard, deliver: [{{file: out/{account}-t{number}}}]}}\n"
            );
        }
    }
    text
}

#[track_caller]
fn assert_spool_is_empty(world: &World) {
    let spool = world.path().join(".flespi-gitops/state");
    let left = walkdir::WalkDir::new(spool).into_iter().flatten().map(|it| it.path().to_owned());
    // The spool's own key stays.
    let is_kept = |it: &PathBuf| {
        it.is_file() && it.to_string_lossy().contains("/spool/") && !it.ends_with("key")
    };
    let left: Vec<PathBuf> = left.filter(is_kept).collect();
    assert!(left.is_empty(), "{left:?}");
}

/// Applies, and sees that every file has the key of the one token that it belongs to.
#[track_caller]
fn apply(world: &World, accounts: &[&str], count: usize) {
    world.write("all.yaml", &manifests(accounts, count));
    world.apply(&["."]);
    let tokens = world.api("GET", "/platform/tokens/all?fields=id,info,cid", None);
    let accounts_there = world.api("GET", "/platform/subaccounts/all?fields=id,name", None);
    for account in accounts {
        let owner = accounts_there.iter().find(|it| it["name"] == *account).unwrap()["id"].clone();
        for number in 0..count {
            let name = format!("t{number}");
            let of_name = tokens.iter().filter(|it| it["info"] == name && it["cid"] == owner);
            assert_eq!(of_name.count(), 1, "{account} {name}");
            let key = world.read(&format!("out/{account}-t{number}"));
            let (status, answer) = world.call("GET", "/auth/info", Some(key.trim()), None, None);
            assert_eq!(status, 200, "{account} {name}");
            assert_eq!(answer["result"][0]["info"], name, "{answer}");
            assert_eq!(answer["result"][0]["cid"], owner, "{answer}");
        }
    }
    assert_spool_is_empty(world);
    let plan = world.plan(&["."]);
    assert_eq!(plan["steps"], json!([]), "{plan}");
}

fn posts(world: &World) -> usize {
    let is_it = |line: &str| line == "POST /platform/tokens";
    world.writes().iter().filter(|request| is_it(&request.line())).count()
}

#[test]
fn the_key_of_a_token_without_a_sink_is_kept_nowhere() {
    let world = World::new();
    let text = manifests(&["a"], 3).replace(", deliver: [{file: out/a-t1}]", "");
    assert_eq!(text.matches("deliver").count(), 2);
    world.write("all.yaml", &text);
    world.apply(&["."]);
    assert_spool_is_empty(&world);
}

#[test]
fn sixty_tokens_of_an_account_are_made_by_two_calls() {
    let world = World::new();
    apply(&world, &["a"], 60);
    assert_eq!(posts(&world), 2);
}

/// What `token-batch` can be where several tokens of a call are not all made.
const ONE_BY_ONE: [&str; 2] = ["token-batch=refuse", "token-batch=first"];

#[test]
fn a_platform_that_makes_tokens_one_by_one_gets_them_so_after_one_call() {
    for assumption in ONE_BY_ONE {
        let world = World::assuming(&[assumption]);
        apply(&world, &["a"], 5);
        assert!(posts(&world) <= 5 + 1, "{assumption}: {} calls", posts(&world));
        apply(&world, &["a", "b", "c"], 5);
    }
}

#[test]
fn what_a_run_learns_of_the_platform_holds_for_the_accounts_that_come_later() {
    // More than are begun together, so that some come later.
    let (at_once, later, tokens) = (64, 6, 2);
    let accounts: Vec<String> = (0..at_once + later).map(|number| format!("a{number}")).collect();
    let accounts: Vec<&str> = accounts.iter().map(String::as_str).collect();
    for assumption in ONE_BY_ONE {
        let world = World::assuming(&[assumption]);
        let mut text = manifests(&accounts, tokens);
        while let Some(from) = text.find(", deliver:") {
            let to = from + text[from..].find("}]").unwrap() + 2;
            text.replace_range(from..to, "");
        }
        world.write("all.yaml", &text);
        world.apply(&["."]);
        let all = accounts.len() * tokens;
        assert!(posts(&world) >= all, "{assumption}: {} calls", posts(&world));
        assert!(posts(&world) <= all + at_once, "{assumption}: {} calls", posts(&world));
    }
}

#[test]
fn an_answer_that_is_lost_costs_no_key_and_makes_no_second_token() {
    for key_on_read in ["token-key-on-read=asked", "token-key-on-read=never"] {
        for effect in [json!("cut_after"), json!({"truncate": {"keep": 20}})] {
            let world = World::assuming(&[key_on_read]);
            world.faults(&json!({"rules": [
                {"method": "POST", "path": "/platform/tokens*", "count": 1, "effect": effect}]}));
            apply(&world, &["a"], 7);
        }
    }
}

#[test]
fn a_token_whose_place_is_not_to_be_written_to_keeps_back_no_other() {
    let world = World::new();
    let text = manifests(&["a"], 3).replace("out/a-t1", "out/a-t0/below-a-file");
    world.write("all.yaml", &text);
    world.write("out/a-t0", "");
    let report = world.run(&["apply", ".", "--yes", "--format", "json"]);
    let report: Value = report.json();
    let outcomes: Vec<(&str, &str)> = report["steps"]
        .as_array()
        .unwrap()
        .iter()
        .map(|step| (step["address"].as_str().unwrap(), step["outcome"].as_str().unwrap()))
        .collect();
    let of = |name: &str| outcomes.iter().find(|(address, _)| *address == name).unwrap().1;
    assert_eq!(of("token/a/t2"), "applied");
    assert_ne!(of("token/a/t1"), "applied", "{outcomes:?}");
}
