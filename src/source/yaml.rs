//! YAML text to documents, with a place on every key and value: total, bounded, and done with a file in one pass.
//!
//! A document is an arena of nodes in which an alias stays a link, so a file costs what its size says and not what its
//! aliases could grow to. [`Document::expand`] follows the links once, under a [`Budget`] that all documents of a file
//! share. Whatever is wrong becomes a diagnostic and reading goes on: within the document where its structure is still
//! sound, otherwise with the next document.

mod build;
mod expand;
mod indent;
mod mapping;
mod marks;
mod scalar;
mod syntax;
pub(crate) mod write;

use granit_parser::{Event, Parser};

use super::value::{Meaning, Spanned};
use super::{Limits, SourceId, Span};
use crate::diagnostic::{Code, Diagnostic};

use build::{Builder, Halt};

pub use expand::Budget;
pub use scalar::core_schema;

/// A node of one document, as an index into its arena.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct NodeId(u32);

/// A node and where it stands.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    /// From its first to its last character, without tag and anchor.
    pub span: Span,
    /// What it is.
    pub kind: NodeKind,
}

/// What a node is, aliases not followed.
#[derive(Debug, Clone, PartialEq)]
pub enum NodeKind {
    /// A single text, number, boolean or null.
    Scalar {
        /// The text after escapes and folding.
        text: String,
        /// Whether it stood bare.
        plain: bool,
        /// What it means, its tag considered.
        meaning: Meaning,
    },
    /// A list.
    Sequence(Vec<NodeId>),
    /// Pairs in the order they were written. Keys are text, or an alias of text, and unique.
    Mapping(Vec<(NodeId, NodeId)>),
    /// A link to a node that precedes this one and does not hold it.
    Alias(NodeId),
    /// Something that has been complained about and has no content.
    Broken,
}

/// One document of a file.
#[derive(Debug, Clone, PartialEq)]
pub struct Document {
    nodes: Vec<Node>,
    root: NodeId,
    /// Whether any node is linked to, and so may be needed more than once.
    linked: bool,
}

impl Document {
    /// The outermost node.
    #[must_use]
    pub fn root(&self) -> NodeId {
        self.root
    }

    /// A node of this document, or nothing if the id is of another one.
    #[must_use]
    pub fn node(&self, id: NodeId) -> Option<&Node> {
        self.nodes.get(id.0 as usize)
    }

    /// How many nodes the document holds, aliases not followed.
    #[must_use]
    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Never: a document without content is no document.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }
}

/// Reads all documents of a text, aliases still being links. Documents without content are left out, and so are those
/// whose structure is broken.
#[must_use]
pub fn parse(source: SourceId, text: &str, limits: &Limits) -> (Vec<Document>, Vec<Diagnostic>) {
    let mut sink = Sink::new(source, limits);
    let mut documents = Vec::new();
    each_document(source, text, limits, &mut sink, |document, _| documents.push(document));
    (documents, sink.finish())
}

/// Reads all documents of a text and expands their aliases.
#[must_use]
pub fn load(source: SourceId, text: &str, limits: &Limits) -> (Vec<Spanned>, Vec<Diagnostic>) {
    let mut sink = Sink::new(source, limits);
    let mut budget = Budget::new(limits);
    let mut values = Vec::new();
    // One document at a time, so that the arena of each is gone before the next is read.
    each_document(source, text, limits, &mut sink, |document, sink| {
        match document.expand(&mut budget) {
            Ok(value) => values.push(value),
            Err(diagnostic) => sink.push(*diagnostic),
        }
    });
    (values, sink.finish())
}

fn each_document(
    source: SourceId,
    text: &str,
    limits: &Limits,
    sink: &mut Sink,
    mut take: impl FnMut(Document, &mut Sink),
) {
    if text.len() > limits.file_bytes {
        let message =
            format!("the file has {} bytes; a manifest may have {}", text.len(), limits.file_bytes);
        sink.push(Diagnostic::error(Code::TooLarge, message).at(Span::new(source, 0, 0), ""));
        return;
    }
    syntax::unprintable(source, text, sink);
    let options = granit_parser::options! {
        // An alias without an anchor is one finding, not the end of the document.
        emit_unresolved_aliases: true,
        emit_comments: false,
        flow_nesting_limit: limits.depth,
        block_nesting_limit: limits.depth,
    };
    let settled = marks::settled(text);
    let mut parser = Parser::new_from_str_with_options(&settled, options);
    let mut builder = Builder::new(source, text, limits);
    loop {
        let halt = match parser.next_event() {
            None | Some(Ok((Event::StreamEnd, _))) => return,
            Some(Ok((event, span))) => match builder.event(event, &span, sink) {
                Ok(None) => continue,
                Ok(Some(document)) => {
                    take(document, sink);
                    continue;
                }
                Err(halt) => halt,
            },
            Some(Err(error)) => {
                // One character that may not stand in YAML is one finding.
                if !syntax::is_about_unprintable(&error) {
                    sink.push(syntax::diagnostic(source, text, &error, limits));
                }
                Halt::Document
            }
        };
        builder.abandon();
        let more = match halt {
            Halt::File => false,
            Halt::Document => parser.proceed_next_document().unwrap_or(false),
        };
        if !more {
            return;
        }
    }
}

/// Collects the complaints about one file, up to the limit.
#[derive(Debug)]
struct Sink {
    source: SourceId,
    limit: usize,
    kept: Vec<Diagnostic>,
    dropped: usize,
}

impl Sink {
    fn new(source: SourceId, limits: &Limits) -> Self {
        Self { source, limit: limits.diagnostics, kept: Vec::new(), dropped: 0 }
    }

    fn push(&mut self, diagnostic: Diagnostic) {
        if self.kept.len() < self.limit {
            self.kept.push(diagnostic);
        } else {
            self.dropped += 1;
        }
    }

    /// Whether one more would be kept, for callers to whom building one is dear.
    fn is_full(&self) -> bool {
        self.kept.len() >= self.limit
    }

    fn finish(mut self) -> Vec<Diagnostic> {
        if self.dropped > 0 {
            let message = format!("{} more problems in this file are not listed", self.dropped);
            let diagnostic = Diagnostic::error(Code::TooManyProblems, message)
                .at(Span::new(self.source, 0, 0), "");
            self.kept.push(diagnostic);
        }
        self.kept
    }
}

#[cfg(test)]
mod hostile;
#[cfg(test)]
mod tests;
