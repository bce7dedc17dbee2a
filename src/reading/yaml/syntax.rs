//! The parser's complaints in words that help.

use granit_parser::{ErrorKind, ScanError};

use super::build::too_deep;
use super::complaints::Sink;
use super::indent;
use crate::diagnostic::{Code, Diagnostic, Edit};
use crate::source::{Limits, SourceId, Span, floor};

/// The diagnostic for what the parser could not read.
pub(super) fn diagnostic(
    source: SourceId,
    text: &str,
    error: &ScanError,
    limits: &Limits,
) -> Diagnostic {
    let at = floor(text, error.marker().byte_offset().unwrap_or(text.len()));
    let at = match error.kind() {
        ErrorKind::TabNotAllowed
        | ErrorKind::TabInBlockIndentation
        | ErrorKind::TabInIndentation
        | ErrorKind::TabInPlainScalar => indenting_tab(text, at).unwrap_or(at),
        _ => at,
    };
    // A line break is no character to underline.
    let next =
        text.get(at..).and_then(|rest| rest.chars().next()).filter(|c| !matches!(c, '\n' | '\r'));
    let span = Span::new(source, at, at + next.map_or(0, char::len_utf8));
    let (message, help) = match error.kind() {
        ErrorKind::RecursionLimitExceeded => return too_deep(span, limits.depth),
        kind => words(kind),
    };
    let diagnostic = Diagnostic::error(Code::YamlSyntax, message).at(span, "");
    if is_about_indentation(error.kind())
        && let Some(slip) = indent::slip(source, text, at)
    {
        let Edit { span, replacement } = slip.edit;
        return Diagnostic { message: slip.message, ..diagnostic }
            .help(slip.help)
            .suggest(span, replacement);
    }
    let diagnostic = match error.kind() {
        ErrorKind::BomInsideDocument => {
            // What begins like a manifest lacks the line between two of them.
            let rest = text.get(span.end as usize..).unwrap_or_default();
            let before = text.get(..at).unwrap_or_default();
            let is_glued = rest.starts_with("apiVersion") && !before.trim_end().ends_with("---");
            diagnostic.suggest(span, if is_glued { "---\n" } else { "" })
        }
        _ => diagnostic,
    };
    if help.is_empty() { diagnostic } else { diagnostic.help(help) }
}

/// Whether the parser may have stumbled over a line that begins in another column than it was meant to.
fn is_about_indentation(kind: &ErrorKind) -> bool {
    matches!(
        kind,
        ErrorKind::InvalidIndentation
            | ErrorKind::ExpectedBlockMappingKey
            | ErrorKind::ExpectedBlockSequenceEntry
            | ErrorKind::MappingValueNotAllowed
            | ErrorKind::MappingKeyNotAllowed
            | ErrorKind::SimpleKeyExpected
            | ErrorKind::InvalidSimpleKey
    )
}

/// The tab at the beginning of a line that follows `from`: the scanner names the text before it, which it took the line
/// for a continuation of. Looking no further than [`NEARBY`] keeps a file of many such mistakes cheap.
fn indenting_tab(text: &str, from: usize) -> Option<usize> {
    let nearby = text.as_bytes().get(from..)?;
    let nearby = &nearby[..nearby.len().min(NEARBY)];
    let tab = nearby.iter().position(|byte| *byte == b'\t')?;
    let before = nearby[..tab].rsplit(|byte| *byte == b'\n').next()?;
    before.iter().all(|byte| *byte == b' ').then_some(from + tab)
}

/// How far behind the reported place a tab is looked for, in bytes.
const NEARBY: usize = 1024;

/// Complains about the first character that YAML does not allow as it is, the rest being most likely of the same making.
pub(super) fn unprintable(source: SourceId, text: &str, sink: &mut Sink) {
    let mut found = text.char_indices().filter(|(_, c)| !is_yaml(*c));
    let Some((at, c)) = found.next() else { return };
    let more = match found.count() {
        0 => String::new(),
        more => format!(", and neither are {more} more like it"),
    };
    let message =
        format!("the character U+{:04X} is not allowed in YAML as it is{more}", u32::from(c));
    sink.push(
        Diagnostic::error(Code::YamlSyntax, message)
            .at(Span::new(source, at, at + c.len_utf8()), "")
            .help("inside of double quotes it can be written as an escape"),
    );
}

/// Whether the parser stumbled over a character that [`unprintable`] has complained about.
pub(super) fn is_about_unprintable(error: &ScanError) -> bool {
    matches!(error.kind(), ErrorKind::UnexpectedCharacter { character } if !is_yaml(*character))
}

/// What YAML 1.2 calls printable, which leaves out most controls.
fn is_yaml(c: char) -> bool {
    match c {
        '\t' | '\n' | '\r' | '\u{85}' => true,
        c if c < ' ' => false,
        '\u{7f}'..='\u{9f}' | '\u{fffe}' | '\u{ffff}' => false,
        _ => true,
    }
}

const INDENT_HELP: &str =
    "fields of one mapping start in the same column; what belongs to a field is indented further";
const TAB_HELP: &str = "indent with spaces";
const QUOTE_HELP: &str = "text with special characters needs quotes";

/// Headline and hint for each thing that people really get wrong; the parser's own words for the rest.
fn words(kind: &ErrorKind) -> (String, &'static str) {
    let (message, help) = match kind {
        ErrorKind::TabNotAllowed
        | ErrorKind::TabInBlockIndentation
        | ErrorKind::TabInIndentation
        | ErrorKind::TabAtBlockScalarStart
        | ErrorKind::TabInPlainScalar => ("a tab is not allowed for indentation", TAB_HELP),
        ErrorKind::InvalidIndentation => ("the indentation matches nothing above it", INDENT_HELP),
        ErrorKind::ExpectedBlockMappingKey => ("expected a key", INDENT_HELP),
        ErrorKind::ExpectedBlockSequenceEntry => ("expected another `- ` item", INDENT_HELP),
        ErrorKind::SimpleKeyExpected | ErrorKind::InvalidSimpleKey => (
            "a `:` is missing after this key",
            "a field is written `key: value`, with the colon on the line of the key",
        ),
        ErrorKind::MappingValueNotAllowed => (
            "a value cannot begin here",
            "text that holds `: ` needs quotes, and so does a key in the middle of a line",
        ),
        ErrorKind::MappingKeyNotAllowed => ("a key cannot begin here", INDENT_HELP),
        ErrorKind::BlockSequenceEntryNotAllowed => {
            ("a list cannot begin here", "start the list on a line of its own")
        }
        ErrorKind::BlockEntryInFlowCollection => (
            "a `- ` item cannot be between brackets",
            "between brackets items are separated by commas",
        ),
        ErrorKind::UnexpectedCharacter { .. }
        | ErrorKind::PlainScalarStartsWithDashFlowIndicator => {
            ("bare text cannot begin with this character", QUOTE_HELP)
        }
        ErrorKind::UnclosedQuotedScalar => ("this quote is never closed", ""),
        ErrorKind::DocumentIndicatorInQuotedScalar => {
            ("a document ends inside of quotes", "close the quote before this line")
        }
        ErrorKind::InvalidTrailingSingleQuotedScalar => (
            "something follows the closing quote",
            "inside of single quotes a quote is written twice: `''`",
        ),
        ErrorKind::InvalidTrailingDoubleQuotedScalar => (
            "something follows the closing quote",
            "inside of double quotes a quote is written `\\\"`",
        ),
        ErrorKind::UnknownQuotedScalarEscape => (
            "unknown escape",
            "inside of double quotes a backslash is written `\\\\`; single quotes take it as it is",
        ),
        ErrorKind::InvalidQuotedScalarIndent => (
            "a quote above is still open here",
            "close it, or indent this line further if it is part of the text",
        ),
        ErrorKind::InvalidFlowScalarIndent => (
            "this line is indented less than what it belongs to",
            "a bracket above may be missing its end",
        ),
        ErrorKind::InvalidColonPlacement | ErrorKind::FlowMappingValueAdjacentCollection => {
            ("a `:` is not allowed here", "a bracket above may be missing its end")
        }
        ErrorKind::ExpectedFlowMappingSeparator => ("expected a `,` or `}`", QUOTE_HELP),
        ErrorKind::ExpectedFlowSequenceSeparator => ("expected a `,` or `]`", QUOTE_HELP),
        ErrorKind::MisplacedFlowCollectionEnd => ("this bracket closes nothing", QUOTE_HELP),
        ErrorKind::MismatchedFlowCollectionEnd { open, close } => {
            return (format!("`{close}` closes what `{open}` opened"), "");
        }
        ErrorKind::UnclosedFlowCollection { open } => {
            return (format!("this `{open}` is never closed"), "");
        }
        ErrorKind::UnexpectedEofFlowSequence
        | ErrorKind::UnexpectedEofFlowMapping
        | ErrorKind::UnexpectedEofImplicitFlowMapping => {
            ("a bracket is still open where the file ends", "")
        }
        ErrorKind::InvalidBlockScalarHeader => {
            ("nothing can follow this `|` or `>`", "the text starts on the next line, indented")
        }
        ErrorKind::InvalidBlockScalarIndent => (
            "an empty line above is indented further than the text",
            "remove the spaces from the empty lines above",
        ),
        ErrorKind::CommentInterceptedScalar => ("a comment in the middle of a text", QUOTE_HELP),
        ErrorKind::CommentNotSeparated => ("a comment needs a space before its `#`", QUOTE_HELP),
        ErrorKind::UndeclaredTagHandle => {
            ("this tag has a prefix that is not declared", "manifests need no tags")
        }
        ErrorKind::ExpectedNodeContent => ("expected a value", QUOTE_HELP),
        ErrorKind::ExpectedDocumentStart | ErrorKind::InvalidDocumentEnd => {
            ("the document ended above; `---` has to begin a new one", INDENT_HELP)
        }
        ErrorKind::UnsupportedYamlMajorVersion => {
            ("this version of YAML is not supported", "leave the directive out")
        }
        ErrorKind::MissingAnchorOrAliasName => ("a name is missing here", QUOTE_HELP),
        ErrorKind::BomInsideDocument => (
            "a byte order mark inside of a document",
            "between documents, it belongs before the `---`",
        ),
        other => return (format!("not valid YAML: {other}"), ""),
    };
    (message.to_owned(), help)
}
