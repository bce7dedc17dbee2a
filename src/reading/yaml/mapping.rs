//! What the keys of a mapping have to be: text, each once, and no merge key.
//!
//! This is asked when a mapping closes, for then all its keys are known.

use std::collections::HashMap;

use super::complaints::Sink;
use super::document::{Node, NodeId, NodeKind};
use crate::diagnostic::{Code, Diagnostic, quote};
use crate::source::{Meaning, Span};

/// The pairs of a mapping that is closing, without those that had to be complained about.
pub(super) fn pairs(nodes: &[Node], children: &[NodeId], sink: &mut Sink) -> Vec<(NodeId, NodeId)> {
    let mut first = FirstUse::new(children.len() / 2);
    let mut pairs = Vec::with_capacity(children.len() / 2);
    for pair in children.chunks_exact(2) {
        let &[key, value] = pair else { continue };
        let Some((text, span)) = self::key(nodes, key, sink) else {
            continue;
        };
        match first.seen(text, span) {
            None => pairs.push((key, value)),
            Some(_) if sink.is_full() => sink.drop_one(),
            Some(before) => sink.push(
                Diagnostic::error(Code::DuplicateKey, format!("key {} appears twice", quote(text)))
                    .at(span, "again")
                    .and(before, "first")
                    .help("keep one of them; YAML does not define which one counts"),
            ),
        }
    }
    pairs
}

/// The text of a key, or a complaint.
fn key<'a>(nodes: &'a [Node], id: NodeId, sink: &mut Sink) -> Option<(&'a str, Span)> {
    let node = nodes.get(id.0 as usize)?;
    let span = node.span;
    let target = match node.kind {
        NodeKind::Alias(target) => nodes.get(target.0 as usize)?,
        _ => node,
    };
    match &target.kind {
        NodeKind::Scalar { text, plain: true, meaning: Meaning::Text } if text == "<<" => {
            sink.push(
                Diagnostic::error(Code::MergeKey, "`<<` merges nothing in YAML 1.2")
                    .at(span, "")
                    .help(
                        "write the fields out, or give the whole value an anchor and use its alias",
                    ),
            );
            None
        }
        NodeKind::Scalar { text, meaning: Meaning::Text, .. } => Some((text, span)),
        NodeKind::Scalar { text, .. } => {
            let said = if text.is_empty() {
                "a key is empty".to_owned()
            } else {
                format!("the key {} is not text", quote(text))
            };
            let diagnostic = Diagnostic::error(Code::NonStringKey, said).at(span, "");
            // Escapes are not needed: nothing that is a number, boolean or null has a quote in it.
            sink.push(match text.is_empty() {
                true => diagnostic.help("write the key before the colon"),
                false => diagnostic.help("put it in quotes").suggest(span, format!("\"{text}\"")),
            });
            Some((text, span))
        }
        NodeKind::Sequence(_) | NodeKind::Mapping(_) => {
            // To YAML an unfilled `{{ name }}` is a mapping whose key is a mapping.
            let (what, help) = match target.kind {
                NodeKind::Mapping(_) => (
                    "a mapping",
                    "if a tool fills this in, it has not run yet; if it is text, put it in quotes",
                ),
                _ => ("a list", "if it is text, put it in quotes"),
            };
            sink.push(
                Diagnostic::error(Code::NonStringKey, format!("{what} cannot be a key"))
                    .at(span, "")
                    .help(help),
            );
            None
        }
        NodeKind::Alias(_) | NodeKind::Broken => None,
    }
}

/// Where each key of a mapping was first used.
///
/// Mappings of manifests are short and a look through the list is quicker than hashing; long ones are hashed, so that a
/// mapping of a million keys does not take a million times a million looks.
enum FirstUse<'a> {
    Few(Vec<(&'a str, Span)>),
    Many(HashMap<&'a str, Span>),
}

impl<'a> FirstUse<'a> {
    const FEW: usize = 12;

    fn new(keys: usize) -> Self {
        if keys <= Self::FEW {
            Self::Few(Vec::with_capacity(keys))
        } else {
            Self::Many(HashMap::with_capacity(keys))
        }
    }

    /// The first use of a key, or nothing when this is it.
    fn seen(&mut self, key: &'a str, span: Span) -> Option<Span> {
        match self {
            Self::Few(list) => {
                let before = list.iter().find(|(known, _)| *known == key).map(|(_, span)| *span);
                if before.is_none() {
                    list.push((key, span));
                }
                before
            }
            Self::Many(map) => {
                let before = map.get(key).copied();
                map.entry(key).or_insert(span);
                before
            }
        }
    }
}
