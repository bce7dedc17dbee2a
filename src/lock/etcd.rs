//! Small values in etcd, by its JSON gateway.
//!
//! The version of a value is the revision of the whole store at which it was written, so no two values ever have the same.
//! Reads go through the leader (they are linearizable), and a write is a transaction that compares the revision first.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use data_encoding::BASE64;
use reqwest::{Method, Url};
use serde_json::{Value, json};
use tokio::sync::Mutex;

use super::credentials::Credentials;
use super::keep::{Away, Keep, Kept, Version, Written};
use super::soon::Soon;
use crate::secret::{ExposeSecret, SecretString};
use crate::transport::{Transport, TransportError, Trouble};

/// How long one question to one server may take.
const PATIENCE: Duration = Duration::from_secs(2);

/// No answer is larger, in bytes: a thousand records have half of that.
const MOST_BYTES: usize = 4 * 1024 * 1024;

/// Values in etcd.
pub struct EtcdKeep {
    servers: Vec<(Transport, Url)>,
    /// The server that answered last.
    at: AtomicUsize,
    /// What every key begins with.
    prefix: String,
    place: String,
    credentials: Option<Credentials>,
    /// What a log-in gave; etcd forgets it after a while.
    token: Mutex<Option<SecretString>>,
}

/// An answer that is none.
enum Refusal {
    /// The server was not reached, or did not answer in time.
    Silent(String),
    /// It wants another log-in.
    LoggedOut,
    /// It answered with an error.
    Said(String),
}

impl EtcdKeep {
    /// Values below `prefix` at any of `servers`, members of one cluster.
    ///
    /// # Errors
    /// [`TransportError`].
    pub fn new(
        servers: &[Url],
        prefix: &str,
        credentials: Option<Credentials>,
    ) -> Result<Self, TransportError> {
        let names: Vec<&str> = servers.iter().filter_map(Url::host_str).collect();
        let place = format!("etcd://{}/{prefix}", names.join(","));
        let ways = servers.iter().map(|url| {
            let way = Transport::to(url, PATIENCE, None)?;
            Ok((way, url.clone()))
        });
        let servers = ways.collect::<Result<_, TransportError>>()?;
        let prefix = format!("{prefix}/");
        let (at, token) = (AtomicUsize::new(0), Mutex::new(None));
        Ok(Self { servers, at, prefix, place, credentials, token })
    }

    /// Asks a server, and the others if it does not answer. A transaction that was not answered may be asked again: it
    /// compares first.
    async fn ask(&self, path: &str, body: &Value) -> Result<Value, Away> {
        let mut last = String::new();
        for _ in 0..self.servers.len() {
            let at = self.at.load(Ordering::Relaxed) % self.servers.len().max(1);
            match self.ask_logged_in(at, path, body).await {
                Ok(answer) => return Ok(answer),
                Err(Refusal::Said(what)) => return Err(Away(what)),
                Err(Refusal::LoggedOut) => return Err(Away("it refuses the log-in".to_owned())),
                Err(Refusal::Silent(what)) => {
                    self.at.store(at + 1, Ordering::Relaxed);
                    last = what;
                }
            }
        }
        Err(Away(last))
    }

    async fn ask_logged_in(&self, at: usize, path: &str, body: &Value) -> Result<Value, Refusal> {
        let Some(credentials) = &self.credentials else {
            return self.once(at, path, body, None).await;
        };
        let mut token = self.token.lock().await.clone();
        for is_last in [false, true] {
            if token.is_none() {
                let Credentials { user, password } = credentials;
                let login = json!({"name": user, "password": password.expose_secret()});
                let answer = self.once(at, "auth/authenticate", &login, None).await?;
                token = answer.get("token").and_then(Value::as_str).map(SecretString::from);
                self.token.lock().await.clone_from(&token);
            }
            match self.once(at, path, body, token.as_ref()).await {
                Err(Refusal::LoggedOut) if !is_last => token = None,
                other => return other,
            }
        }
        Err(Refusal::LoggedOut)
    }

    async fn once(
        &self,
        at: usize,
        path: &str,
        body: &Value,
        token: Option<&SecretString>,
    ) -> Result<Value, Refusal> {
        let silent = |what: String| Refusal::Silent(what);
        let Some((way, server)) = self.servers.get(at) else {
            return Err(silent("no server".to_owned()));
        };
        let url = server.join(&format!("v3/{path}")).map_err(|error| silent(error.to_string()))?;
        let mut call = way.request(Method::POST, url).body(body.to_string());
        if let Some(token) = token {
            call = call.header("authorization", token.expose_secret());
        }
        let mut response =
            way.send(call).await.map_err(|trouble| silent(Trouble::words(trouble)))?;
        let status = response.status();
        let mut bytes = Vec::new();
        loop {
            match response.chunk().await {
                Ok(Some(chunk)) if bytes.len() + chunk.len() <= MOST_BYTES => {
                    bytes.extend_from_slice(&chunk);
                }
                Ok(Some(_)) => {
                    return Err(silent(format!("it answers more than {MOST_BYTES} bytes")));
                }
                Ok(None) => break,
                Err(error) => return Err(silent(way.trouble(&error).words())),
            }
        }
        let answer: Option<Value> = serde_json::from_slice(&bytes).ok();
        if status.is_success() {
            return answer.ok_or_else(|| silent("its answer is not JSON".to_owned()));
        }
        let said = answer.as_ref().and_then(|it| it.get("error").or(it.get("message"))?.as_str());
        let said = said.unwrap_or("no reason given");
        match status.as_u16() {
            401 => Err(Refusal::LoggedOut),
            // It says so of itself while it has no leader.
            500..600 => Err(silent(format!("{}: {said}", status.as_u16()))),
            status if said.contains("invalid auth token") => {
                tracing::debug!(status, "etcd wants another log-in");
                Err(Refusal::LoggedOut)
            }
            status => Err(Refusal::Said(format!("{status}: {said}"))),
        }
    }

    fn key(&self, name: &str) -> String {
        BASE64.encode(format!("{}{name}", self.prefix).as_bytes())
    }

    async fn range(&self, body: &Value) -> Result<Vec<Kept>, Away> {
        let answer = self.ask("kv/range", body).await?;
        if answer.get("more").and_then(Value::as_bool) == Some(true) {
            return Err(Away("it gives no more than a part of the keys".to_owned()));
        }
        let Some(list) = answer.get("kvs") else {
            // An answer without any keys still says which server it is from.
            let is_whole = answer.get("header").is_some();
            return if is_whole { Ok(Vec::new()) } else { Err(not_understood()) };
        };
        let list = list.as_array().ok_or_else(not_understood)?;
        let mut kept = list
            .iter()
            .map(|item| self.kept(item).ok_or_else(not_understood))
            .collect::<Result<Vec<_>, _>>()?;
        kept.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(kept)
    }

    fn kept(&self, item: &Value) -> Option<Kept> {
        let text = |name: &str| {
            let encoded = item.get(name)?.as_str()?;
            String::from_utf8(BASE64.decode(encoded.as_bytes()).ok()?).ok()
        };
        let name = text("key")?.strip_prefix(&self.prefix)?.to_owned();
        let version = Version(item.get("mod_revision")?.as_str()?.to_owned());
        // Of an empty value nothing is said.
        let value = if item.get("value").is_some() { text("value")? } else { String::new() };
        Some(Kept { name, value, version })
    }

    /// Does `doing` if the value still is that of `version`; the revision at which it was done, if it was.
    async fn compare(
        &self,
        name: &str,
        version: Option<&Version>,
        doing: Value,
    ) -> Result<Option<Version>, Away> {
        let revision = version.map_or("0", |version| version.0.as_str());
        let body = json!({
            "compare": [{
                "key": self.key(name),
                "target": "MOD",
                "result": "EQUAL",
                "mod_revision": revision,
            }],
            "success": [doing],
        });
        let answer = self.ask("kv/txn", &body).await?;
        let revision = answer.get("header").and_then(|header| header.get("revision"));
        let revision = revision.and_then(Value::as_str).ok_or_else(not_understood)?;
        // What is false is left out.
        let is_done = answer.get("succeeded").and_then(Value::as_bool).unwrap_or(false);
        Ok(is_done.then(|| Version(revision.to_owned())))
    }
}

impl Keep for EtcdKeep {
    fn place(&self) -> &str {
        &self.place
    }

    fn list<'a>(&'a self, under: &'a str) -> Soon<'a, Result<Vec<Kept>, Away>> {
        Box::pin(async move {
            let first = format!("{}{under}", self.prefix);
            // The first key that does not begin so: our names are ASCII, so there is one.
            let mut end = first.clone().into_bytes();
            if let Some(last) = end.last_mut() {
                *last += 1;
            }
            let body = json!({
                "key": BASE64.encode(first.as_bytes()),
                "range_end": BASE64.encode(&end),
            });
            self.range(&body).await
        })
    }

    fn read<'a>(&'a self, name: &'a str) -> Soon<'a, Result<Option<Kept>, Away>> {
        Box::pin(async move {
            let list = self.range(&json!({ "key": self.key(name) })).await?;
            Ok(list.into_iter().next())
        })
    }

    fn write<'a>(
        &'a self,
        name: &'a str,
        value: &'a str,
        over: Option<&'a Version>,
    ) -> Soon<'a, Result<Written, Away>> {
        Box::pin(async move {
            let put = json!({"requestPut": {
                "key": self.key(name),
                "value": BASE64.encode(value.as_bytes()),
            }});
            let done = self.compare(name, over, put).await?;
            Ok(done.map_or(Written::Changed, Written::At))
        })
    }

    fn remove<'a>(&'a self, name: &'a str, at: &'a Version) -> Soon<'a, Result<bool, Away>> {
        Box::pin(async move {
            let delete = json!({"requestDeleteRange": { "key": self.key(name) }});
            Ok(self.compare(name, Some(at), delete).await?.is_some())
        })
    }
}

fn not_understood() -> Away {
    Away("its answer is not understood".to_owned())
}
