//! From YAML that the schema found sound to typed values.

use serde::{Deserialize, Deserializer};

use super::repair::{form_help, repair};
use super::wording::not_of_form;
use crate::diagnostic::{Code, Diagnostic};
use crate::source::{Spanned, Target, locate, pointer};

/// Decodes a manifest, or points at the first value that has the form of its field and still means nothing.
pub(super) fn read<'de, T, D>(value: D) -> Result<T, String>
where
    T: Deserialize<'de>,
    D: Deserializer<'de> + Copy,
{
    // Most have nothing wrong, and then nobody has to know where.
    if let Ok(manifest) = T::deserialize(value) {
        return Ok(manifest);
    }
    serde_path_to_error::deserialize(value).map_err(|error| pointer_of(error.path()))
}

fn pointer_of(path: &serde_path_to_error::Path) -> String {
    use serde_path_to_error::Segment;
    let mut at = String::new();
    for segment in path {
        at = match segment {
            Segment::Seq { index } => pointer::child(&at, index),
            Segment::Map { key } => pointer::child(&at, key),
            Segment::Enum { .. } | Segment::Unknown => continue,
        };
    }
    at
}

/// The most values of one manifest that are told to be unreadable; each takes another pass over it.
pub(super) const MOST_UNREAD: usize = 20;

/// The finding about a value that has the form of its field and still means nothing. What the decoder says of it is in the
/// words of this program's types, which nobody has to know.
pub(super) fn unread(value: &Spanned, pointer: &str) -> Diagnostic {
    let found = pointer::find(value, pointer);
    let text = found.and_then(Spanned::as_scalar).map_or("", |scalar| scalar.text.as_str());
    let span = locate(value, pointer, Target::Value);
    let message = not_of_form(pointer, found);
    let finding = Diagnostic::error(Code::InvalidValue, message).at(span, "");
    let finding = match (repair(pointer, text), form_help(pointer)) {
        (Some(text), _) => finding.help(format!("did you mean `{text}`?")).suggest(span, text),
        (None, Some(help)) => finding.help(help),
        (None, None) => finding,
    };
    finding.pointer(pointer)
}
