//! `--record`, and what `sandbox --replay` makes of it.

use std::path::Path;
use std::sync::Arc;

use crate::cassette::{Cassette, CassetteError, Exchange, Recorder};
use crate::sandbox::Recorded;
use crate::transport::{Transport, Wire};

/// What to do where a recording cannot be begun.
pub(super) const UNWRITTEN_HELP: &str =
    "choose a new file with --record; existing files are never overwritten";

/// Makes the wire that records what goes to the platform that locks and history call `platform`.
pub(super) fn on<'a>(
    path: &'a Path,
    platform: &'a str,
) -> impl FnOnce(Transport) -> Result<Arc<dyn Wire>, CassetteError> + 'a {
    move |way| Ok(Arc::new(Recorder::begin(path, platform, way)?))
}

/// What a recording holds, as the sandbox plays it.
///
/// # Errors
/// [`CassetteError`].
pub(super) fn recorded(path: &Path) -> Result<Vec<Recorded>, CassetteError> {
    Ok(Cassette::read(path)?.exchanges.into_iter().map(as_played).collect())
}

fn as_played(exchange: Exchange) -> Recorded {
    let Exchange { method, path, account, body, status, headers, answer, lost, .. } = exchange;
    // An answer that broke off is none.
    let status = status.filter(|_| lost.is_none());
    Recorded { method, target: path, account, body, status, headers, answer }
}
