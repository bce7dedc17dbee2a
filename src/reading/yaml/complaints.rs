//! The complaints about one file.

use crate::diagnostic::{Code, Diagnostic, counted};
use crate::source::{Limits, SourceId, Span};

/// Collects the complaints about one file, up to the limit.
#[derive(Debug)]
pub(super) struct Sink {
    source: SourceId,
    limit: usize,
    kept: Vec<Diagnostic>,
    dropped: usize,
}

impl Sink {
    pub(super) fn new(source: SourceId, limits: &Limits) -> Self {
        Self { source, limit: limits.diagnostics, kept: Vec::new(), dropped: 0 }
    }

    pub(super) fn push(&mut self, diagnostic: Diagnostic) {
        if self.kept.len() < self.limit {
            self.kept.push(diagnostic);
        } else {
            self.dropped += 1;
        }
    }

    /// Counts a complaint that nobody makes, since it would not be kept.
    pub(super) fn drop_one(&mut self) {
        self.dropped += 1;
    }

    /// Whether one more would be kept, for callers to whom building one is dear.
    pub(super) fn is_full(&self) -> bool {
        self.kept.len() >= self.limit
    }

    /// The complaints, with a word about those that were too many.
    pub(super) fn finish(mut self) -> Vec<Diagnostic> {
        if self.dropped > 0 {
            let message =
                format!("{} in this file not listed", counted(self.dropped as u64, "more problem"));
            let diagnostic = Diagnostic::error(Code::TooManyProblems, message)
                .at(Span::new(self.source, 0, 0), "");
            self.kept.push(diagnostic);
        }
        self.kept
    }
}
