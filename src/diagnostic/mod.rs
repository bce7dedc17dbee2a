//! What is wrong with the user's text, as data.
//!
//! A diagnostic is about what a person wrote: there may be many, each has a stable code and points at characters. (An
//! error is about something we attempted; the two never mix.) Building one knows nothing of terminals, and rendering one,
//! in [`render`], knows nothing of what was checked.

mod code;
mod deny;
mod explain;
mod page;
pub mod render;
pub mod suggest;

use std::collections::HashSet;

use crate::source::{SourceMap, Span, hidden};

pub use code::{Code, Stage, UnknownCode};
pub use deny::Deny;
pub use explain::name_strange_characters;

pub use crate::source::shown::{counted, quote, shorten};

/// How much a finding matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// The manifests cannot be used as they are.
    Error,
    /// They can, but probably do not say what was meant.
    Warning,
    /// Nothing is wrong, and somebody may want to know.
    Note,
}

impl Severity {
    /// The word that is printed.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Note => "note",
        }
    }
}

/// A place, and what is to be said about it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Label {
    /// The place.
    pub span: Span,
    /// A few words that stand beside the underline; may be empty.
    pub text: String,
}

/// A change that would repair the text.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Edit {
    /// What is to be replaced; empty for an insertion.
    pub span: Span,
    /// What is to stand there.
    pub replacement: String,
}

/// One finding.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[must_use = "a finding that nobody collects is a silent mistake"]
pub struct Diagnostic {
    /// The stable name of what is wrong.
    pub code: Code,
    /// How much it matters.
    pub severity: Severity,
    /// The headline: what is wrong, in one line, understandable without the excerpt.
    pub message: String,
    /// Where. Nothing when there is no text to point at.
    pub primary: Option<Label>,
    /// The path that is meant when there is no text to point at.
    pub file: Option<String>,
    /// Other places that belong to it.
    pub secondary: Vec<Label>,
    /// Why it matters and what to try next.
    pub help: Vec<String>,
    /// A change that would repair it.
    pub suggestion: Option<Edit>,
    /// The place in the document as a JSON pointer, when the finding is about the document's meaning.
    pub pointer: Option<String>,
}

impl Diagnostic {
    /// A finding of the severity `Error`, not placed yet.
    pub fn error(code: Code, message: impl Into<String>) -> Self {
        Self::new(code, Severity::Error, message.into())
    }

    /// A finding of the severity `Warning`, not placed yet.
    pub fn warning(code: Code, message: impl Into<String>) -> Self {
        Self::new(code, Severity::Warning, message.into())
    }

    /// A finding of the severity `Note`, not placed yet.
    pub fn note(code: Code, message: impl Into<String>) -> Self {
        Self::new(code, Severity::Note, message.into())
    }

    fn new(code: Code, severity: Severity, message: String) -> Self {
        Self {
            code,
            severity,
            message,
            primary: None,
            file: None,
            secondary: Vec::new(),
            help: Vec::new(),
            suggestion: None,
            pointer: None,
        }
    }

    /// Points at the place; `text` may be empty.
    pub fn at(mut self, span: Span, text: impl Into<String>) -> Self {
        self.primary = Some(Label { span, text: text.into() });
        self
    }

    /// Names a file that there is no text of.
    pub fn in_file(mut self, file: impl Into<String>) -> Self {
        self.file = Some(file.into());
        self
    }

    /// Points at one more place.
    pub fn and(mut self, span: Span, text: impl Into<String>) -> Self {
        self.secondary.push(Label { span, text: text.into() });
        self
    }

    /// Adds a hint.
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help.push(help.into());
        self
    }

    /// Offers a change that would repair it.
    pub fn suggest(mut self, span: Span, replacement: impl Into<String>) -> Self {
        self.suggestion = Some(Edit { span, replacement: replacement.into() });
        self
    }

    /// Tells the place in the document.
    pub fn pointer(mut self, pointer: impl Into<String>) -> Self {
        let pointer: String = pointer.into();
        let steps = pointer.split('/');
        let hides = steps.clone().any(hidden::is_token_key);
        let shown = |step| if hidden::is_token_key(step) { hidden::MASK } else { step };
        self.pointer = Some(match hides {
            true => steps.map(shown).collect::<Vec<_>>().join("/"),
            false => pointer,
        });
        self
    }

    /// The file that the finding is about, if it is about one.
    #[must_use]
    pub fn file_name<'a>(&'a self, sources: &'a SourceMap) -> Option<&'a str> {
        match &self.primary {
            Some(label) => Some(sources.name(label.span.source)),
            None => self.file.as_deref(),
        }
    }
}

/// The most findings that a load keeps.
const MOST_FINDINGS: usize = 10_000;

/// From here on nobody reads every one of them.
const MANY_FINDINGS: usize = 200;

/// The findings of a load.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Diagnostics {
    items: Vec<Diagnostic>,
    /// Those that there was no room for, and whether one of them was an error.
    dropped: usize,
    dropped_error: bool,
}

impl Diagnostics {
    /// None yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds one.
    ///
    /// There is room for [`MOST_FINDINGS`]; the rest is counted, so that a file of nothing but mistakes does not take more
    /// memory for the complaints than for itself.
    pub fn push(&mut self, diagnostic: Diagnostic) {
        if self.items.len() < MOST_FINDINGS {
            self.items.push(diagnostic);
        } else {
            self.dropped += 1;
            self.dropped_error |= diagnostic.severity == Severity::Error;
        }
    }

    /// Adds those of a part that was looked at by itself.
    pub fn absorb(&mut self, part: Self) {
        let Self { items, dropped, dropped_error } = part;
        items.into_iter().for_each(|item| self.push(item));
        self.dropped += dropped;
        self.dropped_error |= dropped_error;
    }

    /// Whether there are so many already that one more deserves no search for what was probably meant.
    #[must_use]
    pub fn are_many(&self) -> bool {
        self.items.len() > MANY_FINDINGS
    }

    /// Treats warnings as errors, as `denied` says.
    pub fn deny(&mut self, denied: &[Deny]) {
        for item in &mut self.items {
            let deny = denied.iter().find(|deny| deny.takes(item.code));
            if let (Severity::Warning, Some(deny)) = (item.severity, deny) {
                item.severity = Severity::Error;
                item.help.push(format!("`--deny {deny}` makes this warning an error"));
            }
        }
        self.dropped_error |= self.dropped > 0 && !denied.is_empty();
    }

    /// Says how many findings there was no room for.
    pub fn close(&mut self) {
        if self.dropped > 0 {
            let message = format!("{} not listed", counted(self.dropped as u64, "more problem"));
            let severity = if self.dropped_error { Severity::Error } else { Severity::Warning };
            self.items.push(Diagnostic::new(Code::TooManyProblems, severity, message));
            (self.dropped, self.dropped_error) = (0, false);
        }
    }

    /// Takes what has `code` for a warning: whether it is more than that is decided elsewhere.
    pub fn soften(&mut self, code: Code) {
        let of_code = self.items.iter_mut().filter(|item| item.code == code);
        of_code.for_each(|item| item.severity = Severity::Warning);
    }

    /// Whether the manifests cannot be used as they are.
    #[must_use]
    pub fn has_errors(&self) -> bool {
        self.dropped_error || self.items.iter().any(|item| item.severity == Severity::Error)
    }

    /// How many findings are of a severity.
    #[must_use]
    pub fn count(&self, severity: Severity) -> usize {
        self.items.iter().filter(|item| item.severity == severity).count()
    }

    /// Whether there is nothing to say.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// How many findings there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.items.len()
    }

    /// The findings.
    pub fn as_slice(&self) -> &[Diagnostic] {
        &self.items
    }

    /// Changes the findings that were added since there were `from` of them.
    pub fn amend_from(&mut self, from: usize, change: impl FnMut(&mut Diagnostic)) {
        self.items.iter_mut().skip(from).for_each(change);
    }

    /// The findings, in the order they are held.
    pub fn iter(&self) -> std::slice::Iter<'_, Diagnostic> {
        self.items.iter()
    }

    /// Brings the findings into the one order in which they are shown: file, place, code, and then all the rest, so that
    /// the same findings always come out as the same bytes.
    pub fn sort(&mut self, sources: &SourceMap) {
        self.items.sort_by(|a, b| order(sources, a).cmp(&order(sources, b)));
    }

    /// Drops what has been said already: exact repetitions, and whatever a later stage says about a place whose text could
    /// not be read in the first place.
    pub fn dedup(&mut self) {
        let unread: HashSet<Span> = self
            .items
            .iter()
            .filter(|item| item.code.stage() == Stage::Text && item.severity == Severity::Error)
            .filter_map(|item| item.primary.as_ref().map(|label| label.span))
            // An empty span is a place between things; what is missing there is another matter.
            .filter(|span| !span.is_empty())
            .collect();
        let mut seen = HashSet::new();
        self.items.retain(|item| {
            let place = item.primary.as_ref().map(|label| label.span);
            let follows = item.code.stage() == Stage::Meaning
                && place.is_some_and(|place| unread.contains(&place));
            !follows && seen.insert((item.code, place, item.file.clone(), item.message.clone()))
        });
    }
}

/// The sort key; the whole of it, so that no tie is left to chance.
fn order<'a>(sources: &'a SourceMap, item: &'a Diagnostic) -> impl Ord + use<'a> {
    let Diagnostic {
        code,
        severity,
        message,
        primary,
        file: _,
        secondary,
        help,
        suggestion,
        pointer,
    } = item;
    let place = primary.as_ref().map(|label| (label.span, label.text.as_str()));
    (
        item.file_name(sources),
        place,
        // By its name, not by its line in the table, which may move.
        code.as_str(),
        (*severity, message.as_str(), pointer.as_deref()),
        (secondary.as_slice(), help.as_slice(), suggestion.as_ref()),
    )
}

impl Extend<Diagnostic> for Diagnostics {
    fn extend<T: IntoIterator<Item = Diagnostic>>(&mut self, iter: T) {
        iter.into_iter().for_each(|item| self.push(item));
    }
}

impl FromIterator<Diagnostic> for Diagnostics {
    fn from_iter<T: IntoIterator<Item = Diagnostic>>(iter: T) -> Self {
        let mut all = Self::new();
        all.extend(iter);
        all
    }
}

impl IntoIterator for Diagnostics {
    type Item = Diagnostic;
    type IntoIter = std::vec::IntoIter<Diagnostic>;

    fn into_iter(self) -> Self::IntoIter {
        self.items.into_iter()
    }
}

impl<'a> IntoIterator for &'a Diagnostics {
    type Item = &'a Diagnostic;
    type IntoIter = std::slice::Iter<'a, Diagnostic>;

    fn into_iter(self) -> Self::IntoIter {
        self.items.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(map: &mut SourceMap, name: &str, at: usize) -> Span {
        Span::new(map.add(name, "0123456789"), at, at + 1)
    }

    #[test]
    fn findings_are_ordered_by_file_place_and_code() {
        let mut map = SourceMap::new();
        let b = place(&mut map, "b.yaml", 0);
        let a = place(&mut map, "a.yaml", 5);
        let mut found: Diagnostics = [
            Diagnostic::error(Code::Schema, "third").at(b, ""),
            Diagnostic::error(Code::WrongType, "second").at(a, ""),
            Diagnostic::error(Code::MissingField, "first").at(a, ""),
            Diagnostic::warning(Code::NoManifests, "zeroth"),
        ]
        .into_iter()
        .collect();
        found.sort(&map);
        let said: Vec<_> = found.iter().map(|item| item.message.as_str()).collect();
        assert_eq!(said, ["zeroth", "first", "second", "third"]);
        assert_eq!((found.count(Severity::Error), found.count(Severity::Warning)), (3, 1));
        assert!(found.has_errors());
    }

    #[test]
    fn a_place_that_could_not_be_read_is_complained_about_once() {
        let mut map = SourceMap::new();
        let a = place(&mut map, "a.yaml", 5);
        let b = place(&mut map, "b.yaml", 5);
        let mut found = Diagnostics::new();
        found.extend([
            Diagnostic::error(Code::NumberRange, "too big").at(a, ""),
            Diagnostic::error(Code::NumberRange, "too big").at(a, ""),
            Diagnostic::error(Code::WrongType, "null is no number").at(a, ""),
            Diagnostic::error(Code::WrongType, "null is no number").at(b, ""),
        ]);
        found.dedup();
        let codes: Vec<_> = found.iter().map(|item| item.code).collect();
        assert_eq!(codes, [Code::NumberRange, Code::WrongType]);
    }

    #[test]
    fn a_quote_is_one_short_line() {
        assert_eq!(quote("a\nb"), "`a\\nb`");
        assert_eq!(quote(&"x".repeat(61)), format!("`{}…`", "x".repeat(60)));
        assert_eq!(quote("\u{1b}[31m"), "`\\u{1b}[31m`");
        assert_eq!(quote("a\u{a0}b devi\u{441}es с"), "`a\\u{a0}b devi\\u{441}es с`");
    }
}
