//! Where a repository is: what is accepted in place of a URL, and what is shown of it.
//!
//! An address comes from the operator and becomes an argument of `git`, so it is no option, names no program (`ext::`), and
//! carries no secret: arguments are seen by everybody on the machine.

use std::fmt;
use std::path::Path;

use data_encoding::HEXLOWER;
use percent_encoding::{AsciiSet, CONTROLS, percent_encode};
use sha2::{Digest, Sha256};

/// The address of a repository, as it is given to `git`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    url: String,
    /// Scheme and host, for a repository that is reached over HTTP.
    web: Option<(String, String)>,
}

/// Why a text is not the address of a repository that is read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadAddress {
    /// It is none at all.
    #[error("not the address of a repository")]
    Malformed,
    /// It carries a secret, which everybody on this machine can see, and so it is not repeated.
    #[error(
        "the address contains a user or a password, which every process on this machine can see"
    )]
    Secret,
    /// Nothing protects what comes this way.
    #[error("`{0}` is not encrypted")]
    Open(String),
    /// It is reached in a way that is not supported.
    #[error("`{0}` is not a supported way to reach a repository")]
    Scheme(String),
}

impl BadAddress {
    /// What to write instead.
    pub fn help(&self) -> &'static str {
        match self {
            Self::Secret => {
                "replace the password, since it was visible; write the address without it, and pass the new one with \
                 --git-token-file FILE"
            }
            _ => {
                "write https://HOST/PATH, ssh://[USER@]HOST/PATH, USER@HOST:PATH or the path of a folder"
            }
        }
    }
}

/// What a path is encoded with in a URL of a file.
const PATH: &AsciiSet = &CONTROLS.add(b' ').add(b'%').add(b'?').add(b'#').add(b'"').add(b'\\');

impl Address {
    /// Reads an address; the path of a folder is taken from the working directory.
    ///
    /// # Errors
    /// [`BadAddress`].
    pub fn parse(text: &str) -> Result<Self, BadAddress> {
        let is_odd = |c: char| c.is_control() || c == '\u{fffd}';
        if text.is_empty() || text.starts_with('-') || text.chars().any(is_odd) {
            return Err(BadAddress::Malformed);
        }
        if let Some((scheme, rest)) = text.split_once("://") {
            return Self::with_scheme(&scheme.to_ascii_lowercase(), rest, text);
        }
        // `PROGRAM::ADDRESS` would run a program.
        if let Some((helper, _)) = text.split_once("::")
            && !helper.contains('/')
        {
            return Err(BadAddress::Scheme(format!("{helper}::")));
        }
        match text.split_once(':') {
            Some((host, path)) if !host.contains('/') => Self::over_ssh(host, path, text),
            _ => Self::of_folder(Path::new(text)),
        }
    }

    fn with_scheme(scheme: &str, rest: &str, text: &str) -> Result<Self, BadAddress> {
        let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
        let (user, host) = match authority.rsplit_once('@') {
            Some((user, host)) => (Some(user), host),
            None => (None, authority),
        };
        let has_extra = rest.contains(['?', '#']);
        match scheme {
            "https" | "http" => {
                if user.is_some() || has_extra {
                    return Err(BadAddress::Secret);
                }
                check_host(host)?;
                if scheme == "http" && !is_loopback(host) {
                    return Err(BadAddress::Open(format!("http://{host}")));
                }
                let web = Some((scheme.to_owned(), host.to_owned()));
                Ok(Self { url: format!("{scheme}://{rest}"), web })
            }
            "ssh" => {
                if user.is_some_and(|user| user.contains(':')) || has_extra {
                    return Err(BadAddress::Secret);
                }
                check_host(host)?;
                check_user(user)?;
                Ok(Self { url: format!("ssh://{rest}"), web: None })
            }
            "file" if authority.is_empty() => Ok(Self { url: format!("file://{rest}"), web: None }),
            "git" | "ftp" | "ftps" => Err(BadAddress::Open(format!("{scheme}://{host}"))),
            _ if text.contains("::")
                || !scheme.bytes().all(|byte| byte.is_ascii_alphanumeric()) =>
            {
                Err(BadAddress::Malformed)
            }
            _ => Err(BadAddress::Scheme(format!("{scheme}://"))),
        }
    }

    fn over_ssh(host: &str, path: &str, text: &str) -> Result<Self, BadAddress> {
        let (user, host) = match host.rsplit_once('@') {
            Some((user, host)) => (Some(user), host),
            None => (None, host),
        };
        // `user:password@host/path` is an address of the web without its scheme.
        if path.contains('@') {
            return Err(BadAddress::Secret);
        }
        check_host(host)?;
        check_user(user)?;
        if path.is_empty() || path.starts_with('-') {
            return Err(BadAddress::Malformed);
        }
        Ok(Self { url: text.to_owned(), web: None })
    }

    fn of_folder(path: &Path) -> Result<Self, BadAddress> {
        let path = std::path::absolute(path).map_err(|_| BadAddress::Malformed)?;
        // A plain path is read past the protocol, so that nothing can be shallow.
        let path = percent_encode(path.as_os_str().as_encoded_bytes(), PATH);
        Ok(Self { url: format!("file://{path}"), web: None })
    }

    /// The address as `git` gets it, which holds no secret.
    pub fn as_str(&self) -> &str {
        &self.url
    }

    /// Scheme and host of a repository that is reached over HTTP.
    pub(super) fn web(&self) -> Option<(&str, &str)> {
        self.web.as_ref().map(|(scheme, host)| (&**scheme, &**host))
    }

    /// The name of the folder in which what is known of the repository is kept: readable, and never that of another one.
    pub(super) fn folder(&self) -> String {
        let last = self.url.trim_end_matches('/').rsplit(['/', ':']).next().unwrap_or_default();
        let last = last.strip_suffix(".git").unwrap_or(last);
        let plain: String =
            last.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '-').take(40).collect();
        let digest = HEXLOWER.encode(&Sha256::digest(self.url.as_bytes()));
        let digest: String = digest.chars().take(16).collect();
        format!("{plain}-{digest}")
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.url)
    }
}

/// A host that begins with a dash would be an option of `ssh`.
fn check_host(host: &str) -> Result<(), BadAddress> {
    let is_part = |c: char| c.is_alphanumeric() || "-._:[]%".contains(c);
    match !host.is_empty() && !host.starts_with('-') && host.chars().all(is_part) {
        true => Ok(()),
        false => Err(BadAddress::Malformed),
    }
}

fn check_user(user: Option<&str>) -> Result<(), BadAddress> {
    let is_part = |c: char| c.is_alphanumeric() || "-._+".contains(c);
    let is_plain =
        |user: &str| !user.is_empty() && !user.starts_with('-') && user.chars().all(is_part);
    match user.is_none_or(is_plain) {
        true => Ok(()),
        false => Err(BadAddress::Malformed),
    }
}

fn is_loopback(host: &str) -> bool {
    let name = match host.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((inside, _)) => inside,
        None => host.rsplit_once(':').map_or(host, |(name, _)| name),
    };
    name.eq_ignore_ascii_case("localhost")
        || name.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_git_reaches_safely_is_an_address() {
        for (text, url) in [
            ("https://example.com/fleet.git", "https://example.com/fleet.git"),
            ("HTTPS://example.com:8443/a/b", "https://example.com:8443/a/b"),
            ("http://127.0.0.1:8080/x", "http://127.0.0.1:8080/x"),
            ("http://localhost/x", "http://localhost/x"),
            ("http://[::1]:80/x", "http://[::1]:80/x"),
            ("ssh://git@example.com:22/x.git", "ssh://git@example.com:22/x.git"),
            ("git@example.com:team/fleet.git", "git@example.com:team/fleet.git"),
            ("example.com:fleet.git", "example.com:fleet.git"),
            ("file:///srv/fleet.git", "file:///srv/fleet.git"),
            ("/srv/my fleet%.git", "file:///srv/my%20fleet%25.git"),
            ("/srv/a::b", "file:///srv/a::b"),
        ] {
            assert_eq!(Address::parse(text).map(|it| it.url), Ok(url.to_owned()), "{text}");
        }
        let here = std::env::current_dir().unwrap().join("fleet.git");
        let expected = format!("file://{}", here.display());
        assert_eq!(Address::parse("fleet.git").unwrap().as_str(), expected);
    }

    #[test]
    fn options_programs_and_what_nobody_protects_are_none() {
        for text in [
            "",
            "-u",
            "--upload-pack=touch x",
            "https://",
            "https:///x",
            "https://-x/y",
            "ssh://-oProxyCommand=x/y",
            "ssh://-oProxyCommand@example.com/y",
            "-oProxyCommand=x:y",
            "git@-oProxyCommand=x:y",
            "git@host:",
            "git@host:-x",
            "https://example.com/\n",
            "ssh://a b@c/d",
        ] {
            assert_eq!(Address::parse(text), Err(BadAddress::Malformed), "{text:?}");
        }
        for text in ["ext::sh -c touch% x", "fd::17", "svn://x/y"] {
            assert!(matches!(Address::parse(text), Err(BadAddress::Scheme(_))), "{text:?}");
        }
        for text in
            ["http://example.com/x", "git://example.com/x", "http://127.0.0.1.evil.example/"]
        {
            assert!(matches!(Address::parse(text), Err(BadAddress::Open(_))), "{text:?}");
        }
    }

    #[test]
    fn an_address_with_a_secret_is_refused_and_not_repeated() {
        for text in [
            "https://user:hunter2@example.com/x",
            "https://hunter2@example.com/x",
            "https://example.com/x?private_token=hunter2",
            "ssh://git:hunter2@example.com/x",
            "user:hunter2@example.com/x",
        ] {
            let error = Address::parse(text).unwrap_err();
            assert_eq!(error, BadAddress::Secret, "{text}");
            assert!(!format!("{error} {}", error.help()).contains("hunter2"));
        }
    }

    #[test]
    fn each_address_has_a_folder_of_its_own_that_is_a_plain_name() {
        let folder = |text: &str| Address::parse(text).unwrap().folder();
        assert!(folder("git@example.com:team/fleet.git").starts_with("fleet-"));
        assert_ne!(folder("https://a.example/fleet"), folder("https://b.example/fleet"));
        for text in ["/srv/..", "/srv/%2f..", "https://example.com/"] {
            let name = folder(text);
            assert!(name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-'), "{name}");
        }
    }
}
