//! One finding, one line, for editors and for grep: `file:line:col: error[code]: message; help`.

use std::fmt::Write as _;

use super::{printable, without_commands};
use crate::diagnostic::Diagnostic;
use crate::source::SourceMap;

/// The findings, one line each.
#[must_use]
pub fn short(sources: &SourceMap, diagnostics: &[Diagnostic]) -> String {
    let lines = diagnostics.iter().fold(String::new(), |mut out, item| {
        line(&mut out, sources, item);
        out
    });
    without_commands(lines)
}

fn line(out: &mut String, sources: &SourceMap, item: &Diagnostic) {
    if let Some(label) = &item.primary {
        out.push_str(&printable(&sources.origin(label.span).to_string()));
        out.push_str(": ");
    } else if let Some(file) = &item.file {
        out.push_str(&printable(file));
        out.push_str(": ");
    }
    // Writing to a string cannot fail.
    let _ = write!(out, "{}[{}]: {}", item.severity.as_str(), item.code, printable(&item.message));
    for help in &item.help {
        out.push_str("; ");
        out.push_str(&printable(help));
    }
    out.push('\n');
}
