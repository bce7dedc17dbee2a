//! `flespi-gitops validate`.

use std::path::PathBuf;

use super::exit::Exit;
use super::output::Output;
use super::session::{findings_markdown_of, unix_now};
use super::settings::{Common, Format};
use crate::diagnostic::render;
use crate::manifest;

/// Check manifests without any platform: syntax, schema, references and rules.
///
/// Everything that is wrong is told at once, each with file, line and column.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  flespi-gitops validate
  flespi-gitops validate accounts/ shared.yaml
  cat limit.yaml | flespi-gitops validate -")]
pub(super) struct Args {
    /// Files and folders of manifests; `-` is the standard input.
    #[arg(value_name = "PATH", default_value = ".")]
    paths: Vec<PathBuf>,
}

pub(super) fn run(args: &Args, common: &Common, output: &Output) -> Exit {
    let load = manifest::load(&args.paths, unix_now());
    let diagnostics = load.diagnostics.as_slice();
    match common.format {
        Format::Json => output.result(&(render::json(&load.sources, diagnostics) + "\n")),
        Format::Markdown => output.result(&findings_markdown_of(&load, common)),
        Format::Text if diagnostics.is_empty() => output.result(&format!(
            "{} manifests are valid (stack {})\n",
            load.manifests, load.desired.stack
        )),
        Format::Text => {
            output.result(&render::human(&load.sources, diagnostics, output.diagnostics_color()));
        }
    }
    if load.diagnostics.has_errors() { Exit::Invalid } else { Exit::Done }
}
