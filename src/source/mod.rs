//! Text that remembers where it is.
//!
//! Everything a person wrote is kept here once, and every later stage points into it with a [`Span`]: sixteen bytes of
//! source and byte offsets, cheap enough to sit on every key and value. Lines and columns are worked out only when
//! somebody asks, which is only when something is to be shown.
//!
//! Places know nothing of diagnostics; only [`reading`](crate::reading) does.

pub mod hidden;
pub mod limits;
mod lines;
pub mod pointer;
mod position;
pub mod shown;
pub mod strange;
mod typed;
pub mod value;

use std::fmt;
use std::ops::Range;
use std::str::FromStr;
use std::sync::{Arc, OnceLock};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

pub use limits::Limits;
pub use pointer::{Target, locate};
pub use position::Position;
pub(crate) use position::floor;
pub use value::{Entry, Meaning, Spanned, Value};

use lines::LineIndex;

/// Which text a [`Span`] points into.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SourceId(u32);

/// A stretch of one source, in bytes: `start..end`, both on character boundaries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span {
    /// The text this points into.
    pub source: SourceId,
    /// First byte.
    pub start: u32,
    /// First byte after the end; equal to `start` for a place between two characters.
    pub end: u32,
}

impl Span {
    /// A span over `start..end`.
    ///
    /// Offsets past four gigabytes are pulled back to the last one that can be told; [`Limits`] keeps real files far below.
    #[must_use]
    pub fn new(source: SourceId, start: usize, end: usize) -> Self {
        let start = u32::try_from(start).unwrap_or(u32::MAX);
        let end = u32::try_from(end).unwrap_or(u32::MAX);
        Self { source, start, end: end.max(start) }
    }

    /// The same so many bytes further on.
    #[must_use]
    pub fn shifted(self, bytes: usize) -> Self {
        Self::new(self.source, self.start as usize + bytes, self.end as usize + bytes)
    }

    /// The place where the span begins, as an empty span.
    #[must_use]
    pub fn head(self) -> Self {
        Self { end: self.start, ..self }
    }

    /// The smallest span over both; `self` when the other one is of another source.
    #[must_use]
    pub fn to(self, other: Self) -> Self {
        if self.source == other.source {
            Self {
                source: self.source,
                start: self.start.min(other.start),
                end: self.end.max(other.end),
            }
        } else {
            self
        }
    }

    /// Whether the span covers no character.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.start == self.end
    }
}

/// One text and the name people know it by.
#[derive(Debug)]
pub struct Source {
    name: Arc<str>,
    text: String,
    lines: OnceLock<LineIndex>,
    hidden: OnceLock<Vec<Range<usize>>>,
}

impl Source {
    /// The path as it is shown to people.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The whole text.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Where byte `offset` is; an offset past the end is the end, one inside a character is its beginning.
    #[must_use]
    pub fn position(&self, offset: u32) -> Position {
        self.index().position(&self.text, offset as usize)
    }

    /// The bytes of line `line` (from one) without its line break, or nothing past the last line.
    #[must_use]
    pub fn line(&self, line: u32) -> Option<std::ops::Range<usize>> {
        self.index().line(&self.text, line)
    }

    /// The parts of the text that are never shown, in order.
    #[must_use]
    pub fn hidden(&self) -> &[Range<usize>] {
        self.hidden.get_or_init(|| hidden::hidden(&self.text))
    }

    fn index(&self) -> &LineIndex {
        self.lines.get_or_init(|| LineIndex::new(&self.text))
    }
}

/// Every text of a load.
#[derive(Debug, Default)]
pub struct SourceMap {
    sources: Vec<Source>,
    /// The size of all texts.
    bytes: usize,
}

impl SourceMap {
    /// An empty map.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Keeps a text under the name people know it by.
    pub fn add(&mut self, name: impl Into<Arc<str>>, text: impl Into<String>) -> SourceId {
        // Four billion files do not fit into memory; should they ever, the surplus shares the last id.
        let id = SourceId(u32::try_from(self.sources.len()).unwrap_or(u32::MAX));
        let text = text.into();
        self.bytes += text.len();
        self.sources.push(Source {
            name: name.into(),
            text,
            lines: OnceLock::new(),
            hidden: OnceLock::new(),
        });
        id
    }

    /// The size of all texts, in bytes.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// The source of this id, or nothing if the id is of another map.
    #[must_use]
    pub fn get(&self, id: SourceId) -> Option<&Source> {
        self.sources.get(id.0 as usize)
    }

    /// The name of a source; `?` for an id of another map.
    #[must_use]
    pub fn name(&self, id: SourceId) -> &str {
        self.get(id).map_or("?", Source::name)
    }

    /// The text of a source; empty for an id of another map.
    #[must_use]
    pub fn text(&self, id: SourceId) -> &str {
        self.get(id).map_or("", Source::text)
    }

    /// The text under a span, cut to what the source holds.
    #[must_use]
    pub fn slice(&self, span: Span) -> &str {
        self.text(span.source).get(span.start as usize..span.end as usize).unwrap_or_default()
    }

    /// Where a span begins and where it ends (the place after its last character).
    #[must_use]
    pub fn position(&self, span: Span) -> (Position, Position) {
        match self.get(span.source) {
            Some(source) => (source.position(span.start), source.position(span.end)),
            None => (Position { line: 1, column: 1 }, Position { line: 1, column: 1 }),
        }
    }

    /// Where a span begins, in the form that plans and reports carry.
    #[must_use]
    pub fn origin(&self, span: Span) -> Origin {
        let (Position { line, column }, _) = self.position(span);
        let file =
            self.get(span.source).map_or_else(|| "?".into(), |source| Arc::clone(&source.name));
        Origin { file, line, column }
    }

    /// A digest over the names and the texts of all sources: equal only if nothing changed.
    #[must_use]
    pub fn fingerprint(&self) -> [u8; 32] {
        let mut hasher = Sha256::new();
        for Source { name, text, .. } in &self.sources {
            // Lengths keep the end of one text from passing for the beginning of the next.
            hasher.update((name.len() as u64).to_le_bytes());
            hasher.update(name.as_bytes());
            hasher.update((text.len() as u64).to_le_bytes());
            hasher.update(text.as_bytes());
        }
        hasher.finalize().into()
    }

    /// All sources with their ids, in the order they were added.
    pub fn iter(&self) -> impl Iterator<Item = (SourceId, &Source)> {
        (0u32..).map(SourceId).zip(&self.sources)
    }
}

/// A place that outlives the source map: `file:line:col`, also on its way into JSON.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Origin {
    /// The path as it is shown to people. Each field of each object has an origin, and they share it.
    pub file: Arc<str>,
    /// Line, from one.
    pub line: u32,
    /// Column in characters, from one.
    pub column: u32,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { file, line, column } = self;
        write!(f, "{file}:{line}:{column}")
    }
}

impl From<Origin> for String {
    fn from(origin: Origin) -> Self {
        origin.to_string()
    }
}

/// A text that is not `file:line:col`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a place of the form file:line:column: {0}")]
pub struct NotAnOrigin(String);

impl FromStr for Origin {
    type Err = NotAnOrigin;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        // From the right: a path may itself hold colons.
        let mut parts = text.rsplitn(3, ':');
        let column = parts.next().and_then(|part| part.parse().ok());
        let line = parts.next().and_then(|part| part.parse().ok());
        match (parts.next(), line, column) {
            (Some(file), Some(line), Some(column)) => Ok(Self { file: file.into(), line, column }),
            _ => Err(NotAnOrigin(text.to_owned())),
        }
    }
}

impl TryFrom<String> for Origin {
    type Error = NotAnOrigin;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places(text: &str, start: usize, end: usize) -> String {
        let mut map = SourceMap::new();
        let source = map.add("a.yaml", text);
        let (from, to) = map.position(Span::new(source, start, end));
        format!("{from}-{to}")
    }

    #[test]
    fn a_position_counts_lines_and_characters_from_one() {
        assert_eq!(places("a: 1\nb: 2\n", 5, 6), "2:1-2:2");
        assert_eq!(places("ключ: 1\n", "ключ: ".len(), "ключ: 1".len()), "1:7-1:8");
    }

    #[test]
    fn a_byte_order_mark_takes_no_column() {
        assert_eq!(places("\u{feff}a: 1\n", 3, 4), "1:1-1:2");
    }

    #[test]
    fn every_kind_of_line_break_ends_a_line_once() {
        assert_eq!(places("a\r\nb\rc\nd", 3, 4), "2:1-2:2");
        assert_eq!(places("a\r\nb\rc\nd", 5, 6), "3:1-3:2");
        assert_eq!(places("a\r\nb\rc\nd", 7, 8), "4:1-4:2");
    }

    #[test]
    fn offsets_that_fit_nowhere_are_pulled_to_the_nearest_place() {
        assert_eq!(places("ab", 9, 12), "1:3-1:3");
        assert_eq!(places("é", 1, 1), "1:1-1:1");
        assert_eq!(places("", 0, 0), "1:1-1:1");
    }

    #[test]
    fn an_origin_survives_json_even_with_colons_in_the_path() {
        let mut map = SourceMap::new();
        map.add("other.yaml", "");
        let source = map.add("c:/fleet.yaml", "a: 1\n  b: 2\n");
        let origin = map.origin(Span::new(source, 7, 8));
        let json = serde_json::to_string(&origin).unwrap();
        assert_eq!(json, r#""c:/fleet.yaml:2:3""#);
        assert_eq!(serde_json::from_str::<Origin>(&json).unwrap(), origin);
        assert!("fleet.yaml:2".parse::<Origin>().is_err());
    }

    #[test]
    fn an_id_of_another_map_is_answered_and_not_a_panic() {
        let mut map = SourceMap::new();
        let foreign = map.add("a", "text");
        let empty = SourceMap::new();
        assert_eq!(empty.name(foreign), "?");
        assert_eq!(empty.slice(Span::new(foreign, 0, 2)), "");
    }
}
