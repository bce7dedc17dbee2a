//! Realms and their users, log-ins, and access between accounts by grants.

use serde_json::{Value, json};

use super::{Bench, Reply};

const PASSWORD: &str = "correct horse battery";

fn realm(bench: &mut Bench, mut fields: Value) -> (u64, String) {
    fields["name"] = json!("staff");
    let realm = bench.post("/platform/realms?fields=id,public_id", json!([fields]));
    (realm.id(), realm.row()["public_id"].as_str().unwrap().to_owned())
}

fn user(bench: &mut Bench, realm: u64, name: &str) -> Reply {
    let user = json!([{"name": name, "password": PASSWORD, "registration": "immediate"}]);
    bench.post(&format!("/platform/realms/{realm}/users"), user)
}

fn log_in(bench: &mut Bench, public_id: &str, body: Value) -> Reply {
    bench.ask("POST", &format!("/realm/{public_id}/login")).unsigned().body(body).send()
}

fn token(reply: &Reply) -> String {
    reply.row()["token"].as_str().unwrap().to_owned()
}

#[test]
fn a_user_logs_in_from_outside_by_name_and_password() {
    let mut bench = Bench::new();
    let (realm, public_id) = realm(&mut bench, json!({"token_params": {"access": {"type": 1}}}));
    let ann = user(&mut bench, realm, "ann").id();
    for body in [
        json!({"username": "ann", "password": PASSWORD}),
        json!({"name": "ann", "password": PASSWORD}),
    ] {
        let key = token(&log_in(&mut bench, &public_id, body));
        let info = bench.ask("GET", "/auth/info").with(&key).send();
        assert_eq!((&info.row()["cid"], &info.row()["ttl"]), (&json!(bench.root), &json!(1800)));
    }
    let seen = bench.get(&format!(
        "/platform/realms/{realm}/users/{ann}?fields=has_password,token_id,realm_id,password"
    ));
    assert_eq!(seen.row()["has_password"], json!(true));
    assert_eq!(seen.row()["realm_id"], json!(realm));
    assert_eq!(seen.row().get("password"), None);
    for body in [
        json!({"username": "ann", "password": "wrong"}),
        json!({"username": "bob", "password": PASSWORD}),
        json!({}),
    ] {
        assert_eq!(log_in(&mut bench, &public_id, body).status, 401);
    }
    assert_eq!(log_in(&mut bench, "nowhere", json!({})).status, 404);
}

#[test]
fn an_admin_logs_a_user_in_and_out() {
    let mut bench = Bench::new();
    let (realm, _) = realm(&mut bench, json!({}));
    let ann = user(&mut bench, realm, "ann").id();
    let path = format!("/platform/realms/{realm}/users/{ann}");
    let key = token(&bench.ask("POST", &format!("{path}/login")).send());
    assert_eq!(token(&bench.ask("POST", &format!("{path}/login")).send()), key, "one token");
    let seen = bench.get(&format!("{path}?fields=token"));
    assert_eq!(seen.row(), &json!({"token": key}));
    assert_eq!(bench.ask("GET", "/auth/info").with(&key).send().status, 200);
    bench.ask("POST", &format!("{path}/logout")).send();
    assert_eq!(bench.ask("GET", "/auth/info").with(&key).send().status, 401);
}

#[test]
fn without_a_password_nobody_logs_in_by_it() {
    let mut bench = Bench::new();
    let (realm, public_id) = realm(&mut bench, json!({}));
    let ann = user(&mut bench, realm, "ann").id();
    let path = format!("/platform/realms/{realm}/users/{ann}");
    bench.delete(&format!("{path}/password"));
    let body = json!({"username": "ann", "password": PASSWORD});
    assert_eq!(log_in(&mut bench, &public_id, body).status, 401);
    bench.put(&path, json!({"password": "another long password"}));
    let body = json!({"username": "ann", "password": "another long password"});
    assert_eq!(log_in(&mut bench, &public_id, body).status, 200);
}

#[test]
fn a_user_lives_in_the_realms_account_a_chosen_one_or_one_of_its_own() {
    let mut bench = Bench::new();
    let root = bench.root;
    let (chosen, limit) = (bench.account(root, "chosen"), bench.limit(root, "x"));
    let own = json!({"type": 2, "subaccount_id": chosen, "limit_id": limit});
    for home in [json!({"type": 0}), json!({"type": 1, "subaccount_id": chosen}), own] {
        let (realm, _) = realm(&mut bench, json!({"home": home}));
        let ann = user(&mut bench, realm, "ann").id();
        let path = format!("/platform/realms/{realm}/users/{ann}");
        let key = token(&bench.ask("POST", &format!("{path}/login")).send());
        let cid = bench.ask("GET", "/auth/info").with(&key).send().row()["cid"].clone();
        let made =
            bench.get(&format!("{path}?fields=subaccount_id")).row()["subaccount_id"].clone();
        match home["type"].as_u64() {
            Some(0) => assert_eq!((cid, made), (json!(root), json!(0))),
            Some(1) => assert_eq!((cid, made), (json!(chosen), json!(0))),
            _ => {
                assert_eq!(cid, made);
                let account = format!("/platform/subaccounts/{made}?fields=name,cid,limit_id");
                let expected = json!({"name": "ann", "cid": chosen, "limit_id": limit});
                assert_eq!(bench.get(&account).row(), &expected);
            }
        }
    }
    let foreign = json!([{"name": "x", "home": {"type": 1, "subaccount_id": 1}}]);
    assert_eq!(bench.post("/platform/realms", foreign).status, 400);
}

#[test]
fn changed_token_params_reach_the_tokens_and_those_of_the_user_win() {
    let mut bench = Bench::new();
    let (realm, public_id) = realm(&mut bench, json!({"token_params": {"ttl": 60}}));
    let ann = user(&mut bench, realm, "ann").id();
    let path = format!("/platform/realms/{realm}/users/{ann}");
    let key = token(&bench.ask("POST", &format!("{path}/login")).send());
    let ttl =
        |bench: &mut Bench| bench.ask("GET", "/auth/info").with(&key).send().row()["ttl"].clone();
    assert_eq!(ttl(&mut bench), json!(60));
    bench.put(&format!("/platform/realms/{realm}"), json!({"token_params": {"ttl": 90}}));
    assert_eq!(ttl(&mut bench), json!(90));
    bench.put(&path, json!({"token_params": {"ttl": 120}}));
    assert_eq!(ttl(&mut bench), json!(120));
    bench.put(&format!("/platform/realms/{realm}"), json!({"token_params": {"ttl": 70}}));
    assert_eq!(ttl(&mut bench), json!(120));
    let seen = bench.get(&format!("/platform/realms/{realm}?fields=public_id"));
    assert_eq!(seen.row()["public_id"], json!(public_id), "fixed at creation");
}

#[test]
fn users_are_of_their_realm_and_go_with_it() {
    let mut bench = Bench::new();
    let (one, _) = realm(&mut bench, json!({}));
    let (other, _) = realm(&mut bench, json!({}));
    let ann = user(&mut bench, one, "ann").id();
    assert_eq!(user(&mut bench, one, "ann").status, 400, "names are unique in a realm");
    assert_eq!(user(&mut bench, other, "ann").status, 200);
    assert_eq!(bench.get(&format!("/platform/realms/{one}/users/all")).ids(), [ann]);
    assert_eq!(bench.get(&format!("/platform/realms/{other}/users/{ann}")).status, 404);
    assert_eq!(bench.get("/platform/realms/1/users/all").status, 404);
    let key =
        token(&bench.ask("POST", &format!("/platform/realms/{one}/users/{ann}/login")).send());
    let role = bench.post(&format!("/platform/realms/{one}/roles"), json!([{"name": "viewer"}]));
    assert_eq!(role.status, 200);
    bench.delete(&format!("/platform/realms/{one}"));
    assert_eq!(bench.ask("GET", "/auth/info").with(&key).send().status, 401);
    let root = bench.root;
    let bin = bench.ask("GET", "/platform/deleted/all").acting_as(root).send();
    let listed = bin.rows().len();
    assert!(listed > 0);
    let restored = bench.ask("POST", "/platform/deleted/all/restore").acting_as(root).send();
    assert_eq!(restored.body["errors"].as_array().unwrap().len(), listed, "none is restorable");
}

#[test]
fn a_realm_is_linked_with_identity_providers_by_their_ids() {
    let mut bench = Bench::new();
    let (realm, _) = realm(&mut bench, json!({}));
    let provider = json!([{"name": "corp", "type": "oidc", "configuration": {"client_id": "x"}}]);
    let provider = bench.post("/platform/identity-providers", provider).id();
    let links = format!("/platform/realms/{realm}/identity-providers");
    let made = bench.post(&format!("{links}/{provider}"), json!({"allow_registration": true}));
    assert_eq!(made.row()["identity_provider_id"], json!(provider));
    assert_eq!(bench.post(&format!("{links}/{provider}"), json!({})).status, 400);
    assert_eq!(bench.post(&format!("{links}/1"), json!({})).status, 404);
    let fields = "identity_provider_id,enabled,allow_registration,type,configuration";
    let seen = bench.get(&format!("{links}/all?fields={fields}"));
    assert_eq!(
        seen.row(),
        &json!({"identity_provider_id": provider, "enabled": true, "allow_registration": true,
            "type": "oidc", "configuration": {"client_id": "x"}})
    );
    bench.put(&format!("{links}/{provider}"), json!({"enabled": false}));
    assert_eq!(bench.get(&format!("{links}/{provider}")).row()["enabled"], json!(false));
    assert_eq!(bench.delete(&format!("{links}/{provider}")).ids(), [provider]);
    assert_eq!(bench.get(&format!("{links}/{provider}")).status, 404);
}

#[test]
fn a_grant_to_operate_as_opens_the_grantor_to_x_flespi_cid() {
    let mut bench = Bench::new();
    let root = bench.root;
    let (giver, taker) = (bench.account(root, "giver"), bench.account(root, "taker"));
    let limit = bench.limit(giver, "theirs");
    let key = bench.master(taker);
    let asked = |bench: &mut Bench| {
        bench.ask("GET", "/platform/limits/all").with(&key).acting_as(giver).send()
    };
    assert_eq!(asked(&mut bench).status, 403);
    let grant = json!([{"name": "help", "access": ["operate-as"]}]);
    let grant = bench.ask("POST", "/platform/grants").acting_as(giver).body(grant).send().id();
    let link = format!("/platform/grants/{grant}/subaccounts/{taker}");
    bench.ask("POST", &link).send();
    assert_eq!(asked(&mut bench).ids(), [limit]);
    let received = bench.ask("GET", "/platform/grantors/all?fields=id,cid").with(&key).send();
    assert_eq!(received.row(), &json!({"id": grant, "cid": giver}));
    assert_eq!(bench.get(&link).row()["id"], json!(taker));
    bench.ask("DELETE", &format!("/platform/grantors/{grant}")).with(&key).send();
    assert_eq!(asked(&mut bench).status, 403);
    assert!(bench.get(&format!("/platform/grants/{grant}/subaccounts/all")).rows().is_empty());
}

#[test]
fn a_webhook_has_three_triggers_at_most() {
    let mut bench = Bench::new();
    let webhook = |triggers: usize| {
        let triggers = vec![json!({"topic": "flespi/log/#"}); triggers];
        json!([{"name": "w", "triggers": triggers,
            "configuration": {"type": "custom-server", "uri": "https://example.com"}}])
    };
    let id = bench.post("/platform/webhooks", webhook(3)).id();
    assert_eq!(bench.post("/platform/webhooks", webhook(4)).status, 400);
    let odd = json!([{"name": "w", "configuration": {"type": "carrier-pigeon"}}]);
    assert_eq!(bench.post("/platform/webhooks", odd).status, 400);
    assert_eq!(bench.get(&format!("/platform/webhooks/{id}/packets")).rows().len(), 0);
}

#[test]
fn there_are_no_foreign_log_ins() {
    let mut bench = Bench::new();
    assert_eq!(bench.get("/platform/oauth/all").body, json!({"result": []}));
}
