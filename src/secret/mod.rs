//! Secrets: where they come from, where they go, and a type that cannot be printed.
//!
//! A secret lives in a [`SecretString`], which has no textual form and is wiped when dropped. It is
//! opened in exactly three places: the request that carries it, the sink that stores it, and the
//! slow hash that recognises it.

mod disk;
mod fault;
pub mod fingerprint;
mod form;
mod generate;
#[doc = include_str!("guide.md")]
pub mod guide {}
mod link;
pub mod print;
mod program;
pub mod reading;
mod sink;
mod source;
mod spool;
mod stores;
mod tracked;
mod trust;

pub use form::PasswordForm;
pub use generate::{MIN_LENGTH, generate, strength};
pub use link::Link;
pub(crate) use program::PIPE_VARIABLE;
pub use program::ProgramError;
pub use secrecy::{ExposeSecret, SecretString};
pub use sink::{
    AgeSink, Allowance, DotenvSink, ExecSink, FileSink, Held, JsonSink, KubernetesSink, Place,
    Sink, SinkError, VaultSink,
};
pub use source::{Source, SourceError};
pub use spool::{Spool, SpoolError};
pub use stores::{KubernetesStore, Store, Stores, StoresError, VaultStore};
pub use trust::Trust;
