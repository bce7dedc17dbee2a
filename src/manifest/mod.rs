//! Text to [`Desired`]: find files, read YAML, check each document against the schema of its kind,
//! decode it, and check the documents against each other.
//!
//! [`load`] is total: everything that is wrong comes out in one go, and what is right is still
//! usable to find what else is wrong. Only a load without errors may be planned.

mod arithmetic;
mod check;
mod declare;
pub(crate) mod discover;
mod expect;
pub mod model;
mod parse;
mod policy;
mod repair;
pub mod schema;
#[cfg(test)]
mod tests;
mod traps;
mod view;
mod violation;

use std::path::{Path, PathBuf};

use crate::diagnostic::Diagnostics;
use crate::resource::Desired;
use crate::source::{Limits, Origin, SourceMap, decode, yaml};
use discover::Found;

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
    /// How many manifests were read.
    pub manifests: usize,
}

/// Reads and checks all manifests under `paths`. `now` is in unix seconds.
#[must_use]
pub fn load(paths: &[PathBuf], now: i64) -> Load {
    let limits = Limits::DEFAULT;
    let mut load = Load::default();
    let found = discover::discover(paths, &limits, &mut load.sources, &mut load.diagnostics);
    assemble(load, found, paths, now)
}

/// Reads and checks manifests that stand in no file yet: names and texts.
#[must_use]
pub fn load_texts(texts: impl IntoIterator<Item = (String, String)>, now: i64) -> Load {
    let mut load = Load::default();
    let mut found = Vec::new();
    for (name, text) in texts {
        let folder = Path::new(&name).parent().unwrap_or(Path::new("")).to_owned();
        match decode::admit(&mut load.sources, &name, text.into_bytes(), &Limits::DEFAULT) {
            Ok(source) => found.push(Found { source, folder }),
            Err(diagnostic) => load.diagnostics.push(*diagnostic),
        }
    }
    assemble(load, found, &[], now)
}

/// Everything behind the finding of files.
fn assemble(mut load: Load, found: Vec<Found>, paths: &[PathBuf], now: i64) -> Load {
    let limits = Limits::DEFAULT;
    let mut documents = Vec::new();
    for file in found {
        let (values, problems) = yaml::load(file.source, load.sources.text(file.source), &limits);
        problems.into_iter().for_each(|problem| load.diagnostics.push(problem));
        for value in values {
            documents.push(parse::document(value, file.folder.clone(), &mut load.diagnostics));
        }
    }
    load.manifests = documents.len();
    // A file of nothing but comments declares as little as an empty folder.
    if documents.is_empty() && !load.diagnostics.has_errors() {
        load.diagnostics.push(discover::nothing_found(paths));
    }
    let stack = check::single_stack(&documents, &mut load.diagnostics);
    load.stack_origin = stack.map(|(document, _)| load.sources.origin(document.value.span));
    let (name, spec) = match stack {
        Some((_, manifest)) => (manifest.metadata.name.clone(), manifest.spec.clone()),
        None => (DEFAULT_STACK.to_owned(), model::StackSpec::default()),
    };
    load.desired.stack = name;
    load.desired.guards = spec.guards.to_resource();
    let register = check::Register::new(&documents, &load.sources, &mut load.diagnostics);
    check::documents(&documents, &register, now, &mut load.diagnostics);
    for document in &documents {
        if let Some(declared) = declare::declare(document, &spec, &register, &load.sources) {
            load.desired.objects.entry(declared.address.clone()).or_insert(declared);
        }
    }
    check::sinks(&load.desired, &documents, &mut load.diagnostics);
    // A form that is no pattern was told by the schema.
    load.desired.exclude(spec.exclude.iter().filter_map(|pattern| pattern.0.parse().ok()));
    let view = view::View::new(&load.desired, stack, &documents);
    expect::check(&view, &mut load.diagnostics);
    arithmetic::check(&view, &mut load.diagnostics);
    policy::check(&view, &mut load.diagnostics);
    load.diagnostics.dedup();
    load.diagnostics.sort(&load.sources);
    load
}
