//! What the platform says back: rows, refusals, and the one envelope that holds both.
//!
//! Rows are written into a byte buffer as they are found instead of being collected as values: a page of a thousand
//! objects is the hot path of a sandbox that holds a hundred thousand of them.

use std::time::Duration;

use serde::Serialize;
use serde_json::{Map, Value, json};

/// The platform's own error numbers; HTTP status is what clients should branch on.
const BAD_REQUEST: u32 = 2;
const NOT_FOUND: u32 = 3;
const NOT_ALLOWED: u32 = 4;

/// One entry of the envelope's `errors`, together with the HTTP status it asks for when nothing else was achieved.
#[derive(Debug)]
pub(super) struct Refusal {
    pub(super) status: u16,
    code: Option<u32>,
    reason: String,
    id: Option<u64>,
    selector: Option<Box<str>>,
    field: Option<Box<str>>,
    schema_hint: Option<Box<Value>>,
    pub(super) header: Option<Box<(&'static str, String)>>,
}

impl Refusal {
    fn new(status: u16, code: Option<u32>, reason: impl Into<String>) -> Self {
        Self {
            status,
            code,
            reason: reason.into(),
            id: None,
            selector: None,
            field: None,
            schema_hint: None,
            header: None,
        }
    }

    /// The request itself is wrong, or asks for something that the rules forbid (400).
    pub(super) fn bad(reason: impl Into<String>) -> Self {
        Self::new(400, Some(BAD_REQUEST), reason)
    }

    /// No usable token (401).
    pub(super) fn unauthorized(reason: impl Into<String>) -> Self {
        Self::new(401, Some(NOT_ALLOWED), reason)
    }

    /// A usable token whose rights do not reach this far (403).
    pub(super) fn forbidden(reason: impl Into<String>) -> Self {
        Self::new(403, Some(NOT_ALLOWED), reason)
    }

    /// No such item in the caller's branch (404).
    pub(super) fn missing_item(id: u64) -> Self {
        Self { id: Some(id), ..Self::new(404, Some(NOT_FOUND), "item not found") }
    }

    /// No such path (404).
    pub(super) fn missing_path(path: &str) -> Self {
        Self::new(404, Some(NOT_FOUND), format!("no such method: {path}"))
    }

    /// A path that exists, with a method that it does not serve (405).
    pub(super) fn method(allowed: &str) -> Self {
        Self::new(405, Some(BAD_REQUEST), format!("method not allowed, use one of: {allowed}"))
            .with_header("allow", allowed.replace(' ', ", "))
    }

    /// More than this sandbox is willing to read (413).
    pub(super) fn too_large(limit: usize) -> Self {
        Self::new(413, Some(BAD_REQUEST), format!("body is larger than {limit} bytes"))
    }

    /// A client that sends its body too slowly (408).
    pub(super) fn too_slow() -> Self {
        Self::new(408, Some(BAD_REQUEST), "the body did not arrive in time")
    }

    /// A request for a name that is not ours (421): a page may have bound it to this machine.
    pub(super) fn misdirected() -> Self {
        Self::new(
            421,
            None,
            "this name is not the sandbox's; ask by address, or allow it with --listen-name",
        )
    }

    /// Too many calls (429). The platform's own answer has a reason and no number.
    pub(super) fn too_many(reason: impl Into<String>) -> Self {
        Self::new(429, None, reason)
    }

    pub(super) fn with_id(self, id: u64) -> Self {
        Self { id: Some(id), ..self }
    }

    pub(super) fn with_field(self, field: &str) -> Self {
        Self { field: Some(field.into()), ..self }
    }

    pub(super) fn with_selector(self, selector: &str) -> Self {
        Self { selector: Some(selector.into()), ..self }
    }

    pub(super) fn with_hint(self, hint: Value) -> Self {
        Self { schema_hint: Some(Box::new(hint)), ..self }
    }

    pub(super) fn with_header(self, name: &'static str, value: String) -> Self {
        Self { header: Some(Box::new((name, value))), ..self }
    }

    pub(super) fn with_status(self, status: u16) -> Self {
        Self { status, ..self }
    }

    #[cfg(test)]
    pub(super) fn reason(&self) -> &str {
        &self.reason
    }

    fn to_value(&self) -> Value {
        let Self { status: _, code, reason, id, selector, field, schema_hint, header: _ } = self;
        let mut entry = Map::new();
        let mut put = |name: &str, value: Option<Value>| {
            if let Some(value) = value {
                entry.insert(name.to_owned(), value);
            }
        };
        put("code", code.map(Value::from));
        put("reason", Some(reason.as_str().into()));
        put("id", id.map(Value::from));
        put("selector", selector.as_deref().map(Value::from));
        put("field", field.as_deref().map(Value::from));
        put("schema_hint", schema_hint.as_deref().cloned());
        Value::Object(entry)
    }
}

/// The `pagination` object of a list; `count` is the total that the selector matched, not the length of the page.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Pagination {
    pub(super) limit: u64,
    pub(super) offset: u64,
    pub(super) count: u64,
}

/// Everything one request came to: rows, and the refusals that go with them.
#[derive(Debug, Default)]
pub(super) struct Answer {
    rows: Vec<u8>,
    pub(super) row_count: usize,
    pub(super) errors: Vec<Refusal>,
    pub(super) pagination: Option<Pagination>,
}

impl Answer {
    /// An answer of exactly one row.
    pub(super) fn row(row: &impl Serialize) -> Self {
        let mut answer = Self::default();
        answer.push(row);
        answer
    }

    /// The rows of an answer that only says which ids something was done to.
    pub(super) fn ids(ids: impl IntoIterator<Item = u64>) -> Self {
        let mut answer = Self::default();
        ids.into_iter().for_each(|id| answer.push(&json!({"id": id})));
        answer
    }

    /// Appends a row.
    pub(super) fn push(&mut self, row: &impl Serialize) {
        // Values, maps and our own records have string keys only, so this cannot fail; a lost row would show in a test.
        self.push_with(|out| drop(serde_json::to_writer(out, row)));
    }

    /// Appends a row that `write` puts into the buffer itself.
    pub(super) fn push_with(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        if self.row_count > 0 {
            self.rows.push(b',');
        }
        self.row_count += 1;
        write(&mut self.rows);
    }

    /// Takes over the rows and refusals of another answer.
    pub(super) fn append(&mut self, other: Self) {
        if other.row_count > 0 {
            self.push_with(|out| out.extend_from_slice(&other.rows));
            self.row_count += other.row_count - 1;
        }
        self.errors.extend(other.errors);
    }

    /// Removes every row, as a fault that loses a page does.
    pub(super) fn forget_rows(&mut self) {
        self.rows.clear();
        self.row_count = 0;
    }

    /// 200 as soon as anything succeeded or nothing was wrong, otherwise the status of the first refusal.
    pub(super) fn status(&self) -> u16 {
        match self.errors.first() {
            Some(first) if self.row_count == 0 => first.status,
            _ => 200,
        }
    }

    /// The envelope as it goes over the wire. `result` is left out when there are refusals and nothing else.
    pub(super) fn into_body(self) -> Vec<u8> {
        let mut body = Vec::with_capacity(self.rows.len() + 128);
        body.push(b'{');
        if self.row_count > 0 || self.errors.is_empty() {
            body.extend_from_slice(b"\"result\":[");
            body.extend_from_slice(&self.rows);
            body.push(b']');
        }
        if !self.errors.is_empty() {
            if body.len() > 1 {
                body.push(b',');
            }
            let errors: Vec<Value> = self.errors.iter().map(Refusal::to_value).collect();
            body.extend_from_slice(b"\"errors\":");
            body.extend_from_slice(json!(errors).to_string().as_bytes());
        }
        if let Some(pagination) = self.pagination {
            body.extend_from_slice(b",\"pagination\":");
            body.extend_from_slice(json!(pagination).to_string().as_bytes());
        }
        body.push(b'}');
        body
    }
}

impl From<Refusal> for Answer {
    fn from(refusal: Refusal) -> Self {
        Self { errors: vec![refusal], ..Self::default() }
    }
}

/// How the shell has to hand over a response: as it is, or in one of the ways in which networks fail.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Delivery {
    /// Wait this long before the first byte.
    pub(super) delay: Duration,
    /// Close the connection instead of answering.
    pub(super) cut: bool,
    /// Refuse connections for this long, from before the cut on.
    pub(super) refuse: Option<Duration>,
    /// Announce the whole body, send this many bytes of it, then close the connection.
    pub(super) keep: Option<usize>,
    /// Send the body in small pieces with this pause between them.
    pub(super) pace: Option<Duration>,
}

/// What goes over the wire, decided to the last byte; the shell adds nothing but transport headers.
#[derive(Debug)]
pub(super) struct Response {
    pub(super) status: u16,
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) content_type: &'static str,
    pub(super) body: Vec<u8>,
    pub(super) delivery: Delivery,
}

impl From<Answer> for Response {
    fn from(answer: Answer) -> Self {
        let status = answer.status();
        let headers = answer
            .errors
            .iter()
            .filter_map(|refusal| refusal.header.as_deref().cloned())
            .take(1)
            .collect();
        Self {
            status,
            headers,
            content_type: "application/json",
            body: answer.into_body(),
            delivery: Delivery::default(),
        }
    }
}

impl From<Refusal> for Response {
    fn from(refusal: Refusal) -> Self {
        Answer::from(refusal).into()
    }
}
