//! How long, and until when.

use std::borrow::Cow;
use std::fmt;

use jiff::SignedDuration;
use jiff::civil::date;
use jiff::fmt::temporal::{Pieces, PiecesOffset};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, de};

/// 9999-12-31T23:59:59Z in unix seconds: the last second that RFC 3339 can say.
pub const LAST_SECOND: i64 = 253_402_300_799;

/// A lifetime in seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ttl(pub i64);

/// A point of time in unix seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Expire(pub i64);

/// Why a text is no point of time that a token can expire at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotATime {
    /// It has another form, or there is no such day, hour, minute or second.
    #[error("is not a point of time")]
    Form,
    /// Nothing says how far its clock is from UTC.
    #[error("has no time zone")]
    NoZone,
    /// Before the platform's clock begins.
    #[error("lies before 1970, where the platform's clock begins")]
    BeforeEpoch,
    /// The platform takes second 0 for none.
    #[error("is second 0 of the platform's clock, which means that nothing expires")]
    Epoch,
    /// After [`LAST_SECOND`].
    #[error("lies after 9999-12-31T23:59:59Z, the last second that can be written")]
    TooLate,
}

impl Ttl {
    /// Reads `30d`, `12h`, `1d 12h` as seconds; a day has 24 hours.
    pub fn parse(text: &str) -> Option<i64> {
        let span: jiff::Span = text.parse().ok()?;
        let duration: SignedDuration =
            span.to_duration(jiff::SpanRelativeTo::days_are_24_hours()).ok()?;
        Some(duration.as_secs())
    }
}

impl Expire {
    /// Reads a point of time of RFC 3339 as unix seconds, without fractions of a second; a leap second is the one before
    /// it, which is what clocks of unix make of it.
    ///
    /// # Errors
    /// [`NotATime`].
    pub fn parse(text: &str) -> Result<i64, NotATime> {
        // A timestamp of the library ends a day before the calendar does, to leave room for offsets.
        let year = text.trim_start_matches('+').bytes().take_while(u8::is_ascii_digit).count();
        if year > 4 && text.contains(['T', 't']) && text.contains('-') {
            return Err(NotATime::TooLate);
        }
        let pieces = Pieces::parse(text).map_err(|_| NotATime::Form)?;
        let time = pieces.time().ok_or(NotATime::Form)?;
        let offset = match pieces.offset() {
            Some(PiecesOffset::Numeric(numeric)) => i64::from(numeric.offset().seconds()),
            Some(_) => 0,
            None => return Err(NotATime::NoZone),
        };
        let local = pieces.date().to_datetime(time);
        let epoch = date(1970, 1, 1).at(0, 0, 0, 0);
        match local.duration_since(epoch).as_secs() - offset {
            0 => Err(NotATime::Epoch),
            ..0 => Err(NotATime::BeforeEpoch),
            seconds if seconds > LAST_SECOND => Err(NotATime::TooLate),
            seconds => Ok(seconds),
        }
    }
}

/// A number, or a text that stands for one. What it takes is said by the schema; a document that breaks it is not decoded.
struct Seconds(fn(&str) -> Option<i64>);

impl de::Visitor<'_> for Seconds {
    type Value = i64;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("seconds, or a text that stands for them")
    }

    fn visit_i64<E: de::Error>(self, seconds: i64) -> Result<i64, E> {
        Ok(seconds)
    }

    fn visit_u64<E: de::Error>(self, seconds: u64) -> Result<i64, E> {
        i64::try_from(seconds).map_err(|_| E::custom("too many seconds"))
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<i64, E> {
        (self.0)(text).ok_or_else(|| E::custom("a text that is not a number of seconds"))
    }
}

impl<'de> Deserialize<'de> for Ttl {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Seconds(Self::parse)).map(Self)
    }
}

impl JsonSchema for Ttl {
    fn schema_name() -> Cow<'static, str> {
        "Ttl".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "Seconds, or a duration of weeks, days, hours, minutes and seconds.",
            "anyOf": [
                {"type": "integer", "minimum": 0},
                {"type": "string", "pattern": r"^([0-9]+ ?(w|d|h|m|s) ?)+$"}
            ],
            "examples": [3600, "12h", "30d"]
        })
    }
}

impl<'de> Deserialize<'de> for Expire {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Seconds(|text| Self::parse(text).ok())).map(Self)
    }
}

impl JsonSchema for Expire {
    fn schema_name() -> Cow<'static, str> {
        "Expire".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "RFC 3339 with a time zone, or unix seconds.",
            "anyOf": [
                {"type": "integer", "minimum": 0},
                {"type": "string", "pattern": r"^[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}.*$"}
            ],
            "examples": ["2027-01-31T00:00:00Z", 1798675200]
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_point_of_time_is_read_up_to_the_last_second_of_the_calendar() {
        for (text, seconds) in [
            ("1970-01-01T00:00:01Z", 1),
            ("2027-01-31T00:00:00Z", 1_801_353_600),
            ("2027-01-31t01:30:00+01:30", 1_801_353_600),
            ("2027-01-30 19:00:00.999-05:00", 1_801_353_600),
            ("2027-01-31T00:00Z", 1_801_353_600),
            // A leap second, which unix has no number for.
            ("2016-12-31T23:59:60Z", 1_483_228_799),
            ("2028-02-29T00:00:00Z", 1_835_395_200),
            ("9999-12-30T22:00:00Z", 253_402_207_200),
            ("9999-12-31T23:59:59Z", LAST_SECOND),
            ("9999-12-31T23:59:59+14:00", LAST_SECOND - 14 * 3600),
        ] {
            assert_eq!(Expire::parse(text), Ok(seconds), "{text}");
        }
    }

    #[test]
    fn what_is_no_point_of_time_says_why() {
        for (text, why) in [
            ("2027-13-01T00:00:00Z", NotATime::Form),
            ("2027-02-29T00:00:00Z", NotATime::Form),
            ("2027-01-31T25:00:00Z", NotATime::Form),
            ("2027-01-31T00:00:61Z", NotATime::Form),
            ("2027-01-31T00:00:00+25:61", NotATime::Form),
            ("2027-01-31", NotATime::Form),
            ("never", NotATime::Form),
            ("2027-01-31T00:00:00", NotATime::NoZone),
            ("1970-01-01T00:00:00Z", NotATime::Epoch),
            ("1970-01-01T02:00:00+02:00", NotATime::Epoch),
            ("1969-12-31T23:59:59Z", NotATime::BeforeEpoch),
            ("9999-12-31T23:59:59-00:01", NotATime::TooLate),
            ("10000-01-01T00:00:00Z", NotATime::TooLate),
        ] {
            assert_eq!(Expire::parse(text), Err(why), "{text}");
        }
    }
}
