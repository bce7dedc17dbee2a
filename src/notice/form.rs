//! A notice in the words of those who receive it.

use std::fmt::Write;

use clap::ValueEnum;
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value, json};

use super::book::{Kept, News};
use super::incident::Incident;
use crate::diagnostic::counted;
use crate::diagnostic::render::printable;
use crate::run::span;

/// So many incidents are listed in a message; the others are counted.
const MOST_LISTED: usize = 20;

/// So many characters of what is said of an incident are in a message.
const MOST_WORDS: usize = 500;

/// What a receiver understands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Form {
    /// The JSON document of `schemas/notice.schema.json`.
    Json,
    /// An incoming webhook of Slack, and of what understands the same (Mattermost, Rocket.Chat).
    Slack,
    /// A workflow of Microsoft Teams that posts adaptive cards.
    Teams,
}

/// What began, and what is over.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Notice {
    /// `flespi-gitops/notice/v1`.
    pub format: NoticeFormat,
    /// The stack.
    pub stack: String,
    /// The platform.
    pub platform: String,
    /// The id of the process.
    pub run: String,
    /// When it was told.
    pub at: Timestamp,
    /// What is wrong since now.
    pub begun: Vec<Said>,
    /// What is no longer wrong.
    pub over: Vec<Said>,
}

/// One incident.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Said {
    /// Which one.
    #[serde(flatten)]
    pub incident: Incident,
    /// What is, or was, wrong.
    pub says: String,
    /// When it began.
    pub since: Timestamp,
}

/// The format of this document.
#[derive(Debug, Clone, Copy, Serialize, JsonSchema)]
pub enum NoticeFormat {
    /// Version 1.
    #[serde(rename = "flespi-gitops/notice/v1")]
    V1,
}

impl Notice {
    /// The notice of `news` about a stack on a platform, told by a process.
    pub(super) fn of(
        news: News,
        (stack, platform, run): (&str, &str, &str),
        at: Timestamp,
    ) -> Self {
        let said = |all: Vec<Kept>| {
            let said = |Kept { incident, since, says }| Said { incident, says: cut(&says), since };
            all.into_iter().map(said).collect()
        };
        Self {
            format: NoticeFormat::V1,
            stack: stack.to_owned(),
            platform: platform.to_owned(),
            run: run.to_owned(),
            at,
            begun: said(news.begun),
            over: said(news.over),
        }
    }

    /// What is sent to a receiver of `form`.
    pub(super) fn body(&self, form: Form) -> Value {
        match form {
            Form::Json => serde_json::to_value(self).unwrap_or_default(),
            Form::Slack => json!({ "text": escaped(&self.text()) }),
            Form::Teams => json!({
                "type": "message",
                "attachments": [{
                    "contentType": "application/vnd.microsoft.card.adaptive",
                    "content": {
                        "type": "AdaptiveCard",
                        "version": "1.4",
                        "body": [{"type": "TextBlock", "wrap": true, "text": self.text()}],
                    },
                }],
            }),
        }
    }

    /// The notice as lines for people.
    fn text(&self) -> String {
        let mut text = format!(
            "flespi-gitops, stack {} on {}",
            printable(&self.stack),
            printable(&self.platform)
        );
        let mut list = |word: &str, all: &[Said], ending: &dyn Fn(&Said) -> String| {
            for said in all.iter().take(MOST_LISTED) {
                let Incident { topic, subject } = &said.incident;
                let subject =
                    if subject.is_empty() { String::new() } else { format!(" {subject}") };
                let says = printable(&said.says);
                let _ =
                    write!(text, "\n{word}{topic}{}: {says}{}", printable(&subject), ending(said));
            }
            if let Some(more @ 1..) = all.len().checked_sub(MOST_LISTED) {
                let _ = write!(text, "\n{word}{} more", counted(more as u64, "incident"));
            }
        };
        list("", &self.begun, &|_| String::new());
        let age = |said: &Said| {
            let age = self.at.as_second().saturating_sub(said.since.as_second());
            format!(" (for {})", span(age))
        };
        list("over: ", &self.over, &age);
        text
    }
}

fn cut(says: &str) -> String {
    match says.char_indices().nth(MOST_WORDS) {
        Some((end, _)) => format!("{}…", says.get(..end).unwrap_or_default()),
        None => says.to_owned(),
    }
}

/// Names of anything never become links or mentions.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::notice::Topic;

    fn notice(subjects: &[String], says: &str) -> Notice {
        let kept = |subject: &String| Kept {
            incident: Incident { topic: Topic::Failing, subject: subject.clone() },
            since: Timestamp::UNIX_EPOCH,
            says: says.to_owned(),
        };
        let begun = subjects.iter().map(kept).collect();
        let over = vec![kept(&"token/app".to_owned())];
        let whose = ("default", "flespi.io", "r1");
        Notice::of(News { begun, over }, whose, Timestamp::from_second(7_200).unwrap())
    }

    #[test]
    fn people_read_what_began_and_what_is_over_and_for_how_long_it_lasted() {
        let text = notice(&["limit/a".to_owned()], "400 wrong").text();
        let lines: Vec<&str> = text.lines().collect();
        let expected = [
            "flespi-gitops, stack default on flespi.io",
            "failing limit/a: 400 wrong",
            "over: failing token/app: 400 wrong (for 2 h)",
        ];
        assert_eq!(lines, expected);
    }

    #[test]
    fn a_thousand_incidents_are_one_message_of_bounded_size_and_no_name_calls_anybody() {
        let subjects: Vec<String> = (0..1_000).map(|number| format!("token/t{number}")).collect();
        let says = format!("<!channel> & \u{1b}[31m {}", "x".repeat(10_000));
        let body = notice(&subjects, &says).body(Form::Slack);
        let text = body["text"].as_str().unwrap();
        assert!(text.contains("980 incidents more") && text.len() < 20_000, "{}", text.len());
        assert!(!text.contains("<!") && !text.contains('\u{1b}'), "{text:.300}");
    }
}
