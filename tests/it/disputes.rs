//! Marks are claims, not proof: what a tenant with a master token of its own can do to the others.

use serde_json::{Value, json};

use crate::support::World;

const MANIFESTS: &str = "\
apiVersion: flespi-gitops/v1
kind: Limit
metadata: {name: starter}
---
apiVersion: flespi-gitops/v1
kind: Subaccount
metadata: {name: acme}
spec: {name: ACME, limit: starter}
---
apiVersion: flespi-gitops/v1
kind: Subaccount
metadata: {name: globex}
spec: {name: Globex, limit: starter}
---
apiVersion: flespi-gitops/v1
kind: Token
metadata: {name: admin, account: acme}
spec: {ttl: 1h, access: master, deliver: [{file: out/acme}]}
---
apiVersion: flespi-gitops/v1
kind: Token
metadata: {name: admin, account: globex}
spec: {ttl: 1h, access: master}
---
apiVersion: flespi-gitops/v1
kind: Token
metadata: {name: reader}
spec: {ttl: 1h, access: standard}
";

/// Two tenants, of which the first is hostile.
struct Tenants {
    world: World,
    acme: i64,
    key: String,
}

impl Tenants {
    fn new() -> Self {
        let world = World::new();
        world.write("all.yaml", MANIFESTS);
        world.apply(&["."]);
        let acme = world.item("subaccounts", "name", "ACME")["id"].as_i64().unwrap();
        let key = world.read("out/acme").trim().to_owned();
        Self { world, acme, key }
    }

    /// A call with the tenant's own master token.
    fn meddle(&self, method: &str, path: &str, body: &Value) -> Value {
        let (status, answer) = self.world.call(method, path, Some(&self.key), None, Some(body));
        assert_eq!(status, 200, "{method} {path}: {answer}");
        answer["result"].clone()
    }

    fn mark_of(address: &str) -> Value {
        json!({"flespi-gitops/stack": "default", "flespi-gitops/address": address})
    }

    /// Plans, applies with pruning, and shows that nothing outside of the tenant was written.
    fn expect_dispute(&self, about: &str) {
        let plan = self.world.plan(&[".", "--prune"]);
        let disputed = plan["disputed"].to_string();
        assert!(disputed.contains(about), "{about} is not in {plan:#}");
        let before = self.everything_else();
        self.world.empty_journal();
        let run = self.world.run(&["apply", ".", "--yes", "--prune"]);
        assert!([0, 5, 6].contains(&run.code), "{run:?}");
        assert_eq!(self.everything_else(), before);
        let outside: Vec<_> = self
            .world
            .writes()
            .into_iter()
            .filter(|write| write.cid != Some(self.acme) && write.status < 400)
            .collect();
        assert!(outside.is_empty(), "{outside:?}");
    }

    /// Everything on the platform that does not belong to the tenant.
    fn everything_else(&self) -> Vec<Value> {
        let mut all = Vec::new();
        for (collection, fields) in [
            ("limits", "id,cid,name,metadata"),
            ("subaccounts", "id,cid,name,limit_id,enabled,metadata"),
            ("tokens", "id,cid,info,access,metadata"),
        ] {
            let path = format!("/platform/{collection}/all?fields={fields}");
            let items = self.world.api("GET", &path, None);
            all.extend(items.into_iter().filter(|item| {
                item["cid"] != self.acme
                    && !(collection == "subaccounts" && item["id"] == self.acme)
            }));
        }
        all
    }
}

#[test]
fn a_copied_mark_of_its_own_token_is_disputed_and_neither_token_is_touched() {
    let tenants = Tenants::new();
    let mark = tenants.world.item("subaccounts", "name", "ACME");
    assert!(mark["metadata"]["flespi-gitops/address"].is_string());
    tenants.meddle(
        "POST",
        "/platform/tokens",
        &json!([{"info": "twin", "ttl": 60, "access": {"type": 0},
                 "metadata": Tenants::mark_of("token/acme/admin")}]),
    );
    tenants.expect_dispute("token/acme/admin");
    // Nor is one of them taken for it when its manifest is edited.
    let admin = "account: acme}\nspec: {ttl: 1h";
    tenants.world.edit("all.yaml", admin, &admin.replace("1h", "2h"));
    let plan = tenants.world.plan(&["."]);
    assert_eq!(plan["steps"], json!([]), "{plan:#}");
    assert!(plan["blocked"].to_string().contains("choose one with `metadata.id`"), "{plan:#}");
}

#[test]
fn a_siblings_token_address_on_its_own_token_is_disputed() {
    let tenants = Tenants::new();
    for address in ["token/globex/admin", "token/reader", "token/gone"] {
        tenants.meddle(
            "POST",
            "/platform/tokens",
            &json!([{"info": address, "ttl": 60, "access": {"type": 0},
                     "metadata": Tenants::mark_of(address)}]),
        );
        tenants.expect_dispute(address);
    }
}

#[test]
fn a_siblings_address_on_its_own_account_is_disputed_and_nobody_is_made_again() {
    let tenants = Tenants::new();
    tenants.meddle(
        "PUT",
        "/platform/customer",
        &json!({"metadata": Tenants::mark_of("subaccount/globex")}),
    );
    tenants.expect_dispute("subaccount/globex");
    assert_eq!(tenants.world.count("subaccounts"), 2);
}

#[test]
fn a_removed_mark_makes_nobody_twice() {
    let tenants = Tenants::new();
    tenants.meddle("PUT", "/platform/customer", &json!({"metadata": {}}));
    let plan = tenants.world.plan(&["."]);
    assert!(plan["blocked"].to_string().contains("has no mark"), "{plan:#}");
    tenants.world.run(&["apply", ".", "--yes", "--prune"]).expect(5);
    assert_eq!(tenants.world.count("subaccounts"), 2);
}

#[test]
fn a_removed_mark_and_another_name_make_nobody_twice() {
    let tenants = Tenants::new();
    tenants.meddle("PUT", "/platform/customer", &json!({"metadata": {}, "name": "hidden"}));
    tenants.expect_dispute("subaccount/acme");
    assert_eq!(tenants.world.count("subaccounts"), 2);
}

#[test]
fn a_mark_of_nobody_makes_nobody_twice() {
    let tenants = Tenants::new();
    for name in ["ACME", "hidden"] {
        tenants.meddle(
            "PUT",
            "/platform/customer",
            &json!({"metadata": Tenants::mark_of("subaccount/nobody"), "name": name}),
        );
        let plan = tenants.world.plan(&["."]);
        assert_eq!(plan["summary"]["create"], 0, "{plan:#}");
        assert!(plan["disputed"].to_string().contains("subaccount/acme"), "{plan:#}");
    }
}

#[test]
fn a_mark_on_another_kind_is_disputed() {
    let tenants = Tenants::new();
    tenants.meddle(
        "POST",
        "/platform/limits",
        &json!([{"name": "forged", "metadata": Tenants::mark_of("limit/starter")}]),
    );
    tenants.expect_dispute("limit/starter");
    let plan = tenants.world.plan(&["."]);
    assert_eq!(plan["steps"], json!([]), "no account is given the forged limit");
}

#[test]
fn protection_in_a_forged_mark_protects_only_the_forgers_own() {
    let tenants = Tenants::new();
    let mut mark = Tenants::mark_of("subaccount/acme");
    mark["flespi-gitops/protect"] = json!("true");
    tenants.meddle("PUT", "/platform/customer", &json!({"metadata": mark}));
    // Its account is to go: the forged protection keeps it, and is told.
    let rest: Vec<&str> =
        MANIFESTS.split("---\n").filter(|manifest| !manifest.contains("acme")).collect();
    tenants.world.write("all.yaml", &rest.join("---\n"));
    let plan = tenants.world.plan(&[".", "--prune"]);
    assert!(plan["blocked"].to_string().contains("protected"), "{plan:#}");
}

#[test]
fn an_account_bound_by_its_id_is_found_whatever_the_tenant_takes_away() {
    let tenants = Tenants::new();
    let world = &tenants.world;
    let wipe = || {
        let token = world.item("tokens", "info", "admin")["id"].clone();
        tenants.meddle("PUT", &format!("/platform/tokens/{token}"), &json!({"metadata": {}}));
        tenants.meddle("PUT", "/platform/customer", &json!({"metadata": {}, "name": "hidden"}));
    };
    // Without a second token of that name the look-up above is unambiguous.
    let globex = "kind: Token\nmetadata: {name: admin, account: globex}";
    world.edit("all.yaml", globex, &globex.replace("name: admin", "name: other"));
    world.apply(&[".", "--prune", "--approve", &digest(world)]);
    wipe();
    let plan = world.plan(&["."]);
    let created = &plan["steps"][0];
    assert_eq!(created["action"], "create", "nothing is left to know it by: {plan:#}");
    assert_eq!(created["address"], "subaccount/acme");

    let acme = "kind: Subaccount\nmetadata: {name: acme}";
    let bound = format!("kind: Subaccount\nmetadata: {{name: acme, id: {}}}", tenants.acme);
    world.edit("all.yaml", acme, &bound);
    let plan = world.plan(&["."]);
    assert_eq!(plan["summary"]["create"], 0, "{plan:#}");
    assert_eq!(plan["steps"][0]["address"], "subaccount/acme", "{plan:#}");
}

fn digest(world: &World) -> String {
    world.plan(&[".", "--prune"])["digest"].as_str().unwrap().to_owned()
}

/// What a tenant makes of its account's mark, and of the account's name.
type Forgery = (&'static str, fn(&mut Value), Option<&'static str>);

const FORGERIES: &[Forgery] = &[
    ("no mark", |mark| *mark = json!({}), None),
    ("no mark, another name", |mark| *mark = json!({}), Some("zzz")),
    ("its own token", |mark| address(mark, "token/acme/admin"), None),
    ("its own token, another name", |mark| address(mark, "token/acme/admin"), Some("zzz")),
    ("a token of nobody, another name", |mark| address(mark, "token/acme/gone"), Some("zzz")),
    ("a limit", |mark| address(mark, "limit/starter"), None),
    ("a limit, another name", |mark| address(mark, "limit/starter"), Some("zzz")),
    ("its child", |mark| address(mark, "subaccount/acme/depot"), None),
    ("its child, another name", |mark| address(mark, "subaccount/acme/depot"), Some("zzz")),
    ("its sibling", |mark| address(mark, "subaccount/globex"), None),
    ("its sibling, another name", |mark| address(mark, "subaccount/globex"), Some("zzz")),
    ("nobody", |mark| address(mark, "subaccount/nobody"), None),
    ("nobody, another name", |mark| address(mark, "subaccount/nobody"), Some("zzz")),
    ("another stack", |mark| mark["flespi-gitops/stack"] = json!("other"), None),
    ("another stack and name", |mark| mark["flespi-gitops/stack"] = json!("other"), Some("zzz")),
    (
        "another stack and address",
        |mark| {
            mark["flespi-gitops/stack"] = json!("other");
            address(mark, "subaccount/x");
        },
        None,
    ),
    (
        "another stack, address and name",
        |mark| {
            mark["flespi-gitops/stack"] = json!("other");
            address(mark, "subaccount/x");
        },
        Some("zzz"),
    ),
    ("half a mark", |mark| *mark = json!({"flespi-gitops/stack": "default"}), None),
    (
        "half a mark, another name",
        |mark| *mark = json!({"flespi-gitops/stack": "default"}),
        Some("zzz"),
    ),
    ("bootstrap", |mark| mark["flespi-gitops/role"] = json!("bootstrap"), None),
    ("retired", |mark| mark["flespi-gitops/role"] = json!("retired"), None),
    ("retired, another name", |mark| mark["flespi-gitops/role"] = json!("retired"), Some("zzz")),
    ("another generation", |mark| mark["flespi-gitops/generation"] = json!("7"), None),
    ("moved", |mark| mark["flespi-gitops/moved-from"] = json!("subaccount/globex"), None),
];

fn address(mark: &mut Value, address: &str) {
    mark["flespi-gitops/address"] = json!(address);
}

#[test]
fn no_forged_mark_makes_an_account_twice_or_deletes_anything_or_passes_in_silence() {
    let depot = "---\napiVersion: flespi-gitops/v1\nkind: Subaccount\n\
                 metadata: {name: depot, account: acme}\nspec: {name: Depot}\n";
    for signed in [false, true] {
        let world = World::new();
        world.write("m/all.yaml", &format!("{MANIFESTS}{depot}"));
        world.write("key", &"k".repeat(40));
        let key: &[&str] = if signed { &["--mark-key-file", "key"] } else { &[] };
        world.apply(&[&["m"], key].concat());
        let accounts = world.count("subaccounts");
        let acme = world.item("subaccounts", "name", "ACME");
        let tenant = world.read("m/out/acme").trim().to_owned();
        let put = |body: Value| {
            let path = "/platform/customer";
            assert_eq!(world.call("PUT", path, Some(&tenant), None, Some(&body)).0, 200);
        };
        for (what, forge, name) in FORGERIES {
            let mut mark = acme["metadata"].clone();
            forge(&mut mark);
            put(json!({"metadata": mark, "name": name.unwrap_or("ACME")}));
            world.empty_journal();
            let run = world.run(&[&["apply", "m", "--yes", "--prune"], key].concat());
            let what = format!("{what}, signed: {signed}: {}", run.stdout);
            assert_eq!(world.count("subaccounts"), accounts, "{what}");
            let has_deleted = world.writes().iter().any(|write| write.method == "DELETE");
            assert!(!has_deleted, "{what}");
            let plan = [&["plan", "m", "--detailed-exitcode"], key].concat();
            let has_healed = run.code == 0 && world.run(&plan).code == 0;
            assert!(run.code == 5 || has_healed, "{what}");
            put(json!({"metadata": acme["metadata"], "name": "ACME"}));
        }
    }
}
