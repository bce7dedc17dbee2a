//! Byte order marks between documents, where YAML 1.2.2 allows them (production 202) and the parser does not: two files of
//! Windows in one stream.

use std::borrow::Cow;

const MARK: &str = "\u{feff}";

/// A comment of as many bytes as a mark, so that every place stays what it is.
const COMMENT: &str = "# \n";

/// The text with every mark that stands between documents made a comment: before the start of one, or behind the end of
/// one. A mark at the very beginning is left to the parser, one inside a document to its complaint.
pub(super) fn settled(text: &str) -> Cow<'_, str> {
    if text.match_indices(MARK).all(|(at, _)| at == 0) {
        return Cow::Borrowed(text);
    }
    let mut settled = text.to_owned();
    let mut waiting: Vec<usize> = Vec::new();
    let mut is_open = false;
    let mut at = 0;
    for line in text.split_inclusive(['\n', '\r']) {
        let content = line.trim_start_matches(MARK);
        let marks =
            (at..at + line.len() - content.len()).step_by(MARK.len()).filter(|mark| *mark > 0);
        waiting.extend(marks);
        at += line.len();
        let content = content.trim_end();
        if content.is_empty() || content.starts_with('#') {
            continue;
        }
        let is_start = is_marker(content, "---");
        let marks = waiting.drain(..).filter(|_| is_start || !is_open);
        marks.for_each(|mark| settled.replace_range(mark..mark + MARK.len(), COMMENT));
        is_open = !is_marker(content, "...");
    }
    waiting.iter().for_each(|mark| settled.replace_range(*mark..mark + MARK.len(), COMMENT));
    Cow::Owned(settled)
}

fn is_marker(line: &str, marker: &str) -> bool {
    line.strip_prefix(marker).is_some_and(|rest| rest.is_empty() || rest.starts_with([' ', '\t']))
}
