//! The kinds of objects, as manifests know them.
//!
//! A kind is a type for what stands below `spec:`, with an implementation of [`Spec`], and one line of the list at the end of
//! this file. The envelope around it, schemas, decoding, defaults, bounds and rules by kind follow from that list.

mod grant;
mod identity_provider;
mod limit;
mod object;
mod realm;
mod realm_user;
mod reference;
mod spec;
mod subaccount;
mod token;
mod token_params;
mod webhook;

use schemars::JsonSchema;
use serde::Deserialize;

use self::grant::GrantSpec;
use self::identity_provider::IdentityProviderSpec;
pub(super) use self::object::{AnyObject, ObjectKind};
use self::realm::RealmSpec;
use self::realm_user::RealmUserSpec;
pub(super) use self::spec::Check;
use self::spec::Spec;
use self::webhook::WebhookSpec;
use super::model::{HasDefaults, Level, LimitSpec, SubaccountSpec, TokenSpec};
use crate::resource::Kind;

/// Makes all that is to be had by kind of the list of kinds.
macro_rules! kinds {
    ($($field:ident $title:literal: $spec:ty,)*) => {
        /// Every kind of objects, in the order in which people think of them.
        pub(super) static OBJECTS: [ObjectKind; WORDS_OF_OBJECTS.len()] =
            [$(ObjectKind::of::<$spec>($title)),*];

        /// The words behind `kind:` that mean objects.
        pub(super) const WORDS_OF_OBJECTS: [&str; [$($title),*].len()] = [$($title),*];

        /// The words that can stand behind `kind:`.
        pub(super) const KINDS: [&str; [$($title,)* "Stack", "Template"].len()] =
            [$($title,)* "Stack", "Template"];

        /// Fields for the `spec` of every object of a kind. A field that the manifest sets itself
        /// is kept, except that `metadata` and `lifecycle` are merged key by key. `ttl` and
        /// `expire` count as one field, since a token is valid as long as either allows: a token
        /// that sets one of them gets neither.
        #[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
        #[serde(deny_unknown_fields, default)]
        pub struct Defaults {
            $(
                #[doc = concat!("Defaults for objects of kind ", $title, ".")]
                #[serde(rename = $title)]
                pub $field: Option<<$spec as HasDefaults>::Defaults>,
            )*
        }

        /// Bounds by kind.
        #[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
        #[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
        pub struct DeletesOf {
            $(
                #[doc = concat!("The most objects of kind ", $title, " that may be deleted without approval.")]
                pub $field: Option<u64>,
            )*
        }

        impl DeletesOf {
            /// The bounds that are set.
            pub fn bounds(&self) -> impl Iterator<Item = (Kind, u64)> + use<> {
                let of = [$((<$spec as Spec>::KIND, self.$field)),*];
                of.into_iter().filter_map(|(kind, bound)| Some((kind, bound?)))
            }
        }

        /// How objects are called: each `metadata.name` matches one of the patterns of its kind, with `*` and `?`.
        #[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
        #[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
        pub struct Names {
            $(
                #[doc = concat!("Patterns for objects of kind ", $title, "; empty: any name.")]
                #[schemars(example = ["*-ro", "*-rw"])]
                pub $field: Vec<String>,
            )*
            /// What a broken rule means; default `deny`.
            pub level: Level,
        }

        impl Names {
            /// The patterns for a kind.
            pub fn of(&self, kind: Kind) -> &[String] {
                let of = [$((<$spec as Spec>::KIND, &self.$field)),*];
                let found = of.into_iter().find(|(known, _)| *known == kind);
                found.map(|(_, patterns)| patterns.as_slice()).unwrap_or_default()
            }
        }
    };
}

kinds! {
    limit "Limit": LimitSpec,
    subaccount "Subaccount": SubaccountSpec,
    token "Token": TokenSpec,
    webhook "Webhook": WebhookSpec,
    identity_provider "IdentityProvider": IdentityProviderSpec,
    realm "Realm": RealmSpec,
    realm_user "RealmUser": RealmUserSpec,
    grant "Grant": GrantSpec,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_the_table_can_be_written_by_its_title() {
        let titles: Vec<&str> = Kind::ALL.iter().map(|kind| kind.row().title).collect();
        assert_eq!(WORDS_OF_OBJECTS.as_slice(), titles);
        for (object, title) in OBJECTS.iter().zip(titles) {
            assert_eq!(object.title, title);
        }
    }
}
