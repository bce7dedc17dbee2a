//! The page at `/`: one file from the binary, with nothing loaded from anywhere.

use std::sync::LazyLock;

use super::exchange::Reply;
use crate::report::csp_hash;

const FRAME: &str = include_str!("page.html");
const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("page.js");

static PAGE: LazyLock<String> =
    LazyLock::new(|| FRAME.replace("{style}", STYLE).replace("{script}", SCRIPT));

/// Only this style and this script, by their hashes, and talk with nobody but us: were something to
/// get past the page's own care, a browser would not run it.
static POLICY: LazyLock<String> = LazyLock::new(|| {
    format!(
        "default-src 'none'; style-src 'sha256-{}'; script-src 'sha256-{}'; connect-src 'self'; \
         img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
        csp_hash(STYLE),
        csp_hash(SCRIPT)
    )
});

pub(super) fn reply() -> Reply {
    Reply::page(PAGE.clone(), POLICY.clone())
}
