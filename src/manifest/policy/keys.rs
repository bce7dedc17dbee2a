//! Keys that rules are about: tokens, and those that log-ins to a realm make.

use serde_json::Value;

use crate::manifest::expect::entry_pointer;
use crate::manifest::view::View;
use crate::resource::kinds::TOKEN_PARAMS;
use crate::resource::{Address, Declared};
use crate::rights::Rights;

/// What a manifest says of keys.
pub(super) struct Keys<'a> {
    declared: &'a Declared,
    /// The bounds of log-ins, unless it is about a token.
    params: Option<Value>,
}

impl<'a> Keys<'a> {
    /// Of every token, and of everything that bounds log-ins.
    pub(super) fn all(view: &View<'a>) -> impl Iterator<Item = Self> + use<'a> {
        view.desired.all().filter_map(|declared| {
            let params = declared.fields.get(TOKEN_PARAMS);
            let are_keys = declared.address.kind.is_key() || params.is_some();
            are_keys.then_some(Self { declared, params })
        })
    }

    /// Whose keys they are.
    pub(super) fn address(&self) -> &'a Address {
        &self.declared.address
    }

    /// What is said to break a rule.
    pub(super) fn said(&self) -> String {
        match self.params {
            Some(_) => format!("a log-in to {}", self.declared.address),
            None => self.declared.address.to_string(),
        }
    }

    /// Whether all bounds stand here: those of a user are laid over those of the realm.
    pub(super) fn are_whole(&self) -> bool {
        self.params.is_none() || self.declared.address.container.is_none()
    }

    /// One of the bounds, in the platform's form.
    pub(super) fn get(&self, field: &str) -> Option<Value> {
        match &self.params {
            Some(params) => params.get(field).cloned(),
            None => self.declared.fields.get(field),
        }
    }

    /// The number in one of the bounds; 0 for none.
    pub(super) fn number(&self, field: &str) -> i64 {
        self.get(field).and_then(|value| value.as_i64()).unwrap_or(0)
    }

    /// What they can do, once they are enabled.
    pub(super) fn rights(&self) -> Rights {
        let fields = match &self.params {
            Some(params) => params.as_object().cloned().unwrap_or_default(),
            None => self.declared.fields.unpack(),
        };
        Rights { enabled: true, ..Rights::of(|field| fields.get(field)) }
    }

    /// Where a bound stands in the manifest.
    pub(super) fn at(&self, field: &str) -> String {
        match self.params {
            Some(_) => format!("/spec/{TOKEN_PARAMS}/{field}"),
            None => format!("/spec/{field}"),
        }
    }

    /// Where the entry of the access list stands, or whatever gives one.
    pub(super) fn entry(&self, view: &View<'_>, entry: Option<usize>) -> String {
        match view.token(self.address()) {
            Some(spec) => entry_pointer(&spec.access, entry),
            None => self.at("access"),
        }
    }
}
