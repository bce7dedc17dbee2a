//! Foreign text made harmless, one function for each place that it can get into.
//!
//! Names, values and reasons may hold anything that somebody could type into a panel. In every
//! view they are text and nothing but text: characters that act instead of being seen are spelt
//! out first ([`printable`]), then whatever the form itself would interpret.

use crate::diagnostic::render::printable;

/// For HTML, between tags and within quoted attributes.
pub(super) fn html(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 16);
    for c in printable(text).chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
    out
}

/// For Markdown, as code in a line.
///
/// Written as an element and not with backticks, which would need counting; references to
/// characters are never markup in Markdown. Within `code`, neither GitHub nor GitLab looks for
/// mentions, issue numbers, links and emoji.
pub(super) fn markdown_code(text: &str) -> String {
    let mut out = "<code>".to_owned();
    for c in printable(text).chars() {
        match c {
            'a'..='z' | 'A'..='Z' | '0'..='9' | ' ' | '/' | '.' | ',' | '-' => out.push(c),
            c if c.is_ascii() => out.push_str(&format!("&#{};", u32::from(c))),
            c => out.push(c),
        }
    }
    out.push_str("</code>");
    out
}

/// For Markdown, as a line of a block between `<pre>` and `</pre>`.
///
/// A block of HTML and not a fenced one: in that nothing can be escaped, so it shows what is markup elsewhere as it is,
/// to readers that are no services, too.
pub(super) fn markdown_line(line: &str) -> String {
    let mut out = String::with_capacity(line.len() + 16);
    let is_command = line.trim_start().starts_with("::");
    let mut colons = 0;
    for c in printable(line).chars() {
        colons += usize::from(c == ':');
        match c {
            ':' if is_command && colons == 1 => out.push_str("&#58;"),
            '&' | '<' | '>' | '@' | '[' | '`' => {
                out.push_str(&format!("&#{};", u32::from(c)));
            }
            c => out.push(c),
        }
    }
    out.push('\n');
    out
}

/// For Markdown, as running text of at most `longest` characters: plain words stay words, and
/// everything else becomes code.
pub(super) fn markdown_prose(text: &str, longest: usize) -> String {
    let mut text = text.to_owned();
    if let Some((end, _)) = text.char_indices().nth(longest) {
        text.truncate(end);
        text.push('…');
    }
    let words = text.split(' ').filter(|word| !word.is_empty());
    let words: Vec<String> = words
        .map(|word| {
            let body = word.trim_end_matches([',', ';', ':', '.', ')']);
            let tail = &word[body.len()..];
            let (head, body) = match body.strip_prefix('(') {
                Some(inner) if is_plain_word(inner) => ("(", inner),
                _ => ("", body),
            };
            match (body.is_empty(), is_plain_word(body)) {
                (true, _) => markdown_code(word),
                (false, true) => format!("{head}{body}{tail}"),
                (false, false) => format!("{}{tail}", markdown_code(body)),
            }
        })
        .collect();
    words.join(" ")
}

/// Letters, and hyphens between them, or a short number; nothing that any service makes a link of.
fn is_plain_word(word: &str) -> bool {
    if (1..=6).contains(&word.len()) && word.chars().all(|c| c.is_ascii_digit()) {
        return true;
    }
    word.split('-').all(|part| !part.is_empty() && part.chars().all(|c| c.is_ascii_alphabetic()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn html_has_no_markup_of_its_own() {
        assert_eq!(
            html("</script><!-- \"x\" & 'y' \u{1b}[31m\u{202e}"),
            "&lt;/script&gt;&lt;!-- &quot;x&quot; &amp; &#39;y&#39; \\u{1b}[31m\\u{202e}"
        );
    }

    #[test]
    fn code_in_markdown_is_inert() {
        assert_eq!(markdown_code("emea/acme-1.x"), "<code>emea/acme-1.x</code>");
        assert_eq!(
            markdown_code("a|b`*_<@x>\n"),
            "<code>a&#124;b&#96;&#42;&#95;&#60;&#64;x&#62;&#92;n</code>"
        );
    }

    #[test]
    fn a_line_of_a_block_is_inert() {
        assert_eq!(
            markdown_line("+ ![x](y) <b>&amp; @all ```\n</pre>"),
            "+ !&#91;x](y) &#60;b&#62;&#38;amp; &#64;all &#96;&#96;&#96;\\n&#60;/pre&#62;\n"
        );
        assert_eq!(markdown_line("   ::error::x"), "   &#58;:error::x\n");
    }

    #[test]
    fn prose_keeps_words_and_makes_code_of_the_rest() {
        assert_eq!(
            markdown_prose("because acme.yaml:2:1 declares it, @admin; e-mail #12.", 500),
            "because <code>acme.yaml&#58;2&#58;1</code> declares it, <code>&#64;admin</code>; \
             e-mail <code>&#35;12</code>."
        );
        assert_eq!(markdown_prose("one two three", 7), "one <code>two…</code>");
        assert_eq!(
            markdown_prose("- # 1. --- ...", 50),
            "<code>-</code> <code>&#35;</code> 1. <code>---</code> <code>...</code>"
        );
    }
}
