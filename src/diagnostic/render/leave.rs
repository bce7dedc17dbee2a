//! Texts on their way out, as a whole: for terminals and logs of pipelines, and as JSON.

use std::fmt::Write as _;

use serde::Serialize;

use super::is_unprintable;

/// The text without anything that a service which runs pipelines would take for a command in a log.
///
/// GitHub obeys lines whose first words are `::command`, whatever blanks or colours stand before them; GitHub, Azure and
/// TeamCity obey `##[command]`, `##vso[command]` and the like anywhere in a line.
#[must_use]
pub fn without_commands(text: String) -> String {
    if !text.contains("::") && !text.contains("##") {
        return text;
    }
    let mut out = String::with_capacity(text.len() + 16);
    for line in text.split_inclusive('\n') {
        let start = without_style(line);
        let (before, rest) = line.split_at(line.len() - start.len());
        out.push_str(before);
        let rest = match rest.strip_prefix("::") {
            // Three colons and a blank are no command, and mark further files in excerpts.
            Some(command) if !command.starts_with(": ") => {
                out.push_str("\\u{3a}:");
                command
            }
            _ => rest,
        };
        out.push_str(&without_marks(rest, "\\u{5b}"));
    }
    out
}

/// What follows the blanks and the styles at the beginning of a line.
fn without_style(line: &str) -> &str {
    let mut rest = line.trim_start();
    while let Some(behind) = behind_style(rest) {
        rest = behind.trim_start();
    }
    rest
}

/// What follows the style with which a text begins, if it begins with one.
fn behind_style(text: &str) -> Option<&str> {
    let style = text.strip_prefix("\u{1b}[")?;
    let end = style.find(|c: char| !c.is_ascii_digit() && c != ';')?;
    style.get(end..)?.strip_prefix('m')
}

/// The text with `bracket` in the place of each bracket that ends a mark such as `##vso[`.
pub(crate) fn without_marks(text: &str, bracket: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("##") {
        let (before, mark) = rest.split_at(at);
        let word = mark.trim_start_matches('#');
        let behind = word.trim_start_matches(|c: char| c.is_ascii_alphanumeric());
        out.push_str(before);
        out.push_str(mark.strip_suffix(behind).unwrap_or_default());
        rest = match behind.strip_prefix('[') {
            Some(behind) => {
                out.push_str(bracket);
                behind
            }
            None => behind,
        };
    }
    out.push_str(rest);
    out
}

/// One line that is made up of styles of our own and of words of anybody: a line of a log. A line break at its very end
/// stays; everything else that acts is spelt out, styles excepted.
#[must_use]
pub fn printable_line(line: &str) -> String {
    let (line, end) = match line.strip_suffix('\n') {
        Some(line) => (line, "\n"),
        None => (line, ""),
    };
    let mut out = String::with_capacity(line.len() + 16);
    let mut rest = line;
    while let Some(c) = rest.chars().next() {
        if let Some(behind) = behind_style(rest) {
            out.push_str(rest.strip_suffix(behind).unwrap_or_default());
            rest = behind;
            continue;
        }
        match is_unprintable(c) {
            true => out.extend(c.escape_default()),
            false => out.push(c),
        }
        rest = rest.get(c.len_utf8()..).unwrap_or_default();
    }
    out.push_str(end);
    without_commands(out)
}

/// A document as JSON, ending in a line break; nothing in it acts on whoever reads the text as text.
#[must_use]
pub fn json_text(document: &impl Serialize) -> String {
    // Our documents have text keys and finite numbers only, so they always have a JSON form.
    let text = serde_json::to_string_pretty(document).unwrap_or_default();
    printable_json(&text) + "\n"
}

/// The same JSON with everything escaped that acts instead of being seen. The line breaks between values stay.
#[must_use]
pub fn printable_json(json: &str) -> String {
    let mut text = String::with_capacity(json.len());
    for c in json.chars() {
        // In JSON such a character can only stand inside of a string.
        if is_unprintable(c) && c != '\n' {
            for unit in c.encode_utf16(&mut [0; 2]) {
                // Writing to a text does not fail.
                let _ = write!(text, "\\u{unit:04x}");
            }
        } else {
            text.push(c);
        }
    }
    without_marks(&text, "\\u005b")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_line_begins_a_command() {
        let tame = |text: &str| without_commands(text.to_owned());
        for (text, expected) in [
            ("::error::x\n", "\\u{3a}:error::x\n"),
            ("a\n  \u{3000}::add-mask::x", "a\n  \u{3000}\\u{3a}:add-mask::x"),
            ("\u{1b}[1;31m \u{1b}[0m::x", "\u{1b}[1;31m \u{1b}[0m\\u{3a}:x"),
            ("a ##[debug]x ##vso[task.x]y", "a ##\\u{5b}debug]x ##vso\\u{5b}task.x]y"),
            ("###[x] ##a b[x] # #[x]", "###\\u{5b}x] ##a b[x] # #[x]"),
            (" ::: limits.yaml:1:7", " ::: limits.yaml:1:7"),
            ("limit::x ## heading", "limit::x ## heading"),
            ("", ""),
        ] {
            assert_eq!(tame(text), expected, "{text:?}");
        }
    }

    #[test]
    fn a_line_of_a_log_stays_one_line_and_keeps_its_own_styles() {
        let line = "\u{1b}[2mnow\u{1b}[0m\n a\n::error::\r\u{9b}2J\u{202e}\u{1b}]0;x\u{7}\n";
        let shown =
            "\u{1b}[2mnow\u{1b}[0m\\n a\\n::error::\\r\\u{9b}2J\\u{202e}\\u{1b}]0;x\\u{7}\n";
        assert_eq!(printable_line(line), shown);
        assert_eq!(printable_line("::x"), "\\u{3a}:x");
        assert_eq!(printable_line(" \u{1b} \u{1b}[3"), " \\u{1b} \\u{1b}[3");
    }

    #[test]
    fn json_says_the_same_and_nothing_in_it_acts() {
        let value = serde_json::json!({
            "a\u{9b}": ["\u{202e}x", "\u{e0041}", "##[debug]", "line\nbreak\u{7f}"], "é": 1
        });
        let text = json_text(&value);
        assert!(text.is_ascii() || text.replace('é', "").is_ascii(), "{text}");
        assert!(!text.contains("##[") && text.contains("\\udb40\\udc41"), "{text}");
        assert_eq!(serde_json::from_str::<serde_json::Value>(&text).unwrap(), value);
    }
}
