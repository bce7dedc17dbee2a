//! What a scalar means: the core schema of YAML 1.2, to the letter, with what cannot be carried further refused.
//!
//! So `yes`, `on`, `1_000` and `12:30:45` are text and `014` is fourteen, whatever older readers made of them.

use granit_parser::Tag;

use crate::diagnostic::quote;
use crate::source::Meaning;

/// Why a scalar has no meaning here.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Unfit {
    /// It is a number that cannot be carried; the rest of the sentence that begins with it.
    Range(&'static str),
    /// Its tag is unknown or fits something else; the whole sentence.
    Tag(String),
}

const NOT_FINITE: &str = "is not a finite number";
const NO_ROOM: &str = "does not fit in a 64-bit integer";

/// The meaning of a scalar with this text, style and tag.
pub(super) fn resolve(text: &str, plain: bool, tag: Option<&Tag>) -> Result<Meaning, Unfit> {
    let Some(tag) = tag else {
        return if plain { core(text) } else { Ok(Meaning::Text) };
    };
    if is_nonspecific(tag) {
        return Ok(Meaning::Text);
    }
    let Some(name) = tag.core_suffix() else {
        return Err(Unfit::Tag(unknown(tag)));
    };
    let unfit =
        || Unfit::Tag(format!("the tag {} does not match {}", quote(&tag.original()), quote(text)));
    match (name, core(text)) {
        ("str", _) => Ok(Meaning::Text),
        ("seq" | "map", _) => Err(unfit()),
        (_, Err(range)) => Err(range),
        ("float", Ok(Meaning::Int(number))) => Ok(Meaning::Float(number as f64)),
        ("float", Ok(Meaning::Natural(number))) => Ok(Meaning::Float(number as f64)),
        ("null", Ok(meaning @ Meaning::Null))
        | ("bool", Ok(meaning @ Meaning::Bool(_)))
        | ("int", Ok(meaning @ (Meaning::Int(_) | Meaning::Natural(_))))
        | ("float", Ok(meaning @ Meaning::Float(_))) => Ok(meaning),
        _ => Err(unfit()),
    }
}

/// What is wrong with the tag of a collection, if anything is; `core` is the tag that fits.
pub(super) fn collection_tag(core: &str, tag: &Tag) -> Option<String> {
    match tag.core_suffix() {
        _ if is_nonspecific(tag) => None,
        Some(name) if name == core => None,
        Some(_) => {
            let what = if core == "map" { "a mapping" } else { "a list" };
            Some(format!("the tag {} does not match {what}", quote(&tag.original())))
        }
        None => Some(unknown(tag)),
    }
}

/// The meaning of a bare scalar by the core schema of YAML 1.2; [`Meaning::Unreadable`] for numbers that are refused.
///
/// Whoever writes YAML asks this to learn which texts need quotes.
#[must_use]
pub fn core_schema(text: &str) -> Meaning {
    core(text).unwrap_or(Meaning::Unreadable)
}

fn core(text: &str) -> Result<Meaning, Unfit> {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Ok(Meaning::Null),
        "true" | "True" | "TRUE" => return Ok(Meaning::Bool(true)),
        "false" | "False" | "FALSE" => return Ok(Meaning::Bool(false)),
        ".nan" | ".NaN" | ".NAN" => return Err(Unfit::Range(NOT_FINITE)),
        _ => {}
    }
    // Nearly all scalars of a manifest are words, and told from numbers by their first character.
    if !text.starts_with(['+', '-', '.', '0', '1', '2', '3', '4', '5', '6', '7', '8', '9']) {
        return Ok(Meaning::Text);
    }
    if let Some(digits) = text.strip_prefix("0o") {
        return radix(digits, 8);
    }
    if let Some(digits) = text.strip_prefix("0x") {
        return radix(digits, 16);
    }
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    if matches!(unsigned, ".inf" | ".Inf" | ".INF") {
        return Err(Unfit::Range(NOT_FINITE));
    }
    if !unsigned.is_empty() && unsigned.bytes().all(|byte| byte.is_ascii_digit()) {
        return match text.parse() {
            Ok(number) => Ok(Meaning::Int(number)),
            Err(_) => text.parse().map(Meaning::Natural).map_err(|_| Unfit::Range(NO_ROOM)),
        };
    }
    if is_float(unsigned) {
        return match text.parse::<f64>() {
            Ok(number) if number.is_finite() => Ok(Meaning::Float(number)),
            Ok(_) => Err(Unfit::Range("is larger than any number can be")),
            Err(_) => Ok(Meaning::Text),
        };
    }
    Ok(Meaning::Text)
}

fn radix(digits: &str, radix: u32) -> Result<Meaning, Unfit> {
    if digits.is_empty() || !digits.chars().all(|digit| digit.is_digit(radix)) {
        return Ok(Meaning::Text);
    }
    match u64::from_str_radix(digits, radix) {
        Ok(number) => Ok(i64::try_from(number).map_or(Meaning::Natural(number), Meaning::Int)),
        Err(_) => Err(Unfit::Range(NO_ROOM)),
    }
}

/// `( \. digits | digits ( \. digits? )? ) ( [eE] [-+]? digits )?`, the sign already taken off.
fn is_float(text: &str) -> bool {
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (text, None),
    };
    let mantissa = match mantissa.split_once('.') {
        Some(("", fraction)) => !fraction.is_empty() && digits(fraction),
        Some((whole, fraction)) => digits(whole) && digits(fraction),
        None => !mantissa.is_empty() && digits(mantissa),
    };
    mantissa
        && exponent.is_none_or(|exponent| {
            let exponent = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
            !exponent.is_empty() && digits(exponent)
        })
}

/// A lone `!`: "take the kind that you see, and text for a scalar".
fn is_nonspecific(tag: &Tag) -> bool {
    tag.original() == "!"
}

fn unknown(tag: &Tag) -> String {
    format!("unknown tag {}", quote(&tag.original()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn traps_of_older_yaml_are_text() {
        for text in [
            "yes",
            "No",
            "on",
            "OFF",
            "y",
            "n",
            "1_000",
            "12:30:45",
            "0b11",
            "2026-01-01",
            "1e",
            "0o8",
            "0x",
            "-0x1",
        ] {
            assert_eq!(core_schema(text), Meaning::Text, "{text}");
        }
        for text in ["-", "+", ".", "..", "-.", "+.e1", "1.2.3", "0o", "１２"] {
            assert_eq!(core_schema(text), Meaning::Text, "{text}");
        }
    }

    #[test]
    fn integers_are_read_as_the_core_schema_says() {
        for (text, number) in
            [("0", 0), ("014", 14), ("0o14", 12), ("0x1F", 31), ("-7", -7), ("+7", 7)]
        {
            assert_eq!(core_schema(text), Meaning::Int(number), "{text}");
        }
        assert_eq!(core_schema("-9223372036854775808"), Meaning::Int(i64::MIN));
        assert_eq!(core_schema("9223372036854775808"), Meaning::Natural(1 << 63));
        assert_eq!(core_schema("0x8000000000000000"), Meaning::Natural(1 << 63));
        assert_eq!(core_schema("+18446744073709551615"), Meaning::Natural(u64::MAX));
        for text in ["18446744073709551616", "0x10000000000000000", "-9223372036854775809"] {
            assert_eq!(core(text), Err(Unfit::Range(NO_ROOM)), "{text}");
        }
    }

    #[test]
    fn other_numbers_are_finite_or_refused() {
        for (text, number) in
            [("1.5", 1.5), (".5", 0.5), ("5.", 5.0), ("1e3", 1000.0), ("-1.5E-1", -0.15)]
        {
            assert_eq!(core_schema(text), Meaning::Float(number), "{text}");
        }
        for text in [".inf", "-.INF", "+.Inf", ".nan", ".NaN", "1e999"] {
            assert_eq!(core_schema(text), Meaning::Unreadable, "{text}");
        }
    }

    #[test]
    fn null_and_booleans_have_three_spellings_each() {
        for text in ["", "~", "null", "Null", "NULL"] {
            assert_eq!(core_schema(text), Meaning::Null, "{text}");
        }
        for text in ["true", "True", "TRUE"] {
            assert_eq!(core_schema(text), Meaning::Bool(true), "{text}");
        }
        assert_eq!(core_schema("tRUE"), Meaning::Text);
        assert_eq!(core_schema("nULL"), Meaning::Text);
    }
}
