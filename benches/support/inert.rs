//! What is shown to people, to pipelines and to browsers: words, and nothing that acts.

use std::collections::BTreeSet;
use std::error::Error;

use flespi_gitops::diagnostic::render::{printable, without_commands};
use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};

use super::hold;

/// Characters that act instead of being seen; a line break between lines is none.
fn acts(c: char) -> bool {
    (c.is_control() && c != '\n')
        || matches!(c,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}')
}

/// A text for a terminal or a log: nothing in it acts, and no line begins a command of a pipeline.
pub fn text(what: &str, text: &str) -> Result<(), String> {
    for line in text.lines() {
        hold(!line.chars().any(acts), || format!("{what}: {line:?}"))?;
        let start = line.trim_start();
        // Three colons mark further files in excerpts.
        let is_command = start.starts_with("::") && !start.starts_with("::: ");
        hold(!is_command, || format!("{what}: {line}"))?;
        hold(!line.contains("##[") && !line.contains("##vso["), || format!("{what}: {line}"))?;
    }
    Ok(())
}

/// A text with styles of ours.
pub fn styled(what: &str, styled: &str) -> Result<(), String> {
    for style in styled.split('\u{1b}').skip(1) {
        let digits = style.strip_prefix('[').unwrap_or_default();
        let end = digits.trim_start_matches(|c: char| c.is_ascii_digit() || c == ';');
        hold(end.starts_with('m'), || format!("{what}: an escape in {style:?}"))?;
    }
    text(what, &anstream::adapter::strip_str(styled).to_string())
}

/// Words of anybody as a message has them: one line.
pub fn said(what: &str, words: &str) -> Result<(), String> {
    let words = without_commands(printable(words).into_owned());
    hold(words.lines().count() <= 1, || format!("{what}: {words:?} is not one line"))?;
    text(what, &words)
}

/// An error as it is told: itself and its causes.
pub fn error(what: &str, error: &dyn Error) -> Result<(), String> {
    let mut cause = Some(error);
    while let Some(error) = cause {
        said(what, &error.to_string())?;
        cause = error.source();
    }
    Ok(())
}

/// JSON that is printed: a document, and nothing in it acts on who reads it as text.
pub fn json(what: &str, json: &str) -> Result<(), String> {
    let is_json = serde_json::from_str::<serde_json::Value>(json).is_ok();
    hold(is_json, || format!("{what} is no JSON: {json}"))?;
    text(what, json)
}

/// The elements that our Markdown has.
const ELEMENTS: [&str; 9] = [
    "<details>",
    "</details>",
    "<summary>",
    "</summary>",
    "<code>",
    "</code>",
    "<pre lang=\"diff\">",
    "<pre lang=\"text\">",
    "</pre>",
];

/// Markdown: no link, image, mention or element but ours, and one heading.
pub fn markdown(what: &str, markdown: &str) -> Result<(), String> {
    text(what, markdown)?;
    let wrong = |why: String| Err(format!("{what}: {why}\n{markdown}"));
    let (mut in_code, mut headings, mut open) = (false, 0, 0_i64);
    for event in Parser::new_ext(markdown, Options::all()) {
        match event {
            Event::Html(html) | Event::InlineHtml(html) => {
                // What stands between elements is words, in which no angle bracket is left.
                for tag in
                    html.split_inclusive('>').filter_map(|it| it.find('<').map(|at| &it[at..]))
                {
                    let is_note = tag.starts_with("<!-- flespi-gitops ");
                    if !is_note && !ELEMENTS.contains(&tag) {
                        return wrong(format!("the element {tag}"));
                    }
                    open += i64::from(tag.ends_with("<details>"));
                    open -= i64::from(tag.ends_with("</details>"));
                    match tag {
                        "<code>" => in_code = true,
                        tag if tag.ends_with("</code>") => in_code = false,
                        _ => {}
                    }
                }
            }
            Event::Start(Tag::CodeBlock(_)) => in_code = true,
            Event::End(TagEnd::CodeBlock) => in_code = false,
            Event::Start(Tag::Heading { .. }) => headings += 1,
            Event::Start(
                tag @ (Tag::Link { .. } | Tag::Image { .. } | Tag::Emphasis | Tag::BlockQuote(_)),
            ) => return wrong(format!("{tag:?}")),
            Event::FootnoteReference(_) | Event::TaskListMarker(_) => {
                return wrong(format!("{event:?}"));
            }
            Event::Text(text) if !in_code => {
                let is_tame = |c: char| c.is_ascii_alphanumeric() || " .,;:()-'…×%+/~".contains(c);
                if let Some(c) = text.chars().find(|c| !is_tame(*c)) {
                    return wrong(format!("{c:?} in running text: {text}"));
                }
            }
            _ => {}
        }
    }
    match (headings, open) {
        (..=1, 0) => Ok(()),
        _ => wrong(format!("{headings} headings, {open} details left open")),
    }
}

/// The names of elements and attributes of a page, without its style and its script.
fn names(page: &str) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    let mut rest = page;
    while let Some((_, tag)) = rest.split_once('<') {
        let (tag, behind) = tag.split_once('>').unwrap_or((tag, ""));
        let name = tag.split_whitespace().next().unwrap_or_default();
        names.insert(name.to_owned());
        let attributes = tag.split('"').step_by(2).flat_map(str::split_whitespace);
        names.extend(attributes.filter_map(|word| Some(format!("{}=", word.strip_suffix('=')?))));
        rest = match name {
            "style" | "script" => behind.split_once("</").map_or("", |(_, rest)| rest),
            _ => behind,
        };
    }
    names
}

/// The elements and attributes that our pages have.
const PAGE: &str = "!doctype html head meta title style script body header main section article h1 h2 h3 p a b ul li \
    code pre del ins small span label input output details summary table tbody thead tr td th aria-label= charset= class= \
    content= data-name= data-total= href= http-equiv= id= lang= name= placeholder= scope= type=";

/// A page: made of nothing but our elements, and every one that is opened is closed.
pub fn page(page: &str) -> Result<(), String> {
    hold(!page.chars().any(acts), || format!("a page with something that acts: {page:?}"))?;
    let known = |name: &str| PAGE.split(' ').any(|known| known == name.trim_start_matches('/'));
    let foreign: Vec<String> = names(page).into_iter().filter(|name| !known(name)).collect();
    hold(foreign.is_empty(), || format!("a page with {foreign:?}: {page}"))?;
    for tag in ["code", "pre", "details", "summary", "td", "li", "span", "h1", "script"] {
        let count = |what: &str| page.matches(what).count();
        let open = count(&format!("<{tag}>")) + count(&format!("<{tag} "));
        hold(open == count(&format!("</{tag}>")), || format!("<{tag}> left open: {page}"))?;
    }
    // No address leads anywhere but into the page.
    let leads_away = page.split("href=\"").skip(1).any(|link| !link.starts_with('#'));
    hold(!leads_away, || format!("a page with a link that leads away: {page}"))
}
