//! Items: an id, an owner, and the fields that differ from their defaults.
//!
//! A world holds hundreds of thousands of items, so fields live in one short vector under interned names; a map with
//! owned keys takes four times the memory.

use std::{collections::HashMap, fmt, sync::LazyLock};

use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{Error as _, MapAccess, Visitor},
    ser::SerializeMap,
};
use serde_json::Value;

use super::rows;

/// One object of a collection.
#[derive(Clone, PartialEq)]
pub(super) struct Item {
    pub(super) id: u64,
    /// The account that owns it; 0 for the root account, which nobody owns.
    pub(super) cid: u64,
    pub(super) fields: Fields,
}

impl fmt::Debug for Item {
    /// Fields are left out: they hold keys and password hashes.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Item")
            .field("id", &self.id)
            .field("cid", &self.cid)
            .finish_non_exhaustive()
    }
}

/// Stored fields by interned name.
#[derive(Clone, Default, PartialEq)]
pub(super) struct Fields(Vec<(&'static str, Value)>);

impl Fields {
    pub(super) fn get(&self, name: &str) -> Option<&Value> {
        self.0.iter().find(|(key, _)| *key == name).map(|(_, value)| value)
    }

    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.get(name).and_then(Value::as_str)
    }

    /// The field as a number, 0 when it is absent: every number of the platform that is stored here defaults to 0.
    pub(super) fn number(&self, name: &str) -> u64 {
        self.get(name).and_then(Value::as_u64).unwrap_or(0)
    }

    pub(super) fn set(&mut self, name: &'static str, value: impl Into<Value>) {
        let value = value.into();
        match self.0.iter_mut().find(|(key, _)| *key == name) {
            Some((_, old)) => *old = value,
            None => {
                // Most items never grow after their creation: exact room beats amortised growth.
                self.0.reserve_exact(1);
                self.0.push((name, value));
            }
        }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&'static str, &Value)> {
        self.0.iter().map(|(name, value)| (*name, value))
    }

    pub(super) fn remove(&mut self, name: &str) {
        self.0.retain(|(key, _)| *key != name);
    }
}

/// An item that is not yet part of the world.
pub(super) struct Draft<'a> {
    pub(super) id: u64,
    pub(super) cid: u64,
    pub(super) fields: Fields,
    pub(super) now: u64,
    pub(super) entropy: &'a mut dyn FnMut() -> u64,
}

/// All field names of all collections; stored names are interned against it.
static NAMES: LazyLock<HashMap<&'static str, &'static str>> =
    LazyLock::new(|| rows::field_names().map(|name| (name, name)).collect());

impl Serialize for Item {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self { id, cid, fields } = self;
        let mut map = serializer.serialize_map(Some(fields.0.len() + 2))?;
        map.serialize_entry("id", id)?;
        map.serialize_entry("cid", cid)?;
        for (name, value) in &fields.0 {
            map.serialize_entry(name, value)?;
        }
        map.end()
    }
}

impl<'de> Deserialize<'de> for Item {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;
        impl<'de> Visitor<'de> for Reader {
            type Value = Item;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("an item with id, cid and its fields")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Item, A::Error> {
                let (mut id, mut cid, mut fields) = (None, None, Vec::new());
                while let Some(name) = map.next_key::<std::borrow::Cow<'de, str>>()? {
                    match name.as_ref() {
                        "id" => id = Some(map.next_value()?),
                        "cid" => cid = Some(map.next_value()?),
                        other => {
                            // A name that this version does not know would be lost at the next write.
                            let name = NAMES.get(other).ok_or_else(|| {
                                A::Error::custom(format!(
                                    "unknown field \"{other}\" of a stored item"
                                ))
                            })?;
                            fields.push((*name, map.next_value()?));
                        }
                    }
                }
                fields.shrink_to_fit();
                Ok(Item {
                    id: id.ok_or_else(|| A::Error::missing_field("id"))?,
                    cid: cid.ok_or_else(|| A::Error::missing_field("cid"))?,
                    fields: Fields(fields),
                })
            }
        }
        deserializer.deserialize_map(Reader)
    }
}
