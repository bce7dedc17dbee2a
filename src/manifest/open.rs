//! What cannot be known of a load before the platform is asked.

use std::collections::BTreeSet;

use super::model::Access;
use super::view::View;
use crate::diagnostic::{Code, Diagnostic, Diagnostics};
use crate::source::Target;

/// Says once for each place that what stands there is resolved on the platform. Rows of a table share their template.
pub(super) fn note_selections(view: &View<'_>, diagnostics: &mut Diagnostics) {
    let mut told = BTreeSet::new();
    for declared in view.desired.all() {
        for (place, selection) in &declared.selections {
            let origin = declared.field_origins.get(place.as_str());
            if !told.insert(origin.map(ToString::to_string)) {
                continue;
            }
            let finding = Diagnostic::note(
                Code::SelectionOpen,
                format!(
                    "which {} match `{}` is known on the platform only",
                    selection.items, selection.criterion
                ),
            );
            let pointer = match view.token(&declared.address).map(|spec| &spec.access) {
                Some(Access::Preset(_)) => "/spec/access/devices".to_owned(),
                _ => format!("/spec/{}", place.replace('.', "/")),
            };
            let finding = view.place(finding, &declared.address, &pointer, Target::Value);
            diagnostics.push(finding.help("`flespi-gitops plan` shows their ids"));
        }
    }
}
