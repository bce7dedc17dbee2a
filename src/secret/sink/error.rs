//! Why a sink did not take or give a secret.

/// Why a sink did not take or give a secret. The text names the sink, never the secret.
#[derive(Debug, thiserror::Error)]
#[error("{sink} could not be {verb}")]
pub struct SinkError {
    sink: String,
    verb: &'static str,
    source: Trouble,
}

impl SinkError {
    pub(super) fn new(sink: &impl std::fmt::Display, verb: &'static str, source: Trouble) -> Self {
        Self { sink: sink.to_string(), verb, source }
    }
}

/// What went wrong in one kind of sink.
#[derive(Debug, thiserror::Error)]
pub(super) enum Trouble {
    /// What the system said.
    #[error(transparent)]
    System(#[from] std::io::Error),
    /// What we, or the store, have against it.
    #[error("{0}")]
    Refused(String),
    /// What became of a program.
    #[error(transparent)]
    Program(#[from] crate::secret::program::ProgramError),
    /// The store did not come to an end.
    #[error("it did not answer within {0} s")]
    Late(u64),
    /// What was read back is something else.
    #[error("the content differs")]
    Differs,
}
