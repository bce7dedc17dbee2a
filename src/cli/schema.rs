//! `flespi-gitops schema`.

use std::path::PathBuf;

use super::exit::Exit;
use super::output::Output;
use super::plan::json;
use crate::schemas;

/// Write the JSON Schemas of manifests, plans and reports.
///
/// Without --out, the schema of any manifest goes to the standard output.
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
    let write = || {
        std::fs::create_dir_all(folder)?;
        for (name, document) in schemas::all() {
            std::fs::write(folder.join(name), json(&document))?;
        }
        Ok::<(), std::io::Error>(())
    };
    match write() {
        Ok(()) => Exit::Done,
        Err(error) => {
            output.error(&format!("{} could not be written: {error}", folder.display()));
            Exit::Failed
        }
    }
}
