//! `flespi-gitops lock`.

use clap::Subcommand;

use super::exit::Exit;
use super::gate::{self, Store};
use super::output::Output;
use super::plan::json;
use super::recorder::actor;
use super::session;
use super::settings::{Common, Format};
use crate::lock::{Leases, Locks, LocksFormat};
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
  flespi-gitops lock show --format json --state-dir /var/lib/flespi-gitops
  flespi-gitops lock show --lease etcd://etcd.internal:2379
  flespi-gitops lock break --lease etcd://etcd.internal:2379 --id ID --reason 'hangs since noon'")]
pub(super) struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Clone, Subcommand)]
enum What {
    /// Show every lock that is or was held, by whom, and since when; where several machines share
    /// the locks (--lease), also which daemons take part.
    Show,
    /// Take a lock away from a holder that hangs, where several machines share the locks (--lease).
    /// Its holder writes nothing more once it sees that; others may write when it has given the
    /// lock back, or when it has given no sign of life for 8 seconds.
    Break {
        /// The holder, as `lock show` calls it.
        #[arg(long, value_name = "ID")]
        id: String,
        /// Why, for the record.
        #[arg(long, value_name = "TEXT")]
        reason: String,
    },
}

pub(super) async fn run(args: &Args, common: &Common, output: &Output) -> Exit {
    let state = match session::state_folder(common, output) {
        Ok(state) => state,
        Err(exit) => return exit,
    };
    let store = match Store::open(&state, common, output) {
        Ok(store) => store,
        Err(exit) => return exit,
    };
    let leases = store.leases();
    if let What::Break { id, reason } = &args.what {
        return break_lease(leases, id, reason, output).await;
    }
    let locks = match leases.list().await {
        Ok(locks) => locks,
        Err(error) => return gate::explain(error, output),
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
                let place = match &store {
                    Store::File(_) => state.display().to_string(),
                    Store::Shared(..) => common.lease.clone(),
                };
                output.say(&format!("no run has taken a lock in {place} yet"));
            }
        }
    }
    Exit::Done
}

/// Takes a lease away from its holder.
async fn break_lease(leases: &dyn Leases, id: &str, reason: &str, output: &Output) -> Exit {
    if reason.trim().is_empty() {
        output.error("--reason is empty; write why, for whoever asks later");
        return Exit::Usage;
    }
    let actor = actor();
    let by = match actor.user {
        Some(user) => format!("{user}@{}", actor.host),
        None => actor.host,
    };
    match leases.break_lease(id, &by, reason).await {
        Ok(Some(_)) => {
            output.result(&format!("broken: {id}, by {by}: {reason}\n"));
            Exit::Done
        }
        Ok(None) => {
            output.error(&format!(
                "nobody is called {id} (any more)\n  help: `flespi-gitops lock show` lists who holds what"
            ));
            Exit::Failed
        }
        Err(error) => gate::explain(error, output),
    }
}
