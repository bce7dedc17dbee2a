//! `flespi-gitops plan`.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::duration::positive;
use super::exit::Exit;
use super::loading::{self, Loaded};
use super::manifests::Manifests;
use super::narrowed::Only;
use super::output::Output;
use super::pace::Pace;
use super::session::{self, Session};
use super::settings::{Common, Format};
use crate::diagnostic::counted;
use crate::diagnostic::render::json_text;
use crate::files::{self, Access};
use crate::manifest::model::Ttl;
use crate::plan::{self, HORIZON, Policy, Sealed};
use crate::reconcile::{self, Prepared};
use crate::report::{plan_html, plan_markdown, plan_summary, plan_text};
use crate::resource::Span;
use crate::secret::Trust;

/// Read the platform and show what an apply would change; never writes.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  flespi-gitops plan examples/fleet --platform sandbox
  flespi-gitops plan accounts/ --detailed-exitcode --format json > plan.json
  flespi-gitops plan accounts/ --expiring-within 14d
  flespi-gitops plan accounts/ --only subaccount/acme
  flespi-gitops plan --git git@git.example.com:fleet.git --ref main --path accounts
  flespi-gitops plan accounts/ --format markdown --html plan.html > comment.md")]
pub(super) struct Args {
    #[command(flatten)]
    manifests: Manifests,

    #[command(flatten)]
    only: Only,

    /// Plan to delete objects with this stack's mark that are no longer declared.
    #[arg(long)]
    prune: bool,

    /// Also write the plan to FILE as one HTML page, which needs no other file and no network.
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,

    /// Show the plan on one screen: how much of what, and one line for many like objects.
    #[arg(long)]
    summary: bool,

    /// Save the plan, sealed, for `apply --plan FILE`.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,

    /// Exit with 2 if there are changes, and with 5 if an object is blocked or disputed.
    #[arg(long)]
    detailed_exitcode: bool,

    #[command(flatten)]
    pace: Pace,

    /// Fail at once when a call would have to wait past this time, counted from the start.
    #[arg(long, value_name = "DURATION", value_parser = positive)]
    deadline: Option<Duration>,

    #[command(flatten)]
    expiring: Expiring,
}

/// How far ahead a command looks for tokens that end.
#[derive(Debug, Clone, Copy, clap::Args)]
pub(super) struct Expiring {
    /// Exit with 5 if a token expires within this time, such as 14d; by default, tokens that expire
    /// within 14 days are only listed.
    #[arg(long, value_name = "DURATION", value_parser = seconds)]
    expiring_within: Option<i64>,
}

impl Expiring {
    /// Seconds ahead.
    pub(super) fn horizon(self) -> i64 {
        self.expiring_within.unwrap_or(HORIZON)
    }

    /// What to exit with because of tokens that end, if that was asked for and there are any.
    pub(super) fn verdict(self, plan: &plan::Plan, output: &Output) -> Option<Exit> {
        let within = self.expiring_within?;
        let due = plan.tokens.iter().filter(|token| token.is_due).count();
        if due == 0 {
            return None;
        }
        let (noun, verb) = if due == 1 { ("token", "expires") } else { ("tokens", "expire") };
        output.error(&format!("{due} {noun} {verb} within {}", Span(within)));
        Some(Exit::Refused)
    }
}

/// Reads `3600`, `12h`, `14d`, `1d 12h`.
pub(super) fn seconds(text: &str) -> Result<i64, String> {
    let seconds = text.parse().ok().or_else(|| Ttl::parse(text));
    let wrong = || "write a number of seconds, or 12h, 14d, 1d 12h".to_owned();
    seconds.filter(|seconds| *seconds >= 0).ok_or_else(wrong)
}

pub(super) async fn run(args: &Args, common: &Common, output: &Output) -> Exit {
    // The texts are not needed any more.
    let loaded = loading::load_wherever(&args.manifests, common, output).await;
    let (desired, beside) = match loaded {
        Ok(Loaded { load, beside }) => (load.desired, beside),
        Err(exit) => return exit,
    };
    let session = match Session::open_until(args.deadline, args.pace, common, output).await {
        Ok(session) => session.reading(desired.commit.clone()),
        Err(exit) => return exit,
    };
    let policy = Policy { prune: args.prune, horizon: args.expiring.horizon() };
    let trust = Trust::unreviewed(&beside, common.allow_outside);
    let seen = session.recorder.seen(&desired);
    let context = session.context(&trust, seen.as_ref());
    let mut prepared = reconcile::prepare(&desired, context, policy).await;
    if let Ok(prepared) = &mut prepared {
        session.gate.announce(&desired, prepared).await;
    }
    session.close(output).await;
    match prepared {
        Ok(mut prepared) => {
            prepared.plan = match args.only.of(prepared.plan, &desired, output) {
                Ok(plan) => plan,
                Err(exit) => return exit,
            };
            match (args.summary, common.format) {
                (true, Format::Text | Format::Short | Format::Sarif) => {
                    output.result(&plan_summary(&prepared.plan, output.width()));
                    output.say(&counted(prepared.calls, "API call"));
                }
                _ => show(&prepared, common, output),
            }
            if let Some(file) = &args.html {
                let page = plan_html(&prepared.plan, prepared.calls);
                if let Err(exit) = write(file, &page, Access::Shared, output) {
                    return exit;
                }
            }
            if let Some(file) = &args.out {
                let own_account = prepared.own_account;
                let sealed = Sealed::new(&prepared.plan, &desired, own_account, policy, &trust);
                let sealed = match sealed {
                    Ok(sealed) => json(&sealed),
                    Err(error) => {
                        output.error(&format!("cannot save the plan in `{}`", file.display()));
                        output.failure(
                            &error,
                            Some("rename the folder, or apply without a saved plan"),
                        );
                        return Exit::Failed;
                    }
                };
                if sealed.len() as u64 > Sealed::MOST_BYTES {
                    output.error(&format!(
                        "cannot save the plan in `{}`: it has {} bytes, and the limit is {}",
                        file.display(),
                        sealed.len(),
                        Sealed::MOST_BYTES
                    ));
                    return Exit::Failed;
                }
                // It holds no secret, and what it describes is nobody else's business all the same.
                if let Err(exit) = write(file, &sealed, Access::Private, output) {
                    return exit;
                }
                output.say(&format!("plan saved in {}", file.display()));
            }
            exit_of(&prepared.plan, args, output)
        }
        Err(error) => {
            session::explain(&error, common, output);
            Exit::Unknown
        }
    }
}

pub(super) fn show(prepared: &Prepared, common: &Common, output: &Output) {
    match common.format {
        // The other two forms are for findings alone.
        Format::Text | Format::Short | Format::Sarif => {
            output.result(&plan_text(&prepared.plan, output.width()));
        }
        Format::Json => output.result(&json(&plan::document(&prepared.plan, prepared.calls))),
        Format::Markdown => {
            output.result(&plan_markdown(&prepared.plan, common.markdown_limit));
        }
    }
    output.say(&counted(prepared.calls, "API call"));
}

/// Writes a file that was asked for.
pub(super) fn write(file: &Path, text: &str, access: Access, output: &Output) -> Result<(), Exit> {
    files::write(file, text.as_bytes(), access).map_err(|error| {
        not_written(file, &error, output);
        Exit::Failed
    })
}

/// Says that a file is not there, why, and what to do.
pub(super) fn not_written(file: &Path, error: &io::Error, output: &Output) {
    use io::ErrorKind::{QuotaExceeded, ReadOnlyFilesystem, StorageFull};
    let help = match error.kind() {
        StorageFull | QuotaExceeded => {
            "\n  help: free some space, or choose another path, and run the same command again"
        }
        ReadOnlyFilesystem => "\n  help: choose another path",
        _ => "",
    };
    output.error(&format!("cannot write `{}`: {error}{help}", file.display()));
}

/// A document as it is printed.
pub(super) fn json(document: &impl serde::Serialize) -> String {
    json_text(document)
}

fn exit_of(plan: &plan::Plan, args: &Args, output: &Output) -> Exit {
    if !plan.unknown.is_empty() {
        return Exit::Unknown;
    }
    let otherwise = match () {
        () if args.detailed_exitcode && plan.is_in_the_way() => Exit::Refused,
        () if args.detailed_exitcode && !plan.steps.is_empty() => Exit::Changes,
        () => Exit::Done,
    };
    args.expiring.verdict(plan, output).unwrap_or(otherwise)
}
