//! Limits that take away what this program itself needs to manage an account.

use std::collections::BTreeSet;

use super::tree::{Tree, bound_of};
use crate::diagnostic::{Code, Diagnostic, Diagnostics};
use crate::manifest::view::View;
use crate::resource::{AccountPath, Declared};
use crate::source::Target;

/// Calls per minute below which a pass may not come through: one reads, one creates, a few repair what went wrong.
const FEW_CALLS: i64 = 10;

/// Checks every account that something is to be done in.
pub(super) fn check(view: &View<'_>, tree: &Tree<'_>, diagnostics: &mut Diagnostics) {
    let owners: BTreeSet<&AccountPath> =
        view.desired.objects.keys().map(|address| &address.account).collect();
    for account in &tree.accounts {
        let (Some(declared), Some(limit)) = (account.declared, account.limit) else { continue };
        let has_password =
            declared.credentials.as_ref().is_some_and(|credentials| credentials.password.is_some());
        let has_credentials = declared.credentials.is_some();
        let is_entered = has_credentials || owners.contains(&declared.own_path());
        let found = [
            calls(limit, declared, is_entered, has_credentials),
            tokens(limit, declared, has_password),
        ];
        for (finding, quota) in found.into_iter().flatten() {
            let at = format!("/spec/{quota}");
            let finding = view.place(finding, &limit.address, &at, Target::Value);
            let name = "/metadata/name";
            let text = "the account";
            diagnostics.push(view.mention(finding, &declared.address, name, Target::Value, text));
        }
    }
}

fn calls(
    limit: &Declared,
    declared: &Declared,
    is_entered: bool,
    has_credentials: bool,
) -> Option<(Diagnostic, &'static str)> {
    let quota = "api_calls";
    let calls = bound_of(limit, quota).filter(|calls| is_entered && *calls < FEW_CALLS)?;
    let path = declared.own_path();
    let finding = match (calls, has_credentials) {
        // Credentials are set with a token of the account itself, so its own calls are needed (fact sheet, 6.2).
        (0, true) => Diagnostic::error(
            Code::LimitLocksOut,
            format!(
                "`{path}` is allowed no API calls, but setting its credentials takes calls of its own"
            ),
        )
        .help("set the credentials first, or block the account with `enabled: false` instead"),
        (0, false) => Diagnostic::warning(
            Code::LimitLocksOut,
            format!("`{path}` is allowed no API calls, but has objects to manage"),
        )
        .help("to block an account write `enabled: false`; its objects stay manageable"),
        _ => Diagnostic::warning(
            Code::LimitLocksOut,
            format!("`{path}` is allowed {calls} API calls a minute, too few to manage it"),
        )
        .help(format!("a pass takes calls of its own; allow at least {FEW_CALLS} a minute")),
    };
    Some((finding, quota))
}

fn tokens(
    limit: &Declared,
    declared: &Declared,
    has_password: bool,
) -> Option<(Diagnostic, &'static str)> {
    let quota = "tokens_count";
    bound_of(limit, quota).filter(|tokens| has_password && *tokens == 0)?;
    let finding = Diagnostic::error(
        Code::LimitLocksOut,
        format!(
            "`{}` is allowed no tokens, but setting its password takes a token inside it",
            declared.own_path()
        ),
    )
    .help("allow at least one; it is deleted again once the password is set");
    Some((finding, quota))
}
