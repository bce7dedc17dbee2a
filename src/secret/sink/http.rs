//! What the stores that speak HTTP have in common.

use std::path::Path;
use std::time::Duration;

use reqwest::{RequestBuilder, Url};
use serde_json::Value;

use super::Trouble;
use crate::secret::{ExposeSecret, SecretString};
use crate::shutdown;
use crate::transport::{self, Transport, is_loopback};

/// How long one call may take.
const CALL_PATIENCE: Duration = Duration::from_secs(10);

/// An answer that is larger is none of a store of secrets.
const MAX_BYTES: usize = 4 * 1024 * 1024;

/// How often a change is tried that somebody else's change got in the way of.
pub(super) const ROUNDS: u32 = 8;

/// What a store answered.
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) body: Value,
}

/// The way to a store; trusted are the authorities of the machine, or only those in the file `ca`.
pub(super) fn way_to(store: &Url, ca: Option<&Path>) -> Result<Transport, Trouble> {
    Transport::to(store, CALL_PATIENCE, ca).map_err(|error| {
        let help = error.help();
        Trouble::Refused(format!("{error}; {help}"))
    })
}

/// The address of a store: https, or plain http on this machine.
pub(super) fn address(text: &str) -> Result<Url, Trouble> {
    let url: Url = text
        .parse()
        .map_err(|_| Trouble::Refused(format!("`{text}` is not the address of a store")))?;
    match url.scheme() {
        "https" => Ok(url),
        "http" if is_loopback(&url) => Ok(url),
        _ => Err(Trouble::Refused(format!(
            "`{text}`: a secret is sent over https only, except to this machine"
        ))),
    }
}

/// `base` with further segments, each of them escaped.
pub(super) fn join<'a>(
    base: &Url,
    segments: impl IntoIterator<Item = &'a str>,
) -> Result<Url, Trouble> {
    let mut url = base.clone();
    url.path_segments_mut()
        .map_err(|()| Trouble::Refused(format!("`{base}` is not the address of a store")))?
        .pop_if_empty()
        .extend(segments);
    Ok(url)
}

/// Sends a call and reads its answer, whatever the status.
pub(super) async fn send(way: &Transport, request: RequestBuilder) -> Result<Answer, Trouble> {
    tokio::select! {
        answer = exchange(way, request) => answer,
        () = shutdown::begun_and(shutdown::SHORT_GRACE) => {
            Err(Trouble::Refused("no answer before the end of the run".to_owned()))
        }
    }
}

async fn exchange(way: &Transport, request: RequestBuilder) -> Result<Answer, Trouble> {
    let lost = |trouble: transport::Trouble| Trouble::Refused(trouble.words());
    let mut response = way.send(request).await.map_err(lost)?;
    let status = response.status().as_u16();
    let mut bytes = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| lost(way.trouble(&error)))? {
        if bytes.len() + chunk.len() > MAX_BYTES {
            return Err(Trouble::Refused(format!("its answer has more than {MAX_BYTES} bytes")));
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(Answer { status, body: serde_json::from_slice(&bytes).unwrap_or(Value::Null) })
}

impl Answer {
    /// Why the store refused; its own words only as long as they repeat none of `secrets`.
    pub(super) fn refusal(
        &self,
        doing: &str,
        said: Option<String>,
        secrets: &[&SecretString],
    ) -> Trouble {
        let repeats =
            |words: &String| secrets.iter().any(|secret| words.contains(secret.expose_secret()));
        let said = said.filter(|words| !words.is_empty() && !repeats(words));
        let said = said.map(|words| format!(": {}", words.chars().take(300).collect::<String>()));
        Trouble::Refused(format!(
            "it refused {doing} with {}{}",
            self.status,
            said.unwrap_or_default()
        ))
    }
}
