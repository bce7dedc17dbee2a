//! A request as the core sees it: text and bytes, free of any HTTP library.
//!
//! Paths are split at `/` before they are decoded, because a selector may hold an encoded `/`.

use std::net::IpAddr;

use serde_json::{Map, Value};

use super::answer::Refusal;

/// Longer request targets are refused; no selector that a person or a client builds comes near it.
const TARGET_LIMIT: usize = 64 * 1024;

/// Deeper bodies are refused. A log line wraps what a body holds into a few levels more, and has to be read back by a
/// parser that stops at 128.
const DEPTH_LIMIT: usize = 64;

/// The longest `x-flespi-app` that a log keeps, in characters.
const APP_LENGTH: usize = 63;

/// One request, headers in lower case.
pub(super) struct Request {
    pub(super) method: String,
    /// Path and query as they were sent, still percent-encoded.
    pub(super) target: String,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Vec<u8>,
    pub(super) peer: IpAddr,
}

impl Request {
    /// The first header of that name.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// What the client says of the program that it is, as far as logs keep it.
    pub(super) fn app(&self) -> Option<String> {
        self.header("x-flespi-app").map(|app| app.chars().take(APP_LENGTH).collect())
    }

    /// The body as JSON, whatever the content type claims: some clients send none.
    pub(super) fn json(&self) -> Result<Value, Refusal> {
        let value = serde_json::from_slice(&self.body).map_err(|error| {
            // Only the position: the parser's sentence may quote the body, and bodies hold passwords.
            Refusal::bad(format!(
                "body is not valid JSON, line {} column {}",
                error.line(),
                error.column()
            ))
        })?;
        match is_within(&value, DEPTH_LIMIT) {
            true => Ok(value),
            false => {
                Err(Refusal::bad(format!("body is nested more than {DEPTH_LIMIT} levels deep")))
            }
        }
    }

    /// The body as a JSON object.
    pub(super) fn object(&self) -> Result<Map<String, Value>, Refusal> {
        match self.json()? {
            Value::Object(map) => Ok(map),
            _ => Err(Refusal::bad("the body must be an object")),
        }
    }
}

/// A member of a body that has to be a text with something in it.
pub(super) fn text<'a>(body: &'a Map<String, Value>, name: &str) -> Result<&'a str, Refusal> {
    match body.get(name).and_then(Value::as_str) {
        Some(text) if !text.is_empty() => Ok(text),
        _ => Err(Refusal::bad(format!("field \"{name}\" must be a string that is not empty"))
            .with_field(name)),
    }
}

fn is_within(value: &Value, levels: usize) -> bool {
    match value {
        Value::Array(list) => levels > 0 && list.iter().all(|value| is_within(value, levels - 1)),
        Value::Object(map) => levels > 0 && map.values().all(|value| is_within(value, levels - 1)),
        _ => true,
    }
}

/// The decoded target: path segments and query pairs.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Target {
    pub(super) segments: Vec<String>,
    pub(super) query: Vec<(String, String)>,
}

impl Target {
    /// Decodes a request target; bad percent-encoding and text that is not UTF-8 are refused.
    pub(super) fn parse(target: &str) -> Result<Self, Refusal> {
        if target.len() > TARGET_LIMIT {
            return Err(Refusal::bad(format!(
                "request target is longer than {TARGET_LIMIT} bytes"
            ))
            .with_status(414));
        }
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let segments = path
            .split('/')
            .filter(|segment| !segment.is_empty())
            .map(|segment| decode(segment, false))
            .collect::<Result<_, _>>()?;
        let query = query
            .split('&')
            .filter(|pair| !pair.is_empty())
            .map(|pair| {
                let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
                Ok((decode(name, true)?, decode(value, true)?))
            })
            .collect::<Result<_, Refusal>>()?;
        Ok(Self { segments, query })
    }

    /// The segments as text, for matching.
    pub(super) fn path(&self) -> Vec<&str> {
        self.segments.iter().map(String::as_str).collect()
    }

    /// The last value given for a query parameter.
    pub(super) fn parameter(&self, name: &str) -> Option<&str> {
        self.query.iter().rev().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// A query parameter that has to be a whole number.
    pub(super) fn number(&self, name: &str) -> Result<Option<u64>, Refusal> {
        match self.parameter(name) {
            None | Some("") => Ok(None),
            Some(text) => text.parse().map(Some).map_err(|_| {
                Refusal::bad(format!("query parameter \"{name}\" must be a whole number"))
                    .with_field(name)
            }),
        }
    }
}

/// Percent-decoding. `plus` also turns `+` into a space, as forms and most query builders write it.
pub(super) fn decode(text: &str, plus: bool) -> Result<String, Refusal> {
    // The library lets a sign stand that begins no code.
    let is_code = |rest: &str| {
        rest.as_bytes().get(..2).is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
    };
    if !text.split('%').skip(1).all(is_code) {
        return Err(Refusal::bad("bad percent-encoding in the request target"));
    }
    let text = if plus { text.replace('+', " ") } else { text.to_owned() };
    let decoded = percent_encoding::percent_decode_str(&text).decode_utf8();
    decoded.map(Into::into).map_err(|_| Refusal::bad("the request target is not UTF-8"))
}

#[cfg(test)]
mod tests {
    use super::Target;

    #[test]
    fn a_selector_may_hold_an_encoded_slash() {
        let target =
            Target::parse("/platform/deleted/origin=gw%2Fdevices%2F*?fields=a%2Cb&x=1+2").unwrap();
        assert_eq!(target.path(), ["platform", "deleted", "origin=gw/devices/*"]);
        assert_eq!(target.parameter("fields"), Some("a,b"));
        assert_eq!(target.parameter("x"), Some("1 2"));
    }

    #[test]
    fn bad_encoding_is_refused() {
        for target in ["/%", "/%1", "/%zz", "/%ff", "/a?b=%"] {
            assert_eq!(Target::parse(target).unwrap_err().status, 400, "{target}");
        }
    }
}
