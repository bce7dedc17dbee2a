//! Selectors: the last segment of a path, which says which items are meant.
//!
//! A selector is a list of terms joined by commas. Ids and `all` say where to look, conditions (`field=value`,
//! `{expression}`) narrow it down, and all conditions have to hold. With ids alone, each id has to exist; with a
//! condition the selector is a filter, and a filter without a match is an empty list and not an error.

use std::borrow::Cow;

use serde_json::Value;

use super::{
    answer::Refusal,
    expression::{self, Expression, Misread, Operator},
    pattern,
};

/// Dotted names are walked this deep at most, whatever a selector asks for.
const NESTING_LIMIT: usize = 32;

/// More ids or conditions than this in one selector are refused.
const TERM_LIMIT: usize = 20_000;

/// A parsed selector.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Selector {
    /// The ids named, in the order of the text; empty when none were.
    pub(super) ids: Vec<u64>,
    pub(super) conditions: Vec<Condition>,
}

/// One condition of a selector.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Condition {
    /// `field=value` and its relatives.
    Field { name: Box<str>, operator: Operator, wanted: Wanted },
    /// `{expression}`
    Expression(Expression),
}

/// The right side of `field=value`.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Wanted {
    /// In quotes: exactly this text.
    Exactly(String),
    /// Bare: read as whatever the field holds, with wildcards.
    Bare(String),
}

impl Selector {
    /// Reads a decoded selector; the error names the bytes at fault.
    pub(super) fn parse(text: &str) -> Result<Self, Refusal> {
        read(text).map_err(|Misread { message, span }| {
            Refusal::bad(format!("bad selector at {}..{}: {message}", span.start, span.end))
                .with_selector(text)
        })
    }

    /// Whether the text named ids and nothing else, so that each of them has to exist.
    pub(super) fn is_strict(&self) -> bool {
        !self.ids.is_empty() && self.conditions.is_empty()
    }

    /// The owner that the selector asks for by `cid=N`, if it does.
    pub(super) fn owner(&self) -> Option<u64> {
        self.conditions.iter().find_map(|condition| match condition {
            Condition::Field { name, operator: Operator::Equal, wanted: Wanted::Bare(text) }
                if &**name == "cid" =>
            {
                text.parse().ok()
            }
            _ => None,
        })
    }

    /// The id or key that the selector asks for by `key=…`; keys are unique, so this is an index look-up.
    pub(super) fn key(&self) -> Option<&str> {
        self.conditions.iter().find_map(|condition| match condition {
            Condition::Field {
                name,
                operator: Operator::Equal,
                wanted: Wanted::Bare(text) | Wanted::Exactly(text),
            } if &**name == "key" && !pattern::is_pattern(text) => Some(text.as_str()),
            _ => None,
        })
    }

    /// Calls `visit` with every field name that a condition uses.
    pub(super) fn visit_fields(&self, visit: &mut dyn FnMut(&str)) {
        for condition in &self.conditions {
            match condition {
                Condition::Field { name, .. } => visit(name),
                Condition::Expression(expression) => expression.visit_fields(visit),
            }
        }
    }

    /// Whether an item, seen through `field`, satisfies every condition.
    pub(super) fn accepts(&self, field: &dyn Fn(&str) -> Value) -> bool {
        self.conditions.iter().all(|condition| match condition {
            Condition::Field { name, operator, wanted } => wanted.met_by(&field(name), *operator),
            Condition::Expression(expression) => expression.accepts(field),
        })
    }
}

impl Wanted {
    fn met_by(&self, found: &Value, operator: Operator) -> bool {
        let text = match self {
            Self::Exactly(text) => return operator.holds(found, &Value::String(text.clone())),
            Self::Bare(text) => text,
        };
        let fits = || expression::as_text(found).is_some_and(|found| pattern::fits(text, &found));
        match operator {
            Operator::Fits => fits(),
            Operator::Equal if pattern::is_pattern(text) => fits(),
            Operator::NotEqual if pattern::is_pattern(text) => !fits(),
            _ => operator.holds(found, &read_as(text, found)),
        }
    }
}

/// A bare value, read as the type of what it is compared with.
fn read_as(text: &str, like: &Value) -> Value {
    match like {
        Value::Number(_) => expression::number(text),
        Value::Bool(_) => text.parse::<bool>().ok().map(Value::Bool),
        _ if text == "null" => Some(Value::Null),
        _ => None,
    }
    .unwrap_or_else(|| Value::String(text.to_owned()))
}

fn read(text: &str) -> Result<Selector, Misread> {
    let mut selector = Selector::default();
    let mut everything = false;
    for (start, term) in terms(text)? {
        let misread = |message: String| Misread { message, span: start..start + term.len() };
        if selector.ids.len() + selector.conditions.len() == TERM_LIMIT {
            return Err(misread(format!("more than {TERM_LIMIT} terms")));
        }
        if term == "all" {
            everything = true;
        } else if term.bytes().all(|byte| byte.is_ascii_digit()) && !term.is_empty() {
            selector.ids.push(term.parse().map_err(|_| misread("an id is too large".to_owned()))?);
        } else if let Some(inner) = term.strip_prefix('{') {
            let inner =
                inner.strip_suffix('}').ok_or_else(|| misread("expected \"}\"".to_owned()))?;
            selector.conditions.push(Condition::Expression(Expression::parse(inner, start + 1)?));
        } else {
            selector.conditions.push(condition(term).map_err(misread)?);
        }
    }
    if everything {
        selector.ids.clear();
    }
    Ok(selector)
}

fn condition(term: &str) -> Result<Condition, String> {
    let end = term.find(|character| !expression::is_name(character)).unwrap_or(term.len());
    let (name, rest) = term.split_at(end);
    let operator = expression::operator(rest);
    let (Some((operator, length)), false) = (operator, name.is_empty()) else {
        return Err("expected an id, \"all\", \"field=value\" or an {expression}".to_owned());
    };
    let value = &rest[length..];
    let wanted = match value.chars().next() {
        Some(quote @ ('"' | '\'')) => match expression::quoted(value, quote) {
            Some((text, length)) if length == value.len() => Wanted::Exactly(text),
            Some(_) => return Err("expected a comma after the closing quote".to_owned()),
            None => return Err("this text has no closing quote".to_owned()),
        },
        _ => Wanted::Bare(value.to_owned()),
    };
    Ok(Condition::Field { name: name.into(), operator, wanted })
}

/// Splits at the commas that are neither in quotes nor in braces; each term with the place where it starts.
fn terms(text: &str) -> Result<Vec<(usize, &str)>, Misread> {
    let mut terms = Vec::new();
    let (mut start, mut quote, mut braces, mut escaped) = (0, None, 0_usize, false);
    for (at, character) in text.char_indices() {
        match (quote, character) {
            _ if escaped => escaped = false,
            (Some(_), '\\') => escaped = true,
            (Some(open), close) if open == close => quote = None,
            (Some(_), _) => {}
            (None, '"' | '\'') => quote = Some(character),
            (None, '{') => braces += 1,
            (None, '}') => braces = braces.saturating_sub(1),
            (None, ',') if braces == 0 => {
                terms.push((start, &text[start..at]));
                start = at + 1;
            }
            _ => {}
        }
    }
    terms.push((start, &text[start..]));
    if quote.is_some() {
        return Err(Misread {
            message: "a text has no closing quote".to_owned(),
            span: start..text.len(),
        });
    }
    Ok(terms.into_iter().map(|(start, term)| trimmed(start, term)).collect())
}

fn trimmed(start: usize, term: &str) -> (usize, &str) {
    let left = term.trim_start();
    (start + term.len() - left.len(), left.trim_end())
}

/// The part of a dotted name before its first dot: the field that a collection declares.
pub(super) fn head(name: &str) -> &str {
    name.split_once('.').map_or(name, |(head, _)| head)
}

/// Walks into a value along the part of a dotted name after its first dot. Keys may themselves hold dots, as the
/// platform's telemetry does, so the longest key that fits goes first.
pub(super) fn nested<'a>(value: &'a Value, path: &str) -> Option<&'a Value> {
    if let Some(found) = member(value, path) {
        return Some(found);
    }
    path.rmatch_indices('.')
        .take(NESTING_LIMIT)
        .find_map(|(dot, _)| nested(member(value, &path[..dot])?, &path[dot + 1..]))
}

fn member<'a>(value: &'a Value, key: &str) -> Option<&'a Value> {
    match value {
        Value::Object(map) => map.get(key),
        Value::Array(list) => list.get(key.parse::<usize>().ok()?),
        _ => None,
    }
}

/// A value, or null where there is none; null is what conditions see.
pub(super) fn or_null(value: Option<Cow<'_, Value>>) -> Value {
    value.map_or(Value::Null, Cow::into_owned)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{Selector, nested};

    fn accepts(selector: &str) -> bool {
        let item = json!({"id": 7, "name": "a,b", "enabled": true, "ttl": 60, "metadata": {"a.b": {"c": "deep"}}});
        let selector = Selector::parse(selector).unwrap();
        selector.accepts(&|name| match name.split_once('.') {
            None => item.get(name).cloned().unwrap_or(Value::Null),
            Some((head, rest)) => {
                item.get(head).and_then(|value| nested(value, rest)).cloned().unwrap_or(Value::Null)
            }
        })
    }

    #[test]
    fn ids_lists_and_all_are_read() {
        assert_eq!(Selector::parse("7").unwrap().ids, [7]);
        assert_eq!(Selector::parse("1, 2,5").unwrap().ids, [1, 2, 5]);
        assert!(Selector::parse("1,2").unwrap().is_strict());
        assert!(!Selector::parse("all").unwrap().is_strict());
        let narrowed = Selector::parse("123,cid=5").unwrap();
        assert!(!narrowed.is_strict());
        assert_eq!((narrowed.ids.as_slice(), narrowed.owner()), ([123].as_slice(), Some(5)));
        assert_eq!(Selector::parse("all,cid=5").unwrap().owner(), Some(5));
    }

    #[test]
    fn conditions_take_wildcards_quotes_and_nested_fields() {
        for (selector, expected) in [
            ("enabled=true", true),
            ("enabled=false", false),
            ("ttl=6*", true),
            ("ttl>59", true),
            (r#"name="a,b""#, true),
            (r#"name="a*""#, false),
            ("name=a*", true),
            ("metadata.a.b.c=d??p", true),
            ("metadata.a.b.x=null", true),
            (r#"{name=="a,b" && ttl==60},enabled=true"#, true),
            ("id!=7", false),
        ] {
            assert_eq!(accepts(selector), expected, "{selector}");
        }
    }

    #[test]
    fn a_misread_selector_is_a_400_that_says_where() {
        for selector in
            ["", ",", "nonsense", "=5", "{id==", "{id==}", "name=\"open", "99999999999999999999"]
        {
            assert_eq!(Selector::parse(selector).unwrap_err().status, 400, "{selector}");
        }
        assert!(Selector::parse("12,{id=}").unwrap_err().reason().contains("at 7..7"));
    }
}
