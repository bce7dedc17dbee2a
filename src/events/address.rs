//! Where a broker is.

use std::fmt;

use reqwest::Url;

use crate::transport::is_loopback;

/// The port of MQTT over TLS, and that without.
const PORTS: (u16, u16) = (8883, 1883);

/// Hosts of the platform, and those of their brokers, as the platform documents them.
const KNOWN: [(&str, &str); 2] =
    [("flespi.io", "mqtt.flespi.io"), ("ru.flespi.io", "ru-mqtt.flespi.io")];

/// The address of a broker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) is_encrypted: bool,
}

/// Why a text is not the address of a broker. The text is not repeated: it may hold a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// It is something else.
    #[error("not the address of a broker; write mqtts://HOST or mqtts://HOST:PORT")]
    Form,
    /// The token would leave this machine in clear text.
    #[error("mqtt would send the master token in clear text; use mqtts")]
    Clear,
    /// It holds what has no place in it.
    #[error("the address of a broker has no user name, password, path, query or fragment")]
    Surplus,
}

impl Address {
    /// Reads `mqtts://HOST[:PORT]`, or `mqtt://HOST[:PORT]` for a host that is this machine.
    ///
    /// # Errors
    /// [`AddressError`].
    pub fn parse(text: &str) -> Result<Self, AddressError> {
        let url: Url = text.trim().parse().map_err(|_| AddressError::Form)?;
        let is_encrypted = match url.scheme() {
            "mqtts" => true,
            "mqtt" => false,
            _ => return Err(AddressError::Form),
        };
        let host = url.host_str().filter(|host| !host.is_empty()).ok_or(AddressError::Form)?;
        let is_bare = url.username().is_empty()
            && url.password().is_none()
            && matches!(url.path(), "" | "/")
            && url.query().is_none()
            && url.fragment().is_none();
        if !is_bare {
            return Err(AddressError::Surplus);
        }
        if !host.chars().all(|c| c.is_ascii_alphanumeric() || "-._:[]".contains(c)) {
            return Err(AddressError::Form);
        }
        if !is_encrypted && !is_loopback(&url) {
            return Err(AddressError::Clear);
        }
        let port = url.port().unwrap_or(if is_encrypted { PORTS.0 } else { PORTS.1 });
        Ok(Self { host: host.trim_matches(['[', ']']).to_owned(), port, is_encrypted })
    }

    /// Whether TLS leads there.
    pub fn is_encrypted(&self) -> bool {
        self.is_encrypted
    }

    /// The host, without the brackets of an IPv6 address.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The broker of a platform, if it is documented where that is.
    pub fn of_platform(platform: &Url) -> Option<Self> {
        let host = platform.host_str()?;
        let is_own = platform.scheme() == "https" && platform.port().is_none();
        let (_, broker) = KNOWN.iter().find(|(known, _)| is_own && *known == host)?;
        Some(Self { host: (*broker).to_owned(), port: PORTS.0, is_encrypted: true })
    }
}

impl fmt::Display for Address {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.is_encrypted { "mqtts" } else { "mqtt" };
        match self.host.contains(':') {
            true => write!(formatter, "{scheme}://[{}]:{}", self.host, self.port),
            false => write!(formatter, "{scheme}://{}:{}", self.host, self.port),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_and_shown_with_their_port() {
        for (text, shown) in [
            ("mqtts://mqtt.flespi.io", "mqtts://mqtt.flespi.io:8883"),
            ("mqtts://mqtt.flespi.io:443/", "mqtts://mqtt.flespi.io:443"),
            ("mqtt://127.0.0.1", "mqtt://127.0.0.1:1883"),
            ("mqtt://[::1]:5", "mqtt://[::1]:5"),
            (" mqtt://localhost:5\n", "mqtt://localhost:5"),
        ] {
            assert_eq!(Address::parse(text).map(|address| address.to_string()), Ok(shown.into()));
        }
    }

    #[test]
    fn what_would_show_the_token_to_others_or_is_no_address_is_refused() {
        for (text, error) in [
            ("", AddressError::Form),
            ("mqtt.flespi.io", AddressError::Form),
            ("https://mqtt.flespi.io", AddressError::Form),
            ("mqtts://", AddressError::Form),
            ("mqtts:host", AddressError::Form),
            ("mqtts://a%20b", AddressError::Form),
            ("mqtt://mqtt.flespi.io", AddressError::Clear),
            ("mqtt://127.0.0.1.evil.invalid", AddressError::Clear),
            ("mqtts://me:CANARY@mqtt.flespi.io", AddressError::Surplus),
            ("mqtts://mqtt.flespi.io/path", AddressError::Surplus),
            ("mqtts://mqtt.flespi.io?token=CANARY", AddressError::Surplus),
        ] {
            assert_eq!(Address::parse(text), Err(error), "{text}");
            assert!(!error.to_string().contains("CANARY"));
        }
    }

    #[test]
    fn only_documented_platforms_have_a_known_broker() {
        let broker = |url: &str| {
            Address::of_platform(&url.parse().unwrap()).map(|address| address.to_string())
        };
        assert_eq!(broker("https://flespi.io").as_deref(), Some("mqtts://mqtt.flespi.io:8883"));
        assert_eq!(
            broker("https://ru.flespi.io").as_deref(),
            Some("mqtts://ru-mqtt.flespi.io:8883")
        );
        for other in
            ["https://flespi.io.evil.invalid", "https://flespi.io:8443", "http://127.0.0.1"]
        {
            assert_eq!(broker(other), None, "{other}");
        }
    }
}
