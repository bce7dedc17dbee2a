//! Who may ask: what keeps web pages from reading, or waking, the daemon through a browser.

use super::exchange::Ask;

/// The header that a request for a pass carries; no page of another origin can send it unasked.
pub(super) const WAKE_HEADER: &str = "x-flespi-gitops";

/// Why a request for a pass is refused; none if it may.
pub(super) fn refusal_to_wake(ask: &Ask) -> Option<&'static str> {
    if !ask.peer.is_loopback() {
        return Some("a pass can only be requested from this machine");
    }
    if !ask.has_wake_header {
        return Some("a request for a pass needs the header `x-flespi-gitops: wake`");
    }
    let is_same = |origin: &str| {
        let host = origin.strip_prefix("http://").or_else(|| origin.strip_prefix("https://"));
        host.is_some() && host == ask.host.as_deref()
    };
    if ask.origin.as_deref().is_some_and(|origin| !is_same(origin)) {
        return Some("a page of another origin cannot request a pass");
    }
    match ask.fetch_site.as_deref() {
        None | Some("same-origin" | "none") => None,
        Some(_) => Some("a page of another origin cannot request a pass"),
    }
}
