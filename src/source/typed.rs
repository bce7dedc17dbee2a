//! Typed values from a document, without another tree in between.

use serde::de::value::{BorrowedStrDeserializer, Error, MapDeserializer, SeqDeserializer};
use serde::de::{self, Deserializer, IntoDeserializer, Visitor};
use serde::forward_to_deserialize_any;

use super::value::{Meaning, Scalar, Spanned, Value};

impl<'de> IntoDeserializer<'de> for &'de Spanned {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

/// A scalar is what it means, and not what it could be taken for: text with digits is no number.
impl<'de> Deserializer<'de> for &'de Spanned {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match &self.value {
            Value::Sequence(items) => {
                let mut items = SeqDeserializer::new(items.iter());
                let value = visitor.visit_seq(&mut items)?;
                items.end()?;
                Ok(value)
            }
            Value::Mapping(entries) => {
                let entries = entries.iter().map(|it| (it.key.text.as_str(), &it.value));
                let mut entries = MapDeserializer::new(entries);
                let value = visitor.visit_map(&mut entries)?;
                entries.end()?;
                Ok(value)
            }
            Value::Scalar(Scalar { text, meaning, .. }) => match meaning {
                Meaning::Null | Meaning::Unreadable => visitor.visit_unit(),
                Meaning::Bool(truth) => visitor.visit_bool(*truth),
                Meaning::Int(number) => visitor.visit_i64(*number),
                Meaning::Natural(number) => visitor.visit_u64(*number),
                Meaning::Float(number) => visitor.visit_f64(*number),
                Meaning::Text => visitor.visit_borrowed_str(text),
            },
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match &self.value {
            Value::Scalar(Scalar { meaning: Meaning::Null | Meaning::Unreadable, .. }) => {
                visitor.visit_none()
            }
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Error> {
        visitor.visit_newtype_struct(self)
    }

    /// Only words: a variant with something in it would need a tag, and manifests have none.
    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        match self.as_str() {
            Some(word) => visitor.visit_enum(BorrowedStrDeserializer::new(word)),
            None => Err(de::Error::custom("not a word")),
        }
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct seq tuple
        tuple_struct map struct identifier ignored_any
    }
}
