//! Futures as values.

use std::future::Future;
use std::pin::Pin;

/// A future that can be sent to another thread, so that [`Leases`](super::Leases) can be an object.
pub type Soon<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;
