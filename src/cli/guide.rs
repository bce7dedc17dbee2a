//! `flespi-gitops guide`.

use super::exit::Exit;
use super::output::Output;
use super::page;
use crate::diagnostic::render::printable_line;

/// A page of the guide.
struct Topic {
    name: &'static str,
    page: &'static str,
}

/// Makes the table of topics from names and files below `src`.
macro_rules! topics {
    ($($name:literal: $file:literal,)*) => {
        const TOPICS: &[Topic] =
            &[$(Topic { name: $name, page: include_str!(concat!("../", $file)) },)*];
        const NAMES: &[&str] = &[$($name),*];
    };
}

topics! {
    "start": "guide/start.md",
    "principles": "guide/principles.md",
    "manifests": "guide/manifests.md",
    "fields": "guide/fields.md",
    "tokens": "guide/tokens.md",
    "limits": "guide/limits.md",
    "secrets": "secret/guide.md",
    "rotation": "guide/rotation.md",
    "ci": "guide/ci.md",
    "git": "guide/git.md",
    "daemon": "guide/daemon.md",
    "events": "guide/events.md",
    "leases": "guide/leases.md",
    "realms": "guide/realms.md",
    "migration": "guide/migration.md",
    "recovery": "guide/recovery.md",
    "running": "running.md",
    "security": "security.md",
    "sandbox": "guide/sandbox.md",
    "probe": "guide/probe.md",
}

/// Show a page of the guide.
///
/// Without TOPIC, all topics are listed.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  flespi-gitops guide
  flespi-gitops guide rotation
  flespi-gitops guide fields token
  flespi-gitops guide secrets vault")]
pub(super) struct Args {
    /// What to read about.
    #[arg(value_parser = clap::builder::PossibleValuesParser::new(NAMES))]
    topic: Option<String>,

    /// Show only the sections whose heading contains this word.
    #[arg(value_name = "SECTION", requires = "topic")]
    part: Option<String>,
}

pub(super) fn run(args: &Args, output: &Output) -> Exit {
    let columns = output.width().map_or(page::COLUMNS, |width| width.min(page::COLUMNS));
    let topic = args.topic.as_deref();
    let Some(topic) = TOPICS.iter().find(|known| Some(known.name) == topic) else {
        output.result(&list(columns));
        return Exit::Done;
    };
    let Some(word) = &args.part else {
        output.result(&page::rendered(topic.page, columns));
        return Exit::Done;
    };
    let parts = page::parts(topic.page, word);
    if parts.is_empty() {
        let heads: Vec<&str> = page::headlines(topic.page).collect();
        output.error(&format!(
            "no section of `{}` has `{}` in its heading\n  help: the sections are {}",
            topic.name,
            printable_line(word),
            heads.join(", ")
        ));
        return Exit::Usage;
    }
    output.result(&page::rendered(&parts, columns));
    Exit::Done
}

/// All topics, each with the first paragraph of its page.
fn list(columns: usize) -> String {
    let rows = TOPICS.iter().map(|topic| {
        let first = topic.page.split("\n\n").next().unwrap_or_default();
        vec![topic.name.to_owned(), first.trim_start_matches("# ").to_owned()]
    });
    page::table(&rows.collect::<Vec<_>>(), columns)
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;
    use crate::cli::Cli;

    /// The command lines of the blocks that no test runs: up to what a shell adds, with the words in quotes as one.
    fn command_lines(page: &str) -> Vec<Vec<String>> {
        let mut all = Vec::new();
        let mut is_shown = false;
        for line in page.replace("\\\n", " ").lines() {
            match line.strip_prefix("```") {
                Some(language) => is_shown = language == "sh",
                None if is_shown => {
                    let Some(at) = line.find("flespi-gitops ") else { continue };
                    all.push(words(&line[at..]));
                }
                None => {}
            }
        }
        all
    }

    fn words(line: &str) -> Vec<String> {
        let mut words = Vec::new();
        for (index, part) in line.split(['"', '\'']).enumerate() {
            if index % 2 == 1 {
                words.push(part.to_owned());
                continue;
            }
            for word in part.split_whitespace() {
                if matches!(word, "#" | "|" | ">" | "2>&1" | "&&") {
                    return words;
                }
                words.push(word.to_owned());
            }
        }
        words
    }

    #[test]
    fn every_command_line_that_is_only_shown_is_understood() {
        let readme = Topic { name: "README", page: include_str!("../../README.md") };
        let mut count = 0;
        for topic in TOPICS.iter().chain([&readme]) {
            for line in command_lines(topic.page) {
                let parsed = Cli::command().try_get_matches_from(&line);
                assert!(parsed.is_ok(), "{}: {line:?}\n{}", topic.name, parsed.unwrap_err());
                count += 1;
            }
        }
        assert!(count >= 14, "{count}");
    }

    #[test]
    fn every_line_but_code_fits_80_columns() {
        for topic in TOPICS {
            for line in page::rendered(topic.page, page::COLUMNS)
                .lines()
                .filter(|line| !line.starts_with("    "))
            {
                let plain = anstream::adapter::strip_str(line).to_string();
                let has_blanks = plain.trim().contains(' ');
                assert!(
                    !has_blanks || unicode_width::UnicodeWidthStr::width(&*plain) <= page::COLUMNS,
                    "{}: {line}",
                    topic.name
                );
            }
        }
    }

    #[test]
    fn the_list_has_a_line_for_each_topic() {
        for topic in TOPICS {
            let list = list(page::COLUMNS);
            assert!(
                list.lines().any(|line| line.starts_with(&format!("{} ", topic.name))),
                "{list}"
            );
        }
    }
}
