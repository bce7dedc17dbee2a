//! `flespi-gitops export`.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use clap::ValueEnum;

use super::exit::Exit;
use super::output::Output;
use super::pace::Pace;
use super::plan::not_written;
use super::session::{self, Session};
use super::settings::Common;
use crate::diagnostic::counted;
use crate::diagnostic::render::printable;
use crate::export::{self, Export, ExportError, File, Options, Others};
use crate::files::{self, Access};
use crate::manifest::discover;
use crate::observe::Actual;
use crate::reconcile;
use crate::resource::{AddressPattern, is_valid_name};

/// Write live accounts as manifests; never changes anything on the platform.
///
/// One folder per account; every object is bound by its id, so a plan of the export has no changes.
/// Keys of tokens and passwords are never written. Without --out, everything is printed.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  flespi-gitops export --out accounts
  flespi-gitops export --out accounts --schema ../schemas/manifest.schema.json
  flespi-gitops export --out accounts --exclude 'subaccount/legacy-*' --unmanaged skip
  flespi-gitops export | less")]
pub(super) struct Args {
    /// Folder to write to; nothing in it is removed.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,

    #[command(flatten)]
    pace: Pace,

    /// Overwrite existing files with other content.
    #[arg(long, requires = "out")]
    force: bool,

    /// Addresses to leave out, such as `subaccount/legacy-*`; a subaccount includes everything in
    /// it. Repeatable; noted in the Stack manifest.
    #[arg(long, value_name = "PATTERN")]
    exclude: Vec<AddressPattern>,

    /// What to do with objects of other stacks; included, they are only referred to.
    #[arg(long, value_enum, default_value = "comment")]
    foreign: Wish,

    /// What to do with objects without a mark; included, they are bound by id.
    #[arg(long, value_enum, default_value = "include")]
    unmanaged: Wish,

    /// Also write keys of `metadata` that no manifest declared; those of the panel are never
    /// written.
    #[arg(long)]
    metadata: bool,

    /// Also write tokens that look like sessions of the panel.
    #[arg(long)]
    include_sessions: bool,

    /// Where manifest.schema.json is (`schema --out` writes it), as an address or as a path from --out: each document then
    /// begins with the line by which editors find it.
    #[arg(long, value_name = "URL|PATH", value_parser = schema)]
    schema: Option<String>,
}

/// A line of a comment ends where a line ends, and the editor's line at the first blank.
fn schema(text: &str) -> Result<String, String> {
    let is_word = |text: &str| {
        !text.is_empty() && !text.contains(|char: char| char.is_whitespace() || char.is_control())
    };
    match is_word(text) {
        true => Ok(text.to_owned()),
        false => Err("write an address or a path without blanks".to_owned()),
    }
}

/// What to do with objects that are not this stack's.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Wish {
    /// Write manifests.
    Include,
    /// Write manifests as comments.
    Comment,
    /// Leave them out.
    Skip,
}

impl From<Wish> for Others {
    fn from(wish: Wish) -> Self {
        match wish {
            Wish::Include => Self::Include,
            Wish::Comment => Self::Comment,
            Wish::Skip => Self::Skip,
        }
    }
}

/// Writes the account of the token into a folder, whose editors find the schema at `schema`.
pub(super) async fn into(folder: &Path, schema: &str, common: &Common, output: &Output) -> Exit {
    let args = Args {
        out: Some(folder.to_owned()),
        pace: Pace::default(),
        force: false,
        exclude: Vec::new(),
        foreign: Wish::Comment,
        unmanaged: Wish::Include,
        metadata: false,
        include_sessions: false,
        schema: Some(schema.to_owned()),
    };
    run(&args, common, output).await
}

pub(super) async fn run(args: &Args, common: &Common, output: &Output) -> Exit {
    if let Some(name) = common.stack.as_ref().filter(|name| !is_valid_name(name)) {
        output.error(&format!("`{name}` is not a stack name: use a-z, 0-9, `.`, `_` and `-`"));
        return Exit::Usage;
    }
    let session = match Session::open(args.pace, common, output).await {
        Ok(session) => session,
        Err(exit) => return exit,
    };
    let observed = reconcile::observe(&session.client, &session.signer).await;
    session.close(output).await;
    let (actual, calls) = match observed {
        Ok(observed) => observed,
        Err(error) => {
            session::explain(&error, common, output);
            return Exit::Unknown;
        }
    };
    output.say(&format!(
        "read {} with {}",
        counted(actual.objects.len() as u64, "object"),
        counted(calls, "API call")
    ));
    let export = match export(args, common, &actual) {
        Ok(export) => export,
        Err(error) => {
            output.failure(&error, None);
            return exit_of(&error);
        }
    };
    match &args.out {
        None => output.result(&stream(&export.files)),
        Some(folder) => {
            let existing = if args.force { Existing::Overwrite } else { Existing::Force };
            if let Err(exit) = write(&export.files, folder, existing, output) {
                return exit;
            }
        }
    }
    list_counts(&export, output);
    Exit::Done
}

/// How a command ends that made no export.
pub(super) fn exit_of(error: &ExportError) -> Exit {
    match error {
        ExportError::Unknown { .. } => Exit::Unknown,
        ExportError::SeveralStacks(_) | ExportError::Sink(_) => Exit::Usage,
        ExportError::Unreadable(_) => Exit::Failed,
    }
}

fn export(args: &Args, common: &Common, actual: &Actual) -> Result<Export, ExportError> {
    let stack = match &common.stack {
        Some(stack) => stack.clone(),
        None => export::only_stack(actual)?,
    };
    let options = Options {
        stack,
        exclude: args.exclude.clone(),
        foreign: args.foreign.into(),
        unmanaged: args.unmanaged.into(),
        metadata: args.metadata,
        include_sessions: args.include_sessions,
        schema: args.schema.clone(),
        now: session::unix_now(),
        only: None,
    };
    export::export(actual, &options)
}

/// All files in one stream of documents, each under its name.
pub(super) fn stream(files: &[File]) -> String {
    let mut text = String::new();
    for File { path, text: content } in files {
        let separator = if text.is_empty() { "" } else { "---\n" };
        text.push_str(&format!("{separator}# {path}\n{content}"));
    }
    text
}

/// What to do about files that are there with another content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Existing {
    /// Put the new ones in their place.
    Overwrite,
    /// Refuse them; `--force` would overwrite them.
    Force,
    /// Refuse them.
    Keep,
}

/// The files that are not yet there as they should be, as paths.
///
/// # Errors
/// One is there with another content, or cannot be read, which is said.
pub(super) fn wanted<'a>(
    files: &'a [File],
    folder: &Path,
    existing: Existing,
    output: &Output,
) -> Result<Vec<(PathBuf, &'a str)>, Exit> {
    let mut wanted = Vec::new();
    let mut different = Vec::new();
    for File { path, text } in files {
        let path = folder.join(path);
        match files::holds(&path, text.as_bytes()) {
            Ok(Some(true)) => {}
            Ok(Some(false)) => {
                different.push(path.display().to_string());
                wanted.push((path, text.as_str()));
            }
            Ok(None) => wanted.push((path, text.as_str())),
            Err(error) => {
                output.error(&format!("cannot read `{}`: {error}", path.display()));
                return Err(Exit::Failed);
            }
        }
    }
    if !different.is_empty() && existing != Existing::Overwrite {
        let help = match existing {
            Existing::Keep => "choose an empty folder",
            _ => "overwrite them with --force, or choose an empty folder",
        };
        output.error(&format!(
            "these files already exist with other content, so nothing was written:\n  {}\n  help: {help}",
            different.join("\n  ")
        ));
        return Err(Exit::Refused);
    }
    Ok(wanted)
}

pub(super) fn write(
    files: &[File],
    folder: &Path,
    existing: Existing,
    output: &Output,
) -> Result<(), Exit> {
    let failed = |path: &Path, error: &std::io::Error| {
        not_written(path, error, output);
        Exit::Failed
    };
    // Looked at as a whole before the first is written: half an export is none.
    let wanted = wanted(files, folder, existing, output)?;
    std::fs::create_dir_all(folder).map_err(|error| failed(folder, &error))?;
    let count = wanted.len();
    for (path, text) in wanted {
        // Manifests hold no secret and are read by everybody in the team.
        files::write_below(&path, text.as_bytes(), Access::Shared)
            .map_err(|error| failed(&path, &error))?;
    }
    output.say(&format!(
        "{} written to {}, {} already up to date",
        counted(count as u64, "file"),
        folder.display(),
        files.len() - count
    ));
    list_extra_files(files, folder, output);
    Ok(())
}

/// Manifests of an earlier export, or of a person, that this one does not have: they would be
/// loaded together with it.
fn list_extra_files(files: &[File], folder: &Path, output: &Output) {
    let ours: BTreeSet<PathBuf> = files.iter().map(|file| folder.join(&file.path)).collect();
    let there = discover::manifests_in(folder);
    for path in there.iter().filter(|path| !ours.contains(*path)) {
        let path = path.display().to_string();
        output.say(&format!("note: {} is not part of this export", printable(&path)));
    }
}

fn list_counts(export: &Export, output: &Output) {
    for (kind, count) in &export.counts {
        output.say(&format!(
            "{}: {} managed, {} only referred to, {} in comments, {} left out",
            kind.collection(),
            count.managed,
            count.observed,
            count.commented,
            count.left_out
        ));
    }
}
