//! Keys are replaced without anybody being refused, and never for a wrong reason (R12).

use std::time::Duration;

use flespi_gitops::sandbox::{Assumptions, Options};
use serde_json::{Value, json};

use crate::support::World;
use crate::support::pass::Passes;

const HOUR: i64 = 3_600;
const DAY: i64 = 24 * HOUR;

const TOKEN: &str = "\
apiVersion: flespi-gitops/v1
kind: Token
metadata: {name: app}
spec:
  ttl: 90d
  access: master
  deliver: [{file: out/app}]
  rotation: {every: 30d, overlap: 48h}
";

/// A rotated token that was issued, and what it reads as a manifest.
fn rotated(manifest: &str) -> World {
    let world = World::new();
    world.write("token.yaml", manifest);
    world.apply(&["."]);
    world
}

fn key(world: &World) -> String {
    world.read("out/app").trim().to_owned()
}

fn works(world: &World, key: &str) -> bool {
    world.call("GET", "/auth/info", Some(key), None, None).0 == 200
}

/// The live tokens of `token/app`: id and generation, oldest first.
fn generations(world: &World) -> Vec<(i64, u32)> {
    let tokens = world.api("GET", "/platform/tokens/all?fields=id,metadata", None);
    let ours =
        tokens.iter().filter(|token| token["metadata"]["flespi-gitops/address"] == "token/app");
    let number = |token: &Value| {
        let text = token["metadata"]["flespi-gitops/generation"].as_str();
        text.map_or(1, |text| text.parse().unwrap())
    };
    let mut found: Vec<(i64, u32)> =
        ours.map(|token| (token["id"].as_i64().unwrap(), number(token))).collect();
    found.sort_by_key(|(_, number)| *number);
    found
}

fn numbers(world: &World) -> Vec<u32> {
    generations(world).into_iter().map(|(_, number)| number).collect()
}

#[test]
fn a_year_of_rotations_refuses_no_client_that_reads_its_key_from_the_sink() {
    let world = rotated(TOKEN);
    let passes = Passes::new(&world);
    // Who reads the file before each call, and who does so every 42 hours.
    let mut lazy = key(&world);
    let mut changes = 0;
    let mut last = key(&world);
    for step in 1..=365 * 4 {
        world.advance(6 * HOUR);
        if step % 7 == 0 {
            lazy = key(&world);
        }
        assert!(works(&world, &key(&world)), "the eager one is refused after {step} steps");
        assert!(works(&world, &lazy), "the lazy one is refused after {step} steps");
        if step % 4 == 0 {
            passes.pass_well();
            changes += usize::from(key(&world) != last);
            last = key(&world);
            assert!(generations(&world).len() <= 2);
        }
    }
    assert_eq!(changes, 12, "every thirty days");
    assert_eq!(numbers(&world).last(), Some(&13));
}

#[test]
fn a_hundred_restarts_without_local_files_rotate_nothing() {
    let world = rotated(TOKEN);
    let (before, first) = (generations(&world), key(&world));
    world.empty_journal();
    for _ in 0..100 {
        world.advance(HOUR);
        std::fs::remove_dir_all(world.path().join("out")).unwrap();
        // Nothing is kept between two passes but the manifests.
        Passes::new(&world).pass_well();
        assert_eq!(key(&world), first);
    }
    assert_eq!(generations(&world), before);
    assert_eq!(world.writes().len(), 0, "the same key was read again each time");
}

#[test]
fn a_manifest_that_comes_back_is_no_reason_to_rotate() {
    let world = rotated(TOKEN);
    let before = generations(&world);
    std::fs::rename(world.path().join("token.yaml"), world.path().join("gone")).unwrap();
    world.write("limit.yaml", "apiVersion: flespi-gitops/v1\nkind: Limit\nmetadata: {name: a}\n");
    world.apply(&["."]);
    std::fs::rename(world.path().join("gone"), world.path().join("token.yaml")).unwrap();
    world.apply(&["."]);
    assert_eq!(generations(&world), before);
}

#[test]
fn the_plan_says_what_comes_and_why() {
    let world = rotated(TOKEN);
    world.advance(20 * DAY + 60);
    let quiet = world.plan(&["."]);
    assert_eq!(quiet["steps"], json!([]));
    let words = quiet["forecasts"][0]["words"].as_str().unwrap();
    assert!(words.contains("is rotated in 9 days"), "{words}");
    world.advance(10 * DAY);
    let due = world.plan(&["."]);
    let step = &due["steps"][0];
    assert_eq!(
        (&step["action"], &step["id"]),
        (&json!("create"), &json!("token:token/app:generation-2"))
    );
    assert!(
        step["reason"].as_str().unwrap().starts_with("the key is rotated every 30 days"),
        "{step}"
    );
    assert_eq!(due["steps"].as_array().unwrap().len(), 1, "the old key stays for the overlap");
    world.apply(&["."]);
    world.advance(60);
    let text = world.run(&["plan", "."]).expect(0).stdout;
    assert!(text.contains("coming up"), "{text}");
    assert!(text.contains("generation 1 is deleted in 47 hours"), "{text}");
    assert!(text.contains("nothing to do"), "{text}");
    world.advance(2 * DAY);
    let over = world.plan(&["."]);
    let step = &over["steps"][0];
    assert_eq!(
        (&step["action"], &step["id"]),
        (&json!("delete"), &json!("token:token/app:generation-1:retire"))
    );
    assert!(step["reason"].as_str().unwrap().contains("was not used since"), "{step}");
}

#[test]
fn a_key_that_is_proven_to_be_unused_goes_after_half_of_the_overlap() {
    let world = rotated(TOKEN);
    let old = key(&world);
    world.advance(30 * DAY);
    world.apply(&["."]);
    world.advance(HOUR);
    assert!(works(&world, &key(&world)), "the new key is in use");
    world.advance(25 * HOUR);
    world.apply(&["."]);
    assert_eq!(numbers(&world), [2]);
    assert!(!works(&world, &old));
}

#[test]
fn a_key_that_is_still_used_stays_for_the_whole_overlap_and_goes_with_a_warning() {
    let world = rotated(TOKEN);
    let old = key(&world);
    world.advance(30 * DAY);
    world.apply(&["."]);
    world.advance(30 * HOUR);
    assert!(works(&world, &key(&world)) && works(&world, &old));
    world.apply(&["."]);
    assert_eq!(numbers(&world), [1, 2]);
    world.advance(18 * HOUR);
    let text = world.run(&["plan", "."]).expect(0).stdout;
    assert!(text.contains("generation 1 is deleted; it was still used 18 hours ago"), "{text}");
    world.apply(&["."]);
    assert_eq!(numbers(&world), [2]);
}

#[test]
fn with_retire_unused_a_key_stays_as_long_as_somebody_uses_it() {
    let world = rotated(&TOKEN.replace("48h}", "48h, retire: unused}"));
    let old = key(&world);
    world.advance(30 * DAY);
    world.apply(&["."]);
    for _ in 0..5 {
        world.advance(DAY);
        assert!(works(&world, &old));
        world.apply(&["."]);
        assert_eq!(numbers(&world), [1, 2]);
    }
    world.advance(2 * DAY + 60);
    world.apply(&["."]);
    assert_eq!(numbers(&world), [2]);
}

#[test]
fn a_person_can_ask_for_it_and_a_second_time_issues_nothing_more() {
    let world = rotated(&TOKEN.replace("  rotation: {every: 30d, overlap: 48h}\n", ""));
    let old = key(&world);
    world.empty_journal();
    let refused = world.run(&["rotate", "token/app"]).expect(5);
    assert!(refused.stderr.contains("--yes"), "{}", refused.stderr);
    assert_eq!(world.writes().len(), 0);
    world.run(&["rotate", "token/app", "--yes", "--overlap", "2h"]).expect(0);
    assert_eq!(numbers(&world), [1, 2]);
    let again = world.run(&["rotate", "token/app", "--yes"]).expect(0);
    assert!(again.stdout.contains("is being rotated already"), "{}", again.stdout);
    assert_eq!(numbers(&world), [1, 2]);
    assert!(works(&world, &old) && works(&world, &key(&world)));
    // Any later run ends it, on whichever machine.
    world.advance(2 * HOUR + 60);
    world.apply(&["."]);
    assert_eq!(numbers(&world), [2]);
    assert!(!works(&world, &old) && works(&world, &key(&world)));
}

#[test]
fn rotating_touches_nothing_but_the_named_token() {
    let world = rotated(TOKEN);
    world.write("limit.yaml", "apiVersion: flespi-gitops/v1\nkind: Limit\nmetadata: {name: a}\n");
    world.run(&["rotate", "token/app", "--yes"]).expect(0);
    assert_eq!(world.count("limits"), 0);
    let wrong = world.run(&["rotate", "token/ap", "--yes"]).expect(64);
    assert!(wrong.stderr.contains("did you mean token/app?"), "{}", wrong.stderr);
    world.run(&["rotate", "limit/a", "--yes"]).expect(64);
    world.run(&["rotate", "token/app", "--compromised", "--yes"]).expect(64);
}

#[test]
fn now_ends_the_overlap() {
    let world = rotated(TOKEN);
    let old = key(&world);
    world.run(&["rotate", "token/app", "--yes"]).expect(0);
    world.run(&["rotate", "token/app", "--now", "--yes"]).expect(0);
    assert_eq!(numbers(&world), [2], "what was under way is ended, and nothing more is issued");
    assert!(!works(&world, &old) && works(&world, &key(&world)));
    let again = world.run(&["rotate", "token/app", "--now", "--yes"]).expect(0);
    assert!(again.stdout.contains("was rotated less than 5 minutes ago"), "{}", again.stdout);
    assert_eq!(numbers(&world), [2], "an impatient person is no reason to do it twice");
    world.advance(300);
    world.run(&["rotate", "token/app", "--now", "--yes"]).expect(0);
    assert_eq!(numbers(&world), [3]);
}

#[test]
fn a_compromised_key_is_refused_at_once_and_every_other_one_with_it() {
    let world = rotated(TOKEN);
    let first = key(&world);
    world.run(&["rotate", "token/app", "--yes"]).expect(0);
    let second = key(&world);
    world.run(&["rotate", "token/app", "--now", "--compromised", "--yes"]).expect(0);
    assert_eq!(numbers(&world), [3]);
    assert!(!works(&world, &first) && !works(&world, &second) && works(&world, &key(&world)));
    assert_eq!(world.plan(&["."])["steps"], json!([]));
}

#[test]
fn a_compromised_key_stays_valid_when_its_successor_cannot_be_delivered() {
    let world = rotated(TOKEN);
    let first = key(&world);
    std::fs::remove_dir_all(world.path().join("out")).unwrap();
    world.write("out", "a file where a folder should be");
    world.empty_journal();
    world.run(&["rotate", "token/app", "--now", "--compromised", "--yes"]).expect(1);
    assert!(works(&world, &first), "nobody is locked out");
    assert!(world.writes().is_empty(), "the sink was tried first");
}

#[test]
fn a_rotation_that_is_killed_anywhere_is_finished_and_issues_nothing_twice() {
    for (method, path) in [
        ("POST", "/platform/tokens"),
        ("PUT", "/platform/tokens/*"),
        ("DELETE", "/platform/tokens/*"),
    ] {
        for arguments in
            [&["apply", "--yes"][..], &["rotate", "token/app", "--now", "--compromised", "--yes"]]
        {
            let world = rotated(TOKEN);
            world.advance(30 * DAY);
            if arguments[0] == "apply" && method == "DELETE" {
                world.apply(&["."]);
                world.advance(3 * DAY);
            }
            world.faults(&json!({"rules": [{"method": method, "path": path,
                "effect": {"delay": {"milliseconds": 60_000}}}]}));
            world.empty_journal();
            let mut child =
                world.command(arguments).stdout(world.ear()).stderr(world.ear()).spawn().unwrap();
            let arrived = (0..1_000).any(|_| {
                std::thread::sleep(Duration::from_millis(10));
                world.writes().iter().any(|request| request.method == method)
            });
            assert!(arrived, "{method} of {arguments:?} never came");
            child.kill().unwrap();
            child.wait().unwrap();
            world.faults(&json!({"rules": []}));
            world.run(arguments).expect(0);
            world.advance(3 * DAY);
            world.apply(&["."]);
            assert_eq!(numbers(&world), [2], "{method} of {arguments:?}");
            assert!(works(&world, &key(&world)), "{method} of {arguments:?}");
            assert_eq!(world.plan(&["."])["steps"], json!([]), "{method} of {arguments:?}");
        }
    }
}

#[test]
fn a_generation_ends_by_its_own_successor_and_not_by_a_later_one() {
    let world = rotated(TOKEN);
    world.advance(31 * DAY);
    world.apply(&["."]);
    assert_eq!(numbers(&world), [1, 2]);
    // By now the first has to go, and the third is due. Only one of both works out.
    world.advance(31 * DAY);
    world.faults(&json!({"rules": [{"method": "DELETE",
        "effect": {"answer": {"status": 400, "reason": "no"}}}]}));
    world.run(&["apply", ".", "--yes"]).expect(6);
    assert_eq!(numbers(&world), [1, 2, 3]);
    world.faults(&json!({"rules": []}));
    world.apply(&["."]);
    assert_eq!(numbers(&world), [2, 3], "the second was delivered a month ago");
    world.advance(3 * DAY);
    world.apply(&["."]);
    assert_eq!(numbers(&world), [3]);
}

/// A token whose rotation is due, on a platform that gives a key but once, and its key.
fn due_where_keys_are_shown_once() -> (World, String) {
    let mut assumptions = Assumptions::default();
    assumptions.set("token-key-on-read=never").unwrap();
    let world = World::with(Options { assumptions, ..Options::default() });
    world.write("token.yaml", TOKEN);
    world.apply(&["."]);
    let old = key(&world);
    world.advance(30 * DAY);
    (world, old)
}

#[test]
fn a_key_that_nobody_has_any_more_is_issued_again() {
    let (world, old) = due_where_keys_are_shown_once();
    // The answer that holds the key is lost, the platform does not give it again, and the run cannot take its token away.
    world.faults(&json!({"rules": [
        {"method": "POST", "path": "/platform/tokens", "count": 1, "effect": "cut_after"},
        {"method": "DELETE", "count": 1, "effect": {"answer": {"status": 403, "reason": "no"}}}]}));
    world.run(&["apply", ".", "--yes"]).expect(6);
    assert_eq!(numbers(&world), [1, 2]);
    assert!(works(&world, &old) && key(&world) == old);
    let plan = world.plan(&["."]);
    let reason = plan["steps"][0]["reason"].as_str().unwrap();
    assert!(reason.contains("neither the platform nor a sink has it"), "{plan:#}");
    world.apply(&["."]);
    assert_eq!(numbers(&world), [1, 3], "the useless one is gone, the old one has its overlap");
    assert!(works(&world, &old) && works(&world, &key(&world)) && key(&world) != old);
}

#[test]
fn a_generation_whose_key_got_lost_is_made_again_by_the_same_run() {
    let (world, old) = due_where_keys_are_shown_once();
    world.faults(&json!({"rules": [
        {"method": "POST", "path": "/platform/tokens", "count": 1, "effect": "cut_after"}]}));
    world.apply(&["."]);
    assert_eq!(numbers(&world), [1, 2]);
    assert!(works(&world, &old) && works(&world, &key(&world)) && key(&world) != old);
    assert_eq!(world.plan(&["."])["steps"], json!([]));
}

#[test]
fn the_token_that_signs_the_run_is_not_deleted_by_it() {
    let world = rotated(TOKEN);
    let own = key(&world);
    let with = |key: &str, arguments: &[&str]| {
        let mut command = world.command(arguments);
        command.env("FLESPI_TOKEN", key);
        crate::support::run(command)
    };
    let partial = with(&own, &["rotate", "token/app", "--now", "--yes"]).expect(6);
    assert!(partial.stdout.contains("is the token of this run"), "{}", partial.stdout);
    assert!(works(&world, &own), "the run that works with it goes on");
    let next = key(&world);
    assert_ne!(next, own);
    with(&next, &["apply", ".", "--yes"]).expect(0);
    assert!(!works(&world, &own) && works(&world, &next));
}

#[test]
fn both_keys_of_an_overlap_may_do_what_the_manifest_says_and_no_more() {
    let world = rotated(TOKEN);
    world.run(&["rotate", "token/app", "--yes"]).expect(0);
    world.edit("token.yaml", "access: master", "access: standard");
    world.apply(&["."]);
    let tokens = world.api("GET", "/platform/tokens/all?fields=id,access,metadata", None);
    let ours = tokens.iter().filter(|it| it["metadata"]["flespi-gitops/address"] == "token/app");
    let types: Vec<&Value> = ours.map(|token| &token["access"]["type"]).collect();
    assert_eq!(types, [0, 0]);
    assert_eq!(world.plan(&["."])["steps"], json!([]));
}

#[test]
fn a_rename_and_a_prune_take_both_keys_of_an_overlap_along() {
    let world = rotated(TOKEN);
    world.run(&["rotate", "token/app", "--yes"]).expect(0);
    let before = world.count("tokens");
    world.edit("token.yaml", "{name: app}", "{name: service, moved_from: token/app}");
    let plan = world.plan(&[".", "--prune"]);
    assert_eq!(
        (&plan["summary"]["create"], &plan["summary"]["delete"]),
        (&json!(0), &json!(0)),
        "{plan:#}"
    );
    world.apply(&[".", "--prune"]);
    assert_eq!(world.plan(&[".", "--prune"])["steps"], json!([]));
    assert_eq!(world.count("tokens"), before);
    std::fs::remove_file(world.path().join("token.yaml")).unwrap();
    world.write(
        "stack.yaml",
        "apiVersion: flespi-gitops/v1\nkind: Stack\nmetadata: {name: default}\n",
    );
    world.apply(&[".", "--prune"]);
    assert_eq!(world.count("tokens"), before - 2);
}

#[test]
fn a_rename_that_is_cut_off_between_two_generations_is_finished_and_issues_nothing() {
    for is_bound in [false, true] {
        let world = World::new();
        let account =
            "---\napiVersion: flespi-gitops/v1\nkind: Subaccount\nmetadata: {name: acme}\n";
        let token = TOKEN.replace("{name: app}", "{name: app, account: acme}");
        world.write("all.yaml", &format!("{token}{account}"));
        world.apply(&["."]);
        if is_bound {
            let id = &world.item("tokens", "info", "app")["id"];
            world.edit("all.yaml", "account: acme}", &format!("account: acme, id: {id}}}"));
        }
        world.run(&["rotate", "token/acme/app", "--yes"]).expect(0);
        let (before, tokens) = (key(&world), world.count("tokens"));
        world.edit("all.yaml", "account: acme", "account: acme-gmbh");
        world.edit("all.yaml", "{name: acme}", "{name: acme-gmbh, moved_from: subaccount/acme}");
        // The mark of the next generation alone is not written.
        let all = world.api("GET", "/platform/tokens/all?fields=id,metadata", None);
        let is_next = |token: &&Value| token["metadata"]["flespi-gitops/generation"] == "2";
        let path = format!("/platform/tokens/{}*", all.iter().find(is_next).unwrap()["id"]);
        world.faults(&json!({"rules": [{"method": "PUT", "path": path,
            "effect": {"answer": {"status": 403, "reason": "no"}}}]}));
        world.run(&["apply", ".", "--yes"]).expect(6);
        world.faults(&json!({"rules": []}));
        let plan = world.plan(&["."]);
        assert_eq!(
            (&plan["summary"]["create"], &plan["blocked"]),
            (&json!(0), &json!([])),
            "{plan:#}"
        );
        world.apply(&["."]);
        let plan = world.plan(&["."]);
        assert_eq!((&plan["steps"], &plan["blocked"]), (&json!([]), &json!([])), "{plan:#}");
        assert_eq!((key(&world), world.count("tokens")), (before, tokens), "bound: {is_bound}");
    }
}

#[test]
fn an_adopted_token_is_rotated_away_from_its_id() {
    let world = World::new();
    let made = world.api(
        "POST",
        "/platform/tokens",
        Some(&json!([{"info": "app", "ttl": 7_776_000, "access": {"type": 1}}])),
    );
    let id = made[0]["id"].as_i64().unwrap();
    world.write("token.yaml", &TOKEN.replace("{name: app}", &format!("{{name: app, id: {id}}}")));
    world.apply(&["."]);
    world.advance(30 * DAY);
    world.apply(&["."]);
    assert_eq!(numbers(&world), [1, 2]);
    world.advance(2 * DAY + 60);
    world.apply(&["."]);
    assert_eq!(numbers(&world), [2], "the manifest still names the id of the first");
    assert!(works(&world, &key(&world)));
    assert_eq!(world.plan(&["."])["steps"], json!([]));
}

#[test]
fn a_key_that_was_replaced_never_comes_back_from_the_recycle_bin() {
    let world = rotated(&TOKEN.replace("ttl: 90d", "ttl: 7d"));
    let first = key(&world);
    world.run(&["rotate", "token/app", "--now", "--compromised", "--yes"]).expect(0);
    assert_eq!(numbers(&world), [2]);
    world.advance(8 * DAY);
    // The second has lapsed, and what lies in the bin is the one in wrong hands.
    world.apply(&["."]);
    assert_eq!(numbers(&world), [3]);
    assert!(!works(&world, &first) && works(&world, &key(&world)));
}

#[test]
fn an_export_in_the_middle_of_an_overlap_has_the_newest_generation() {
    let world = rotated(TOKEN);
    world.run(&["rotate", "token/app", "--yes"]).expect(0);
    let (newest, _) = generations(&world)[1];
    let text = world.run(&["export"]).expect(0).stdout;
    assert!(text.contains(&format!("name: app\n  id: {newest}\n")), "{text}");
    assert!(text.contains("Left out: keys whose successors are written"), "{text}");
}

#[test]
fn the_daemon_rotates_on_its_interval() {
    let world = rotated(TOKEN);
    world.advance(30 * DAY);
    let mut child = world
        .command(&["watch", ".", "--interval", "1s"])
        .stdout(world.ear())
        .stderr(world.ear())
        .spawn()
        .unwrap();
    let reached = |expected: &[u32]| {
        (0..1_500).any(|_| {
            std::thread::sleep(Duration::from_millis(20));
            numbers(&world) == expected
        })
    };
    let is_issued = reached(&[1, 2]);
    world.advance(3 * DAY);
    let is_retired = reached(&[2]);
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(is_issued && is_retired, "{:?}", numbers(&world));
}
