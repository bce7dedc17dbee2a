//! HTTP as this program speaks it: whom it trusts, to whom it goes through a proxy, and words for what goes wrong.
//!
//! One [`Transport`] leads to one place: the platform, or a store of secrets. The network is what carries calls there,
//! unless a [`Wire`] does, behind which whole lives of an estate are simulated.
//!
//! Invariant: what is on this machine is never reached through a proxy, whatever the environment says: the token would
//! leave the machine.
//! Invariant: no redirect is followed: it would carry the token to wherever it points.
//! Invariant: no credentials of a proxy's address are shown.

use std::fmt;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use hyper_util::client::proxy::matcher::{Intercept, Matcher};
use reqwest::{Certificate, ClientBuilder, Method, Request, RequestBuilder, Response, Url};
use rustls_platform_verifier::BuilderVerifierExt;

use crate::causes;

/// How long it may take until a connection is there.
const CONNECT_PATIENCE: Duration = Duration::from_secs(10);

/// What became of a call that took too long.
const NO_ANSWER: &str = "no answer in time";

/// Variables that name the proxy for https, in the order in which they are asked.
const PROXY_VARIABLES: [&str; 4] = ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"];

/// Variables with the hosts that are reached without one.
const NO_PROXY_VARIABLES: [&str; 2] = ["NO_PROXY", "no_proxy"];

/// Variables that name the authorities to trust.
const AUTHORITY_VARIABLES: [&str; 2] = ["SSL_CERT_FILE", "SSL_CERT_DIR"];

/// The way to one server.
#[derive(Debug, Clone)]
pub struct Transport {
    http: reqwest::Client,
    host: String,
    proxy: Option<Proxy>,
    wire: Option<Relay>,
}

/// What carries calls in place of the network: to a server in this process, and back.
pub trait Wire: Send + Sync {
    /// Carries one call, and brings its answer back; an error says how far the call came.
    fn carry(&self, call: Request) -> Carried<'_>;
}

/// A call on its way, and what becomes of it.
pub type Carried<'a> = Pin<Box<dyn Future<Output = Result<Response, Trouble>> + Send + 'a>>;

/// A wire, and how long one call may take on it.
#[derive(Clone)]
struct Relay {
    wire: Arc<dyn Wire>,
    patience: Duration,
}

impl fmt::Debug for Relay {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Relay")
    }
}

/// A proxy, and where it is named.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Proxy {
    /// Its address without credentials.
    address: String,
    variable: &'static str,
}

impl fmt::Display for Proxy {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "the proxy {} ({})", self.address, self.variable)
    }
}

/// Why there is no way to a server.
#[derive(Debug, thiserror::Error)]
pub enum TransportError {
    /// There is no authority to check certificates against.
    #[error("no certificate authorities found to verify the server{}", named())]
    NoAuthorities(#[source] reqwest::Error),
    /// The file with authorities cannot be used.
    #[error("cannot use the certificates in {path}: {reason}", path = .path.display())]
    Authorities {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A variable names something that is no proxy, or none that we can talk to. Its value may hold a password.
    #[error("{variable} is not a usable proxy address: {reason}")]
    Proxy {
        /// The variable.
        variable: &'static str,
        /// What is wrong.
        reason: String,
    },
    /// The library could not start.
    #[error("cannot start the HTTP client")]
    Start(#[source] reqwest::Error),
    /// There is no authority to check the certificate of a broker against.
    #[error("no certificate authorities found to verify the broker{}", named())]
    NoBrokerAuthorities(#[source] rustls::Error),
}

impl TransportError {
    /// What to do about it.
    pub fn help(&self) -> &'static str {
        match self {
            Self::NoAuthorities(_) | Self::NoBrokerAuthorities(_) => {
                "install the package `ca-certificates`, or set SSL_CERT_FILE to a PEM file of certificates"
            }
            Self::Authorities { .. } => "set SSL_CERT_FILE to a PEM file of certificates",
            Self::Proxy { .. } => "write http://HOST:PORT, or list the host in NO_PROXY",
            Self::Start(_) => "this is a bug; please report it",
        }
    }
}

/// The variables that say which authorities there are, as far as they are set.
fn named() -> String {
    let set = AUTHORITY_VARIABLES.iter().filter_map(|name| Some((name, variable(name)?)));
    set.map(|(name, value)| format!("; {name} is `{value}`")).collect()
}

/// A call that got no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trouble {
    /// No connection came about, so the call was not carried out.
    Unreachable(String),
    /// The proxy wants to know who asks; the call was not carried out.
    ProxyLogin(String),
    /// The call went out, and may have been carried out.
    Lost(String),
}

impl Trouble {
    /// What happened.
    pub fn words(self) -> String {
        let (Self::Unreachable(words) | Self::ProxyLogin(words) | Self::Lost(words)) = self;
        words
    }
}

impl Transport {
    /// The way to `target`, on which one call may take `patience`. The authorities of the machine are trusted, or only those
    /// in the file `authorities`.
    ///
    /// # Errors
    /// [`TransportError`].
    pub fn to(
        target: &Url,
        patience: Duration,
        authorities: Option<&Path>,
    ) -> Result<Self, TransportError> {
        let mut builder = reqwest::Client::builder()
            .user_agent(concat!("flespi-gitops/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(CONNECT_PATIENCE)
            .timeout(patience)
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy();
        let proxy = intercept(target)?;
        if let Some((proxy, way)) = &proxy {
            builder = through(builder, proxy, way)?;
        }
        builder = match authorities {
            // Without TLS there is nobody to vouch for, and a machine without authorities is as good.
            _ if target.scheme() == "http" => builder.tls_certs_only([]),
            None => builder,
            Some(path) => builder.tls_certs_only(certificates(path)?),
        };
        let http = builder.build().map_err(|error| {
            match target.scheme() == "https" && authorities.is_none() {
                true => TransportError::NoAuthorities(error),
                false => TransportError::Start(error),
            }
        })?;
        let host = target.host_str().unwrap_or_default().to_owned();
        Ok(Self { http, host, proxy: proxy.map(|(proxy, _)| proxy), wire: None })
    }

    /// The same way, on which `wire` carries the calls instead of the network; one may take `patience`.
    #[must_use]
    pub fn over(self, wire: Arc<dyn Wire>, patience: Duration) -> Self {
        Self { wire: Some(Relay { wire, patience }), ..self }
    }

    /// A call, not yet sent.
    pub fn request(&self, method: Method, url: Url) -> RequestBuilder {
        self.http.request(method, url)
    }

    /// Sends a call, and waits for the head of its answer.
    ///
    /// # Errors
    /// [`Trouble`]: there is no answer, or none in time.
    pub async fn send(&self, call: RequestBuilder) -> Result<Response, Trouble> {
        self.carry(call.build().map_err(|error| self.trouble(&error))?).await
    }

    /// Carries a call, and waits for the head of its answer.
    ///
    /// # Errors
    /// [`Trouble`]: there is no answer, or none in time.
    pub async fn carry(&self, call: Request) -> Result<Response, Trouble> {
        let Some(Relay { wire, patience }) = &self.wire else {
            return self.http.execute(call).await.map_err(|error| self.trouble(&error));
        };
        let late = |_| Trouble::Lost(NO_ANSWER.to_owned());
        tokio::time::timeout(*patience, wire.carry(call)).await.map_err(late)?
    }

    /// What became of a call that got no answer.
    pub fn trouble(&self, error: &reqwest::Error) -> Trouble {
        let cause = innermost(error);
        let is_unconnected = error.is_connect();
        let words = match &self.proxy {
            _ if error.is_timeout() && !is_unconnected => NO_ANSWER.to_owned(),
            Some(proxy) if cause.contains("proxy authorization required") => {
                return Trouble::ProxyLogin(format!(
                    "{proxy} requires a user name and password (407)"
                ));
            }
            Some(proxy) if cause.starts_with("tunnel error: unsuccessful") => {
                format!("{proxy} refused to connect to {}", self.host)
            }
            Some(proxy) if cause.starts_with("tunnel error") => {
                format!("{proxy} did not connect to {}: {cause}", self.host)
            }
            _ if cause.contains("certificate") => format!(
                "the certificate of {} is not trusted ({cause}); if a proxy re-signs connections, set \
                 SSL_CERT_FILE to a PEM file with its certificate authority",
                self.host
            ),
            Some(proxy) if is_unconnected => format!("cannot connect to {proxy}: {cause}"),
            _ if error.is_timeout() => "no connection in time".to_owned(),
            _ => cause,
        };
        let words = match &self.proxy {
            Some(proxy) if !words.contains(&proxy.address) => format!("{words} (through {proxy})"),
            _ => words,
        };
        if is_unconnected { Trouble::Unreachable(words) } else { Trouble::Lost(words) }
    }
}

/// TLS for what is not HTTP: the same authorities are trusted as for the platform.
///
/// # Errors
/// [`TransportError::NoBrokerAuthorities`].
pub fn tls() -> Result<Arc<rustls::ClientConfig>, TransportError> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .and_then(BuilderVerifierExt::with_platform_verifier)
        .map_err(TransportError::NoBrokerAuthorities)?;
    Ok(Arc::new(config.with_no_client_auth()))
}

/// Whether an address is one of this machine: 127.0.0.0/8, `::1` or `localhost`.
pub fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    match host.parse::<IpAddr>() {
        Ok(address) => address.to_canonical().is_loopback(),
        Err(_) => host.strip_suffix('.').unwrap_or(host) == "localhost",
    }
}

/// A variable that is set to something.
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.trim().is_empty())
}

/// The proxy through which `target` is reached, if any.
fn intercept(target: &Url) -> Result<Option<(Proxy, Intercept)>, TransportError> {
    // In the clear we only talk to this machine.
    if target.scheme() != "https" || is_loopback(target) {
        return Ok(None);
    }
    let named = PROXY_VARIABLES.iter().find_map(|name| Some((*name, variable(name)?)));
    let Some((name, value)) = named else { return Ok(None) };
    let exceptions = NO_PROXY_VARIABLES.iter().find_map(|name| variable(name)).unwrap_or_default();
    proxy_for(target, name, &value, &exceptions)
}

fn proxy_for(
    target: &Url,
    variable: &'static str,
    value: &str,
    exceptions: &str,
) -> Result<Option<(Proxy, Intercept)>, TransportError> {
    let wrong = |reason: &str| TransportError::Proxy { variable, reason: reason.to_owned() };
    // Of addresses the library does not know this exception.
    if exceptions.split(',').any(|exception| exception.trim() == "*") {
        return Ok(None);
    }
    let Ok(uri) = target.as_str().parse::<hyper::Uri>() else { return Ok(None) };
    let all = Matcher::builder().https(value).build().intercept(&uri);
    let all = all.ok_or_else(|| wrong("its value is not an address"))?;
    let wanted = Matcher::builder().https(value).no(exceptions).build().intercept(&uri);
    if wanted.is_none() {
        return Ok(None);
    }
    let scheme = all.uri().scheme_str().unwrap_or_default();
    if !matches!(scheme, "http" | "https") {
        return Err(wrong(&format!("scheme `{scheme}` is not supported")));
    }
    let address = format!("{scheme}://{}", all.uri().authority().map_or("", |it| it.as_str()));
    Ok(Some((Proxy { address, variable }, all)))
}

fn through(
    builder: ClientBuilder,
    proxy: &Proxy,
    way: &Intercept,
) -> Result<ClientBuilder, TransportError> {
    let made = reqwest::Proxy::all(&proxy.address).map_err(TransportError::Start)?;
    Ok(builder.proxy(match way.basic_auth() {
        Some(header) => made.custom_http_auth(header.clone()),
        None => made,
    }))
}

fn certificates(path: &Path) -> Result<Vec<Certificate>, TransportError> {
    let bad = |reason: String| TransportError::Authorities { path: path.to_owned(), reason };
    let pem = std::fs::read(path).map_err(|error| bad(error.to_string()))?;
    let certificates =
        Certificate::from_pem_bundle(&pem).map_err(|error| bad(error.to_string()))?;
    match certificates.is_empty() {
        true => Err(bad("it holds no certificate".to_owned())),
        false => Ok(certificates),
    }
}

/// The innermost cause: the outer ones repeat the address.
fn innermost(error: &reqwest::Error) -> String {
    causes::of(error).last().map(ToString::to_string).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proxy(target: &str, value: &str, exceptions: &str) -> Result<Option<String>, String> {
        let target = target.parse().unwrap();
        match proxy_for(&target, "HTTPS_PROXY", value, exceptions) {
            Ok(found) => Ok(found.map(|(proxy, _)| proxy.address)),
            Err(error) => Err(error.to_string()),
        }
    }

    #[test]
    fn this_machine_has_many_names() {
        let is_here = |url: &str| is_loopback(&url.parse().unwrap());
        for url in [
            "http://localhost",
            "http://LOCALHOST.:80",
            "http://127.0.0.1",
            "http://127.255.255.254",
            "http://2130706433",
            "http://0x7f.1",
            "http://[::1]:8",
            "http://[::ffff:127.0.0.9]",
        ] {
            assert!(is_here(url), "{url}");
        }
        for url in [
            "http://localhost.evil",
            "http://0.0.0.0",
            "http://128.0.0.1",
            "http://[::2]",
            "http://[::ffff:10.0.0.1]",
        ] {
            assert!(!is_here(url), "{url}");
        }
    }

    #[test]
    fn a_proxy_is_shown_without_its_credentials() {
        let found = proxy("https://flespi.io", "http://me:CANARY@proxy.example:3128", "");
        assert_eq!(found, Ok(Some("http://proxy.example:3128".to_owned())));
        let bare = proxy("https://flespi.io", "proxy.example:3128", "");
        assert_eq!(bare, Ok(Some("http://proxy.example:3128".to_owned())));
        for wrong in
            ["http://me:CANARY@", "socks5://me:CANARY@proxy.example:1080", "http://[CANARY"]
        {
            let error = proxy("https://flespi.io", wrong, "").unwrap_err();
            assert!(error.contains("HTTPS_PROXY") && !error.contains("CANARY"), "{error}");
        }
    }

    #[test]
    fn exceptions_hold_for_names_and_for_addresses() {
        for (target, exceptions) in [
            ("https://flespi.io", "*"),
            ("https://192.0.2.1", "*"),
            ("https://192.0.2.1", "x, *"),
            ("https://192.0.2.1", "192.0.2.0/24"),
            ("https://192.0.2.1", "192.0.2.1"),
            ("https://[2001:db8::1]", "2001:db8::/32"),
            ("https://flespi.io", "flespi.io"),
            ("https://a.flespi.io", ".flespi.io"),
            ("https://a.flespi.io", "example.org,flespi.io"),
        ] {
            let found = proxy(target, "http://proxy.example:3128", exceptions);
            assert_eq!(found, Ok(None), "{target} {exceptions}");
        }
        for (target, exceptions) in
            [("https://flespi.io", "notflespi.io"), ("https://192.0.2.1", "192.0.3.0/24")]
        {
            let found = proxy(target, "http://proxy.example:3128", exceptions);
            assert!(found.unwrap().is_some(), "{target} {exceptions}");
        }
    }
}
