//! What is read from a text, and what is said about it.

use std::fmt::Write as _;

use super::*;
use crate::source::SourceMap;

fn load_text(text: &str) -> (Vec<Spanned>, String, SourceMap) {
    let mut map = SourceMap::new();
    let source = map.add("a", text);
    let (values, diagnostics) = load(source, text, &Limits::DEFAULT);
    let said = diagnostics.iter().fold(String::new(), |mut said, item| {
        let label = item.primary.as_ref().unwrap();
        let (start, _) = map.position(label.span);
        let marked = map.slice(label.span).escape_debug();
        writeln!(said, "{start} {} [{marked}] {}", item.code, item.message).unwrap();
        said
    });
    (values, said, map)
}

/// What is said about the text, a line for each finding: place, code, marked text, message.
fn complaints(text: &str) -> String {
    load_text(text).1
}

/// The documents as JSON, one a line, when there is nothing to complain about.
fn json(text: &str) -> String {
    let (values, said, _) = load_text(text);
    assert_eq!(said, "", "{text:?}");
    values.iter().map(|value| value.to_json().to_string() + "\n").collect()
}

#[test]
fn plain_documents_come_out_as_their_json() {
    assert_eq!(
        json("a: 1\nb: [x, 'y', \"z\"]\nc: {d: null}\n"),
        "{\"a\":1,\"b\":[\"x\",\"y\",\"z\"],\"c\":{\"d\":null}}\n"
    );
    assert_eq!(
        json("a: |\n  one\n  two\nb: >-\n  three\n  four\n"),
        "{\"a\":\"one\\ntwo\\n\",\"b\":\"three four\"}\n"
    );
}

#[test]
fn traps_of_yaml_1_1_are_read_as_1_2_says() {
    assert_eq!(
        json("[yes, no, on, off, y, n, 014, 1_000, 12:30:45, 0o14, 2026-01-01]"),
        "[\"yes\",\"no\",\"on\",\"off\",\"y\",\"n\",14,\"1_000\",\"12:30:45\",12,\"2026-01-01\"]\n"
    );
    assert_eq!(json("on: 1\nyes: 2\n"), "{\"on\":1,\"yes\":2}\n");
}

#[test]
fn typed_decoding_sees_the_same_values() {
    let (values, ..) = load_text("a: 014\nb: '014'\nc: 1.5\nd: true\ne:\nf: [x]\n");
    let yaml = serde_yaml::to_string(&values[0].to_yaml()).unwrap();
    assert_eq!(yaml, "a: 14\nb: '014'\nc: 1.5\nd: true\ne: null\nf:\n- x\n");
}

#[test]
fn documents_without_content_are_left_out() {
    for text in [
        "",
        "\n\n",
        "# only a comment\n",
        "---\n",
        "---\n---\n# x\n...\n",
        "\u{feff}",
        "\u{feff}# x\r\n",
        " ",
        "...\n",
    ] {
        assert_eq!(json(text), "", "{text:?}");
    }
    assert_eq!(
        json("---\n---\na: 1\n---\n# none\n---\nb: 2\n...\nc: 3\n"),
        "{\"a\":1}\n{\"b\":2}\n{\"c\":3}\n"
    );
}

#[test]
fn a_broken_document_does_not_hide_the_next_ones() {
    let (values, said, _) = load_text("a: [1\n---\nb: 1\n---\nc: }\n---\nd: 1\nd: 2\n");
    let read: Vec<_> = values.iter().map(|value| value.to_json().to_string()).collect();
    assert_eq!(read, ["{\"b\":1}", "{\"d\":1}"]);
    assert_eq!(
        said,
        "1:4 yaml-syntax [[] this `[` is never closed\n\
         5:4 yaml-syntax [}] this bracket closes nothing\n\
         8:1 duplicate-key [d] key `d` appears twice\n"
    );
}

#[test]
fn a_second_use_of_a_key_points_at_the_first() {
    let text = "a: 1\nb:\n  c: 1\n  'c': 2\n";
    let mut map = SourceMap::new();
    let source = map.add("a", text);
    let (_, diagnostics) = load(source, text, &Limits::DEFAULT);
    let [only] = diagnostics.as_slice() else { panic!("{diagnostics:?}") };
    assert_eq!(map.position(only.primary.as_ref().unwrap().span).0.to_string(), "4:3");
    assert_eq!(map.position(only.secondary[0].span).0.to_string(), "3:3");
}

#[test]
fn a_long_mapping_finds_its_repeated_keys_too() {
    let mut text: String = (0..100).map(|n| format!("k{n}: 1\n")).collect();
    text.push_str("k7: 2\n");
    assert_eq!(complaints(&text), "101:1 duplicate-key [k7] key `k7` appears twice\n");
}

#[test]
fn aliases_are_followed() {
    assert_eq!(
        json("a: &x {b: [1]}\nc: *x\nd: [*x, *x]\n"),
        "{\"a\":{\"b\":[1]},\"c\":{\"b\":[1]},\"d\":[{\"b\":[1]},{\"b\":[1]}]}\n"
    );
    assert_eq!(json("a: &x 1\nb: &x 2\nc: *x\n"), "{\"a\":1,\"b\":2,\"c\":2}\n");
    assert_eq!(json("a: &k key\n*k : 1\n"), "{\"a\":\"key\",\"key\":1}\n");
}

#[test]
fn an_alias_needs_an_anchor_before_it_in_its_document() {
    assert_eq!(complaints("a: *x\nb: &x 1\n"), "1:4 unknown-alias [*x] there is no anchor `&x`\n");
    assert_eq!(
        complaints("a: &x 1\n---\nb: *x\n"),
        "2:4 unknown-alias [*x] there is no anchor `&x`\n".replace("2:4", "3:4")
    );
}

#[test]
fn an_alias_inside_of_its_own_value_is_a_loop() {
    assert_eq!(
        complaints("a: &a [*a]\n"),
        "1:8 alias-loop [*a] an alias stands inside the value that it names\n"
    );
    assert_eq!(complaints("&a {b: &b {c: *a, d: *b}}\n").lines().count(), 2);
}

#[test]
fn tags_of_the_core_schema_are_honoured_and_others_are_not() {
    assert_eq!(
        json("[!!str 1, !!int '2', !!float 3, !!bool 'true', !!null '', ! 4, !!seq [], !!map {}]"),
        "[\"1\",2,3.0,true,null,\"4\",[],{}]\n"
    );
    assert_eq!(complaints("a: !foo 1\n"), "1:4 yaml-tag [!foo] unknown tag `!foo`\n");
    assert_eq!(
        complaints("a: !!int x\n"),
        "1:4 yaml-tag [!!int] the tag `!!int` does not match `x`\n"
    );
    assert_eq!(
        complaints("a: !!map []\n"),
        "1:4 yaml-tag [!!map] the tag `!!map` does not match a list\n"
    );
    assert_eq!(complaints("!secret\na: 1\n"), "1:1 yaml-tag [!secret] unknown tag `!secret`\n");
}

#[test]
fn a_merge_key_is_refused_and_a_quoted_one_is_a_key() {
    assert_eq!(
        complaints("a: &x {}\nb:\n  <<: *x\n"),
        "3:3 merge-key [<<] `<<` merges nothing in YAML 1.2\n"
    );
    assert_eq!(json("'<<': 1\n"), "{\"<<\":1}\n");
}

#[test]
fn keys_are_text() {
    assert_eq!(
        complaints("1: a\ntrue: b\n[c]: d\n~: e\n: f\n"),
        "1:1 non-string-key [1] the key `1` is not text\n\
         2:1 non-string-key [true] the key `true` is not text\n\
         3:1 non-string-key [[c]] a list cannot be a key\n\
         4:1 non-string-key [~] the key `~` is not text\n\
         5:1 non-string-key [] a key is empty\n"
    );
}

#[test]
fn numbers_that_cannot_be_carried_are_refused() {
    assert_eq!(
        complaints("- .inf\n- -.INF\n- .nan\n- 18446744073709551616\n- 1e999\n- '.inf'\n"),
        "1:3 number-range [.inf] `.inf` is not a finite number\n\
         2:3 number-range [-.INF] `-.INF` is not a finite number\n\
         3:3 number-range [.nan] `.nan` is not a finite number\n\
         4:3 number-range [18446744073709551616] `18446744073709551616` does not fit in a 64-bit integer\n\
         5:3 number-range [1e999] `1e999` is larger than any number can be\n"
    );
}

#[test]
fn what_is_no_yaml_is_pointed_at() {
    for (text, expected) in [
        ("a:\n\tb: 1\n", "2:2 yaml-syntax [b] a tab is not allowed for indentation\n"),
        ("a: b: c\n", "1:5 yaml-syntax [:] a value cannot begin here\n"),
        ("a: @x\n", "1:4 yaml-syntax [@] bare text cannot begin with this character\n"),
        (
            "a:\n  b: 1\n c: 2\n",
            "3:2 yaml-syntax [c] this line is indented by 1 space, which matches nothing above it\n",
        ),
        ("a: \"x\n", "2:1 yaml-syntax [] a quote above is still open here\n"),
        ("a: [}\n", "1:4 yaml-syntax [[] `}` closes what `[` opened\n"),
    ] {
        assert_eq!(complaints(text), expected, "{text:?}");
    }
}

#[test]
fn a_control_character_is_one_finding() {
    let said = complaints("a: x\u{1b}y\n");
    assert_eq!(
        said,
        "1:5 yaml-syntax [\\u{1b}] the character U+001B is not allowed in YAML as it is\n"
    );
    assert!(complaints("a: 1\0\nb: 2\n").contains("U+0000"));
    assert_eq!(json("a: \"\\x1b\"\n"), "{\"a\":\"\\u001b\"}\n");
}

#[test]
fn a_byte_order_mark_and_windows_line_breaks_shift_nothing() {
    assert_eq!(
        complaints("\u{feff}a: 1\r\nb:\r\n  a: 1\r\n  a: 2\r\n"),
        "4:3 duplicate-key [a] key `a` appears twice\n"
    );
    assert_eq!(json("\u{feff}a: |\r\n  x\r\n  y\r\n"), "{\"a\":\"x\\ny\\n\"}\n");
}

#[test]
fn a_byte_order_mark_may_stand_between_documents() {
    for text in [
        "\u{feff}---\na: 1\n\u{feff}---\nb: 2\n",
        "a: 1\r\n\u{feff}---\r\nb: 2\r\n",
        "\u{feff}\u{feff}a: 1\n---\nb: 2",
        "a: 1\n\u{feff}# b\n\n---\nb: 2\n\u{feff}",
        "a: 1\n...\n\u{feff}b: 2\n",
        "a: 1\n...\n\u{feff}\n\u{feff}%YAML 1.2\n---\nb: 2\n",
    ] {
        assert_eq!(complaints(text), "", "{text:?}");
        assert_eq!(json(text), "{\"a\":1}\n{\"b\":2}\n", "{text:?}");
    }
    assert_eq!(
        complaints("a: 1\n\u{feff}---\nb: 1\nb: 2\n"),
        "4:1 duplicate-key [b] key `b` appears twice\n"
    );
    for text in ["a: 1\n\u{feff}b: 2\n", "---\n\u{feff}a: 1\n", "a:\n  \u{feff}b: 2\n"] {
        assert!(complaints(text).contains("byte order mark"), "{text:?}");
    }
}

#[test]
fn spans_cover_what_was_written_and_no_more() {
    let text = "list:\n  - a\n  - b   # x\n\nflow: {a: [1, 2]}\ntext: |\n  one\n\n\nlast: 'q'\n";
    let (values, said, map) = load_text(text);
    assert_eq!(said, "");
    let marked: Vec<_> =
        values[0].as_mapping().iter().map(|entry| map.slice(entry.value.span)).collect();
    assert_eq!(marked, ["- a\n  - b", "{a: [1, 2]}", "one", "'q'"]);
}
