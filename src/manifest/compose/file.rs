//! One file of manifests, as it was read.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::diagnostic::Diagnostic;
use crate::source::{SourceId, Spanned};

/// The documents of one file.
pub(in crate::manifest) struct File {
    pub(in crate::manifest) source: SourceId,
    /// What the path of the file comes to, whichever way it is written.
    pub(in crate::manifest) identity: PathBuf,
    /// Where relative paths start from.
    pub(in crate::manifest) folder: Arc<Path>,
    pub(in crate::manifest) documents: Vec<Spanned>,
    /// What is wrong with the text.
    pub(in crate::manifest) problems: Vec<Diagnostic>,
}
