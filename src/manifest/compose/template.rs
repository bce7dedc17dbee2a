//! A template, checked once and then filled in for every row.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::instance::{Filled, Instance};
use super::interpolate::{Piece, is_literal, is_parameter_name, pieces};
use super::parameter::Declared;
use super::row::resolve;
use super::table::Table;
use crate::diagnostic::suggest::nearest;
use crate::diagnostic::{Code, Diagnostic, Diagnostics, quote};
use crate::manifest::kinds::WORDS_OF_OBJECTS;
use crate::manifest::model::{ParameterType, TemplateManifest};
use crate::source::value::{Entry, Scalar};
use crate::source::{Limits, Meaning, SourceMap, Span, Spanned, Value, pointer};

/// How much expanding may still make.
#[derive(Debug, Clone, Copy)]
pub(super) struct Budget {
    pub(super) rows: usize,
    pub(super) nodes: usize,
    pub(super) bytes: usize,
}

impl Budget {
    pub(super) fn new(limits: &Limits) -> Self {
        Self { rows: limits.rows, nodes: limits.file_nodes, bytes: limits.expanded_bytes }
    }

    fn spend(&mut self, rows: usize, nodes: usize, bytes: usize) -> bool {
        let left = (
            self.rows.checked_sub(rows),
            self.nodes.checked_sub(nodes),
            self.bytes.checked_sub(bytes),
        );
        self.rows = left.0.unwrap_or(0);
        self.nodes = left.1.unwrap_or(0);
        self.bytes = left.2.unwrap_or(0);
        matches!(left, (Some(_), Some(_), Some(_)))
    }
}

/// A template that is being looked at.
pub(super) struct Template<'a> {
    pub(super) value: &'a Spanned,
    pub(super) manifest: &'a TemplateManifest,
    pub(super) sources: &'a SourceMap,
}

impl<'a> Template<'a> {
    fn at(&self, pointer: &str) -> Option<&'a Spanned> {
        pointer::find(self.value, pointer)
    }

    /// The parameters by name.
    pub(super) fn parameters(&self) -> BTreeMap<&'a str, Declared<'a>> {
        let declared = self.manifest.spec.parameters.iter();
        declared
            .map(|(name, parameter)| {
                let place = pointer::child("/spec/parameters", name);
                let default = self.at(&format!("{place}/default"));
                (name.as_str(), Declared { parameter, default })
            })
            .collect()
    }

    /// The manifests as they are written.
    fn bodies(&self) -> &'a [Spanned] {
        self.at("/spec/manifests").map(Spanned::as_sequence).unwrap_or_default()
    }

    /// Finds fault with the template itself, once and not for every row; whether it can be expanded.
    pub(super) fn check(&self, diagnostics: &mut Diagnostics) -> bool {
        let before = diagnostics.len();
        let parameters = self.parameters();
        for (name, declared) in &parameters {
            let place = pointer::child("/spec/parameters", name);
            let key = crate::source::locate(self.value, &place, crate::source::Target::Key);
            if !is_parameter_name(name) {
                diagnostics.push(
                    Diagnostic::error(
                        Code::InvalidName,
                        format!("{} is not a parameter name", quote(name)),
                    )
                    .at(key, "")
                    .help("a name has a-z and 0-9 and, between them, `_` or `-`")
                    .pointer(place),
                );
                continue;
            }
            let kind = declared.parameter.kind;
            let checked =
                declared.default.map(|default| super::row::typed(name, kind, default, false));
            if let Some(Err(finding)) = checked {
                diagnostics.push(finding.pointer(format!("{place}/default")));
            }
        }
        let mut used = BTreeSet::new();
        for (index, body) in self.bodies().iter().enumerate() {
            let place = format!("/spec/manifests/{index}");
            self.check_kind(body, &place, diagnostics);
            self.check_value(body, &place, &parameters, &mut used, diagnostics);
        }
        let is_sound = diagnostics.len() == before;
        // Of a template that is broken nobody knows what it would use.
        let unused = parameters.keys().filter(|name| is_sound && !used.contains(**name));
        for name in unused {
            let place = pointer::child("/spec/parameters", name);
            let key = crate::source::locate(self.value, &place, crate::source::Target::Key);
            diagnostics.push(
                Diagnostic::warning(
                    Code::UnusedParameter,
                    format!("no manifest of the template uses {}", quote(&format!("${{{name}}}"))),
                )
                .at(key, "")
                .help("use it, or remove it from the template and from its rows")
                .pointer(place),
            );
        }
        is_sound
    }

    fn check_kind(&self, body: &Spanned, place: &str, diagnostics: &mut Diagnostics) {
        let kind = body.get("kind").and_then(Spanned::as_str);
        if kind.is_some_and(|kind| WORDS_OF_OBJECTS.contains(&kind)) {
            return;
        }
        let finding = match body.get("kind") {
            Some(kind) => Diagnostic::error(
                Code::UnknownKind,
                format!("a template cannot make {}", kind.describe()),
            )
            .at(kind.span, "")
            .pointer(format!("{place}/kind")),
            None => Diagnostic::error(Code::MissingField, "`kind` is missing")
                .at(body.span.head(), "")
                .pointer(place),
        };
        diagnostics
            .push(finding.help(format!("a template makes one of {}", WORDS_OF_OBJECTS.join(", "))));
    }

    fn check_value(
        &self,
        value: &Spanned,
        place: &str,
        parameters: &BTreeMap<&str, Declared<'_>>,
        used: &mut BTreeSet<String>,
        diagnostics: &mut Diagnostics,
    ) {
        match &value.value {
            Value::Scalar(scalar) => {
                if scalar.meaning == Meaning::Text && !is_literal(&scalar.text) {
                    self.check_text(value.span, &scalar.text, place, parameters, used, diagnostics);
                }
            }
            Value::Sequence(items) => {
                for (index, item) in items.iter().enumerate() {
                    let place = pointer::child(place, index);
                    self.check_value(item, &place, parameters, used, diagnostics);
                }
            }
            Value::Mapping(entries) => {
                for entry in entries {
                    let place = pointer::child(place, &entry.key.text);
                    if !is_literal(&entry.key.text) {
                        diagnostics.push(
                            Diagnostic::error(Code::TemplateForm, "a key cannot be filled in")
                                .at(entry.key.span, "")
                                .help("parameters belong in values; every row has the same fields")
                                .pointer(&*place),
                        );
                    }
                    self.check_value(&entry.value, &place, parameters, used, diagnostics);
                }
            }
        }
    }

    fn check_text(
        &self,
        span: Span,
        text: &str,
        place: &str,
        parameters: &BTreeMap<&str, Declared<'_>>,
        used: &mut BTreeSet<String>,
        diagnostics: &mut Diagnostics,
    ) {
        let pieces = match pieces(text) {
            Ok(pieces) => pieces,
            Err(malformed) => {
                let cut = text.get(malformed.at).unwrap_or_default();
                diagnostics.push(
                    Diagnostic::error(Code::TemplateForm, malformed.said)
                        .at(self.part(span, cut), "")
                        .help("write a parameter as `${name}`, and `$${` for `${` itself")
                        .pointer(place),
                );
                return;
            }
        };
        let is_whole = pieces.len() == 1;
        for piece in pieces {
            let Piece::Parameter(name) = piece else { continue };
            used.insert(name.to_owned());
            let part = self.part(span, &format!("${{{name}}}"));
            let Some(declared) = parameters.get(name) else {
                let finding = Diagnostic::error(
                    Code::UnknownParameter,
                    format!("the template has no parameter {}", quote(name)),
                )
                .at(part, "")
                .pointer(place);
                diagnostics.push(match nearest(name, parameters.keys().copied()) {
                    Some(known) => finding
                        .help(format!("did you mean `${{{known}}}`?"))
                        .suggest(part, format!("${{{known}}}")),
                    None => {
                        finding.help("declare it below `parameters`, and give every row a value")
                    }
                });
                continue;
            };
            if declared.parameter.kind == ParameterType::List && !is_whole {
                diagnostics.push(
                    Diagnostic::error(
                        Code::TemplateForm,
                        format!("the list {} cannot be part of a text", quote(name)),
                    )
                    .at(part, "")
                    .help("a list is a whole value, such as `devices: ${devices}`")
                    .pointer(place),
                );
            }
        }
    }

    /// The place of a few characters of a scalar; all of it where escapes or folding stand between.
    fn part(&self, span: Span, text: &str) -> Span {
        match self.sources.slice(span).find(text) {
            Some(at) => {
                let start = span.start as usize + at;
                Span::new(span.source, start, start + text.len())
            }
            None => span,
        }
    }

    /// The manifests of every row.
    pub(super) fn expand(
        &self,
        table: &Table,
        budget: &mut Budget,
        diagnostics: &mut Diagnostics,
    ) -> Vec<(Spanned, Instance)> {
        let parameters = self.parameters();
        let bodies = self.bodies();
        let each = self.at("/spec/for_each").map_or(self.value.span, |each| each.span);
        if table.rows.is_empty() {
            diagnostics.push(
                Diagnostic::warning(
                    Code::TemplateEmpty,
                    "the table has no rows, so the template produces nothing",
                )
                .at(each.head(), "")
                .help("what the rows declared before is no longer declared"),
            );
        }
        for column in &table.columns {
            if !parameters.contains_key(column.text.as_str()) {
                diagnostics.push(super::row::unknown(column, &parameters));
            }
        }
        let nodes = bodies.iter().map(size).sum::<usize>().saturating_mul(table.rows.len());
        let mut made = Vec::new();
        let mut seen: HashMap<String, Span> = HashMap::new();
        if !budget.spend(table.rows.len(), nodes, 0) {
            diagnostics.push(overdrawn(each));
            return made;
        }
        for row in &table.rows {
            let Some(values) = resolve(row, table, &parameters, diagnostics) else { continue };
            let all: BTreeMap<&str, serde_json::Value> =
                values.iter().map(|(name, value)| (*name, value.to_json())).collect();
            let fingerprint = serde_json::to_string(&all).unwrap_or_default();
            if let Some(before) = seen.insert(fingerprint, row.span) {
                diagnostics.push(
                    Diagnostic::error(Code::DuplicateRow, "the table has the same row twice")
                        .at(row.span, "again")
                        .and(before, "first")
                        .help("remove one of them"),
                );
                continue;
            }
            for body in bodies {
                let mut filled = Vec::new();
                let mut bytes = 0;
                let value = fill(body, &values, &mut filled, &mut bytes);
                if !budget.spend(0, 0, bytes) {
                    diagnostics.push(overdrawn(each));
                    return made;
                }
                made.push((value, Instance { row: row.span, filled }));
            }
        }
        made
    }
}

pub(super) fn overdrawn(each: Span) -> Diagnostic {
    Diagnostic::error(
        Code::TemplateBudget,
        "templates and defaults expand to more than a load may hold",
    )
    .at(each.head(), "not expanded")
    .help("split it into several loads, each with a stack of its own")
}

/// How many values a tree has.
pub(super) fn size(value: &Spanned) -> usize {
    match &value.value {
        Value::Scalar(_) => 1,
        Value::Sequence(items) => 1 + items.iter().map(size).sum::<usize>(),
        Value::Mapping(entries) => {
            1 + entries.iter().map(|entry| 1 + size(&entry.value)).sum::<usize>()
        }
    }
}

/// A tree with its parameters filled in; the places stay those of the template. Its depth is bounded, as that of the
/// template is.
fn fill(
    value: &Spanned,
    values: &BTreeMap<&str, Spanned>,
    filled: &mut Vec<Filled>,
    bytes: &mut usize,
) -> Spanned {
    let span = value.span;
    let value = match &value.value {
        Value::Sequence(items) => {
            Value::Sequence(items.iter().map(|item| fill(item, values, filled, bytes)).collect())
        }
        Value::Mapping(entries) => Value::Mapping(
            entries
                .iter()
                .map(|entry| Entry {
                    key: entry.key.clone(),
                    value: fill(&entry.value, values, filled, bytes),
                })
                .collect(),
        ),
        Value::Scalar(scalar) => {
            *bytes += scalar.text.len();
            if scalar.meaning != Meaning::Text || is_literal(&scalar.text) {
                return Spanned { span, value: Value::Scalar(scalar.clone()) };
            }
            return fill_text(span, &scalar.text, values, filled, bytes);
        }
    };
    Spanned { span, value }
}

fn fill_text(
    span: Span,
    text: &str,
    values: &BTreeMap<&str, Spanned>,
    filled: &mut Vec<Filled>,
    bytes: &mut usize,
) -> Spanned {
    // Whatever is malformed was told by the check, and then nothing is expanded.
    let pieces = pieces(text).unwrap_or_default();
    if let [Piece::Parameter(name)] = pieces.as_slice()
        && let Some(cell) = values.get(name)
    {
        filled.push(Filled { place: span, cell: cell.span, whole: true });
        let value = moved(cell, span);
        *bytes += length(&value);
        return value;
    }
    let mut out = String::new();
    for piece in pieces {
        match piece {
            Piece::Text(text) => out.push_str(text),
            Piece::Parameter(name) => {
                let Some(cell) = values.get(name) else { continue };
                filled.push(Filled { place: span, cell: cell.span, whole: false });
                out.push_str(cell.as_scalar().map_or("", |scalar| scalar.text.as_str()));
            }
        }
    }
    *bytes += out.len();
    let scalar = Scalar { text: out.into(), plain: false, meaning: Meaning::Text };
    Spanned { span, value: Value::Scalar(scalar) }
}

fn length(value: &Spanned) -> usize {
    match &value.value {
        Value::Scalar(scalar) => scalar.text.len(),
        Value::Sequence(items) => items.iter().map(|item| 1 + length(item)).sum(),
        Value::Mapping(_) => 0,
    }
}

/// A cell as a value of the template: scalars, and lists of them.
fn moved(cell: &Spanned, span: Span) -> Spanned {
    let value = match &cell.value {
        Value::Sequence(items) => {
            Value::Sequence(items.iter().map(|item| moved(item, span)).collect())
        }
        other => other.clone(),
    };
    Spanned { span, value }
}
