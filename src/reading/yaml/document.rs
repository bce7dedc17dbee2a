//! A document as an arena of nodes.

use smol_str::SmolStr;

use crate::source::Span;
use crate::source::value::Meaning;

/// A node of one document, as an index into its arena.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct NodeId(pub(super) u32);

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
        text: SmolStr,
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
    pub(super) nodes: Vec<Node>,
    pub(super) root: NodeId,
    /// Whether any node is linked to, and so may be needed more than once.
    pub(super) linked: bool,
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
