//! Which request gets which reply: no socket, no clock and nothing asynchronous.

use std::time::Duration;

use jiff::Timestamp;

use super::exchange::{Ask, Reply};
use super::guard::refusal_to_wake;
use super::{health, metrics, page, view};
use crate::diagnostic::render::printable_json;
use crate::host::is_ours;
use crate::watch::Status;

/// What is known when it is asked.
#[derive(Debug)]
pub(super) struct Known<'a> {
    pub(super) status: &'a Status,
    /// How often the status was published; two equal numbers mean the same status.
    pub(super) edition: u64,
    /// How long nothing was published.
    pub(super) silent: Duration,
    pub(super) now: Timestamp,
    /// Names under which we are reached.
    pub(super) names: &'a [String],
}

const JSON: &str = "application/json";

/// Every path, and the one method that it takes.
const PATHS: &[(&str, &str)] = &[
    ("/", "GET"),
    ("/healthz", "GET"),
    ("/readyz", "GET"),
    ("/metrics", "GET"),
    ("/status", "GET"),
    ("/view", "GET"),
    ("/wake", "POST"),
];

/// The plan of a pass stands below this path, under the pass's id.
const PASSES: &str = "/passes/";

/// The reply to a request.
pub(super) fn answer(ask: &Ask, known: &Known<'_>) -> Reply {
    guarded(route(ask, known))
}

/// Nothing of a reply belongs into a cache, a frame, another page or a guess.
pub(super) fn guarded(reply: Reply) -> Reply {
    reply
        .with("cache-control", "no-store")
        .with("x-content-type-options", "nosniff")
        .with("cross-origin-resource-policy", "same-origin")
        .with("referrer-policy", "no-referrer")
}

fn route(ask: &Ask, known: &Known<'_>) -> Reply {
    let path = ask.path.split('?').next().unwrap_or_default();
    let is_pass = path.starts_with(PASSES);
    let wanted = match PATHS.iter().find(|(known, _)| *known == path) {
        Some((_, method)) => *method,
        None if is_pass => "GET",
        None => {
            return Reply::text(
                404,
                "available paths are /, /status, /metrics, /healthz and /readyz\n",
            );
        }
    };
    let is_read = wanted == "GET" && ask.method == "HEAD";
    if ask.method != wanted && !is_read {
        return Reply::text(405, format!("{path} takes {wanted}\n")).with("allow", wanted);
    }
    // Probes ask under whatever name they have, and learn nothing but yes or no.
    match path {
        "/healthz" => {
            let (status, text) = health::healthz(known.status, known.silent);
            return Reply::text(status, text);
        }
        "/readyz" => {
            let (status, text) = health::readyz(known.status);
            return Reply::text(status, text);
        }
        _ => {}
    }
    if !is_ours(ask.host.as_deref(), known.names) {
        let text = "unknown host name; use the address, or allow the name with --listen-name";
        return Reply::text(421, text);
    }
    match path {
        "/" => page::reply(),
        "/metrics" => {
            let text = metrics::metrics_text(known.status, known.now);
            Reply::new(200, "text/plain; version=0.0.4; charset=utf-8", text)
        }
        "/status" => json(known.status),
        "/view" => {
            let tag = format!("\"{}-{}\"", known.status.run, known.edition);
            if ask.known.as_deref() == Some(&*tag) {
                return Reply::text(304, "").with("etag", tag);
            }
            json(&view::view(known.status)).with("etag", tag)
        }
        "/wake" => match refusal_to_wake(ask) {
            Some(why) => Reply::text(403, format!("{why}\n")),
            None => Reply { wakes: true, ..Reply::text(202, "a pass begins\n") },
        },
        _ => {
            let run = path.strip_prefix(PASSES).unwrap_or_default();
            match known.status.passes.iter().find(|pass| pass.run == run) {
                Some(pass) => json(&**pass),
                None => Reply::text(404, "this pass is no longer recorded\n"),
            }
        }
    }
}

fn json(document: &impl serde::Serialize) -> Reply {
    match serde_json::to_string(document) {
        Ok(body) => Reply::new(200, JSON, printable_json(&body)),
        Err(error) => Reply::text(500, format!("{error}\n")),
    }
}
