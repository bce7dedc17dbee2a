//! A load as a whole, for checks that look at what came out of it rather than at single documents.

use std::collections::BTreeMap;

use super::document::{AnyManifest, Document};
use super::model::{StackManifest, SubaccountSpec, TokenSpec};
use crate::diagnostic::Diagnostic;
use crate::profile::Profile;
use crate::resource::{Address, Declared, Desired, Kind};
use crate::source::{SourceMap, Span, Target};

/// What is declared, and where it was written.
pub(super) struct View<'a> {
    pub(super) desired: &'a Desired,
    pub(super) stack: Option<(&'a Document, &'a StackManifest)>,
    /// What the platform was found to do, if that is known.
    pub(super) found_out: Option<&'a Profile>,
    documents: BTreeMap<&'a Address, &'a Document>,
    sources: &'a SourceMap,
}

impl<'a> View<'a> {
    pub(super) fn new(
        desired: &'a Desired,
        stack: Option<(&'a Document, &'a StackManifest)>,
        found_out: Option<&'a Profile>,
        documents: &'a [Document],
        sources: &'a SourceMap,
    ) -> Self {
        // Of two documents for one address the first was declared.
        let documents = documents
            .iter()
            .rev()
            .filter_map(|document| Some((document.address.as_ref()?, document)))
            .collect();
        Self { desired, stack, found_out, documents, sources }
    }

    /// The declared objects of `kind`.
    pub(super) fn of_kind(&self, kind: Kind) -> impl Iterator<Item = &'a Declared> + use<'a> {
        self.desired.all().filter(move |declared| declared.address.kind == kind)
    }

    /// The declared subaccounts.
    pub(super) fn accounts(&self) -> impl Iterator<Item = &'a Declared> + use<'a> {
        self.of_kind(Kind::ACCOUNT)
    }

    /// The declared tokens.
    pub(super) fn tokens(&self) -> impl Iterator<Item = &'a Declared> + use<'a> {
        self.of_kind(Kind::KEY)
    }

    pub(super) fn token(&self, address: &Address) -> Option<&'a TokenSpec> {
        self.spec(address)
    }

    pub(super) fn subaccount(&self, address: &Address) -> Option<&'a SubaccountSpec> {
        self.spec(address)
    }

    /// What stands below `spec:` in the manifest of an object, if it is of that type.
    fn spec<S: 'static>(&self, address: &Address) -> Option<&'a S> {
        match self.documents.get(address)?.manifest.as_ref()? {
            AnyManifest::Object(object) => object.spec().downcast_ref(),
            AnyManifest::Stack(_) | AnyManifest::Template(_) => None,
        }
    }

    /// Where `pointer` stands in the manifest of an object.
    pub(super) fn span(&self, address: &Address, pointer: &str, target: Target) -> Option<Span> {
        let document = self.documents.get(address)?;
        Some(document.span_in(self.sources, pointer, target))
    }

    /// Lets `finding`, with whatever it suggests, point into the manifest of an object, and on to the row of a table that
    /// the manifest was made for.
    pub(super) fn place(
        &self,
        finding: Diagnostic,
        address: &Address,
        pointer: &str,
        target: Target,
    ) -> Diagnostic {
        let Some(document) = self.documents.get(address) else { return finding };
        let span = document.span_in(self.sources, pointer, target);
        let mut finding = finding.at(span, "").pointer(pointer);
        if let Some(instance) = &document.instance {
            instance.attach_origin(&mut finding, self.sources);
        }
        finding
    }

    /// Lets `finding` point into the Stack.
    pub(super) fn place_in_stack(&self, finding: Diagnostic, pointer: &str) -> Diagnostic {
        let Some((document, _)) = self.stack else { return finding };
        finding.at(document.span_in(self.sources, pointer, Target::Value), "").pointer(pointer)
    }

    /// Lets `finding` also point at another place in the manifest of an object.
    pub(super) fn mention(
        &self,
        finding: Diagnostic,
        address: &Address,
        pointer: &str,
        target: Target,
        text: impl Into<String>,
    ) -> Diagnostic {
        match self.span(address, pointer, target) {
            Some(span) => finding.and(span, text),
            None => finding,
        }
    }
}
