//! Items by what they are called: a selection stands where ids could stand, and each pass finds out what it matches.
//!
//! In a declared field the selection has the form of the manifest, `{"select": {"name": "truck-*"}}`, in the place of the
//! ids; beside the fields the declared object lists its selections by these places. A plan puts ids there before it compares
//! anything, so that neither marks nor requests ever hold a selection. The platform takes no object for ids, so one that was
//! forgotten is refused.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::rights::Mask;

/// More members of a list than anybody reads in a sentence.
const MOST_NAMED: usize = 3;

macro_rules! item_types {
    ($($(#[doc = $doc:literal])* $name:ident = $path:literal;)+) => {
        /// A type of items that an access list can name one by one.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum ItemType {
            $($(#[doc = $doc])* #[serde(rename = $path)] $name,)+
        }

        impl ItemType {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$name),+];

            /// The path of the collection, which is also the `uri` of an access list.
            pub const fn path(self) -> &'static str {
                match self { $(Self::$name => $path,)+ }
            }
        }
    };
}

item_types! {
    /// Channels.
    Channels = "gw/channels";
    /// Devices.
    Devices = "gw/devices";
    /// Groups of devices.
    Groups = "gw/groups";
    /// Streams.
    Streams = "gw/streams";
    /// Modems.
    Modems = "gw/modems";
    /// Calculators.
    Calcs = "gw/calcs";
    /// Plugins.
    Plugins = "gw/plugins";
    /// Geofences.
    Geofences = "gw/geofences";
    /// Assets.
    Assets = "gw/assets";
    /// Containers.
    Containers = "storage/containers";
    /// File stores.
    Cdns = "storage/cdns";
}

impl ItemType {
    /// The type with this path.
    pub fn of(path: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|known| known.path() == path)
    }

    /// Whether its items have what `criterion` looks at. Only devices have an ident and are put into groups; the idents
    /// below a channel are those of whatever talked to it, and no items.
    pub fn understands(self, criterion: &Criterion) -> bool {
        match criterion {
            Criterion::Name(_) | Criterion::Expression(_) => true,
            Criterion::Ident(_) | Criterion::Group(_) => self == Self::Devices,
        }
    }
}

impl fmt::Display for ItemType {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.path())
    }
}

/// Items that are meant by what they are called.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Selection {
    /// Among which items.
    pub items: ItemType,
    /// Which of them.
    pub criterion: Criterion,
    /// Whether it may match none.
    #[serde(default)]
    pub allow_empty: bool,
}

/// What tells the items that are meant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Criterion {
    /// Their names are as this mask says, with `*` for any number of characters and `?` for one.
    Name(String),
    /// Their idents are among these.
    Ident(BTreeSet<String>),
    /// They are in this group.
    Group(Group),
    /// The platform finds them by this expression.
    Expression(String),
}

/// A group of devices.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Group {
    /// Every group of this name.
    Name(String),
    /// The one with this id.
    Id(i64),
}

impl fmt::Display for Criterion {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(mask) => write!(formatter, "name: {mask}"),
            Self::Ident(idents) => {
                let named: Vec<&str> = idents.iter().take(MOST_NAMED).map(String::as_str).collect();
                let more = idents.len() - named.len();
                write!(formatter, "ident: [{}", named.join(", "))?;
                if more > 0 {
                    write!(formatter, " and {more} more")?;
                }
                formatter.write_str("]")
            }
            Self::Group(Group::Name(name)) => write!(formatter, "group: {name}"),
            Self::Group(Group::Id(id)) => write!(formatter, "group: {id}"),
            Self::Expression(text) => write!(formatter, "expression: {text}"),
        }
    }
}

/// An item as far as selections look at it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Item {
    /// Its id.
    pub id: i64,
    /// What people call it.
    pub name: String,
    /// What a device calls itself.
    pub ident: Option<String>,
    /// The groups that it is in.
    pub groups: BTreeSet<i64>,
}

impl Criterion {
    /// The ids of those of `items` that are meant. `groups` are the ids of the groups that are meant; all that an expression
    /// found is meant.
    pub fn of(&self, items: &[Item], groups: &BTreeSet<i64>) -> BTreeSet<i64> {
        let ids = |is_meant: &dyn Fn(&Item) -> bool| {
            items.iter().filter(|item| is_meant(item)).map(|item| item.id).collect()
        };
        match self {
            Self::Name(mask) => {
                let mask = Mask::new(mask);
                ids(&|item| mask.matches(&item.name))
            }
            Self::Ident(idents) => {
                ids(&|item| item.ident.as_ref().is_some_and(|ident| idents.contains(ident)))
            }
            Self::Group(_) => ids(&|item| !item.groups.is_disjoint(groups)),
            Self::Expression(_) => ids(&|_| true),
        }
    }
}

/// Puts `ids` where each selection stands, by the places of the selections.
pub fn fill(fields: &mut Map<String, Value>, ids: &BTreeMap<String, BTreeSet<i64>>) {
    for (place, ids) in ids {
        let Some((first, rest)) = place.split_once('.') else { continue };
        let mut at = fields.get_mut(first);
        for step in rest.split('.') {
            at = match at {
                Some(Value::Object(members)) => members.get_mut(step),
                Some(Value::Array(items)) => {
                    step.parse::<usize>().ok().and_then(|index| items.get_mut(index))
                }
                _ => None,
            };
        }
        if let Some(value) = at {
            *value = ids.iter().copied().collect();
        }
    }
}

/// What has ids in the place of a selection, without these: the entry of an access list or of a grant.
pub fn holder(fields: &Map<String, Value>, place: &str) -> Option<Value> {
    let (path, last) = place.rsplit_once('.')?;
    let mut steps = path.split('.');
    let mut at = fields.get(steps.next()?)?;
    for step in steps {
        at = match at {
            Value::Object(members) => members.get(step)?,
            Value::Array(items) => items.get(step.parse::<usize>().ok()?)?,
            _ => return None,
        };
    }
    let mut holder = at.clone();
    holder.as_object_mut()?.remove(last);
    Some(holder)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn device(name: &str, ident: &str, groups: &[i64]) -> Item {
        let groups = groups.iter().copied().collect();
        Item { id: 1, name: name.to_owned(), ident: Some(ident.to_owned()), groups }
    }

    #[test]
    fn each_criterion_looks_at_what_it_is_about() {
        let truck = [device("truck/7 ö", "352", &[5, 6])];
        let is_meant = |criterion: &Criterion, groups: &[i64]| {
            !criterion.of(&truck, &groups.iter().copied().collect()).is_empty()
        };
        let name = |mask: &str| is_meant(&Criterion::Name(mask.to_owned()), &[]);
        assert!(name("truck*") && name("truck/? ?") && name("*"));
        assert!(!name("truck") && !name("Truck*") && !name(""));
        let ident = |all: &[&str]| {
            is_meant(&Criterion::Ident(all.iter().map(|it| (*it).to_owned()).collect()), &[])
        };
        assert!(ident(&["1", "352"]) && !ident(&["35"]) && !ident(&["*"]));
        let group = Criterion::Group(Group::Name("north".to_owned()));
        assert!(is_meant(&group, &[6, 9]) && !is_meant(&group, &[9]));
        assert!(!is_meant(&group, &[]), "a group that is not there has no members");
        assert!(is_meant(&Criterion::Expression("id>5".to_owned()), &[]));
    }

    #[test]
    fn only_devices_have_idents_and_groups() {
        let group = Criterion::Group(Group::Id(7));
        let ident = Criterion::Ident(BTreeSet::new());
        for items in ItemType::ALL {
            let is_device = *items == ItemType::Devices;
            assert_eq!(
                (items.understands(&group), items.understands(&ident)),
                (is_device, is_device)
            );
            assert!(items.understands(&Criterion::Name("*".to_owned())));
            assert_eq!(ItemType::of(items.path()), Some(*items));
        }
        assert_eq!(ItemType::of("gw"), None);
    }

    #[test]
    fn ids_come_where_the_selections_stand_and_nowhere_else() {
        let select = json!({"select": {"name": "a*"}});
        let fields = json!({"info": "x", "access": {"type": 2, "acl": [
            {"uri": "gw/devices", "ids": [1]}, {"uri": "gw/devices", "ids": select}]}});
        let mut fields = fields.as_object().unwrap().clone();
        let place = "access.acl.1.ids";
        assert_eq!(holder(&fields, place), Some(json!({"uri": "gw/devices"})));
        fill(&mut fields, &[(place.to_owned(), [9, 3].into())].into());
        fill(&mut fields, &[("access.acl.7.ids".to_owned(), [5].into())].into());
        assert_eq!(
            Value::Object(fields),
            json!({"info": "x", "access": {"type": 2, "acl": [
                {"uri": "gw/devices", "ids": [1]}, {"uri": "gw/devices", "ids": [3, 9]}]}})
        );
    }

    #[test]
    fn a_long_list_of_idents_is_named_in_part() {
        let idents = ["1", "2", "3", "4", "5"].map(str::to_owned);
        let criterion = Criterion::Ident(idents.into());
        assert_eq!(criterion.to_string(), "ident: [1, 2, 3 and 2 more]");
    }
}
