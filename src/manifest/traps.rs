//! Values that YAML 1.2 reads in one way and older readers in another.
//!
//! Where a field has a type, a wrong one is an error and needs no warning. What is left are numbers with a leading zero,
//! and free fields, which take everything.

use crate::diagnostic::{Code, Diagnostic, Diagnostics};
use crate::source::hidden::is_secret_key;
use crate::source::value::Scalar;
use crate::source::{Meaning, Spanned, Value};

/// Warns of bare numbers that were octal once.
pub(super) fn numbers(document: &Spanned, diagnostics: &mut Diagnostics) {
    let most = diagnostics.len() + MOST_WARNINGS;
    scalars(document, "", &mut |value, scalar, pointer| {
        let digits = scalar.text.trim_start_matches(['+', '-']);
        let was_octal = digits.len() > 1
            && digits.starts_with('0')
            && digits.bytes().all(|byte| (b'0'..=b'7').contains(&byte));
        let number = match scalar.meaning {
            Meaning::Int(number) => number,
            Meaning::Natural(number) => {
                if !is_free(pointer) {
                    diagnostics.push(too_large(number, value, pointer));
                }
                return;
            }
            _ => return,
        };
        if scalar.plain && was_octal && number != 0 && diagnostics.len() < most {
            // In a free field it is a post code more often than a number.
            let meant = match pointer.starts_with("/spec/metadata/") {
                true => format!("\"{}\"", scalar.text),
                false => number.to_string(),
            };
            diagnostics.push(
                Diagnostic::warning(
                    Code::YamlTrap,
                    format!(
                        "`{}` is {number}; readers of YAML 1.1 take it for an octal number",
                        scalar.text
                    ),
                )
                .at(value.span, "")
                .help("leave the zero out, or put the value in quotes if it is text")
                .suggest(value.span, meant)
                .pointer(pointer),
            );
        }
    });
}

/// Whether a place is in a map that takes everything that the platform takes.
fn is_free(pointer: &str) -> bool {
    pointer.contains("/metadata/") && !pointer.starts_with("/metadata/")
}

/// No field counts so far; only free maps hold such numbers.
fn too_large(number: u64, value: &Spanned, pointer: &str) -> Diagnostic {
    let message = format!("`{number}` does not fit in a signed 64-bit integer");
    Diagnostic::error(Code::NumberRange, message)
        .at(value.span, "")
        .help("if it is text, put it in quotes")
        .pointer(pointer)
}

/// Warns of bare texts in free metadata that were booleans once.
pub(super) fn free_texts(document: &Spanned, diagnostics: &mut Diagnostics) {
    let free = document.get("spec").and_then(|spec| spec.get("metadata"));
    let Some(free) = free else { return };
    let most = diagnostics.len() + MOST_WARNINGS;
    scalars(free, "/spec/metadata", &mut |value, scalar, pointer| {
        let was_boolean = matches!(
            scalar.text.as_str(),
            "yes" | "Yes" | "YES" | "no" | "No" | "NO" | "on" | "On" | "ON" | "off" | "Off" | "OFF"
        );
        if scalar.plain
            && was_boolean
            && scalar.meaning == Meaning::Text
            && diagnostics.len() < most
        {
            diagnostics.push(
                Diagnostic::warning(
                    Code::YamlTrap,
                    format!(
                        "`{}` is a text; readers of YAML 1.1 take it for a boolean",
                        scalar.text
                    ),
                )
                .at(value.span, "")
                .help("put it in quotes if it is text, or write `true` or `false`")
                .suggest(value.span, format!("\"{}\"", scalar.text))
                .pointer(pointer),
            );
        }
    });
}

/// The most warnings of one manifest; a list of a million octal numbers is one mistake.
const MOST_WARNINGS: usize = 200;

/// Calls `visit` with every scalar at or below `value` that is not a key. The depth of a document is bounded.
fn scalars(value: &Spanned, at: &str, visit: &mut dyn FnMut(&Spanned, &Scalar, &str)) {
    walk(value, &mut at.to_owned(), visit);
}

/// One pointer grows and shrinks on the way, for most documents have nothing to warn of and many scalars.
fn walk(value: &Spanned, at: &mut String, visit: &mut dyn FnMut(&Spanned, &Scalar, &str)) {
    let length = at.len();
    match &value.value {
        // What somebody typed there is told as the wrong type, and not quoted.
        Value::Scalar(_) if at.rsplit('/').next().is_some_and(is_secret_key) => {}
        Value::Scalar(scalar) => visit(value, scalar, at),
        Value::Sequence(items) => {
            for (index, item) in items.iter().enumerate() {
                at.push('/');
                at.push_str(&index.to_string());
                walk(item, at, visit);
                at.truncate(length);
            }
        }
        Value::Mapping(entries) => {
            for entry in entries {
                at.push('/');
                match entry.key.text.contains(['~', '/']) {
                    true => at.push_str(&entry.key.text.replace('~', "~0").replace('/', "~1")),
                    false => at.push_str(&entry.key.text),
                }
                walk(&entry.value, at, visit);
                at.truncate(length);
            }
        }
    }
}
