//! `flespi-gitops watch`.

use std::path::PathBuf;
use std::time::Duration;

use super::apply::carry_out;
use super::exit::Exit;
use super::output::Output;
use super::session::{self, Session};
use super::settings::Common;
use super::stop::stoppable;
use crate::apply::OnError;
use crate::diagnostic::render;
use crate::manifest::{self, Load};
use crate::observe::Programs;
use crate::plan::Policy;
use crate::reconcile;
use crate::report::{plan_text, run_text};
use crate::resource::AddressPattern;
use crate::watch::{Trigger, Watcher};

/// Apply now, whenever files change, and on an interval.
///
/// Runs until it is stopped (Ctrl-C, SIGTERM), then finishes the step in flight. A set of
/// manifests that is invalid is told, and the last valid one stays in force.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  flespi-gitops watch accounts/
  flespi-gitops watch accounts/ --interval 5m --prune")]
pub(super) struct Args {
    /// Files and folders of manifests.
    #[arg(value_name = "PATH", default_value = ".")]
    paths: Vec<PathBuf>,

    /// Delete what carries this stack's mark and no manifest names.
    #[arg(long)]
    prune: bool,

    /// Addresses that are never looked at, such as `subaccount/legacy-*`; a subaccount takes
    /// everything in it along. Repeatable; `spec.exclude` of the Stack says it for good.
    #[arg(long, value_name = "PATTERN")]
    exclude: Vec<AddressPattern>,

    /// How often the platform is looked at without any change of files.
    #[arg(long, value_name = "DURATION", default_value = "5m", value_parser = duration)]
    interval: Duration,
}

/// Reads `300`, `90s`, `5m`, `1h 30m`.
pub(super) fn duration(text: &str) -> Result<Duration, String> {
    if let Ok(seconds) = text.parse() {
        return Ok(Duration::from_secs(seconds));
    }
    let span: jiff::SignedDuration =
        text.parse().map_err(|_| "write a number of seconds, or 90s, 5m, 1h".to_owned())?;
    Duration::try_from(span).map_err(|_| "a duration is not negative".to_owned())
}

pub(super) async fn run(args: &Args, common: &Common, output: &Output) -> Exit {
    if args.paths.iter().any(|path| path.as_os_str() == "-") {
        output.error("watch needs files, and `-` is the standard input");
        return Exit::Usage;
    }
    // Watching begins before the first reading, so that no change falls between the two.
    let watcher = match Watcher::new(&args.paths, args.interval) {
        Ok(watcher) => watcher,
        Err(error) => {
            output.failure(&error, Some("are all paths there?"));
            return Exit::Invalid;
        }
    };
    let first = match session::load(&args.paths, &args.exclude, common, output) {
        Ok(load) => load,
        Err(exit) => return exit,
    };
    let session = match Session::open(common, output).await {
        Ok(session) => session,
        Err(exit) => return exit,
    };
    let exit = stoppable(output, async |stop| {
        follow(args, first, watcher, &session, stop, common, output).await
    })
    .await;
    match exit {
        Some(exit) => {
            session.close(output).await;
            exit
        }
        None => Exit::Failed,
    }
}

async fn follow(
    args: &Args,
    first: Load,
    mut watcher: Watcher,
    session: &Session,
    mut stop: tokio::sync::watch::Receiver<bool>,
    common: &Common,
    output: &Output,
) -> Exit {
    let stack = first.desired.stack.clone();
    let mut fingerprint = first.sources.fingerprint();
    let mut in_force = first.desired;
    let mut trigger = Trigger::Start;
    loop {
        output.say(&format!("pass ({trigger})"));
        let policy = Policy { prune: args.prune };
        match reconcile::prepare(&in_force, &session.client, &session.signer, policy, Programs::Run)
            .await
        {
            Err(error) => session::explain(&error, common, output),
            Ok(prepared) if prepared.plan.is_converged() => output.say("nothing to do"),
            // What a guard refuses waits for a person.
            Ok(prepared) if !prepared.plan.refusals.is_empty() => {
                output.result(&plan_text(&prepared.plan, output.width()));
                output.error("refused without approval; apply it by hand with --approve");
            }
            Ok(prepared) => {
                output.result(&plan_text(&prepared.plan, output.width()));
                let report =
                    carry_out(&prepared, session, OnError::Finish, stop.clone(), output).await;
                output.result(&run_text(&report, output.width()));
            }
        }
        loop {
            trigger = tokio::select! {
                _ = stop.wait_for(|stop| *stop) => return Exit::Done,
                trigger = watcher.next() => trigger,
            };
            if trigger == Trigger::Interval {
                break;
            }
            // A hint says that something may have changed; the content says whether it did.
            let mut load = manifest::load_with(&args.paths, &session::options(common));
            load.desired.exclude(args.exclude.iter().cloned());
            if load.sources.fingerprint() == fingerprint {
                continue;
            }
            fingerprint = load.sources.fingerprint();
            if load.diagnostics.has_errors() {
                let diagnostics = load.diagnostics.as_slice();
                let color = output.diagnostics_color();
                output.say(render::human(&load.sources, diagnostics, color).trim_end());
                output.error("the last valid set of manifests stays in force");
                continue;
            }
            if load.desired.stack != stack && common.stack.is_none() {
                output.error(&format!(
                    "the stack is now called `{}`; restart to own things under that name, until \
                     then the last set stays in force",
                    load.desired.stack
                ));
                continue;
            }
            in_force = load.desired;
            in_force.stack.clone_from(&stack);
            break;
        }
    }
}
