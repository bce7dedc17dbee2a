//! One document of a manifest file, as far as it could be read.

use std::path::Path;
use std::sync::Arc;

use super::compose::instance::Instance;
use super::kinds::AnyObject;
use super::model::{StackManifest, TemplateManifest};
use super::partial::Partial;
use super::place::Place;
use crate::diagnostic::Diagnostics;
use crate::reading::yaml;
use crate::resource::Address;
use crate::source::{Limits, SourceMap, Span, Spanned, Target, Value, locate};

/// A document on its way.
pub(super) struct Draft {
    pub(super) value: Spanned,
    pub(super) folder: Arc<Path>,
    pub(super) instance: Option<Box<Instance>>,
    /// Whether nothing was laid on it or filled in.
    pub(super) is_as_written: bool,
}

impl Draft {
    pub(super) fn written(value: Spanned, folder: Arc<Path>) -> Self {
        Self { value, folder, instance: None, is_as_written: true }
    }
}

/// One document of a manifest file.
#[derive(Debug)]
pub(super) struct Document {
    pub(super) value: Spanned,
    /// Where relative paths start from.
    pub(super) folder: Arc<Path>,
    /// What it says, if it says it rightly.
    pub(super) manifest: Option<AnyManifest>,
    /// What of it can be checked on its own although it has mistakes.
    pub(super) partial: Option<Partial>,
    /// What it describes, if at least that can be told. Other documents may refer to it even if
    /// something inside is wrong.
    pub(super) address: Option<Address>,
    /// The row that it was expanded for, if it was.
    pub(super) instance: Option<Box<Instance>>,
    /// Whether it is what stands in its text, without anything from elsewhere.
    pub(super) is_as_written: bool,
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
    pub(super) fn span(&self, pointer: &str, target: Target) -> Span {
        locate(&self.value, pointer, target)
    }

    /// Lets go of the tree if it can be had again from the text: of a large load, the trees take most of the memory, and
    /// what is checked last seldom has to know where something stands.
    pub(super) fn let_go(&mut self) {
        if self.is_as_written {
            self.value.value = Value::Mapping(Vec::new());
        }
    }

    /// Where `pointer` stands, in a document whose tree may be gone.
    pub(super) fn span_in(&self, sources: &SourceMap, pointer: &str, target: Target) -> Span {
        match self.value.as_mapping() {
            [] => locate(&self.read_again(sources), pointer, target),
            _ => self.span(pointer, target),
        }
    }

    /// The tree, from the beginning of the line in which it begins, since what follows may be indented alike.
    fn read_again(&self, sources: &SourceMap) -> Spanned {
        let Span { source, start, end } = self.value.span;
        let text = sources.text(source);
        let (start, end) = (start as usize, end as usize);
        let line = text.get(..start).and_then(|before| before.rfind('\n')).map_or(0, |at| at + 1);
        let part = text.get(line..end).unwrap_or_default();
        let (mut documents, _) = yaml::load(source, part, &Limits::DEFAULT);
        match documents.pop() {
            Some(mut document) => {
                document.shift(line);
                document
            }
            None => self.value.clone(),
        }
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
