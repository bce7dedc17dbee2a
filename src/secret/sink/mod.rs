//! Secret sinks: where keys and generated passwords go.
//!
//! A [`Sink`] is a place and the form that a secret has there. It is plain data, so that it can
//! travel in a sealed plan, and knows three verbs: [`Sink::read`] returns what it holds,
//! [`Sink::probe`] whether it would take a secret, and [`Sink::deliver`] stores one and reads it
//! back. Each kind of place has a room of its own beside this file.

mod age;
mod dotenv;
mod error;
mod exec;
mod file;
mod held;
mod http;
mod json;
mod kubernetes;
mod named;
mod vault;

use std::path::Path;
use std::time::Duration;

pub use age::AgeSink;
pub use dotenv::DotenvSink;
pub use error::SinkError;
pub use exec::ExecSink;
pub use file::{Allowance, FileSink};
pub use held::Held;
pub use json::JsonSink;
pub use kubernetes::KubernetesSink;
pub use vault::VaultSink;

use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256};

use super::{Link, SecretString, Stores, Trust};
use crate::causes::error_chain;
use error::Trouble;

/// No sink may take longer for one thing, unless it says so itself.
const PATIENCE: Duration = Duration::from_secs(30);

/// Where a secret is delivered, and in what form.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
pub struct Sink {
    /// Where it goes.
    pub place: Place,
    /// The link around a key that is delivered in the place of the key itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link: Option<Link>,
}

/// A place for a secret.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Place {
    /// A file of its own, readable by its owner alone.
    File(FileSink),
    /// A variable in a file of variables.
    Dotenv(DotenvSink),
    /// A text in a JSON file.
    Json(JsonSink),
    /// A file encrypted to recipients.
    Age(AgeSink),
    /// Whatever a program stores it in.
    Exec(ExecSink),
    /// A key of a secret in Vault or OpenBao.
    Vault(VaultSink),
    /// A key of a Secret in Kubernetes.
    Kubernetes(KubernetesSink),
}

impl std::fmt::Display for Sink {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.place.fmt(formatter)?;
        match &self.link {
            Some(_) => formatter.write_str(" (as link)"),
            None => Ok(()),
        }
    }
}

impl std::fmt::Display for Place {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::File(place) => write!(formatter, "file {}", place.file.display()),
            Self::Dotenv(place) => write!(formatter, "{} in {}", place.key, place.dotenv.display()),
            Self::Json(place) => write!(formatter, "{} in {}", place.pointer, place.json.display()),
            Self::Age(place) => write!(formatter, "age file {}", place.age.display()),
            Self::Exec(place) => {
                write!(formatter, "program `{}`", place.command.first().map_or("", String::as_str))
            }
            Self::Vault(place) => {
                write!(formatter, "{} in vault {}/{}", place.key, place.mount, place.path)
            }
            Self::Kubernetes(place) => {
                let namespace = place.own.namespace.iter().map(|namespace| format!("{namespace}/"));
                let namespace: String = namespace.collect();
                write!(formatter, "{} in Kubernetes Secret {namespace}{}", place.key, place.secret)
            }
        }
    }
}

impl From<Place> for Sink {
    fn from(place: Place) -> Self {
        Self { place, link: None }
    }
}

impl Sink {
    /// What the sink holds. A link of another form, as it was delivered before its devices changed, counts as nothing, so
    /// that the link of today is delivered in its place.
    ///
    /// # Errors
    /// [`SinkError`] when that cannot be read.
    pub async fn read(&self) -> Result<Held, SinkError> {
        let held = self.in_time("read", self.place.read()).await?;
        Ok(match (held, &self.link) {
            (Held::Secret(text), Some(link)) => {
                link.key_of(&text).map_or(Held::Nothing, Held::Secret)
            }
            (held, _) => held,
        })
    }

    /// Whether asking the sink what it holds runs a program: a plan executes nothing that comes from a repository.
    pub fn runs_program(&self) -> bool {
        matches!(self.place, Place::Exec(_))
    }

    /// A digest by which a mark remembers that this sink was served, for runs that do not ask the sink itself. The
    /// folders on the way to a file are not part of it, which are others on every machine.
    pub fn served_as(&self) -> String {
        let name =
            |path: &Path| path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let mut words = match &self.place {
            Place::File(place) => vec![name(&place.file)],
            Place::Dotenv(place) => vec![name(&place.dotenv), place.key.clone()],
            Place::Json(place) => vec![name(&place.json), place.pointer.clone()],
            Place::Age(place) => vec![name(&place.age)],
            Place::Exec(place) => place.command.clone(),
            Place::Vault(place) => {
                vec![place.mount.clone(), place.path.clone(), place.key.clone()]
            }
            Place::Kubernetes(place) => {
                vec![
                    place.own.namespace.clone().unwrap_or_default(),
                    place.secret.clone(),
                    place.key.clone(),
                ]
            }
        };
        words.extend(self.link.as_ref().map(Link::to_string));
        let digest = Sha256::digest(words.join("\0").as_bytes());
        HEXLOWER.encode(&digest[..4])
    }

    /// Looks up the store that the sink names, if it names one.
    pub fn name_store(&mut self, stores: &Stores) {
        let (name, named) = match &mut self.place {
            Place::Vault(place) => (&place.store, &mut place.named),
            Place::Kubernetes(place) => (&place.store, &mut place.named),
            _ => return,
        };
        *named = name.as_ref().and_then(|name| stores.get(name)).cloned();
    }

    /// The name of the store that the sink is in, if it has one.
    pub fn store_name(&self) -> Option<&str> {
        match &self.place {
            Place::Vault(place) => place.store.as_deref(),
            Place::Kubernetes(place) => place.store.as_deref(),
            _ => None,
        }
    }

    /// Why the sink is not looked at with so much trust; none if it may be.
    pub fn hidden_from(&self, trust: &Trust) -> Option<String> {
        match &self.place {
            Place::File(place) => trust.hides_file(&place.file),
            Place::Dotenv(place) => trust.hides_file(&place.dotenv),
            Place::Json(place) => trust.hides_file(&place.json),
            Place::Age(place) => trust.hides_file(&place.age),
            Place::Exec(_) => trust.hides_program(),
            Place::Vault(place) => trust.hides_store(place.chosen_by_manifest()?),
            Place::Kubernetes(place) => trust.hides_store(place.chosen_by_manifest()?),
        }
    }

    /// Whether the sink ever gives back what it was given.
    pub fn gives_back(&self) -> bool {
        match &self.place {
            Place::Age(_) => false,
            Place::Exec(place) => place.read.is_some(),
            _ => true,
        }
    }

    /// Why the sink would refuse a secret, as far as that shows here: no file is opened but the index of a git work tree,
    /// no program is run and no store is contacted, and of files outside of what `trust` lets be read nothing is asked.
    /// None if nothing shows.
    pub fn foresees(&self, trust: &Trust) -> Option<String> {
        let is_hidden = |path: &Path| trust.hides_file(path).is_some();
        let foreseen = match &self.place {
            Place::File(place) if !is_hidden(&place.file) => {
                file::foresee(&place.file, &place.allow)
            }
            Place::Dotenv(place) if !is_hidden(&place.dotenv) => {
                file::foresee(&place.dotenv, &place.allow)
            }
            Place::Json(place) if !is_hidden(&place.json) => {
                file::foresee(&place.json, &place.allow)
            }
            Place::Age(place) if !is_hidden(&place.age) => place.foresee(),
            Place::Exec(place) => place.foresee(trust),
            Place::Vault(place) => place.foresee(trust),
            Place::Kubernetes(place) => place.foresee(trust),
            _ => Ok(()),
        };
        foreseen.err().map(|trouble| error_chain(&trouble))
    }

    /// Proves that the sink will take a secret, without giving it one.
    ///
    /// # Errors
    /// [`SinkError`] when it would not.
    pub async fn probe(&self) -> Result<(), SinkError> {
        self.in_time("written", self.place.probe()).await
    }

    /// Stores `secret` and reads it back, as far as the sink gives anything back.
    ///
    /// # Errors
    /// [`SinkError`] when it was not stored.
    pub async fn deliver(&self, secret: &SecretString) -> Result<(), SinkError> {
        let text = match &self.link {
            Some(link) => link.with(secret),
            None => secret.clone(),
        };
        self.in_time("written", self.place.write(&text, secret)).await?;
        match self.read().await?.may_be(secret) {
            true => Ok(()),
            false => Err(SinkError::new(self, "read back as written", Trouble::Differs)),
        }
    }

    async fn in_time<T>(
        &self,
        verb: &'static str,
        work: impl Future<Output = Result<T, Trouble>>,
    ) -> Result<T, SinkError> {
        // A program is bounded by its own time, and told by its name.
        let patience = match &self.place {
            Place::Exec(place) => place.patience() + PATIENCE,
            _ => PATIENCE,
        };
        let late = |_| Err(Trouble::Late(patience.as_secs()));
        let outcome = tokio::time::timeout(patience, work).await.unwrap_or_else(late);
        outcome.map_err(|trouble| SinkError::new(self, verb, trouble))
    }
}

impl Place {
    async fn read(&self) -> Result<Held, Trouble> {
        match self {
            Self::File(place) => on_disk(place, FileSink::read).await.map(Held::from),
            Self::Dotenv(place) => on_disk(place, DotenvSink::read).await.map(Held::from),
            Self::Json(place) => on_disk(place, JsonSink::read).await.map(Held::from),
            Self::Age(place) => on_disk(place, AgeSink::read).await,
            Self::Exec(place) => place.read().await,
            Self::Vault(place) => place.read().await,
            Self::Kubernetes(place) => place.read().await,
        }
    }

    async fn probe(&self) -> Result<(), Trouble> {
        match self {
            Self::File(place) => on_disk(place, FileSink::probe).await,
            Self::Dotenv(place) => on_disk(place, DotenvSink::probe).await,
            Self::Json(place) => on_disk(place, JsonSink::probe).await,
            Self::Age(place) => on_disk(place, AgeSink::probe).await,
            Self::Exec(place) => on_disk(place, ExecSink::probe).await,
            Self::Vault(place) => place.probe().await,
            Self::Kubernetes(place) => place.probe().await,
        }
    }

    /// Stores `text`, which is `secret` itself or a link around it.
    async fn write(&self, text: &SecretString, secret: &SecretString) -> Result<(), Trouble> {
        let copy = text.clone();
        match self {
            Self::File(place) => on_disk(place, move |place: &FileSink| place.write(&copy)).await,
            Self::Dotenv(place) => {
                on_disk(place, move |place: &DotenvSink| place.write(&copy)).await
            }
            Self::Json(place) => on_disk(place, move |place: &JsonSink| place.write(&copy)).await,
            Self::Age(place) => {
                let secret = secret.clone();
                on_disk(place, move |place: &AgeSink| place.write(&copy, &secret)).await
            }
            Self::Exec(place) => place.write(text).await,
            Self::Vault(place) => place.write(text).await,
            Self::Kubernetes(place) => place.write(text).await,
        }
    }
}

/// Disks are asked where waiting for them holds up nobody.
async fn on_disk<P: Clone + Send + 'static, T: Send + 'static>(
    place: &P,
    work: impl FnOnce(&P) -> Result<T, Trouble> + Send + 'static,
) -> Result<T, Trouble> {
    let place = place.clone();
    tokio::task::spawn_blocking(move || work(&place))
        .await
        .unwrap_or_else(|stopped| Err(Trouble::System(std::io::Error::other(stopped))))
}

#[cfg(test)]
mod tests;
