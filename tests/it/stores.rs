//! Stores that speak for themselves: what we deliver is there for their own clients.
//!
//! The ignored tests need programs of others, which `tests/stores/run.sh` installs and names in the environment.

use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use serde_json::{Value, json};

use crate::support::kubernetes::{Kubernetes, TOKEN};
use crate::support::{World, run};

fn token(name: &str, sink: &str) -> String {
    format!(
        "apiVersion: flespi-gitops/v1\nkind: Token\nmetadata: {{name: {name}}}\n\
         spec: {{ttl: 1h, access: standard, deliver: [{sink}]}}\n---\n"
    )
}

/// Fails unless `key` opens the token called `name`.
#[track_caller]
fn assert_key_of(world: &World, name: &str, key: &str) {
    let (status, answer) = world.call("GET", "/auth/info", Some(key), None, None);
    assert_eq!(status, 200, "{answer}");
    assert_eq!(answer["result"][0]["id"], world.item("tokens", "info", name)["id"]);
}

fn decoded(secret: &Value, key: &str) -> String {
    let mut child = Command::new("base64")
        .arg("-d")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let text = secret["data"][key].as_str().unwrap();
    std::io::Write::write_all(&mut child.stdin.take().unwrap(), text.as_bytes()).unwrap();
    String::from_utf8(child.wait_with_output().unwrap().stdout).unwrap()
}

/// A sink in the cluster, for a token of its service account in a file.
fn in_cluster(world: &World, cluster: &Kubernetes, key: &str) -> String {
    world.write("account", TOKEN);
    format!(
        "{{kubernetes: flespi-keys, key: {key}, namespace: ops, server: '{}', token_file: account}}",
        cluster.url
    )
}

#[test]
fn a_secret_in_a_cluster_gets_the_key_and_keeps_what_others_wrote_meanwhile() {
    let (world, cluster) = (World::new(), Kubernetes::start());
    world.write("app.yaml", &token("app", &in_cluster(&world, &cluster, "app")));
    // Somebody makes the Secret in the very moment, and changes it twice before our patch comes.
    cluster.rivals(3);
    world.apply(&["."]);
    let secret = cluster.secret("ops", "flespi-keys").unwrap();
    assert_key_of(&world, "app", &decoded(&secret, "app"));
    for rival in 0..3 {
        assert_eq!(decoded(&secret, &format!("rival-{rival}")), "rival");
    }
    cluster.requests();
    world.apply(&["."]);
    assert!(cluster.requests().iter().all(|request| request.starts_with("GET ")));
    // Emptied by hand, it is filled again.
    cluster.put("ops", "flespi-keys", json!({"other": "eA=="}));
    world.apply(&["."]);
    let again = cluster.secret("ops", "flespi-keys").unwrap();
    assert_eq!(
        (&again["data"]["app"], &again["data"]["other"]),
        (&secret["data"]["app"], &json!("eA=="))
    );
}

#[test]
fn a_cluster_that_would_not_take_the_key_is_known_before_there_is_one() {
    let (world, cluster) = (World::new(), Kubernetes::start());
    world.write("app.yaml", &token("app", &in_cluster(&world, &cluster, "app")));
    let before = world.count("tokens");
    cluster.forbid(&["POST"]);
    let told = world.run(&["apply", ".", "--yes"]).expect(1).stdout;
    assert!(told.contains("app in Kubernetes Secret ops/flespi-keys"), "{told}");
    assert!(told.contains("403") && !told.contains(TOKEN), "{told}");
    assert_eq!(world.count("tokens"), before);
    cluster.forbid(&[]);
    world.apply(&["."]);
    assert_eq!(world.count("tokens"), before + 1);
}

/// The program that the environment names.
#[track_caller]
fn program(variable: &str) -> Command {
    Command::new(std::env::var_os(variable).expect("tests/stores/run.sh names it"))
}

#[track_caller]
fn said(mut command: Command) -> String {
    let Output { status, stdout, stderr } = command.output().unwrap();
    assert!(status.success(), "{command:?}: {}", String::from_utf8_lossy(&stderr));
    String::from_utf8(stdout).unwrap().trim().to_owned()
}

#[test]
#[ignore = "needs kubectl: tests/stores/run.sh"]
fn kubectl_sees_what_was_delivered_and_meets_the_same_conflicts() {
    let (world, cluster) = (World::new(), Kubernetes::start());
    let kubectl = |arguments: &[&str]| {
        let mut command = program("KUBECTL");
        command.env("HOME", world.path()).args(["--server", &cluster.url, "-n", "ops"]);
        command.args(arguments);
        command
    };
    let secret = json!({"apiVersion": "v1", "kind": "Secret",
        "metadata": {"name": "flespi-keys", "namespace": "ops"}, "data": {"other": "a2VwdA=="}});
    let file = world.write("secret.json", &secret.to_string());
    said(kubectl(&["create", "--validate=false", "-f", file.to_str().unwrap()]));
    world.write("app.yaml", &token("app", &in_cluster(&world, &cluster, "app")));
    world.apply(&["."]);
    let get = |path: &str| {
        said(kubectl(&[
            "get",
            "secret",
            "flespi-keys",
            "-o",
            &format!("go-template={{{{index .data \"{path}\" | base64decode}}}}"),
        ]))
    };
    assert_key_of(&world, "app", &get("app"));
    assert_eq!(get("other"), "kept");
    // An edit of a version that is gone is refused, and tells the same as our own client hears.
    let stale = said(kubectl(&["get", "secret", "flespi-keys", "-o", "json"]));
    world.write("stale.json", &stale);
    cluster.put("ops", "flespi-keys", json!({"other": "eA=="}));
    let refused = kubectl(&["replace", "--validate=false", "-f", "stale.json"])
        .current_dir(world.path())
        .output()
        .unwrap();
    assert!(String::from_utf8_lossy(&refused.stderr).contains("has been modified"), "{refused:?}");
    world.apply(&["."]);
    assert_key_of(&world, "app", &get("app"));
    assert_eq!(get("other"), "x");
}

#[cfg(feature = "age")]
#[test]
#[ignore = "needs age: tests/stores/run.sh"]
fn age_opens_what_was_encrypted_for_its_recipients_and_for_nobody_else() {
    let world = World::new();
    let identity = |name: &str| {
        let mut keygen = program("AGE_KEYGEN");
        keygen.args(["-o", name]).current_dir(world.path());
        said(keygen);
        let mut keygen = program("AGE_KEYGEN");
        keygen.args(["-y", name]).current_dir(world.path());
        said(keygen)
    };
    let (first, second) = (identity("first"), identity("second"));
    identity("stranger");
    let open = |name: &str| {
        let mut age = program("AGE");
        age.args(["-d", "-i", name, "keys/app.age"]).current_dir(world.path());
        age
    };
    world
        .write("app.yaml", &token("app", &format!("{{age: keys/app.age, recipients: [{first}]}}")));
    world.apply(&["."]);
    let key = said(open("first"));
    assert_key_of(&world, "app", &key);
    assert!(!open("second").output().unwrap().status.success());
    world.apply(&["."]);
    // Somebody joins: the same key is encrypted again, to both.
    world.edit("app.yaml", &first, &format!("{first}, {second}"));
    world.apply(&["."]);
    assert_eq!((said(open("first")), said(open("second"))), (key.clone(), key));
    assert!(!open("stranger").output().unwrap().status.success());
    assert_eq!(world.plan(&["."])["steps"], json!([]));
}

/// A server of OpenBao in memory.
struct Bao {
    child: Child,
    url: String,
}

impl Bao {
    fn start(world: &World) -> Self {
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let mut command = program("BAO");
        command
            .args(["server", "-dev", "-dev-no-store-token", "-dev-root-token-id=root"])
            .arg(format!("-dev-listen-address=127.0.0.1:{port}"))
            .env("HOME", world.path())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let bao = Self { child: command.spawn().unwrap(), url: format!("http://127.0.0.1:{port}") };
        for _ in 0..600 {
            if bao.client("root", &["secrets", "list"]).output().unwrap().status.success() {
                return bao;
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        panic!("OpenBao does not start");
    }

    fn client(&self, token: &str, arguments: &[&str]) -> Command {
        let mut command = program("BAO");
        command.env("BAO_ADDR", &self.url).env("BAO_TOKEN", token).args(arguments);
        command
    }
}

impl Drop for Bao {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
#[ignore = "needs OpenBao: tests/stores/run.sh"]
fn openbao_keeps_the_other_keys_of_a_secret_and_says_beforehand_what_a_token_may_do() {
    let world = World::new();
    let bao = Bao::start(&world);
    let command = |token: &str, arguments: &[&str]| {
        let mut command = world.command(arguments);
        command.env("VAULT_ADDR", &bao.url).env("VAULT_TOKEN", token);
        command
    };
    said(bao.client("root", &["kv", "put", "secret/flespi/app", "other=kept"]));
    let names: Vec<String> = (0..8).map(|number| format!("t{number}")).collect();
    let sinks =
        names.iter().map(|name| token(name, &format!("{{vault: flespi/app, key: {name}}}")));
    world.write("app.yaml", &sinks.collect::<String>());

    // A token that may only read.
    let policy = "path \"secret/data/*\" { capabilities = [\"read\"] }";
    world.write("reader.hcl", policy);
    let file = world.path().join("reader.hcl");
    said(bao.client("root", &["policy", "write", "reader", file.to_str().unwrap()]));
    let reader = said(bao.client("root", &["token", "create", "-policy=reader", "-field=token"]));
    let before = world.count("tokens");
    let told = run(command(&reader, &["apply", ".", "--yes"])).expect(1).stdout;
    assert!(told.contains("capability `update`") && !told.contains(&reader), "{told}");
    assert_eq!(world.count("tokens"), before);

    // Eight keys for one secret, at once.
    run(command("root", &["apply", ".", "--yes"])).expect(0);
    let get = |key: &str| {
        said(bao.client("root", &["kv", "get", &format!("-field={key}"), "secret/flespi/app"]))
    };
    for name in &names {
        assert_key_of(&world, name, &get(name));
    }
    assert_eq!(get("other"), "kept");
    run(command("root", &["apply", ".", "--yes"])).expect(0);

    // Deleted by hand, all of it: filled again.
    let key = get("t0");
    said(bao.client("root", &["kv", "delete", "secret/flespi/app"]));
    run(command("root", &["apply", ".", "--yes"])).expect(0);
    assert_eq!(get("t0"), key);
}
