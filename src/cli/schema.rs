//! `flespi-gitops schema`.

use std::path::PathBuf;

use super::exit::Exit;
use super::output::Output;
use super::plan::{json, not_written};
use crate::files::{self, Access};
use crate::schemas;

/// Write the JSON Schemas of manifests, plans and reports.
///
/// Without --out, the schema of any manifest is printed.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  flespi-gitops schema --out schemas
  flespi-gitops schema > manifest.schema.json")]
pub(super) struct Args {
    /// Folder to write all schemas to.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

pub(super) fn run(args: &Args, output: &Output) -> Exit {
    let Some(folder) = &args.out else {
        output.result(&json(&schemas::any_manifest()));
        return Exit::Done;
    };
    for (name, document) in schemas::all() {
        let path = folder.join(name);
        if let Err(error) = files::write_below(&path, json(&document).as_bytes(), Access::Shared) {
            not_written(&path, &error, output);
            return Exit::Failed;
        }
    }
    Exit::Done
}
