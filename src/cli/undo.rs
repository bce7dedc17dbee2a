//! `flespi-gitops undo`.

use super::apply;
use super::candidates;
use super::exit::Exit;
use super::gate::GateArgs;
use super::output::Output;
use super::pace::Pace;
use super::platform::Platform;
use super::session::{self, Session};
use super::settings::Common;
use crate::diagnostic::counted;
use crate::diagnostic::render::printable;
use crate::history::{History, Record};
use crate::reconcile;
use crate::run::RunId;
use crate::shutdown;
use crate::undo::{Left, Undoing, backwards};
use clap_complete::ArgValueCompleter;

/// Take back what a run did: values are set back, deleted objects restored from the recycle bin, and
/// created ones deleted.
///
/// It is a plan like any other, with the same guards, made from the record of the run. What cannot
/// be undone, keys and passwords for example, is said first. The manifests still say what they said:
/// undo the commit as well, or the next apply does the same again.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  flespi-gitops undo last --dry-run
  flespi-gitops undo 20261121-233344-k3f9
  flespi-gitops undo last --yes --approve 0b1f7e6a2c3d")]
pub(super) struct Args {
    /// The run, or enough of the beginning of its name, or `last`; with all its passes.
    #[arg(value_name = "RUN", add = ArgValueCompleter::new(candidates::runs))]
    run: String,

    /// Show the plan, and do nothing.
    #[arg(long)]
    dry_run: bool,

    /// Undo without asking.
    #[arg(short, long, conflicts_with = "dry_run")]
    yes: bool,

    /// Approve what a guard refuses, for the plan of this digest and no other.
    #[arg(long, value_name = "DIGEST")]
    approve: Option<String>,

    #[command(flatten)]
    pace: Pace,

    #[command(flatten)]
    gate: GateArgs,
}

pub(super) async fn run(args: &Args, common: &Common, output: &Output) -> Exit {
    let (name, records) = match records(args, common, output) {
        Ok(found) => found,
        Err(exit) => return exit,
    };
    if let Err(exit) = is_of_this_platform(&name, &records, common, output) {
        return exit;
    }
    let session = match Session::open(args.pace, common, output).await {
        Ok(session) => session,
        Err(exit) => return exit,
    };
    let exit = undo(args, (&name, &records), &session, common, output).await;
    session.close(output).await;
    exit
}

async fn undo(
    args: &Args,
    (name, records): (&str, &[Record]),
    session: &Session,
    common: &Common,
    output: &Output,
) -> Exit {
    let actual = match reconcile::observe(&session.client, &session.signer).await {
        Ok((actual, _)) => actual,
        Err(error) => {
            session::explain(&error, common, output);
            return Exit::Unknown;
        }
    };
    let account = actual.identity.account;
    if let Some(other) = records.iter().find(|record| record.account != account) {
        let other = other.account;
        output.error(&format!("run {name} was on account {other}, and this token is of {account}"));
        return Exit::Usage;
    }
    if let Some((kind, reason)) = actual.unknown.iter().next() {
        let collection = kind.collection();
        output.error(&format!("cannot read {collection}: {reason}\n  help: nothing was done"));
        return Exit::Unknown;
    }
    let undoing = backwards(name, records, &actual);
    warn(&undoing, records, output);
    if undoing.is_empty() {
        output.say(&format!("run {name} has nothing that could be undone"));
        return Exit::Done;
    }
    let consent =
        apply::Args::consent(args.yes, args.approve.clone(), args.gate.clone(), args.pace);
    match args.dry_run {
        true => apply::show_undoing(undoing, session, common, output).await,
        false => {
            apply::run_undoing(undoing, &consent, session, &shutdown::flag(), common, output).await
        }
    }
}

fn is_of_this_platform(
    name: &str,
    records: &[Record],
    common: &Common,
    output: &Output,
) -> Result<(), Exit> {
    let platform = Platform::parse(&common.platform).map(|platform| platform.name());
    let platform = platform.map_err(|error| {
        output.error(&error);
        Exit::Usage
    })?;
    let Some(other) = records.iter().find(|record| record.platform != platform) else {
        return Ok(());
    };
    let other = printable(&other.platform);
    output.error(&format!("run {name} was on {other}, and --platform is {platform}"));
    Err(Exit::Usage)
}

/// Says what stays as it is, and that manifests are another matter.
fn warn(undoing: &Undoing, records: &[Record], output: &Output) {
    if !undoing.left.is_empty() {
        let count = counted(undoing.left.len() as u64, "change");
        output.say(&format!("{count} of run {} cannot be undone:", undoing.run));
    }
    for Left { address, field, reason } in &undoing.left {
        let field = field.as_ref().map(|field| format!(": {}", printable(field)));
        output.say(&format!("  {address}{}: {reason}", field.unwrap_or_default()));
    }
    let commit = records.iter().find_map(|record| record.commit.as_ref());
    let commit = commit.map(|commit| format!(" (commit {:.12})", commit.id)).unwrap_or_default();
    output.say(&format!(
        "note: the manifests{commit} still say what run {} did; revert them, or the next apply does it again",
        undoing.run
    ));
}

/// The records of all passes of the run, in their order, and the name of the run.
fn records(args: &Args, common: &Common, output: &Output) -> Result<(String, Vec<Record>), Exit> {
    let state = session::state_folder(common, output)?;
    let history = History::new(&state);
    let unreadable = |error: std::io::Error| {
        let why = printable(&error.to_string()).into_owned();
        output.error(&format!("cannot read the history: {why}"));
        Exit::Failed
    };
    let found = history.find(&args.run).map_err(unreadable)?;
    let mut names: Vec<String> = found.iter().map(|run| run.first_pass().to_string()).collect();
    names.dedup();
    let [name] = names.as_slice() else {
        output.error(&format!(
            "`{}` does not match exactly one run\n  help: run `flespi-gitops history` to list runs; the beginning \
             of a name is enough",
            printable(&args.run)
        ));
        return Err(Exit::Usage);
    };
    // `last` and whole names find one pass alone.
    let mut passes = history.find(name).map_err(unreadable)?;
    passes.retain(|run| run.first_pass().as_str() == name);
    passes.sort_by_key(RunId::number);
    let mut records = Vec::new();
    for pass in &passes {
        records.push(history.read(pass).map_err(unreadable)?);
    }
    if records.iter().any(|record| record.is_abridged) {
        output.error(&format!(
            "run {name} was too large to be recorded in full, and cannot be undone"
        ));
        return Err(Exit::Refused);
    }
    Ok((name.clone(), records))
}
