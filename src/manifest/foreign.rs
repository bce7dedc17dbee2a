//! Documents of other tools, which lie beside manifests and are none of our business.
//!
//! A mistake in a manifest must not pass for a document of somebody else, or what it declared would look deleted. So a
//! document is foreign only if it says what it is (another `apiVersion`, another `kind`) or has nothing of a manifest at
//! all; a slip of the pen stays an error.

use std::collections::BTreeMap;

use super::compose::file::File;
use super::kinds::KINDS;
use super::schema::API_VERSION;
use crate::diagnostic::suggest::nearest;
use crate::diagnostic::{Code, Diagnostic, Diagnostics};
use crate::source::{SourceMap, Spanned, Value};

/// As many files are named; the rest is counted.
const MOST_NAMES: usize = 10;

/// Takes what is foreign out of `files`, and tells what is wrong with the texts of all others.
pub(super) fn leave_out(files: &mut [File], sources: &SourceMap, diagnostics: &mut Diagnostics) {
    let mut foreign: BTreeMap<&str, usize> = BTreeMap::new();
    for file in files {
        let problems = std::mem::take(&mut file.problems);
        if problems.iter().any(loses_a_document) {
            diagnostics.extend(problems);
            continue;
        }
        let before = file.documents.len();
        file.documents.retain(|document| !is_foreign(document));
        let count = before - file.documents.len();
        if count > 0 {
            foreign.insert(sources.name(file.source), count);
        }
        // Other tools may write what we do not read.
        if count == 0 || !file.documents.is_empty() {
            diagnostics.extend(problems);
        }
    }
    if !foreign.is_empty() {
        diagnostics.push(note(&foreign));
    }
}

fn note(foreign: &BTreeMap<&str, usize>) -> Diagnostic {
    let total: usize = foreign.values().sum();
    let names: Vec<String> =
        foreign.keys().take(MOST_NAMES).map(|name| format!("`{name}`")).collect();
    let more = match foreign.len().saturating_sub(MOST_NAMES) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let (noun, verb) = if total == 1 { ("document", "is") } else { ("documents", "are") };
    let files = names.join(", ");
    let message = format!("{total} {noun} of other tools {verb} left alone: {files}{more}");
    Diagnostic::note(Code::ForeignDocument, message)
}

/// Whether a document is certainly none of ours.
fn is_foreign(document: &Spanned) -> bool {
    match &document.value {
        Value::Scalar(_) => false,
        Value::Sequence(items) => {
            let may_be = |item: &Spanned| item.as_scalar().is_some() || is_foreign(item);
            !items.is_empty() && items.iter().all(may_be)
        }
        Value::Mapping(entries) => {
            let kind = document.get("kind").and_then(Spanned::as_str);
            let is_kind_of_ours =
                kind.is_some_and(|kind| KINDS.iter().any(|ours| ours.eq_ignore_ascii_case(kind)));
            // A key that is misspelt leaves the version where it can be seen.
            let names_us = entries.iter().any(|entry| {
                entry.value.as_scalar().is_some_and(|scalar| is_near_ours(&scalar.text))
            });
            if entries.is_empty() || is_kind_of_ours || names_us {
                return false;
            }
            match (document.get("apiVersion"), kind) {
                // A file that is not written yet may end in the middle of ours, or before it.
                (Some(version), _) => version
                    .as_scalar()
                    .is_some_and(|version| !API_VERSION.starts_with(version.text.as_str())),
                (None, Some(kind)) => nearest(kind, KINDS).is_none(),
                (None, None) => {
                    document.get("kind").is_none() && document.get("metadata").is_none()
                }
            }
        }
    }
}

/// Whether a text is our API version, another one of ours, or a slip of the pen.
fn is_near_ours(text: &str) -> bool {
    let ours = API_VERSION.split('/').next().unwrap_or_default();
    text.to_ascii_lowercase().strip_prefix(ours).is_some_and(|rest| rest.starts_with('/'))
        || nearest(text, [API_VERSION]).is_some()
}

/// Whether what was found wrong with a text keeps a document from being known.
fn loses_a_document(problem: &Diagnostic) -> bool {
    !matches!(
        problem.code,
        Code::DuplicateKey
            | Code::YamlTag
            | Code::MergeKey
            | Code::NonStringKey
            | Code::NumberRange
            | Code::UnknownAlias
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reading::yaml;
    use crate::source::Limits;

    fn read(text: &str) -> Vec<Spanned> {
        let mut sources = SourceMap::new();
        let source = sources.add("a.yaml", text);
        yaml::load(source, text, &Limits::DEFAULT).0
    }

    #[test]
    fn documents_of_other_tools_are_foreign() {
        for text in [
            "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n",
            "apiVersion: v2\nname: chart\nversion: 1.0.0\n",
            "resources: [a.yaml]\n",
            "services:\n  db: {image: postgres}\n",
            "services:\n  fg: {image: flespi-gitops/flespi-gitops}\n",
            "site_name: flespi\n",
            "kind: Deployment\nmetadata: {name: a}\nspec: {}\n",
            "- hosts: all\n  tasks: []\n",
            "- a\n- b\n",
            "spec:\n  inputs: {}\n",
        ] {
            assert!(read(text).iter().all(is_foreign), "{text}");
        }
    }

    #[test]
    fn a_slip_of_the_pen_is_not_foreign() {
        for text in [
            "apiVersion: flespi-gitops/v2\nkind: Realm\n",
            "apiVersion: flespi-gitop/v1\nkind: Realm\n",
            "apiVersion: Flespi-GitOps/v1\n",
            "apiVersion: flesp",
            "apiVersion:\nkind: Thing\n",
            "apiversion: flespi-gitops/v1\nkind: Thing\n",
            "apiVersion: v1\nkind: limit\nmetadata: {name: a}\n",
            "kind: Tokne\nmetadata: {name: a}\n",
            "kind:\nspec: {}\n",
            "metadata: {name: a}\nspec: {devices_count: 1}\n",
            "{}",
            "[]",
            "apiV",
            "- apiVersion: flespi-gitops/v1\n  kind: Limit\n",
        ] {
            assert!(!read(text).iter().any(is_foreign), "{text}");
        }
    }
}
