//! Advice on options and commands that other tools have and that are called something else here.

use std::ffi::OsString;

use clap::error::{ContextKind, ContextValue, ErrorKind};

/// What somebody may write, and what to write instead.
const OPTIONS: &[(&[&str], &str)] = &[
    (
        &["auto-approve", "auto-confirm", "assume-yes", "non-interactive", "no-input", "confirm"],
        "to apply without being asked, use '--yes'",
    ),
    (
        &["dry-run", "check", "diff", "preview", "noop", "what-if", "whatif"],
        "to see what would change, use the command 'plan'; it never writes",
    ),
    (
        &["token", "api-token", "api-key", "access-token", "auth", "password"],
        "a token is never passed on the command line; use '--token-file FILE', or FLESPI_TOKEN_FILE or \
         FLESPI_TOKEN in the environment",
    ),
    (
        &["url", "api-url", "host", "endpoint", "server", "base-url", "address", "api", "region"],
        "to set the platform's address, use '--platform URL'",
    ),
    (
        &["filename", "file", "config", "dir", "directory", "path", "chdir", "f", "c", "state"],
        "manifests are arguments: write their paths after the command, or '--manifests PATH'",
    ),
    (
        &["output", "o", "json"],
        "to choose the format of the result, use '--format json', 'text' or 'markdown'",
    ),
    (
        &["no-color", "no-colour", "colour"],
        "to print without colors, use '--color never', or set NO_COLOR in \
                                            the environment",
    ),
    (&["debug", "trace", "log-level", "loglevel"], "to log more, use '-v', '-vv' or '-vvv'"),
    (&["silent"], "to print only warnings and errors, use '--quiet'"),
    (
        &["destroy", "delete", "remove", "cleanup"],
        "to delete what is no longer declared, use '--prune'",
    ),
    (
        &["force", "force-conflicts", "override"],
        "to approve what a guard refuses in one plan, use '--approve DIGEST'",
    ),
    (&["target", "include", "select"], "to look at some objects alone, use '--only PATTERN'"),
    (&["ignore", "skip"], "to leave objects alone, use '--exclude PATTERN'"),
    (
        &["watch", "follow", "daemon"],
        "to apply whenever something changes, use the command 'watch'",
    ),
    (&["lock-wait", "wait", "timeout"], "to wait for another run, use '--lock-timeout DURATION'"),
    (
        &["workspace", "namespace", "environment", "env"],
        "for one environment, use an overlay of the Stack with '--overlay NAME'; for another stack, use \
         '--stack NAME'",
    ),
    (
        &["exit-code", "fail-on-changes"],
        "to exit with 2 if there are changes, use 'plan --detailed-exitcode'",
    ),
    (
        &["refresh", "refresh-only", "no-refresh"],
        "every run reads the platform; there is no state to refresh",
    ),
];

/// Commands that other tools have.
const COMMANDS: &[(&[&str], &str)] = &[
    (&["diff", "preview", "check", "dry-run"], "to see what would change, use 'plan'"),
    (&["lint", "verify", "test", "fmt"], "to check manifests, use 'validate'"),
    (
        &["up", "deploy", "sync", "push", "create", "update", "run"],
        "to make the platform match the manifests, use 'apply'",
    ),
    (
        &["destroy", "delete", "down", "prune"],
        "to delete what is no longer declared, use 'apply --prune'",
    ),
    (&["dump", "pull", "fetch", "download"], "to write manifests from live accounts, use 'export'"),
    (
        &["daemon", "serve", "controller", "reconcile"],
        "to apply whenever something changes, use 'watch'",
    ),
    (
        &["show", "list", "get", "drift", "state"],
        "to see what is in sync and what has drifted, use 'status'",
    ),
    (&["log", "logs", "runs"], "to see what earlier runs did, use 'history'"),
    (
        &["unlock", "force-unlock"],
        "to list locks, use 'lock show'; a lock is released when its holder ends",
    ),
    (&["completion"], "to generate shell completions, use 'completions SHELL'"),
    (&["can-i", "why"], "to see what a token may do, use 'explain'"),
    (&["version"], "to print the version, use '--version'"),
];

/// The same error, with a tip if what is wrong is a word of another tool.
pub(super) fn with_advice(mut error: clap::Error, arguments: &[OsString]) -> clap::Error {
    let tip = match error.kind() {
        ErrorKind::UnknownArgument => {
            let invalid = text(error.get(ContextKind::InvalidArg));
            // Options with one dash are read letter by letter, so that the error has the first one alone.
            let whole = arguments.iter().filter_map(|argument| argument.to_str());
            let whole =
                whole.filter(|argument| invalid.len() == 2 && argument.starts_with(&*invalid));
            whole.map(str::to_owned).chain([invalid.clone()]).find_map(|word| tip(OPTIONS, &word))
        }
        ErrorKind::InvalidSubcommand => {
            tip(COMMANDS, &text(error.get(ContextKind::InvalidSubcommand)))
        }
        _ => None,
    };
    if let Some(tip) = tip {
        error.remove(ContextKind::SuggestedArg);
        error.remove(ContextKind::SuggestedSubcommand);
        error.insert(ContextKind::Suggested, ContextValue::StyledStrs(vec![tip.into()]));
    }
    error
}

fn text(value: Option<&ContextValue>) -> String {
    match value {
        Some(ContextValue::String(text)) => text.clone(),
        _ => String::new(),
    }
}

fn tip(table: &[(&[&str], &'static str)], word: &str) -> Option<&'static str> {
    let word = word.trim_start_matches('-');
    let word = word.split('=').next().unwrap_or_default();
    table.iter().find(|(words, _)| words.contains(&word)).map(|(_, tip)| *tip)
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory, Parser};

    use super::*;
    use crate::cli::Cli;

    fn said(arguments: &[&str]) -> String {
        let arguments: Vec<OsString> =
            ["flespi-gitops"].iter().chain(arguments).map(OsString::from).collect();
        let error = Cli::try_parse_from(&arguments).unwrap_err();
        with_advice(error, &arguments).to_string()
    }

    #[test]
    fn words_of_other_tools_lead_to_ours() {
        for (arguments, words) in [
            (&["apply", "--auto-approve"][..], "--yes"),
            (&["apply", "-auto-approve"], "--yes"),
            (&["apply", ".", "-auto-approve=true"], "--yes"),
            (&["apply", "--dry-run"], "'plan'"),
            (&["apply", "--dry-run=client"], "'plan'"),
            (&["plan", "--token", "CANARY"], "--token-file"),
            (&["plan", "--token=CANARY"], "FLESPI_TOKEN_FILE"),
            (&["plan", "-f", "x.yaml"], "--manifests"),
            (&["plan", "-o", "json"], "--format json"),
            (&["--no-color", "plan"], "--color never"),
            (&["diff"], "'plan'"),
            (&["destroy"], "apply --prune"),
            (&["version"], "--version"),
        ] {
            let text = said(arguments);
            assert!(text.contains(words), "{arguments:?}: {text}");
            assert!(text.contains("tip:") && !text.contains("CANARY"), "{arguments:?}: {text}");
        }
        // What is only misspelt is told as before.
        assert!(said(&["plan", "--fromat", "json"]).contains("'--format'"));
        assert!(said(&["aply"]).contains("'apply'"));
        assert!(!said(&["plan", "--frobnicate"]).contains("tip: to"));
    }

    #[test]
    fn nothing_that_is_advised_against_is_an_option_or_a_command_of_ours() {
        let cli = Cli::command();
        let mut long: Vec<String> = Vec::new();
        for command in cli.get_subcommands().chain([&cli]) {
            long.extend(command.get_arguments().filter_map(|it| Some(it.get_long()?.to_owned())));
        }
        let words = |table: &[(&[&'static str], &str)]| -> Vec<&'static str> {
            table.iter().flat_map(|(words, _)| words.iter().copied()).collect()
        };
        for command in words(COMMANDS) {
            assert!(cli.find_subcommand(command).is_none(), "{command}");
        }
        // Options of one command may be advised against in another, and only these.
        let both: Vec<&str> =
            words(OPTIONS).into_iter().filter(|word| long.iter().any(|it| it == word)).collect();
        assert_eq!(both, ["dry-run", "path", "state", "force"]);
    }
}
