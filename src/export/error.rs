//! Why there is no export.

/// Why there is no export.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// Something could not be read, and a part must not pass for the whole.
    #[error("{collection} could not be read: {reason}")]
    Unknown {
        /// The platform's collection.
        collection: &'static str,
        /// Why not.
        reason: String,
    },
    /// Several stacks have objects here, and nobody said which is meant.
    #[error("several stacks have objects here: {}; say with --stack which one is meant", .0.join(", "))]
    SeveralStacks(Vec<String>),
    /// What was written cannot be read back.
    #[error("what was written does not read back as what was found, which is a defect: {0}")]
    Unreadable(String),
}
