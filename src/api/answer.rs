//! What comes back: bytes in, a value or an error out, without any input or output.

use std::fmt;

use reqwest::StatusCode;
use serde::de::{IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};

use super::error::{ApiError, Class};
use super::request::{Method, Request};
use crate::diagnostic::render::printable;
use crate::resource::Fields;

/// What the platform answered.
#[derive(Debug, Default)]
pub struct Answer {
    /// The items of `result`, packed one by one as they are read.
    pub items: Vec<Fields>,
    /// What the platform complains of beside the result, in words.
    pub complaints: Vec<String>,
    /// `pagination.count`: how many items there are on all pages.
    pub total: Option<u64>,
    /// Why `items` are not all that `result` holds: then they are no list of anything.
    pub oddity: Option<&'static str>,
}

impl Answer {
    /// The items, one after the other.
    pub fn into_items(self) -> impl Iterator<Item = Map<String, Value>> {
        self.items.into_iter().map(|item| item.unpack())
    }
}

#[derive(Deserialize)]
struct Envelope {
    result: Option<Rows>,
    #[serde(default)]
    errors: Vec<Complaint>,
    pagination: Option<Pagination>,
}

/// The rows of a `result`, and why they are not all of it. What `/auth` calls answer is not documented, so an odd result
/// is an error only to those who need its rows.
#[derive(Default)]
struct Rows {
    items: Vec<Fields>,
    oddity: Option<&'static str>,
}

impl<'de> Deserialize<'de> for Rows {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(RowByRow)
    }
}

/// Packs each row before it reads the next one: a page as a tree takes ten times its text.
struct RowByRow;

impl RowByRow {
    const NO_LIST: Rows = Rows { items: Vec::new(), oddity: Some("its `result` is not a list") };
}

impl<'de> Visitor<'de> for RowByRow {
    type Value = Rows;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("rows")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut rows: A) -> Result<Rows, A::Error> {
        let mut all = Rows::default();
        while let Some(row) = rows.next_element()? {
            match row {
                Value::Object(row) => all.items.push(row.into()),
                _ => all.oddity = Some("its `result` holds something that is not an object"),
            }
        }
        Ok(all)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Rows, A::Error> {
        while fields.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Self::NO_LIST)
    }

    fn visit_str<E>(self, _: &str) -> Result<Rows, E> {
        Ok(Self::NO_LIST)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Rows, E> {
        Ok(Self::NO_LIST)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Rows, E> {
        Ok(Self::NO_LIST)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Rows, E> {
        Ok(Self::NO_LIST)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Rows, E> {
        Ok(Self::NO_LIST)
    }
}

#[derive(Deserialize)]
struct Pagination {
    count: Option<u64>,
}

#[derive(Deserialize)]
struct Complaint {
    #[serde(default)]
    reason: Value,
    #[serde(default)]
    code: Value,
    #[serde(default)]
    id: Value,
    #[serde(default)]
    schema_hint: Value,
}

impl fmt::Display for Complaint {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.reason {
            Value::String(reason) => formatter.write_str(reason)?,
            other => write!(formatter, "{other}")?,
        }
        if !self.code.is_null() {
            write!(formatter, " (code {})", self.code)?;
        }
        if !self.id.is_null() {
            write!(formatter, " (id {})", self.id)?;
        }
        // Its form is unknown (assumption 2): it is shown, never read.
        if !self.schema_hint.is_null() {
            let hint = self.schema_hint.to_string();
            // A key that is cut off is still most of a key.
            let hint = if holds_key(&hint) { UNSHOWN.to_owned() } else { hint };
            let short: String = hint.chars().take(300).collect();
            write!(formatter, "; hint: {short}")?;
        }
        Ok(())
    }
}

/// What stands for words of the platform that could repeat a secret of the request.
const HIDDEN: &str = "(the platform's message is hidden because it may contain the secret)";

/// What stands for words of the platform that repeat a key.
const UNSHOWN: &str = "(the platform's message is hidden because it contains a key)";

/// Whether a text holds something of the form of a token's key: ours, or one that was just made.
fn holds_key(text: &str) -> bool {
    text.split(|c: char| !c.is_ascii_alphanumeric()).any(crate::source::hidden::is_token_key)
}

/// All that the platform complains of, in its own words unless they repeat a key.
fn words(complaints: &[Complaint]) -> Vec<String> {
    let shown = |words: String| match holds_key(&words) {
        true => UNSHOWN.to_owned(),
        false => printable(&words).into_owned(),
    };
    complaints.iter().map(|complaint| shown(complaint.to_string())).collect()
}

/// Reads the body of a successful answer. Anything but the documented envelope is an answer that was lost.
pub(super) fn decode(
    request: &Request,
    status: StatusCode,
    body: &[u8],
) -> Result<Answer, ApiError> {
    // Nothing is to be said of what is gone, and a write that says nothing is read back.
    let may_be_silent = matches!(request.method, Method::Delete | Method::Put);
    if may_be_silent && status == StatusCode::NO_CONTENT {
        return Ok(Answer::default());
    }
    let lost = |what: &str| ApiError::new(request, Class::Lost, what);
    let envelope: Envelope =
        serde_json::from_slice(body).map_err(|_| lost("the answer is truncated or not JSON"))?;
    let Some(Rows { items, oddity }) = envelope.result else {
        return Err(lost("the answer has no `result`"));
    };
    let complaints = match request.is_secret() {
        true => envelope.errors.iter().map(|_| HIDDEN.to_owned()).collect(),
        false => words(&envelope.errors),
    };
    let total = envelope.pagination.and_then(|pagination| pagination.count);
    Ok(Answer { items, complaints, total, oddity })
}

/// What a status that is no success says, in the platform's words unless they could repeat a secret of the request.
pub(super) fn refusal(request: &Request, status: StatusCode, body: &[u8]) -> ApiError {
    let class = class_of(status);
    let number = status.as_u16();
    let envelope = serde_json::from_slice::<Envelope>(body).ok();
    let words = envelope.map(|envelope| words(&envelope.errors)).unwrap_or_default().join("; ");
    let what = match class {
        // The header of the call is a secret, and an echo of it must not be shown.
        Class::Unauthorized if words.contains("unauthorized location") => {
            format!("{number}: the token may not be used from this address (its `ips`)")
        }
        Class::Unauthorized => format!("{number}: the token is not valid or has expired"),
        _ if request.is_secret() => format!("{number}: refused {HIDDEN}"),
        _ if words.is_empty() => format!("{number}"),
        _ => format!("{number}: {words}"),
    };
    ApiError { status: number, ..ApiError::new(request, class, what) }
}

fn class_of(status: StatusCode) -> Class {
    match status.as_u16() {
        401 => Class::Unauthorized,
        403 => Class::Forbidden,
        404 => Class::NotFound,
        429 => Class::RateLimited,
        // What is not a server error and not the platform's word either was not carried out.
        300..500 => Class::Rejected,
        _ => Class::Server,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::request;
    use crate::resource::Kind;

    fn list(body: &str) -> Result<Answer, ApiError> {
        decode(&request::list_page(Kind::Limit, 10, 0), StatusCode::OK, body.as_bytes())
    }

    #[test]
    fn a_result_that_is_not_a_list_of_objects_says_so() {
        let odd = |body: &str| list(body).unwrap().oddity;
        assert_eq!(odd(r#"{"result":[{"id":1}]}"#), None);
        assert_eq!(odd(r#"{"result":[]}"#), None);
        for result in [r#"{}"#, r#""busy""#, "7", "true"] {
            assert!(odd(&format!(r#"{{"result":{result}}}"#)).is_some(), "{result}");
        }
        for row in [r#""busy""#, "null", "[]", "1"] {
            assert!(odd(&format!(r#"{{"result":[{{"id":1}},{row}]}}"#)).is_some(), "{row}");
        }
    }

    #[test]
    fn an_answer_without_the_envelope_is_lost() {
        for body in ["", "{", "[]", r#"{"result":null}"#, r#"{"results":[]}"#, "<html>"] {
            assert_eq!(list(body).unwrap_err().class, Class::Lost, "{body}");
        }
    }

    #[test]
    fn nothing_is_said_of_what_is_deleted() {
        let delete = request::delete(Kind::Token, &[1]);
        assert!(decode(&delete, StatusCode::NO_CONTENT, b"").unwrap().items.is_empty());
        let get = request::identity();
        assert_eq!(decode(&get, StatusCode::NO_CONTENT, b"").unwrap_err().class, Class::Lost);
    }

    #[test]
    fn a_redirect_is_a_refusal() {
        let error = refusal(&request::identity(), StatusCode::FOUND, b"");
        assert_eq!((error.class, error.status), (Class::Rejected, 302));
    }
}
