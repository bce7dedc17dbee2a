//! Who may ask: what keeps web pages from reading, or waking, the daemon through a browser.

use std::net::{IpAddr, SocketAddr};

use super::routes::Ask;

/// The header that a request for a pass carries; no page of another origin can send it unasked.
pub(super) const WAKE_HEADER: &str = "x-flespi-gitops";

/// Whether the request names us by an address, `localhost` or a name of ours.
///
/// A page that lets its own name point to this machine (DNS rebinding) sends that name, and an
/// address cannot be rebound.
pub(super) fn is_our_host(host: Option<&str>, names: &[String]) -> bool {
    let Some(host) = host else { return false };
    if host.parse::<SocketAddr>().is_ok() || host.parse::<IpAddr>().is_ok() {
        return true;
    }
    let bracketed = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    if bracketed.is_some_and(|inner| inner.parse::<IpAddr>().is_ok()) {
        return true;
    }
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
    name.eq_ignore_ascii_case("localhost")
        || names.iter().any(|ours| name.eq_ignore_ascii_case(ours))
}

/// Why a request for a pass is refused; none if it may.
pub(super) fn refusal_to_wake(ask: &Ask) -> Option<&'static str> {
    if !ask.peer.is_loopback() {
        return Some("a pass is only begun for requests from this machine");
    }
    if !ask.has_wake_header {
        return Some("a request for a pass carries the header `x-flespi-gitops: wake`");
    }
    let is_same = |origin: &str| {
        let host = origin.strip_prefix("http://").or_else(|| origin.strip_prefix("https://"));
        host.is_some() && host == ask.host.as_deref()
    };
    if ask.origin.as_deref().is_some_and(|origin| !is_same(origin)) {
        return Some("a page of another origin begins no pass");
    }
    match ask.fetch_site.as_deref() {
        None | Some("same-origin" | "none") => None,
        Some(_) => Some("a page of another origin begins no pass"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_localhost_and_our_names_are_ours_and_other_names_are_not() {
        let names = ["gitops.example".to_owned()];
        let ours = [
            "127.0.0.1:9464",
            "127.0.0.1",
            "[::1]:9464",
            "[::1]",
            "10.0.0.7:9464",
            "localhost",
            "LOCALHOST:9464",
            "gitops.example:9464",
            "gitops.example",
        ];
        for host in ours {
            assert!(is_our_host(Some(host), &names), "{host}");
        }
        let others = [
            "evil.example",
            "evil.example:9464",
            "localhost.evil.example",
            "127.0.0.1.evil.example",
            "",
            ":9464",
            "gitops.example.evil",
            "[evil]",
            "localhost@evil.example",
        ];
        for host in others {
            assert!(!is_our_host(Some(host), &names), "{host}");
        }
        assert!(!is_our_host(None, &names));
    }
}
