//! From a JSON pointer (RFC 6901) to a place in the text: the symbolic location made concrete.
//!
//! Checks say `/spec/access/acl/0/uri` and never carry a span; this one function finds the characters at the end. It
//! always answers, for a field that is missing has a place too: the key of what it is missing from.

use std::borrow::Cow;

use super::Span;
use super::value::{Spanned, Value};

/// Which half of a pair is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// The key: for unknown fields and for anything that is missing.
    Key,
    /// The value: for wrong types and wrong values.
    Value,
}

/// The place of what a pointer names.
///
/// Items of a list have no key; the place where the item begins stands for it. When the pointer leads nowhere, the answer
/// is the key of the nearest parent that exists, and for the document itself the place where it begins.
#[must_use]
pub fn locate(root: &Spanned, pointer: &str, target: Target) -> Span {
    let mut node = root;
    let mut key = root.span.head();
    for token in tokens(pointer) {
        let Some(step) = step(node, &token) else {
            return key;
        };
        (key, node) = step;
    }
    match target {
        Target::Key => key,
        Target::Value => node.span,
    }
}

/// The value that a pointer names, if there is one.
#[must_use]
pub fn find<'a>(root: &'a Spanned, pointer: &str) -> Option<&'a Spanned> {
    tokens(pointer).try_fold(root, |node, token| step(node, &token).map(|(_, node)| node))
}

/// The same, to be changed.
pub fn find_mut<'a>(root: &'a mut Spanned, pointer: &str) -> Option<&'a mut Spanned> {
    tokens(pointer).try_fold(root, |node, token| match &mut node.value {
        Value::Scalar(_) => None,
        Value::Sequence(items) => items.get_mut(index_of(&token)?),
        Value::Mapping(entries) => {
            let entry = entries.iter_mut().find(|entry| *entry.key.text == *token);
            entry.map(|entry| &mut entry.value)
        }
    })
}

/// A pointer one step further down, with the step escaped.
#[must_use]
pub fn child(pointer: &str, step: impl std::fmt::Display) -> String {
    format!("{pointer}/{}", step.to_string().replace('~', "~0").replace('/', "~1"))
}

fn step<'a>(node: &'a Spanned, token: &str) -> Option<(Span, &'a Spanned)> {
    match &node.value {
        Value::Scalar(_) => None,
        Value::Sequence(items) => items.get(index_of(token)?).map(|item| (item.span.head(), item)),
        Value::Mapping(entries) => entries
            .iter()
            .find(|entry| entry.key.text == token)
            .map(|entry| (entry.key.span, &entry.value)),
    }
}

/// The standard allows no leading zeros, so that each item has one name.
fn index_of(token: &str) -> Option<usize> {
    let is_second_name = token.starts_with('0') && token.len() > 1;
    if is_second_name { None } else { token.parse().ok() }
}

/// The steps of a pointer, unescaped.
pub fn tokens(pointer: &str) -> impl Iterator<Item = Cow<'_, str>> {
    // The empty pointer is the document; a leading slash opens the first token.
    pointer.split('/').skip(1).map(|token| {
        if token.contains('~') {
            // In this order: `~01` is the two characters `~1`.
            Cow::Owned(token.replace("~1", "/").replace("~0", "~"))
        } else {
            Cow::Borrowed(token)
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reading::yaml;
    use crate::source::{Limits, SourceMap};

    const TEXT: &str = "\
spec:
  acl:
    - uri: a
    - {uri: b, methods: [GET]}
  a/b: 1
  m~n: 2
  empty:
";

    fn found(pointer: &str, target: Target) -> String {
        let mut map = SourceMap::new();
        let source = map.add("a.yaml", TEXT);
        let (documents, diagnostics) = yaml::load(source, TEXT, &Limits::DEFAULT);
        assert!(diagnostics.is_empty(), "{diagnostics:?}");
        let span = locate(&documents[0], pointer, target);
        format!("{} {}", map.position(span).0, map.slice(span).escape_debug())
    }

    #[test]
    fn a_pointer_finds_the_key_and_the_value() {
        assert_eq!(found("/spec/acl/1/uri", Target::Value), "4:13 b");
        assert_eq!(found("/spec/acl/1/methods", Target::Key), "4:16 methods");
        assert_eq!(found("/spec/acl/1/methods/0", Target::Value), "4:26 GET");
    }

    #[test]
    fn escapes_are_undone() {
        assert_eq!(found("/spec/a~1b", Target::Value), "5:8 1");
        assert_eq!(found("/spec/m~0n", Target::Key), "6:3 m~n");
        assert_eq!(child("/spec", "a/b~c"), "/spec/a~1b~0c");
    }

    #[test]
    fn an_item_is_found_where_it_begins() {
        assert_eq!(found("/spec/acl/0", Target::Key), "3:7 ");
        assert_eq!(found("/spec/acl/01", Target::Key), "2:3 acl");
    }

    #[test]
    fn what_is_missing_is_at_the_key_of_its_nearest_parent() {
        assert_eq!(found("/spec/token/ttl", Target::Value), "1:1 spec");
        assert_eq!(found("/spec/acl/7", Target::Value), "2:3 acl");
        assert_eq!(found("/spec/empty/x", Target::Key), "7:3 empty");
        assert_eq!(found("/kind", Target::Key), "1:1 ");
        assert_eq!(found("", Target::Key), "1:1 ");
    }

    #[test]
    fn a_value_that_was_not_written_stands_behind_its_colon() {
        assert_eq!(found("/spec/empty", Target::Value), "7:9 ");
    }
}
