//! The only place that knows the wire.
//!
//! Reading and writing are two types: a function that is handed a [`Reader`] cannot change
//! anything. Requests are built as plain values ([`request`]), sent by one function ([`client`]),
//! and repeated by a pure policy ([`retry`]).

pub mod assumptions;
pub mod client;
mod clock;
pub mod error;
mod log;
mod read;
pub mod request;
pub mod retry;
mod stats;
mod write;

pub use client::{Client, ClientError, Settings};
pub use error::{ApiError, Class};
pub use log::Deletion;
pub use read::{Identity, ListError, Reader};
pub use stats::{CallCount, Stats};
pub use write::{Created, Writer};
