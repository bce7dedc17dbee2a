//! `flespi-gitops apply`.

mod approval;
mod args;
mod events;
mod person;
mod task;

use tokio::sync::watch;

pub(super) use self::args::Args;
use self::events::Events;
use self::person::Person;
use self::task::Task;
use super::exit::Exit;
use super::output::Output;
use super::plan::{self, json};
use super::session::{self, Session};
use super::settings::{Common, Format};
use crate::apply::{Outcome, Report};
use crate::reconcile::{self, Compared, Further};
use crate::report::{EventDocument, run_markdown, run_text};
use crate::resource::Desired;
use crate::shutdown;
use crate::undo::Undoing;

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

/// Takes back a run.
pub(super) async fn run_undoing(
    undoing: Undoing,
    args: &Args,
    session: &Session,
    stop: &watch::Receiver<bool>,
    common: &Common,
    output: &Output,
) -> Exit {
    passes(args, &Task::undoing(undoing), session, stop, common, output).await
}

/// Shows how a run would be taken back.
pub(super) async fn show_undoing(
    undoing: Undoing,
    session: &Session,
    common: &Common,
    output: &Output,
) -> Exit {
    let task = Task::undoing(undoing);
    let context = session.context(&task.trust, None);
    let prepared = reconcile::prepare(&task.desired, context, task.policy).await;
    match prepared.map(|prepared| task.restrict(prepared, output)) {
        Ok(Ok(mut prepared)) => {
            session.gate.announce(&task.desired, &mut prepared).await;
            plan::show(&prepared, common, output);
            if prepared.plan.unknown.is_empty() { Exit::Done } else { Exit::Unknown }
        }
        Ok(Err(exit)) => exit,
        Err(error) => {
            session::explain(&error, common, output);
            Exit::Unknown
        }
    }
}

async fn run_task(args: &Args, task: Task, common: &Common, output: &Output) -> Exit {
    let session = match Session::open_until(args.deadline, args.pace, common, output).await {
        Ok(session) => session.reading(task.desired.commit.clone()),
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
    let events = match Events::begin(args.events.as_deref(), output) {
        Ok(events) => events,
        Err(exit) => return exit,
    };
    let mut whole: Option<Report> = None;
    let mut number = 0;
    let mut compared = Compared::default();
    loop {
        number += 1;
        let before = whole.take();
        let overwritten = before.as_ref().map(Report::overwritten).unwrap_or_default();
        let run = &session.run.pass(number);
        let person = Person { args, task, session, common, output, events: &events, number, run };
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
                        "{address} was restored or undone a second time: the platform's lists are incomplete, \
                         so this run starts nothing more"
                    );
                    output.error(&format!("refused: {why}"));
                    report.refused.push(why);
                }
            }
        }
        events.tell(|| EventDocument::ended(&report));
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
