//! What each kind is, as data: one row for each. Whatever holds for every kind is written once, against rows.
//!
//! To add a kind, add a variant and a module with its row here, and its `spec` to `manifest/kinds`.

mod collection;
mod grant;
mod identity_provider;
mod limit;
mod realm;
mod realm_user;
mod row;
mod subaccount;
mod token;
mod webhook;

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

pub use collection::Collection;
pub use realm::TOKEN_PARAMS;
pub use row::{Field, Form, Hides, Home, KindRow, LinkRow, OwnAccount, Page, Read, Role, Unread};
pub use subaccount::LIMIT_FIELD;

use crate::assumptions::{ITEM_TYPES, RESTORABLE};

/// Makes [`Kind`] of its rows, so that no kind is without one.
macro_rules! kinds {
    ($($(#[doc = $doc:literal])* $kind:ident: $module:ident,)*) => {
        /// What an object is.
        #[derive(
            Debug,
            Clone,
            Copy,
            PartialEq,
            Eq,
            PartialOrd,
            Ord,
            Hash,
            Serialize,
            Deserialize,
            schemars::JsonSchema,
        )]
        #[serde(rename_all = "kebab-case")]
        pub enum Kind {
            $($(#[doc = $doc])* $kind,)*
        }

        impl Kind {
            /// Every kind, in the order in which objects are created.
            pub const ALL: [Self; [$(stringify!($kind)),*].len()] = [$(Self::$kind),*];

            /// What there is to know about the kind.
            pub fn row(self) -> &'static KindRow {
                match self {
                    $(Self::$kind => &$module::ROW,)*
                }
            }
        }
    };
}

kinds! {
    /// A set of quotas that a parent assigns to its subaccounts.
    Limit: limit,
    /// An account below another one.
    Subaccount: subaccount,
    /// An access key.
    Token: token,
    /// A call that the platform makes when a message arrives.
    Webhook: webhook,
    /// Where users of realms can log in with an account of somebody else.
    IdentityProvider: identity_provider,
    /// Users of an account, and what the tokens of their log-ins open.
    Realm: realm,
    /// A person who logs in to a realm.
    RealmUser: realm_user,
    /// Access to items that an account gives to others.
    Grant: grant,
}

impl Kind {
    /// The kind whose objects hold all others.
    pub const ACCOUNT: Self = Self::Subaccount;

    /// The kind whose objects have a key that signs calls.
    pub const KEY: Self = Self::Token;

    /// The kind that is created after all others.
    pub const LAST: Self = Self::ALL[Self::ALL.len() - 1];

    /// Whether objects of this kind hold others.
    pub fn is_account(self) -> bool {
        self == Self::ACCOUNT
    }

    /// Whether objects of this kind have a key.
    pub fn is_key(self) -> bool {
        self == Self::KEY
    }

    /// The words of all kinds, in the order in which objects are created.
    pub fn words() -> [&'static str; Self::ALL.len()] {
        Self::ALL.map(Self::as_str)
    }

    /// The fields that hold the id of another object, each with the kind of that.
    pub fn refs(self) -> impl Iterator<Item = (&'static str, Self)> {
        self.row().fields().filter_map(|field| match field.role {
            Role::Ref(to) => Some((field.name, Self::of_title(to.title)?)),
            Role::Own | Role::Server | Role::Secret(_) => None,
        })
    }

    /// The places inside of fields that hold the id of another object, each with the kind of that.
    pub fn pointers(self) -> impl Iterator<Item = (&'static str, Self)> {
        self.row()
            .pointers
            .iter()
            .filter_map(|(place, to)| Some((*place, Self::of_title(to.title)?)))
    }

    /// What objects of the kind are in, if that is not an account, and the field that holds its id.
    pub fn container(self) -> Option<(Self, &'static str)> {
        match self.row().home {
            Home::Account => None,
            Home::Inside { row, field } => Some((Self::of_title(row.title)?, field)),
        }
    }

    /// Whether objects of the kind can hold others, as accounts do.
    pub fn is_container(self) -> bool {
        Self::ALL.into_iter().any(|kind| kind.container().is_some_and(|(holder, _)| holder == self))
    }

    /// The kinds whose lists a pass reads that has to do with objects of `these` kinds, or of others that cannot be left
    /// out.
    pub fn read_for(these: impl Fn(Self) -> bool) -> BTreeSet<Self> {
        let mut read = BTreeSet::new();
        // Whatever is referred to comes before whoever refers to it.
        for kind in Self::ALL.into_iter().rev() {
            if kind.row().read == Read::Always || these(kind) || read.contains(&kind) {
                read.insert(kind);
                read.extend(kind.refs().chain(kind.pointers()).map(|(_, to)| to));
                read.extend(kind.container().map(|(holder, _)| holder));
                read.extend(kind.row().link.and_then(|link| Self::of_title(link.to.title)));
            }
        }
        read
    }

    /// The word in addresses, plans and reports.
    pub fn as_str(self) -> &'static str {
        self.row().word
    }

    /// The platform's collection.
    pub fn collection(self) -> &'static str {
        self.row().collection
    }

    /// The answer to an assumption with which the platform keeps no mark in objects of the kind.
    pub fn unmarked(self) -> Option<(&'static str, &'static str)> {
        self.row().unmarked
    }

    /// The field that holds the name that people see.
    pub fn label_field(self) -> &'static str {
        self.row().label
    }

    /// The number that the platform has for it in logs and in the recycle bin.
    pub fn number(self) -> u8 {
        let known = ITEM_TYPES.iter().find(|(collection, _)| *collection == self.collection());
        known.map_or(0, |(_, number)| *number)
    }

    /// Whether the recycle bin takes it.
    pub fn is_restorable(self) -> bool {
        RESTORABLE.contains(&self.collection())
    }

    /// The kind of the platform's collection of this name.
    pub fn of_collection(collection: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.collection() == collection)
    }

    /// The kind that manifests write as `title`.
    pub fn of_title(title: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.row().title == title)
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

impl FromStr for Kind {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text).ok_or(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_is_read_as_it_is_written() {
        for kind in Kind::ALL {
            assert_eq!(kind.as_str().parse(), Ok(kind));
            assert_eq!(serde_json::to_value(kind).unwrap(), kind.as_str());
            assert_eq!(Kind::of_title(kind.row().title), Some(kind));
        }
    }

    #[test]
    fn what_a_row_names_is_there() {
        for kind in Kind::ALL {
            let row = kind.row();
            let names: BTreeSet<&str> = row.fields().map(|field| field.name).collect();
            assert_eq!(names.len(), row.fields().count(), "{kind}: a field stands twice");
            let holder = kind.container().map_or("cid", |(_, field)| field);
            for name in ["id", holder, "metadata", row.label] {
                assert!(names.contains(name), "{kind}: {name}");
            }
            assert_ne!(kind.number(), 0, "{kind}: no number is known");
            let quotas: Vec<&str> = Kind::Limit.row().fields().map(|field| field.name).collect();
            assert!(
                row.quota.is_none_or(|quota| quotas.contains(&quota)),
                "{kind}: {:?}",
                row.quota
            );
        }
    }

    #[test]
    fn whatever_is_referred_to_is_created_before_and_verified_by_every_answer() {
        for kind in Kind::ALL {
            let answered: Vec<&str> = kind.row().answered.split(',').collect();
            for (field, to) in kind.refs() {
                assert!(to < kind, "{kind}.{field}");
                assert!(answered.contains(&field), "{kind}.{field} is not verified");
            }
            for (place, to) in kind.pointers() {
                assert!(to < kind, "{kind}.{place}");
            }
            assert!(kind.container().is_none_or(|(holder, _)| holder < kind), "{kind}");
        }
    }
}
