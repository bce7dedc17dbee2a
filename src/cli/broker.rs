//! What `--broker` may say.

use super::platform::Platform;
use crate::events::Address;

/// A choice of a broker.
#[derive(Debug, Clone)]
pub(super) enum Broker {
    /// None.
    Off,
    /// The one at this address.
    At(Address),
}

impl Broker {
    /// Reads an address or `off`. The error repeats nothing, since an address may hold a password.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        match text.trim() {
            "off" => Ok(Self::Off),
            other => Address::parse(other).map(Self::At).map_err(|error| error.to_string()),
        }
    }

    /// Where the broker is: the one that was chosen, or else that of the embedded platform, or else where documents say.
    pub(super) fn address(
        chosen: Option<&Self>,
        embedded: Option<&str>,
        platform: &Platform,
    ) -> Option<Address> {
        match (chosen, embedded, platform) {
            (Some(Self::Off), ..) => None,
            (Some(Self::At(address)), ..) => Some(address.clone()),
            (None, Some(url), _) => Address::parse(url).ok(),
            (None, None, Platform::At(url)) => Address::of_platform(url),
            (None, None, Platform::Embedded(_)) => None,
        }
    }
}
