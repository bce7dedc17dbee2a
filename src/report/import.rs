//! What became of a state of Terraform.

use super::escape::{markdown_code, markdown_prose};
use super::markdown::{self, Bounded};
use super::style::{BOLD, CAUTION, DIM, GOOD, PLAIN};
use super::wrap::Screen;
use crate::diagnostic::counted;
use crate::diagnostic::render::printable;
use crate::import::{ImportDocument, ImportSummary, ImportedKey, ImportedObject, KeyOutcome};

/// What there is to read of an object behind its address.
fn remarks(object: &ImportedObject) -> Vec<String> {
    let ImportedObject { differs, unmanaged, .. } = object;
    let mut remarks = Vec::new();
    if !differs.is_empty() {
        remarks.push(format!(
            "the state has another {}; the manifest says what the platform has",
            differs.join(", ")
        ));
    }
    remarks.extend(unmanaged.iter().map(|what| format!("not in the manifest: {what}")));
    remarks
}

/// What became of a key.
fn outcome(key: &ImportedKey) -> String {
    match key.outcome {
        KeyOutcome::Delivered => format!("delivered to {}", key.sinks.join(", ")),
        KeyOutcome::NoSink => "not delivered: no sink was named (--deliver)".to_owned(),
        KeyOutcome::Unproven => {
            "not delivered: the platform does not know it as the key of this token".to_owned()
        }
    }
}

/// One line about the whole.
fn headline(summary: &ImportSummary) -> String {
    let ImportSummary { objects, referred, keys_delivered, keys_left, left } = *summary;
    let mut words = vec![format!("{} imported", counted(objects as u64, "object"))];
    let more = [
        (referred, "only referred to".to_owned()),
        (keys_delivered, format!("{} delivered", noun(keys_delivered, "key"))),
        (keys_left, format!("{} not delivered", noun(keys_left, "key"))),
        (left, "not carried over".to_owned()),
    ];
    let more = more.into_iter().filter(|(count, _)| *count > 0);
    words.extend(more.map(|(count, what)| format!("{count} {what}")));
    words.join(", ")
}

fn noun(count: usize, noun: &str) -> String {
    if count == 1 { noun.to_owned() } else { format!("{noun}s") }
}

/// What became of a state, as text: each object, each key with its advice, and what stays behind. `width` is that of the
/// terminal; without one, lines are as long as they are.
pub fn import_text(import: &ImportDocument, width: Option<usize>) -> String {
    let mut screen = Screen::new(width);
    for object in &import.objects {
        let address = object.address.to_string();
        let from = format!("  id {}, from {}", object.id, printable(&object.from));
        screen.line(0, 2, &[(BOLD, &address), (DIM, &from)]);
        for remark in remarks(object) {
            screen.line(2, 4, &[(CAUTION, &*printable(&remark))]);
        }
    }
    if !import.keys.is_empty() {
        screen.gap();
        screen.line(0, 2, &[(BOLD, "keys in the state")]);
        for key in &import.keys {
            let style = if key.outcome == KeyOutcome::Delivered { PLAIN } else { CAUTION };
            let address = format!("{}: ", key.address);
            let outcome = outcome(key);
            screen.line(2, 4, &[(BOLD, &address), (style, &*printable(&outcome))]);
            screen.line(4, 6, &[(DIM, &*printable(&key.advice))]);
        }
    }
    if !import.left.is_empty() {
        screen.gap();
        screen.line(0, 2, &[(BOLD, "not carried over")]);
        for left in &import.left {
            let from = format!("{}: ", printable(&left.from));
            screen.line(2, 4, &[(BOLD, &from), (PLAIN, &*printable(&left.reason))]);
        }
    }
    screen.gap();
    let is_whole = import.summary.left + import.summary.keys_left == 0;
    let style = if is_whole { GOOD } else { CAUTION };
    let stack = format!("stack {}: ", printable(&import.stack));
    screen.line(0, 2, &[(BOLD, &stack), (style.bold(), &headline(&import.summary))]);
    screen.finish()
}

/// What became of a state as Markdown, in at most `limit` bytes, but not less than
/// [`MARKDOWN_LEAST`](super::MARKDOWN_LEAST).
pub fn import_markdown(import: &ImportDocument, limit: usize) -> String {
    const END: usize = 300;
    const PROSE: usize = 500;
    let limit = limit.max(super::MARKDOWN_LEAST);
    let mut text = Bounded::new(limit - END);
    text.add(&markdown::marker("import", &import.stack));
    let stack = markdown::named(&import.stack);
    text.add(&format!("### Stack {stack}: {}\n\n", headline(&import.summary)));
    let keys = import.keys.iter().map(|key| {
        let words = format!("{}; {}", outcome(key), key.advice);
        format!(
            "- {}: {}\n",
            markdown_code(&key.address.to_string()),
            markdown_prose(&words, PROSE)
        )
    });
    let left = import.left.iter().map(|left| {
        format!("- {}: {}\n", markdown_code(&left.from), markdown_prose(&left.reason, PROSE))
    });
    let objects = import.objects.iter().map(|object| {
        let mut words = vec![format!("id {}, from {}", object.id, object.from)];
        words.extend(remarks(object));
        let words = markdown_prose(&words.join("; "), PROSE);
        format!("- {}: {words}\n", markdown_code(&object.address.to_string()))
    });
    let parts = [
        ("Keys in the state", keys.collect::<Vec<_>>()),
        ("Not carried over", left.collect()),
        ("Imported", objects.collect()),
    ];
    let mut left_out = 0;
    for (title, lines) in parts.into_iter().filter(|(_, lines)| !lines.is_empty()) {
        let room = text.room() / 2;
        left_out += text.add_part(&markdown::list(title, lines), room);
    }
    let end = match left_out {
        0 => String::new(),
        lines => format!(
            "**Left out** to stay below {limit} bytes: {lines} lines. The report as JSON has everything.\n"
        ),
    };
    text.finish(&end)
}
