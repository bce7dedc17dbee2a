//! `flespi-gitops pause` and `flespi-gitops resume`.

use super::candidates;
use clap_complete::ArgValueCompleter;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::duration::positive;
use super::exit::Exit;
use super::gate::Store;
use super::output::Output;
use super::plan::json;
use super::platform::Platform;
use super::recorder::actor;
use super::session;
use super::settings::{Common, Format};
use crate::pause::{LONGEST_REASON, LONGEST_SECONDS, Pause, PauseList, PauseListFormat, Pauses};
use crate::report::{listing_markdown, pauses_text};
use crate::resource::AddressPattern;
use crate::run::RunId;

/// Leave objects alone for some time, or list what is left alone.
///
/// While a pause is in force, neither `apply` nor `watch` changes what it is about; everything else
/// goes on, and `plan` shows what waits. It ends by itself. Without options, all pauses in force are
/// listed.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  flespi-gitops pause --scope subaccount/acme --for 2h --reason 'ACME moves its devices'
  flespi-gitops pause --scope 'token/**' --for 30m --reason 'incident 4711'
  flespi-gitops pause
  flespi-gitops resume subaccount/acme")]
pub(super) struct Args {
    /// Address of what is left alone, such as `subaccount/acme`, which includes everything in it; or
    /// a pattern, such as `token/**`.
    #[arg(
        long,
        value_name = "PATTERN",
        requires_all = ["length", "reason"],
        add = ArgValueCompleter::new(candidates::objects)
    )]
    scope: Option<AddressPattern>,

    /// How long, at most 30 days.
    #[arg(long = "for", id = "length", value_name = "DURATION", value_parser = length, requires = "scope")]
    length: Option<Duration>,

    /// Why; shown wherever something waits.
    #[arg(long, value_name = "TEXT", value_parser = reason, requires = "scope")]
    reason: Option<String>,
}

/// End pauses before their time.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  flespi-gitops resume subaccount/acme
  flespi-gitops resume 20261130-212233-k3f9m
  flespi-gitops resume --all")]
pub(super) struct ResumeArgs {
    /// The scopes of the pauses as they were given, or their ids.
    #[arg(value_name = "SCOPE|ID", required_unless_present = "all")]
    which: Vec<String>,

    /// End all pauses of this platform.
    #[arg(long, conflicts_with = "which")]
    all: bool,
}

/// Reads a duration that a pause may have.
fn length(text: &str) -> Result<Duration, String> {
    let length = positive(text)?;
    match length.as_secs() {
        0 => Err("the shortest is 1 s".to_owned()),
        1..=LONGEST_SECONDS => Ok(length),
        _ => Err("the longest is 30 days; `spec.forget` in the Stack stops managing something"
            .to_owned()),
    }
}

fn reason(text: &str) -> Result<String, String> {
    let text = text.trim();
    match text.chars().count() {
        0 => Err("say why, for those who will wonder".to_owned()),
        1..=LONGEST_REASON => Ok(text.to_owned()),
        _ => Err(format!("at most {LONGEST_REASON} characters")),
    }
}

pub(super) async fn run(args: &Args, common: &Common, output: &Output) -> Exit {
    let (pauses, platform) = match place(common, output) {
        Ok(place) => place,
        Err(exit) => return exit,
    };
    let now = Timestamp::now();
    let Args { scope: Some(scope), length: Some(length), reason: Some(reason) } = args else {
        return list(&pauses, now, common, output).await;
    };
    let until = SignedDuration::try_from(*length).ok().and_then(|it| now.checked_add(it).ok());
    let Some(until) = until else { return Exit::Usage };
    let pause = Pause {
        id: RunId::new(),
        platform,
        stack: common.stack.clone(),
        scope: scope.clone(),
        reason: reason.clone(),
        by: actor(),
        since: now,
        until,
    };
    if let Err(error) = pauses.begin(&pause).await {
        output.error(&format!("cannot begin the pause: {error}"));
        return Exit::Failed;
    }
    show(&[pause], now, common, output);
    Exit::Done
}

async fn list(pauses: &Pauses, now: Timestamp, common: &Common, output: &Output) -> Exit {
    match pauses.all(now).await {
        Ok(all) => {
            show(&all, now, common, output);
            if all.is_empty() {
                output.say("nothing is paused");
            }
            Exit::Done
        }
        Err(error) => {
            output.failure(&error, None);
            Exit::Failed
        }
    }
}

fn show(pauses: &[Pause], now: Timestamp, common: &Common, output: &Output) {
    match common.format {
        Format::Json => {
            let format = PauseListFormat::V1;
            output.result(&json(&PauseList { format, pauses: pauses.to_vec() }));
        }
        Format::Markdown => {
            let text = pauses_text(pauses, now, None);
            output.result(&listing_markdown("pauses", &text, common.markdown_limit));
        }
        Format::Text | Format::Short | Format::Sarif => {
            output.result(&pauses_text(pauses, now, output.width()));
        }
    }
}

pub(super) async fn resume(args: &ResumeArgs, common: &Common, output: &Output) -> Exit {
    let (pauses, platform) = match place(common, output) {
        Ok(place) => place,
        Err(exit) => return exit,
    };
    let mut all = match pauses.all(Timestamp::now()).await {
        Ok(all) => all,
        Err(error) => {
            output.failure(&error, None);
            return Exit::Failed;
        }
    };
    all.retain(|pause| pause.platform == platform);
    let is_meant = |pause: &&Pause, which: &String| {
        pause.id.as_str() == which || pause.scope.to_string() == *which
    };
    let unknown = args.which.iter().find(|which| !all.iter().any(|it| is_meant(&it, which)));
    if let Some(unknown) = unknown {
        output.error(&format!(
            "no pause in force has the scope or the id `{unknown}`\n  help: run `flespi-gitops pause` to list \
             them; nothing was ended"
        ));
        return Exit::Usage;
    }
    let mut exit = Exit::Done;
    let meant =
        all.iter().filter(|pause| args.all || args.which.iter().any(|it| is_meant(pause, it)));
    for pause in meant {
        match pauses.end(&pause.id).await {
            Ok(_) => output.say(&format!("{} is no longer paused", pause.scope)),
            Err(error) => {
                output.error(&format!("cannot end the pause {}: {error}", pause.id));
                exit = Exit::Failed;
            }
        }
    }
    if args.all && all.is_empty() {
        output.say("nothing is paused");
    }
    exit
}

/// Where pauses are, and what they call the platform.
fn place(common: &Common, output: &Output) -> Result<(Pauses, String), Exit> {
    let state = session::state_folder(common, output)?;
    let platform = Platform::parse(&common.platform).map_err(|error| {
        output.error(&error);
        Exit::Usage
    })?;
    Ok((Store::open(&state, common, output)?.pauses(&state), platform.name()))
}
