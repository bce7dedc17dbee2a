//! Tokens in manifests: what they open, from where and how long, and where their keys go.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use serde_yaml::Mapping;

use super::spec::{Check, Spec};
use crate::diagnostic::Diagnostics;
use crate::manifest::model::{Access, NamedAccess, Origin as WebOrigin, Origins, TokenSpec};
use crate::manifest::place::Place;
use crate::manifest::scribe::{Scribe, set};
use crate::manifest::{acl, lifetime, mask, preset, select};
use crate::resource::{Declared, Kind, Rotation, acl_entry};
use crate::rights::AccessType;

impl Spec for TokenSpec {
    const KIND: Kind = Kind::Token;

    fn declare(&self, scribe: &Scribe<'_>) -> Declared {
        let mut fields = BTreeMap::new();
        set(&mut fields, "info", Some(scribe.label(self.info.as_ref())));
        set(&mut fields, "enabled", self.enabled);
        set(&mut fields, "ttl", self.ttl.map(|ttl| ttl.0));
        set(&mut fields, "expire", self.expire.map(|expire| expire.0));
        set(&mut fields, "access", Some(access(&self.access)));
        set(&mut fields, "ips", self.ips.as_deref().map(mask::list));
        set(&mut fields, "origins", self.origins.as_ref().map(origins));
        let mut declared = scribe.declared(fields, self.metadata.as_ref(), &self.lifecycle);
        if let Access::Acl(list) = &self.access {
            let entries = (0..list.acl.len()).map(|index| {
                (acl_entry(index).into(), scribe.origin(&format!("/spec/access/acl/{index}")))
            });
            declared.field_origins.extend(entries);
        }
        select::note_access(&mut declared, "access", &self.access, scribe);
        if !declared.selections.is_empty() {
            declared.expectations = self.expect.declared();
        }
        let sinks = self.deliver.iter();
        declared.deliver = sinks.map(|sink| scribe.sink(sink, Some(&self.access))).collect();
        declared.rotation = self.rotation.map(|rotation| Rotation {
            every: rotation.every.map(|every| every.0),
            overlap: rotation.overlap.0,
            retire: rotation.retire.unwrap_or_default(),
        });
        declared.renew = self.renew.unwrap_or_default();
        declared
    }

    fn check(&self, check: &Check<'_>, diagnostics: &mut Diagnostics) {
        let place = &check.place;
        lifetime::check(place, self, check.now, diagnostics);
        mask::check(place, self.ips.as_deref(), self.origins.as_ref(), diagnostics);
        let expires = self.expire.is_some_and(|expire| expire.0 != 0);
        check_access(place, &self.access, expires, diagnostics);
    }

    fn complete(spec: &mut Mapping) {
        spec.entry("access".into()).or_insert("standard".into());
    }

    fn expanded(&self) -> Vec<(&'static str, Value)> {
        let Access::Preset(recipe) = &self.access else { return Vec::new() };
        let access = match preset::expand(recipe) {
            Access::Acl(list) => json!({ "acl": list.acl }),
            Access::Named(named) => json!(named),
            Access::Preset(_) => return Vec::new(),
        };
        vec![("access", access)]
    }
}

/// Finds fault with the access that stands at `/spec/access`; `expires` tells whether there is a fixed end.
pub(super) fn check_access(
    place: &Place<'_>,
    access: &Access,
    expires: bool,
    diagnostics: &mut Diagnostics,
) {
    match access {
        Access::Named(_) => {}
        Access::Acl(list) => {
            for (index, entry) in list.acl.iter().enumerate() {
                acl::entry(place, &format!("/spec/access/acl/{index}"), entry, diagnostics);
            }
        }
        Access::Preset(access) => {
            preset::check(place, access, expires, diagnostics);
            let at = "/spec/access/devices";
            acl::idents(place, at, diagnostics);
            select::check(place, at, "gw/devices", access.devices.as_ref(), diagnostics);
        }
    }
}

/// The platform's own form of access. A preset comes out as something that is none, so this ends.
pub(super) fn access(access: &Access) -> Value {
    match access {
        Access::Named(NamedAccess::Standard) => json!({"type": AccessType::Standard.number()}),
        Access::Named(NamedAccess::Master) => json!({"type": AccessType::Master.number()}),
        Access::Acl(list) => match list.templating {
            Some(templating) => {
                json!({"type": AccessType::Acl.number(), "acl": list.acl, "templating": templating})
            }
            None => json!({"type": AccessType::Acl.number(), "acl": list.acl}),
        },
        Access::Preset(recipe) => self::access(&preset::expand(recipe)),
    }
}

/// The platform's own form of origins.
pub(super) fn origins(origins: &Origins) -> Value {
    let preset = || json!({"preset": "flespi"});
    match origins {
        Origins::Preset(_) => json!([preset()]),
        Origins::List(items) => Value::Array(
            items
                .iter()
                .map(|item| match item {
                    WebOrigin::Preset(_) => preset(),
                    WebOrigin::Mask(mask) => Value::String(mask.clone()),
                })
                .collect(),
        ),
    }
}
