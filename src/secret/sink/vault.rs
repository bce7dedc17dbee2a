//! A key of a secret in Vault or OpenBao: the KV engine of version 2, by plain HTTP.

use std::path::Path;

use reqwest::{Method, RequestBuilder, Url};
use serde_json::{Map, Value, json};

use super::http::{self, Answer, ROUNDS};
use super::named::{granted, is_missing};
use super::{Held, Trouble};
use crate::secret::{ExposeSecret, SecretString, Store, Trust, VaultStore, disk, reading};
use crate::transport::Transport;

/// Variables that hold the address, the token and the namespace, in the order in which they are asked.
const ADDRESS: [&str; 2] = ["VAULT_ADDR", "BAO_ADDR"];
const TOKEN: [&str; 2] = ["VAULT_TOKEN", "BAO_TOKEN"];
const NAMESPACE: [&str; 2] = ["VAULT_NAMESPACE", "BAO_NAMESPACE"];

/// A key of a secret in a KV engine of version 2.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
pub struct VaultSink {
    /// Path of the secret in the engine.
    pub path: String,
    /// The key in the secret; the others are kept.
    pub key: String,
    /// Where the engine is mounted.
    pub mount: String,
    /// The store as the manifest describes it.
    #[serde(flatten)]
    pub own: VaultStore,
    /// The name of a store that the operator describes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub store: Option<String>,
    /// What the operator says of it; none: that this run knows no such store.
    #[serde(skip)]
    pub named: Option<Store>,
}

/// A store that can be talked to.
struct Connection {
    way: Transport,
    base: Url,
    token: SecretString,
    namespace: Option<String>,
}

/// A secret as it is stored.
struct Stored {
    /// Its version; 0 before there is any.
    version: i64,
    data: Map<String, Value>,
}

/// The first of these variables that is set, and its name.
fn named(names: [&'static str; 2]) -> Option<(&'static str, String)> {
    let value = |name: &'static str| Some((name, std::env::var(name).ok()?));
    names.into_iter().find_map(|name| value(name).filter(|(_, value)| !value.is_empty()))
}

fn variable(names: [&'static str; 2]) -> Option<String> {
    named(names).map(|(_, value)| value)
}

/// The token in a file, or in a variable.
fn token(file: Option<&Path>) -> Result<Option<SecretString>, Trouble> {
    let (name, bytes) = match file {
        Some(file) => match disk::read(file)? {
            Some(text) => (file.display().to_string(), text.expose_secret().as_bytes().to_vec()),
            None => return Ok(None),
        },
        None => match named(TOKEN) {
            Some((name, text)) => (name.to_owned(), text.into_bytes()),
            None => return Ok(None),
        },
    };
    let token = reading::word(bytes);
    token.map(Some).map_err(|why| Trouble::Refused(format!("the token for it in {name} {why}")))
}

/// Where a store is: as it is described, or as the environment says.
fn address(store: &VaultStore) -> Result<String, Trouble> {
    let missing = "it has no address; set `address`, or VAULT_ADDR in the environment";
    let address = store.address.clone().or_else(|| variable(ADDRESS));
    address.ok_or_else(|| Trouble::Refused(missing.to_owned()))
}

fn no_token() -> Trouble {
    let missing = "it has no token; set VAULT_TOKEN in the environment, or `token_file`";
    Trouble::Refused(missing.to_owned())
}

impl VaultSink {
    pub(super) async fn read(&self) -> Result<Held, Trouble> {
        let stored = self.stored(&self.store()?).await?;
        let value =
            stored.data.get(&self.key).and_then(Value::as_str).filter(|text| !text.is_empty());
        Ok(Held::from(value.map(SecretString::from)))
    }

    /// The store says what our token may do; nothing is written.
    pub(super) async fn probe(&self) -> Result<(), Trouble> {
        let store = self.store()?;
        let stored = self.stored(&store).await?;
        let path = format!("{}/data/{}", self.mount.trim_matches('/'), self.path.trim_matches('/'));
        let url = http::join(&store.base, ["v1", "sys", "capabilities-self"])?;
        let answer = store
            .send(store.way.request(Method::POST, url).body(json!({"paths": [path]}).to_string()))
            .await?;
        if answer.status != 200 {
            return Err(refusal(&answer, "to say what the token may do", &[&store.token]));
        }
        let list = answer
            .body
            .get("data")
            .and_then(|data| data.get(&path))
            .or_else(|| answer.body.get("capabilities"));
        let list = list.and_then(Value::as_array).cloned().unwrap_or_default();
        let has =
            |wanted: &str| list.iter().any(|has| has.as_str() == Some(wanted) || has == "root");
        let needed = if stored.version == 0 { "create" } else { "update" };
        match has(needed) {
            true => Ok(()),
            false => Err(Trouble::Refused(format!(
                "the token lacks the capability `{needed}` on {path}"
            ))),
        }
    }

    pub(super) async fn write(&self, secret: &SecretString) -> Result<(), Trouble> {
        let store = self.store()?;
        let url = self.url(&store)?;
        for _ in 0..ROUNDS {
            let Stored { version, mut data } = self.stored(&store).await?;
            data.insert(self.key.clone(), Value::from(secret.expose_secret()));
            // The write only counts if nobody wrote since we read: so what others wrote stays.
            let body = json!({"options": {"cas": version}, "data": data}).to_string();
            let answer =
                store.send(store.way.request(Method::POST, url.clone()).body(body)).await?;
            match answer.status {
                200 | 204 => return Ok(()),
                400 if said(&answer).is_some_and(|words| words.contains("check-and-set")) => {}
                _ => return Err(refusal(&answer, "to store it", &[&store.token, secret])),
            }
        }
        Err(Trouble::Refused(format!("it was changed {ROUNDS} times in the meantime")))
    }

    fn url(&self, store: &Connection) -> Result<Url, Trouble> {
        let (mount, path) = (self.mount.trim_matches('/'), self.path.trim_matches('/'));
        let segments =
            ["v1"].into_iter().chain(mount.split('/')).chain(["data"]).chain(path.split('/'));
        http::join(&store.base, segments)
    }

    /// What of the store only the manifest chose.
    pub(super) fn chosen_by_manifest(&self) -> Option<&'static str> {
        let VaultStore { address, namespace: _, token_file, ca_file } = &self.own;
        match () {
            () if self.store.is_some() => self.named.is_none().then_some("store"),
            () if address.is_some() => Some("address"),
            () if token_file.is_some() => Some("token_file"),
            () if ca_file.is_some() => Some("ca_file"),
            () => None,
        }
    }

    /// The description that counts.
    fn described(&self) -> Result<&VaultStore, Trouble> {
        let Some(name) = &self.store else { return Ok(&self.own) };
        let named = granted(name, self.named.as_ref(), &self.path)?;
        named
            .vault
            .as_ref()
            .ok_or_else(|| Trouble::Refused(format!("store `{name}` is not a Vault")))
    }

    /// Why it would refuse, as far as that shows without opening a file and without a call.
    pub(super) fn foresee(&self, trust: &Trust) -> Result<(), Trouble> {
        if self.store.is_some() && self.named.is_none() {
            // That it is not looked at is said already.
            return Ok(());
        }
        let store = self.described()?;
        http::address(&address(store)?)?;
        let is_missing = match &store.token_file {
            Some(file) => is_missing(file, self.store.is_some(), trust),
            None => named(TOKEN).is_none(),
        };
        if is_missing { Err(no_token()) } else { Ok(()) }
    }

    fn store(&self) -> Result<Connection, Trouble> {
        let store = self.described()?;
        let address = address(store)?;
        let VaultStore { address: _, namespace, token_file, ca_file } = store;
        let token = token(token_file.as_deref())?.ok_or_else(no_token)?;
        let base = http::address(&address)?;
        Ok(Connection {
            way: http::way_to(&base, ca_file.as_deref())?,
            base,
            token,
            namespace: namespace.clone().or_else(|| variable(NAMESPACE)),
        })
    }

    async fn stored(&self, store: &Connection) -> Result<Stored, Trouble> {
        let answer = store.send(store.way.request(Method::GET, self.url(store)?)).await?;
        let data = answer.body.get("data");
        let version = data.and_then(|data| data.get("metadata")?.get("version")?.as_i64());
        match (answer.status, version) {
            // A deleted version is answered with 404 and its number, which the next one has to name.
            (200 | 404, Some(version)) => {
                let data = data.and_then(|data| data.get("data")?.as_object()).cloned();
                Ok(Stored { version, data: data.unwrap_or_default() })
            }
            (404, None) => Ok(Stored { version: 0, data: Map::new() }),
            (200, None) => {
                Err(Trouble::Refused(format!("`{}` is not a KV engine of version 2", self.mount)))
            }
            _ => Err(refusal(&answer, "to be read", &[&store.token])),
        }
    }
}

impl Connection {
    async fn send(&self, request: RequestBuilder) -> Result<Answer, Trouble> {
        let mut token = reqwest::header::HeaderValue::from_str(self.token.expose_secret())
            .map_err(|_| {
                Trouble::Refused(
                    "its token has characters that are not valid in a token".to_owned(),
                )
            })?;
        token.set_sensitive(true);
        let mut request = request.header("x-vault-token", token);
        if let Some(namespace) = &self.namespace {
            request = request.header("x-vault-namespace", namespace);
        }
        http::send(&self.way, request).await
    }
}

fn said(answer: &Answer) -> Option<String> {
    let errors = answer.body.get("errors")?.as_array()?;
    Some(errors.iter().filter_map(Value::as_str).collect::<Vec<_>>().join("; "))
}

fn refusal(answer: &Answer, doing: &str, secrets: &[&SecretString]) -> Trouble {
    answer.refusal(doing, said(answer), secrets)
}
