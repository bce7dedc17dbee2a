//! What an expanded object owes to its row, and how a finding about it leads to both.

use crate::diagnostic::{Diagnostic, Label};
use crate::source::{SourceMap, Span};

/// A value of a template that was filled in from a cell.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Filled {
    /// The scalar of the template.
    pub(crate) place: Span,
    /// The cell, or the default of the parameter.
    pub(crate) cell: Span,
    /// Whether the cell is all of the value.
    pub(crate) whole: bool,
}

/// The row that an object was expanded for.
#[derive(Debug, Clone)]
pub(crate) struct Instance {
    /// The row.
    pub(crate) row: Span,
    /// Which values came from where.
    pub(crate) filled: Vec<Filled>,
}

impl Instance {
    /// Leads a finding, which points into the template, on to the row as well.
    pub(crate) fn attach_origin(&self, finding: &mut Diagnostic, sources: &SourceMap) {
        if finding.secondary.iter().any(|label| label.span == self.row) {
            return;
        }
        let place = finding.primary.as_ref().map(|label| label.span);
        let mut cells = self.filled.iter().filter(|filled| Some(filled.place) == place).peekable();
        let origin = match cells.peek() {
            Some(filled) => sources.origin(filled.cell),
            None => sources.origin(self.row.head()),
        };
        if cells.peek().is_none() {
            let text = "for this row".to_owned();
            finding.secondary.push(Label { span: self.row.head(), text });
        }
        for filled in cells {
            let text = "filled in from here".to_owned();
            finding.secondary.push(Label { span: filled.cell, text });
        }
        finding.help.push(format!("this is for the row at {origin}"));
        // An edit in the template would repair one row and break the others.
        if let Some(edit) = &mut finding.suggestion
            && let Some(filled) = self.filled.iter().find(|filled| filled.place == edit.span)
        {
            if filled.whole {
                edit.span = filled.cell;
            } else {
                finding.suggestion = None;
            }
        }
    }
}
