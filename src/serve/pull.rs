//! A git server says that something was pushed: what it has to show for it.
//!
//! The request carries no data that counts. Whoever shows the shared secret has us look at the repository a moment earlier
//! than we would have anyway; requests that come before the look begins are one. So there is nothing here that a host name
//! or an origin would have to guard: a page in a browser does not know the secret.
//!
//! The body counts for its signature alone, and is not kept, however long it is.

use hmac::{Hmac, KeyInit, Mac};
use http_body_util::BodyExt;
use hyper::HeaderMap;
use hyper::body::Incoming;
use sha2::Sha256;
use std::time::Duration;

use super::exchange::Reply;
use crate::secret::{ExposeSecret, SecretString};
use crate::watch::pull::Ask;

/// The path.
pub(super) const PATH: &str = "/pull";

/// No git server sends more, in bytes.
const MOST_BODY_BYTES: usize = 32 * 1024 * 1024;

/// A body has to be there within this time.
const BODY_PATIENCE: Duration = Duration::from_secs(10);

/// Headers that sign the body, and what stands before the digits.
const SIGNATURES: [(&str, &str); 3] =
    [("x-hub-signature-256", "sha256="), ("x-gitea-signature", ""), ("x-forgejo-signature", "")];

/// Who may ask for a look, and who is asked.
#[derive(Debug, Clone)]
pub struct PullDoor {
    /// What the git server shows.
    pub secret: SecretString,
    /// Who looks.
    pub ask: Ask,
}

/// The reply to a request for a look, which is made if the request shows the secret.
pub(super) async fn answer(request: hyper::Request<Incoming>, door: &PullDoor) -> Reply {
    if request.method() != hyper::Method::POST {
        return Reply::text(405, format!("{PATH} takes POST\n")).with("allow", "POST");
    }
    let Some(mac) = mac_of(&door.secret) else { return Reply::text(500, "no secret\n") };
    let (head, body) = request.into_parts();
    let signed = match tokio::time::timeout(BODY_PATIENCE, sign(mac, body)).await {
        Ok(Ok(signed)) => signed,
        Ok(Err(status)) => return Reply::text(status, "the body cannot be used\n"),
        Err(_) => return Reply::text(408, "the body did not come\n"),
    };
    match shows(&head.headers, &door.secret, signed) {
        true => {
            door.ask.now();
            Reply::text(202, "a look at the repository begins\n")
        }
        false => Reply::text(401, "the request does not show the secret of --pull-secret-file\n"),
    }
}

fn mac_of(secret: &SecretString) -> Option<Hmac<Sha256>> {
    Hmac::<Sha256>::new_from_slice(secret.expose_secret().as_bytes()).ok()
}

/// The body goes through the signature piece by piece; the error is a status.
async fn sign(mut mac: Hmac<Sha256>, mut body: Incoming) -> Result<Hmac<Sha256>, u16> {
    let mut left = MOST_BODY_BYTES;
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame.map_err(|_| 400u16)?.into_data() else { continue };
        left = left.checked_sub(data.len()).ok_or(413u16)?;
        mac.update(&data);
    }
    Ok(mac)
}

/// Whether a request shows the secret, in any of the ways of git servers. How long that takes says nothing of the secret.
fn shows(headers: &HeaderMap, secret: &SecretString, signed: Hmac<Sha256>) -> bool {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    for (name, before) in SIGNATURES {
        let digits = text(name).and_then(|value| value.strip_prefix(before));
        let digits = digits.map(|digits| digits.to_ascii_lowercase());
        let bytes = digits.and_then(|it| data_encoding::HEXLOWER.decode(it.as_bytes()).ok());
        if bytes.is_some_and(|bytes| signed.clone().verify_slice(&bytes).is_ok()) {
            return true;
        }
    }
    let bearer = text("authorization").and_then(|value| {
        let (scheme, token) = value.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then_some(token)
    });
    [text("x-gitlab-token"), bearer].into_iter().flatten().any(|shown| is_it(shown, secret))
}

/// Whether a text is the secret: compared by their signatures, which nobody can foretell.
fn is_it(shown: &str, secret: &SecretString) -> bool {
    let (Some(mut ours), Some(mut theirs)) = (mac_of(secret), mac_of(secret)) else { return false };
    ours.update(secret.expose_secret().as_bytes());
    theirs.update(shown.as_bytes());
    theirs.verify_slice(&ours.finalize().into_bytes()).is_ok()
}

#[cfg(test)]
mod tests {
    use hyper::header::{HeaderName, HeaderValue};

    use super::*;

    const SECRET: &str = "It's a Secret to Everybody";

    /// Whether a request with this header and this body shows the secret.
    fn is_shown(name: &str, value: &str, body: &[u8]) -> bool {
        let secret: SecretString = SECRET.to_owned().into();
        let mut mac = mac_of(&secret).unwrap();
        mac.update(body);
        let mut headers = HeaderMap::new();
        let name: HeaderName = name.parse().unwrap();
        headers.insert(name, HeaderValue::from_str(value).unwrap());
        shows(&headers, &secret, mac)
    }

    #[test]
    fn each_servers_way_to_show_the_secret_counts_and_nothing_else_does() {
        // The example of GitHub's own documentation.
        const SIGNATURE: &str = "757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";
        let body = b"Hello, World!";
        for (name, value) in [
            ("x-hub-signature-256", format!("sha256={SIGNATURE}")),
            ("x-gitea-signature", SIGNATURE.to_owned()),
            ("x-forgejo-signature", SIGNATURE.to_ascii_uppercase()),
            ("x-gitlab-token", SECRET.to_owned()),
            ("authorization", format!("Bearer {SECRET}")),
        ] {
            assert!(is_shown(name, &value, body), "{name}");
            let is_signature = name.contains("signature");
            assert_eq!(is_shown(name, &value, b"Hello, World?"), !is_signature, "{name}");
            for wrong in [value.replace(['7', 'S'], "8"), format!("{value}0"), String::new()] {
                assert!(!is_shown(name, &wrong, body), "{name}: {wrong}");
            }
        }
        assert!(!is_shown("x-hub-signature-256", SIGNATURE, body));
        assert!(!is_shown("x-hub-signature", SIGNATURE, body));
        assert!(!is_shown("authorization", SECRET, body));
        assert!(!is_shown("authorization", &format!("Basic {SECRET}"), body));
    }
}
