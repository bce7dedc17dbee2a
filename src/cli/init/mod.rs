//! `flespi-gitops init`: the files that a repository with manifests begins with.
//!
//! Invariant: nothing that is there already is changed. Where manifests are there with another content, nothing is written
//! at all; what belongs to the whole repository is kept as it is, and what it lacks is told.

mod answers;
mod pipeline;
mod there;

use std::path::{Path, PathBuf};

use answers::{Answers, Given};
use pipeline::Ci;

use super::exit::Exit;
use super::export::{self, Existing};
use super::output::Output;
use super::plan::{json, not_written};
use super::settings::{Common, Format};
use crate::diagnostic::render::printable_line;
use crate::export::File;
use crate::files::{self, Access};
use crate::manifest::discover;
use crate::report::{InitDocument, Kept, init_text};
use crate::schemas;

/// Where the schema of manifests goes, from the root of the repository.
const SCHEMA: &str = "schemas/manifest.schema.json";

/// Manifests of the first folder, by their names in it.
const MANIFESTS: [(&str, &str); 3] = [
    ("stack.yaml", include_str!("stack.yaml")),
    ("limits.yaml", include_str!("limits.yaml")),
    ("subaccounts.yaml", include_str!("subaccounts.yaml")),
];

/// What git is told, by the names of its files.
const GIT: [(&str, &str); 2] =
    [(".gitignore", include_str!("gitignore")), (".gitattributes", include_str!("gitattributes"))];

/// Write the first files of a repository with manifests.
///
/// In the current folder: DIR with a stack, a limit and a subaccount, or what an account has
/// (--from-account); the schema that editors look for; `.gitignore`, `.gitattributes` and a
/// pipeline. Asks on a terminal for what is left out; never changes a file.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  flespi-gitops init
  flespi-gitops init accounts --stack fleet --ci github
  flespi-gitops init accounts --from-account --platform sandbox")]
pub(super) struct Args {
    /// Folder for the manifests, by default `accounts`; pipelines expect them there.
    #[arg(value_name = "DIR")]
    folder: Option<PathBuf>,

    /// Pipeline to write; by default, guessed from the repository.
    #[arg(long, value_enum)]
    ci: Option<Ci>,

    /// Write what the account of the token has as manifests, instead of a first limit and subaccount.
    #[arg(long)]
    from_account: bool,
}

pub(super) async fn run(args: &Args, common: &Common, output: &Output) -> Exit {
    let given = Given { folder: args.folder.clone(), ci: args.ci, is_named: args.from_account };
    let answers = match answers::of(given, common, output).await {
        Ok(answers) => answers,
        Err(exit) => return exit,
    };
    let folder = &answers.folder;
    let manifests = manifests(&answers, folder);
    if !args.from_account
        && let Err(exit) = refuse_others(&manifests, folder, output)
    {
        return exit;
    }
    let mut done = InitDocument::default();
    if args.from_account {
        let exit = export::into(folder, &schema_from(folder), common, output).await;
        if exit != Exit::Done {
            return exit;
        }
    }
    let of_folder = manifests.iter().map(|file| (folder.join(&file.path), &*file.text));
    let of_folder = of_folder.filter(|_| !args.from_account);
    let of_root = GIT.into_iter().chain(answers.ci.file());
    let of_root = of_root.map(|(path, text)| (PathBuf::from(path), text));
    let schema = json(&schemas::any_manifest());
    let files = of_folder.chain([(PathBuf::from(SCHEMA), &*schema)]).chain(of_root);
    for (path, text) in files {
        if let Err(exit) = write(&path, text, &mut done, output) {
            return exit;
        }
    }
    let shown = folder.display();
    done.next = vec![
        format!("flespi-gitops plan {shown} --platform sandbox"),
        format!("flespi-gitops apply {shown} --platform sandbox"),
    ];
    if args.from_account {
        done.next = vec![format!("flespi-gitops plan {shown}")];
    }
    output.result(&match common.format {
        Format::Json => json(&done),
        _ => init_text(&done),
    });
    Exit::Done
}

/// The manifests with what was asked for in them.
fn manifests(answers: &Answers, folder: &Path) -> Vec<File> {
    let filled =
        |text: &str| text.replace("SCHEMA", &schema_from(folder)).replace("STACK", &answers.stack);
    let files = MANIFESTS.iter();
    files.map(|(name, text)| File { path: (*name).to_owned(), text: filled(text) }).collect()
}

/// The way from the folder to the schema, as the editor's line has it.
fn schema_from(folder: &Path) -> String {
    let steps = folder.components().filter(|step| matches!(step, std::path::Component::Normal(_)));
    format!("{}{SCHEMA}", "../".repeat(steps.count()))
}

/// A folder that has manifests already would be one set with ours.
fn refuse_others(manifests: &[File], folder: &Path, output: &Output) -> Result<(), Exit> {
    export::wanted(manifests, folder, Existing::Keep, output)?;
    let ours: Vec<PathBuf> = manifests.iter().map(|file| folder.join(&file.path)).collect();
    let others: Vec<String> = discover::manifests_in(folder)
        .into_iter()
        .filter(|path| !ours.contains(path))
        .map(|path| printable_line(&path.display().to_string()))
        .collect();
    if others.is_empty() {
        return Ok(());
    }
    output.error(&format!(
        "`{}` already contains manifests, so nothing was written:\n  {}\n  help: choose another folder",
        printable_line(&folder.display().to_string()),
        others.join("\n  ")
    ));
    Err(Exit::Refused)
}

/// Writes a file that is not there.
fn write(path: &Path, text: &str, done: &mut InitDocument, output: &Output) -> Result<(), Exit> {
    let failed = |error: &std::io::Error| {
        not_written(path, error, output);
        Exit::Failed
    };
    let shown = path.display().to_string();
    // A link that leads nowhere is somebody's as well.
    if path.symlink_metadata().is_ok() {
        let known = there::text(path);
        let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
        let lacks = lines.filter(|line| !known.lines().any(|known| known.trim() == *line));
        let lacks = match GIT.iter().any(|(name, _)| Path::new(name) == path) {
            true => lacks.map(str::to_owned).collect(),
            false => Vec::new(),
        };
        done.kept.push(Kept { path: shown, lacks });
        return Ok(());
    }
    files::write_below(path, text.as_bytes(), Access::Shared).map_err(|error| failed(&error))?;
    done.written.push(shown);
    Ok(())
}
