//! `flespi-gitops history`.

use super::candidates;
use clap_complete::ArgValueCompleter;
use std::path::Path;

use clap::Subcommand;

use super::exit::Exit;
use super::output::Output;
use super::plan::json;
use super::session;
use super::settings::{Common, Format};
use crate::diagnostic::render::printable;
use crate::history::{History, Kept};
use crate::report::{history_text, listing_markdown, record_text};

/// Show what past runs did: the last ones, or one of them in full.
///
/// Every `apply`, and every pass of `watch`, that had changes is recorded in the folder of
/// --state-dir: steps with before and after, commit, calls, time. Secrets are never recorded.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  flespi-gitops history
  flespi-gitops history --limit 100 --format json
  flespi-gitops history show last
  flespi-gitops history show 20261121-233344-k3f9")]
pub(super) struct Args {
    #[command(subcommand)]
    what: Option<What>,

    /// How many runs to show, the newest first.
    #[arg(long, value_name = "N", default_value_t = 20)]
    limit: usize,
}

#[derive(Debug, Clone, Subcommand)]
enum What {
    /// Show one run in full.
    Show {
        /// The run, or enough of the beginning of its name, or `last`.
        #[arg(value_name = "RUN", add = ArgValueCompleter::new(candidates::runs))]
        run: String,
    },
}

pub(super) fn run(args: &Args, common: &Common, output: &Output) -> Exit {
    let state = match session::state_folder(common, output) {
        Ok(state) => state,
        Err(exit) => return exit,
    };
    let history = History::new(&state);
    match &args.what {
        Some(What::Show { run }) => show(&history, run, common, output),
        None => list((&history, &state), args.limit, common, output),
    }
}

fn list(
    (history, state): (&History, &Path),
    limit: usize,
    common: &Common,
    output: &Output,
) -> Exit {
    let is_wanted = |record: &crate::history::Record| {
        common.stack.as_ref().is_none_or(|stack| record.stack == *stack)
    };
    let kept = match history.last(limit, is_wanted) {
        Ok(kept) => kept,
        Err(error) => {
            output.error(&format!("cannot read the history in {}: {error}", state.display()));
            return Exit::Failed;
        }
    };
    for (run, record) in &kept {
        if let Err(error) = record {
            let why = printable(&error.to_string()).into_owned();
            output.say(&format!("warning: cannot read the record of run {run}: {why}"));
        }
    }
    let readable = |(_, record): Kept| record.ok();
    let records: Vec<_> = kept.into_iter().filter_map(readable).collect();
    match common.format {
        Format::Json => output.result(&json(&records)),
        Format::Markdown => {
            let text = history_text(&records, None);
            output.result(&listing_markdown("history", &text, common.markdown_limit));
        }
        Format::Text | Format::Short | Format::Sarif => {
            output.result(&history_text(&records, output.width()));
        }
    }
    if records.is_empty() {
        output.say(&format!("no run is recorded in {} yet", state.display()));
    }
    Exit::Done
}

fn show(history: &History, name: &str, common: &Common, output: &Output) -> Exit {
    let found = history.find(name).and_then(|runs| match runs.as_slice() {
        [run] => history.read(run).map(Some),
        _ => Ok(None),
    });
    match found {
        Ok(Some(record)) => {
            match common.format {
                Format::Json => output.result(&json(&record)),
                Format::Markdown => {
                    let title = format!("run {}", record.run);
                    let text = record_text(&record, None);
                    output.result(&listing_markdown(&title, &text, common.markdown_limit));
                }
                Format::Text | Format::Short | Format::Sarif => {
                    output.result(&record_text(&record, output.width()));
                }
            }
            Exit::Done
        }
        Ok(None) => {
            output.error(&format!(
                "`{name}` does not match exactly one run\n  help: run `flespi-gitops history` to list runs; \
                 the beginning of a name is enough"
            ));
            Exit::Usage
        }
        Err(error) => {
            let why = printable(&error.to_string()).into_owned();
            output.error(&format!("cannot read the record of `{name}`: {why}"));
            Exit::Failed
        }
    }
}
