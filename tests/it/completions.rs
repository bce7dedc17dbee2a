//! Completion as a shell does it.

use std::process::Command;

use crate::support::{World, skip};

/// What bash offers for the last of `words`; none if there is no bash.
fn offered(world: &World, script: &str, words: &[&str]) -> Option<Vec<String>> {
    let driver = "source \"$1\"; shift\n\
        COMP_WORDS=(\"$@\"); COMP_CWORD=$(($# - 1))\n\
        function_=$(complete -p flespi-gitops | sed 's/.*-F \\([^ ]*\\).*/\\1/')\n\
        \"$function_\" flespi-gitops \"${COMP_WORDS[COMP_CWORD]}\" \"${COMP_WORDS[COMP_CWORD-1]}\"\n\
        printf '%s\\n' \"${COMPREPLY[@]}\"";
    let mut bash = Command::new("bash");
    bash.args(["--noprofile", "--norc", "-c", driver, "bash", script, "flespi-gitops"]).args(words);
    let program = std::path::Path::new(env!("CARGO_BIN_EXE_flespi-gitops"));
    let path = std::env::var("PATH").unwrap();
    bash.env("PATH", format!("{}:{path}", program.parent().unwrap().display()));
    bash.env_remove("FLESPI_GITOPS_STATE_DIR").env("XDG_STATE_HOME", world.path());
    let output = match bash.current_dir(world.path()).output() {
        Ok(output) => output,
        Err(error) => {
            skip(&format!("no bash: {error}"));
            return None;
        }
    };
    let said = String::from_utf8(output.stdout).unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stderr), "", "{words:?}");
    Some(said.lines().map(str::to_owned).collect())
}

#[test]
fn bash_completes_commands_and_everything_after_them() {
    let world = World::new();
    let script = world.run(&["completions", "bash"]).expect(0).stdout;
    world.write("script", &script);
    let manifests = "apiVersion: flespi-gitops/v1\nkind: Subaccount\nmetadata: {name: acme}\n---\n\
        apiVersion: flespi-gitops/v1\nkind: Token\nmetadata: {name: app, account: acme}\n\
        spec: {ttl: 30d, access: standard}\n";
    world.write("accounts.yaml", manifests);
    for (words, wanted) in [
        (&["pl"][..], "plan"),
        (&[""], "watch"),
        (&["plan", "--det"], "--detailed-exitcode"),
        (&["plan", "--exc"], "--exclude"),
        (&["plan", "--format", ""], "markdown"),
        (&["plan", "--platform", "sandbox", "--out", ""], "accounts.yaml"),
        (&["apply", "--on-error", ""], "finish"),
        (&["watch", "--first-pass", "re"], "report"),
        (&["rotate", "--man"], "--manifests"),
        (&["explain", "--li"], "--live"),
        (&["history", "sh"], "show"),
        (&["history", "show", "--fo"], "--format"),
        (&["lock", "show", "--st"], "--state-dir"),
        (&["sandbox", "--ass"], "--assume"),
        (&["completions", ""], "zsh"),
        (&["help", "pl"], "plan"),
        (&["validate", "--explain", "token-w"], "token-without-end"),
        (&["plan", "--deny", ""], "warnings"),
        (&["explain", "token/"], "token/acme/app"),
        (&["rotate", "tok"], "token/acme/app"),
        (&["pause", "--scope", "sub"], "subaccount/acme"),
        (&["undo", ""], "last"),
    ] {
        let Some(offered) = offered(&world, "./script", words) else { return };
        assert!(offered.iter().any(|word| word == wanted), "{words:?}: {offered:?}");
    }
}

/// Every command that there is, so that none that is added later is forgotten.
#[test]
fn bash_completes_options_after_every_command() {
    let world = World::new();
    world.write("script", &world.run(&["completions", "bash"]).expect(0).stdout);
    let Some(commands) = offered(&world, "./script", &[""]) else { return };
    let commands: Vec<&String> =
        commands.iter().filter(|word| !word.starts_with('-') && *word != "help").collect();
    assert!(commands.len() >= 13, "{commands:?}");
    for command in commands {
        let offered = offered(&world, "./script", &[command, "--plat"]).unwrap();
        assert_eq!(offered, ["--platform"], "{command}");
    }
}

#[test]
fn runs_that_are_remembered_are_offered_by_their_names() {
    let world = World::new();
    world.write("script", &world.run(&["completions", "bash"]).expect(0).stdout);
    world.write("limit.yaml", "apiVersion: flespi-gitops/v1\nkind: Limit\nmetadata: {name: a}\n");
    let state = world.path().join("flespi-gitops");
    world.run(&["apply", "limit.yaml", "--yes", "--state-dir", state.to_str().unwrap()]).expect(0);
    let Some(offered) = offered(&world, "./script", &["history", "show", "20"]) else { return };
    assert_eq!(offered.len(), 1, "{offered:?}");
}

#[test]
fn there_is_a_script_for_every_shell_and_it_asks_this_program() {
    let world = World::new();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = world.run(&["completions", shell]).expect(0).stdout;
        assert!(script.contains("FLESPI_GITOPS_COMPLETE"), "{shell}: {script}");
    }
}

#[test]
fn there_is_a_manual_page_for_every_command() {
    let world = World::new();
    world.run(&["man", "--out", "man"]).expect(0);
    let help = world.run(&["--help"]).expect(0).stdout;
    let (_, listed) = help.split_once("Commands:\n").unwrap();
    let (listed, _) = listed.split_once("\n\n").unwrap();
    let names = listed.lines().filter(|line| line.starts_with("  ") && !line.starts_with("   "));
    let names: Vec<&str> = names.filter_map(|line| line.split_whitespace().next()).collect();
    for name in names.into_iter().filter(|name| *name != "help") {
        let page = world.read(&format!("man/flespi-gitops-{name}.1"));
        assert!(page.contains(".SH SYNOPSIS") && page.contains("Examples:"), "{name}");
    }
    assert!(world.read("man/flespi-gitops.1").contains("Exit codes"));
}
