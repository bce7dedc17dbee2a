//! How manifests are loaded for a run, and shown when they are wrong.

use std::path::PathBuf;

use super::exit::Exit;
use super::manifests::Manifests;
use super::output::Output;
use super::pulled;
use super::session::unix_now;
use super::settings::{Common, Format};
use super::stop::unless_stopped;
use crate::diagnostic::Code;
use crate::diagnostic::render::{self, Color};
use crate::git::Checkout;
use crate::manifest::{self, Load};
use crate::profile::Profile;
use crate::report::findings_markdown;
use crate::resource::{AddressPattern, is_valid_name};
use crate::secret::Stores;

/// Manifests without errors, and where they are from.
#[derive(Debug)]
pub(super) struct Loaded {
    pub(super) load: Load,
    /// The files and folders beside which secrets lie.
    pub(super) beside: Vec<PathBuf>,
}

/// Reads the manifests, from files or from a repository; wrong ones are shown and end the run.
pub(super) async fn load_wherever(
    manifests: &Manifests,
    common: &Common,
    output: &Output,
) -> Result<Loaded, Exit> {
    let exclude = manifests.exclude();
    let Some(checkout) = pulled::checkout(&manifests.git, common, output).await? else {
        let beside = manifests.paths();
        let load = load(&beside, exclude, common, output).await?;
        return Ok(Loaded { load, beside });
    };
    let (commit, beside) = (checkout.commit.clone(), vec![checkout.files().to_owned()]);
    let paths = vec![checkout.folder()];
    let mut load = load_from(Some(checkout), &paths, exclude, common, output).await?;
    load.desired.commit = Some(commit);
    Ok(Loaded { load, beside })
}

/// Reads the manifests; wrong ones are shown and end the run.
pub(super) async fn load(
    paths: &[PathBuf],
    exclude: &[AddressPattern],
    common: &Common,
    output: &Output,
) -> Result<Load, Exit> {
    load_from(None, paths, exclude, common, output).await
}

async fn load_from(
    checkout: Option<Checkout>,
    paths: &[PathBuf],
    exclude: &[AddressPattern],
    common: &Common,
    output: &Output,
) -> Result<Load, Exit> {
    let stores = stores(common, output)?;
    let profile = profile(common, output)?;
    let (paths, wishes) = (paths.to_owned(), common.clone());
    let reading = move || {
        let tree = checkout.as_ref().map(pulled::tree);
        let (stores, profile) = (stores.as_ref(), profile.as_ref());
        let options = manifest::Options { stores, profile, tree, ..options(&wishes) };
        manifest::load_with(&paths, &options)
    };
    let Some(mut load) = unless_stopped(reading).await else {
        output.error("stopped while reading the manifests; nothing was done");
        return Err(Exit::Failed);
    };
    leave_time_to_the_platform(&mut load);
    if !load.diagnostics.is_empty() {
        show_diagnostics(&load, common, output);
    }
    if load.diagnostics.has_errors() {
        return Err(Exit::Invalid);
    }
    load.desired.stack = stack_of(&load, common, output)?;
    load.desired.exclude(exclude.iter().cloned());
    Ok(load)
}

/// What has expired is decided by the platform's clock: one token whose `expire` has passed is no reason to do nothing
/// about all the rest.
pub(super) fn leave_time_to_the_platform(load: &mut Load) {
    load.diagnostics.soften(Code::TokenExpired);
}

/// How manifests are loaded for a run.
pub(super) fn options(common: &Common) -> manifest::Options<'_> {
    manifest::Options {
        now: unix_now(),
        overlay: common.overlay.as_deref(),
        expanded: false,
        stores: None,
        profile: None,
        allow_outside: common.allow_outside,
        deny: &common.deny,
        asks_platform: true,
        tree: None,
    }
}

/// What the platform was found to do, if the operator says so.
pub(super) fn profile(common: &Common, output: &Output) -> Result<Option<Profile>, Exit> {
    let Some(file) = &common.profile else { return Ok(None) };
    Profile::read(file).map(Some).map_err(|error| {
        output.failure(&error, Some("`flespi-gitops probe` writes one"));
        Exit::Usage
    })
}

/// The stores that the operator describes.
pub(super) fn stores(common: &Common, output: &Output) -> Result<Option<Stores>, Exit> {
    let Some(file) = &common.stores else { return Ok(None) };
    Stores::read(file).map(Some).map_err(|error| {
        output.failure(&error, None);
        Exit::Usage
    })
}

/// What is wrong goes to the standard error, since the result of the command is something else.
pub(super) fn show_diagnostics(load: &Load, common: &Common, output: &Output) {
    let diagnostics = load.diagnostics.as_slice();
    match common.format {
        Format::Text | Format::Short | Format::Sarif => {
            output.findings(load, output.diagnostics_color());
        }
        // Whoever asked for a comment needs one that says why there is no plan; warnings leave the
        // comment to the plan.
        Format::Markdown if load.diagnostics.has_errors() => {
            output.result(&findings_markdown_of(load, common));
        }
        Format::Markdown => output.findings(load, Color::Off),
        // With errors they are the result; with warnings alone that is still to come, and two
        // documents are none that a machine reads.
        Format::Json if load.diagnostics.has_errors() => {
            output.result(&(render::json(&load.sources, diagnostics) + "\n"));
        }
        Format::Json if output.is_log() => output.findings(load, Color::Off),
        Format::Json => output.say(&render::json(&load.sources, diagnostics)),
    }
}

/// All findings as a comment.
pub(super) fn findings_markdown_of(load: &Load, common: &Common) -> String {
    let text = render::human(&load.sources, load.diagnostics.as_slice(), Color::Off);
    let stack = common.stack.as_ref().unwrap_or(&load.desired.stack);
    findings_markdown(&text, stack, common.markdown_limit)
}

/// The stack that a load is for. The name on the command line must not contradict a Stack manifest: objects marked with
/// another name would be out of reach from one run to the next.
pub(super) fn stack_of(load: &Load, common: &Common, output: &Output) -> Result<String, Exit> {
    let Some(name) = &common.stack else { return Ok(load.desired.stack.clone()) };
    if !is_valid_name(name) {
        output.error(&format!("`{name}` is not a stack name: use a-z, 0-9, `.`, `_` and `-`"));
        return Err(Exit::Usage);
    }
    if let Some(origin) = &load.stack_origin
        && load.desired.stack != *name
    {
        output.error(&format!(
            "--stack is `{name}`, but the Stack manifest at {origin} is named `{}`",
            load.desired.stack
        ));
        return Err(Exit::Usage);
    }
    Ok(name.clone())
}
