//! The overlay of an environment: its defaults, and changes to objects by address.

use std::collections::HashMap;

use super::merge;
use crate::diagnostic::suggest::nearest;
use crate::diagnostic::{Code, Diagnostic, Diagnostics, quote};
use crate::glob::Glob;
use crate::resource::Address;
use crate::source::{Spanned, pointer};

/// The tree of the chosen overlay in the Stack, or a finding if there is none of that name.
pub(super) fn choose<'a>(
    stack: Option<&'a Spanned>,
    name: &str,
    diagnostics: &mut Diagnostics,
) -> Option<&'a Spanned> {
    let declared = stack.and_then(|stack| pointer::find(stack, "/spec/overlays"));
    let names: Vec<&str> = declared
        .map(Spanned::as_mapping)
        .unwrap_or_default()
        .iter()
        .map(|entry| entry.key.text.as_str())
        .collect();
    if let Some(found) = declared.and_then(|overlays| overlays.get(name)) {
        return Some(found);
    }
    let mut finding =
        Diagnostic::error(Code::UnknownOverlay, format!("there is no overlay {}", quote(name)));
    if let Some(place) = declared.or(stack) {
        finding = finding.at(place.span.head(), "");
    }
    diagnostics.push(if let Some(known) = nearest(name, names.iter().copied()) {
        finding.help(format!("did you mean `{known}`?"))
    } else if names.is_empty() {
        finding.help("overlays belong in the Stack manifest, below `spec.overlays`")
    } else {
        finding.help(format!("the overlays are {}", names.join(", ")))
    });
    None
}

/// Carries out the patches of an overlay on the documents, each with its address if it has one.
pub(super) fn patch(
    overlay: &Spanned,
    documents: &mut [(Option<Address>, &mut Spanned)],
    diagnostics: &mut Diagnostics,
) {
    let patches = overlay.get("patches").map(Spanned::as_sequence).unwrap_or_default();
    if patches.is_empty() {
        return;
    }
    let mut by_address: HashMap<String, Vec<usize>> = HashMap::new();
    for (index, (address, _)) in documents.iter().enumerate() {
        if let Some(address) = address {
            by_address.entry(address.to_string()).or_default().push(index);
        }
    }
    for change in patches {
        let Some(wanted) = change.get("address") else { continue };
        let pattern = wanted.as_str().unwrap_or_default();
        // What is not a pattern does not have the form of the field either, which is a finding of its own.
        let Ok(glob) = Glob::new(pattern) else { continue };
        let found: Vec<usize> = match glob.is_literal() {
            true => by_address.get(pattern).cloned().unwrap_or_default(),
            false => {
                let matching = by_address.iter().filter(|(address, _)| glob.matches(address));
                matching.flat_map(|(_, indices)| indices.iter().copied()).collect()
            }
        };
        if found.is_empty() {
            diagnostics.push(nothing(wanted, pattern, &by_address));
        }
        let removed: Vec<&Spanned> =
            change.get("remove").map(Spanned::as_sequence).unwrap_or_default().iter().collect();
        let mut was_there = vec![false; removed.len()];
        for index in &found {
            let Some((_, document)) = documents.get_mut(*index) else { continue };
            let Some(spec) = merge::spec_of(document, change.span.head()) else { continue };
            for (name, was_there) in removed.iter().zip(&mut was_there) {
                *was_there |= merge::remove(spec, name.as_str().unwrap_or_default());
            }
            if let Some(fields) = change.get("spec") {
                merge::replace(spec, fields);
            }
        }
        for (name, _) in removed.iter().zip(was_there).filter(|(_, there)| !there) {
            if !found.is_empty() {
                let message = format!(
                    "no {pattern} has a field {}",
                    quote(name.as_str().unwrap_or_default())
                );
                diagnostics
                    .push(Diagnostic::error(Code::OverlayTarget, message).at(name.span, "").help(
                    "remove it from `remove`; fields of `defaults` do not belong to the object itself",
                ));
            }
        }
    }
}

fn nothing(wanted: &Spanned, pattern: &str, known: &HashMap<String, Vec<usize>>) -> Diagnostic {
    let finding =
        Diagnostic::error(Code::OverlayTarget, format!("{} is not declared", quote(pattern)))
            .at(wanted.span, "");
    let mut known: Vec<&str> = known.keys().map(String::as_str).collect();
    known.sort_unstable();
    match nearest(pattern, known) {
        Some(near) => {
            finding.help(format!("did you mean `{near}`?")).suggest(wanted.span, near)
        }
        None => finding.help("an address is the kind, the account path and the name, such as `token/emea/acme/trackit`"),
    }
}
