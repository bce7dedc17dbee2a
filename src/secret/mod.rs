//! Secrets: where they come from, where they go, and a type that cannot be printed.
//!
//! A secret lives in a [`SecretString`], which has no textual form and is wiped when dropped. It is
//! opened in exactly three places: the request that carries it, the sink that stores it, and the
//! slow hash that recognises it.

pub mod fingerprint;
mod generate;
mod link;
pub mod print;
mod sink;
mod source;

pub use generate::{MIN_LENGTH, generate};
pub use link::Link;
pub use secrecy::{ExposeSecret, SecretString};
pub use sink::{FileSink, Held, Place, Sink, SinkError};
pub use source::{Source, SourceError};
