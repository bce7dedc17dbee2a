//! Whether a request names this machine: what keeps web pages from talking to a port of ours through a browser.
//!
//! A page that lets its own name point to this machine (DNS rebinding) sends that name, and an address cannot be rebound.

use std::net::{IpAddr, SocketAddr};

/// Whether the header `Host` of a request is an address, `localhost` or one of `names`.
pub fn is_ours(host: Option<&str>, names: &[String]) -> bool {
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
            assert!(is_ours(Some(host), &names), "{host}");
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
            assert!(!is_ours(Some(host), &names), "{host}");
        }
        assert!(!is_ours(None, &names));
    }
}
