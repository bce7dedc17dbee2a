//! Lines that begin a few columns too early or too late: what the parser says of them is about what it took them for.

use crate::diagnostic::Edit;
use crate::source::{SourceId, Span};

/// How many lines above are looked at.
const NEARBY: usize = 100;

/// A line that is indented in another way than it was meant to be.
pub(super) struct Slip {
    pub(super) message: String,
    pub(super) help: String,
    /// The blanks at its beginning, and those that it should have.
    pub(super) edit: Edit,
}

/// A line of a block mapping or list.
struct Line<'t> {
    /// Where its first key stands, behind the dashes of list items.
    column: usize,
    key: &'t str,
    /// Whether the value of the key stands on the same line, so that nothing can be indented below it.
    has_value: bool,
}

/// What is wrong with the indentation of the line around `at`, if that is what is wrong.
pub(super) fn slip(source: SourceId, text: &str, at: usize) -> Option<Slip> {
    let start = text.get(..at)?.rfind('\n').map_or(0, |end| end + 1);
    let content = text.get(start..)?.lines().next()?;
    let indent = content.len() - content.trim_start_matches(' ').len();
    let this = line(content)?;
    // Behind a key the parser may stumble over something else than its indentation.
    if at > start + this.column + this.key.len() {
        return None;
    }
    let above: Vec<Line<'_>> = text
        .get(..start)?
        .lines()
        .rev()
        .take(NEARBY)
        .take_while(|content| !content.starts_with("---"))
        .filter_map(line)
        .collect();
    let before = above.first()?;
    // The columns in which something may begin: those of the line above and of what it lies in.
    let mut open: Vec<&Line<'_>> = vec![before];
    for line in &above {
        if open.last().is_some_and(|last| line.column < last.column) {
            open.push(line);
        }
    }
    if indent > before.column && !before.has_value || open.iter().any(|line| line.column == indent)
    {
        return None;
    }
    let model = match indent > before.column {
        true => before,
        false => open.into_iter().min_by_key(|line| line.column.abs_diff(indent))?,
    };
    let message = match indent > before.column {
        true => format!(
            "this line is indented by {}, and `{}` above it, which has its value, by {}",
            spaces(indent),
            before.key,
            model.column
        ),
        false => {
            format!("this line is indented by {}, which matches nothing above it", spaces(indent))
        }
    };
    let wanted = model.column;
    Some(Slip {
        message,
        help: format!("indent it by {}, like `{}` above", spaces(wanted), model.key),
        edit: Edit {
            span: Span::new(source, start, start + indent),
            replacement: " ".repeat(wanted),
        },
    })
}

fn spaces(count: usize) -> String {
    if count == 1 { "1 space".to_owned() } else { format!("{count} spaces") }
}

/// A line that begins with a key, items of lists included.
fn line(content: &str) -> Option<Line<'_>> {
    let mut rest = content.trim_start_matches(' ');
    while let Some(item) = rest.strip_prefix("- ") {
        rest = item.trim_start_matches(' ');
    }
    let column = content.len() - rest.len();
    let (key, value) = rest.split_once(':')?;
    let is_key = !key.is_empty()
        && key.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-./".contains(&byte));
    let is_pair = value.is_empty() || value.starts_with([' ', '\r']);
    let value = value.split(" #").next().unwrap_or_default().trim();
    (is_key && is_pair).then_some(Line { column, key, has_value: !value.is_empty() })
}
