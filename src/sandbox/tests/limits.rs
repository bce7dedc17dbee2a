//! Limits that bite: counts on creation, calls per minute, and what overuse blocks.

use serde_json::{Value, json};

use super::{Bench, Reply};

/// An account below `parent` that is bound by a limit of these fields.
fn bounded(bench: &mut Bench, parent: u64, mut limit: Value) -> u64 {
    limit["name"] = json!("bound");
    let limit = bench.ask("POST", "/platform/limits").acting_as(parent).body(json!([limit]));
    let limit = limit.send().id();
    let body = json!([{"name": "bounded", "limit_id": limit}]);
    bench.ask("POST", "/platform/subaccounts").acting_as(parent).body(body).send().id()
}

fn create(bench: &mut Bench, owner: u64, target: &str, names: &[&str]) -> Reply {
    let body = names.iter().map(|name| json!({"name": name})).collect();
    bench.ask("POST", target).acting_as(owner).body(body).send()
}

fn info(bench: &mut Bench, key: &str) -> Reply {
    bench.ask("GET", "/auth/info").with(key).send()
}

#[test]
fn a_count_of_the_own_limit_ends_creation() {
    let mut bench = Bench::new();
    let root = bench.root;
    let account = bounded(&mut bench, root, json!({"limits_count": 1, "tokens_count": 0}));
    assert_eq!(create(&mut bench, account, "/platform/limits", &["one"]).status, 200);
    let refused = create(&mut bench, account, "/platform/limits", &["two"]);
    assert_eq!((refused.status, refused.code()), (400, 2));
    assert_eq!(refused.reason(), "limit is reached: limits_count");
    assert_eq!(bench.token(account, json!({})).status, 400);
}

#[test]
fn a_batch_counts_its_own_earlier_elements() {
    let mut bench = Bench::new();
    let root = bench.root;
    let account = bounded(&mut bench, root, json!({"limits_count": 2}));
    let reply = create(&mut bench, account, "/platform/limits", &["a", "b", "c"]);
    assert_eq!((reply.status, reply.rows().len()), (200, 2));
    assert_eq!(reply.reason(), "limit is reached: limits_count");
}

#[test]
fn the_usage_of_all_children_adds_up_to_the_parent() {
    let mut bench = Bench::new();
    let root = bench.root;
    let parent = bounded(&mut bench, root, json!({"limits_count": 3}));
    let children = [bench.account(parent, "one"), bench.account(parent, "other")];
    for child in children {
        assert_eq!(create(&mut bench, child, "/platform/limits", &["x"]).status, 200);
    }
    assert_eq!(create(&mut bench, parent, "/platform/limits", &["x"]).status, 200);
    assert_eq!(create(&mut bench, children[0], "/platform/limits", &["y"]).status, 400);
    let seen = bench.get(&format!("/platform/subaccounts/{parent}?fields=counters.limits_count"));
    assert_eq!(seen.row(), &json!({"counters.limits_count": 3}));
    bench.delete(&format!("/platform/subaccounts/{}", children[1]));
    assert_eq!(create(&mut bench, children[0], "/platform/limits", &["y"]).status, 200);
}

#[test]
fn a_raised_limit_acts_at_once_and_a_lowered_one_deletes_nothing() {
    let mut bench = Bench::new();
    let root = bench.root;
    let account = bounded(&mut bench, root, json!({"limits_count": 1}));
    create(&mut bench, account, "/platform/limits", &["a"]);
    let limit = bench.get(&format!("/platform/subaccounts/{account}?fields=limit_id"));
    let limit = format!("/platform/limits/{}", limit.row()["limit_id"]);
    bench.put(&limit, json!({"limits_count": 2}));
    assert_eq!(create(&mut bench, account, "/platform/limits", &["b"]).status, 200);
    bench.put(&limit, json!({"limits_count": 0}));
    assert_eq!(bench.get(&format!("/platform/limits/cid={account}")).rows().len(), 2);
    assert_eq!(create(&mut bench, account, "/platform/limits", &["c"]).status, 400);
}

#[test]
fn a_plan_bounds_the_root_where_one_is_assumed() {
    let mut bench = Bench::assuming(&["plan=free", "count-status=403"]);
    let root = bench.root;
    assert_eq!(create(&mut bench, root, "/platform/limits", &["a"]).status, 200);
    assert_eq!(create(&mut bench, root, "/platform/limits", &["b"]).status, 403);
    let child = bench.account(root, "child");
    assert_eq!(create(&mut bench, child, "/platform/limits", &["c"]).status, 403);
}

#[test]
fn overuse_blocks_the_busiest_token_and_spares_the_others() {
    let mut bench = Bench::new();
    let root = bench.root;
    let limit = json!({"api_calls": 5, "blocking_duration": 30});
    let account = bounded(&mut bench, root, limit);
    let (busy, quiet) = (bench.master(account), bench.master(account));
    for _ in 0..4 {
        assert_eq!(info(&mut bench, &busy).status, 200);
    }
    assert_eq!(info(&mut bench, &quiet).status, 200);
    assert_eq!(info(&mut bench, &quiet).status, 200, "the sixth call blocks the busy one");
    let blocked = info(&mut bench, &busy);
    assert_eq!((blocked.status, blocked.reason()), (403, "Flespi token blocked"));
    let seen = bench.get(&format!("/platform/tokens/cid={account}?fields=blocked"));
    assert_eq!(seen.rows(), [json!({"blocked": 2}), json!({"blocked": 0})]);
    assert_eq!(info(&mut bench, &quiet).status, 200);
    bench.wait(30);
    assert_eq!(info(&mut bench, &busy).status, 200);
}

#[test]
fn a_lone_token_that_passes_the_limit_is_answered_429_and_then_blocked() {
    let mut bench = Bench::new();
    let root = bench.root;
    let account = bounded(&mut bench, root, json!({"api_calls": 2}));
    let key = bench.master(account);
    assert_eq!([info(&mut bench, &key).status, info(&mut bench, &key).status], [200, 200]);
    let refused = info(&mut bench, &key);
    assert_eq!(refused.status, 429);
    assert!(refused.headers.contains(&("retry-after", "60".to_owned())));
    assert_eq!(info(&mut bench, &key).status, 403);
    bench.wait(60);
    assert_eq!(info(&mut bench, &key).status, 200);
}

#[test]
fn overuse_without_blocking_is_429_until_the_minute_is_over() {
    for (assumption, duration) in [("overuse=refuse", 60), ("overuse=block", 0)] {
        let mut bench = Bench::assuming(&[assumption]);
        let root = bench.root;
        let limit = json!({"api_calls": 1, "blocking_duration": duration});
        let account = bounded(&mut bench, root, limit);
        let key = bench.master(account);
        assert_eq!(info(&mut bench, &key).status, 200);
        bench.wait(20);
        let refused = info(&mut bench, &key);
        assert_eq!(refused.status, 429);
        assert!(refused.headers.contains(&("retry-after", "40".to_owned())));
        assert_eq!(info(&mut bench, &key).status, 429);
        bench.wait(40);
        assert_eq!(info(&mut bench, &key).status, 200);
    }
}

#[test]
fn the_whole_branch_is_blocked_when_the_sum_of_the_children_passes_the_parent() {
    let mut bench = Bench::new();
    let root = bench.root;
    let parent = bounded(&mut bench, root, json!({"api_calls": 3, "blocking_duration": 90}));
    let children = [bench.account(parent, "one"), bench.account(parent, "other")];
    let keys = [bench.master(children[0]), bench.master(children[1]), bench.master(parent)];
    for key in [&keys[0], &keys[1], &keys[1]] {
        assert_eq!(info(&mut bench, key).status, 200);
    }
    assert_eq!(info(&mut bench, &keys[0]).status, 429);
    for key in &keys {
        assert_eq!(info(&mut bench, key).reason(), "account is blocked");
    }
    let list = format!("/platform/subaccounts/{parent},{},{}", children[0], children[1]);
    let seen = bench.get(&format!("{list}?fields=blocked"));
    assert_eq!(seen.rows(), vec![json!({"blocked": 2}); 3], "the root still sees them");
    bench.wait(90);
    for key in &keys {
        assert_eq!(info(&mut bench, key).status, 200);
    }
}

#[test]
fn an_account_without_bounds_calls_as_often_as_it_likes() {
    let mut bench = Bench::new();
    let root = bench.root;
    let account = bounded(&mut bench, root, json!({}));
    let key = bench.master(account);
    for _ in 0..500 {
        assert_eq!(info(&mut bench, &key).status, 200);
    }
    let mut bench = Bench::assuming(&["call-rate=60"]);
    let statuses: Vec<u16> = (0..61).map(|_| bench.get("/auth/info").status).collect();
    assert_eq!((statuses[59], statuses[60]), (200, 429));
}
