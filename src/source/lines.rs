//! From a byte offset to line and column, without reading a long line from its start each time.
//!
//! A sixteen-megabyte file may well be one line with a thousand complaints in it. So besides the starts of the lines the
//! index keeps, for texts that are not plain ASCII, how many characters precede every [`STRIDE`]th byte.

use std::ops::Range;

use super::position::{Position, floor};

/// How far apart the character counts are: the most that one look-up has to count by itself.
const STRIDE: usize = 1024;

/// The byte order mark that editors put in front and never show.
const BOM: char = '\u{feff}';

/// Starts of lines, and character counts along the way.
#[derive(Debug)]
pub(super) struct LineIndex {
    starts: Vec<usize>,
    /// Characters that begin before byte `n * STRIDE`; empty when bytes are characters.
    counts: Vec<usize>,
}

impl LineIndex {
    pub(super) fn new(text: &str) -> Self {
        // The mark is no part of the first line.
        let mut starts = vec![if text.starts_with(BOM) { BOM.len_utf8() } else { 0 }];
        let bytes = text.as_bytes();
        for (at, byte) in bytes.iter().enumerate() {
            // YAML breaks lines at LF, CR LF and a lone CR, and nowhere else.
            let breaks = *byte == b'\n' || (*byte == b'\r' && bytes.get(at + 1) != Some(&b'\n'));
            if breaks {
                starts.push(at + 1);
            }
        }
        let counts = if text.is_ascii() {
            Vec::new()
        } else {
            let mut seen = 0;
            let mut counts = Vec::with_capacity(bytes.len() / STRIDE + 1);
            for chunk in bytes.chunks(STRIDE) {
                counts.push(seen);
                seen += characters(chunk);
            }
            counts
        };
        Self { starts, counts }
    }

    pub(super) fn position(&self, text: &str, offset: usize) -> Position {
        let offset = floor(text, offset);
        let line = self.starts.partition_point(|start| *start <= offset).saturating_sub(1);
        let start = self.starts.get(line).copied().unwrap_or(0);
        let column = self.preceding(text, offset).saturating_sub(self.preceding(text, start));
        Position { line: one_based(line), column: one_based(column) }
    }

    pub(super) fn line(&self, text: &str, line: u32) -> Option<Range<usize>> {
        let at = (line as usize).checked_sub(1)?;
        let start = *self.starts.get(at)?;
        let end = self.starts.get(at + 1).copied().unwrap_or(text.len());
        let content = text.get(start..end)?.trim_end_matches(['\r', '\n']);
        Some(start..start + content.len())
    }

    /// How many characters begin before `offset`.
    fn preceding(&self, text: &str, offset: usize) -> usize {
        let block = offset / STRIDE;
        match self.counts.get(block.min(self.counts.len().saturating_sub(1))) {
            None => offset,
            Some(count) => {
                let from = block.min(self.counts.len() - 1) * STRIDE;
                count + text.as_bytes().get(from..offset).map_or(0, characters)
            }
        }
    }
}

/// Characters that begin in these bytes: all but the continuation bytes.
fn characters(bytes: &[u8]) -> usize {
    bytes.iter().filter(|byte| (**byte & 0b1100_0000) != 0b1000_0000).count()
}

fn one_based(count: usize) -> u32 {
    u32::try_from(count).map_or(u32::MAX, |count| count.saturating_add(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_line_of_wide_characters_is_counted_by_blocks() {
        let text = "é".repeat(5000);
        let index = LineIndex::new(&text);
        for at in [0, 1, 511, 512, 513, 2048, 4999, 5000] {
            assert_eq!(index.position(&text, at * 2), Position { line: 1, column: one_based(at) });
        }
    }

    #[test]
    fn a_line_is_given_without_its_break() {
        let text = "one\r\ntwo\n";
        let index = LineIndex::new(text);
        assert_eq!(index.line(text, 1), Some(0..3));
        assert_eq!(index.line(text, 2), Some(5..8));
        assert_eq!(index.line(text, 3), Some(9..9));
        assert_eq!(index.line(text, 4), None);
        assert_eq!(index.line(text, 0), None);
    }
}
