//! Parser events to the arena of a document.
//!
//! Collections are built on an explicit stack, so nothing here recurses. A mapping is looked over when it closes: by then
//! its keys are known, and whether they are text, unique and no merge key is one question asked in one place.

use std::borrow::Cow;
use std::collections::HashMap;

use granit_parser::{Event, ScalarStyle, Tag};
use smol_str::SmolStr;

use super::complaints::Sink;
use super::document::{Document, Node, NodeId, NodeKind};
use super::mapping;
use super::scalar::{self, Unfit};
use crate::diagnostic::{Code, Diagnostic, quote};
use crate::source::hidden::is_secret_key;
use crate::source::{Limits, Meaning, SourceId, Span};

/// How far reading cannot go on.
pub(super) enum Halt {
    /// This document is lost; the next may be fine.
    Document,
    /// The file holds more than it may.
    File,
}

/// A collection that is not closed yet.
struct Open {
    node: NodeId,
    mapping: bool,
    /// Items, or keys and values in turn.
    children: Vec<NodeId>,
    /// Where the last child ended.
    end: u32,
}

/// The document being built.
pub(super) struct Builder<'t> {
    source: SourceId,
    text: &'t str,
    depth: usize,
    /// Nodes that the file may still hold.
    room: usize,
    nodes: Vec<Node>,
    open: Vec<Open>,
    /// The parser numbers anchors through the whole file; a name that is used again gets a new number.
    anchors: HashMap<usize, NodeId>,
    root: Option<NodeId>,
    linked: bool,
}

impl<'t> Builder<'t> {
    pub(super) fn new(source: SourceId, text: &'t str, limits: &Limits) -> Self {
        Self {
            source,
            text,
            depth: limits.depth,
            room: limits.file_nodes,
            nodes: Vec::new(),
            open: Vec::new(),
            anchors: HashMap::new(),
            root: None,
            linked: false,
        }
    }

    /// Forgets the document that was begun.
    pub(super) fn abandon(&mut self) {
        self.nodes.clear();
        self.open.clear();
        self.anchors.clear();
        self.root = None;
        self.linked = false;
    }

    /// Takes one event; gives the document when it is complete and has content.
    pub(super) fn event(
        &mut self,
        event: Event<'_>,
        at: &granit_parser::Span,
        sink: &mut Sink,
    ) -> Result<Option<Document>, Halt> {
        let span = self.span(at);
        match event {
            Event::DocumentStart(..) => self.abandon(),
            Event::DocumentEnd => return Ok(self.finish()),
            Event::Scalar(text, style, anchor, tag) => {
                // The parser makes up a tilde where nothing was written; nobody should be quoted as having typed it.
                let text = if span.is_empty() && style == ScalarStyle::Plain {
                    Cow::Borrowed("")
                } else {
                    text
                };
                let span = self.scalar_span(span, &text, style);
                let kind = self.scalar(text, style, tag, span, at, sink);
                let node = self.add(span, kind, sink)?;
                self.anchor(anchor, node);
                self.attach(node);
            }
            Event::SequenceStart(_, anchor, tag) => {
                self.collection_tag("seq", tag, span, at, sink);
                self.begin(span, false, anchor, sink)?;
            }
            Event::MappingStart(_, anchor, tag) => {
                self.collection_tag("map", tag, span, at, sink);
                self.begin(span, true, anchor, sink)?;
            }
            Event::SequenceEnd | Event::MappingEnd => self.end(span, sink),
            Event::Alias(anchor) => {
                let kind = self.alias(anchor, span, sink);
                let node = self.add(span, kind, sink)?;
                self.attach(node);
            }
            Event::UnresolvedAlias(name) => {
                sink.push(
                    Diagnostic::error(
                        Code::UnknownAlias,
                        format!("there is no anchor {}", quote(&format!("&{name}"))),
                    )
                    .at(span, "used here")
                    .help("an anchor must stand before its aliases, in the same document")
                    .help("text that begins with `*` needs quotes"),
                );
                let node = self.add(span, NodeKind::Broken, sink)?;
                self.attach(node);
            }
            // The rest carries no content.
            _ => {}
        }
        Ok(None)
    }

    fn finish(&mut self) -> Option<Document> {
        let root = self.root.take()?;
        let nodes = std::mem::take(&mut self.nodes);
        let linked = self.linked;
        self.abandon();
        let nothing = matches!(
            nodes.get(root.0 as usize).map(|node| &node.kind),
            Some(NodeKind::Scalar { text, plain: true, meaning: Meaning::Null }) if text.is_empty()
        );
        (!nothing).then_some(Document { nodes, root, linked })
    }

    fn add(&mut self, span: Span, kind: NodeKind, sink: &mut Sink) -> Result<NodeId, Halt> {
        let Some(room) = self.room.checked_sub(1) else {
            sink.push(
                Diagnostic::error(
                    Code::TooLarge,
                    "the file holds more values than a manifest may have",
                )
                .at(span, "reading stopped here")
                .help("split it into several files; those in one folder are loaded together"),
            );
            return Err(Halt::File);
        };
        self.room = room;
        let id = NodeId(u32::try_from(self.nodes.len()).map_err(|_| Halt::File)?);
        self.nodes.push(Node { span, kind });
        Ok(id)
    }

    /// Puts a complete node into the collection that is open, or makes it the root.
    fn attach(&mut self, node: NodeId) {
        let end = self.nodes.get(node.0 as usize).map_or(0, |node| node.span.end);
        match self.open.last_mut() {
            Some(open) => {
                open.children.push(node);
                open.end = open.end.max(end);
            }
            None => self.root = Some(node),
        }
    }

    fn anchor(&mut self, anchor: usize, node: NodeId) {
        // Zero is the parser's way to say: none.
        if anchor != 0 {
            self.anchors.insert(anchor, node);
        }
    }

    fn begin(
        &mut self,
        span: Span,
        mapping: bool,
        anchor: usize,
        sink: &mut Sink,
    ) -> Result<(), Halt> {
        // The parser counts block and flow collections apart; together they may be twice as many.
        if self.open.len() >= self.depth {
            sink.push(too_deep(span.head(), self.depth));
            return Err(Halt::Document);
        }
        let node = self.add(span, NodeKind::Broken, sink)?;
        self.anchor(anchor, node);
        self.open.push(Open { node, mapping, children: Vec::new(), end: span.end });
        Ok(())
    }

    fn end(&mut self, span: Span, sink: &mut Sink) {
        let Some(Open { node, mapping, children, end }) = self.open.pop() else {
            return;
        };
        let kind = if mapping {
            NodeKind::Mapping(mapping::pairs(&self.nodes, &children, sink))
        } else {
            NodeKind::Sequence(children)
        };
        if let Some(node) = self.nodes.get_mut(node.0 as usize) {
            node.kind = kind;
            // A bracket has characters and ends the collection; the end of a block is only noticed later, at the next thing.
            node.span.end = if span.is_empty() { end } else { span.end };
        }
        self.attach(node);
    }

    fn alias(&mut self, anchor: usize, span: Span, sink: &mut Sink) -> NodeKind {
        let Some(target) = self.anchors.get(&anchor).copied() else {
            return NodeKind::Broken;
        };
        if self.open.iter().any(|open| open.node == target) {
            let diagnostic = Diagnostic::error(
                Code::AliasLoop,
                "an alias stands inside the value that it names",
            )
            .at(span, "would hold itself");
            sink.push(match self.nodes.get(target.0 as usize) {
                Some(node) => diagnostic.and(node.span.head(), "the value begins here"),
                None => diagnostic,
            });
            return NodeKind::Broken;
        }
        self.linked = true;
        NodeKind::Alias(target)
    }

    fn scalar(
        &self,
        text: Cow<'_, str>,
        style: ScalarStyle,
        tag: Option<Cow<'_, Tag>>,
        span: Span,
        at: &granit_parser::Span,
        sink: &mut Sink,
    ) -> NodeKind {
        let plain = style == ScalarStyle::Plain;
        // The keys of a mapping are looked at when it closes.
        let is_key = self
            .open
            .last()
            .is_some_and(|open| open.mapping && open.children.len().is_multiple_of(2));
        let meaning = match scalar::resolve(&text, plain, tag.as_deref()) {
            Ok(meaning) => meaning,
            Err(Unfit::Range(why)) => {
                if !is_key {
                    sink.push(
                        Diagnostic::error(
                            Code::NumberRange,
                            match self.is_secret() {
                                true => format!("this value {why}"),
                                false => format!("{} {why}", quote(&text)),
                            },
                        )
                        .at(span, "")
                        .help("if it is text, put it in quotes"),
                    );
                }
                Meaning::Unreadable
            }
            Err(Unfit::Tag(said)) => {
                let said = match self.is_secret() {
                    true => "the tag is unknown or does not match its value".to_owned(),
                    false => said,
                };
                sink.push(self.tag_problem(said, span, at));
                Meaning::Unreadable
            }
        };
        NodeKind::Scalar { text: SmolStr::new(text), plain, meaning }
    }

    /// Whether the value that comes next is one that is never shown.
    fn is_secret(&self) -> bool {
        let key =
            self.open.last().filter(|open| open.mapping).and_then(|open| open.children.last());
        match key.and_then(|key| self.nodes.get(key.0 as usize)).map(|node| &node.kind) {
            Some(NodeKind::Scalar { text, .. }) => is_secret_key(text),
            _ => false,
        }
    }

    fn collection_tag(
        &self,
        core: &str,
        tag: Option<Cow<'_, Tag>>,
        span: Span,
        at: &granit_parser::Span,
        sink: &mut Sink,
    ) {
        if let Some(said) = tag.and_then(|tag| scalar::collection_tag(core, &tag)) {
            sink.push(self.tag_problem(said, span, at));
        }
    }

    fn tag_problem(&self, said: String, node: Span, at: &granit_parser::Span) -> Diagnostic {
        let tag = at.tag_span().map(|tag| self.span(&tag)).filter(|tag| !tag.is_empty());
        let diagnostic = Diagnostic::error(Code::YamlTag, said)
            .at(tag.unwrap_or(node), "")
            .help("manifests need no tags; those of the YAML core schema (`!!str`, `!!int`...) are understood");
        match tag {
            // With the blanks behind it, but never across a line or an anchor.
            Some(tag) => {
                let rest = self.text.get(tag.end as usize..).unwrap_or_default();
                let blanks = rest.len() - rest.trim_start_matches(' ').len();
                diagnostic.suggest(
                    Span::new(self.source, tag.start as usize, tag.end as usize + blanks),
                    "",
                )
            }
            None => diagnostic,
        }
    }

    fn span(&self, span: &granit_parser::Span) -> Span {
        // The parser knows bytes for all texts in memory.
        let range = span.byte_range().unwrap_or_default();
        Span::new(self.source, range.start, range.end)
    }

    /// Where a scalar is to be shown.
    fn scalar_span(&self, span: Span, text: &str, style: ScalarStyle) -> Span {
        let (start, end) = (span.start as usize, span.end as usize);
        if text.is_empty() && style == ScalarStyle::Plain && span.is_empty() {
            return self.nothing(span);
        }
        if matches!(style, ScalarStyle::SingleQuoted | ScalarStyle::DoubleQuoted) {
            return span;
        }
        // Line breaks behind a block scalar are its own, but there is nothing in them to be shown.
        // What YAML takes for text, such as a no-break space, stays part of it.
        let blanks = [' ', '\t', '\n', '\r'];
        let shown = self.text.get(start..end).unwrap_or_default().trim_end_matches(blanks).len();
        Span::new(self.source, start, start + shown)
    }

    /// The place of a value that was not written: behind the colon, not at the next thing that the parser happened to see.
    fn nothing(&self, span: Span) -> Span {
        let key = self
            .open
            .last()
            .filter(|open| open.mapping && !open.children.len().is_multiple_of(2))
            .and_then(|open| open.children.last())
            .and_then(|key| self.nodes.get(key.0 as usize));
        let Some(key) = key else { return span };
        let end = key.span.end as usize;
        let rest = self.text.get(end..).unwrap_or_default();
        let blanks = rest.len() - rest.trim_start_matches([' ', '\t']).len();
        let place = if rest.get(blanks..).is_some_and(|rest| rest.starts_with(':')) {
            end + blanks + 1
        } else {
            end
        };
        Span::new(self.source, place, place)
    }
}

/// The diagnostic for too much nesting.
pub(super) fn too_deep(span: Span, depth: usize) -> Diagnostic {
    Diagnostic::error(Code::YamlDepth, format!("collections are nested more than {depth} deep"))
        .at(span, "one too many")
}
