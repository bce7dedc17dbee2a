//! Errors together with what brought them about.

use std::error::Error;

/// `error` and then its causes, the outermost first.
pub(crate) fn of<'a>(error: &'a (dyn Error + 'a)) -> impl Iterator<Item = &'a (dyn Error + 'a)> {
    std::iter::successors(Some(error), |&error| error.source().map(|cause| cause as _))
}

/// An error with its causes, on one line.
pub(crate) fn error_chain(error: &dyn Error) -> String {
    of(error).map(ToString::to_string).collect::<Vec<_>>().join(": ")
}
