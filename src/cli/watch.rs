//! `flespi-gitops watch`.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clap::ValueEnum;
use tokio::sync::watch::Receiver;
use tracing::Instrument;

use super::duration::{duration, interval, poll_interval, positive};
use super::exit::Exit;
use super::gate::GateArgs;
use super::hearing::{Hearing, HearingArgs, Surroundings};
use super::loading;
use super::manifests::Manifests;
use super::output::Output;
use super::outside::{Outside, OutsideArgs};
use super::pace::Pace;
use super::pulled;
use super::recorder::commit_of_any;
use super::session::{self, Session};
use super::settings::Common;
use crate::api::{Client, Waiting};
use crate::apply::Report;
use crate::diagnostic::render;
use crate::git::{Checkout, Checkouts, Program};
use crate::manifest::{self, Load};
use crate::observe::ObserveError;
use crate::plan::Plan;
use crate::report::{plan_text, run_text};
use crate::run::RunId;
use crate::secret::Stores;
use crate::shutdown;
use crate::watch::files::{Files, Loader, Patience, Reading, Settled};
use crate::watch::pull::Pull;
use crate::watch::status::{CallsWait, Sender};
use crate::watch::{self, Daemon, Ended, InForce, Narrator, Source, Status, Trigger};

/// Apply now, whenever files change, and on an interval.
///
/// Runs until it is stopped (Ctrl-C, SIGTERM), then finishes the step in flight; SIGHUP asks for a
/// pass now. When the manifests are invalid or a folder vanishes, that is reported, and the last
/// valid set is in force. What fails is retried with back-off, each object for itself. When a
/// guard refuses a plan, all edits wait for approval, and drift is still healed. A field that
/// somebody else sets three times within the window is contested: it is reported and left alone.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  flespi-gitops watch accounts/
  flespi-gitops watch accounts/ --interval 5m --prune
  flespi-gitops watch accounts/ --listen 127.0.0.1:9464
  flespi-gitops watch accounts/ --notify slack=/run/secrets/slack-address
  flespi-gitops watch accounts/ --interval 1h --broker mqtts://mqtt.flespi.io
  flespi-gitops watch /mnt/nfs/accounts --poll 30s
  flespi-gitops watch accounts/ --first-pass report --log-format json
  flespi-gitops watch --git https://git.example.com/fleet.git --path accounts --poll 30s")]
pub(super) struct Args {
    #[command(flatten)]
    manifests: Manifests,

    /// Delete objects with this stack's mark that are no longer declared.
    #[arg(long)]
    prune: bool,

    #[command(flatten)]
    pace: Pace,

    /// Interval between passes while no file changes; a tenth longer or shorter each time, so that
    /// many daemons do not call at once.
    #[arg(long, value_name = "DURATION", default_value = "5m", value_parser = interval)]
    interval: Duration,

    /// Interval at which to read all files, for file systems that report no changes, such as
    /// network shares; with --git, the interval at which to ask the repository, by default 1m.
    #[arg(long, value_name = "DURATION", value_parser = poll_interval)]
    poll: Option<Duration>,

    /// How long files must stay unchanged before they are read.
    #[arg(long, value_name = "DURATION", default_value = "300ms", value_parser = duration)]
    settle: Duration,

    /// What the first pass after the start may do.
    #[arg(long, value_enum, default_value = "apply", value_name = "WHAT")]
    first_pass: FirstPass,

    /// Three returns of one field within this time make it contested.
    #[arg(long, value_name = "DURATION", default_value = "1h", value_parser = positive)]
    contest_window: Duration,

    #[command(flatten)]
    hearing: HearingArgs,

    #[command(flatten)]
    outside: OutsideArgs,

    #[command(flatten)]
    gate: GateArgs,
}

/// How often a repository is asked, if nobody says otherwise.
const POLL: Duration = Duration::from_secs(60);

/// What the first pass may do.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum FirstPass {
    /// Everything that any pass does.
    Apply,
    /// Report only; the next pass applies.
    Report,
}

/// Runs until it is stopped. `by_hand` is the command that a person would type to have the same done once.
pub(super) async fn run(args: &Args, by_hand: &str, common: &Common, output: &Output) -> Exit {
    let begun = match pulled::open(&args.manifests.git, common, output).await {
        Ok(None) => from_files(args, common, output).await,
        Ok(Some(checkouts)) => from_repository(checkouts, args, common, output).await,
        Err(exit) => Err(exit),
    };
    let begun = match begun {
        Ok(begun) => begun,
        Err(exit) => return exit,
    };
    let session = match args.hearing.is_off() {
        true => Session::open(args.pace, common, output).await,
        false => Session::open_to_listen(args.pace, common, output).await,
    };
    let session = match session {
        Ok(session) => session,
        Err(exit) => return exit,
    };
    let span = tracing::info_span!("watch", run = %session.run);
    let exit = follow((args, by_hand), begun, &session, common, output).instrument(span).await;
    session.close(output).await;
    exit
}

/// Watches files; the set to begin with is valid.
async fn from_files(
    args: &Args,
    common: &Common,
    output: &Output,
) -> Result<(Source, InForce), Exit> {
    let paths = args.manifests.paths();
    if paths.iter().any(|path| path.as_os_str() == "-") {
        output.error("watch needs files; `-` is stdin");
        return Err(Exit::Usage);
    }
    let patience = match args.poll {
        Some(interval) => Patience::polling(interval),
        None => Patience { quiet: args.settle, ..Patience::default() },
    };
    let stores = loading::stores(common, output)?;
    let mut load = loader(args, common, stores);
    let load: Loader = Box::new({
        let paths = paths.clone();
        move || load(&paths, None)
    });
    let files = Files::watch(paths, common.allow_outside, patience, load).map_err(|error| {
        output.failure(&error, None);
        Exit::Failed
    })?;
    let in_force = first_set(&files, common, output).await?;
    Ok((files.into(), in_force))
}

/// Asks a repository; the set to begin with is that of its commit, or of the last one that was valid.
async fn from_repository(
    checkouts: Checkouts<Program>,
    args: &Args,
    common: &Common,
    output: &Output,
) -> Result<(Source, InForce), Exit> {
    let mut load = loader(args, common, loading::stores(common, output)?);
    let load = Box::new(move |checkout: &Checkout| load(&[checkout.folder()], Some(checkout)));
    let starting = Pull::start(checkouts, args.poll.unwrap_or(POLL), load);
    let pull = tokio::select! {
        pull = starting => pull,
        // Asked to end before it began, which is as good an end as any.
        () = shutdown::begun() => return Err(Exit::Done),
    };
    let pull = pull.map_err(|error| pulled::fail(&error, output))?;
    let first = pull.first().clone();
    let in_force = in_force(&first, common, output)?.from_commit(first.commit);
    Ok((pull.into(), in_force))
}

/// How files, or the tree of a commit, are loaded.
fn loader(
    args: &Args,
    common: &Common,
    stores: Option<Stores>,
) -> impl FnMut(&[PathBuf], Option<&Checkout>) -> Load + Send + 'static {
    let (exclude, common) = (args.manifests.exclude().to_owned(), common.clone());
    move |paths, checkout| {
        let tree = checkout.map(pulled::tree);
        let options =
            manifest::Options { stores: stores.as_ref(), tree, ..loading::options(&common) };
        let mut load = manifest::load_with(paths, &options);
        loading::leave_time_to_the_platform(&mut load);
        load.desired.exclude(exclude.iter().cloned());
        load
    }
}

/// The set to begin with, which has to be valid.
async fn first_set(files: &Files, common: &Common, output: &Output) -> Result<InForce, Exit> {
    let mut settled = files.settled();
    let read = |settled: &Settled| !matches!(settled.reading, Reading::Nothing);
    let first = tokio::select! {
        first = settled.wait_for(read) => first.ok().map(|first| first.clone()),
        // Asked to end before it began, which is as good an end as any.
        () = shutdown::begun() => return Err(Exit::Done),
    };
    let Some(first) = first else {
        output.error("cannot read the manifests");
        return Err(Exit::Failed);
    };
    in_force(&first, common, output)
}

/// What is in force by the first settled set, which has to be valid.
fn in_force(first: &Settled, common: &Common, output: &Output) -> Result<InForce, Exit> {
    let load = match &first.reading {
        Reading::Good(load) => load,
        Reading::Invalid(load) => {
            loading::show_diagnostics(load, common, output);
            return Err(Exit::Invalid);
        }
        Reading::Unknown | Reading::Nothing => {
            for root in &first.status.roots {
                if let Some(reason) = &root.unknown {
                    output.error(&format!("{}: {reason}", root.path.display()));
                }
            }
            output.say("  help: check that all paths exist");
            return Err(Exit::Invalid);
        }
    };
    if !load.diagnostics.is_empty() {
        loading::show_diagnostics(load, common, output);
    }
    let stack = loading::stack_of(load, common, output)?;
    Ok(InForce::of(load, &stack))
}

async fn follow(
    (args, by_hand): (&Args, &str),
    (source, in_force): (Source, InForce),
    session: &Session,
    common: &Common,
    output: &Output,
) -> Exit {
    let (wake, woken) = watch::wake();
    let nothing = Status::starting(String::new(), String::new(), String::new(), 0);
    let (status, shown) = tokio::sync::watch::channel(Arc::new(nothing));
    let state = match session::state_folder(common, output) {
        Ok(state) => state,
        Err(exit) => return exit,
    };
    let around = Surroundings { shown: shown.clone(), status: status.clone(), wake: wake.clone() };
    let ask = match &source {
        Source::Pull(pull) => Some(pull.ask()),
        Source::Files(_) => None,
    };
    let hears = (wake.clone(), ask);
    let outside = match Outside::open(&args.outside, &state, shown, hears, output).await {
        Ok(outside) => outside,
        Err(exit) => return exit,
    };
    let set = (&*in_force.desired, args.prune);
    let hearing = match Hearing::begin(&args.hearing, session, set, around, common, output) {
        Ok(hearing) => hearing,
        Err(exit) => return exit,
    };
    let called = |client: Client| match &hearing.app {
        Some(app) => client.called(app),
        None => client,
    };
    let hangups = tokio::spawn(hangups(wake));
    let waits = tokio::spawn(note_waits(session.client.waiting(), status.clone()));
    let options = watch::Options {
        prune: args.prune,
        interval: args.interval,
        first_pass: match args.first_pass {
            FirstPass::Apply => watch::FirstPass::Apply,
            FirstPass::Report => watch::FirstPass::Report,
        },
        contest_window: args.contest_window,
        stack_is_given: common.stack.is_some(),
        seed: rand::random(),
        by_hand: by_hand.to_owned(),
        lock_timeout: args.gate.lock_timeout,
        clock: Arc::new(jiff::Timestamp::now),
    };
    let platform = watch::Platform {
        client: called(session.client.clone()),
        signer: &session.signer,
        spool: &session.spool,
        gate: session.gate.open(),
        seen: session.recorder.seen(&in_force.desired),
        renew: Box::new(|| session.client_again(common, output).map(called)),
    };
    let paths = args.manifests.paths();
    let reporter = Reporter { paths: &paths, session, common, output };
    let run = &session.run;
    let daemon = Daemon::new(platform, run, source, in_force, woken, status, options, reporter);
    daemon.run(shutdown::flag()).await;
    drop(hearing);
    hangups.abort();
    waits.abort();
    outside.close().await;
    Exit::Done
}

/// Shows at once why calls wait, also in the middle of a pass.
async fn note_waits(mut waits: Receiver<Option<Waiting>>, status: Sender) {
    while waits.changed().await.is_ok() {
        let waiting = waits.borrow_and_update().clone();
        let since = jiff::Timestamp::now();
        let calls_wait = waiting.map(|Waiting { why, wait, .. }| {
            let until = since.checked_add(wait).unwrap_or(since);
            CallsWait { why, since, until }
        });
        status.send_modify(|known| Arc::make_mut(known).calls_wait = calls_wait);
    }
}

/// SIGHUP asks for a pass.
async fn hangups(wake: watch::Wake) {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        if let Ok(mut hangup) = signal(SignalKind::hangup()) {
            while hangup.recv().await.is_some() {
                wake.now(Trigger::Signal);
            }
        }
    }
    // Whoever can wake is kept for as long as the daemon runs.
    let _kept = wake;
    std::future::pending::<()>().await;
}

/// Tells what the daemon does: lines for people, or one JSON object for each in the log.
struct Reporter<'a> {
    paths: &'a [PathBuf],
    session: &'a Session,
    common: &'a Common,
    output: &'a Output,
}

impl Narrator for Reporter<'_> {
    fn say(&mut self, line: &str) {
        match self.output.is_log() {
            true => self.output.say(line),
            false => self.output.say(&render::printable_line(line)),
        }
    }

    fn complain(&mut self, line: &str, help: Option<&str>) {
        if self.output.is_log() {
            return tracing::error!(help, "{line}");
        }
        let help = help.map(|help| format!("\n  help: {}", render::printable(help)));
        self.output.error(&(render::printable_line(line) + &help.unwrap_or_default()));
    }

    fn findings(&mut self, load: &Load) {
        self.output.findings(load, self.output.diagnostics_color());
    }

    fn away(&mut self, error: &ObserveError) {
        session::explain(error, self.common, self.output);
    }

    fn plan(&mut self, plan: &Plan) {
        match self.output.is_log() {
            true => {
                for step in &plan.steps {
                    let (action, address) = (step.action.as_str(), step.address.to_string());
                    tracing::info!(step = %step.id, action, address, reason = step.reason, "planned");
                }
            }
            false => self.output.show(&plan_text(plan, self.output.width())),
        }
    }

    fn report(&mut self, report: &Report) {
        match self.output.is_log() {
            true => {
                for step in &report.steps {
                    let outcome = step.outcome.as_str();
                    tracing::info!(step = %step.id, outcome, error = step.error, "done");
                }
            }
            false => self.output.show(&run_text(report, self.output.width())),
        }
    }

    fn ended(&mut self, pass: &Ended<'_>) {
        let Ended { record, prepared, report } = pass;
        let (Some(prepared), Some(report)) = (prepared, report) else { return };
        let Some(run) = RunId::parse(&record.run) else { return };
        self.session.recorder.keep(
            ("watch", record.trigger.as_str(), &run),
            record.commit.as_deref().cloned().or_else(|| commit_of_any(self.paths)),
            (prepared, report),
            self.output,
        );
    }
}
