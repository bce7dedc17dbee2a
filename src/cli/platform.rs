//! What `--platform` may say.

use std::path::PathBuf;

use reqwest::Url;

use crate::source::hidden::is_token_key;
use crate::transport::is_loopback;

/// Where the embedded platform keeps its state by default.
pub(super) const SANDBOX_FOLDER: &str = ".flespi-gitops/sandbox";

/// What is asked for where something else stands.
const HELP: &str = "write https://HOST, sandbox or sandbox:DIR";

/// A platform to work on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Platform {
    /// The embedded one, with its state in this folder.
    Embedded(PathBuf),
    /// One that answers at this address.
    At(Url),
}

impl Platform {
    /// Reads an address. The error shows nothing of what could be a secret.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let text = text.trim();
        match text.strip_prefix("sandbox") {
            Some("") => return Ok(Self::Embedded(SANDBOX_FOLDER.into())),
            Some(rest) => {
                if let Some(folder) = rest.strip_prefix(':').filter(|folder| !folder.is_empty()) {
                    return Ok(Self::Embedded(folder.into()));
                }
            }
            None => {}
        }
        address(text).map(Self::At)
    }

    /// What locks and history call it.
    pub(super) fn name(&self) -> String {
        match self {
            Self::Embedded(_) => "sandbox".to_owned(),
            Self::At(url) => {
                let host = url.host_str().unwrap_or_default();
                url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
            }
        }
    }
}

fn address(text: &str) -> Result<Url, String> {
    let refused = |why: &str| Err(format!("--platform{}{why}\n  help: {HELP}", shown(text)));
    if text.is_empty() {
        return refused(" is empty");
    }
    // Parsers of addresses forgive what nobody writes on purpose.
    let Some((_, rest)) = text.split_once("://") else {
        return refused(" is not a platform address");
    };
    if rest.split(['/', '?', '#']).next().is_some_and(|authority| authority.contains('@')) {
        return refused(
            ": an address cannot hold a user name or a password; the token comes from a file or the \
             environment",
        );
    }
    let url = match text.parse::<Url>() {
        Ok(url) if matches!(url.scheme(), "http" | "https") => url,
        Ok(_) => return refused(": a platform needs https"),
        Err(_) => return refused(" is not a platform address"),
    };
    if url.path() != "/" || url.query().is_some() || url.fragment().is_some() {
        let origin = url.origin().ascii_serialization();
        return Err(format!(
            "--platform {origin}: the address of a platform has no path, query or fragment\n  help: \
             write {origin}"
        ));
    }
    match url.scheme() == "https" || is_loopback(&url) {
        true => Ok(url),
        false => refused(": http would send the master token in clear text; use https"),
    }
}

/// The text, unless it could be a secret: a password in an address, or a token in the wrong option.
fn shown(text: &str) -> String {
    let is_plain = |char: char| char.is_ascii_graphic() && char != '@' && char != '`';
    let words = || text.split(|char: char| !char.is_ascii_alphanumeric());
    match text.len() < 200 && text.chars().all(is_plain) && !words().any(is_token_key) {
        true => format!(" `{text}`"),
        false => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_embedded_platform_and_addresses_are_read() {
        let embedded = |folder: &str| Platform::Embedded(folder.into());
        for (text, platform) in [
            ("sandbox", embedded(SANDBOX_FOLDER)),
            ("sandbox:x/y", embedded("x/y")),
            ("sandbox::", embedded(":")),
            ("https://flespi.io", Platform::At("https://flespi.io".parse().unwrap())),
            ("https://flespi.io/", Platform::At("https://flespi.io".parse().unwrap())),
            (" https://flespi.io\n", Platform::At("https://flespi.io".parse().unwrap())),
            ("HTTPS://Flespi.IO:8443", Platform::At("https://flespi.io:8443".parse().unwrap())),
        ] {
            assert_eq!(Platform::parse(text), Ok(platform), "{text}");
        }
        for text in [
            "http://localhost:1",
            "http://LOCALHOST:1",
            "http://localhost.:1",
            "http://127.0.0.1:1",
            "http://127.1.2.3:1",
            "http://[::1]:1",
            "http://[::ffff:127.0.0.1]:1",
        ] {
            assert!(matches!(Platform::parse(text), Ok(Platform::At(_))), "{text}");
        }
        assert_eq!(Platform::parse("http://127.0.0.1:8080").unwrap().name(), "127.0.0.1:8080");
        assert_eq!(Platform::parse("https://flespi.io:443").unwrap().name(), "flespi.io");
    }

    #[test]
    fn what_is_no_address_is_refused_and_nothing_secret_of_it_is_shown() {
        let key = "k".repeat(64);
        for text in [
            "",
            "sandboxx",
            "sandbox:",
            "sandbox/dir",
            "flespi.io",
            "https://",
            "https:flespi.io",
            "http:127.0.0.1:80",
            "http:/127.0.0.1",
            "http:\\\\127.0.0.1",
            "http://flespi.io",
            "http://127.0.0.1.nip.invalid",
            "http://localhost.evil.invalid",
            "http://0.0.0.0:1",
            "http://10.0.0.1",
            "ftp://127.0.0.1",
            "file:///etc/passwd",
            "https://flespi.io/gateway?token=CANARY",
            "https://flespi.io?CANARY",
            "https://flespi.io#CANARY",
            "https://flespi.io/CANARY",
            "https://user:CANARY@flespi.io",
            "https://CANARY@flespi.io",
            "https://@flespi.io",
            "https://:CANARY@",
            "http://user:CANARY@127.0.0.1:80",
            "http://127.0.0.1:8080@CANARY.invalid",
            "https//user:CANARY@flespi.io",
            "user:CANARY@flespi.io",
            "https://user:CANARY@fles pi.io",
            key.as_str(),
            "https://flespi.io\u{202e}",
            "CANARY\u{202e}://x",
        ] {
            let error = Platform::parse(text).unwrap_err();
            assert!(!error.contains("CANARY") && !error.contains(&key), "{error}");
            assert!(error.starts_with("--platform") && error.contains("  help: write"), "{error}");
            assert!(!error.contains('\u{202e}'), "{error}");
        }
    }
}
