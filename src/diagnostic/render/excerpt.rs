//! Cuts from a source just what is to be shown: whole lines, but not endless ones, and nothing that a terminal would obey.
//!
//! The cost of an excerpt depends on the window and never on the file: a thousand findings in one line of sixteen
//! megabytes are a thousand small excerpts.

use std::ops::Range;

use super::visible;
use crate::source::hidden::MASK;
use crate::source::{Source, Span, floor};

/// Bytes shown before the first mark of a long line.
const BEFORE: usize = 60;
/// Bytes shown of a long line in all.
const WIDTH: usize = 140;
/// Marks this many lines apart share an excerpt, with what is between them.
const NEAR: u32 = 4;

/// Some lines of a source, safe to print, and where the marks are in them.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Excerpt {
    pub(super) text: String,
    pub(super) first_line: u32,
    /// Whether something was left out, so that columns cannot be counted in `text`.
    pub(super) cut: bool,
    /// For each mark its number in the list that was asked for, and its bytes in `text`.
    pub(super) marks: Vec<(usize, Range<usize>)>,
}

/// Excerpts that show all spans, which must be of this source, the one with the lowest number first. A span over several lines is marked in its first.
pub(super) fn excerpts(source: &Source, spans: &[(usize, Span)]) -> Vec<Excerpt> {
    let mut placed: Vec<_> = spans
        .iter()
        .map(|(number, span)| (source.position(span.start).line, *number, *span))
        .collect();
    placed.sort_by_key(|(line, number, span)| (*line, span.start, *number));
    let mut excerpts: Vec<_> = placed
        .chunk_by(|(line, ..), (next, ..)| next - line <= NEAR)
        .filter_map(|group| {
            let (first, last) = (group.first()?.0, group.last()?.0);
            let mut excerpt =
                Excerpt { text: String::new(), first_line: first, cut: false, marks: Vec::new() };
            for line in first..=last {
                let marks: Vec<_> = group
                    .iter()
                    .filter(|(at, ..)| *at == line)
                    .map(|(_, n, span)| (*n, *span))
                    .collect();
                excerpt.push_line(source, line, &marks);
            }
            Some(excerpt)
        })
        .collect();
    // The one with the foremost mark leads, wherever it stands in the file.
    excerpts.sort_by_key(|excerpt| excerpt.marks.iter().map(|(number, _)| *number).min());
    excerpts
}

impl Excerpt {
    fn push_line(&mut self, source: &Source, line: u32, marks: &[(usize, Span)]) {
        let Some(whole) = source.line(line) else {
            return;
        };
        if line > self.first_line {
            self.text.push('\n');
        }
        let window =
            window(source.text(), &whole, marks.first().map(|(_, span)| span.start as usize));
        if window.start > whole.start {
            self.text.push('…');
            self.cut = true;
        }
        let mut ranges: Vec<_> =
            marks.iter().map(|(number, _)| (*number, usize::MAX..usize::MAX)).collect();
        let shown = source.text().get(window.clone()).unwrap_or_default();
        // One step more than there are characters, for marks behind the last one.
        let characters = shown
            .char_indices()
            .map(|(at, c)| (window.start + at, Some(c)))
            .chain([(window.end, None)]);
        let hidden = source.hidden();
        let mut next = hidden.partition_point(|range| range.end <= window.start);
        for (at, c) in characters {
            while hidden.get(next).is_some_and(|range| range.end <= at) {
                next += 1;
            }
            let mask = hidden.get(next).filter(|range| range.start <= at);
            for ((_, range), (_, span)) in ranges.iter_mut().zip(marks) {
                if range.start == usize::MAX && at >= span.start as usize {
                    range.start = self.text.len();
                }
                if range.end == usize::MAX && at >= span.end as usize {
                    range.end = self.text.len();
                }
            }
            if let (Some(range), Some(_)) = (mask, c) {
                // All of it has one mask, which does not tell how long it is.
                if at == range.start || at == window.start {
                    self.text.push_str(MASK);
                    self.cut = true;
                }
            } else if let Some(c) = c {
                self.text.push(visible(c));
            }
        }
        // What goes on past the window or the line ends with it.
        let end = self.text.len();
        self.marks.extend(
            ranges.into_iter().map(|(n, range)| (n, range.start.min(end)..range.end.min(end))),
        );
        if window.end < whole.end {
            self.text.push('…');
        }
    }
}

/// The part of a line that is shown.
fn window(text: &str, line: &Range<usize>, mark: Option<usize>) -> Range<usize> {
    if line.len() <= WIDTH {
        return line.clone();
    }
    let mark = mark.unwrap_or(line.start).clamp(line.start, line.end);
    let start = floor(text, mark.saturating_sub(BEFORE).max(line.start));
    let end = floor(text, (start + WIDTH).min(line.end));
    start..end
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::SourceMap;

    fn cut(text: &str, spans: &[(usize, usize)]) -> Vec<Excerpt> {
        let mut map = SourceMap::new();
        let id = map.add("a.yaml", text);
        let spans: Vec<_> = spans
            .iter()
            .enumerate()
            .map(|(n, (start, end))| (n, Span::new(id, *start, *end)))
            .collect();
        excerpts(map.get(id).unwrap(), &spans)
    }

    #[test]
    fn near_marks_share_an_excerpt_and_far_ones_do_not() {
        let text = "a\nb\nc\nd\ne\nf\ng\nh\n";
        let cut = cut(text, &[(4, 5), (0, 1), (14, 15)]);
        let shown: Vec<_> =
            cut.iter().map(|e| (e.first_line, e.text.as_str(), e.marks.clone())).collect();
        assert_eq!(shown, [(1, "a\nb\nc", vec![(1, 0..1), (0, 4..5)]), (8, "h", vec![(2, 0..1)])]);
    }

    #[test]
    fn a_long_line_is_cut_around_its_mark() {
        let text = format!("{}HERE{}", "é".repeat(10_000), "x".repeat(10_000));
        let cut = cut(&text, &[(20_000, 20_004)]);
        let [Excerpt { text, marks, .. }] = cut.as_slice() else { panic!("one excerpt") };
        assert!(text.len() < 200, "{text}");
        assert_eq!(&text[marks[0].1.clone()], "HERE");
    }

    #[test]
    fn controls_are_seen_and_not_obeyed() {
        let cut = cut("a\u{1b}[2J\u{202e}: x", &[(0, 5)]);
        assert_eq!(cut[0].text, "a\u{fffd}[2J\u{fffd}: x");
        assert_eq!(cut[0].marks, [(0, 0..7)]);
    }

    #[test]
    fn a_password_is_masked_and_the_marks_stay_where_they_belong() {
        let cut = cut("{password: hunter2, x: 1}", &[(11, 18), (20, 21)]);
        let [Excerpt { text, marks, cut, .. }] = cut.as_slice() else { panic!("one excerpt") };
        assert_eq!(text, "{password: ••••••, x: 1}");
        assert!(cut);
        let marked: Vec<&str> = marks.iter().map(|(_, range)| &text[range.clone()]).collect();
        assert_eq!(marked, ["••••••", "x"]);
    }

    #[test]
    fn a_mark_over_several_lines_ends_with_its_first() {
        let cut = cut("one\ntwo\n", &[(1, 6)]);
        assert_eq!((cut[0].text.as_str(), cut[0].marks[0].1.clone()), ("one", 1..3));
    }
}
