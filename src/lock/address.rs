//! Where leases are kept, as people write it.

use reqwest::Url;

use crate::transport::is_loopback;

/// A place for leases.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LeaseAddress {
    /// Locks of files in the folder of the state.
    File,
    /// etcd: its servers, and what every key begins with.
    Etcd {
        /// `http` or `https` addresses of members of one cluster.
        servers: Vec<Url>,
        /// The beginning of every key, without a `/` at its end.
        prefix: String,
    },
}

/// What every key begins with where nobody says it.
const PREFIX: &str = "flespi-gitops";

/// The forms of an address, for messages.
const FORMS: &str = "write `file`, or `etcd://HOST:PORT[,HOST:PORT][/PREFIX]` (`etcds://` for TLS)";

/// The port of etcd where nobody says another.
const ETCD_PORT: u16 = 2379;

impl LeaseAddress {
    /// Reads an address.
    ///
    /// # Errors
    /// What is wrong, in words that show nothing of a password.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text == "file" {
            return Ok(Self::File);
        }
        let Some((scheme, rest)) = text.split_once("://") else {
            return Err(format!("not an address of leases; {FORMS}"));
        };
        if rest.contains('@') {
            return Err(
                "an address of leases holds no user and no password, which others could read; put \
                        USER:PASSWORD into a file, and name it with --lease-credentials"
                    .to_owned(),
            );
        }
        match scheme {
            "etcd" => etcd("http", rest),
            "etcds" => etcd("https", rest),
            _ => Err(format!("`{scheme}://` is not an address of leases; {FORMS}")),
        }
    }

    /// Whether what goes there can be read on its way: without TLS, to another machine.
    pub fn is_open(&self) -> bool {
        match self {
            Self::File => false,
            Self::Etcd { servers, .. } => {
                servers.iter().any(|url| url.scheme() == "http" && !is_loopback(url))
            }
        }
    }
}

fn etcd(scheme: &str, rest: &str) -> Result<LeaseAddress, String> {
    let (hosts, prefix) = rest.split_once('/').unwrap_or((rest, ""));
    let prefix = prefix.trim_matches('/');
    let prefix = if prefix.is_empty() { PREFIX } else { prefix };
    if !prefix.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-/".contains(&byte)) {
        return Err("the prefix of keys has letters, digits and `._-/` alone".to_owned());
    }
    let servers = hosts.split(',').map(|host| {
        let wrong = || format!("`{host}` is not HOST:PORT; {FORMS}");
        let mut url: Url = format!("{scheme}://{host}/").parse().map_err(|_| wrong())?;
        if url.path() != "/" || url.query().is_some() || url.fragment().is_some() {
            return Err(wrong());
        }
        let has_port = host.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok());
        if !has_port {
            url.set_port(Some(ETCD_PORT)).map_err(|()| wrong())?;
        }
        Ok(url)
    });
    let servers = servers.collect::<Result<_, _>>()?;
    Ok(LeaseAddress::Etcd { servers, prefix: prefix.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_of_etcd_names_servers_and_a_prefix() {
        let parsed = LeaseAddress::parse("etcd://a:1,b,[::1]:7/team/x/").unwrap();
        let LeaseAddress::Etcd { servers, prefix } = &parsed else { panic!("{parsed:?}") };
        let servers: Vec<&str> = servers.iter().map(Url::as_str).collect();
        assert_eq!(servers, ["http://a:1/", "http://b:2379/", "http://[::1]:7/"]);
        assert_eq!(prefix, "team/x");
        assert!(parsed.is_open());
        assert!(!LeaseAddress::parse("etcd://127.0.0.1").unwrap().is_open());
        assert!(!LeaseAddress::parse("etcds://a").unwrap().is_open());
    }

    #[test]
    fn what_is_no_address_is_refused_without_repeating_a_password() {
        for text in
            ["", "redis://x", "etcd", "etcd://a:b:c", "etcd://", "etcd://a/ b", "etcd://a?x"]
        {
            assert!(LeaseAddress::parse(text).is_err(), "{text}");
        }
        let error = LeaseAddress::parse("etcd://me:CANARY@a:1").unwrap_err();
        assert!(error.contains("--lease-credentials") && !error.contains("CANARY"), "{error}");
    }
}
