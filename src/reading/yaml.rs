//! YAML text to documents, with a place on every key and value: total, bounded, and done with a file in one pass.
//!
//! A document is an arena of nodes in which an alias stays a link, so a file costs what its size says and not what its
//! aliases could grow to. [`Document::expand`] follows the links once, under a [`Budget`] that all documents of a file
//! share. Whatever is wrong becomes a diagnostic and reading goes on: within the document where its structure is still
//! sound, otherwise with the next document.

mod build;
mod complaints;
mod document;
mod expand;
mod indent;
mod mapping;
mod marks;
mod scalar;
mod syntax;
pub(crate) mod write;

use granit_parser::{Event, Parser};

use crate::diagnostic::{Code, Diagnostic};
use crate::source::value::Spanned;
use crate::source::{Limits, SourceId, Span};

use build::{Builder, Halt};
use complaints::Sink;

pub use document::{Document, Node, NodeId, NodeKind};
pub use expand::Budget;
pub use scalar::core_schema;

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

#[cfg(test)]
mod hostile;
#[cfg(test)]
mod tests;
