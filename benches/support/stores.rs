//! Stores of secrets and programs: whatever they answer, a secret is read or delivered in so many calls, or there is an error
//! that tells none.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use flespi_gitops::secret::{
    ExecSink, ExposeSecret, Held, KubernetesSink, KubernetesStore, Place, SecretString, Sink,
    Source, VaultSink, VaultStore,
};
use tokio::runtime::Runtime;

use super::parts::{self, Parts};
use super::{Dice, Target, folders, hold, inert, json, panics, text};

pub const TARGET: Target = Target {
    name: "stores",
    about: "answers of Vault and Kubernetes, and what programs print",
    corpus,
    mutate: |corpus, dice| parts::mutated(corpus, dice, change),
    feed: || {
        let mut place = Shop::new();
        Box::new(move |input, everything| place.feed(input, everything))
    },
    short: 60,
    repeat: None,
};

/// The secret that is delivered.
const SECRET: &str = "aB3aB3aB3aB3aB3aB3aB3aB3";

/// The token of a store, which no error may repeat.
const TOKEN: &str = "hvs.canary0canary0canary";

/// Calls that one reading, probing or delivering may take: eight rounds of two, and the reading back.
const MOST_CALLS: usize = 20;

fn corpus() -> Vec<Vec<u8>> {
    let kv = r#"{"data":{"data":{"key":"aB3aB3aB3aB3aB3aB3aB3aB3","other":1},"metadata":{"version":3,"destroyed":false}}}"#;
    let gone =
        r#"{"data":{"data":null,"metadata":{"version":4,"deletion_time":"2026-01-01T00:00:00Z"}}}"#;
    let rights = r#"{"capabilities":["read"],"data":{"secret/data/app":["create","update"]}}"#;
    let refused = r#"{"errors":["permission denied for hvs.canary0canary0canary"]}"#;
    let race = r#"{"errors":["check-and-set parameter did not match the current version"]}"#;
    let secret = r#"{"kind":"Secret","metadata":{"resourceVersion":"12"},"data":{"key":"YUIzYUIzYUIzYUIzYUIzYUIzYUIzYUIz"}}"#;
    let status = r#"{"kind":"Status","code":403,"message":"secrets is forbidden: hvs.canary0canary0canary"}"#;
    let cases: [&[(&str, &str)]; 8] = [
        &[("GET /v1 200", kv), ("POST /v1/sys 200", rights), ("POST /v1/secret 200", "{}")],
        &[("GET /v1 404", gone), ("POST /v1/sys 403", refused), ("POST /v1/secret 204", "")],
        &[("GET /v1 404", r#"{"errors":[]}"#), ("POST /v1/secret 400", race)],
        &[("GET /v1 403", refused), ("POST /v1/secret 500", "<html>")],
        &[("GET /api 200", secret), ("PATCH /api 200", secret)],
        &[("GET /api 404", status), ("POST /api 201", secret)],
        &[("GET /api 200", secret), ("PATCH /api 409", status)],
        &[("PRINT 0", "aB3aB3aB3aB3aB3aB3aB3aB3\n"), ("GET /api 403", status)],
    ];
    let joined = |case: &[(&str, &str)]| {
        let parts: Parts = case
            .iter()
            .map(|(name, body)| ((*name).to_owned(), body.as_bytes().to_vec()))
            .collect();
        parts::joined(&parts)
    };
    cases.into_iter().map(joined).collect()
}

fn change((name, body): &mut (String, Vec<u8>), dice: &mut Dice) {
    let words: [&[u8]; 6] = [b"\0", b"\n", b"\xff", b"\xef\xbb\xbf", TOKEN.as_bytes(), b"\x1b[31m"];
    let itself = std::slice::from_ref(&body.clone()).to_vec();
    match dice.roll(8) {
        0 => {
            let statuses =
                ["100", "200", "201", "204", "301", "400", "404", "409", "500", "999", "0", "1"];
            let (word, _) = name.rsplit_once(' ').unwrap_or((name, ""));
            *name = format!("{word} {}", dice.one(&statuses));
        }
        1 => text::change(body, &itself, &words, dice),
        _ => json::change(body, &itself, dice),
    }
}

/// What the server says, and how often it was asked.
#[derive(Default)]
struct Said {
    parts: Mutex<Parts>,
    calls: AtomicUsize,
}

/// A store that answers with an input, and the sinks that lead to it.
struct Shop {
    runtime: Runtime,
    said: Arc<Said>,
    folder: tempfile::TempDir,
    sinks: Vec<Sink>,
}

impl Shop {
    fn new() -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let (said, folder) = (Arc::new(Said::default()), folders::quick());
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let shared = Arc::clone(&said);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let said = Arc::clone(&shared);
                std::thread::spawn(move || serve(stream, &said));
            }
        });
        let token_file = Some(folder.path().join("token"));
        std::fs::write(folder.path().join("token"), TOKEN).unwrap();
        let vault = Place::Vault(VaultSink {
            path: "app".to_owned(),
            key: "key".to_owned(),
            mount: "secret".to_owned(),
            own: VaultStore {
                address: Some(address.clone()),
                token_file: token_file.clone(),
                ..VaultStore::default()
            },
            store: None,
            named: None,
        });
        let kubernetes = Place::Kubernetes(KubernetesSink {
            secret: "app".to_owned(),
            key: "key".to_owned(),
            own: KubernetesStore {
                server: Some(address),
                namespace: Some("default".to_owned()),
                token_file,
                ca_file: None,
            },
            store: None,
            named: None,
        });
        let sinks = [vault, kubernetes].map(Sink::from).into();
        Self { runtime: panics::runtime(false), said, folder, sinks }
    }

    fn feed(&mut self, input: &[u8], everything: bool) -> Result<bool, String> {
        let before = panics::heard();
        let parts = parts::split(input);
        let asks = |word: &str| parts.iter().any(|(name, _)| name.contains(word));
        let sinks: Vec<&Sink> = match (asks("/v1"), asks("/api")) {
            (true, false) => self.sinks[..1].iter().collect(),
            (false, true) => self.sinks[1..].iter().collect(),
            _ => self.sinks.iter().collect(),
        };
        let mut is_accepted = true;
        for sink in sinks {
            let mut bounded = async |what: &str, outcome: Outcome<'_>| {
                self.said.calls.store(0, Ordering::SeqCst);
                (*self.said.parts.lock().unwrap()).clone_from(&parts);
                let outcome = outcome.await;
                let calls = self.said.calls.load(Ordering::SeqCst);
                hold(calls <= MOST_CALLS, || format!("{calls} calls for {what}"))?;
                if let Err(error) = &outcome {
                    is_accepted = false;
                    tells_nothing(error)?;
                }
                Ok::<(), String>(())
            };
            let secret = SecretString::from(SECRET);
            self.runtime.block_on(async {
                bounded("reading", Box::pin(async { sink.read().await.map(drop) })).await?;
                bounded("probing", Box::pin(sink.probe())).await?;
                bounded("delivering", Box::pin(sink.deliver(&secret))).await
            })?;
        }
        if everything || asks("PRINT") {
            is_accepted &= self.program(&parts)?;
        }
        hold(panics::heard() == before, || "a panic on another thread".to_owned())?;
        Ok(is_accepted)
    }

    /// A program that prints what the input says, and ends as it says.
    fn program(&self, parts: &Parts) -> Result<bool, String> {
        let Some((name, body)) = parts.iter().find(|(name, _)| name.starts_with("PRINT")) else {
            return Ok(true);
        };
        let path = self.folder.path().join("printed");
        std::fs::write(&path, body).map_err(|error| error.to_string())?;
        let status = name.rsplit(' ').next().and_then(|it| it.parse::<u8>().ok()).unwrap_or(0);
        let command = ["sh", "-c", "cat printed; exit \"$0\"", &status.to_string()];
        let command: Vec<String> = command.iter().map(|word| (*word).to_owned()).collect();
        let folder = self.folder.path().to_owned();
        let source = Source::Exec { command: command.clone(), folder: folder.clone(), timeout: 20 };
        let is_read = match self.runtime.block_on(source.read()) {
            Ok(secret) => {
                let secret = secret.map(|secret| secret.expose_secret().to_owned());
                let is_line = secret.as_ref().is_some_and(|it| !it.contains(['\n', '\r', '\0']));
                hold(is_line && status == 0, || format!("{secret:?} was printed"))?;
                true
            }
            Err(error) => {
                tells_nothing(&error)?;
                false
            }
        };
        let sink = Sink::from(Place::Exec(ExecSink {
            command: vec!["true".to_owned()],
            read: Some(command),
            timeout: 20,
            folder,
            address: "token/app".to_owned(),
        }));
        match self.runtime.block_on(sink.read()) {
            Ok(Held::Secret(secret)) => {
                hold(!secret.expose_secret().is_empty(), || "nothing as a secret".to_owned())?;
            }
            Ok(_) => {}
            Err(error) => tells_nothing(&error)?,
        }
        Ok(is_read)
    }
}

type Outcome<'a> =
    std::pin::Pin<Box<dyn Future<Output = Result<(), flespi_gitops::secret::SinkError>> + 'a>>;

/// No secret is in an error, nor anything that acts.
fn tells_nothing(error: &dyn std::error::Error) -> Result<(), String> {
    inert::error("a store that refuses", error)?;
    let mut cause = Some(error);
    while let Some(error) = cause {
        let words = error.to_string();
        let is_told = words.contains(SECRET) || words.contains(TOKEN);
        hold(!is_told, || format!("{words} tells a secret"))?;
        cause = error.source();
    }
    Ok(())
}

/// Answers every call on a connection.
fn serve(stream: TcpStream, said: &Said) {
    let Ok(mut answers) = stream.try_clone() else { return };
    let mut calls = BufReader::new(stream);
    loop {
        let (mut head, mut length) = (String::new(), 0);
        loop {
            let mut line = String::new();
            if calls.read_line(&mut line).unwrap_or(0) == 0 {
                return;
            }
            if let Some(said) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                length = said.trim().parse().unwrap_or(0);
            }
            if line.trim().is_empty() {
                break;
            }
            head.push_str(&line);
        }
        let mut body = vec![0; length];
        if calls.read_exact(&mut body).is_err() {
            return;
        }
        said.calls.fetch_add(1, Ordering::SeqCst);
        let parts = said.parts.lock().unwrap().clone();
        let fits =
            |name: &str| name.rsplit_once(' ').is_some_and(|(word, _)| head.starts_with(word));
        let part = parts.iter().find(|(name, _)| fits(name));
        let (status, body) = match part {
            Some((name, body)) => {
                let status = name.rsplit(' ').next().and_then(|it| it.parse::<u16>().ok());
                (status.unwrap_or(200), body.clone())
            }
            None => (404, Vec::new()),
        };
        let head = format!("HTTP/1.1 {status:03} X\r\ncontent-length: {}\r\n\r\n", body.len());
        if answers.write_all(&[head.as_bytes(), &body].concat()).is_err() {
            return;
        }
    }
}
