//! `flespi-gitops validate`.

use super::candidates;
use super::exit::Exit;
use super::loading::{self, findings_markdown_of};
use super::manifests::Manifests;
use super::output::Output;
use super::pulled;
use super::settings::{Common, Format};
use crate::diagnostic::suggest::nearest;
use crate::diagnostic::{Code, counted, render};
use crate::manifest;
use crate::resource::Declared;
use crate::rights::AccessType;
use clap_complete::ArgValueCompleter;

/// Check manifests without any platform: syntax, schema, references and rules.
///
/// Reports all problems in one run, each with file, line and column.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  flespi-gitops validate
  flespi-gitops validate accounts/ shared.yaml
  flespi-gitops validate --show-expanded --overlay prod accounts/
  flespi-gitops validate --format sarif accounts/ > findings.sarif
  flespi-gitops validate --git https://git.example.com/fleet.git --ref main --path accounts
  flespi-gitops validate --explain token-without-end
  cat limit.yaml | flespi-gitops validate -")]
pub(super) struct Args {
    #[command(flatten)]
    manifests: Manifests,

    /// Print the manifests that templates, overlays, defaults and presets expand to, each with its
    /// origin.
    #[arg(long)]
    show_expanded: bool,

    /// Print what a code means, why it matters and what to write instead; checks no manifests.
    #[arg(long, value_name = "CODE", value_parser = code, add = ArgValueCompleter::new(candidates::codes))]
    explain: Option<Code>,
}

/// Reads the name of a code.
fn code(text: &str) -> Result<Code, String> {
    text.parse().map_err(|_| match nearest(text, Code::all().map(Code::as_str)) {
        Some(known) => format!("unknown code; did you mean `{known}`?"),
        None => "unknown code; each finding shows its own, such as `unknown-field`".into(),
    })
}

pub(super) async fn run(args: &Args, common: &Common, output: &Output) -> Exit {
    if let Some(code) = args.explain {
        output.result(&code.page());
        return Exit::Done;
    }
    let checkout = match pulled::checkout(&args.manifests.git, common, output).await {
        Ok(checkout) => checkout,
        Err(exit) => return exit,
    };
    let paths = match &checkout {
        Some(checkout) => vec![checkout.folder()],
        None => args.manifests.paths(),
    };
    let profile = match loading::profile(common, output) {
        Ok(profile) => profile,
        Err(exit) => return exit,
    };
    let options = manifest::Options {
        profile: profile.as_ref(),
        expanded: args.show_expanded,
        asks_platform: false,
        tree: checkout.as_ref().map(pulled::tree),
        ..loading::options(common)
    };
    let mut load = manifest::load_with(&paths, &options);
    load.desired.exclude(args.manifests.exclude().iter().cloned());
    let diagnostics = load.diagnostics.as_slice();
    let exit = if load.diagnostics.has_errors() { Exit::Invalid } else { Exit::Done };
    let color = output.diagnostics_color();
    // What comes out of manifests that are wrong would be wrong too.
    if args.show_expanded && exit == Exit::Done {
        output.findings(&load, color);
        output.result(&load.expanded);
        return exit;
    }
    match common.format {
        Format::Json => output.result(&(render::json(&load.sources, diagnostics) + "\n")),
        Format::Markdown => output.result(&findings_markdown_of(&load, common)),
        Format::Sarif => output.result(&render::sarif(&load.sources, diagnostics)),
        Format::Short => output.result(&render::short(&load.sources, diagnostics)),
        Format::Text if diagnostics.is_empty() => output.result(&format!(
            "{} {} valid (stack {})\n",
            counted(load.manifests as u64, "manifest"),
            if load.manifests == 1 { "is" } else { "are" },
            load.desired.stack
        )),
        Format::Text => output.result(&render::human(&load.sources, diagnostics, color)),
    }
    list_masters(&load, output);
    exit
}

/// Lists the master tokens on every run, since each has full access.
fn list_masters(load: &manifest::Load, output: &Output) {
    let is_master = |declared: &&Declared| {
        let access = || declared.fields.get("access").and_then(|access| AccessType::of(&access));
        declared.address.kind.is_key() && access() == Some(AccessType::Master)
    };
    let masters = load.desired.all().filter(is_master);
    let masters: Vec<String> = masters.map(|declared| declared.address.to_string()).collect();
    if !masters.is_empty() {
        let title = if masters.len() == 1 { "master token" } else { "master tokens" };
        output.say(&format!("{title}: {}", masters.join(", ")));
    }
}
