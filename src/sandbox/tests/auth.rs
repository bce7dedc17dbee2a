//! Log-ins, passwords and e-mail addresses.

use serde_json::{Value, json};

use super::{Bench, Reply};

fn set_password(bench: &mut Bench, key: &str, password: &str) -> Reply {
    let body = json!({"password": password, "confirmation": password});
    bench.ask("PUT", "/auth/password").with(key).body(body).send()
}

fn log_in(bench: &mut Bench, email: &str, password: &str) -> Reply {
    bench
        .ask("POST", "/auth/login/credentials")
        .unsigned()
        .body(json!({"email": email, "password": password}))
        .send()
}

fn mails(bench: &mut Bench) -> Vec<Value> {
    bench.ask("GET", "/_sandbox/outbox").unsigned().send().rows().to_vec()
}

fn confirm(bench: &mut Bench, path: &str, code: &Value) -> u16 {
    bench.ask("POST", path).unsigned().body(json!({"code": code})).send().status
}

/// A subaccount with this address, confirmed.
fn account_with(bench: &mut Bench, email: &str) -> (u64, String) {
    let root = bench.root;
    let child = bench.account(root, email);
    let key = bench.master(child);
    assert_eq!(
        bench
            .ask("PUT", "/auth/email/update")
            .with(&key)
            .body(json!({"email": email}))
            .send()
            .status,
        200
    );
    let code = mails(bench).last().unwrap()["code"].clone();
    assert_eq!(confirm(bench, "/auth/email/confirm", &code), 200);
    (child, key)
}

#[test]
fn email_and_password_log_in_with_a_session_token() {
    let mut bench = Bench::new();
    let (child, key) = account_with(&mut bench, "acme@example.com");
    assert_eq!(log_in(&mut bench, "acme@example.com", "secret").status, 401, "no password yet");
    set_password(&mut bench, &key, "secret");
    let session = log_in(&mut bench, "acme@example.com", "secret").row()["token"]
        .as_str()
        .unwrap()
        .to_owned();
    let info = bench.ask("GET", "/auth/info").with(&session).send();
    assert_eq!((&info.row()["cid"], &info.row()["access"]), (&json!(child), &json!({"type": 1})));
    set_password(&mut bench, &key, "changed");
    assert_eq!(log_in(&mut bench, "acme@example.com", "secret").status, 401);
    assert_eq!(log_in(&mut bench, "acme@example.com", "changed").status, 200);
    assert_eq!(
        bench.ask("GET", "/auth/info").with(&session).send().status,
        200,
        "a new password ends no session"
    );
}

#[test]
fn the_cid_header_does_not_redirect_a_password() {
    let mut bench = Bench::new();
    let (child, _) = account_with(&mut bench, "acme@example.com");
    let body = json!({"password": "p", "confirmation": "p"});
    let set = bench.ask("PUT", "/auth/password").acting_as(child).body(body).send();
    assert_eq!(set.id(), bench.root, "the password of the signing account changed");
    assert_eq!(log_in(&mut bench, "acme@example.com", "p").status, 401);
}

#[test]
fn an_address_changes_only_when_it_is_confirmed() {
    let mut bench = Bench::new();
    let root = bench.root;
    let child = bench.account(root, "c");
    let key = bench.master(child);
    let email = |bench: &mut Bench| {
        bench.get(&format!("/platform/subaccounts/{child}?fields=email")).row()["email"].clone()
    };
    bench
        .ask("PUT", "/auth/email/update")
        .with(&key)
        .body(json!({"email": "one@example.com"}))
        .send();
    assert_eq!(email(&mut bench), "");
    bench
        .ask("PUT", "/auth/email/update")
        .with(&key)
        .body(json!({"email": "two@example.com"}))
        .send();
    let codes: Vec<Value> = mails(&mut bench).iter().map(|mail| mail["code"].clone()).collect();
    assert_eq!(
        confirm(&mut bench, "/auth/email/confirm", &codes[0]),
        400,
        "replaced by the second request"
    );
    assert_eq!(confirm(&mut bench, "/auth/email/confirm", &codes[1]), 200);
    assert_eq!(confirm(&mut bench, "/auth/email/confirm", &codes[1]), 400, "good for one use");
    assert_eq!(email(&mut bench), "two@example.com");
}

#[test]
fn the_old_address_can_take_a_change_back() {
    let mut bench = Bench::new();
    let (child, key) = account_with(&mut bench, "old@example.com");
    bench
        .ask("PUT", "/auth/email/update")
        .with(&key)
        .body(json!({"email": "new@example.com"}))
        .send();
    let mails = mails(&mut bench);
    let code = |to: &str| mails.iter().rev().find(|mail| mail["to"] == to).unwrap()["code"].clone();
    assert_eq!(confirm(&mut bench, "/auth/email/confirm", &code("new@example.com")), 200);
    assert_eq!(confirm(&mut bench, "/auth/email/revert", &code("old@example.com")), 200);
    assert_eq!(
        bench.get(&format!("/platform/subaccounts/{child}?fields=email")).row()["email"],
        "old@example.com"
    );
}

#[test]
fn two_accounts_do_not_share_an_address() {
    let mut bench = Bench::new();
    account_with(&mut bench, "acme@example.com");
    let refused = bench.put("/auth/email/update", json!({"email": "ACME@example.com"}));
    assert_eq!(refused.status, 400);
    for email in ["", "acme", "@x", "a@", "a b@c", "a@b@c"] {
        assert_eq!(bench.put("/auth/email/update", json!({"email": email})).status, 400, "{email}");
    }
}

#[test]
fn a_mailed_code_logs_in_without_a_password() {
    let mut bench = Bench::new();
    account_with(&mut bench, "acme@example.com");
    let ask = |bench: &mut Bench, email: &str| {
        bench
            .ask("POST", "/auth/login/passwordless")
            .unsigned()
            .body(json!({"email": email}))
            .send()
            .body
    };
    assert_eq!(
        ask(&mut bench, "nobody@example.com"),
        ask(&mut bench, "acme@example.com"),
        "tells nobody who has an account"
    );
    let code = mails(&mut bench).last().unwrap()["code"].clone();
    let path = "/auth/login/passwordless/confirm";
    assert_eq!(confirm(&mut bench, "/auth/email/confirm", &code), 400, "a code has one purpose");
    assert_eq!(confirm(&mut bench, path, &code), 200);
    assert_eq!(confirm(&mut bench, path, &code), 400);
}

#[test]
fn a_code_runs_out_after_a_day() {
    let mut bench = Bench::new();
    bench.put("/auth/email/update", json!({"email": "a@example.com"}));
    let code = mails(&mut bench)[0]["code"].clone();
    bench.wait(24 * 3600);
    assert_eq!(confirm(&mut bench, "/auth/email/confirm", &code), 400);
}

#[test]
fn only_a_master_token_changes_credentials_and_both_spellings_must_agree() {
    let mut bench = Bench::new();
    let root = bench.root;
    let standard = bench.token(root, json!({"access": {"type": 0}})).key();
    assert_eq!(set_password(&mut bench, &standard, "p").status, 403);
    for body in [
        json!({"password": "a", "confirmation": "b"}),
        json!({"password": "a"}),
        json!({"password": "", "confirmation": ""}),
    ] {
        assert_eq!(bench.put("/auth/password", body).status, 400);
    }
}

#[test]
fn regions_are_told_without_a_token_and_lead_back_here() {
    let mut bench = Bench::new();
    let regions =
        bench.ask("GET", "/auth/regions").unsigned().header("host", "127.0.0.1:4000").send();
    assert_eq!(
        (&regions.row()["rest"], &regions.row()["default"]),
        (&json!("http://127.0.0.1:4000"), &json!(true))
    );
}

#[test]
fn who_signs_up_has_a_root_account_once_the_mail_is_confirmed() {
    let mut bench = Bench::new();
    let credentials = json!({"email": "new@example.com", "password": "secret"});
    let ask = |bench: &mut Bench, path: &str, body: serde_json::Value| {
        bench.ask("POST", path).unsigned().body(body).send()
    };
    assert_eq!(ask(&mut bench, "/auth/account/register", credentials.clone()).status, 200);
    assert_eq!(ask(&mut bench, "/auth/login/credentials", credentials.clone()).status, 401);
    let code = bench.world.books.state.outbox.back().unwrap().code.clone();
    let session = ask(&mut bench, "/auth/account/confirm", json!({"code": code}));
    let key = session.row()["token"].as_str().unwrap().to_owned();
    let own = bench.ask("GET", "/platform/customer?fields=id,email,owner_id").with(&key).send();
    assert_eq!(
        (&own.row()["email"], &own.row()["owner_id"]),
        (&json!("new@example.com"), &json!(0))
    );
    assert_eq!(ask(&mut bench, "/auth/login/credentials", credentials.clone()).status, 200);
    assert_eq!(ask(&mut bench, "/auth/account/register", credentials).status, 400);
    assert_eq!(ask(&mut bench, "/auth/account/confirm", json!({"code": code})).status, 400);
    let theirs = own.row()["id"].as_u64().unwrap();
    let foreign = bench.ask("GET", "/platform/tokens/all").acting_as(theirs).send();
    assert_eq!(foreign.status, 403, "roots do not know each other");
    assert_eq!(bench.get(&format!("/platform/tokens/cid={theirs}")).rows().len(), 0);
}
