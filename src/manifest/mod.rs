//! Text to [`Desired`]: find files, read YAML, check each document against the schema of its kind,
//! decode it, and check the documents against each other.
//!
//! [`load`] is total: everything that is wrong comes out in one go, and what is right is still
//! usable to find what else is wrong. Only a load without errors may be planned.

mod acl;
mod arithmetic;
mod check;
pub(crate) mod checkout;
mod compose;
mod declare;
pub(crate) mod discover;
mod document;
mod emails;
mod expect;
mod foreign;
mod kinds;
mod lifetime;
mod mask;
mod misplaced;
pub mod model;
mod moves;
mod number;
mod open;
mod parallel;
mod parse;
mod partial;
mod place;
mod placeholder;
mod policy;
pub mod preset;
mod profiled;
mod register;
mod renames;
mod repair;
pub mod schema;
pub(crate) mod scope;
mod scribe;
mod select;
mod shape;
mod show;
mod sinks;
#[cfg(test)]
mod tests;
mod traps;
mod typed;
mod view;
mod violation;
pub(crate) mod walk;
mod windows;
mod wording;

use std::path::{Path, PathBuf};

use crate::diagnostic::{Code, Deny, Diagnostic, Diagnostics, name_strange_characters};
use crate::profile::Profile;
use crate::reading::{decode, yaml};
use crate::resource::Desired;
use crate::secret::Stores;
use crate::source::{Limits, Origin, SourceMap};
use declare::declare;
use discover::Found;
use scope::Scope;

/// The stack of a load that has no Stack manifest.
pub const DEFAULT_STACK: &str = "default";

/// What came out of a set of paths.
#[derive(Debug, Default)]
pub struct Load {
    /// The texts, for showing diagnostics.
    pub sources: SourceMap,
    /// Everything that is wrong.
    pub diagnostics: Diagnostics,
    /// Everything that is asked for; complete only if there are no errors.
    pub desired: Desired,
    /// Where the Stack manifest stands, if there is one.
    pub stack_origin: Option<Origin>,
    /// How many manifests there are, those that templates made included.
    pub manifests: usize,
    /// The manifests as they come out of templates, overlays, defaults and presets, as YAML.
    pub expanded: String,
}

/// How a load is made.
#[derive(Debug, Clone, Copy, Default)]
pub struct Options<'a> {
    /// The time at which it is checked what has passed, in unix seconds.
    pub now: i64,
    /// The overlay of the Stack that is laid on.
    pub overlay: Option<&'a str>,
    /// Whether [`Load::expanded`] is wanted.
    pub expanded: bool,
    /// The stores of secrets that manifests may name; none: whatever they name is another run's business.
    pub stores: Option<&'a Stores>,
    /// What the platform was found to do; none: what the Stack names.
    pub profile: Option<&'a Profile>,
    /// Whether links and tables may lead out of the given folders.
    pub allow_outside: bool,
    /// Warnings that count as errors.
    pub deny: &'a [Deny],
    /// Whether the platform is asked afterwards. If it is not, what only the platform knows is noted.
    pub asks_platform: bool,
    /// The tree of a commit that the paths lie in, if they are not files of a person.
    pub tree: Option<Tree<'a>>,
}

/// The tree of a commit, written out into a folder.
#[derive(Debug, Clone, Copy)]
pub struct Tree<'a> {
    /// The folder that stands for the root of the repository: paths are shown as they are in it.
    pub root: &'a Path,
    /// Where relative paths of secrets begin in place of the root, which is gone when the load is over.
    pub files: &'a Path,
}

/// Reads and checks all manifests under `paths`, without any overlay. `now` is in unix seconds.
#[must_use]
pub fn load(paths: &[PathBuf], now: i64) -> Load {
    load_with(paths, &Options { now, ..Options::default() })
}

/// Reads and checks all manifests under `paths`.
#[must_use]
pub fn load_with(paths: &[PathBuf], options: &Options<'_>) -> Load {
    let mut load = Load::default();
    let limits = Limits::DEFAULT;
    let scope = match options.tree {
        // A link out of a repository leads to what its authors do not know.
        Some(Tree { root, files }) => Scope::new(paths, false).of_tree(root, files),
        None => Scope::new(paths, options.allow_outside),
    };
    let Load { sources, diagnostics, .. } = &mut load;
    let found = discover::discover(paths, &scope, &limits, sources, diagnostics);
    finish(load, found, paths, &scope, options)
}

/// Reads and checks manifests that stand in no file yet: names and texts.
#[must_use]
pub fn load_texts(texts: impl IntoIterator<Item = (String, String)>, now: i64) -> Load {
    let bytes = texts.into_iter().map(|(name, text)| (name, text.into_bytes()));
    load_bytes(bytes, &Options { now, ..Options::default() })
}

/// Reads and checks files that are not on a disk: names and contents.
#[must_use]
pub fn load_bytes(
    files: impl IntoIterator<Item = (String, Vec<u8>)>,
    options: &Options<'_>,
) -> Load {
    let mut load = Load::default();
    let mut found = Vec::new();
    for (name, bytes) in files {
        let identity = PathBuf::from(&name);
        let folder = identity.parent().unwrap_or(Path::new("")).to_owned();
        match decode::admit(&mut load.sources, &name, bytes, &Limits::DEFAULT) {
            Ok(source) => found.push(Found { source, folder, identity }),
            Err(diagnostic) => load.diagnostics.push(*diagnostic),
        }
    }
    finish(load, found, &[], &Scope::new(&[], false), options)
}

/// Everything behind the finding of files.
fn finish(
    mut load: Load,
    found: Vec<Found>,
    paths: &[PathBuf],
    scope: &Scope,
    options: &Options<'_>,
) -> Load {
    let limits = Limits::DEFAULT;
    let Load { sources, diagnostics, .. } = &mut load;
    let files = parallel::in_parts(found, |found| {
        let read = |Found { source, folder, identity }| {
            let (documents, problems) = yaml::load(source, sources.text(source), &limits);
            let folder = folder.into();
            compose::file::File { source, identity, folder, documents, problems }
        };
        found.into_iter().map(read).collect::<Vec<_>>()
    });
    let files = files.into_iter().flatten().collect();
    let mut documents =
        compose::compose(files, options.overlay, scope, &limits, sources, diagnostics);
    for document in &mut documents {
        if let Some(base) = scope.base_of(&document.folder) {
            document.folder = base.into();
        }
    }
    load.manifests = documents.len();
    // A file of nothing but comments declares as little as an empty folder.
    if documents.is_empty() && !load.diagnostics.has_errors() {
        load.diagnostics.push(discover::nothing_found(paths, scope));
    }
    let stack = check::single_stack(&documents, &mut load.diagnostics);
    load.stack_origin = stack.map(|(document, _)| load.sources.origin(document.value.span));
    let (name, spec) = match stack {
        Some((_, manifest)) => (manifest.metadata.name.clone(), manifest.spec.clone()),
        None => (DEFAULT_STACK.to_owned(), model::StackSpec::default()),
    };
    load.desired.stack = name;
    load.desired.guards = spec.guards.to_resource();
    load.desired.windows = spec.windows.iter().map(model::Window::to_resource).collect();
    let register = check::register(&documents, &load.sources, &mut load.diagnostics);
    check::documents(&documents, &register, options.now, &load.sources, &mut load.diagnostics);
    renames::check(&documents, &load.sources, &mut load.diagnostics);
    let found_out = match (options.profile, check::first_stack(&documents)) {
        (Some(profile), _) => Some(profile.clone()),
        (None, Some((document, stack))) => {
            profiled::named(document, stack, scope, &load.sources, &mut load.diagnostics)
        }
        (None, None) => None,
    };
    for document in &mut documents {
        let Some(mut declared) = declare(document, &spec, &register, &load.sources) else {
            continue;
        };
        if let Some(profile) = &found_out {
            profiled::adapt(&mut declared, profile);
        }
        if !options.expanded && !sinks::are_in(&declared) {
            document.let_go();
        }
        load.desired.objects.entry(declared.address.clone()).or_insert_with(|| Box::new(declared));
    }
    let stack = check::first_stack(&documents);
    sinks::check(&load.desired, &documents, options.stores, &load.sources, &mut load.diagnostics);
    if let Some(stores) = options.stores {
        load.desired.name_stores(stores);
    }
    // A form that is no pattern was told by the schema.
    if let Some((document, _)) = stack {
        moves::declare(document, &spec, &load.sources, &mut load.desired);
    }
    load.desired.exclude(spec.exclude.iter().filter_map(|pattern| pattern.0.parse().ok()));
    let known = found_out.as_ref();
    let view = view::View::new(&load.desired, stack, known, &documents, &load.sources);
    moves::check(&view, &mut load.diagnostics);
    windows::check(&view, &mut load.diagnostics);
    emails::check(&view, &mut load.diagnostics);
    if let Some(profile) = &found_out {
        profiled::check(&view, profile, &mut load.diagnostics);
    }
    expect::check(&view, options.asks_platform, &mut load.diagnostics);
    if !options.asks_platform {
        open::note_selections(&view, &mut load.diagnostics);
    }
    arithmetic::check(&view, &mut load.diagnostics);
    policy::check(&view, &mut load.diagnostics);
    if options.expanded {
        load.expanded = show::expanded(&documents, &load.sources);
    }
    load.desired.left_out = left_out(&load.diagnostics);
    name_strange_characters(&load.sources, &mut load.diagnostics);
    load.diagnostics.deny(options.deny);
    load.diagnostics.close();
    load.diagnostics.dedup();
    load.diagnostics.sort(&load.sources);
    load
}

/// What may declare something and was not read, in words: to a run that prunes, it would look deleted.
fn left_out(diagnostics: &Diagnostics) -> Vec<String> {
    let leaves_out = |finding: &&Diagnostic| {
        matches!(
            finding.code,
            Code::UnreadManifest | Code::EmptyManifest | Code::UnfinishedCheckout
        )
    };
    let words = |finding: &Diagnostic| match &finding.file {
        Some(file) => format!("{file}: {}", finding.message),
        None => finding.message.clone(),
    };
    let mut left_out: Vec<String> = diagnostics.iter().filter(leaves_out).map(words).collect();
    left_out.sort();
    left_out.dedup();
    left_out
}
