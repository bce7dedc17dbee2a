//! Addresses that people log in with: the platform takes each for one account.

use std::collections::BTreeMap;

use super::view::View;
use crate::diagnostic::{Code, Diagnostic, Diagnostics};
use crate::source::Target;

/// Tells every address that is declared again, whatever the case of its letters, unless the platform was found to take it.
pub(super) fn check(view: &View<'_>, diagnostics: &mut Diagnostics) {
    if view.found_out.is_some_and(|profile| profile.says("shared-email", "accept")) {
        return;
    }
    let mut known = BTreeMap::new();
    for declared in view.accounts() {
        let email =
            declared.credentials.as_ref().and_then(|credentials| credentials.email.as_ref());
        let Some(email) = email else { continue };
        let Some(first) = known.insert(email.to_lowercase(), &declared.address) else { continue };
        let pointer = "/spec/credentials/email";
        let finding = Diagnostic::error(
            Code::DuplicateEmail,
            format!("`{email}` is the address of {first} as well"),
        )
        .help("give each account an address of its own; one mailbox takes several, as in `ops+acme@example.com`");
        let finding = view.place(finding, &declared.address, pointer, Target::Value);
        diagnostics.push(view.mention(finding, first, pointer, Target::Value, "the first"));
    }
}
