//! The findings as JSON, for programs: an array of flat objects, every field always present.

use serde::Serialize;

use super::json_text;
use crate::diagnostic::Diagnostic;
use crate::source::SourceMap;

/// One element of the array. The names and their order are a promise to whoever reads it.
#[derive(Serialize)]
struct Finding<'a> {
    code: &'static str,
    severity: &'static str,
    message: &'a str,
    file: Option<&'a str>,
    line: Option<u32>,
    column: Option<u32>,
    end_line: Option<u32>,
    end_column: Option<u32>,
    /// All hints, one a line; null when there is none.
    help: Option<String>,
    pointer: Option<&'a str>,
}

/// The findings as a JSON array, ending in a line break.
///
/// Lines and columns count from one, columns in characters; the end is the place after the last character. What is not
/// known is `null`.
#[must_use]
pub fn json(sources: &SourceMap, diagnostics: &[Diagnostic]) -> String {
    let findings: Vec<_> = diagnostics.iter().map(|item| finding(sources, item)).collect();
    json_text(&findings)
}

fn finding<'a>(sources: &'a SourceMap, item: &'a Diagnostic) -> Finding<'a> {
    let place = item.primary.as_ref().map(|label| sources.position(label.span));
    Finding {
        code: item.code.as_str(),
        severity: item.severity.as_str(),
        message: &item.message,
        file: item.file_name(sources),
        line: place.map(|(start, _)| start.line),
        column: place.map(|(start, _)| start.column),
        end_line: place.map(|(_, end)| end.line),
        end_column: place.map(|(_, end)| end.column),
        help: (!item.help.is_empty()).then(|| item.help.join("\n")),
        pointer: item.pointer.as_deref(),
    }
}
