//! What a manifest says of an object, by kind.
//!
//! A kind whose fields are written as the platform spells them needs nothing here.

mod grant;
mod limit;
mod plain;
mod realm;
mod realm_user;
mod subaccount;
mod token;
pub(super) mod written;

use self::written::Written;
use super::spec::Spec;
use crate::resource::Kind;

type Writer = fn(&Written<'_>, &mut Spec<'_>);

/// The kinds with words of their own.
const WRITERS: &[(Kind, Writer)] = &[
    (Kind::Limit, limit::write),
    (Kind::Subaccount, subaccount::write),
    (Kind::Token, token::write),
    (Kind::Realm, realm::write),
    (Kind::RealmUser, realm_user::write),
    (Kind::Grant, grant::write),
];

/// Writes what can be set and differs from what the platform takes by itself.
pub(super) fn write(written: &Written<'_>, spec: &mut Spec<'_>) {
    let own = WRITERS.iter().find(|(kind, _)| *kind == written.object.kind);
    own.map_or(plain::write as Writer, |(_, writer)| *writer)(written, spec);
}
