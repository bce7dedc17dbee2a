//! Answers that cannot be all there is, clocks that cannot be right, and what is never concluded from them (R4, R14).

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};

use crate::support::between::{Between, Passing};
use crate::support::{Request, World};

const ESTATE: &str = "\
apiVersion: flespi-gitops/v1
kind: Limit
metadata: {name: starter}
spec: {devices_count: 10}
---
apiVersion: flespi-gitops/v1
kind: Subaccount
metadata: {name: acme}
spec: {limit: starter}
---
apiVersion: flespi-gitops/v1
kind: Token
metadata: {name: app, account: acme}
spec: {ttl: 30d, access: standard}
";

const OLD_LIMIT: &str = "\
apiVersion: flespi-gitops/v1
kind: Limit
metadata: {name: old}
spec: {devices_count: 3}
";

/// An estate from which a limit is about to be pruned that an account of nobody uses.
fn estate() -> World {
    let assumptions = ["limit-in-use=reset"];
    let world = World::assuming(&assumptions);
    world.write("estate.yaml", ESTATE);
    world.write("old.yaml", OLD_LIMIT);
    world.apply(&["."]);
    let old = world.item("limits", "name", "old")["id"].clone();
    world.api(
        "POST",
        "/platform/subaccounts",
        Some(&json!([{"name": "foreign", "limit_id": old}])),
    );
    std::fs::remove_file(world.path().join("old.yaml")).unwrap();
    world.empty_journal();
    world
}

/// Answers the first list of `collection` with `body`.
fn lie(collection: &'static str, body: Value) -> impl FnMut(&mut Passing) + Send + 'static {
    let mut has_lied = false;
    move |passing| {
        if passing.is_list_of(collection) && !has_lied {
            has_lied = true;
            passing.body = body.to_string().into_bytes();
        }
    }
}

/// Answers that are no plain list of objects.
fn odd_lists() -> Vec<(&'static str, Value)> {
    let count = json!({"limit": 1000, "offset": 0, "count": 0});
    vec![
        (
            "a complaint beside it",
            json!({"result": [], "errors": [{"reason": "busy"}], "pagination": count}),
        ),
        ("a map", json!({"result": {}, "pagination": count})),
        ("a text", json!({"result": "busy", "pagination": count})),
        ("rows that are no objects", json!({"result": ["busy"], "pagination": count})),
        ("a row without an id", json!({"result": [{"name": "x"}], "pagination": {"count": 1}})),
        (
            "more rows than it counts",
            json!({"result": [{"id": 1, "cid": 1}], "pagination": {"count": 0}}),
        ),
        ("fewer rows than it counts", json!({"result": [], "pagination": {"count": 1}})),
    ]
}

#[test]
fn a_list_that_is_not_a_plain_list_of_objects_is_unknown_and_nothing_is_written_because_of_it() {
    let count = json!({"limit": 1000, "offset": 0, "count": 0});
    let empty = [
        ("nothing", json!({"result": [], "pagination": count})),
        ("nothing, uncounted", json!({"result": []})),
    ];
    for (what, body) in odd_lists().into_iter().chain(empty) {
        for collection in ["limits", "subaccounts"] {
            let world = estate();
            let platform = Between::new(&world, lie(collection, body.clone()));
            let run = platform.run(&["apply", ".", "--prune", "--yes"]);
            assert!([4, 5].contains(&run.code), "{collection}, {what}: {run:?}");
            let written = world.writes();
            assert!(written.is_empty(), "{collection}, {what}: {written:?}");
        }
    }
}

#[test]
fn a_list_that_is_not_plain_is_doubt_enough_where_nothing_else_speaks_of_its_objects() {
    let world = World::new();
    world.write("old.yaml", OLD_LIMIT);
    world.apply(&["."]);
    world.empty_journal();
    for (what, body) in odd_lists() {
        // A list that does not add up is read again, so it is wrong every time.
        let platform = Between::new(&world, move |passing| {
            if passing.is_list_of("limits") {
                passing.body = body.to_string().into_bytes();
            }
        });
        // No account uses the limit, and no run is remembered in this folder.
        let run = platform.run(&["apply", ".", "--yes", "--state-dir", "other"]).expect(4);
        assert!(world.writes().is_empty(), "{what}: {:?}", world.writes());
        assert!(run.stdout.contains("limits: "), "{what}: {}", run.stdout);
    }
}

#[test]
fn lists_between_which_somebody_wrote_are_read_once_more_and_then_believed() {
    for collection in ["limits", "subaccounts"] {
        let world = World::new();
        world.write("estate.yaml", ESTATE);
        world.apply(&["."]);
        world.empty_journal();
        // One list is older than the other and so lacks what that refers to.
        let empty = json!({"result": [], "pagination": {"count": 0}});
        let platform = Between::new(&world, lie(collection, empty));
        platform.run(&["apply", ".", "--yes", "--state-dir", "other"]).expect(0);
        assert!(world.writes().is_empty(), "{collection}: {:?}", world.writes());
        let is_list = |request: &&Request| request.path.starts_with("/platform/tokens/all?");
        assert_eq!(world.journal().iter().filter(is_list).count(), 2, "{collection}");
    }
}

#[test]
fn a_list_that_never_shows_what_was_created_does_not_keep_a_run_creating() {
    let world = World::new();
    world.write("old.yaml", OLD_LIMIT);
    world.apply(&["."]);
    world.empty_journal();
    // Whoever asks for one account is told of the limit, and whoever asks for all is not.
    let platform = Between::new(&world, |passing| {
        if passing.is_list_of("limits") {
            let empty = json!({"result": [], "pagination": {"count": 0}});
            passing.body = empty.to_string().into_bytes();
        }
    });
    let run = platform.run(&["apply", ".", "--yes", "--state-dir", "other"]).expect(5);
    assert!(run.stderr.contains("limit/old was restored or undone"), "{}", run.stderr);
    let created = world.writes().iter().filter(|write| write.method == "POST").count();
    assert_eq!(created, 2);
    assert_eq!(world.item("limits", "name", "old")["devices_count"], 3, "the first one stays");
}

#[test]
fn a_list_of_tokens_without_the_one_that_asks_for_it_is_unknown() {
    let world = estate();
    let own = world.api("GET", "/auth/info", None)[0]["id"].clone();
    let platform = Between::new(&world, move |passing| {
        if passing.is_list_of("tokens") {
            let mut answer = passing.json();
            // The other accounts' tokens are left, and the count fits.
            let rows = answer["result"].as_array_mut().unwrap();
            rows.retain(|row| row["id"] != own);
            let count = rows.len();
            answer["pagination"] = json!({"limit": 1000, "offset": 0, "count": count});
            passing.body = answer.to_string().into_bytes();
        }
    });
    let run = platform.run(&["apply", ".", "--prune", "--yes"]).expect(4);
    assert!(
        run.stdout.contains("the token of this run is missing from the list"),
        "{}",
        run.stdout
    );
    assert!(world.writes().is_empty(), "{:?}", world.writes());
}

#[test]
fn a_limit_of_an_account_above_ours_is_no_reason_for_doubt() {
    let world = World::new();
    world.write("estate.yaml", ESTATE);
    world.apply(&["."]);
    let acme = world.item("subaccounts", "name", "acme")["id"].as_i64();
    // Below acme, with its own token, starter is a limit of somebody above.
    let token = json!([{"info": "own", "ttl": 3600, "access": {"type": 1}}]);
    let (_, made) =
        world.call("POST", "/platform/tokens", Some(&world.token()), acme, Some(&token));
    let key = made["result"][0]["key"].as_str().unwrap().to_owned();
    let starter = world.item("limits", "name", "starter")["id"].clone();
    let depot = json!([{"name": "depot", "limit_id": starter}]);
    world.call("POST", "/platform/subaccounts", Some(&world.token()), acme, Some(&depot));
    world.write(
        "inside/limit.yaml",
        "apiVersion: flespi-gitops/v1\nkind: Limit\nmetadata: {name: own}\nspec: {devices_count: 1}\n",
    );
    let mut command = world.command(&["apply", "inside", "--yes", "--stack", "inside"]);
    command.env("FLESPI_TOKEN", key);
    crate::support::run(command).expect(0);
}

#[test]
fn everything_gone_at_once_is_read_twice_and_reported() {
    let world = World::new();
    world.write("limit.yaml", OLD_LIMIT);
    // How many of the next lists of limits come back empty.
    let lies = Arc::new(AtomicUsize::new(0));
    let left = Arc::clone(&lies);
    let platform = Between::new(&world, move |passing| {
        let is_lie = |left: usize| left.checked_sub(1);
        if passing.is_list_of("limits")
            && left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, is_lie).is_ok()
        {
            let empty = json!({"result": [], "pagination": {"count": 0}});
            passing.body = empty.to_string().into_bytes();
        }
    });
    let apply = ["apply", ".", "--yes", "--state-dir", "state"];
    platform.run(&apply).expect(0);
    world.empty_journal();
    // A list that is empty once is not believed.
    lies.store(1, Ordering::SeqCst);
    platform.run(&apply);
    assert!(world.writes().is_empty(), "{:?}", world.writes());
    assert_eq!(lies.load(Ordering::SeqCst), 0);
    // One that stays empty is.
    let id = world.item("limits", "name", "old")["id"].clone();
    world.api("DELETE", &format!("/platform/limits/{id}"), None);
    let run = platform.run(&["plan", ".", "--state-dir", "state"]).expect(0);
    assert!(run.stdout.contains("read twice"), "{}", run.stdout);
    assert!(run.stdout.contains("1 to create"), "{}", run.stdout);
}

#[test]
fn pages_that_are_cut_and_counts_that_never_come_leave_absence_provable() {
    for assumption in [
        &["page-size=100"][..],
        &["page-size=100", "pagination=never"],
        &["pagination=never"],
        &["pagination=always"],
        &["page-size=unlimited"],
    ] {
        let world = World::assuming(assumption);
        let token = |number| {
            format!(
                "---\napiVersion: flespi-gitops/v1\nkind: Token\nmetadata: {{name: t{number}}}\n\
                 spec: {{ttl: 30d, access: standard}}\n"
            )
        };
        let tokens = |count: usize| (0..count).map(token).collect::<String>();
        world.write("tokens.yaml", &tokens(130));
        world.apply(&["."]);
        let plan = world.plan(&["."]);
        assert_eq!(plan["steps"], json!([]), "{assumption:?}");
        assert_eq!(plan["summary"]["unchanged"], 130, "{assumption:?}");
        world.write("tokens.yaml", &tokens(120));
        world.apply(&[".", "--prune"]);
        assert_eq!(world.plan(&[".", "--prune"])["steps"], json!([]), "{assumption:?}");
    }
}

const ROTATED: &str = "\
apiVersion: flespi-gitops/v1
kind: Token
metadata: {name: app}
spec:
  ttl: 365d
  access: standard
  deliver: [{file: out/app}]
  rotation: {every: 30d, overlap: 48h}
";

fn in_days(days: i64) -> Option<String> {
    let then = jiff::Timestamp::now() + jiff::SignedDuration::from_hours(24 * days);
    jiff::fmt::rfc2822::DateTimePrinter::new().timestamp_to_rfc9110_string(&then).ok()
}

/// Whether the first key of a rotated token survives passes in which `change` says what the time is.
fn key_survives(
    passes: usize,
    change: impl Fn(usize, &mut Passing) + Send + Copy + 'static,
) -> bool {
    let world = World::new();
    world.write("token.yaml", ROTATED);
    world.apply(&["."]);
    let key = world.read("out/app").trim().to_owned();
    world.keep_secret(&key);
    world.empty_journal();
    for pass in 0..passes {
        let platform = Between::new(&world, move |passing| change(pass, passing));
        let run = platform.run(&["apply", ".", "--yes"]);
        assert!([0, 4, 5].contains(&run.code), "{run:?}");
    }
    let created = world.writes().iter().filter(|write| write.method == "POST").count();
    let (status, _) = world.call("GET", "/auth/info", Some(&key), None, None);
    status == 200 && created == 0
}

#[test]
fn a_wrong_clock_issues_and_deletes_no_key() {
    assert!(key_survives(2, |_, _| {}), "honest");
    assert!(key_survives(2, |pass, passing| passing.date = in_days(40 + 3 * pass as i64)));
    assert!(key_survives(2, |pass, passing| passing.date = in_days(-40 - 3 * pass as i64)));
    // A cache in front of one path, or a gateway that answers for a platform without `Date`.
    assert!(key_survives(2, |pass, passing| {
        if passing.path.starts_with("/auth/info") {
            passing.date = in_days(40 + 3 * pass as i64);
        }
    }));
    assert!(key_survives(2, |pass, passing| {
        passing.date = None;
        if passing.is_list_of("limits") {
            passing.status = 502;
            passing.date = in_days(40 + 3 * pass as i64);
        }
    }));
}

#[test]
fn what_a_gateway_says_of_the_time_when_it_refuses_keeps_nobody_from_rotating() {
    let world = World::new();
    world.write("token.yaml", ROTATED);
    world.apply(&["."]);
    let first = world.read("out/app").trim().to_owned();
    world.keep_secret(&first);
    world.api("POST", "/_sandbox/clock", Some(&json!({"advance": 31 * 86_400})));
    // Each list is refused twice, which is more than all other answers.
    let mut refused =
        std::collections::BTreeMap::from([("limits", 0), ("subaccounts", 0), ("tokens", 0)]);
    let platform = Between::new(&world, move |passing| {
        for (collection, times) in &mut refused {
            if passing.is_list_of(collection) && *times < 2 {
                *times += 1;
                passing.status = 502;
                passing.date = in_days(31 + 40);
            }
        }
    });
    platform.run(&["apply", ".", "--yes"]).expect(0);
    let second = world.read("out/app").trim().to_owned();
    world.keep_secret(&second);
    assert_ne!(first, second, "it was due");
}

#[test]
fn a_rotation_that_only_a_wrong_clock_asks_for_is_reported_and_waits() {
    let world = World::new();
    world.write("token.yaml", ROTATED);
    world.apply(&["."]);
    let platform = Between::new(&world, |passing| passing.date = in_days(40));
    let run = platform.run(&["plan", ".", "--detailed-exitcode"]).expect(5);
    assert!(run.stdout.contains("the platform's clock is 40 days ahead"), "{}", run.stdout);
}

#[test]
fn an_overlap_that_only_a_wrong_clock_ends_goes_on() {
    let world = World::new();
    world.write("token.yaml", ROTATED);
    world.apply(&["."]);
    let first = world.read("out/app").trim().to_owned();
    world.keep_secret(&first);
    world.api("POST", "/_sandbox/clock", Some(&json!({"advance": 31 * 86_400})));
    world.apply(&["."]);
    let second = world.read("out/app").trim().to_owned();
    world.keep_secret(&second);
    assert_ne!(first, second);
    let platform = Between::new(&world, |passing| passing.date = in_days(31 + 5));
    let run = platform.run(&["apply", ".", "--yes"]).expect(5);
    assert!(run.stdout.contains("is due for deletion, but "), "{}", run.stdout);
    for key in [first, second] {
        assert_eq!(world.call("GET", "/auth/info", Some(&key), None, None).0, 200);
    }
}

#[test]
fn a_deletion_that_the_platform_complains_of_is_not_called_done() {
    let world = World::new();
    world.write("a.yaml", ESTATE);
    world.write("b.yaml", OLD_LIMIT);
    world.apply(&["."]);
    std::fs::remove_file(world.path().join("b.yaml")).unwrap();
    world.faults(&json!({"rules": [{"method": "DELETE", "effect": {"answer": {"status": 403}}}]}));
    let platform = Between::new(&world, |passing| {
        if passing.method == "DELETE" {
            let body = json!({"result": [], "errors": [{"reason": "busy"}]});
            (passing.status, passing.body) = (200, body.to_string().into_bytes());
        }
    });
    let run = platform.run(&["apply", ".", "--prune", "--yes"]);
    assert!([1, 6].contains(&run.code), "{run:?}");
    assert!(run.stdout.contains("the platform did not delete it: busy"), "{}", run.stdout);
    assert_eq!(world.item("limits", "name", "old")["name"], "old");
}

#[test]
fn a_deletion_without_an_answer_body_is_a_deletion() {
    let world = World::new();
    world.write("a.yaml", ESTATE);
    world.write("b.yaml", OLD_LIMIT);
    world.apply(&["."]);
    std::fs::remove_file(world.path().join("b.yaml")).unwrap();
    let platform = Between::new(&world, |passing| {
        if passing.method == "DELETE" {
            (passing.status, passing.body) = (204, Vec::new());
        }
    });
    platform.run(&["apply", ".", "--prune", "--yes"]).expect(0);
    assert_eq!(world.plan(&[".", "--prune"])["steps"], json!([]));
}

/// Applies an edit through a platform that answers writes as `change` has it, and does not do them if that says so.
fn edit(change: impl FnMut(&mut Passing) + Send + 'static) -> crate::support::Run {
    let world = World::new();
    world.write("estate.yaml", &format!("{ESTATE}---\n{OLD_LIMIT}"));
    world.apply(&["."]);
    world.edit("estate.yaml", "devices_count: 10", "devices_count: 11");
    world.edit("estate.yaml", "limit: starter", "limit: old");
    let platform = Between::new(&world, change);
    platform.run(&["apply", ".", "--yes"])
}

#[test]
fn a_value_that_the_platform_keeps_otherwise_is_not_called_applied() {
    let honest = edit(|_| {});
    honest.expect(0);
    for (field, value) in
        [("devices_count", json!(10)), ("limit_id", json!(7)), ("limit_id", json!(0))]
    {
        let other = value.clone();
        let run = edit(move |passing| {
            let mut answer = passing.json();
            if passing.method == "PUT" && answer["result"][0].get(field).is_some() {
                answer["result"][0][field] = other.clone();
                passing.body = answer.to_string().into_bytes();
            }
        });
        let run = run.expect(6);
        assert!(run.stdout.contains(&format!("but stored {value}")), "{}", run.stdout);
    }
}

#[test]
fn a_write_that_answers_nothing_is_read_back() {
    let run = edit(|passing| {
        if passing.method == "PUT" {
            passing.body = json!({"result": []}).to_string().into_bytes();
        }
    });
    run.expect(0);
}

#[test]
fn an_answer_of_many_megabytes_is_not_read_into_memory() {
    let world = estate();
    let platform = Between::new(&world, |passing| {
        if passing.is_list_of("limits") {
            let filler = "x".repeat(17 * 1024 * 1024);
            passing.body = json!({"result": [], "filler": filler}).to_string().into_bytes();
        }
    });
    let run = platform.run(&["plan", "."]).expect(4);
    assert!(run.stdout.contains("16777216 bytes"), "{}", run.stdout);
}
