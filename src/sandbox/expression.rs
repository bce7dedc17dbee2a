//! `{expressions}` of selectors: `{name=="my tracker" && id!=42}`.
//!
//! Grammar, loosest binding first: `||`, `&&`, `!`, then one comparison of `==` `=` `!=` `<` `<=` `>` `>=` `~` between
//! operands. Operands are dotted field names, numbers, quoted texts, `true`, `false`, `null` and parentheses. `~` is the
//! wildcard match. Nesting is bounded, so a hostile selector cannot exhaust the stack.

use std::{borrow::Cow, cmp::Ordering, ops::Range};

use serde_json::Value;

use super::pattern;

/// Deeper parentheses or more stacked `!` are refused.
const DEPTH_LIMIT: usize = 64;

/// A parsed expression.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Expression {
    Literal(Value),
    Field(Box<str>),
    Not(Box<Expression>),
    All(Vec<Expression>),
    Any(Vec<Expression>),
    Compare(Box<Expression>, Operator, Box<Expression>),
}

/// A comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operator {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Fits,
}

/// What is wrong with a selector, and which bytes of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Misread {
    pub(super) message: String,
    pub(super) span: Range<usize>,
}

impl Operator {
    /// Whether two values stand in this relation. Texts and numbers order among themselves; everything else is only
    /// equal or not.
    pub(super) fn holds(self, left: &Value, right: &Value) -> bool {
        let order = match (left, right) {
            (Value::Number(left), Value::Number(right)) => match (left.as_i64(), right.as_i64()) {
                (Some(left), Some(right)) => Some(left.cmp(&right)),
                _ => left
                    .as_f64()
                    .zip(right.as_f64())
                    .and_then(|(left, right)| left.partial_cmp(&right)),
            },
            (Value::String(left), Value::String(right)) => Some(left.as_str().cmp(right)),
            _ => None,
        };
        match self {
            Self::Equal => order.map_or_else(|| left == right, Ordering::is_eq),
            Self::NotEqual => order.map_or_else(|| left != right, Ordering::is_ne),
            Self::Less => order.is_some_and(Ordering::is_lt),
            Self::LessOrEqual => order.is_some_and(Ordering::is_le),
            Self::Greater => order.is_some_and(Ordering::is_gt),
            Self::GreaterOrEqual => order.is_some_and(Ordering::is_ge),
            Self::Fits => match right {
                Value::String(wanted) => {
                    as_text(left).is_some_and(|text| pattern::fits(wanted, &text))
                }
                _ => left == right,
            },
        }
    }
}

/// The text that a wildcard is held against; lists and objects have none.
pub(super) fn as_text(value: &Value) -> Option<Cow<'_, str>> {
    match value {
        Value::String(text) => Some(text.into()),
        Value::Number(number) => Some(number.to_string().into()),
        Value::Bool(flag) => Some(flag.to_string().into()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

impl Expression {
    /// Reads the text between the braces; `offset` is where it starts in the selector.
    pub(super) fn parse(text: &str, offset: usize) -> Result<Self, Misread> {
        let mut parser = Parser { text, at: 0, offset, depth: 0 };
        let expression = parser.any()?;
        parser.skip_space();
        match parser.rest().is_empty() {
            true => Ok(expression),
            false => Err(parser.misread("expected an operator or the end", 1)),
        }
    }

    /// Whether an item, seen through `field`, satisfies the expression.
    pub(super) fn accepts(&self, field: &dyn Fn(&str) -> Value) -> bool {
        match self.value(field) {
            Value::Bool(flag) => flag,
            Value::Null => false,
            Value::Number(number) => number.as_f64() != Some(0.0),
            Value::String(text) => !text.is_empty(),
            Value::Array(_) | Value::Object(_) => true,
        }
    }

    /// Calls `visit` with every field name that is used.
    pub(super) fn visit_fields(&self, visit: &mut dyn FnMut(&str)) {
        match self {
            Self::Literal(_) => {}
            Self::Field(name) => visit(name),
            Self::Not(inner) => inner.visit_fields(visit),
            Self::All(parts) | Self::Any(parts) => {
                parts.iter().for_each(|part| part.visit_fields(visit))
            }
            Self::Compare(left, _, right) => {
                left.visit_fields(visit);
                right.visit_fields(visit);
            }
        }
    }

    fn value(&self, field: &dyn Fn(&str) -> Value) -> Value {
        match self {
            Self::Literal(value) => value.clone(),
            Self::Field(name) => field(name),
            Self::Not(inner) => Value::Bool(!inner.accepts(field)),
            Self::All(parts) => Value::Bool(parts.iter().all(|part| part.accepts(field))),
            Self::Any(parts) => Value::Bool(parts.iter().any(|part| part.accepts(field))),
            Self::Compare(left, operator, right) => {
                Value::Bool(operator.holds(&left.value(field), &right.value(field)))
            }
        }
    }
}

/// Reads the operator that `text` starts with, and how many bytes it takes.
pub(super) fn operator(text: &str) -> Option<(Operator, usize)> {
    const SPELLINGS: [(&str, Operator); 8] = [
        ("==", Operator::Equal),
        ("!=", Operator::NotEqual),
        ("<=", Operator::LessOrEqual),
        (">=", Operator::GreaterOrEqual),
        ("=", Operator::Equal),
        ("<", Operator::Less),
        (">", Operator::Greater),
        ("~", Operator::Fits),
    ];
    SPELLINGS
        .iter()
        .find(|(spelling, _)| text.starts_with(spelling))
        .map(|(spelling, found)| (*found, spelling.len()))
}

/// Whether a character can be part of a field name.
pub(super) fn is_name(character: char) -> bool {
    character.is_alphanumeric() || matches!(character, '_' | '.' | '-')
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
    offset: usize,
    depth: usize,
}

impl<'a> Parser<'a> {
    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    fn skip_space(&mut self) {
        self.at = self.text.len() - self.rest().trim_start().len();
    }

    fn eat(&mut self, token: &str) -> bool {
        self.skip_space();
        let found = self.rest().starts_with(token);
        if found {
            self.at += token.len();
        }
        found
    }

    fn misread(&self, message: impl Into<String>, length: usize) -> Misread {
        let start = self.offset + self.at;
        Misread { message: message.into(), span: start..start + length.min(self.rest().len()) }
    }

    fn any(&mut self) -> Result<Expression, Misread> {
        let mut parts = vec![self.all()?];
        while self.eat("||") {
            parts.push(self.all()?);
        }
        Ok(if parts.len() == 1 { parts.remove(0) } else { Expression::Any(parts) })
    }

    fn all(&mut self) -> Result<Expression, Misread> {
        let mut parts = vec![self.comparison()?];
        while self.eat("&&") {
            parts.push(self.comparison()?);
        }
        Ok(if parts.len() == 1 { parts.remove(0) } else { Expression::All(parts) })
    }

    fn comparison(&mut self) -> Result<Expression, Misread> {
        let left = self.operand()?;
        self.skip_space();
        let Some((operator, length)) = operator(self.rest()) else { return Ok(left) };
        self.at += length;
        let right = self.operand()?;
        Ok(Expression::Compare(Box::new(left), operator, Box::new(right)))
    }

    fn operand(&mut self) -> Result<Expression, Misread> {
        self.skip_space();
        if self.depth == DEPTH_LIMIT {
            return Err(self.misread(format!("more than {DEPTH_LIMIT} levels of nesting"), 1));
        }
        self.depth += 1;
        let operand = self.operand_at_depth();
        self.depth -= 1;
        operand
    }

    fn operand_at_depth(&mut self) -> Result<Expression, Misread> {
        let rest = self.rest();
        match rest.chars().next() {
            None => Err(self.misread("expected a field or a value", 0)),
            Some('(') => {
                self.at += 1;
                let inner = self.any()?;
                match self.eat(")") {
                    true => Ok(inner),
                    false => Err(self.misread("expected \")\"", 1)),
                }
            }
            Some('!') if !rest.starts_with("!=") => {
                self.at += 1;
                Ok(Expression::Not(Box::new(self.operand()?)))
            }
            Some(quote @ ('"' | '\'')) => match quoted(rest, quote) {
                Some((text, length)) => {
                    self.at += length;
                    Ok(Expression::Literal(text.into()))
                }
                None => Err(self.misread("this text has no closing quote", rest.len())),
            },
            Some(first) if is_name(first) => {
                let length = rest.find(|character| !is_name(character)).unwrap_or(rest.len());
                self.at += length;
                Ok(word(&rest[..length]))
            }
            Some(other) => Err(self.misread(format!("unexpected {other:?}"), other.len_utf8())),
        }
    }
}

/// A bare word: a number, one of the three constants, or else a field name.
fn word(text: &str) -> Expression {
    match text {
        "true" => Expression::Literal(true.into()),
        "false" => Expression::Literal(false.into()),
        "null" => Expression::Literal(Value::Null),
        other => match number(other) {
            Some(number) => Expression::Literal(number),
            None => Expression::Field(other.into()),
        },
    }
}

/// Text as a JSON number, whole if it can be.
pub(super) fn number(text: &str) -> Option<Value> {
    if !text.starts_with(|first: char| first.is_ascii_digit() || first == '-') {
        return None;
    }
    text.parse::<i64>().ok().map(Value::from).or_else(|| {
        let float = text.parse::<f64>().ok()?;
        serde_json::Number::from_f64(float).map(Value::Number)
    })
}

/// The text inside the quotes that `text` starts with (a backslash takes the next character as it is), and the length
/// of the whole with its quotes.
pub(super) fn quoted(text: &str, quote: char) -> Option<(String, usize)> {
    let mut inner = String::new();
    let mut characters = text.char_indices().skip(1);
    while let Some((at, character)) = characters.next() {
        match character {
            '\\' => inner.push(characters.next()?.1),
            end if end == quote => return Some((inner, at + 1)),
            other => inner.push(other),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::Expression;

    fn holds(text: &str) -> bool {
        let item =
            json!({"id": 42, "name": "my tracker", "enabled": true, "n": {"v": "x1"}, "zero": 0});
        let field = |name: &str| {
            item.pointer(&format!("/{}", name.replace('.', "/"))).cloned().unwrap_or(Value::Null)
        };
        Expression::parse(text, 0).unwrap().accepts(&field)
    }

    #[test]
    fn operators_bind_as_in_c() {
        for (text, expected) in [
            (r#"name=="my tracker" && id!=42"#, false),
            (r#"name == "my tracker" && id = 42"#, true),
            ("id<41 || id>41 && enabled", true),
            ("(id<41 || id>41) && !enabled", false),
            ("!enabled || !zero", true),
            (r#"name ~ "my*""#, true),
            (r#"n.v~"x?""#, true),
            ("missing == null", true),
            ("missing < 5", false),
            ("id >= 42 && id <= 42", true),
            ("-1 < id", true),
            (r#"name == "say \"hi\"""#, false),
        ] {
            assert_eq!(holds(text), expected, "{text}");
        }
    }

    #[test]
    fn an_error_points_at_its_bytes() {
        for (text, start) in
            [("id ==", 5), ("id == 5 )", 8), ("name == \"open", 8), ("id & 5", 3), ("", 0)]
        {
            assert_eq!(Expression::parse(text, 0).unwrap_err().span.start, start, "{text}");
        }
    }

    #[test]
    fn nesting_is_bounded() {
        assert!(Expression::parse(&"(".repeat(100_000), 0).is_err());
        assert!(Expression::parse(&"!".repeat(100_000), 0).is_err());
    }
}
