//! Records what goes over a way to the platform.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderName};
use reqwest::{Request, Response, ResponseBuilderExt};
use serde::Serialize;
use serde_json::Value;

use super::veil::Veil;
use super::{CASSETTE_FORMAT, CassetteError, Exchange, Header, LARGEST};
use crate::private;
use crate::transport::{Carried, Transport, Trouble, Wire};

/// Headers of answers that are kept: when an answer was given (a sandbox says how far its clock was moved), and when to
/// come again.
const KEPT_HEADERS: [&str; 3] = ["date", "retry-after", "x-sandbox-clock"];

/// The largest answer that is kept, in bytes; the client reads none that is larger.
const LARGEST_ANSWER: usize = 16 * 1024 * 1024;

/// The longest text that is kept of an answer that is no JSON, in characters.
const LONGEST_TEXT: usize = 4096;

/// Carries calls as `way` does, and keeps each with its answer.
#[derive(Debug)]
pub struct Recorder {
    way: Transport,
    tape: Mutex<Tape>,
}

/// What is written to.
#[derive(Debug)]
struct Tape {
    path: PathBuf,
    file: File,
    veil: Veil,
    written: usize,
    /// Nothing can be written any more, and that was said.
    is_over: bool,
}

impl Recorder {
    /// Begins a recording in a new file: none is ever overwritten. `platform` is what locks and history call it.
    ///
    /// # Errors
    /// [`CassetteError::Unwritten`].
    pub fn begin(path: &Path, platform: &str, way: Transport) -> Result<Self, CassetteError> {
        let unwritten = |error| CassetteError::Unwritten(path.to_owned(), error);
        let file = private::options().write(true).create_new(true).open(path).map_err(unwritten)?;
        let mut tape =
            Tape { path: path.to_owned(), file, veil: Veil::default(), written: 0, is_over: false };
        let header = Header {
            format: CASSETTE_FORMAT.to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            platform: platform.to_owned(),
            recorded: jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
        };
        tape.write(&header).map_err(unwritten)?;
        Ok(Self { way, tape: Mutex::new(tape) })
    }

    async fn carry_and_keep(&self, call: Request) -> Result<Response, Trouble> {
        let asked = Asked::of(&call);
        match self.way.carry(call).await {
            Ok(response) => self.heard(asked, response).await,
            Err(trouble) => {
                self.keep(asked, None, &HeaderMap::new(), Err(trouble.clone().words()));
                Err(trouble)
            }
        }
    }

    async fn heard(&self, asked: Asked, mut response: Response) -> Result<Response, Trouble> {
        let (status, headers) = (response.status(), response.headers().clone());
        let too_large = || Err(format!("the answer has more than {LARGEST_ANSWER} bytes"));
        if response.content_length().is_some_and(|length| length > LARGEST_ANSWER as u64) {
            self.keep(asked, Some(status.as_u16()), &headers, too_large());
            return Ok(response);
        }
        let mut body = Vec::new();
        loop {
            match response.chunk().await {
                Ok(None) => break,
                Ok(Some(chunk)) => body.extend_from_slice(&chunk),
                Err(error) => {
                    let trouble = self.way.trouble(&error);
                    let words = trouble.clone().words();
                    self.keep(asked, Some(status.as_u16()), &headers, Err(words));
                    // What is refused is refused, however much of the reason arrives.
                    match status.is_success() {
                        true => return Err(trouble),
                        false => return Ok(again(&response, body)),
                    }
                }
            }
            // Whoever reads it finds the same, since all of it goes on.
            if body.len() > LARGEST_ANSWER {
                self.keep(asked, Some(status.as_u16()), &headers, too_large());
                return Ok(again(&response, body));
            }
        }
        self.keep(asked, Some(status.as_u16()), &headers, Ok(&body));
        Ok(again(&response, body))
    }

    fn keep(
        &self,
        asked: Asked,
        status: Option<u16>,
        headers: &HeaderMap,
        answer: Result<&[u8], String>,
    ) {
        let mut tape = self.tape.lock().unwrap_or_else(PoisonError::into_inner);
        if tape.is_over {
            return;
        }
        let Asked { method, path, account, signer, body } = asked;
        let signer = signer.map(|key| tape.veil.stand_in(&key));
        let body = body.map(|body| tape.veil.value(&body));
        let (answer, lost) = match answer {
            Err(words) => (None, Some(tape.veil.text(&words))),
            Ok([]) => (None, None),
            Ok(bytes) => (Some(tape.answer(bytes)), None),
        };
        let kept = KEPT_HEADERS.iter().filter_map(|name| {
            let value = headers.get(*name)?.to_str().ok()?;
            Some(((*name).to_owned(), value.to_owned()))
        });
        let path = tape.veil.text(&path);
        let exchange = Exchange {
            method,
            path,
            account,
            signer,
            body,
            status,
            headers: kept.collect(),
            answer,
            lost,
        };
        if let Err(error) = tape.write(&exchange) {
            tape.is_over = true;
            tracing::warn!("the recording {} ends here: {error}", tape.path.display());
        }
    }
}

impl Wire for Recorder {
    fn carry(&self, call: Request) -> Carried<'_> {
        Box::pin(self.carry_and_keep(call))
    }
}

impl Tape {
    fn answer(&mut self, bytes: &[u8]) -> Value {
        match serde_json::from_slice::<Value>(bytes) {
            Ok(value) => self.veil.value(&value),
            Err(_) => {
                let text: String =
                    String::from_utf8_lossy(bytes).chars().take(LONGEST_TEXT).collect();
                self.veil.text(&text).into()
            }
        }
    }

    fn write(&mut self, line: &impl Serialize) -> std::io::Result<()> {
        let mut text = serde_json::to_vec(line)?;
        text.push(b'\n');
        if self.written + text.len() > LARGEST {
            return Err(std::io::Error::other(format!("it would have more than {LARGEST} bytes")));
        }
        self.written += text.len();
        self.file.write_all(&text)
    }
}

/// What was asked for.
struct Asked {
    method: String,
    path: String,
    account: Option<i64>,
    signer: Option<String>,
    body: Option<Value>,
}

impl Asked {
    fn of(call: &Request) -> Self {
        let url = call.url();
        let query = url.query().map(|query| format!("?{query}")).unwrap_or_default();
        let account = call.headers().get(HeaderName::from_static("x-flespi-cid"));
        let signed = call.headers().get(AUTHORIZATION).and_then(|value| value.to_str().ok());
        let key = signed.map(|value| value.rsplit(' ').next().unwrap_or(value));
        let body = call.body().and_then(reqwest::Body::as_bytes);
        Self {
            method: call.method().to_string(),
            path: format!("{}{query}", url.path()),
            account: account.and_then(|account| account.to_str().ok()?.parse().ok()),
            signer: key.map(str::to_owned),
            // Our own calls have JSON or nothing.
            body: body.and_then(|body| serde_json::from_slice(body).ok()),
        }
    }
}

/// The answer with the body that was read from it.
fn again(response: &Response, body: Vec<u8>) -> Response {
    let mut again =
        hyper::Response::builder().status(response.status()).url(response.url().clone());
    if let Some(headers) = again.headers_mut() {
        headers.clone_from(response.headers());
    }
    again.body(body).unwrap_or_else(|_| hyper::Response::new(Vec::new())).into()
}
