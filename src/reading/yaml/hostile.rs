//! Texts that are meant to hurt: each ends in a diagnostic, with work and memory bounded by the size of the text.

use std::time::{Duration, Instant};

use proptest::prelude::*;

use super::*;
use crate::diagnostic::render;
use crate::source::{SourceMap, Value};

/// The codes that a text gets and how many documents are left of it.
fn outcome(text: &str) -> (Vec<Code>, usize) {
    let begun = Instant::now();
    let mut map = SourceMap::new();
    let source = map.add("a", text);
    let (values, diagnostics) = load(source, text, &Limits::DEFAULT);
    // A hundred times what it takes: this finds the wrong exponent, not the slow machine.
    assert!(begun.elapsed() < Duration::from_secs(30), "{:?}", begun.elapsed());
    (diagnostics.into_iter().map(|item| item.code).collect(), values.len())
}

fn size(value: &Spanned) -> usize {
    match &value.value {
        Value::Scalar(_) => 1,
        Value::Sequence(items) => 1 + items.iter().map(size).sum::<usize>(),
        Value::Mapping(entries) => {
            1 + entries.iter().map(|entry| 1 + size(&entry.value)).sum::<usize>()
        }
    }
}

#[test]
fn an_alias_bomb_runs_out_of_nodes() {
    let mut text = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n".to_owned();
    for n in 1..=9 {
        let before = format!("*a{}, ", n - 1).repeat(9);
        text.push_str(&format!("a{n}: &a{n} [{before}]\n"));
    }
    assert_eq!(outcome(&text), (vec![Code::AliasBudget], 0));
}

#[test]
fn a_wide_bomb_runs_out_of_bytes() {
    let text = format!("a: &a {}\nb:\n{}", "x".repeat(100_000), "- *a\n".repeat(20_000));
    assert_eq!(outcome(&text), (vec![Code::AliasBudget], 0));
}

#[test]
fn many_small_bombs_share_one_budget() {
    let text =
        format!("a: &a {}\nb: [{}]\n---\n", "x".repeat(1000), "*a, ".repeat(1000)).repeat(20);
    let (codes, documents) = outcome(&text);
    assert!(codes.iter().all(|code| *code == Code::AliasBudget), "{codes:?}");
    assert_eq!((documents, codes.len()), (4, 16));
}

#[test]
fn deep_nesting_stops_at_the_limit_in_every_form() {
    for text in [
        "[".repeat(10_000),
        "{a: ".repeat(10_000),
        "- ".repeat(10_000),
        (0..10_000).map(|n| " ".repeat(n % 300) + "a:\n").collect(),
        "- [".repeat(10_000),
        "- ".repeat(100) + &"[".repeat(100),
    ] {
        let (codes, documents) = outcome(&(text + "\n---\nb: 1\n"));
        assert!(matches!(codes.as_slice(), [Code::YamlDepth | Code::YamlSyntax]), "{codes:?}");
        assert_eq!(documents, 1);
    }
}

#[test]
fn depth_that_only_aliases_reach_stops_at_the_limit_too() {
    let mut text = "- &a0 [x]\n".to_owned();
    for n in 1..20_000 {
        text.push_str(&format!("- &a{n} [*a{}]\n", n - 1));
    }
    assert_eq!(outcome(&text), (vec![Code::YamlDepth], 0));
}

#[test]
fn more_values_than_a_file_may_hold_stop_the_reading() {
    let limits = Limits { file_nodes: 100, ..Limits::DEFAULT };
    let mut map = SourceMap::new();
    let text = "- a\n".repeat(200) + "---\nb: 1\n";
    let source = map.add("a", text.as_str());
    let (values, diagnostics) = load(source, &text, &limits);
    assert_eq!((values.len(), diagnostics.len(), diagnostics[0].code), (0, 1, Code::TooLarge));
}

#[test]
fn a_text_over_the_size_limit_is_not_read() {
    let limits = Limits { file_bytes: 10, ..Limits::DEFAULT };
    let mut map = SourceMap::new();
    let source = map.add("a", "a: 1\nb: 2\nc: 3\n");
    let (values, diagnostics) = load(source, map.text(source), &limits);
    assert_eq!((values.len(), diagnostics[0].code), (0, Code::TooLarge));
}

#[test]
fn a_flood_of_findings_is_counted_and_not_kept() {
    let (codes, _) = outcome(&format!("[{}]", "*x,".repeat(50_000)));
    assert_eq!(codes.len(), Limits::DEFAULT.diagnostics + 1);
    assert_eq!(codes.last(), Some(&Code::TooManyProblems));
    let (codes, _) = outcome(&"a: 1\n".repeat(50_000));
    assert_eq!(codes.len(), Limits::DEFAULT.diagnostics + 1);
}

#[test]
fn long_runs_of_one_thing_cost_their_length() {
    const MANY: usize = 200_000;
    for piece in [
        " ",
        "\n",
        "a",
        "\"",
        "'",
        "#",
        "# x\n",
        "- ",
        "-\n",
        "---\n",
        "...\n",
        ": ",
        "? ",
        "a: ",
        "a:\n",
        "[]",
        "[],",
        "{},",
        "&a ",
        "*a ",
        "!a ",
        "|\n",
        "%A\n",
        "\t",
        "\r",
        "\0",
        "\u{feff}",
        "é",
        "[a\n---\n",
        "]\n---\n",
        "a b ",
        "\"\\n",
        "- |\n",
        "- a\n\n",
        "a: &a 1\n",
        ",",
    ] {
        let count = MANY / piece.len();
        outcome(&piece.repeat(count));
        outcome(&format!("[{}", piece.repeat(count)));
        outcome(&format!("\"{}", piece.repeat(count)));
        outcome(&format!("a: |\n {}", piece.repeat(count)));
    }
}

/// Text that is nearly YAML, which gets further in than noise does.
fn nearly_yaml() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        4 => prop::sample::select(vec![
            "a", "b", ": ", ":", "- ", "\n", "\n  ", "\n    ", "[", "]", "{", "}", ", ", "&x ", "*x", "!!str ", "!t ", "|", ">-", "\"", "'", "#",
            "---\n", "...\n", "? ", "<<", "~", "1", "1.5", ".inf", "0x", "\t", "\r\n", "\u{feff}", "é", "\\u00e9", "\0", "%YAML 1.2\n", "@", "`",
        ]).prop_map(str::to_owned),
        1 => any::<char>().prop_map(String::from),
    ];
    prop::collection::vec(piece, 0..80).prop_map(|pieces| pieces.concat())
}

fn holds_together(text: &str) -> Result<(), TestCaseError> {
    let limits = Limits { alias_nodes: 1000, alias_bytes: 10_000, ..Limits::DEFAULT };
    let mut map = SourceMap::new();
    let source = map.add("a", text);
    let (documents, _) = parse(source, text, &limits);
    // A character can open a value and stand for its key or its item, hardly more.
    let nodes: usize = documents.iter().map(Document::len).sum();
    prop_assert!(nodes <= 2 * text.len() + 2, "{nodes} nodes");
    let (values, diagnostics) = load(source, text, &limits);
    let expanded: usize = values.iter().map(size).sum();
    prop_assert!(expanded <= 2 * text.len() + 2 + limits.alias_nodes, "{expanded} values");
    prop_assert!(diagnostics.len() <= limits.diagnostics + 1);
    for item in &diagnostics {
        let spans = item.primary.iter().chain(&item.secondary).map(|label| label.span);
        for span in spans.chain(item.suggestion.iter().map(|edit| edit.span)) {
            prop_assert!(text.get(span.start as usize..span.end as usize).is_some(), "{item:?}");
        }
    }
    for color in [render::Color::On, render::Color::Off] {
        let shown = render::human(&map, &diagnostics, color);
        let obeyed = color == render::Color::Off && shown.contains('\u{1b}');
        prop_assert!(!obeyed, "{shown:?}");
    }
    prop_assert_eq!(render::short(&map, &diagnostics).lines().count(), diagnostics.len());
    prop_assert!(
        serde_json::from_str::<serde_json::Value>(&render::json(&map, &diagnostics)).is_ok()
    );
    for value in &values {
        let (json, yaml) = (value.to_json(), value.to_yaml());
        prop_assert_eq!(serde_json::to_value(yaml).ok(), Some(json));
        for pointer in ["", "/", "/a/b/0", "/a~1/~0", text] {
            let span = crate::source::locate(value, pointer, crate::source::Target::Value);
            prop_assert!(text.get(span.start as usize..span.end as usize).is_some());
        }
    }
    Ok(())
}

proptest! {
    #[test]
    fn any_text_is_answered(text in any::<String>()) {
        holds_together(&text)?;
    }

    #[test]
    fn anything_like_yaml_is_answered(text in nearly_yaml()) {
        holds_together(&text)?;
    }

    #[test]
    fn json_is_yaml(value in json_value()) {
        let text = serde_json::to_string_pretty(&value).unwrap();
        let mut map = SourceMap::new();
        let source = map.add("a", text.as_str());
        let (values, diagnostics) = load(source, &text, &Limits::DEFAULT);
        prop_assert!(diagnostics.is_empty(), "{diagnostics:?}");
        prop_assert_eq!(values.first().map(Spanned::to_json), Some(value));
    }
}

fn json_value() -> impl Strategy<Value = serde_json::Value> {
    use serde_json::Value as Json;
    let leaf = prop_oneof![
        Just(Json::Null),
        any::<bool>().prop_map(Json::from),
        any::<i64>().prop_map(Json::from),
        "[ -~]{0,12}".prop_map(Json::from),
    ];
    leaf.prop_recursive(4, 32, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Json::from),
            prop::collection::btree_map("[a-z~/]{1,6}", inner, 0..5)
                .prop_map(|map| Json::Object(map.into_iter().collect())),
        ]
    })
}
