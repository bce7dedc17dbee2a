//! `${name}` in a text: found, checked, filled in. That is all there is; nothing is computed.

use crate::resource::is_valid_name;

/// A stretch of a text.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Piece<'t> {
    /// Stands for itself.
    Text(&'t str),
    /// Stands for a parameter.
    Parameter(&'t str),
}

/// What is wrong with a text, and from which to which byte.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Malformed {
    pub(super) at: std::ops::Range<usize>,
    pub(super) said: String,
}

/// Whether a text can hold anything but itself.
pub(super) fn is_literal(text: &str) -> bool {
    !text.contains("${")
}

/// The pieces of a text; `$${` is the two characters `${`.
pub(super) fn pieces(text: &str) -> Result<Vec<Piece<'_>>, Malformed> {
    let mut pieces = Vec::new();
    let mut from = 0;
    while let Some(found) = text.get(from..).and_then(|rest| rest.find("${")) {
        let at = from + found;
        // One dollar before the mark takes its meaning away, and goes with it.
        if at > from && text.as_bytes().get(at - 1) == Some(&b'$') {
            pieces.push(Piece::Text(text.get(from..at - 1).unwrap_or_default()));
            pieces.push(Piece::Text("${"));
            from = at + 2;
            continue;
        }
        if at > from {
            pieces.push(Piece::Text(text.get(from..at).unwrap_or_default()));
        }
        let rest = text.get(at + 2..).unwrap_or_default();
        let Some(length) = rest.find('}') else {
            return Err(Malformed {
                at: at..text.len(),
                said: "`${` is not closed by `}`".to_owned(),
            });
        };
        let name = rest.get(..length).unwrap_or_default();
        if !is_parameter_name(name) {
            return Err(Malformed {
                at: at..at + 2 + length + 1,
                said: format!("{} is not the name of a parameter", crate::diagnostic::quote(name)),
            });
        }
        pieces.push(Piece::Parameter(name));
        from = at + 2 + length + 1;
    }
    if from < text.len() {
        pieces.push(Piece::Text(text.get(from..).unwrap_or_default()));
    }
    Ok(pieces)
}

/// Parameters are called like objects, without dots, which look like paths to readers of other languages.
pub(super) fn is_parameter_name(name: &str) -> bool {
    is_valid_name(name) && !name.contains('.')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_taken_apart() {
        use Piece::{Parameter, Text};
        for (text, expected) in [
            ("plain $ {x} $x", vec![Text("plain $ {x} $x")]),
            ("${a}", vec![Parameter("a")]),
            (
                "é${a}-${b_2}.",
                vec![Text("é"), Parameter("a"), Text("-"), Parameter("b_2"), Text(".")],
            ),
            ("$${a}${b}", vec![Text(""), Text("${"), Text("a}"), Parameter("b")]),
            ("$$${a}", vec![Text("$"), Text("${"), Text("a}")]),
            ("", vec![]),
        ] {
            assert_eq!(pieces(text), Ok(expected), "{text}");
        }
    }

    #[test]
    fn what_is_no_parameter_is_told_with_its_place() {
        for (text, at) in [
            ("x${a", 1..4),
            ("${}", 0..3),
            ("${ a }", 0..6),
            ("${A}", 0..4),
            ("${a.b}", 0..6),
            ("${a ? b : c}", 0..12),
        ] {
            assert_eq!(pieces(text).unwrap_err().at, at, "{text}");
        }
    }
}
