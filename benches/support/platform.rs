//! A platform that says what an input says, call after call.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use flespi_gitops::api::{Client, Settings};
use flespi_gitops::secret::SecretString;
use flespi_gitops::transport::{Carried, Trouble, Wire};
use serde_json::{Map, Value, json};

use super::parts::Parts;

/// One answer: `=== WORD STATUS [HEADER=VALUE]...`, then the body. It is given to calls whose path holds the word; of
/// several with one word each has its turn, and the last one stays.
#[derive(Debug)]
struct Said {
    word: String,
    status: u16,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

/// What is said, and how often it was asked for.
pub struct Platform {
    said: Vec<Said>,
    turns: Mutex<BTreeMap<String, usize>>,
    next_id: AtomicUsize,
    calls: AtomicUsize,
}

impl Said {
    fn of((name, body): (String, Vec<u8>)) -> Option<Self> {
        let mut words = name.split(' ');
        let word = words.next()?.to_owned();
        let status = words.next().and_then(|status| status.parse().ok())?;
        let headers = words.filter_map(|word| word.split_once('='));
        let headers = headers.map(|(name, value)| (name.to_owned(), value.replace('_', " ")));
        Some(Self { word, status, headers: headers.collect(), body })
    }
}

impl Platform {
    /// A platform that says this.
    pub fn new(parts: Parts) -> Arc<Self> {
        Arc::new(Self {
            said: parts.into_iter().filter_map(Said::of).collect(),
            turns: Mutex::default(),
            next_id: AtomicUsize::new(900_000),
            calls: AtomicUsize::new(0),
        })
    }

    /// A client that talks to it.
    pub fn client(self: &Arc<Self>, token: &str) -> Client {
        let address = "http://127.0.0.1:9".parse().unwrap();
        let settings = Settings::new(address, Duration::from_secs(30));
        let client = Client::new(&settings, &SecretString::from(token)).unwrap();
        client.over(self.clone(), &settings)
    }

    /// How many calls came.
    pub fn calls(&self) -> usize {
        self.calls.load(Ordering::Relaxed)
    }

    fn answer(
        &self,
        method: &str,
        path: &str,
        body: &[u8],
    ) -> (u16, Vec<(String, String)>, Vec<u8>) {
        let line = format!("{method} {path}");
        let mut turns = self.turns.lock().unwrap();
        let fits = |said: &&Said| {
            let is_write = said.word.starts_with(|c: char| c.is_ascii_uppercase());
            line.contains(&said.word) && (is_write || method == "GET")
        };
        let Some(Said { word, .. }) = self.said.iter().find(fits) else {
            return (200, Vec::new(), self.obeyed(method, path, body));
        };
        let turn = turns.entry(word.clone()).or_default();
        let all: Vec<&Said> = self.said.iter().filter(|said| said.word == *word).collect();
        let said = all[(*turn).min(all.len() - 1)];
        *turn += 1;
        // Pages that never end: each has other ids.
        let offset = path.split("offset=").nth(1).and_then(|rest| rest.split('&').next());
        let body = String::from_utf8_lossy(&said.body);
        let body = match body.contains("@OFFSET") {
            true => body.replace("@OFFSET", offset.unwrap_or("0")).into_bytes(),
            false => said.body.clone(),
        };
        (said.status, said.headers.clone(), body)
    }

    /// What a platform answers that does as it is told.
    fn obeyed(&self, method: &str, path: &str, body: &[u8]) -> Vec<u8> {
        let given: Value = serde_json::from_slice(body).unwrap_or_default();
        let row = |id: i64, fields: &Value| {
            let mut row: Map<String, Value> = fields.as_object().cloned().unwrap_or_default();
            row.insert("id".to_owned(), json!(id));
            row.entry("cid").or_insert(json!(1));
            row
        };
        let rows: Vec<Map<String, Value>> = match method {
            "POST" => given
                .as_array()
                .into_iter()
                .flatten()
                .map(|fields| {
                    let id = self.next_id.fetch_add(1, Ordering::Relaxed);
                    let mut row = row(i64::try_from(id).unwrap(), fields);
                    row.insert("key".to_owned(), json!("K".repeat(64)));
                    row
                })
                .collect(),
            "PUT" => {
                let ids = path.split(['/', '?']).nth(3).unwrap_or_default();
                ids.split(',').filter_map(|id| Some(row(id.parse().ok()?, &given))).collect()
            }
            _ => Vec::new(),
        };
        json!({"result": rows, "pagination": {"count": rows.len()}}).to_string().into_bytes()
    }
}

impl Wire for Platform {
    fn carry(&self, call: reqwest::Request) -> Carried<'_> {
        self.calls.fetch_add(1, Ordering::Relaxed);
        let url = call.url();
        let path = match url.query() {
            Some(query) => format!("{}?{query}", url.path()),
            None => url.path().to_owned(),
        };
        let body = call.body().and_then(|body| body.as_bytes()).unwrap_or_default();
        let (status, headers, body) = self.answer(call.method().as_str(), &path, body);
        Box::pin(async move {
            let mut response = hyper::Response::builder().status(status);
            for (name, value) in headers {
                response = response.header(name, value);
            }
            // What is no answer at all never gets as far as the client.
            match response.body(body) {
                Ok(response) => Ok(response.into()),
                Err(error) => Err(Trouble::Lost(error.to_string())),
            }
        })
    }
}
