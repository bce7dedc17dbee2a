//! Why there is no export.

/// Why there is no export.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// Something could not be read, and a part must not pass for the whole.
    #[error("cannot read {collection}: {reason}")]
    Unknown {
        /// The platform's collection.
        collection: &'static str,
        /// Why not.
        reason: String,
    },
    /// Several stacks have objects here, and nobody said which is meant.
    #[error("several stacks have objects here: {}; choose one with --stack", .0.join(", "))]
    SeveralStacks(Vec<String>),
    /// A sink that was asked for is none for the keys that are to go there.
    #[error("no key can be delivered like that: {0}")]
    Sink(String),
    /// What was written cannot be read back.
    #[error(
        "the written manifests do not read back as the live objects; please report this bug: {0}"
    )]
    Unreadable(String),
}
