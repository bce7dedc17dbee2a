//! Browsers: what a page of another origin is allowed to see.
//!
//! A preflight carries no token, so it is always answered with yes; whether the origin may use the token shows in the
//! answer to the request itself, which a browser keeps from the page when it names no allowed origin.

use super::{access, admission, answer::Response, request::Request, view::View};

const METHODS: &str = "GET, POST, PUT, PATCH, DELETE, OPTIONS";

/// The headers that clients of the platform send.
const HEADERS: &str =
    "authorization, content-type, accept, x-flespi-cid, x-flespi-app, x-flespi-trace";

/// How long a browser may remember a preflight, in seconds.
const MAX_AGE: &str = "86400";

/// Whether a browser only asks for leave.
pub(super) fn is_preflight(request: &Request) -> bool {
    request.method == "OPTIONS"
        && request.header("origin").is_some()
        && request.header("access-control-request-method").is_some()
}

/// Lets the page of the request see the response, unless the token that signed it is not for that page.
pub(super) fn permit(view: View<'_>, request: &Request, response: &mut Response) {
    let Some(origin) = request.header("origin") else { return };
    let origins = admission::signer(view.state, view.assumptions, request)
        .and_then(|token| token.fields.get("origins"));
    if !access::allows_origin(origins, origin) {
        return;
    }
    let mut add = |name, value: &str| response.headers.push((name, value.to_owned()));
    add("access-control-allow-origin", origin);
    add("vary", "origin");
    match is_preflight(request) {
        true => {
            add("access-control-allow-methods", METHODS);
            add("access-control-allow-headers", HEADERS);
            add("access-control-max-age", MAX_AGE);
        }
        false => add("access-control-expose-headers", "retry-after"),
    }
}
