//! Markdown for the terminal: the part of it that pages of this program use. A parser for all of Markdown would be a
//! dependency for six forms.

use unicode_width::UnicodeWidthStr;

/// Columns that prose fills at most: longer lines are hard to read.
pub(super) const COLUMNS: usize = 80;

/// The widest first column that others stand beside.
const BESIDE: usize = 28;

/// A page as a terminal shows it; where there are no colours, whoever writes it leaves them out.
pub(super) fn rendered(page: &str, columns: usize) -> String {
    let mut out = String::new();
    let mut lines = page.lines().peekable();
    while let Some(line) = lines.next() {
        if line.starts_with("```") {
            for code in lines.by_ref().take_while(|line| !line.starts_with("```")) {
                out.push_str(format!("    {code}").trim_end());
                out.push('\n');
            }
        } else if line.starts_with('|') {
            let mut rows = vec![cells(line)];
            while let Some(row) = lines.next_if(|line| line.starts_with('|')) {
                rows.push(cells(row));
            }
            rows.retain(|row| !row.iter().all(|cell| cell.chars().all(|c| c == '-' || c == ':')));
            out.push_str(&table(&rows, columns));
        } else if line.starts_with('#') {
            let title = line.trim_start_matches('#').trim();
            out.push_str(&format!("\u{1b}[1m{title}\u{1b}[0m\n"));
        } else if line.is_empty() {
            out.push('\n');
        } else {
            let mut text = line.to_owned();
            while let Some(more) = lines.next_if(|line| continues(line)) {
                text.push(' ');
                text.push_str(more.trim());
            }
            let indent = line.len() - line.trim_start().len();
            let text = text.trim();
            let hanging = if text.starts_with("- ") || text.starts_with("* ") { 2 } else { 0 };
            let (first, rest) = (" ".repeat(indent), " ".repeat(indent + hanging));
            out.push_str(&wrapped(text, &first, &rest, columns));
        }
    }
    out
}

/// Whether a line goes on with the paragraph or the item before it.
fn continues(line: &str) -> bool {
    let text = line.trim_start();
    !text.is_empty()
        && !["- ", "* ", "#", "```", "|"].iter().any(|begin| text.starts_with(begin))
        && !text.starts_with(|c: char| c.is_ascii_digit())
}

/// The cells of a row of a table, without the marks of strong words.
fn cells(row: &str) -> Vec<String> {
    let row = row.trim().trim_start_matches('|').trim_end_matches('|');
    row.split(" | ").map(|cell| cell.trim().replace("**", "")).collect()
}

/// Rows whose last cells stand beside the first if that is narrow, and below it otherwise.
pub(super) fn table(rows: &[Vec<String>], columns: usize) -> String {
    let firsts = rows.iter().filter_map(|row| row.first());
    let widest = firsts.map(|cell| cell.width()).max().unwrap_or_default();
    let is_beside = widest <= BESIDE && rows.iter().all(|row| row.len() == 2);
    let rest = " ".repeat(if is_beside { widest + 2 } else { 2 });
    let mut out = String::new();
    for row in rows {
        let Some((first, others)) = row.split_first() else { continue };
        if is_beside {
            let gap = " ".repeat(widest + 2 - first.width());
            out.push_str(&wrapped(&others.join(" "), &format!("{first}{gap}"), &rest, columns));
            continue;
        }
        out.push_str(&wrapped(first, "", &rest, columns));
        for other in others.iter().filter(|other| !other.is_empty()) {
            out.push_str(&wrapped(other, &rest, &rest, columns));
        }
    }
    out
}

/// Fills lines with words, without the marks of strong words.
/// The headlines of a page.
pub(super) fn headlines(page: &str) -> impl Iterator<Item = &str> {
    lines(page)
        .filter(|(is_code, _)| !is_code)
        .filter_map(|(_, line)| headline(line))
        .map(|(_, text)| text)
}

/// The parts of a page whose headline has `word`, with what stands below them; empty if none has.
pub(super) fn parts(page: &str, word: &str) -> String {
    let word = word.to_lowercase();
    let (mut parts, mut wanted) = (String::new(), None);
    for (is_code, line) in lines(page) {
        if let Some((level, text)) = headline(line).filter(|_| !is_code) {
            let is_inside = wanted.is_some_and(|wanted| level > wanted);
            if !is_inside {
                let names = text.to_lowercase();
                // A name as a whole, if there is one: `Token` is not `TokenAccess`.
                wanted = is_named(page, &names, &word).then_some(level);
            }
        }
        if wanted.is_some() {
            parts.push_str(line);
            parts.push('\n');
        }
    }
    parts
}

/// Whether a headline is meant by `word`: it is the word, or has it where no headline of the page is the word.
fn is_named(page: &str, headline: &str, word: &str) -> bool {
    match headlines(page).any(|other| other.to_lowercase() == word) {
        true => headline == word,
        false => headline.contains(word),
    }
}

/// The lines of a page, and whether each is part of a block of code.
fn lines(page: &str) -> impl Iterator<Item = (bool, &str)> {
    let mut is_code = false;
    page.lines().map(move |line| {
        let is_fence = line.starts_with("```");
        is_code ^= is_fence;
        (is_code || is_fence, line)
    })
}

/// The level and the text of a headline.
fn headline(line: &str) -> Option<(usize, &str)> {
    let text = line.trim_start_matches('#');
    let level = line.len() - text.len();
    Some((level, text.strip_prefix(' ')?)).filter(|(level, _)| *level > 0)
}

fn wrapped(text: &str, first: &str, rest: &str, columns: usize) -> String {
    let text = text.replace("**", "");
    let mut out = first.to_owned();
    let mut column = first.width();
    let mut is_begun = false;
    for word in text.split_whitespace() {
        if is_begun && column + 1 + word.width() > columns {
            out.push('\n');
            out.push_str(rest);
            column = rest.width();
        } else if is_begun {
            out.push(' ');
            column += 1;
        }
        out.push_str(word);
        column += word.width();
        is_begun = true;
    }
    out.push('\n');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(page: &str) -> String {
        anstream::adapter::strip_str(&rendered(page, COLUMNS)).to_string()
    }

    #[test]
    fn items_hang_and_code_is_indented() {
        let item = format!("- {}\n  end\n\n```sh\nls\n```\n", "word ".repeat(16).trim());
        let wanted = format!("- {}\n  word end\n\n    ls\n", "word ".repeat(15).trim());
        assert_eq!(plain(&item), wanted);
    }

    #[test]
    fn narrow_tables_are_aligned_and_wide_ones_are_stacked() {
        assert_eq!(plain("| a | b |\n| --- | --- |\n| long | c |\n"), "a     b\nlong  c\n");
        assert_eq!(plain("| a | b | c |\n| --- | --- | --- |\n"), "a\n  b\n  c\n");
    }

    #[test]
    fn headings_and_strong_words_lose_their_marks() {
        assert_eq!(plain("# Title\n\n**Strong** words\n"), "Title\n\nStrong words\n");
    }
}
