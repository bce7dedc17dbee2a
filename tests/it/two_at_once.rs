//! Two writers that know nothing of each other end in one world.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::{Child, Stdio};
use std::time::Duration;

use flespi_gitops::sandbox::Options;
use serde_json::json;

use crate::support::World;
use crate::support::between::{Between, Passing};

/// Accounts with a limit and a token each.
fn manifests(accounts: usize) -> String {
    let mut text = "apiVersion: flespi-gitops/v1\nkind: Limit\nmetadata: {name: starter}\n\
                    spec: {devices_count: 10, subaccounts_count: 99, tokens_count: 500}\n"
        .to_owned();
    for number in 0..accounts {
        text.push_str(&format!(
            "---\napiVersion: flespi-gitops/v1\nkind: Subaccount\nmetadata: {{name: s{number}}}\n\
             spec: {{limit: starter}}\n\
             ---\napiVersion: flespi-gitops/v1\nkind: Token\n\
             metadata: {{name: t, account: s{number}}}\n\
             spec: {{ttl: 30d, access: standard, deliver: [{{file: out/t{number}}}]}}\n"
        ));
    }
    text
}

fn slow() -> World {
    World::with(Options { latency: Duration::from_millis(8), ..Options::default() })
}

fn start(world: &World, arguments: &[&str]) -> Child {
    let mut command = world.command(arguments);
    command.stdout(world.ear()).stderr(world.ear()).stdin(Stdio::null());
    command.spawn().unwrap()
}

/// The recycle bin is asked for what no list has, so it is asked last.
fn comes_after_all_lists(passing: &Passing) -> bool {
    passing.method == "GET" && passing.path.starts_with("/platform/deleted/")
}

/// Applies `m`, and another run does everything between our reading and our writing.
#[track_caller]
fn another_run_is_first(world: &World) {
    let mut other = Some(world.command(&["apply", "m", "--yes", "--state-dir", "other"]));
    let platform = Between::new(world, move |passing| {
        if comes_after_all_lists(passing)
            && let Some(other) = other.take()
        {
            crate::support::run(other).expect(0);
        }
    });
    let run = platform.run(&["apply", "m", "--yes", "--state-dir", "own"]).expect(0);
    assert!(run.stdout.contains("another run created subaccount"), "{}", run.stdout);
}

#[test]
fn two_applies_with_state_folders_of_their_own_leave_nothing_twice_and_every_key_in_its_place() {
    for stagger in [0, 30] {
        let world = slow();
        world.write("m/all.yaml", &manifests(6));
        let children = ["one", "two"].map(|state| {
            let child = start(&world, &["apply", "m", "--yes", "--state-dir", state]);
            std::thread::sleep(Duration::from_millis(stagger));
            child
        });
        for mut child in children {
            child.wait().unwrap();
        }
        assert_eq!(world.count("subaccounts"), 6);
        world.apply(&["m", "--prune", "--state-dir", "three"]);
        assert_eq!(world.count("subaccounts"), 6);
        let limits = world.api("GET", "/platform/limits/all?fields=name", None);
        assert_eq!(limits.iter().filter(|limit| limit["name"] == "starter").count(), 1);
        for number in 0..6 {
            let key = world.read(&format!("m/out/t{number}")).trim().to_owned();
            world.keep_secret(&key);
            let (status, _) = world.call("GET", "/auth/info", Some(&key), None, None);
            assert_eq!(status, 200, "the key of token/s{number}/t");
        }
        assert_eq!(world.plan(&["m"])["steps"], json!([]));
    }
}

#[test]
fn two_daemons_with_state_folders_of_their_own_leave_nothing_twice() {
    let world = slow();
    world.write("m/all.yaml", &manifests(4));
    let watch = |state| {
        start(&world, &["watch", "m", "--interval", "1s", "--settle", "10ms", "--state-dir", state])
    };
    let children = ["one", "two"].map(watch);
    std::thread::sleep(Duration::from_secs(3));
    world.write(
        "m/later.yaml",
        "apiVersion: flespi-gitops/v1\nkind: Subaccount\nmetadata: {name: later}\n",
    );
    std::thread::sleep(Duration::from_secs(3));
    for mut child in children {
        child.kill().unwrap();
        child.wait().unwrap();
    }
    assert_eq!(world.count("subaccounts"), 5);
}

#[test]
fn what_is_in_an_account_goes_before_it_where_the_platform_deletes_none_that_holds_something() {
    let world = World::assuming(&["nested-delete=refuse"]);
    let limit =
        "---\napiVersion: flespi-gitops/v1\nkind: Limit\nmetadata: {name: own, account: s0}\n";
    world.write("m/all.yaml", &format!("{}{limit}", manifests(1)));
    another_run_is_first(&world);
    assert_eq!((world.count("subaccounts"), world.count("limits")), (1, 2));
}

#[test]
fn what_was_taken_back_is_not_in_the_way_of_what_comes_back_from_the_recycle_bin() {
    let world = World::new();
    world.write("m/all.yaml", &manifests(1));
    another_run_is_first(&world);
    let account = world.item("subaccounts", "name", "s0");
    world.api("DELETE", &format!("/platform/subaccounts/{}", account["id"]), None);
    world.apply(&["m"]);
    assert_eq!(world.item("subaccounts", "name", "s0")["id"], account["id"]);
}

#[test]
fn the_key_of_who_was_first_comes_back_to_its_place_or_is_replaced_where_nobody_gives_it_again() {
    for (assumption, tokens) in [("token-key-on-read=asked", 1), ("token-key-on-read=never", 2)] {
        let world = World::assuming(&[assumption]);
        world.write("m/all.yaml", &manifests(1));
        let before = world.count("tokens");
        another_run_is_first(&world);
        assert_eq!(world.count("subaccounts"), 1);
        assert_eq!(world.count("tokens") - before, tokens, "{assumption}");
        let key = world.read("m/out/t0").trim().to_owned();
        world.keep_secret(&key);
        assert_eq!(world.call("GET", "/auth/info", Some(&key), None, None).0, 200, "{assumption}");
        assert_eq!(world.plan(&["m"])["steps"], json!([]), "{assumption}");
    }
}

#[test]
fn what_somebody_put_into_an_account_keeps_it_from_being_taken_back() {
    let world = World::new();
    world.write(
        "a.yaml",
        "apiVersion: flespi-gitops/v1\nkind: Subaccount\nmetadata: {name: a}\nspec: {}\n",
    );
    let elder = json!([{"name": "a", "metadata": {
        "flespi-gitops/stack": "default", "flespi-gitops/address": "subaccount/a"}}]);
    let foreign = json!([{"info": "of a person", "ttl": 3600, "access": {"type": 0}}]);
    let (url, key) = (world.sandbox().url().to_owned(), world.token());
    let mut is_elder_made = false;
    let platform = Between::new(&world, move |passing| {
        if passing.is_list_of("subaccounts") && !is_elder_made {
            // Another writer was a moment earlier than we.
            is_elder_made = true;
            post(&url, &key, "/platform/subaccounts", None, &elder);
        } else if passing.method == "POST" && passing.path.starts_with("/platform/subaccounts") {
            let id = passing.json()["result"][0]["id"].as_i64();
            post(&url, &key, "/platform/tokens", id, &foreign);
        }
    });
    let run = platform.run(&["apply", ".", "--yes"]);
    assert!(run.stdout.contains("holds token"), "{}", run.stdout);
    assert_eq!(world.count("subaccounts"), 2);
    // What nobody decides is for a person, and says so.
    world.run(&["plan", ".", "--detailed-exitcode"]).expect(5);
}

/// A request of somebody else.
fn post(url: &str, key: &str, path: &str, cid: Option<i64>, body: &serde_json::Value) {
    let address = url.trim_start_matches("http://");
    let cid = cid.map(|cid| format!("x-flespi-cid: {cid}\r\n")).unwrap_or_default();
    let body = body.to_string();
    let mut stream = TcpStream::connect(address).unwrap();
    write!(
        stream,
        "POST {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n{cid}\
         authorization: FlespiToken {key}\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{path}: {answer}");
}
