//! From documents as they are written to documents as they are meant: templates expanded, the overlay of the environment
//! laid on, defaults filled in.
//!
//! All of it works on trees whose every value knows where it stands. So what comes out is checked like any other manifest,
//! and whatever is wrong with it is told where somebody can repair it: in the template and in the row, in the overlay, in
//! the defaults. The order is fixed: an overlay may change what a template made, and defaults give way to both.

mod csv;
pub(super) mod file;
pub(super) mod instance;
mod interpolate;
mod merge;
mod overlay;
mod parameter;
mod row;
mod table;
mod template;

use std::path::Path;
use std::sync::Arc;

use super::document::{AnyManifest, Document, Draft};
use super::foreign;
use super::model::Rows;
use super::parallel;
use super::parse::{self, address_of};
use super::scope::Scope;
use crate::diagnostic::Diagnostics;
use crate::source::{Limits, SourceMap, Spanned, Target, Value, pointer};

use file::File;
use template::{Budget, Template};

/// Every document of the load, checked and decoded.
pub(super) fn compose(
    mut files: Vec<File>,
    overlay: Option<&str>,
    scope: &Scope,
    limits: &Limits,
    sources: &mut SourceMap,
    diagnostics: &mut Diagnostics,
) -> Vec<Document> {
    let mut settled = Vec::new();
    let templates = take(&mut files, "Template");
    let (templates, made) = expand(templates, &mut files, scope, limits, sources, diagnostics);
    settled.extend(templates);
    // Tables are no documents of others, and are gone from the files by now.
    foreign::leave_out(&mut files, sources, diagnostics);
    for (value, folder) in take(&mut files, "Stack") {
        settled.push(parse::document(Draft::written(value, folder), sources, diagnostics));
    }
    let stack = settled
        .iter()
        .find(|document| matches!(document.manifest, Some(AnyManifest::Stack(_))))
        .map(|document| &document.value);

    let written = files.into_iter().flat_map(|file| {
        let folder = file.folder;
        file.documents.into_iter().map(move |value| Draft::written(value, Arc::clone(&folder)))
    });
    let mut drafts: Vec<Draft> = written.chain(made).collect();
    let chosen = overlay.and_then(|name| overlay::choose(stack, name, diagnostics));
    if let Some(chosen) = chosen {
        let mut targets: Vec<_> =
            drafts.iter_mut().map(|draft| (address_of(&draft.value), &mut draft.value)).collect();
        overlay::patch(chosen, &mut targets, diagnostics);
        drafts.iter_mut().for_each(|draft| draft.is_as_written = false);
    }
    let ours = [
        chosen.and_then(|overlay| overlay.get("defaults")),
        stack.and_then(|stack| pointer::find(stack, "/spec/defaults")),
    ];
    // A default is copied into every object, so a long one is not what it seems.
    let longest = ours.into_iter().flatten().map(template::size).sum::<usize>();
    if longest.saturating_mul(drafts.len()) > limits.file_nodes.saturating_mul(10) {
        let place = ours.into_iter().flatten().next();
        diagnostics.extend(place.map(|defaults| template::overdrawn(defaults.span)));
    } else {
        for draft in &mut drafts {
            fill_up(draft, ours.into_iter().flatten());
        }
    }
    let mut documents: Vec<Document> = Vec::with_capacity(drafts.len() + settled.len());
    let sources = &*sources;
    let parts = parallel::in_parts(drafts, |drafts| {
        let mut found = Diagnostics::new();
        let documents = drafts.into_iter().map(|it| parse::document(it, sources, &mut found));
        (documents.collect::<Vec<_>>(), found)
    });
    for (mut part, found) in parts {
        documents.append(&mut part);
        diagnostics.absorb(found);
    }
    documents.append(&mut settled);
    documents
}

/// Takes the documents of a kind out of the files.
fn take(files: &mut [File], kind: &str) -> Vec<(Spanned, Arc<Path>)> {
    let mut taken = Vec::new();
    for file in files {
        let is_it = |value: &Spanned| value.get("kind").and_then(Spanned::as_str) == Some(kind);
        if !file.documents.iter().any(is_it) {
            continue;
        }
        let (these, others) = std::mem::take(&mut file.documents).into_iter().partition(is_it);
        file.documents = others;
        let these: Vec<Spanned> = these;
        taken.extend(these.into_iter().map(|value| (value, Arc::clone(&file.folder))));
    }
    taken
}

/// The templates themselves, and what they make.
fn expand(
    templates: Vec<(Spanned, Arc<Path>)>,
    files: &mut [File],
    scope: &Scope,
    limits: &Limits,
    sources: &mut SourceMap,
    diagnostics: &mut Diagnostics,
) -> (Vec<Document>, Vec<Draft>) {
    let mut tables = table::Tables::new(scope, limits);
    let mut budget = Budget::new(limits);
    let mut documents = Vec::new();
    let mut made = Vec::new();
    for (value, folder) in templates {
        let document = parse::document(Draft::written(value, folder), sources, diagnostics);
        if let Some(AnyManifest::Template(manifest)) = &document.manifest {
            let place = document.span("/spec/for_each/file", Target::Value);
            let rows = match &manifest.spec.for_each {
                Rows::File(file) => {
                    let named =
                        table::Named { folder: &document.folder, file: &file.file, at: place };
                    tables.get(&named, files, sources, diagnostics)
                }
                Rows::List(_) => pointer::find(&document.value, "/spec/for_each")
                    .map(|list| table::inline(list).into()),
            };
            let template = Template { value: &document.value, manifest, sources };
            let is_sound = template.check(diagnostics);
            if let (true, Some(rows)) = (is_sound, rows) {
                let objects = template.expand(&rows, &mut budget, diagnostics);
                made.extend(objects.into_iter().map(|(value, instance)| Draft {
                    value,
                    folder: Arc::clone(&document.folder),
                    instance: Some(Box::new(instance)),
                    is_as_written: false,
                }));
            }
        }
        documents.push(document);
    }
    (documents, made)
}

/// Gives a document the defaults of its kind.
fn fill_up<'a>(draft: &mut Draft, defaults: impl Iterator<Item = &'a Spanned>) {
    let document = &mut draft.value;
    let Some(kind) = document.get("kind").and_then(Spanned::as_str).map(str::to_owned) else {
        return;
    };
    let place = document.span.head();
    for defaults in defaults.filter_map(|defaults| defaults.get(&kind)) {
        if !matches!(defaults.value, Value::Mapping(_)) {
            continue;
        }
        if let Some(spec) = merge::spec_of(document, place) {
            merge::fill(spec, defaults);
            draft.is_as_written = false;
        }
    }
}
