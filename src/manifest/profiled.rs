//! What the profile of a platform makes of manifests: what it is found to refuse is told before anything is sent.
//!
//! | assumption | what follows |
//! | --- | --- |
//! | `password-form` | a password whose form is left out is sent in the form that is taken |
//! | `limit-owner` | `parent`: a limit of an account further up cannot be assigned |
//! | `maximum-ttl` | a longer life of a token cannot be had |
//! | `grant-metadata` | `dropped`: a grant keeps no mark, so none can be managed |
//! | `plan` | the plan of the root account, where the Stack names none |
//! | `duplicate-names` | `refuse`: names of one kind differ within an account |

use std::collections::BTreeMap;
use std::path::Path;

use super::discover;
use super::document::Document;
use super::model::StackManifest;
use super::scope::Scope;
use super::view::View;
use crate::diagnostic::{Code, Diagnostic, Diagnostics};
use crate::profile::Profile;
use crate::resource::Declared;
use crate::resource::kinds::LIMIT_FIELD;
use crate::secret::PasswordForm;
use crate::source::{SourceMap, Target};

/// The profile that the Stack names.
pub(super) fn named(
    document: &Document,
    stack: &StackManifest,
    scope: &Scope,
    sources: &SourceMap,
    diagnostics: &mut Diagnostics,
) -> Option<Profile> {
    let file = Path::new(stack.spec.profile.as_deref()?);
    let at = document.span_in(sources, "/spec/profile", Target::Value);
    match discover::profile(&document.folder, file, scope) {
        Ok(profile) => Some(profile),
        Err(finding) => {
            diagnostics.push(finding.at(at, "").pointer("/spec/profile"));
            None
        }
    }
}

/// Fills in what the platform was found to want.
pub(super) fn adapt(declared: &mut Declared, profile: &Profile) {
    if let Some(credentials) = &mut declared.credentials
        && credentials.form.is_none()
        && profile.says("password-form", "sha512")
    {
        credentials.form = Some(PasswordForm::Sha512);
    }
}

/// Tells what the platform was found to refuse.
pub(super) fn check(view: &View<'_>, profile: &Profile, diagnostics: &mut Diagnostics) {
    if profile.says("limit-owner", "parent") {
        limits_of_ancestors(view, diagnostics);
    }
    if let Some(most) = profile.value("maximum-ttl").and_then(|most| most.parse::<i64>().ok()) {
        long_lives(view, most, diagnostics);
    }
    without_marks(view, profile, diagnostics);
    if profile.says("duplicate-names", "refuse") {
        equal_names(view, diagnostics);
    }
}

fn limits_of_ancestors(view: &View<'_>, diagnostics: &mut Diagnostics) {
    for declared in view.accounts() {
        if let Some(limit) = declared.refs.get(LIMIT_FIELD) {
            if limit.account == declared.address.account {
                continue;
            }
            let message = format!(
                "{limit} is not of the parent account of {}, and the platform was found to assign no other",
                declared.address
            );
            let finding = Diagnostic::error(Code::PlatformRefuses, message)
                .help("declare such a limit in the parent account");
            diagnostics.push(view.place(finding, &declared.address, "/spec/limit", Target::Value));
        }
    }
}

fn long_lives(view: &View<'_>, most: i64, diagnostics: &mut Diagnostics) {
    for declared in view.tokens() {
        let ttl = declared.fields.get("ttl").and_then(|ttl| ttl.as_i64()).unwrap_or(0);
        if ttl <= most {
            continue;
        }
        let message =
            format!("`ttl` is {ttl} seconds, and the platform was found to take {most} at most");
        let finding = Diagnostic::error(Code::PlatformRefuses, message)
            .help(format!("write `ttl: {most}`, or less"));
        diagnostics.push(view.place(finding, &declared.address, "/spec/ttl", Target::Value));
    }
}

fn without_marks(view: &View<'_>, profile: &Profile, diagnostics: &mut Diagnostics) {
    for declared in view.desired.all() {
        let Declared { address, .. } = declared;
        if !address.kind.unmarked().is_some_and(|(name, value)| profile.says(name, value)) {
            continue;
        }
        let message = format!(
            "{address} cannot be managed: the platform was found to keep no `metadata` in a {}",
            address.kind
        );
        let finding = Diagnostic::error(Code::PlatformRefuses, message)
            .help("make it by hand, and leave it out of the manifests");
        diagnostics.push(view.place(finding, address, "/kind", Target::Value));
    }
}

fn equal_names(view: &View<'_>, diagnostics: &mut Diagnostics) {
    let mut known = BTreeMap::new();
    for declared in view.desired.all() {
        let Declared { address, fields, .. } = declared;
        let label = address.kind.label_field();
        let name = fields.get(label).and_then(|name| Some(name.as_str()?.to_owned()));
        let Some(name) = name else { continue };
        let place = (address.kind, &address.account, name);
        let Some(first) = known.insert(place, address) else { continue };
        let message = format!(
            "{first} and {address} have the same `{label}`, and the platform was found to refuse that"
        );
        let finding =
            Diagnostic::error(Code::PlatformRefuses, message).help("give one of them another name");
        let pointer = format!("/spec/{label}");
        diagnostics.push(view.place(finding, address, &pointer, Target::Value));
    }
}
