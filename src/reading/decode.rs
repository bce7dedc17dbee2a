//! From bytes to text: UTF-8 and a size, or a diagnostic that says where it is not.

use std::path::Path;

use crate::diagnostic::{Code, Diagnostic};
use crate::source::{Limits, SourceId, SourceMap, Span};

/// Why bytes are not a text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// There are too many.
    #[error("{size} bytes are more than the {limit} that a file may have")]
    TooLarge {
        /// How many there are.
        size: u64,
        /// How many there may be.
        limit: usize,
    },
    /// They are not UTF-8.
    #[error("not UTF-8 at byte {at}")]
    NotUtf8 {
        /// The first byte that does not fit.
        at: usize,
        /// What can be shown: up to `at` the text itself, with replacement characters from there on.
        shown: String,
    },
}

/// The text of these bytes.
///
/// # Errors
/// When there are too many of them or they are not UTF-8.
pub fn decode(bytes: Vec<u8>, limits: &Limits) -> Result<String, DecodeError> {
    if bytes.len() > limits.file_bytes {
        return Err(DecodeError::TooLarge { size: bytes.len() as u64, limit: limits.file_bytes });
    }
    String::from_utf8(bytes).map_err(|error| DecodeError::NotUtf8 {
        at: error.utf8_error().valid_up_to(),
        shown: String::from_utf8_lossy(error.as_bytes()).into_owned(),
    })
}

/// Takes the bytes of a file into the map.
///
/// Bytes that are not UTF-8 are kept in a readable form, so that the diagnostic has something to point at.
///
/// # Errors
/// The diagnostic for bytes that are no text; there is nothing to parse then.
pub fn admit(
    sources: &mut SourceMap,
    name: &str,
    bytes: Vec<u8>,
    limits: &Limits,
) -> Result<SourceId, Box<Diagnostic>> {
    if sources.bytes() + bytes.len() > limits.load_bytes {
        let message = format!("all files together have more than {} bytes", limits.load_bytes);
        return Err(Box::new(
            Diagnostic::error(Code::TooLarge, message)
                .in_file(name)
                .help("split the set into stacks of their own, which are loaded one at a time"),
        ));
    }
    let utf16 = matches!(bytes.get(..2), Some([0xff, 0xfe] | [0xfe, 0xff]));
    match decode(bytes, limits) {
        Ok(text) => Ok(sources.add(name, text)),
        Err(DecodeError::TooLarge { size, limit }) => Err(Box::new(too_large(name, size, limit))),
        Err(DecodeError::NotUtf8 { at, shown }) => {
            let end = shown
                .get(at..)
                .and_then(|rest| rest.chars().next())
                .map_or(at, |c| at + c.len_utf8());
            let source = sources.add(name, shown);
            let help = if utf16 {
                "this looks like UTF-16; save the file as UTF-8"
            } else {
                "save the file as UTF-8; YAML has escapes for other bytes only inside of double quotes"
            };
            let diagnostic = Diagnostic::error(Code::NotUtf8, "the file is not UTF-8 text")
                .at(Span::new(source, at, end), "the first invalid byte")
                .help(help);
            Err(Box::new(diagnostic))
        }
    }
}

/// The diagnostic for a file that is too large, also for one whose size alone was looked at.
pub fn too_large(name: &str, size: u64, limit: usize) -> Diagnostic {
    Diagnostic::error(
        Code::TooLarge,
        format!("the file has {size} bytes; a manifest may have {limit}"),
    )
    .in_file(name)
    .help("split it into several files; those in one folder are loaded together")
}

/// The diagnostic for a file or folder that could not be read.
pub fn unreadable(path: &Path, error: &std::io::Error) -> Diagnostic {
    Diagnostic::error(Code::UnreadableFile, format!("cannot read it: {error}"))
        .in_file(path.display().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_that_are_small_each_may_be_too_large_together() {
        let mut map = SourceMap::new();
        let limits = Limits { load_bytes: 10, ..Limits::DEFAULT };
        for name in ["a.yaml", "b.yaml"] {
            admit(&mut map, name, b"a: 1\n".to_vec(), &limits).unwrap();
        }
        let refused = *admit(&mut map, "c.yaml", b"x".to_vec(), &limits).unwrap_err();
        assert_eq!((refused.code, refused.file.as_deref()), (Code::TooLarge, Some("c.yaml")));
        assert_eq!(refused.message, "all files together have more than 10 bytes");
    }

    fn refused(bytes: &[u8]) -> (SourceMap, Diagnostic) {
        let mut map = SourceMap::new();
        let limits = Limits { file_bytes: 32, ..Limits::DEFAULT };
        let diagnostic = *admit(&mut map, "a.yaml", bytes.to_vec(), &limits).unwrap_err();
        (map, diagnostic)
    }

    #[test]
    fn the_first_byte_that_is_not_utf8_is_pointed_at() {
        let (map, diagnostic) = refused(b"a: \xc3\xa9\nb: \xff\xfe!\n");
        assert_eq!(diagnostic.code, Code::NotUtf8);
        let span = diagnostic.primary.unwrap().span;
        assert_eq!(map.position(span).0.to_string(), "2:4");
        assert_eq!(map.slice(span), "\u{fffd}");
    }

    #[test]
    fn utf16_is_recognised() {
        let (_, diagnostic) = refused(b"\xff\xfea\x00:\x00");
        assert!(diagnostic.help[0].contains("UTF-16"));
    }

    #[test]
    fn a_file_over_the_limit_is_refused_by_name() {
        let (_, diagnostic) = refused(&[b' '; 33]);
        assert_eq!((diagnostic.code, diagnostic.file.as_deref()), (Code::TooLarge, Some("a.yaml")));
    }

    #[test]
    fn text_is_admitted_as_it_is() {
        let mut map = SourceMap::new();
        let source = admit(&mut map, "a.yaml", "\u{feff}a: é".into(), &Limits::DEFAULT).unwrap();
        assert_eq!(map.text(source), "\u{feff}a: é");
    }
}
