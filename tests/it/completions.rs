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
    world.write("accounts.yaml", "");
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
fn the_scripts_of_other_shells_name_every_command() {
    let world = World::new();
    for shell in ["zsh", "fish", "elvish", "powershell"] {
        let script = world.run(&["completions", shell]).expect(0).stdout;
        for command in ["validate", "apply", "rotate", "detailed-exitcode", "first-pass"] {
            assert!(script.contains(command), "{shell}: {command}");
        }
    }
}
