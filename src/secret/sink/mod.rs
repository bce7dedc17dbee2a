//! Secret sinks: where keys and generated passwords go.
//!
//! A [`Sink`] is a place and the form that a secret has there. It is plain data, so that it can travel in a sealed plan,
//! and knows three verbs: [`Sink::read`] tells what it holds, [`Sink::probe`] whether it would take a secret, and
//! [`Sink::deliver`] stores one and reads it back. Each kind of place has a room of its own beside this file.

mod age;
mod dotenv;
mod error;
mod exec;
mod file;
mod held;
mod http;
mod json;
mod kubernetes;
mod vault;

use std::time::Duration;

pub use age::{AgeSink, public_key};
pub use dotenv::DotenvSink;
pub use error::SinkError;
pub use exec::ExecSink;
pub use file::{Allowance, FileSink};
pub use held::Held;
pub use json::JsonSink;
pub use kubernetes::KubernetesSink;
pub use vault::VaultSink;

use sha2::{Digest, Sha256};

use super::{Link, SecretString};
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
                let namespace = place.namespace.iter().map(|namespace| format!("{namespace}/"));
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
    /// [`SinkError`] when that cannot be told.
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

    /// A digest by which a mark remembers that this sink was served, if asking the sink itself takes a program.
    pub fn untold_as(&self) -> Option<String> {
        let Place::Exec(place) = &self.place else { return None };
        let link = self.link.as_ref().map(Link::to_string);
        let words = place.command.iter().map(String::as_str).chain(link.as_deref());
        let digest = Sha256::digest(words.collect::<Vec<_>>().join("\0").as_bytes());
        Some(digest.iter().take(4).map(|byte| format!("{byte:02x}")).collect())
    }

    /// Whether the sink ever gives back what it was given.
    pub fn gives_back(&self) -> bool {
        match &self.place {
            Place::Age(_) => false,
            Place::Exec(place) => place.read.is_some(),
            _ => true,
        }
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
            false => Err(SinkError::new(self, "read back as it was written", Trouble::Differs)),
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
            Self::File(place) => on_disk(place, FileSink::read).await.map(held),
            Self::Dotenv(place) => on_disk(place, DotenvSink::read).await.map(held),
            Self::Json(place) => on_disk(place, JsonSink::read).await.map(held),
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

fn held(secret: Option<SecretString>) -> Held {
    secret.map_or(Held::Nothing, Held::Secret)
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
