//! What the tokens of log-ins to a realm open: the words of Token manifests, checked by the same rules.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::spec::Check;
use super::token::{self, access, origins};
use crate::diagnostic::{Code, Diagnostic, Diagnostics};
use crate::manifest::mask;
use crate::manifest::model::{Access, AclIds, Expire, IpMask, Origins, Ttl};
use crate::manifest::place::Place;
use crate::manifest::scribe::set;
use crate::resource::kinds::TOKEN_PARAMS;
use crate::source::{Entry, Spanned, Target, Value as Node};

/// Bounds of the tokens that log-ins make; each is as in a Token, and what is left out is not managed.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct TokenParams {
    /// What the tokens allow.
    pub access: Option<Access>,
    /// How long a token stays valid after its creation or last use.
    pub ttl: Option<Ttl>,
    /// The fixed expiry of the tokens.
    pub expire: Option<Expire>,
    /// Masks of the addresses that may use the tokens, with `*` and `?`.
    pub ips: Option<Vec<IpMask>>,
    /// Web origins whose pages may use the tokens; `[]`: no browser.
    pub origins: Option<Origins>,
}

impl TokenParams {
    /// The platform's own form.
    pub(super) fn declared(&self) -> Value {
        let Self { access, ttl, expire, ips, origins } = self;
        let mut members = BTreeMap::new();
        set(&mut members, "access", access.as_ref().map(self::access));
        set(&mut members, "ttl", ttl.map(|ttl| ttl.0));
        set(&mut members, "expire", expire.map(|expire| expire.0));
        set(&mut members, "ips", ips.as_deref().map(mask::list));
        set(&mut members, "origins", origins.as_ref().map(self::origins));
        Value::Object(members.into_iter().collect())
    }

    /// Finds fault with what a Token would be faulted for.
    pub(super) fn check(&self, check: &Check<'_>, diagnostics: &mut Diagnostics) {
        // Rules of tokens look for their fields below `spec:`, so that is where these are put.
        let Some(spec) = check.place.value.get("spec").and_then(|spec| spec.entry(TOKEN_PARAMS))
        else {
            return;
        };
        let value = lifted(check.place.value, spec);
        let place = Place { value: &value, ..check.place };
        let mut found = Diagnostics::new();
        mask::check(&place, self.ips.as_deref(), self.origins.as_ref(), &mut found);
        if let Some(access) = &self.access {
            token::check_access(&place, access, self.expire.is_some(), &mut found);
        }
        diagnostics.extend(found.into_iter().map(below));
    }
}

impl TokenParams {
    /// Tells selections where the tokens belong to another account than the one whose items are looked through.
    pub(super) fn refuse_selections(&self, check: &Check<'_>, diagnostics: &mut Diagnostics) {
        let (ids, of_list) = match &self.access {
            Some(Access::Acl(list)) => {
                (list.acl.iter().map(|entry| entry.ids.as_ref()).collect(), true)
            }
            Some(Access::Preset(recipe)) => (vec![recipe.devices.as_ref()], false),
            Some(Access::Named(_)) | None => return,
        };
        for (index, ids) in ids.into_iter().enumerate() {
            let Some(AclIds::Select(_)) = ids else { continue };
            let at = match of_list {
                true => format!("/spec/{TOKEN_PARAMS}/access/acl/{index}/ids"),
                false => format!("/spec/{TOKEN_PARAMS}/access/devices"),
            };
            diagnostics.push(
                Diagnostic::error(
                    Code::SelectionUnknown,
                    "a selection searches the account of the realm, but these tokens may belong to another account",
                )
                .at(check.place.span(&at, Target::Value), "")
                .help("write the ids; a selection stands in a Realm whose `home` is `account`")
                .pointer(at),
            );
        }
    }
}

/// A manifest whose `spec` is what stands in one of its fields.
fn lifted(manifest: &Spanned, field: &Entry) -> Spanned {
    let mut entry = field.clone();
    entry.key.text = "spec".into();
    Spanned { span: manifest.span, value: Node::Mapping(vec![entry]) }
}

/// The finding with the pointer that it has in the manifest as it is written.
fn below(mut finding: Diagnostic) -> Diagnostic {
    let pointer = finding.pointer.take();
    finding.pointer = pointer.map(|pointer| match pointer.strip_prefix("/spec") {
        Some(rest) => format!("/spec/{TOKEN_PARAMS}{rest}"),
        None => pointer,
    });
    finding
}
