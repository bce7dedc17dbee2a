//! Fields of an object, packed.

use std::fmt;

use serde::de::{DeserializeSeed, IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Map, Value};

/// Fields by name, kept as JSON text. An estate has millions of them, nearly all of which are compared once; as a tree each
/// takes ten times the memory.
///
/// What is read comes as a value of its own: whoever needs several fields unpacks them all.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Fields(Box<str>);

impl Fields {
    /// All fields, by name.
    pub fn unpack(&self) -> Map<String, Value> {
        if self.is_empty() {
            return Map::new();
        }
        // Losing fields would look as if the platform had none.
        serde_json::from_str(&self.0)
            .unwrap_or_else(|error| unreachable!("packed fields are JSON: {error}"))
    }

    /// The field called `name`, if there is one.
    pub fn get(&self, name: &str) -> Option<Value> {
        if self.is_empty() {
            return None;
        }
        let mut reader = serde_json::Deserializer::from_str(&self.0);
        reader
            .deserialize_map(Only(name))
            .unwrap_or_else(|error| unreachable!("packed fields are JSON: {error}"))
    }

    /// The whole number in the field called `name`, if there is one.
    pub fn number(&self, name: &str) -> Option<i64> {
        self.get(name)?.as_i64()
    }

    /// The text in the field called `name`, if there is one.
    pub fn text(&self, name: &str) -> Option<String> {
        match self.get(name)? {
            Value::String(text) => Some(text),
            _ => None,
        }
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Sets a field.
    pub fn insert(&mut self, name: impl Into<String>, value: Value) {
        let mut fields = self.unpack();
        fields.insert(name.into(), value);
        *self = fields.into();
    }
}

impl From<Map<String, Value>> for Fields {
    fn from(fields: Map<String, Value>) -> Self {
        match fields.is_empty() {
            true => Self::default(),
            false => Self(Value::Object(fields).to_string().into()),
        }
    }
}

impl FromIterator<(String, Value)> for Fields {
    fn from_iter<I: IntoIterator<Item = (String, Value)>>(fields: I) -> Self {
        fields.into_iter().collect::<Map<_, _>>().into()
    }
}

impl IntoIterator for &Fields {
    type Item = (String, Value);
    type IntoIter = serde_json::map::IntoIter;

    fn into_iter(self) -> Self::IntoIter {
        self.unpack().into_iter()
    }
}

impl fmt::Debug for Fields {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_map().entries(self).finish()
    }
}

impl Serialize for Fields {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.unpack().serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Fields {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Map::deserialize(deserializer).map(Self::from)
    }
}

/// Reads the field of this name and passes over all others.
struct Only<'a>(&'a str);

impl<'de> Visitor<'de> for Only<'_> {
    type Value = Option<Value>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("fields")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Self::Value, A::Error> {
        let mut found = None;
        while let Some(is_it) = fields.next_key_seed(Called(self.0))? {
            match is_it {
                true => found = Some(fields.next_value()?),
                false => drop(fields.next_value::<IgnoredAny>()?),
            }
        }
        Ok(found)
    }
}

/// Tells whether a name is this one, without keeping it.
struct Called<'a>(&'a str);

impl<'de> DeserializeSeed<'de> for Called<'_> {
    type Value = bool;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<bool, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for Called<'_> {
    type Value = bool;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a name")
    }

    fn visit_str<E>(self, name: &str) -> Result<bool, E> {
        Ok(name == self.0)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn map(value: &Value) -> Map<String, Value> {
        value.as_object().unwrap().clone()
    }

    #[test]
    fn fields_come_out_as_they_went_in() {
        let fields = json!({
            "a\"b\n": [1, -2, 0.1, 1.7976931348623157e308, u64::MAX, i64::MIN],
            "name": "Zürich \u{1f69a}",
            "none": null,
            "tree": {"x": {"y": [true, {}]}, "name": "inner"}
        });
        let packed = Fields::from(map(&fields));
        assert_eq!(packed.unpack(), map(&fields));
        for (name, value) in map(&fields) {
            assert_eq!(packed.get(&name), Some(value), "{name}");
        }
        assert_eq!(packed.get("y"), None);
    }

    #[test]
    fn every_number_with_a_fraction_is_the_same_afterwards() {
        for bits in (0..u64::MAX - (1 << 52)).step_by(1 << 51) {
            let number = f64::from_bits(bits | 0x5_DEAD_BEEF_1234);
            if number.is_finite() {
                let packed = Fields::from(map(&json!({"x": number})));
                assert_eq!(packed.get("x"), Some(json!(number)));
            }
        }
    }

    #[test]
    fn no_fields_take_no_memory_and_are_not_missing() {
        let none = Fields::from(Map::new());
        assert!(none.is_empty() && none.unpack().is_empty() && none.get("x").is_none());
        assert_eq!(serde_json::to_string(&none).unwrap(), "{}");
        assert_eq!(serde_json::from_str::<Fields>("{}").unwrap(), none);
    }

    #[test]
    fn a_field_is_set_in_place_of_the_one_before() {
        let mut fields = Fields::default();
        fields.insert("b", json!(1));
        fields.insert("a", json!(2));
        fields.insert("b", json!(3));
        assert_eq!(serde_json::to_value(&fields).unwrap(), json!({"a": 2, "b": 3}));
    }
}
