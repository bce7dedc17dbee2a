//! What can be wrong with maintenance windows beside their form.

use std::collections::BTreeSet;

use super::view::View;
use crate::diagnostic::{Code, Diagnostic, Diagnostics};

/// Checks the windows of the Stack.
pub(super) fn check(view: &View<'_>, diagnostics: &mut Diagnostics) {
    let Some((_, stack)) = view.stack else { return };
    for (index, window) in stack.spec.windows.iter().enumerate() {
        let mut wrong = |field: &str, message: String, help: &str| {
            let finding = Diagnostic::error(Code::InvalidValue, message).help(help);
            let pointer = format!("/spec/windows/{index}/{field}");
            diagnostics.push(view.place_in_stack(finding, &pointer));
        };
        let known = window.to_resource();
        if !known.is_of_a_known_zone() {
            wrong(
                "zone",
                format!("`{}` is not a time zone", known.zone),
                "write a name of the IANA time zone database, such as `Europe/Vilnius` or `UTC`",
            );
        }
        if known.from == known.to {
            wrong(
                "to",
                format!("the window closes when it opens, at {}", window.to.0),
                "write another time; `from: \"00:00\"` with `to: \"24:00\"` is the whole day",
            );
        }
        if known.from == 24 * 60 {
            wrong(
                "from",
                "a window cannot open at 24:00".to_owned(),
                "write 00:00 of the next day",
            );
        }
        let mut seen = BTreeSet::new();
        for (place, day) in window.days.iter().flatten().enumerate() {
            if !seen.insert(*day) {
                let message =
                    format!("the day `{}` is given twice", format!("{day:?}").to_lowercase());
                wrong(&format!("days/{place}"), message, "remove one of the two");
            }
        }
    }
}
