//! `flespi-gitops apply`.

use std::io::{IsTerminal, Write};
use std::path::PathBuf;
use std::time::Instant;

use tokio::sync::{mpsc, watch};

use super::exit::Exit;
use super::output::Output;
use super::plan::json;
use super::session::{self, Session};
use super::settings::{Common, Format};
use super::stop::stoppable;
use crate::api::assumptions::OBSERVATION_STAYS_FRESH;
use crate::apply::{Outcome, Report};
use crate::observe::Programs;
use crate::plan::Policy;
use crate::reconcile::{self, Prepared};
use crate::report::{Progress, plan_text, run_markdown, run_text};
use crate::resource::Desired;

/// Make the platform what the manifests say.
///
/// Shows the plan, asks, and applies it: limits, subaccounts, their assignment, tokens, then
/// credentials; deletions in reverse.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  flespi-gitops apply examples/fleet --platform sandbox --yes
  flespi-gitops apply accounts/ --prune
  flespi-gitops apply accounts/ --yes --format json > report.json")]
pub(super) struct Args {
    /// Files and folders of manifests; `-` is the standard input.
    #[arg(value_name = "PATH", default_value = ".")]
    paths: Vec<PathBuf>,

    /// Delete what carries this stack's mark and no manifest names.
    #[arg(long)]
    prune: bool,

    /// Do not ask.
    #[arg(short, long)]
    yes: bool,
}

pub(super) async fn run(args: &Args, common: &Common, output: &Output) -> Exit {
    let load = match session::load(&args.paths, common, output) {
        Ok(load) => load,
        Err(exit) => return exit,
    };
    let session = match Session::open(common, output).await {
        Ok(session) => session,
        Err(exit) => return exit,
    };
    let exit = stoppable(output, async |stop| {
        pass(args, &load.desired, &session, stop, common, output).await
    })
    .await;
    match exit {
        Some(exit) => {
            session.close(output).await;
            exit
        }
        None => {
            output.error("ended at once; the next run finds what was done by its marks");
            Exit::Failed
        }
    }
}

async fn pass(
    args: &Args,
    desired: &Desired,
    session: &Session,
    stop: watch::Receiver<bool>,
    common: &Common,
    output: &Output,
) -> Exit {
    let policy = Policy { prune: args.prune };
    let prepare =
        async || reconcile::prepare(desired, &session.client, policy, Programs::Run).await;
    let mut prepared = match prepare().await {
        Ok(prepared) => prepared,
        Err(error) => {
            session::explain(&error, common, output);
            return Exit::Unknown;
        }
    };
    if common.format == Format::Text {
        output.result(&plan_text(&prepared.plan, output.width()));
    }
    if !prepared.plan.steps.is_empty() && !args.yes {
        let asked = Instant::now();
        if !consents(output) {
            return Exit::Refused;
        }
        // Somebody who thinks for long agrees to what was shown, not to what has become of it.
        if asked.elapsed() > OBSERVATION_STAYS_FRESH {
            match prepare().await {
                Ok(again) if again.plan.digest == prepared.plan.digest => prepared = again,
                Ok(_) => {
                    output.error("the platform changed meanwhile; look at the new plan");
                    return Exit::Refused;
                }
                Err(error) => {
                    session::explain(&error, common, output);
                    return Exit::Unknown;
                }
            }
        }
    }
    let report = carry_out(&prepared, session, stop, output).await;
    match common.format {
        Format::Text => output.result(&run_text(&report, output.width())),
        Format::Json => output.result(&json(&report.document())),
        Format::Markdown => {
            let stack = &prepared.plan.stack;
            output.result(&run_markdown(&report, stack, common.markdown_limit));
        }
    }
    exit_of(&report)
}

/// Applies and tells what happens while it happens.
pub(super) async fn carry_out(
    prepared: &Prepared,
    session: &Session,
    stop: watch::Receiver<bool>,
    output: &Output,
) -> Report {
    let (sender, mut events) = mpsc::unbounded_channel();
    let mut progress = Progress::new(&prepared.plan);
    let telling = async {
        while let Some(event) = events.recv().await {
            if let Some(line) = progress.line(&event) {
                output.say(&line);
            }
        }
    };
    let doing = reconcile::carry_out(prepared, &session.client, stop, sender);
    let (report, ()) = tokio::join!(doing, telling);
    report
}

fn consents(output: &Output) -> bool {
    if !std::io::stdin().is_terminal() {
        output.error(
            "nobody to ask, since the standard input is no terminal\n  help: look at the plan \
             and run again with --yes",
        );
        return false;
    }
    let mut stderr = std::io::stderr();
    let _ = write!(stderr, "Apply this plan? Only `yes` is taken for one: ");
    let _ = stderr.flush();
    let mut answer = String::new();
    let is_yes = std::io::stdin().read_line(&mut answer).is_ok() && answer.trim() == "yes";
    if !is_yes {
        output.error("not applied, since the answer was not `yes`");
    }
    is_yes
}

fn exit_of(report: &Report) -> Exit {
    if !report.unknown.is_empty() {
        return Exit::Unknown;
    }
    match report.outcome() {
        Outcome::Unchanged | Outcome::Applied => Exit::Done,
        Outcome::Partial => Exit::Partial,
        Outcome::Refused => Exit::Refused,
        Outcome::Failed => Exit::Failed,
    }
}
