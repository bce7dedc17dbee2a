//! The only place that knows the wire.
//!
//! Reading and writing are two types: a function that is handed a [`Reader`] cannot change
//! anything. Requests are built as plain values ([`request`]), sent by one function ([`client`]),
//! and repeated by a pure policy ([`retry`]).

mod answer;
pub mod client;
mod clock;
pub mod error;
mod governor;
mod log;
mod progress;
mod read;
pub mod request;
pub mod retry;
mod share;
mod stats;
mod write;

pub use answer::Answer;
pub use client::{APP, Client, ClientError, Settings};
pub use clock::PlatformTime;
pub use error::{ApiError, Class};
pub use governor::Waiting;
pub use log::Deletion;
pub use progress::{Line, Progress, Stage};
pub use read::{Identity, Items, ListError, Reader};
pub use request::{Item, Secrets};
pub use stats::{CallCount, Stats};
pub use write::{Created, Writer};
