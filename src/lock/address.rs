//! Where leases are kept, as people write it.

use reqwest::Url;

use super::kubernetes::KubernetesPlace;
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
    /// PostgreSQL: the address of a database.
    Postgres(String),
    /// `Lease` objects of Kubernetes.
    Kubernetes(KubernetesPlace),
}

/// What every key begins with where nobody says it.
const PREFIX: &str = "flespi-gitops";

/// The forms of an address, for messages.
const FORMS: &str = "write `file`, `etcd://HOST:PORT[,HOST:PORT][/PREFIX]` (`etcds://` for TLS), \
                     `postgres://HOST:PORT/DATABASE` or `kubernetes:NAMESPACE/NAME`";

const NO_PASSWORD: &str = "an address of leases holds no user and no password, which others could read; put \
                           USER:PASSWORD into a file, and name it with --lease-credentials";

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
        if let Some(rest) = text.strip_prefix("kubernetes:") {
            return kubernetes(rest).map(Self::Kubernetes);
        }
        let Some((scheme, rest)) = text.split_once("://") else {
            return Err(format!("not an address of leases; {FORMS}"));
        };
        if rest.contains('@') || rest.contains("password=") {
            return Err(NO_PASSWORD.to_owned());
        }
        match scheme {
            "postgres" | "postgresql" => Ok(Self::Postgres(text.to_owned())),
            "etcd" => etcd("http", rest),
            "etcds" => etcd("https", rest),
            _ => Err(format!("`{scheme}://` is not an address of leases; {FORMS}")),
        }
    }

    /// Whether what goes there can be read on its way: without TLS, to another machine.
    pub fn is_open(&self) -> bool {
        match self {
            // TLS is the rule where they are not on this machine.
            Self::File | Self::Postgres(_) | Self::Kubernetes(_) => false,
            Self::Etcd { servers, .. } => {
                servers.iter().any(|url| url.scheme() == "http" && !is_loopback(url))
            }
        }
    }
}

fn kubernetes(rest: &str) -> Result<KubernetesPlace, String> {
    let (place, query) = rest.split_once('?').unwrap_or((rest, ""));
    let wrong = || format!("`{place}` is not NAMESPACE/NAME; {FORMS}");
    let (namespace, name) = place.split_once('/').ok_or_else(wrong)?;
    for word in [namespace, name] {
        let is_plain =
            |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        if !(1..=40).contains(&word.len()) || !word.bytes().all(is_plain) {
            return Err(wrong());
        }
    }
    let (namespace, name) = (namespace.to_owned(), name.to_owned());
    let mut at = KubernetesPlace { namespace, name, server: None, token_file: None, ca_file: None };
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        match pair.split_once('=') {
            Some(("server", server)) => {
                let url: Url =
                    server.parse().map_err(|_| format!("`{server}` is not an address"))?;
                if url.scheme() != "https" && !(url.scheme() == "http" && is_loopback(&url)) {
                    let why = "the token would leave this machine without TLS; write `server=https://...`";
                    return Err(why.to_owned());
                }
                at.server = Some(url);
            }
            Some(("token_file", file)) => at.token_file = Some(file.into()),
            Some(("ca_file", file)) => at.ca_file = Some(file.into()),
            _ => return Err("after `?` write `server=`, `token_file=` or `ca_file=`".to_owned()),
        }
    }
    Ok(at)
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
    fn an_address_of_kubernetes_names_a_namespace_and_what_leases_are_called() {
        let text = "kubernetes:ops/fleet?server=https://k8s:6443&token_file=/t";
        let parsed = LeaseAddress::parse(text).unwrap();
        let LeaseAddress::Kubernetes(place) = parsed else { panic!("{parsed:?}") };
        assert_eq!((place.namespace.as_str(), place.name.as_str()), ("ops", "fleet"));
        assert_eq!(place.server.unwrap().as_str(), "https://k8s:6443/");
        assert_eq!(place.token_file.unwrap().to_str(), Some("/t"));
        for wrong in ["ops", "ops/", "Ops/x", "ops/x/y", "ops/x?server=http://k8s", "ops/x?a=b"] {
            assert!(LeaseAddress::parse(&format!("kubernetes:{wrong}")).is_err(), "{wrong}");
        }
    }

    #[test]
    fn what_is_no_address_is_refused_without_repeating_a_password() {
        for text in
            ["", "redis://x", "etcd", "etcd://a:b:c", "etcd://", "etcd://a/ b", "etcd://a?x"]
        {
            assert!(LeaseAddress::parse(text).is_err(), "{text}");
        }
        for text in
            ["etcd://me:CANARY@a:1", "postgres://a/b?password=CANARY", "postgres://me:CANARY@a/b"]
        {
            let error = LeaseAddress::parse(text).unwrap_err();
            assert!(error.contains("--lease-credentials") && !error.contains("CANARY"), "{error}");
        }
    }
}
