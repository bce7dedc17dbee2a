//! `flespi-gitops probe`.

use std::io;
use std::net::Ipv4Addr;
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};

use jiff::Timestamp;

use super::broker::Broker;
use super::exit::Exit;
use super::loading;
use super::output::Output;
use super::plan::json;
use super::platform::Platform;
use super::record;
use super::session::{self, Place};
use super::settings::{Common, Format};
use crate::probe::{self, Book, CALLS_INSIDE, CALLS_READING, Caller, ProbeError, QUESTIONS};
use crate::profile::{PROFILE_FORMAT, Profile, ProfileError};
use crate::report::{ProbeDocument, listing_markdown, probe_text};
use crate::run::RunId;
use crate::sandbox;

/// Find out what the platform does where no document says it, and write that down as a profile.
///
/// Without options, it only reads. The account of the token is not changed, and nothing secret and no
/// name of the account is in the result or in the profile, so both can go into a bug report.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Exit codes:
   0  everything that was asked is as assumed, or as the profile of --profile says
   4  the platform could not be asked
   5  something is otherwise

Examples:
  flespi-gitops probe --platform sandbox
  FLESPI_TOKEN_FILE=~/.flespi-token flespi-gitops probe --out platform-profile.json
  flespi-gitops probe --in-throwaway-account --calls-per-minute 60")]
pub(super) struct Args {
    /// Also make one subaccount with a small limit, try everything else in there, and remove it with
    /// everything in it. What a killed run left is removed first.
    #[arg(long)]
    in_throwaway_account: bool,

    /// File for the profile. Answers of a profile that is there already stay where nothing new was
    /// found out about the same platform.
    #[arg(long, value_name = "FILE", default_value = "platform-profile.json")]
    out: PathBuf,

    /// Broker of the platform, which is asked with tokens of the throwaway account: mqtts://HOST or
    /// mqtts://HOST:PORT, or `off`. By default that of the platform at flespi.io or ru.flespi.io, or of
    /// the embedded sandbox.
    #[arg(long, value_name = "URL|off", value_parser = Broker::parse)]
    broker: Option<Broker>,

    /// Make at most N API calls in any 60 seconds.
    #[arg(long, value_name = "N", default_value = "120")]
    calls_per_minute: NonZeroU32,
}

pub(super) async fn run(args: &Args, common: &Common, output: &Output) -> Exit {
    // Before anything is asked, so that no answer is lost.
    let known = match known(&args.out) {
        Ok(known) => known,
        Err(error) => {
            output.failure(&error, Some("choose another file with --out"));
            return Exit::Usage;
        }
    };
    let expected = match loading::profile(common, output) {
        Ok(expected) => expected,
        Err(exit) => return exit,
    };
    let platform = match session::platform(common, output) {
        Ok(platform) => platform,
        Err(exit) => return exit,
    };
    let name = platform.name();
    let mqtt = Some((Ipv4Addr::LOCALHOST, 0).into());
    let embedded = sandbox::Options { mqtt, ..sandbox::Options::default() };
    let place = match Place::find(platform.clone(), embedded, common, output).await {
        Ok(place) => place,
        Err(exit) => return exit,
    };
    let asked = ask(args, &place, &platform, common, output).await;
    place.close(output).await;
    let (book, calls) = match asked {
        Ok(asked) => asked,
        Err(exit) => return exit,
    };
    let profile = profile(&book, known.as_ref(), &name);
    if let Err(error) = profile.write(&args.out) {
        output.failure(&error, Some("choose another file with --out"));
        return Exit::Failed;
    }
    let document = ProbeDocument::of(&book, expected.as_ref(), &name, calls);
    show(&document, common, output);
    output.say(&format!("profile: {}", args.out.display()));
    match document.summary.differ {
        0 => Exit::Done,
        _ => Exit::Refused,
    }
}

/// The profile that is there already; none if there is no file.
fn known(path: &Path) -> Result<Option<Profile>, ProfileError> {
    match Profile::read(path) {
        Ok(profile) => Ok(Some(profile)),
        Err(ProfileError::Unread(_, error)) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Asks, and counts the calls.
async fn ask(
    args: &Args,
    place: &Place,
    platform: &Platform,
    common: &Common,
    output: &Output,
) -> Result<(Book, u64), Exit> {
    let unasked = |error: &ProbeError| {
        let hint = match error {
            ProbeError::Left(..) => {
                "run it again, or delete it by hand: it is called \"flespi-gitops probe, may be deleted\""
            }
            ProbeError::Token(_) => "the token has to be of type Master, and of this platform",
            _ => "what was made for trials is removed by the next run",
        };
        output.failure(error, Some(hint));
        match error {
            ProbeError::Stopped => Exit::Failed,
            _ => Exit::Unknown,
        }
    };
    let (address, token) = (place.address.clone(), place.token.clone());
    let trace = RunId::new().as_str().to_owned();
    let caller = Caller::new(address, token, trace, args.calls_per_minute.get());
    let caller = caller.map_err(|error| {
        output.failure(&error, Some(error.help()));
        Exit::Unknown
    })?;
    let caller = match &common.record {
        None => caller,
        Some(path) => caller.behind(record::on(path, &platform.name())).map_err(|error| {
            output.failure(&error, Some(record::UNWRITTEN_HELP));
            Exit::Usage
        })?,
    };
    let most = if args.in_throwaway_account { CALLS_READING + CALLS_INSIDE } else { CALLS_READING };
    let pace = args.calls_per_minute;
    output.say(&format!("this makes at most {most} API calls, {pace} a minute"));
    let book = match args.in_throwaway_account {
        false => probe::read(&caller).await,
        true => {
            let embedded = place.sandbox.as_ref().and_then(|sandbox| sandbox.mqtt_url());
            let address = Broker::address(args.broker.as_ref(), embedded, platform);
            probe::read_and_try(&caller, address.as_ref()).await
        }
    };
    match book {
        Ok(book) => Ok((book, caller.made())),
        Err(error) => Err(unasked(&error)),
    }
}

/// What is known now.
fn profile(book: &Book, before: Option<&Profile>, platform: &str) -> Profile {
    let before = before.filter(|before| before.platform == platform);
    let mut profile = Profile {
        format: PROFILE_FORMAT.to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        platform: platform.to_owned(),
        probed: Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
        ..before.cloned().unwrap_or_default()
    };
    for (name, answer) in book.answers() {
        profile.answers.insert(name.to_owned(), answer.clone());
        profile.untold.remove(name);
    }
    for question in QUESTIONS {
        if let (Some(why), None) = (book.untold(question.name), profile.answers.get(question.name))
        {
            profile.untold.insert(question.name.to_owned(), why.to_owned());
        }
    }
    profile
}

fn show(document: &ProbeDocument, common: &Common, output: &Output) {
    match common.format {
        Format::Json => output.result(&json(document)),
        Format::Markdown => {
            let text = probe_text(document, None);
            output.result(&listing_markdown("probe", &text, common.markdown_limit));
        }
        Format::Text | Format::Short | Format::Sarif => {
            output.result(&probe_text(document, output.width()));
        }
    }
}
