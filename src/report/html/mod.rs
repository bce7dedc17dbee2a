//! A plan as one page to keep: everything in it, nothing loaded from anywhere.
//!
//! The page works without its script, which only filters. A content security policy names the hash
//! of the one style sheet and the one script, so that a browser would run nothing else even if
//! something got past the escaping.

use std::collections::BTreeMap;

use data_encoding::BASE64;
use sha2::{Digest, Sha256};

use super::escape::html;
use super::outline::{self, Account, Notice, Outline, Tone, outline};
use super::plan::named_first;
use super::risk::{Concern, Risk};
use super::value::{Shown, Side, shown};
use crate::diagnostic::counted;
use crate::plan::{Action, Change, Plan, Step, StepId};

const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("page.js");

/// A plan with more changes than this begins with folded accounts.
const OPEN: usize = 200;

/// The plan, which took `calls` API calls to make, as a page.
pub fn plan_html(plan: &Plan, calls: u64) -> String {
    let Outline { risky, accounts, notices } = outline(plan);
    let places: BTreeMap<&StepId, usize> =
        plan.steps.iter().enumerate().map(|(place, step)| (&step.id, place)).collect();
    let mut page = head(plan);
    page.push_str(&header(plan, calls));
    page.push_str("<main>\n");
    page.push_str(&risks(&risky, &places));
    for notice in &notices {
        page.push_str(&notice_section(notice));
    }
    page.push_str(&format!(
        "<label class=\"filter\" hidden><input type=\"search\" data-total=\"{}\" \
         placeholder=\"Filter changes: delete token emea\" aria-label=\"Filter changes\">\
         <output class=\"soft\"></output></label>\n",
        plan.steps.len()
    ));
    for account in &accounts {
        page.push_str(&account_fold(account, plan.steps.len() <= OPEN, &places));
    }
    page.push_str(&format!("</main>\n<script>{SCRIPT}</script>\n</body>\n</html>\n"));
    page
}

fn head(plan: &Plan) -> String {
    let policy = format!(
        "default-src 'none'; style-src 'sha256-{}'; script-src 'sha256-{}'; base-uri 'none'; \
         form-action 'none'",
        csp_hash(STYLE),
        csp_hash(SCRIPT)
    );
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"{policy}\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"robots\" content=\"noindex\">\n\
         <title>{}: plan for {}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n",
        html(&outline::headline(plan)),
        html(&plan.stack)
    )
}

fn header(plan: &Plan, calls: u64) -> String {
    let mut sums: Vec<String> = outline::counts(plan)
        .into_iter()
        .map(|(count, what)| {
            let class = match what {
                "to create" | "to restore" => "good",
                "to delete" | "blocked" => "bad",
                "to assign" => "calm",
                _ => "caution",
            };
            format!("<li class=\"{class}\">{count} {what}</li>")
        })
        .collect();
    if sums.is_empty() {
        sums.push("<li class=\"good\">nothing to do</li>".to_owned());
    }
    sums.push(format!("<li class=\"quiet\">{} unchanged</li>", plan.unchanged));
    let commit = outline::commit_line(plan);
    let commit = commit.map(|commit| format!("<p class=\"soft\">commit {}</p>\n", html(&commit)));
    format!(
        "<header>\n<h1>Plan for stack <code>{}</code></h1>\n<ul class=\"sums\">{}</ul>\n\
         <p class=\"soft\">plan <code>{}</code> · {}</p>\n{}</header>\n",
        html(&plan.stack),
        sums.concat(),
        html(&plan.digest),
        counted(calls, "API call"),
        commit.unwrap_or_default()
    )
}

fn risks(risky: &[(&Step, Risk)], places: &BTreeMap<&StepId, usize>) -> String {
    if risky.is_empty() {
        return String::new();
    }
    let mut text = format!(
        "<section class=\"alarm\">\n<h2>Review first <small>{}</small></h2>\n<ul>\n",
        outline::concerns(risky)
    );
    for (step, Risk { concern, words }) in risky {
        let class = match concern {
            Concern::Destroys | Concern::Disables => "bad",
            Concern::GainsRights | Concern::LosesRights => "caution",
        };
        text.push_str(&format!(
            "<li><span class=\"tag {class}\">{}</span> <a href=\"#{}\"><code>{}</code></a> {}</li>\n",
            concern.as_str(),
            anchor(step, places),
            html(&step.address.to_string()),
            html(words)
        ));
    }
    text + "</ul>\n</section>\n"
}

fn anchor(step: &Step, places: &BTreeMap<&StepId, usize>) -> String {
    format!("change-{}", places.get(&step.id).copied().unwrap_or(0) + 1)
}

fn notice_section(notice: &Notice<'_>) -> String {
    let Notice { title, tone, entries } = notice;
    let class = match tone {
        Tone::Bad => "alarm",
        Tone::Caution => "wait",
        Tone::Quiet => "note",
    };
    let mut text = format!(
        "<section class=\"{class}\">\n<h2>{}{} <small>{}</small></h2>\n<ul>\n",
        title.chars().take(1).flat_map(char::to_uppercase).collect::<String>(),
        title.chars().skip(1).collect::<String>(),
        entries.len()
    );
    for entry in entries {
        let subject =
            entry.subject.as_ref().map(|subject| format!("<code>{}</code>: ", html(subject)));
        let source = entry
            .source
            .map(|source| format!(" <span class=\"soft\"><code>{}</code></span>", html(source)));
        text.push_str(&format!(
            "<li>{}{}{}</li>\n",
            subject.unwrap_or_default(),
            html(&entry.text),
            source.unwrap_or_default()
        ));
    }
    text + "</ul>\n</section>\n"
}

fn account_fold(account: &Account<'_>, open: bool, places: &BTreeMap<&StepId, usize>) -> String {
    let name = html(&account.name());
    let count = account.steps.len();
    let mut text = format!(
        "<details class=\"account\" data-name=\"{name}\"{}>\n<summary>{name} \
         <small>{count} {}</small></summary>\n",
        if open { " open" } else { "" },
        if count == 1 { "change" } else { "changes" }
    );
    for step in &account.steps {
        text.push_str(&step_article(step, places));
    }
    text + "</details>\n"
}

fn step_article(step: &Step, places: &BTreeMap<&StepId, usize>) -> String {
    let class = match step.action {
        Action::Create | Action::Restore => "good",
        Action::Update => "caution",
        Action::Assign | Action::Link | Action::Forget => "calm",
        Action::Delete => "bad",
    };
    let rows: String = named_first(step).map(row).collect();
    let table = match rows.is_empty() {
        true => String::new(),
        false => format!("<table><tbody>\n{rows}</tbody></table>\n"),
    };
    let rights = outline::rights(step).map(|(verdict, lines)| {
        let (verdict, lines) = (html(&verdict), block(lines));
        format!("<p><b>{verdict}</b></p>\n<pre>{lines}</pre>\n")
    });
    format!(
        "<article class=\"step\" id=\"{}\">\n<h3><span class=\"tag {class}\">{}</span> \
         <code>{}</code></h3>\n{table}{}<p class=\"soft\">reason: {}</p>\n</article>\n",
        anchor(step, places),
        outline::verb(step),
        html(&step.address.to_string()),
        rights.unwrap_or_default(),
        html(&step.reason)
    )
}

fn row(change: &Change) -> String {
    let value = match shown(change) {
        Shown::New(new) => format!("<code>{}</code>", html(&new)),
        Shown::Pair(old, new) => {
            let (old, new) = (html(&old), html(&new));
            format!("<code><del>{old}</del></code> → <code><ins>{new}</ins></code>")
        }
        Shown::Lines(lines) => format!("<pre>{}</pre>", block(lines)),
    };
    format!(
        "<tr><th scope=\"row\"><code>{}</code></th><td>{value}</td></tr>\n",
        html(&change.field)
    )
}

/// Lines that were, will be or stay.
fn block(lines: Vec<(Side, String)>) -> String {
    let lines = lines.into_iter().map(|(side, line)| {
        let (class, sign) = match side {
            Side::Before => (" class=\"was\"", '-'),
            Side::After => (" class=\"will\"", '+'),
            Side::Both => ("", ' '),
        };
        format!("<span{class}>{sign} {}</span>", html(&line))
    });
    lines.collect()
}

/// How a content security policy names a text: its SHA-256 in base64.
pub(crate) fn csp_hash(text: &str) -> String {
    BASE64.encode(&Sha256::digest(text.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_is_what_a_browser_makes_of_the_text() {
        // The example of the specification of content security policies, level 3.
        assert_eq!(
            csp_hash("alert('Hello, world.');"),
            "qznLcsROx4GACP2dm0UCKCzCG+HiZ1guq6ZZDob/Tng="
        );
    }
}
