//! Sending a notice.

use std::time::Duration;

use reqwest::{Method, Url};
use serde_json::Value;

use super::form::Form;
use crate::secret::{ExposeSecret, SecretString};
use crate::transport::{Transport, TransportError, is_loopback};

/// How long one try may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// The waits between tries; then the notice is given up.
const WAITS: [Duration; 5] = [
    Duration::from_secs(1),
    Duration::from_secs(5),
    Duration::from_secs(20),
    Duration::from_secs(60),
    Duration::from_secs(300),
];

/// Where notices go.
#[derive(Debug, Clone)]
pub struct Receiver {
    form: Form,
    address: SecretString,
    host: String,
    way: Transport,
}

/// Why an address is none of a receiver. None of the texts repeats it.
#[derive(Debug, thiserror::Error)]
pub enum BadReceiver {
    /// It is no address.
    #[error("it does not hold an address, such as https://hooks.example/...")]
    NoAddress,
    /// Whoever listens on the way learns the address, and what is wrong.
    #[error("its address is not https, which is only allowed on this machine")]
    NotHttps,
    /// There is no way to it.
    #[error(transparent)]
    Transport(#[from] TransportError),
}

impl Receiver {
    /// A receiver of `form` at a secret address.
    ///
    /// # Errors
    /// [`BadReceiver`].
    pub fn new(form: Form, address: SecretString) -> Result<Self, BadReceiver> {
        let url: Url =
            address.expose_secret().trim().parse().map_err(|_| BadReceiver::NoAddress)?;
        match url.scheme() {
            "https" => {}
            "http" if is_loopback(&url) => {}
            "http" => return Err(BadReceiver::NotHttps),
            _ => return Err(BadReceiver::NoAddress),
        }
        let host = url.host_str().unwrap_or_default().to_owned();
        Ok(Self { form, host, way: Transport::to(&url, PATIENCE, None)?, address })
    }

    /// What it understands.
    pub fn form(&self) -> Form {
        self.form
    }

    /// The host that it is on, which is no secret.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Sends `body`, again and again for some minutes if need be; else why it did not arrive.
    pub(super) async fn send(&self, body: &Value) -> Result<(), String> {
        let mut waits = WAITS.into_iter();
        loop {
            let why = match self.try_once(body).await {
                Ok(()) => return Ok(()),
                // Nobody says yes to the same later.
                Err((why, false)) => return Err(why),
                Err((why, true)) => why,
            };
            match waits.next() {
                Some(wait) => tokio::time::sleep(wait).await,
                None => return Err(why),
            }
        }
    }

    /// Else why not, and whether it may be worth another try.
    async fn try_once(&self, body: &Value) -> Result<(), (String, bool)> {
        let Ok(url) = self.address.expose_secret().trim().parse() else {
            return Err((BadReceiver::NoAddress.to_string(), false));
        };
        let request = self.way.request(Method::POST, url);
        let request = request.header("content-type", "application/json").body(body.to_string());
        let response = self.way.send(request).await.map_err(|trouble| (trouble.words(), true))?;
        match response.status().as_u16() {
            200..300 => Ok(()),
            status @ (408 | 429 | 500..600) => Err((format!("it answered {status}"), true)),
            status => Err((format!("it answered {status}"), false)),
        }
    }
}
