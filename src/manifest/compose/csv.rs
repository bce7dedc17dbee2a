//! Comma-separated tables (RFC 4180) with a place on every cell.
//!
//! Cells are separated by commas and nothing else, lines by LF or CR LF; a cell in double quotes may hold both, and a
//! doubled quote is one. Blank lines are left out. All cells are text; the parameters say what they mean.

use crate::source::{SourceId, Span};

/// A cell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Cell {
    pub(super) span: Span,
    pub(super) text: String,
    /// An empty cell in quotes is an empty text; one without is a cell that says nothing.
    pub(super) quoted: bool,
}

/// What is wrong, and where.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Malformed {
    pub(super) span: Span,
    pub(super) said: &'static str,
}

/// The lines of a table, at most `most` of them; never empty ones.
pub(super) fn records(
    source: SourceId,
    text: &str,
    most: usize,
) -> Result<Vec<Vec<Cell>>, Malformed> {
    let mut records = Vec::new();
    let mut record = Vec::new();
    let mut at = if text.starts_with('\u{feff}') { '\u{feff}'.len_utf8() } else { 0 };
    while at < text.len() && records.len() < most {
        let (cell, next) = cell(source, text, at)?;
        record.push(cell);
        match text.as_bytes().get(next) {
            Some(b',') => {
                at = next + 1;
                // A comma at the very end opens one more cell.
                if at == text.len() {
                    record.push(empty(source, at));
                    records.push(std::mem::take(&mut record));
                }
            }
            _ => {
                at = next + line_break(text, next);
                let line = std::mem::take(&mut record);
                let is_blank =
                    matches!(&line[..], [one] if one.text.trim().is_empty() && !one.quoted);
                if !is_blank {
                    records.push(line);
                }
            }
        }
    }
    Ok(records)
}

fn empty(source: SourceId, at: usize) -> Cell {
    Cell { span: Span::new(source, at, at), text: String::new(), quoted: false }
}

fn line_break(text: &str, at: usize) -> usize {
    match text.as_bytes().get(at..) {
        Some([b'\r', b'\n', ..]) => 2,
        Some([_, ..]) => 1,
        _ => 0,
    }
}

/// The cell that begins at `at`, and the place of the comma, line break or end behind it.
fn cell(source: SourceId, text: &str, at: usize) -> Result<(Cell, usize), Malformed> {
    let rest = text.get(at..).unwrap_or_default();
    let Some(quoted) = rest.strip_prefix('"') else {
        let raw =
            rest.find([',', '\n', '\r']).map_or(rest, |end| rest.get(..end).unwrap_or_default());
        if let Some(quote) = raw.find('"') {
            return Err(Malformed {
                span: Span::new(source, at + quote, at + quote + 1),
                said: "a cell that contains a quote must begin with one",
            });
        }
        let trimmed = raw.trim();
        let start = at + (raw.len() - raw.trim_start().len());
        let span = Span::new(source, start, start + trimmed.len());
        return Ok((Cell { span, text: trimmed.to_owned(), quoted: false }, at + raw.len()));
    };
    let mut value = String::new();
    let mut from = 0;
    loop {
        let tail = quoted.get(from..).unwrap_or_default();
        let Some(end) = tail.find('"') else {
            return Err(Malformed {
                span: Span::new(source, at, at + 1),
                said: "the cell that begins here is not closed by a quote",
            });
        };
        value.push_str(tail.get(..end).unwrap_or_default());
        from += end + 1;
        if quoted.get(from..).is_some_and(|tail| tail.starts_with('"')) {
            value.push('"');
            from += 1;
            continue;
        }
        let next = at + 1 + from;
        if !matches!(text.as_bytes().get(next), None | Some(b',' | b'\n' | b'\r')) {
            return Err(Malformed {
                span: Span::new(source, next, next),
                said: "after a closing quote there must be a comma or the end of the line",
            });
        }
        return Ok((Cell { span: Span::new(source, at, next), text: value, quoted: true }, next));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::SourceMap;

    fn read(text: &str) -> Result<Vec<Vec<String>>, String> {
        let mut map = SourceMap::new();
        let source = map.add("t.csv", text);
        match records(source, text, 100) {
            Ok(records) => Ok(records
                .into_iter()
                .map(|record| {
                    record
                        .into_iter()
                        .map(|cell| format!("{}={}", map.position(cell.span).0, cell.text))
                        .collect()
                })
                .collect()),
            Err(error) => Err(format!("{} {}", map.position(error.span).0, error.said)),
        }
    }

    #[test]
    fn cells_have_their_text_and_their_place() {
        let said = read("\u{feff}name,title\r\na, \"x\"\n").unwrap_err();
        assert!(said.starts_with("2:4 a cell that contains a quote"), "{said}");
        assert_eq!(
            read("name,title\r\n\r\na,\"x, \"\"y\"\"\nz\"\nb ,\nc,d").unwrap(),
            [
                vec!["1:1=name", "1:6=title"],
                vec!["3:1=a", "3:3=x, \"y\"\nz"],
                vec!["5:1=b", "5:4="],
                vec!["6:1=c", "6:3=d"],
            ]
        );
        assert_eq!(read("a,").unwrap(), [vec!["1:1=a", "1:3="]]);
        assert!(read("").unwrap().is_empty());
    }

    #[test]
    fn quotes_must_be_closed() {
        assert!(read("a\n\"b").unwrap_err().starts_with("2:1 the cell"));
        assert!(read("\"a\"b").unwrap_err().starts_with("1:4 after a closing"));
    }
}
