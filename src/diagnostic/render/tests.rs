//! The same findings in every format.

use super::*;
use crate::diagnostic::{Code, Diagnostic};
use crate::source::{SourceMap, Span};

const TOKENS: &str = "\
kind: Tokn
metadata:
  name: trackit
spec:
  tll: 30d
  info: one
  info: two
";

fn findings() -> (SourceMap, Vec<Diagnostic>) {
    let mut map = SourceMap::new();
    let tokens = map.add("tokens.yaml", TOKENS);
    let limits = map.add("limits.yaml", "kind: Limit\n");
    let at = |text: &str, nth: usize| {
        let start = TOKENS.match_indices(text).nth(nth).unwrap().0;
        Span::new(tokens, start, start + text.len())
    };
    let found = vec![
        Diagnostic::error(Code::UnreadableFile, "cannot read it: permission denied")
            .in_file("secret.yaml"),
        Diagnostic::error(Code::UnknownKind, "there is no kind `Tokn`")
            .at(at("Tokn", 0), "")
            .help("did you mean `Token`?")
            .suggest(at("Tokn", 0), "Token")
            .pointer("/kind"),
        Diagnostic::error(Code::DuplicateKey, "key `info` appears twice")
            .at(at("info", 1), "again")
            .and(at("info", 0), "first"),
        Diagnostic::warning(Code::UndeclaredLimit, "nothing is limited")
            .at(at("spec", 0), "in this")
            .and(Span::new(limits, 6, 11), "by this")
            .help("one")
            .help("two"),
    ];
    (map, found)
}

#[test]
fn people_see_the_place_the_words_and_the_edit() {
    let (map, found) = findings();
    let expected = "\
error[unreadable-file]: cannot read it: permission denied
--> secret.yaml

error[unknown-kind]: there is no kind `Tokn`
 --> tokens.yaml:1:7
  |
1 | kind: Tokn
  |       ^^^^
  |
  = help: did you mean `Token`?
help: with this edit
  |
1 | kind: Token
  |          +

error[duplicate-key]: key `info` appears twice
 --> tokens.yaml:7:3
  |
6 |   info: one
  |   ---- first
7 |   info: two
  |   ^^^^ again

warning[undeclared-limit]: nothing is limited
 --> tokens.yaml:4:1
  |
4 | spec:
  | ^^^^ in this
  |
 ::: limits.yaml:1:7
  |
1 | kind: Limit
  |       ----- by this
  |
  = help: one
  = help: two

3 errors, 1 warning
";
    let shown = human(&map, &found, Color::Off);
    assert_eq!(shown, expected, "{shown}");
}

#[test]
fn colour_changes_nothing_but_colour() {
    let (map, found) = findings();
    let colored = human(&map, &found, Color::On);
    assert!(colored.contains("\u{1b}["));
    let mut plain = String::new();
    for (n, piece) in colored.split("\u{1b}[").enumerate() {
        plain.push_str(if n == 0 { piece } else { piece.split_once('m').unwrap().1 });
    }
    assert_eq!(plain, human(&map, &found, Color::Off));
}

#[test]
fn one_finding_is_one_line() {
    let (map, found) = findings();
    let expected = "\
secret.yaml: error[unreadable-file]: cannot read it: permission denied
tokens.yaml:1:7: error[unknown-kind]: there is no kind `Tokn`; did you mean `Token`?
tokens.yaml:7:3: error[duplicate-key]: key `info` appears twice
tokens.yaml:4:1: warning[undeclared-limit]: nothing is limited; one; two
";
    assert_eq!(short(&map, &found), expected);
}

#[test]
fn programs_get_every_field_every_time() {
    let (map, found) = findings();
    let parsed: serde_json::Value = serde_json::from_str(&json(&map, &found)).unwrap();
    let expected = serde_json::json!([
        {"code": "unreadable-file", "severity": "error", "message": "cannot read it: permission denied", "file": "secret.yaml",
         "line": null, "column": null, "end_line": null, "end_column": null, "help": null, "pointer": null},
        {"code": "unknown-kind", "severity": "error", "message": "there is no kind `Tokn`", "file": "tokens.yaml",
         "line": 1, "column": 7, "end_line": 1, "end_column": 11, "help": "did you mean `Token`?", "pointer": "/kind"},
        {"code": "duplicate-key", "severity": "error", "message": "key `info` appears twice", "file": "tokens.yaml",
         "line": 7, "column": 3, "end_line": 7, "end_column": 7, "help": null, "pointer": null},
        {"code": "undeclared-limit", "severity": "warning", "message": "nothing is limited", "file": "tokens.yaml",
         "line": 4, "column": 1, "end_line": 4, "end_column": 5, "help": "one\ntwo", "pointer": null},
    ]);
    assert_eq!(parsed, expected);
}

#[test]
fn nothing_found_is_nothing_said_but_an_empty_array() {
    let map = SourceMap::new();
    assert_eq!(human(&map, &[], Color::Off), "");
    assert_eq!(short(&map, &[]), "");
    assert_eq!(json(&map, &[]), "[]\n");
}

#[test]
fn a_hostile_file_cannot_talk_to_the_terminal() {
    let mut map = SourceMap::new();
    let text =
        format!("{}: \u{1b}]0;owned\u{7}\u{202e} {}\n", "k".repeat(100_000), "v".repeat(100_000));
    let source = map.add("evil\u{1b}[2J.yaml", text.as_str());
    let span = Span::new(source, 100_002, text.len());
    let found = [Diagnostic::error(Code::Schema, "bad \u{1b}[31m value\nnext")
        .at(span, "this \u{1b}")
        .suggest(span, "x")];
    for shown in [human(&map, &found, Color::Off), short(&map, &found)] {
        assert!(!shown.contains(['\u{1b}', '\u{7}', '\u{202e}']), "{shown}");
        assert!(shown.len() < 2000, "{shown}");
        assert!(shown.contains(":1:100003"), "{shown}");
    }
    assert_eq!(short(&map, &found).lines().count(), 1);
}

#[test]
fn a_place_at_the_very_end_is_shown() {
    let mut map = SourceMap::new();
    for text in ["", "a: 1\n", "a: 1", "a:\r\n", "\u{feff}"] {
        let source = map.add("a.yaml", text);
        let found = [Diagnostic::error(Code::Schema, "here")
            .at(Span::new(source, text.len(), text.len() + 9), "")];
        let shown = human(&map, &found, Color::Off);
        assert!(shown.contains("a.yaml:"), "{shown}");
    }
}
