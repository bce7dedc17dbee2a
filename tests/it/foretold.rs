//! A plan says beforehand what an apply could not do here, and looks at nothing for it that a manifest may not look at.

use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::support::{Run, World, run};

const SAYS: &str = "apply cannot use it here";

fn token(deliver: &str) -> String {
    format!(
        "apiVersion: flespi-gitops/v1\nkind: Token\nmetadata: {{name: app}}\n\
         spec: {{ttl: 30d, access: standard, deliver: [{deliver}]}}\n"
    )
}

fn account(password: &str) -> String {
    format!(
        "apiVersion: flespi-gitops/v1\nkind: Subaccount\nmetadata: {{name: acme}}\n\
         spec: {{credentials: {{password: {password}}}}}\n"
    )
}

fn plan(world: &World, more: &[&str], environment: &[(&str, &str)]) -> Run {
    let mut command = world.command(&[&["plan", "m", "--format", "json"], more].concat());
    command.envs(environment.iter().copied());
    run(command).expect(0)
}

/// The notes of a plan that foretell something.
fn foretold(plan: &Run) -> Vec<String> {
    let json = plan.json();
    let notes = json["notes"].as_array().unwrap().iter().map(|note| note.as_str().unwrap());
    notes.filter(|note| note.contains(SAYS)).map(str::to_owned).collect()
}

/// The one thing that a plan of `manifest` foretells.
#[track_caller]
fn only(world: &World, manifest: &str, environment: &[(&str, &str)]) -> String {
    world.write("m/a.yaml", manifest);
    let plan = plan(world, &[], environment);
    let mut all = foretold(&plan);
    assert_eq!(all.len(), 1, "{all:?}\n{}", plan.stdout);
    all.remove(0)
}

#[test]
fn what_a_store_needs_from_the_environment_is_foretold() {
    let world = World::new();
    let vault = token("{vault: flespi/app, key: token}");
    assert_eq!(
        only(&world, &vault, &[]),
        "token in vault secret/flespi/app (token/app): apply cannot use it here: it has no address; \
         set `address`, or VAULT_ADDR in the environment"
    );
    let own = token("{vault: flespi/app, key: token, address: 'https://vault.example'}");
    let says = only(&world, &own, &[]);
    assert!(says.ends_with("set VAULT_TOKEN in the environment, or `token_file`"), "{says}");
    let says = only(&world, &token("{kubernetes: keys, key: app}"), &[]);
    assert!(says.contains("not running in a cluster, and `server` is not set"), "{says}");
    let cluster =
        token("{kubernetes: keys, key: app, server: 'https://127.0.0.1:1', token_file: none}");
    let says = only(&world, &cluster, &[]);
    assert!(says.contains("no token for it in m/none"), "{says}");
    // With all of it there is nothing to say, and nobody is asked.
    world.write("m/a.yaml", &own);
    let well = plan(&world, &[], &[("VAULT_TOKEN", "a-token-of-a-vault")]);
    assert_eq!(foretold(&well), Vec::<String>::new(), "{}", well.stdout);
}

#[test]
fn a_variable_or_a_program_that_is_not_there_is_foretold_in_the_same_words() {
    let world = World::new();
    assert_eq!(
        only(&world, &account("{env: NOBODY_SET_IT}"), &[]),
        "the environment variable NOBODY_SET_IT (subaccount/acme): apply cannot use it here: the \
         environment variable NOBODY_SET_IT is not set"
    );
    let says = only(&world, &token("{exec: [no-such-program-anywhere]}"), &[]);
    assert!(says.contains("no such program: `no-such-program-anywhere`"), "{says}");
    let generated =
        account("{generate: {length: 32}, deliver: [{vault: flespi/acme, key: password}]}");
    let says = only(&world, &generated, &[]);
    assert!(says.contains("(subaccount/acme)") && says.contains("VAULT_ADDR"), "{says}");
}

#[cfg(unix)]
#[test]
fn a_file_that_would_be_refused_is_foretold_and_nothing_is_made_for_it() {
    use std::os::unix::fs::PermissionsExt;
    let world = World::new();
    let chmod = |name: &str, mode: u32| {
        let path = world.path().join(name);
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    };
    world.write("m/open/app", "");
    chmod("m/open/app", 0o644);
    let says = only(&world, &token("{file: open/app}"), &[]);
    assert!(says.contains("everybody on this machine can read it (mode 0644)"), "{says}");
    world.write("m/a.yaml", &token("{file: open/app, allow: [world-readable]}"));
    assert_eq!(foretold(&plan(&world, &[], &[])), Vec::<String>::new());
    chmod("m/open", 0o777);
    let says = only(&world, &token("{dotenv: open/.env, key: TOKEN}"), &[]);
    assert!(says.contains("everybody on this machine can write in its folder"), "{says}");
    let says = only(&world, &token("{file: a.yaml/app}"), &[]);
    assert!(says.contains("a.yaml"), "{says}");
    let says = only(&world, &token("{json: open, pointer: /token}"), &[]);
    assert!(says.contains("it is a folder"), "{says}");
    // Missing folders are made by an apply, and by nobody before.
    world.write("m/a.yaml", &token("{file: new/deep/app}"));
    assert_eq!(foretold(&plan(&world, &[], &[])), Vec::<String>::new());
    assert!(!world.path().join("m/new").exists());
    // Who may do everything may write everywhere.
    world.write("m/closed/.keep", "");
    chmod("m/closed", 0o500);
    let may_write = std::fs::write(world.path().join("m/closed/try"), "").is_ok();
    if !may_write {
        let says = only(&world, &token("{file: closed/deep/app}"), &[]);
        assert!(says.contains("cannot write in"), "{says}");
    }
    chmod("m/closed", 0o700);
}

#[test]
fn a_file_that_git_tracks_is_foretold() {
    let world = World::new();
    world.write("m/keys/app", "");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let path = world.path().join("m/keys/app");
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).unwrap();
    }
    for arguments in [&["init", "--quiet", "."][..], &["add", "m/keys/app"]] {
        let done = Command::new("git").args(arguments).current_dir(world.path()).status();
        if !done.is_ok_and(|status| status.success()) {
            return crate::support::skip("there is no git");
        }
    }
    let says = only(&world, &token("{file: keys/app}"), &[]);
    assert!(says.contains("git tracks it"), "{says}");
}

#[cfg(unix)]
#[test]
fn a_file_outside_of_the_given_folders_is_not_even_looked_for() {
    use std::os::unix::fs::PermissionsExt;
    let world = World::new();
    let outside = world.write("outside/key", "");
    std::fs::set_permissions(&outside, std::fs::Permissions::from_mode(0o644)).unwrap();
    let url = "https://127.0.0.1:1";
    for sink in [
        "{file: ../outside/key}".to_owned(),
        "{file: ../outside/key/app}".to_owned(),
        "{exec: [../outside/no-program]}".to_owned(),
        format!("{{kubernetes: keys, key: app, server: '{url}', token_file: ../outside/none}}"),
        format!("{{vault: a/b, key: app, address: '{url}', token_file: ../outside/none}}"),
    ] {
        world.write("m/a.yaml", &token(&sink));
        let plan = plan(&world, &[], &[]);
        assert_eq!(foretold(&plan), Vec::<String>::new(), "{sink}: {}", plan.stdout);
    }
    // The operator may allow it.
    world.write("m/a.yaml", &token("{file: ../outside/key}"));
    let says = foretold(&plan(&world, &["--allow-outside"], &[]));
    assert!(says.len() == 1 && says[0].contains("mode 0644"), "{says:?}");
}

#[test]
fn what_the_operators_store_lacks_is_foretold() {
    let world = World::new();
    let stores = "stores: {main: {vault: {token_file: token, address: 'https://127.0.0.1:1'}, paths: [flespi/*]}}\n";
    world.write("operator/stores.yaml", stores);
    world.write("m/a.yaml", &token("{vault: flespi/app, key: token, store: main}"));
    let missing = plan(&world, &["--stores", "operator/stores.yaml"], &[]);
    assert!(foretold(&missing)[0].contains("it has no token"), "{}", missing.stdout);
    // Without the file of stores that is said in other words, and once.
    let unknown = plan(&world, &[], &[]);
    assert_eq!(foretold(&unknown), Vec::<String>::new(), "{}", unknown.stdout);
    assert!(unknown.stdout.contains("checked only by apply"), "{}", unknown.stdout);
}

#[test]
fn nothing_is_foretold_about_a_key_that_stays_where_it_is() {
    let world = World::new();
    world.write("m/a.yaml", &token("{file: out/app}"));
    world.apply(&["m"]);
    assert_eq!(foretold(&plan(&world, &[], &[])), Vec::<String>::new());
    let json: Value = plan(&world, &[], &[]).json();
    assert_eq!(json["steps"], serde_json::json!([]));
    assert!(Path::new(&world.path().join("m/out/app")).exists());
}
