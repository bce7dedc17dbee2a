//! The page at `/`: one file of HTML, style and script inside the binary.

use super::answer::{Delivery, Response};

/// Reads `/_sandbox/overview` and `/_sandbox/journal`, and nothing else.
const PAGE: &str = include_str!("page.html");

/// The page may talk to this sandbox and load nothing from anywhere.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; \
                      connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; \
                      frame-ancestors 'none'";

pub(super) fn response() -> Response {
    Response {
        status: 200,
        headers: vec![
            ("content-security-policy", POLICY.to_owned()),
            ("cache-control", "no-store".to_owned()),
            ("x-content-type-options", "nosniff".to_owned()),
        ],
        content_type: "text/html; charset=utf-8",
        body: PAGE.as_bytes().to_vec(),
        delivery: Delivery::default(),
    }
}
