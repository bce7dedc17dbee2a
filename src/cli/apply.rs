//! `flespi-gitops apply`.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Instant;

use clap::ValueEnum;
use tokio::sync::{mpsc, watch};

use super::consent::consent;
use super::exit::Exit;
use super::gate::GateArgs;
use super::manifests::Manifests;
use super::output::Output;
use super::plan::json;
use super::session::{self, Session};
use super::settings::{Common, Format};
use super::stop::unless_stopped;
use crate::apply::{OnError, Outcome, Report};
use crate::assumptions::OBSERVATION_STAYS_FRESH;
use crate::lock::either;
use crate::plan::{Plan, Policy, Sealed, Stale};
use crate::reconcile::{self, Context, Prepared};
use crate::report::{Progress, plan_text, run_markdown, run_text};
use crate::resource::{Address, Desired};
use crate::run::RunId;
use crate::secret::Trust;
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

/// What is to be applied.
struct Task {
    desired: Desired,
    policy: Policy,
    trust: Trust,
    /// The reviewed plan, beyond which nothing is done.
    sealed: Option<Sealed>,
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
    match task(args, common, output).await {
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
    let policy = Policy::default();
    let task = Task { desired, policy, trust: Trust::Reviewed, sealed: None };
    run_task(args, task, common, output).await
}

async fn run_task(args: &Args, task: Task, common: &Common, output: &Output) -> Exit {
    let session = match Session::open(common, output).await {
        Ok(session) => session,
        Err(exit) => return exit,
    };
    let exit = passes(args, &task, &session, shutdown::flag(), common, output).await;
    session.close(output).await;
    exit
}

async fn task(args: &Args, common: &Common, output: &Output) -> Result<Task, Exit> {
    let Some(file) = &args.plan else {
        let desired =
            session::load(&args.manifests.paths(), args.manifests.exclude(), common, output)
                .await?
                .desired;
        let policy = Policy { prune: args.prune, ..Policy::default() };
        return Ok(Task { desired, policy, trust: Trust::Reviewed, sealed: None });
    };
    let path = file.clone();
    let Some(text) = unless_stopped(move || std::fs::read_to_string(path)).await else {
        output.error("stopped while reading the plan; nothing was done");
        return Err(Exit::Failed);
    };
    let text = text.map_err(|error| {
        output.error(&format!("the plan {} could not be read: {error}", file.display()));
        Exit::Refused
    })?;
    let sealed = Sealed::read(&text).map_err(|error| {
        output.error(&format!("the plan {} is not used", file.display()));
        output.failure(&error, Some("make a new one with `plan --out FILE`"));
        Exit::Refused
    })?;
    let mut desired = sealed.desired().clone();
    if let Some(stores) = session::stores(common, output)? {
        desired.name_stores(&stores);
    }
    let (policy, trust) = (sealed.policy(), sealed.trust());
    Ok(Task { desired, policy, trust, sealed: Some(sealed) })
}

/// Plans, or finds what of a reviewed plan is still to be done.
async fn prepare(
    here: Here<'_>,
    session: &Session,
    common: &Common,
    output: &Output,
) -> Result<Prepared, Exit> {
    let Task { desired, policy, trust, sealed } = here.task;
    let seen = session.recorder.seen(&desired.stack);
    let context =
        Context { overwritten: Some(here.overwritten), ..session.context(trust, seen.as_ref()) };
    let prepared = tokio::select! {
        // First, since calls that are broken off are no error of their own.
        biased;
        () = shutdown::begun() => {
            output.error("stopped while planning; nothing was done");
            return Err(Exit::Failed);
        }
        prepared = reconcile::prepare(desired, context, *policy) => prepared,
    };
    let prepared = prepared.map_err(|error| {
        session::explain(&error, common, output);
        Exit::Unknown
    })?;
    let Some(sealed) = sealed else { return Ok(prepared) };
    if sealed.account() != prepared.own_account {
        output.error(&format!(
            "the plan was made for account {}, and this token belongs to account {}",
            sealed.account(),
            prepared.own_account
        ));
        return Err(Exit::Refused);
    }
    if !prepared.plan.unknown.is_empty() {
        output.result(&plan_text(&prepared.plan, output.width()));
        return Err(Exit::Unknown);
    }
    match sealed.restrict(prepared.plan) {
        Ok(plan) => Ok(Prepared { plan, ..prepared }),
        Err(stale) => {
            output.error("the plan no longer fits the platform, and nothing was done:");
            for Stale { address, what } in stale {
                output.error(&format!("{address}: {what}"));
            }
            Err(Exit::Refused)
        }
    }
}

/// Applies, and once more as long as something comes back from the recycle bin, or another run made the same at the same
/// time: only then can be told what is there. A reviewed plan ends where its review ended.
async fn passes(
    args: &Args,
    task: &Task,
    session: &Session,
    stop: watch::Receiver<bool>,
    common: &Common,
    output: &Output,
) -> Exit {
    let mut whole: Option<Report> = None;
    let mut number = 0;
    // What earlier passes left to be compared. What comes up again would do so for ever: the platform does not list it.
    let mut compared: BTreeSet<Address> = BTreeSet::new();
    loop {
        number += 1;
        let before = whole.take();
        let overwritten = before.as_ref().map(Report::overwritten).unwrap_or_default();
        let here = Here { task, number, overwritten: &overwritten };
        let latest = pass(args, here, session, stop.clone(), common, output).await;
        let (mut report, exit) = match (before, latest) {
            (None, Err(exit)) => return exit,
            (Some(before), Err(exit)) => (before, Some(exit)),
            (None, Ok(report)) => (report, None),
            (Some(before), Ok(report)) => (before.followed_by(report), None),
        };
        let left = report.to_be_compared();
        let may_go_on = exit.is_none() && task.sealed.is_none() && !*stop.borrow();
        if may_go_on && !left.is_subset(&compared) {
            compared.extend(left);
            whole = Some(report);
            continue;
        }
        if may_go_on && let Some(address) = left.first() {
            let why = format!(
                "{address} came back or was taken back a second time: the platform does not list what is there, so \
                 nothing more is begun"
            );
            output.error(&format!("refused: {why}"));
            report.refused.push(why);
        }
        match common.format {
            // The other two forms are for findings alone.
            Format::Text | Format::Short | Format::Sarif => {
                output.result(&run_text(&report, output.width()));
            }
            Format::Json => output.result(&json(&report.document())),
            Format::Markdown => {
                let stack = &task.desired.stack;
                output.result(&run_markdown(&report, stack, common.markdown_limit));
            }
        }
        return exit.unwrap_or_else(|| exit_of(&report));
    }
}

/// A pass of several.
#[derive(Clone, Copy)]
struct Here<'a> {
    task: &'a Task,
    /// From 1 on.
    number: usize,
    /// Tokens whose keys the pass before may have overwritten.
    overwritten: &'a BTreeSet<Address>,
}

async fn pass(
    args: &Args,
    here: Here<'_>,
    session: &Session,
    stop: watch::Receiver<bool>,
    common: &Common,
    output: &Output,
) -> Result<Report, Exit> {
    let Here { task, number, .. } = here;
    let run = session.run.pass(number);
    let who = (command(&task.desired), &run);
    let fences = session.gate.fences().await;
    let mut prepared = prepare(here, session, common, output).await?;
    if number == 1 || !prepared.plan.is_converged() {
        show(&prepared, common, output);
    }
    let why = disapproval(&prepared.plan, args.approve.as_deref());
    if !why.is_empty() {
        return Ok(refuse(&prepared, session, why, output));
    }
    if prepared.plan.steps.is_empty() {
        return Ok(carry_out_and_record(&prepared, args, who, session, stop, output).await);
    }
    let asked = Instant::now();
    if !args.yes
        && let Err(why) = consent(output).await
    {
        return Ok(refuse(&prepared, session, vec![why.to_owned()], output));
    }
    let whose = (&*task.desired.stack, prepared.own_account);
    let lease = tokio::select! {
        lease = session.gate.pass(whose, who, &args.gate, output) => lease?,
        () = shutdown::begun() => {
            let why = "stopped while waiting for the lock".to_owned();
            return Ok(refuse(&prepared, session, vec![why], output));
        }
    };
    // Another run wrote since we looked, or somebody thought for long, who agrees to what was
    // shown and not to what has become of it.
    if !lease.follows(&fences) || (!args.yes && asked.elapsed() > OBSERVATION_STAYS_FRESH) {
        let again = prepare(here, session, common, output).await?;
        if again.plan.digest != prepared.plan.digest {
            if !args.yes {
                let why = "the platform changed meanwhile; look at the new plan".to_owned();
                return Ok(refuse(&again, session, vec![why], output));
            }
            output.say("another run wrote meanwhile, so this is planned anew:");
            show(&again, common, output);
        }
        let why = disapproval(&again.plan, args.approve.as_deref());
        if !why.is_empty() {
            return Ok(refuse(&again, session, why, output));
        }
        prepared = again;
    }
    let stop = either(stop, lease.lost());
    Ok(carry_out_and_record(&prepared, args, who, session, stop, output).await)
}

fn show(prepared: &Prepared, common: &Common, output: &Output) {
    if matches!(common.format, Format::Text | Format::Short | Format::Sarif) {
        output.result(&plan_text(&prepared.plan, output.width()));
    }
}

async fn carry_out_and_record(
    prepared: &Prepared,
    args: &Args,
    (command, run): (&'static str, &RunId),
    session: &Session,
    stop: watch::Receiver<bool>,
    output: &Output,
) -> Report {
    let report = carry_out(prepared, session, args.on_error.into(), stop, output).await;
    let paths = args.manifests.paths();
    let source = args.plan.as_ref().map_or(paths.as_slice(), std::slice::from_ref);
    let whose = (command, "command", run);
    session.recorder.keep(whose, source, (prepared, &report), output);
    report
}

/// What the lock and the history call a run.
fn command(desired: &Desired) -> &'static str {
    if desired.orders.is_empty() { "apply" } else { "rotate" }
}

/// The shortest part of a digest that may stand for it: 48 bits, which nobody hits by chance.
const DIGEST_DIGITS: usize = 12;

/// Why a plan may not begin without approval; nothing if somebody approved this very plan.
fn disapproval(plan: &Plan, approval: Option<&str>) -> Vec<String> {
    let refusals = plan.refusals.iter().map(|refusal| refusal.reason.clone());
    match approval {
        _ if plan.refusals.is_empty() => Vec::new(),
        Some(digest) if digest.len() >= DIGEST_DIGITS && plan.digest.starts_with(digest) => {
            Vec::new()
        }
        Some(_) => {
            let other = format!("--approve names another plan; this one is {}", plan.digest);
            refusals.chain([other]).collect()
        }
        None => {
            let how = format!("to approve exactly this plan: --approve {}", plan.digest);
            refusals.chain([how]).collect()
        }
    }
}

/// The report of a plan that is not begun.
fn refuse(prepared: &Prepared, session: &Session, why: Vec<String>, output: &Output) -> Report {
    why.iter().for_each(|why| output.error(&format!("refused: {why}")));
    output.error("nothing was done");
    Report::refused(&prepared.plan, session.client.stats().snapshot(), why)
}

/// Applies and tells what happens while it happens.
pub(super) async fn carry_out(
    prepared: &Prepared,
    session: &Session,
    on_error: OnError,
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
    let context = session.context(&Trust::Reviewed, None);
    let doing = reconcile::carry_out(prepared, context, on_error, stop, sender);
    let (report, ()) = tokio::join!(doing, telling);
    report
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
