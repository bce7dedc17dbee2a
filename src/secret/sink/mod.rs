//! Secret sinks: where keys and generated passwords go.
//!
//! A [`Sink`] is a place and the form that a secret has there. It is plain data, so that it can travel in a sealed plan,
//! and knows three verbs: [`Sink::read`] tells what it holds, [`Sink::probe`] whether it would take a secret, and
//! [`Sink::deliver`] stores one and reads it back. Each kind of place has a room of its own beside this file.

mod error;
mod file;
mod held;

use std::time::Duration;

pub use error::SinkError;
pub use file::FileSink;
pub use held::Held;

use super::{Link, SecretString};
use error::Trouble;

/// No sink may take longer for one thing.
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
        self.in_time("written", self.place.write(&text)).await?;
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
        let late = |_| Err(Trouble::Late(PATIENCE.as_secs()));
        let outcome = tokio::time::timeout(PATIENCE, work).await.unwrap_or_else(late);
        outcome.map_err(|trouble| SinkError::new(self, verb, trouble))
    }
}

impl Place {
    async fn read(&self) -> Result<Held, Trouble> {
        match self {
            Self::File(place) => on_disk(place, FileSink::read).await.map(held),
        }
    }

    async fn probe(&self) -> Result<(), Trouble> {
        match self {
            Self::File(place) => on_disk(place, FileSink::probe).await,
        }
    }

    async fn write(&self, text: &SecretString) -> Result<(), Trouble> {
        match self {
            Self::File(place) => {
                let text = text.clone();
                on_disk(place, move |place: &FileSink| place.write(&text)).await
            }
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
