//! `flespi-gitops lock`.

use clap::Subcommand;

use super::exit::Exit;
use super::output::Output;
use super::plan::json;
use super::session;
use super::settings::{Common, Format};
use crate::lock::{FileLeases, Leases, Locks, LocksFormat};
use crate::report::{listing_markdown, locks_text};

/// Show the owner of each lock.
///
/// `apply`, `rotate` and each pass of `watch` take a lock before they write, one for each stack of
/// an account. It is released when its holder ends, in whatever way; there is nothing to unlock by
/// hand.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  flespi-gitops lock show
  flespi-gitops lock show --format json --state-dir /var/lib/flespi-gitops")]
pub(super) struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Clone, Copy, Subcommand)]
enum What {
    /// Show every lock that is or was held, by whom, and since when.
    Show,
}

pub(super) async fn run(args: &Args, common: &Common, output: &Output) -> Exit {
    let What::Show = args.what;
    let state = match session::state_folder(common, output) {
        Ok(state) => state,
        Err(exit) => return exit,
    };
    let locks = match FileLeases::new(&state).list().await {
        Ok(locks) => locks,
        Err(error) => {
            output.failure(&error, None);
            return Exit::Failed;
        }
    };
    match common.format {
        Format::Json => output.result(&json(&Locks { format: LocksFormat::V1, locks })),
        Format::Markdown => {
            let text = locks_text(&locks, session::unix_now(), None);
            output.result(&listing_markdown("locks", &text, common.markdown_limit));
        }
        Format::Text | Format::Short | Format::Sarif => {
            output.result(&locks_text(&locks, session::unix_now(), output.width()));
            if locks.is_empty() {
                output.say(&format!("no run has taken a lock in {} yet", state.display()));
            }
        }
    }
    Exit::Done
}
