//! What a manifest says of an object, by kind.
//!
//! A kind whose fields are written as the platform spells them needs nothing here.

mod limit;
mod plain;
mod subaccount;
mod token;

use super::spec::Spec;
use crate::diagnostic::quote;
use crate::observe::Object;
use crate::resource::{Address, Kind};
use serde_json::Value;

/// An object that is written.
pub(super) struct Written<'a> {
    pub(super) object: &'a Object,
    pub(super) address: &'a Address,
    pub(super) nameable: &'a dyn Nameable,
}

/// What manifests of this export can name.
pub(super) trait Nameable {
    /// What an object is called here.
    fn address(&self, kind: Kind, id: i64) -> Option<&Address>;

    /// Whether a manifest of this export declares it.
    fn is_declared(&self, address: &Address) -> bool;

    /// The stack whose objects are written.
    fn stack(&self) -> &str;
}

type Writer = fn(&Written<'_>, &mut Spec<'_>);

/// The kinds with words of their own.
const WRITERS: &[(Kind, Writer)] = &[
    (Kind::Limit, limit::write),
    (Kind::Subaccount, subaccount::write),
    (Kind::Token, token::write),
];

/// Writes what can be set and differs from what the platform takes by itself.
pub(super) fn write(written: &Written<'_>, spec: &mut Spec<'_>) {
    let own = WRITERS.iter().find(|(kind, _)| *kind == written.object.kind);
    own.map_or(plain::write as Writer, |(_, writer)| *writer)(written, spec);
}

/// What is said of a value that has no place in a manifest.
const STAYS: &str = "which no manifest can say; it stays as it is, also when the rest is edited";

/// A value in one short line.
fn said(value: &Value) -> String {
    quote(&value.to_string())
}
