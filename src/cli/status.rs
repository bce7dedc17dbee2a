//! `flespi-gitops status`.

use super::exit::Exit;
use super::loading::{self, Loaded};
use super::manifests::Manifests;
use super::narrowed::Only;
use super::output::Output;
use super::pace::Pace;
use super::plan::{Expiring, json};
use super::session::{self, Session};
use super::settings::{Common, Format};
use crate::diagnostic::counted;
use crate::plan::Policy;
use crate::reconcile::{self, Prepared};
use crate::report::{status, status_markdown, status_text};
use crate::secret::Trust;

/// Show what is in sync, what drifted, and when tokens expire; never writes.
///
/// Exit codes: 0 the state is known, in sync or not; 3 the manifests are invalid; 4 the platform could not be read well
/// enough to tell; 5 an object is blocked or disputed or, with --expiring-within, a token expires within that time.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  flespi-gitops status examples/fleet --platform sandbox
  flespi-gitops status --git https://git.example.com/fleet.git --path accounts
  flespi-gitops status accounts/ --expiring-within 14d    # in CI: exit 5 if a token ends soon
  flespi-gitops status accounts/ --format json | jq '.tokens[] | select(.is_due)'")]
pub(super) struct Args {
    #[command(flatten)]
    manifests: Manifests,

    #[command(flatten)]
    only: Only,

    #[command(flatten)]
    pace: Pace,

    #[command(flatten)]
    expiring: Expiring,
}

pub(super) async fn run(args: &Args, common: &Common, output: &Output) -> Exit {
    let loaded = loading::load_wherever(&args.manifests, common, output).await;
    let Loaded { load, beside } = match loaded {
        Ok(loaded) => loaded,
        Err(exit) => return exit,
    };
    let session = match Session::open(args.pace, common, output).await {
        Ok(session) => session.reading(load.desired.commit.clone()),
        Err(exit) => return exit,
    };
    let policy = Policy { horizon: args.expiring.horizon(), ..Policy::default() };
    let trust = Trust::unreviewed(&beside, common.allow_outside);
    let seen = session.recorder.seen(&load.desired);
    let context = session.context(&trust, seen.as_ref());
    let mut prepared = reconcile::prepare(&load.desired, context, policy).await;
    if let Ok(prepared) = &mut prepared {
        session.gate.announce(&load.desired, prepared).await;
    }
    session.close(output).await;
    let prepared = match prepared {
        Ok(prepared) => prepared,
        Err(error) => {
            session::explain(&error, common, output);
            return Exit::Unknown;
        }
    };
    let plan = match args.only.of(prepared.plan, &load.desired, output) {
        Ok(plan) => plan,
        Err(exit) => return exit,
    };
    let prepared = Prepared { plan, ..prepared };
    let status = status(&prepared.plan, prepared.calls);
    match common.format {
        // The other two forms are for findings alone.
        Format::Text | Format::Short | Format::Sarif => {
            output.result(&status_text(&status, output.width()));
        }
        Format::Json => output.result(&json(&status)),
        Format::Markdown => output.result(&status_markdown(&status, common.markdown_limit)),
    }
    output.say(&counted(prepared.calls, "API call"));
    if !prepared.plan.unknown.is_empty() {
        return Exit::Unknown;
    }
    let is_well = !prepared.plan.is_in_the_way();
    let otherwise = if is_well { Exit::Done } else { Exit::Refused };
    args.expiring.verdict(&prepared.plan, output).unwrap_or(otherwise)
}
