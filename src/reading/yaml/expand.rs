//! Links followed, once, under a budget.
//!
//! What an alias repeats is paid for in nodes and in bytes: an alias bomb runs out of the first, a long text that is
//! repeated ten thousand times runs out of the second, and neither gets further than the budget.

use smol_str::SmolStr;

use super::build::too_deep;
use super::document::{Document, NodeId, NodeKind};
use crate::diagnostic::{Code, Diagnostic};
use crate::source::value::{Entry, Key, Meaning, Scalar, Spanned, Value};
use crate::source::{Limits, Span};

/// What the aliases of a file may still add to it, and how deep its collections may be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Budget {
    nodes: usize,
    bytes: usize,
    depth: usize,
}

impl Budget {
    /// A whole budget.
    #[must_use]
    pub fn new(limits: &Limits) -> Self {
        Self { nodes: limits.alias_nodes, bytes: limits.alias_bytes, depth: limits.depth }
    }

    fn spend(&mut self, nodes: usize, bytes: usize) -> Option<()> {
        let (nodes, bytes) = (self.nodes.checked_sub(nodes), self.bytes.checked_sub(bytes));
        // What is overdrawn is gone: the next document must not begin to expand the same thing again.
        self.nodes = nodes.unwrap_or(0);
        self.bytes = bytes.unwrap_or(0);
        nodes.and(bytes).map(|_| ())
    }
}

impl Document {
    /// The document with its aliases replaced by what they name.
    ///
    /// # Errors
    /// The diagnostic for aliases that expand to more than the budget, or too deep.
    pub fn expand(mut self, budget: &mut Budget) -> Result<Spanned, Box<Diagnostic>> {
        let root = self.root;
        self.value(root, None, 0, budget)
    }

    /// Invariants: this recurses no deeper than `budget.depth`, and every id in the arena is of the arena, which only the
    /// builder fills. `via` is the outermost alias that led here.
    fn value(
        &mut self,
        id: NodeId,
        via: Option<Span>,
        depth: usize,
        budget: &mut Budget,
    ) -> Result<Spanned, Box<Diagnostic>> {
        let linked = self.linked;
        let node = &mut self.nodes[id.0 as usize];
        let span = node.span;
        if let Some(alias) = via {
            let bytes = if let NodeKind::Scalar { text, .. } = &node.kind { text.len() } else { 0 };
            budget.spend(1, bytes).ok_or_else(|| Box::new(overdrawn(alias)))?;
        }
        // Taken out of the arena, not copied, unless an alias may want it again.
        let kind = if linked {
            node.kind.clone()
        } else {
            std::mem::replace(&mut node.kind, NodeKind::Broken)
        };
        if depth > budget.depth {
            return Err(Box::new(too_deep(via.unwrap_or(span), budget.depth)));
        }
        let value = match kind {
            NodeKind::Alias(target) => {
                return self.value(target, via.or(Some(span)), depth, budget);
            }
            NodeKind::Broken => return Ok(broken(span)),
            NodeKind::Scalar { text, plain, meaning } => {
                Value::Scalar(Scalar { text, plain, meaning })
            }
            NodeKind::Sequence(items) => Value::Sequence(
                items
                    .into_iter()
                    .map(|item| self.value(item, via, depth + 1, budget))
                    .collect::<Result<_, _>>()?,
            ),
            NodeKind::Mapping(pairs) => {
                let mut entries = Vec::with_capacity(pairs.len());
                for (key, value) in pairs {
                    let key_span = self.nodes.get(key.0 as usize).map_or(span, |node| node.span);
                    let text = match self.value(key, via, depth, budget)?.value {
                        Value::Scalar(scalar) => scalar.text,
                        // Keys were looked over when the mapping closed.
                        Value::Sequence(_) | Value::Mapping(_) => continue,
                    };
                    let value = self.value(value, via, depth + 1, budget)?;
                    entries.push(Entry { key: Key { span: key_span, text }, value });
                }
                Value::Mapping(entries)
            }
        };
        Ok(Spanned { span, value })
    }
}

fn broken(span: Span) -> Spanned {
    let scalar = Scalar { text: SmolStr::default(), plain: true, meaning: Meaning::Unreadable };
    Spanned { span, value: Value::Scalar(scalar) }
}

fn overdrawn(alias: Span) -> Diagnostic {
    Diagnostic::error(
        Code::AliasBudget,
        "the aliases of this file expand to more than a manifest may hold",
    )
    .at(alias, "expansion stopped in this one")
    .help("write out what differs, and repeat less")
}
