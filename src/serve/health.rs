//! Whether the daemon lives, and whether it does its work.

use std::time::Duration;

use crate::watch::{State, Status};

/// A pass in which nothing at all happens for so long hangs: every call has its own timeout, and
/// waiting for the platform's quota ends before.
const SILENT_PASS: Duration = Duration::from_secs(900);

/// How late a pass on the interval may be; the interval itself is jittered.
const LATENESS: Duration = Duration::from_secs(120);

/// Whether the loop gives signs of life: `silent` is how long it has not published anything. A
/// loop that fails is alive; one that hangs is not, and only a restart helps.
pub(super) fn is_alive(status: &Status, silent: Duration) -> bool {
    let is_passing = status.pass.is_some() || status.state == State::Starting;
    let patience = match is_passing {
        true => SILENT_PASS,
        false => Duration::from_secs(status.interval_seconds).saturating_mul(2) + LATENESS,
    };
    silent <= patience
}

/// What `/healthz` says.
pub(super) fn healthz(status: &Status, silent: Duration) -> (u16, String) {
    match is_alive(status, silent) {
        true => (200, "ok\n".to_owned()),
        false => (503, format!("the loop has not responded for {} s\n", silent.as_secs())),
    }
}

/// What `/readyz` says: ready is who looked at the platform and can go on doing so. What an
/// operator has to do is no reason to be taken out of service.
pub(super) fn readyz(status: &Status) -> (u16, String) {
    let code = if status.is_ready() { 200 } else { 503 };
    (code, format!("{}: {}\n", status.state.as_str(), status.says))
}
