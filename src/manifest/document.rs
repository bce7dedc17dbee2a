//! One document of a manifest file, as far as it could be read.

use std::path::PathBuf;

use super::compose::instance::Instance;
use super::kinds::AnyObject;
use super::model::{StackManifest, TemplateManifest};
use super::partial::Partial;
use super::place::Place;
use crate::diagnostic::Diagnostics;
use crate::resource::Address;
use crate::source::{SourceMap, Spanned, Target, locate};

/// One document of a manifest file.
#[derive(Debug)]
pub(super) struct Document {
    pub(super) value: Spanned,
    /// Where relative paths start from.
    pub(super) folder: PathBuf,
    /// What it says, if it says it rightly.
    pub(super) manifest: Option<AnyManifest>,
    /// What of it can be checked on its own although it has mistakes.
    pub(super) partial: Option<Partial>,
    /// What it describes, if at least that can be told. Other documents may refer to it even if
    /// something inside is wrong.
    pub(super) address: Option<Address>,
    /// The row that it was expanded for, if it was.
    pub(super) instance: Option<Box<Instance>>,
}

/// A decoded manifest.
#[derive(Debug)]
pub(super) enum AnyManifest {
    Object(Box<dyn AnyObject>),
    Stack(Box<StackManifest>),
    Template(Box<TemplateManifest>),
}

impl Document {
    /// The document as checks of its fields see it.
    pub(super) fn place(&self) -> Place<'_> {
        Place {
            value: &self.value,
            folder: &self.folder,
            address: self.address.as_ref(),
            row: self.instance.as_ref().map(|instance| instance.row),
        }
    }

    /// Where `pointer` stands.
    pub(super) fn span(&self, pointer: &str, target: Target) -> crate::source::Span {
        locate(&self.value, pointer, target)
    }

    /// Leads all findings since there were `from` of them on to the row that the document was expanded for.
    pub(super) fn attach_origin(
        &self,
        from: usize,
        sources: &SourceMap,
        diagnostics: &mut Diagnostics,
    ) {
        if let Some(instance) = &self.instance {
            diagnostics.amend_from(from, |finding| instance.attach_origin(finding, sources));
        }
    }
}
