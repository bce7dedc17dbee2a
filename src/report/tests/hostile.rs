//! Names and values that try to be more than text.

use std::collections::BTreeSet;

use proptest::prelude::*;
use pulldown_cmark::{Event, Options, Parser, Tag};
use serde_json::{Value, json};

use super::{change, mixed, plan, report, step};
use crate::plan::{Action, Plan};
use crate::report::{plan_html, plan_markdown, plan_text, run_markdown, run_text};

const HOSTILE: &[&str] = &[
    "</script><script>alert(1)</script>",
    "<!-- x -->-->",
    "\" onmouseover=\"alert(1)",
    "' onfocus='alert(1)",
    "</code></pre></details></td></summary><h1>x",
    "``` \n```\n# heading\n",
    "`````````",
    "~~~~\n</details>\n\n<details>",
    "a | b | c\n| --- |",
    "first\n\n- [ ] second\r\n> third",
    "@everyone @flespi/owners #1 GH-1 !7 deadbeefdeadbeef https://evil.example www.evil.example",
    "![x](https://evil.example/x.png) [y](javascript:alert(1)) <https://evil.example>",
    "*bold* _em_ ~~gone~~ $x$ \\ :tada: [^1]",
    "\u{1b}[2J\u{1b}]8;;https://evil.example\u{7}click\u{1b}]8;;\u{7}\u{9b}31m",
    "\u{202e}gpj.exe\u{2066}\u{200f}\u{feff}",
    "&lt;b&gt; &#60;i&#62;",
    "```diff\n+ token/app  create\n```",
];

/// `plan` with `text` wherever foreign text can be.
fn with_text(text: &str) -> Plan {
    let value = |name: &str| Value::from(format!("{text}{name}"));
    let acl = |method: &str| {
        json!({"type": 2, "acl": [
            {"uri": text, "methods": [method, text], "topic": text, "ids": [text]}]})
    };
    let mut steps = vec![
        step(
            Action::Update,
            "token/acme/app",
            vec![
                change("info", value("a"), value("b")),
                change(&format!("metadata.{text}"), Value::Null, value("c")),
                change("access", acl("GET"), acl("PUT")),
                change("ips", value("d"), value("e")),
                change("description", Value::Null, Value::from(text.repeat(8))),
            ],
        ),
        step(Action::Delete, "subaccount/acme", Vec::new()),
    ];
    for step in &mut steps {
        step.reason = format!("{text} said so {text}");
    }
    let mut plan = Plan { stack: text.to_owned(), digest: text.to_owned(), ..plan(steps) };
    let other = mixed();
    plan.blocked = other.blocked;
    plan.pending = other.pending;
    plan.unknown = other.unknown;
    plan.disputed = other.disputed;
    plan.refusals = other.refusals;
    plan.disputed[0].reason = text.to_owned();
    plan.refusals[0].reason = text.to_owned();
    plan.blocked[0].reason = text.to_owned();
    plan.blocked[0].source = Some(text.to_owned());
    plan.pending[0].reason = format!("before {text}");
    plan.unknown[0].reason = text.to_owned();
    plan.unknown[0].account = text.to_owned();
    plan.notes = vec![text.to_owned(), format!("{text}{text}")];
    plan
}

/// The elements that are ours.
const OURS: &[&str] = &[
    "<details>",
    "</details>",
    "<summary>",
    "</summary>",
    "<code>",
    "</code>",
    "<pre lang=\"diff\">",
    "</pre>",
];

/// The elements that a parser of Markdown finds, in order, with what stands in no code.
fn structure(markdown: &str) -> Result<Vec<String>, String> {
    let mut found = Vec::new();
    let mut in_code = false;
    for event in Parser::new_ext(markdown, Options::all()) {
        match event {
            Event::Html(html) | Event::InlineHtml(html) => {
                for tag in html.split_inclusive('>').map(str::trim).filter(|tag| !tag.is_empty()) {
                    match tag {
                        "<code>" => in_code = true,
                        tag if tag.ends_with("</code>") => in_code = false,
                        _ => {}
                    }
                    found.push(tag.to_owned());
                }
            }
            Event::Start(Tag::CodeBlock(_)) => in_code = true,
            Event::End(pulldown_cmark::TagEnd::CodeBlock) => in_code = false,
            Event::Start(
                tag @ (Tag::Link { .. } | Tag::Image { .. } | Tag::Emphasis | Tag::BlockQuote(_)),
            ) => return Err(format!("{tag:?}")),
            Event::FootnoteReference(_) | Event::TaskListMarker(_) => {
                return Err(format!("{event:?}"));
            }
            Event::Start(tag) => found.push(format!("{tag:?}")),
            Event::Text(text) if !in_code => {
                let is_tame = |c: char| c.is_ascii_alphanumeric() || " .,;:()-'…×".contains(c);
                if let Some(c) = text.chars().find(|c| !is_tame(*c)) {
                    return Err(format!("{c:?} in running text: {text}"));
                }
            }
            _ => {}
        }
    }
    Ok(found)
}

/// What stands between angle brackets, without the style and the script.
fn tags(page: &str) -> BTreeSet<String> {
    let (head, body) = page.split_once("<style>").unwrap();
    let (_, body) = body.split_once("</style>").unwrap();
    let (body, end) = body.split_once("<script>").unwrap();
    let (_, end) = end.split_once("</script>").unwrap();
    let open = [head, body, end].into_iter().flat_map(|part| part.split('<').skip(1));
    open.map(|rest| rest.split('>').next().unwrap().to_owned()).collect()
}

/// Every view of hostile text has only what the same view of harmless text has.
#[track_caller]
fn stays_text(text: &str) {
    let hostile = with_text(text);
    let page = plan_html(&hostile, 4);
    let mut harmless = tags(&plan_html(&with_text("harmless"), 4));
    // Some texts are rights and some are not; that alone is no breaking out.
    harmless.extend(tags(&plan_html(&mixed(), 4)));
    harmless.extend(tags(&plan_html(&with_text(&"harmless".repeat(20)), 4)));
    let foreign: Vec<String> = tags(&page).difference(&harmless).cloned().collect();
    assert!(foreign.is_empty(), "{foreign:?}");
    for tag in ["code", "pre", "details", "td", "li", "span", "h1"] {
        let count = |what: &str| page.matches(what).count();
        let open = count(&format!("<{tag}>")) + count(&format!("<{tag} "));
        assert_eq!(open, count(&format!("</{tag}>")), "{tag}");
    }

    for markdown in
        [plan_markdown(&hostile, 60_000), run_markdown(&hostile_report(text), text, 60_000)]
    {
        let found = structure(&markdown).unwrap_or_else(|why| panic!("{why}\n{markdown}"));
        let count = |what: &str| found.iter().filter(|tag| tag.starts_with(what)).count();
        assert_eq!(count("<details>"), count("</details>"), "{markdown}");
        assert_eq!(count("<code>"), count("</code>"), "{markdown}");
        assert_eq!(count("Heading"), 1, "{markdown}");
        assert_eq!(count("Table("), 1, "{markdown}");
        for tag in &found {
            let is_ours = tag.starts_with("<!-- flespi-gitops ")
                || !tag.starts_with('<')
                || OURS.iter().any(|ours| tag.ends_with(ours));
            assert!(is_ours, "{tag}\n{markdown}");
        }
        assert!(!markdown.chars().any(|c| c.is_control() && c != '\n'), "{markdown:?}");
    }

    for width in [None, Some(60)] {
        for text in [plan_text(&hostile, width), run_text(&hostile_report(text), width)] {
            let bare = anstream::adapter::strip_str(&text).to_string();
            let acts = |c: char| (c.is_control() && c != '\n') || "\u{202e}\u{2066}".contains(c);
            assert!(!bare.chars().any(acts), "{bare:?}");
            assert!(!text.contains("\u{1b}[2J") && !text.contains("\u{1b}]"), "{text:?}");
        }
    }
}

fn hostile_report(text: &str) -> crate::apply::Report {
    let mut report = report(&with_text(text));
    for step in &mut report.steps {
        step.error = Some(text.to_owned());
    }
    report.steps[0].outcome = crate::apply::StepOutcome::Failed;
    report
}

#[test]
fn hostile_text_never_breaks_out_of_any_view() {
    for text in HOSTILE {
        stays_text(text);
    }
}

#[test]
fn hostile_text_is_shown_and_not_dropped() {
    let page = plan_html(&with_text("</script>"), 4);
    assert!(page.contains("&lt;/script&gt;a"));
    let markdown = plan_markdown(&with_text("@everyone"), 60_000);
    assert!(markdown.contains("<code>&#64;everyone</code>"), "{markdown}");
    assert!(plan_text(&with_text("\u{202e}x"), None).contains("\\u{202e}x"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn no_mixture_of_markup_breaks_out(
        parts in prop::collection::vec(prop::sample::select(HOSTILE), 1..4),
        cut in 0_usize..40,
    ) {
        let text: String = parts.concat().chars().skip(cut).take(60).collect();
        stays_text(&format!("{text}x"));
    }
}
