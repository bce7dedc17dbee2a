//! What `metadata.moved_from` can only get wrong beside other fields and other manifests.

use std::collections::BTreeMap;

use super::document::Document;
use crate::diagnostic::{Code, Diagnostic, Diagnostics};
use crate::resource::Address;
use crate::source::{SourceMap, Target};

const POINTER: &str = "/metadata/moved_from";

/// Checks from where the manifests say that their objects were renamed.
pub(super) fn check(documents: &[Document], sources: &SourceMap, diagnostics: &mut Diagnostics) {
    let mut by_origin: BTreeMap<Address, &Document> = BTreeMap::new();
    for document in documents {
        let (Some(address), Some(old)) = (&document.address, origin(document)) else { continue };
        let before = diagnostics.len();
        let span = document.span(POINTER, Target::Value);
        if old.kind != address.kind {
            diagnostics.push(
                Diagnostic::error(
                    Code::InvalidValue,
                    format!("{old} cannot become a {}", address.kind),
                )
                .at(span, "")
                .help(format!("an object keeps its kind: write `{}/...`", address.kind))
                .pointer(POINTER),
            );
        } else if old == *address {
            diagnostics.push(
                Diagnostic::error(
                    Code::InvalidValue,
                    format!("{address} cannot be renamed from its own address"),
                )
                .at(span, "")
                .help("write its previous address, or remove the field")
                .pointer(POINTER),
            );
        } else if let Some(first) = by_origin.insert(old.clone(), document) {
            diagnostics.push(
                Diagnostic::error(
                    Code::SeveralMarks,
                    format!("{old} is renamed by two manifests"),
                )
                .at(span, "here")
                .and(first.span(POINTER, Target::Value), "and here")
                .help(
                    "an object of the platform belongs to one manifest; keep `moved_from` only in the one that \
                     takes it over",
                )
                .pointer(POINTER),
            );
        }
        document.attach_origin(before, sources, diagnostics);
    }
}

fn origin(document: &Document) -> Option<Address> {
    let value = document.value.get("metadata")?.get("moved_from")?;
    value.as_str()?.parse().ok()
}
