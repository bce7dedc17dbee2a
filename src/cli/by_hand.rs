//! The command that does by hand what the daemon would do.

use std::ffi::OsStr;

use clap::parser::ValueSource;
use clap::{Arg, ArgAction, ArgMatches, Command};

/// `flespi-gitops apply` with everything that `watch` was given and that `apply` has as well, quoted for a shell.
///
/// Read from what clap matched and not from fields, so that no option can be forgotten. What came from the environment
/// is written out: whoever runs the command does so in another environment. No option and no variable of an option holds
/// a secret. `cli` is the whole program, and `matches` what `watch` was given.
pub(super) fn command(mut cli: Command, matches: &ArgMatches) -> String {
    // Only then do commands have the options that all of them have.
    cli.build();
    let (Some(ours), Some(theirs)) = (cli.find_subcommand("watch"), cli.find_subcommand("apply"))
    else {
        return String::new();
    };
    let given = |arg: &&Arg| {
        let is_known = matches.try_contains_id(arg.get_id().as_str()).is_ok();
        let source = if is_known { matches.value_source(arg.get_id().as_str()) } else { None };
        matches!(source, Some(ValueSource::CommandLine | ValueSource::EnvVariable))
    };
    let shared = ours.get_arguments().filter(|arg| counterpart(arg, theirs).is_some());
    let (paths, options): (Vec<&Arg>, Vec<&Arg>) =
        shared.filter(given).partition(|arg| arg.is_positional());
    let mut words = vec![cli.get_name().to_owned(), theirs.get_name().to_owned()];
    for path in paths {
        words.extend(values(path, matches).map(path_word));
    }
    for option in options {
        words.extend(option_words(option, matches));
    }
    let quoted = words.iter().map(|word| {
        // Only a NUL cannot be quoted, and no argument of a process has one.
        shlex::try_quote(word).map_or_else(|_| word.clone(), |quoted| quoted.into_owned())
    });
    quoted.collect::<Vec<_>>().join(" ")
}

/// What `other` calls the same.
fn counterpart<'a>(arg: &Arg, other: &'a Command) -> Option<&'a Arg> {
    other.get_arguments().find(|it| match arg.get_long() {
        Some(long) => it.get_long() == Some(long),
        None => arg.is_positional() && it.get_id() == arg.get_id(),
    })
}

fn values<'a>(arg: &Arg, matches: &'a ArgMatches) -> impl Iterator<Item = &'a OsStr> {
    matches.get_raw(arg.get_id().as_str()).into_iter().flatten()
}

/// A path that begins with a dash is no option, and further options can follow it.
fn path_word(path: &OsStr) -> String {
    let path = path.to_string_lossy();
    if path.starts_with('-') { format!("./{path}") } else { path.into_owned() }
}

fn option_words(option: &Arg, matches: &ArgMatches) -> Vec<String> {
    let (id, Some(long)) = (option.get_id().as_str(), option.get_long()) else {
        return Vec::new();
    };
    let flag = format!("--{long}");
    match option.get_action() {
        ArgAction::SetTrue => vec![flag; usize::from(matches.get_flag(id))],
        ArgAction::Count => vec![flag; usize::from(matches.get_count(id))],
        _ => values(option, matches)
            .map(|value| value.to_string_lossy())
            .flat_map(|value| match value.starts_with('-') {
                true => vec![format!("{flag}={value}")],
                false => vec![flag.clone(), value.into_owned()],
            })
            .collect(),
    }
}

#[cfg(test)]
mod tests {
    use std::ffi::OsString;

    use clap::CommandFactory;

    use super::*;
    use crate::cli::Cli;

    /// What the daemon prints that was started with these arguments.
    fn printed(arguments: &[&str]) -> String {
        let all = ["flespi-gitops", "watch"].iter().chain(arguments);
        let all: Vec<OsString> = all.map(OsString::from).collect();
        Cli::read(&all).unwrap_or_else(|error| panic!("{arguments:?}: {error}")).by_hand
    }

    /// What clap makes of the command: every argument that was given, by its id.
    fn parsed(command: &str) -> Vec<(String, Vec<String>)> {
        let words = shlex::split(command).unwrap();
        let matches = Cli::command().try_get_matches_from(&words);
        let matches = matches.unwrap_or_else(|error| panic!("{command}: {error}"));
        let (name, matches) = matches.subcommand().unwrap();
        let given = |id: &&clap::Id| {
            matches.value_source(id.as_str()) == Some(ValueSource::CommandLine)
                // Groups are listed beside what is in them.
                && matches.try_get_raw(id.as_str()).is_ok_and(|raw| raw.is_some())
        };
        let text = |id: &clap::Id| {
            let raw = matches.get_raw(id.as_str()).unwrap();
            raw.map(|value| value.to_string_lossy().into_owned()).collect()
        };
        let mut all: Vec<_> =
            matches.ids().filter(given).map(|id| (id.to_string(), text(id))).collect();
        all.retain(|(id, _)| {
            Cli::command().find_subcommand(name).unwrap().get_groups().all(|it| it.get_id() != id)
        });
        all.sort();
        all
    }

    /// A value that the argument takes, with what a shell would take for its own where that is possible.
    fn value_of(arg: &Arg) -> String {
        if let Some(first) = arg.get_possible_values().first() {
            return first.get_name().to_owned();
        }
        let name = arg.get_value_names().unwrap_or_default().first().map_or("", |it| it.as_str());
        match name {
            "file|URL" => "etcd://localhost/a",
            "DURATION" => "7s",
            "BYTES" => "5000",
            "N" => "600",
            "PATTERN" => "limit/**",
            "warnings|CODE" => "warnings",
            "ADDR" => "127.0.0.1:0",
            "URL|sandbox[:DIR]" => "sandbox:it's $HOME",
            "URL" => "/srv/it's a `fleet`",
            "REF" => "fix/it's",
            "FILE" | "DIR" | "PATH" | "NAME" => "it's a `$NAME` & \"more\"",
            other => panic!("say what a `{other}` may be"),
        }
        .to_owned()
    }

    /// Every option of both commands, with a value.
    fn shared() -> Vec<(String, Vec<String>)> {
        let mut cli = Cli::command();
        cli.build();
        let (watch, apply) =
            (cli.find_subcommand("watch").unwrap(), cli.find_subcommand("apply").unwrap());
        let both = watch.get_arguments().filter(|arg| counterpart(arg, apply).is_some());
        let both = both.filter(|arg| {
            !matches!(
                arg.get_action(),
                ArgAction::Help | ArgAction::HelpLong | ArgAction::HelpShort | ArgAction::Version
            )
        });
        both.map(|arg| {
            assert_eq!(counterpart(arg, apply).unwrap().get_id(), arg.get_id());
            let words = match (arg.get_long(), arg.get_action()) {
                (None, _) => vec![value_of(arg)],
                (Some(long), ArgAction::SetTrue | ArgAction::Count) => vec![format!("--{long}")],
                (Some(long), _) => vec![format!("--{long}"), value_of(arg)],
            };
            // Some mean something only beside another one.
            let is_of_git = arg.get_help_heading() == Some("Manifests from a git repository");
            let beside = match arg.get_id().as_str() {
                "trust_unsigned_marks" => vec!["--mark-key-file", "key"],
                "git" => vec![],
                _ if is_of_git => vec!["--git", "fleet.git"],
                _ => vec![],
            };
            let beside = beside.into_iter().map(str::to_owned).collect::<Vec<_>>();
            let words = [beside, words].concat();
            (arg.get_id().to_string(), words)
        })
        .collect()
    }

    #[test]
    fn every_option_of_both_commands_comes_through_alone() {
        let all = shared();
        for wanted in ["paths", "prune", "exclude", "manifests", "stack", "stores", "lock_timeout"]
        {
            assert!(all.iter().any(|(id, _)| id == wanted), "{wanted}");
        }
        for (id, words) in all {
            let words: Vec<&str> = words.iter().map(String::as_str).collect();
            let command = printed(&words);
            let given = parsed(&command);
            let (_, got) =
                given.iter().find(|(it, _)| *it == id).unwrap_or_else(|| panic!("{id}: {command}"));
            if let [_, value] | [_, _, _, value] = &*words {
                assert_eq!(got, &[(*value).to_owned()], "{command}");
            }
        }
    }

    #[test]
    fn all_of_them_together_come_through_and_nothing_else() {
        // The one excludes the other.
        let excluded = ["quiet", "paths", "manifests"];
        let all: Vec<_> =
            shared().into_iter().filter(|(id, _)| !excluded.contains(&&**id)).collect();
        let mut words: Vec<&str> = Vec::new();
        for (_, its) in &all {
            // What stands before the last option is there as well.
            let from = its.iter().rposition(|word| word.starts_with("--")).unwrap_or(0);
            words.extend(its[from..].iter().map(String::as_str));
        }
        words.extend([
            "--interval",
            "9m",
            "--settle",
            "1s",
            "--first-pass",
            "report",
            "--listen",
            "127.0.0.1:0",
        ]);
        let given = parsed(&printed(&words));
        let mut ids: Vec<&str> = all.iter().map(|(id, _)| &**id).collect();
        ids.sort_unstable();
        assert_eq!(given.iter().map(|(id, _)| &**id).collect::<Vec<_>>(), ids);
    }

    #[test]
    fn it_reads_like_what_somebody_would_type() {
        assert_eq!(printed(&[]), "flespi-gitops apply");
        assert_eq!(
            printed(&["accounts", "more", "--prune", "--interval", "5m", "-v", "-v"]),
            "flespi-gitops apply accounts more --prune --verbose --verbose"
        );
        assert_eq!(
            printed(&[
                "--stack",
                "fleet",
                "--exclude",
                "token/**",
                "--exclude=limit/a",
                "--",
                "-odd"
            ]),
            "flespi-gitops apply ./-odd --exclude 'token/**' --exclude limit/a --stack fleet"
        );
    }

    #[test]
    fn no_variable_of_an_option_holds_a_secret() {
        let mut cli = Cli::command();
        cli.build();
        let watch = cli.find_subcommand("watch").unwrap();
        for variable in watch.get_arguments().filter_map(Arg::get_env) {
            let variable = variable.to_string_lossy();
            let is_secret =
                ["TOKEN", "PASSWORD", "SECRET", "_KEY"].iter().any(|it| variable.ends_with(it));
            assert!(!is_secret, "{variable}");
        }
    }
}
