//! `flespi-gitops apply`.

mod approval;
mod person;
mod task;

use std::path::PathBuf;

use clap::ValueEnum;
use tokio::sync::watch;

use self::person::Person;
use self::task::Task;
use super::exit::Exit;
use super::gate::GateArgs;
use super::manifests::Manifests;
use super::output::Output;
use super::plan::json;
use super::session::Session;
use super::settings::{Common, Format};
use crate::apply::{OnError, Outcome, Report};
use crate::reconcile::{Compared, Further};
use crate::report::{run_markdown, run_text};
use crate::resource::Desired;
use crate::shutdown;

/// Make the platform what the manifests say.
///
/// Shows the plan, asks, and applies it: limits, subaccounts, their assignment, tokens, then
/// credentials; deletions in reverse.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  flespi-gitops apply examples/fleet --platform sandbox --yes
  flespi-gitops apply accounts/ --prune
  flespi-gitops apply --plan reviewed.plan --yes
  flespi-gitops apply accounts/ --yes --format json > report.json")]
pub(super) struct Args {
    #[command(flatten)]
    manifests: Manifests,

    /// Carry out a plan that `plan --out FILE` saved: what was reviewed, or nothing.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["paths", "manifests", "prune", "exclude"])]
    plan: Option<PathBuf>,

    /// Delete what carries this stack's mark and no manifest names.
    #[arg(long)]
    prune: bool,

    /// Do not ask.
    #[arg(short, long)]
    yes: bool,

    /// What a failed step means for those that do not need it.
    #[arg(long, value_enum, default_value = "finish", value_name = "WHAT")]
    on_error: OnErrorArg,

    /// Approve what a guard refuses, for the plan of this digest and no other.
    #[arg(long, value_name = "DIGEST")]
    approve: Option<String>,

    #[command(flatten)]
    gate: GateArgs,
}

/// What a failed step means for the rest.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum OnErrorArg {
    /// Independent branches go on.
    Finish,
    /// Nothing new begins.
    Stop,
}

impl From<OnErrorArg> for OnError {
    fn from(argument: OnErrorArg) -> Self {
        match argument {
            OnErrorArg::Finish => Self::Finish,
            OnErrorArg::Stop => Self::Stop,
        }
    }
}

impl Args {
    /// The options of a run that takes what it does from somewhere else.
    pub(super) fn consent(yes: bool, approve: Option<String>, gate: GateArgs) -> Self {
        Self {
            manifests: Manifests::default(),
            plan: None,
            prune: false,
            yes,
            on_error: OnErrorArg::Finish,
            approve,
            gate,
        }
    }
}

pub(super) async fn run(args: &Args, common: &Common, output: &Output) -> Exit {
    match Task::of(args, common, output).await {
        Ok(task) => run_task(args, task, common, output).await,
        Err(exit) => exit,
    }
}

/// Carries out what a person ordered about some tokens, and nothing else.
pub(super) async fn run_ordered(
    desired: Desired,
    args: &Args,
    common: &Common,
    output: &Output,
) -> Exit {
    run_task(args, Task::ordered(desired), common, output).await
}

async fn run_task(args: &Args, task: Task, common: &Common, output: &Output) -> Exit {
    let session = match Session::open(common, output).await {
        Ok(session) => session,
        Err(exit) => return exit,
    };
    let exit = passes(args, &task, &session, &shutdown::flag(), common, output).await;
    session.close(output).await;
    exit
}

/// Applies, and once more as long as something comes back from the recycle bin, or another run made the same at the same
/// time: only then can be told what is there. A reviewed plan ends where its review ended.
async fn passes(
    args: &Args,
    task: &Task,
    session: &Session,
    stop: &watch::Receiver<bool>,
    common: &Common,
    output: &Output,
) -> Exit {
    let mut whole: Option<Report> = None;
    let mut number = 0;
    let mut compared = Compared::default();
    loop {
        number += 1;
        let before = whole.take();
        let overwritten = before.as_ref().map(Report::overwritten).unwrap_or_default();
        let run = &session.run.pass(number);
        let person = Person { args, task, session, common, output, number, run };
        let (mut report, exit) = match (before, person.pass(&overwritten, stop).await) {
            (None, Err(exit)) => return exit,
            (Some(before), Err(exit)) => (before, Some(exit)),
            (None, Ok(report)) => (report, None),
            (Some(before), Ok(report)) => (before.followed_by(report), None),
        };
        if exit.is_none() && task.sealed.is_none() && !*stop.borrow() {
            match compared.after(Some(&report)) {
                Further::Needless => {}
                Further::Needed => {
                    whole = Some(report);
                    continue;
                }
                Further::Vain(address) => {
                    let why = format!(
                        "{address} came back or was taken back a second time: the platform does \
                         not list what is there, so nothing more is begun"
                    );
                    output.error(&format!("refused: {why}"));
                    report.refused.push(why);
                }
            }
        }
        tell(&report, &task.desired.stack, common, output);
        return exit.unwrap_or_else(|| exit_of(&report));
    }
}

fn tell(report: &Report, stack: &str, common: &Common, output: &Output) {
    match common.format {
        // The other two forms are for findings alone.
        Format::Text | Format::Short | Format::Sarif => {
            output.result(&run_text(report, output.width()));
        }
        Format::Json => output.result(&json(&report.document())),
        Format::Markdown => output.result(&run_markdown(report, stack, common.markdown_limit)),
    }
}

fn exit_of(report: &Report) -> Exit {
    if report.refused.is_empty() && !report.unknown.is_empty() {
        return Exit::Unknown;
    }
    match report.outcome() {
        Outcome::Unchanged | Outcome::Applied => Exit::Done,
        Outcome::Partial => Exit::Partial,
        Outcome::Refused => Exit::Refused,
        Outcome::Failed => Exit::Failed,
    }
}
