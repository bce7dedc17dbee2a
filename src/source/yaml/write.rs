//! Writing YAML: a tree with comments in, text out that every reader takes for the same.
//!
//! Own code, since the usual writers leave `on`, `12:30:45` or `2026-01-01` bare, which readers of
//! YAML 1.1 take for a boolean, a number and a date. Here a text stands bare only if nobody can
//! take it for anything else; all others get double quotes and escapes, so whatever a name on the
//! platform holds, it stays on its line and inside of its value.

use std::fmt::Write as _;

use serde_json::Value;

use super::core_schema;
use crate::diagnostic::render::{is_unprintable, without_marks};
use crate::source::Meaning;

/// The longest key in bytes that stands before its colon; YAML allows 1,024 characters.
const LONGEST_KEY: usize = 1_000;

/// A block of a document: its fields and the comments between them, in order.
#[derive(Debug, Clone, Default)]
pub(crate) struct Block(Vec<Line>);

#[derive(Debug, Clone)]
enum Line {
    Comment(String),
    Field(String, Node),
}

/// What stands behind a key or a dash.
#[derive(Debug, Clone)]
pub(crate) struct Node {
    content: Content,
    /// What is said of it, at the end of the line on which it begins.
    comment: Option<String>,
}

#[derive(Debug, Clone)]
enum Content {
    /// On one line, as it is written.
    Flow(String),
    Block(Block),
    List(Vec<Node>),
}

impl Block {
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn has_fields(&self) -> bool {
        self.0.iter().any(|line| matches!(line, Line::Field(..)))
    }

    /// Adds a comment; what would end its line is escaped.
    pub(crate) fn comment(&mut self, text: &str) {
        self.0.push(Line::Comment(one_line(text)));
    }

    /// Adds anything that JSON has; objects are written in the order of their keys, and short lists on a line.
    pub(crate) fn field(&mut self, key: &str, value: impl Into<Value>) {
        self.node(key, Node::of(&value.into()));
    }

    pub(crate) fn block(&mut self, key: &str, block: Block) {
        self.node(key, Node::block(block));
    }

    pub(crate) fn node(&mut self, key: &str, node: Node) {
        self.0.push(Line::Field(key.to_owned(), node));
    }

    /// The block as the text of a document.
    pub(crate) fn text(&self) -> String {
        let mut text = String::new();
        self.write(0, &mut text);
        text
    }

    fn write(&self, indent: usize, out: &mut String) {
        for line in &self.0 {
            let _ = write!(out, "{:indent$}", "");
            line.write(indent, out);
        }
    }
}

impl Line {
    /// Writes the line where it begins, at `indent`.
    fn write(&self, indent: usize, out: &mut String) {
        match self {
            Self::Comment(comment) => {
                let _ = writeln!(out, "# {comment}");
            }
            Self::Field(key, node) => {
                write_key(key, indent, out);
                node.write(indent, out);
            }
        }
    }
}

impl Node {
    /// Anything that JSON has.
    pub(crate) fn of(value: &Value) -> Self {
        Self::from(match value {
            Value::Object(fields) if !fields.is_empty() => {
                let mut block = Block::default();
                for (key, value) in fields {
                    block.node(key, Self::of(value));
                }
                Content::Block(block)
            }
            Value::Array(items) if !items.is_empty() && !items.iter().all(is_short) => {
                Content::List(items.iter().map(Self::of).collect())
            }
            value => Content::Flow(flow(value)),
        })
    }

    /// Fields of an order of their own.
    pub(crate) fn block(block: Block) -> Self {
        Self::from(Content::Block(block))
    }

    /// A list of which each item has a line of its own.
    pub(crate) fn list(items: Vec<Self>) -> Self {
        Self::from(match items.is_empty() {
            true => Content::Flow("[]".to_owned()),
            false => Content::List(items),
        })
    }

    /// The same with a comment behind it. An item of a list that has fields takes none.
    pub(crate) fn with_comment(self, comment: Option<String>) -> Self {
        Self { comment: comment.map(|comment| one_line(&comment)), ..self }
    }

    /// Writes the node behind its colon or dash, which stands at `indent`, and the end of the line.
    fn write(&self, indent: usize, out: &mut String) {
        let comment = self.comment.as_ref().map(|it| format!("  # {it}")).unwrap_or_default();
        let _ = match &self.content {
            Content::Flow(text) => writeln!(out, " {text}{comment}"),
            // Nothing but comments is null to every reader.
            Content::Block(block) if !block.has_fields() => writeln!(out, " {{}}{comment}"),
            Content::Block(_) | Content::List(_) => writeln!(out, "{comment}"),
        };
        match &self.content {
            Content::Flow(_) => {}
            Content::Block(block) => block.write(indent + 2, out),
            Content::List(items) => {
                for item in items {
                    let _ = write!(out, "{:1$}-", "", indent + 2);
                    item.write_item(indent + 2, out);
                }
            }
        }
    }

    /// Writes the node behind a dash at `indent`: the first field stands on the line of the dash.
    fn write_item(&self, indent: usize, out: &mut String) {
        let Content::Block(block) = &self.content else { return self.write(indent, out) };
        match block.0.split_first() {
            Some((first, rest)) if block.has_fields() => {
                out.push(' ');
                first.write(indent + 2, out);
                for line in rest {
                    let _ = write!(out, "{:1$}", "", indent + 2);
                    line.write(indent + 2, out);
                }
            }
            _ => self.write(indent, out),
        }
    }
}

impl From<Content> for Node {
    fn from(content: Content) -> Self {
        Self { content, comment: None }
    }
}

/// The text with everything escaped that does not belong into one line of a comment.
pub(crate) fn one_line(text: &str) -> String {
    let mut out = String::new();
    for character in text.chars() {
        match must_escape(character) {
            true => out.extend(character.escape_unicode()),
            false => out.push(character),
        }
    }
    without_marks(&out, "\\u{5b}")
}

/// Writes a key at `indent` and its colon. One that is too long for a line of its own form has a mark before it, and its
/// colon on the next line.
fn write_key(key: &str, indent: usize, out: &mut String) {
    let key = scalar(key);
    let _ = match key.len() <= LONGEST_KEY {
        true => write!(out, "{key}:"),
        false => write!(out, "? {key}\n{:indent$}:", ""),
    };
}

/// Whether a list of such items reads well on one line.
fn is_short(item: &Value) -> bool {
    match item {
        Value::Array(_) | Value::Object(_) => false,
        Value::String(text) => text.len() <= 12,
        Value::Null | Value::Bool(_) | Value::Number(_) => true,
    }
}

fn flow(value: &Value) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::Bool(value) => value.to_string(),
        Value::Number(number) => number_text(number),
        Value::String(text) => scalar(text),
        Value::Array(items) => {
            format!("[{}]", items.iter().map(flow).collect::<Vec<_>>().join(", "))
        }
        Value::Object(fields) => {
            let fields =
                fields.iter().map(|(key, value)| format!("{}: {}", scalar(key), flow(value)));
            format!("{{{}}}", fields.collect::<Vec<_>>().join(", "))
        }
    }
}

/// `1e16` is a number to YAML 1.2 and text to YAML 1.1, which wants a dot and a sign.
fn number_text(number: &serde_json::Number) -> String {
    let text = number.to_string();
    let Some((mantissa, exponent)) = text.split_once('e') else { return text };
    let dot = if mantissa.contains('.') { "" } else { ".0" };
    let sign = if exponent.starts_with(['-', '+']) { "" } else { "+" };
    format!("{mantissa}{dot}e{sign}{exponent}")
}

/// A text, bare if that is safe.
pub(crate) fn scalar(text: &str) -> String {
    if is_safe_bare(text) {
        return text.to_owned();
    }
    let mut out = String::from("\"");
    for character in text.chars() {
        match character {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            '\r' => out.push_str("\\r"),
            other if must_escape(other) => {
                let code = u32::from(other);
                let _ = match code {
                    0..=0xff => write!(out, "\\x{code:02x}"),
                    0x100..=0xffff => write!(out, "\\u{code:04x}"),
                    _ => write!(out, "\\U{code:08x}"),
                };
            }
            other => out.push(other),
        }
    }
    out.push('"');
    without_marks(&out, "\\x5b")
}

/// What a line of YAML cannot hold, and what a person who reviews the line cannot see: what no output shows as it is, and
/// characters without a meaning of their own.
fn must_escape(character: char) -> bool {
    is_unprintable(character)
        || matches!(character, '\u{fff0}'..='\u{ffff}' | '\u{e000}'..='\u{f8ff}')
        || u32::from(character) >= 0xe_0000
        || u32::from(character) & 0xfffe == 0xfffe
}

/// Words that YAML 1.1 takes for booleans, null or merging, in lower case.
const WORDS: [&str; 9] = ["y", "n", "yes", "no", "on", "off", "true", "false", "null"];

/// Whether every reader takes the bare text for text, in block and in flow style.
fn is_safe_bare(text: &str) -> bool {
    let inside = |character: char| {
        character.is_ascii_alphanumeric()
            || " _./@+*?-".contains(character)
            || (!character.is_ascii() && character.is_alphanumeric())
    };
    let Some(first) = text.chars().next() else { return false };
    let starts_well = first.is_alphabetic() || first == '/' || is_duration(text);
    // A colon is safe only where no blank can be taken to follow it.
    let colons = text.replacen("://", "", 1);
    starts_well
        && colons.chars().all(inside)
        && !text.ends_with([' ', ':', '/'])
        && !WORDS.contains(&text.to_lowercase().as_str())
        && core_schema(text) == Meaning::Text
}

/// `30d`: no number to anybody.
fn is_duration(text: &str) -> bool {
    let digits = text.strip_suffix(['d', 'h', 'm', 's']).unwrap_or_default();
    !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn traps_of_every_reader_are_quoted() {
        for text in [
            "",
            "on",
            "Off",
            "y",
            "NO",
            "true",
            "Null",
            "~",
            "12:30:45",
            "1_000",
            "2026-01-01",
            "=",
            "<<",
            "0x1f",
            "1e3",
            ".5",
            "-",
            "- a",
            "a: b",
            "a #b",
            "#",
            "&a",
            "*a",
            "!x",
            "%a",
            "@a",
            "`a",
            "a,b",
            "[a",
            "{a}",
            "a ",
            " a",
            "'",
            "\"",
            "?",
            "? a",
            "a:",
            "10",
            "0o7",
            "+1",
            "inf:",
            "...",
            "---",
            "http://",
            "1.2.3.4",
        ] {
            assert!(scalar(text).starts_with('"'), "{text} -> {}", scalar(text));
        }
        for text in [
            "starter",
            "ACME Haulage",
            "https://*.example.com",
            "30d",
            "gw/devices",
            "Zürich",
            "a@b.example",
        ] {
            assert_eq!(scalar(text), text);
        }
    }

    /// The reader of YAML 1.1 that is at hand.
    #[test]
    fn every_text_reads_back_as_itself_in_yaml_1_1_and_1_2() {
        let texts = [
            "plain words",
            "",
            " ",
            "yes",
            "No",
            "on",
            "~",
            "null",
            "12",
            "1_000",
            "0o14",
            "014",
            "12:30:45",
            "2026-01-01",
            "1e3",
            ".5",
            ".inf",
            "<<",
            "=",
            "- a",
            "a: b",
            "a #b",
            "é",
            "\u{feff}",
            "\u{2028}",
            "\u{85}",
            "a\nb\t\"c\"\\",
            "\u{1b}[31m",
            "${x}",
            "30d",
            "*a",
            "&a",
            "!t",
            "@x",
            "`x`",
            "%",
            "{",
            "[",
            "'",
            "\u{1f600}",
            "x ",
            "true",
            "0x1F",
        ];
        for original in texts {
            let written = scalar(original);
            let read: String = serde_yaml::from_str(&written).unwrap();
            assert_eq!(read, original, "{written}");
            let bare = !written.starts_with('"');
            assert!(!bare || core_schema(&written) == Meaning::Text, "{written}");
        }
    }

    #[test]
    fn nothing_leaves_its_line() {
        assert_eq!(
            scalar("a\nb\u{85}\u{2028}\u{202e}\0\u{1f600}"),
            "\"a\\nb\\x85\\u2028\\u202e\\x00\u{1f600}\""
        );
        assert_eq!(scalar("##[debug]x"), "\"##\\x5bdebug]x\"");
        assert_eq!(one_line("a\nkind: x\u{2028}"), "a\\u{a}kind: x\\u{2028}");
    }

    #[test]
    fn a_document_is_written_in_block_style_with_short_lists_on_a_line() {
        let mut block = Block::default();
        block.field("kind", "Token");
        let mut spec = Block::default();
        spec.comment("why");
        spec.field(
            "acl",
            json!([{"uri": "gw", "methods": ["GET", "PUT"], "none": []}, {"a": {"b": [{}]}}]),
        );
        spec.field("big", json!(1e300));
        block.block("spec", spec);
        assert_eq!(
            block.text(),
            "kind: Token\nspec:\n  # why\n  acl:\n    - methods: [GET, PUT]\n      none: []\n      uri: gw\n    - a:\n        b:\n          - {}\n  big: 1.0e+300\n"
        );
    }

    #[test]
    fn values_and_items_take_comments() {
        let mut pair = Block::default();
        pair.node("a", Node::of(&json!("on")).with_comment(Some("from x\ny".to_owned())));
        pair.node("b", Node::list(Vec::new()));
        let items = vec![
            Node::of(&json!("x")).with_comment(Some("from y".to_owned())),
            Node::block(pair),
            Node::list(vec![Node::of(&json!(1)), Node::block(Block::default())]),
        ];
        let mut block = Block::default();
        block.node("list", Node::list(items).with_comment(Some("why".to_owned())));
        assert_eq!(
            block.text(),
            "list:  # why\n  - x  # from y\n  - a: \"on\"  # from x\\u{a}y\n    b: []\n  -\n    - 1\n    - {}\n"
        );
    }

    fn json_value() -> impl proptest::strategy::Strategy<Value = Value> {
        use proptest::prelude::*;
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<u64>().prop_map(Value::from),
            any::<f64>().prop_filter("finite", |number| number.is_finite()).prop_map(Value::from),
            any::<String>().prop_map(Value::from),
            "[-+.0-9a-fxoeE:_ yYnN~,#]{0,8}".prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 40, 6, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
                prop::collection::btree_map(
                    "\\PC{0,8}|[a-z<=~:]{0,4}|[a-zé\n\"]{900,1100}",
                    inner,
                    0..6
                )
                .prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }

    proptest::proptest! {
        #[test]
        fn whatever_is_written_is_read_back(value in json_value()) {
            let mut block = Block::default();
            block.field("value", value.clone());
            let text = block.text();
            let mut sources = crate::source::SourceMap::new();
            let source = sources.add("x.yaml", text.as_str());
            let (documents, problems) =
                crate::source::yaml::load(source, &text, &crate::source::Limits::DEFAULT);
            proptest::prop_assert!(problems.is_empty(), "{text}\n{problems:?}");
            let read: Value = serde_json::to_value(documents[0].get("value").unwrap().to_yaml()).unwrap();
            proptest::prop_assert_eq!(read, value, "{}", text);
        }
    }
}
